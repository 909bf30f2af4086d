//! Where one slot is on its way.

use super::super::copies::{Copy, Kind};
use crate::cluster::verb::Reply;

/// A batch of keys in one database.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// Index into `SlotMove::databases`.
    pub db: usize,
    pub keys: Vec<Vec<u8>>,
    /// What they take in memory, where that was asked for.
    pub bytes: u64,
    /// Whether the source still had all of them after a `MIGRATE` that didn't move them: the
    /// target may have copies that nobody acknowledged.
    pub is_unclear: bool,
    /// Keys with a copy on the target that are looked at again when this batch is through.
    pub held: Vec<Vec<u8>>,
}

/// The keys of a batch on both nodes.
#[derive(Clone, Debug)]
pub(super) struct Pairs {
    pub batch: Batch,
    pub source: Vec<Copy>,
    pub target: Vec<Copy>,
}

#[derive(Clone, Debug)]
pub(super) enum State {
    Import,
    Claim,
    Migrate,
    Databases,
    List {
        db: usize,
    },
    /// What the keys of a listing take, where batches are cut by bytes.
    Measure {
        db: usize,
        keys: Vec<Vec<u8>>,
    },
    Send {
        batch: Batch,
    },
    /// Each key in a `MIGRATE` of its own, over the target's copy: only so a key that went from
    /// the source since it was compared can be told from one that was sent.
    Replace {
        batch: Batch,
    },
    CompareSource {
        batch: Batch,
    },
    CompareTarget {
        batch: Batch,
        source: Vec<Copy>,
    },
    /// One key's value is read where the two dumps don't tell whether it is the same.
    ReadSource {
        pairs: Pairs,
        place: usize,
        kind: Kind,
    },
    ReadTarget {
        pairs: Pairs,
        place: usize,
        kind: Kind,
        value: Reply,
    },
    /// The source's copies are deleted, as the person wishes.
    GiveUp {
        batch: Batch,
    },
    Count,
    Withdraw {
        why: String,
    },
    Confirm {
        waits: u32,
    },
    EpochOfTarget {
        needed: u64,
        waits: u32,
        /// What was confirmed may not be so any more: it is looked at again.
        is_outdated: bool,
    },
    OwnTarget,
    OwnSource,
    OwnOther {
        index: usize,
    },
    Turned,
    Done,
}

impl State {
    /// Whether what it asks is about one database, which is selected first.
    pub fn selects_first(&self) -> bool {
        match self {
            State::List { .. }
            | State::Measure { .. }
            | State::Send { .. }
            | State::Replace { .. }
            | State::CompareSource { .. }
            | State::CompareTarget { .. }
            | State::ReadSource { .. }
            | State::ReadTarget { .. }
            | State::GiveUp { .. } => true,
            State::Import
            | State::Claim
            | State::Migrate
            | State::Databases
            | State::Count
            | State::Withdraw { .. }
            | State::Confirm { .. }
            | State::EpochOfTarget { .. }
            | State::OwnTarget
            | State::OwnSource
            | State::OwnOther { .. }
            | State::Turned
            | State::Done => false,
        }
    }

    pub fn first_try(batch: Batch) -> State {
        State::Send { batch }
    }
}

impl Batch {
    pub fn of(db: usize, keys: Vec<Vec<u8>>) -> Batch {
        Batch {
            db,
            keys,
            bytes: 0,
            is_unclear: false,
            held: Vec::new(),
        }
    }

    /// These of its keys, which the source still had after a `MIGRATE` that didn't move them.
    pub fn unclear(self, keys: Vec<Vec<u8>>) -> Batch {
        Batch {
            keys,
            is_unclear: true,
            held: Vec::new(),
            ..self
        }
    }
}
