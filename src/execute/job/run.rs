//! Runs a job that may change the cluster: holds the journal, finishes what an earlier run began,
//! and applies a plan, also without a question, for programs.

use super::findings::refuse_if_forbidden;
use super::journal_path::journal_of;
use super::key_check::KeysBefore;
use super::notice::Notice;
use super::pending_moves::{PendingMoves, pending_moves};
use super::session::{Begun, Session};
use super::stand_ins::{StandIns, fitting};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::executor::{Outcome, Watcher};
use crate::execute::journal::Journal;
use crate::execute::open_moves::{OpenMoves, open_moves};
use crate::execute::preflight;
use crate::execute::survey::Survey;
use crate::numbers::counted_text;
use crate::plan::Plan;
use crate::slot::{Slot, SlotSet};
use std::path::Path;

/// How many slots under way are named; of the others the number is said.
const NAMED_MAX: usize = 10;

/// A run that may change the cluster: it holds the journal.
pub struct JobRun {
    journal: Journal,
    /// Whether this process has changed the cluster already.
    has_changed: bool,
    /// The keys before the moves, for [`JobRun::require_keys_kept`].
    before: Option<KeysBefore>,
}

/// What of a plan is to be done, looked at and found safe.
pub struct PreparedJob {
    /// The plan, with who took over in the place of nodes that failed.
    pub plan: Plan,
    /// What the nodes said.
    pub survey: Survey,
    /// What is to move.
    pub pending: PendingMoves,
    /// What stays where it is, with its big keys.
    pub left: Vec<Move>,
}

impl JobRun {
    /// Opens the journal that was named, or else the cluster's own.
    ///
    /// # Errors
    /// When another slotkit holds it, or it can't be read.
    pub fn begin(session: &mut Session, journal: Option<&Path>) -> Result<JobRun> {
        let path = journal_of(journal, &session.cluster.seed_view()?);
        let journal = Journal::open(&path)?;
        session.context.shards.join(journal.shards());
        Ok(JobRun {
            journal,
            has_changed: false,
            before: None,
        })
    }

    /// Whether this process has changed the cluster already.
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// Ends the run, with what came of it: the journal goes where it is over and nothing is under
    /// way.
    ///
    /// # Errors
    /// What failed, as [`ErrorKind::Stopped`] where this process has changed the cluster, and where
    /// slots are open still that it or an earlier run has begun: that nothing was changed isn't
    /// what matters then. A call that makes no sense stays one.
    pub fn end<T>(self, session: &Session, ended: Result<T>) -> Result<T> {
        match ended {
            // The journal tells what was moved, and the way back.
            Err(error) if error.kind() == ErrorKind::Stopped => Err(error),
            Err(error) if self.has_part_way(&error) => Err(self.explain(error, None)),
            ended => {
                self.close(session);
                ended
            }
        }
    }

    /// Whether an error leaves something part-way.
    fn has_part_way(&self, error: &Error) -> bool {
        let is_open = !self.journal.open_moves().is_empty();
        self.has_changed || (is_open && error.kind() != ErrorKind::Usage)
    }

    /// The slots that were begun and not finished.
    pub fn begun(&self) -> Vec<Move> {
        self.journal.open_moves()
    }

    /// The slots that are open on the cluster and that the journal doesn't know, whoever opened
    /// them.
    ///
    /// # Errors
    /// When a node answers something else than its kind of server does.
    pub fn open_elsewhere(&self, session: &mut Session) -> Result<OpenMoves> {
        let known = self.journal.open_moves();
        let survey = session.survey()?;
        let mut open = open_moves(&survey.views());
        // Where the journal knows the slot it knows what was meant.
        let is_new = |task: &Move| known.iter().all(|begun| begun.slot != task.slot);
        open.moves.retain(is_new);
        let is_unknown = |slot: Slot| known.iter().all(|begun| begun.slot != slot);
        open.unclear.retain(|(slot, _)| is_unknown(*slot));
        Ok(open)
    }

    /// Takes these slots for begun.
    ///
    /// # Errors
    /// When the journal can't be written.
    pub fn adopt(&mut self, open: &OpenMoves) -> Result<()> {
        self.journal.know(&open.beside)?;
        if open.moves.is_empty() {
            Ok(())
        } else {
            self.journal.begin(&open.moves)
        }
    }

    /// What was to be done is done: an empty journal that stays is a pity.
    fn close(self, session: &Session) {
        if let Err(error) = self.journal.close() {
            session.tell(Notice::Warning(error.one_line()));
        }
    }

    /// Whether a plan fits the cluster, whatever becomes of the slots that were begun.
    ///
    /// # Errors
    /// As [`fitting`].
    pub fn require_fit(&self, session: &mut Session, plan: &Plan) -> Result<()> {
        let begun: SlotSet = self.begun().iter().map(|task| task.slot).collect();
        let view = session.cluster.seed_view()?;
        fitting(plan, session, &view, &begun).map(drop)
    }

