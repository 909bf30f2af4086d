//! Tells which of the slots that an earlier run has opened a finding keeps from being finished.
//!
//! What forbids a slot needn't hold up the others: each that stays open is a slot whose clients are
//! sent to and fro. So a finding about single slots holds these, one about a node that gives or
//! receives holds its slots, and only what may be about any of them holds all. Where nodes don't
//! agree on an owner, it is perhaps one that was replaced and hasn't heard of it: all that it gives
//! or receives is blocked.

use crate::cluster::NodeId;
use crate::execute::Move;
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::survey::Survey;
use crate::slot::SlotSet;
use std::collections::BTreeSet;

/// What stays as it is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// Everything.
    All,
    /// These slots, whether they are in hand or not.
    Slots(SlotSet),
}

/// What a finding that forbids moving slots blocks of these moves.
pub fn blocked_by(finding: &Finding, survey: &Survey, moves: &[Move]) -> Blocks {
    use FindingKind::*;
    match (finding.kind, finding.slots()) {
        (OpenSlot | OwnOpenSlot | OrphanedKeys, slots) if !slots.is_empty() => Blocks::Slots(slots),
        (SlotsUncovered | OwnershipDisagreement, mut slots) if !slots.is_empty() => {
            let owners = owners(survey, &slots);
            owners
                .iter()
                .for_each(|node| slots.extend(slots_of(*node, moves).iter()));
            Blocks::Slots(slots)
        }
        (
            PermissionMissing | CommandMissing | CommandRefused | DumpTooNew | ServerTooOld
            | NumberedDatabases | MemoryHeadroom,
            _,
        ) => {
            let slots = finding.node.map(|node| slots_of(node, moves));
            match slots.filter(|slots| !slots.is_empty()) {
                Some(slots) => Blocks::Slots(slots),
                // Every primary is told of a slot's new owner: one without part holds all.
                None => Blocks::All,
            }
        }
        _ => Blocks::All,
    }
}

/// Whoever anybody takes for the owner of one of these slots.
fn owners(survey: &Survey, slots: &SlotSet) -> BTreeSet<NodeId> {
    let views = survey.nodes.values().map(|facts| &facts.view);
    let owners = views.flat_map(|view| slots.iter().filter_map(|slot| view.map().owner(slot)));
    owners.collect()
}

/// The slots that a node gives or receives.
fn slots_of(node: NodeId, moves: &[Move]) -> SlotSet {
    let of_node = moves
        .iter()
        .filter(|task| task.source == node || task.target == node);
    of_node.map(|task| task.slot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{facts_with, id, survey, task};

    fn numbers(blocks: Blocks) -> Option<Vec<u16>> {
        match blocks {
            Blocks::All => None,
            Blocks::Slots(slots) => Some(slots.iter().map(|slot| slot.number()).collect()),
        }
    }

    #[test]
    fn a_finding_blocks_what_it_is_about() {
        let moves = [task(0, 'a', 'b'), task(1, 'a', 'c'), task(2, 'c', 'b')];
        let survey = survey('a', |_| {});
        let blocked = |finding: Finding| numbers(blocked_by(&finding, &survey, &moves));
        let error = |kind| Finding::error(kind, "something", "fix it");
        let slot = task(7, 'a', 'b').slot;
        for kind in [FindingKind::OpenSlot, FindingKind::OrphanedKeys] {
            assert_eq!(blocked(error(kind).at(slot)), Some(vec![7]));
        }
        let several = [task(0, 'a', 'b').slot, slot].into_iter().collect();
        let found = error(FindingKind::OrphanedKeys).at(slot).among(several);
        assert_eq!(blocked(found), Some(vec![0, 7]));
        // A node that may not do something holds what goes from or to it.
        let refused = |node| blocked(error(FindingKind::PermissionMissing).about(id(node)));
        assert_eq!(refused('b'), Some(vec![0, 2]));
        assert_eq!(refused('a'), Some(vec![0, 1]));
        assert_eq!(refused('d'), None, "it is told of each new owner");
        // What may be about any of them.
        for kind in [
            FindingKind::RunUnderWay,
            FindingKind::NodeUnreachable,
            FindingKind::NotAcquainted,
            FindingKind::SlotMigration,
        ] {
            assert_eq!(blocked(error(kind).about(id('b'))), None, "{kind:?}");
        }
    }

    #[test]
    fn a_node_of_which_others_say_something_else_may_have_been_replaced() {
        let moves = [task(0, 'a', 'b'), task(1, 'c', 'b')];
        let mut survey = survey('a', |_| {});
        let disputed = task(5_000, 'a', 'b').slot;
        let found = |kind, survey: &Survey| {
            let finding = Finding::error(kind, "something", "fix it").at(disputed);
            numbers(blocked_by(&finding, survey, &moves))
        };
        // The slot is `a`'s own in somebody's eyes.
        for kind in [
            FindingKind::OwnershipDisagreement,
            FindingKind::SlotsUncovered,
        ] {
            assert_eq!(found(kind, &survey), Some(vec![0, 5_000]));
        }
        // Nobody knows an owner of it.
        for node in ['a', 'b', 'c'] {
            let facts = facts_with(node, |_, line| line.replace(" 0-5460", " 0-4999"));
            survey.nodes.insert(id(node), facts);
        }
        assert_eq!(
            found(FindingKind::SlotsUncovered, &survey),
            Some(vec![5_000])
        );
    }
}
