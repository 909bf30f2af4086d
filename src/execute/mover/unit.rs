//! Defines a unit: the slots of one pair that a mover moves in one go.

use super::super::Move;
use crate::cluster::NodeId;
use crate::slot::{Slot, SlotSet};
use std::fmt;

/// Slots that go from one node to another together: one at least.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unit {
    /// Who owns them.
    pub source: NodeId,
    /// Who receives them.
    pub target: NodeId,
    first: Slot,
    /// The others, ascending. A unit of one slot allocates nothing.
    others: Box<[Slot]>,
}

impl Unit {
    /// These slots of one pair; none where there is no slot.
    pub fn of(source: NodeId, target: NodeId, slots: &SlotSet) -> Option<Unit> {
        let mut slots = slots.iter();
        Some(Unit {
            source,
            target,
            first: slots.next()?,
            others: slots.collect(),
        })
    }

    /// The same slots between these two.
    #[must_use]
    pub fn between(&self, source: NodeId, target: NodeId) -> Unit {
        Unit {
            source,
            target,
            ..self.clone()
        }
    }

    /// What it is known by among all that are in hand: its first slot.
    pub fn id(&self) -> u16 {
        self.first.number()
    }

    /// From whom to whom it goes.
    pub fn pair(&self) -> (NodeId, NodeId) {
        (self.source, self.target)
    }

    /// How many slots it has.
    pub fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// Its first slot.
    pub fn first(&self) -> Slot {
        self.first
    }

    /// What a plan has of its first slot.
    pub fn first_move(&self) -> Move {
        self.line(self.first)
    }

    /// Its slots, ascending.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        [self.first].into_iter().chain(self.others.iter().copied())
    }

    /// What a plan and a journal have of it: a line for each slot.
    pub fn moves(&self) -> impl Iterator<Item = Move> + '_ {
        self.slots().map(|slot| self.line(slot))
    }

    fn line(&self, slot: Slot) -> Move {
        Move {
            slot,
            source: self.source,
            target: self.target,
        }
    }

    /// Its one line, where it has one slot alone.
    pub fn one(&self) -> Option<Move> {
        self.others.is_empty().then(|| self.first_move())
    }
}

impl From<Move> for Unit {
    fn from(task: Move) -> Unit {
        Unit {
            source: task.source,
            target: task.target,
            first: task.slot,
            others: Box::default(),
        }
    }
}

/// As messages name it: `slot 7`, `slots 0-5 9`.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.one() {
            Some(task) => write!(f, "slot {}", task.slot),
            None => {
                let slots: SlotSet = self.slots().collect();
                write!(f, "slots {}", slots.shortened())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{id, task, unit};

    #[test]
    fn a_unit_is_its_slots_between_two_nodes() {
        let many = unit(&[7, 9, 8, 3], 'a', 'b');
        assert_eq!((many.id(), many.count(), many.one()), (3, 4, None));
        let moves: Vec<Move> = many.moves().collect();
        assert_eq!(moves, [3, 7, 8, 9].map(|slot| task(slot, 'a', 'b')));
        let turned = many.between(id('c'), id('b'));
        assert_eq!(turned, unit(&[3, 7, 8, 9], 'c', 'b'));
        assert_eq!(Unit::of(id('a'), id('b'), &SlotSet::new()), None);
        // A line of a plan is one, and comes back as it was.
        let line = task(5, 'a', 'b');
        assert_eq!(Unit::from(line), unit(&[5], 'a', 'b'));
        assert_eq!(Unit::from(line).one(), Some(line));
    }

    #[test]
    fn a_unit_is_named_by_its_slots() {
        assert_eq!(unit(&[5], 'a', 'b').to_string(), "slot 5");
        assert_eq!(unit(&[0, 1, 2, 9], 'a', 'b').to_string(), "slots 0-2 9");
    }
}
