//! Defines where one slot is on its way.

use super::super::copies::{Copy, Kind, Walk};
use super::super::mover::Wait;
use crate::cluster::verb::Reply;
use crate::error::Error;

/// A key that lives longer on the target, perhaps.
#[derive(Clone, Debug, Hash)]
pub(super) struct Lengthened {
    pub db: u32,
    pub key: Vec<u8>,
    pub ends_ms: u64,
    pub took_ms: u64,
}

/// An end that is to be set on the target: which key's, what it is, and what it is to be, both by
/// the target's clock.
#[derive(Clone, Debug, Hash)]
pub(super) struct Cut {
    pub key: Vec<u8>,
    pub is_ms: u64,
    pub to_ms: u64,
}

/// A batch of keys in one database.
#[derive(Clone, Debug, Hash)]
pub(super) struct Batch {
    /// Index into `SlotMove::databases`.
    pub db: usize,
    pub keys: Vec<Vec<u8>>,
    /// What they take in memory, where that was asked for.
    pub bytes: u64,
}

/// Keys of one database that were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Unclear {
    /// Their database.
    pub db: u32,
    /// Their names.
    pub keys: Vec<Vec<u8>>,
}

/// The keys of a batch on both nodes.
#[derive(Clone, Debug, Hash)]
pub(super) struct Pairs {
    pub batch: Batch,
    /// What each takes on the node where it takes more; 0 where that isn't known.
    pub weights: Vec<u64>,
    pub source: Vec<Copy>,
    pub target: Vec<Copy>,
    /// Which couldn't be compared, by their place, and why.
    pub untold: Vec<(usize, String)>,
}

#[derive(Clone, Debug, Hash)]
pub(super) enum State {
    Import,
    /// Whether the target imports the slot that it refused to import.
    Unimported {
        why: Error,
    },
    Claim,
    Migrate,
    Databases,
    /// What the source counts of `MIGRATE`s that failed: a batch that nobody heard of is judged by
    /// it.
    Failures,
    List {
        db: usize,
    },
    /// What the keys of a listing take, where batches are cut by bytes, and how long they live,
    /// where some may have an end.
    Measure {
        db: usize,
        keys: Vec<Vec<u8>>,
        asks_ends: bool,
    },
    Send {
        batch: Batch,
    },
    /// One key over the target's copy, then the rest: each in a `MIGRATE` of its own, since only so
    /// a key that went from the source since it was compared can be told from one that was sent,
    /// and in a write of its own, since the source waits once for each `MIGRATE` where the target
    /// stands still.
    Replace {
        batch: Batch,
        rest: Vec<Vec<u8>>,
    },
    /// What the keys take on each node: a big value isn't dumped.
    WeighSource {
        batch: Batch,
    },
    WeighTarget {
        batch: Batch,
        weights: Vec<u64>,
    },
    CompareSource {
        batch: Batch,
        weights: Vec<u64>,
    },
    CompareTarget {
        batch: Batch,
        weights: Vec<u64>,
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
    /// One key's copies are compared element by element.
    Walk {
        pairs: Pairs,
        place: usize,
        walk: Walk,
    },
    /// The source's copies are deleted, as the person wishes.
    GiveUp {
        batch: Batch,
    },
    /// Keys that were sent are asked for on the target: one of them, then the others.
    Prove {
        /// Index into `SlotMove::databases`.
        db: usize,
        asked: Vec<Vec<u8>>,
        rest: Vec<Vec<u8>>,
        /// Whether the target had none of them before.
        are_new: bool,
        next: Box<State>,
    },
    /// How long keys live on the target, of a batch that was answered late.
    LookAtLives {
        db: usize,
        keys: Vec<Lengthened>,
        tries: u32,
    },
    /// Those that live too long get their ends back.
    CutLives {
        db: usize,
        cuts: Vec<Cut>,
        /// How long to wait then for those that end by themselves.
        wait: Wait,
    },
    Count,
    /// None of the slot's last keys was seen on the target: others must vouch for it.
    Vouch,
    /// The target forgets that it imports the slot, which its source hasn't opened.
    Withdraw {
        why: Error,
    },
    /// Whether the target has a key of a slot that is to be closed again.
    LookAtTarget {
        why: Error,
    },
    /// Whether the source still has keys that a `MIGRATE` said to have moved.
    LookAtSource {
        why: Error,
        gone: Vec<Unclear>,
    },
    CloseTarget {
        why: Error,
    },
    CloseSource {
        why: Error,
    },
    /// The target imports it again: a key came to it in the last moment.
    Reopen {
        why: Error,
    },
    Confirm {
        waits: u32,
    },
    /// Whether the target knows the source's epoch, and still has the keys that it had when they
    /// were asked for.
    AskTarget {
        needed: u64,
        waits: u32,
        /// What was confirmed may not be so any more: it is looked at again.
        is_outdated: bool,
    },
    OwnTarget {
        waits: u32,
    },
    OwnSource,
    OwnOther {
        index: usize,
    },
    Turned,
    Done,
    /// It ended at something that nobody expected, and isn't where it should be: whoever goes on
    /// with it looks first.
    Halted,
}

impl State {
    /// Whether what it asks is about one database, which is selected first.
    pub fn selects_first(&self) -> bool {
        match self {
            State::List { .. }
            | State::Measure { .. }
            | State::Send { .. }
            | State::Replace { .. }
            | State::WeighSource { .. }
            | State::WeighTarget { .. }
            | State::CompareSource { .. }
            | State::CompareTarget { .. }
            | State::Walk { .. }
            | State::ReadSource { .. }
            | State::ReadTarget { .. }
            | State::GiveUp { .. }
            | State::LookAtLives { .. }
            | State::CutLives { .. }
            | State::Prove { .. } => true,
            State::Import
            | State::Unimported { .. }
            | State::Claim
            | State::Migrate
            | State::Databases
            | State::Failures
            | State::Count
            | State::Vouch
            | State::Withdraw { .. }
            | State::LookAtTarget { .. }
            | State::LookAtSource { .. }
            | State::CloseTarget { .. }
            | State::CloseSource { .. }
            | State::Reopen { .. }
            | State::Confirm { .. }
            | State::AskTarget { .. }
            | State::OwnTarget { .. }
            | State::OwnSource
            | State::OwnOther { .. }
            | State::Turned
            | State::Done
            | State::Halted => false,
        }
    }

    pub fn first_try(batch: Batch) -> State {
        State::Send { batch }
    }

    /// Sends these one by one over their copies.
    pub fn replace(db: usize, mut keys: Vec<Vec<u8>>) -> State {
        let rest = keys.split_off(keys.len().min(1));
        State::Replace {
            batch: Batch::of(db, keys),
            rest,
        }
    }
}

impl Batch {
    pub fn of(db: usize, keys: Vec<Vec<u8>>) -> Batch {
        Batch { db, keys, bytes: 0 }
    }
}
