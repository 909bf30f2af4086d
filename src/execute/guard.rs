//! Does anybody else move our slots?
//!
//! No server keeps two tools apart: `SETSLOT` overwrites what another has set,
//! and a slot that two tools move to two targets loses the keys of one (seen
//! with two runs on Redis 7.0). So the nodes are asked before a slot is opened,
//! and again when its keys have left, before anybody is told of a new owner.

use super::Move;
use super::slot_move::Entry;
use crate::cluster::verb::{NodeLink, Verb};
use crate::cluster::{LiveCluster, Node, NodeId, OpenSlot, parse};
use crate::error::{Error, ErrorKind, Result};

/// Requires that these slots are where their moves begin, and open for nothing else.
///
/// # Errors
/// [`ErrorKind::Unsafe`] with the first slot that isn't; also when a node can't be asked.
pub(super) fn require_fit_to_begin<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    primaries: &[NodeId],
    tasks: &[(Move, Entry)],
) -> Result<()> {
    let nodes = ask(cluster, primaries)?;
    for (task, entry) in tasks {
        let owns = |id: NodeId| owns(&nodes, id, *task);
        if *entry != Entry::TargetOwns && (!owns(task.source) || owns(task.target)) {
            return Err(taken(cluster, *task, "isn't at its source any more"));
        }
        for (id, open) in opened(&nodes, *task) {
            let is_left_open = *entry != Entry::Fresh && is_part_of(id, open, *task);
            if !is_left_open {
                let what = format!("was opened meanwhile on {}", cluster.name(id));
                return Err(taken(cluster, *task, &what));
            }
        }
    }
    Ok(())
}

/// Requires that nobody but our own moves has these slots open.
///
/// # Errors
/// [`ErrorKind::Stopped`] with the first slot that somebody else has opened too.
pub(super) fn require_ours_alone<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    primaries: &[NodeId],
    tasks: &[Move],
) -> Result<()> {
    let nodes = ask(cluster, primaries)?;
    for task in tasks {
        let mut open = opened(&nodes, *task);
        let stranger = open.find(|(id, open)| !is_part_of(*id, *open, *task));
        let migrating = OpenSlot::Migrating {
            slot: task.slot,
            target: task.target,
        };
        let mut open = opened(&nodes, *task);
        let is_closed = owns(&nodes, task.source, *task)
            && !open.any(|(id, open)| id == task.source && open == migrating);
        if stranger.is_some() || is_closed {
            return Err(
                taken(cluster, *task, "is moved by somebody else too").of_kind(ErrorKind::Stopped)
            );
        }
    }
    Ok(())
}

/// What each of these nodes says of itself.
fn ask<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    primaries: &[NodeId],
) -> Result<Vec<(NodeId, Node)>> {
    let node = |id: &NodeId| {
        let text = cluster.ask_text(*id, &Verb::Nodes)?;
        Ok((*id, parse::myself(&text, &cluster.name(*id))?))
    };
    primaries.iter().map(node).collect()
}

fn owns(nodes: &[(NodeId, Node)], id: NodeId, task: Move) -> bool {
    let node = nodes.iter().find(|(node, _)| *node == id);
    node.is_some_and(|(_, node)| node.slots.contains(task.slot))
}

/// Who has a slot open; a primary that turned into a replica has nothing.
fn opened(nodes: &[(NodeId, Node)], task: Move) -> impl Iterator<Item = (NodeId, OpenSlot)> {
    let primaries = nodes.iter().filter(|(_, node)| node.is_primary());
    primaries.flat_map(move |(id, node)| {
        let open = node.open.iter();
        open.filter(move |open| open.slot() == task.slot)
            .map(|open| (*id, *open))
    })
}

/// Whether an open slot is a part of this move. The target may still name a source that has
/// failed over since.
fn is_part_of(node: NodeId, open: OpenSlot, task: Move) -> bool {
    match open {
        OpenSlot::Migrating { target, .. } => node == task.source && target == task.target,
        OpenSlot::Importing { .. } => node == task.target,
    }
}

fn taken<L: NodeLink>(cluster: &LiveCluster<L>, task: Move, what: &str) -> Error {
    let message = format!(
        "slot {} {what} (to be moved from {} to {})",
        task.slot,
        cluster.name(task.source),
        cluster.name(task.target)
    );
    Error::new(ErrorKind::Unsafe, message).mend("let the other tool finish, then make a new plan")
}
