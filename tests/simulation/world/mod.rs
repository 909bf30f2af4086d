//! The job with the executor's core, driven over the modelled cluster, with faults.
//!
//! A world goes on one happening at a time ([`World::step`]). Which one comes next is for the
//! [`Chooser`]: a seed's chance, or every choice in turn.

mod bounds;
mod broken;
mod every;
mod faults;
mod jobs;
mod journal;
mod left_over;
mod runs;
mod state;
mod verdict;
mod wire;

pub use broken::{Harm, Rule};
pub use faults::{FAULTS, Fault};

use crate::choice::Chooser;
use crate::client::Client;
use crate::model::{At, Cluster, Excuse, Server};
use jobs::Running;
use journal::Disk;
use slotkit::execute::Move;
use slotkit::execute::core::Core;
use slotkit::execute::journal::Journal;
use slotkit::execute::orphaned::OrphanedKeys;
use slotkit::execute::shards::Shards;
use slotkit::slot::Slot;
use std::collections::BTreeMap;
use wire::Message;

/// What a client does; the last one gives a key an end.
const KINDS: [&[u8]; 7] = [b"SET", b"GET", b"DEL", b"MSET", b"MGET", b"MDEL", b"PSET"];
/// How long it takes that one node hears another.
const STEP_MS: u64 = 20;
/// A seed that takes more steps has lost its way.
const MAX_STEPS: usize = 40_000;

#[derive(Clone)]
pub struct World {
    pub cluster: Cluster,
    pub client: Client,
    pub chooser: Chooser,
    plan: Vec<Move>,
    /// What goes wrong when so many writes have arrived, the last one first.
    faults: Vec<(usize, Fault)>,
    arrived: usize,
    /// Whether one thing goes wrong at most.
    has_one_fault: bool,
    heal_in: Option<usize>,
    /// The job that is under way, and its moves while they are.
    running: Option<Running>,
    core: Option<Core>,
    journal: Journal<Disk>,
    has_journal: bool,
    /// Whether something was broken when the run began.
    began_broken: bool,
    /// Whether no run has begun yet.
    is_first: bool,
    messages: Vec<Message>,
    now_ms: u64,
    /// Whether clients give keys an end.
    has_lives: bool,
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
    /// Who was ever a replica of whom, whatever the tool knows of it.
    shards: Shards,
    /// What couldn't be cleared up before a person has decided.
    unclear: Option<OrphanedKeys>,
    /// What a job has left undone.
    wrong: Option<String>,
    pub conflicts: usize,
    /// Keys whose end a window of the servers' own explains, by the window.
    pub excused: BTreeMap<Excuse, usize>,
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
    /// Whether clients give keys an end.
    pub has_lives: bool,
    /// What goes wrong when so many writes have arrived, in this order.
    pub faults: Vec<(usize, Fault)>,
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
        let pair = |(index, at): (usize, &At)| (id(*at), id(primaries + index));
        let shards = plan.replicated.iter().enumerate().map(pair).collect();
        World {
            plan: moves.collect(),
            client,
            chooser,
            faults: plan.faults.iter().rev().copied().collect(),
            arrived: 0,
            has_one_fault: plan.faults.len() < 2,
            heal_in: None,
            running: None,
            core: None,
            journal: journal::open(Disk::default()).expect("a new journal"),
            has_journal: true,
            began_broken: false,
            is_first: true,
            messages: Vec::new(),
            now_ms: 0,
            has_lives: plan.has_lives,
            wake_ms: None,
            tries_all: false,
            may_fault: false,
            waits_broken: 0,
            broken: None,
            seeks: None,
            shards,
            unclear: None,
            wrong: None,
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
        } else if self.running.is_none() {
            // Clients go on while nobody moves anything.
            while !self.is_first && self.chooser.pick(4) > 0 {
                self.client_acts();
            }
            self.begin_run()?;
        } else {
            self.heal_in_time();
            self.chance();
        }
        let ended = self.tool_step();
        if self.tries_all {
            // What goes wrong with the journal does so at once.
            self.journal.storage_mut().troubles(None);
        }
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        match ended {
            Some(Ok(())) if self.is_deceived() => {
                Err("a run ends well that has lost keys".to_owned())
            }
            Some(Ok(())) if self.is_reached() => {
                self.close_journal();
                self.heal();
                self.clear_left_over()?;
                Ok(true)
            }
            Some(ended) => {
                self.note_end(ended)?;
                Ok(false)
            }
            None => Ok(false),
        }
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

    /// One thing happens: a write or an answer arrives, the client acts, or a node speaks.
    fn chance(&mut self) {
        let choice = self.chooser.pick(self.messages.len() + 2);
        if choice < self.messages.len() {
            self.message_step(choice);
        } else if choice == self.messages.len() {
            self.client_acts();
        } else {
            self.wait_until(self.now_ms + STEP_MS);
            self.gossip_once();
        }
    }

    fn client_acts(&mut self) {
        let (cluster, chooser) = (&mut self.cluster, &mut self.chooser);
        let kinds = &KINDS[..KINDS.len() - usize::from(!self.has_lives)];
        let told = self.client.step(cluster, chooser, kinds, false);
        if let Some((at, verb, reply)) = told {
            self.tell(|| wire::told(at, &verb, &reply));
        }
    }

    /// Time passes; a primary may come round to what has ended.
    fn wait_until(&mut self, now_ms: u64) {
        (self.now_ms, self.cluster.now_ms) = (now_ms, now_ms);
        if self.has_lives && self.chooser.pick(4) == 0 {
            let at = self.chooser.pick(self.cluster.nodes.len());
            self.cluster.come_round(at);
        }
    }

    /// So much time passes, whatever else happens.
    fn let_pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.cluster.now_ms = self.now_ms;
    }

    fn gossip_once(&mut self) {
        let count = self.cluster.nodes.len();
        let (from, to) = (self.chooser.pick(count), self.chooser.pick(count));
        self.cluster.gossip(from, to);
    }

    pub fn settle(&mut self) {
        let count = self.cluster.nodes.len();
        for _ in 0..4 {
            for from in 0..count {
                (0..count).for_each(|to| self.cluster.gossip(from, to));
            }
        }
    }
}
