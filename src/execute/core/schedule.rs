//! Decides which unit may begin next.
//!
//! Moves that touch the same node run side by side only while all of them go
//! into it, or all leave it: what a plan lets leave first may be what makes
//! room for what comes, and a node that has just received a slot is no source
//! before the others have learnt of it. So every node works off its moves in
//! spells of one direction, in the plan's order.

use super::super::mover::{Entry, Unit};
use crate::cluster::NodeId;
use crate::slot::Slot;
use std::collections::{BTreeMap, VecDeque};

/// Who gives and who receives.
pub(super) type Pair = (NodeId, NodeId);

/// What a move takes of the room for open slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Room {
    /// Nothing: it is open already, and doesn't wait better closed. And one that its target imports
    /// from a node that has failed keeps the target from serving (`CLUSTERDOWN`) until it has heard
    /// of the promoted replica, so that slots which were let in before would wait for those that
    /// are kept out.
    None,
    /// A place in a batch of slots without keys, which are opened, closed and told together.
    Empty,
    /// A place of its own.
    Whole,
}

/// A unit that waits for its turn, or is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ScheduledUnit {
    pub unit: Unit,
    pub entry: Entry,
    /// How many keys it had when they were counted, where they were.
    pub keys: Option<u64>,
    /// The pair that the plan named: the unit's own may change when a node fails over.
    pub pair: Pair,
    /// What it takes of the room, or would.
    pub room: Room,
    /// Its place in the plan.
    place: usize,
    /// When it was taken, of all.
    pub turn: usize,
    /// The spells that it belongs to, at source and at target.
    spells: (usize, usize),
}

/// How many moves each spell of a node still has, and which direction the last one has.
#[derive(Clone, Debug, Default, Hash)]
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
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Schedule {
    waiting: BTreeMap<(Pair, Room), VecDeque<ScheduledUnit>>,
    spells: BTreeMap<NodeId, Spells>,
    /// How many slots are on their way of each pair of the plan, but for those that were open
    /// before.
    under_way: BTreeMap<Pair, usize>,
    /// How many slots are in hand that have keys, or may have.
    open: usize,
    /// The same, of those without keys.
    empty: usize,
    /// How many units were taken.
    turns: usize,
}

/// Slots with keys are taken by so many where there is room for more: each time that some are
/// taken, every primary is asked and the journal is synced.
const TAKEN_AT_ONCE: usize = 8;

/// How much may be under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Slots with keys that may be in hand at once, over all pairs.
    pub slots: usize,
    /// Slots without keys that may be open beside them, over all pairs.
    pub empty_slots: usize,
    /// Pairs that one node takes part in.
    pub pairs_per_node: usize,
    /// Whether only those may begin that an earlier run has opened.
    pub only_open: bool,
}

impl Schedule {
    /// A schedule of these units, in this order, with the keys of the slots that were counted.
    pub fn new(units: Vec<(Unit, Entry)>, keys: &BTreeMap<Slot, u64>) -> Schedule {
        let mut schedule = Schedule::default();
        for (place, (unit, entry)) in units.into_iter().enumerate() {
            let pair = unit.pair();
            let mut spell = |id, gives| schedule.spells.entry(id).or_default().add(gives);
            let spells = (spell(unit.source, true), spell(unit.target, false));
            let keys = unit.slots().map(|slot| keys.get(&slot).copied()).sum();
            let room = match (entry, keys) {
                (Entry::Fresh, Some(0)) => Room::Empty,
                (Entry::Fresh, _) => Room::Whole,
                _ => Room::None,
            };
            let queue = schedule.waiting.entry((pair, room)).or_default();
            queue.push_back(ScheduledUnit {
                unit,
                entry,
                keys,
                pair,
                room,
                place,
                turn: 0,
                spells,
            });
        }
        schedule
    }

    /// Whether nothing waits any more.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether something waits that an earlier run has opened, and may begin or will.
    pub fn has_open(&self) -> bool {
        self.waiting.keys().any(|(_, room)| *room == Room::None)
    }

