//! `slotkit analyze`: where do keys and bytes sit?

use super::exit::Exit;
use super::filter::FilterArgs;
use super::input_args::InputArgs;
use super::{memory_csv, nodes_file, terminal};
use crate::cluster::ClusterView;
use crate::error::{Error, ErrorKind, Result};
use crate::output_file::{are_same, is_stdout};
use crate::report::{Analysis, analysis};
use crate::slot::SlotSet;
use crate::source::{Filter, FormulaGuard, Timestamp};
use crate::tally::{self, Outcome, Tally};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The arguments of `analyze`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Key dumps: RDB files of Redis and Valkey, the memory CSV of rdb-tools or redis-rdb-cli, CSV or TSV with a header and a
    /// `key` column, lists of keys, one a line or as a JSON array of strings, logs of MONITOR, or tallies that --save
    /// wrote; each also packed with gzip, zstd or lz4; `-` is stdin; of a folder the files in it that are recognised, by
    /// name, and of an append-only file in parts its base. Several make one report.
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
    /// Read the inputs only once, also where that leaves it open why slots are hot: what a sample shows of their
    /// keys is told instead. Without it, files are read once more for slots that are fuller than chance explains,
    /// which takes as long again.
    #[arg(long)]
    no_second_pass: bool,
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
    /// Leave keys of --output memory-csv as they are that a spreadsheet would take for a formula; without it they
    /// have an apostrophe before them, which slotkit takes off again.
    #[arg(long)]
    raw_keys: bool,
    /// Write a tally of everything that was counted to this file; `-` is stdout, instead of the report. Tallies of several machines are
    /// merged by analyzing them: the report is that of one run over all inputs.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// The time from which is told how soon keys expire: a date, or a time such as
    /// 2026-11-23T21:52:29, in UTC or with an offset [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment)]
    as_of: Option<Timestamp>,
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

fn moment(text: &str) -> std::result::Result<Timestamp, String> {
    Timestamp::parse(text.as_bytes())
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

impl Args {
    /// The slots that are looked at once more.
    fn in_doubt(&self, tally: &Tally) -> SlotSet {
        // A row a slot has no causes in it, nor has a tally.
        let is_reported = self.save.as_deref().is_none_or(|path| !is_stdout(path));
        let tells_causes = is_reported && !self.csv && !matches!(self.output, Form::Csv);
        if tells_causes && !self.no_second_pass {
            analysis::slots_for_second_pass(tally, usize::from(self.top))
        } else {
            SlotSet::new()
        }
    }
}

/// Tallies the inputs and prints the report.
pub(super) fn run(args: &Args) -> Result<Exit> {
    if let Some(path) = &args.save {
        // Said before a long run, not after it.
        check_save(args, path)?;
    }
    let view = view(args)?;
    let as_of = args.as_of.unwrap_or_else(Timestamp::now);
    let filter = args.filter.filter(view.as_ref(), as_of)?;
    if let Form::MemoryCsv = args.output {
        return keys(args, filter);
    }
    let outcome = args
        .input
        .tally_twice(&args.inputs, filter, &|tally| args.in_doubt(tally))?;
    let is_reported = match &args.save {
        Some(path) if path == Path::new("-") => {
            let bytes = outcome.to_bytes()?;
            terminal::print(|out| out.write_all(&bytes))?;
            false
        }
        Some(path) => {
            outcome.save(path)?;
            !is_stdout(path)
        }
        None => true,
    };
    let has_findings = if is_reported {
        report(args, &outcome, view.as_ref(), as_of)?
    } else {
        !analysis::file_findings(&outcome.inputs, view.as_ref()).is_empty()
    };
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

/// Looks whether a tally could be saved there, and what else stands in its way.
fn check_save(args: &Args, path: &Path) -> Result<()> {
    // Ctrl-C leaves no half of a tally.
    #[cfg(feature = "live")]
    super::interrupt::Interrupt::tidy();
    if is_stdout(path) {
        let is_plain = !args.json && !args.csv && matches!(args.output, Form::Table);
        if !is_plain {
            let message = "--save writes the tally to stdout, where the report goes";
            return Err(Error::new(ErrorKind::Usage, message).fix("save it to a file"));
        }
        if std::io::stdout().is_terminal() {
            let message = "a tally isn't for a terminal";
            return Err(Error::new(ErrorKind::Usage, message).fix("save it to a file"));
        }
        return Ok(());
    }
    tally::check_place(path)?;
    if args
        .inputs
        .iter()
        .any(|input| is_among(path, Path::new(input)))
    {
        terminal::say(format!(
            "warning: {} is saved among the inputs: run again, this counts it too",
            path.display()
        ));
    }
    Ok(())
}

/// Whether a file is an input, or one of a folder that is.
fn is_among(path: &Path, input: &Path) -> bool {
    let is_hidden = path
        .file_name()
        .is_some_and(|name| name.as_bytes().starts_with(b"."));
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    are_same(path, input) || (!is_hidden && are_same(folder, input))
}

/// The keys themselves, not a report of them.
fn keys(args: &Args, filter: Filter) -> Result<Exit> {
    if args.save.is_some() {
        let message = "--save keeps a tally, and --output memory-csv counts nothing";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let guard = if args.raw_keys {
        FormulaGuard::Off
    } else {
        FormulaGuard::On
    };
    if memory_csv::run(&args.inputs, &args.input, filter, guard)? {
        Ok(Exit::Unusable)
    } else {
        Ok(Exit::Done)
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
    as_of: Timestamp,
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
            terminal::say(format!("{}: {}", finding.message, finding.fix));
        }
        return Ok(!findings.is_empty());
    }
    let analysis = Analysis::new(outcome, view, usize::from(args.top), as_of);
    match form {
        Form::Json => terminal::print(|out| {
            serde_json::to_writer(&mut *out, &analysis)?;
            out.write_all(b"\n")
        })?,
        Form::Html => terminal::print(|out| analysis::html::write(out, &analysis))?,
        _ => terminal::print_words(|out| analysis::table::write(out, &analysis))?,
    }
    Ok(!analysis.findings.is_empty())
}
