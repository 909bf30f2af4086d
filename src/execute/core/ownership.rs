//! Asks the ownership guard: has all primaries looked at for whoever needs it, and lets units go on
//! as the guard says when everybody was heard.

use super::Core;
use super::flight::Flight;
use super::flight_state::FlightState;
use super::probe::Probe;
use super::schedule::Bounds;
use crate::cluster::NodeId;
use crate::cluster::verb::{Reply, Verb};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::guard::{Guard, Verdict};
use crate::execute::mover::Unit;
use crate::execute::views::Views;
use crate::slot::Slot;
use std::collections::BTreeSet;

/// How long a probe waits for a node that is busy with a write: longer than a source takes over a
/// batch, and shorter than others should be held up by one that stands still.
const HEARD_MS: u64 = 2_000;
/// How many slots are looked at and written down ahead of their turn, so that not each of them has
/// a probe of every primary and a sync of the journal to itself.
const AHEAD: usize = 16;
/// How many slots without keys may be open at once: they are opened, closed and told together.
const EMPTY_AT_ONCE: usize = 128;
/// How old the words of source and target may be when the target is told that it owns a slot. A
/// replica takes over from a node that is gone for its `cluster-node-timeout`, which is longer.
const YOUNG_MS: u64 = 1_000;
/// How often in a row a slot may be confirmed too late.
const MAX_LATES: u32 = 8;

impl Core {
    /// Begins a probe when somebody needs one: slots that want to begin, to be confirmed, or to
    /// know where they stand.
    pub(super) fn begin_probe(&mut self) {
        if self.probe.is_some() {
            return;
        }
        let is_eased = !self.throttle.is_over_limit(self.now_ms);
        let begins = if self.may_begin() && is_eased {
            self.schedule.take(Bounds {
                slots: self.options.how.slots_at_once.saturating_add(AHEAD),
                empty_slots: EMPTY_AT_ONCE,
                pairs_per_node: self.options.how.pairs_per_node,
                only_open: self.surprise.is_some(),
            })
        } else {
            Vec::new()
        };
        let now_ms = self.now_ms;
        let slots = |wanted: &dyn Fn(&FlightState) -> bool| -> Vec<u16> {
            let flights = self.flights.iter();
            let wanted = flights.filter(|(_, flight)| wanted(flight.state()));
            wanted.map(|(slot, _)| *slot).collect()
        };
        let claims = slots(&|state| matches!(state, FlightState::Claims));
        let confirms = slots(&|state| matches!(state, FlightState::Confirms));
        let rechecks = slots(
            &|state| matches!(state, FlightState::Unclear(recheck) if recheck.due_ms <= now_ms),
        );
        let for_slots = [claims, confirms, rechecks];
        if begins.is_empty() && for_slots.iter().all(Vec::is_empty) {
            return;
        }
        // Only a primary can have a slot open. Who is one may change: a recheck is about just that.
        let nodes = if for_slots[2].is_empty() {
            self.options.primaries.clone()
        } else {
            self.options.names.keys().copied().collect()
        };
        let flights = for_slots
            .iter()
            .flatten()
            .filter_map(|slot| self.flights.get(slot));
        let units = flights.map(|flight| &flight.scheduled.unit);
        let units = units.chain(begins.iter().map(|scheduled| &scheduled.unit));
        let sides = units.flat_map(|unit| [unit.source, unit.target]).collect();
        self.probe = Some(Probe::new(nodes, sides, begins, for_slots));
    }

    /// A probe doesn't wait for a node that has been busy with one write for so long: it counts as
    /// silent, as one whose link broke does.
    pub(super) fn hear_no_longer(&mut self) {
        let Some(probe) = &mut self.probe else {
            return;
        };
        for (node, sent) in &self.writes {
            if self.now_ms >= sent.at_ms.saturating_add(HEARD_MS) && probe.waits_for(*node) {
                probe.give_up(*node);
            }
        }
        self.conclude_if_complete();
    }

    /// When the first node counts as silent that a probe waits for.
    pub(super) fn probed_until(&self) -> Option<u64> {
        let probe = self.probe.as_ref()?;
        let writes = self.writes.iter();
        let awaited = writes.filter(|(node, _)| probe.waits_for(**node));
        awaited
            .map(|(_, sent)| sent.at_ms.saturating_add(HEARD_MS))
            .min()
    }

