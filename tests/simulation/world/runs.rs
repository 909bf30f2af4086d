//! Runs of the tool: how one begins, what it is told, and where it leaves off.

use super::World;
use crate::model::{At, Cluster};
use slotkit::cluster::verb::{Reply, SetSlot, Verb};
use slotkit::cluster::{ClusterView, NodeId, parse};
use slotkit::error::Error;
use slotkit::execute::Move;
use slotkit::execute::core::Options;
use slotkit::execute::job::Job;
use slotkit::execute::mover::Entry;
use slotkit::execute::open_moves::open_moves;
use slotkit::execute::options::MoveOptions;
use slotkit::execute::survey::Survey;
use slotkit::slot::Slot;
use std::collections::BTreeMap;

impl World {
    /// A run of the tool begins: the first one, or one that goes on with what earlier ones have
    /// left. Mostly nothing is broken any more by then.
    pub(super) fn begin_run(&mut self) -> Result<(), String> {
        if !std::mem::take(&mut self.is_first) {
            if !self.may_begin_broken() {
                self.heal();
            }
            self.open_again();
            self.cluster.swallows.clear();
            self.cluster.swallowed = Some(Default::default());
            self.go_back();
            if !self.has_journal {
                self.adopt()?;
            }
        }
        self.learn_shards();
        self.began_broken = self.is_broken();
        let begun = self.journal.open_moves();
        self.tell(|| format!("a run; begun: {begun:?}"));
        if begun.is_empty() {
            self.begin_fresh();
        } else {
            self.begin_job(Job::recover(begun.clone(), self.context()), begun);
        }
        Ok(())
    }

    /// Whether a run begins though a node is dead: to finish what was begun, of which a journal
    /// tells.
    fn may_begin_broken(&mut self) -> bool {
        let has_begun = self.has_journal && !self.journal.open_moves().is_empty();
        let nodes = &self.cluster.nodes;
        let is_dead = self.cluster.standing.is_empty() && nodes.iter().any(|node| !node.is_alive);
        let is_whole = self.cluster.cut.is_empty() && self.cluster.isolated.is_empty();
        has_begun && is_dead && is_whole && !self.tries_all && self.chooser.pick(2) == 0
    }

    /// A person goes on with what is open, whoever has opened it, in a new journal.
    fn adopt(&mut self) -> Result<(), String> {
        let open = open_moves(&self.views());
        if let Some((_, error)) = open.unclear.first() {
            return Err(error.one_line());
        }
        self.adopt_open(&open);
        self.has_journal = true;
        Ok(())
    }

    /// Who follows whom when a run begins, beside what is known from before.
    fn learn_shards(&mut self) {
        for node in &self.cluster.nodes {
            if let Some(primary) = node.follows {
                self.shards.add(self.cluster.nodes[primary].id, node.id);
            }
        }
    }

    /// A run has ended, and what stopped it is seen to.
    pub(super) fn note_end(&mut self, ended: Result<(), Error>) -> Result<(), String> {
        let Err(error) = ended else {
            return Ok(());
        };
        self.tell(|| format!("stopped: {}", error.one_line()));
        let message = error.message();
        // A slot may have been won back since; else the nodes had time to agree.
        let is_odd = message.contains("s after the last move") && self.is_reached();
        let is_stuck = message.contains("and can't go on") && !self.began_broken;
        let is_denied = is_stuck || message.contains("isn't at its source any more");
        let is_given = is_denied && self.give_what_is_denied();
        if (is_stuck && !is_given) || is_odd {
            return Err(error.one_line());
        }
        if self.unclear.is_some() && self.decide(&error) {
            return Ok(());
        }
        if message.contains("was opened meanwhile") {
            // A person goes on with what is open, whoever has opened it.
            self.has_journal = false;
        }
        if message.contains("on both nodes") || message.contains("went from the source") {
            // A person decides about what is named: its outdated copies are deleted, and it is in
            // doubt no longer.
            self.conflicts += 1;
            let is_named = |key: &[u8]| message.contains(&format!("`{}`", key.escape_ascii()));
            self.settle_named(is_named);
            for (key, expected) in &self.client.expected {
                if is_named(key) {
                    let expected = self.cluster.living(*expected);
                    self.cluster.decide(key, expected);
                }
            }
        }
        Ok(())
    }

    /// Whether a run that ends well has lost keys to a target that keeps nothing.
    pub(super) fn is_deceived(&self) -> bool {
        let swallowed = self.cluster.swallowed.as_ref();
        self.has_one_fault && swallowed.is_some_and(|keys| !keys.is_empty())
    }

