//! Reassigns the slots that a node took with it when it died to the replica that was promoted in
//! its place.

use super::notice::Notice;
use super::steps::{Answer, JobContext, JobStep, Subtask};
use crate::cluster::NodeId;
use crate::cluster::verb::{Reply, SetSlot, Verb};
use crate::error::{ErrorKind, Result};
use crate::execute::{Move, bystanders, promoted};
use crate::slot::Slot;

/// Looks, then sends `NODE` to each promoted replica. A refusal leaves the slot where it is, which
/// is told when it lasts.
#[derive(Clone, Debug, Hash)]
pub(super) struct Reassigning {
    moves: Vec<Move>,
    /// What is to be given, the last one first; none before anybody has looked.
    to_reassign: Option<Vec<(Slot, NodeId)>>,
    has_reassigned: bool,
}

impl Reassigning {
    pub fn of(moves: Vec<Move>) -> Reassigning {
        Reassigning {
            // Nothing can be given of nothing.
            to_reassign: moves.is_empty().then(Vec::new),
            moves,
            has_reassigned: false,
        }
    }

    pub fn has_reassigned(&self) -> bool {
        self.has_reassigned
    }
}

impl Subtask for Reassigning {
    fn next(&self) -> Option<JobStep> {
        let Some(to_reassign) = &self.to_reassign else {
            return Some(JobStep::AskViews);
        };
        let (slot, owner) = *to_reassign.last()?;
        let state = SetSlot::Node { owner };
        Some(JobStep::Send {
            node: owner,
            verbs: vec![Verb::SetSlot { slot, state }],
        })
    }

    fn hear(&mut self, context: &mut JobContext, answer: Answer) -> Result<()> {
        match (answer, &mut self.to_reassign) {
            (Answer::Views(views, silent), None) => {
                let (shards, moves) = (&context.shards, &self.moves);
                let silent = bystanders::waited_for(silent, &views, shards, moves);
                // Another one that can't be asked may have the slot.
                let mut to_reassign = match silent.len() {
                    0 | 1 => promoted::to_reassign(&views, &context.shards, &self.moves),
                    _ => Vec::new(),
                };
                to_reassign.reverse();
                self.to_reassign = Some(to_reassign);
                Ok(())
            }
            (Answer::Sent(replies), Some(to_reassign)) => {
                let given = to_reassign.pop();
                let replies = replies.map_err(|error| error.of_kind(ErrorKind::Stopped))?;
                if let (Some((slot, promoted)), Some(Reply::Text(_))) = (given, replies.first()) {
                    self.has_reassigned = true;
                    let promoted = context.name(promoted);
                    context.tell(Notice::Reassigned { slot, promoted });
                }
                Ok(())
            }
            (other, _) => other.odd(),
        }
    }
}
