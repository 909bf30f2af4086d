//! A run without I/O: replies, the time and the person's wishes go in;
//! commands, journal records and progress come out.
//!
//! A driver asks [`Core::poll`] what to do, does it, and tells what came of
//! it: [`Core::recorded`], [`Core::answered`], [`Core::lost`]. Real
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
//! under way side by side. A slot is a [`SlotMove`] in a `Flight`; which slots
//! begin is for the `Schedule`, and every look at who owns what (before a slot
//! is opened, before its target is told, when a node may have failed over) is
//! a `Look`, which asks the nodes through the same writes.
//!
//! The core makes no choices. At the first surprise it begins nothing new,
//! lets the other slots in hand arrive, and ends with the surprise.

mod debug;
mod flight;
mod look;
mod pace;
mod schedule;
mod settings;

pub use pace::Limits;
pub use settings::{Event, Options, Outcome, Wish as PersonsWish};

use super::Move;
use super::guard::{self, Verdict};
use super::resume::{self, Beliefs, Standing};
use super::slot_move::{Entry, Halt, SlotMove};
use crate::cluster::verb::{Reply, Verb};
use crate::cluster::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use flight::{Doubt, Flight, Wish};
use look::Look;
use pace::{Judgement, Pace};
use schedule::{Bounds, Schedule, Ticket};
use std::collections::BTreeMap;

/// How often one slot may become unclear before it stops.
const MAX_DOUBTS: u32 = 12;
/// How long after a doubt the nodes are looked at.
const LOOK_PAUSE_MS: u64 = 200;

/// What a driver has to do next.
#[derive(Debug)]
pub enum Step {
    /// Write these down; when one of them begins a move, let it reach the disk. Then
    /// [`Core::recorded`].
    Record(Vec<Note>),
    /// Send these verbs to a node in one write; later [`Core::answered`] or [`Core::lost`].
    Ask {
        /// The node.
        node: NodeId,
        /// Another address than the node's own: a connection that is made for this question.
        at: Option<NodeAddr>,
        /// The verbs.
        verbs: Vec<Verb>,
    },
    /// Nothing can be sent before this moment (in the driver's milliseconds), or before an answer.
    Wait {
        /// The moment; none when only an answer can help.
        until_ms: Option<u64>,
    },
    /// It is over: [`Core::into_result`].
    End,
}

/// What the journal has to remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A slot is about to be opened: on disk before the first command goes out.
    Begins(Move),
    /// A slot is where it should be.
    Ends(Move),
}

/// Which part of a write is whose.
#[derive(Clone, Debug)]
enum Part {
    Flight(u16),
    Look,
    Proof(u16),
}

/// A write under way.
#[derive(Clone, Debug)]
struct Sent {
    parts: Vec<(Part, usize)>,
    at_ms: u64,
    keys: u64,
}

/// A run.
#[derive(Clone)]
pub struct Core {
    options: Options,
    schedule: Schedule,
    flights: BTreeMap<u16, Flight>,
    writes: BTreeMap<NodeId, Sent>,
    look: Option<Look>,
    notes: Vec<Note>,
    /// The slots whose records are being written.
    recording: Option<Vec<u16>>,
    events: Vec<Event>,
    pace: Pace,
    outcome: Outcome,
    surprise: Option<Error>,
    has_begun: bool,
    wish: PersonsWish,
    now_ms: u64,
}

impl Core {
    /// A run of these moves, begun in this order as far as their nodes allow it.
    pub fn new(tasks: &[(Move, Entry)], options: Options, now_ms: u64) -> Core {
        Core {
            schedule: Schedule::new(tasks),
            flights: BTreeMap::new(),
            writes: BTreeMap::new(),
            look: None,
            notes: Vec::new(),
            recording: None,
            events: Vec::new(),
            pace: Pace::new(options.limits, options.keys_per_migrate, now_ms),
            outcome: Outcome::default(),
            surprise: None,
            has_begun: false,
            wish: PersonsWish::GoOn,
            now_ms,
            options,
        }
    }

    /// What the person wants from now on.
    pub fn wish(&mut self, wish: PersonsWish) {
        self.wish = wish;
    }

    /// What happened since the last call, in order.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// What the run did, after [`Step::End`].
    ///
    /// # Errors
    /// [`ErrorKind::Stopped`] with the first surprise; another kind when nothing had begun.
    pub fn into_result(self) -> Result<Outcome> {
        match self.surprise {
            Some(surprise) => Err(surprise),
            None => Ok(self.outcome),
        }
    }

