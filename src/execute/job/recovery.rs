//! Finds where the slots stand that an earlier run has begun, and whether they may go on.

use super::notice::Notice;
use super::steps::{Answer, BlockedSlots, JobContext, JobStep, NAMED_MAX, Subtask, SurveyScope};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::mover::Entry;
use crate::execute::resume::{self, Standing};
use crate::execute::survey::Survey;
use std::sync::Arc;

/// A survey, what it says of each slot, and whether that is safe.
#[derive(Clone, Debug, Hash)]
pub(super) struct Recovery {
    begun: Vec<Move>,
    state: State,
    /// What goes on, and where.
    pub tasks: Vec<(Move, Entry)>,
    /// What nobody has open any more.
    pub settled: Vec<Move>,
    /// Why the others stay as they are.
    pub left: Vec<Error>,
    /// What there is to say of those that never left their source.
    not_begun: Vec<Notice>,
}

#[derive(Clone, Debug, Hash)]
enum State {
    Survey,
    Preflight(Arc<Survey>),
    Over(Option<Arc<Survey>>),
}

impl Recovery {
    pub fn of(begun: Vec<Move>) -> Recovery {
        Recovery {
            begun,
            state: State::Survey,
            tasks: Vec::new(),
            settled: Vec::new(),
            left: Vec::new(),
            not_begun: Vec::new(),
        }
    }

    /// What the nodes said, once it is judged; once.
    pub fn take_survey(&mut self) -> Option<Arc<Survey>> {
        match &mut self.state {
            State::Over(survey) => survey.take(),
            State::Survey | State::Preflight(_) => None,
        }
    }

    fn sort(&mut self, context: &mut JobContext, survey: &Survey) {
        let shards = survey.shards_with(&context.shards);
        for task in &self.begun {
            match resume::standing(survey, &shards, *task) {
                Ok(Standing::GoesOn(task, entry)) => self.tasks.push((task, entry)),
                Ok(Standing::Settled) => self.settled.push(*task),
                // It stays as it is, and the others needn't wait for whoever fixes it.
                Err(error) => {
                    context.blocked.insert(task.slot);
                    self.left.push(error);
                }
            }
        }
    }

    /// What single slots have against them keeps these from going on.
    fn hold(&mut self, context: &mut JobContext, blocked: BlockedSlots) {
        context.blocked.extend(blocked.slots.iter());
        for (slots, error) in blocked.held {
            self.tasks.retain(|(task, _)| !slots.contains(task.slot));
            let named = slots.shortened();
            self.left.push(if error.message().contains(&named) {
                error
            } else if slots.len() == 1 {
                error.context(format!("slot {named}"))
            } else {
                error.context(format!("slots {named}"))
            });
        }
    }

    fn moves(&self) -> Vec<Move> {
        self.tasks.iter().map(|(task, _)| *task).collect()
    }

    fn tell(&self, context: &mut JobContext, survey: &Survey) {
        for (task, _) in self.tasks.iter().take(NAMED_MAX) {
            context.tell(Notice::Finishes {
                slot: task.slot,
                source: survey.name(task.source),
                target: survey.name(task.target),
            });
        }
        if self.tasks.len() > NAMED_MAX {
            context.tell(Notice::FinishesMore(self.tasks.len() - NAMED_MAX));
        }
    }

    /// What is said of slots that nobody has open any more, at their source.
    fn told_of_settled(&self, survey: &Survey) -> Vec<Notice> {
        let is_at_source = |task: &&Move| {
            let source = survey.nodes.get(&task.source);
            let owner = source.and_then(|facts| facts.view.map().owner(task.slot));
            owner == Some(task.source)
        };
        let settled = self.settled.iter().filter(is_at_source).take(NAMED_MAX);
        let told = settled.map(|task| Notice::NotBegun {
            slot: task.slot,
            source: survey.name(task.source),
        });
        told.collect()
    }

    /// Says of slots that nobody has open any more where they are.
    pub fn tell_not_begun(&mut self, context: &mut JobContext) {
        self.not_begun.drain(..).for_each(|told| context.tell(told));
    }
}

impl Subtask for Recovery {
    fn next(&self) -> Option<JobStep> {
        match &self.state {
            State::Survey => Some(JobStep::Survey(SurveyScope::All)),
            State::Preflight(survey) => Some(JobStep::Preflight {
                survey: survey.clone(),
                moves: self.moves(),
                ours: [&self.begun[..], &self.moves()].concat(),
            }),
            State::Over(_) => None,
        }
    }

    fn hear(&mut self, context: &mut JobContext, answer: Answer) -> Result<()> {
        match (self.state.clone(), answer) {
            (State::Survey, Answer::Surveyed(survey)) => {
                let survey = Arc::new(survey?);
                self.sort(context, &survey);
                self.state = State::Preflight(survey);
                Ok(())
            }
            (State::Preflight(survey), Answer::Preflighted(judged)) => {
                self.hold(context, judged?);
                self.tell(context, &survey);
                self.not_begun = self.told_of_settled(&survey);
                self.state = State::Over(Some(survey));
                Ok(())
            }
            (_, other) => other.odd(),
        }
    }
}

/// Slots that can't go on, by name as far as a person likes to read, with the first one's fix.
/// They are open: whatever else was done, it stopped part-way.
pub fn left_as_it_is(errors: Vec<Error>) -> Option<Error> {
    let mut errors = errors.into_iter();
    let first = errors.next()?.of_kind(ErrorKind::Stopped);
    let others: Vec<Error> = errors.collect();
    let named = others.iter().take(NAMED_MAX - 1);
    let mut words: Vec<String> = named.map(|error| error.message().to_owned()).collect();
    let more = others.len().saturating_sub(words.len());
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    if words.is_empty() {
        Some(first)
    } else {
        Some(first.followed_by(format!("; {}", words.join("; "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_that_stay_are_named_up_to_a_bound() {
        let error = |number: usize| {
            Error::new(ErrorKind::Unsafe, format!("slot {number} is lost")).fix("find it")
        };
        assert!(left_as_it_is(Vec::new()).is_none());
        let one = left_as_it_is(vec![error(1)]).expect("an error");
        assert_eq!(one.message(), "slot 1 is lost");
        let many = left_as_it_is((1..=30).map(error).collect()).expect("an error");
        assert!(
            many.message().contains("slot 10 is lost; and 20 more"),
            "{}",
            many.message()
        );
        assert_eq!(many.fix_text(), Some("find it"));
    }
}
