//! Exchanges slots that move anyway, which costs nothing or little.
//!
//! Where a slot is as large as the room between a node's limits, what leaves
//! the nodes that have too much seldom adds up to what the others lack. An
//! exchange takes a slot that came to a node away again, and gives the node
//! one that came to another in its place. What was taken goes to that other
//! node; or it goes home, and a slot of its home that suits better goes in its
//! stead, or none does.
//!
//! Every exchange leaves the node within its limits and no other node further
//! outside than it was, so that a step never has to be taken back.

#[cfg(test)]
mod tests;

use super::assignment::Assignment;
use std::cmp::Reverse;

/// So many slots of a home are looked at in place of one that left it.
const TRIED: usize = 8;

/// So many pairs of slots are looked at in one call, and so many more for each
/// node: a bound on the time where thousands of slots move.
const MOST_PAIRS: usize = 200_000;
const PAIRS_A_NODE: usize = 4_000;

/// What it takes to find the pairs at all, counted as so many of them.
const SEARCH: usize = 10;

/// One exchange, seen from a node.
#[derive(Clone, Copy, Debug)]
struct Exchange {
    node: usize,
    /// Leaves the node.
    taken: Option<u16>,
    /// Goes to the other node: what was taken, or a slot of its home in its stead, or nothing.
    sent: Option<u16>,
    /// Comes from the other node.
    got: Option<u16>,
    other: usize,
}

/// Brings nodes within their limits by exchanges: those that cost nothing first.
pub(super) fn reduce_violations(assignment: &mut Assignment<'_>) {
    let mut exchanges = Exchanges::of(assignment);
    for below in [1, i64::MAX] {
        let mut helped = true;
        while helped && exchanges.pairs_left > 0 {
            helped = false;
            for node in violated(exchanges.assignment) {
                helped |= exchanges.reduce_violations(node, below);
            }
        }
    }
}

/// Lowers the cost by exchanges until none does.
pub(super) fn reduce_cost(assignment: &mut Assignment<'_>) {
    let mut exchanges = Exchanges::of(assignment);
    let mut helped = true;
    while helped && exchanges.pairs_left > 0 {
        helped = false;
        let mut moved = exchanges.moved.clone();
        moved.sort_by_key(|slot| (Reverse(exchanges.assignment.slot_cost(*slot)), *slot));
        for slot in moved {
            // It may have gone home since.
            if exchanges.assignment.is_moved(slot) {
                let node = usize::from(exchanges.assignment.at[usize::from(slot)]);
                helped |= exchanges.make(node, &[Some(slot)], 0);
            }
        }
    }
}

/// The nodes outside their limits, the worst first.
fn violated(assignment: &Assignment<'_>) -> Vec<usize> {
    let mut nodes: Vec<usize> = assignment.bearers().collect();
    nodes.retain(|node| assignment.violation(*node) > 0);
    nodes.sort_by_key(|node| {
        (
            Reverse(assignment.relative(*node, assignment.violation(*node))),
            *node,
        )
    });
    nodes
}

struct Exchanges<'a, 'model> {
    assignment: &'a mut Assignment<'model>,
    /// The slots that moved and may move again, the lightest first.
    moved: Vec<u16>,
    pairs_left: usize,
}

impl<'a, 'model> Exchanges<'a, 'model> {
    fn of(assignment: &'a mut Assignment<'model>) -> Exchanges<'a, 'model> {
        let may_move = |slot: &u16| {
            assignment.is_moved(*slot)
                && !assignment.is_locked(*slot)
                && assignment.slot_load(*slot) > 0
        };
        let mut moved: Vec<u16> = (0..assignment.at.len() as u16).filter(may_move).collect();
        moved.sort_by_key(|slot| (assignment.slot_load(*slot), *slot));
        Exchanges {
            pairs_left: MOST_PAIRS + PAIRS_A_NODE * assignment.load.len(),
            assignment,
            moved,
        }
    }

    fn reduce_violations(&mut self, node: usize, below: i64) -> bool {
        let came = self.assignment.here[node].iter().copied();
        let came = came.filter(|slot| self.assignment.is_moved(*slot));
        let taken: Vec<Option<u16>> = came.map(Some).chain([None]).collect();
        self.assignment.violation(node) > 0 && self.make(node, &taken, below)
    }

    /// Makes the exchange that costs least and less than `below`, if there is one.
    fn make(&mut self, node: usize, taken: &[Option<u16>], below: i64) -> bool {
        let mut best = Best {
            cost: below,
            exchange: None,
        };
        for taken in taken {
            if self.pairs_left == 0 {
                break;
            }
            self.look(node, *taken, &mut best);
        }
        let Some(exchange) = best.exchange else {
            return false;
        };
        self.apply(exchange);
        true
    }

