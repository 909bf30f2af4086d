//! The parallel run: inputs in, one tally out.
//!
//! A file whose rows can be found from any place is cut into parts that the
//! workers take one after another. Everything else (a pipe, a CSV with quotes)
//! is read by one thread that feeds the workers through a bounded queue; several RDB files are read side by side.

mod gathered;
mod meter;
mod snapshots;
mod worker;

use super::{Operations, Prefixes, Tally};
use crate::error::{Error, ErrorKind, Position, Result};
use crate::slot::SlotSet;
use crate::source::{
    self, Cutting, Findings, Format, Input, KeyBatch, OnError, Opened, Opening, Parts, Reading,
    Waiting,
};
use gathered::Gathered;
use meter::Meter;
use rayon::ThreadPool;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use worker::{Found, Worker};

pub use meter::Progress;

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

/// What became of one input.
#[derive(Clone, Debug)]
pub struct InputSummary {
    /// Its path, or `<stdin>`.
    pub path: PathBuf,
    /// What it was taken for.
    pub format: &'static str,
    /// What the user should know about it.
    pub note: Option<&'static str>,
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
}

impl Outcome {
    /// Adds what was counted in other inputs; the inputs come behind these.
    pub fn merge(&mut self, other: Outcome) {
        self.tally.merge(other.tally);
        self.inputs.extend(other.inputs);
    }

    /// How many rows were passed over.
    pub fn skipped(&self) -> u64 {
        self.inputs
            .iter()
            .map(|input| input.findings.faults.count())
            .sum()
    }
}

/// Tallies inputs side by side.
///
/// The same inputs give the same outcome for any number of threads.
///
/// # Errors
/// When an input can't be read, isn't anything that holds keys, or has a row
/// that can't be read and [`OnError::Stop`] holds: the first such row is named.
pub fn run(
    inputs: &[Input],
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Outcome> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.unwrap_or_else(default_threads))
        .build()
        .map_err(|cause| Error::new(ErrorKind::Io, "threads can't be started").caused_by(cause))?;
    let waiting = Waiting::all(inputs, &options.source)?;
    let total_bytes = waiting.iter().map(|input| input.length).sum();
    let meter = Meter::new(total_bytes, progress);
    let run = Run {
        pool: &pool,
        options: &options.source,
        prefixes: options.prefixes,
        meter: &meter,
    };
    run.all(waiting)
}

fn default_threads() -> usize {
    let machine = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    machine.min(MAX_DEFAULT_THREADS)
}

/// Who counts the keys of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crew {
    /// The threads of the pool.
    Pool,
    /// The thread that asks for it.
    Caller,
}

/// One input's run.
#[derive(Clone, Copy)]
struct Run<'run> {
    pool: &'run ThreadPool,
    options: &'run source::Options,
    prefixes: Prefixes,
    meter: &'run Meter<'run>,
}

