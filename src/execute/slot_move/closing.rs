//! Closes a slot again on both sides that goes no further, and of which no key has moved.
//!
//! ```text
//!  LookAtTarget: it has no key, as two questions agree ──> stays open: it has one
//!        ▼ (LookAtSource: it still has what MIGRATE said to have moved) ──> stays open
//!  CloseTarget: STABLE, and it has no key now either ──> Reopen: one came in the last moment
//!        ▼
//!  CloseSource: STABLE
//! ```
//!
//! The target first: as long as the source has it open it sends clients there for keys that it
//! doesn't have, and what they write there must not be forgotten. From its `STABLE` on the target
//! sends them back, so what is counted behind that is final; a client in between is sent to and fro
//! until the source has heard too, and nothing of it is lost.

use super::super::mover::Halt;
use super::SlotMove;
use super::state::State;
use super::state::Unclear;
use crate::cluster::keyspace::MAX_DATABASES;
use crate::cluster::verb::{Reply, ServerError, Verb};
use crate::error::Error;

impl SlotMove {
    /// Whether its source has it open by our word, and nothing says that a key has moved. It is
    /// tried once.
    pub(super) fn may_close(&self) -> bool {
        self.is_opened && !self.has_moved && !self.was_closing
    }

    pub(super) fn begin_to_close(&mut self, why: Error) -> State {
        self.was_closing = true;
        State::LookAtTarget { why }
    }

    pub(super) fn looked_at_target(&self, why: Error, replies: Vec<Reply>) -> Result<State, Halt> {
        if !self.has_none(replies.into_iter()) {
            return Err(Halt::Stop(why));
        }
        let sent = self.gone.iter().chain(&self.tried).chain(&self.owed);
        let gone: Vec<Unclear> = sent.filter(|sent| !sent.keys.is_empty()).cloned().collect();
        Ok(if gone.is_empty() {
            State::CloseTarget { why }
        } else {
            State::LookAtSource { why, gone }
        })
    }

    pub(super) fn looked_at_source(
        &self,
        why: Error,
        gone: &[Unclear],
        replies: Vec<Reply>,
    ) -> Result<State, Halt> {
        let keys: usize = gone.iter().map(|unclear| unclear.keys.len()).sum();
        let lives = replies.into_iter().filter_map(|reply| match reply {
            Reply::Int(ms) => Some(ms),
            _ => None,
        });
        let there = lives.filter(|ms| *ms >= -1).count();
        if there == keys {
            Ok(State::CloseTarget { why })
        } else {
            Err(Halt::Stop(why))
        }
    }

    pub(super) fn closed_target(&self, why: Error, replies: Vec<Reply>) -> Result<State, Halt> {
        let mut replies = replies.into_iter();
        match replies.next() {
            Some(Reply::Text(_)) => {}
            _ => return Err(Halt::Stop(why)),
        }
        Ok(if self.has_none(replies) {
            State::CloseSource { why }
        } else {
            State::Reopen { why }
        })
    }

    pub(super) fn closed_source(&self, why: Error, replies: Vec<Reply>) -> Result<State, Halt> {
        let is_open = |reply: &Reply| matches!(reply, Reply::Refused(refusal) if refusal.error() == ServerError::Ask);
        match (replies.first(), replies.get(1)) {
            (Some(Reply::Text(_)), Some(probe)) if !is_open(probe) => Err(Halt::Closed(why)),
            // Its clients are sent to the target still.
            _ => Ok(State::Reopen { why }),
        }
    }

    /// Whether the target has no key of the slot, as its count and its list say of every database.
    fn has_none(&self, mut replies: impl Iterator<Item = Reply>) -> bool {
        let count = Verb::CountKeys(self.task.slot);
        (0..self.settings.databases[1].clamp(1, MAX_DATABASES)).all(|_| {
            let is_selected = matches!(replies.next(), Some(Reply::Text(_)));
            let counted = replies.next().and_then(|reply| reply.count(&count).ok());
            let is_list_empty =
                matches!(replies.next(), Some(Reply::List(list)) if list.is_empty());
            is_selected && counted == Some(0) && is_list_empty
        })
    }
}
