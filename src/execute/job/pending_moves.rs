//! Finds which moves of a plan are left to do, and the memory that they need.

use crate::cluster::NodeId;
use crate::execute::Move;
use crate::execute::big_keys::BigKeys;
use crate::execute::survey::Survey;
use crate::plan::Plan;
use std::collections::BTreeMap;

/// What is about to move, beyond the moves themselves.
#[derive(Clone, Debug, Default)]
pub struct PendingMoves {
    /// The moves, in order.
    pub moves: Vec<Move>,
    /// The bytes that each target receives, where that is known.
    pub incoming_bytes: BTreeMap<NodeId, u64>,
}

impl PendingMoves {
    /// Takes the slots with a big key out; returns them.
    pub fn leave_big_keys(&mut self, big: &BigKeys) -> Vec<Move> {
        let is_big = |task: &Move| big.slots.contains(&task.slot);
        let (left, moves) = self.moves.iter().partition(|task| is_big(task));
        self.moves = moves;
        left
    }

    /// Moves the slots with a big key to the end: when they stall a node, the rest is done.
    pub fn put_big_keys_last(&mut self, big: &BigKeys) {
        self.moves
            .sort_by_key(|task| big.slots.contains(&task.slot));
    }
}

/// The moves of a plan that aren't done yet, and the memory that they need.
pub fn pending_moves(plan: &Plan, survey: &Survey) -> PendingMoves {
    let is_done = |task: &Move| {
        survey
            .nodes
            .get(&task.target)
            .is_some_and(|facts| facts.view.map().owner(task.slot) == Some(task.target))
    };
    let mut incoming_bytes: BTreeMap<NodeId, u64> = BTreeMap::new();
    let mut moves = Vec::new();
    for migration in plan.migrations() {
        let task = Move {
            slot: migration.slot,
            source: migration.source,
            target: migration.target,
        };
        if is_done(&task) {
            continue;
        }
        let bytes = migration.bytes.or_else(|| {
            // Without a dump: the slot's part of what the source uses, by its keys.
            let source = survey.nodes.get(&migration.source)?;
            let part = u128::from(migration.keys?) * u128::from(source.used_bytes);
            u64::try_from(part / u128::from(source.keys.max(1))).ok()
        });
        if let Some(bytes) = bytes {
            let sum = incoming_bytes.entry(migration.target).or_default();
            *sum = sum.saturating_add(bytes);
        }
        moves.push(task);
    }
    PendingMoves {
        moves,
        incoming_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::Slot;

    #[test]
    fn slots_with_a_big_key_stay_or_go_last() {
        let id = |digit: &str| digit.repeat(40).parse().expect("an id");
        let task = |number: u16| Move {
            slot: Slot::new(number).expect("a slot"),
            source: id("a"),
            target: id("b"),
        };
        let pending = PendingMoves {
            moves: vec![task(1), task(2), task(3), task(4)],
            ..PendingMoves::default()
        };
        let big = BigKeys {
            slots: [task(1).slot, task(3).slot].into(),
            ..BigKeys::default()
        };
        let mut without = pending.clone();
        assert_eq!(without.leave_big_keys(&big), [task(1), task(3)]);
        assert_eq!(without.moves, [task(2), task(4)]);
        let mut last = pending;
        last.put_big_keys_last(&big);
        assert_eq!(last.moves, [task(2), task(4), task(1), task(3)]);
    }
}
