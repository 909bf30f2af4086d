//! Keeps what the records of a journal say together.

use super::super::Move;
use super::super::failures::Failures;
use super::super::figure::Figure;
use super::super::mover::{Cause, KeyInDoubt, Opened};
use super::super::shards::Shards;
use super::keys;
use super::record::{self, Record, SCHEMA, line};
use super::running::Running;
use crate::cluster::NodeId;
use crate::error::Result;
use crate::slot::Slot;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// What the records say together.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct JournalState {
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
    pub doubts: BTreeMap<Slot, Vec<KeyInDoubt>>,
    pub failures: BTreeMap<NodeId, Failures>,
}

impl JournalState {
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
                let one = KeyInDoubt::new(db, key, Cause::Kept);
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
    pub fn doubt(&mut self, slot: Slot, doubts: Vec<KeyInDoubt>) {
        if doubts.is_empty() {
            drop(self.doubts.remove(&slot));
        } else {
            drop(self.doubts.insert(slot, doubts));
        }
    }

    /// The keys that a person was told of, by slot.
    pub fn named(&self) -> Vec<KeyInDoubt> {
        let doubts = self.doubts.values().flatten();
        let named = doubts.filter(|one| one.is_named);
        named.cloned().collect()
    }

    /// The keys that a person was told of, of slots that nobody moves any more.
    pub fn unresolved(&self) -> BTreeMap<Slot, Vec<KeyInDoubt>> {
        let is_over =
            |(slot, _): &(&Slot, &Vec<KeyInDoubt>)| !self.open.contains_key(&slot.number());
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
            add(&record::failures(*node, failures));
        }
        for (slot, doubts) in &self.doubts {
            text.extend(record::doubt_lines(*slot, doubts));
        }
        text
    }
}

/// What a journal says, and how many bytes are whole records.
pub(super) fn read(file: impl Read, path: &Path) -> Result<(JournalState, u64)> {
    let (records, whole_bytes) = record::records(file, path)?;
    let mut state = JournalState::default();
    records.into_iter().for_each(|record| state.take_in(record));
    Ok((state, whole_bytes))
}
