//! `slotkit analyze`: where do keys and bytes sit?

use super::exit::Exit;
use super::filter::FilterArgs;
use super::input::InputArgs;
use super::{memory_csv, nodes_file, terminal};
use crate::cluster::ClusterView;
use crate::error::{Error, ErrorKind, Result};
use crate::report::{Analysis, analysis};
use crate::source::{Filter, Moment};
use crate::tally::{self, Outcome};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The arguments of `analyze`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Key dumps: RDB files of Redis and Valkey, the memory CSV of rdb-tools or redis-rdb-cli, CSV or TSV with a header and a
    /// `key` column, lists of keys, one a line, logs of MONITOR, or tallies that --save wrote; each also packed with
    /// gzip, zstd or lz4; `-` is stdin; of a folder the files in it, by name. Several make one report.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<OsString>,
    /// A saved CLUSTER NODES, to tell keys and bytes of each node.
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(feature = "live", arg(conflicts_with_all = ["host", "port", "uri"]))]
    nodes: Option<PathBuf>,
    /// How many hot slots, keys, hash tags and prefixes to list (of keys 100 at most).
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u16).range(0..=16384))]
    top: u16,
    /// The form of the report.
    #[arg(long, value_enum, value_name = "FORM", default_value = "table")]
    #[arg(conflicts_with_all = ["json", "csv"])]
    output: Form,
    /// Print one JSON document; the same as --output json.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print a CSV with a row for each slot; the same as --output csv. Keys that a spreadsheet
    /// would take for a formula have an apostrophe before them; --json has them as they are.
    #[arg(long)]
    csv: bool,
    /// Leave keys of --output memory-csv as they are that a spreadsheet would take for a formula.
    #[arg(long)]
    raw_keys: bool,
    /// Write a tally of everything that was counted to this file. Tallies of several machines are
    /// merged by analyzing them: the report is that of one run over all inputs.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// The time from which is told how soon keys expire: a date, or a time such as
    /// 2026-11-23T21:52:29, in UTC or with an offset [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment)]
    as_of: Option<Moment>,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// The live cluster whose nodes are told instead of a saved CLUSTER NODES.
    #[cfg(feature = "live")]
    #[command(flatten)]
    pub(super) connection: super::connection::ConnectionArgs,
    /// Print help.
    #[cfg(not(feature = "live"))]
    #[arg(short = 'h', long, action = clap::ArgAction::Help, help_heading = "Options")]
    help: Option<bool>,
}

fn moment(text: &str) -> std::result::Result<Moment, String> {
    Moment::parse(text.as_bytes())
        .ok_or_else(|| "expected a date or a time such as 2026-11-23T21:52:29".to_owned())
}

/// The form of a report.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Form {
    /// For people.
    Table,
    /// One document for programs.
    Json,
    /// A row a slot.
    Csv,
    /// A row a key of RDB files, with the columns of rdb-tools' memory CSV, correctly quoted.
    MemoryCsv,
    /// One page for a browser, with charts; nothing is loaded from elsewhere.
    Html,
}

/// Tallies the inputs and prints the report.
pub(super) fn run(args: &Args) -> Result<Exit> {
    if args.save.as_deref() == Some(Path::new("-")) {
        let message = "--save expects a file: stdout has the report";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    if let Some(path) = &args.save {
        // Said before a long run, not after it.
        tally::check_place(path)?;
    }
    let view = view(args)?;
    let as_of = args.as_of.unwrap_or_else(Moment::now);
    let filter = args.filter.filter(view.as_ref(), as_of)?;
    if let Form::MemoryCsv = args.output {
        return keys(args, filter);
    }
    let outcome = args.input.tally(&args.inputs, filter)?;
    if let Some(path) = &args.save {
        outcome.save(path)?;
    }
    let has_findings = report(args, &outcome, view.as_ref(), as_of)?;
    let exit = match (outcome.skipped(), has_findings) {
        (0, false) => Exit::Done,
        (0, true) => Exit::Finding,
        _ => Exit::Unusable,
    };
    // The process ends: to give some 100,000 small pieces of memory back one by one would take
    // longer than to write the report.
    std::mem::forget(outcome);
    Ok(exit)
}

/// The keys themselves, not a report of them.
fn keys(args: &Args, filter: Filter) -> Result<Exit> {
    if args.save.is_some() {
        let message = "--save keeps a tally, and --output memory-csv counts nothing";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    match memory_csv::run(&args.inputs, &args.input, filter, !args.raw_keys)? {
        true => Ok(Exit::Unusable),
        false => Ok(Exit::Done),
    }
}

/// The slot map that was named, saved or live.
fn view(args: &Args) -> Result<Option<ClusterView>> {
    if let Some(path) = &args.nodes {
        return nodes_file::read(path).map(Some);
    }
    #[cfg(feature = "live")]
    if args.connection.is_given() {
        return args.connection.connection()?.view().map(Some);
    }
    Ok(None)
}

/// Prints the report; returns whether it has findings.
fn report(
    args: &Args,
    outcome: &Outcome,
    view: Option<&ClusterView>,
    as_of: Moment,
) -> Result<bool> {
    let form = match (args.json, args.csv) {
        (true, _) => Form::Json,
        (_, true) => Form::Csv,
        _ => args.output,
    };
    if let Form::Csv = form {
        terminal::print(|out| analysis::csv::write(out, &outcome.tally, view))?;
        let findings = analysis::file_findings(&outcome.inputs, view);
        // A row a slot has no place for them; damage was said before.
        for finding in findings.iter().filter(|finding| finding.kind != "damaged") {
            terminal::say(format!("{}: {}", finding.message, finding.mend));
        }
        return Ok(!findings.is_empty());
    }
    let analysis = Analysis::new(outcome, view, usize::from(args.top), as_of);
    terminal::print(|out| match form {
        Form::Json => {
            serde_json::to_writer(&mut *out, &analysis)?;
            out.write_all(b"\n")
        }
        Form::Html => analysis::html::write(out, &analysis),
        _ => analysis::table::write(out, &analysis),
    })?;
    Ok(!analysis.findings.is_empty())
}
