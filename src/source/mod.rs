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
mod batch;
mod blocks;
mod calls;
mod commands;
mod detect;
mod encoding;
mod escape;
mod facts;
mod filter;
mod findings;
mod folder;
mod format;
mod formats;
mod formula_guard;
mod glob;
mod input;
mod json_text;
mod keys;
mod kind;
mod number;
mod open_input;
mod options;
mod parts;
mod queued_input;
mod read_counter;
mod row_errors;
mod row_layout;
mod row_reader;
mod timestamp;
mod unpack;

#[cfg(test)]
mod tests;

pub use append_only::{AppendOnly, append_only_files_of, is_named_as_base};
pub use batch::{BATCH_ROWS, KeyBatch, KeyRecord};
pub use calls::Calls;
pub use commands::Command;
pub use encoding::Encoding;
pub use escape::Escape;
pub use facts::KeyFacts;
pub use filter::Filter;
pub use findings::Findings;
pub use folder::{Folder, files_of, is_rdb_file, is_unfinished};
pub use format::Format;
pub(crate) use format::TALLY_MAGIC;
pub(crate) use formats::all as all_formats;
pub use formats::doubt_of_list;
pub use formula_guard::FormulaGuard;
pub use glob::Glob;
pub use input::Input;
pub use keys::{KeySource, Source, open};
pub use kind::KeyKind;
pub use options::{Allocator, MAX_ROW_BYTES, OnError, Options, PART_BYTES, SizeOf};
pub use queued_input::SkippedFile;
pub use row_errors::{KEPT_EXAMPLES, RowError, RowErrors};
pub use timestamp::Timestamp;

pub(crate) use blocks::Splitter;
pub(crate) use parts::LongRowIndex;

pub(crate) use calls::joined_spans;
pub(crate) use facts::{Expiry, Group, Number};
pub(crate) use input::FileVersion;
pub(crate) use open_input::{InputContent, OpenInput, find_lines};
pub(crate) use parts::Parts;
pub(crate) use queued_input::QueuedInput;
pub(crate) use row_reader::RowReader;
pub(crate) use unpack::read_error;