    /// Finishes the slots that an earlier run had begun.
    ///
    /// # Errors
    /// [`ErrorKind::Unsafe`] when the cluster isn't fit for it, or a key is undecided;
    /// [`ErrorKind::Stopped`] at a surprise.
    pub fn finish_begun(
        &mut self,
        session: &mut Session,
        watcher: &mut dyn Watcher,
    ) -> Result<Outcome> {
        let total = self.journal.open_moves().len() as u64;
        if total == 0 {
            self.require_decided()?;
        }
        let outcome = session.finish_begun(&mut self.journal, watcher);
        let outcome = self.ended(outcome, total)?;
        self.has_changed |= outcome.slots > 0;
        Ok(outcome)
    }

    /// What of a plan is to be done now.
    ///
    /// # Errors
    /// [`ErrorKind::StalePlan`] where it doesn't fit, and [`ErrorKind::Unsafe`] where the cluster
    /// isn't in a state for it.
    pub fn prepare(&self, session: &mut Session, plan: &Plan) -> Result<PreparedJob> {
        let survey = session.survey_and_try()?;
        let view = session.cluster.seed_view()?;
        let (plan, stand_ins) = fitting(plan, session, &view, &SlotSet::new())?;
        tell_stand_ins(session, &stand_ins);
        let mut pending = pending_moves(&plan, &survey);
        let left = if pending.moves.is_empty() {
            Vec::new()
        } else {
            let findings = session.findings(&survey, &pending, Begun::Continued(&[]));
            refuse_if_forbidden(&*session.observer, &findings)?;
            leave_big_keys(session, &mut pending)?
        };
        Ok(PreparedJob {
            plan,
            survey,
            pending,
            left,
        })
    }

    /// Moves what was prepared.
    ///
    /// # Errors
    /// As [`JobRun::finish_begun`].
    pub fn apply(
        &mut self,
        session: &mut Session,
        prepared: &PreparedJob,
        watcher: &mut dyn Watcher,
    ) -> Result<Outcome> {
        let moves = &prepared.pending.moves;
        self.before = KeysBefore::of(session, &prepared.survey);
        let outcome = session.move_fresh(&prepared.survey, moves, &mut self.journal, watcher);
        let outcome = self.ended(outcome, moves.len() as u64)?;
        self.has_changed |= outcome.slots > 0;
        Ok(outcome)
    }

    /// Looks whether keys are gone since [`JobRun::apply`] began that nothing has taken away which
    /// the servers count. Waits a moment before that.
    ///
    /// # Errors
    /// [`ErrorKind::Stopped`] with how many keys, and where. What can't be known is no error.
    pub fn require_keys_kept(&self, session: &mut Session, outcome: &Outcome) -> Result<()> {
        match self.before.as_ref().filter(|_| outcome.keys > 0) {
            Some(before) => before.require_kept(session, outcome),
            None => Ok(()),
        }
    }

    /// What a run did, when it came to its end.
    fn ended(&self, outcome: Result<Outcome>, total: u64) -> Result<Outcome> {
        let outcome = outcome.map_err(|error| {
            if !self.has_part_way(&error) && error.kind() != ErrorKind::Stopped {
                error
            } else {
                self.explain(error, Some(total))
            }
        })?;
        self.stop_if_asked(outcome, total)?;
        self.require_resolved(ErrorKind::Stopped)?;
        Ok(outcome)
    }

    /// Refuses while a key that a person was told of is undecided, whose slot nobody moves any
    /// more.
    ///
    /// # Errors
    /// [`ErrorKind::Unsafe`] with the keys.
    pub fn require_decided(&self) -> Result<()> {
        self.require_resolved(ErrorKind::Unsafe)
    }

    fn require_resolved(&self, kind: ErrorKind) -> Result<()> {
        let unresolved = self.journal.unresolved().into_values().flatten();
        match preflight::undecided(&unresolved.collect::<Vec<_>>()) {
            None => Ok(()),
            Some(finding) => Err(Error::new(kind, finding.message).fix(finding.fix)),
        }
    }

    fn stop_if_asked(&self, outcome: Outcome, total: u64) -> Result<()> {
        if !outcome.is_stopped {
            return Ok(());
        }
        let open = match self.journal.open_moves().len() {
            0 => "none open".to_owned(),
            open => format!("{open} still open"),
        };
        let message = format!(
            "stopped as asked: {} of {} moved, {open}",
            outcome.slots,
            counted_text(total, "slot")
        );
        // With nothing moved and nothing open nothing was changed.
        let kind = match outcome.slots {
            0 if self.journal.open_moves().is_empty() && !self.has_changed => ErrorKind::Unsafe,
            _ => ErrorKind::Stopped,
        };
        Err(Error::new(kind, message).fix("run the same command again to go on"))
    }

