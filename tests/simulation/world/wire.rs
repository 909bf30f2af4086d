//! What the tool sends, where it arrives, and what the tool hears of it.

use super::{Fault, World};
use crate::model::{At, Cluster};
use slotkit::cluster::verb::{Reply, SetSlot, Verb};
use slotkit::cluster::{NodeAddr, NodeId};
use slotkit::error::{Error, ErrorKind};
use slotkit::execute::core::{Core, Effect, Event, Outcome};
use slotkit::slot::Slot;

/// A write under way.
#[derive(Clone)]
pub(super) struct Message {
    pub node: At,
    pub at: Option<NodeAddr>,
    pub verbs: Vec<Verb>,
    /// The replies, when the node has done it; an error when the link broke.
    pub done: Option<Result<Vec<Reply>, Error>>,
    /// Whether it lies whole in the buffers of a node that stands still.
    pub waits: bool,
    pub sent_ms: u64,
    /// The promoted replicas of whom the tool had heard when it was sent, and those of whom it
    /// hears by it.
    pub seen: Vec<(At, Slot)>,
    pub sees: Vec<(At, Slot)>,
}

impl World {
    /// Does what the core says, until it waits; the end when it ends.
    pub(super) fn core_step(&mut self) -> Option<Result<Outcome, Error>> {
        loop {
            let core = self.core.as_mut()?;
            match core.poll(self.now_ms) {
                Effect::Record(notes) => {
                    let written = self.journal.note(&notes);
                    core.recorded(written);
                    if self.journal.storage_mut().has_killed() {
                        self.kill();
                        return None;
                    }
                }
                // What a source counts changes nothing: where every interleaving is tried it is
                // answered at once.
                Effect::Ask { node, verbs, .. }
                    if self.tries_all && matches!(verbs.first(), Some(Verb::Info("server"))) =>
                {
                    let at = self.cluster.at(node).expect("a node");
                    if self.cluster.nodes[at].is_alive {
                        let cluster = &mut self.cluster;
                        let replies = verbs.iter().map(|verb| cluster.answer(at, verb));
                        core.answered(node, replies.collect(), self.now_ms);
                    } else {
                        core.lost(node, broken(), self.now_ms);
                    }
                }
                Effect::Ask { node, at, verbs } => {
                    let node = self.cluster.at(node).expect("a node");
                    self.tell(|| format!("ask {node}: {}", words(&verbs)));
                    self.messages.push(Message {
                        node,
                        at,
                        verbs,
                        done: None,
                        waits: false,
                        sent_ms: self.now_ms,
                        seen: self.cluster.windows.seen(),
                        sees: Vec::new(),
                    });
                }
                Effect::Wait { until_ms } => {
                    self.wake_ms = until_ms;
                    if self.messages.is_empty() && !self.tries_all {
                        // Only time can help.
                        let next_ms = self.now_ms + 1;
                        self.wait_until(until_ms.unwrap_or(next_ms).max(next_ms));
                        self.gossip_once();
                    }
                    return None;
                }
                Effect::End => {
                    let core = self.core.take()?;
                    self.messages.clear();
                    return Some(core.into_result());
                }
            }
            self.note_arrivals();
        }
    }

    /// Which moves have ended, and where: after a failover that is another node than planned.
    fn note_arrivals(&mut self) {
        let events = self.core.as_mut().map(Core::take_events);
        let arrived = events
            .into_iter()
            .flatten()
            .filter_map(|event| match event {
                Event::Ended { unit, .. } => Some(unit),
                _ => None,
            });
        if let Some(running) = &mut self.running {
            for unit in arrived {
                running.arrived.extend(unit.moves());
            }
        }
    }

    pub(super) fn message_step(&mut self, index: usize) {
        if self.messages[index].waits {
            return;
        }
        if self.messages[index].done.is_none() {
            let verbs = &self.messages[index].verbs;
            let sends = verbs.iter().any(|verb| matches!(verb, Verb::Migrate(_)));
            let waits = |fault: Fault| matches!(fault, Fault::CrashUnheard { .. }) && !sends;
            let strikes = |(at, fault): &mut (usize, Fault)| *at <= self.arrived && !waits(*fault);
            let fault = self.faults.pop_if(strikes);
            if fault.is_some_and(|(_, fault)| self.strike(fault, index)) {
                return;
            }
            self.arrived += 1;
            return self.carry_out(index, usize::MAX, false);
        }
        self.tell_tool(index);
    }

    /// A link's end: the tool gets its answer.
    pub(super) fn tell_tool(&mut self, index: usize) {
        let message = self.messages.remove(index);
        self.cluster.windows.see(&message.sees);
        self.note_leftovers(&message);
        let node = self.cluster.nodes[message.node].id;
        if let (Some(core), Some(done)) = (&mut self.core, message.done) {
            match done {
                Ok(replies) => core.answered(node, replies, self.now_ms),
                Err(error) => core.lost(node, error, self.now_ms),
            }
        }
    }

