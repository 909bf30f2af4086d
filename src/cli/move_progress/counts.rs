//! Counts what was moved so far: in all, and for each pair of nodes. Without a clock: callers pass the time.

use crate::cluster::NodeId;
use crate::execute::Move;
use crate::execute::mover::Unit;
use crate::slot::Slot;
use std::collections::BTreeMap;
use std::time::Duration;

/// Who gives and who receives.
pub(super) type Pair = (NodeId, NodeId);

/// How far something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Slots that have arrived.
    pub slots: u64,
    /// How many slots there are to move.
    pub slots_total: u64,
    /// Keys that were sent.
    pub keys: u64,
    /// Bytes that were sent, where they are measured.
    pub bytes: u64,
    /// Keys in all, where the plan knows that of every slot.
    pub keys_total: Option<u64>,
}

/// The whole run and its pairs.
#[derive(Clone, Debug)]
pub(super) struct MoveCounts {
    pub total: Count,
    pub pairs: BTreeMap<Pair, Count>,
    /// The keys and bytes that units in hand have sent so far, by their first slots.
    in_hand: BTreeMap<Slot, (u64, u64)>,
}

impl MoveCounts {
    /// For these moves, with the keys that each slot is known to have.
    pub fn new(moves: &[Move], keys: &BTreeMap<Slot, u64>) -> MoveCounts {
        let mut pairs: BTreeMap<Pair, Count> = BTreeMap::new();
        let mut total = Count {
            keys_total: Some(0),
            ..Count::default()
        };
        for task in moves {
            let pair = pairs.entry((task.source, task.target)).or_insert(Count {
                keys_total: Some(0),
                ..Count::default()
            });
            for count in [&mut total, pair] {
                count.slots_total += 1;
                let more = keys.get(&task.slot);
                count.keys_total = count.keys_total.zip(more).map(|(sum, more)| sum + more);
            }
        }
        MoveCounts {
            total,
            pairs,
            in_hand: BTreeMap::new(),
        }
    }

    /// A unit has sent so many keys and bytes by now.
    pub fn moved(&mut self, unit: &Unit, keys: u64, bytes: u64) {
        let before = self.in_hand.insert(unit.first(), (keys, bytes));
        let (keys_before, bytes_before) = before.unwrap_or_default();
        let pair = self.pairs.get_mut(&unit.pair());
        for count in [Some(&mut self.total), pair].into_iter().flatten() {
            count.keys += keys.saturating_sub(keys_before);
            count.bytes += bytes.saturating_sub(bytes_before);
        }
    }

    /// A unit has arrived, with so many keys and bytes.
    pub fn ended(&mut self, unit: &Unit, keys: u64, bytes: u64) {
        self.moved(unit, keys, bytes);
        self.in_hand.remove(&unit.first());
        let pair = self.pairs.get_mut(&unit.pair());
        for count in [Some(&mut self.total), pair].into_iter().flatten() {
            count.slots += unit.count() as u64;
        }
    }
}

impl Count {
    /// Keys a second, over all the time so far.
    pub fn keys_per_second(&self, elapsed: Duration) -> u64 {
        per_second(self.keys, elapsed)
    }

    /// Bytes, and bytes a second, where any were measured.
    pub fn bytes_and_rate(&self, elapsed: Duration) -> Option<(u64, u64)> {
        (self.bytes > 0).then(|| (self.bytes, per_second(self.bytes, elapsed)))
    }

    /// The part that is done, in millionths: of the keys where their number is known and not
    /// nothing, else of the slots.
    fn done(&self) -> u128 {
        let part = |done: u64, all: u64| u128::from(done.min(all)) * 1_000_000 / u128::from(all);
        match (self.keys_total, self.slots_total) {
            // An empty slot takes time too: half and half.
            (Some(keys @ 1..), slots @ 1..) => {
                (part(self.keys, keys) + part(self.slots, slots)) / 2
            }
            (_, 0) => 1_000_000,
            (_, slots) => part(self.slots, slots),
        }
    }

    /// The time that the rest takes when it goes on like this; none before anything is done.
    pub fn left(&self, elapsed: Duration) -> Option<Duration> {
        let done = self.done();
        let left = 1_000_000_u128.saturating_sub(done);
        let ms = (elapsed.as_millis() * left).checked_div(done)?;
        Some(Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)))
    }
}

/// How much of something that is in a second.
pub(in crate::cli) fn per_second(amount: u64, elapsed: Duration) -> u64 {
    let amount = u128::from(amount) * 1000;
    u64::try_from(amount / elapsed.as_millis().max(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(slot: u16, source: &str, target: &str) -> Move {
        let id = |digit: &str| digit.repeat(40).parse().expect("an id");
        Move {
            slot: Slot::new(slot).expect("a slot"),
            source: id(source),
            target: id(target),
        }
    }

    #[test]
    fn counts_add_up_in_all_and_for_each_pair() {
        let tasks = [task(1, "a", "b"), task(2, "a", "b"), task(3, "c", "b")];
        let keys = tasks.iter().map(|task| (task.slot, 10)).collect();
        let mut counts = MoveCounts::new(&tasks, &keys);
        assert_eq!(counts.total.keys_total, Some(30));
        assert_eq!(counts.total.left(Duration::from_secs(1)), None);
        counts.moved(&tasks[0].into(), 4, 40);
        counts.moved(&tasks[0].into(), 8, 80);
        counts.ended(&tasks[0].into(), 9, 90);
        counts.moved(&tasks[2].into(), 6, 0);
        let total = counts.total;
        assert_eq!((total.slots, total.slots_total, total.keys), (1, 3, 15));
        let pair = counts.pairs[&(tasks[0].source, tasks[0].target)];
        assert_eq!((pair.slots, pair.slots_total, pair.keys), (1, 2, 9));
        assert_eq!(total.keys_per_second(Duration::from_millis(500)), 30);
        let measured = |count: &Count| count.bytes_and_rate(Duration::from_millis(500));
        assert_eq!(measured(&total), Some((90, 180)));
        assert_eq!(
            measured(&counts.pairs[&(tasks[2].source, tasks[2].target)]),
            None
        );
        // Half of the keys and a third of the slots: 41.7 % in ten seconds leave 14.
        let left = total.left(Duration::from_secs(10)).expect("an estimate");
        assert_eq!(left.as_secs(), 14);
    }

    #[test]
    fn all_slots_of_a_unit_count() {
        let tasks = [task(1, "a", "b"), task(2, "a", "b"), task(3, "a", "b")];
        let mut counts = MoveCounts::new(&tasks, &BTreeMap::new());
        let slots = [tasks[0].slot, tasks[1].slot].into_iter().collect();
        let unit = Unit::of(tasks[0].source, tasks[0].target, &slots).expect("two slots");
        counts.moved(&unit, 30, 0);
        counts.ended(&unit, 40, 0);
        for count in [counts.total, counts.pairs[&unit.pair()]] {
            assert_eq!((count.slots, count.slots_total, count.keys), (2, 3, 40));
        }
    }

    #[test]
    fn without_known_keys_the_slots_count() {
        let tasks = [task(1, "a", "b"), task(2, "a", "b")];
        let mut counts = MoveCounts::new(&tasks, &BTreeMap::from([(tasks[0].slot, 5)]));
        assert_eq!(counts.total.keys_total, None);
        counts.ended(&tasks[1].into(), 7, 0);
        let left = counts.total.left(Duration::from_secs(3));
        assert_eq!(left, Some(Duration::from_secs(3)));
    }
}
