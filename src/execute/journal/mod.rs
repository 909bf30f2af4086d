//! What is under way, written down before it is done.
//!
//! A file of JSON lines beside the run: which cluster, and for each slot that
//! it was begun and that it is finished. A record is on disk before the first
//! command of its step goes out, so that after a `kill -9` the next run knows
//! which open slots are its own to finish. It holds no password.
//!
//! A torn last line (the machine died inside a write) is what a crash leaves
//! and is passed over; any other line that can't be read is an error.

mod locked;
mod record;
#[cfg(test)]
mod tests;

use super::Move;
use super::families::Families;
use super::slot_move::Unclear;
use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::slot::Slot;
use locked::open_locked;
use record::{Record, SCHEMA, Told, line, lines};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The journal of one cluster, locked for as long as it is held.
pub struct Journal {
    path: PathBuf,
    file: File,
    /// How many bytes of it are whole records.
    whole_bytes: u64,
    /// Whether a part of a record stands behind them that can't be cut off.
    is_torn: bool,
    told: Told,
}

/// What a journal says.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// The moves that were begun and not finished, by slot.
    pub open: Vec<Move>,
    /// Who was a replica of whom when they began.
    pub families: Families,
}

impl Journal {
    /// Opens a journal, or begins one; its folder is made.
    ///
    /// # Errors
    /// When it can't be read or written, isn't a journal, or another slotkit holds it.
    pub fn open(path: &Path) -> Result<Journal> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder).map_err(|cause| Error::io(folder, cause))?;
        }
        let file = open_locked(path)?;
        let (told, whole_bytes) = record::read(&file, path)?;
        // Cut a torn record off, so that the next one doesn't continue its line.
        file.set_len(whole_bytes)
            .map_err(|cause| Error::io(path, cause))?;
        let mut journal = Journal {
            path: path.to_path_buf(),
            file,
            whole_bytes,
            is_torn: false,
            told,
        };
        if whole_bytes == 0 {
            journal.write(&line(&Record::Journal { schema: SCHEMA }))?;
        }
        Ok(journal)
    }

    /// What a journal says is under way; nothing where there is no file. Nothing is locked or
    /// changed: a run may be writing to it.
    ///
    /// # Errors
    /// When it can't be read, or isn't a journal.
    pub fn peek(path: &Path) -> Result<Story> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Story::default());
            }
            Err(cause) => return Err(Error::io(path, cause)),
        };
        record::read(&file, path).map(|(told, _)| Story {
            open: told.open.into_values().collect(),
            families: told.families,
        })
    }

    /// Whether a file begins as a journal does.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn is_one(path: &Path) -> Result<bool> {
        let file = File::open(path).map_err(|cause| Error::io(path, cause))?;
        let header = line(&Record::Journal { schema: SCHEMA });
        let mut start = Vec::new();
        file.take(header.len() as u64)
            .read_to_end(&mut start)
            .map_err(|cause| Error::io(path, cause))?;
        Ok(start == header)
    }

    /// Every move that a journal says was begun, finished or not, in that order.
    ///
    /// # Errors
    /// When it can't be read, or isn't a journal.
    pub fn history(path: &Path) -> Result<Vec<Move>> {
        let file = File::open(path).map_err(|cause| Error::io(path, cause))?;
        record::records(&file, path).map(|(records, _)| {
            let begun = records.into_iter().filter_map(|record| match record {
                Record::Open { task } => Some(task),
                _ => None,
            });
            begun.collect()
        })
    }

    /// The moves that were begun and not finished, by slot.
    pub fn open_moves(&self) -> Vec<Move> {
        self.told.open.values().copied().collect()
    }

    /// Who was a replica of whom when the moves began.
    pub fn families(&self) -> &Families {
        &self.told.families
    }

    /// The keys of which copies may have been left on a slot's target.
    pub fn unclear(&self) -> BTreeMap<Slot, Unclear> {
        self.told.unclear.clone()
    }

    /// Writes down that a slot stopped where copies of these keys may be on its target: should a
    /// client delete one of them at the source, that copy must not come to life.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn leave_unclear(&mut self, slot: Slot, unclear: &Unclear) -> Result<()> {
        let db = unclear.db;
        let keys = unclear.keys.iter().filter(|key| record::fits(key));
        let records = keys.map(|key| Record::Unclear {
            slot,
            db,
            key: key.clone(),
        });
        let text: Vec<u8> = records.flat_map(|record| line(&record)).collect();
        self.write(&text)?;
        self.told.unclear.insert(slot, unclear.clone());
        self.sync()
    }

    /// Writes down that these keys were looked at on both sides.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn clear_up(&mut self, slot: Slot) -> Result<()> {
        self.write(&line(&Record::Clear { slot }))?;
        self.told.unclear.remove(&slot);
        self.sync()
    }

    /// Writes down who is a replica of whom, before the moves begin that may need to know: the
    /// node that takes over from one of theirs is found by it.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn know(&mut self, families: &Families) -> Result<()> {
        let known = &self.told.families;
        let is_new = |pair: &(NodeId, NodeId)| !known.pairs().any(|known| known == *pair);
        let new: Vec<(NodeId, NodeId)> = families.pairs().filter(is_new).collect();
        self.write(&lines(&new, |(primary, replica)| Record::Replica {
            primary,
            replica,
        }))?;
        let known = &self.told.families;
        let is_new = |(slot, node): &(Slot, NodeId)| !known.is_beside(*slot, *node);
        let beside: Vec<(Slot, NodeId)> = families.besides().filter(is_new).collect();
        self.write(&lines(&beside, |(slot, node)| Record::Beside {
            slot,
            node,
        }))?;
        self.told.families.join(families);
        Ok(())
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes down that these moves begin, and waits until that is on disk.
    ///
    /// # Errors
    /// When it can't be written: then none of them must begin.
    pub fn begin(&mut self, tasks: &[Move]) -> Result<()> {
        self.write(&lines(tasks, |task| Record::Open { task }))?;
        self.sync()?;
        let begun = tasks.iter().map(|task| (task.slot.number(), *task));
        self.told.open.extend(begun);
        Ok(())
    }

    /// Writes down that these moves have ended. It needn't reach the disk at once: a move that is
    /// looked at again is seen to have ended.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn end(&mut self, tasks: &[Move]) -> Result<()> {
        self.write(&lines(tasks, |task| Record::Closed { task }))?;
        for task in tasks {
            self.told.end(*task);
        }
        Ok(())
    }

    /// Removes the file when nothing is under way any more; keeps it otherwise.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn close(self) -> Result<()> {
        match self.told.open.is_empty() {
            true => std::fs::remove_file(&self.path).map_err(|cause| Error::io(&self.path, cause)),
            false => self.sync(),
        }
    }

    /// All of these records or none: a part of one in the middle would be a journal that nobody can
    /// read, with slots open.
    fn write(&mut self, lines: &[u8]) -> Result<()> {
        if self.is_torn {
            let message = "a part of a record stands at its end, and can't be cut off";
            return Err(Error::new(ErrorKind::Io, message).at(Position::file(&self.path)));
        }
        if let Err(cause) = self.file.write_all(lines) {
            self.is_torn = self.file.set_len(self.whole_bytes).is_err();
            return Err(Error::io(&self.path, cause));
        }
        self.whole_bytes += lines.len() as u64;
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let synced = self.file.sync_data();
        synced.map_err(|cause| Error::io(&self.path, cause))
    }
}
