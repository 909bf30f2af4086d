//! Defines the lines of a journal, and reads and writes them.

use super::super::Move;
use super::super::failures::Failures;
use super::super::mover::KeyInDoubt;
use super::keys::{self, KeyGroup};
use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::slot::Slot;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The version of the file's form. The first one, which is still read, had a record for each key of
/// a slot that stopped.
pub(super) const SCHEMA: u32 = 2;
const SCHEMAS: [u32; 2] = [1, SCHEMA];
/// A record is about 150 bytes, but for those with a key; a longer line isn't ours.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// How many bytes of keys go into one record.
const RECORD_BYTES: usize = 64 * 1024;

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
    Doubts { slot: Slot, keys: Vec<KeyGroup> },
    /// So are these.
    More { slot: Slot, keys: Vec<KeyGroup> },
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

/// Records that say that these keys of a slot, and no others, are in doubt.
pub(super) fn doubt_lines(slot: Slot, doubts: &[KeyInDoubt]) -> Vec<u8> {
    let mut records = vec![Vec::new()];
    let mut bytes = 0;
    for one in doubts.iter().filter(|one| keys::fits(&one.key)) {
        if bytes > RECORD_BYTES {
            records.push(Vec::new());
            bytes = 0;
        }
        bytes += one.key.len();
        let groups: &mut Vec<KeyGroup> = records.last_mut().unwrap_or_else(|| unreachable!());
        keys::add(groups, one);
    }
    let mut records = records.into_iter();
    let first = records.next().unwrap_or_default();
    let mut text = line(&Record::Doubts { slot, keys: first });
    text.extend(records.flat_map(|keys| line(&Record::More { slot, keys })));
    text
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
                .fix("name another file with --journal, or move this one away")
        };
        if line.last() != Some(&b'\n') && length < MAX_LINE_BYTES as usize {
            // A torn header is a part of ours; anything else is somebody's file.
            if number == 1 && !headers.iter().any(|header| header.starts_with(&line)) {
                return Err(bad("expected a journal of slotkit".to_owned()));
            }
            break;
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
