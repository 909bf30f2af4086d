//! A run without I/O: replies, the time and the person's control go in;
//! commands, journal records and progress come out.
//!
//! A driver asks [`Core::poll`] what to do, does it, and tells what came of
//! it: [`Core::recorded`], [`Core::answered`], [`Core::lost`]; and what it sees
//! of the nodes meanwhile: [`Core::observe`]. Real
//! connections drive it (`execute/executor.rs`), and so does the modelled
//! cluster of `tests/simulation/`, where every interleaving can be replayed.
//!
//! ```text
//!        ┌── Record: write these, sync, then recorded() ──┐
//!  poll ─┼── Ask: send to this node, later answered()     ├──> poll
//!        ├── Wait: nothing to send before this moment     │
//!        └── End                                          ┘
//! ```
//!
//! One write is under way to a node at a time; writes to different nodes are
//! under way side by side. What moves in one go is a unit: a `Mover` in a
//! `Flight`; which units begin is for the `Schedule`, and every probe of who owns
//! what (before a slot is opened, before its target is told, when a node may
//! have failed over) is a `Probe`, which asks the nodes through the same writes.
//!
//! The core makes no choices. At the first surprise it begins nothing new,
//! lets the other slots in hand arrive, and ends with the surprise: as stopped
//! part-way where a slot has moved or is open, else as one that has changed
//! nothing.

mod entrance;
mod failing;
mod flight;
mod flight_state;
mod flights;
mod health;
mod interface;
mod overload;
mod ownership;
mod probe;
mod reassign;
mod recheck;
mod rest;
mod schedule;
mod standing;
mod throttle;
mod trust;
mod writes;

pub use health::HealthReading;
pub use interface::{Effect, Event, Note, Options, Outcome, RunControl, Watcher};

use super::Move;
use super::failures::Failures;
use super::guard::SelfReports;
use super::mover::{Entry, Unit};
use crate::cluster::NodeId;
use crate::cluster::verb::Reply;
use crate::error::{Error, ErrorKind, Result};
use crate::numbers::counted_text;
use crate::slot::{Slot, SlotSet};
use flight::Flight;
use flight_state::FlightState;
use probe::Probe;
use rest::Rests;
use schedule::Schedule;
use std::collections::{BTreeMap, BTreeSet};
use throttle::{BatchTiming, Throttle};
use trust::Trusts;
use writes::{Part, Sent};

/// A run. Two that hash alike go on alike.
#[derive(Clone, Debug, Hash)]
pub struct Core {
    options: Options,
    schedule: Schedule,
    /// By their units' first slots.
    flights: BTreeMap<u16, Flight>,
    writes: BTreeMap<NodeId, Sent>,
    probe: Option<Probe>,
    /// What each node said of itself last: at the last probe, and since.
    self_reports: SelfReports,
    /// Pairs whose target may listen elsewhere by now.
    unproven: BTreeSet<(NodeId, NodeId)>,
    /// The moves that have ended in this run.
    ended: Vec<Move>,
    /// What promoted replicas are to be given of them.
    to_reassign: BTreeMap<NodeId, BTreeSet<Slot>>,
    notes: Vec<Note>,
    /// The units whose records are being written.
    recording: Option<Vec<u16>>,
    /// The units whose keys in doubt are being written.
    noting: Vec<u16>,
    /// What each source says of its failures; nothing of one that doesn't tell.
    failures: BTreeMap<NodeId, Option<Failures>>,
    events: Vec<Event>,
    throttle: Throttle,
    outcome: Outcome,
    surprise: Option<Error>,
    /// Whether that is about more than one slot: nothing begins any more, also of what is open.
    is_broken_off: bool,
    /// Whether the targets keep what they take.
    trusts: Trusts,
    /// The pairs whose target has broken off a `MIGRATE`.
    rests: Rests,
    /// Whether a slot is elsewhere, or open, by what this run did.
    has_changed: bool,
    /// The slots that were closed again.
    closed: SlotSet,
    /// Why slots stay open beside those that the surprise names.
    left: BTreeMap<String, SlotSet>,
    /// It was over a limit of the user's for too long: no key is sent any more.
    is_overloaded: bool,
    control: RunControl,
    now_ms: u64,
}

impl Core {
    /// A run of these moves, begun in this order as far as their nodes allow it. Each is a unit of
    /// its own: the classic way moves one slot at a time.
    pub fn new(tasks: &[(Move, Entry)], options: Options, now_ms: u64) -> Core {
        let units = tasks
            .iter()
            .map(|(task, entry)| (Unit::from(*task), *entry));
        Core::of_units(units.collect(), options, now_ms)
    }

