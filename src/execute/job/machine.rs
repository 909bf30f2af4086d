//! What a run does before, around and after its moves, without any I/O.
//!
//! A driver asks [`Job::next`] what to do, does it, and tells what came of it
//! ([`Job::hear`]). Real links drive it (`job/driver.rs`), and so does the
//! modelled cluster of `tests/simulation/`.
//!
//! ```text
//!  Preflight ──> Recover ──> Move ──> Settle ──> Clean ──> End
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

use super::cleaning::Cleaning;
use super::noting::JobNote;
use super::reassigning::Reassigning;
use super::recovery::{Recovery, left_as_it_is};
use super::settling::{Settling, doubt};
use super::told::Told;
use crate::cluster::verb::{Reply, Verb};
use crate::cluster::{ClusterView, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::core::Outcome;
use crate::execute::mover::Entry;
use crate::execute::orphaned::{NotCleared, OrphanedKeys};
use crate::execute::shards::Shards;
use crate::execute::survey::Survey;
use crate::execute::views::Views;
use crate::execute::{Move, bystanders};
use crate::slot::SlotSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many slots of an earlier run are named; of the others the number is said.
pub(super) const NAMED_MAX: usize = 10;

/// How long a driver waits that asks for more while slots move.
const MOVING_MS: u64 = 50;

/// What to do next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Ask every node what it believes, anew: [`Answer::Looked`].
    Look,
    /// Ask nodes for all that matters: [`Answer::Surveyed`].
    Survey(Asked),
    /// Say whether it is safe to move these slots, with these of an earlier run open:
    /// [`Answer::Judged`].
    Judge {
        /// What the nodes said.
        survey: Arc<Survey>,
        /// What is to move.
        moves: Vec<Move>,
        /// What is open that is gone on with.
        ours: Vec<Move>,
    },
    /// Write this down: [`Answer::Noted`].
    Note(JobNote),
    /// Send these: [`Answer::Sent`].
    Send {
        /// The node.
        node: NodeId,
        /// The verbs, in one write.
        verbs: Vec<Verb>,
    },
    /// Move these slots: [`Answer::Moved`].
    Move {
        /// What the nodes said.
        survey: Arc<Survey>,
        /// The moves, each from where its way begins.
        tasks: Vec<(Move, Entry)>,
    },
    /// Clear this up: [`Answer::Cleared`].
    Clear {
        /// What the nodes said.
        survey: Arc<Survey>,
        /// What is left over.
        orphaned: OrphanedKeys,
    },
    /// Wait so long, then ask again.
    Wait {
        /// How long.
        ms: u64,
    },
    /// Nothing: [`Job::into_result`].
    End,
}

/// Who is asked in a survey, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All nodes, also for what each primary answers to what a move needs.
    All,
    /// These, for the rest; each must answer.
    These(Vec<NodeId>),
}

/// What a preflight keeps from going on, while the rest may.
#[derive(Clone, Debug, Default)]
pub struct Apart {
    /// All slots that aren't as they should be, in hand or not.
    pub slots: SlotSet,
    /// Why those in hand stay as they are.
    pub held: Vec<(SlotSet, Error)>,
}

/// What came of a step.
#[derive(Clone, Debug)]
pub enum Answer {
    /// What those nodes believe that could be asked, and which primaries couldn't.
    Looked(Views, Vec<NodeId>),
    /// What the nodes said.
    Surveyed(Result<Survey>),
    /// Whether it is safe, but for some slots.
    Judged(Result<Apart>),
    /// Whether it is written.
    Noted(Result<()>),
    /// A reply for each verb.
    Sent(Result<Vec<Reply>>),
    /// What the run did, and which moves have arrived, to where they did.
    Moved(Result<Outcome>, Vec<Move>),
    /// How many copies of keys were deleted.
    Cleared(Result<u64, NotCleared>),
}

impl Answer {
    /// What those nodes believe that could be asked, and who couldn't. One that has no say may be
    /// silent: a replica that died meanwhile, or a primary that was replaced by one.
    pub fn looked(views: Views, mut silent: Vec<NodeId>) -> Answer {
        let has_no_say = |id: &NodeId| {
            let mut nodes = views
                .values()
                .filter_map(|view: &ClusterView| view.node(*id));
            nodes.any(|node| !node.is_primary() || (node.flags.fail && node.slots.is_empty()))
        };
        silent.retain(|id| !has_no_say(id));
        Answer::Looked(views, silent)
    }

