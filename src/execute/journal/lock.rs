//! Locks a journal's file, so that one run alone holds it.

use super::disk::sync_folder_of;
use super::state;
use crate::error::{Error, ErrorKind, Position, Result};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// How often a journal may be gone by the time that it is locked.
const OPENS_MAX: u32 = 100;
/// How often, and for how long, a lock is waited for that may be of somebody who only looks.
const LOOKS_MAX: u32 = 10;
const LOOK_TIME: Duration = Duration::from_millis(20);

/// The file that is at this path once it is locked.
///
/// A run removes its journal while it holds the lock. Who opened the file before that and locks it
/// afterwards holds one that nobody else will find: then there is another one to be had.
pub(super) fn open_locked(path: &Path) -> Result<File> {
    let io = |cause| Error::io(path, cause);
    for _ in 0..OPENS_MAX {
        require_file(path)?;
        let mut options = OpenOptions::new();
        // Keys are named in it: a new one is its owner's.
        options.create(true).read(true).append(true).mode(0o600);
        let file = options.open(path).map_err(io)?;
        lock(&file, path)?;
        if is_at(&file, path).map_err(io)? {
            return Ok(file);
        }
    }
    let message = "other runs of slotkit remove the journal again and again";
    Err(Error::new(ErrorKind::Unsafe, message)
        .at(Position::file(path))
        .fix("wait until they have ended"))
}

/// Makes the folder of a journal, for its owner alone; one that is there stays as it is.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let Some(folder) = folder else { return Ok(()) };
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|cause| Error::io(folder, cause))?;
    // Each is found by the folder that it is in.
    let synced = missing.into_iter().try_for_each(sync_folder_of);
    synced.map_err(|cause| Error::io(folder, cause))
}

/// Refuses what is no regular file, before it is opened: a pipe would be waited for, a device
/// forgets.
pub(super) fn require_file(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            let message = "expected a file, found something else";
            Err(Error::new(ErrorKind::Usage, message)
                .at(Position::file(path))
                .fix("name a file: a journal is read again when a run breaks off"))
        }
        // What isn't there, or can't be looked at, is told apart by opening it.
        _ => Ok(()),
    }
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

/// Whether a run holds the file that is at this path.
///
/// There is no asking without locking: who only looks shares the lock for a moment, which
/// [`lock`] waits for.
pub(super) fn is_held(file: &File, path: &Path) -> std::io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false),
        // A run that has just ended has removed it.
        Err(TryLockError::WouldBlock) => is_at(file, path),
        // Not every file system has locks: then no run can hold one.
        Err(TryLockError::Error(_)) => Ok(false),
    }
}

fn lock(file: &File, path: &Path) -> Result<()> {
    for _ in 1..LOOKS_MAX {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK_TIME),
            _ => break,
        }
    }
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => {
            let run = match state::read(file, path) {
                Ok((state, _)) => format!(" ({})", state.run.0),
                Err(_) => String::new(),
            };
            let message = format!("another slotkit is moving slots of this cluster{run}");
            Error::new(ErrorKind::Unsafe, message)
                .at(Position::file(path))
                .fix("wait until it has ended")
        }
        TryLockError::Error(cause) => Error::io(path, cause),
    })
}
