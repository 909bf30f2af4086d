//! The executor's core, driven over the modelled cluster, with faults.
//!
//! A world goes on one happening at a time ([`World::step`]). Which one comes next is for the
//! [`Chooser`]: a seed's chance, or every choice in turn.

mod broken;
mod every;
mod faults;
mod verdict;

pub use broken::{Harm, Rule};
pub use faults::{FAULTS, Fault};

use crate::choice::Chooser;
use crate::client::Client;
use crate::model::{At, Cluster, Server};
use slotkit::cluster::verb::{Reply, SetSlot, Verb};
use slotkit::cluster::{ClusterView, NodeAddr, NodeId, parse};
use slotkit::error::{Error, ErrorKind};
use slotkit::execute::Move;
use slotkit::execute::core::{Core, Note, Options, Step};
use slotkit::execute::families::Families;
use slotkit::execute::open_moves::open_moves;
use slotkit::execute::resume::{self, Standing};
use slotkit::execute::slot_move::Entry;
use slotkit::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// What a client does.
const KINDS: [&[u8]; 3] = [b"SET", b"GET", b"DEL"];
/// A seed that takes more steps has lost its way.
const MAX_STEPS: usize = 40_000;

/// A write under way.
#[derive(Clone)]
struct Message {
    node: At,
    at: Option<NodeAddr>,
    verbs: Vec<Verb>,
    /// The replies, when the node has done it; an error when the link broke.
    done: Option<Result<Vec<Reply>, Error>>,
    /// The heirs of whom the tool had heard when it was sent, and those of whom it hears by it.
    seen: Vec<(At, Slot)>,
    sees: Vec<(At, Slot)>,
}

#[derive(Clone)]
pub struct World {
    pub cluster: Cluster,
    pub client: Client,
    pub chooser: Chooser,
    plan: Vec<Move>,
    fault: Fault,
    /// The fault strikes when so many writes have arrived.
    fault_at: usize,
    arrived: usize,
    heal_in: Option<usize>,
    core: Option<Core>,
    journal: BTreeMap<u16, Move>,
    has_journal: bool,
    /// Whether no run has begun yet.
    is_first: bool,
    messages: Vec<Message>,
    now_ms: u64,
    /// When the tool wants to be asked again, while it waits.
    wake_ms: Option<u64>,
    /// Whether every interleaving is tried: then a fault may come at any moment, until it did.
    tries_all: bool,
    may_fault: bool,
    /// How often time has passed while something was broken.
    waits_broken: u8,
    /// The rule that isn't kept, and the harm that is looked for: to see that the model shows it.
    broken: Option<Rule>,
    seeks: Option<Harm>,
    families: Families,
    pub conflicts: usize,
    /// Keys whose end a window of the servers' own explains, by the window.
    pub excused: BTreeMap<&'static str, usize>,
    pub log: Vec<String>,
    /// Whether anybody reads the log.
    pub is_told: bool,
}

pub struct Plan {
    pub server: Server,
    pub owned: Vec<Vec<Slot>>,
    /// The primaries that have a replica.
    pub replicated: Vec<At>,
    pub moves: Vec<(Slot, At, At)>,
    pub keys: Vec<Vec<u8>>,
    pub fault: Fault,
    pub fault_at: usize,
}

impl World {
    pub fn new(plan: &Plan, chooser: Chooser) -> World {
        let mut cluster = Cluster::new(plan.server, &plan.owned, &plan.replicated);
        let client = Client::new(&mut cluster, &plan.keys);
        let id = |at: At| cluster.nodes[at].id;
        let moves = plan.moves.iter().map(|(slot, source, target)| Move {
            slot: *slot,
            source: id(*source),
            target: id(*target),
        });
        let primaries = plan.owned.len();
        let family = |(index, at): (usize, &At)| (id(*at), id(primaries + index));
        let families = plan.replicated.iter().enumerate().map(family).collect();
        World {
            plan: moves.collect(),
            client,
            chooser,
            fault: plan.fault,
            fault_at: plan.fault_at,
            arrived: 0,
            heal_in: None,
            core: None,
            journal: BTreeMap::new(),
            has_journal: true,
            is_first: true,
            messages: Vec::new(),
            now_ms: 0,
            wake_ms: None,
            tries_all: false,
            may_fault: false,
            waits_broken: 0,
            broken: None,
            seeks: None,
            families,
            conflicts: 0,
            excused: BTreeMap::new(),
            log: Vec::new(),
            is_told: false,
            cluster,
        }
    }

    /// Runs until the plan's end is reached, with as many resumes as that takes.
    pub fn run(&mut self) -> Result<(), String> {
        for _ in 0..MAX_STEPS {
            if self.step()? {
                return self.verdict();
            }
        }
        Err("the plan's end isn't reached".to_owned())
    }

