//! Moves one slot from its source to its target, the classic way, without any I/O.
//!
//! As a [`Mover`] it says what to do next and takes the replies. The order is that of the design,
//! and it goes forward only: after the first key has moved, no state ever leads back, because
//! `STABLE` on the source would make the moved keys read nil.
//!
//! ```text
//!  Import ──> Claim: nobody else has it open ──> Migrate ──┐
//!  (target)     │ (only where nobody had before) (source: it sends clients on)
//!               │ somebody has: Withdraw (target), stop    │
//!     ┌────────────────────────────────────────────────────┘
//!     └─> Databases ──> List ──> Send ──┐   (both are asked with MIGRATING at first)
//!         (source)      │  ▲      │     │ OK: Prove (target), NOKEY: the next keys
//!            ▲          │  └──────┼─────┘ link of the servers broken: look
//!            │          │         │ BUSYKEY
//!            │  no key  │         ▼
//!            │  left    │     WeighSource ──> WeighTarget <──────────────────────┐
//!            │          │     CompareSource ──> CompareTarget                    │
//!            │          │         other dumps: ReadSource ──> ReadTarget         │
//!            │          │         big ones: Walk, element by element             │
//!            │          ▼         equal: Replace (key by key) ──> NOKEY: compare ┘
//!            └─────── Count       different: stop, or GiveUp (source) and go on,
//!                       │         gone from the source: stop, or leave the target's,
//!                       │         as `--on-conflict` says, when the others have moved
//!       a key after     │ 0 in every database ──> the last keys are gone: Vouch ──┐
//!       all             ▼                                                         │
//!                    Confirm: nobody else has the slot open ◄─┬───────────────────┘
//!                       ▼                                     │ it was behind, or a role
//!                  AskTarget: it knows the source's epoch ────┤ has changed: look again
//!                       │  and has the keys that it had ──────┘ it has less than half: Vouch
//!                       ▼
//!         OwnTarget ──> OwnSource ──> OwnOther (each primary) ──> Done
//!          (it serves)                      └ a replica by now ──> Turned: look
//!
//!  a stop, and the target has no key of it: closed again on both sides (`closing.rs`)
//! ```
//!
//! No single answer decides that keys may go:
//!
//! | what | is said by | and by |
//! |---|---|---|
//! | the source sends clients to the target | `MIGRATING`: OK | `ASK` for a key that nobody has |
//! | it has no key left | an empty listing, and another one later | a count of 0, of every database that can be selected, whatever `INFO` lists |
//! | the target has the keys of a batch | `MIGRATE`: OK | the life of one on the target, and its count; where that is less than it should be, the life of each (`proving.rs`) |
//! | the target owns the slot | `NODE`: OK | an answer other than `MOVED` for a key that nobody has |
//! | it has no key | a count of 0 | an empty listing |
//!
//! Every way round is bounded: by passes, by rounds after which the source counts no key less, by
//! looks.
//!
//! A slot that the target owns already (a run broke off between the `NODE`s)
//! enters at `Databases`: what is left to do is the same, and a `NODE` that
//! comes twice changes nothing. Where the source knows that, its keys are only
//! counted, and with any the move ends: they are orphaned.

mod answer;
mod asking;
mod batches;
mod closing;
mod comparing;
mod keys_in_doubt;
mod lengthened;
mod lives;
mod naming;
mod proving;
mod sending;
mod state;

use super::Move;
use super::failures::Failures;
use super::figure::Figure;
use super::mover::{
    Action, Batches, Cause, Entry, Finding, Halt, KeyInDoubt, Mover, Opened, Settings, Span, Wait,
};
use crate::cluster::NodeId;
use crate::cluster::verb::Reply;
use crate::error::Error;
use keys_in_doubt::KeysInDoubt;
use lives::Ends;
use proving::There;
use state::{Lengthened, State, Unclear};
use std::collections::BTreeSet;

/// How often keys may turn up again behind an empty listing before we stop.
const MAX_PASSES: u32 = 16;
/// How long the target may take to learn the source's epoch: gossip needs a second or two.
const EPOCH_PAUSE_MS: u64 = 100;
const MAX_EPOCH_WAITS: u32 = 300;
/// How often it may be confirmed before its target is told.
const MAX_CONFIRMS: u32 = 1_000;

