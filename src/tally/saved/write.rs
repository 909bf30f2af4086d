//! The body of a tally file, written.
//!
//! In this order, counts as 32 bits, sums as 64 bits, names with a 32-bit
//! length before them, what may be missing with a byte 0 or 1 before it:
//!
//! 1. inputs: path, format, note on the format, keys, operations, rows passed over, the first of them,
//!    the damage that it ends at (each with byte, line, field, message), ambiguous keys, keys left out,
//!    bytes of the file and those of its keys without a size, notes, of RDB files the slots of their keys (a bit each, the lowest first);
//! 2. for each slot keys, bytes, expiring keys, keys without a size, and its biggest key if one is known: the beginning of its
//!    name, the length of all of it, bytes;
//! 3. types and encodings: word, keys, bytes, keys without a size; databases: number and the same;
//!    keys without a size of all; the histograms of key lengths and sizes, 65 classes each: numbers,
//!    sum; expiry times: whether they are hours or days since 1970, and each with keys, bytes, keys
//!    without a size;
//! 4. the biggest keys: bytes, the beginning of the name, the length of all of it, slot (16 bits);
//! 5. the hash tags, unless they were too many: tag, keys, bytes, keys without a size;
//! 6. what a prefix is: delimiter, depth; the samples by keys and by bytes: whether complete, and each key's order,
//!    slot, bytes (all bits set: not known), tag, prefix;
//! 7. whether there were logs of MONITOR, and then: for each slot its operations; commands: name,
//!    operations, calls without a key; commands of scripts; whether times are known, and the first and
//!    the last; the sample: order, slot, key;
//! 8. which slots were counted (8 bits): 0 all, 1 those of a filter, 2 those of several tallies that
//!    differ in them; and for the latter two the slots.

use super::super::{InputSummary, Tally};
use super::{MAX_NOTES, MAX_TEXT_BYTES};
use crate::slot::{SLOT_COUNT, Slot, SlotSet};
use crate::source::{Encoding, Findings, KeyKind, RowError};
use crate::tally::histogram::Histogram;
use crate::tally::operations::Operations;
use crate::tally::sample::Bottom;
use crate::tally::{Coverage, GroupCount};
use std::os::unix::ffi::OsStrExt;

pub(super) fn body(tally: &Tally, inputs: &[InputSummary]) -> Vec<u8> {
    let mut body = Body(Vec::new());
    body.inputs(inputs);
    body.slots(tally);
    body.groups(tally);
    body.histogram(&tally.key_lengths.histogram());
    body.histogram(&tally.sizes);
    body.expiries(tally);
    body.big_keys(tally);
    body.tags(tally);
    body.name(tally.prefixes().delimiter());
    body.0.push(tally.prefixes().depth());
    body.sample(&tally.samples.by_keys);
    body.sample(&tally.samples.by_bytes);
    body.operations(tally.operations());
    body.coverage(tally.coverage());
    body.0
}

fn without_control(character: char) -> char {
    if character.is_control() {
        ' '
    } else {
        character
    }
}

struct Body(Vec<u8>);

