//! The slots that a node took with it when it died are given to its heir.

use super::machine::{Answer, Chore, Known, Step};
use super::told::Told;
use crate::cluster::NodeId;
use crate::cluster::verb::{Reply, SetSlot, Verb};
use crate::error::{ErrorKind, Result};
use crate::execute::{Move, bystanders, heirs};
use crate::slot::Slot;

/// Looks, then sends `NODE` to each heir. A refusal leaves the slot where it is, which is told when
/// it lasts.
#[derive(Clone, Debug, Hash)]
pub(super) struct Giving {
    moves: Vec<Move>,
    /// What is to be given, the last one first; none before anybody has looked.
    gifts: Option<Vec<(Slot, NodeId)>>,
    has_given: bool,
}

impl Giving {
    pub fn of(moves: Vec<Move>) -> Giving {
        Giving {
            // Nothing can be given of nothing.
            gifts: moves.is_empty().then(Vec::new),
            moves,
            has_given: false,
        }
    }

    pub fn has_given(&self) -> bool {
        self.has_given
    }
}

impl Chore for Giving {
    fn next(&self) -> Option<Step> {
        let Some(gifts) = &self.gifts else {
            return Some(Step::Look);
        };
        let (slot, owner) = *gifts.last()?;
        let state = SetSlot::Node { owner };
        Some(Step::Send {
            node: owner,
            verbs: vec![Verb::SetSlot { slot, state }],
        })
    }

    fn hear(&mut self, known: &mut Known, answer: Answer) -> Result<()> {
        match (answer, &mut self.gifts) {
            (Answer::Looked(views, silent), None) => {
                let (shards, moves) = (&known.shards, &self.moves);
                let silent = bystanders::waited_for(silent, &views, shards, moves);
                // Another one that can't be asked may have the slot.
                let mut gifts = match silent.len() {
                    0 | 1 => heirs::left_to(&views, &known.shards, &self.moves),
                    _ => Vec::new(),
                };
                gifts.reverse();
                self.gifts = Some(gifts);
                Ok(())
            }
            (Answer::Sent(replies), Some(gifts)) => {
                let given = gifts.pop();
                let replies = replies.map_err(|error| error.of_kind(ErrorKind::Stopped))?;
                if let (Some((slot, heir)), Some(Reply::Text(_))) = (given, replies.first()) {
                    self.has_given = true;
                    let heir = known.name(heir);
                    known.tell(Told::GivenOn { slot, heir });
                }
                Ok(())
            }
            (other, _) => other.odd(),
        }
    }
}
