//! Solves small problems exactly: branch and bound over who gets each slot.
//!
//! Slots are decided from the heaviest to the lightest, home first. A branch
//! is left as soon as it can't be better than the best that is known: its
//! excess only grows, what the rest weighs must be enough for every lack, and
//! what homes can't keep will cost at least its weight. The search is bounded,
//! so it may end before all is seen; it never makes anything worse.

use super::assignment::{Assignment, Score};
use super::model::Limits;

/// Beyond these a search wouldn't end in time.
const MOST_SLOTS: usize = 28;
const MOST_NODES: usize = 10;
const MOST_BRANCHES: u32 = 400_000;

/// Replaces the assignment by a better one beside these limits, if there is one.
pub(super) fn search(assignment: &mut Assignment<'_>, limits: &[Limits]) {
    let mut slots: Vec<u16> = assignment.here.iter().flatten().copied().collect();
    let nodes: Vec<usize> = assignment.bearers().collect();
    if slots.len() > MOST_SLOTS || nodes.len() > MOST_NODES || slots.is_empty() {
        return;
    }
    assignment.sort_heaviest(&mut slots);
    let mut search = Search::new(assignment, limits, &slots, nodes);
    let (excess, cost, moved) = search.settled();
    search.descend(0, excess, cost, moved);
    if let Some(found) = search.found {
        for slot in &slots {
            assignment.lift(*slot);
        }
        for (slot, node) in slots.iter().zip(found) {
            assignment.put(*slot, node);
        }
    }
}

struct Search<'a> {
    assignment: &'a Assignment<'a>,
    limits: &'a [Limits],
    slots: &'a [u16],
    nodes: Vec<usize>,
    /// By node, of what is decided and what never moves.
    load: Vec<i64>,
    count: Vec<u32>,
    arrived: Vec<u64>,
    /// By node, of its own slots that aren't decided.
    waiting: Vec<i64>,
    /// What slots weigh together from each one on.
    rest: Vec<i64>,
    /// A slot costs what it weighs, so that lacks and excesses say what must be paid.
    costs_are_loads: bool,
    chosen: Vec<usize>,
    best: Score,
    found: Option<Vec<usize>>,
    branches: u32,
}

