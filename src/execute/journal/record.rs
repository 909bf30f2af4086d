//! The lines of a journal.

use super::super::Move;
use super::super::failures::Failures;
use super::super::figure::Figure;
use super::super::mover::{Cause, Doubtful, Opened};
use super::super::shards::Shards;
use super::Running;
use super::keys::{self, Group};
use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::slot::Slot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The version of the file's form. The first one, which is still read, had a record for each key of
/// a slot that stopped.
pub(super) const SCHEMA: u32 = 2;
const SCHEMAS: [u32; 2] = [1, SCHEMA];
/// A record is about 150 bytes, but for those with a key; a longer line isn't ours.
const MAX_LINE_BYTES: u64 = 1 << 20;
/// A byte of a key takes up to four in its record. A longer key isn't noted.
const MAX_KEY_BYTES: usize = 200_000;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(super) enum Record {
    /// The file's first line.
    Journal { schema: u32 },
    /// A run holds the file from now on: its process, and when it began (Unix time).
    Run { pid: u32, at_s: u64 },
    /// It is about to move so many slots.
    Total { slots: u64 },
    /// A node is a replica of another one, and may take over from it.
    Replica { primary: NodeId, replica: NodeId },
    /// A node has a slot open beside the slot's target.
    Beside { slot: Slot, node: NodeId },
    /// A slot stopped while a copy of a key may have been on its target (schema 1).
    Unclear { slot: Slot, db: u32, key: Vec<u8> },
    /// Such keys of a slot were looked at on both sides (schema 1).
    Clear { slot: Slot },
    /// These keys of a slot, and no others, are in doubt: a copy of each may be on its target.
    Doubts { slot: Slot, keys: Vec<Group> },
    /// So are these.
    More { slot: Slot, keys: Vec<Group> },
    /// What a node says of its failures, before keys are sent from it.
    Failures {
        node: NodeId,
        run_id: String,
        calls: u64,
        usec: u64,
        failed: Option<u64>,
    },
    /// A slot's move begins.
    Open {
        #[serde(flatten)]
        task: Move,
        /// When, seconds of Unix time; none in a journal that doesn't tell it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_s: Option<u64>,
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
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Told {
    /// The moves that were begun and not finished.
    pub open: BTreeMap<u16, Move>,
    /// Every move that was begun, finished or not.
    pub begun: Vec<Move>,
    /// Of each slot that was begun, who owned it then, and when that was; of one that was begun
    /// again before it was finished, the first time.
    pub opened: BTreeMap<Slot, Opened>,
    /// The run that held the file last.
    pub run: Figure<Running>,
    pub shards: Shards,
    pub doubts: BTreeMap<Slot, Vec<Doubtful>>,
    pub failures: BTreeMap<NodeId, Failures>,
}

impl Told {
    fn take_in(&mut self, record: Record) {
        match record {
            Record::Journal { .. } => {}
            Record::Run { pid, at_s } => self.run.0 = Running::new(pid, at_s),
            Record::Total { slots } => {
                (self.run.0.total, self.run.0.arrived) = (Some(slots), 0);
            }
            Record::Replica { primary, replica } => self.shards.add(primary, replica),
            Record::Beside { slot, node } => self.shards.add_left_over(slot, node),
            Record::Unclear { slot, db, key } => {
                let one = Doubtful::new(db, key, Cause::Kept);
                self.doubts.entry(slot).or_default().push(one);
            }
            Record::Clear { slot } => drop(self.doubts.remove(&slot)),
            Record::Doubts { slot, keys } => self.doubt(slot, keys::doubtful(keys)),
            Record::More { slot, keys } => {
                let known = self.doubts.entry(slot).or_default();
                known.extend(keys::doubtful(keys));
            }
            Record::Failures {
                node,
                run_id,
                calls,
                usec,
                failed,
            } => {
                let failures = Failures {
                    run_id,
                    calls,
                    usec,
                    failed,
                };
                self.failures.insert(node, failures);
            }
            Record::Open { task, at_s } => self.begin(task, at_s),
            Record::Closed { task } => {
                self.run.0.arrived += 1;
                self.end(task);
            }
        }
    }

    /// A slot's move begins.
    pub fn begin(&mut self, task: Move, at_s: Option<u64>) {
        let opened = Opened {
            source: task.source,
            at_ms: at_s.map(|at_s| at_s.saturating_mul(1_000)),
        };
        let before = self.open.insert(task.slot.number(), task);
        // One that is begun still isn't begun once more: it would be without end.
        if before != Some(task) {
            self.begun.push(task);
        }
        match before {
            Some(_) => drop(self.opened.entry(task.slot).or_insert(opened)),
            None => drop(self.opened.insert(task.slot, opened)),
        }
    }

    pub fn end(&mut self, task: Move) {
        self.open.remove(&task.slot.number());
        // What a person was told of stays for that person.
        if let Some(mut doubts) = self.doubts.remove(&task.slot) {
            doubts.retain(|one| one.is_named);
            self.doubt(task.slot, doubts);
        }
    }

    /// These keys of a slot, and no others, are in doubt.
    pub fn doubt(&mut self, slot: Slot, doubts: Vec<Doubtful>) {
        match doubts.is_empty() {
            true => drop(self.doubts.remove(&slot)),
            false => drop(self.doubts.insert(slot, doubts)),
        }
    }

    /// The keys that a person was told of, by slot.
    pub fn named(&self) -> Vec<Doubtful> {
        let doubts = self.doubts.values().flatten();
        let named = doubts.filter(|one| one.is_named);
        named.cloned().collect()
    }

    /// The keys that a person was told of, of slots that nobody moves any more.
    pub fn unresolved(&self) -> BTreeMap<Slot, Vec<Doubtful>> {
        let is_over = |(slot, _): &(&Slot, &Vec<Doubtful>)| !self.open.contains_key(&slot.number());
        let over = self.doubts.iter().filter(is_over);
        let named = over.map(|(slot, doubts)| {
            let named = doubts.iter().filter(|one| one.is_named);
            (*slot, named.cloned().collect::<Vec<_>>())
        });
        named.filter(|(_, named)| !named.is_empty()).collect()
    }

    /// A journal that says the same, in as few records as there are.
    pub fn to_lines(&self) -> Vec<u8> {
        let mut text = line(&Record::Journal { schema: SCHEMA });
        let mut add = |record: &Record| text.extend(line(record));
        let Running {
            pid,
            at_s,
            total,
            arrived,
        } = self.run.0;
        add(&Record::Run { pid, at_s });
        for (primary, replica) in self.shards.pairs() {
            add(&Record::Replica { primary, replica });
        }
        for (slot, node) in self.shards.left_over() {
            add(&Record::Beside { slot, node });
        }
        for task in &self.begun {
            let opened = self.opened.get(&task.slot);
            let at_ms = opened.and_then(|opened| opened.at_ms);
            let at_s = at_ms.map(|at_ms| at_ms / 1_000);
            add(&Record::Open { task: *task, at_s });
        }
        let is_over = |task: &&Move| !self.open.contains_key(&task.slot.number());
        let over: Vec<&Move> = self.begun.iter().filter(is_over).collect();
        let arrived = usize::try_from(arrived).unwrap_or(usize::MAX);
        let (before, since) = over.split_at(over.len().saturating_sub(arrived));
        before
            .iter()
            .for_each(|task| add(&Record::Closed { task: **task }));
        if let Some(slots) = total {
            add(&Record::Total { slots });
        }
        since
            .iter()
            .for_each(|task| add(&Record::Closed { task: **task }));
        for (node, failures) in &self.failures {
            add(&self::failures(*node, failures));
        }
        for (slot, doubts) in &self.doubts {
            text.extend(keys::lines(*slot, doubts));
        }
        text
    }
}

/// What a node says of its failures, as a record.
pub(super) fn failures(node: NodeId, failures: &Failures) -> Record {
    Record::Failures {
        node,
        run_id: failures.run_id.clone(),
        calls: failures.calls,
        usec: failures.usec,
        failed: failures.failed,
    }
}

/// The first line of a journal, in each form that is read.
pub(super) fn headers() -> [Vec<u8>; 2] {
    SCHEMAS.map(|schema| line(&Record::Journal { schema }))
}

/// Whether a record can hold a key.
pub(super) fn fits(key: &[u8]) -> bool {
    key.len() <= MAX_KEY_BYTES
}

/// What a journal says, and how many bytes are whole records.
pub(super) fn read(file: impl Read, path: &Path) -> Result<(Told, u64)> {
    let (records, whole_bytes) = records(file, path)?;
    let mut told = Told::default();
    records.into_iter().for_each(|record| told.take_in(record));
    Ok((told, whole_bytes))
}

/// Every whole record, and how many bytes they are.
pub(super) fn records(file: impl Read, path: &Path) -> Result<(Vec<Record>, u64)> {
    let mut reader = BufReader::new(file);
    let mut records = Vec::new();
    let mut whole_bytes = 0;
    let headers = headers();
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
            match number == 1 && !headers.iter().any(|header| header.starts_with(&line)) {
                true => return Err(bad("expected a journal of slotkit".to_owned())),
                false => break,
            }
        }
        let record: Record = serde_json::from_slice(&line)
            .map_err(|cause| bad(format!("expected a record of slotkit's journal ({cause})")))?;
        match (number, record) {
            (1, Record::Journal { schema }) if SCHEMAS.contains(&schema) => {}
            (1, _) => return Err(bad(format!("expected a journal of schema {SCHEMA}"))),
            (_, Record::Journal { .. }) => return Err(bad("expected one header".to_owned())),
            (_, record) => records.push(record),
        }
        whole_bytes += length as u64;
    }
    Ok((records, whole_bytes))
}
