//! What is under way, written down before it is done.
//!
//! A file of JSON lines beside the run: which cluster, and for each slot that
//! it was begun and that it is finished. A record is on disk before the first
//! command of its step goes out, so that after a `kill -9` the next run knows
//! which open slots are its own to finish. It holds no password.
//!
//! A torn last line (the machine died inside a write) is what a crash leaves
//! and is passed over; any other line that can't be read is an error.

use super::Move;
use super::families::Families;
use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::slot::Slot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The version of the file's form.
const SCHEMA: u32 = 1;
/// A record is about 150 bytes; a longer line isn't ours.
const MAX_LINE_BYTES: u64 = 4096;
/// How often a journal may be gone by the time that it is locked.
const OPENS_MAX: u32 = 100;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum Record {
    /// The file's first line.
    Journal { schema: u32 },
    /// A node is a replica of another one, and may take over from it.
    Replica { primary: NodeId, replica: NodeId },
    /// A node has a slot open beside the slot's target.
    Beside { slot: Slot, node: NodeId },
    /// A slot's move begins.
    Open {
        #[serde(flatten)]
        task: Move,
    },
    /// A slot's move has ended; the slot is where it should be, or never left.
    Closed {
        #[serde(flatten)]
        task: Move,
    },
}

/// The journal of one cluster, locked for as long as it is held.
pub struct Journal {
    path: PathBuf,
    file: File,
    open: BTreeMap<u16, Move>,
    families: Families,
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
        let (open, families, whole_bytes) = read(&file, path)?;
        // Cut a torn record off, so that the next one doesn't continue its line.
        file.set_len(whole_bytes)
            .map_err(|cause| Error::io(path, cause))?;
        let mut journal = Journal {
            path: path.to_path_buf(),
            file,
            open,
            families,
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
        read(&file, path).map(|(open, families, _)| Story {
            open: open.into_values().collect(),
            families,
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
        records(&file, path).map(|(records, _)| {
            let begun = records.into_iter().filter_map(|record| match record {
                Record::Open { task } => Some(task),
                Record::Journal { .. }
                | Record::Replica { .. }
                | Record::Beside { .. }
                | Record::Closed { .. } => None,
            });
            begun.collect()
        })
    }

    /// The moves that were begun and not finished, by slot.
    pub fn open_moves(&self) -> Vec<Move> {
        self.open.values().copied().collect()
    }

    /// Who was a replica of whom when the moves began.
    pub fn families(&self) -> &Families {
        &self.families
    }

    /// Writes down who is a replica of whom, before the moves begin that may need to know: the
    /// node that takes over from one of theirs is found by it.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn know(&mut self, families: &Families) -> Result<()> {
        let is_new = |pair: &(NodeId, NodeId)| !self.families.pairs().any(|known| known == *pair);
        let new: Vec<(NodeId, NodeId)> = families.pairs().filter(is_new).collect();
        self.write(&lines(&new, |(primary, replica)| Record::Replica {
            primary,
            replica,
        }))?;
        let is_new = |(slot, node): &(Slot, NodeId)| !self.families.is_beside(*slot, *node);
        let beside: Vec<(Slot, NodeId)> = families.besides().filter(is_new).collect();
        self.write(&lines(&beside, |(slot, node)| Record::Beside {
            slot,
            node,
        }))?;
        self.families.join(families);
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
        self.open
            .extend(tasks.iter().map(|task| (task.slot.number(), *task)));
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
            self.open.remove(&task.slot.number());
        }
        Ok(())
    }

    /// Removes the file when nothing is under way any more; keeps it otherwise.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn close(self) -> Result<()> {
        match self.open.is_empty() {
            true => std::fs::remove_file(&self.path).map_err(|cause| Error::io(&self.path, cause)),
            false => self.sync(),
        }
    }

    fn write(&mut self, lines: &[u8]) -> Result<()> {
        let written = self.file.write_all(lines);
        written.map_err(|cause| Error::io(&self.path, cause))
    }

    fn sync(&self) -> Result<()> {
        let synced = self.file.sync_data();
        synced.map_err(|cause| Error::io(&self.path, cause))
    }
}