impl<'a> Search<'a> {
    fn new(
        assignment: &'a Assignment<'a>,
        limits: &'a [Limits],
        slots: &'a [u16],
        nodes: Vec<usize>,
    ) -> Search<'a> {
        let all = assignment.load.len();
        let mut load = assignment.load.clone();
        let mut count = assignment.counts();
        let mut arrived = assignment.arrivals();
        let mut waiting = vec![0; all];
        for slot in slots {
            let at = usize::from(assignment.at[usize::from(*slot)]);
            load[at] -= assignment.slot_load(*slot);
            count[at] -= 1;
            if assignment.is_moved(*slot) {
                arrived[at] -= assignment.model.bytes[usize::from(*slot)];
            }
            waiting[assignment.home(*slot)] += assignment.slot_load(*slot);
        }
        let mut rest = vec![0; slots.len() + 1];
        for (index, slot) in slots.iter().enumerate().rev() {
            rest[index] = rest[index + 1] + assignment.slot_load(*slot);
        }
        Search {
            costs_are_loads: slots
                .iter()
                .all(|slot| assignment.slot_load(*slot) == assignment.slot_cost(*slot)),
            best: assignment.score(limits),
            chosen: Vec::with_capacity(slots.len()),
            found: None,
            branches: 0,
            assignment,
            limits,
            slots,
            nodes,
            load,
            count,
            arrived,
            waiting,
            rest,
        }
    }

    /// Excess, cost and number of moves of what the search doesn't touch.
    fn settled(&self) -> (i128, u64, usize) {
        let over = |node: &usize| {
            let over = (self.load[*node] - self.limits[*node].upper).max(0);
            self.assignment.relative(*node, over)
        };
        let moved = self
            .slots
            .iter()
            .filter(|slot| self.assignment.is_moved(**slot));
        let (cost, count) = moved.fold((0, 0), |(cost, count), slot| {
            (cost + self.assignment.slot_cost(*slot) as u64, count + 1)
        });
        let excess = self.nodes.iter().map(over).max().unwrap_or(0);
        (excess, self.best.cost - cost, self.best.slots - count)
    }

    fn descend(&mut self, index: usize, excess: i128, cost: u64, moved: usize) {
        self.branches += 1;
        if self.branches > MOST_BRANCHES || !self.may_be_better(index, excess, cost, moved) {
            return;
        }
        let Some(slot) = self.slots.get(index).copied() else {
            self.keep(excess, cost, moved);
            return;
        };
        let home = self.assignment.home(slot);
        let weight = self.assignment.slot_load(slot);
        self.waiting[home] -= weight;
        let order = std::iter::once(home).chain(self.nodes.clone());
        for (turn, node) in order.enumerate() {
            if (turn > 0 && node == home) || !self.is_open(node, slot, turn) {
                continue;
            }
            let is_move = node != home;
            let bytes = if is_move {
                self.assignment.model.bytes[usize::from(slot)]
            } else {
                0
            };
            self.load[node] += weight;
            self.count[node] += 1;
            self.arrived[node] += bytes;
            self.chosen.push(node);
            let over = (self.load[node] - self.limits[node].upper).max(0);
            let excess = excess.max(self.assignment.relative(node, over));
            let paid = if is_move {
                self.assignment.slot_cost(slot) as u64
            } else {
                0
            };
            self.descend(index + 1, excess, cost + paid, moved + usize::from(is_move));
            self.chosen.pop();
            self.load[node] -= weight;
            self.count[node] -= 1;
            self.arrived[node] -= bytes;
        }
        self.waiting[home] += weight;
    }

    /// Whether the node may have the slot, and isn't just like one that was tried before.
    fn is_open(&self, node: usize, slot: u16, turn: usize) -> bool {
        let it = &self.assignment.model.nodes[node];
        if turn == 0 {
            return !it.is_drained;
        }
        let bytes = self.assignment.model.bytes[usize::from(slot)];
        if self.arrived[node].saturating_add(bytes) > it.headroom {
            return false;
        }
        let is_twin = |other: &usize| {
            *other < node
                && self.load[*other] == self.load[node]
                && self.waiting[*other] == 0
                && self.waiting[node] == 0
                && self.limits[*other] == self.limits[node]
                && self.assignment.model.nodes[*other].headroom == u64::MAX
                && self.count[*other] == 0
                && self.count[node] == 0
        };
        // Empty nodes of the same limits are the same to every slot.
        !self.nodes.iter().any(is_twin)
    }

    fn may_be_better(&self, index: usize, excess: i128, cost: u64, moved: usize) -> bool {
        if excess != self.best.excess {
            return excess < self.best.excess;
        }
        let lack = |node: &usize| (self.limits[*node].lower - self.load[*node]).max(0);
        let lacking: i64 = self.nodes.iter().map(lack).sum();
        if self.best.missing > 0 {
            return true;
        }
        if lacking > self.rest[index] {
            return false;
        }
        let must = self.must_pay(excess);
        (cost + must, moved) < (self.best.cost, self.best.slots)
    }

    /// What has to be paid at least for the slots that aren't decided.
    fn must_pay(&self, excess: i128) -> u64 {
        if !self.costs_are_loads || excess > 0 {
            return 0;
        }
        let (mut gives, mut takes) = (0, 0);
        for node in 0..self.load.len() {
            let with_own = self.load[node] + self.waiting[node];
            let it = &self.assignment.model.nodes[node];
            if it.is_drained {
                gives += self.waiting[node];
            } else if it.capacity > 0 {
                gives += (with_own - self.limits[node].upper).clamp(0, self.waiting[node]);
                takes += (self.limits[node].lower - with_own).max(0);
            }
        }
        gives.max(takes) as u64
    }

    fn keep(&mut self, excess: i128, cost: u64, moved: usize) {
        let is_bare =
            |node: &usize| self.assignment.model.nodes[*node].keeps_one && self.count[*node] == 0;
        if self.nodes.iter().any(is_bare) {
            return;
        }
        let lack = |node: &usize| {
            let lack = (self.limits[*node].lower - self.load[*node]).max(0);
            self.assignment.relative(*node, lack)
        };
        let missing = self.nodes.iter().map(lack).max().unwrap_or(0);
        let score = Score {
            excess,
            missing,
            cost,
            slots: moved,
        };
        if score < self.best {
            self.best = score;
            self.found = Some(self.chosen.clone());
        }
    }
}