    /// One more thing happens; whether the plan's end is reached.
    pub fn step(&mut self) -> Result<bool, String> {
        if self.tries_all {
            self.one_of_all()?;
        } else if self.core.is_none() {
            self.begin_run()?;
        } else {
            self.heal_in_time();
            self.chance();
        }
        match self.tool_step() {
            Some(Ok(())) if self.is_reached() => {
                self.heal();
                Ok(true)
            }
            Some(ended) => {
                self.note_end(ended);
                Ok(false)
            }
            None => Ok(false),
        }
    }

    fn note_end(&mut self, ended: Result<(), Error>) {
        let Err(error) = ended else {
            return;
        };
        self.tell(|| format!("stopped: {}", error.one_line()));
        let message = error.message();
        if message.contains("on both nodes") || message.contains("went from the source") {
            // A person deletes the outdated copies of what is named.
            self.conflicts += 1;
            let is_named = |key: &[u8]| message.contains(&format!("`{}`", key.escape_ascii()));
            self.cluster.delete_outdated(is_named);
        }
    }

    /// A run of the tool begins, when nothing is broken any more: the first one, or one that goes
    /// on with what earlier ones have left.
    fn begin_run(&mut self) -> Result<(), String> {
        let tasks = match self.is_first {
            true => self.plan.iter().map(|task| (*task, Entry::Fresh)).collect(),
            false => {
                self.heal();
                self.go_back();
                self.resumed()?
            }
        };
        self.is_first = false;
        self.tell(|| format!("a run of {} tasks", tasks.len()));
        self.core = Some(Core::new(&tasks, self.options(&tasks), self.now_ms));
        Ok(())
    }

