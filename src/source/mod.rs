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
mod calls;
mod commands;
mod cut;
mod detect;
mod encoding;
mod escape;
mod facts;
mod fault;
mod filter;
mod findings;
mod folder;
mod format;
mod formats;
mod gauge;
mod glob;
mod guard;
mod input;
mod json_text;
mod keys;
mod kind;
mod moment;
mod number;
mod opened;
mod options;
mod parts;
mod reading;
mod rows;
mod stamp;
mod unanswered;
mod unpack;
mod waiting;

#[cfg(test)]
mod tests;

pub use append_only::{AppendOnly, append_only_files_of, is_named_as_base};
pub use batch::{BATCH_ROWS, KeyBatch, KeyRecord};
pub use calls::Calls;
pub use commands::Command;
pub use encoding::Encoding;
pub use escape::Escape;
pub use facts::KeyFacts;
pub use fault::{Fault, Faults, KEPT_EXAMPLES};
pub use filter::Filter;
pub use findings::Findings;
pub use folder::{Folder, files_of, is_rdb_file, is_unfinished};
pub use format::Format;
pub(crate) use format::TALLY_MAGIC;
pub(crate) use formats::all as all_formats;
pub use formats::doubt_of_list;
pub use glob::Glob;
pub use guard::Guard;
pub use input::Input;
pub use keys::{KeySource, Source, open};
pub use kind::KeyKind;
pub use moment::Moment;
pub use options::{Allocator, MAX_ROW_BYTES, OnError, Options, PART_BYTES, SizeOf};
pub use waiting::PassedOver;

pub(crate) use barren::Barren;
pub(crate) use block::Cutting;

pub(crate) use calls::joined_spans;
pub(crate) use facts::{Expiry, Group, Number};
pub(crate) use opened::{Opened, Opening, find_lines};
pub(crate) use parts::Parts;
pub(crate) use reading::Reading;
pub(crate) use stamp::Stamp;
pub(crate) use unpack::read_error;
pub(crate) use waiting::Waiting;
