//! Inputs that were opened and recognised.

use super::batch::{BATCH_ROWS, KeyBatch};
use super::block::{Cutting, Stream, line_of};
use super::cut::Layout;
use super::detect::{HEAD_BYTES, Recognised, recognise};
use super::fault::Faults;
use super::{Input, OnError, Options};
use crate::error::{Error, ErrorKind, Position, Result};
use memchr::memchr_iter;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Gives keys, batch by batch.
pub trait KeySource {
    /// Replaces the batch's keys by the next ones; false when there are none left.
    ///
    /// # Errors
    /// When reading fails, or a row can't be read and [`OnError::Stop`] holds.
    fn next_batch(&mut self, batch: &mut KeyBatch) -> Result<bool>;
}

/// An input that was opened: its head is read, the rest isn't.
pub(crate) struct Opened {
    pub(crate) path: PathBuf,
    pub(crate) recognised: Recognised,
    /// The file, where it is one that can be read at any place.
    pub(crate) seekable: Option<(File, u64)>,
    reader: Box<dyn Read + Send>,
    head: Vec<u8>,
    is_whole: bool,
}

impl Opened {
    /// Opens an input and recognises it.
    pub(crate) fn new(input: &Input, options: &Options) -> Result<Opened> {
        let path = input.path().to_path_buf();
        let failed = |cause| Error::io(&path, cause);
        let (mut reader, seekable): (Box<dyn Read + Send>, _) = match input {
            Input::Stdin => (Box::new(io::stdin()), None),
            Input::File(file) => open_file(file)?,
        };
        let mut head = Vec::new();
        reader
            .by_ref()
            .take(HEAD_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(failed)?;
        let is_whole = head.len() < HEAD_BYTES;
        let recognised =
            recognise(&head, is_whole, options).map_err(|error| error.at(Position::file(&path)))?;
        Ok(Opened {
            path,
            recognised,
            seekable,
            reader,
            head,
            is_whole,
        })
    }

    /// What it was taken for.
    pub(crate) fn format_name(&self) -> &'static str {
        self.recognised.name
    }

    /// What the user should know about it.
    pub(crate) fn note(&self) -> Option<&'static str> {
        self.recognised.note
    }

    /// How it is read.
    pub(crate) fn layout(&self) -> &Layout {
        &self.recognised.layout
    }

    /// Where its first row begins.
    pub(crate) fn skip(&self) -> u64 {
        self.recognised.skip as u64
    }

    /// Reads it from its beginning to its end.
    pub(crate) fn into_stream(self) -> Stream<Box<dyn Read + Send>> {
        Stream::new(self.reader, self.head, self.recognised.skip, self.is_whole)
    }
}

type Reading = (Box<dyn Read + Send>, Option<(File, u64)>);

fn open_file(path: &Path) -> Result<Reading> {
    let failed = |cause| Error::io(path, cause);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(
            Error::new(ErrorKind::Input, "expected a file, found a folder")
                .at(Position::file(path))
                .mend("name the files in it"),
        );
    }
    let seekable = match metadata.is_file() {
        true => Some((file.try_clone().map_err(failed)?, metadata.len())),
        false => None,
    };
    Ok((Box::new(file), seekable))
}

impl Layout {
    /// Replaces the batch's keys by the next ones of its block, at most
    /// [`BATCH_ROWS`]; false when the block is at its end.
    pub(crate) fn next_rows(&self, batch: &mut KeyBatch, faults: &mut Faults) -> bool {
        batch.clear_rows();
        if !batch.has_rest() {
            return false;
        }
        let mut found = Faults::default();
        match self {
            Layout::RdbTools(rows) => rows.read_rows(batch, BATCH_ROWS, &mut found),
            Layout::Quoted(rows) => rows.read_rows(batch, BATCH_ROWS, &mut found),
            Layout::Lines(rows) => rows.read_rows(batch, BATCH_ROWS),
        }
        if found.count() > 0 {
            count_lines(batch, &mut found);
            faults.merge(found);
        }
        true
    }
}

/// Fills in the lines of faults, where the line of the block is known.
fn count_lines(batch: &KeyBatch, faults: &mut Faults) {
    let Some(first_line) = batch.first_line else {
        return;
    };
    for fault in faults.first_mut() {
        let place = (fault.byte - batch.offset) as usize;
        let before = &batch.block[batch.start..place];
        fault.line = Some(first_line + memchr_iter(b'\n', before).count() as u64);
    }
}

/// Fills in the lines of faults by counting in the file. A line that can't be counted stays unknown.
pub(crate) fn find_lines(file: &File, faults: &mut Faults) {
    for fault in faults.first_mut() {
        if fault.line.is_none() {
            fault.line = line_of(file, fault.byte).ok();
        }
    }
}

/// One input, read from its beginning to its end by one thread.
pub struct Source {
    path: PathBuf,
    layout: Layout,
    format: &'static str,
    options: Options,
    stream: Stream<Box<dyn Read + Send>>,
    faults: Faults,
}

/// Opens an input for reading by one thread.
///
/// # Errors
/// When it can't be read, is empty, or isn't anything that holds keys.
pub fn open(input: &Input, options: &Options) -> Result<Source> {
    let opened = Opened::new(input, options)?;
    Ok(Source {
        path: opened.path.clone(),
        layout: opened.layout().clone(),
        format: opened.format_name(),
        options: options.clone(),
        stream: opened.into_stream(),
        faults: Faults::default(),
    })
}

impl Source {
    /// What the input was taken for.
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// The rows that couldn't be read so far.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl KeySource for Source {
    fn next_batch(&mut self, batch: &mut KeyBatch) -> Result<bool> {
        loop {
            while self.layout.next_rows(batch, &mut self.faults) {
                if let (OnError::Stop, Some(first)) =
                    (self.options.on_error, self.faults.first().first())
                {
                    return Err(first.to_error(&self.path));
                }
                if !batch.is_empty() {
                    return Ok(true);
                }
            }
            let cutting = Cutting {
                path: &self.path,
                layout: &self.layout,
                part_bytes: self.options.part_bytes,
                max_row_bytes: self.options.max_row_bytes,
            };
            if !self.stream.next_block(&cutting, batch)? {
                return Ok(false);
            }
        }
    }
}
