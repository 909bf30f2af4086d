//! Writes down what is under way, before it is done: the journal.
//!
//! A file of JSON lines beside the run: which cluster, and for each slot that
//! it was begun and that it is finished. A record is on disk before the first
//! command of its step goes out, so that after a `kill -9` the next run knows
//! which open slots are its own to finish. It holds no password.
//!
//! A torn last line (the machine died inside a write) is what a crash leaves
//! and is passed over; any other line that can't be read is an error.

mod disk;
mod file;
mod keys;
mod lock;
mod notes;
mod record;
mod running;
mod state;
mod storage;
#[cfg(test)]
mod tests;

use super::Move;
use super::failures::Failures;
use super::figure::Figure;
use super::mover::{Cause, KeyInDoubt, Opened, Unit};
use super::shards::Shards;
use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::slot::Slot;
pub use file::JournalFile;
use lock::{is_held, require_file};
use record::{Record, SCHEMA, line, lines};
pub use running::Running;
use state::JournalState;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
pub use storage::Storage;

/// The journal of one cluster, in a file that is locked for as long as it is held, or in another
/// [`Storage`].
#[derive(Clone, Debug, Hash)]
pub struct Journal<S: Storage = JournalFile> {
    storage: S,
    /// How many bytes of it are whole records. It says the same at any length.
    whole_bytes: Figure<u64>,
    /// Whether a part of a record stands behind them that can't be cut off.
    is_torn: bool,
    /// From how many bytes on it is written anew, with what counts still.
    shorten_at: Figure<u64>,
    state: JournalState,
}

/// What a journal says of what is under way.
#[derive(Clone, Debug, Default)]
pub struct JournalSummary {
    /// The moves that were begun and not finished, by slot.
    pub open: Vec<Move>,
    /// Who was a replica of whom when they began.
    pub shards: Shards,
    /// Every move that was begun, finished or not.
    pub begun: Vec<Move>,
    /// The run that is under way now, which holds the journal.
    pub running: Option<Running>,
    /// The keys that a person was told of, and that nobody has decided about.
    pub undecided: Vec<KeyInDoubt>,
    /// Why the journal can't be read: then nothing is known of runs and of what they began.
    pub unreadable: Option<String>,
}

impl Journal {
    /// Opens a journal, or begins one; its folder is made.
    ///
    /// # Errors
    /// When it can't be read or written, isn't a journal, or another slotkit holds it.
    pub fn open(path: &Path) -> Result<Journal> {
        Journal::over(JournalFile::open(path)?, Running::this())
    }

    /// What a journal says is under way, and whether a run holds it; nothing where there is no
    /// file. Nothing is changed: a run may be writing to it.
    ///
    /// # Errors
    /// When it can't be read for another reason than that this user may not, or isn't a journal.
    pub fn peek(path: &Path) -> Result<JournalSummary> {
        require_file(path)?;
        let file = match File::open(path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Ok(JournalSummary::default());
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::PermissionDenied => {
                return Ok(JournalSummary {
                    unreadable: Some(Error::io(path, cause).to_string()),
                    ..JournalSummary::default()
                });
            }
            Err(cause) => return Err(Error::io(path, cause)),
        };
        let is_held = is_held(&file, path).map_err(|cause| Error::io(path, cause))?;
        state::read(&file, path).map(|(state, _)| JournalSummary {
            undecided: state.named(),
            open: state.open.into_values().collect(),
            shards: state.shards,
            begun: state.begun,
            running: Some(state.run.0).filter(|_| is_held),
            unreadable: None,
        })
    }

    /// Whether a file begins as a journal does.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn is_one(path: &Path) -> Result<bool> {
        require_file(path)?;
        let file = File::open(path).map_err(|cause| Error::io(path, cause))?;
        let headers = record::headers();
        let mut start = Vec::new();
        file.take(headers[0].len() as u64)
            .read_to_end(&mut start)
            .map_err(|cause| Error::io(path, cause))?;
        Ok(headers.contains(&start))
    }

    /// Every move that a journal says was begun, finished or not, in that order.
    ///
    /// # Errors
    /// When it can't be read, or isn't a journal.
    pub fn history(path: &Path) -> Result<Vec<Move>> {
        require_file(path)?;
        let file = File::open(path).map_err(|cause| Error::io(path, cause))?;
        record::records(&file, path).map(|(records, _)| {
            let begun = records.into_iter().filter_map(|record| match record {
                Record::Open { task, .. } => Some(task),
                _ => None,
            });
            begun.collect()
        })
    }
}