/// The file that is at this path once it is locked.
///
/// A run removes its journal while it holds the lock. Who opened the file before that and locks it
/// afterwards holds one that nobody else will find: then there is another one to be had.
fn open_locked(path: &Path) -> Result<File> {
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
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
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

/// A record of each of these, as lines of the file.
fn lines<T: Copy>(all: &[T], record: impl Fn(T) -> Record) -> Vec<u8> {
    all.iter().flat_map(|one| line(&record(*one))).collect()
}

/// A record as a line of the file.
fn line(record: &Record) -> Vec<u8> {
    // Strings and numbers alone: there is nothing in a record that JSON can't hold.
    let mut line = serde_json::to_vec(record).unwrap_or_default();
    line.push(b'\n');
    line
}

/// The moves that are under way, the families, and how many bytes are whole records.
fn read(file: &File, path: &Path) -> Result<(BTreeMap<u16, Move>, Families, u64)> {
    let (records, whole_bytes) = records(file, path)?;
    let mut open = BTreeMap::new();
    let mut families = Families::default();
    for record in records {
        match record {
            Record::Journal { .. } => {}
            Record::Replica { primary, replica } => families.add(primary, replica),
            Record::Beside { slot, node } => families.add_beside(slot, node),
            Record::Open { task } => drop(open.insert(task.slot.number(), task)),
            Record::Closed { task } => drop(open.remove(&task.slot.number())),
        }
    }
    Ok((open, families, whole_bytes))
}

/// Every whole record, and how many bytes they are.
fn records(file: &File, path: &Path) -> Result<(Vec<Record>, u64)> {
    let mut reader = BufReader::new(file);
    let mut records = Vec::new();
    let mut whole_bytes = 0;
    let header = self::line(&Record::Journal { schema: SCHEMA });
    for number in 1.. {
        let mut line = Vec::new();
        let mut limited = reader.by_ref().take(MAX_LINE_BYTES);
        let length = limited
            .read_until(b'\n', &mut line)
            .map_err(|cause| Error::io(path, cause))?;
        let bad = |what: String| {
            Error::new(ErrorKind::Input, what)
                .at(Position::file(path).at_line(number))
                .mend("name another file with --journal, or move this one away")
        };
        if line.last() != Some(&b'\n') && length < MAX_LINE_BYTES as usize {
            // A torn header is a part of ours; anything else is somebody's file.
            match number == 1 && !header.starts_with(&line) {
                true => return Err(bad("expected a journal of slotkit".to_owned())),
                false => break,
            }
        }
        let record: Record = serde_json::from_slice(&line)
            .map_err(|cause| bad(format!("expected a record of slotkit's journal ({cause})")))?;
        match (number, record) {
            (1, Record::Journal { schema: SCHEMA }) => {}
            (1, _) => return Err(bad(format!("expected a journal of schema {SCHEMA}"))),
            (_, Record::Journal { .. }) => return Err(bad("expected one header".to_owned())),
            (_, record) => records.push(record),
        }
        whole_bytes += length as u64;
    }
    Ok((records, whole_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing;

    fn task(number: u16) -> Move {
        testing::task(number, 'a', 'b')
    }

    #[test]
    fn what_was_begun_is_remembered_at_any_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/run.journal");
        let mut journal = Journal::open(&path).expect("a journal");
        journal.begin(&[task(1)]).expect("begins");
        journal.begin(&[task(2)]).expect("begins");
        // It is held, and may be looked at.
        assert_eq!(
            Journal::peek(&path).expect("reads").open,
            [task(1), task(2)]
        );
        journal.end(&[task(1)]).expect("ends");
        drop(journal);
        assert_eq!(Journal::history(&path).expect("reads"), [task(1), task(2)]);
        let whole = std::fs::read(&path).expect("bytes");
        let mut seen = std::collections::BTreeSet::new();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("writes");
            let mut journal = Journal::open(&path).expect("a cut journal opens");
            seen.insert(journal.open_moves());
            journal.begin(&[task(3)]).expect("goes on behind the cut");
            drop(journal);
            let again = Journal::open(&path).expect("opens again").open_moves();
            assert!(again.contains(&task(3)), "cut at {cut}: {again:?}");
        }
        let expected: [&[u16]; 4] = [&[], &[1], &[1, 2], &[2]];
        for slots in expected {
            assert!(seen.contains(&slots.iter().map(|slot| task(*slot)).collect::<Vec<_>>()));
        }
        assert_eq!(seen.len(), expected.len());
    }

    #[test]
    fn families_are_written_down_once_and_are_no_moves() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.journal");
        let families: Families = [(testing::id('a'), testing::id('c'))].into_iter().collect();
        let mut journal = Journal::open(&path).expect("a journal");
        journal.know(&families).expect("writes");
        journal.begin(&[task(1)]).expect("begins");
        journal.know(&families).expect("knows it already");
        drop(journal);
        let story = Journal::peek(&path).expect("reads");
        assert_eq!((story.open, &story.families), (vec![task(1)], &families));
        assert_eq!(Journal::history(&path).expect("reads"), [task(1)]);
        let text = std::fs::read_to_string(&path).expect("text");
        assert_eq!(text.matches("replica").count(), 2, "{text}");
        assert_eq!(Journal::open(&path).expect("opens").families(), &families);
    }

    #[test]
    fn only_one_holds_it_and_an_empty_one_goes_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.journal");
        let journal = Journal::open(&path).expect("a journal");
        let second = Journal::open(&path).err().expect("locked");
        assert_eq!(second.kind(), ErrorKind::Unsafe);
        journal.close().expect("closes");
        assert!(!path.exists());
        assert_eq!(Journal::peek(&path).expect("nothing").open, []);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_was_removed_before_it_was_locked_is_not_the_journal() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.journal");
        let early = open_locked(&path).expect("a file");
        assert!(is_at(&early, &path).expect("looks"));
        std::fs::remove_file(&path).expect("removes");
        assert!(!is_at(&early, &path).expect("looks"));
        // Another run's is there by now; both locks are held, on different files.
        let journal = Journal::open(&path).expect("a journal");
        assert!(!is_at(&early, &path).expect("looks"));
        assert!(is_at(&journal.file, &path).expect("looks"));
    }

    /// Many at once, each of which removes it: no two may hold it at the same time.
    #[test]
    fn of_many_that_open_and_remove_it_one_at_a_time_holds_it() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.journal");
        let holders = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let Ok(journal) = Journal::open(&path) else {
                            continue;
                        };
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        holders.fetch_sub(1, Ordering::SeqCst);
                        journal.close().expect("closes");
                    }
                });
            }
        });
    }

    #[test]
    fn other_files_are_refused_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes.txt");
        for text in [
            "dear diary\n".to_owned(),
            "x".repeat(10_000),
            "{}\n".to_owned(),
        ] {
            std::fs::write(&path, &text).expect("writes");
            let error = Journal::open(&path).err().expect("refused");
            assert!(error.one_line().contains("notes.txt, line 1"), "{error:?}");
            assert_eq!(std::fs::read_to_string(&path).expect("kept"), text);
        }
        // Without a line's end it can't be told from a torn header, but it isn't cut away.
        std::fs::write(&path, "short").expect("writes");
        assert!(Journal::open(&path).is_err());
    }
}
