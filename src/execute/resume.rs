//! Finds where the moves go on that an earlier run had begun.
//!
//! The journal says what was meant, the cluster says where things are. From
//! both follows, for each move, where its way goes on; never back.

use super::Move;
use super::mover::Entry;
use super::promoted;
use super::shards::Shards;
use super::survey::{NodeFacts, Survey};
use super::views::{Views, primaries, primary};
use crate::cluster::{NodeId, OpenSlot};
use crate::error::{Error, ErrorKind, Result};

/// How a move that was begun goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing of it is left to do: nobody has the slot open.
    Settled,
    /// It goes on from here. The source is another node where the old one has failed over.
    GoesOn(Move, Entry),
}

/// Where a move that was begun stands.
///
/// # Errors
/// [`ErrorKind::Unsafe`] when one of its nodes can't be reached, or the slot
/// is open and has gone to somebody else.
pub fn standing(survey: &Survey, shards: &Shards, begun: Move) -> Result<Standing> {
    let standing = standing_of(&survey.views(), shards, begun)?;
    Ok(match standing {
        Standing::Settled if is_half_moved(survey, begun) => {
            Standing::GoesOn(begun, Entry::SourceOwns)
        }
        standing => standing,
    })
}

/// Whether a slot that is at its source, open nowhere, has keys at its target: both sides have
/// forgotten that it was open, as Redis' nodes do when they turn into replicas and back. These keys
/// are nowhere else.
fn is_half_moved(survey: &Survey, begun: Move) -> bool {
    let owns = |facts: &NodeFacts| facts.view.map().owner(begun.slot) == Some(begun.source);
    let has_keys = |facts: &NodeFacts| facts.orphaned.contains_key(&begun.slot);
    survey.nodes.get(&begun.source).is_some_and(owns)
        && survey.nodes.get(&begun.target).is_some_and(has_keys)
}

/// Where a move that was begun stands, from the views of the nodes that can be asked.
///
/// # Errors
/// As [`standing`].
pub fn standing_of(views: &Views, shards: &Shards, begun: Move) -> Result<Standing> {
    let state = ClusterState { views, shards };
    let mut task = Move {
        source: state.in_place_of(begun.source),
        target: state.in_place_of(begun.target),
        ..begun
    };
    let source = state.side(task, task.source)?;
    let named = state.named_by(&source, begun.target);
    if let Some(target) = named.or_else(|| state.owner_in_shard(task)) {
        task.target = target;
    }
    let mut target = state.side(task, task.target)?;
    // A source that comes back as a replica of its promoted replica loses all slots in the target's
    // eyes, and gossip gives one that is imported to nobody (Redis 7.0).
    let is_importing = matches!(target.open, Some(OpenSlot::Importing { .. }));
    if target.owner.is_none() && is_importing && source.is_owner {
        (target.owner, target.knows_owner) = (source.owner, false);
    }
    let is_ours = |named: &NodeId| {
        let ids = [*named, state.in_place_of(*named)];
        ids.contains(&task.target) || ids.contains(&begun.target)
    };
    let is_migrating = source.migrating().is_some_and(|named| is_ours(&named));
    // To whom the owner sends clients beside that: nothing is over, nor can go on elsewhere, where
    // it is a promoted replica of the target that stands still. (On Redis it is the node that the
    // target took over from: `MIGRATING` doesn't follow a failover.)
    let elsewhere = source.migrating().filter(|_| source.is_owner);
    let elsewhere = elsewhere.filter(|named| !is_ours(named));
    if let Some(promoted) = elsewhere.filter(|named| state.shards.are_in_one(*named, task.target)) {
        let why = format!(
            "{} gives it to {promoted}, which is of its target's shard and doesn't answer as a primary",
            task.source
        );
        return Err(refuse(begun, &why));
    }
    // Where a node failed over its promoted replica may have forgotten what was open (Redis doesn't
    // replicate that), while keys are on both sides.
    let is_open =
        is_migrating || matches!(target.open, Some(OpenSlot::Importing { .. })) || task != begun;
    // A source that learns of the new owner by gossip keeps its MIGRATING state (seen on Redis
    // 7.0): the slot counts as settled only when nobody has it open.
    match (source.owner, target.owner, is_open) {
        (Some(one), Some(other), _) if one == other && other == task.target && !is_migrating => {
            Ok(Standing::Settled)
        }
        (Some(one), Some(other), false) if one == other => match elsewhere {
            None => Ok(Standing::Settled),
            Some(named) => {
                let why = format!(
                    "{} gives it to {named}, by somebody else's word",
                    task.source
                );
                Err(refuse(begun, &why))
            }
        },
        (Some(one), Some(other), _) if other == task.target && is_of(task, one) => {
            let entry = if one == task.target {
                Entry::TargetServes
            } else {
                Entry::TargetOwns
            };
            Ok(Standing::GoesOn(task, entry))
        }
        // `NODE` has reached the source alone, which takes it only when no key is left there
        // (half-finished on the source, in the words of Redis' own suite).
        (Some(one), Some(other), true)
            if one == task.target && other == task.source && source.open.is_none() =>
        {
            Ok(Standing::GoesOn(task, Entry::TargetOwns))
        }
        (Some(one), Some(other), true) if one == task.source && other == task.source => {
            let entry = if target.knows_owner {
                Entry::SourceOwns
            } else {
                Entry::SourceReplaced
            };
            Ok(Standing::GoesOn(task, entry))
        }
        (Some(one), other, false) if one == task.target && other != Some(task.target) => {
            let why = format!(
                "{one} has it by the word of {}, and denies it: slotkit check says who should have it",
                task.source
            );
            Err(refuse(begun, &why))
        }
        _ => {
            let why = format!(
                "it is at neither of them now; if {} holds no key of it, CLUSTER SETSLOT {} \
                 STABLE there closes it",
                task.target, task.slot
            );
            Err(refuse(begun, &why))
        }
    }
}

