//! What counting inputs gives: the tally, and a summary of each input.

use super::SecondPass;
use crate::slot::SlotSet;
use crate::source::{Findings, Format, SkippedFile};
use crate::tally::Tally;
use std::borrow::Cow;
use std::path::PathBuf;

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
