//! A run that may change the cluster: it holds the journal, and finishes what an earlier one began.

use super::confirm::confirm;
use super::done::Done;
use super::interrupt::{Interrupt, Second};
use super::journal_path::journal_of;
use super::live::Session;
use super::move_progress::MoveProgress;
use super::pace::PaceArgs;
use super::terminal;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::executor::Outcome;
use crate::execute::journal::Journal;
use crate::execute::open_moves::open_moves;
use crate::report::counted_text;
use std::collections::BTreeMap;
use std::time::Instant;

/// How many slots under way are named; of the others the number is said.
const NAMED_MAX: usize = 10;

/// What became of the slots that an earlier run had begun.
pub(super) enum Earlier {
    /// There were none.
    Nothing,
    /// They are left as they are: the person said no.
    Left,
    /// They are where they should be.
    Finished(Done),
}

/// A run that may change the cluster: it holds the journal.
pub(super) struct Run {
    pub(super) journal: Journal,
    /// Whether this process has changed the cluster already.
    has_changed: bool,
}

/// Whether this process has changed the cluster: then what is left to do can't be refused with
/// "nothing changed" any more.
pub(super) struct Changed(pub(super) bool);

impl Changed {
    /// An error as it has to be told.
    pub(super) fn told(self, error: Error) -> Error {
        match self.0 {
            true => error.of_kind(ErrorKind::Stopped),
            false => error,
        }
    }
}

impl Run {
    /// Opens the journal.
    ///
    /// # Errors
    /// When another slotkit holds it, or it can't be read.
    pub(super) fn begin(session: &mut Session, pace: &PaceArgs) -> Result<Run> {
        let path = journal_of(pace.journal.as_deref(), &session.cluster.seed_view()?);
        let journal = Journal::open(&path)?;
        Ok(Run {
            journal,
            has_changed: false,
        })
    }

    /// Whether this process has changed the cluster already.
    pub(super) fn changed(&self) -> Changed {
        Changed(self.has_changed)
    }

    /// What a run that stops before it has changed anything says of that.
    pub(super) fn say_unchanged(&self) {
        terminal::say(match self.has_changed {
            true => "nothing else was changed",
            false => "nothing was changed",
        });
    }

    /// How many slots were begun and not finished.
    pub(super) fn begun(&self) -> u64 {
        self.journal.open_moves().len() as u64
    }

    /// Takes every slot that is open on the cluster for begun, whoever opened it; whether the
    /// person agrees.
    ///
    /// # Errors
    /// [`ErrorKind::Unsafe`] when a slot is open towards several nodes, or a node can't be asked.
    pub(super) fn adopt_open_slots(&mut self, session: &mut Session, yes: bool) -> Result<bool> {
        let known = self.journal.open_moves();
        let survey = session.survey()?;
        let views = survey.nodes.iter();
        let views = views.map(|(id, facts)| (*id, facts.view.clone())).collect();
        let open = open_moves(&views)?;
        // Where the journal knows the slot it knows what was meant.
        let is_new = |task: &Move| known.iter().all(|begun| begun.slot != task.slot);
        let adopted: Vec<Move> = open.moves.into_iter().filter(is_new).collect();
        let question = format!(
            "finish {} that somebody has opened, and nobody moves now?",
            counted_text(adopted.len() as u64, "slot")
        );
        if adopted.is_empty() {
            self.journal.know(&open.beside)?;
            return Ok(true);
        }
        let is_agreed = yes || confirm(&question)?;
        if is_agreed {
            self.journal.know(&open.beside)?;
            self.journal.begin(&adopted)?;
        }
        Ok(is_agreed)
    }

    /// Removes the journal when nothing is under way any more. What was to be done is done: an empty
    /// journal that stays is a pity.
    pub(super) fn close(self) {
        if let Err(error) = self.journal.close() {
            terminal::say(format!("warning: {}", error.one_line()));
        }
    }

    /// Finishes the slots that an earlier run had begun.
    ///
    /// # Errors
    /// As [`Session::finish_begun`].
    pub(super) fn finish_begun(
        &mut self,
        session: &mut Session,
        pace: &PaceArgs,
    ) -> Result<Earlier> {
        let total = self.journal.open_moves().len() as u64;
        if total == 0 {
            return Ok(Earlier::Nothing);
        }
        let slots = counted_text(total, "slot");
        let question = format!("finish {slots} that an earlier run began?");
        if !pace.yes && !confirm(&question)? {
            terminal::say("nothing was changed");
            return Ok(Earlier::Left);
        }
        let interrupt = Interrupt::watch(Second::Ends)?;
        let (begun, survey) = (self.journal.open_moves(), session.survey()?);
        let canary = session.canary(&survey, &begun);
        let keys = BTreeMap::new();
        let mut progress =
            MoveProgress::new(&begun, &keys, &survey, pace.progress, interrupt, canary);
        let start = Instant::now();
        let outcome = session.finish_begun(&mut self.journal, &mut progress);
        let done = self.done(outcome, progress, start, total)?;
        if done.outcome.slots > 0 {
            self.has_changed = true;
            done.say("finished");
        }
        Ok(Earlier::Finished(done))
    }

    /// What a run did, when it came to its end.
    pub(super) fn done(
        &self,
        outcome: Result<Outcome>,
        progress: MoveProgress,
        start: Instant,
        total: u64,
    ) -> Result<Done> {
        let stall = progress.largest_stall();
        drop(progress);
        let outcome = outcome.map_err(|error| self.explain(error, total))?;
        self.stop_if_asked(outcome, total)?;
        Ok(Done {
            outcome,
            elapsed: start.elapsed(),
            stall,
        })
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
        Err(Error::new(ErrorKind::Stopped, message).mend("run the same command again to go on"))
    }

    /// Adds to a failure what is open and how to go on.
    fn explain(&self, error: Error, total: u64) -> Error {
        if error.kind() != ErrorKind::Stopped {
            return error;
        }
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
        let open = match open.is_empty() {
            true => "no slot is open".to_owned(),
            false => {
                let more = begun.len().saturating_sub(NAMED_MAX);
                let more = (more > 0).then(|| format!(", and {more} more"));
                format!("under way: {}{}", open.join(", "), more.unwrap_or_default())
            }
        };
        let mend = format!(
            "{open} (of {total} to move; noted in {}); mend what was said, then run the same \
             command again: it goes on from there",
            self.journal.path().display()
        );
        error.mend(mend)
    }
}
