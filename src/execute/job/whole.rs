//! A plan carried out without a question, for programs.

use super::run::Run;
use super::session::Session;
use crate::error::Result;
use crate::execute::Move;
use crate::execute::executor::{Outcome, Watcher};
use crate::plan::Plan;
use std::path::Path;

/// What was done with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// What an earlier run had begun, finished.
    pub finished: Outcome,
    /// What the plan wanted beyond that.
    pub moved: Outcome,
    /// What stays where it is, with its big keys.
    pub left: Vec<Move>,
}

/// Finishes what an earlier run has begun, then moves what a plan wants. The journal is the one that
/// is named, or else the cluster's own: with it a run that breaks off is gone on with by the next.
///
/// # Errors
/// [`ErrorKind::StalePlan`](crate::ErrorKind::StalePlan) and
/// [`ErrorKind::Unsafe`](crate::ErrorKind::Unsafe) before anything was changed, and
/// [`ErrorKind::Stopped`](crate::ErrorKind::Stopped) after that.
pub fn carry_out(
    session: &mut Session,
    plan: &Plan,
    journal: Option<&Path>,
    watcher: &mut dyn Watcher,
) -> Result<Carried> {
    let mut run = Run::begin(session, journal)?;
    let carried = through(&mut run, session, plan, watcher);
    run.end(session, carried)
}

fn through(
    run: &mut Run,
    session: &mut Session,
    plan: &Plan,
    watcher: &mut dyn Watcher,
) -> Result<Carried> {
    run.require_fit(session, plan)?;
    let finished = run.finish_begun(session, watcher)?;
    let prepared = run.prepare(session, plan)?;
    let moved = run.carry_out(session, &prepared, watcher)?;
    run.require_kept(session, &moved)?;
    Ok(Carried {
        finished,
        moved,
        left: prepared.left,
    })
}