/// One slot under way. Two that hash alike go on alike.
#[derive(Clone, Debug, Hash)]
pub struct SlotMove {
    task: Move,
    settings: Settings,
    /// How long the next `MIGRATE` waits for a silent target.
    timeout_ms: u64,
    state: State,
    databases: Vec<u32>,
    /// Nobody had the slot open before.
    is_fresh: bool,
    /// The target is told first who owns the slot by now.
    is_source_new: bool,
    /// What keys the source has are outdated copies.
    has_only_orphaned: bool,
    /// The source has just refused to open it, and nobody had before: no key of it has moved.
    is_unopened: bool,
    /// The source took no `NODE`, since it is a replica by now.
    has_source_turned: bool,
    passes: u32,
    standstills: u32,
    /// The fewest keys that the source was seen to have left in a database, by its index.
    fewest: Option<(usize, u64)>,
    /// Its source has it open by our word.
    is_opened: bool,
    /// A key is on the target that a `MIGRATE` has brought.
    has_moved: bool,
    /// It was tried once to close it again.
    was_closing: bool,
    /// Keys that a `MIGRATE` said to have moved, and that the target hasn't been asked for yet.
    owed: Option<Unclear>,
    /// When those end.
    owed_ends: Ends,
    /// Keys that a `MIGRATE` said to have moved, and that the target doesn't have.
    gone: Vec<Unclear>,
    /// Keys that were sent with a `MIGRATE` that was refused.
    tried: Vec<Unclear>,
    /// Whether the last keys that were sent are gone.
    is_doubtful: bool,
    /// What the target counted last in each database that keys went to.
    there: Vec<There>,
    /// What the last batch has shown of the target, until somebody asks.
    finding: Option<Finding>,
    keys_moved: u64,
    bytes_moved: u64,
    conflicts: Figure<u64>,
    /// Keys that have to be looked at on both sides before anything is sent.
    doubts: KeysInDoubt,
    /// When the last answer was asked for, and when it came.
    span: Option<Span>,
    /// The databases in which no key has an end.
    lasting: BTreeSet<u32>,
    /// The ends of the keys that were listed last.
    ends: Ends,
    /// Keys that a batch which was answered late has brought to the target, and that may live too
    /// long there.
    lengthened: Vec<Lengthened>,
    /// A wait that comes before the next question.
    pause_ms: Option<u64>,
    /// A wait for keys to end that nobody was told of.
    untold_wait: Option<Wait>,
}

impl SlotMove {
    /// A slot's way from this entry.
    pub fn new(task: Move, settings: Settings, entry: Entry) -> SlotMove {
        SlotMove {
            task,
            timeout_ms: settings.timeout_ms,
            settings,
            state: match entry {
                Entry::Fresh | Entry::SourceOwns | Entry::SourceReplaced => State::Import,
                Entry::TargetOwns | Entry::TargetServes => State::Databases,
            },
            databases: Vec::new(),
            is_fresh: entry == Entry::Fresh,
            is_source_new: entry == Entry::SourceReplaced,
            has_only_orphaned: entry == Entry::TargetServes,
            is_unopened: false,
            has_source_turned: false,
            passes: 0,
            standstills: 0,
            fewest: None,
            is_opened: false,
            has_moved: false,
            was_closing: false,
            owed: None,
            owed_ends: Ends::default(),
            gone: Vec::new(),
            tried: Vec::new(),
            is_doubtful: false,
            there: Vec::new(),
            finding: None,
            keys_moved: 0,
            bytes_moved: 0,
            conflicts: Figure(0),
            doubts: KeysInDoubt::default(),
            span: None,
            lasting: BTreeSet::new(),
            ends: Ends::default(),
            lengthened: Vec::new(),
            pause_ms: None,
            untold_wait: None,
        }
    }

    fn wait_for(&mut self, wait: Wait) {
        self.pause_ms = Some(wait.ms);
        self.untold_wait = Some(wait);
    }

    /// Whether it begins while its source still owns it.
    fn is_at_source(&self) -> bool {
        matches!(self.state, State::Import)
    }

    /// The batch that it wants to send, as keys in doubt.
    fn batch_as(&self, cause: Cause) -> Vec<KeyInDoubt> {
        self.batch_of(&self.state, cause)
    }

    fn batch_of(&self, state: &State, cause: Cause) -> Vec<KeyInDoubt> {
        let (State::Send { batch } | State::Replace { batch, .. }) = state else {
            return Vec::new();
        };
        let keys = batch.keys.iter();
        keys.map(|key| self.doubtful(batch.db, key, cause))
            .collect()
    }
}

