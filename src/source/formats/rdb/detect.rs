//! Recognises RDB files by their magic.

use super::magic::is_rdb;
use super::snapshot::Snapshot;
use crate::error::{Error, ErrorKind, Result};
use crate::source::detect::{Beginning, Recognised};
use crate::source::format::Format;

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
            Err(Error::new(ErrorKind::Input, message).mend("leave --format out"))
        }
    }
}

/// What has no magic isn't one, whatever the user says.
pub(in crate::source::formats) fn said(_: &Beginning<'_>) -> Result<Recognised> {
    let message = "expected the magic of an RDB file (REDIS0011, VALKEY080), found something else";
    Err(Error::new(ErrorKind::Input, message))
}
