//! Decides what came of the keys that were sent.

use super::super::mover::Halt;
use super::state::Unclear;
use super::state::{Batch, State};
use super::{Cause, MAX_PASSES, SlotMove};
use crate::cluster::verb::{Refusal, Reply, ServerError};

impl SlotMove {
    pub(super) fn sent(&mut self, batch: Batch, replies: Vec<Reply>) -> Result<State, Halt> {
        let mut replies = replies.into_iter().skip(1);
        let (outcome, list, count) = (replies.next(), replies.next(), replies.next());
        match outcome {
            Some(Reply::Text(text)) if text == b"OK" => {
                self.keys_moved += batch.keys.len() as u64;
                self.bytes_moved = self.bytes_moved.saturating_add(batch.bytes);
                self.settle(&batch);
                self.owe(&batch);
                self.note_count(batch.db, count)?;
                let next = self.after(batch.db, list)?;
                Ok(self.prove(batch.db, batch.keys, true, next))
            }
            // Every key of the batch has expired or was deleted meanwhile.
            Some(Reply::Text(text)) if text == b"NOKEY" => {
                self.settle(&batch);
                self.note_count(batch.db, count)?;
                self.after(batch.db, list)
            }
            Some(Reply::Refused(refusal)) if refusal.error() == ServerError::KeyExists => {
                self.note_count(batch.db, count)?;
                if self.keep_left(&batch, list) {
                    self.after(batch.db, None)
                } else {
                    Ok(State::WeighSource { batch })
                }
            }
            // The connection of the two servers broke. Keys that the target acknowledged are
            // gone from the source, the others still there. Who listens at the target's address is
            // asked before anything is sent there again.
            Some(Reply::Refused(refusal)) if refusal.error() == ServerError::TargetLost => {
                self.note_tried(&batch);
                self.keep_left(&batch, list);
                Err(self.refused("MIGRATE", Some(Reply::Refused(refusal))))
            }
            other => {
                if !other.as_ref().is_some_and(is_down) {
                    self.note_tried(&batch);
                }
                Err(self.refused("MIGRATE", other))
            }
        }
    }

    /// Both sides agree about the keys of a batch.
    fn settle(&mut self, batch: &Batch) {
        let db = self.databases[batch.db];
        let keys = batch.keys.iter();
        keys.for_each(|key| self.doubts.settle(db, key));
    }

    /// The target is asked for these before anything is made of the slot.
    fn owe(&mut self, batch: &Batch) {
        self.owed = Some(Unclear {
            db: self.databases[batch.db],
            keys: batch.keys.clone(),
        });
        self.owed_ends.clone_from(&self.ends);
    }

    /// The keys that the source still has, straight after a `MIGRATE` that didn't move them, may
    /// have a copy on the target. A client that deletes one of them from here on would get that
    /// copy back, so both sides are looked at before the rest goes on its way. Whether there are
    /// any.
    fn keep_left(&mut self, batch: &Batch, list: Option<Reply>) -> bool {
        let listed = list.and_then(|list| list.byte_strings(&self.list()).ok());
        let listed = listed.unwrap_or_default();
        let left = batch.keys.iter().filter(|key| listed.contains(key));
        let left: Vec<&Vec<u8>> = left.collect();
        for key in &left {
            self.doubts.add(self.doubtful(batch.db, key, Cause::Kept));
        }
        !left.is_empty()
    }

    /// A key was sent over its copy on the target, or had gone from the source since the two were
    /// compared, and its copy stays. Then the next one.
    pub(super) fn replaced(
        &mut self,
        batch: Batch,
        rest: Vec<Vec<u8>>,
        replies: Vec<Reply>,
    ) -> Result<State, Halt> {
        let mut replies = replies.into_iter().skip(1);
        let (outcome, list, count) = (replies.next(), replies.next(), replies.next());
        let broken = match outcome {
            Some(Reply::Text(text)) if text == b"OK" => {
                self.keys_moved += batch.keys.len() as u64;
                self.settle(&batch);
                self.note_count(batch.db, count)?;
                self.owe(&batch);
                let next = if rest.is_empty() {
                    self.after(batch.db, list)?
                } else {
                    State::replace(batch.db, rest)
                };
                return Ok(self.prove(batch.db, batch.keys, false, next));
            }
            Some(Reply::Text(text)) if text == b"NOKEY" => None,
            Some(Reply::Refused(refusal)) if refusal.error() == ServerError::TargetLost => {
                Some(refusal)
            }
            other => return Err(self.refused("MIGRATE", other)),
        };
        for key in batch.keys.iter().chain(&rest) {
            self.doubts.add(self.doubtful(batch.db, key, Cause::Kept));
        }
        self.note_count(batch.db, count)?;
        // One that the source has and doesn't find, again and again, isn't compared for ever.
        self.note_standstill()?;
        match broken {
            Some(refusal) => Err(self.refused("MIGRATE", Some(Reply::Refused(refusal)))),
            None => self.after(batch.db, list),
        }
    }

    /// A round brings something where the source has fewer keys behind it than ever before: in a
    /// slot that is open no key can come to it. What it lists says nothing of that.
    fn note_count(&mut self, db: usize, count: Option<Reply>) -> Result<(), Halt> {
        let left = self.count_of(count, "counting on the source")?;
        match self.fewest {
            Some((place, fewest)) if place == db && left >= fewest => self.note_standstill(),
            _ => {
                self.fewest = Some((db, left));
                self.standstills = 0;
                Ok(())
            }
        }
    }

    /// Counts a round trip that brought nothing, and stops when that goes on.
    pub(super) fn note_standstill(&mut self) -> Result<(), Halt> {
        self.standstills += 1;
        if self.standstills > MAX_PASSES {
            Err(self.surprise(
                "the source lists keys that MIGRATE doesn't move, or counts none of them less",
            ))
        } else {
            Ok(())
        }
    }
}

/// Whether a source refuses to look at a command's keys, since slots have no owner who lives:
/// nothing was sent, and until that is fixed it can't be asked for its keys either.
fn is_down(reply: &Reply) -> bool {
    let is_own = |refusal: &Refusal| !refusal.is_by_target();
    matches!(reply, Reply::Refused(refusal)
        if refusal.error() == ServerError::ClusterDown && is_own(refusal))
}
