//! `NODE` is said again to the primaries whose replicas still show a slot as open.
//!
//! Valkey replicates `SETSLOT` (8.0 and later), and a replica of 9.1 was seen to stay at `MIGRATING`
//! for good, after its primary had accepted `NODE`. To the primary, which sees the slot at its
//! target, a second `NODE` is nothing new; but it goes to the replica once more. And a `SETSLOT` whose
//! client is gone before the replicas have answered is carried out by these alone (9.1): then the
//! primary is told what it believes already.

use super::machine::{Answer, Chore, Known, Step};
use crate::cluster::verb::{SetSlot, Verb};
use crate::cluster::{NodeId, Role};
use crate::error::Result;
use crate::execute::Move;
use crate::execute::views::Views;
use crate::slot::Slot;

/// Looks, then says it.
#[derive(Clone, Debug, Hash)]
pub(super) struct Reminding {
    moves: Vec<Move>,
    /// Who is to be told what, the last one first; none before anybody has looked.
    words: Option<Vec<(NodeId, Vec<Verb>)>>,
}

impl Reminding {
    pub fn of(moves: Vec<Move>) -> Reminding {
        Reminding {
            // Nobody is told of nothing.
            words: moves.is_empty().then(Vec::new),
            moves,
        }
    }
}

impl Chore for Reminding {
    fn next(&self) -> Option<Step> {
        let Some(words) = &self.words else {
            return Some(Step::Look);
        };
        let (node, verbs) = words.last()?;
        Some(Step::Send {
            node: *node,
            verbs: verbs.clone(),
        })
    }

    fn hear(&mut self, known: &mut Known, answer: Answer) -> Result<()> {
        match (answer, &mut self.words) {
            (Answer::Looked(views, _), None) => {
                self.words = Some(words(known, &views, &self.moves));
                Ok(())
            }
            // A refusal leaves the doubt, which is told when it lasts.
            (Answer::Sent(replies), Some(words)) => {
                words.pop();
                replies.map(drop)
            }
            (other, _) => other.odd(),
        }
    }
}

fn words(known: &Known, views: &Views, moves: &[Move]) -> Vec<(NodeId, Vec<Verb>)> {
    let mut words = Vec::new();
    for (id, view) in views {
        let Some(Role::Replica {
            primary: Some(primary),
        }) = view.node(*id).map(|node| node.role)
        else {
            continue;
        };
        let Some(of_primary) = views.get(&primary) else {
            continue;
        };
        let is_open = |slot: Slot| view.open_slots().any(|(_, open)| open.slot() == slot);
        let is_open_there = |slot: Slot| {
            let node = of_primary.node(primary);
            node.is_some_and(|node| node.open_slot(slot).is_some())
        };
        let open = moves.iter().filter(|task| is_open(task.slot));
        let verbs: Vec<Verb> = open
            .filter_map(|task| Some((task, of_primary.map().owner(task.slot)?)))
            .filter(|(task, owner)| known.has_arrived(task, *owner) || !is_open_there(task.slot))
            .map(|(task, owner)| Verb::SetSlot {
                slot: task.slot,
                state: SetSlot::Node { owner },
            })
            .collect();
        if !verbs.is_empty() {
            words.push((primary, verbs));
        }
    }
    words
}