    fn conclude_if_complete(&mut self) {
        let is_complete = self.probe.as_ref().is_some_and(Probe::is_complete);
        if is_complete && let Some(probe) = self.probe.take() {
            self.conclude(probe);
        }
    }

    pub(super) fn probed(&mut self, node: NodeId, replies: Result<Vec<Reply>>) {
        let text = replies.and_then(|replies| {
            let reply = replies.into_iter().next();
            let missing = || Error::new(ErrorKind::Server, "CLUSTER NODES got no answer");
            reply.ok_or_else(missing)?.text(&Verb::Nodes)
        });
        let Some(probe) = &mut self.probe else {
            return;
        };
        probe.heard(node, text);
        if let Some(myself) = probe.self_reports.get(&node) {
            self.self_reports.insert(node, myself.clone());
            self.outdate_contradicted();
        }
        self.conclude_if_complete();
    }

    /// Everybody has said what they believe.
    pub(super) fn conclude(&mut self, probe: Probe) {
        // A node that is silent and that somebody else has not yet given up may have a slot open.
        let silent = probe.silent_primary(&self.options);
        for slot in &probe.rechecks {
            self.clear_up(*slot, &probe, silent.as_ref());
        }
        if !probe.rechecks.is_empty() {
            self.find_slots_to_reassign(&probe);
            self.options.primaries = probe.primaries_now(&self.options);
        }
        for slot in &probe.claims {
            self.claim(*slot, &probe, silent.as_ref());
        }
        for slot in &probe.confirms {
            self.confirm(*slot, &probe);
        }
        self.begin(&probe, silent.as_ref());
        self.self_reports = probe.self_reports;
    }

    pub(super) fn claim(&mut self, slot: u16, probe: &Probe, silent: Option<&Error>) {
        let Some(flight) = self.flights.get(&slot) else {
            return;
        };
        let unit = &flight.scheduled.unit;
        if let Some(error) = silent {
            return self.recheck_for_silence(slot, error);
        }
        let refusal = match self.guard(probe).may_open(unit) {
            Verdict::Ours => None,
            Verdict::RolesChanged(what) => {
                let message = format!("{unit}: {what}");
                return self.recheck(slot, Error::new(ErrorKind::Stopped, message));
            }
            Verdict::Taken(which, what, at) => Some(self.taken(unit, which, what, at)),
        };
        if let Some(flight) = self.flights.get_mut(&slot) {
            match refusal {
                None => flight.machine.claimed(),
                Some(why) => flight.machine.withdraw(why),
            }
            flight.turn(FlightState::Ready);
        }
    }

    /// Who is silent and has no part in a slot doesn't hold it up: its source says to whom it gives
    /// the slot, so that nobody else has taken keys of it.
    pub(super) fn confirm(&mut self, slot: u16, probe: &Probe) {
        let Some(flight) = self.flights.get(&slot) else {
            return;
        };
        let unit = flight.scheduled.unit.clone();
        if let Some(error) = probe.silent_side(&unit, &self.options) {
            return self.recheck_for_silence(slot, &error);
        }
        let verdict = self.guard(probe).may_own(&unit);
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        match verdict {
            Verdict::Ours => {
                let is_other = |id: &NodeId| *id != unit.source && *id != unit.target;
                let others = probe.primaries().filter(is_other).collect();
                let source = probe.self_reports.get(&unit.source);
                let epoch = source.map_or(0, |node| node.config_epoch);
                flight.machine.confirmed(epoch, others);
                flight.confirmed_ms = probe.asked_both_ms(&unit);
                flight.turn(FlightState::Ready);
            }
            Verdict::RolesChanged(what) => {
                let message = format!("{unit}: {what}");
                self.recheck(slot, Error::new(ErrorKind::Stopped, message));
            }
            Verdict::Taken(which, what, at) => {
                let error = self.taken(&unit, which, what, at);
                let error = error.of_kind(ErrorKind::Stopped);
                self.strand(slot, error);
            }
        }
    }