impl<S: Storage> Journal<S> {
    /// Goes on with what a storage has, or begins it, for this run.
    ///
    /// # Errors
    /// When it can't be read or written, or isn't a journal.
    pub fn over(mut storage: S, run: Running) -> Result<Journal<S>> {
        let path = storage.path().to_path_buf();
        let io = |cause| Error::io(&path, cause);
        let (state, whole_bytes) = state::read(storage.bytes().map_err(io)?, &path)?;
        // Cut a torn record off, so that the next one doesn't continue its line.
        storage.cut(whole_bytes).map_err(io)?;
        let mut journal = Journal {
            storage,
            whole_bytes: Figure(whole_bytes),
            is_torn: false,
            shorten_at: Figure(file::SHORT_BYTES),
            state,
        };
        if whole_bytes == 0 {
            journal.write(&line(&Record::Journal { schema: SCHEMA }))?;
        }
        // Who holds the journal is for people: on a full disk a run is finished nevertheless.
        let (pid, at_s) = (run.pid, run.at_s);
        let _ = journal.write(&line(&Record::Run { pid, at_s }));
        journal.state.run = Figure(run);
        Ok(journal)
    }

    /// The moves that were begun and not finished, by slot.
    pub fn open_moves(&self) -> Vec<Move> {
        self.state.open.values().copied().collect()
    }

    /// Who was a replica of whom when the moves began.
    pub fn shards(&self) -> &Shards {
        &self.state.shards
    }

    /// The move of a slot that was begun last, finished or not.
    pub fn last_move(&self, slot: Slot) -> Option<Move> {
        let of_slot = |task: &&Move| task.slot == slot;
        self.state.begun.iter().rev().find(of_slot).copied()
    }

    /// The keys of each slot of which a copy may be on its target.
    pub fn doubts(&self) -> BTreeMap<Slot, Vec<KeyInDoubt>> {
        self.state.doubts.clone()
    }

    /// When each slot was begun, and who owned it then.
    pub fn opened(&self) -> &BTreeMap<Slot, Opened> {
        &self.state.opened
    }

    /// What the sources said of their failures, before these were sent.
    pub fn failures(&self) -> BTreeMap<NodeId, Failures> {
        self.state.failures.clone()
    }

    /// The keys that a person was told of, of slots that nobody moves any more.
    pub fn unresolved(&self) -> BTreeMap<Slot, Vec<KeyInDoubt>> {
        self.state.unresolved()
    }