    /// What to do next.
    pub fn poll(&mut self, now_ms: u64) -> Step {
        self.now_ms = self.now_ms.max(now_ms);
        if self.wish == PersonsWish::StopAtOnce {
            self.outcome.is_stopped = true;
            return Step::End;
        }
        loop {
            if let Some(step) = self.record() {
                return step;
            }
            let keys = self.keys_per_migrate();
            for flight in self.flights.values_mut() {
                flight.make_wish(self.now_ms, keys, self.options.failover_wait_ms);
            }
            // What has landed may have left a record.
            if !self.land() {
                break;
            }
        }
        self.begin_look();
        match self.next_write() {
            Some(step) => step,
            None if self.is_over() => Step::End,
            None => Step::Wait {
                until_ms: self.next_moment(),
            },
        }
    }

    /// The records of the last [`Step::Record`] are on disk, or couldn't be written.
    pub fn recorded(&mut self, written: Result<()>) {
        let slots = self.recording.take().unwrap_or_default();
        let is_written = written.is_ok();
        if let Err(error) = written {
            self.trip(error);
        }
        for slot in slots {
            let Some(flight) = self.flights.get_mut(&slot) else {
                continue;
            };
            if matches!(flight.wish, Wish::Recording) {
                flight.wish = match is_written {
                    true => Wish::Ready,
                    false => Wish::Stranded,
                };
                let task = flight.ticket.task;
                self.has_begun |= is_written;
                self.events.push(Event::Begins(task));
            }
        }
    }

    /// A node answered: a reply for each verb of the last [`Step::Ask`] to it.
    pub fn answered(&mut self, node: NodeId, replies: Vec<Reply>, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        let Some(sent) = self.writes.remove(&node) else {
            return;
        };
        if sent.keys > 0 {
            let took = self.now_ms.saturating_sub(sent.at_ms);
            let judgement = self.pace.took(took, self.now_ms);
            self.outcome.largest_stall_ms = self.pace.largest_stall_ms();
            if judgement == Judgement::TooSlow {
                self.trip(self.too_slow(node));
            }
        }
        let mut replies = replies.into_iter();
        for (part, count) in sent.parts {
            let answers: Vec<Reply> = replies.by_ref().take(count).collect();
            match part {
                Part::Flight(slot) => self.hand_over(slot, answers),
                Part::Look => self.looked(node, Ok(answers)),
                Part::Proof(slot) => self.proven(slot, node, Ok(answers)),
            }
        }
    }

    /// The link to a node broke, or couldn't be made: nobody knows how much of the write was
    /// carried out.
    pub fn lost(&mut self, node: NodeId, error: Error, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        let Some(sent) = self.writes.remove(&node) else {
            return;
        };
        for (part, _) in sent.parts {
            let error = Error::new(error.kind(), error.message());
            match part {
                Part::Look => self.looked(node, Err(error)),
                Part::Proof(slot) => self.proven(slot, node, Err(error)),
                Part::Flight(slot) => {
                    let Some(flight) = self.flights.get_mut(&slot) else {
                        continue;
                    };
                    if flight.machine.pass_over() {
                        flight.wish = Wish::Ready;
                        continue;
                    }
                    let why = error
                        .context(format!("slot {slot}"))
                        .of_kind(ErrorKind::Stopped);
                    self.doubt(slot, why);
                }
            }
        }
    }

    /// The records that must be written before anything else.
    fn record(&mut self) -> Option<Step> {
        if self.notes.is_empty() || self.recording.is_some() {
            return None;
        }
        let notes = std::mem::take(&mut self.notes);
        let begins = |note: &Note| match note {
            Note::Begins(task) => Some(task.slot.number()),
            Note::Ends(_) => None,
        };
        self.recording = Some(notes.iter().filter_map(begins).collect());
        Some(Step::Record(notes))
    }

    fn keys_per_migrate(&self) -> u32 {
        self.pace.keys_now().min(self.options.keys_per_migrate)
    }

    /// Whether slots may still begin.
    fn may_begin(&self) -> bool {
        self.surprise.is_none() && self.wish == PersonsWish::GoOn && !self.schedule.is_empty()
    }

    fn is_over(&mut self) -> bool {
        let is_idle = self.flights.is_empty() && self.look.is_none() && self.writes.is_empty();
        let rests = self.wish == PersonsWish::Pause && self.surprise.is_none();
        if !is_idle || self.may_begin() || (rests && !self.schedule.is_empty()) {
            return false;
        }
        self.outcome.is_stopped |= !self.schedule.is_empty() && self.surprise.is_none();
        true
    }

