//! Opens an input and recognises its format.

use super::batch::KeyBatch;
use super::blocks::{Splitter, Stream};
use super::detect::{HEAD_BYTES, Recognised};
use super::filter::Filter;
use super::findings::Findings;
use super::folder::is_unfinished;
use super::format::{Format, TALLY_MAGIC};
use super::formats::recognise;
use super::input::Input;
use super::options::Options;
use super::parts::line_of;
use super::read_counter::ReadCounter;
use super::row_errors::RowErrors;
use super::row_layout::{Bytes, KeyReader};
use super::row_reader::RowReader;
use super::unpack::{Packing, begins_skipped, is_damage, read_error, skip_frames};
use crate::error::{Error, ErrorKind, Position, Result};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What an input that was opened holds.
pub(crate) enum InputContent {
    /// Keys.
    Keys(Box<OpenInput>),
    /// A saved tally: its bytes, and how many there are in the file when that is known.
    Tally {
        path: PathBuf,
        reader: Bytes,
        length: Option<u64>,
    },
    /// Nobody knows what; the error says what it looks like.
    Unknown(Error),
}

impl InputContent {
    /// How many bytes the file has; unknown of pipes.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            InputContent::Keys(open_input) => open_input.length(),
            InputContent::Tally { length, .. } => *length,
            InputContent::Unknown(_) => None,
        }
    }

    /// What it was taken for.
    ///
    /// # Errors
    /// What an input looks like that nobody knows.
    pub(super) fn format(&self) -> std::result::Result<Format, &Error> {
        match self {
            InputContent::Keys(open_input) => Ok(open_input.format()),
            InputContent::Tally { .. } => Ok(Format::TALLY),
            InputContent::Unknown(error) => Err(error),
        }
    }

    /// The input, when it holds keys.
    pub(super) fn keys(self) -> Result<OpenInput> {
        match self {
            InputContent::Keys(open_input) => Ok(*open_input),
            InputContent::Tally { path, .. } => {
                let message = "expected keys, found a saved tally";
                Err(Error::new(ErrorKind::Input, message).at(Position::file(path)))
            }
            InputContent::Unknown(error) => Err(error),
        }
    }
}

/// An input of keys that was opened: its head is read, the rest isn't.
pub(crate) struct OpenInput {
    pub(crate) path: PathBuf,
    row_reader: RowReader,
    recognised: Recognised,
    /// The file, where it is one that can be read at any place.
    pub(crate) seekable: Option<(File, u64)>,
    /// How far it was read, where it is packed.
    packed: Option<ReadCounter>,
    reader: Bytes,
    head: Vec<u8>,
    is_whole: bool,
}

impl OpenInput {
    /// Opens an input and recognises it.
    pub(crate) fn open(input: &Input, options: &Options) -> Result<InputContent> {
        let readable: Readable = match input {
            Input::Stdin => (Box::new(io::stdin()), None),
            Input::File(file) | Input::Found(file) => open_file(file)?,
        };
        match OpenInput::open_reader(input.path(), readable, options)? {
            InputContent::Keys(open_input)
                if matches!(input, Input::Found(_)) && open_input.recognised.is_slight =>
            {
                let message = "expected keys, found a number alone";
                let error =
                    Error::new(ErrorKind::Input, message).at(Position::file(open_input.path));
                Ok(InputContent::Unknown(error))
            }
            InputContent::Unknown(error) if matches!(input, Input::File(_) | Input::Stdin) => {
                Err(error)
            }
            content => Ok(content),
        }
    }

    /// Recognises what is read.
    ///
    /// # Errors
    /// When reading fails, or it isn't anything that holds keys.
    pub(super) fn recognise(
        path: &Path,
        readable: Readable,
        options: &Options,
    ) -> Result<InputContent> {
        match OpenInput::open_reader(path, readable, options)? {
            InputContent::Unknown(error) => Err(error),
            content => Ok(content),
        }
    }

