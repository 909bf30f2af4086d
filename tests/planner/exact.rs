//! Small problems, solved exactly here by branch and bound.

use crate::instances::{Random, WEIGHTS, Weights, node_id, table};
use slotkit::cluster::{NodeId, SlotMap};
use slotkit::plan::{Metric, Objective, Part, Plan, PlanNode, Problem, check, plan};
use slotkit::slot::{SLOT_COUNT, Slot};

/// A few nodes, a few slots that weigh something, and every other slot empty.
struct Small {
    problem: Problem,
    nodes: usize,
    /// Weight and node of the slots that weigh something, the heaviest first.
    slots: Vec<(u64, usize)>,
    drained: Option<usize>,
}

fn small(weights: Weights, seed: u64) -> Small {
    let mut random = Random::new(seed);
    let nodes = 2 + random.below(3) as usize;
    let count = 5 + random.below(6) as usize;
    let widest = [20, 100, 1000][random.below(3) as usize];
    let crowded = random.below(3) as usize;
    let mut slots: Vec<(u64, usize)> = (0..count)
        .map(|index| {
            // Now and then one node has most of it, as a cluster that grew has.
            let node = random.below((nodes + crowded) as u64) as usize;
            let weight = match weights {
                Weights::Uniform => 1 + random.below(widest),
                Weights::Zipf => (20 * widest / (index as u64 + 1)).max(1),
                Weights::Giants if index % 4 == 3 => {
                    widest * count as u64 / (2 * nodes as u64) + random.below(2 * widest)
                }
                _ => 1 + random.below(widest),
            };
            (weight, node.min(nodes - 1))
        })
        .collect();
    let drained = (random.below(4) == 0).then_some(0);
    let mut map = SlotMap::new();
    let mut bytes = vec![0; SLOT_COUNT];
    for slot in Slot::all() {
        map.assign(slot, node_id(slot.index() % nodes));
    }
    for (index, (weight, node)) in slots.iter().enumerate() {
        let slot = Slot::new(index as u16 * 1000 + 7).expect("a slot");
        bytes[slot.index()] = *weight;
        map.assign(slot, node_id(*node));
    }
    let list = (0..nodes).map(|index| PlanNode::new(node_id(index)));
    let mut problem = Problem::new(list.collect(), map).expect("a problem");
    problem.objective = Objective::by(Metric::Bytes);
    problem.weights = table(Metric::Bytes, bytes);
    if let Some(node) = drained {
        problem.node_mut(node_id(node)).expect("a node").part = Part::Drained;
    }
    slots.sort_unstable_by_key(|slot| std::cmp::Reverse(*slot));
    Small {
        problem,
        nodes,
        slots,
        drained,
    }
}

/// Between which loads every bearer must end.
#[derive(Clone, Copy)]
struct Window {
    lower: u64,
    upper: u64,
    /// A slot above this is a giant.
    giant: u64,
    /// The upper end for a node with a giant.
    with_giant: u64,
}

/// A search over who gets each slot, the heaviest first.
struct Search<'a> {
    small: &'a Small,
    load: Vec<u64>,
    has_giant: Vec<bool>,
    window: Window,
    least: Option<u64>,
    lowest: u64,
}

impl Small {
    fn bearers(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes).filter(|node| Some(*node) != self.drained)
    }

    /// The loads within two percent of the fair share: 98 T <= 100 n L <= 102 T.
    fn window(&self) -> Window {
        let total: u64 = self.slots.iter().map(|(weight, _)| weight).sum();
        let parts = 100 * self.bearers().count() as u64;
        Window {
            lower: (98 * total).div_ceil(parts),
            upper: 102 * total / parts,
            giant: 102 * total / parts,
            with_giant: 102 * total / parts,
        }
    }

    fn search(&self, window: Window) -> Search<'_> {
        Search {
            small: self,
            load: vec![0; self.nodes],
            has_giant: vec![false; self.nodes],
            window,
            least: None,
            lowest: u64::MAX,
        }
    }

    /// The least that has to move so that every bearer's load is in the window, if it can be.
    fn least_moved(&self, window: Window) -> Option<u64> {
        let mut search = self.search(window);
        search.for_cost(0, 0);
        search.least
    }

    /// The smallest largest load.
    fn lowest_largest(&self) -> u64 {
        let mut search = self.search(self.window());
        search.for_evenness(0);
        search.lowest
    }
}

