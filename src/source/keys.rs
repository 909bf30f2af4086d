//! The keys of one input, read by one thread.

use super::batch::KeyBatch;
use super::blocks::Splitter;
use super::calls::Calls;
use super::findings::Findings;
use super::format::Format;
use super::input::Input;
use super::open_input::{Blocks, InputContent, OpenInput, Readable};
use super::options::{OnError, Options};
use super::row_reader::RowReader;
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
    row_reader: RowReader,
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
    Source::of(OpenInput::open(input, options)?, options)
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
        Source::of(
            OpenInput::recognise(name.as_ref(), readable, options)?,
            options,
        )
    }

    /// The keys of an input that was opened.
    ///
    /// # Errors
    /// When it is a saved tally.
    pub(crate) fn of(content: InputContent, options: &Options) -> Result<Source> {
        Ok(Source::new(content.keys()?, options))
    }

    fn new(open_input: OpenInput, options: &Options) -> Source {
        Source {
            path: open_input.path.clone(),
            row_reader: open_input.row_reader().clone(),
            format: open_input.format(),
            options: options.clone(),
            blocks: open_input.into_blocks(options),
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
            while self.row_reader.next_rows(batch, &mut self.findings) {
                if let (OnError::Stop, Some(first)) = (
                    self.options.on_error,
                    self.findings.row_errors.first().first(),
                ) {
                    return Err(first.to_error(&self.path));
                }
                if !batch.is_empty() || *batch.calls() != Calls::default() {
                    return Ok(true);
                }
            }
            let splitter = Splitter::new(&self.path, &self.row_reader.layout, &self.options);
            if !self.blocks.next_block(&splitter, batch)? {
                self.findings.merge(self.blocks.take_findings());
                return Ok(false);
            }
        }
    }
}