    /// What it is where another one was due: a driver's fault, told and not gone on with.
    pub(super) fn odd<T>(self) -> Result<T> {
        let message = "a step of the job was answered as another one";
        Err(Error::new(ErrorKind::Stopped, message))
    }
}

/// What a job knows and tells.
#[derive(Clone, Debug, Default, Hash)]
pub struct Known {
    /// Who was a replica of whom when what is under way began.
    pub shards: Shards,
    /// Slots of an earlier run that can't go on: the nodes needn't agree on them.
    pub apart: SlotSet,
    /// How people call the nodes that can be asked.
    pub names: BTreeMap<NodeId, String>,
    /// What there is to say: [`Job::take_told`].
    pub told: Vec<Told>,
}

impl Known {
    pub(super) fn tell(&mut self, what: Told) {
        self.told.push(what);
    }

    pub(super) fn name(&self, id: NodeId) -> String {
        let name = self.names.get(&id);
        name.map_or_else(|| id.short(), ToString::to_string)
    }

    /// Whether a slot is where it was to go: at its target, or at whoever took over from it.
    pub(super) fn has_arrived(&self, task: &Move, owner: NodeId) -> bool {
        owner == task.target || self.shards.are_in_one(owner, task.target)
    }
}

/// A part of a job that takes several steps: none is left when it is over.
pub(super) trait Chore {
    fn next(&self) -> Option<Step>;
    fn hear(&mut self, known: &mut Known, answer: Answer) -> Result<()>;
}

#[derive(Clone, Debug, Hash)]
enum Phase {
    /// Promoted replicas get what died with a node.
    Preflight(Reassigning),
    /// A survey is taken, and says where the slots go on.
    Recover(Recovery),
    /// What must be in the journal, then the moves themselves.
    Move(Moving),
    /// Until every node agrees.
    Settle(Settling),
    /// What was over already, and is cleared up too.
    Clean(Cleaning),
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
    fn begin(&mut self) -> Option<Step> {
        let survey = self.survey.take_if(|_| self.notes.is_empty())?;
        let tasks = std::mem::take(&mut self.tasks);
        Some(Step::Move { survey, tasks })
    }
}

#[derive(Clone, Debug, Hash)]
enum Rescue {
    Reassign(Reassigning),
    Look,
    Keep,
}

/// What a run does before, around and after its moves.
#[derive(Clone, Debug, Hash)]
pub struct Job {
    /// What it knows, and tells.
    pub known: Known,
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
    pub fn recover(begun: Vec<Move>, known: Known) -> Job {
        let phase = Phase::Preflight(Reassigning::of(begun.clone()));
        Job::at(phase, begun, known)
    }

    /// Carries moves out that nobody has begun, which this survey shows to be safe.
    pub fn fresh(survey: Arc<Survey>, moves: &[Move], known: Known) -> Job {
        let tasks = moves.iter().map(|task| (*task, Entry::Fresh)).collect();
        let mut job = Job::at(Phase::End, Vec::new(), known);
        job.phase = job.move_or_clean(survey, tasks);
        job
    }

    fn at(phase: Phase, begun: Vec<Move>, known: Known) -> Job {
        Job {
            known,
            phase,
            recovered: Recovery::of(begun),
            outcome: Outcome::default(),
            arrived: Vec::new(),
            has_reassigned: false,
            failure: None,
        }
    }

