//! One slot's way from its source to its target, without any I/O.
//!
//! [`SlotMove::action`] says what to do next, [`SlotMove::answer`] takes the
//! replies. The order is that of the design, and it goes forward only: after
//! the first key has moved, no state ever leads back, because `STABLE` on the
//! source would make the moved keys read nil.
//!
//! ```text
//!  Import ──> Claim: nobody else has it open ──> Migrate ──┐
//!  (target)     │ (only where nobody had before) (source)  │
//!               │ somebody has: Withdraw (target), stop    │
//!     ┌────────────────────────────────────────────────────┘
//!     └─> Databases ──> List ──> Send ──┐
//!         (source)      │  ▲      │     │ OK, NOKEY: the next keys
//!            ▲          │  └──────┼─────┘ link of the servers broken: look
//!            │          │         │ BUSYKEY
//!            │  no key  │         ▼
//!            │  left    │     CompareSource ──> CompareTarget <──────────────────┐
//!            │          │         other dumps: ReadSource ──> ReadTarget         │
//!            │          ▼         equal: Replace (key by key) ──> NOKEY: compare ┘
//!            └─────── Count       different: stop, or GiveUp (source) and go on,
//!                       │         gone from the source: stop, or leave the target's,
//!                       │         as `--on-conflict` says, when the others have moved
//!       a key after     │ 0 in every database
//!       all             ▼
//!                    Confirm: nobody else has the slot open ◄─┐
//!                       ▼                                     │ it was behind, or a role
//!                  EpochOfTarget: it knows the source's ──────┘ has changed: look again
//!                       ▼
//!         OwnTarget ──> OwnSource ──> OwnOther (each primary) ──> Done
//!                                           └ a replica by now ──> Turned: look
//! ```
//!
//! A slot that the target owns already (a run broke off between the `NODE`s)
//! enters at `Databases`: what is left to do is the same, and a `NODE` that
//! comes twice changes nothing. Where the source knows that, its keys are only
//! counted, and with any the move ends: they are strays.

mod answer;
mod asking;
mod comparing;
mod fault;
mod sending;
mod settings;
mod state;

pub use fault::Halt;
pub use settings::{Action, Entry, OnConflict, Settings, Unclear};

use super::Move;
use crate::cluster::NodeId;
use state::{Pairs, State};
use std::fmt;

/// How often keys may turn up again behind an empty listing before we stop.
const MAX_PASSES: u32 = 16;
/// How long the target may take to learn the source's epoch: gossip needs a second or two.
const EPOCH_PAUSE_MS: u64 = 100;
const MAX_EPOCH_WAITS: u32 = 300;

/// One slot under way.
#[derive(Clone)]
pub struct SlotMove {
    task: Move,
    settings: Settings,
    state: State,
    databases: Vec<u32>,
    /// Nobody had the slot open before.
    is_fresh: bool,
    /// The target is told first who owns the slot by now.
    is_source_new: bool,
    /// What keys the source has are outdated copies.
    has_strays_alone: bool,
    /// The source has just refused to open it, and nobody had before: no key of it has moved.
    is_unopened: bool,
    /// The source took no `NODE`, since it is a replica by now.
    has_source_turned: bool,
    passes: u32,
    standstills: u32,
    keys_moved: u64,
    bytes_moved: u64,
    conflicts: u64,
    /// Keys of a database that the source still had after a `MIGRATE` that didn't move them.
    unclear: Option<Unclear>,
    /// A wait that comes before the next question.
    pause_ms: Option<u64>,
}

/// What decides how it goes on; figures are left out.
impl fmt::Debug for SlotMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotMove")
            .field("task", &self.task)
            .field("settings", &self.settings)
            .field("state", &self.state)
            .field("databases", &self.databases)
            .field("is_fresh", &self.is_fresh)
            .field("is_source_new", &self.is_source_new)
            .field("has_strays_alone", &self.has_strays_alone)
            .field("is_unopened", &self.is_unopened)
            .field("has_source_turned", &self.has_source_turned)
            .field("passes", &self.passes)
            .field("standstills", &self.standstills)
            .field("unclear", &self.unclear)
            .field("pause_ms", &self.pause_ms)
            .finish_non_exhaustive()
    }
}

impl SlotMove {
    /// A slot's way from this entry.
    pub fn new(task: Move, settings: Settings, entry: Entry) -> SlotMove {
        SlotMove {
            task,
            settings,
            state: match entry {
                Entry::Fresh | Entry::SourceOwns | Entry::SourceReplaced => State::Import,
                Entry::TargetOwns | Entry::TargetServes => State::Databases,
            },
            databases: Vec::new(),
            is_fresh: entry == Entry::Fresh,
            is_source_new: entry == Entry::SourceReplaced,
            has_strays_alone: entry == Entry::TargetServes,
            is_unopened: false,
            has_source_turned: false,
            passes: 0,
            standstills: 0,
            keys_moved: 0,
            bytes_moved: 0,
            conflicts: 0,
            unclear: None,
            pause_ms: None,
        }
    }