    /// Takes what may begin now: units with keys one by one from the pairs that have the fewest
    /// under way; slots without keys in batches of half their room, so that while one half is told
    /// to its new owner, the next is opened. A unit of more slots than there is room for at all
    /// takes all of it.
    pub fn take(&mut self, bounds: Bounds) -> Vec<ScheduledUnit> {
        let most = bounds.empty_slots.max(1);
        let half = most.div_ceil(2);
        let mut empty = match most.saturating_sub(self.empty) {
            room if 2 * room < most => 0,
            room => room.min(half),
        };
        let mut whole = match bounds.slots.saturating_sub(self.open) {
            room if bounds.slots > 2 * TAKEN_AT_ONCE && room < TAKEN_AT_ONCE => 0,
            room => room,
        };
        let mut taken = Vec::new();
        loop {
            let before = taken.len();
            for queue in self.queues() {
                let has_room = |slots: usize, empty: usize, whole: usize| match queue.1 {
                    Room::None => true,
                    Room::Empty | Room::Whole if bounds.only_open => false,
                    Room::Empty => empty >= slots.min(half),
                    Room::Whole => whole >= slots.min(bounds.slots.max(1)),
                };
                while has_room(self.slots_of_next(queue), empty, whole)
                    && let Some(scheduled) = self.next_of(queue, bounds.pairs_per_node)
                {
                    let (room, slots) = (scheduled.room, scheduled.unit.count());
                    taken.push(scheduled);
                    match room {
                        Room::None => {}
                        Room::Empty => empty = empty.saturating_sub(slots),
                        // The other pairs come first.
                        Room::Whole => {
                            whole = whole.saturating_sub(slots);
                            break;
                        }
                    }
                }
            }
            if taken.len() == before {
                return taken;
            }
        }
    }

    /// The queues in the order of their turn.
    fn queues(&self) -> Vec<(Pair, Room)> {
        let queues = self.waiting.iter();
        let turns = queues.filter_map(|(queue, scheduled)| {
            let under_way = self.under_way.get(&queue.0).copied().unwrap_or_default();
            Some(((under_way, scheduled.front()?.place), *queue))
        });
        let mut turns: Vec<((usize, usize), (Pair, Room))> = turns.collect();
        turns.sort_unstable();
        turns.into_iter().map(|(_, queue)| queue).collect()
    }

    /// How many slots the next unit of a queue has.
    fn slots_of_next(&self, key: (Pair, Room)) -> usize {
        let next = self.waiting.get(&key).and_then(VecDeque::front);
        next.map_or(0, |scheduled| scheduled.unit.count())
    }

    /// The next unit of a queue, where it may begin.
    fn next_of(&mut self, key: (Pair, Room), pairs_per_node: usize) -> Option<ScheduledUnit> {
        let (pair, room) = key;
        let queue = self.waiting.get(&key)?;
        let first = queue.front()?;
        let now = |id: &NodeId| self.spells.get(id).map_or(0, |spells| spells.now);
        let may_join = room == Room::None
            || self.under_way.contains_key(&pair)
            || [pair.0, pair.1]
                .iter()
                .all(|id| self.pairs_of(*id) < pairs_per_node.max(1));
        if (now(&pair.0), now(&pair.1)) != first.spells || !may_join {
            return None;
        }
        let queue = self.waiting.get_mut(&key)?;
        let mut scheduled = queue.pop_front()?;
        scheduled.turn = self.turns;
        self.turns += 1;
        if queue.is_empty() {
            self.waiting.remove(&key);
        }
        if scheduled.entry == Entry::Fresh {
            *self.under_way.entry(pair).or_default() += scheduled.unit.count();
        }
        if let Some(count) = self.count(scheduled.room) {
            *count += scheduled.unit.count();
        }
        Some(scheduled)
    }

    fn count(&mut self, room: Room) -> Option<&mut usize> {
        match room {
            Room::None => None,
            Room::Empty => Some(&mut self.empty),
            Room::Whole => Some(&mut self.open),
        }
    }

    /// A unit takes another room from here on: it turned out to have keys, or nobody has its slots
    /// open any more.
    pub fn turn(&mut self, scheduled: &mut ScheduledUnit, room: Room) {
        let slots = scheduled.unit.count();
        if let Some(count) = self.count(scheduled.room) {
            *count -= slots;
        }
        if let Some(count) = self.count(room) {
            *count += slots;
        }
        scheduled.room = room;
    }

    /// A move has ended: its node may change direction.
    pub fn end(&mut self, scheduled: &ScheduledUnit) {
        self.end_spells(scheduled);
        self.give_back(scheduled);
    }

