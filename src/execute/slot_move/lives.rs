//! Notes how long keys live, as their source has it when they are sent.
//!
//! A key's end is asked for in the write that goes before its batch, and is in the journal with it.
//! It is what is left of the life (`PTTL`) and the moment of the answer by this machine's clock: no
//! server's clock counts, and two of them may differ. That a database has no key with an end says
//! its source (`expires=0`), and then nobody is asked; a client may give one an end later, so a key
//! whose end isn't known isn't one that has none.
//!
//! No copy is deleted for what was noted here: a client may have written the key anew at the
//! target, with as short a life, and nothing would tell the two apart. A copy on the target that
//! ends soon is waited for instead (`comparing.rs`). What was noted tells a person what became of a
//! key, and which lives a target that stood still has lengthened (`lengthened.rs`).

use super::super::mover::Halt;
use super::comparing::is_of_a_state;
use super::state::{Batch, State};
use super::{Cause, KeyInDoubt, SlotMove};
use crate::cluster::keyspace;
use crate::cluster::verb::Reply;
use std::collections::BTreeMap;

/// The ends of the keys that were listed last, where they have one.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Ends {
    db: u32,
    /// At the latest, milliseconds of Unix time.
    latest_ms: BTreeMap<Vec<u8>, u64>,
    /// How much earlier each may be.
    pub slack_ms: u64,
}

impl SlotMove {
    /// Whether keys of this database may have an end.
    fn may_end(&self, db: usize) -> bool {
        self.span.is_some() && !self.lasting.contains(&self.databases[db])
    }

    /// What `INFO` says of ends, before the keys of a database are listed.
    pub(super) fn note_lasting(&mut self, info: &str) {
        self.lasting = keyspace::lasting_in(info);
    }

    /// The keys of a listing: what has to be asked of them before they are sent.
    pub(super) fn sends_listed(&mut self, db: usize, keys: Vec<Vec<u8>>) -> State {
        self.ends = Ends::default();
        let asks_ends = self.may_end(db);
        if self.settings.how.bytes_per_migrate.is_some() || asks_ends {
            State::Measure {
                db,
                keys,
                asks_ends,
            }
        } else {
            State::first_try(Batch::of(db, keys))
        }
    }

    /// Reads how long each key lives on. One that has gone since, or doesn't tell, has no end that
    /// is known.
    pub(super) fn note_ends(
        &mut self,
        db: usize,
        keys: &[Vec<u8>],
        lives: Vec<Reply>,
    ) -> Result<(), Halt> {
        let span = self.span.unwrap_or_default();
        let mut ends = Ends {
            db: self.databases[db],
            slack_ms: span.length_ms(),
            latest_ms: BTreeMap::new(),
        };
        for (key, life) in keys.iter().zip(lives) {
            match life {
                Reply::Int(left) => {
                    if let Ok(left_ms) = u64::try_from(left) {
                        let end = span.answered_ms.saturating_add(left_ms);
                        ends.latest_ms.insert(key.clone(), end);
                    }
                }
                Reply::Refused(refusal) if is_of_a_state(&refusal) => {
                    return Err(self.refused("PTTL", Some(Reply::Refused(refusal))));
                }
                _ => {}
            }
        }
        self.ends = ends;
        Ok(())
    }

    /// Whether a key that was sent last has ended by now, as far as was noted.
    pub(super) fn has_ended(&self, db: u32, key: &[u8]) -> bool {
        let end = self.owed_ends.latest_ms.get(key);
        let end = end.filter(|_| self.owed_ends.db == db);
        end.zip(self.span)
            .is_some_and(|(end, span)| *end <= span.answered_ms)
    }

    /// A key of a batch in doubt, with what is known of it.
    pub(super) fn doubtful(&self, db: usize, key: &[u8], cause: Cause) -> KeyInDoubt {
        let db = self.databases[db];
        let end = self.ends.latest_ms.get(key).filter(|_| self.ends.db == db);
        KeyInDoubt {
            ends_ms: end.copied(),
            sent_ms: self.span.map(|span| span.answered_ms),
            ..KeyInDoubt::new(db, key.to_vec(), cause)
        }
    }
}
