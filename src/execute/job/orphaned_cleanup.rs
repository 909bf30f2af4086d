//! Clears up what a failover left of slots on nodes that don't own them.

use super::notice::Notice;
use super::steps::JobNote;
use super::steps::{Answer, JobContext, JobStep, Subtask, SurveyScope, noted};
use crate::cluster::NodeId;
use crate::error::{Error, Result};
use crate::execute::Move;
use crate::execute::bystanders;
use crate::execute::mover::KeyInDoubt;
use crate::execute::orphaned::{self, NotCleared, OrphanedKeys};
use crate::execute::shards::Shards;
use crate::execute::survey::Survey;
use crate::execute::views::{Views, primaries, primary};
use crate::slot::Slot;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Clears up what is left of moves, which have ended, where a shard has two primaries. Each is
/// noted in the journal first, so that a run that breaks off here is gone on with.
///
/// ```text
///  Look ──> Survey ──> Begin (journal) ──> Clear, each ──> End (journal)
///    └─ nothing can be left: over ─┘         └─ a key for a person ──> Doubt (journal): a stop
///                        nothing is: over
/// ```
///
/// The slot of a key that a person is told of is begun still, so that each run comes back to it.
/// Where the slot goes on by then, since its holder receives it or owns it, the key is looked at
/// first.
#[derive(Clone, Debug, Hash)]
pub(super) struct OrphanedCleanup {
    ended: Vec<Move>,
    /// Of which nobody can say yet whether something is left, with why.
    disputed: Vec<(Move, String)>,
    state: State,
    copies: u64,
}

#[derive(Clone, Debug, Hash)]
enum State {
    Look,
    Survey(Vec<NodeId>),
    Begin(Arc<Survey>, Vec<OrphanedKeys>),
    /// The last one first.
    Clear(Arc<Survey>, Vec<OrphanedKeys>),
    Doubt(Slot, KeyInDoubt, Error),
    End,
    Over,
}

impl OrphanedCleanup {
    pub fn of(ended: Vec<Move>) -> OrphanedCleanup {
        OrphanedCleanup {
            state: if ended.is_empty() {
                State::Over
            } else {
                State::Look
            },
            ended,
            disputed: Vec::new(),
            copies: 0,
        }
    }

    /// The moves of whose slots it isn't known whether anything is left, with why.
    pub fn disputed(&self) -> &[(Move, String)] {
        &self.disputed
    }

    /// Whether it is on one of the two sides of its move, between which keys in doubt are compared.
    fn is_side(&self, orphaned: OrphanedKeys) -> bool {
        let sides = |task: &Move| [task.source, task.target].contains(&orphaned.holder);
        let mut moves = self.ended.iter().filter(|task| task.slot == orphaned.slot);
        moves.any(sides)
    }

    fn found(&mut self, context: &JobContext, survey: Survey) -> State {
        let mut found = orphaned::find(&survey, &context.shards, &self.ended);
        let disputes = |task: &Move| Some((*task, orphaned::dispute(&survey, task.slot)?));
        self.disputed = self.ended.iter().filter_map(disputes).collect();
        let slots: BTreeSet<Slot> = found.iter().map(|orphaned| orphaned.slot).collect();
        self.ended.retain(|task| slots.contains(&task.slot));
        found.reverse();
        if self.ended.is_empty() {
            State::Over
        } else {
            State::Begin(Arc::new(survey), found)
        }
    }
}

impl Subtask for OrphanedCleanup {
    fn next(&self) -> Option<JobStep> {
        Some(match &self.state {
            State::Look => JobStep::AskViews,
            State::Survey(ids) => JobStep::Survey(SurveyScope::These(ids.clone())),
            State::Begin(..) => JobStep::Note(JobNote::Begin(self.ended.clone())),
            State::Clear(survey, left) => JobStep::Clear {
                survey: survey.clone(),
                orphaned: *left.last()?,
            },
            State::Doubt(slot, key, _) => JobStep::Note(JobNote::Doubt(*slot, key.clone())),
            State::End => JobStep::Note(JobNote::End(self.ended.clone())),
            State::Over => return None,
        })
    }

    fn hear(&mut self, context: &mut JobContext, answer: Answer) -> Result<()> {
        self.state = match (std::mem::replace(&mut self.state, State::Over), answer) {
            (State::Look, Answer::Views(views, silent)) => {
                let (shards, moves) = (&context.shards, &self.ended);
                let silent = bystanders::waited_for(silent, &views, shards, moves);
                if may_be_left(&views, &context.shards, &self.ended) {
                    // A node that died and was replaced has no say, and can't be asked any more.
                    State::Survey(views.into_keys().chain(silent).collect())
                } else {
                    State::Over
                }
            }
            (State::Survey(_), Answer::Surveyed(survey)) => self.found(context, survey?),
            (State::Begin(survey, left), answer) => {
                noted(answer)?;
                State::Clear(survey, left)
            }
            (State::Clear(survey, mut left), Answer::Cleared(cleared)) => {
                let orphaned = left.pop();
                match cleared {
                    Ok(copies) => self.copies += copies,
                    Err(NotCleared { error, key }) => {
                        let side = orphaned.filter(|orphaned| self.is_side(*orphaned));
                        let (Some(orphaned), Some(key)) = (side, key) else {
                            return Err(error);
                        };
                        self.state = State::Doubt(orphaned.slot, key, error);
                        return Ok(());
                    }
                }
                if left.is_empty() {
                    let slots: BTreeSet<Slot> = self.ended.iter().map(|task| task.slot).collect();
                    context.tell(Notice::Cleared {
                        slots: slots.len(),
                        copies: self.copies,
                    });
                    State::End
                } else {
                    State::Clear(survey, left)
                }
            }
            (State::Doubt(_, _, error), answer) => {
                if let Err(unwritten) = noted(answer) {
                    context.tell(Notice::Warning(unwritten.one_line()));
                }
                return Err(error);
            }
            (State::End, answer) => {
                noted(answer)?;
                State::Over
            }
            (_, other) => return other.odd(),
        };
        Ok(())
    }
}

/// Whether a survey could find anything: it takes longer than a look at the views.
fn may_be_left(views: &Views, shards: &Shards, ended: &[Move]) -> bool {
    let slots: BTreeSet<Slot> = ended.iter().map(|task| task.slot).collect();
    if shards.left_over().any(|(slot, _)| slots.contains(&slot)) {
        return true;
    }
    let mut open = primaries(views).flat_map(|node| &node.open);
    open.any(|open| slots.contains(&open.slot())) || has_failed_over(views, shards)
}

/// Whether one that was a replica takes itself for a primary.
fn has_failed_over(views: &Views, shards: &Shards) -> bool {
    let mut replicas = shards.pairs().map(|(_, replica)| replica);
    replicas.any(|replica| primary(views, replica).is_some())
}
