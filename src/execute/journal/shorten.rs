//! A journal that is written anew, shorter, without a moment at which it says less.

use super::disk::sync_file;
use super::locked::is_at;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Error, Result, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Below this nothing is won by it.
pub(super) const SHORT_BYTES: u64 = 1 << 20;

/// Puts a file with this text where a journal is that is held. It is locked before anybody can find
/// it. Its folder has to be synced before anything counts that is written to it.
///
/// # Errors
/// When that can't be done: then the old one is there as before.
pub(super) fn replace(path: &Path, held: &File, text: &[u8]) -> Result<File> {
    // The file itself: a link that leads to it isn't ours.
    let path = std::fs::canonicalize(path)?;
    let mut name = OsString::from(&path);
    name.push(".new");
    let new = Path::new(&name);
    // What an earlier one has left that broke off.
    let _ = std::fs::remove_file(new);
    let replaced = write(new, held, text).and_then(|file| {
        match is_at(held, &path)? {
            true => std::fs::rename(new, &path)?,
            false => return Err(Error::other("another file is in its place")),
        }
        Ok(file)
    });
    if replaced.is_err() {
        let _ = std::fs::remove_file(new);
    }
    replaced
}

fn write(new: &Path, held: &File, text: &[u8]) -> Result<File> {
    let mut options = OpenOptions::new();
    options.create_new(true).read(true).append(true).mode(0o600);
    let mut file = options.open(new)?;
    let (ours, its) = (file.metadata()?, held.metadata()?);
    if ours.uid() != its.uid() || ours.gid() != its.gid() {
        return Err(Error::other("it belongs to somebody else"));
    }
    file.set_permissions(its.permissions())?;
    file.lock()?;
    file.write_all(text)?;
    sync_file(&file)?;
    Ok(file)
}
