//! Keeps one unit in hand: what it waits for changes along the table of `flight_state.rs`.

use super::super::mover::{Action, AnyMover, Entry, KeyInDoubt, Unit};
use super::flight_state::{CheckedState, FlightState, Recheck};
use super::interface::{Note, Options};
use super::schedule::{Pair, Room, ScheduledUnit};
use crate::cluster::NodeId;
use crate::cluster::verb::Verb;
use crate::error::{Error, ErrorKind};
use crate::execute::timeouts::share;

/// How often a slot's source and target may be replaced. A key that takes longer than
/// `cluster-node-timeout` has them replaced each time that it is sent, the source by a replica that
/// has it still (redis#6999): that would go on without end.
const MAX_REPLACED: u32 = 3;

/// How long a slot waits for another one that shows that its target keeps what it takes.
const VOUCH_MS: u64 = 5_000;
/// To which part a batch shrinks that was broken off.
const LESS_BY: u64 = 4;
/// How often in a row the `MIGRATE` of one key may be broken off, while the target answers.
const MAX_LONE_BREAKS: u32 = 6;

/// One unit in hand.
#[derive(Clone, Debug, Hash)]
pub(super) struct Flight {
    pub scheduled: ScheduledUnit,
    pub machine: AnyMover,
    state: CheckedState,
    /// Keys and bytes that earlier machines of this slot have moved.
    pub before: (u64, u64),
    /// How often it was unclear since keys of it have moved.
    pub rechecks: u32,
    /// What had moved of it when it was unclear last.
    pub moved_at_recheck: (u64, u64),
    /// When those were asked who have confirmed it.
    pub confirmed_ms: u64,
    /// How often it was confirmed too late.
    pub lates: u32,
    /// How often another node took over from its source or its target.
    pub replaced: u32,
    /// The keys of it that the journal takes for doubtful.
    pub noted: Vec<KeyInDoubt>,
    /// Whether something has come of it since its doubts were compared with the journal's.
    pub has_changed: bool,
    /// The move that is on record: none of a slot whose turn comes while a node is gone, which is
    /// unclear before it has begun.
    pub recorded: Option<Unit>,
    /// Whether that is on disk: before it is, nothing is sent.
    pub is_written: bool,
    /// Whether it may be open. Of those that begin here so many at once may be.
    pub is_entered: bool,
    /// How many keys it sends at most, since a `MIGRATE` of more was broken off.
    pub most_keys: u32,
    /// How often in a row a `MIGRATE` of one key was broken off.
    pub lone_breaks: u32,
}

impl Flight {
    /// A slot of which nothing is on record.
    pub fn new(scheduled: ScheduledUnit, machine: AnyMover, state: FlightState) -> Flight {
        Flight {
            is_entered: scheduled.entry != Entry::Fresh,
            scheduled,
            machine,
            state: CheckedState::of(state),
            before: (0, 0),
            rechecks: 0,
            moved_at_recheck: (0, 0),
            confirmed_ms: 0,
            lates: 0,
            replaced: 0,
            noted: Vec::new(),
            has_changed: false,
            recorded: None,
            is_written: false,
            most_keys: u32::MAX,
            lone_breaks: 0,
        }
    }

    /// What it waits for.
    pub fn state(&self) -> &FlightState {
        self.state.state()
    }

    /// It waits for something else from here on.
    pub fn turn(&mut self, to: FlightState) {
        self.state.turn(to);
    }

    /// Why it lost its way, where it did.
    pub fn take_fault(&mut self) -> Option<Error> {
        let fault = self.state.take_fault()?;
        Some(fault.context(self.scheduled.unit.to_string()))
    }

    /// Whether its machine is to be asked what it wants next.
    pub fn is_due(&self, now_ms: u64) -> bool {
        match self.state() {
            FlightState::Ready => true,
            FlightState::Until(moment) => *moment <= now_ms,
            _ => false,
        }
    }

    /// Asks the machine what it wants next, when that is due.
    pub fn ask_machine(&mut self, now_ms: u64, keys: u32, options: &Options) {
        if !self.is_due(now_ms) {
            return;
        }
        self.set_batches(keys, options);
        self.has_changed = true;
        let state = match self.machine.action() {
            Action::Ask { node, verbs } => FlightState::Asks { node, verbs },
            Action::Claim => FlightState::Claims,
            Action::Vouch => FlightState::Vouches {
                until_ms: now_ms.saturating_add(VOUCH_MS),
            },
            Action::Confirm => FlightState::Confirms,
            Action::Pause { ms } => FlightState::Until(now_ms.saturating_add(ms)),
            Action::Recheck => {
                let unit = &self.scheduled.unit;
                let what = format!("{unit}: the source isn't a primary any more");
                FlightState::Unclear(Recheck {
                    why: Error::new(ErrorKind::Stopped, what),
                    due_ms: now_ms,
                    until_ms: now_ms.saturating_add(options.how.failover_wait_ms),
                })
            }
            Action::Done => FlightState::Arrived,
        };
        self.turn(state);
    }