    fn of_units(units: Vec<(Unit, Entry)>, options: Options, now_ms: u64) -> Core {
        Core {
            schedule: Schedule::new(units, &options.keys),
            flights: BTreeMap::new(),
            writes: BTreeMap::new(),
            probe: None,
            self_reports: SelfReports::new(),
            unproven: BTreeSet::new(),
            ended: Vec::new(),
            to_reassign: BTreeMap::new(),
            notes: Vec::new(),
            recording: None,
            noting: Vec::new(),
            failures: BTreeMap::new(),
            events: Vec::new(),
            throttle: Throttle::new(options.how.limits, options.how.keys_per_migrate, now_ms),
            outcome: Outcome::default(),
            surprise: None,
            is_broken_off: false,
            trusts: Trusts::default(),
            rests: Rests::default(),
            has_changed: false,
            closed: SlotSet::new(),
            left: BTreeMap::new(),
            is_overloaded: false,
            control: RunControl::GoOn,
            now_ms,
            options,
        }
    }

    /// What the person wants from now on.
    pub fn control(&mut self, control: RunControl) {
        self.control = control;
    }

    /// What happened since the last call, in order.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// How people call a node.
    pub fn name(&self, id: NodeId) -> String {
        self.options.name(id)
    }

    /// What the run did, after [`Effect::End`].
    ///
    /// # Errors
    /// [`ErrorKind::Stopped`] with the first surprise; another kind where the cluster is as it was
    /// before.
    pub fn into_result(self) -> Result<Outcome> {
        let Some(surprise) = self.surprise else {
            return Ok(self.outcome);
        };
        let surprise = surprise.followed_by(said_of_others(&self.left));
        if self.has_changed {
            let closed = if self.closed.is_empty() {
                String::new()
            } else {
                format!("; closed again: {}", named_slots(&self.closed))
            };
            return Err(surprise.followed_by(closed).of_kind(ErrorKind::Stopped));
        }
        let kind = match surprise.kind() {
            ErrorKind::Stopped => ErrorKind::Unsafe,
            other => other,
        };
        let what = if !self.closed.is_empty() {
            "; what was opened is closed again, and nothing was changed"
        } else {
            "; nothing was changed"
        };
        Err(surprise.of_kind(kind).followed_by(what))
    }

    /// What to do next.
    pub fn poll(&mut self, now_ms: u64) -> Effect {
        self.now_ms = self.now_ms.max(now_ms);
        if self.control == RunControl::StopAtOnce {
            self.outcome.is_stopped = true;
            self.leave_all();
            return self.record().unwrap_or(Effect::End);
        }
        self.hear_no_longer();
        loop {
            self.ask_machines();
            self.reconsider();
            // What needs no record doesn't wait for one: a node would stand idle.
            if let Some(step) = self.next_at_once() {
                return step;
            }
            if let Some(step) = self.record() {
                return step;
            }
            // What was cut or given up wants something else.
            self.ask_machines();
            self.note_doubts();
            self.end_flights();
            // What was noted is on disk before anything is sent that it is about.
            if self.notes.is_empty() || self.recording.is_some() {
                break;
            }
        }
        self.begin_probe();
        match self.next_write() {
            Some(step) => step,
            None if self.is_over() => Effect::End,
            None => Effect::Wait {
                until_ms: self.next_moment(),
            },
        }
    }

    /// What was to be asked may not be right any more.
    fn reconsider(&mut self) {
        self.outdate_late();
        self.leave_senders();
        self.leave_resting();
        self.leave_unentered();
        self.put_on_trial();
        self.vouch();
    }

    fn ask_machines(&mut self) {
        let keys = self.keys_per_migrate();
        for flight in self.flights.values_mut() {
            flight.ask_machine(self.now_ms, keys, &self.options);
        }
    }

    /// The records of the last [`Effect::Record`] are on disk, or couldn't be written.
    pub fn recorded(&mut self, written: Result<()>) {
        let slots = self.recording.take().unwrap_or_default();
        let is_written = written.is_ok();
        self.noted(is_written);
        if let Err(error) = written {
            self.break_off(error);
        }
        for slot in slots {
            let Some(flight) = self.flights.get_mut(&slot) else {
                continue;
            };
            if matches!(flight.state(), FlightState::Recording) {
                flight.turn(if is_written {
                    FlightState::Ready
                } else {
                    FlightState::Stranded
                });
                flight.is_written |= is_written;
                let unit = flight.scheduled.unit.clone();
                self.events.push(Event::Begins(unit));
            }
        }
    }

    /// A node answered: a reply for each verb of the last [`Effect::Ask`] to it.
    pub fn answered(&mut self, node: NodeId, mut replies: Vec<Reply>, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        let Some(sent) = self.writes.remove(&node) else {
            return;
        };
        if sent.keys > 0 {
            let took = self.now_ms.saturating_sub(sent.at_ms);
            let timing = self.throttle.took(took, self.now_ms);
            self.outcome.largest_stall_ms = self.throttle.largest_stall_ms();
            if timing == BatchTiming::TooSlow {
                self.too_slow(node);
            }
        }
        let late = self.late_batches(&sent);
        if sent.keys > 0
            && replies
                .iter()
                .any(|reply| matches!(reply, Reply::Refused(_)))
        {
            // It may have counted a failure: it is asked again before keys are sent.
            self.failures.remove(&node);
        }
        for (part, places) in &sent.parts {
            let answers = sent.take_replies(places, &mut replies);
            match *part {
                Part::Flight(slot) => self.hand_over(slot, answers, sent.at_ms),
                Part::Probe => self.probed(node, Ok(answers)),
                Part::Proof(slot) => self.proven(slot, node, Ok(answers)),
                Part::Reassign => self.reassigned(node, &answers),
                Part::Failures => self.told_failures(node, &answers),
                Part::Rest(pair) => self.rested(pair, Some(&answers)),
            }
        }
        self.recheck_late(late);
    }

