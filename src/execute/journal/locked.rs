//! A file that one run alone holds.

use crate::error::{Error, ErrorKind, Position, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// How often a journal may be gone by the time that it is locked.
const OPENS_MAX: u32 = 100;

/// The file that is at this path once it is locked.
///
/// A run removes its journal while it holds the lock. Who opened the file before that and locks it
/// afterwards holds one that nobody else will find: then there is another one to be had.
pub(super) fn open_locked(path: &Path) -> Result<File> {
    let io = |cause| Error::io(path, cause);
    for _ in 0..OPENS_MAX {
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        let file = options.open(path).map_err(io)?;
        lock(&file, path)?;
        if is_at(&file, path).map_err(io)? {
            return Ok(file);
        }
    }
    let message = "other runs of slotkit remove the journal again and again";
    Err(Error::new(ErrorKind::Unsafe, message)
        .at(Position::file(path))
        .mend("wait until they have ended"))
}

/// Whether this path still leads to the file.
pub(super) fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    let held = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (held.dev(), held.ino())),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

fn lock(file: &File, path: &Path) -> Result<()> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => {
            let message = "another slotkit is moving slots of this cluster";
            Error::new(ErrorKind::Unsafe, message)
                .at(Position::file(path))
                .mend("wait until it has ended")
        }
        TryLockError::Error(cause) => Error::io(path, cause),
    })
}