    /// The tool hears which keys the source still has after a `MIGRATE` that wasn't carried out.
    fn note_leftovers(&mut self, message: &Message) {
        let Some(Ok(replies)) = &message.done else {
            return;
        };
        for (index, verb) in message.verbs.iter().enumerate() {
            let (Verb::Migrate(migrate), Some(Reply::Refused(_))) = (verb, replies.get(index))
            else {
                continue;
            };
            let Some(target) = self.cluster.at_addr(&migrate.target) else {
                continue;
            };
            let lists = replies[index..].iter().filter_map(|reply| match reply {
                Reply::List(list) => Some(list),
                _ => None,
            });
            let listed: Vec<&Reply> = lists.flatten().collect();
            for key in &migrate.keys {
                if listed.contains(&&Reply::Text(key.clone())) {
                    self.cluster.tell_leftover(target, key);
                }
            }
        }
    }

    /// A node does so many of a write's verbs; then the link may break.
    pub(super) fn carry_out(&mut self, index: usize, most: usize, breaks: bool) {
        let (node, at, verbs) = {
            let message = &self.messages[index];
            (message.node, message.at.clone(), message.verbs.clone())
        };
        let node = match at {
            Some(addr) => (0..self.cluster.nodes.len())
                .find(|at| Cluster::addr(*at) == addr)
                .expect("an address of ours"),
            None => node,
        };
        self.messages[index].sees = self.cluster.windows.of_shard(node);
        if !self.cluster.nodes[node].is_alive {
            let stands_still = self.cluster.standing.contains_key(&node) && !self.tries_all;
            if stands_still && !breaks && self.chooser.pick(2) == 0 {
                self.messages[index].waits = true;
                return;
            }
            if most > 0 {
                self.cluster.reach_late(node, &verbs);
            }
            self.messages[index].done = Some(Err(broken()));
            return;
        }
        let mut replies = Vec::new();
        for verb in verbs.iter().take(most) {
            let (node, sent) = self.as_broken(node, verb);
            if let Some(slot) = owns(&sent, self.cluster.nodes[node].id) {
                let (seen, sent_ms) = (
                    self.messages[index].seen.clone(),
                    self.messages[index].sent_ms,
                );
                self.cluster.race(slot, &seen, sent_ms);
            }
            let reply = self.cluster.answer(node, &sent);
            replies.push(self.as_heard(node, verb, reply));
        }
        if most > 0 {
            self.tell(|| format!("  {node}: {}", shown(&replies)));
        }
        self.messages[index].done = Some(if breaks { Err(broken()) } else { Ok(replies) });
    }
}

impl World {
    /// A node that stood still carries out what waited for it whole, as things were for it then.
    pub(super) fn carry_out_late(&mut self, node: At) {
        for index in 0..self.messages.len() {
            let message = &mut self.messages[index];
            if message.waits && message.node == node {
                message.waits = false;
                self.carry_out(index, usize::MAX, false);
            }
        }
    }
}

/// The slot of a `NODE` that names the node itself.
fn owns(verb: &Verb, myself: NodeId) -> Option<Slot> {
    match verb {
        Verb::SetSlot {
            slot,
            state: SetSlot::Node { owner },
        } if *owner == myself => Some(*slot),
        _ => None,
    }
}

pub(super) fn broken() -> Error {
    Error::new(ErrorKind::Connect, "the link broke")
}

/// What a client asked a node, and heard.
pub(super) fn told(at: At, verb: &Verb, reply: &Reply) -> String {
    let (words, shown) = (
        words(std::slice::from_ref(verb)),
        shown(std::slice::from_ref(reply)),
    );
    format!("client at {at}: {words} => {shown}")
}

fn words(verbs: &[Verb]) -> String {
    let line = |verb: &Verb| {
        let words = verb.words();
        let words: Vec<String> = words
            .iter()
            .map(|word| word.escape_ascii().to_string())
            .collect();
        words.join(" ").replace("CLUSTER ", "")
    };
    verbs.iter().map(line).collect::<Vec<_>>().join(" | ")
}

fn shown(replies: &[Reply]) -> String {
    let one = |reply: &Reply| match reply {
        Reply::Text(text) if text.len() > 20 => "…".to_owned(),
        Reply::Text(text) => text.escape_ascii().to_string(),
        Reply::Refused(refusal) => refusal.to_string(),
        other => format!("{other:?}"),
    };
    replies.iter().map(one).collect::<Vec<_>>().join(" | ")
}
