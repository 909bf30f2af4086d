//! Slots that a node was given just before it died, without its replica hearing of it.
//!
//! Redis replicates no `NODE`: a replica hears of a new slot by gossip, as everybody does. Where
//! the target dies in between, its heir takes over the slots that it knows of, and the new ones
//! stay with the dead node, though the heir has their keys (seen on Redis 7.0). What the others
//! do for the old slots by vote is said here for the new ones: they are the heir's. Its epoch is
//! above the dead node's, so all agree, and the dead node too when it comes back.

use super::Move;
use super::families::Families;
use crate::cluster::{ClusterView, Node, NodeId};
use crate::slot::Slot;
use std::collections::BTreeMap;

/// The slots of these moves that belong to a dead node, each with the heir that it should go to.
///
/// A slot counts when no primary that can be asked owns it, and somebody takes a node for its
/// owner that failed and can't be asked.
pub fn left_to(
    views: &BTreeMap<NodeId, ClusterView>,
    families: &Families,
    moves: &[Move],
) -> Vec<(Slot, NodeId)> {
    let selves = views.iter().filter_map(|(id, view)| view.node(*id));
    let primaries: Vec<&Node> = selves
        .filter(|node| node.is_primary() && !node.slots.is_empty())
        .collect();
    let heir_of = |slot: Slot| {
        let is_owned = primaries.iter().any(|node| node.slots.contains(slot));
        let dead = views.values().filter(|_| !is_owned).find_map(|view| {
            let owner = view.map().owner(slot)?;
            let has_failed = view.node(owner)?.flags.fail && !views.contains_key(&owner);
            has_failed.then_some(owner)
        })?;
        let mut heirs = primaries
            .iter()
            .filter(|node| families.are_kin(node.id, dead));
        heirs.next().map(|heir| heir.id)
    };
    let slots = moves.iter().map(|task| task.slot);
    slots
        .filter_map(|slot| Some((slot, heir_of(slot)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{facts_with, id, task};

    /// `b` was given slot 0 and died; `c`, its replica, has the rest of what it had.
    fn views(last_owner: char) -> BTreeMap<NodeId, ClusterView> {
        let views = ['a', 'c'].map(|myself| {
            let facts = facts_with(myself, |node, line| {
                let line = line.replace(" 0-5460", " 1-5460");
                let line = match node {
                    'b' => line
                        .replace("master", "master,fail")
                        .replace(" 5461-10922", ""),
                    _ => line,
                };
                match node == last_owner {
                    true => format!("{line} 0"),
                    false => line,
                }
            });
            (id(myself), facts.view)
        });
        views.into_iter().collect()
    }

    #[test]
    fn a_slot_that_died_with_its_owner_is_the_heirs() {
        let kin: Families = [(id('b'), id('c'))].into_iter().collect();
        let moves = [task(0, 'a', 'b')];
        let slot = moves[0].slot;
        assert_eq!(left_to(&views('b'), &kin, &moves), [(slot, id('c'))]);
        // Nobody's heir, or somebody owns it.
        assert_eq!(left_to(&views('b'), &Families::default(), &moves), []);
        assert_eq!(left_to(&views('a'), &kin, &moves), []);
        // The dead one can be asked again.
        let mut back = views('b');
        back.insert(id('b'), facts_with('b', |_, line| line).view);
        assert_eq!(left_to(&back, &kin, &moves), []);
    }
}
