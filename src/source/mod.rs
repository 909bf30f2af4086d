//! Floor 3: where keys come from.
//!
//! An [`Input`] is a file or stdin. Its first bytes decide what it is (flags
//! override): the memory CSV of rdb-tools or redis-rdb-cli, standard CSV with
//! a header, a list of keys, a log of MONITOR, or a saved tally, each also packed (gzip, zstd, lz4). Keys are
//! taken back from the [`Escape`] that the writing tool used, and a [`Filter`]
//! says which count. A [`Source`] gives its keys batch by batch; the parallel run
//! of [`crate::tally`] reads parts of a file side by side.
//!
//! Memory stays flat: an input is cut into *blocks* of whole rows, about a
//! part long, and a row has a largest length. Where a row begins depends on
//! the bytes around that place only (or, with quotes, on their parity), so any
//! cut gives the same rows.

mod append_only;
mod barren;
mod batch;
mod block;
mod commands;
mod cut;
mod detect;
mod encoding;
mod escape;
mod facts;
mod fault;
mod filter;
mod folder;
mod formats;
mod gauge;
mod glob;
mod guard;
mod keys;
mod kind;
mod moment;
mod number;
mod opened;
mod parts;
mod reading;
mod stamp;
mod unanswered;
mod unpack;
mod waiting;

#[cfg(test)]
mod tests;

pub use append_only::{AppendOnly, append_only_files_of, is_named_as_base};
pub use batch::{BATCH_ROWS, KeyBatch, KeyRecord};
pub use commands::Command;
pub use encoding::Encoding;
pub use escape::Escape;
pub use facts::KeyFacts;
pub use fault::{Fault, Faults, KEPT_EXAMPLES};
pub use filter::Filter;
pub use folder::{Folder, files_of, is_rdb_file, is_unfinished};
pub use formats::monitor::Calls;
pub use glob::Glob;
pub use guard::Guard;
pub use keys::{KeySource, Source, open};
pub use kind::KeyKind;
pub use moment::Moment;
pub use reading::Findings;
pub use waiting::PassedOver;

pub(crate) use barren::Barren;
pub(crate) use block::Cutting;
pub use detect::doubt_of_list;
pub(crate) use facts::{Expiry, Group, Number};
pub(crate) use formats::monitor::joined_spans;
pub(crate) use opened::{Opened, Opening, find_lines};
pub(crate) use parts::Parts;
pub(crate) use reading::Reading;
pub(crate) use stamp::Stamp;
pub(crate) use unpack::read_error;
pub(crate) use waiting::Waiting;

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// How long a part of a file is. It doesn't depend on the number of threads,
/// and leaves room for the counts in a core's second-level cache.
pub const PART_BYTES: usize = 256 << 10;

/// The longest row by default: far above any sane key, and small enough that
/// a few of them at once keep memory flat.
pub const MAX_ROW_BYTES: usize = 16 << 20;

/// Where keys are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The standard input.
    Stdin,
    /// A file, a pipe or a device.
    File(PathBuf),
    /// A file that lies in a folder: one that isn't recognised is passed over.
    Found(PathBuf),
}

impl Input {
    /// What an argument means: `-` is stdin, everything else a path.
    pub fn from_arg(arg: &OsStr) -> Input {
        if arg == "-" {
            Input::Stdin
        } else {
            Input::File(PathBuf::from(arg))
        }
    }

    /// Its path, or `<stdin>`.
    pub fn path(&self) -> &Path {
        match self {
            Input::Stdin => Path::new("<stdin>"),
            Input::File(path) | Input::Found(path) => path,
        }
    }
}

/// What an input may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The memory CSV of rdb-tools, which quotes nothing.
    RdbTools,
    /// The same as redis-rdb-cli writes it, with quotes around some fields.
    RdbCli,
    /// Standard CSV (RFC 4180) with a header.
    Csv,
    /// One key a line.
    List,
    /// An RDB file: a snapshot of Redis or Valkey.
    Rdb,
    /// What MONITOR prints: a command a line.
    Monitor,
    /// A JSON array of strings, each a key.
    Json,
    /// A saved tally: no keys, but what was counted of them.
    Tally,
}

/// The first bytes of a saved tally; a transfer as text breaks them.
pub(crate) const TALLY_MAGIC: &[u8] = b"SLOTKIT\0TALLY\r\n\0";

/// The names of the formats that hold keys, as reports have them.
pub(crate) const FORMAT_NAMES: &[&str] = &[
    Format::RdbTools.name(),
    Format::RdbCli.name(),
    Format::Csv.name(),
    Format::List.name(),
    Format::Rdb.name(),
    Format::Monitor.name(),
    Format::Json.name(),
];

impl Format {
    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Format::RdbTools => "rdb-tools",
            Format::RdbCli => "redis-rdb-cli",
            Format::Csv => "csv",
            Format::List => "list",
            Format::Rdb => "rdb",
            Format::Monitor => "monitor",
            Format::Json => "json",
            Format::Tally => "tally",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a row that can't be read means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The run ends with the first one.
    #[default]
    Stop,
    /// It is counted and passed over.
    Skip,
}

/// What the size of a key in an RDB file means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SizeOf {
    /// What it takes in the memory of the server that wrote the file: an estimate.
    #[default]
    Memory,
    /// The bytes that it takes in the file.
    Serialized,
}

/// The allocator of the server that wrote an RDB file, as `mem_allocator` of `INFO memory` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocator {
    /// jemalloc up to 5.3.0: size classes, four each doubling.
    Jemalloc530,
    /// jemalloc since 5.3.1: the same up to 14 KiB, whole pages beyond.
    Jemalloc531,
    /// glibc's.
    Libc,
}

/// How inputs are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the inputs are; recognised by their content when it isn't said.
    pub format: Option<Format>,
    /// The name of the CSV column with the key, when it isn't `key`.
    pub key_column: Option<String>,
    /// The name of the CSV column with the size in bytes, when it has none of the usual names.
    pub size_column: Option<String>,
    /// What separates the CSV's fields, when it can't be seen from the header.
    pub delimiter: Option<u8>,
    /// How the writing tool escaped keys; seen from the content when it isn't said.
    pub escape: Option<Escape>,
    /// Whether listed keys end with a NUL byte instead of a newline.
    pub is_null_separated: bool,
    /// Which keys count.
    pub filter: Filter,
    /// Whether a carriage return at the end of a listed key belongs to the key.
    pub keep_cr: bool,
    /// What a row that can't be read means.
    pub on_error: OnError,
    /// The longest row.
    pub max_row_bytes: usize,
    /// The length of a part.
    pub part_bytes: usize,
    /// What the size of a key in an RDB file means.
    pub size: SizeOf,
    /// The allocator of the server that wrote an RDB file; guessed by the server's version when it isn't
    /// said.
    pub allocator: Option<Allocator>,
    /// Whether the checksum of an RDB file is verified.
    pub verifies: bool,
    /// Whether [`KeyBatch::longest`] is read, for which values are looked into.
    pub wants_longest: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            format: None,
            key_column: None,
            size_column: None,
            delimiter: None,
            escape: None,
            is_null_separated: false,
            filter: Filter::default(),
            keep_cr: false,
            on_error: OnError::Stop,
            max_row_bytes: MAX_ROW_BYTES,
            part_bytes: PART_BYTES,
            size: SizeOf::Memory,
            allocator: None,
            verifies: true,
            wants_longest: false,
        }
    }
}
