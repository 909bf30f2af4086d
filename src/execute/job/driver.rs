//! Drives a job over links: does each step that it asks for, and tells it what came of it.

use super::arrivals::Arrivals;
use super::findings;
use super::machine::Job;
use super::notice::Notice;
use super::pending_moves::PendingMoves;
use super::session::{Begun, Session};
use super::steps::{Answer, BlockedSlots, JobStep, SurveyScope};
use crate::cluster::NodeId;
use crate::error::Result;
use crate::execute::executor::{self, Outcome, Watcher};
use crate::execute::journal::Journal;
use crate::execute::mover::Entry;
use crate::execute::options::OnConflict;
use crate::execute::orphaned::{self, ClearingOptions, NotCleared, OrphanedKeys};
use crate::execute::survey::Survey;
use crate::execute::timeouts::Timeouts;
use crate::execute::views::Views;
use crate::execute::{Move, functions, route};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a node may take to say what it believes: what stands still for longer can't be asked.
const VIEW_TIME: Duration = Duration::from_secs(40);

impl Session {
    /// Finishes what an earlier run had begun; returns what that did.
    ///
    /// # Errors
    /// [`ErrorKind::Unsafe`](crate::ErrorKind::Unsafe) when the cluster isn't fit for it,
    /// [`ErrorKind::Stopped`](crate::ErrorKind::Stopped) at a surprise.
    pub(super) fn finish_begun(
        &mut self,
        journal: &mut Journal,
        watcher: &mut dyn Watcher,
    ) -> Result<Outcome> {
        let begun = journal.open_moves();
        if begun.is_empty() {
            return Ok(Outcome::default());
        }
        self.context.shards.join(journal.shards());
        let job = Job::recover(begun, self.context());
        self.drive(job, journal, watcher)
    }

    /// Moves slots that nobody has begun to move.
    ///
    /// # Errors
    /// As [`Session::finish_begun`].
    pub(super) fn move_fresh(
        &mut self,
        survey: &Survey,
        moves: &[Move],
        journal: &mut Journal,
        watcher: &mut dyn Watcher,
    ) -> Result<Outcome> {
        let job = Job::fresh(survey.clone().into(), moves, self.context());
        self.drive(job, journal, watcher)
    }

    fn drive(
        &mut self,
        mut job: Job,
        journal: &mut Journal,
        watcher: &mut dyn Watcher,
    ) -> Result<Outcome> {
        let start = Instant::now();
        let now_ms = || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        loop {
            let step = job.next(now_ms());
            job.take_notices()
                .into_iter()
                .for_each(|told| self.tell(told));
            let answer = match step {
                JobStep::AskViews => {
                    let (views, silent) = self.reachable_views();
                    Answer::views(views, silent)
                }
                JobStep::Survey(SurveyScope::All) => Answer::Surveyed(self.survey_and_try()),
                JobStep::Survey(SurveyScope::These(ids)) => {
                    Answer::Surveyed(Survey::of(&mut self.cluster, ids))
                }
                JobStep::Preflight {
                    survey,
                    moves,
                    ours,
                } => Answer::Preflighted(self.preflight(&survey, moves, &ours)),
                JobStep::Note(note) => Answer::Noted(note.write(journal)),
                JobStep::Send { node, verbs } => {
                    Answer::Sent(self.cluster.round_trip(node, &verbs))
                }
                JobStep::Move { survey, tasks } => {
                    self.context.shards.join(&job.context.shards);
                    let (outcome, arrived) = self.move_slots(&survey, &tasks, journal, watcher);
                    Answer::Moved(outcome, arrived)
                }
                JobStep::Clear { survey, orphaned } => {
                    Answer::Cleared(self.clear(&survey, orphaned))
                }
                JobStep::Wait { ms } => {
                    std::thread::sleep(Duration::from_millis(ms));
                    continue;
                }
                JobStep::End => break,
            };
            job.hear(answer, now_ms());
        }
        self.context = job.context.clone();
        job.into_result()
    }

    fn preflight(
        &mut self,
        survey: &Survey,
        moves: Vec<Move>,
        ours: &[Move],
    ) -> Result<BlockedSlots> {
        let pending = PendingMoves {
            moves,
            ..PendingMoves::default()
        };
        let findings = self.findings(survey, &pending, Begun::Continued(ours));
        findings::blocked(&*self.observer, &findings, survey, &pending.moves)
    }