    /// Adds to what stopped part-way what is open and how to go on.
    fn explain(&self, error: Error, total: Option<u64>) -> Error {
        let begun = self.journal.open_moves();
        let open: Vec<String> = begun
            .iter()
            .take(NAMED_MAX)
            .map(|task| {
                format!(
                    "slot {} from {} to {}",
                    task.slot,
                    task.source.short(),
                    task.target.short()
                )
            })
            .collect();
        let open = if open.is_empty() {
            "no slot is open".to_owned()
        } else {
            let more = begun.len().saturating_sub(NAMED_MAX);
            let more = (more > 0).then(|| format!(", and {more} more"));
            format!("under way: {}{}", open.join(", "), more.unwrap_or_default())
        };
        // What helps is said by who stopped: a flag, say. It stays, and the rest comes after it.
        let own = error.fix_text().unwrap_or("fix what was said");
        let of = total.map(|total| format!("of {total} to move; "));
        let of = of.unwrap_or_default();
        let path = self.journal.path().display();
        let next = match error.kind() {
            // The same command would be refused again. Another journal knows nothing of these.
            ErrorKind::StalePlan if begun.is_empty() => own.to_owned(),
            ErrorKind::StalePlan => {
                format!("slotkit resume --journal {path} finishes what is under way; then {own}")
            }
            _ => format!("{own}, then run the same command again: it goes on from there"),
        };
        let fix = format!("{next}; {open} ({of}noted in {path})");
        error.of_kind(ErrorKind::Stopped).fix(fix)
    }
}

fn tell_stand_ins(session: &Session, stand_ins: &StandIns) {
    for (gone, promoted) in stand_ins {
        session.tell(Notice::StandsIn {
            promoted: session.cluster.name(*promoted),
            gone: gone.short(),
        });
    }
}

/// Looks for keys above the limit, and takes their slots out of the pending, or puts them last.
fn leave_big_keys(session: &mut Session, pending: &mut PendingMoves) -> Result<Vec<Move>> {
    let big = session.big_keys(pending)?;
    if session.how.moves_big_keys {
        pending.put_big_keys_last(&big);
        return Ok(Vec::new());
    }
    refuse_if_forbidden(&*session.observer, &big.findings())?;
    Ok(pending.leave_big_keys(&big))
}

/// What was done with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedPlan {
    /// What an earlier run had begun, finished.
    pub finished: Outcome,
    /// What the plan wanted beyond that.
    pub moved: Outcome,
    /// What stays where it is, with its big keys.
    pub left: Vec<Move>,
}

/// Finishes what an earlier run has begun, then moves what a plan wants. The journal is the one
/// that is named, or else the cluster's own: with it a run that breaks off is gone on with by the
/// next.
///
/// # Errors
/// [`ErrorKind::StalePlan`](crate::ErrorKind::StalePlan) and
/// [`ErrorKind::Unsafe`](crate::ErrorKind::Unsafe) before anything was changed, and
/// [`ErrorKind::Stopped`](crate::ErrorKind::Stopped) after that.
pub fn apply_plan(
    session: &mut Session,
    plan: &Plan,
    journal: Option<&Path>,
    watcher: &mut dyn Watcher,
) -> Result<AppliedPlan> {
    let mut run = JobRun::begin(session, journal)?;
    let applied = through(&mut run, session, plan, watcher);
    run.end(session, applied)
}

fn through(
    run: &mut JobRun,
    session: &mut Session,
    plan: &Plan,
    watcher: &mut dyn Watcher,
) -> Result<AppliedPlan> {
    run.require_fit(session, plan)?;
    let finished = run.finish_begun(session, watcher)?;
    let prepared = run.prepare(session, plan)?;
    let moved = run.apply(session, &prepared, watcher)?;
    run.require_keys_kept(session, &moved)?;
    Ok(AppliedPlan {
        finished,
        moved,
        left: prepared.left,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::task;

    #[test]
    fn what_stopped_part_way_says_how_to_go_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.journal");
        let mut journal = Journal::open(&path).expect("a journal");
        journal.begin(&[task(0, 'a', 'b')]).expect("begins");
        let mut run = JobRun {
            journal,
            has_changed: false,
            before: None,
        };
        let said = |run: &JobRun, kind: ErrorKind| {
            let error = Error::new(kind, "it stopped").fix("make a new plan");
            let error = run.explain(error, None);
            error.fix_text().expect("a fix").to_owned()
        };
        let fix = |kind| said(&run, kind);
        // The plan would be refused again.
        let stale = fix(ErrorKind::StalePlan);
        let words = format!(
            "slotkit resume --journal {} finishes what is under way; then make a new plan; under \
             way: slot 0",
            path.display()
        );
        assert!(stale.starts_with(&words), "{stale}");
        let other = fix(ErrorKind::Io);
        let words =
            "make a new plan, then run the same command again: it goes on from there; under";
        assert!(other.starts_with(words), "{other}");
        run.journal.end(&[task(0, 'a', 'b')]).expect("ends");
        let over = said(&run, ErrorKind::StalePlan);
        assert!(
            over.starts_with("make a new plan; no slot is open"),
            "{over}"
        );
    }
}
