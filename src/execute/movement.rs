//! Tells whether somebody moves slots now, as far as several looks at what is open show it.
//!
//! A run of this user on this machine holds the journal; one elsewhere, or another tool, shows in
//! nothing but what it does: slots open and close, and their keys go from one node to the other. So
//! before anybody is told what to do about an open slot, it is looked at again. That nothing
//! changes proves nothing: a run may pause, or wait for one big key.
//!
//! Clients write to an open slot as to any other: keys that are new go to its target, and those
//! that are deleted leave its source. In a cluster that is used, they never rest. So more or fewer
//! keys are somebody's move only where a node has also carried out a command that moves keys, or
//! doesn't tell.

use crate::cluster::verb::{NodeLink, Verb};
use crate::cluster::{ClusterView, LiveCluster, NodeId, OpenSlot, keyspace};
use crate::error::Result;
use crate::execute::failures::moves_counted;
use crate::execute::survey::Survey;
use crate::numbers::counted_text;
use crate::slot::{SLOT_COUNT, Slot, SlotSet};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What was seen of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Movement {
    /// Nobody looked twice.
    #[default]
    NotLooked,
    /// Nothing changed within this time.
    Still(Duration),
    /// Something did.
    Seen(Change),
}

/// What changed between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A slot was opened at this node.
    Opened(NodeId, Slot),
    /// A slot was closed at this node.
    Closed(NodeId, Slot),
    /// This node has more or fewer keys of a slot that is open there.
    Keys(NodeId, Slot, [u64; 2]),
}

impl Change {
    /// As the end of a sentence; `name` is how people name a node.
    pub fn words(self, name: impl Fn(NodeId) -> String) -> String {
        match self {
            Change::Opened(node, slot) => {
                format!("slot {slot} was just opened on {}", name(node))
            }
            Change::Closed(node, slot) => {
                format!("slot {slot} was just closed on {}", name(node))
            }
            Change::Keys(node, slot, [before, after]) => format!(
                "{} has {} of slot {slot}, and had {before} a moment ago",
                name(node),
                counted_text(after, "key")
            ),
        }
    }
}

/// What the primaries have open that can be asked, with the keys of it where they were counted.
#[derive(Clone, Debug, Default)]
pub struct OpenSlots {
    /// Who told, and how many commands that move keys it has carried out, where it counts.
    told: BTreeMap<NodeId, Option<u64>>,
    open: BTreeMap<(NodeId, OpenSlot), Option<u64>>,
}

impl OpenSlots {
    /// What a survey shows of it: what is open. Who has moved keys until then isn't known, so its
    /// counts of keys say nothing.
    pub fn of(survey: &Survey) -> OpenSlots {
        let mut all = OpenSlots::default();
        for (id, facts) in survey.primaries() {
            all.told.insert(id, None);
            let open = own(&facts.view, id).map(|open| ((id, open), None));
            all.open.extend(open);
        }
        all
    }

    /// Asks the primaries anew, side by side; who doesn't answer until then tells nothing.
    pub fn ask<L: NodeLink>(cluster: &mut LiveCluster<L>, until: Instant) -> OpenSlots {
        let ids = cluster.ids();
        let said = cluster.each(&ids, until, |part, id| open_at(part, id));
        let mut all = OpenSlots::default();
        for (id, open) in said {
            if let Ok(Some((moves, open))) = open {
                all.told.insert(id, moves);
                all.open.extend(
                    open.into_iter()
                        .map(|(open, keys)| ((id, open), Some(keys))),
                );
            }
        }
        all
    }

    /// The slots that are open.
    pub fn slots(&self) -> SlotSet {
        self.open.keys().map(|(_, open)| open.slot()).collect()
    }

    /// What is different at a node that told both times; the first of it.
    pub fn change_until(&self, later: &OpenSlots) -> Option<Change> {
        let is_told = |node: &NodeId| self.told.contains_key(node) && later.told.contains_key(node);
        for ((node, open), before) in self.open.iter().filter(|((node, _), _)| is_told(node)) {
            match (before, later.open.get(&(*node, *open))) {
                (_, None) => return Some(Change::Closed(*node, open.slot())),
                (Some(before), Some(Some(after)))
                    if before != after && self.may_have_moved(later, *node, open.other()) =>
                {
                    return Some(Change::Keys(*node, open.slot(), [*before, *after]));
                }
                _ => {}
            }
        }
        let mut later = later.open.keys().filter(|(node, _)| is_told(node));
        let (node, open) = later.find(|one| !self.open.contains_key(one))?;
        Some(Change::Opened(*node, open.slot()))
    }