    /// Moves slots; what came of it, and what has arrived.
    fn move_slots(
        &mut self,
        survey: &Survey,
        tasks: &[(Move, Entry)],
        journal: &mut Journal,
        watcher: &mut dyn Watcher,
    ) -> (Result<Outcome>, Vec<Move>) {
        let options = match self.options(survey, tasks, journal) {
            Ok(options) => options,
            Err(error) => return (Err(error), Vec::new()),
        };
        let observer = self.observer.clone();
        let mut arrivals = Arrivals::of(watcher, &*observer);
        let outcome = executor::run(&mut self.cluster, tasks, &options, journal, &mut arrivals);
        (outcome, arrivals.arrived)
    }

    fn options(
        &mut self,
        survey: &Survey,
        tasks: &[(Move, Entry)],
        journal: &Journal,
    ) -> Result<executor::Options> {
        if self.how.copies_functions {
            self.copy_functions(survey, tasks)?;
        }
        let pairs = tasks.iter().map(|(task, _)| (task.source, task.target));
        let pairs: BTreeSet<(NodeId, NodeId)> = pairs.collect();
        let login = self.connection.login.clone();
        let databases = survey.nodes.iter();
        let timeouts = Timeouts::of(survey, self.how.timeout_ms);
        if let Some(warning) = timeouts.warning() {
            self.tell(Notice::Warning(warning));
        }
        Ok(executor::Options {
            how: self.how,
            timeouts,
            routes: route::prove(survey, &pairs, login.as_ref(), self.patience)?,
            login,
            primaries: survey.primaries().map(|(id, _)| id).collect(),
            shards: self.context.shards.clone(),
            keys: self.keys.clone(),
            doubts: journal.doubts(),
            failures: journal.failures(),
            opened: journal.opened().clone(),
            databases: databases
                .map(|(id, facts)| (*id, facts.database_count))
                .collect(),
            ..executor::Options::default()
        })
    }

    /// Loads the function libraries that targets lack, and says which.
    fn copy_functions(&mut self, survey: &Survey, tasks: &[(Move, Entry)]) -> Result<()> {
        let moves: Vec<Move> = tasks.iter().map(|(task, _)| *task).collect();
        for (name, target) in functions::copy(&mut self.cluster, survey, &moves)? {
            let target = survey.name(target);
            self.tell(Notice::LibraryLoaded { name, target });
        }
        Ok(())
    }

    fn clear(&mut self, survey: &Survey, orphaned: OrphanedKeys) -> Result<u64, NotCleared> {
        let login = self.connection.login.clone();
        let on_conflict = self.how.on_conflict;
        let pair = (orphaned.holder, orphaned.owner);
        let route = match on_conflict {
            OnConflict::KeepSource => {
                let pairs = BTreeSet::from([pair]);
                route::prove(survey, &pairs, login.as_ref(), self.patience)?.remove(&pair)
            }
            OnConflict::Stop | OnConflict::KeepTarget => None,
        };
        let options = ClearingOptions {
            on_conflict,
            route,
            login,
            timeout_ms: Timeouts::of(survey, self.how.timeout_ms).usual_ms,
        };
        orphaned::clear(&mut self.cluster, orphaned, &options).map(|cleared| cleared.copies)
    }

    /// What each node believes that can be asked, and which can't.
    pub(super) fn reachable_views(&mut self) -> (Views, Vec<NodeId>) {
        let mut views = Views::new();
        let mut silent = Vec::new();
        let (ids, until) = (self.cluster.ids(), Instant::now() + VIEW_TIME);
        let said = self.cluster.each(&ids, until, |part, id| {
            // A link may have broken with its node, which is back by now.
            part.view_of(id).or_else(|error| {
                if Instant::now() < until {
                    part.renew_by(id, Some(until))?;
                    part.view_of(id)
                } else {
                    Err(error)
                }
            })
        });
        for (id, view) in said {
            match view {
                Ok(view) => drop(views.insert(id, view)),
                Err(_) => silent.push(id),
            }
        }
        (views, silent)
    }
}
