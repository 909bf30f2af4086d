//! Runs of the tool: how one begins, what it is told, and where it leaves off.

use super::World;
use crate::model::{At, Cluster};
use slotkit::cluster::verb::{Reply, Verb};
use slotkit::cluster::{ClusterView, NodeId, parse};
use slotkit::error::Error;
use slotkit::execute::Move;
use slotkit::execute::core::{Core, Options};
use slotkit::execute::open_moves::open_moves;
use slotkit::execute::resume::{self, Standing};
use slotkit::execute::slot_move::Entry;
use slotkit::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

impl World {
    /// A run of the tool begins, when nothing is broken any more: the first one, or one that goes
    /// on with what earlier ones have left.
    pub(super) fn begin_run(&mut self) -> Result<(), String> {
        let tasks = match self.is_first {
            true => self.plan.iter().map(|task| (*task, Entry::Fresh)).collect(),
            false => {
                self.heal();
                self.go_back();
                self.resumed()?
            }
        };
        self.is_first = false;
        self.learn_families();
        self.tell(|| format!("a run of {} tasks", tasks.len()));
        self.core = Some(Core::new(&tasks, self.options(&tasks), self.now_ms));
        Ok(())
    }

    /// Who follows whom when a run begins, beside what is known from before.
    fn learn_families(&mut self) {
        for node in &self.cluster.nodes {
            if let Some(primary) = node.follows {
                self.families.add(self.cluster.nodes[primary].id, node.id);
            }
        }
    }

    pub(super) fn note_end(&mut self, ended: Result<(), Error>) {
        let Err(error) = ended else {
            return;
        };
        self.tell(|| format!("stopped: {}", error.one_line()));
        let message = error.message();
        if message.contains("was opened meanwhile") {
            // A person goes on with what is open, whoever has opened it.
            self.has_journal = false;
        }
        if message.contains("on both nodes") || message.contains("went from the source") {
            // A person deletes the outdated copies of what is named.
            self.conflicts += 1;
            for (key, expected) in &self.client.expected {
                if message.contains(&format!("`{}`", key.escape_ascii())) {
                    let expected = self.cluster.living(*expected);
                    self.cluster.decide(key, expected);
                }
            }
        }
    }

    /// Whether every slot is at its target, or at who took over from it.
    pub(super) fn is_reached(&self) -> bool {
        self.plan.iter().all(|task| self.has_arrived(*task))
    }

    fn has_arrived(&self, task: Move) -> bool {
        let heir = self.heir(task.target);
        let heir = self.cluster.nodes[heir].id;
        let mut owners = [task.target, heir].into_iter();
        owners.any(|id| self.owner_among(id, task.slot).is_some())
    }

    /// Who of a node's family takes itself for the owner of a slot.
    fn owner_among(&self, id: NodeId, slot: Slot) -> Option<At> {
        let kin = self.cluster.alive_primaries().filter(|at| {
            let other = self.cluster.nodes[*at].id;
            other == id || self.families.are_kin(id, other)
        });
        let mut owners = kin.filter(|at| self.cluster.nodes[*at].owners.get(&slot) == Some(at));
        owners.next()
    }

    /// Who stands where a node stood: whom it follows, if it does.
    fn heir(&self, id: NodeId) -> At {
        let at = self.cluster.at(id).expect("a node");
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
            unclear: self.unclear.clone(),
            routes: tasks.iter().map(|(task, _)| route(task)).collect(),
            ..Options::default()
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
            self.unclear.clear();
        }
        let begun: BTreeSet<Slot> = tasks.iter().map(|(task, _)| task.slot).collect();
        // Then the rest of the plan, with who took over in the place of who is gone.
        for task in &self.plan {
            if begun.contains(&task.slot) || self.has_arrived(*task) {
                continue;
            }
            let source = self.owner_among(task.source, task.slot);
            let source = source.unwrap_or_else(|| self.heir(task.source));
            let target = self.heir(task.target);
            let task = Move {
                source: self.cluster.nodes[source].id,
                target: self.cluster.nodes[target].id,
                ..*task
            };
            tasks.push((task, Entry::Fresh));
        }
        self.tell(|| format!("resumed: {tasks:?}"));
        Ok(tasks)
    }

    pub(super) fn views(&mut self) -> BTreeMap<NodeId, ClusterView> {
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