    /// Whether keys may have been moved between these two nodes since then: one that doesn't tell
    /// is no witness, nor is one that counts anew.
    fn may_have_moved(&self, later: &OpenSlots, node: NodeId, other: NodeId) -> bool {
        let counts = |looked: &OpenSlots, id| looked.told.get(&id).copied().flatten();
        [node, other].into_iter().any(|id| {
            let both = counts(self, id).zip(counts(later, id));
            both.is_none_or(|(before, after)| before != after)
        })
    }
}

fn own(view: &ClusterView, id: NodeId) -> impl Iterator<Item = OpenSlot> {
    view.node(id)
        .into_iter()
        .flat_map(|node| node.open.iter().copied())
}

/// How many commands that move keys a node has carried out, where it tells, and what it has open
/// with how many keys; none where it is no primary.
type OpenAnswer = Option<(Option<u64>, Vec<(OpenSlot, u64)>)>;

fn open_at<L: NodeLink>(cluster: &mut LiveCluster<L>, id: NodeId) -> Result<OpenAnswer> {
    let view = cluster.view_of(id)?;
    if !view.node(id).is_some_and(|node| node.is_primary()) {
        return Ok(None);
    }
    let open: Vec<OpenSlot> = own(&view, id).collect();
    let mut counts = Box::new([0; SLOT_COUNT]);
    let slots: SlotSet = open.iter().map(|open| open.slot()).collect();
    keyspace::add_keys_per_slot(cluster, id, &slots, &mut counts)?;
    let counted = open
        .into_iter()
        .map(|open| (open, counts[open.slot().index()]));
    let counted = counted.collect();
    // Behind the keys: what has moved one of them is counted then.
    let stats = cluster.ask_text(id, &Verb::Info("commandstats"));
    let moves = stats.ok().and_then(|stats| moves_counted(&stats));
    Ok(Some((moves, counted)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::id;

    fn migrating(slot: u16) -> OpenSlot {
        let slot = Slot::new(slot).expect("a slot");
        let target = id('b');
        OpenSlot::Migrating { slot, target }
    }

    fn open(told: &[char], open: &[(char, u16, Option<u64>)]) -> OpenSlots {
        let open = open
            .iter()
            .map(|(node, slot, keys)| ((id(*node), migrating(*slot)), *keys));
        OpenSlots {
            told: told.iter().map(|node| (id(*node), None)).collect(),
            open: open.collect(),
        }
    }

    #[test]
    fn a_change_between_two_looks_is_movement() {
        let slot = migrating(5).slot();
        let before = open(&['a', 'c'], &[('a', 5, Some(7))]);
        let change = |later: &OpenSlots| before.change_until(later);
        assert_eq!(change(&before), None);
        let less = open(&['a', 'c'], &[('a', 5, Some(6))]);
        assert_eq!(change(&less), Some(Change::Keys(id('a'), slot, [7, 6])));
        let closed = open(&['a', 'c'], &[]);
        assert_eq!(change(&closed), Some(Change::Closed(id('a'), slot)));
        let opened = open(&['a', 'c'], &[('a', 5, Some(7)), ('c', 9, Some(0))]);
        let other = migrating(9).slot();
        assert_eq!(change(&opened), Some(Change::Opened(id('c'), other)));
    }

    #[test]
    fn what_clients_write_is_no_movement() {
        // The keys of slot 5 at its source `a`, and what source and target count of moved keys.
        let look = |keys: u64, moves: [Option<u64>; 2]| {
            let mut look = open(&['a', 'b'], &[('a', 5, Some(keys))]);
            look.told = ['a', 'b'].map(id).into_iter().zip(moves).collect();
            look
        };
        let before = look(7, [Some(3), Some(4)]);
        let is_moving = |later: &OpenSlots| before.change_until(later).is_some();
        assert!(!is_moving(&look(6, [Some(3), Some(4)])));
        assert!(
            is_moving(&look(6, [Some(4), Some(4)])),
            "the source has sent one"
        );
        assert!(
            is_moving(&look(8, [Some(3), Some(5)])),
            "the target has got one"
        );
        // Nobody is a witness for who doesn't tell, or has begun to count anew.
        assert!(is_moving(&look(6, [None, Some(4)])));
        assert!(is_moving(&look(6, [Some(3), None])));
        assert!(is_moving(&look(6, [Some(0), Some(4)])));
        assert!(!is_moving(&look(7, [Some(4), Some(5)])), "of other slots");
    }

    #[test]
    fn what_was_not_told_is_no_change() {
        let before = open(&['a'], &[('a', 5, None)]);
        // Not counted at first; not answered later; not answered at first.
        assert_eq!(
            before.change_until(&open(&['a'], &[('a', 5, Some(1))])),
            None
        );
        assert_eq!(before.change_until(&open(&[], &[])), None);
        let more = open(&['a', 'c'], &[('a', 5, None), ('c', 9, Some(1))]);
        assert_eq!(before.change_until(&more), None);
    }
}
