//! Defines where the records of a journal stand.

use super::running::now_s;
use std::io::{Read, Result};
use std::path::Path;

/// Keeps the bytes of one journal, for the one run that holds it: a [file](super::JournalFile), or what
/// stands for one where a run is tried without a disk (`tests/simulation/`).
pub trait Storage {
    /// What errors call it.
    fn path(&self) -> &Path;

    /// All that it has, from its beginning.
    ///
    /// # Errors
    /// When it can't be read.
    fn bytes(&self) -> Result<impl Read>;

    /// Puts whole records behind all others. Who is killed later, or reads them then, has them.
    ///
    /// # Errors
    /// When it can't be written: then a part of them may be there.
    fn append(&mut self, records: &[u8]) -> Result<()>;

    /// Leaves so many bytes, the first ones.
    ///
    /// # Errors
    /// When it can't be cut: then it is as long as before.
    fn cut(&mut self, bytes: u64) -> Result<()>;

    /// Waits until all of it outlives a crash of the machine, and is found after it.
    ///
    /// # Errors
    /// When that isn't sure.
    fn sync(&mut self) -> Result<()>;

    /// Puts this text in the place of all that it has, without a moment at which there is less. It
    /// has to be synced before anything counts that is put behind it.
    ///
    /// # Errors
    /// When it can't be replaced: then it is as before.
    fn replace(&mut self, text: &[u8]) -> Result<()>;

    /// Takes it away: the next run begins with nothing.
    ///
    /// # Errors
    /// When it is there still.
    fn remove(&mut self) -> Result<()>;

    /// When it is now, seconds of Unix time; none where no moment is noted.
    fn now_s(&self) -> Option<u64> {
        Some(now_s())
    }
}
