//! An RDB file as an input: it has no rows, and [`Reader`] hands out its keys.

use super::Reader;
use crate::source::batch::KeyBatch;
use crate::source::cut::Cut;
use crate::source::fault::Faults;
use crate::source::format::Format;
use crate::source::rows::{Names, ReadKeys, Rows, Tells};

/// What an RDB file has instead of rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot;

impl Rows for Snapshot {
    fn next_start(&self, bytes: &[u8], _: usize, is_last: bool) -> Cut {
        Cut::at_end(bytes, is_last)
    }

    fn look_behind(&self) -> Option<usize> {
        None
    }

    fn read_rows(&self, _: &mut KeyBatch, _: usize, _: &mut Faults) {}

    fn tells(&self) -> Tells {
        Tells {
            types: true,
            sizes: true,
            databases: true,
            counted: "keys",
            columns: Names::None,
        }
    }

    fn reads_keys(&self) -> Option<ReadKeys> {
        Some(|input, path, options| Box::new(Reader::new(input, path, options)))
    }
}

impl Format {
    /// An RDB file: a snapshot of Redis or Valkey.
    pub const RDB: Format = Format {
        is_snapshot: true,
        ..Format::of_keys("rdb", "A snapshot of Redis or Valkey")
    };
}
