//! An RDB file as an input: it has no rows, and [`Reader`] hands out its keys.

use super::Reader;
use crate::source::batch::KeyBatch;
use crate::source::format::Format;
use crate::source::row_errors::RowErrors;
use crate::source::row_layout::{ColumnNames, KeyDetails, ReadKeys, RowLayout};
use crate::source::row_start::RowStart;

/// What an RDB file has instead of rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot;

impl RowLayout for Snapshot {
    fn next_start(&self, bytes: &[u8], _: usize, is_last: bool) -> RowStart {
        RowStart::at_end(bytes, is_last)
    }

    fn look_behind(&self) -> Option<usize> {
        None
    }

    fn read_rows(&self, _: &mut KeyBatch, _: usize, _: &mut RowErrors) {}

    fn key_details(&self) -> KeyDetails {
        KeyDetails {
            types: true,
            sizes: true,
            databases: true,
            counted: "keys",
            columns: ColumnNames::None,
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