    /// The same, where it isn't an error that nobody knows what it is.
    fn open_reader(path: &Path, readable: Readable, options: &Options) -> Result<InputContent> {
        let path = path.to_path_buf();
        let failed = |cause| Error::io(&path, cause);
        let (mut reader, mut seekable) = readable;
        let (mut head, mut is_whole) = read_head(&mut reader).map_err(failed)?;
        let length = seekable.as_ref().map(|(_, length)| *length);
        let mut packed = None;
        if options.format.is_none() && begins_skipped(&head) && Packing::of(&head).is_none() {
            pass_frames(&path, &mut head, &mut *reader)?;
        }
        if let Some(packing) = Packing::of(&head) {
            let (counter, counting_reader) =
                ReadCounter::on(io::Cursor::new(head).chain(reader), length);
            packed = Some(counter);
            reader = packing.unpack(counting_reader).map_err(failed)?;
            // Where nothing stands before the damage, nothing can be kept.
            let nothing = |cause| read_error(&path, cause).fix("copy it again");
            (head, is_whole) = read_head(&mut reader).map_err(nothing)?;
            // Rows of packed data can't be read at any place.
            seekable = None;
        }
        if head.starts_with(TALLY_MAGIC) {
            refuse_unfinished(&path)?;
            refuse_format(&path, options.format)?;
            refuse_filter(&path, &options.filter)?;
            return Ok(InputContent::Tally {
                path,
                length,
                reader: Box::new(io::Cursor::new(head).chain(reader)),
            });
        }
        let recognised = match recognise(&head, is_whole, options) {
            Ok(recognised) => recognised,
            // Its name says that it holds keys: that isn't passed over.
            Err(error) if says_rdb(&path) => return Err(error.at(Position::file(path))),
            Err(error) => return Ok(InputContent::Unknown(error.at(Position::file(path)))),
        };
        if recognised.format == Format::LIST && options.format.is_none() && says_rdb(&path) {
            let message = "expected an RDB file, as its name says, found something else";
            return Err(Error::new(ErrorKind::Input, message)
                .at(Position::file(path))
                .fix("copy it again; if it is a list of keys, pass --format list"));
        }
        let row_reader = RowReader {
            layout: recognised.layout.clone(),
            escape: options.escape.unwrap_or(recognised.escape),
            filter: options.filter.clone(),
        };
        Ok(InputContent::Keys(Box::new(OpenInput {
            path,
            row_reader,
            recognised,
            seekable,
            packed,
            reader,
            head,
            is_whole,
        })))
    }

    /// What it was taken for.
    pub(crate) fn format(&self) -> Format {
        self.recognised.format
    }

    /// What the user should know about it.
    pub(crate) fn note(&self) -> Option<&'static str> {
        self.recognised.note
    }

    /// How it is read.
    pub(crate) fn row_reader(&self) -> &RowReader {
        &self.row_reader
    }

    /// How many bytes the file has; unknown of pipes.
    pub(super) fn length(&self) -> Option<u64> {
        match &self.packed {
            Some(counter) => counter.length,
            None => self.seekable.as_ref().map(|(_, length)| *length),
        }
    }

    /// Where its first row begins.
    pub(crate) fn skip(&self) -> u64 {
        self.recognised.skip as u64
    }

    /// Whether it has lines that a fault can be on.
    pub(crate) fn has_lines(&self) -> bool {
        !self.row_reader.layout.is_stepped_over()
    }

    /// Reads it from its beginning to its end.
    pub(crate) fn into_blocks(self, options: &Options) -> Blocks {
        let reader = match self.row_reader.layout.reads_keys() {
            Some(keys) => {
                let whole = Box::new(io::Cursor::new(self.head).chain(self.reader));
                BlockReader::Keys(keys(whole, &self.path, options))
            }
            None => BlockReader::Rows(Stream::new(
                self.reader,
                self.head,
                self.recognised.skip,
                self.is_whole,
            )),
        };
        Blocks {
            reader,
            packed: self.packed,
        }
    }
}

/// An input from its beginning to its end, batch by batch.
pub(crate) struct Blocks {
    reader: BlockReader,
    packed: Option<ReadCounter>,
}

/// What a batch gets.
enum BlockReader {
    /// Runs of whole rows, which are still to be read.
    Rows(Stream<Bytes>),
    /// Keys.
    Keys(Box<dyn KeyReader>),
}

impl Blocks {
    /// How many bytes were handed out; of a packed input unpacked ones.
    pub(crate) fn offset(&self) -> u64 {
        match &self.reader {
            BlockReader::Rows(stream) => stream.offset(),
            BlockReader::Keys(reader) => reader.offset(),
        }
    }

    /// How many bytes of the input were read; of a packed one its own.
    pub(crate) fn read_bytes(&self) -> u64 {
        match &self.packed {
            Some(packed) => packed.read_bytes(),
            None => self.offset(),
        }
    }