    /// Remembers the first surprise; once something has begun, it means that the run stopped.
    fn trip(&mut self, error: Error) {
        let kind = match self.has_begun {
            true => ErrorKind::Stopped,
            false => error.kind(),
        };
        self.surprise.get_or_insert_with(|| error.of_kind(kind));
    }

    fn strand(&mut self, slot: u16, error: Error) {
        if let Some(flight) = self.flights.get_mut(&slot) {
            flight.wish = Wish::Stranded;
        }
        self.trip(error);
    }

    fn hand_over(&mut self, slot: u16, replies: Vec<Reply>) {
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let before = flight.moved();
        flight.wish = Wish::Ready;
        let answered = flight.machine.answer(replies);
        let after = flight.moved();
        if after != before {
            let task = flight.ticket.task;
            let (keys, bytes) = after;
            self.events.push(Event::Moved { task, keys, bytes });
        }
        match answered {
            Ok(()) => {}
            Err(Halt::Stop(error)) => self.strand(slot, error),
            Err(Halt::Unclear(error)) => self.doubt(slot, error),
        }
    }

    /// A slot that can't go on before somebody has looked who is who.
    fn doubt(&mut self, slot: u16, why: Error) {
        let (now_ms, wait_ms) = (self.now_ms, self.options.failover_wait_ms);
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        flight.doubts += 1;
        if flight.doubts > MAX_DOUBTS {
            return self.strand(slot, why);
        }
        self.outcome.retries += 1;
        flight.wish = Wish::Unclear(Doubt {
            why,
            due_ms: now_ms.saturating_add(LOOK_PAUSE_MS),
            until_ms: now_ms.saturating_add(wait_ms),
        });
    }

    /// Takes out what has arrived and what can't go on; whether a record is to be written.
    fn land(&mut self) -> bool {
        let is_out = |flight: &Flight| matches!(flight.wish, Wish::Arrived | Wish::Stranded);
        let out: Vec<u16> = self
            .flights
            .iter()
            .filter(|(_, flight)| is_out(flight))
            .map(|(slot, _)| *slot)
            .collect();
        let before = self.notes.len();
        for slot in out {
            let Some(flight) = self.flights.remove(&slot) else {
                continue;
            };
            let (keys, bytes) = flight.moved();
            if !matches!(flight.wish, Wish::Arrived) {
                self.schedule.leave(&flight.ticket);
                continue;
            }
            self.outcome.slots += 1;
            self.outcome.keys = self.outcome.keys.saturating_add(keys);
            self.outcome.bytes = self.outcome.bytes.saturating_add(bytes);
            self.outcome.conflicts += flight.machine.conflicts();
            let task = flight.ticket.task;
            self.events.push(Event::Ended { task, keys, bytes });
            self.notes.push(Note::Ends(task));
            self.schedule.end(&flight.ticket);
        }
        self.notes.len() > before
    }

    /// Begins a look when somebody needs one: slots that want to begin, to be confirmed, or to
    /// know where they stand.
    fn begin_look(&mut self) {
        if self.look.is_some() {
            return;
        }
        let begins = match self.may_begin() {
            true => self.schedule.take(Bounds {
                slots_per_pair: self.options.slots_at_once,
                pairs_per_node: self.options.pairs_per_node,
            }),
            false => Vec::new(),
        };
        let now_ms = self.now_ms;
        let slots = |wanted: &dyn Fn(&Wish) -> bool| -> Vec<u16> {
            let flights = self.flights.iter();
            let wanted = flights.filter(|(_, flight)| wanted(&flight.wish));
            wanted.map(|(slot, _)| *slot).collect()
        };
        let claims = slots(&|wish| matches!(wish, Wish::Claims));
        let confirms = slots(&|wish| matches!(wish, Wish::Confirms));
        let doubts = slots(&|wish| matches!(wish, Wish::Unclear(doubt) if doubt.due_ms <= now_ms));
        let for_slots = [claims, confirms, doubts];
        if begins.is_empty() && for_slots.iter().all(Vec::is_empty) {
            return;
        }
        // Only a primary can have a slot open. Who is one may change: a doubt is about just that.
        let nodes = match for_slots[2].is_empty() {
            true => self.options.primaries.clone(),
            false => self.options.names.keys().copied().collect(),
        };
        self.look = Some(Look::new(nodes, begins, for_slots));
    }

