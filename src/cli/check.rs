//! `slotkit check`: everything that would make moving slots unsafe, with its mend.

use super::connection::ConnectionArgs;
use super::exit::Exit;
use super::live::{Pace, Session, Work};
use super::terminal;
use crate::error::Result;
use crate::execute::preflight;
use serde_json::json;

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

/// Nothing is moved, so the limits don't matter.
const PACE: Pace = Pace {
    timeout_ms: 10_000,
    keys_per_migrate: 1,
    slots_at_once: 1,
};

/// Prints the findings; none is success.
pub(super) fn run(args: &Args) -> Result<Exit> {
    let mut session = Session::open(args.connection.connection()?, PACE)?;
    let survey = session.survey()?;
    let mut findings = session.findings(&survey, &Work::default(), &[]);
    findings.extend(preflight::without_replica(&survey));
    terminal::print(|out| {
        if args.json {
            let document = json!({ "schema": 1, "findings": findings });
            serde_json::to_writer_pretty(&mut *out, &document)?;
            return writeln!(out);
        }
        for finding in &findings {
            let severity = if finding.forbids() {
                "error"
            } else {
                "warning"
            };
            writeln!(out, "{severity}: {finding}")?;
        }
        Ok(())
    })?;
    if findings.is_empty() {
        terminal::say("nothing found: slots can be moved safely");
        return Ok(Exit::Done);
    }
    Ok(Exit::Finding)
}