    /// How large its batches are from now on, and how long each may take.
    fn set_batches(&mut self, keys: u32, options: &Options) {
        let keys = keys.min(self.expected_keys()).min(self.most_keys);
        let timeout_ms = match self.lone_breaks {
            0 => options.timeouts.usual_ms,
            _ => options.timeouts.lone_ms,
        };
        if let Some(batches) = self.machine.batches_mut() {
            batches.set_keys_per_migrate(keys);
            batches.set_timeout_ms(timeout_ms);
        }
    }

    /// Keys and bytes of the batch that it wants to send next; none where the servers move them by
    /// themselves.
    pub fn batch(&self) -> (u64, u64) {
        let batches = self.machine.batches();
        batches.map_or((0, 0), |batches| batches.batch())
    }

    /// Whether it wants to send keys next.
    pub fn sends_keys(&self) -> bool {
        self.batch().0 > 0
    }

    /// How many keys it wants to send that the target can't have yet.
    pub fn sends(&self) -> u64 {
        let batches = self.machine.batches();
        batches.map_or(0, |batches| batches.sends() as u64)
    }

    /// It sends so many keys alone, and says anew what it wants.
    pub fn send_at_most(&mut self, most: u64) {
        if let Some(batches) = self.machine.batches_mut() {
            batches.send_at_most(usize::try_from(most).unwrap_or(usize::MAX));
            self.turn(FlightState::Ready);
        }
    }

    /// How many keys were sent whose target hasn't been found to keep them yet.
    pub fn proves(&self) -> u64 {
        let batches = self.machine.batches();
        batches.map_or(0, |batches| batches.proves() as u64)
    }

    /// The keys for which a person's wish chose between two values.
    pub fn conflicts(&self) -> u64 {
        let batches = self.machine.batches();
        batches.map_or(0, |batches| batches.conflicts())
    }

    /// From whom to whom it goes by now.
    pub fn pair(&self) -> Pair {
        self.scheduled.unit.pair()
    }

    /// How many of its keys are on their way, or asked for on the target.
    pub fn unproven(&self) -> u64 {
        let sent = if self.is_asked() { self.sends() } else { 0 };
        let asked_for = match self.state() {
            FlightState::Unclear(_) => 0,
            _ => self.proves(),
        };
        sent + asked_for
    }

    /// A `MIGRATE` of so many keys was broken off: fewer go next. Whether it was one key alone, too
    /// often.
    pub fn broke_off(&mut self, keys: u64) -> bool {
        self.lone_breaks = match keys {
            0 | 1 => self.lone_breaks + 1,
            _ => 0,
        };
        self.most_keys = u32::try_from(keys / LESS_BY).unwrap_or(u32::MAX).max(1);
        self.lone_breaks > MAX_LONE_BREAKS
    }

    /// So many keys have moved: if those were as many as may, more go next.
    pub fn went_well(&mut self, keys: u64) {
        self.lone_breaks = 0;
        if keys >= u64::from(self.most_keys) {
            self.most_keys = self.most_keys.saturating_add(self.most_keys / 2 + 1);
        }
    }

    /// Whether none of its `MIGRATE`s was broken off, or what came of that is long over.
    pub fn is_calm(&self) -> bool {
        self.most_keys == u32::MAX && self.lone_breaks == 0
    }

    /// Another room than it has, where it takes one by now.
    pub fn room_by_now(&self) -> Option<Room> {
        let room = match self.scheduled.room {
            Room::None => Room::None,
            _ if self.machine.is_closed() => Room::None,
            Room::Empty if self.sends_keys() => Room::Whole,
            room => room,
        };
        (room != self.scheduled.room).then_some(room)
    }

    /// Whether anything was recorded or asked.
    pub fn is_begun(&self) -> bool {
        self.recorded.is_some()
    }

    /// It is unclear once more; how often that is since keys of it have moved.
    pub fn count_recheck(&mut self) -> u32 {
        let moved = self.moved();
        if moved != self.moved_at_recheck {
            (self.moved_at_recheck, self.rechecks) = (moved, 0);
        }
        self.rechecks += 1;
        self.rechecks
    }

