//! `slotkit apply`: carries out a plan that was written before.

use super::carry_out::Told;
use super::connection::ConnectionArgs;
use super::exit::Exit;
use super::journalled::{Earlier, Run};
use super::live::Session;
use super::pace::PaceArgs;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Fit, Plan, fit};
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
    pace: PaceArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

/// Reads a plan, looks whether it still fits the cluster, and carries it out.
pub(super) fn run(args: &Args) -> Result<Exit> {
    let plan = Plan::read(&args.plan)?;
    if !args.connection.is_given() {
        return Err(
            Error::new(ErrorKind::Usage, "which cluster?").mend("name a node with -h HOST -p PORT")
        );
    }
    let mut session = Session::open(args.connection.connection()?, args.pace.pace())?;
    require_fit(&plan, &mut session)?;
    let mut run = Run::begin(&mut session, &args.pace)?;
    if let Earlier::Left = run.finish_begun(&mut session, &args.pace)? {
        return Ok(Exit::Finding);
    }
    let told = if args.json { Told::Json } else { Told::Words };
    let changed = run.changed();
    let applied = run.apply(&mut session, &plan, &args.pace, told);
    applied.map_err(|error| changed.told(error))
}

pub(super) fn require_fit(plan: &Plan, session: &mut Session) -> Result<()> {
    match fit(plan, &session.cluster.seed_view()?) {
        Fit::Exact | Fit::Partway { .. } => Ok(()),
        Fit::No { difference } => {
            let message = format!("the plan doesn't fit this cluster: {difference}");
            Err(Error::new(ErrorKind::StalePlan, message)
                .mend("make a new plan with slotkit plan-rebalance"))
        }
    }
}
