//! Row layouts: how the rows of a format are found and read, and all that other files know of it.

use super::batch::KeyBatch;
use super::escape::Escape;
use super::findings::Findings;
use super::kind::KeyKind;
use super::options::Options;
use super::row_errors::RowErrors;
use crate::error::Result;
use crate::slot::ListFormat;
use memchr::memchr;
use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// How the rows of one input are built: what was recognised.
pub(crate) type SharedLayout = Arc<dyn RowLayout>;

/// The bytes of an input that is read from its beginning to its end.
pub(crate) type Bytes = Box<dyn Read + Send>;

/// How rows are built. Each call is for a batch of rows, or for a place to cut at; none is for a key.
pub(crate) trait RowLayout: fmt::Debug + Send + Sync {
    /// The first row that begins at `from` or behind it. `bytes` begins with a row, or [`RowLayout::look_behind`]
    /// bytes before `from`.
    fn next_start(&self, bytes: &[u8], from: usize, is_last: bool) -> RowStart;

    /// How many bytes before a place tell whether a row begins there; none when all bytes before it do, as
    /// with quotes.
    fn look_behind(&self) -> Option<usize>;

    /// Reads the next rows of the block, at most so many, and at least one.
    fn read_rows(&self, batch: &mut KeyBatch, rows: usize, row_errors: &mut RowErrors);

    /// What is known of its keys besides their names.
    fn key_details(&self) -> KeyDetails;

    /// Looks for the end of a row that is too long, where that takes more than [`RowLayout::next_start`].
    fn long_row(&self) -> Option<Box<dyn LongRow>> {
        None
    }

    /// How keys are told apart, where rows are keys as they stand.
    fn plain_list(&self) -> Option<ListFormat> {
        None
    }

    /// How the input calls its keys.
    fn key_name(&self) -> Cow<'static, str> {
        Cow::Borrowed("key")
    }

    /// How keys stand in rows.
    fn key_form(&self) -> KeyForm {
        KeyForm::Escaped
    }

    /// What reads the input where it has no rows, but keys one by one.
    fn reads_keys(&self) -> Option<ReadKeys> {
        None
    }

    /// Whether its values are stepped over by the one thread that reads it.
    fn is_stepped_over(&self) -> bool {
        self.reads_keys().is_some()
    }
}

/// Begins to read an input that has no rows.
pub(crate) type ReadKeys = fn(Bytes, &Path, &Options) -> Box<dyn KeyReader>;

/// How keys stand in rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// As the writing tool escaped them.
    Escaped,
    /// The same, with a row for each; one that is blank is no key where keys have quotes.
    EscapedLines,
    /// The same, but where keys are quoted, the quotes around them are taken off already.
    InsideQuotes,
    /// In an escaped form that the format itself has: reading a row takes it back.
    OwnEscapes,
}

impl KeyForm {
    /// What was expected where a key can't be read.
    pub(super) fn expected(self, escape: Escape) -> &'static str {
        match (self, escape) {
            (_, Escape::Json) => "a key as a string of JSON",
            (KeyForm::InsideQuotes, _) => "a key with the escapes of redis-cli",
            _ => "a key in double quotes as redis-cli prints it",
        }
    }
}

/// The end of a row that is read piece by piece, and dropped.
pub(crate) trait LongRow {
    /// Where the row ends, of bytes of which those before `seen` were looked at.
    fn row_end(&mut self, bytes: &[u8], seen: usize) -> Option<usize>;

    /// Counts places anew when so many bytes are dropped.
    fn drop_front(&mut self, bytes: usize);
}

/// Reads an input that has no rows.
pub(crate) trait KeyReader: Send {
    /// The offset in the input of what comes next.
    fn offset(&self) -> u64;

    /// Puts the next keys into the batch; false at the end.
    ///
    /// # Errors
    /// When reading fails, or the input is damaged.
    fn next_block(&mut self, batch: &mut KeyBatch) -> Result<bool>;

    /// What was found besides keys; complete when the batches are.
    fn take_findings(&mut self) -> Findings;
}

/// What an input tells of keys besides their names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyDetails {
    pub(super) types: bool,
    pub(super) sizes: bool,
    pub(super) databases: bool,
    /// What is counted of it: keys, operations.
    pub(super) counted: &'static str,
    pub(super) columns: ColumnNames,
}

impl KeyDetails {
    /// Nothing but the names.
    pub(super) const NAMES: KeyDetails = KeyDetails {
        types: false,
        sizes: false,
        databases: false,
        counted: "keys",
        columns: ColumnNames::None,
    };
}

/// The columns of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnNames {
    /// It has none.
    None,
    /// Always the same.
    Fixed,
    /// As its header says.
    Header,
}

/// Where the next row begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowStart {
    /// Here; at the end of the input when no row begins any more.
    At(usize),
    /// More of the input is needed to know.
    More,
}

impl RowStart {
    /// No row begins in these bytes: the end of the input, or more is needed.
    pub(super) fn at_end(bytes: &[u8], is_last: bool) -> RowStart {
        if is_last {
            RowStart::At(bytes.len())
        } else {
            RowStart::More
        }
    }

    /// Behind the first such byte from the one before `from` on: rows end with it, whatever is in them.
    pub(super) fn behind(separator: u8, bytes: &[u8], from: usize, is_last: bool) -> RowStart {
        if from == 0 {
            return RowStart::At(0);
        }
        match memchr(separator, &bytes[from - 1..]) {
            Some(place) => RowStart::At(from + place),
            None => RowStart::at_end(bytes, is_last),
        }
    }
}

/// What to say where options ask for what no row of these tells.
pub(super) fn unmet_options(rows: &dyn RowLayout, options: &Options) -> Vec<String> {
    let filter = &options.filter;
    let key_details = rows.key_details();
    let what = key_details.counted;
    let mut notes = Vec::new();
    let asks_type = !filter.kinds.is_empty() && !filter.kinds.contains(&KeyKind::Unknown);
    if asks_type && !key_details.types {
        notes.push(format!(
            "it doesn't tell types, so that --type leaves all its {what} out"
        ));
    }
    if filter.min_bytes.is_some() && !key_details.sizes {
        let fix = match key_details.columns {
            ColumnNames::Header => "; if a column has them, name it with --size-column",
            ColumnNames::Fixed | ColumnNames::None => "",
        };
        notes.push(format!(
            "it doesn't tell sizes, so that --min-bytes leaves all its {what} out{fix}"
        ));
    }
    if !filter.databases.is_empty() && !key_details.databases {
        let kept = if filter.databases.contains(&0) {
            "keeps"
        } else {
            "leaves out"
        };
        notes.push(format!(
            "it doesn't tell databases, so that --db {kept} all its {what}: they count as in database 0"
        ));
    }
    let columns = [
        ("--key-column", &options.key_column),
        ("--size-column", &options.size_column),
    ];
    let why = match key_details.columns {
        ColumnNames::Header => return notes,
        ColumnNames::Fixed => "its columns are those of every memory CSV",
        ColumnNames::None => "it has no columns",
    };
    let ignored = columns.into_iter().filter(|(_, name)| name.is_some());
    notes.extend(ignored.map(|(flag, _)| format!("{why}, so that {flag} says nothing")));
    notes
}