    /// It goes on between these two; whether they have been replaced too often for that.
    pub fn turn_to(&mut self, unit: Unit) -> bool {
        self.replaced += u32::from(unit != self.scheduled.unit);
        self.scheduled.unit = unit;
        self.replaced > MAX_REPLACED
    }

    /// How many keys are worth listing: at first about as many as were counted, since what is
    /// listed at once for many slots is bounded.
    fn expected_keys(&self) -> u32 {
        match self.scheduled.keys {
            Some(keys) if self.moved().0 == 0 => {
                u32::try_from(keys.saturating_add(keys / 8 + 1)).unwrap_or(u32::MAX)
            }
            _ => u32::MAX,
        }
    }

    /// Whether it takes one of the places for open slots.
    pub fn takes_place(&self) -> bool {
        self.is_entered && self.scheduled.room == Room::Whole
    }

    /// Whether it waits for such a place before anybody is told of it.
    pub fn waits_for_place(&self) -> bool {
        let waits = !self.is_entered && self.scheduled.room == Room::Whole;
        waits && matches!(self.state(), FlightState::Asks { .. }) && self.machine.opens()
    }

    /// Takes the verbs that go out now, in a write in which so many slots send keys: they share the
    /// time that their source may wait.
    pub fn take_verbs(&mut self, senders: usize) -> Vec<Verb> {
        self.is_entered = true;
        let mut verbs = self.state.send();
        for verb in &mut verbs {
            if let Verb::Migrate(migrate) = verb {
                migrate.timeout_ms = share(migrate.timeout_ms, senders);
            }
        }
        verbs
    }

    /// Whether it wants to ask this node something.
    pub fn asks(&self, node: NodeId) -> bool {
        matches!(self.state(), FlightState::Asks { node: wanted, .. } if *wanted == node)
    }

    /// Whether it wants to say `SETSLOT`.
    pub fn asks_to_set(&self) -> bool {
        let FlightState::Asks { verbs, .. } = self.state() else {
            return false;
        };
        verbs
            .iter()
            .any(|verb| matches!(verb, Verb::SetSlot { .. }))
    }

    /// Whether a probe has confirmed it, and its target hasn't been told yet.
    pub fn is_confirmed(&self) -> bool {
        self.machine.is_confirmed(self.is_asked())
    }

    /// Whether a probe has confirmed it, and what it wants to ask next hasn't gone out.
    pub fn is_confirmed_and_waits(&self) -> bool {
        !self.is_asked() && self.is_confirmed()
    }

    fn is_asked(&self) -> bool {
        matches!(self.state(), FlightState::Asked)
    }

    /// What it was confirmed by may not be so any more: it asks to be confirmed anew.
    pub fn outdate(&mut self) {
        let is_asked = self.is_asked();
        self.machine.outdate(is_asked);
        if matches!(self.state(), FlightState::Asks { .. }) {
            self.turn(FlightState::Ready);
        }
    }

    /// How many keys it wants to be told at most.
    pub fn lists(&self) -> u64 {
        let FlightState::Asks { verbs, .. } = self.state() else {
            return 0;
        };
        let lists = verbs.iter().map(|verb| match verb {
            Verb::KeysInSlot { limit, .. } => u64::from(*limit),
            _ => 0,
        });
        lists.sum()
    }

    /// What the next run has to know of it, should this one break off: nothing where the journal
    /// has it. The batch that goes next counts, and one that is under way.
    pub fn doubts_note(&mut self) -> Option<Note> {
        let is_asking = self.is_asked() || matches!(self.state(), FlightState::Asks { .. });
        let doubts = match self.machine.batches() {
            Some(batches) if is_asking => batches.doubts_of_batch(),
            _ => self.machine.doubts(),
        };
        let are_as_many = doubts.len() == self.noted.len();
        let mut both = doubts.iter().zip(&self.noted);
        if are_as_many && both.all(|(one, noted)| one.says_the_same(noted)) {
            return None;
        }
        self.noted.clone_from(&doubts);
        Some(Note::Doubts(self.scheduled.unit.clone(), doubts))
    }

    /// Keys and bytes so far.
    pub fn moved(&self) -> (u64, u64) {
        let ((keys, bytes), (more_keys, more_bytes)) = (self.before, self.machine.moved());
        (
            keys.saturating_add(more_keys),
            bytes.saturating_add(more_bytes),
        )
    }
}
