//! Decides what a job does before, around and after its moves, without any I/O.
//!
//! A driver asks [`Job::next`] what to do, does it, and tells what came of it
//! ([`Job::hear`]). Real links drive it (`job/driver.rs`), and so does the
//! modelled cluster of `tests/simulation/`.
//!
//! ```text
//!  Reassign ───> Recover ──> Move ──> Converge ─> Finish ──> End
//!   reassign      where the   the      until      what is
//!   what died     slots go    core's   every      over is
//!   with a node;  on; is it   run      node       written
//!   a survey      safe?                agrees     down
//!      │             │          │        │
//!      └─ refused ───┴──────────┴────────┴──> Rescue ──> End
//!                                   reassign what died with a node; what may
//!                                   be left stays begun in the journal
//! ```
//!
//! A job of fresh moves begins at Move: who made it has looked already. No step
//! back: what is found later to be undone is for the next run, which the journal
//! tells of it.

use super::convergence::{Convergence, reason_to_wait};
use super::finishing::Finishing;
use super::notice::Notice;
use super::reassigning::Reassigning;
use super::recovery::{Recovery, left_as_it_is};
use super::steps::{Answer, JobContext, JobNote, JobStep, Subtask, noted};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::core::Outcome;
use crate::execute::mover::Entry;
use crate::execute::survey::Survey;
use crate::execute::{Move, bystanders};
use std::sync::Arc;

/// How long a driver waits that asks for more while slots move.
const MOVING_MS: u64 = 50;

#[derive(Clone, Debug, Hash)]
enum Phase {
    /// Promoted replicas get what died with a node.
    Reassign(Reassigning),
    /// A survey is taken, and says where the slots go on.
    Recover(Recovery),
    /// What must be in the journal, then the moves themselves.
    Move(Moving),
    /// Until every node agrees.
    Converge(Convergence),
    /// What was over already, and is cleared up too.
    Finish(Finishing),
    /// It has failed.
    Rescue(Rescue),
    End,
}

#[derive(Clone, Debug, Hash)]
struct Moving {
    notes: Vec<JobNote>,
    /// What the nodes said, and what is to move, until it does.
    survey: Option<Arc<Survey>>,
    tasks: Vec<(Move, Entry)>,
}

impl Moving {
    /// The moves, once everything is noted; once.
    fn begin(&mut self) -> Option<JobStep> {
        let survey = self.survey.take_if(|_| self.notes.is_empty())?;
        let tasks = std::mem::take(&mut self.tasks);
        Some(JobStep::Move { survey, tasks })
    }
}

#[derive(Clone, Debug, Hash)]
enum Rescue {
    Reassign(Reassigning),
    AskViews,
    Keep,
}

/// What a run does before, around and after its moves.
#[derive(Clone, Debug, Hash)]
pub struct Job {
    /// What it knows, and tells.
    pub context: JobContext,
    phase: Phase,
    /// Where the slots that were begun stand.
    recovered: Recovery,
    outcome: Outcome,
    arrived: Vec<Move>,
    /// Whether a slot was given to somebody by this job.
    has_reassigned: bool,
    failure: Option<Error>,
}

impl Job {
    /// Finishes moves that an earlier run has begun.
    pub fn recover(begun: Vec<Move>, context: JobContext) -> Job {
        let phase = Phase::Reassign(Reassigning::of(begun.clone()));
        Job::at(phase, begun, context)
    }

    /// Carries moves out that nobody has begun, which this survey shows to be safe.
    pub fn fresh(survey: Arc<Survey>, moves: &[Move], context: JobContext) -> Job {
        let tasks = moves.iter().map(|task| (*task, Entry::Fresh)).collect();
        let mut job = Job::at(Phase::End, Vec::new(), context);
        job.phase = job.move_or_clean(survey, tasks);
        job
    }

    fn at(phase: Phase, begun: Vec<Move>, context: JobContext) -> Job {
        Job {
            context,
            phase,
            recovered: Recovery::of(begun),
            outcome: Outcome::default(),
            arrived: Vec::new(),
            has_reassigned: false,
            failure: None,
        }
    }

