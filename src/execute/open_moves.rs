//! The moves behind the slots that are open, read from the cluster alone.
//!
//! For when the journal is lost, or was another tool's. Forward only: the
//! target that the source names is where a slot goes, whatever is known of how
//! many keys are where. (`redis-cli --cluster fix` asks who has most of the
//! keys instead, and lost 2,609 of 400,000 keys after moves that were
//! interrupted in both directions; Redis 7.0.)

use super::Move;
use super::survey::Survey;
use crate::cluster::{NodeId, OpenSlot};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// Who says what of one open slot.
#[derive(Debug, Default)]
struct Said {
    /// The nodes that give it away, with whom to.
    migrating: Vec<(NodeId, NodeId)>,
    /// The nodes that receive it, with whom from.
    importing: Vec<(NodeId, NodeId)>,
}

/// The moves that would close every open slot, by slot.
///
/// # Errors
/// [`ErrorKind::Unsafe`] when a slot is open towards several nodes: nothing says which is meant.
pub fn open_moves(survey: &Survey) -> Result<Vec<Move>> {
    let mut slots: BTreeMap<Slot, Said> = BTreeMap::new();
    for (id, facts) in survey.primaries() {
        let open = facts.view.node(id).map_or(&[][..], |node| &node.open);
        for open in open {
            let said = slots.entry(open.slot()).or_default();
            match open {
                OpenSlot::Migrating { target, .. } => said.migrating.push((id, *target)),
                OpenSlot::Importing { source, .. } => said.importing.push((id, *source)),
            }
        }
    }
    let moves = slots
        .iter()
        .map(|(slot, said)| one_move(survey, *slot, said));
    moves.collect()
}

fn one_move(survey: &Survey, slot: Slot, said: &Said) -> Result<Move> {
    let declared = said.migrating.iter().map(|(_, target)| *target);
    let targets: BTreeSet<NodeId> = declared
        .chain(said.importing.iter().map(|(id, _)| *id))
        .collect();
    let sources: BTreeSet<NodeId> = match said.migrating.as_slice() {
        // Only the target has it open: it names its source.
        [] => said.importing.iter().map(|(_, source)| *source).collect(),
        migrating => migrating.iter().map(|(id, _)| *id).collect(),
    };
    let one = |ids: &BTreeSet<NodeId>| match ids.len() {
        1 => ids.first().copied(),
        _ => None,
    };
    match (one(&sources), one(&targets)) {
        (Some(source), Some(target)) => Ok(Move {
            slot,
            source,
            target,
        }),
        _ => {
            let names = |ids: &BTreeSet<NodeId>| {
                let names: Vec<String> = ids.iter().map(|id| survey.name(*id)).collect();
                names.join(" and ")
            };
            let message = format!(
                "slot {slot} is open from {} to {}: nothing says which is meant",
                names(&sources),
                names(&targets)
            );
            let mend = format!(
                "find a node among them that holds none of its keys (CLUSTER COUNTKEYSINSLOT \
                 {slot}), and close it there with CLUSTER SETSLOT {slot} STABLE"
            );
            Err(Error::new(ErrorKind::Unsafe, message).mend(mend))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{NODES, facts_with, id, task};

    /// What is open on each node, as the end of its own line.
    fn survey(open: [&str; 3]) -> Survey {
        let nodes = NODES.iter().zip(open).map(|(myself, open)| {
            let facts = facts_with(*myself, |node, line| match node == *myself {
                true => format!("{line}{open}"),
                false => line,
            });
            (id(*myself), facts)
        });
        Survey {
            nodes: nodes.collect(),
            unreachable: BTreeMap::new(),
        }
    }

    fn to(slot: u16, target: char) -> String {
        format!(" [{slot}->-{}]", id(target))
    }

    fn from(slot: u16, source: char) -> String {
        format!(" [{slot}-<-{}]", id(source))
    }

    #[test]
    fn either_side_alone_tells_the_move() {
        let both = survey([&to(7, 'b'), &from(7, 'a'), ""]);
        assert_eq!(open_moves(&both).expect("moves"), [task(7, 'a', 'b')]);
        let source = survey([&to(7, 'b'), "", ""]);
        assert_eq!(open_moves(&source).expect("moves"), [task(7, 'a', 'b')]);
        let target = survey(["", &from(7, 'a'), ""]);
        assert_eq!(open_moves(&target).expect("moves"), [task(7, 'a', 'b')]);
        assert_eq!(open_moves(&survey(["", "", ""])).expect("moves"), []);
    }

    #[test]
    fn both_directions_are_two_moves() {
        let a = to(1, 'b') + &from(6000, 'b');
        let b = from(1, 'a') + &to(6000, 'a');
        let moves = open_moves(&survey([&a, &b, ""])).expect("moves");
        assert_eq!(moves, [task(1, 'a', 'b'), task(6000, 'b', 'a')]);
    }

    #[test]
    fn nobody_guesses_between_two_targets() {
        let a = to(7, 'b');
        let error = open_moves(&survey([&a, "", &from(7, 'a')])).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Unsafe);
        assert!(
            error.one_line().contains("slot 7 is open from"),
            "{error:?}"
        );
    }
}