    /// Every exchange of what is taken from a node.
    fn look(&mut self, node: usize, taken: Option<u16>, best: &mut Best) {
        let Some(slot) = taken else {
            return self.look_at(node, [None, None], 0, best);
        };
        self.look_at(node, [taken, taken], 0, best);
        let assignment = &*self.assignment;
        let home = assignment.home(slot);
        if assignment.model.nodes[home].is_drained {
            return;
        }
        // What goes in its stead must be so heavy that the home has room for it again.
        let least = assignment.slot_load(slot) - (-assignment.excess(home)).max(0);
        let first = assignment.first_from(home, least.max(1));
        let stays = |other: &u16| !assignment.is_moved(*other) && *other != slot;
        let from_home = assignment.here[home][first..].iter().copied().filter(stays);
        let stead: Vec<u16> = from_home.take(TRIED).collect();
        for sent in std::iter::once(None).chain(stead.into_iter().map(Some)) {
            let paid = sent.map_or(0, |sent| self.assignment.slot_cost(sent));
            let leaves = sent.map_or(0, |sent| self.assignment.slot_load(sent));
            let stays_within = self.stays_within(home, self.assignment.slot_load(slot) - leaves);
            if stays_within {
                self.look_at(
                    node,
                    [taken, sent],
                    paid - self.assignment.slot_cost(slot),
                    best,
                );
            }
        }
    }

    /// Every slot that could come for what is taken and sent, which costs `paid` by itself.
    fn look_at(
        &mut self,
        node: usize,
        [taken, sent]: [Option<u16>; 2],
        paid: i64,
        best: &mut Best,
    ) {
        if paid >= best.cost {
            return;
        }
        let assignment = &*self.assignment;
        let load = |slot: Option<u16>| slot.map_or(0, |slot| assignment.slot_load(slot));
        let stays = assignment.load[node] - load(taken);
        let (least, most) = (
            assignment.limits[node].lower - stays,
            assignment.limits[node].upper - stays,
        );
        let home = (taken != sent)
            .then(|| taken.map(|slot| assignment.home(slot)))
            .flatten();
        let offer = |got: Option<u16>, other: usize, best: &mut Best| {
            let exchange = Exchange {
                node,
                taken,
                sent,
                got,
                other,
            };
            let sent_cost = if taken == sent {
                sent.map_or(0, |slot| assignment.cost_of(slot, other))
            } else {
                0
            };
            let cost = paid + sent_cost + got.map_or(0, |slot| assignment.cost_of(slot, node));
            if cost < best.cost
                && other != node
                && Some(other) != home
                && self.stays_within(other, load(sent) - load(got))
                && self.has_memory(exchange)
            {
                *best = Best {
                    cost,
                    exchange: Some(exchange),
                };
            }
        };
        let from = self.moved.partition_point(|slot| load(Some(*slot)) < least);
        let until = self.moved.partition_point(|slot| load(Some(*slot)) <= most);
        for got in self.moved.get(from..until).unwrap_or_default() {
            offer(
                Some(*got),
                usize::from(assignment.at[usize::from(*got)]),
                best,
            );
        }
        let mut pairs = until.saturating_sub(from) + SEARCH;
        if least <= 0 && most >= 0 && sent.is_some() {
            for other in assignment.bearers() {
                offer(None, other, best);
            }
            pairs += assignment.load.len();
        }
        self.pairs_left = self.pairs_left.saturating_sub(pairs);
    }

    /// Whether a node is no further outside its limits with so much more load.
    fn stays_within(&self, node: usize, more: i64) -> bool {
        let assignment = &*self.assignment;
        let was = assignment.violation(node);
        assignment.excess(node) + more <= was && assignment.missing(node) - more <= was
    }

    fn has_memory(&self, exchange: Exchange) -> bool {
        let Exchange {
            node,
            sent,
            got,
            other,
            ..
        } = exchange;
        let assignment = &*self.assignment;
        got.is_none_or(|slot| assignment.has_memory(node, slot))
            && sent.is_none_or(|slot| assignment.has_memory(other, slot))
            && (got.is_some() || assignment.can_spare(node))
            && (sent.is_some() || assignment.can_spare(other))
    }

    fn apply(&mut self, exchange: Exchange) {
        let Exchange {
            node,
            taken,
            sent,
            got,
            other,
        } = exchange;
        for slot in [taken, sent, got].into_iter().flatten() {
            self.forget(slot);
            self.assignment.lift(slot);
        }
        if let Some(slot) = taken.filter(|_| taken != sent) {
            self.put(slot, self.assignment.home(slot));
        }
        if let Some(slot) = sent {
            self.put(slot, other);
        }
        if let Some(slot) = got {
            self.put(slot, node);
        }
    }

    fn put(&mut self, slot: u16, node: usize) {
        self.assignment.put(slot, node);
        if self.assignment.is_moved(slot) {
            let place = self.place(slot).unwrap_or_else(|place| place);
            self.moved.insert(place, slot);
        }
    }

    fn forget(&mut self, slot: u16) {
        if let Ok(place) = self.place(slot) {
            self.moved.remove(place);
        }
    }

    fn place(&self, slot: u16) -> Result<usize, usize> {
        let key = |slot: &u16| (self.assignment.slot_load(*slot), *slot);
        self.moved.binary_search_by_key(&key(&slot), key)
    }
}

struct Best {
    cost: i64,
    exchange: Option<Exchange>,
}