    /// What there is to say since the last call, in order.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.context.notices)
    }

    /// What the job did, after [`JobStep::End`].
    ///
    /// # Errors
    /// [`ErrorKind::Stopped`] where this job has changed the cluster; another kind where it is as
    /// it was before.
    pub fn into_result(self) -> Result<Outcome> {
        let has_changed = self.has_reassigned || self.outcome.slots > 0;
        match self.failure {
            None => Ok(self.outcome),
            Some(error) if has_changed => Err(error.of_kind(ErrorKind::Stopped)),
            Some(error) => Err(error),
        }
    }

    /// What to do next; the time is any clock's that doesn't go back.
    pub fn next(&mut self, now_ms: u64) -> JobStep {
        loop {
            if let Phase::Converge(settling) = &mut self.phase {
                settling.wake(now_ms);
            }
            if let Phase::Move(moving) = &mut self.phase
                && let Some(begun) = moving.begin()
            {
                return begun;
            }
            if let Some(step) = self.step() {
                return step;
            }
            self.advance();
        }
    }

    fn step(&self) -> Option<JobStep> {
        match &self.phase {
            Phase::Reassign(reassigning) => reassigning.next(),
            Phase::Recover(recovery) => recovery.next(),
            Phase::Move(moving) => Some(match moving.notes.first() {
                Some(note) => JobStep::Note(note.clone()),
                // They are under way.
                None => JobStep::Wait { ms: MOVING_MS },
            }),
            Phase::Converge(settling) => settling.next(),
            Phase::Finish(cleaning) => cleaning.next(),
            Phase::Rescue(Rescue::Reassign(reassigning)) => reassigning.next(),
            Phase::Rescue(Rescue::AskViews) => Some(JobStep::AskViews),
            Phase::Rescue(Rescue::Keep) => {
                Some(JobStep::Note(JobNote::Begin(self.arrived.clone())))
            }
            Phase::End => Some(JobStep::End),
        }
    }

    /// A phase is over.
    fn advance(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::End) {
            Phase::Reassign(reassigning) => {
                self.has_reassigned |= reassigning.has_reassigned();
                Phase::Recover(self.recovered.clone())
            }
            Phase::Recover(mut recovery) => {
                let (survey, tasks) = (recovery.take_survey(), recovery.tasks.clone());
                self.recovered = recovery;
                match survey {
                    Some(survey) => self.move_or_clean(survey, tasks),
                    None => Phase::End,
                }
            }
            Phase::Converge(settling) => {
                self.outcome.passed_over = settling.passed_over();
                self.clean()
            }
            Phase::Finish(cleaning) => {
                self.recovered.tell_not_begun(&mut self.context);
                let mut left = std::mem::take(&mut self.recovered.left);
                left.extend(cleaning.left());
                self.failure = left_as_it_is(left);
                Phase::End
            }
            Phase::Rescue(Rescue::Reassign(_)) => Phase::Rescue(Rescue::AskViews),
            Phase::Move(_) | Phase::Rescue(_) | Phase::End => Phase::End,
        };
    }

    fn move_or_clean(&mut self, survey: Arc<Survey>, tasks: Vec<(Move, Entry)>) -> Phase {
        if tasks.is_empty() {
            return self.clean();
        }
        let shards = survey.shards_with(&self.context.shards);
        self.context.shards = shards.clone();
        let aim = JobNote::Aim(tasks.len() as u64);
        Phase::Move(Moving {
            notes: vec![JobNote::Shards(shards), aim],
            survey: Some(survey),
            tasks,
        })
    }

    fn clean(&self) -> Phase {
        Phase::Finish(Finishing::of(self.recovered.settled.clone()))
    }

    /// What came of the last step; a wait has no answer.
    pub fn hear(&mut self, answer: Answer, now_ms: u64) {
        let heard = match &mut self.phase {
            Phase::Reassign(reassigning) => reassigning.hear(&mut self.context, answer),
            Phase::Recover(recovery) => recovery.hear(&mut self.context, answer),
            Phase::Move(_) => self.moved(answer, now_ms),
            Phase::Converge(settling) => {
                let heard = settling.hear(&mut self.context, answer, now_ms);
                // Slots have moved: whatever fails from here on, the run stopped part-way.
                heard.map_err(|error| error.of_kind(ErrorKind::Stopped))
            }
            Phase::Finish(cleaning) => {
                let heard = cleaning.hear(&mut self.context, answer);
                heard.map_err(|error| error.of_kind(ErrorKind::Stopped))
            }
            Phase::Rescue(_) => {
                self.rescued(answer);
                Ok(())
            }
            Phase::End => Ok(()),
        };
        if let Err(error) = heard {
            self.fail(error);
        }
    }

    fn moved(&mut self, answer: Answer, now_ms: u64) -> Result<()> {
        let Phase::Move(moving) = &mut self.phase else {
            return answer.odd();
        };
        if !moving.notes.is_empty() {
            moving.notes.remove(0);
            return noted(answer);
        }
        let Answer::Moved(outcome, arrived) = answer else {
            return answer.odd();
        };
        self.arrived = arrived;
        self.outcome = outcome?;
        self.phase = Phase::Converge(Convergence::of(self.arrived.clone(), now_ms));
        Ok(())
    }

    /// The cluster may be down for want of an owner, and nobody may come back for hours.
    fn fail(&mut self, error: Error) {
        if let Phase::Reassign(reassigning) = &self.phase {
            self.has_reassigned |= reassigning.has_reassigned();
        }
        let left = left_as_it_is(std::mem::take(&mut self.recovered.left));
        self.failure = Some(match left {
            Some(left) => error.beside(left),
            None => error,
        });
        self.phase = if self.arrived.is_empty() {
            Phase::End
        } else {
            Phase::Rescue(Rescue::Reassign(Reassigning::of(self.arrived.clone())))
        };
    }

    /// After a run that stopped: slots that have arrived are begun still in the journal's eyes
    /// where a node died or came back beside its promoted replica, so that the next run looks at
    /// them. Why it stopped matters more than what fails here.
    fn rescued(&mut self, answer: Answer) {
        let Phase::Rescue(rescue) = &mut self.phase else {
            return;
        };
        match rescue {
            Rescue::Reassign(reassigning) => {
                if let Err(error) = reassigning.hear(&mut self.context, answer) {
                    self.context.tell(Notice::Warning(error.one_line()));
                    *rescue = Rescue::AskViews;
                }
            }
            Rescue::AskViews => {
                let reason = match answer {
                    Answer::Views(views, silent) => {
                        let (shards, moves) = (&self.context.shards, &self.arrived);
                        let silent = bystanders::waited_for(silent, &views, shards, moves);
                        reason_to_wait(&self.context, &views, &silent, moves)
                    }
                    _ => Some(String::new()),
                };
                self.phase = match reason {
                    None => Phase::End,
                    Some(_) => Phase::Rescue(Rescue::Keep),
                };
            }
            Rescue::Keep => {
                if let Err(error) = noted(answer) {
                    self.context.tell(Notice::Warning(error.one_line()));
                }
                self.phase = Phase::End;
            }
        }
    }
}