    /// What there is to say since the last call, in order.
    pub fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.known.told)
    }

    /// What the job did, after [`Step::End`].
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
    pub fn next(&mut self, now_ms: u64) -> Step {
        loop {
            if let Phase::Settle(settling) = &mut self.phase {
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

    fn step(&self) -> Option<Step> {
        match &self.phase {
            Phase::Preflight(reassigning) => reassigning.next(),
            Phase::Recover(recovery) => recovery.next(),
            Phase::Move(moving) => Some(match moving.notes.first() {
                Some(note) => Step::Note(note.clone()),
                // They are under way.
                None => Step::Wait { ms: MOVING_MS },
            }),
            Phase::Settle(settling) => settling.next(),
            Phase::Clean(cleaning) => cleaning.next(),
            Phase::Rescue(Rescue::Reassign(reassigning)) => reassigning.next(),
            Phase::Rescue(Rescue::Look) => Some(Step::Look),
            Phase::Rescue(Rescue::Keep) => Some(Step::Note(JobNote::Begin(self.arrived.clone()))),
            Phase::End => Some(Step::End),
        }
    }

    /// A phase is over.
    fn advance(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::End) {
            Phase::Preflight(reassigning) => {
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
            Phase::Settle(settling) => {
                self.outcome.passed_over = settling.passed_over();
                self.clean()
            }
            Phase::Clean(cleaning) => {
                self.recovered.tell_not_begun(&mut self.known);
                let mut left = std::mem::take(&mut self.recovered.left);
                left.extend(cleaning.left());
                self.failure = left_as_it_is(left);
                Phase::End
            }
            Phase::Rescue(Rescue::Reassign(_)) => Phase::Rescue(Rescue::Look),
            Phase::Move(_) | Phase::Rescue(_) | Phase::End => Phase::End,
        };
    }

    fn move_or_clean(&mut self, survey: Arc<Survey>, tasks: Vec<(Move, Entry)>) -> Phase {
        if tasks.is_empty() {
            return self.clean();
        }
        let shards = survey.shards_with(&self.known.shards);
        self.known.shards = shards.clone();
        let aim = JobNote::Aim(tasks.len() as u64);
        Phase::Move(Moving {
            notes: vec![JobNote::Shards(shards), aim],
            survey: Some(survey),
            tasks,
        })
    }

    fn clean(&self) -> Phase {
        Phase::Clean(Cleaning::of(self.recovered.settled.clone()))
    }

    /// What came of the last step; a wait has no answer.
    pub fn hear(&mut self, answer: Answer, now_ms: u64) {
        let heard = match &mut self.phase {
            Phase::Preflight(reassigning) => reassigning.hear(&mut self.known, answer),
            Phase::Recover(recovery) => recovery.hear(&mut self.known, answer),
            Phase::Move(_) => self.moved(answer, now_ms),
            Phase::Settle(settling) => {
                let heard = settling.hear(&mut self.known, answer, now_ms);
                // Slots have moved: whatever fails from here on, the run stopped part-way.
                heard.map_err(|error| error.of_kind(ErrorKind::Stopped))
            }
            Phase::Clean(cleaning) => {
                let heard = cleaning.hear(&mut self.known, answer);
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
        self.phase = Phase::Settle(Settling::of(self.arrived.clone(), now_ms));
        Ok(())
    }

    /// The cluster may be down for want of an owner, and nobody may come back for hours.
    fn fail(&mut self, error: Error) {
        if let Phase::Preflight(reassigning) = &self.phase {
            self.has_reassigned |= reassigning.has_reassigned();
        }
        let left = left_as_it_is(std::mem::take(&mut self.recovered.left));
        self.failure = Some(match left {
            Some(left) => error.beside(left),
            None => error,
        });
        self.phase = match self.arrived.is_empty() {
            true => Phase::End,
            false => Phase::Rescue(Rescue::Reassign(Reassigning::of(self.arrived.clone()))),
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
                if let Err(error) = reassigning.hear(&mut self.known, answer) {
                    self.known.tell(Told::Warning(error.one_line()));
                    *rescue = Rescue::Look;
                }
            }
            Rescue::Look => {
                let doubt = match answer {
                    Answer::Looked(views, silent) => {
                        let (shards, moves) = (&self.known.shards, &self.arrived);
                        let silent = bystanders::waited_for(silent, &views, shards, moves);
                        doubt(&self.known, &views, &silent, moves)
                    }
                    _ => Some(String::new()),
                };
                self.phase = match doubt {
                    None => Phase::End,
                    Some(_) => Phase::Rescue(Rescue::Keep),
                };
            }
            Rescue::Keep => {
                if let Err(error) = noted(answer) {
                    self.known.tell(Told::Warning(error.one_line()));
                }
                self.phase = Phase::End;
            }
        }
    }
}

pub(super) fn noted(answer: Answer) -> Result<()> {
    match answer {
        Answer::Noted(noted) => noted,
        other => other.odd(),
    }
}
