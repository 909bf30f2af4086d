//! What became of the moves that an earlier run had begun.
//!
//! The journal says what was meant, the cluster says where things are. From
//! both follows, for each move, where its way goes on; never back.

use super::Move;
use super::slot_move::Entry;
use super::survey::Survey;
use crate::cluster::{NodeId, OpenSlot, Role};
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
pub fn standing(survey: &Survey, begun: Move) -> Result<Standing> {
    let target = side(survey, begun, begun.target)?;
    let source = heir(survey, begun, target.owner).unwrap_or(begun.source);
    let task = Move { source, ..begun };
    let source = side(survey, task, task.source)?;
    let migrating = OpenSlot::Migrating {
        slot: task.slot,
        target: task.target,
    };
    let is_open =
        source.open == Some(migrating) || matches!(target.open, Some(OpenSlot::Importing { .. }));
    // A source that learns of the new owner by gossip keeps its MIGRATING state (seen on Redis
    // 7.0): the slot counts as settled only when nobody has it open.
    match (source.owner, target.owner, is_open) {
        (Some(one), Some(other), false) if one == other => Ok(Standing::Settled),
        (Some(one), Some(other), _) if other == task.target && is_of(task, one) => {
            Ok(Standing::GoesOn(task, Entry::TargetOwns))
        }
        // `NODE` has reached the source alone, which takes it only when no key is left there
        // (half-finished on the source, in the words of Redis' own suite).
        (Some(one), Some(other), true)
            if one == task.target && other == task.source && source.open.is_none() =>
        {
            Ok(Standing::GoesOn(task, Entry::TargetOwns))
        }
        (Some(one), Some(other), true) if one == task.source && other == task.source => {
            Ok(Standing::GoesOn(task, Entry::SourceOwns))
        }
        _ => {
            let why = format!(
                "it is at neither of them now; if {} holds no key of it, CLUSTER SETSLOT {} \
                 STABLE there closes it",
                survey.name(task.target),
                task.slot
            );
            Err(refuse(task, &why))
        }
    }
}

fn is_of(task: Move, owner: NodeId) -> bool {
    owner == task.source || owner == task.target
}

/// The replica that took over from the source: Redis doesn't replicate `MIGRATING`, so it
/// has the slot and what is left of its keys, but doesn't know that it is being moved.
fn heir(survey: &Survey, begun: Move, owner: Option<NodeId>) -> Option<NodeId> {
    let owner = owner.filter(|owner| !is_of(begun, *owner))?;
    let is_primary = survey.primaries().any(|(id, _)| id == owner);
    let old = survey.nodes.get(&begun.target)?.view.node(begun.source)?;
    let follows = Role::Replica {
        primary: Some(owner),
    };
    (is_primary && old.role == follows).then_some(owner)
}

/// What one of the two nodes believes of the slot.
struct Side {
    owner: Option<NodeId>,
    open: Option<OpenSlot>,
}

fn side(survey: &Survey, task: Move, id: NodeId) -> Result<Side> {
    let facts = survey
        .nodes
        .get(&id)
        .ok_or_else(|| refuse(task, &format!("node {id} can't be reached")))?;
    // A primary that gave its last slot away is a replica by now and takes no SETSLOT any more.
    let myself = facts.view.node(id).filter(|node| node.is_primary());
    let open = myself.and_then(|node| {
        let mut open = node.open.iter().copied();
        open.find(|open| open.slot() == task.slot)
    });
    Ok(Side {
        owner: facts.view.map().owner(task.slot),
        open,
    })
}

fn refuse(task: Move, why: &str) -> Error {
    let message = format!(
        "an earlier run began to move slot {} from {} to {} and can't go on: {why}",
        task.slot, task.source, task.target
    );
    Error::new(ErrorKind::Unsafe, message).mend("mend that, then run the same command again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{facts_with, id};
    use crate::slot::Slot;
    use std::collections::BTreeMap;

    fn task() -> Move {
        Move {
            slot: Slot::new(0).expect("a slot"),
            source: id('a'),
            target: id('b'),
        }
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
        standing(
            &Survey {
                nodes,
                unreachable: BTreeMap::new(),
            },
            task(),
        )
    }

    #[test]
    fn every_half_state_has_its_way_forward() {
        use Entry::{SourceOwns, TargetOwns};
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
            (('b', true), ('b', false), GoesOn(task(), TargetOwns)),
            // The source has let go of it, the target hasn't heard.
            (('b', false), ('a', true), GoesOn(task(), TargetOwns)),
        ] {
            let found = standing_of(source, target).expect("goes on");
            assert_eq!(found, expected, "{source:?} {target:?}");
        }
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
        let heir = Move {
            source: id('c'),
            ..task()
        };
        let found = standing(&survey, task()).expect("goes on");
        assert_eq!(found, Standing::GoesOn(heir, Entry::SourceOwns));
    }
}