    fn looked(&mut self, node: NodeId, replies: Result<Vec<Reply>>) {
        let text = replies.and_then(|replies| {
            let reply = replies.into_iter().next();
            let missing = || Error::new(ErrorKind::Server, "CLUSTER NODES got no answer");
            reply.ok_or_else(missing)?.text(&Verb::Nodes)
        });
        let Some(look) = &mut self.look else {
            return;
        };
        look.heard(node, text);
        if look.is_complete()
            && let Some(look) = self.look.take()
        {
            self.judge(look);
        }
    }

    /// Everybody has said what they believe.
    fn judge(&mut self, look: Look) {
        // A node that is silent and that somebody else has not yet given up may have a slot open.
        let silent = look.silent_primary(&self.options);
        for slot in &look.doubts {
            self.clear_up(*slot, &look);
        }
        if !look.doubts.is_empty() {
            self.options.primaries = look.primaries_now(&self.options);
        }
        for slot in &look.claims {
            self.claim(*slot, &look, silent.as_ref());
        }
        for slot in &look.confirms {
            self.confirm(*slot, &look, silent.as_ref());
        }
        self.begin(&look, silent);
    }

    fn claim(&mut self, slot: u16, look: &Look, silent: Option<&Error>) {
        let Some(flight) = self.flights.get(&slot) else {
            return;
        };
        let task = flight.ticket.task;
        if let Some(error) = silent {
            return self.doubt_for_silence(slot, error);
        }
        let refusal = match guard::may_open(&look.selves, task) {
            Verdict::Ours => None,
            Verdict::RolesChanged(what) => {
                let message = format!("slot {slot}: {what}");
                return self.doubt(slot, Error::new(ErrorKind::Stopped, message));
            }
            Verdict::Taken(what, at) => Some(self.taken(task, what, at).one_line()),
        };
        if let Some(flight) = self.flights.get_mut(&slot) {
            match refusal {
                None => flight.machine.claimed(),
                Some(why) => flight.machine.withdraw(why),
            }
            flight.wish = Wish::Ready;
        }
    }

    fn doubt_for_silence(&mut self, slot: u16, silent: &Error) {
        let message = format!("slot {slot}: {}", silent.message());
        self.doubt(slot, Error::new(ErrorKind::Stopped, message));
    }

    fn confirm(&mut self, slot: u16, look: &Look, silent: Option<&Error>) {
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let task = flight.ticket.task;
        if let Some(error) = silent {
            return self.doubt_for_silence(slot, error);
        }
        match guard::may_own(&look.selves, task) {
            Verdict::Ours => {
                let is_other = |id: &NodeId| *id != task.source && *id != task.target;
                let others = look.primaries().filter(is_other).collect();
                flight.machine.confirmed(others);
                flight.wish = Wish::Ready;
            }
            Verdict::RolesChanged(what) => {
                let message = format!("slot {slot}: {what}");
                self.doubt(slot, Error::new(ErrorKind::Stopped, message));
            }
            Verdict::Taken(what, at) => {
                let error = self.taken(task, what, at).of_kind(ErrorKind::Stopped);
                self.strand(slot, error);
            }
        }
    }

    fn begin(&mut self, look: &Look, silent: Option<Error>) {
        if let Some(error) = silent.filter(|_| !look.begins.is_empty()) {
            look.begins
                .iter()
                .for_each(|ticket| self.schedule.leave(ticket));
            return self.trip(error);
        }
        for ticket in &look.begins {
            let task = ticket.task;
            if self.surprise.is_some() {
                self.schedule.leave(ticket);
                continue;
            }
            let fit = match guard::may_begin(&look.selves, task, ticket.entry) {
                Verdict::Ours => self.machine(task, ticket.entry),
                Verdict::RolesChanged(what) => Err(self.taken(task, what, None)),
                Verdict::Taken(what, at) => Err(self.taken(task, what, at)),
            };
            match fit {
                Ok(machine) => self.take_off(*ticket, machine, (0, 0), 0),
                Err(error) => {
                    self.schedule.leave(ticket);
                    self.trip(error);
                }
            }
        }
    }

    /// A slot is in hand from here on; its record comes first.
    fn take_off(&mut self, ticket: Ticket, machine: SlotMove, before: (u64, u64), doubts: u32) {
        self.notes.push(Note::Begins(ticket.task));
        self.flights.insert(
            ticket.task.slot.number(),
            Flight {
                ticket,
                machine,
                wish: Wish::Recording,
                before,
                doubts,
            },
        );
    }

