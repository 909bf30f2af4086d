//! Rechecks units that can't go on before a topology probe has shown who is who.

use super::flight_state::{FlightState, Recheck};
use super::probe::Probe;
use super::schedule::ScheduledUnit;
use super::standing::{self, UnitStanding};
use super::{Core, Note, RunControl};
use crate::cluster::verb::{Reply, Verb};
use crate::cluster::{Node, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::guard::Verdict;
use crate::execute::mover::{AnyMover, Entry, Unit};
use crate::execute::promoted;

/// How often one unit may become unclear before it stops.
const MAX_RECHECKS: u32 = 12;
/// How long after it became unclear the nodes are probed; the rechecks of one slot wait longer each
/// time, since a node that is replaced needs some seconds before it serves again.
const RECHECK_PAUSE_MS: u64 = 200;
const RECHECK_PAUSE_MAX_MS: u64 = 6_400;

impl Core {
    /// A slot can't go on before a topology probe has shown who is who.
    pub(super) fn recheck(&mut self, slot: u16, why: Error) {
        let (now_ms, wait_ms) = (self.now_ms, self.options.how.failover_wait_ms);
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let rechecks = flight.count_recheck();
        if rechecks > MAX_RECHECKS {
            return if flight.machine.give_up(&why) {
                flight.turn(FlightState::Ready);
            } else {
                self.strand(slot, why);
            };
        }
        self.outcome.retries += 1;
        // Another server may listen where the target did: it is asked before keys go there again.
        self.unproven.insert(flight.pair());
        let pause_ms = (RECHECK_PAUSE_MS << (rechecks - 1)).min(RECHECK_PAUSE_MAX_MS);
        flight.turn(FlightState::Unclear(Recheck {
            why,
            due_ms: now_ms.saturating_add(pause_ms),
            until_ms: now_ms.saturating_add(wait_ms),
        }));
    }

    pub(super) fn recheck_for_silence(&mut self, slot: u16, silent: &Error) {
        let message = format!("{}: {}", self.named(slot), silent.message());
        self.recheck(slot, Error::new(ErrorKind::Stopped, message));
    }

    /// A slot whose turn has come while a node is gone: it begins when that has cleared up.
    pub(super) fn put_off(&mut self, scheduled: ScheduledUnit, machine: AnyMover, why: &str) {
        let (id, unit) = (scheduled.unit.id(), &scheduled.unit);
        let recheck = Recheck {
            why: Error::new(ErrorKind::Unsafe, format!("{unit}: {why}")),
            due_ms: self.now_ms.saturating_add(RECHECK_PAUSE_MS),
            until_ms: self
                .now_ms
                .saturating_add(self.options.how.failover_wait_ms),
        };
        let flight = self.flight(scheduled, machine, FlightState::Unclear(recheck));
        self.flights.insert(id, flight);
    }

    /// Where an unclear unit goes on, if that can be seen by now.
    pub(super) fn clear_up(&mut self, slot: u16, probe: &Probe, silent: Option<&Error>) {
        let Some(flight) = self.flights.get(&slot) else {
            return;
        };
        let (begun, entry) = (flight.scheduled.unit.clone(), flight.scheduled.entry);
        let is_ending = !self.goes_on_with(entry) || self.control == RunControl::Stop;
        // What is open already is better closed than held up by the dead.
        let silent = match entry {
            Entry::Fresh => silent.cloned(),
            _ => probe.silent_but_bystanders(&begun, &self.options),
        };
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let FlightState::Unclear(recheck) = flight.state().clone() else {
            return;
        };
        if !flight.is_begun() && is_ending {
            flight.turn(FlightState::Stranded);
            self.outcome.is_stopped |= self.surprise.is_none();
            return;
        }
        if !flight.is_begun() && (silent.is_some() || self.control == RunControl::Pause) {
            return self.wait_longer(slot, recheck);
        }
        match standing::of_unit(&probe.views, &self.options.shards, &begun) {
            Ok(UnitStanding::GoesOn(unit, entry)) => self.go_on(slot, recheck, unit, entry, probe),
            Ok(UnitStanding::Settled(owner)) => {
                if owner != Some(begun.source) {
                    return flight.turn(FlightState::Arrived);
                }
                // It is still at its source, and nobody has it open: it is opened again, unless the
                // target is a replica by now. Then its source, if that turned into a replica with
                // its last slot, may be its promoted replica; else a promoted replica that nobody
                // has heard may have keys.
                let is_primary = probe
                    .self_reports
                    .get(&begun.target)
                    .is_none_or(Node::is_primary);
                if is_primary {
                    return self.go_on(slot, recheck, begun, Entry::SourceOwns, probe);
                }
                let promoted =
                    promoted::in_place_of(&probe.views, &self.options.shards, begun.target);
                if promoted == Some(begun.source) {
                    flight.turn(FlightState::Arrived);
                } else {
                    self.wait_longer(slot, recheck);
                }
            }
            Err(error) => {
                let is_begun = flight.is_begun();
                match self.guard(probe).may_begin(&begun, entry) {
                    // Nothing of it is ours to wait for.
                    Verdict::Taken(taken, what, at) if !is_begun => {
                        let error = self.taken(&begun, taken, what, at);
                        self.strand(slot, error);
                    }
                    _ if self.now_ms >= recheck.until_ms => {
                        let message = format!("{}; {}", recheck.why.message(), error.message());
                        let stops = Error::new(recheck.why.kind(), message);
                        let stops = match error.fix_text() {
                            Some(fix) => stops.fix(fix),
                            None => stops,
                        };
                        self.strand(slot, stops);
                    }
                    _ => self.wait_longer(slot, recheck),
                }
            }
        }
    }

    /// Where a unit enters again: as one that nobody has begun to move, where that is so.
    fn entry_at(
        &self,
        slot: u16,
        unit: &Unit,
        entry: Entry,
        probe: &Probe,
    ) -> Result<Entry, Verdict> {
        let Some(flight) = self.flights.get(&slot) else {
            return Ok(entry);
        };
        if !flight.is_begun() {
            let is_fresh = flight.scheduled.entry == Entry::Fresh;
            return match self.guard(probe).may_begin(unit, flight.scheduled.entry) {
                Verdict::Ours if !is_fresh => Ok(entry),
                Verdict::Ours if entry == Entry::SourceOwns => Ok(Entry::Fresh),
                // Who owns it gossip has yet to tell the target.
                Verdict::Ours => Err(Verdict::RolesChanged("the target doesn't know yet")),
                other => Err(other),
            };
        }
        match self.guard(probe).may_begin(unit, entry) {
            Verdict::Ours => {}
            other => return Err(other),
        }
        let is_untouched = flight.machine.is_unopened() && *unit == flight.scheduled.unit;
        if entry == Entry::SourceOwns && is_untouched && probe.is_closed_at(unit.source, unit) {
            Ok(Entry::Fresh)
        } else {
            Ok(entry)
        }
    }

    pub(super) fn wait_longer(&mut self, slot: u16, mut recheck: Recheck) {
        // Nobody is late while the person pauses.
        if self.control == RunControl::Pause {
            recheck.until_ms = recheck.until_ms.max(self.now_ms.saturating_add(1));
        }
        if self.now_ms >= recheck.until_ms {
            return self.strand(slot, recheck.why);
        }
        recheck.due_ms = self.now_ms.saturating_add(RECHECK_PAUSE_MS);
        if let Some(flight) = self.flights.get_mut(&slot) {
            flight.turn(FlightState::Unclear(recheck));
        }
    }

    /// A unit goes on between its two nodes, from this entry; a route that isn't known is proven
    /// first.
    pub(super) fn go_on(
        &mut self,
        slot: u16,
        recheck: Recheck,
        unit: Unit,
        entry: Entry,
        probe: &Probe,
    ) {
        let entry = match self.entry_at(slot, &unit, entry, probe) {
            Ok(entry) => entry,
            Err(Verdict::Taken(which, what, at)) => {
                let error = self.taken(&unit, which, what, at);
                return self.strand(slot, error);
            }
            Err(_) => return self.wait_longer(slot, recheck),
        };
        let is_known = self.is_proven(&unit);
        let view = probe.views.get(&unit.source);
        let addr = view.and_then(|view| view.node(unit.target)?.addr.clone());
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        if flight.turn_to(unit) {
            let error = replaced_too_often(&flight.scheduled.unit, flight.replaced);
            return self.strand(slot, error);
        }
        match addr {
            _ if is_known => self.go_on_from(slot, entry),
            Some(addr) => flight.turn(FlightState::Proves {
                recheck,
                entry,
                addr,
            }),
            None => self.wait_longer(slot, recheck),
        }
    }

    pub(super) fn is_proven(&self, unit: &Unit) -> bool {
        let pair = unit.pair();
        self.options.routes.contains_key(&pair) && !self.unproven.contains(&pair)
    }

    pub(super) fn go_on_from(&mut self, slot: u16, entry: Entry) {
        let Some(flight) = self.flights.get(&slot) else {
            return;
        };
        let unit = flight.scheduled.unit.clone();
        let machine = match self.machine(&unit, entry) {
            Ok(machine) => machine.in_place_of(&flight.machine),
            Err(error) => return self.strand(slot, error),
        };
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        flight.before = flight.moved();
        flight.machine = machine;
        let is_recorded = flight.recorded.as_ref() == Some(&unit);
        flight.turn(if is_recorded {
            FlightState::Ready
        } else {
            FlightState::Recording
        });
        if !is_recorded {
            flight.recorded = Some(unit.clone());
            self.notes.push(Note::Begins(unit));
        }
    }

    /// Somebody answered where a new source reaches the target.
    pub(super) fn proven(&mut self, slot: u16, node: NodeId, replies: Result<Vec<Reply>>) {
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let FlightState::Proves {
            recheck,
            entry,
            addr,
        } = flight.state().clone()
        else {
            return;
        };
        let unit = flight.scheduled.unit.clone();
        let said = replies.and_then(|replies| match replies.into_iter().next() {
            Some(reply) => reply.text(&Verb::MyId),
            None => Err(Error::new(ErrorKind::Server, "MYID got no answer")),
        });
        match said {
            Ok(id) if node == unit.target && id == node.to_string() => {
                let pair = unit.pair();
                self.options.routes.insert(pair, addr);
                self.unproven.remove(&pair);
                self.go_on_from(slot, entry);
            }
            Ok(id) => {
                let message = format!(
                    "{unit}: {} answers at {addr}, expected {}",
                    NodeId::named_by(&id),
                    unit.target
                );
                self.strand(slot, Error::new(ErrorKind::Stopped, message));
            }
            Err(error) if self.now_ms >= recheck.until_ms => {
                let message = format!("{unit}: {}", error.message());
                self.strand(slot, Error::new(ErrorKind::Stopped, message));
            }
            Err(_) => self.wait_longer(slot, recheck),
        }
    }
}

fn replaced_too_often(unit: &Unit, times: u32) -> Error {
    let message = format!(
        "{unit}: another node took over from its source or its target {times} times while it \
         was moved"
    );
    Error::new(ErrorKind::Stopped, message).fix(
        "a key that takes longer than cluster-node-timeout stops its node for as long, and is back \
         with whoever takes over: raise cluster-node-timeout on every node (CONFIG SET)",
    )
}
