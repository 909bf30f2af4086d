//! Finishes moves that were over when a run began: clears up after them, notes that they have
//! ended, and tells replicas that still have a slot open.
//!
//! For that `NODE` is said again to the primaries whose replicas still show a slot as open.
//!
//! Valkey replicates `SETSLOT` (8.0 and later), and a replica of 9.1 was seen to stay at
//! `MIGRATING` for good, after its primary had accepted `NODE`. To the primary, which sees the slot
//! at its target, a second `NODE` is nothing new; but it goes to the replica once more. And a
//! `SETSLOT` whose client is gone before the replicas have answered is carried out by these alone
//! (9.1): then the primary is told what it believes already.

use super::orphaned_cleanup::OrphanedCleanup;
use super::steps::{Answer, JobContext, JobNote, JobStep, Subtask, noted};
use crate::cluster::verb::{SetSlot, Verb};
use crate::cluster::{NodeId, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::views::Views;
use crate::slot::Slot;

/// Clears up what a failover left of moves that are over, tells replicas that still have a slot
/// open, and writes down that they have ended: those of which that can be known.
#[derive(Clone, Debug, Hash)]
pub(super) struct Finishing {
    settled: Vec<Move>,
    clearing: OrphanedCleanup,
    reminding: Reminding,
    is_noted: bool,
}

impl Finishing {
    pub fn of(settled: Vec<Move>) -> Finishing {
        Finishing {
            clearing: OrphanedCleanup::of(settled.clone()),
            reminding: Reminding::of(settled.clone()),
            is_noted: settled.is_empty(),
            settled,
        }
    }

    /// Why slots stay begun in the journal's eyes: keys may be left of them where they don't
    /// belong.
    pub fn left(&self) -> Vec<Error> {
        let disputed = self.clearing.disputed().iter();
        let error = |(task, why): &(Move, String)| {
            let message = format!("slot {}: {why}", task.slot);
            Error::new(ErrorKind::Unsafe, message).fix(
                "the nodes settle that among themselves in some seconds; where they don't, slotkit \
                 check says what helps",
            )
        };
        disputed.map(error).collect()
    }

    fn note(&self) -> Option<JobStep> {
        let disputed = self.clearing.disputed();
        let is_known = |task: &&Move| disputed.iter().all(|(other, _)| other != *task);
        let ended: Vec<Move> = self.settled.iter().filter(is_known).copied().collect();
        (!self.is_noted && !ended.is_empty()).then_some(JobStep::Note(JobNote::End(ended)))
    }
}

impl Subtask for Finishing {
    fn next(&self) -> Option<JobStep> {
        let subtasks = self.clearing.next().or_else(|| self.reminding.next());
        subtasks.or_else(|| self.note())
    }

    fn hear(&mut self, context: &mut JobContext, answer: Answer) -> Result<()> {
        if self.clearing.next().is_some() {
            return self.clearing.hear(context, answer);
        }
        if self.reminding.next().is_some() {
            return self.reminding.hear(context, answer);
        }
        self.is_noted = true;
        noted(answer)
    }
}

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

impl Subtask for Reminding {
    fn next(&self) -> Option<JobStep> {
        let Some(words) = &self.words else {
            return Some(JobStep::AskViews);
        };
        let (node, verbs) = words.last()?;
        Some(JobStep::Send {
            node: *node,
            verbs: verbs.clone(),
        })
    }

    fn hear(&mut self, context: &mut JobContext, answer: Answer) -> Result<()> {
        match (answer, &mut self.words) {
            (Answer::Views(views, _), None) => {
                self.words = Some(words(context, &views, &self.moves));
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

fn words(context: &JobContext, views: &Views, moves: &[Move]) -> Vec<(NodeId, Vec<Verb>)> {
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
            .filter(|(task, owner)| context.has_arrived(task, *owner) || !is_open_there(task.slot))
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
