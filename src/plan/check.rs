//! Checks a plan against its problem, without knowing how it was made.
//!
//! Everything is computed again from the problem alone, by the plainest means.

use super::metric::Metric;
use super::node::Part;
use super::plan::Plan;
use super::problem::{Intent, Problem};
use crate::cluster::NodeId;
use crate::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// A rule that a plan breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that is broken.
    pub rule: Rule,
    /// What breaks it, in words.
    pub message: String,
}

/// The hard rules of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A slot moves once at most.
    MovesOnce,
    /// A slot moves from who owns it, to another node of the problem.
    Ownership,
    /// Pinned slots, excluded nodes and slots above the size limit stay as they are.
    Pinned,
    /// A drained node takes nothing, and ends empty unless a budget stopped the plan.
    Drained,
    /// Balancing leaves no primary without slots that had some.
    KeepsOne,
    /// What arrives at a node fits its memory at every point of the plan.
    Headroom,
    /// The plan is within its budget.
    Budget,
    /// The plan leaves no more runs of slots than are allowed.
    Runs,
    /// The figures of the plan are those of its moves.
    Figures,
    /// A person's moves are made as asked.
    AsAsked,
}

/// Every rule that the plan breaks; empty for a good plan.
pub fn check(plan: &Plan, problem: &Problem) -> Vec<Finding> {
    let mut checker = Checker {
        plan,
        problem,
        owner: Slot::all().map(|slot| problem.owner.owner(slot)).collect(),
        used: BTreeMap::new(),
        moved: vec![false; crate::slot::SLOT_COUNT],
        findings: Vec::new(),
    };
    checker.run_moves();
    checker.end_state();
    checker.budget();
    checker.figures();
    checker.runs();
    checker.as_asked();
    checker.findings
}

