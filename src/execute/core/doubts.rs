//! Slots that can't go on before somebody has looked who is who.

use super::look::Look;
use super::schedule::Ticket;
use super::wish::{Doubt, Wish};
use super::{Core, Note, PersonsWish};
use crate::cluster::verb::{Reply, Verb};
use crate::cluster::{Node, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::guard::Verdict;
use crate::execute::heirs;
use crate::execute::mover::{AnyMover, Entry};
use crate::execute::resume::{self, Beliefs, Standing};

/// How often one slot may become unclear before it stops.
const MAX_DOUBTS: u32 = 12;
/// How long after a doubt the nodes are looked at; the doubts of one slot wait longer each time,
/// since a node that is replaced needs some seconds before it serves again.
const LOOK_PAUSE_MS: u64 = 200;
const LOOK_PAUSE_MAX_MS: u64 = 6_400;

impl Core {
    /// A slot that can't go on before somebody has looked who is who.
    pub(super) fn doubt(&mut self, slot: u16, why: Error) {
        let (now_ms, wait_ms) = (self.now_ms, self.options.how.failover_wait_ms);
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let doubts = flight.count_doubt();
        if doubts > MAX_DOUBTS {
            return match flight.machine.give_up(&why) {
                true => flight.turn(Wish::Ready),
                false => self.strand(slot, why),
            };
        }
        self.outcome.retries += 1;
        // Another server may listen where the target did: it is asked before keys go there again.
        let task = flight.ticket.task;
        self.unproven.insert((task.source, task.target));
        let pause_ms = (LOOK_PAUSE_MS << (doubts - 1)).min(LOOK_PAUSE_MAX_MS);
        flight.turn(Wish::Unclear(Doubt {
            why,
            due_ms: now_ms.saturating_add(pause_ms),
            until_ms: now_ms.saturating_add(wait_ms),
        }));
    }

    pub(super) fn doubt_for_silence(&mut self, slot: u16, silent: &Error) {
        let message = format!("slot {slot}: {}", silent.message());
        self.doubt(slot, Error::new(ErrorKind::Stopped, message));
    }

    /// A slot whose turn has come while a node is gone: it begins when that has cleared up.
    pub(super) fn put_off(&mut self, ticket: Ticket, machine: AnyMover, why: &str) {
        let slot = ticket.task.slot;
        let doubt = Doubt {
            why: Error::new(ErrorKind::Unsafe, format!("slot {slot}: {why}")),
            due_ms: self.now_ms.saturating_add(LOOK_PAUSE_MS),
            until_ms: self
                .now_ms
                .saturating_add(self.options.how.failover_wait_ms),
        };
        let flight = self.flight(ticket, machine, Wish::Unclear(doubt));
        self.flights.insert(slot.number(), flight);
    }

    /// Where an unclear slot goes on, if that can be seen by now.
    pub(super) fn clear_up(&mut self, slot: u16, look: &Look, silent: Option<&Error>) {
        let Some(ticket) = self.flights.get(&slot).map(|flight| flight.ticket) else {
            return;
        };
        let is_ending = !self.goes_on_with(ticket.entry) || self.wish == PersonsWish::Stop;
        // What is open already is better closed than held up by the dead.
        let silent = match ticket.entry {
            Entry::Fresh => silent.cloned(),
            _ => look.silent_but_bystanders(ticket.task, &self.options),
        };
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let Wish::Unclear(doubt) = flight.wish().clone() else {
            return;
        };
        let begun = flight.ticket.task;
        if !flight.is_begun() && is_ending {
            flight.turn(Wish::Stranded);
            self.outcome.is_stopped |= self.surprise.is_none();
            return;
        }
        if !flight.is_begun() && (silent.is_some() || self.wish == PersonsWish::Pause) {
            return self.wait_longer(slot, doubt);
        }
        let beliefs = Beliefs {
            views: &look.views,
            families: &self.options.families,
        };
        match resume::standing_in(beliefs, begun) {
            Ok(Standing::GoesOn(task, entry)) => self.go_on(slot, doubt, task, entry, look),
            Ok(Standing::Settled) => {
                let views = &look.views;
                let view = views.get(&begun.target);
                let owner = view.and_then(|view| view.map().owner(begun.slot));
                if owner != Some(begun.source) {
                    return flight.turn(Wish::Arrived);
                }
                // It is still at its source, and nobody has it open: it is opened again, unless the
                // target is a replica by now. Then its source, if that turned into a replica with
                // its last slot, may be its heir; else an heir that nobody has heard may have keys.
                let is_primary = look.selves.get(&begun.target).is_none_or(Node::is_primary);
                let heir = heirs::took_over(views, &self.options.families, begun.target);
                match (is_primary, heir == Some(begun.source)) {
                    (true, _) => self.go_on(slot, doubt, begun, Entry::SourceOwns, look),
                    (false, true) => flight.turn(Wish::Arrived),
                    (false, false) => self.wait_longer(slot, doubt),
                }
            }
            Err(error) => {
                if self.now_ms >= doubt.until_ms {
                    let message = format!("{}; {}", doubt.why.message(), error.message());
                    return self.strand(slot, Error::new(doubt.why.kind(), message));
                }
                self.wait_longer(slot, doubt);
            }
        }
    }

    /// Where a slot enters again: as one that nobody has begun to move, where that is so.
    fn entry_at(&self, slot: u16, task: Move, entry: Entry, look: &Look) -> Result<Entry, Verdict> {
        let Some(flight) = self.flights.get(&slot) else {
            return Ok(entry);
        };
        if !flight.is_begun() {
            let is_fresh = flight.ticket.entry == Entry::Fresh;
            return match self.sight(look).may_begin(task, flight.ticket.entry) {
                Verdict::Ours if !is_fresh => Ok(entry),
                Verdict::Ours if entry == Entry::SourceOwns => Ok(Entry::Fresh),
                // Who owns it gossip has yet to tell the target.
                Verdict::Ours => Err(Verdict::RolesChanged("the target doesn't know yet")),
                other => Err(other),
            };
        }
        match self.sight(look).may_begin(task, entry) {
            Verdict::Ours => {}
            other => return Err(other),
        }
        let is_untouched = flight.machine.is_unopened() && task == flight.ticket.task;
        match entry == Entry::SourceOwns && is_untouched && look.is_closed_at(task.source, slot) {
            true => Ok(Entry::Fresh),
            false => Ok(entry),
        }
    }

    pub(super) fn wait_longer(&mut self, slot: u16, mut doubt: Doubt) {
        // Nobody is late while the person pauses.
        if self.wish == PersonsWish::Pause {
            doubt.until_ms = doubt.until_ms.max(self.now_ms.saturating_add(1));
        }
        if self.now_ms >= doubt.until_ms {
            return self.strand(slot, doubt.why);
        }
        doubt.due_ms = self.now_ms.saturating_add(LOOK_PAUSE_MS);
        if let Some(flight) = self.flights.get_mut(&slot) {
            flight.turn(Wish::Unclear(doubt));
        }
    }

    /// A slot goes on between these two, from this entry; a route that isn't known is proven first.
    pub(super) fn go_on(&mut self, slot: u16, doubt: Doubt, task: Move, entry: Entry, look: &Look) {
        let entry = match self.entry_at(slot, task, entry, look) {
            Ok(entry) => entry,
            Err(Verdict::Taken(what, at)) => {
                let error = self.taken(task, what, at);
                return self.strand(slot, error);
            }
            Err(_) => return self.wait_longer(slot, doubt),
        };
        let is_known = self.is_proven(task);
        let view = look.views.get(&task.source);
        let addr = view.and_then(|view| view.node(task.target)?.addr.clone());
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        if flight.turn_to(task) {
            let error = replaced_too_often(slot, flight.replaced);
            return self.strand(slot, error);
        }
        match addr {
            _ if is_known => self.go_on_from(slot, entry),
            Some(addr) => flight.turn(Wish::Proves { doubt, entry, addr }),
            None => self.wait_longer(slot, doubt),
        }
    }

    pub(super) fn is_proven(&self, task: Move) -> bool {
        let pair = (task.source, task.target);
        self.options.routes.contains_key(&pair) && !self.unproven.contains(&pair)
    }

    pub(super) fn go_on_from(&mut self, slot: u16, entry: Entry) {
        let Some(flight) = self.flights.get(&slot) else {
            return;
        };
        let ticket = flight.ticket;
        let machine = match self.machine(ticket.task, entry) {
            Ok(machine) => machine.in_place_of(&flight.machine),
            Err(error) => return self.strand(slot, error),
        };
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        flight.before = flight.moved();
        *flight.machine = machine;
        let is_recorded = flight.recorded == Some(ticket.task);
        flight.turn(match is_recorded {
            true => Wish::Ready,
            false => Wish::Recording,
        });
        flight.recorded = Some(ticket.task);
        if !is_recorded {
            self.notes.push(Note::Begins(ticket.task));
        }
    }

    /// Somebody answered where a new source reaches the target.
    pub(super) fn proven(&mut self, slot: u16, node: NodeId, replies: Result<Vec<Reply>>) {
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let Wish::Proves { doubt, entry, addr } = flight.wish().clone() else {
            return;
        };
        let task = flight.ticket.task;
        let said = replies.and_then(|replies| match replies.into_iter().next() {
            Some(reply) => reply.text(&Verb::MyId),
            None => Err(Error::new(ErrorKind::Server, "MYID got no answer")),
        });
        match said {
            Ok(id) if node == task.target && id == node.to_string() => {
                let pair = (task.source, task.target);
                self.options.routes.insert(pair, addr);
                self.unproven.remove(&pair);
                self.go_on_from(slot, entry);
            }
            Ok(id) => {
                let message = format!(
                    "slot {slot}: {} answers at {addr}, expected {}",
                    NodeId::named_by(&id),
                    task.target
                );
                self.strand(slot, Error::new(ErrorKind::Stopped, message));
            }
            Err(error) if self.now_ms >= doubt.until_ms => {
                let message = format!("slot {slot}: {}", error.message());
                self.strand(slot, Error::new(ErrorKind::Stopped, message));
            }
            Err(_) => self.wait_longer(slot, doubt),
        }
    }
}

fn replaced_too_often(slot: u16, times: u32) -> Error {
    let message = format!(
        "slot {slot}: another node took over from its source or its target {times} times while it \
         was moved"
    );
    Error::new(ErrorKind::Stopped, message).mend(
        "a key that takes longer than cluster-node-timeout stops its node for as long, and is back \
         with whoever takes over: raise cluster-node-timeout on every node (CONFIG SET)",
    )
}
