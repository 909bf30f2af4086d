//! `slotkit check`: everything that would make moving slots unsafe, with its fix.

use super::connection::ConnectionArgs;
use super::exit::Exit;
use super::journal_args::JournalArgs;
use super::move_args::BIG_KEY_LIMIT;
use super::size::size;
use super::stderr_observer::StderrObserver;
use super::terminal;
use crate::error::Result;
use crate::execute::finding::{Finding, Severity};
use crate::execute::job::{self, Diagnosis, OpenSlotPolicy, Session, fitting, pending_moves};
use crate::execute::options::MoveOptions;
use crate::execute::preflight;
use crate::execute::survey::Survey;
use crate::plan::Plan;
use crate::slot::SlotSet;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A plan whose moves are looked at too: whether it fits, memory, big keys.
    #[arg(value_name = "PLAN")]
    plan: Option<PathBuf>,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
    /// With a plan: keys that take more than this in memory are big.
    #[arg(long, value_name = "SIZE", default_value = BIG_KEY_LIMIT, value_parser = size)]
    big_key_limit: u64,
    #[command(flatten)]
    journal_args: JournalArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

/// Prints the findings; none is success.
pub(super) fn run(args: &Args) -> Result<Exit> {
    let plan = args.plan.as_ref().map(Plan::read).transpose()?;
    let wait = args.journal_args.wait;
    let connection = args.connection.connection()?;
    let how = MoveOptions {
        big_key_bytes: args.big_key_limit,
        ..MoveOptions::default()
    };
    let mut session = Session::open_patiently(connection, how, wait, Arc::new(StderrObserver))?;
    let findings = found(args, plan.as_ref(), &mut session)?;
    if args.json {
        let document = json!({ "schema": 1, "findings": findings });
        terminal::print(|out| {
            serde_json::to_writer_pretty(&mut *out, &document)?;
            writeln!(out)
        })?;
    } else {
        print(&findings)?;
    }
    if findings.is_empty() {
        terminal::say("nothing found: slots can be moved safely");
        return Ok(Exit::Done);
    }
    Ok(Exit::Finding)
}

fn print(findings: &[Finding]) -> Result<()> {
    terminal::print_words(|out| {
        for (severity, line) in job::lines(findings) {
            let severity = match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            writeln!(out, "{severity}: {line}")?;
        }
        Ok(())
    })
}

fn found(args: &Args, plan: Option<&Plan>, session: &mut Session) -> Result<Vec<Finding>> {
    let journal = args.journal_args.journal.as_deref();
    let pending_of = |survey: &Survey| {
        plan.map(|plan| pending_moves(plan, survey))
            .unwrap_or_default()
    };
    let Diagnosis {
        survey,
        mut findings,
        ..
    } = session.wait_until_settled(
        args.journal_args.wait,
        journal,
        OpenSlotPolicy::Checks,
        pending_of,
    )?;
    let mut pending = pending_of(&survey);
    if let Some(plan) = plan {
        let view = session.cluster.seed_view()?;
        let (plan, _) = fitting(plan, session, &view, &SlotSet::new())?;
        pending = job::pending_moves(&plan, &survey);
    }
    findings.extend(session.big_keys(&pending)?.findings());
    findings.extend(preflight::without_replica(&survey));
    Ok(findings)
}