impl Body {
    fn u64(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    /// A count; what can't be that many was refused before.
    fn count(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.0.extend(count.to_le_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    fn name(&mut self, name: &[u8]) {
        self.count(name.len());
        self.0.extend(name);
    }

    fn maybe_name(&mut self, name: Option<&[u8]>) {
        self.flag(name.is_some());
        if let Some(name) = name {
            self.name(name);
        }
    }

    fn group(&mut self, count: GroupCount) {
        self.u64(count.keys);
        self.u64(count.bytes);
        self.u64(count.unsized_keys);
    }

    fn inputs(&mut self, inputs: &[InputSummary]) {
        self.count(inputs.len());
        for input in inputs {
            self.name(input.path.as_os_str().as_bytes());
            self.name(input.format.name().as_bytes());
            self.maybe_text(input.note.as_deref());
            self.u64(input.keys);
            self.u64(input.operations);
            self.findings(&input.findings);
            self.slot_set(input.slots.as_ref());
        }
    }

    fn findings(&mut self, findings: &Findings) {
        let row_errors = &findings.row_errors;
        self.u64(row_errors.count());
        self.count(row_errors.first().len());
        row_errors
            .first()
            .iter()
            .for_each(|row_error| self.row_error(row_error));
        self.flag(row_errors.damage().is_some());
        row_errors
            .damage()
            .into_iter()
            .for_each(|row_error| self.row_error(row_error));
        self.u64(findings.ambiguous_keys);
        self.u64(findings.filtered_keys);
        self.u64(findings.file_bytes);
        self.u64(findings.unsized_file_bytes);
        let kept = &findings.notes[..findings.notes.len().min(MAX_NOTES)];
        self.count(kept.len());
        kept.iter().for_each(|note| self.text(note));
    }

    fn row_error(&mut self, row_error: &RowError) {
        self.u64(row_error.byte);
        self.flag(row_error.line.is_some());
        row_error.line.into_iter().for_each(|line| self.u64(line));
        self.maybe_text(row_error.field.as_deref());
        self.text(&row_error.message);
    }

    /// Words of ours, on one line and not too long.
    fn text(&mut self, text: &str) {
        let mut line: String = text.chars().map(without_control).collect();
        let mut cuts = (0..=line.len().min(MAX_TEXT_BYTES)).rev();
        // The beginning of a text is a place to cut at.
        let length = cuts.find(|cut| line.is_char_boundary(*cut)).unwrap_or(0);
        line.truncate(length);
        self.name(line.as_bytes());
    }

    fn maybe_text(&mut self, text: Option<&str>) {
        self.flag(text.is_some());
        text.into_iter().for_each(|text| self.text(text));
    }

    fn slot_set(&mut self, slots: Option<&SlotSet>) {
        self.flag(slots.is_some());
        if let Some(slots) = slots {
            self.slot_bits(slots);
        }
    }

    fn slot_bits(&mut self, slots: &SlotSet) {
        let mut bits = [0; SLOT_COUNT / 8];
        for slot in slots.iter() {
            bits[slot.index() / 8] |= 1 << (slot.index() % 8);
        }
        self.0.extend(bits);
    }

    fn coverage(&mut self, coverage: &Coverage) {
        match coverage {
            Coverage::All => self.0.push(0),
            Coverage::Chosen(slots) => {
                self.0.push(1);
                self.slot_bits(slots);
            }
            Coverage::Mixed(slots) => {
                self.0.push(2);
                self.slot_bits(slots);
            }
        }
    }

    fn slots(&mut self, tally: &Tally) {
        for (slot, biggest) in Slot::all().zip(tally.biggest.all()) {
            let count = tally.slot(slot);
            self.u64(count.keys);
            self.u64(count.bytes);
            self.u64(count.expiring);
            self.u64(count.unsized_keys);
            self.maybe_name(biggest.map(|biggest| &*biggest.key));
            if let Some(biggest) = biggest {
                self.u64(biggest.length);
                self.u64(biggest.size_bytes);
            }
        }
    }

    fn groups(&mut self, tally: &Tally) {
        self.count(KeyKind::ALL.len());
        for kind in KeyKind::ALL {
            self.name(kind.word().as_bytes());
            self.group(tally.with_unsized(tally.kinds[kind as usize]));
        }
        self.count(Encoding::ALL.len());
        for encoding in Encoding::ALL {
            self.name(encoding.word().as_bytes());
            self.group(tally.with_unsized(tally.encodings[encoding as usize]));
        }
        self.count(tally.databases.len());
        for (db, count) in tally.databases() {
            self.0.extend(db.to_le_bytes());
            self.group(count);
        }
        self.u64(tally.unsized_keys);
    }

    fn histogram(&mut self, histogram: &Histogram) {
        for count in histogram.0 {
            self.u64(count.keys);
            self.u64(count.bytes);
        }
    }

    fn expiries(&mut self, tally: &Tally) {
        self.flag(tally.expiries.are_hours());
        let sorted = tally.expiries.sorted();
        self.count(sorted.len());
        for (at, count) in sorted {
            self.count(at as usize);
            self.group(tally.with_unsized(count));
        }
    }

    fn big_keys(&mut self, tally: &Tally) {
        let keys = tally.big_keys();
        self.count(keys.len());
        for key in keys {
            self.u64(key.size_bytes);
            self.name(&key.key);
            self.u64(key.length);
            self.0.extend(key.slot.number().to_le_bytes());
        }
    }

    fn tags(&mut self, tally: &Tally) {
        let all = tally.tags.all();
        self.flag(all.is_some());
        let mut tags: Vec<_> = all.into_iter().flatten().collect();
        tags.sort_unstable_by_key(|(tag, _, _)| *tag);
        self.count(tags.len());
        for (tag, _, count) in tags {
            self.name(tag);
            self.group(tally.with_unsized(count));
        }
    }

    fn operations(&mut self, operations: Option<&Operations>) {
        self.flag(operations.is_some());
        let Some(operations) = operations else { return };
        for count in &operations.slots {
            self.u64(*count);
        }
        let commands = operations.commands();
        self.count(commands.len());
        for (command, count) in commands {
            self.name(command.name().as_bytes());
            self.u64(count.operations);
            self.u64(count.keyless);
        }
        self.u64(operations.scripted);
        self.flag(operations.span_us.is_some());
        if let Some((first, last)) = operations.span_us {
            self.u64(first);
            self.u64(last);
        }
        let sampled = operations.sorted();
        self.count(sampled.len());
        for (order, slot, key) in sampled {
            self.u64(*order);
            self.0.extend(slot.number().to_le_bytes());
            self.name(key);
        }
    }

    fn sample(&mut self, sample: &Bottom) {
        self.flag(sample.is_complete());
        let sampled = sample.sorted();
        self.count(sampled.len());
        for sampled in sampled {
            self.u64(sampled.order);
            self.0.extend(sampled.slot.number().to_le_bytes());
            self.u64(sampled.size_bytes.get().unwrap_or(u64::MAX));
            self.maybe_name(sampled.tag.as_deref());
            self.maybe_name(sampled.prefix.as_deref());
        }
    }
}