    /// Writes down that these keys of a slot, and no others, are in doubt. Those that are just sent
    /// needn't reach the disk at once: what a kill leaves behind is read all the same.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn doubt(&mut self, slot: Slot, doubts: &[KeyInDoubt]) -> Result<()> {
        self.write(&record::doubt_lines(slot, doubts))?;
        let lasts = |one: &&KeyInDoubt| one.is_named || one.cause != Cause::Sent;
        let known = self.state.doubts.get(&slot).map_or(&[][..], Vec::as_slice);
        let is_news = !known.iter().filter(lasts).eq(doubts.iter().filter(lasts));
        self.state.doubt(slot, doubts.to_vec());
        self.shorten();
        if is_news { self.sync() } else { Ok(()) }
    }

    /// The same of a unit: a record for each slot that has keys in doubt, or had.
    ///
    /// # Errors
    /// When it can't be written.
    fn doubt_unit(&mut self, unit: &Unit, doubts: &[KeyInDoubt]) -> Result<()> {
        if let Some(task) = unit.one() {
            return self.doubt(task.slot, doubts);
        }
        let mut of_slots: BTreeMap<Slot, Vec<KeyInDoubt>> = BTreeMap::new();
        for one in doubts {
            let slot = Slot::for_key(&one.key);
            of_slots.entry(slot).or_default().push(one.clone());
        }
        for slot in unit.slots() {
            let of_slot = of_slots.remove(&slot).unwrap_or_default();
            if !of_slot.is_empty() || self.state.doubts.contains_key(&slot) {
                self.doubt(slot, &of_slot)?;
            }
        }
        Ok(())
    }

    /// Writes down that this key of a slot is in doubt too.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn doubt_also(&mut self, slot: Slot, key: &KeyInDoubt) -> Result<()> {
        let known = self.state.doubts.get(&slot);
        let mut doubts = known.cloned().unwrap_or_default();
        let is_it = |one: &KeyInDoubt| (one.db, &one.key) == (key.db, &key.key);
        if doubts.iter().any(is_it) {
            return Ok(());
        }
        doubts.push(key.clone());
        doubts.sort_unstable();
        self.doubt(slot, &doubts)
    }

    /// Writes down what a source says of its failures, before keys are sent from it.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn note_failures(&mut self, node: NodeId, failures: &Failures) -> Result<()> {
        self.write(&line(&record::failures(node, failures)))?;
        self.state.failures.insert(node, failures.clone());
        Ok(())
    }

    /// Writes down who is a replica of whom, before the moves begin that may need to know: the
    /// node that takes over from one of theirs is found by it.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn know(&mut self, shards: &Shards) -> Result<()> {
        let known = &self.state.shards;
        let is_new = |pair: &(NodeId, NodeId)| !known.pairs().any(|known| known == *pair);
        let new: Vec<(NodeId, NodeId)> = shards.pairs().filter(is_new).collect();
        self.write(&lines(&new, |(primary, replica)| Record::Replica {
            primary,
            replica,
        }))?;
        let known = &self.state.shards;
        let is_new = |(slot, node): &(Slot, NodeId)| !known.is_left_over(*slot, *node);
        let beside: Vec<(Slot, NodeId)> = shards.left_over().filter(is_new).collect();
        self.write(&lines(&beside, |(slot, node)| Record::Beside {
            slot,
            node,
        }))?;
        self.state.shards.join(shards);
        Ok(())
    }

    /// Writes down how many slots are to move, for whoever asks how far the run is.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn aim_at(&mut self, slots: u64) -> Result<()> {
        self.write(&line(&Record::Total { slots }))?;
        let run = &mut self.state.run.0;
        (run.total, run.arrived) = (Some(slots), 0);
        Ok(())
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.storage.path()
    }

    /// Writes down that these moves begin, and waits until that is on disk.
    ///
    /// # Errors
    /// When it can't be written: then none of them must begin.
    pub fn begin(&mut self, tasks: &[Move]) -> Result<()> {
        let at_s = self.storage.now_s();
        self.write(&lines(tasks, |task| Record::Open { task, at_s }))?;
        self.sync()?;
        tasks.iter().for_each(|task| self.state.begin(*task, at_s));
        Ok(())
    }

    /// Writes down that these moves have ended. It needn't reach the disk at once: a move that is
    /// looked at again is seen to have ended.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn end(&mut self, tasks: &[Move]) -> Result<()> {
        self.write(&lines(tasks, |task| Record::Closed { task }))?;
        self.state.run.0.arrived += tasks.len() as u64;
        for task in tasks {
            self.state.end(*task);
        }
        Ok(())
    }

    /// Removes the file when nothing is under way any more, and no key is left for a person; keeps
    /// it otherwise. Returns what it stood in.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn close(mut self) -> Result<S> {
        if self.state.open.is_empty() && self.state.unresolved().is_empty() {
            self.storage.remove().map_err(|cause| self.io(cause))?;
        } else {
            self.sync()?;
        }
        Ok(self.storage)
    }

    /// What it stands in, for who looks after that: what is there is the journal's.
    pub fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    /// All of these records or none: a part of one in the middle would be a journal that nobody can
    /// read, with slots open.
    fn write(&mut self, lines: &[u8]) -> Result<()> {
        if self.is_torn {
            let message = "a part of a record stands at its end, and can't be cut off";
            return Err(Error::new(ErrorKind::Io, message).at(Position::file(self.path())));
        }
        if let Err(cause) = self.storage.append(lines) {
            self.is_torn = self.storage.cut(self.whole_bytes.0).is_err();
            return Err(self.io(cause));
        }
        self.whole_bytes.0 += lines.len() as u64;
        Ok(())
    }

    /// Writes it anew where most of it is over. One that can't be is as good as before.
    fn shorten(&mut self) {
        if self.whole_bytes.0 < self.shorten_at.0 {
            return;
        }
        let text = self.state.to_lines();
        if self.storage.replace(&text).is_ok() {
            self.whole_bytes.0 = text.len() as u64;
        }
        self.shorten_at.0 = (self.whole_bytes.0 * 2).max(file::SHORT_BYTES);
    }

    /// Waits until it is on disk, and found there.
    fn sync(&mut self) -> Result<()> {
        self.storage.sync().map_err(|cause| self.io(cause))
    }

    fn io(&self, cause: std::io::Error) -> Error {
        Error::io(self.path(), cause)
    }
}
