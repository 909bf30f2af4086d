//! `slotkit apply`: carries out a plan that was written before.

use super::connection::ConnectionArgs;
use super::exit::Exit;
use super::move_args::MoveArgs;
use super::run_job::{JobOutput, run_job};
use super::unfinished_job::{EarlierJob, finish_begun};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::job::{JobRun, OpenSlotPolicy, Session};
use crate::plan::Plan;
use std::path::PathBuf;

/// The arguments of `apply`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A plan that `plan-rebalance -o` wrote.
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Print the plan with what was done as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    move_args: MoveArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

/// Reads a plan, looks whether it still fits the cluster, and carries it out.
pub(super) fn run(args: &Args) -> Result<Exit> {
    let plan = Plan::read(&args.plan)?;
    if !args.connection.is_given() {
        return Err(
            Error::new(ErrorKind::Usage, "which cluster?").fix("name a node with -h HOST -p PORT")
        );
    }
    let mut session = args.move_args.open(&args.connection)?;
    args.move_args
        .settle(&mut session, OpenSlotPolicy::GoesOn)?;
    let mut run = JobRun::begin(&mut session, args.move_args.journal_args.journal.as_deref())?;
    let applied = finish_and_apply(&mut run, &mut session, &plan, args);
    run.end(&session, applied)
}

fn finish_and_apply(
    run: &mut JobRun,
    session: &mut Session,
    plan: &Plan,
    args: &Args,
) -> Result<Exit> {
    // What an earlier run of it has open is where it should be in a moment.
    run.require_fit(session, plan)?;
    if let EarlierJob::Left = finish_begun(run, session, &args.move_args)? {
        return Ok(Exit::Finding);
    }
    let output = if args.json {
        JobOutput::Json
    } else {
        JobOutput::Text
    };
    run_job(run, session, plan, &args.move_args, output)
}