    /// The link to a node broke, or couldn't be made: nobody knows how much of the write was
    /// carried out.
    pub fn lost(&mut self, node: NodeId, error: Error, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        let Some(sent) = self.writes.remove(&node) else {
            return;
        };
        self.failures.remove(&node);
        self.outdate(|unit| unit.source == node || unit.target == node);
        let routes = self.options.routes.keys();
        self.unproven
            .extend(routes.filter(|(_, target)| *target == node));
        if let Some(probe) = &mut self.probe {
            probe.unhear(node, &error);
        }
        for (part, _) in sent.parts {
            let error = Error::new(error.kind(), error.message());
            match part {
                Part::Probe => self.probed(node, Err(error)),
                Part::Proof(slot) => self.proven(slot, node, Err(error)),
                // The next probe shows what has come of it.
                Part::Reassign => {}
                Part::Failures => self.lost_failures(node, &error),
                Part::Rest(pair) => self.rested(pair, None),
                Part::Flight(slot) => {
                    let Some(flight) = self.flights.get_mut(&slot) else {
                        continue;
                    };
                    if flight.machine.lose_answer() {
                        flight.turn(FlightState::Ready);
                        continue;
                    }
                    let name = flight.scheduled.unit.to_string();
                    let why = error.context(name).of_kind(ErrorKind::Stopped);
                    self.recheck(slot, why);
                }
            }
        }
    }

    /// The records that must be written before anything else.
    fn record(&mut self) -> Option<Effect> {
        if self.notes.is_empty() || self.recording.is_some() {
            return None;
        }
        let notes = std::mem::take(&mut self.notes);
        let begins = |note: &Note| match note {
            Note::Begins(unit) => Some(unit.id()),
            Note::Ends(_) | Note::Doubts(..) | Note::Failures(..) => None,
        };
        let in_doubt = |note: &Note| match note {
            Note::Doubts(unit, _) => Some(unit.id()),
            Note::Begins(_) | Note::Ends(_) | Note::Failures(..) => None,
        };
        self.noting = notes.iter().filter_map(in_doubt).collect();
        self.recording = Some(notes.iter().filter_map(begins).collect());
        Some(Effect::Record(notes))
    }

    fn keys_per_migrate(&self) -> u32 {
        self.throttle
            .keys_now()
            .min(self.options.how.keys_per_migrate)
    }

    /// Whether slots may still begin.
    fn may_begin(&self) -> bool {
        let has_more = if self.surprise.is_none() {
            !self.schedule.is_empty()
        } else {
            self.schedule.has_open() && !self.is_broken_off
        };
        has_more && self.control == RunControl::GoOn
    }

    /// Whether a slot may still begin that enters so: one that can't go on doesn't hold up those
    /// that an earlier run has opened.
    fn goes_on_with(&self, entry: Entry) -> bool {
        self.surprise.is_none() || (entry != Entry::Fresh && !self.is_broken_off)
    }

    /// Something is wrong that isn't one slot's.
    fn break_off(&mut self, error: Error) {
        self.is_broken_off = true;
        self.trip(error);
    }

    fn is_over(&mut self) -> bool {
        let is_idle = self.flights.is_empty()
            && self.probe.is_none()
            && self.writes.is_empty()
            && self.to_reassign.is_empty();
        let rests = self.control == RunControl::Pause && self.surprise.is_none();
        if !is_idle || self.may_begin() || (rests && !self.schedule.is_empty()) {
            return false;
        }
        self.outcome.is_stopped |= !self.schedule.is_empty() && self.surprise.is_none();
        true
    }
}

/// How many reasons are told of slots that the surprise doesn't name.
const REASONS_MAX: usize = 5;

/// Why other slots stay open.
fn said_of_others(left: &BTreeMap<String, SlotSet>) -> String {
    let named = left.iter().take(REASONS_MAX);
    let mut said: String = named
        .map(|(why, slots)| format!("; {}: {why}", named_slots(slots)))
        .collect();
    let more = left
        .values()
        .skip(REASONS_MAX)
        .map(SlotSet::len)
        .sum::<usize>();
    if more > 0 {
        said += &format!("; and {} more", counted_text(more as u64, "slot"));
    }
    said
}

fn named_slots(slots: &SlotSet) -> String {
    match slots.len() {
        1 => format!("slot {}", slots.shortened()),
        _ => format!("slots {}", slots.shortened()),
    }
}

#[cfg(test)]
mod stops;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod units;