    /// Two failovers at one moment can leave a slot that each of two nodes takes for the other's,
    /// with nobody who has it open. No run fixes that: a person does what `check` says of it, and
    /// gives it to the node that has its keys, or else to the one that the others believe in.
    /// Whether there was one.
    fn give_what_is_denied(&mut self) -> bool {
        let mut is_given = false;
        let slots: Vec<Slot> = self.plan.iter().map(|task| task.slot).collect();
        for slot in slots {
            let primaries: Vec<At> = self.cluster.alive_primaries().collect();
            let nodes = &self.cluster.nodes;
            let is_held = primaries.iter().any(|at| {
                let node = &nodes[*at];
                node.owners[&slot] == *at || node.has_open(slot)
            });
            if is_held || primaries.len() < 3 {
                continue;
            }
            let holders = primaries.iter().copied();
            let holder = holders.max_by_key(|at| self.cluster.keys_in(*at, slot).len());
            let holder = holder.filter(|at| !self.cluster.keys_in(*at, slot).is_empty());
            let believed = || nodes[primaries[1]].owners[&slot];
            let to = holder.unwrap_or_else(believed);
            let state = SetSlot::Node {
                owner: nodes[to].id,
            };
            self.tell(|| format!("a person gives slot {slot} to {to}, where nobody has it"));
            for at in primaries {
                self.cluster.answer(at, &Verb::SetSlot { slot, state });
            }
            is_given = true;
        }
        is_given
    }

    /// Whether every slot is at its target, or at who took over from it.
    pub(super) fn is_reached(&self) -> bool {
        self.plan.iter().all(|task| self.has_arrived(*task))
    }

    fn has_arrived(&self, task: Move) -> bool {
        let promoted = self.serving_for(task.target);
        let promoted = self.cluster.nodes[promoted].id;
        let mut owners = [task.target, promoted].into_iter();
        owners.any(|id| self.owner_among(id, task.slot).is_some())
    }

    /// Who of a node's shard takes itself for the owner of a slot.
    fn owner_among(&self, id: NodeId, slot: Slot) -> Option<At> {
        let shards = self.cluster.alive_primaries().filter(|at| {
            let other = self.cluster.nodes[*at].id;
            other == id || self.shards.are_in_one(id, other)
        });
        let mut owners = shards.filter(|at| self.cluster.nodes[*at].owners.get(&slot) == Some(at));
        owners.next()
    }

    /// Who stands where a node stood: whom it follows, if it does.
    fn serving_for(&self, id: NodeId) -> At {
        let at = self.cluster.at(id).expect("a node");
        self.cluster.nodes[at].follows.unwrap_or(at)
    }

    pub(super) fn options(&self, survey: &Survey, tasks: &[(Move, Entry)]) -> Options {
        let known = self.running.as_ref().map(|running| &running.job.context);
        let known = known.cloned().unwrap_or_default();
        let route = |task: &Move| {
            let target = self.cluster.at(task.target).expect("a node");
            ((task.source, task.target), Cluster::addr(target))
        };
        Options {
            how: MoveOptions {
                keys_per_migrate: 2,
                // The fewer steps, the fewer interleavings.
                keys_on_trial: if self.tries_all { 2 } else { 1 },
                slots_at_once: 2,
                // A few looks are enough where a failover takes no time.
                failover_wait_ms: if self.tries_all { 500 } else { 5_000 },
                ..MoveOptions::default()
            },
            names: known.names,
            primaries: survey.primaries().map(|(id, _)| id).collect(),
            shards: known.shards,
            // Where every interleaving is tried no moment tells two states apart.
            epoch_ms: (!self.tries_all).then_some(0),
            doubts: self.journal.doubts(),
            failures: self.journal.failures(),
            opened: self.journal.opened().clone(),
            routes: tasks.iter().map(|(task, _)| route(task)).collect(),
            ..Options::default()
        }
    }

    /// What of the plan hasn't arrived and isn't begun, with who took over in the place of who is
    /// gone.
    pub(super) fn rest(&self) -> Vec<Move> {
        let is_left = |task: &&Move| !self.is_begun(task.slot) && !self.has_arrived(**task);
        let left = self.plan.iter().filter(is_left);
        let as_it_is = |task: &Move| {
            let source = self.owner_among(task.source, task.slot);
            let source = source.unwrap_or_else(|| self.serving_for(task.source));
            let target = self.serving_for(task.target);
            Move {
                source: self.cluster.nodes[source].id,
                target: self.cluster.nodes[target].id,
                ..*task
            }
        };
        left.map(as_it_is).collect()
    }

    /// What each node believes that is alive.
    pub(super) fn views(&mut self) -> BTreeMap<NodeId, ClusterView> {
        let mut views = BTreeMap::new();
        for at in 0..self.cluster.nodes.len() {
            if !self.cluster.nodes[at].is_alive {
                continue;
            }
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
