//! Does anybody else move our slots?
//!
//! No server keeps two tools apart: `SETSLOT` overwrites what another has set,
//! and a slot that two tools move to two targets loses the keys of one (seen
//! with two runs on Redis 7.0). So the nodes are asked before a slot is opened,
//! again between `IMPORTING` and `MIGRATING`, and when its keys have left, before
//! anybody is told of a new owner.
//!
//! Pure: what the primaries say of themselves goes in, a verdict comes out.

use super::Move;
use super::slot_move::Entry;
use crate::cluster::{Node, NodeId, OpenSlot};
use std::collections::BTreeMap;

/// What every primary says of itself.
pub(super) type Selves = BTreeMap<NodeId, Node>;

/// Whether a slot may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may.
    Ours,
    /// One of its two nodes isn't what it was: the words say what was seen.
    RolesChanged(&'static str),
    /// Somebody else has it: the words say what was seen, and where.
    Taken(&'static str, Option<NodeId>),
}

/// Whether a slot is where its move begins, and open for nothing else.
pub(super) fn may_begin(nodes: &Selves, task: Move, entry: Entry) -> Verdict {
    let is_at_source = owns(nodes, task.source, task) && !owns(nodes, task.target, task);
    if entry != Entry::TargetOwns && !is_at_source {
        return Verdict::Taken("isn't at its source any more", None);
    }
    let stranger = opened(nodes, task)
        .find(|(id, open)| entry == Entry::Fresh || !is_left_open(nodes, *id, *open, task));
    match stranger {
        Some((id, _)) => Verdict::Taken("was opened meanwhile", Some(id)),
        None => Verdict::Ours,
    }
}

/// Whether the source of a slot may be told to give it away, after its target was told to import
/// it: nobody else imports it, or gives it to somebody else.
pub(super) fn may_open(nodes: &Selves, task: Move) -> Verdict {
    let stranger = opened(nodes, task).find(|(id, open)| !is_part_of(*id, *open, task));
    match stranger {
        Some((id, _)) => Verdict::Taken("was opened at the same time", Some(id)),
        None if owns(nodes, task.source, task) => Verdict::Ours,
        None => Verdict::RolesChanged("the source doesn't own it any more"),
    }
}

/// Whether nobody but our own move has a slot open, and its source still gives it away. After
/// this the target is told that it owns the slot: where the source has failed over meanwhile, its
/// heir may have taken a write that would be lost.
pub(super) fn may_own(nodes: &Selves, task: Move) -> Verdict {
    let stranger = opened(nodes, task).find(|(id, open)| !is_part_of(*id, *open, task));
    if let Some((id, _)) = stranger {
        return Verdict::Taken("is moved by somebody else too", Some(id));
    }
    if owns(nodes, task.target, task) {
        return Verdict::Ours;
    }
    let migrating = OpenSlot::Migrating {
        slot: task.slot,
        target: task.target,
    };
    let is_primary = |id: NodeId| nodes.get(&id).is_some_and(Node::is_primary);
    let is_migrating = opened(nodes, task).any(|found| found == (task.source, migrating));
    let is_importing = opened(nodes, task).any(|(id, _)| id == task.target);
    match (owns(nodes, task.source, task), is_migrating, is_importing) {
        (true, true, true) => Verdict::Ours,
        _ if !is_primary(task.source) || !is_primary(task.target) => {
            Verdict::RolesChanged("source or target isn't a primary any more")
        }
        (true, ..) => Verdict::Taken("is moved by somebody else too", None),
        // The source has let go of it, which it does only without keys, and nobody has taken it:
        // `NODE` reached the source alone.
        (false, false, true) if !nodes.keys().any(|id| owns(nodes, *id, task)) => Verdict::Ours,
        (false, ..) => Verdict::RolesChanged("the source doesn't own it any more"),
    }
}

fn owns(nodes: &Selves, id: NodeId, task: Move) -> bool {
    let node = nodes.get(&id);
    node.is_some_and(|node| node.slots.contains(task.slot))
}

/// Who has a slot open; a primary that turned into a replica has nothing.
fn opened(nodes: &Selves, task: Move) -> impl Iterator<Item = (NodeId, OpenSlot)> {
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

/// Whether it is a part of this move, or what is left of it from before its target failed over.
fn is_left_open(nodes: &Selves, node: NodeId, open: OpenSlot, task: Move) -> bool {
    let is_gone = |id: &NodeId| !nodes.get(id).is_some_and(Node::is_primary);
    is_part_of(node, open, task)
        || matches!(open, OpenSlot::Migrating { target, .. } if node == task.source && is_gone(&target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::parse;
    use crate::execute::testing::{self, id, nodes_text};

    /// Slot 0 goes from `a` to `b`.
    fn task() -> Move {
        testing::task(0, 'a', 'b')
    }

    /// What the nodes say of themselves, with what each has open.
    fn selves(open: [&str; 3]) -> Selves {
        let says = ['a', 'b', 'c'].into_iter().zip(open).map(|(node, open)| {
            let text = nodes_text(node, |about, line| match about == node {
                true => format!("{line}{open}"),
                false => line,
            });
            (id(node), parse::myself(&text, "test").expect("a node"))
        });
        says.collect()
    }

    #[test]
    fn of_two_runs_at_once_one_sees_the_other_before_a_key_moves() {
        let importing = format!(" [0-<-{}]", id('a'));
        let ours = selves(["", &importing, ""]);
        assert_eq!(may_open(&ours, task()), Verdict::Ours);
        // Both have said IMPORTING, each on its own target: neither opens the source.
        let both = selves(["", &importing, &importing]);
        let other = Move {
            target: id('c'),
            ..task()
        };
        for task in [task(), other] {
            let verdict = may_open(&both, task);
            assert!(matches!(verdict, Verdict::Taken(_, Some(_))), "{verdict:?}");
        }
        // The other was first, and has opened the source already.
        let migrating = format!(" [0->-{}]", id('c'));
        let late = selves([&migrating, &importing, &importing]);
        assert!(matches!(may_open(&late, task()), Verdict::Taken(..)));
    }
}
