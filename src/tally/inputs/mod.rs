//! Counts inputs: reads them side by side and adds up one tally.
//!
//! A file whose rows can be found from any place is cut into parts that the
//! workers take one after another. Everything else (a pipe, a CSV with quotes)
//! is read by one thread that feeds the workers through a bounded queue; several RDB files are read side by side.

mod progress;
mod second_pass;
mod workers;

use super::hot_slot_names::HotSlotNames;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::slot::SlotSet;
use crate::source::{
    self, Findings, Format, Input, InputContent, LongRowIndex, OnError, OpenInput, Parts,
    QueuedInput, SkippedFile, Splitter,
};
use crate::tally::Operations;
use crate::tally::{Prefixes, Tally};
use progress::ProgressMeter;
use rayon::ThreadPool;
use std::borrow::Cow;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use workers::{Worker, WorkerResult};

pub use progress::{Pass, Progress};
pub use second_pass::{SecondPass, count_inputs_twice};

/// How many threads a run takes by itself. Each has its own tally of up to
/// about 10 MB, so that more would break the promise of flat memory.
pub const MAX_DEFAULT_THREADS: usize = 8;

/// How inputs are tallied.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How they are read.
    pub source: source::Options,
    /// How many threads; as many as the machine has when it isn't said, but at
    /// most [`MAX_DEFAULT_THREADS`].
    pub threads: Option<usize>,
    /// What a prefix is.
    pub prefixes: Prefixes,
}

/// Tallies inputs side by side.
///
/// The same inputs give the same outcome for any number of threads.
///
/// # Errors
/// When an input can't be read, isn't anything that holds keys, or has a row
/// that can't be read and [`OnError::Stop`] holds: the first such row is named.
pub fn count_inputs(
    inputs: &[Input],
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Outcome> {
    let pool = pool(options)?;
    let (queued, skipped_files) = QueuedInput::open_all(inputs, &options.source)?;
    let total_bytes = queued.iter().map(|input| input.length).sum();
    let meter = ProgressMeter::new(total_bytes, Pass::First, progress);
    let counter = InputCounter {
        pool: &pool,
        options: &options.source,
        prefixes: options.prefixes,
        meter: &meter,
        second_pass: None,
    };
    let mut outcome = counter.all(queued)?;
    outcome.skipped_files = skipped_files;
    if let Some(slots) = &options.source.filter.slots {
        outcome.tally.covers_only(slots.clone());
    }
    Ok(outcome)
}

fn pool(options: &Options) -> Result<ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.unwrap_or_else(default_threads))
        .build()
        .map_err(|cause| Error::new(ErrorKind::Io, "threads can't be started").caused_by(cause))
}

fn default_threads() -> usize {
    let machine = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    machine.min(MAX_DEFAULT_THREADS)
}

/// Who counts the keys of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CountingThreads {
    /// The threads of the pool.
    Pool,
    /// The thread that asks for it.
    Caller,
}

/// One input's run.
#[derive(Clone, Copy)]
struct InputCounter<'run> {
    pool: &'run ThreadPool,
    options: &'run source::Options,
    prefixes: Prefixes,
    meter: &'run ProgressMeter<'run>,
    /// The only slots whose keys are counted, and what is counted of them: in a second pass.
    second_pass: Option<(&'run SlotSet, &'run HotSlotNames)>,
}

