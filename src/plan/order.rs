//! In which order to move: the most loaded node is relieved first, disjoint
//! pairs of nodes take turns, and the biggest slots come last.
//!
//! The last rule goes first where they differ: a slot far above the usual size
//! stalls its two nodes for longest and is the likeliest to be stopped, so that
//! all else should be done by then. Slots of the usual size are in no order of
//! size over the whole plan, only within a pair of nodes.

use super::model::{Model, NOBODY};

/// One slot on its way, by index in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotMove {
    pub slot: u16,
    pub source: u16,
    pub target: u16,
}

/// The slots that change hands, ascending.
pub(super) fn slot_moves(model: &Model, at: &[u16]) -> Vec<SlotMove> {
    let moved = |(slot, (home, at)): (usize, (&u16, &u16))| {
        (home != at && *home != NOBODY).then_some(SlotMove {
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

/// A slot with more than so many times the mean of what moves is a big one.
const BIG: u64 = 4;

/// The slot moves in the order of execution.
///
/// # Errors
/// The slot moves that found no turn, since every target lacks memory for what must arrive first.
pub(super) fn order(
    model: &Model,
    slot_moves: Vec<SlotMove>,
) -> Result<Vec<SlotMove>, Vec<SlotMove>> {
    let usual = usual_bytes(model, &slot_moves);
    let biggest_last = in_rounds(Queue::new(model, slot_moves.clone(), usual));
    // Where memory is short, what is small may have no room until what is big has left.
    biggest_last.or_else(|_| in_rounds(Queue::new(model, slot_moves, u64::MAX)))
}

/// The largest bytes of a slot that isn't a big one.
fn usual_bytes(model: &Model, slot_moves: &[SlotMove]) -> u64 {
    let bytes = slot_moves
        .iter()
        .map(|slot_move| model.bytes[usize::from(slot_move.slot)]);
    let sum: u128 = bytes.map(u128::from).sum();
    let most = sum * u128::from(BIG) / slot_moves.len().max(1) as u128;
    u64::try_from(most).unwrap_or(u64::MAX)
}

fn in_rounds(mut queue: Queue<'_>) -> Result<Vec<SlotMove>, Vec<SlotMove>> {
    let mut ordered = Vec::with_capacity(queue.waiting);
    while queue.waiting > 0 {
        let round = queue.round();
        if round.is_empty() && !queue.let_bigger_ones_go() {
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

/// The slot moves of one pair of nodes; the next one is last in the list.
struct Pair {
    target: usize,
    slot_moves: Vec<SlotMove>,
}

struct Queue<'model> {
    model: &'model Model,
    pairs: Vec<Vec<Pair>>,
    load: Vec<i64>,
    used: Vec<i128>,
    waiting: usize,
    /// Slots of more bytes wait until no smaller one can go.
    largest_bytes: u64,
}

impl<'model> Queue<'model> {
    fn new(
        model: &'model Model,
        mut slot_moves: Vec<SlotMove>,
        largest_bytes: u64,
    ) -> Queue<'model> {
        let mut load = vec![0; model.nodes.len()];
        for (slot, home) in model.home.iter().enumerate() {
            if *home != NOBODY {
                load[usize::from(*home)] += model.load[slot];
            }
        }
        let waiting = slot_moves.len();
        let size =
            |slot_move: &SlotMove| (model.bytes[usize::from(slot_move.slot)], slot_move.slot);
        slot_moves.sort_by_key(|slot_move| {
            (
                slot_move.source,
                slot_move.target,
                std::cmp::Reverse(size(slot_move)),
            )
        });
        let mut pairs: Vec<Vec<Pair>> = Vec::new();
        pairs.resize_with(model.nodes.len(), Vec::new);
        for group in slot_moves.chunk_by(|a, b| (a.source, a.target) == (b.source, b.target)) {
            pairs[usize::from(group[0].source)].push(Pair {
                target: usize::from(group[0].target),
                slot_moves: group.to_vec(),
            });
        }
        let used = vec![0; model.nodes.len()];
        Queue {
            model,
            pairs,
            load,
            used,
            waiting,
            largest_bytes,
        }
    }

    /// Raises the limit to twice the smallest slot above it; false where there is none.
    fn let_bigger_ones_go(&mut self) -> bool {
        let next = self
            .pairs
            .iter()
            .flatten()
            .filter_map(|pair| pair.slot_moves.last());
        let bytes = next.map(|slot_move| self.model.bytes[usize::from(slot_move.slot)]);
        let above = bytes.filter(|bytes| *bytes > self.largest_bytes).min();
        if let Some(bytes) = above {
            self.largest_bytes = bytes.saturating_mul(2);
        }
        above.is_some()
    }

    /// One slot move from each source that finds a target that isn't busy in this round.
    fn round(&mut self) -> Vec<SlotMove> {
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
            let free = |pair: &&Pair| !busy[pair.target] && self.may_go(pair);
            let most = |pair: &&Pair| (pair.slot_moves.len(), std::cmp::Reverse(pair.target));
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

    fn may_go(&self, pair: &Pair) -> bool {
        let Some(slot_move) = pair.slot_moves.last() else {
            return false;
        };
        let bytes = self.model.bytes[usize::from(slot_move.slot)];
        let after = self.used[pair.target] + i128::from(bytes);
        bytes <= self.largest_bytes && after <= i128::from(self.model.nodes[pair.target].headroom)
    }

    fn take(&mut self, source: usize, target: usize) -> Option<SlotMove> {
        let pairs = &mut self.pairs[source];
        let index = pairs.iter().position(|pair| pair.target == target)?;
        let slot_move = pairs[index].slot_moves.pop()?;
        if pairs[index].slot_moves.is_empty() {
            pairs.remove(index);
        }
        let slot = usize::from(slot_move.slot);
        self.load[source] -= self.model.load[slot];
        self.load[target] += self.model.load[slot];
        self.used[source] -= i128::from(self.model.bytes[slot]);
        self.used[target] += i128::from(self.model.bytes[slot]);
        self.waiting -= 1;
        Some(slot_move)
    }

    fn left(self) -> Vec<SlotMove> {
        self.pairs
            .into_iter()
            .flatten()
            .flat_map(|pair| pair.slot_moves)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::model;
    use super::*;

    const A: u16 = 0;
    const B: u16 = 1;
    const C: u16 = 2;
    const D: u16 = 3;

    fn slot_move(slot: u16, source: u16, target: u16) -> SlotMove {
        SlotMove {
            slot,
            source,
            target,
        }
    }

    fn slots(ordered: &[SlotMove]) -> Vec<u16> {
        ordered.iter().map(|slot_move| slot_move.slot).collect()
    }

    #[test]
    fn what_is_big_waits_for_the_small_ones_of_other_pairs() {
        let small: Vec<u16> = (4096..4116).collect();
        let mut sizes: Vec<(u16, u64)> = small.iter().map(|slot| (*slot, 1)).collect();
        sizes.extend([(0, 900), (1, 2_000), (8192, 1)]);
        let model = model(&sizes, [u64::MAX; 4]);
        let mut slot_moves: Vec<SlotMove> =
            small.iter().map(|slot| slot_move(*slot, B, D)).collect();
        slot_moves.extend([
            slot_move(1, A, C),
            slot_move(0, A, C),
            slot_move(8192, C, B),
        ]);
        let ordered = slots(&order(&model, slot_moves).expect("an order"));
        assert_eq!(ordered[ordered.len() - 2..], [0, 1], "{ordered:?}");
    }

    #[test]
    fn where_the_small_ones_would_take_its_room_what_is_big_goes_first() {
        // C has room for the big slot alone; what C gives goes to A, which has room once the big one left.
        let mut sizes = vec![(0, 100), (8192, 10)];
        sizes.extend((0..30).map(|index| (12288 + index, 1)));
        let model = model(&sizes, [0, 0, 100, 0]);
        let mut slot_moves = vec![slot_move(0, A, C), slot_move(8192, C, A)];
        slot_moves.extend((0..5).map(|index| slot_move(12288 + index, D, C)));
        let ordered = slots(&order(&model, slot_moves).expect("an order"));
        assert_eq!(ordered, [0, 8192, 12288, 12289, 12290, 12291, 12292]);
    }

    #[test]
    fn without_room_for_anything_what_is_stuck_is_told() {
        let model = model(&[(0, 5), (4096, 5)], [0; 4]);
        let slot_moves = vec![slot_move(0, A, B), slot_move(4096, B, A)];
        assert_eq!(order(&model, slot_moves.clone()), Err(slot_moves));
    }
}
