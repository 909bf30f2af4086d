//! `slotkit resume`: finishes the slots that a run has left open.

use super::connection::ConnectionArgs;
use super::exit::Exit;
use super::job_summary::JobSummary;
use super::move_args::MoveArgs;
use super::terminal;
use super::unfinished_job::{EarlierJob, adopt_open_slots, finish_begun};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::job::{JobRun, OpenSlotPolicy, Session, left_as_it_is};
use serde_json::json;

/// The arguments of `resume`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Finish every open slot that the cluster shows, whoever opened it: for when the journal is
    /// lost, or another tool broke off. Make sure that nobody is moving slots now.
    #[arg(long)]
    from_cluster: bool,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    move_args: MoveArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

/// Goes on with what was begun; what a plan has beyond that is for `apply`.
pub(super) fn run(args: &Args) -> Result<Exit> {
    if !args.connection.is_given() {
        return Err(
            Error::new(ErrorKind::Usage, "which cluster?").fix("name a node with -h HOST -p PORT")
        );
    }
    let mut session = args.move_args.open(&args.connection)?;
    args.move_args.settle(
        &mut session,
        if args.from_cluster {
            OpenSlotPolicy::Adopts
        } else {
            OpenSlotPolicy::GoesOn
        },
    )?;
    if args.from_cluster {
        let journal = args.move_args.journal_args.journal.as_deref();
        let refused = session.refuse_if_something_moves();
        refused.map_err(|error| session.part_way(journal, error))?;
    }
    let mut run = JobRun::begin(&mut session, args.move_args.journal_args.journal.as_deref())?;
    let resumed = finish(&mut run, &mut session, args);
    run.end(&session, resumed)
}

fn finish(run: &mut JobRun, session: &mut Session, args: &Args) -> Result<Exit> {
    let mut move_args = args.move_args.clone();
    let mut unclear = Vec::new();
    if args.from_cluster {
        let Some(open) = adopt_open_slots(run, session, move_args.yes)? else {
            terminal::say("nothing was changed");
            return Ok(Exit::Finding);
        };
        unclear = open.unclear;
        // One question is enough.
        move_args.yes = true;
    }
    let begun = run.begun().len();
    let summary = match finish_begun(run, session, &move_args)? {
        EarlierJob::Nothing => None,
        EarlierJob::Left => return Ok(Exit::Finding),
        EarlierJob::Finished(summary) => Some(summary),
    };
    if args.json {
        let run = summary.as_ref().map(JobSummary::to_json);
        let document = json!({ "schema": 1, "finished": begun, "run": run });
        terminal::print(|out| {
            serde_json::to_writer_pretty(&mut *out, &document)?;
            writeln!(out)
        })?;
    }
    // Nobody but a person knows where these go.
    let unclear = unclear.into_iter().map(|(_, error)| error).collect();
    if let Some(error) = left_as_it_is(unclear) {
        return Err(error);
    }
    terminal::say(match (&summary, args.from_cluster) {
        (Some(_), _) => {
            "what was begun is where it should be; slotkit apply PLAN goes on with the rest of a plan"
        }
        (None, true) => "no slot is open",
        (None, false) => {
            "the journal knows of nothing that was begun (--from-cluster asks the cluster)"
        }
    });
    Ok(Exit::Done)
}