impl InputCounter<'_> {
    /// One input after another; RDB files that stand together side by side.
    fn all(&self, inputs: Vec<QueuedInput<'_>>) -> Result<Outcome> {
        let collector = OutcomeCollector::new(inputs.len());
        let mut inputs = inputs.into_iter().enumerate().peekable();
        while let Some(input) = inputs.next() {
            let mut files = vec![input];
            while files[0].1.format.is_snapshot()
                && let Some(next) = inputs.next_if(|(_, next)| next.format.is_snapshot())
            {
                files.push(next);
            }
            match self.lanes(files.len()) {
                0 | 1 => {
                    for (at, file) in files {
                        collector.add(at, self.any_input(file, CountingThreads::Pool)?);
                    }
                }
                lanes => self.side_by_side(lanes, files, &collector)?,
            }
        }
        Ok(collector.outcome(self.prefixes))
    }

    fn any_input(&self, input: QueuedInput<'_>, counting: CountingThreads) -> Result<Outcome> {
        match input.open(self.options)? {
            InputContent::Keys(open_input) => {
                let (tally, summary) = self.input(*open_input, counting)?;
                Ok(Outcome {
                    tally,
                    inputs: vec![summary],
                    skipped_files: Vec::new(),
                    second_pass: SecondPass::None,
                })
            }
            InputContent::Tally {
                path,
                reader,
                length,
            } => {
                let outcome = Outcome::from_saved(reader, &path)?;
                self.check_prefixes(outcome.tally.prefixes(), &path)?;
                self.meter.add(length.unwrap_or(0));
                Ok(outcome)
            }
            InputContent::Unknown(error) => Err(error),
        }
    }

    /// Prefixes of two kinds can't be counted together.
    fn check_prefixes(&self, saved: Prefixes, path: &Path) -> Result<()> {
        if saved == self.prefixes {
            return Ok(());
        }
        let (delimiter, depth) = (saved.delimiter().escape_ascii(), saved.depth());
        let message = format!(
            "expected a tally with the same prefixes as in the rest, found delimiter `{delimiter}` and depth {depth}"
        );
        let fix = format!("pass --prefix-delimiter '{delimiter}' --prefix-depth {depth}");
        Err(Error::new(ErrorKind::Usage, message)
            .at(Position::file(path))
            .fix(fix))
    }

    fn input(&self, input: OpenInput, counting: CountingThreads) -> Result<(Tally, InputSummary)> {
        let path = input.path.clone();
        let row_reader = input.row_reader().clone();
        let splitter = Splitter::new(&path, &row_reader.layout, self.options);
        let (format, note) = (input.format(), input.note());
        let file = match &input.seekable {
            Some((file, length)) if input.has_lines() => Some((
                file.try_clone().map_err(|cause| Error::io(&path, cause))?,
                *length,
            )),
            _ => None,
        };
        let mut result = match &file {
            Some((file, length)) if row_reader.layout.look_behind().is_some() => {
                let parts = Parts {
                    file,
                    length: *length,
                    skip: input.skip(),
                    long_rows: &LongRowIndex::default(),
                    looks_far: false,
                };
                self.parts(&parts, &splitter, &row_reader)
            }
            _ => self.stream(input, &splitter, &row_reader, counting),
        };
        self.finish(&mut result, file.as_ref().map(|(file, _)| file), &path)?;
        result.findings.note_counts();
        let unmet_options = row_reader.unmet_options(self.options);
        result.findings.notes.extend(unmet_options);
        let keys = result.tally.total().keys;
        let operations = result.tally.operations().map_or(0, Operations::total);
        let slots = format.is_snapshot().then(|| result.tally.used_slots());
        Ok((
            result.tally,
            InputSummary {
                path,
                format,
                note: note.map(Cow::Borrowed),
                keys,
                operations,
                findings: result.findings,
                slots,
                tally: None,
            },
        ))
    }

    /// Turns what was found into the first error, if there is one to stop at.
    fn finish(&self, result: &mut WorkerResult, file: Option<&File>, path: &Path) -> Result<()> {
        if let Some(file) = file {
            source::find_lines(file, &mut result.findings.row_errors);
        }
        let first = result.findings.row_errors.first().first();
        match (result.failure.take(), first) {
            (Some((byte, error)), Some(row_error))
                if row_error.byte >= byte || self.options.on_error == OnError::Skip =>
            {
                Err(error)
            }
            (_, Some(row_error)) if self.options.on_error == OnError::Stop => Err(row_error
                .to_error(path)
                .fix("fix the row, or pass over such rows with --on-error skip")),
            (Some((_, error)), _) => Err(error),
            _ => Ok(()),
        }
    }

    /// A worker that shares nothing with others.
    fn worker(&self) -> Worker<'_> {
        Worker::new(self.options, self.tally(), self.slots())
    }

    /// A tally of nothing yet.
    fn tally(&self) -> Tally {
        let tally = Tally::with_prefixes(self.prefixes);
        match self.second_pass {
            Some((_, hot_slot_names)) => tally.counting_names(hot_slot_names),
            None => tally,
        }
    }

    /// The slots whose keys are counted, where the others aren't.
    fn slots(&self) -> Option<&SlotSet> {
        self.second_pass.map(|(slots, _)| slots)
    }

    /// Runs a worker on so many threads of the pool and merges what they found.
    fn workers(&self, count: usize, work: impl Fn(&mut Worker<'_>) + Sync) -> WorkerResult {
        let first = self.tally();
        let result = self.pool.broadcast(|thread| {
            let mut worker = (thread.index() < count)
                .then(|| Worker::new(self.options, first.beside(), self.slots()))?;
            work(&mut worker);
            Some(worker.result)
        });
        result
            .into_iter()
            .flatten()
            .reduce(|mut all, next| {
                all.merge(next);
                all
            })
            .unwrap_or_else(|| WorkerResult::new(first))
    }
}