fn is_of(task: Move, owner: NodeId) -> bool {
    owner == task.source || owner == task.target
}

/// What one of the two nodes believes of the slot.
struct Side {
    owner: Option<NodeId>,
    /// Whether that is the node itself.
    is_owner: bool,
    /// Whether that is who it says, and not who took over from it since.
    knows_owner: bool,
    open: Option<OpenSlot>,
}

impl Side {
    /// To whom it gives the slot.
    fn migrating(&self) -> Option<NodeId> {
        match self.open {
            Some(OpenSlot::Migrating { target, .. }) => Some(target),
            _ => None,
        }
    }
}

/// What the nodes believe, as far as they can be asked, and who was a replica of whom when the run
/// began.
#[derive(Clone, Copy)]
struct ClusterState<'a> {
    views: &'a Views,
    shards: &'a Shards,
}

impl ClusterState<'_> {
    /// The replica that took over from a node, or the node itself.
    ///
    /// Redis replicates neither `MIGRATING` nor `IMPORTING`: the promoted replica has the slots and
    /// keys, but doesn't know that one is being moved.
    fn in_place_of(&self, id: NodeId) -> NodeId {
        if self.is_primary(id) {
            return id;
        }
        promoted::in_place_of(self.views, self.shards, id).unwrap_or(id)
    }

    /// The primary that a slot's owner gives it to, where it is shards of the target: Valkey 8 and
    /// later turn to the promoted replica by themselves. Clients are sent there.
    fn named_by(&self, source: &Side, target: NodeId) -> Option<NodeId> {
        let named = source.migrating().filter(|_| source.is_owner)?;
        (self.shards.are_in_one(named, target) && self.is_primary(named)).then_some(named)
    }

    /// The primary of the target's shard that takes itself for the slot's owner: a target that
    /// stood still has a `NODE` in its buffers when it wakes, beside the promoted replica that the
    /// move had gone on with. The promoted replica imports the slot, so gossip doesn't tell it.
    fn owner_in_shard(&self, task: Move) -> Option<NodeId> {
        let owning = primaries(self.views).find(|node| {
            let is_of_shard =
                node.id != task.source && self.shards.are_in_one(node.id, task.target);
            node.slots.contains(task.slot) && is_of_shard
        });
        owning.map(|node| node.id)
    }

    /// Whether a node that can be asked takes itself for a primary.
    fn is_primary(&self, id: NodeId) -> bool {
        primary(self.views, id).is_some()
    }

    fn side(&self, task: Move, id: NodeId) -> Result<Side> {
        let view = self
            .views
            .get(&id)
            .ok_or_else(|| refuse(task, &format!("node {id} can't be reached")))?;
        // A primary that gave its last slot away is a replica by now and takes no SETSLOT any more.
        let open = primary(self.views, id).and_then(|node| node.open_slot(task.slot));
        // A node that imports a slot doesn't learn that its owner failed over (Redis 7.0: an
        // importing slot "should never be modified" by gossip).
        let said = view.map().owner(task.slot);
        let owner = said.map(|owner| self.in_place_of(owner));
        Ok(Side {
            owner,
            is_owner: owner == Some(id),
            knows_owner: owner == said,
            open,
        })
    }
}

