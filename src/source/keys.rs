//! The keys of one input, read by one thread.

use super::batch::KeyBatch;
use super::block::Cutting;
use super::calls::Calls;
use super::findings::Findings;
use super::format::Format;
use super::input::Input;
use super::opened::{Blocks, Opened, Opening, Readable};
use super::options::{OnError, Options};
use super::reading::Reading;
use crate::error::Result;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Gives keys, batch by batch.
pub trait KeySource {
    /// Replaces the batch's keys by the next ones; false when there are none left.
    ///
    /// # Errors
    /// When reading fails, or a row can't be read and [`OnError::Stop`] holds.
    fn next_batch(&mut self, batch: &mut KeyBatch) -> Result<bool>;
}

/// One input, read from its beginning to its end by one thread.
pub struct Source {
    path: PathBuf,
    reading: Reading,
    format: Format,
    options: Options,
    blocks: Blocks,
    findings: Findings,
}

/// Opens an input for reading by one thread.
///
/// # Errors
/// When it can't be read, is empty, or isn't anything that holds keys.
pub fn open(input: &Input, options: &Options) -> Result<Source> {
    Source::of(Opened::any(input, options)?, options)
}

impl Source {
    /// Keys of anything that can be read, such as bytes in memory; `name` stands for the file in errors.
    ///
    /// # Errors
    /// As [`open`].
    pub fn from_reader(
        name: impl AsRef<Path>,
        reader: impl Read + Send + 'static,
        options: &Options,
    ) -> Result<Source> {
        let readable: Readable = (Box::new(reader), None);
        Source::of(Opened::readable(name.as_ref(), readable, options)?, options)
    }

    /// The keys of an input that was opened.
    ///
    /// # Errors
    /// When it is a saved tally.
    pub(crate) fn of(opening: Opening, options: &Options) -> Result<Source> {
        Ok(Source::new(opening.keys()?, options))
    }

    fn new(opened: Opened, options: &Options) -> Source {
        Source {
            path: opened.path.clone(),
            reading: opened.reading().clone(),
            format: opened.format(),
            options: options.clone(),
            blocks: opened.into_blocks(options),
            findings: Findings::default(),
        }
    }

    /// What the input was taken for.
    pub fn format(&self) -> &'static str {
        self.format.name()
    }

    /// How many bytes of the input were read; of a packed one its own.
    pub fn read_bytes(&self) -> u64 {
        self.blocks.read_bytes()
    }

    /// What was found so far besides keys.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }
}

impl KeySource for Source {
    fn next_batch(&mut self, batch: &mut KeyBatch) -> Result<bool> {
        loop {
            while self.reading.next_rows(batch, &mut self.findings) {
                if let (OnError::Stop, Some(first)) =
                    (self.options.on_error, self.findings.faults.first().first())
                {
                    return Err(first.to_error(&self.path));
                }
                if !batch.is_empty() || *batch.calls() != Calls::default() {
                    return Ok(true);
                }
            }
            let cutting = Cutting::new(&self.path, &self.reading.layout, &self.options);
            if !self.blocks.next_block(&cutting, batch)? {
                self.findings.merge(self.blocks.take_findings());
                return Ok(false);
            }
        }
    }
}
