//! Which slot may begin next.
//!
//! Moves that touch the same node run side by side only while all of them go
//! into it, or all leave it: what a plan lets leave first may be what makes
//! room for what comes, and a node that has just received a slot is no source
//! before the others have learnt of it. So every node works off its moves in
//! spells of one direction, in the plan's order.

use super::super::Move;
use super::super::slot_move::Entry;
use crate::cluster::NodeId;
use crate::slot::Slot;
use std::collections::{BTreeMap, VecDeque};

/// Who gives and who receives.
pub(super) type Pair = (NodeId, NodeId);

/// A move that waits for its turn, or is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub task: Move,
    pub entry: Entry,
    /// How many keys it had when they were counted, where they were.
    pub keys: Option<u64>,
    /// The pair that the plan named: the task's own may change when a node fails over.
    pub pair: Pair,
    /// The spells that it belongs to, at source and at target.
    spells: (usize, usize),
    /// Its place in the plan.
    place: usize,
}

impl Ticket {
    /// How much of a pair's room it takes.
    fn weight(&self) -> usize {
        let keys = self.keys.unwrap_or(MANY_KEYS).min(MANY_KEYS) as usize;
        1 + keys * (EMPTY_PER_SLOT - 1) / MANY_KEYS as usize
    }
}

/// How many moves each spell of a node still has, and which direction the last one has.
#[derive(Clone, Debug, Default)]
struct Spells {
    left: Vec<usize>,
    gives: bool,
    /// The first spell that has moves left.
    now: usize,
}

impl Spells {
    fn add(&mut self, gives: bool) -> usize {
        if self.left.is_empty() || self.gives != gives {
            self.left.push(0);
            self.gives = gives;
        }
        let last = self.left.len() - 1;
        self.left[last] += 1;
        last
    }

    fn end(&mut self, spell: usize) {
        self.left[spell] -= 1;
        while self.left.get(self.now) == Some(&0) {
            self.now += 1;
        }
    }
}

/// The moves that haven't begun.
#[derive(Clone, Debug, Default)]
pub(super) struct Schedule {
    waiting: BTreeMap<Pair, VecDeque<Ticket>>,
    spells: BTreeMap<NodeId, Spells>,
    /// What is on its way, for each pair of the plan, in weights of an empty slot.
    under_way: BTreeMap<Pair, usize>,
}

/// How many empty slots count as one with many keys. An empty one is open for some milliseconds,
/// and nobody is sent on by it.
const EMPTY_PER_SLOT: usize = 16;
/// How many keys are many: of fewer a slot counts in proportion.
const MANY_KEYS: u64 = 200;

/// How much may be under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Slots of one pair; one with few keys counts in part, an empty one as a sixteenth.
    pub slots_per_pair: usize,
    /// Pairs that one node takes part in.
    pub pairs_per_node: usize,
}

impl Schedule {
    /// A schedule of these moves, in this order, with the keys of the slots that were counted.
    pub fn new(tasks: &[(Move, Entry)], keys: &BTreeMap<Slot, u64>) -> Schedule {
        let mut schedule = Schedule::default();
        for (place, (task, entry)) in tasks.iter().enumerate() {
            let pair = (task.source, task.target);
            let mut spell = |id, gives| schedule.spells.entry(id).or_default().add(gives);
            let spells = (spell(task.source, true), spell(task.target, false));
            schedule.waiting.entry(pair).or_default().push_back(Ticket {
                task: *task,
                entry: *entry,
                keys: keys.get(&task.slot).copied(),
                pair,
                spells,
                place,
            });
        }
        schedule
    }

    /// Whether nothing waits any more.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes what may begin now. A pair is filled up by halves of its room: before slots are
    /// opened, every primary is asked.
    pub fn take(&mut self, bounds: Bounds) -> Vec<Ticket> {
        let mut pairs: Vec<(usize, Pair)> = self
            .waiting
            .iter()
            .filter_map(|(pair, queue)| Some((queue.front()?.place, *pair)))
            .collect();
        pairs.sort_unstable();
        let mut taken = Vec::new();
        for (_, pair) in pairs {
            let under_way = self.under_way.get(&pair).copied().unwrap_or_default();
            let most = bounds.slots_per_pair.max(1) * EMPTY_PER_SLOT;
            let mut room = most.saturating_sub(under_way);
            let may_join = under_way > 0
                || [pair.0, pair.1]
                    .iter()
                    .all(|id| self.pairs_of(*id) < bounds.pairs_per_node.max(1));
            if 2 * room < most || !may_join {
                continue;
            }
            // At most half at once: while one half is told to its new owner, the next is opened.
            room = room.min((most / 2).max(EMPTY_PER_SLOT));
            while let Some(ticket) = self.next_of(pair, room) {
                room -= ticket.weight();
                taken.push(ticket);
            }
        }
        taken
    }

