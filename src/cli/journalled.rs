//! What an earlier run has begun, asked about and finished.

use super::confirm::confirm;
use super::done::Done;
use super::interrupt::{Interrupt, Second};
use super::move_progress::MoveProgress;
use super::pace::PaceArgs;
use super::terminal;
use crate::error::Result;
use crate::execute::job::{JobRun, Session};
use crate::execute::open_moves::OpenMoves;
use crate::numbers::counted_text;
use std::collections::BTreeMap;
use std::time::Instant;

/// What became of the slots that an earlier run had begun.
pub(super) enum Earlier {
    /// There were none.
    Nothing,
    /// They are left as they are: the person said no.
    Left,
    /// They are where they should be.
    Finished(Done),
}

/// What a run that stops before it has changed anything says of that.
pub(super) fn say_unchanged(run: &JobRun) {
    terminal::say(match run.has_changed() {
        true => "nothing else was changed",
        false => "nothing was changed",
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
    pace: &PaceArgs,
) -> Result<Earlier> {
    let begun = run.begun();
    if begun.is_empty() {
        run.require_decided()?;
        return Ok(Earlier::Nothing);
    }
    let slots = counted_text(begun.len() as u64, "slot");
    let question = format!("finish {slots} that an earlier run began?");
    if !pace.yes && !confirm(&question)? {
        terminal::say("nothing was changed");
        return Ok(Earlier::Left);
    }
    let interrupt = Interrupt::watch(Second::Ends)?;
    Interrupt::note_open();
    let survey = session.survey()?;
    let canary = session.canary(&survey, &begun);
    let keys = BTreeMap::new();
    let mut progress = MoveProgress::new(&begun, &keys, &survey, pace.progress, interrupt, canary);
    let start = Instant::now();
    let outcome = run.finish_begun(session, &mut progress)?;
    let done = Done::of(outcome, progress, start);
    if done.outcome.slots > 0 {
        done.say("finished");
    }
    Ok(Earlier::Finished(done))
}