impl Mover for SlotMove {
    fn action(&mut self) -> Action {
        self.next_action()
    }

    fn opens(&self) -> bool {
        matches!(self.state, State::Import)
    }

    fn is_answered_at(&mut self, span: Span) {
        self.span = Some(span);
    }

    fn answer(&mut self, replies: Vec<Reply>) -> Result<(), Halt> {
        self.take_replies(replies)
    }

    fn lose_answer(&mut self) -> bool {
        // Gossip tells a primary that is neither source nor target who owns the slot.
        if let State::OwnOther { index } = self.state {
            self.state = self.after_other(index + 1);
            return true;
        }
        self.doubts.take_in(self.batch_as(Cause::Sent));
        false
    }

    fn claimed(&mut self) {
        if matches!(self.state, State::Claim) {
            self.state = State::Migrate;
        }
    }

    fn withdraw(&mut self, why: Error) {
        if matches!(self.state, State::Claim) {
            self.state = State::Withdraw { why };
        }
    }

    fn confirmed(&mut self, epoch: u64, others: Vec<NodeId>) {
        if let State::Confirm { waits } = self.state {
            self.settings.others = others;
            self.state = State::AskTarget {
                needed: epoch,
                waits,
                is_outdated: false,
            };
        }
    }

    fn is_confirmed(&self, is_asked: bool) -> bool {
        match self.state {
            State::AskTarget { is_outdated, .. } => !is_outdated,
            State::OwnTarget { .. } => !is_asked,
            _ => false,
        }
    }

    fn outdate(&mut self, is_asked: bool) {
        match (&mut self.state, is_asked) {
            (State::AskTarget { is_outdated, .. }, true) => *is_outdated = true,
            (State::AskTarget { waits, .. } | State::OwnTarget { waits }, false) => {
                self.state = State::Confirm { waits: *waits + 1 }
            }
            _ => {}
        }
    }

    fn give_up(&mut self, why: &Error) -> bool {
        // A slot that only its target has open yet is as good as unopened.
        let is_claimed_not_yet = matches!(self.state, State::Claim);
        let is_unopened = std::mem::take(&mut self.is_unopened) || is_claimed_not_yet;
        if !is_unopened && !self.may_close() {
            return false;
        }
        let why = why.clone();
        self.state = if is_unopened {
            State::Withdraw { why }
        } else {
            self.begin_to_close(why)
        };
        true
    }

    fn is_unopened(&self) -> bool {
        self.is_unopened
    }

    fn is_closed(&self) -> bool {
        matches!(
            self.state,
            State::OwnOther { .. } | State::Turned | State::Done
        )
    }

    fn moved(&self) -> (u64, u64) {
        (self.keys_moved, self.bytes_moved)
    }

    fn look_at(&mut self, doubtful: Vec<KeyInDoubt>, failures: Option<Failures>) {
        let mut doubts = KeysInDoubt::default();
        doubts.take_in(doubtful);
        doubts.sends_after(self.task.source, failures);
        let source = self.task.source;
        self.doubts = doubts.handed_on(self.is_at_source(), source, source);
    }

    fn doubts(&self) -> Vec<KeyInDoubt> {
        self.doubts.all()
    }

    fn in_place_of(mut self, earlier: &SlotMove) -> SlotMove {
        let (source, was_source) = (self.task.source, earlier.task.source);
        self.doubts = earlier
            .doubts
            .handed_on(self.is_at_source(), source, was_source);
        if self.is_at_source() {
            self.lengthened = earlier.lengthened_since(source);
        }
        self.span = earlier.span;
        self.settings.opened = earlier.settings.opened.or(self.settings.opened);
        self.owed.clone_from(&earlier.owed);
        self.owed_ends.clone_from(&earlier.owed_ends);
        self.gone.clone_from(&earlier.gone);
        self.tried.clone_from(&earlier.tried);
        self.is_doubtful = earlier.is_doubtful;
        self.there.clone_from(&earlier.there);
        self.has_moved = earlier.has_moved;
        self.was_closing = earlier.was_closing;
        self
    }

    fn batches(&self) -> Option<&dyn Batches> {
        Some(self)
    }

    fn batches_mut(&mut self) -> Option<&mut dyn Batches> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