struct Checker<'a> {
    plan: &'a Plan,
    problem: &'a Problem,
    /// Who owns each slot, as the moves go.
    owner: Vec<Option<NodeId>>,
    /// Bytes arrived less bytes left, as the moves go.
    used: BTreeMap<NodeId, i128>,
    moved: Vec<bool>,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn find(&mut self, rule: Rule, message: String) {
        self.findings.push(Finding { rule, message });
    }

    fn run_moves(&mut self) {
        for migration in self.plan.migrations() {
            let slot = migration.slot;
            if std::mem::replace(&mut self.moved[slot.index()], true) {
                self.find(Rule::MovesOnce, format!("slot {slot} moves twice"));
            }
            if self.owner[slot.index()] != Some(migration.source)
                || migration.source == migration.target
            {
                let message = format!("slot {slot} can't move from {}", migration.source);
                self.find(Rule::Ownership, message);
            }
            self.fixed(slot, migration.source);
            self.target(slot, migration.target);
            let bytes = self.problem.weights.get(Metric::Bytes, slot).unwrap_or(0);
            // What arrives counts before what leaves: both nodes hold the slot for a while.
            *self.used.entry(migration.target).or_default() += i128::from(bytes);
            self.headroom(slot, migration.target);
            *self.used.entry(migration.source).or_default() -= i128::from(bytes);
            self.owner[slot.index()] = Some(migration.target);
        }
    }

    fn fixed(&mut self, slot: Slot, source: NodeId) {
        if self.problem.pinned.contains(slot) {
            self.find(Rule::Pinned, format!("slot {slot} is pinned and moves"));
        }
        if self
            .problem
            .node(source)
            .is_some_and(|node| node.part == Part::Excluded)
        {
            self.find(Rule::Pinned, format!("slot {slot} leaves an excluded node"));
        }
        let bytes = self.problem.weights.get(Metric::Bytes, slot).unwrap_or(0);
        if self
            .problem
            .max_slot_bytes
            .is_some_and(|limit| bytes > limit)
        {
            self.find(
                Rule::Pinned,
                format!("slot {slot} is above the size limit and moves"),
            );
        }
    }

    fn target(&mut self, slot: Slot, target: NodeId) {
        match self.problem.node(target) {
            None => self.find(
                Rule::Ownership,
                format!("slot {slot} moves to a stranger {target}"),
            ),
            Some(node) if node.is_drained() => {
                self.find(
                    Rule::Drained,
                    format!("slot {slot} moves to the drained {target}"),
                );
            }
            Some(node) if node.part == Part::Excluded => {
                self.find(
                    Rule::Pinned,
                    format!("slot {slot} moves to the excluded {target}"),
                );
            }
            Some(_) => {}
        }
    }

    fn headroom(&mut self, slot: Slot, target: NodeId) {
        let used = self.used.get(&target).copied().unwrap_or(0);
        let limit = self
            .problem
            .node(target)
            .and_then(|node| node.headroom_bytes);
        if limit.is_some_and(|limit| used > i128::from(limit)) {
            let message = format!("{target} has no memory for slot {slot} when it arrives");
            self.find(Rule::Headroom, message);
        }
    }

    fn end_state(&mut self) {
        if self.problem.intent != Intent::Balance {
            return;
        }
        let holders = |owners: &mut dyn Iterator<Item = Option<NodeId>>| -> BTreeSet<NodeId> {
            owners.flatten().collect()
        };
        let before = holders(&mut Slot::all().map(|slot| self.problem.owner.owner(slot)));
        let after = holders(&mut self.owner.iter().copied());
        for node in self.problem.nodes() {
            let (had, has) = (before.contains(&node.id), after.contains(&node.id));
            if node.is_drained() && has && self.plan.remaining().is_none() {
                self.find(
                    Rule::Drained,
                    format!("{} is drained and keeps slots", node.id),
                );
            }
            if !node.is_drained() && had && !has {
                self.find(Rule::KeepsOne, format!("{} ends without slots", node.id));
            }
        }
    }

    fn budget(&mut self) {
        let budget = self.problem.budget;
        let moves = self.plan.migrations();
        if budget
            .max_moves
            .is_some_and(|limit| moves.len() as u64 > limit)
        {
            self.find(Rule::Budget, format!("{} slots move", moves.len()));
        }
        let sizes = moves
            .iter()
            .filter_map(|it| self.problem.weights.get(Metric::Bytes, it.slot));
        let bytes: u64 = sizes.sum();
        if budget.max_bytes.is_some_and(|limit| bytes > limit) {
            self.find(Rule::Budget, format!("{bytes} bytes move"));
        }
        let mut touched: BTreeMap<NodeId, u64> = BTreeMap::new();
        for migration in moves {
            *touched.entry(migration.source).or_default() += 1;
            *touched.entry(migration.target).or_default() += 1;
        }
        for (node, count) in touched {
            if budget.max_slots_per_node.is_some_and(|limit| count > limit) {
                self.find(Rule::Budget, format!("{node} gives or takes {count} slots"));
            }
        }
    }

    fn figures(&mut self) {
        let weights = &self.problem.weights;
        let total = |slots: &[Slot], metric: Metric| {
            let all = slots.iter().filter_map(|slot| weights.get(metric, *slot));
            weights.knows(metric).then(|| all.sum::<u64>())
        };
        let moved: Vec<Slot> = self.plan.migrations().iter().map(|it| it.slot).collect();
        let cost = self.plan.cost();
        let figures = (cost.slots, cost.keys, cost.bytes);
        let expected = (
            moved.len() as u64,
            total(&moved, Metric::Keys),
            total(&moved, Metric::Bytes),
        );
        if figures != expected {
            self.find(
                Rule::Figures,
                format!("the cost is {expected:?}, not {figures:?}"),
            );
        }
        let before: Vec<Option<NodeId>> = Slot::all()
            .map(|slot| self.problem.owner.owner(slot))
            .collect();
        for (owners, states) in [
            (before, self.plan.before()),
            (self.owner.clone(), self.plan.after()),
        ] {
            if states.len() != self.problem.nodes().len() {
                self.find(
                    Rule::Figures,
                    "the plan lists other nodes than the problem".to_owned(),
                );
            }
            let mut owned: BTreeMap<NodeId, Vec<Slot>> = BTreeMap::new();
            for (slot, owner) in Slot::all().zip(owners) {
                if let Some(owner) = owner {
                    owned.entry(owner).or_default().push(slot);
                }
            }
            for state in states {
                let slots = owned.remove(&state.id).unwrap_or_default();
                let keys = total(&slots, Metric::Keys);
                let bytes = total(&slots, Metric::Bytes);
                let runs = slots.iter().filter(|slot| starts_run(&slots, **slot));
                let expected = (slots.len() as u64, keys, bytes, runs.count() as u64);
                if (state.slots, state.keys, state.bytes, state.runs) != expected {
                    let message = format!("{} has {expected:?} in fact", state.id);
                    self.find(Rule::Figures, message);
                }
            }
        }
    }

    fn runs(&mut self) {
        let starts = |slot: &Slot| {
            let owner = |index: usize| self.owner.get(index).copied().flatten();
            let before = slot.index().checked_sub(1).and_then(owner);
            owner(slot.index()).is_some() && owner(slot.index()) != before
        };
        let runs = Slot::all().filter(starts).count() as u64;
        let limit = self.problem.fragmentation.max_runs;
        if limit.is_some_and(|limit| runs > limit) {
            self.find(Rule::Runs, format!("{runs} runs of slots are left"));
        }
        if self.plan.runs_after() != runs {
            let message = format!(
                "{runs} runs of slots are left, not {}",
                self.plan.runs_after()
            );
            self.find(Rule::Figures, message);
        }
    }

    fn as_asked(&mut self) {
        let Intent::ByHand(moves) = &self.problem.intent else {
            return;
        };
        if self.plan.remaining().is_some() {
            return;
        }
        for hand_move in moves {
            let super::HandMove::Slots { slots, target } = hand_move else {
                continue;
            };
            for slot in slots.iter() {
                if self.owner[slot.index()] != Some(*target) {
                    self.find(
                        Rule::AsAsked,
                        format!("slot {slot} doesn't end at {target}"),
                    );
                }
            }
        }
    }
}

/// Whether the slot before isn't among them, which are sorted.
fn starts_run(slots: &[Slot], slot: Slot) -> bool {
    let before = slot.number().checked_sub(1).and_then(Slot::new);
    before.is_none_or(|before| slots.binary_search(&before).is_err())
}
