//! Finds the replica that was promoted in a node's place, and the slots that the node was given just
//! before it died.
//!
//! That two nodes were of one shard says nothing of who has whose keys: an old primary may come
//! back beside its promoted replica, and a replica may have moved to another primary. So a node
//! counts as replaced only where it failed in somebody's eyes, or says itself that it follows the
//! other, and where the other one has all its slots by a later vote.
//!
//! Redis replicates no `NODE`: a replica hears of a new slot by gossip, as everybody does. Where
//! the target dies in between, its promoted replica takes over the slots that it knows of, and the
//! new ones stay with the dead node, though the promoted replica has their keys (seen on Redis
//! 7.0). What the others do for the old slots by vote is said here for the new ones: they are the
//! promoted replica's. Its epoch isn't below the dead node's, so all agree, and mostly the dead
//! node too when it comes back. Where that had raised its epoch at `NODE` and nobody heard of it,
//! the vote may have given the promoted replica the same number: then whose id is the smaller takes
//! the next one and all slots, the old ones too. No command raises an epoch that is the greatest
//! already, so nothing can be done about that here (`docs/safety.md`). Where the promoted replica
//! has heard of the slots, the dead node had them after the vote, with keys that nobody else has:
//! then they are left to it.
//!
//! A run asks this at each look while it waits ([`super::core`]), and when it begins and ends.

use super::Move;
use super::shards::Shards;
use super::views::{Views, primaries};
use crate::cluster::{Node, NodeId, Role};
use crate::slot::Slot;

/// The primary that took over from a node, as far as the nodes can tell that can be asked.
///
/// Of several it is the one of the last vote.
pub fn in_place_of(views: &Views, shards: &Shards, id: NodeId) -> Option<NodeId> {
    let primaries = || primaries(views).filter(|node| node.id != id);
    let says = |is: &dyn Fn(&Node) -> bool| {
        let mut told = views.values().filter_map(|view| view.node(id));
        told.any(is)
    };
    let follows = |promoted: NodeId| {
        let primary = Some(promoted);
        says(&|node| node.role == Role::Replica { primary })
    };
    if let Some(promoted) = primaries().find(|node| follows(node.id)) {
        return Some(promoted.id);
    }
    if views.contains_key(&id) || !says(&|node| node.flags.fail) {
        return None;
    }
    let has_all = |promoted: &&Node| {
        let is_later =
            |old: &Node| old.slots.is_empty() && promoted.config_epoch > old.config_epoch;
        let serves = !promoted.slots.is_empty() && shards.are_in_one(promoted.id, id);
        serves && views[&promoted.id].node(id).is_none_or(is_later)
    };
    let candidates = primaries().filter(has_all);
    let last = candidates.max_by_key(|node| node.config_epoch);
    last.map(|node| node.id)
}

/// The slots of these moves that belong to a dead node, each with the promoted replica that
/// should have it.
///
/// A slot counts when no primary that can be asked owns it, and somebody takes a node for its
/// owner that failed and can't be asked.
pub fn to_reassign(views: &Views, shards: &Shards, moves: &[Move]) -> Vec<(Slot, NodeId)> {
    let promoted_for = |slot: Slot| {
        let is_owned = primaries(views).any(|node| node.slots.contains(slot));
        let dead = views.values().filter(|_| !is_owned).find_map(|view| {
            let owner = view.map().owner(slot)?;
            let has_failed = view.node(owner)?.flags.fail && !views.contains_key(&owner);
            has_failed.then_some(owner)
        })?;
        in_place_of(views, shards, dead)
    };
    let slots = moves.iter().map(|task| task.slot);
    slots
        .filter_map(|slot| Some((slot, promoted_for(slot)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{facts_with, id, task};

    /// `b` was given slot 0 and died; `c`, its replica, hasn't heard of that, and has the rest.
    fn views(last_owner: char) -> Views {
        let views = ['a', 'c'].map(|myself| {
            let facts = facts_with(myself, |node, line| {
                let line = line.replace(" 0-5460", " 1-5460");
                let line = match node {
                    'b' => line
                        .replace("master", "master,fail")
                        .replace(" 5461-10922", ""),
                    _ => line,
                };
                let owner = match myself {
                    'c' => 'a',
                    _ => last_owner,
                };
                if node == owner {
                    format!("{line} 0")
                } else {
                    line
                }
            });
            (id(myself), facts.view)
        });
        views.into_iter().collect()
    }

    #[test]
    fn a_slot_that_died_with_its_owner_is_the_promoted_replicas() {
        let shards: Shards = [(id('b'), id('c'))].into_iter().collect();
        let moves = [task(0, 'a', 'b')];
        let slot = moves[0].slot;
        assert_eq!(to_reassign(&views('b'), &shards, &moves), [(slot, id('c'))]);
        // Nobody's promoted replica, or somebody owns it.
        assert_eq!(to_reassign(&views('b'), &Shards::default(), &moves), []);
        assert_eq!(to_reassign(&views('a'), &shards, &moves), []);
        // The dead one can be asked again.
        let mut back = views('b');
        back.insert(id('b'), facts_with('b', |_, line| line).view);
        assert_eq!(to_reassign(&back, &shards, &moves), []);
    }

    #[test]
    fn a_rival_of_the_dead_node_is_no_promoted_replica() {
        let shards: Shards = [(id('b'), id('c'))].into_iter().collect();
        let promoted = |views: &Views| in_place_of(views, &shards, id('b'));
        assert_eq!(promoted(&views('b')), Some(id('c')));
        let changed = |change: &dyn Fn(char, String) -> String| {
            let views = ['a', 'c'].map(|myself| {
                let facts = facts_with(myself, |node, line| match node {
                    'b' => change(myself, line.replace("master", "master,fail")),
                    _ => line,
                });
                (id(myself), facts.view)
            });
            views.into_iter().collect::<Views>()
        };
        // It was given slots after it had come back beside the promoted replica, which has heard of
        // them.
        assert_eq!(promoted(&changed(&|_, line| line)), None);
        let without = |line: String| line.replace(" 5461-10922", "");
        assert_eq!(promoted(&changed(&|_, line| without(line))), Some(id('c')));
        // Its epoch is the later one.
        let later = |line: String| without(line).replace(" 2 connected", " 9 connected");
        assert_eq!(promoted(&changed(&|_, line| later(line))), None);
        // Nobody has given it up: we can't reach it, and that is all.
        let alive = |line: String| without(line).replace("master,fail", "master");
        assert_eq!(promoted(&changed(&|_, line| alive(line))), None);
    }
}
