//! Where an input may be cut: at the beginning of a row, and nowhere else.

use super::formats::csv::Quoted;
use super::formats::json::Strings;
use super::formats::list::Lines;
use super::formats::monitor;
use super::formats::rdb_csv::{self, RdbTools};

/// Where the next row begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Here; at the end of the input when no row begins any more.
    At(usize),
    /// More of the input is needed to know.
    More,
}

impl Cut {
    /// No row begins in these bytes: the end of the input, or more is needed.
    pub(super) fn at_end(bytes: &[u8], is_last: bool) -> Cut {
        if is_last {
            Cut::At(bytes.len())
        } else {
            Cut::More
        }
    }
}

/// How an input's rows are built: what [`super::detect`] decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The memory CSV of rdb-tools, which quotes nothing.
    RdbTools(RdbTools),
    /// Standard CSV with a header.
    Quoted(Quoted),
    /// A list of keys.
    Lines(Lines),
    /// An RDB file, which has no rows: [`super::rdb::Reader`] reads it.
    Rdb,
    /// A log of MONITOR.
    Monitor,
    /// A JSON array of strings.
    Json(Strings),
}

impl Layout {
    /// The first row that begins at `from` or behind it. `bytes` begins with
    /// a row, or [`Layout::look_behind`] bytes before `from`.
    pub(super) fn next_start(&self, bytes: &[u8], from: usize, is_last: bool) -> Cut {
        if from >= bytes.len() && is_last {
            return Cut::At(bytes.len());
        }
        match self {
            Layout::RdbTools(rows) => rows.next_start(bytes, from, is_last),
            Layout::Quoted(rows) => rows.next_start(bytes, from, is_last),
            Layout::Lines(rows) => rows.next_start(bytes, from, is_last),
            Layout::Rdb => Cut::at_end(bytes, is_last),
            Layout::Monitor => monitor::next_start(bytes, from, is_last),
            Layout::Json(rows) => rows.next_start(bytes, from, is_last),
        }
    }

    /// Whether its values are stepped over by the one thread that reads it.
    pub(crate) fn is_stepped_over(&self) -> bool {
        *self == Layout::Rdb
    }

    /// How many bytes before a place tell whether a row begins there; none
    /// when all bytes before it do, as with quotes.
    pub(crate) fn look_behind(&self) -> Option<usize> {
        match self {
            Layout::RdbTools(_) => Some(rdb_csv::TAIL_BYTES + 1),
            Layout::Quoted(_) | Layout::Rdb | Layout::Json(_) => None,
            Layout::Lines(_) | Layout::Monitor => Some(1),
        }
    }
}
