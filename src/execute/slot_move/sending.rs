//! What came of the keys that were sent.

use super::fault::Halt;
use super::state::{Batch, State};
use super::{MAX_PASSES, MAX_RETRIES, RETRY_PAUSE_MS, SlotMove};
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
                if matches!(&next, State::Send { batch: again, .. } if again.keys == batch.keys) {
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
            // gone from the source, the others still there: ask anew what is left.
            Some(Reply::Refused(refusal)) if refusal.code == "IOERR" => {
                let left = self.left_of(&batch, list);
                if batch.breaks >= MAX_RETRIES {
                    let db = self.databases[batch.db];
                    self.unclear = Some((db, left)).filter(|(_, left)| !left.is_empty());
                    return Err(self.refused("MIGRATE", Some(Reply::Refused(refusal))));
                }
                self.pause_ms = Some(RETRY_PAUSE_MS << batch.breaks);
                let breaks = batch.breaks + 1;
                Ok(match left.is_empty() {
                    true => State::Send {
                        batch: Batch { breaks, ..batch },
                    },
                    false => State::CompareSource {
                        batch: Batch { breaks, ..batch }.unclear(left),
                    },
                })
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
        let (mut left, mut is_broken) = (Vec::new(), false);
        let missing = batch.keys.len() - outcomes.len();
        for (key, outcome) in batch.keys.iter().zip(outcomes) {
            match outcome {
                Reply::Text(text) if text == b"OK" => self.keys_moved += 1,
                Reply::Text(text) if text == b"NOKEY" => left.push(key.clone()),
                Reply::Refused(refusal)
                    if refusal.code == "IOERR" && batch.breaks < MAX_RETRIES =>
                {
                    is_broken = true;
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
        let mut batch = batch.unclear(left);
        if is_broken {
            self.pause_ms = Some(RETRY_PAUSE_MS << batch.breaks);
            batch.breaks += 1;
        }
        Ok(State::CompareSource { batch })
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