    fn end_spells(&mut self, scheduled: &ScheduledUnit) {
        for (id, spell) in [
            (scheduled.pair.0, scheduled.spells.0),
            (scheduled.pair.1, scheduled.spells.1),
        ] {
            if let Some(spells) = self.spells.get_mut(&id) {
                spells.end(spell);
            }
        }
    }

    /// A move has stopped where it is: what comes after it on its nodes doesn't begin, but for what
    /// an earlier run has opened, which needn't wait for whoever fixes this one.
    pub fn leave(&mut self, scheduled: &ScheduledUnit) {
        if scheduled.entry != Entry::Fresh {
            self.end_spells(scheduled);
        }
        self.give_back(scheduled);
    }

    fn give_back(&mut self, scheduled: &ScheduledUnit) {
        let slots = scheduled.unit.count();
        if let Some(count) = self.count(scheduled.room) {
            *count -= slots;
        }
        if scheduled.entry != Entry::Fresh {
            return;
        }
        if let Some(count) = self.under_way.get_mut(&scheduled.pair) {
            *count -= slots;
            if *count == 0 {
                self.under_way.remove(&scheduled.pair);
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
    use crate::execute::Move;
    use crate::execute::testing::{id, task, unit};

    const BOUNDS: Bounds = Bounds {
        slots: 3,
        empty_slots: 8,
        pairs_per_node: 2,
        only_open: false,
    };

    /// Each slot by itself.
    fn schedule_of(
        tasks: impl IntoIterator<Item = (Move, Entry)>,
        keys: &BTreeMap<Slot, u64>,
    ) -> Schedule {
        let units = tasks.into_iter().map(|(task, entry)| (task.into(), entry));
        Schedule::new(units.collect(), keys)
    }

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
        schedule_of(moves.iter().map(task), &BTreeMap::new())
    }

    fn slots(scheduled: &[ScheduledUnit]) -> Vec<u16> {
        scheduled
            .iter()
            .map(|scheduled| scheduled.unit.id())
            .collect()
    }

    #[test]
    fn slots_that_are_open_already_begin_at_once() {
        let entry = |number: u16| match number {
            7 => Entry::Fresh,
            _ => Entry::SourceReplaced,
        };
        let task = |number: u16| Move {
            slot: Slot::new(number).expect("a slot"),
            source: id('a'),
            target: id('b'),
        };
        let tasks: Vec<_> = (1..10)
            .map(|number| (task(number), entry(number)))
            .collect();
        let mut schedule = schedule_of(tasks, &BTreeMap::new());
        let first = schedule.take(BOUNDS);
        assert_eq!(slots(&first), [1, 2, 3, 4, 5, 6, 8, 9, 7]);
        first.iter().for_each(|scheduled| schedule.end(scheduled));
        assert!(schedule.is_empty() && schedule.under_way.is_empty());
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
    fn what_is_open_is_not_held_up_by_a_slot_that_stopped() {
        let tasks = [(1, 'a', 'b'), (2, 'b', 'a')];
        for (entry, next) in [(Entry::SourceOwns, vec![2]), (Entry::Fresh, vec![])] {
            let tasks = tasks.map(|(slot, source, target)| (task(slot, source, target), entry));
            let mut schedule = schedule_of(tasks, &BTreeMap::new());
            let first = schedule.take(BOUNDS);
            assert_eq!(slots(&first), [1], "both nodes would wait for each other");
            schedule.leave(&first[0]);
            assert_eq!(slots(&schedule.take(BOUNDS)), next);
        }
        // Nothing new begins beside it.
        let tasks = [(1, Entry::SourceOwns), (2, Entry::Fresh)];
        let tasks = tasks.map(|(slot, entry)| (task(slot, 'a', 'b'), entry));
        let mut schedule = schedule_of(tasks, &BTreeMap::new());
        let only_open = Bounds {
            only_open: true,
            ..BOUNDS
        };
        assert!(schedule.has_open());
        assert_eq!(slots(&schedule.take(only_open)), [1]);
        assert!(!schedule.has_open() && schedule.take(only_open).is_empty());
    }

    #[test]
    fn slots_of_all_pairs_and_pairs_of_a_node_are_bounded() {
        let mut schedule = schedule(&[
            (1, 'a', 'f'),
            (2, 'a', 'f'),
            (3, 'a', 'f'),
            (4, 'b', 'f'),
            (5, 'c', 'f'),
            (6, 'd', 'e'),
        ]);
        let first = schedule.take(BOUNDS);
        assert_eq!(slots(&first), [1, 4, 6], "c would be the third pair of f");
        assert!(schedule.take(BOUNDS).is_empty());
        schedule.end(&first[1]);
        let second = schedule.take(BOUNDS);
        assert_eq!(slots(&second), [5], "the pair with the fewest under way");
        // A slot that stopped blocks what follows in the other direction, not its own.
        schedule.leave(&first[0]);
        assert_eq!(slots(&schedule.take(BOUNDS)), [2]);
    }

    #[test]
    fn slots_without_keys_go_in_batches_beside_the_others() {
        let task = |number: u16| (task(number, 'a', 'b'), Entry::Fresh);
        let tasks: Vec<_> = (0..40).map(task).collect();
        // Every fourth has keys, and what wasn't counted may have some.
        let count =
            |number: u16| Slot::new(number).map(|slot| (slot, u64::from(number.is_multiple_of(4))));
        let keys = (1..40).filter_map(count).collect();
        let mut schedule = schedule_of(tasks, &keys);
        let mut first = schedule.take(BOUNDS);
        first.sort_by_key(|scheduled| scheduled.unit.id());
        assert_eq!(slots(&first), [0, 1, 2, 3, 4, 5, 8]);
        let second = schedule.take(BOUNDS);
        assert_eq!(slots(&second), [6, 7, 9, 10], "the other half");
        assert!(schedule.take(BOUNDS).is_empty());
        // One has keys by now, and takes a place of its own.
        let mut full = second[0].clone();
        schedule.turn(&mut full, Room::Whole);
        assert_eq!((schedule.open, schedule.empty), (4, 7));
        schedule.end(&first[0]);
        assert!(schedule.take(BOUNDS).is_empty());
        // Another is closed, and not yet known to everybody.
        let mut closed = first[4].clone();
        schedule.turn(&mut closed, Room::None);
        assert_eq!(slots(&schedule.take(BOUNDS)), [12]);
        schedule.end(&closed);
        schedule.end(&full);
        assert_eq!((schedule.open, schedule.empty), (2, 7));
    }

    /// How many slots are in hand is counted, not how many units.
    #[test]
    fn a_unit_takes_the_room_of_all_its_slots() {
        let units = [
            unit(&[0, 1], 'a', 'b'),
            unit(&[2, 3], 'a', 'b'),
            unit(&[4], 'a', 'b'),
            unit(&[5, 6, 7, 8, 9], 'a', 'b'),
            unit(&[10], 'a', 'b'),
        ];
        let units = units.map(|unit| (unit, Entry::Fresh)).into();
        let mut schedule = Schedule::new(units, &BTreeMap::new());
        let first = schedule.take(BOUNDS);
        assert_eq!(
            slots(&first),
            [0],
            "the second would be four slots of three"
        );
        assert_eq!(schedule.open, 2);
        schedule.end(&first[0]);
        let second = schedule.take(BOUNDS);
        assert_eq!(slots(&second), [2, 4]);
        assert!(schedule.take(BOUNDS).is_empty());
        schedule.end(&second[1]);
        assert!(schedule.take(BOUNDS).is_empty(), "larger than what is left");
        // One that is larger than all the room has it to itself.
        schedule.end(&second[0]);
        let third = schedule.take(BOUNDS);
        assert_eq!(slots(&third), [5]);
        let mut closed = third[0].clone();
        schedule.turn(&mut closed, Room::None);
        assert_eq!(slots(&schedule.take(BOUNDS)), [10]);
        schedule.end(&closed);
        assert_eq!((schedule.open, schedule.empty), (1, 0));
    }

    /// A unit of which one slot wasn't counted may have keys.
    #[test]
    fn a_unit_is_without_keys_where_all_its_slots_are() {
        let units = [unit(&[0, 1], 'a', 'b'), unit(&[2, 3], 'a', 'b')];
        let units = units.map(|unit| (unit, Entry::Fresh)).into();
        let counted = (0..3).filter_map(|slot| Some((Slot::new(slot)?, 0)));
        let mut schedule = Schedule::new(units, &counted.collect());
        let mut taken = schedule.take(BOUNDS);
        taken.sort_by_key(|scheduled| scheduled.unit.id());
        let rooms: Vec<Room> = taken.iter().map(|scheduled| scheduled.room).collect();
        assert_eq!(rooms, [Room::Empty, Room::Whole]);
        assert_eq!((schedule.open, schedule.empty), (2, 2));
    }
}
