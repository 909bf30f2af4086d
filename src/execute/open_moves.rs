//! Reads the moves behind open slots from the cluster alone.
//!
//! For when the journal is lost, or was another tool's. Forward only: the
//! target that the source names is where a slot goes, whatever is known of how
//! many keys are where. (`redis-cli --cluster fix` asks who has most of the
//! keys instead, and lost 2,609 of 400,000 keys after moves that were
//! interrupted in both directions; Redis 7.0.)

use super::Move;
use super::shards::Shards;
use super::views::{Views, primaries, primary};
use crate::cluster::{Node, NodeId, OpenSlot, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// What would close every open slot.
#[derive(Clone, Debug, Default)]
pub struct OpenMoves {
    /// The moves, by slot.
    pub moves: Vec<Move>,
    /// The nodes that receive a slot beside the target that clients are sent to: what they have
    /// of it is cleared up after the move ([`super::orphaned`]).
    pub beside: Shards,
    /// Slots that are open towards several nodes, where nothing says which is meant: they stay so.
    pub unclear: Vec<(Slot, Error)>,
}

/// Who says what of one open slot.
#[derive(Debug, Default)]
struct Said {
    /// The nodes that give it away, with whom to.
    migrating: Vec<(NodeId, NodeId)>,
    /// The nodes that receive it, with whom from.
    importing: Vec<(NodeId, NodeId)>,
}

/// The moves that would close every open slot, from what each node believes.
pub fn open_moves(views: &Views) -> OpenMoves {
    let mut slots = BTreeMap::new();
    for myself in primaries(views) {
        hear(&mut slots, myself.id, &myself.open);
    }
    for (slot, said) in by_replicas_alone(views) {
        slots.entry(slot).or_insert(said);
    }
    let mut found = OpenMoves::default();
    for (slot, said) in &slots {
        let (source, target) = match said.pair(views, *slot) {
            Ok(pair) => pair,
            Err(error) => {
                found.unclear.push((*slot, error));
                continue;
            }
        };
        found.moves.push(Move {
            slot: *slot,
            source,
            target,
        });
        let beside = said.importing.iter().filter(|(id, _)| *id != target);
        beside.for_each(|(id, _)| found.beside.add_left_over(*slot, *id));
    }
    found
}

/// What replicas have open, as if their primaries had: where a client is gone before they answer,
/// those of Valkey carry a `SETSLOT` out that their primary doesn't (seen on 9.1).
fn by_replicas_alone(views: &Views) -> BTreeMap<Slot, Said> {
    let mut slots = BTreeMap::new();
    for (id, view) in views {
        let Some(node) = view.node(*id) else {
            continue;
        };
        if let Role::Replica { primary: Some(of) } = node.role
            && primary(views, of).is_some()
        {
            hear(&mut slots, of, &node.open);
        }
    }
    slots
}

/// What a node has open; several replicas may say the same of their primary.
fn hear(slots: &mut BTreeMap<Slot, Said>, id: NodeId, open: &[OpenSlot]) {
    for open in open {
        let said = slots.entry(open.slot()).or_default();
        let (pairs, pair) = match open {
            OpenSlot::Migrating { target, .. } => (&mut said.migrating, (id, *target)),
            OpenSlot::Importing { source, .. } => (&mut said.importing, (id, *source)),
        };
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
}

impl Said {
    /// From whom to whom the slot goes: the source's word counts, since clients are sent there.
    fn pair(&self, views: &Views, slot: Slot) -> Result<(NodeId, NodeId)> {
        let receivers: BTreeSet<NodeId> = self.importing.iter().map(|(id, _)| *id).collect();
        match (self.migrating.as_slice(), self.importing.as_slice()) {
            ([pair], _) => Ok(*pair),
            ([], [(_, source), ..]) => {
                let owner = settled_owner(views, slot, &self.importing);
                match owner.filter(|owner| !receivers.contains(owner)) {
                    // It went to somebody else since: what is open is left over.
                    Some(owner) => Ok((*source, owner)),
                    None => self.only_pair(views, slot),
                }
            }
            _ => self.only_pair(views, slot),
        }
    }

    /// The target names its source, and is the only one.
    fn only_pair(&self, views: &Views, slot: Slot) -> Result<(NodeId, NodeId)> {
        match (self.migrating.as_slice(), self.importing.as_slice()) {
            ([], [(target, source)]) => Ok((*source, *target)),
            _ => Err(self.refuse(views, slot)),
        }
    }

    fn refuse(&self, views: &Views, slot: Slot) -> Error {
        let given = self.migrating.iter().copied();
        let received = self.importing.iter().map(|(id, source)| (*source, *id));
        let name = |id: NodeId| {
            let node = views.values().find_map(|view| view.node(id));
            node.map_or_else(|| id.short(), Node::name)
        };
        let pairs: BTreeSet<(NodeId, NodeId)> = given.chain(received).collect();
        let pairs: Vec<String> = pairs
            .into_iter()
            .map(|(source, target)| format!("from {} to {}", name(source), name(target)))
            .collect();
        let message = format!(
            "slot {slot} is open {}: nothing says which is meant",
            pairs.join(" and ")
        );
        let receivers: Vec<String> = self.importing.iter().map(|(id, _)| name(*id)).collect();
        // Never at the node that gives it: it would answer for keys that it has sent away.
        let fix = if receivers.is_empty() {
            "wait until the nodes agree on its owner (CLUSTER NODES), then run it again".to_owned()
        } else {
            format!(
                "where one of those that receive it ({}) has none of its keys, in any database \
                 (CLUSTER COUNTKEYSINSLOT {slot}), close it there with CLUSTER SETSLOT {slot} STABLE",
                receivers.join(", ")
            )
        };
        Error::new(ErrorKind::Unsafe, message).fix(fix)
    }
}

/// The owner of a slot, where it is none of those that the receivers name as its source and all
/// of those are primaries still: none of them was replaced, so the slot has moved since.
fn settled_owner(views: &Views, slot: Slot, importing: &[(NodeId, NodeId)]) -> Option<NodeId> {
    let mut owners = primaries(views).filter(|node| node.slots.contains(slot));
    let (owner, None) = (owners.next()?.id, owners.next()) else {
        return None;
    };
    let is_primary = |id: NodeId| primary(views, id).is_some();
    let has_moved = |(_, source): &(NodeId, NodeId)| *source != owner && is_primary(*source);
    importing.iter().all(has_moved).then_some(owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{NODES, facts_with, id, task};

    /// What is open on each node, as the end of its own line.
    fn views(open: [&str; 3]) -> Views {
        let nodes = NODES.iter().zip(open).map(|(myself, open)| {
            let facts = facts_with(*myself, |node, line| {
                if node == *myself {
                    format!("{line}{open}")
                } else {
                    line
                }
            });
            (id(*myself), facts.view)
        });
        nodes.collect()
    }

    fn moves(open: [&str; 3]) -> Vec<Move> {
        let found = open_moves(&views(open));
        assert!(found.unclear.is_empty(), "{:?}", found.unclear);
        assert_eq!(found.beside, Shards::default());
        found.moves
    }

    fn to(slot: u16, target: char) -> String {
        format!(" [{slot}->-{}]", id(target))
    }

    fn from(slot: u16, source: char) -> String {
        format!(" [{slot}-<-{}]", id(source))
    }

    #[test]
    fn either_side_alone_tells_the_move() {
        for open in [
            [&to(7, 'b')[..], &from(7, 'a'), ""],
            [&to(7, 'b'), "", ""],
            ["", &from(7, 'a'), ""],
        ] {
            assert_eq!(moves(open), [task(7, 'a', 'b')]);
        }
        assert_eq!(moves(["", "", ""]), []);
    }

    #[test]
    fn both_directions_are_two_moves() {
        let a = to(1, 'b') + &from(6000, 'b');
        let b = from(1, 'a') + &to(6000, 'a');
        let both = [task(1, 'a', 'b'), task(6000, 'b', 'a')];
        assert_eq!(moves([&a, &b, ""]), both);
    }

    #[test]
    fn of_two_receivers_the_source_names_the_target() {
        let found = open_moves(&views([&to(7, 'b'), &from(7, 'a'), &from(7, 'a')]));
        assert_eq!(found.moves, [task(7, 'a', 'b')]);
        assert!(found.beside.is_left_over(found.moves[0].slot, id('c')));
    }

    #[test]
    fn what_is_open_after_its_slot_has_moved_is_left_over() {
        // `a` owns slot 7, and `c` waits for `b` to give it.
        let found = open_moves(&views(["", "", &from(7, 'b')]));
        assert_eq!(found.moves, [task(7, 'b', 'a')]);
        assert!(found.beside.is_left_over(found.moves[0].slot, id('c')));
    }

    #[test]
    fn what_a_replica_alone_has_open_is_its_primarys() {
        let views = |of_primary: &str| {
            let nodes = NODES.map(|myself| {
                let facts = facts_with(myself, |node, line| match node {
                    'c' => {
                        let line = line
                            .replace("master -", &format!("slave {}", id('b')))
                            .replace(" 10923-16383", "");
                        let open = if myself == 'c' {
                            from(7, 'a')
                        } else {
                            String::new()
                        };
                        line + &open
                    }
                    'b' if myself == 'b' => line + of_primary,
                    _ => line,
                });
                (id(myself), facts.view)
            });
            Views::from(nodes)
        };
        assert_eq!(open_moves(&views("")).moves, [task(7, 'a', 'b')]);
        // What a primary says comes first.
        assert_eq!(open_moves(&views(&to(7, 'a'))).moves, [task(7, 'b', 'a')]);
        // Of one whose primary can't be asked nothing can be made good.
        let mut alone = views("");
        alone.remove(&id('b'));
        assert_eq!(open_moves(&alone).moves, []);
    }

    #[test]
    fn nobody_guesses_between_two_targets() {
        // Another slot isn't held up by it.
        let found = open_moves(&views([&to(8, 'b'), &from(7, 'a'), &from(7, 'a')]));
        assert_eq!(found.moves, [task(8, 'a', 'b')]);
        let (slot, error) = &found.unclear[0];
        assert_eq!((slot.number(), found.unclear.len()), (7, 1));
        assert_eq!(error.kind(), ErrorKind::Unsafe);
        let words = "slot 7 is open from 10.0.0.1:7000 to 10.0.0.1:7001 and from 10.0.0.1:7000 to \
                     10.0.0.1:7002: nothing says which is meant";
        assert_eq!(error.message(), words);
    }
}