/// What became of one input.
#[derive(Clone, Debug)]
pub struct InputSummary {
    /// Its path, or `<stdin>`.
    pub path: PathBuf,
    /// What it was taken for.
    pub format: Format,
    /// What the user should know about it.
    pub note: Option<Cow<'static, str>>,
    /// How many keys were read.
    pub keys: u64,
    /// How many operations on keys were read from a log of MONITOR.
    pub operations: u64,
    /// Rows that couldn't be read, keys that were left out.
    pub findings: Findings,
    /// The slots that its keys are in, where it is the snapshot of one node: an RDB file.
    pub slots: Option<SlotSet>,
    /// The saved tally that it was counted in, when it wasn't read by this run.
    pub tally: Option<PathBuf>,
}

/// What a run gives.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was counted in all inputs.
    pub tally: Tally,
    /// The inputs, in the order given.
    pub inputs: Vec<InputSummary>,
    /// Files of folders that aren't inputs.
    pub skipped_files: Vec<SkippedFile>,
    /// What became of the second pass.
    pub second_pass: SecondPass,
}

impl Outcome {
    /// Adds what was counted in other inputs; the inputs come behind these.
    pub fn merge(&mut self, other: Outcome) {
        self.tally.merge(other.tally);
        self.second_pass = SecondPass::None;
        self.inputs.extend(other.inputs);
        self.skipped_files.extend(other.skipped_files);
    }

    /// How many rows were passed over.
    pub fn skipped(&self) -> u64 {
        let counts = self
            .inputs
            .iter()
            .map(|input| input.findings.row_errors.count());
        // A tally file may say anything.
        counts.fold(0, u64::saturating_add)
    }
}

/// One tally for all, since each takes up to 10 MB, and the summaries by the places of their inputs.
pub(super) struct OutcomeCollector(Mutex<(Option<Tally>, Vec<Vec<InputSummary>>)>);

impl OutcomeCollector {
    pub(super) fn new(inputs: usize) -> OutcomeCollector {
        OutcomeCollector(Mutex::new((None, vec![Vec::new(); inputs])))
    }

    /// Adds what the input at a place gave.
    pub(super) fn add(&self, at: usize, outcome: Outcome) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut all.0 {
            Some(tally) => tally.merge(outcome.tally),
            none => *none = Some(outcome.tally),
        }
        all.1[at] = outcome.inputs;
    }

    /// Everything, the inputs in the order given.
    pub(super) fn outcome(self, prefixes: Prefixes) -> Outcome {
        let (tally, summaries) = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        Outcome {
            tally: tally.unwrap_or_else(|| Tally::with_prefixes(prefixes)),
            inputs: summaries.into_iter().flatten().collect(),
            skipped_files: Vec::new(),
            second_pass: SecondPass::None,
        }
    }
}
