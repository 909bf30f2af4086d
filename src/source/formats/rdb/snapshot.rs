//! An RDB file as an input: recognised by its magic, it has no rows, and [`Reader`] hands out its keys.

use super::Reader;
use crate::error::{Error, ErrorKind, Result};
use crate::source::batch::KeyBatch;
use crate::source::detect::{Beginning, Recognised};
use crate::source::format::Format;
use crate::source::row_errors::RowErrors;
use crate::source::row_layout::RowStart;
use crate::source::row_layout::{ColumnNames, KeyDetails, ReadKeys, RowLayout};

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

/// An RDB file by its magic; an append-only file may begin with one.
pub(in crate::source::formats) fn by_magic(
    head: &[u8],
    said: Option<Format>,
) -> Result<Option<Recognised>> {
    if !is_rdb(head) {
        return Ok(None);
    }
    match said {
        None | Some(Format::RDB) => Ok(Some(Recognised::new(Snapshot, Format::RDB, 0, None))),
        Some(other) => {
            let message = format!("expected {other}, found an RDB file");
            Err(Error::new(ErrorKind::Input, message).fix("leave --format out"))
        }
    }
}

/// What has no magic isn't one, whatever the user says.
pub(in crate::source::formats) fn said(_: &Beginning<'_>) -> Result<Recognised> {
    let message = "expected the magic of an RDB file (REDIS0011, VALKEY080), found something else";
    Err(Error::new(ErrorKind::Input, message))
}

/// The digits behind a magic.
const MAGICS: [(&[u8], usize); 2] = [(b"REDIS", 4), (b"VALKEY", 3)];

/// The length of both magics.
const MAGIC_BYTES: usize = 9;

/// The newest versions that are known: newer ones are tried, and it is said.
const NEWEST_REDIS: u32 = 12;
const NEWEST_VALKEY: u32 = 80;

/// Whether these are the first bytes of an RDB file.
pub(in crate::source) fn is_rdb(head: &[u8]) -> bool {
    magic(head).is_some()
}

/// Whether a magic is Valkey's, and its version.
fn magic(head: &[u8]) -> Option<(bool, u32)> {
    MAGICS.iter().find_map(|(word, digits)| {
        let number = head.strip_prefix(*word)?.get(..*digits)?;
        let text = std::str::from_utf8(number).ok()?;
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let version = text.parse().ok().filter(|_| is_number)?;
        Some((*word == b"VALKEY", version))
    })
}

impl Reader {
    /// Reads the magic and takes from it how the rest is read.
    pub(super) fn begin(&mut self) -> Result<()> {
        let head = self.window.look(MAGIC_BYTES)?;
        let Some((is_valkey, version)) = magic(head) else {
            let message = "expected the magic of an RDB file, found something else";
            return Err(self.window.error(0, message));
        };
        self.origin.is_valkey = is_valkey;
        self.origin.rdb_version = version;
        self.values.model.renew(&self.origin);
        if self.verifies && version >= 5 {
            self.window.sum();
        }
        self.window.skip(MAGIC_BYTES as u64)?;
        let newest = if is_valkey {
            NEWEST_VALKEY
        } else {
            NEWEST_REDIS
        };
        if version > newest {
            self.note(format!(
                "it is of RDB version {version}, newer than slotkit knows ({newest}): it is tried"
            ));
        }
        Ok(())
    }
}
