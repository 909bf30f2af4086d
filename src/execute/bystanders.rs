//! Finds nodes that are dead and have no part in the slots in hand.
//!
//! Whoever moves a slot asks every primary first (`guard.rs`): one that is silent may have the
//! slot open. A primary that died without a replica stays silent for hours, and slots that a run
//! has opened between other nodes are better closed meanwhile. It is passed over where nothing that
//! it may still say could matter:
//!
//! | what it might have | why it can't |
//! |---|---|
//! | clients that write there: it is cut off from us alone | a majority of the primaries says `fail` of it, each in its own view: it doesn't reach them either, and refuses clients after its node timeout |
//! | the slot, as its owner | no node that answers takes it for that; who claims a slot by a later epoch is believed by everybody who hears it, and the slot's source says that the slot is its own |
//! | the slot open | clients are sent to a target by the slot's source alone, and that answers, and says to whom it gives the slot |
//! | a part in it, as one that took over | it is neither its source nor its target, nor of the shard of either |
//!
//! One node's word isn't enough (`fail` may be old), nor is a suspicion (`fail?`), nor that we
//! don't reach it. When it comes back it hears of the slot's new owner by gossip: the target has
//! raised its epoch at `NODE`. What somebody told it alone while it was cut off nobody can know;
//! where it was told that a slot is its own it has the later epoch perhaps (`docs/safety.md`).
//!
//! New slots aren't opened beside it: that can wait.

use super::Move;
use super::shards::Shards;
use super::views::Views;
use crate::cluster::{ClusterView, NodeId};
use std::collections::BTreeSet;

/// The primaries that can't be asked and are passed over by whoever goes on with these moves.
pub fn passed_over(views: &Views, shards: &Shards, moves: &[Move]) -> BTreeSet<NodeId> {
    let known = views.values().flat_map(ClusterView::primaries);
    let silent: BTreeSet<NodeId> = known
        .map(|node| node.id)
        .filter(|id| !views.contains_key(id))
        .collect();
    let is_passed = |id: &NodeId| {
        is_failed(views, *id) && moves.iter().all(|task| !has_part(views, shards, *id, task))
    };
    silent.into_iter().filter(is_passed).collect()
}

/// Of the nodes that can't be asked those that aren't passed over.
pub fn waited_for(
    mut silent: Vec<NodeId>,
    views: &Views,
    shards: &Shards,
    moves: &[Move],
) -> Vec<NodeId> {
    let passed = passed_over(views, shards, moves);
    silent.retain(|id| !passed.contains(id));
    silent
}

/// Whether a majority of the primaries that have slots takes a node for failed, by their own words.
pub fn is_failed<'a>(
    views: impl IntoIterator<Item = (&'a NodeId, &'a ClusterView)>,
    id: NodeId,
) -> bool {
    let views: Vec<(&NodeId, &ClusterView)> = views.into_iter().collect();
    let serving = views.iter().flat_map(|(_, view)| view.primaries());
    let voters: BTreeSet<NodeId> = serving
        .filter(|node| !node.slots.is_empty())
        .map(|node| node.id)
        .collect();
    let takes_for_failed = |(voter, view): &&(&NodeId, &ClusterView)| {
        voters.contains(voter) && view.node(id).is_some_and(|node| node.flags.fail)
    };
    views.iter().filter(takes_for_failed).count() * 2 > voters.len()
}

/// Whether a node gives or receives a slot, may have taken over from one that does, or owns it in
/// anybody's eyes.
fn has_part(views: &Views, shards: &Shards, id: NodeId, task: &Move) -> bool {
    let mut sides = [task.source, task.target].into_iter();
    let mut owners = views
        .values()
        .filter_map(|view| view.map().owner(task.slot));
    sides.any(|side| side == id || shards.are_in_one(side, id)) || owners.any(|owner| owner == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{facts_with, id, task};

    /// `c` is silent; what each of the others says of it.
    fn views(flags: [&str; 2]) -> Views {
        let said = ['a', 'b'].into_iter().zip(flags).map(|(myself, flags)| {
            let facts = facts_with(myself, |node, line| match node {
                'c' => line.replace("master", flags),
                _ => line,
            });
            (id(myself), facts.view)
        });
        said.collect()
    }

    fn passes(views: &Views, shards: &Shards, moves: &[Move]) -> bool {
        passed_over(views, shards, moves).contains(&id('c'))
    }

    #[test]
    fn a_dead_primary_without_part_is_passed_over() {
        let (dead, none) = (views(["master,fail", "master,fail"]), Shards::default());
        assert!(passes(&dead, &none, &[task(0, 'a', 'b')]));
        // By one of three, by a suspicion, or by nobody.
        for flags in [
            ["master,fail", "master"],
            ["master,fail", "master,fail?"],
            ["master,fail?", "master,fail?"],
            ["master", "master"],
        ] {
            let views = views(flags);
            assert!(!passes(&views, &none, &[task(0, 'a', 'b')]), "{flags:?}");
        }
    }

    #[test]
    fn who_may_have_a_part_is_waited_for() {
        let (dead, none) = (views(["master,fail", "master,fail"]), Shards::default());
        for with_part in [
            task(0, 'c', 'b'),
            task(0, 'a', 'c'),
            // Its own, as the others say.
            task(16_383, 'a', 'b'),
        ] {
            assert!(!passes(&dead, &none, &[task(0, 'a', 'b'), with_part]));
        }
        let shards: Shards = [(id('a'), id('c'))].into_iter().collect();
        assert!(!passes(&dead, &shards, &[task(0, 'a', 'b')]));
    }

    #[test]
    fn one_that_answers_is_never_passed_over() {
        let mut views = views(["master,fail", "master,fail"]);
        views.insert(id('c'), facts_with('c', |_, line| line).view);
        assert!(!passes(&views, &Shards::default(), &[task(0, 'a', 'b')]));
    }
}
