//! Keeps a journal in a file, which is locked for as long as it is held, and writes it anew, shorter,
//! without a moment at which it says less.

use super::disk::{sync_file, sync_folder_of};
use super::lock::{is_at, make_folder, open_locked};
use super::storage::Storage;
use crate::error;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Error, Read, Result, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Below this nothing is won by it.
pub(super) const SHORT_BYTES: u64 = 1 << 20;

/// The file of a journal, which nobody else holds.
#[derive(Debug)]
pub struct JournalFile {
    path: PathBuf,
    pub(super) file: File,
    /// Whether a crash of the machine leaves this file at its path, as far as its folder goes.
    is_in_folder: bool,
}

impl JournalFile {
    /// Locks a file, or makes one; its folder is made.
    ///
    /// # Errors
    /// When another slotkit holds it, or it can't be opened.
    pub(super) fn open(path: &Path) -> error::Result<JournalFile> {
        make_folder(path)?;
        Ok(JournalFile {
            path: path.to_path_buf(),
            file: open_locked(path)?,
            // Whoever made it may have been killed before its folder was synced.
            is_in_folder: false,
        })
    }
}

impl Storage for JournalFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn bytes(&self) -> Result<impl Read> {
        let mut file = &self.file;
        file.rewind()?;
        Ok(file)
    }

    fn append(&mut self, records: &[u8]) -> Result<()> {
        self.file.write_all(records)
    }

    fn cut(&mut self, bytes: u64) -> Result<()> {
        self.file.set_len(bytes)
    }

    fn sync(&mut self) -> Result<()> {
        sync_file(&self.file)?;
        if !self.is_in_folder {
            sync_folder_of(&self.path)?;
            self.is_in_folder = true;
        }
        Ok(())
    }

    fn replace(&mut self, text: &[u8]) -> Result<()> {
        self.file = replace(&self.path, &self.file, text)?;
        self.is_in_folder = false;
        Ok(())
    }

    fn remove(&mut self) -> Result<()> {
        // The file itself: a link that leads to it isn't ours.
        std::fs::canonicalize(&self.path).and_then(std::fs::remove_file)
    }
}

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
        if is_at(held, &path)? {
            std::fs::rename(new, &path)?;
        } else {
            return Err(Error::other("another file is in its place"));
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
