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
    match (source.owner, target.owner) {
        (Some(one), Some(other)) if one == task.source && other == task.source => {
            Ok(match is_open {
                true => Standing::GoesOn(Entry::SourceOwns),
                false => Standing::Settled,
            })
        }
        (Some(one), Some(other)) if one == task.target && other == task.target => {
            Ok(Standing::Settled)
        }
        (Some(one), Some(other)) if one == task.source && other == task.target => {
            Ok(Standing::GoesOn(Entry::TargetOwns))
        }
        _ => Err(refuse(
            task,
            format!(
                "{} and {} see other owners of it than themselves",
                survey.name(task.source),
                survey.name(task.target)
            ),
        )),
    }
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
        .ok_or_else(|| refuse(task, format!("node {id} can't be reached")))?;
    let open = facts.view.node(id).and_then(|node| {
        node.open
            .iter()
            .copied()
            .find(|open| open.slot() == task.slot)
    });
    Ok(Side {
        owner: facts.view.map().owner(task.slot),
        open,
    })
}

fn refuse(task: Move, why: String) -> Error {
    let message = format!(
        "an earlier run began to move slot {} from {} to {} and can't go on: {why}",
        task.slot, task.source, task.target
    );
    Error::new(ErrorKind::Unsafe, message)
        .mend("bring both nodes back, then run the same command again")
}
