//! Finishes what an earlier job has begun, after asking.

use super::confirm::confirm;
use super::interrupt::{Interrupt, SecondSignal};
use super::job_summary::JobSummary;
use super::move_args::MoveArgs;
use super::move_progress::MoveProgress;
use super::terminal;
use crate::error::Result;
use crate::execute::job::{JobRun, Session};
use crate::execute::open_moves::OpenMoves;
use crate::numbers::counted_text;
use std::collections::BTreeMap;
use std::time::Instant;

/// What became of the slots that an earlier run had begun.
pub(super) enum EarlierJob {
    /// There were none.
    Nothing,
    /// They are left as they are: the person said no.
    Left,
    /// They are where they should be.
    Finished(JobSummary),
}

/// What a run that stops before it has changed anything says of that.
pub(super) fn say_unchanged(run: &JobRun) {
    terminal::say(if run.has_changed() {
        "nothing else was changed"
    } else {
        "nothing was changed"
    });
}

/// Takes every slot that is open on the cluster for begun, whoever opened it; none where the person
/// doesn't agree.
///
/// # Errors
/// As [`JobRun::open_elsewhere`].
pub(super) fn adopt_open_slots(
    run: &mut JobRun,
    session: &mut Session,
    yes: bool,
) -> Result<Option<OpenMoves>> {
    let open = run.open_elsewhere(session)?;
    let question = format!(
        "finish {} that somebody has opened, and nobody moves now?",
        counted_text(open.moves.len() as u64, "slot")
    );
    let is_agreed = open.moves.is_empty() || yes || confirm(&question)?;
    if is_agreed {
        run.adopt(&open)?;
    }
    Ok(is_agreed.then_some(open))
}

/// Finishes the slots that an earlier run had begun.
///
/// # Errors
/// As [`JobRun::finish_begun`].
pub(super) fn finish_begun(
    run: &mut JobRun,
    session: &mut Session,
    move_args: &MoveArgs,
) -> Result<EarlierJob> {
    let begun = run.begun();
    if begun.is_empty() {
        run.require_decided()?;
        return Ok(EarlierJob::Nothing);
    }
    let slots = counted_text(begun.len() as u64, "slot");
    let question = format!("finish {slots} that an earlier run began?");
    if !move_args.yes && !confirm(&question)? {
        terminal::say("nothing was changed");
        return Ok(EarlierJob::Left);
    }
    let interrupt = Interrupt::watch(SecondSignal::Ends)?;
    Interrupt::note_open();
    let survey = session.survey()?;
    let canary = session.canary(&survey, &begun);
    let keys = BTreeMap::new();
    let mut progress = MoveProgress::new(
        &begun,
        &keys,
        &survey,
        move_args.progress,
        interrupt,
        canary,
    );
    let start = Instant::now();
    let outcome = run.finish_begun(session, &mut progress)?;
    let summary = JobSummary::of(outcome, progress, start);
    if summary.outcome.slots > 0 {
        summary.say("finished");
    }
    Ok(EarlierJob::Finished(summary))
}
