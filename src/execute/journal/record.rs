//! The lines of a journal.

use super::super::Move;
use super::super::families::Families;
use super::super::slot_move::Unclear;
use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::slot::Slot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The version of the file's form.
pub(super) const SCHEMA: u32 = 1;
/// A record is about 150 bytes, but for those with a key; a longer line isn't ours.
const MAX_LINE_BYTES: u64 = 1 << 20;
/// A byte of a key takes up to four in its record. A longer key isn't noted.
const MAX_KEY_BYTES: usize = 200_000;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(super) enum Record {
    /// The file's first line.
    Journal { schema: u32 },
    /// A node is a replica of another one, and may take over from it.
    Replica { primary: NodeId, replica: NodeId },
    /// A node has a slot open beside the slot's target.
    Beside { slot: Slot, node: NodeId },
    /// A slot stopped while a copy of a key may have been on its target.
    Unclear { slot: Slot, db: u32, key: Vec<u8> },
    /// Such keys of a slot were looked at on both sides.
    Clear { slot: Slot },
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

/// A record of each of these, as lines of the file.
pub(super) fn lines<T: Copy>(all: &[T], record: impl Fn(T) -> Record) -> Vec<u8> {
    all.iter().flat_map(|one| line(&record(*one))).collect()
}

/// A record as a line of the file.
pub(super) fn line(record: &Record) -> Vec<u8> {
    // Strings and numbers alone: there is nothing in a record that JSON can't hold.
    let mut line = serde_json::to_vec(record).unwrap_or_default();
    line.push(b'\n');
    line
}

/// What the records say together.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The moves that were begun and not finished.
    pub open: BTreeMap<u16, Move>,
    pub families: Families,
    pub unclear: BTreeMap<Slot, Unclear>,
}

impl Told {
    fn take_in(&mut self, record: Record) {
        match record {
            Record::Journal { .. } => {}
            Record::Replica { primary, replica } => self.families.add(primary, replica),
            Record::Beside { slot, node } => self.families.add_beside(slot, node),
            Record::Unclear { slot, db, key } => {
                let unclear = self.unclear.entry(slot).or_default();
                unclear.db = db;
                unclear.keys.push(key);
            }
            Record::Clear { slot } => drop(self.unclear.remove(&slot)),
            Record::Open { task } => drop(self.open.insert(task.slot.number(), task)),
            Record::Closed { task } => self.end(task),
        }
    }

    pub fn end(&mut self, task: Move) {
        self.open.remove(&task.slot.number());
        self.unclear.remove(&task.slot);
    }
}

/// Whether a record can hold a key.
pub(super) fn fits(key: &[u8]) -> bool {
    key.len() <= MAX_KEY_BYTES
}

/// What a journal says, and how many bytes are whole records.
pub(super) fn read(file: &File, path: &Path) -> Result<(Told, u64)> {
    let (records, whole_bytes) = records(file, path)?;
    let mut told = Told::default();
    records.into_iter().for_each(|record| told.take_in(record));
    Ok((told, whole_bytes))
}

/// Every whole record, and how many bytes they are.
pub(super) fn records(file: &File, path: &Path) -> Result<(Vec<Record>, u64)> {
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
