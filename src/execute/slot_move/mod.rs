//! One slot's way from its source to its target, without any I/O.
//!
//! [`SlotMove::action`] says what to do next, [`SlotMove::answer`] takes the
//! replies. The order is that of the design, and it goes forward only: after
//! the first key has moved, no state ever leads back, because `STABLE` on the
//! source would make the moved keys read nil.
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
//! counted, and with any the move ends: they are strays.

mod answer;
mod asking;
mod closing;
mod comparing;
mod doubts;
mod lengthened;
mod lives;
mod naming;
mod proving;
mod sending;
mod state;

use super::Move;
use super::failures::Failures;
use super::figure::Figure;
use super::mover::{Action, Cause, Doubtful, Entry, Finding, Opened, Settings, Span, Wait};
use crate::cluster::NodeId;
use crate::error::Error;
use doubts::Doubts;
use lengthened::Lengthened;
use lives::Ends;
use proving::There;
use state::{State, Unclear};
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
    has_strays_alone: bool,
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
    doubts: Doubts,
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
            has_strays_alone: entry == Entry::TargetServes,
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
            doubts: Doubts::default(),
            span: None,
            lasting: BTreeSet::new(),
            ends: Ends::default(),
            lengthened: Vec::new(),
            pause_ms: None,
            untold_wait: None,
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

    /// The wait for keys to end that has just begun, if one has.
    pub fn take_wait(&mut self) -> Option<Wait> {
        self.untold_wait.take()
    }

    fn wait_for(&mut self, wait: Wait) {
        self.pause_ms = Some(wait.ms);
        self.untold_wait = Some(wait);
    }

    /// Keys and bytes of the batch that is to be sent next.
    pub fn batch(&self) -> (u64, u64) {
        match &self.state {
            State::Send { batch } | State::Replace { batch, .. } => {
                (batch.keys.len() as u64, batch.bytes)
            }
            _ => (0, 0),
        }
    }

    /// Takes over what was in doubt for an earlier machine of the same slot: its keys are looked at
    /// on both sides before anything is sent.
    #[must_use]
    pub fn in_place_of(mut self, earlier: &SlotMove) -> SlotMove {
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

    /// Whether it begins while its source still owns it.
    fn is_at_source(&self) -> bool {
        matches!(self.state, State::Import)
    }

    /// Has these keys looked at on both sides before anything is sent; what the source said of its
    /// failures before they were.
    pub fn look_at(&mut self, doubtful: Vec<Doubtful>, failures: Option<Failures>) {
        let mut doubts = Doubts::default();
        doubts.take_in(doubtful);
        doubts.sends_after(self.task.source, failures);
        let source = self.task.source;
        self.doubts = doubts.handed_on(self.is_at_source(), source, source);
    }

    /// The keys that have to be looked at on both sides before the slot can go on, in order.
    pub fn doubts(&self) -> Vec<Doubtful> {
        self.doubts.all()
    }

    /// The same, once the next batch is on its way: the one that it wants to send, or will when its
    /// target has shown that it keeps the last.
    pub fn doubts_of_batch(&self) -> Vec<Doubtful> {
        let next = match &self.state {
            State::Prove { next, .. } => next,
            state => state,
        };
        let mut batch = self.batch_of(next, Cause::Sent);
        if self.doubts.is_empty() {
            batch.sort_unstable_by(|one, other| (one.db, &one.key).cmp(&(other.db, &other.key)));
            batch.dedup_by(|one, other| (one.db, &one.key) == (other.db, &other.key));
            return batch;
        }
        let mut doubts = self.doubts.clone();
        doubts.take_in(batch);
        doubts.all()
    }

    /// The batch goes out now, after the source said this of its failures.
    pub fn sends_after(&mut self, failures: Option<Failures>) {
        if self.batch().0 > 0 {
            self.doubts.sends_after(self.task.source, failures);
        }
    }

    /// Nobody will hear what came of the batch that went out.
    pub fn lose_batch(&mut self) {
        self.doubts.take_in(self.batch_as(Cause::Sent));
    }

    /// The batch that it wants to send, as keys in doubt.
    fn batch_as(&self, cause: Cause) -> Vec<Doubtful> {
        self.batch_of(&self.state, cause)
    }

    fn batch_of(&self, state: &State, cause: Cause) -> Vec<Doubtful> {
        let (State::Send { batch } | State::Replace { batch, .. }) = state else {
            return Vec::new();
        };
        let keys = batch.keys.iter();
        keys.map(|key| self.doubtful(batch.db, key, cause))
            .collect()
    }

    /// Says that nobody else has the slot open.
    pub fn claimed(&mut self) {
        if matches!(self.state, State::Claim) {
            self.state = State::Migrate;
        }
    }

    /// Says that somebody else has the slot open, before its source was asked to give it away: no
    /// key of it has moved, so the target may forget it. The error is what the move stops with.
    pub fn withdraw(&mut self, why: Error) {
        if matches!(self.state, State::Claim) {
            self.state = State::Withdraw { why };
        }
    }

    /// Whether its source has just refused to open it, where nobody had it open before.
    pub fn is_unopened(&self) -> bool {
        self.is_unopened
    }

    /// Says that it goes no further, for this reason: where no key of it has moved, it is closed
    /// again. Says whether that is tried; else it stays as it is.
    pub fn give_up(&mut self, why: &Error) -> bool {
        // A slot that only its target has open yet is as good as unopened.
        let is_claimed_not_yet = matches!(self.state, State::Claim);
        let is_unopened = std::mem::take(&mut self.is_unopened) || is_claimed_not_yet;
        if !is_unopened && !self.may_close() {
            return false;
        }
        let why = why.clone();
        self.state = match is_unopened {
            true => State::Withdraw { why },
            false => self.begin_to_close(why),
        };
        true
    }

    /// Says that the slot is still moved by us alone, which epoch the source has, and who is a
    /// primary beside the two.
    pub fn confirmed(&mut self, epoch: u64, others: Vec<NodeId>) {
        if let State::Confirm { waits } = self.state {
            self.settings.others = others;
            self.state = State::AskTarget {
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
            State::AskTarget { is_outdated, .. } => !is_outdated,
            State::OwnTarget { .. } => !is_asked,
            _ => false,
        }
    }

    /// Says that what was confirmed may not be so any more. What it has just asked is answered
    /// first.
    pub fn outdate(&mut self, is_asked: bool) {
        match (&mut self.state, is_asked) {
            (State::AskTarget { is_outdated, .. }, true) => *is_outdated = true,
            (State::AskTarget { waits, .. } | State::OwnTarget { waits }, false) => {
                self.state = State::Confirm { waits: *waits + 1 }
            }
            _ => {}
        }
    }

    /// Whether neither its source nor its target has it open any more, as both say: others may not
    /// have heard of its new owner.
    pub fn is_closed(&self) -> bool {
        matches!(
            self.state,
            State::OwnOther { .. } | State::Turned | State::Done
        )
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
        self.settings.how.keys_per_migrate = keys.max(1);
    }

    /// From now on, how long a `MIGRATE` waits for a silent target: not less than its settings have.
    pub fn set_timeout_ms(&mut self, timeout_ms: u64) {
        self.timeout_ms = timeout_ms.max(self.settings.timeout_ms);
    }

    /// The keys for which a person's wish chose between two values.
    pub fn conflicts(&self) -> u64 {
        self.conflicts.0
    }
}

#[cfg(test)]
mod tests;
