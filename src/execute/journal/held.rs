//! A journal's file, locked for as long as it is held.

use super::disk::{sync_file, sync_folder_of};
use super::locked::{make_folder, open_locked};
use super::shorten;
use super::storage::Storage;
use crate::error;
use std::fs::File;
use std::io::{Read, Result, Seek, Write};
use std::path::{Path, PathBuf};

/// The file of a journal, which nobody else holds.
#[derive(Debug)]
pub struct HeldFile {
    path: PathBuf,
    pub(super) file: File,
    /// Whether a crash of the machine leaves this file at its path, as far as its folder goes.
    is_in_folder: bool,
}

impl HeldFile {
    /// Locks a file, or makes one; its folder is made.
    ///
    /// # Errors
    /// When another slotkit holds it, or it can't be opened.
    pub(super) fn open(path: &Path) -> error::Result<HeldFile> {
        make_folder(path)?;
        Ok(HeldFile {
            path: path.to_path_buf(),
            file: open_locked(path)?,
            // Whoever made it may have been killed before its folder was synced.
            is_in_folder: false,
        })
    }
}

impl Storage for HeldFile {
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
        self.file = shorten::replace(&self.path, &self.file, text)?;
        self.is_in_folder = false;
        Ok(())
    }

    fn remove(&mut self) -> Result<()> {
        // The file itself: a link that leads to it isn't ours.
        std::fs::canonicalize(&self.path).and_then(std::fs::remove_file)
    }
}
