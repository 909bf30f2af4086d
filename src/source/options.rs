//! How inputs are read.

use super::escape::Escape;
use super::filter::Filter;
use super::format::Format;

/// How long a part of a file is. It doesn't depend on the number of threads,
/// and leaves room for the counts in a core's second-level cache.
pub const PART_BYTES: usize = 256 << 10;

/// The longest row by default: far above any sane key, and small enough that
/// a few of them at once keep memory flat.
pub const MAX_ROW_BYTES: usize = 16 << 20;

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
    /// Which keys are counted.
    pub filter: Filter,
    /// Whether a carriage return at the end of a listed key belongs to the key.
    pub keep_cr: bool,
    /// What a row that can't be read means.
    pub on_error: OnError,
    /// The longest row that is read, in bytes; a longer one is an error.
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
    /// Whether [`KeyBatch::longest`](super::KeyBatch::longest) is read, for which values are looked into.
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