    fn heal_in_time(&mut self) {
        if let Some(left) = &mut self.heal_in {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.heal();
            }
        }
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if self.is_told {
            self.log.push(line());
        }
    }

    /// Whether every slot is at its target, or at who took over from it.
    fn is_reached(&self) -> bool {
        self.plan.iter().all(|task| {
            let target = self.cluster.at(task.target).expect("a node");
            let target = self.heir(target);
            self.cluster.nodes[target].owners.get(&task.slot) == Some(&target)
        })
    }

    /// Who stands where a node stood: whom it follows, if it does.
    fn heir(&self, at: At) -> At {
        self.cluster.nodes[at].follows.unwrap_or(at)
    }

    fn options(&self, tasks: &[(Move, Entry)]) -> Options {
        let nodes = &self.cluster.nodes;
        let primaries = nodes.iter().filter(|node| node.follows.is_none());
        let route = |task: &Move| {
            let target = self.cluster.at(task.target).expect("a node");
            ((task.source, task.target), Cluster::addr(target))
        };
        Options {
            keys_per_migrate: 2,
            slots_at_once: 2,
            // A few looks are enough where a failover takes no time.
            failover_wait_ms: if self.tries_all { 500 } else { 5_000 },
            names: nodes
                .iter()
                .map(|node| (node.id, node.id.short()))
                .collect(),
            primaries: primaries.map(|node| node.id).collect(),
            families: self.families.clone(),
            routes: tasks.iter().map(|(task, _)| route(task)).collect(),
            ..Options::default()
        }
    }

    /// Does what the core says, until it waits; the end when it ends.
    fn tool_step(&mut self) -> Option<Result<(), Error>> {
        loop {
            let core = self.core.as_mut()?;
            match core.poll(self.now_ms) {
                Step::Record(notes) => {
                    for note in notes {
                        match note {
                            Note::Begins(task) => {
                                self.journal.insert(task.slot.number(), task);
                            }
                            Note::Ends(task) => {
                                self.journal.remove(&task.slot.number());
                            }
                        }
                    }
                    core.recorded(Ok(()));
                }
                Step::Ask { node, at, verbs } => {
                    let node = self.cluster.at(node).expect("a node");
                    self.tell(|| format!("ask {node}: {}", words(&verbs)));
                    self.messages.push(Message {
                        node,
                        at,
                        verbs,
                        done: None,
                        seen: self.cluster.windows.seen(),
                        sees: Vec::new(),
                    });
                }
                Step::Wait { until_ms } => {
                    self.wake_ms = until_ms;
                    if self.messages.is_empty() && !self.tries_all {
                        // Only time can help.
                        self.now_ms = until_ms.unwrap_or(self.now_ms + 1).max(self.now_ms + 1);
                        self.gossip_once();
                    }
                    return None;
                }
                Step::End => {
                    let core = self.core.take()?;
                    self.messages.clear();
                    return Some(core.into_result().map(drop));
                }
            }
            core_events(self.core.as_mut());
        }
    }

    /// One thing happens: a write or an answer arrives, the client acts, or a node speaks.
    fn chance(&mut self) {
        let choice = self.chooser.pick(self.messages.len() + 2);
        if choice < self.messages.len() {
            self.message_step(choice);
        } else if choice == self.messages.len() {
            self.client
                .step(&mut self.cluster, &mut self.chooser, &KINDS, false);
        } else {
            self.now_ms += 20;
            self.gossip_once();
        }
    }

    fn gossip_once(&mut self) {
        let count = self.cluster.nodes.len();
        let (from, to) = (self.chooser.pick(count), self.chooser.pick(count));
        self.cluster.gossip(from, to);
    }

    fn message_step(&mut self, index: usize) {
        if self.messages[index].done.is_none() {
            if self.arrived == self.fault_at
                && self.heal_in.is_none()
                && self.fault != Fault::Nothing
            {
                let fault = std::mem::replace(&mut self.fault, Fault::Nothing);
                if self.strike(fault, index) {
                    return;
                }
            }
            self.arrived += 1;
            return self.carry_out(index, usize::MAX, false);
        }
        self.tell_tool(index);
    }

    /// A link's end: the tool gets its answer.
    fn tell_tool(&mut self, index: usize) {
        let message = self.messages.remove(index);
        self.cluster.windows.see(&message.sees);
        self.note_strays(&message);
        let node = self.cluster.nodes[message.node].id;
        if let (Some(core), Some(done)) = (&mut self.core, message.done) {
            match done {
                Ok(replies) => core.answered(node, replies, self.now_ms),
                Err(error) => core.lost(node, error, self.now_ms),
            }
        }
    }

    /// The tool hears which keys the source still has after a `MIGRATE` that wasn't carried out.
    fn note_strays(&mut self, message: &Message) {
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
                    self.cluster.windows.tell(target, key);
                }
            }
        }
    }

    /// A node does so many of a write's verbs; then the link may break.
    fn carry_out(&mut self, index: usize, most: usize, breaks: bool) {
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
        self.messages[index].sees = self.cluster.windows.of_family(node);
        if !self.cluster.nodes[node].is_alive {
            self.messages[index].done = Some(Err(broken()));
            return;
        }
        let mut replies = Vec::new();
        for verb in verbs.iter().take(most) {
            let (node, sent) = self.as_broken(node, verb);
            if let Some(slot) = owns(&sent, self.cluster.nodes[node].id) {
                let seen = self.messages[index].seen.clone();
                self.cluster.windows.race(slot, &seen);
            }
            let reply = self.cluster.answer(node, &sent);
            replies.push(self.as_heard(verb, reply));
        }
        if most > 0 {
            self.tell(|| format!("  {node}: {}", shown(&replies)));
        }
        self.messages[index].done = Some(match breaks {
            true => Err(broken()),
            false => Ok(replies),
        });
    }

    pub fn settle(&mut self) {
        let count = self.cluster.nodes.len();
        for _ in 0..4 {
            for from in 0..count {
                (0..count).for_each(|to| self.cluster.gossip(from, to));
            }
        }
    }

    /// What a new run of the tool has to do.
    fn resumed(&mut self) -> Result<Vec<(Move, Entry)>, String> {
        let views = self.views();
        let mut tasks = Vec::new();
        if self.has_journal {
            for begun in self.journal.clone().into_values() {
                match resume::standing_of(&views, &self.families, begun) {
                    Ok(Standing::GoesOn(task, entry)) => tasks.push((task, entry)),
                    Ok(Standing::Settled) => {
                        self.journal.remove(&begun.slot.number());
                    }
                    Err(error) => return Err(format!("resume refuses: {}", error.one_line())),
                }
            }
        } else {
            let open = open_moves(&views).map_err(|error| error.one_line())?;
            for begun in open.moves {
                let standing = resume::standing_of(&views, &self.families, begun);
                if let Standing::GoesOn(task, entry) = standing.map_err(|error| error.one_line())? {
                    tasks.push((task, entry));
                }
            }
            self.has_journal = true;
            self.journal.clear();
        }
        let begun: BTreeSet<Slot> = tasks.iter().map(|(task, _)| task.slot).collect();
        // Then the rest of the plan, with who took over in the place of who is gone.
        for task in &self.plan {
            let (source, target) = (self.cluster.at(task.source), self.cluster.at(task.target));
            let (source, target) = (source.expect("a node"), target.expect("a node"));
            let (source, target) = (self.heir(source), self.heir(target));
            let is_there = self.cluster.nodes[target].owners.get(&task.slot) == Some(&target);
            if !begun.contains(&task.slot) && !is_there {
                let (source, target) =
                    (self.cluster.nodes[source].id, self.cluster.nodes[target].id);
                let task = Move {
                    source,
                    target,
                    ..*task
                };
                tasks.push((task, Entry::Fresh));
            }
        }
        self.tell(|| format!("resumed: {tasks:?}"));
        Ok(tasks)
    }

    fn views(&mut self) -> BTreeMap<NodeId, ClusterView> {
        let mut views = BTreeMap::new();
        for at in 0..self.cluster.nodes.len() {
            let Reply::Text(text) = self.cluster.answer(at, &Verb::Nodes) else {
                continue;
            };
            let text = String::from_utf8(text).expect("text");
            let view = parse::cluster_nodes(&text, "the model").expect("a view");
            views.insert(self.cluster.nodes[at].id, view);
        }
        views
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

fn core_events(core: Option<&mut Core>) {
    if let Some(core) = core {
        drop(core.take_events());
    }
}

fn broken() -> Error {
    Error::new(ErrorKind::Connect, "the link broke")
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
