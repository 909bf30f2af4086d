//! Finds what is left of slots on nodes that don't own them.

use crate::cluster::{NodeId, OpenSlot};
use crate::execute::Move;
use crate::execute::shards::Shards;
use crate::execute::survey::{NodeFacts, Survey};
use crate::slot::Slot;
use std::collections::BTreeSet;

/// A slot on a node that neither owns nor receives it: with keys, or only open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrphanedKeys {
    /// Who has it open, or has keys of it.
    pub holder: NodeId,
    /// Who owns it.
    pub owner: NodeId,
    /// The slot.
    pub slot: Slot,
}

/// The orphaned keys of moves that have ended: what is left of their slots on nodes of the source's
/// and the target's shards. What anybody else has open is theirs.
pub fn find(survey: &Survey, shards: &Shards, ended: &[Move]) -> Vec<OrphanedKeys> {
    let mut found = BTreeSet::new();
    for task in ended {
        let Some(owner) = only_owner(survey, task.slot) else {
            continue;
        };
        let is_left =
            |(id, facts): &(NodeId, &NodeFacts)| *id != owner && holds(facts, *id, *task, shards);
        let holders = survey.primaries().filter(is_left);
        found.extend(holders.map(|(holder, _)| OrphanedKeys {
            holder,
            owner,
            slot: task.slot,
        }));
    }
    found.into_iter().collect()
}

/// Why nobody can say yet whether something is left of a slot: two take themselves for its owner,
/// or it is taken for the slot of a node that says it isn't. Gossip has yet to settle that.
pub fn dispute(survey: &Survey, slot: Slot) -> Option<String> {
    let owners: Vec<NodeId> = owners(survey, slot).collect();
    match owners[..] {
        [one, other, ..] => {
            let [one, other] = [one, other].map(|id| survey.name(id));
            Some(format!("{one} and {other} both take it for theirs"))
        }
        [_] => None,
        [] => {
            let mut believed = survey
                .primaries()
                .filter_map(|(_, facts)| facts.view.map().owner(slot));
            let denies = believed.find(|id| survey.nodes.contains_key(id))?;
            let name = survey.name(denies);
            Some(format!("{name} is taken for its owner, and says it isn't"))
        }
    }
}

/// Who takes itself for a slot's owner. Where two claim it, gossip has yet to say who.
fn only_owner(survey: &Survey, slot: Slot) -> Option<NodeId> {
    let mut owners = owners(survey, slot);
    match (owners.next(), owners.next()) {
        (Some(owner), None) => Some(owner),
        _ => None,
    }
}

fn owners(survey: &Survey, slot: Slot) -> impl Iterator<Item = NodeId> {
    let owns = move |(id, facts): &(NodeId, &NodeFacts)| {
        let myself = facts.view.node(*id);
        myself.is_some_and(|node| node.slots.contains(slot))
    };
    survey.primaries().filter(owns).map(|(id, _)| id)
}

/// Whether something of a move's slot is left on a node.
fn holds(facts: &NodeFacts, id: NodeId, task: Move, shards: &Shards) -> bool {
    let is_of_shard = |of: NodeId| shards.are_in_one(id, of);
    let is_ours = id == task.target || is_of_shard(task.source) || is_of_shard(task.target);
    let node = facts.view.node(id);
    let open = node.and_then(|node| node.open_slot(task.slot));
    let has_keys = facts.orphaned.contains_key(&task.slot);
    match open {
        // The source itself may get it back by somebody else by now.
        Some(OpenSlot::Importing { .. }) => is_ours || shards.is_left_over(task.slot, id),
        Some(OpenSlot::Migrating { .. }) => is_ours || id == task.source,
        None => has_keys && (is_ours || id == task.source || shards.is_left_over(task.slot, id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{facts, facts_with, id, survey, task};

    /// Slot 0 went from `a` to `b`; `c` was a replica of `b`, took over, and `b` came back.
    fn shards() -> Shards {
        [(id('b'), id('c'))].into_iter().collect()
    }

    /// `b` owns slot 0, and `c` has this open.
    fn after(open: &'static str) -> Survey {
        let mut survey = survey('a', |_| {});
        for node in ['a', 'b', 'c'] {
            let facts = facts_with(node, |about, line| {
                let line = line.replace(" 0-5460", " 1-5460");
                match about {
                    'b' => format!("{line} 0"),
                    'c' if node == 'c' => format!("{line}{open}"),
                    _ => line,
                }
            });
            survey.nodes.insert(id(node), facts);
        }
        survey
    }

    fn orphaned() -> OrphanedKeys {
        OrphanedKeys {
            holder: id('c'),
            owner: id('b'),
            slot: task(0, 'a', 'b').slot,
        }
    }

    #[test]
    fn a_promoted_replica_that_still_has_the_slot_open_is_found() {
        let open = format!(" [0-<-{}]", id('a')).leak();
        let found = find(&after(open), &shards(), &[task(0, 'a', 'b')]);
        assert_eq!(found, [orphaned()]);
        assert_eq!(find(&after(""), &shards(), &[task(0, 'a', 'b')]), []);
    }

    #[test]
    fn a_promoted_replica_with_keys_of_the_slot_is_found() {
        let mut survey = after("");
        if let Some(facts) = survey.nodes.get_mut(&id('c')) {
            facts.orphaned.insert(orphaned().slot, 3);
        }
        assert_eq!(find(&survey, &shards(), &[task(0, 'a', 'b')]), [orphaned()]);
    }

    #[test]
    fn what_somebody_else_has_open_is_left_alone() {
        let open = format!(" [0-<-{}]", id('b')).leak();
        let none = Shards::default();
        assert_eq!(find(&after(open), &none, &[task(0, 'a', 'b')]), []);
    }

    #[test]
    fn a_slot_with_no_owner_or_two_has_no_orphaned_keys() {
        let open = format!(" [0-<-{}]", id('a')).leak();
        let mut survey = after(open);
        survey.nodes.insert(id('b'), facts('b'));
        assert_eq!(find(&survey, &shards(), &[task(0, 'a', 'b')]), []);
        let words = dispute(&survey, orphaned().slot).expect("nobody has it");
        assert!(words.ends_with("is taken for its owner, and says it isn't"));
        let mut survey = after(open);
        survey.nodes.insert(id('a'), facts('a'));
        assert_eq!(find(&survey, &shards(), &[task(0, 'a', 'b')]), []);
        let words = dispute(&survey, orphaned().slot).expect("two have it");
        assert!(words.ends_with("both take it for theirs"));
        assert_eq!(dispute(&after(open), orphaned().slot), None);
        // Whose owner can't be asked isn't disputed.
        let mut silent = after(open);
        silent.nodes.remove(&id('b'));
        assert_eq!(dispute(&silent, orphaned().slot), None);
    }
}
