//! What came of the keys that were sent.

use super::fault::Halt;
use super::state::{Batch, State};
use super::{MAX_PASSES, SlotMove, Unclear};
use crate::cluster::verb::Reply;

impl SlotMove {
    pub(super) fn sent(&mut self, batch: Batch, replies: Vec<Reply>) -> Result<State, Halt> {
        let mut replies = replies.into_iter().skip(1);
        let (outcome, list) = (replies.next(), replies.next());
        match outcome {
            // NOKEY: every key of the batch has expired or was deleted meanwhile.
            Some(Reply::Text(text)) if text == b"OK" || text == b"NOKEY" => {
                if text == b"OK" {
                    self.keys_moved += batch.keys.len() as u64;
                    self.bytes_moved = self.bytes_moved.saturating_add(batch.bytes);
                }
                let next = self.next_batch(batch.db, list)?;
                let lists_again = match &next {
                    State::Send { batch: again } => again.keys == batch.keys,
                    State::Measure { keys, .. } => keys.starts_with(&batch.keys),
                    _ => false,
                };
                if lists_again {
                    self.note_standstill()?;
                }
                Ok(next)
            }
            Some(Reply::Refused(refusal)) if refusal.detail.contains("BUSYKEY") => {
                let left = self.left_of(&batch, list);
                Ok(State::CompareSource {
                    batch: match left.is_empty() {
                        true => batch,
                        false => batch.unclear(left),
                    },
                })
            }
            // The connection of the two servers broke. Keys that the target acknowledged are
            // gone from the source, the others still there. Who listens at the target's address is
            // asked before anything is sent there again.
            Some(Reply::Refused(refusal)) if refusal.code == "IOERR" => {
                let left = self.left_of(&batch, list);
                self.leave_unclear(batch.db, left);
                Err(self.refused("MIGRATE", Some(Reply::Refused(refusal))))
            }
            other => Err(self.refused("MIGRATE", other)),
        }
    }

    /// The keys that the source still has, straight after a `MIGRATE` that didn't move them, may
    /// have a copy on the target. A client that deletes one of them from here on would get that
    /// copy back, so both sides are looked at before the rest goes on its way.
    fn left_of(&self, batch: &Batch, list: Option<Reply>) -> Vec<Vec<u8>> {
        let listed = list.and_then(|list| list.byte_strings(&self.list()).ok());
        let listed = listed.unwrap_or_default();
        let keys = batch.keys.iter();
        keys.filter(|key| listed.contains(key)).cloned().collect()
    }

    /// Each key was sent over its copy on the target, or had gone from the source since the two
    /// were compared, and its copy stays.
    pub(super) fn replaced(&mut self, batch: Batch, replies: Vec<Reply>) -> Result<State, Halt> {
        let mut replies = replies.into_iter().skip(1);
        let outcomes: Vec<Reply> = replies.by_ref().take(batch.keys.len()).collect();
        let (mut left, mut broken) = (Vec::new(), None);
        let missing = batch.keys.len() - outcomes.len();
        for (key, outcome) in batch.keys.iter().zip(outcomes) {
            match outcome {
                Reply::Text(text) if text == b"OK" => self.keys_moved += 1,
                Reply::Text(text) if text == b"NOKEY" => left.push(key.clone()),
                Reply::Refused(refusal) if refusal.code == "IOERR" => {
                    broken = Some(refusal);
                    left.push(key.clone());
                }
                other => return Err(self.refused("MIGRATE", Some(other))),
            }
        }
        if missing > 0 {
            return Err(self.refused("MIGRATE", None));
        }
        if left.is_empty() {
            return self.after(batch, replies.next());
        }
        left.extend(batch.held.iter().cloned());
        if let Some(refusal) = broken {
            self.leave_unclear(batch.db, left);
            return Err(self.refused("MIGRATE", Some(Reply::Refused(refusal))));
        }
        Ok(State::CompareSource {
            batch: batch.unclear(left),
        })
    }

    /// The machine that goes on looks at these keys on both sides first.
    fn leave_unclear(&mut self, db: usize, keys: Vec<Vec<u8>>) {
        let db = self.databases[db];
        let unclear = Unclear { db, keys };
        self.unclear = Some(unclear).filter(|unclear| !unclear.keys.is_empty());
    }

    /// Counts a round trip that brought nothing, and stops when that goes on.
    pub(super) fn note_standstill(&mut self) -> Result<(), Halt> {
        self.standstills += 1;
        match self.standstills > MAX_PASSES {
            true => Err(self.surprise("the source lists keys that MIGRATE doesn't move")),
            false => Ok(()),
        }
    }
}
