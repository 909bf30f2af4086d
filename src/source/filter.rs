//! Filters keys.

use super::batch::{KeyBatch, KeyRecord};
use super::glob::Glob;
use super::kind::KeyKind;
use super::timestamp::Timestamp;
use crate::slot::{Slot, SlotSet};

/// What a key must be to be counted; what isn't said doesn't matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// It matches one of these patterns; empty for every key.
    pub globs: Vec<Glob>,
    /// It is of one of these types; empty for every type.
    pub kinds: Vec<KeyKind>,
    /// It is in one of these databases; empty for every database.
    pub databases: Vec<u16>,
    /// It takes at least so many bytes; a key of unknown size doesn't count then.
    pub min_bytes: Option<u64>,
    /// It isn't known to have expired at this time.
    pub alive_at: Option<Timestamp>,
    /// It is in one of these slots.
    pub slots: Option<SlotSet>,
}

impl Filter {
    /// Whether every key counts.
    pub fn takes_all(&self) -> bool {
        *self == Filter::default()
    }

    /// Whether a key counts.
    pub fn takes(&self, record: KeyRecord<'_>) -> bool {
        let facts = record.facts;
        let is_one = |list: &[KeyKind]| list.is_empty() || list.contains(&facts.kind);
        is_one(&self.kinds)
            && (self.databases.is_empty() || self.databases.contains(&facts.db))
            && self
                .min_bytes
                .is_none_or(|least| facts.size_bytes.is_some_and(|size| size >= least))
            && self
                .alive_at
                .is_none_or(|now| facts.expires_at.is_none_or(|end| end > now))
            && (self.globs.is_empty() || self.globs.iter().any(|glob| glob.matches(record.key)))
            && self
                .slots
                .as_ref()
                .is_none_or(|slots| slots.contains(Slot::for_key(record.key)))
    }

    /// Takes the keys that don't count out of a batch; returns how many.
    pub(super) fn sift(&self, batch: &mut KeyBatch) -> u64 {
        let mut kept = 0;
        for index in 0..batch.len() {
            if self.takes(batch.record(index)) {
                batch.copy_within(index, kept);
                kept += 1;
            }
        }
        let gone = batch.len() - kept;
        batch.truncate(kept);
        gone as u64
    }
}