    fn machine(&self, task: Move, entry: Entry) -> Result<SlotMove> {
        let settings = self.options.settings(task)?;
        Ok(SlotMove::new(task, settings, entry))
    }

    /// Where an unclear slot goes on, if that can be seen by now.
    fn clear_up(&mut self, slot: u16, look: &Look) {
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let Wish::Unclear(doubt) = std::mem::replace(&mut flight.wish, Wish::Ready) else {
            return;
        };
        let begun = flight.ticket.task;
        let beliefs = Beliefs {
            views: &look.views,
            families: &self.options.families,
        };
        match resume::standing_in(beliefs, begun) {
            Ok(Standing::GoesOn(task, entry)) => self.go_on(slot, doubt, task, entry, look),
            Ok(Standing::Settled) => {
                let owner = look
                    .views
                    .get(&begun.target)
                    .and_then(|view| view.map().owner(begun.slot));
                // Nobody has it open, and it is still at its source: it is opened again.
                match owner == Some(begun.source) {
                    true => self.go_on(slot, doubt, begun, Entry::SourceOwns, look),
                    false => flight.wish = Wish::Arrived,
                }
            }
            Err(error) => {
                if self.now_ms >= doubt.until_ms {
                    let message = format!("{}; {}", doubt.why.message(), error.message());
                    return self.strand(slot, Error::new(ErrorKind::Stopped, message));
                }
                self.wait_longer(slot, doubt);
            }
        }
    }

    fn wait_longer(&mut self, slot: u16, mut doubt: Doubt) {
        doubt.due_ms = self.now_ms.saturating_add(LOOK_PAUSE_MS);
        if let Some(flight) = self.flights.get_mut(&slot) {
            flight.wish = Wish::Unclear(doubt);
        }
    }

    /// A slot goes on between these two, from this entry; a route that isn't known is proven first.
    fn go_on(&mut self, slot: u16, doubt: Doubt, task: Move, entry: Entry, look: &Look) {
        let is_known = self
            .options
            .routes
            .contains_key(&(task.source, task.target));
        let view = look.views.get(&task.source);
        let addr = view.and_then(|view| view.node(task.target)?.addr.clone());
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let is_same = flight.ticket.task == task;
        flight.ticket.task = task;
        match addr {
            _ if is_known => self.go_on_from(slot, entry, is_same),
            Some(addr) => flight.wish = Wish::Proves { doubt, entry, addr },
            None => self.wait_longer(slot, doubt),
        }
    }

    fn go_on_from(&mut self, slot: u16, entry: Entry, is_same: bool) {
        let Some(flight) = self.flights.get(&slot) else {
            return;
        };
        let (ticket, before, doubts) = (flight.ticket, flight.moved(), flight.doubts);
        match self.machine(ticket.task, entry) {
            Ok(machine) => {
                self.take_off(ticket, machine, before, doubts);
                if is_same && let Some(flight) = self.flights.get_mut(&slot) {
                    // Its record stands already.
                    self.notes.pop();
                    flight.wish = Wish::Ready;
                }
            }
            Err(error) => self.strand(slot, error),
        }
    }