    /// Puts the next block into the batch; false at the end.
    ///
    /// # Errors
    /// When reading fails, a row has no end, or an RDB file is damaged.
    pub(crate) fn next_block(
        &mut self,
        splitter: &Splitter<'_>,
        batch: &mut KeyBatch,
    ) -> Result<bool> {
        match &mut self.reader {
            BlockReader::Rows(stream) => stream.next_block(splitter, batch),
            BlockReader::Keys(reader) => reader.next_block(batch),
        }
    }

    /// What was found besides keys by whoever reads blocks.
    pub(crate) fn take_findings(&mut self) -> Findings {
        match &mut self.reader {
            BlockReader::Rows(stream) => Findings {
                row_errors: stream.take_refused(),
                ..Findings::default()
            },
            BlockReader::Keys(reader) => reader.take_findings(),
        }
    }
}

/// Passes frames to be skipped over that go on behind the head.
fn pass_frames(path: &Path, head: &mut Vec<u8>, reader: &mut dyn Read) -> Result<()> {
    match skip_frames(head, reader) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::new(
            ErrorKind::Input,
            "expected zstd or lz4 data behind a frame to be skipped, found none: the file is cut off",
        )
        .at(Position::file(path))
        .fix("copy it again; if it is a list of keys, pass --format list")),
        Err(cause) => Err(Error::io(path, cause)),
    }
}

/// A tally is read as one, whatever was said.
fn refuse_format(path: &Path, said: Option<Format>) -> Result<()> {
    match said {
        None | Some(Format::TALLY) => Ok(()),
        Some(other) => {
            let message = format!("expected {other}, found a saved tally");
            Err(Error::new(ErrorKind::Usage, message)
                .at(Position::file(path))
                .fix("leave --format out"))
        }
    }
}

/// A tally that a killed run left: the same counts stand in the one that it was to become.
fn refuse_unfinished(path: &Path) -> Result<()> {
    if is_unfinished(path) {
        Err(Error::new(
            ErrorKind::Input,
            "expected a saved tally, found by its name what is left of one that was never finished",
        )
        .at(Position::file(path))
        .fix("remove it; if it is the only one, give it another name"))
    } else {
        Ok(())
    }
}

/// A tally has counts, not keys: there is nothing left that a filter could look at.
fn refuse_filter(path: &Path, filter: &Filter) -> Result<()> {
    if filter.takes_all() {
        return Ok(());
    }
    let message = "a saved tally has no keys any more that a filter could choose from";
    Err(Error::new(ErrorKind::Usage, message)
        .at(Position::file(path))
        .fix("filter when it is saved: analyze DUMP with the filters and --save"))
}

/// Whether a file's name ends as those of RDB files do, packed ones too. A damaged one would
/// otherwise be taken for a list of a few odd keys.
fn says_rdb(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let unpacked = [".gz", ".zst", ".lz4", ".xz", ".bz2", ".zip", ".7z"]
        .iter()
        .find_map(|packing| name.strip_suffix(packing));
    unpacked.unwrap_or(&name).ends_with(".rdb")
}

/// The first bytes, and whether there are no more. What stands before damage is a head too: whoever
/// reads on meets the damage again.
fn read_head(reader: &mut (dyn Read + Send)) -> io::Result<(Vec<u8>, bool)> {
    let mut head = Vec::new();
    match reader.take(HEAD_BYTES as u64).read_to_end(&mut head) {
        Ok(length) => Ok((head, length < HEAD_BYTES)),
        Err(cause) if is_damage(&cause) && !head.is_empty() => Ok((head, false)),
        Err(cause) => Err(cause),
    }
}

pub(super) type Readable = (Bytes, Option<(File, u64)>);

fn open_file(path: &Path) -> Result<Readable> {
    let failed = |cause| Error::io(path, cause);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(
            Error::new(ErrorKind::Input, "expected a file, found a folder")
                .at(Position::file(path))
                .fix("name the files in it"),
        );
    }
    let seekable = if metadata.is_file() && metadata.len() > 0 {
        Some((file.try_clone().map_err(failed)?, metadata.len()))
    } else {
        None
    };
    Ok((Box::new(file), seekable))
}

/// Fills in the lines of faults by counting in the file. A line that can't be counted stays unknown.
pub(crate) fn find_lines(file: &File, row_errors: &mut RowErrors) {
    for row_error in row_errors.first_mut() {
        if row_error.line.is_none() {
            row_error.line = line_of(file, row_error.byte).ok();
        }
    }
}