fn refuse(task: Move, why: &str) -> Error {
    let message = format!(
        "an earlier run began to move slot {} from {} to {} and can't go on: {why}",
        task.slot, task.source, task.target
    );
    Error::new(ErrorKind::Unsafe, message).fix("fix that, then run the same command again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{self, facts_with, id};
    use std::collections::BTreeMap;

    fn task() -> Move {
        testing::task(0, 'a', 'b')
    }

    /// What a node says: who it takes for the owner of slot 0, and what it has open itself.
    fn facts(myself: char, owner: char, open: &str) -> crate::execute::survey::NodeFacts {
        facts_with(myself, |node, line| {
            let line = line.replace(" 0-5460", " 1-5460");
            let owned = if node == owner { " 0" } else { "" };
            let open = if node == myself { open } else { "" };
            format!("{line}{owned}{open}")
        })
    }

    /// The standing for what source and target say: the owner, and whether it has the slot open.
    fn standing_of(source: (char, bool), target: (char, bool)) -> Result<Standing> {
        let migrating = if source.1 {
            format!(" [0->-{}]", id('b'))
        } else {
            String::new()
        };
        let importing = if target.1 {
            format!(" [0-<-{}]", id('a'))
        } else {
            String::new()
        };
        let nodes = BTreeMap::from([
            (id('a'), facts('a', source.0, &migrating)),
            (id('b'), facts('b', target.0, &importing)),
        ]);
        let survey = Survey {
            nodes,
            unreachable: BTreeMap::new(),
        };
        standing(&survey, &Shards::default(), task())
    }

    #[test]
    fn every_half_state_has_its_way_forward() {
        use Entry::{SourceOwns, TargetOwns, TargetServes};
        use Standing::{GoesOn, Settled};
        for (source, target, expected) in [
            // Nothing done, or all done.
            (('a', false), ('a', false), Settled),
            (('b', false), ('b', false), Settled),
            // Somebody else has moved it since, and nobody has it open.
            (('c', false), ('c', false), Settled),
            // Importing set; migrating set too; migrating alone.
            (('a', false), ('a', true), GoesOn(task(), SourceOwns)),
            (('a', true), ('a', true), GoesOn(task(), SourceOwns)),
            (('a', true), ('a', false), GoesOn(task(), SourceOwns)),
            // The target owns it; the source doesn't know, or knows and still has it open.
            (('a', true), ('b', false), GoesOn(task(), TargetOwns)),
            (('a', false), ('b', false), GoesOn(task(), TargetOwns)),
            (('b', true), ('b', false), GoesOn(task(), TargetServes)),
            // The source has let go of it, the target hasn't heard.
            (('b', false), ('a', true), GoesOn(task(), TargetOwns)),
        ] {
            let found = standing_of(source, target).expect("goes on");
            assert_eq!(found, expected, "{source:?} {target:?}");
        }
    }

    #[test]
    fn keys_at_the_target_of_a_slot_that_nobody_has_open_are_on_their_way_still() {
        let survey = |owner: char, target_keys: u64| {
            let mut target = facts('b', owner, "");
            let keys = Some((task().slot, target_keys)).filter(|(_, keys)| *keys > 0);
            target.orphaned = keys.into_iter().collect();
            Survey {
                nodes: BTreeMap::from([(id('a'), facts('a', owner, "")), (id('b'), target)]),
                unreachable: BTreeMap::new(),
            }
        };
        let standing = |survey: &Survey| {
            super::standing(survey, &Shards::default(), task()).expect("a standing")
        };
        let goes_on = Standing::GoesOn(task(), Entry::SourceOwns);
        assert_eq!(standing(&survey('a', 3)), goes_on);
        assert_eq!(standing(&survey('a', 0)), Standing::Settled);
        // A third node has it: what the target has is for a person.
        assert_eq!(standing(&survey('c', 3)), Standing::Settled);
    }

    #[test]
    fn a_slot_at_a_third_node_is_left_alone() {
        for (source, target) in [
            (('c', false), ('c', true)),
            (('c', true), ('b', false)),
            (('b', true), ('a', true)),
        ] {
            let error = standing_of(source, target).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Unsafe, "{source:?} {target:?}");
        }
    }

    #[test]
    fn a_slot_that_each_takes_for_the_others_is_for_check() {
        let error = standing_of(('b', false), ('a', false)).expect_err("refused");
        let words = "slotkit check says who should have it";
        assert!(error.message().contains(words), "{}", error.message());
    }

    #[test]
    fn a_target_that_takes_a_dead_source_for_the_owner_is_told_of_its_promoted_replica() {
        let importing = format!(" [0-<-{}]", id('a'));
        let views = ['b', 'c'].map(|myself| {
            let facts = facts_with(myself, |node, line| match node {
                'a' if myself == 'b' => line.replace("master", "master,fail"),
                'a' => line.replace(" 0-5460", ""),
                'c' if myself == 'c' => format!("{line} 0-5460"),
                'b' if myself == 'b' => format!("{line}{importing}"),
                _ => line,
            });
            (id(myself), facts.view)
        });
        let views = BTreeMap::from(views);
        let shards: Shards = [(id('a'), id('c'))].into_iter().collect();
        let promoted = Move {
            source: id('c'),
            ..task()
        };
        let found = super::standing_of(&views, &shards, task()).expect("goes on");
        assert_eq!(found, Standing::GoesOn(promoted, Entry::SourceReplaced));
        // Without the shards nobody knows whose promoted replica it is.
        assert!(super::standing_of(&views, &Shards::default(), task()).is_err());
    }

    #[test]
    fn a_target_that_takes_a_slot_for_nobodys_is_told_of_the_promoted_replica() {
        let importing = format!(" [0-<-{}]", id('a'));
        let views = ['a', 'b', 'c'].map(|myself| {
            let facts = facts_with(myself, |node, line| match node {
                'a' => line
                    .replace("master -", &format!("slave {}", id('c')))
                    .replace(" 0-5460", ""),
                'c' if myself == 'b' => format!("{line} 1-5460"),
                'c' => format!("{line} 0-5460"),
                'b' if myself == 'b' => format!("{line}{importing}"),
                _ => line,
            });
            (id(myself), facts.view)
        });
        let views = BTreeMap::from(views);
        let promoted = Move {
            source: id('c'),
            ..task()
        };
        let found = super::standing_of(&views, &Shards::default(), task()).expect("goes on");
        assert_eq!(found, Standing::GoesOn(promoted, Entry::SourceReplaced));
    }

    #[test]
    fn the_source_gives_it_to_the_promoted_replica_of_the_target() {
        let views = ['a', 'b', 'c'].map(|myself| {
            let facts = facts_with(myself, |node, line| match node {
                'a' if myself == 'a' => format!("{line} [0->-{}]", id('c')),
                'b' | 'c' if node == myself => format!("{line} [0-<-{}]", id('a')),
                _ => line,
            });
            (id(myself), facts.view)
        });
        let views = BTreeMap::from(views);
        let shards: Shards = [(id('b'), id('c'))].into_iter().collect();
        let to_promoted = Move {
            target: id('c'),
            ..task()
        };
        let found = super::standing_of(&views, &shards, task()).expect("goes on");
        assert_eq!(found, Standing::GoesOn(to_promoted, Entry::SourceOwns));
        let found = super::standing_of(&views, &Shards::default(), task()).expect("goes on");
        assert_eq!(found, Standing::GoesOn(task(), Entry::SourceOwns));
    }

    /// Where the promoted replica stands still nobody else says that it is a primary; clients are
    /// sent to it.
    #[test]
    fn a_slot_that_is_given_to_whom_nobody_has_heard_is_not_over() {
        let views = |named: char| {
            let views = ['a', 'b'].map(|myself| {
                let facts = facts_with(myself, |node, line| match node {
                    'a' if myself == 'a' => format!("{line} [0->-{}]", id(named)),
                    'b' => line.replace("master -", &format!("slave {}", id('c'))),
                    _ => line,
                });
                (id(myself), facts.view)
            });
            BTreeMap::from(views)
        };
        let shards: Shards = [(id('b'), id('c'))].into_iter().collect();
        for (shards, words) in [
            (shards, "doesn't answer as a primary"),
            (Shards::default(), "by somebody else's word"),
        ] {
            let error = super::standing_of(&views('c'), &shards, task()).expect_err("refused");
            assert!(error.message().contains(words), "{}", error.message());
        }
        let found = super::standing_of(&views('b'), &Shards::default(), task());
        let goes_on = Standing::GoesOn(task(), Entry::SourceOwns);
        assert_eq!(found.expect("goes on"), goes_on);
    }

    #[test]
    fn the_replica_that_took_over_from_the_source_goes_on() {
        let took_over = |myself: char, open: &'static str| {
            facts_with(myself, |node, line| match node {
                'a' => line
                    .replace("master -", &format!("slave {}", id('c')))
                    .replace(" 0-5460", ""),
                'c' => format!("{line} 0-5460"),
                _ if myself == 'b' => format!("{line}{open}"),
                _ => line,
            })
        };
        let importing = format!(" [0-<-{}]", id('a')).leak();
        let nodes = ['a', 'b', 'c'].map(|node| (id(node), took_over(node, importing)));
        let survey = Survey {
            nodes: BTreeMap::from(nodes),
            unreachable: BTreeMap::new(),
        };
        let promoted = Move {
            source: id('c'),
            ..task()
        };
        let found = standing(&survey, &Shards::default(), task()).expect("goes on");
        assert_eq!(found, Standing::GoesOn(promoted, Entry::SourceOwns));
    }
}
