//! What became of the moves that an earlier run had begun.
//!
//! The journal says what was meant, the cluster says where things are. From
//! both follows, for each move, where its way goes on; never back.

use super::Move;
use super::slot_move::Entry;
use super::survey::Survey;
use crate::cluster::{NodeId, OpenSlot};
use crate::error::{Error, ErrorKind, Result};

/// How a move that was begun goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing of it is left to do: it never began, or it has ended.
    Settled,
    /// It goes on from here.
    GoesOn(Entry),
}

/// Where a move that was begun stands.
///
/// # Errors
/// [`ErrorKind::Unsafe`] when its nodes aren't what they were: gone, no
/// primaries any more, or the slot went to somebody else meanwhile.
pub fn standing(survey: &Survey, task: Move) -> Result<Standing> {
    let source = side(survey, task, task.source)?;
    let target = side(survey, task, task.target)?;
    let Move { slot, .. } = task;
    let is_open = source.open
        == Some(OpenSlot::Migrating {
            slot,
            target: task.target,
        })
        || target.open
            == Some(OpenSlot::Importing {
                slot,
                source: task.source,
            });
    // A source that learns of the new owner by gossip keeps its MIGRATING state (seen on Redis
    // 7.0): the slot counts as settled only when nobody has it open.
    match (source.owner, target.owner, is_open) {
        (Some(one), Some(other), false) if one == other && is_of(task, one) => {
            Ok(Standing::Settled)
        }
        (Some(one), Some(other), _) if other == task.target && is_of(task, one) => {
            Ok(Standing::GoesOn(Entry::TargetOwns))
        }
        (Some(one), Some(other), true) if one == task.source && other == task.source => {
            Ok(Standing::GoesOn(Entry::SourceOwns))
        }
        _ => {
            let (one, other) = (survey.name(task.source), survey.name(task.target));
            Err(refuse(
                task,
                &format!("{one} and {other} see it at a third node, or nowhere"),
            ))
        }
    }
}

fn is_of(task: Move, owner: NodeId) -> bool {
    owner == task.source || owner == task.target
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
    Error::new(ErrorKind::Unsafe, message)
        .mend("bring both nodes back, then run the same command again")
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
            // Importing set; migrating set too; migrating alone.
            (('a', false), ('a', true), GoesOn(SourceOwns)),
            (('a', true), ('a', true), GoesOn(SourceOwns)),
            (('a', true), ('a', false), GoesOn(SourceOwns)),
            // The target owns it; the source doesn't know, or knows and still has it open.
            (('a', true), ('b', false), GoesOn(TargetOwns)),
            (('a', false), ('b', false), GoesOn(TargetOwns)),
            (('b', true), ('b', false), GoesOn(TargetOwns)),
        ] {
            let found = standing_of(source, target).expect("goes on");
            assert_eq!(found, expected, "{source:?} {target:?}");
        }
    }

    #[test]
    fn a_slot_at_a_third_node_is_left_alone() {
        for (source, target) in [
            (('c', false), ('c', false)),
            (('c', true), ('b', false)),
            (('b', true), ('a', true)),
        ] {
            let error = standing_of(source, target).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Unsafe, "{source:?} {target:?}");
        }
    }
}