impl Search<'_> {
    fn for_cost(&mut self, index: usize, moved: u64) {
        if self.least.is_some_and(|least| moved >= least) {
            return;
        }
        let Some((weight, home)) = self.small.slots.get(index).copied() else {
            let is_even = self
                .small
                .bearers()
                .all(|node| self.load[node] >= self.window.lower);
            if is_even {
                self.least = Some(moved);
            }
            return;
        };
        let small = self.small;
        for node in small.bearers() {
            let had_giant = self.has_giant[node];
            let has_giant = had_giant || weight > self.window.giant;
            let upper = if has_giant {
                self.window.with_giant
            } else {
                self.window.upper
            };
            if self.load[node] + weight <= upper {
                self.has_giant[node] = has_giant;
                self.load[node] += weight;
                let cost = if node == home { 0 } else { weight };
                self.for_cost(index + 1, moved + cost);
                self.load[node] -= weight;
                self.has_giant[node] = had_giant;
            }
        }
    }

    fn for_evenness(&mut self, index: usize) {
        let Some((weight, _)) = self.small.slots.get(index).copied() else {
            self.lowest = self.load.iter().copied().max().unwrap_or(0);
            return;
        };
        let small = self.small;
        for node in small.bearers() {
            if self.load[node] + weight < self.lowest {
                self.load[node] += weight;
                self.for_evenness(index + 1);
                self.load[node] -= weight;
            }
        }
    }
}

#[test]
fn small_plans_are_near_the_best_of_all() {
    for weights in WEIGHTS {
        let mut reachable = 0;
        for seed in 0..70 {
            reachable += u32::from(held_against_the_best(weights, seed));
        }
        assert!(
            reachable > 10,
            "{weights:?}: {reachable} problems with a plan within the threshold"
        );
    }
}

/// Whether the threshold can be reached.
fn held_against_the_best(weights: Weights, seed: u64) -> bool {
    let small = small(weights, seed);
    let name = format!("{weights:?}, seed {seed}");
    let plan = plan(&small.problem).expect("a plan");
    assert_eq!(check(&plan, &small.problem), [], "{name}");
    let moved = plan.cost().bytes.expect("bytes are known");
    let loads: Vec<u64> = small.bearers().map(|node| load_of(&plan, node)).collect();
    let smallest = loads.iter().copied().min().unwrap_or(0);
    let largest = loads.iter().copied().max().unwrap_or(0);

    let window = small.window();
    let least = small.least_moved(window);
    if let Some(least) = least {
        let is_within = smallest >= window.lower && largest <= window.upper;
        assert!(is_within, "{name}: {loads:?}");
        let bound = plan.cost().lower_bound;
        assert!(bound <= least, "{name}: bound {bound}, best {least}");
    } else {
        // What is within the threshold is no excess, so there 0 is the smallest.
        let lowest = small.lowest_largest();
        let allowed = lowest.max(window.upper);
        assert!(largest <= allowed, "{name}: {loads:?}, best {lowest}");
    }
    // No plan that is as even moves much less.
    let with_giant = giant_owners(&small.problem, &plan, window.giant);
    let ordinary = small
        .bearers()
        .filter(|node| !with_giant.contains(&node_id(*node)));
    let largest_ordinary = ordinary.map(|node| load_of(&plan, node)).max();
    let as_even = Window {
        lower: smallest,
        upper: largest_ordinary.unwrap_or(largest),
        giant: window.giant,
        with_giant: largest,
    };
    let least_as_even = least.or_else(|| small.least_moved(as_even));
    let least_as_even = least_as_even.expect("the plan itself is as even");
    assert!(
        moved * 10 <= least_as_even * 11,
        "{name}: {moved}, best {least_as_even}"
    );
    least.is_some()
}

fn load_of(plan: &Plan, node: usize) -> u64 {
    let state = plan.after().iter().find(|state| state.id == node_id(node));
    state
        .and_then(|state| state.bytes)
        .expect("bytes are known")
}

/// Who owns a slot above this weight after the plan.
fn giant_owners(problem: &Problem, plan: &Plan, above: u64) -> Vec<NodeId> {
    let weigh = |slot| problem.weights.get(Metric::Bytes, slot).expect("known");
    let owner = |slot: Slot| {
        let moved = plan.migrations().iter().find(|it| it.slot == slot);
        let target = moved.map(|migration| migration.target);
        target.or(problem.owner.owner(slot)).expect("an owner")
    };
    Slot::all()
        .filter(|slot| weigh(*slot) > above)
        .map(owner)
        .collect()
}