    /// Somebody answered where a new source reaches the target.
    fn proven(&mut self, slot: u16, node: NodeId, replies: Result<Vec<Reply>>) {
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let Wish::Proves { doubt, entry, addr } = std::mem::replace(&mut flight.wish, Wish::Ready)
        else {
            return;
        };
        let task = flight.ticket.task;
        let said = replies.and_then(|replies| match replies.into_iter().next() {
            Some(reply) => reply.text(&Verb::MyId),
            None => Err(Error::new(ErrorKind::Server, "MYID got no answer")),
        });
        match said {
            Ok(id) if node == task.target && id == node.to_string() => {
                self.options.routes.insert((task.source, task.target), addr);
                self.go_on_from(slot, entry, false);
            }
            Ok(id) => {
                let message = format!(
                    "slot {slot}: node {id} answers at {addr}, expected {}",
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

    /// The next write to a node that has none under way.
    fn next_write(&mut self) -> Option<Step> {
        if let Some((slot, node, addr)) = self.next_proof() {
            let parts = vec![(Part::Proof(slot), vec![Verb::MyId])];
            return Some(self.send(node, Some(addr), parts, 0));
        }
        let asked = self.look.as_mut().and_then(|look| {
            let free = |id: &NodeId| !self.writes.contains_key(id);
            look.next(free)
        });
        let node = match asked {
            Some(node) => Some(node),
            None => self.next_node(),
        }?;
        let mut parts: Vec<(Part, Vec<Verb>)> = Vec::new();
        if asked.is_some() {
            parts.push((Part::Look, vec![Verb::Nodes]));
        }
        let (slots, keys) = self.wishes_for(node);
        for slot in slots {
            if let Some(flight) = self.flights.get_mut(&slot) {
                parts.push((Part::Flight(slot), flight.take_verbs()));
            }
        }
        Some(self.send(node, None, parts, keys))
    }

    fn send(
        &mut self,
        node: NodeId,
        at: Option<NodeAddr>,
        parts: Vec<(Part, Vec<Verb>)>,
        keys: u64,
    ) -> Step {
        let sent = Sent {
            parts: parts
                .iter()
                .map(|(part, verbs)| (part.clone(), verbs.len()))
                .collect(),
            at_ms: self.now_ms,
            keys,
        };
        self.writes.insert(node, sent);
        let verbs = parts.into_iter().flat_map(|(_, verbs)| verbs).collect();
        Step::Ask { node, at, verbs }
    }

    fn next_proof(&self) -> Option<(u16, NodeId, NodeAddr)> {
        self.flights.iter().find_map(|(slot, flight)| {
            let Wish::Proves { addr, .. } = &flight.wish else {
                return None;
            };
            let node = flight.ticket.task.target;
            (!self.writes.contains_key(&node)).then(|| (*slot, node, addr.clone()))
        })
    }

    /// A node that somebody wants to ask something, and may.
    fn next_node(&mut self) -> Option<NodeId> {
        let (now_ms, ready) = (self.now_ms, self.pace.ready_at(self.now_ms));
        let is_held = self.wish == PersonsWish::Pause;
        self.flights.values().find_map(|flight| match &flight.wish {
            Wish::Asks { node, .. } if !self.writes.contains_key(node) => {
                let sends = flight.machine.batch().0 > 0;
                (!sends || (ready <= now_ms && !is_held)).then_some(*node)
            }
            _ => None,
        })
    }

    /// The slots whose wish goes into the next write to a node, and how many keys that sends.
    fn wishes_for(&mut self, node: NodeId) -> (Vec<u16>, u64) {
        let most = u64::from(self.keys_per_migrate());
        let (now_ms, is_held) = (self.now_ms, self.wish == PersonsWish::Pause);
        let (mut slots, mut sum) = (Vec::new(), 0);
        for (slot, flight) in &self.flights {
            if !matches!(&flight.wish, Wish::Asks { node: wanted, .. } if *wanted == node) {
                continue;
            }
            let (keys, bytes) = flight.machine.batch();
            if keys > 0 {
                // A wish above the limit goes alone: each makes headway in some round.
                let fits = sum == 0 || sum + keys <= most;
                if is_held || !fits || self.pace.ready_at(now_ms) > now_ms {
                    continue;
                }
                sum += keys;
                self.pace.sends(keys, bytes);
            }
            slots.push(*slot);
        }
        (slots, sum)
    }

    /// When something can be sent again without an answer.
    fn next_moment(&mut self) -> Option<u64> {
        let ready = self.pace.ready_at(self.now_ms);
        let is_held = self.wish == PersonsWish::Pause;
        let moments = self
            .flights
            .values()
            .filter_map(|flight| match &flight.wish {
                Wish::Until(moment) => Some(*moment),
                Wish::Unclear(doubt) => Some(doubt.due_ms),
                Wish::Asks { node, .. } if !self.writes.contains_key(node) && !is_held => {
                    Some(ready)
                }
                _ => None,
            });
        moments.min()
    }

    fn taken(&self, task: Move, what: &str, at: Option<NodeId>) -> Error {
        let on = at.map(|id| format!(" on {}", self.options.name(id)));
        let message = format!(
            "slot {} {what}{} (to be moved from {} to {})",
            task.slot,
            on.unwrap_or_default(),
            self.options.name(task.source),
            self.options.name(task.target)
        );
        Error::new(ErrorKind::Unsafe, message)
            .mend("let the other tool finish, then make a new plan")
    }

    fn too_slow(&self, node: NodeId) -> Error {
        let message = format!(
            "{} is held up for longer than {} ms even by one key at a time",
            self.options.name(node),
            self.options.limits.max_latency_ms.unwrap_or_default()
        );
        Error::new(ErrorKind::Stopped, message)
            .mend("wait until it is less loaded, or allow more with --max-latency-ms")
    }
}