    /// A node says something else of itself than what slots were confirmed by.
    fn outdate_contradicted(&mut self) {
        let none = Views::new();
        let guard = Guard {
            self_reports: &self.self_reports,
            views: self.probe.as_ref().map_or(&none, |probe| &probe.views),
            shards: &self.options.shards,
        };
        let confirmed = self.flights.values().filter(|flight| flight.is_confirmed());
        let contradicted: BTreeSet<u16> = confirmed
            .map(|flight| &flight.scheduled.unit)
            .filter(|unit| guard.may_own(unit) != Verdict::Ours)
            .map(Unit::id)
            .collect();
        self.outdate(|unit| contradicted.contains(&unit.id()));
    }

    /// What was confirmed by words that are old by now is looked at again before its target is
    /// told: a node may have been replaced meanwhile. Where no probe is ever young enough the slot
    /// is unclear.
    pub(super) fn outdate_late(&mut self) {
        let now_ms = self.now_ms;
        let is_late = |flight: &Flight| now_ms > flight.confirmed_ms.saturating_add(YOUNG_MS);
        let flights = self.flights.iter_mut();
        let confirmed = flights.filter(|(_, flight)| flight.is_confirmed_and_waits());
        let mut given_up = Vec::new();
        for (slot, flight) in confirmed.filter(|(_, flight)| is_late(flight)) {
            flight.outdate();
            flight.lates += 1;
            if flight.lates > MAX_LATES {
                flight.lates = 0;
                given_up.push(*slot);
            }
        }
        for slot in given_up {
            let message = format!(
                "{}: its nodes answer too late to know that they are still who they were",
                self.named(slot)
            );
            self.recheck(slot, Error::new(ErrorKind::Stopped, message));
        }
    }

    /// What was confirmed for these units may not be so any more: a `NODE` that hasn't gone out
    /// waits for another probe.
    pub(super) fn outdate(&mut self, is_changed: impl Fn(&Unit) -> bool) {
        let flights = self.flights.values_mut();
        let confirmed = flights.filter(|flight| flight.is_confirmed());
        for flight in confirmed.filter(|flight| is_changed(&flight.scheduled.unit)) {
            flight.outdate();
        }
    }

    pub(super) fn guard<'a>(&'a self, probe: &'a Probe) -> Guard<'a> {
        Guard {
            self_reports: &probe.self_reports,
            views: &probe.views,
            shards: &self.options.shards,
        }
    }

    pub(super) fn begin(&mut self, probe: &Probe, silent: Option<&Error>) {
        for scheduled in &probe.begins {
            let unit = &scheduled.unit;
            let machine = match self.machine(unit, scheduled.entry) {
                Ok(machine) if self.goes_on_with(scheduled.entry) => machine,
                other => {
                    self.schedule.leave(scheduled);
                    other.map_or_else(|error| self.trip(error), drop);
                    continue;
                }
            };
            let verdict = self.guard(probe).may_begin(unit, scheduled.entry);
            match (silent, verdict) {
                (Some(error), _) => self.put_off(scheduled.clone(), machine, error.message()),
                (None, Verdict::Ours) if !self.is_proven(unit) => {
                    self.put_off(
                        scheduled.clone(),
                        machine,
                        "nobody knows who listens at its target's address",
                    );
                }
                (None, Verdict::Ours) => self.begin_flight(scheduled.clone(), machine),
                (None, Verdict::RolesChanged(what)) => {
                    self.put_off(scheduled.clone(), machine, what);
                }
                (None, Verdict::Taken(which, what, at)) => {
                    self.schedule.leave(scheduled);
                    self.trip(self.taken(unit, which, what, at));
                }
            }
        }
    }

    /// Somebody else has this slot of a unit.
    pub(super) fn taken(&self, unit: &Unit, slot: Slot, what: &str, at: Option<NodeId>) -> Error {
        let on = at.map(|id| format!(" on {}", self.options.name(id)));
        let message = format!(
            "slot {slot} {what}{} (to be moved from {} to {})",
            on.unwrap_or_default(),
            self.options.name(unit.source),
            self.options.name(unit.target)
        );
        Error::new(ErrorKind::Unsafe, message)
            .fix("let the other tool finish, then make a new plan")
    }
}
