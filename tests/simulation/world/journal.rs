//! The product's own journal, over a file that is modelled: what the tool has written down, for
//! itself or for the run that comes after it.
//!
//! What is written is there for whoever reads it, and stays when the tool is killed. A crash of its
//! machine leaves what was synced, and as much of the rest as chance will; in place of a file that
//! was written anew, or removed, the one before it, until the folder was synced too.

use super::World;
use super::faults::Part;
use crate::choice::Chooser;
use slotkit::error::Error;
use slotkit::execute::Move;
use slotkit::execute::journal::{Journal, Running, Storage};
use slotkit::execute::open_moves::OpenMoves;
use slotkit::slot::Slot;
use std::hash::{Hash, Hasher};
use std::io::{ErrorKind, Read, Result};
use std::path::Path;

/// A file as it is, and how much of it a crash of the machine leaves at the least.
#[derive(Clone, Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    synced: usize,
}

/// What goes wrong with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Trouble {
    /// The tool is killed in a write, after so many others, when so much of it is there.
    Kills { after: usize, part: Part },
    /// The tool was killed: nothing that it does from here on is done.
    Killed,
    /// The disk has room for half of what is written next. A part of a record can't always be cut
    /// off.
    Full { can_cut: bool },
    /// What is synced next isn't.
    SyncFails,
    /// That was so.
    SyncFailed,
}

/// The modelled file of a journal, and its folder.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    file: Kept,
    /// What a crash may leave in its place, as long as its folder wasn't synced.
    before: Option<Kept>,
    trouble: Option<Trouble>,
}

/// By what goes wrong alone: what was written says the same when it is read again as the journal
/// that wrote it, which is hashed. Each kill tries that ([`World::open_again`]). How much of it was
/// synced counts where the machine may crash: where every interleaving is tried it doesn't.
impl Hash for Disk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Disk {
            file: _,
            before: _,
            trouble,
        } = self;
        trouble.hash(state);
    }
}

impl Disk {
    /// From now on this goes wrong, or nothing does any more.
    pub fn troubles(&mut self, trouble: Option<Trouble>) {
        self.trouble = trouble;
    }

    pub fn has_killed(&self) -> bool {
        self.trouble == Some(Trouble::Killed)
    }

    /// The machine crashes. Whether something is gone that was written.
    pub fn crash(&mut self, chooser: &mut Chooser) -> bool {
        let written = self.file.bytes.len();
        let is_before = self.before.is_some() && chooser.pick(2) == 0;
        let before = self.before.take().filter(|_| is_before);
        self.file = before.unwrap_or_else(|| std::mem::take(&mut self.file));
        let Kept { bytes, synced } = &mut self.file;
        let kept = *synced + chooser.pick(bytes.len() - *synced + 1);
        bytes.truncate(kept);
        *synced = kept;
        is_before || kept < written
    }
}

fn failed<T>(kind: ErrorKind) -> Result<T> {
    Err(kind.into())
}

impl Storage for Disk {
    fn path(&self) -> &Path {
        Path::new("the modelled file")
    }

    fn bytes(&self) -> Result<impl Read> {
        Ok(self.file.bytes.as_slice())
    }

    fn append(&mut self, records: &[u8]) -> Result<()> {
        let (most, trouble) = match self.trouble {
            Some(Trouble::Killed) => (0, self.trouble),
            Some(Trouble::Kills { after: 0, part }) => {
                (part.of(records.len()), Some(Trouble::Killed))
            }
            Some(Trouble::Kills { after, part }) => {
                let after = after - 1;
                (records.len(), Some(Trouble::Kills { after, part }))
            }
            Some(Trouble::Full { .. }) => (records.len() / 2, self.trouble),
            Some(Trouble::SyncFails | Trouble::SyncFailed) | None => (records.len(), self.trouble),
        };
        self.file.bytes.extend(&records[..most]);
        self.trouble = trouble;
        match trouble {
            Some(Trouble::Killed | Trouble::Full { .. }) => failed(ErrorKind::StorageFull),
            _ => Ok(()),
        }
    }

    fn cut(&mut self, bytes: u64) -> Result<()> {
        if matches!(
            self.trouble,
            Some(Trouble::Killed | Trouble::Full { can_cut: false })
        ) {
            return failed(ErrorKind::Other);
        }
        let Kept { bytes: all, synced } = &mut self.file;
        all.truncate(usize::try_from(bytes).expect("a small file"));
        *synced = all.len().min(*synced);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        match self.trouble {
            Some(Trouble::Killed) => return failed(ErrorKind::Other),
            Some(Trouble::SyncFails) => {
                self.trouble = Some(Trouble::SyncFailed);
                return failed(ErrorKind::Other);
            }
            _ => {}
        }
        self.file.synced = self.file.bytes.len();
        self.before = None;
        Ok(())
    }

