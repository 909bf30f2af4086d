//! `slotkit check`: everything that would make moving slots unsafe, with its mend.

use super::apply::require_fit;
use super::connection::ConnectionArgs;
use super::exit::Exit;
use super::findings;
use super::journal_path::journal_of;
use super::live::{Begun, Pace, Session};
use super::pace::BIG_KEY_LIMIT;
use super::size::size;
use super::terminal;
use super::work::{Work, work};
use crate::error::Result;
use crate::execute::executor::{Limits, OnConflict};
use crate::execute::finding::{Finding, Severity};
use crate::execute::journal::Journal;
use crate::execute::preflight;
use crate::plan::Plan;
use serde_json::json;
use std::path::PathBuf;

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
    /// The journal that says which open slots are your own [default: a file of this cluster's in
    /// ~/.local/state/slotkit].
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

/// Nothing is moved, so the limits don't matter.
const PACE: Pace = Pace {
    timeout_ms: 10_000,
    keys_per_migrate: 1,
    slots_at_once: 1,
    pairs_per_node: 1,
    bytes_per_migrate: None,
    limits: Limits {
        keys_per_second: None,
        bytes_per_second: None,
        max_latency_ms: None,
        max_memory_percent: None,
        max_replica_lag_bytes: None,
    },
    on_conflict: OnConflict::Stop,
};

/// Prints the findings; none is success.
pub(super) fn run(args: &Args) -> Result<Exit> {
    let plan = args.plan.as_ref().map(Plan::read).transpose()?;
    let mut session = Session::open(args.connection.connection()?, PACE)?;
    let findings = found(args, plan.as_ref(), &mut session)?;
    terminal::print(|out| {
        if args.json {
            let document = json!({ "schema": 1, "findings": findings });
            serde_json::to_writer_pretty(&mut *out, &document)?;
            return writeln!(out);
        }
        for (severity, line) in findings::lines(&findings) {
            let severity = match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            writeln!(out, "{severity}: {line}")?;
        }
        Ok(())
    })?;
    if findings.is_empty() {
        terminal::say("nothing found: slots can be moved safely");
        return Ok(Exit::Done);
    }
    Ok(Exit::Finding)
}

fn found(args: &Args, plan: Option<&Plan>, session: &mut Session) -> Result<Vec<Finding>> {
    let view = session.cluster.seed_view()?;
    let begun = Journal::peek(&journal_of(args.journal.as_deref(), &view))?;
    let survey = session.survey()?;
    let work = match plan {
        Some(plan) => {
            require_fit(plan, session)?;
            work(plan, &survey)
        }
        None => Work::default(),
    };
    let mut findings = session.findings(&survey, &work, Begun::Left(&begun));
    findings.extend(session.big_keys(&work, args.big_key_limit)?.findings());
    findings.extend(preflight::without_replica(&survey));
    Ok(findings)
}