    /// The next move of a pair, where it may begin and there is room for it.
    fn next_of(&mut self, pair: Pair, room: usize) -> Option<Ticket> {
        let queue = self.waiting.get_mut(&pair)?;
        let first = queue.front()?;
        let now = |id: &NodeId| self.spells.get(id).map_or(0, |spells| spells.now);
        let weight = first.weight();
        if (now(&pair.0), now(&pair.1)) != first.spells || weight > room {
            return None;
        }
        let ticket = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&pair);
        }
        *self.under_way.entry(pair).or_default() += weight;
        ticket
    }

    /// A move has ended: its node may change direction.
    pub fn end(&mut self, ticket: &Ticket) {
        for (id, spell) in [
            (ticket.pair.0, ticket.spells.0),
            (ticket.pair.1, ticket.spells.1),
        ] {
            if let Some(spells) = self.spells.get_mut(&id) {
                spells.end(spell);
            }
        }
        self.leave(ticket);
    }

    /// A move has stopped where it is: what comes after it on its nodes doesn't begin.
    pub fn leave(&mut self, ticket: &Ticket) {
        if let Some(count) = self.under_way.get_mut(&ticket.pair) {
            *count -= ticket.weight();
            if *count == 0 {
                self.under_way.remove(&ticket.pair);
            }
        }
    }

    fn pairs_of(&self, id: NodeId) -> usize {
        let pairs = self.under_way.keys();
        pairs.filter(|pair| pair.0 == id || pair.1 == id).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::id;

    const BOUNDS: Bounds = Bounds {
        slots_per_pair: 2,
        pairs_per_node: 2,
    };

    fn schedule(moves: &[(u16, char, char)]) -> Schedule {
        let task = |(slot, source, target): &(u16, char, char)| {
            let slot = Slot::new(*slot).expect("a slot");
            let (source, target) = (id(*source), id(*target));
            let task = Move {
                slot,
                source,
                target,
            };
            (task, Entry::Fresh)
        };
        Schedule::new(
            &moves.iter().map(task).collect::<Vec<_>>(),
            &BTreeMap::new(),
        )
    }

    fn slots(tickets: &[Ticket]) -> Vec<u16> {
        tickets
            .iter()
            .map(|ticket| ticket.task.slot.number())
            .collect()
    }

    #[test]
    fn a_node_gives_and_receives_in_turns() {
        let mut schedule = schedule(&[(1, 'a', 'b'), (2, 'b', 'c'), (3, 'a', 'b'), (4, 'd', 'e')]);
        let first = schedule.take(BOUNDS);
        assert_eq!(slots(&first), [1, 4], "2 leaves where 1 arrives");
        assert!(schedule.take(BOUNDS).is_empty());
        schedule.end(&first[0]);
        let second = schedule.take(BOUNDS);
        assert_eq!(slots(&second), [2]);
        schedule.end(&second[0]);
        assert_eq!(slots(&schedule.take(BOUNDS)), [3]);
        assert!(schedule.is_empty());
    }

    #[test]
    fn slots_of_a_pair_and_pairs_of_a_node_are_bounded() {
        let mut schedule = schedule(&[
            (1, 'a', 'f'),
            (2, 'a', 'f'),
            (3, 'a', 'f'),
            (4, 'b', 'f'),
            (5, 'c', 'f'),
        ]);
        let first = schedule.take(BOUNDS);
        assert_eq!(slots(&first), [1, 4], "c would be the third pair of f");
        assert_eq!(slots(&schedule.take(BOUNDS)), [2], "the other half");
        assert!(schedule.take(BOUNDS).is_empty());
        schedule.end(&first[1]);
        assert_eq!(slots(&schedule.take(BOUNDS)), [5]);
        // A slot that stopped blocks what follows in the other direction, not its own.
        schedule.leave(&first[0]);
        assert_eq!(slots(&schedule.take(BOUNDS)), [3]);
    }
}