impl Run<'_> {
    /// One input after another; RDB files that stand together side by side.
    fn all(&self, inputs: Vec<Waiting<'_>>) -> Result<Outcome> {
        let gathered = Gathered::new(inputs.len());
        let mut inputs = inputs.into_iter().enumerate().peekable();
        while let Some(input) = inputs.next() {
            let mut files = vec![input];
            while files[0].1.is_snapshot
                && let Some(next) = inputs.next_if(|(_, next)| next.is_snapshot)
            {
                files.push(next);
            }
            match self.lanes(files.len()) {
                0 | 1 => {
                    for (at, file) in files {
                        gathered.add(at, self.any_input(file, Crew::Pool)?);
                    }
                }
                lanes => self.side_by_side(lanes, files, &gathered)?,
            }
        }
        Ok(gathered.outcome(self.prefixes))
    }

    fn any_input(&self, input: Waiting<'_>, crew: Crew) -> Result<Outcome> {
        match input.open(self.options)? {
            Opening::Keys(opened) => {
                let (tally, summary) = self.input(*opened, crew)?;
                Ok(Outcome {
                    tally,
                    inputs: vec![summary],
                })
            }
            Opening::Tally {
                path,
                reader,
                length,
            } => {
                let outcome = Outcome::from_saved(reader, &path)?;
                self.check_prefixes(outcome.tally.prefixes(), &path)?;
                self.meter.add(length.unwrap_or(0));
                Ok(outcome)
            }
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
        let mend = format!("pass --prefix-delimiter '{delimiter}' --prefix-depth {depth}");
        Err(Error::new(ErrorKind::Usage, message)
            .at(Position::file(path))
            .mend(mend))
    }

    fn input(&self, input: Opened, crew: Crew) -> Result<(Tally, InputSummary)> {
        let path = input.path.clone();
        let reading = input.reading().clone();
        let cutting = Cutting {
            path: &path,
            layout: &reading.layout,
            part_bytes: self.options.part_bytes,
            max_row_bytes: self.options.max_row_bytes,
            skips_long: self.options.on_error == OnError::Skip,
        };
        let (format, note) = (input.format_name(), input.note());
        let file = match &input.seekable {
            Some((file, length)) if input.has_lines() => Some((
                file.try_clone().map_err(|cause| Error::io(&path, cause))?,
                *length,
            )),
            _ => None,
        };
        if input.packed().is_none() {
            self.meter.add(input.skip());
        }
        let mut found = match &file {
            Some((file, length)) if reading.layout.look_behind().is_some() => {
                let parts = Parts {
                    file,
                    length: *length,
                    skip: input.skip(),
                    barren: &Mutex::new(0..0),
                };
                self.parts(&parts, &cutting, &reading)
            }
            _ => self.stream(input, &cutting, &reading, crew),
        };
        self.finish(&mut found, file.as_ref().map(|(file, _)| file), &path)?;
        let keys = found.tally.total().keys;
        let operations = found.tally.operations().map_or(0, Operations::total);
        let slots = (format == Format::Rdb.name()).then(|| found.tally.used_slots());
        Ok((
            found.tally,
            InputSummary {
                path,
                format,
                note,
                keys,
                operations,
                findings: found.findings,
                slots,
                tally: None,
            },
        ))
    }

    /// Turns what was found into the first error, if there is one to stop at.
    fn finish(&self, found: &mut Found, file: Option<&File>, path: &Path) -> Result<()> {
        if let Some(file) = file {
            source::find_lines(file, &mut found.findings.faults);
        }
        let first = found.findings.faults.first().first();
        match (found.failure.take(), first) {
            (Some((byte, error)), Some(fault))
                if fault.byte >= byte || self.options.on_error == OnError::Skip =>
            {
                Err(error)
            }
            (_, Some(fault)) if self.options.on_error == OnError::Stop => Err(fault
                .to_error(path)
                .mend("mend the row, or pass over such rows with --on-error skip")),
            (Some((_, error)), _) => Err(error),
            _ => Ok(()),
        }
    }

    /// Workers take the parts of a file one after another.
    fn parts(&self, parts: &Parts<'_>, cutting: &Cutting<'_>, reading: &Reading) -> Found {
        let count = parts.count(cutting);
        let next = AtomicU64::new(0);
        let stop = AtomicU64::new(u64::MAX);
        self.workers(self.pool.current_num_threads(), |worker| {
            loop {
                // Parts are handed out in order, so every part before a failed one is read to its end.
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= count || part > stop.load(Ordering::Relaxed) {
                    return;
                }
                let refused = &mut worker.found.findings.faults;
                if let Err(error) = parts.read(part, cutting, &mut worker.batch, refused) {
                    let byte = worker.batch.block_offset();
                    worker.found.fail(byte, error);
                    stop.fetch_min(part, Ordering::Relaxed);
                    return;
                }
                worker.count_block(reading);
                if worker.must_stop() {
                    stop.fetch_min(part, Ordering::Relaxed);
                }
                self.meter.add(cutting.part_bytes as u64);
            }
        })
    }

    /// One thread reads, workers count.
    fn stream(&self, input: Opened, cutting: &Cutting<'_>, reading: &Reading, crew: Crew) -> Found {
        let threads = self.pool.current_num_threads();
        let workers = match (crew, reading.layout.is_stepped_over()) {
            (Crew::Caller, _) => 1,
            // Who steps over values keeps a processor busy for each that counts keys.
            (Crew::Pool, true) => (threads / 2).max(1),
            (Crew::Pool, false) => threads,
        };
        // Keys that were stepped over are small: a few batches of them wait, so that neither side sleeps
        // when the other one is slower for a moment.
        let waiting = match reading.layout.is_stepped_over() {
            true => 4 * workers,
            false => workers,
        };
        let (full, filled) = sync_channel::<KeyBatch>(waiting);
        // As many batches as can be in the queue, with the workers and with the reader.
        let batches = waiting + workers + 1;
        let (empty, emptied) = sync_channel::<KeyBatch>(batches);
        for _ in 0..batches {
            let _ = empty.send(KeyBatch::new());
        }
        let stop = AtomicU64::new(u64::MAX);
        let stop = &stop;
        std::thread::scope(move |scope| {
            // Both ends belong to this closure: should a worker panic, they are dropped, and the
            // reader ends instead of waiting for ever.
            let (filled, empty) = (Mutex::new(filled), empty);
            let reader =
                scope.spawn(move || self.read_blocks(input, cutting, &emptied, &full, stop));
            let work = |worker: &mut Worker<'_>| {
                loop {
                    // One worker waits for the next block, the others wait for the lock.
                    let batch = filled.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(batch) = batch else { return };
                    worker.batch = batch;
                    worker.count_block(reading);
                    if worker.must_stop() {
                        stop.fetch_min(worker.batch.block_offset(), Ordering::Relaxed);
                    }
                    // The reader may have ended already.
                    let _ = empty.send(std::mem::take(&mut worker.batch));
                }
            };
            let mut found = match crew {
                Crew::Pool => self.workers(workers, work),
                Crew::Caller => {
                    let mut worker = Worker::new(self.options, self.prefixes);
                    work(&mut worker);
                    worker.found
                }
            };
            match reader.join() {
                Ok((findings, failure)) => {
                    found.findings.merge(findings);
                    if let Some((byte, error)) = failure {
                        found.fail(byte, error);
                    }
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
            found
        })
    }

    fn read_blocks(
        &self,
        input: Opened,
        cutting: &Cutting<'_>,
        emptied: &Receiver<KeyBatch>,
        full: &SyncSender<KeyBatch>,
        stop: &AtomicU64,
    ) -> (Findings, Option<(u64, Error)>) {
        let mut packed = input.packed();
        let mut blocks = input.into_blocks(self.options);
        let failure = loop {
            let Ok(mut batch) = emptied.recv() else {
                break None;
            };
            let begin = blocks.offset();
            if begin > stop.load(Ordering::Relaxed) {
                break None;
            }
            match blocks.next_block(cutting, &mut batch) {
                Ok(true) => {}
                Ok(false) => break None,
                Err(error) => break Some((begin, error)),
            }
            self.meter.add(match &mut packed {
                Some(packed) => packed.step(),
                None => blocks.offset() - begin,
            });
            if full.send(batch).is_err() {
                break None;
            }
        };
        (blocks.take_findings(), failure)
    }

    /// Runs a worker on so many threads of the pool and merges what they found.
    fn workers(&self, count: usize, work: impl Fn(&mut Worker<'_>) + Sync) -> Found {
        let found = self.pool.broadcast(|thread| {
            let mut worker =
                (thread.index() < count).then(|| Worker::new(self.options, self.prefixes))?;
            work(&mut worker);
            Some(worker.found)
        });
        found
            .into_iter()
            .flatten()
            .reduce(|mut all, next| {
                all.merge(next);
                all
            })
            .unwrap_or_else(|| Found::new(self.prefixes))
    }
}
