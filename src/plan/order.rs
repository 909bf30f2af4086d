//! In which order to move: the most loaded node is relieved first, disjoint
//! pairs of nodes take turns, and the biggest slots come last.

use super::model::{Model, NOBODY};

/// One slot on its way, by index in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub slot: u16,
    pub source: u16,
    pub target: u16,
}

/// The slots that change hands, ascending.
pub(super) fn hops(model: &Model, at: &[u16]) -> Vec<Hop> {
    let moved = |(slot, (home, at)): (usize, (&u16, &u16))| {
        (home != at && *home != NOBODY).then_some(Hop {
            slot: slot as u16,
            source: *home,
            target: *at,
        })
    };
    model
        .home
        .iter()
        .zip(at)
        .enumerate()
        .filter_map(moved)
        .collect()
}

/// The hops in the order of execution.
///
/// # Errors
/// The hops that found no turn, since every target lacks memory for what must arrive first.
pub(super) fn order(model: &Model, hops: Vec<Hop>) -> Result<Vec<Hop>, Vec<Hop>> {
    let mut queue = Queue::new(model, hops);
    let mut ordered = Vec::with_capacity(queue.waiting);
    while queue.waiting > 0 {
        let round = queue.round();
        if round.is_empty() {
            return Err(queue.left());
        }
        ordered.extend(round);
    }
    Ok(ordered)
}

/// How loaded a node is beside the others; a drained node comes first, whatever it has.
pub(super) fn relative_load(model: &Model, load: &[i64], node: usize) -> i128 {
    match i128::from(model.nodes[node].capacity) {
        0 => i128::MAX,
        capacity => (i128::from(load[node]) << 60) / capacity,
    }
}

/// The hops of one pair of nodes; the next one is last in the list.
struct Pair {
    target: usize,
    hops: Vec<Hop>,
}

struct Queue<'model> {
    model: &'model Model,
    pairs: Vec<Vec<Pair>>,
    load: Vec<i64>,
    used: Vec<i128>,
    waiting: usize,
}

impl<'model> Queue<'model> {
    fn new(model: &'model Model, mut hops: Vec<Hop>) -> Queue<'model> {
        let mut load = vec![0; model.nodes.len()];
        for (slot, home) in model.home.iter().enumerate() {
            if *home != NOBODY {
                load[usize::from(*home)] += model.load[slot];
            }
        }
        let waiting = hops.len();
        let size = |hop: &Hop| (model.bytes[usize::from(hop.slot)], hop.slot);
        hops.sort_by_key(|hop| (hop.source, hop.target, std::cmp::Reverse(size(hop))));
        let mut pairs: Vec<Vec<Pair>> = Vec::new();
        pairs.resize_with(model.nodes.len(), Vec::new);
        for group in hops.chunk_by(|a, b| (a.source, a.target) == (b.source, b.target)) {
            pairs[usize::from(group[0].source)].push(Pair {
                target: usize::from(group[0].target),
                hops: group.to_vec(),
            });
        }
        let used = vec![0; model.nodes.len()];
        Queue {
            model,
            pairs,
            load,
            used,
            waiting,
        }
    }

    /// One hop from each source that finds a target that isn't busy in this round.
    fn round(&mut self) -> Vec<Hop> {
        let mut sources: Vec<usize> = (0..self.pairs.len())
            .filter(|node| !self.pairs[*node].is_empty())
            .collect();
        sources.sort_by_key(|node| {
            (
                std::cmp::Reverse(relative_load(self.model, &self.load, *node)),
                *node,
            )
        });
        let mut busy = vec![false; self.pairs.len()];
        let mut round = Vec::new();
        for source in sources {
            if busy[source] {
                continue;
            }
            let free = |pair: &&Pair| !busy[pair.target] && self.has_room(pair);
            let most = |pair: &&Pair| (pair.hops.len(), std::cmp::Reverse(pair.target));
            let Some(target) = self.pairs[source]
                .iter()
                .filter(free)
                .max_by_key(most)
                .map(|pair| pair.target)
            else {
                continue;
            };
            busy[source] = true;
            busy[target] = true;
            round.extend(self.take(source, target));
        }
        round
    }

    fn has_room(&self, pair: &Pair) -> bool {
        let Some(hop) = pair.hops.last() else {
            return false;
        };
        let after = self.used[pair.target] + i128::from(self.model.bytes[usize::from(hop.slot)]);
        after <= i128::from(self.model.nodes[pair.target].headroom)
    }

    fn take(&mut self, source: usize, target: usize) -> Option<Hop> {
        let pairs = &mut self.pairs[source];
        let index = pairs.iter().position(|pair| pair.target == target)?;
        let hop = pairs[index].hops.pop()?;
        if pairs[index].hops.is_empty() {
            pairs.remove(index);
        }
        let slot = usize::from(hop.slot);
        self.load[source] -= self.model.load[slot];
        self.load[target] += self.model.load[slot];
        self.used[source] -= i128::from(self.model.bytes[slot]);
        self.used[target] += i128::from(self.model.bytes[slot]);
        self.waiting -= 1;
        Some(hop)
    }

    fn left(self) -> Vec<Hop> {
        self.pairs
            .into_iter()
            .flatten()
            .flat_map(|pair| pair.hops)
            .collect()
    }
}