    fn replace(&mut self, text: &[u8]) -> Result<()> {
        if matches!(
            self.trouble,
            Some(Trouble::Killed | Trouble::Full { .. } | Trouble::SyncFails)
        ) {
            return failed(ErrorKind::StorageFull);
        }
        let new = Kept {
            bytes: text.to_vec(),
            synced: text.len(),
        };
        let old = std::mem::replace(&mut self.file, new);
        self.before.get_or_insert(old);
        Ok(())
    }

    fn remove(&mut self) -> Result<()> {
        let old = std::mem::take(&mut self.file);
        self.before.get_or_insert(old);
        Ok(())
    }

    /// By the world's clock a run takes seconds: nobody is told of them.
    fn now_s(&self) -> Option<u64> {
        None
    }
}

/// A journal that a run holds.
pub(super) fn open(disk: Disk) -> std::result::Result<Journal<Disk>, Error> {
    Journal::over(disk, Running::default())
}

impl World {
    /// The next run opens what the last one has left. Nothing goes wrong with it any more.
    pub(super) fn open_again(&mut self) {
        let disk = self.journal.storage_mut();
        let trouble = disk.trouble.take();
        let again = open(disk.clone()).expect("a journal, whatever has gone wrong with it");
        if trouble.is_none() {
            self.require_same(&again);
        }
        self.journal = again;
    }

    /// What is read says what was written, as the run knew it that wrote it.
    fn require_same(&self, again: &Journal<Disk>) {
        let told = |journal: &Journal<Disk>| {
            let (opened, failures) = (journal.opened().clone(), journal.failures());
            let shards = journal.shards().clone();
            (
                journal.open_moves(),
                journal.doubts(),
                opened,
                failures,
                shards,
            )
        };
        assert_eq!(
            told(again),
            told(&self.journal),
            "a journal says another thing when it is read"
        );
    }

    /// The tool is killed, and its journal stays as it is. What is under way arrives, or doesn't.
    pub(super) fn kill(&mut self) {
        (self.running, self.core) = (None, None);
        for index in 0..self.messages.len() {
            if self.messages[index].done.is_none() && self.chooser.pick(2) == 1 {
                self.carry_out(index, usize::MAX, true);
            }
        }
        self.messages.clear();
        self.open_again();
    }

    /// The tool's machine crashes, and with it what of the journal wasn't on disk. Where something
    /// is gone the tool knows less than it did.
    pub(super) fn crash_machine(&mut self) {
        self.kill();
        let mut disk = self.journal.storage_mut().clone();
        if disk.crash(&mut self.chooser) {
            self.cluster.windows.forget();
        }
        let begun = self.journal.open_moves();
        self.journal = open(disk).expect("a journal, wherever it was cut");
        self.require_begun(&begun);
    }

    /// What is open was on disk as begun before its first command: the next run must know of it.
    fn require_begun(&mut self, begun: &[Move]) {
        let is_open = |slot: Slot| self.cluster.nodes.iter().any(|node| node.has_open(slot));
        let forgotten = begun.iter().map(|task| task.slot);
        let forgotten = forgotten.filter(|slot| is_open(*slot) && !self.is_begun(*slot));
        if let Some(slot) = forgotten.min() {
            self.wrong = Some(format!("a crash of the machine has forgotten slot {slot}"));
        }
    }

    /// A run has come to its end: the journal goes where nothing is left to know. One that can't be
    /// closed is a pity.
    pub(super) fn close_journal(&mut self) {
        if let Ok(mut disk) = self.journal.clone().close() {
            disk.troubles(None);
            self.journal = open(disk).expect("a journal");
        }
    }

    /// Takes for begun what is open on the cluster, in a new journal.
    pub(super) fn adopt_open(&mut self, open: &OpenMoves) {
        self.journal = self::open(Disk::default()).expect("a new journal");
        self.journal.know(&open.beside).expect("written");
        self.journal.begin(&open.moves).expect("written");
    }

    /// A person has decided about the keys that a stop names: they are in doubt no longer.
    pub(super) fn settle_named(&mut self, is_named: impl Fn(&[u8]) -> bool) {
        self.open_again();
        for (slot, mut doubts) in self.journal.doubts() {
            let before = doubts.len();
            doubts.retain(|one| !is_named(&one.key));
            if doubts.len() < before {
                self.journal.doubt(slot, &doubts).expect("written");
            }
        }
    }

    /// Whether a slot is begun and not finished, as the journal has it.
    pub(super) fn is_begun(&self, slot: Slot) -> bool {
        let open = self.journal.open_moves();
        open.iter().any(|begun| begun.slot == slot)
    }
}