    /// The keys that were sent and acknowledged so far. A key that was deleted while its batch was
    /// on the way counts too, so this is a figure for progress, not for bookkeeping.
    pub fn keys_moved(&self) -> u64 {
        self.keys_moved
    }

    /// The bytes of those keys, where batches are cut by bytes.
    pub fn bytes_moved(&self) -> u64 {
        self.bytes_moved
    }

    /// Keys and bytes of the batch that is to be sent next.
    pub fn batch(&self) -> (u64, u64) {
        match &self.state {
            State::Send { batch } | State::Replace { batch } => {
                (batch.keys.len() as u64, batch.bytes)
            }
            _ => (0, 0),
        }
    }

    /// Remembers what is unclear, in case that the next answer never comes.
    fn note_unclear(&mut self) {
        match &self.state {
            State::Import | State::Claim | State::Migrate | State::Databases => {}
            State::CompareSource { batch }
            | State::CompareTarget { batch, .. }
            | State::ReadSource {
                pairs: Pairs { batch, .. },
                ..
            }
            | State::ReadTarget {
                pairs: Pairs { batch, .. },
                ..
            }
            | State::Replace { batch }
            | State::GiveUp { batch }
                if batch.is_unclear =>
            {
                let keys = [&batch.keys[..], &batch.held].concat();
                let db = self.databases[batch.db];
                self.unclear = Some(Unclear { db, keys });
            }
            _ => self.unclear = None,
        }
    }

    /// Takes over what was unclear to an earlier machine of the same slot: its keys are looked at
    /// on both sides before anything is sent.
    #[must_use]
    pub fn in_place_of(mut self, earlier: &SlotMove) -> SlotMove {
        if matches!(self.state, State::Import) {
            self.unclear.clone_from(&earlier.unclear);
        }
        self
    }

    /// Has these keys looked at on both sides before anything is sent.
    pub fn look_at(&mut self, unclear: Unclear) {
        if matches!(self.state, State::Import) {
            self.unclear = Some(unclear);
        }
    }

    /// The keys that have to be looked at on both sides before the slot can go on.
    pub fn unclear(&self) -> Option<&Unclear> {
        self.unclear.as_ref()
    }

    /// Says that nobody else has the slot open.
    pub fn claimed(&mut self) {
        if matches!(self.state, State::Claim) {
            self.state = State::Migrate;
        }
    }

    /// Says that somebody else has the slot open, before its source was asked to give it away: no
    /// key of it has moved, so the target may forget it. The words are what the move stops with.
    pub fn withdraw(&mut self, why: String) {
        if matches!(self.state, State::Claim) {
            self.state = State::Withdraw { why };
        }
    }

    /// Whether its source has just refused to open it, where nobody had it open before.
    pub fn is_unopened(&self) -> bool {
        self.is_unopened
    }

    /// Says that the refusal of its source is taken for its last word: no key has moved, so the
    /// target may forget it. The words are what the move stops with. Says whether that is so.
    pub fn give_up_opening(&mut self, why: &str) -> bool {
        let is_unopened = std::mem::take(&mut self.is_unopened);
        if is_unopened {
            self.state = State::Withdraw {
                why: why.to_owned(),
            };
        }
        is_unopened
    }

    /// Says that the slot is still moved by us alone, which epoch the source has, and who is a
    /// primary beside the two.
    pub fn confirmed(&mut self, epoch: u64, others: Vec<NodeId>) {
        if let State::Confirm { waits } = self.state {
            self.settings.others = others;
            self.state = State::EpochOfTarget {
                needed: epoch,
                waits,
                is_outdated: false,
            };
        }
    }

    /// Whether it is confirmed, and its target hasn't been told yet, nor is just being told: what
    /// it wanted last may have been asked or not.
    pub fn is_confirmed(&self, is_asked: bool) -> bool {
        match self.state {
            State::EpochOfTarget { is_outdated, .. } => !is_outdated,
            State::OwnTarget => !is_asked,
            _ => false,
        }
    }

    /// Says that what was confirmed may not be so any more. What it has just asked is answered
    /// first.
    pub fn outdate(&mut self, is_asked: bool) {
        match (&mut self.state, is_asked) {
            (State::EpochOfTarget { is_outdated, .. }, true) => *is_outdated = true,
            (State::EpochOfTarget { waits, .. }, false) => {
                self.state = State::Confirm { waits: *waits };
            }
            (State::OwnTarget, false) => self.state = State::Confirm { waits: 0 },
            _ => {}
        }
    }

    /// Goes on without the answer of a primary that is neither source nor target: gossip will
    /// tell it who owns the slot. Says whether that could be done.
    pub fn pass_over(&mut self) -> bool {
        let State::OwnOther { index } = self.state else {
            return false;
        };
        self.state = self.after_other(index + 1);
        true
    }

    /// From now on, how many keys go into one `MIGRATE`.
    pub fn set_keys_per_migrate(&mut self, keys: u32) {
        self.settings.keys_per_migrate = keys.max(1);
    }

    /// The keys for which a person's wish chose between two values.
    pub fn conflicts(&self) -> u64 {
        self.conflicts
    }
}

#[cfg(test)]
mod tests;
