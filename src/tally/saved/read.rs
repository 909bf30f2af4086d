//! The body of a tally file, read and checked.

use super::fields::Fields;
use super::rising::Rising;
use super::{Broken, HEADER_BYTES, MAX_INPUTS, MAX_NOTES, MAX_PATH_BYTES, Tally};
use crate::slot::{SLOT_COUNT, Slot, SlotSet, hash_tag};
use crate::source::{
    Command, Encoding, Findings, Format, KEPT_EXAMPLES, KeyKind, RowError, RowErrors, all_formats,
};
use crate::tally::expiries::MAX_TIMES;
use crate::tally::histogram::{CLASSES, Histogram};
use crate::tally::operations::{CommandCount, Operations, SAMPLED};
use crate::tally::sample::{Bottom, NAME_BYTES, Sampled};
use crate::tally::tags::MAX_TAGS;
use crate::tally::{BIG_KEYS, BigKey, Coverage, GroupCount, InputSummary, Prefixes, SlotCount};
use crate::tally::{biggest, top};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// More keys than any keyspace has; sums of many tallies stay far below 2^64.
const MAX_KEYS: u64 = 1 << 48;

pub(super) fn body(body: &[u8], path: &Path) -> Result<(Tally, Vec<InputSummary>), Broken> {
    let mut fields = Fields::new(body, HEADER_BYTES);
    let inputs = inputs(&mut fields, path)?;
    let mut tally = Tally::new();
    // The file has the keys without a size beside the others.
    tally.is_all_unsized = false;
    slots(&mut fields, &mut tally)?;
    input_slots(&inputs, &tally)?;
    groups(&mut fields, &mut tally)?;
    histograms(&mut fields, &mut tally)?;
    expiries(&mut fields, &mut tally)?;
    big_keys(&mut fields, &mut tally)?;
    tags(&mut fields, &mut tally)?;
    tally.samples.prefixes = prefixes(&mut fields)?;
    let keys = tally.total().keys;
    sample(&mut fields, &mut tally.samples.by_keys, keys)?;
    sample(&mut fields, &mut tally.samples.by_bytes, keys)?;
    tally.operations = operations(&mut fields)?;
    tally.coverage = coverage(&mut fields, &tally)?;
    fields.end()?;
    Ok((tally, inputs))
}

/// Refuses what can't be: the words say what was expected.
fn expect(is_so: bool, place: usize, expected: &str) -> Result<(), Broken> {
    if is_so {
        Ok(())
    } else {
        Err(Broken::new(place, format!("expected {expected}")))
    }
}

fn inputs(fields: &mut Fields<'_>, path: &Path) -> Result<Vec<InputSummary>, Broken> {
    let count = fields.count(MAX_INPUTS, "inputs")?;
    let mut inputs = Vec::new();
    for _ in 0..count {
        let name = fields.short_name(MAX_PATH_BYTES, "bytes of a path")?;
        let place = fields.place();
        let word = fields.name()?;
        let format = all_formats()
            .find(|format| format.name().as_bytes() == word && *format != Format::TALLY);
        inputs.push(InputSummary {
            path: PathBuf::from(OsStr::from_bytes(name)),
            format: format.ok_or_else(|| Broken::new(place, "expected the name of a format"))?,
            note: fields.maybe_text()?.map(Cow::Owned),
            keys: fields.u64()?,
            operations: fields.u64()?,
            findings: findings(fields)?,
            slots: fields.maybe_slot_set()?,
            tally: Some(path.to_path_buf()),
        });
    }
    Ok(inputs)
}

fn findings(fields: &mut Fields<'_>) -> Result<Findings, Broken> {
    Ok(Findings {
        row_errors: row_errors(fields)?,
        ambiguous_keys: fields.u64()?,
        filtered_keys: fields.u64()?,
        file_bytes: fields.u64()?,
        unsized_file_bytes: fields.u64()?,
        // Notes tell them.
        repeated_headers: 0,
        unread_times: 0,
        cut_lines: 0,
        notes: (0..fields.count(MAX_NOTES, "notes")?)
            .map(|_| fields.text())
            .collect::<Result<_, _>>()?,
    })
}

fn row_errors(fields: &mut Fields<'_>) -> Result<RowErrors, Broken> {
    let place = fields.place();
    let count = fields.u64()?;
    let first = (0..fields.count(KEPT_EXAMPLES, "examples of rows")?)
        .map(|_| row_error(fields))
        .collect::<Result<_, _>>()?;
    let damage = if fields.flag()? {
        Some(row_error(fields)?)
    } else {
        None
    };
    RowErrors::restored(count, first, damage).ok_or_else(|| {
        Broken::new(
            place,
            "expected the first rows that couldn't be read, in order",
        )
    })
}

fn row_error(fields: &mut Fields<'_>) -> Result<RowError, Broken> {
    Ok(RowError {
        byte: fields.u64()?,
        line: if fields.flag()? {
            Some(fields.u64()?)
        } else {
            None
        },
        field: fields.maybe_text()?.map(Cow::Owned),
        message: fields.text()?,
    })
}

/// No key of an input is in a slot without keys.
fn input_slots(inputs: &[InputSummary], tally: &Tally) -> Result<(), Broken> {
    let mut slots = inputs
        .iter()
        .filter_map(|input| input.slots.as_ref())
        .flat_map(SlotSet::iter);
    let are_used = slots.all(|slot| tally.slot(slot).keys > 0);
    expect(are_used, HEADER_BYTES, "inputs whose slots have keys")
}

fn slots(fields: &mut Fields<'_>, tally: &mut Tally) -> Result<(), Broken> {
    for slot in Slot::all() {
        let place = fields.place();
        let count = SlotCount {
            keys: fields.u64()?,
            bytes: fields.u64()?,
            expiring: fields.u64()?,
            unsized_keys: fields.u64()?,
        };
        let is_sane = count.expiring <= count.keys
            && count.unsized_keys <= count.keys
            && (count.keys > count.unsized_keys || count.bytes == 0);
        expect(is_sane, place, "counts of a slot that belong together")?;
        tally.slots.add_count(slot, count);
        let place = fields.place();
        if let Some(key) = fields.maybe_name()? {
            let key = (key, fields.u64()?, slot);
            let size_bytes = fields.u64()?;
            let is_sane = is_kept(key, biggest::KEPT_BYTES) && count.keys > 0;
            let is_sane = is_sane && size_bytes <= count.bytes;
            expect(is_sane, place, "a key of the slot, no bigger than the slot")?;
            tally.keep_biggest(big_key(key, size_bytes));
        }
        expect(tally.slot(slot).keys <= MAX_KEYS, place, "fewer keys")?;
    }
    expect(tally.total().keys <= MAX_KEYS, fields.place(), "fewer keys")
}

fn group(fields: &mut Fields<'_>) -> Result<GroupCount, Broken> {
    let place = fields.place();
    let count = GroupCount {
        keys: fields.u64()?,
        bytes: fields.u64()?,
        unsized_keys: fields.u64()?,
    };
    let is_sane =
        count.unsized_keys <= count.keys && (count.keys > count.unsized_keys || count.bytes == 0);
    expect(is_sane, place, "counts that belong together")?;
    Ok(count)
}

fn groups(fields: &mut Fields<'_>, tally: &mut Tally) -> Result<(), Broken> {
    let total = tally.total();
    // Sums stop at the largest number on every way, so that they stay equal.
    let unsized_keys = slots_unsized(tally);
    let is_all = |sum: GroupCount| {
        sum.keys == total.keys && sum.bytes == total.bytes && sum.unsized_keys == unsized_keys
    };
    let place = fields.place();
    let (mut sum, mut rising) = (GroupCount::default(), Rising::new());
    for _ in 0..fields.count(KeyKind::ALL.len(), "types")? {
        let place = fields.place();
        let word = fields.name()?;
        let kind = KeyKind::ALL
            .into_iter()
            .find(|kind| kind.word().as_bytes() == word)
            .ok_or_else(|| Broken::new(place, "expected the name of a type"))?;
        expect(rising.takes(kind as usize), place, "types in their order")?;
        let count = group(fields)?;
        tally.kinds[kind as usize].join(count);
        sum.join(count);
    }
    expect(is_all(sum), place, "types that sum up to the slots")?;
    let place = fields.place();
    let (mut sum, mut rising) = (GroupCount::default(), Rising::new());
    for _ in 0..fields.count(Encoding::ALL.len(), "encodings")? {
        let place = fields.place();
        let word = fields.name()?;
        let encoding = Encoding::ALL
            .into_iter()
            .find(|encoding| encoding.word().as_bytes() == word)
            .ok_or_else(|| Broken::new(place, "expected the name of an encoding"))?;
        let rises = rising.takes(encoding as usize);
        expect(rises, place, "encodings in their order")?;
        let count = group(fields)?;
        tally.encodings[encoding as usize].join(count);
        sum.join(count);
    }
    expect(is_all(sum), place, "encodings that sum up to the slots")?;
    let place = fields.place();
    let (mut sum, mut rising) = (GroupCount::default(), Rising::new());
    for _ in 0..fields.count(1 << 16, "databases")? {
        let place = fields.place();
        let db = fields.u16()?;
        expect(rising.takes(db), place, "databases by number")?;
        let count = group(fields)?;
        tally.group(db).join(count);
        sum.join(count);
    }
    expect(is_all(sum), place, "databases that sum up to the slots")?;
    let place = fields.place();
    tally.unsized_keys = fields.u64()?;
    let is_sane = tally.unsized_keys == unsized_keys;
    expect(is_sane, place, "the keys without a size of all slots")
}

/// The keys without a size of all slots.
fn slots_unsized(tally: &Tally) -> u64 {
    let slots = Slot::all().map(|slot| tally.slot(slot).unsized_keys);
    slots.fold(0, u64::saturating_add)
}

/// Counts of both histograms; each number lies between the bounds of its class.
fn histogram(fields: &mut Fields<'_>) -> Result<(Histogram, GroupCount), Broken> {
    let mut histogram = Histogram::default();
    let mut all = GroupCount::default();
    for class in 0..CLASSES {
        let place = fields.place();
        let count = GroupCount {
            keys: fields.u64()?,
            bytes: fields.u64()?,
            unsized_keys: 0,
        };
        let (from, to) = Histogram::bounds(class);
        let is_sane = count.bytes >= count.keys.saturating_mul(from)
            && count.bytes <= count.keys.saturating_mul(to);
        expect(is_sane, place, "a sum between the bounds of its class")?;
        histogram.0[class] = count;
        all.add(count.keys, count.bytes);
    }
    Ok((histogram, all))
}

fn histograms(fields: &mut Fields<'_>, tally: &mut Tally) -> Result<(), Broken> {
    let total = tally.total();
    let place = fields.place();
    let (lengths, all) = histogram(fields)?;
    expect(all.keys == total.keys, place, "a length for each key")?;
    tally.key_lengths = lengths.into();
    let place = fields.place();
    let (sizes, all) = histogram(fields)?;
    let is_sane =
        all.keys.checked_add(tally.unsized_keys) == Some(total.keys) && all.bytes == total.bytes;
    expect(is_sane, place, "a size for each key that has one")?;
    tally.sizes = sizes;
    Ok(())
}

fn expiries(fields: &mut Fields<'_>, tally: &mut Tally) -> Result<(), Broken> {
    let total = tally.total();
    let place = fields.place();
    let are_hours = fields.flag()?;
    if !are_hours {
        tally.expiries.give_hours_up();
    }
    let (mut sum, mut rising) = (GroupCount::default(), Rising::new());
    for _ in 0..fields.count(MAX_TIMES, "expiry times")? {
        let place = fields.place();
        let at = fields.u32()?;
        expect(rising.takes(at), place, "expiry times in their order")?;
        let count = group(fields)?;
        if are_hours {
            tally.expiries.add_hour(at, count);
        } else {
            tally.expiries.add_day(at, count);
        }
        sum.join(count);
    }
    let is_sane = sum.keys <= total.expiring
        && sum.unsized_keys <= total.unsized_keys
        && sum.bytes <= total.bytes
        && tally.expiries.are_hours() == are_hours;
    expect(is_sane, place, "expiry times of keys that expire")
}

fn prefixes(fields: &mut Fields<'_>) -> Result<Prefixes, Broken> {
    let place = fields.place();
    let delimiter = fields.name()?;
    Prefixes::new(delimiter, fields.u8()?)
        .ok_or_else(|| Broken::new(place, "expected what a prefix is"))
}

fn big_keys(fields: &mut Fields<'_>, tally: &mut Tally) -> Result<(), Broken> {
    for _ in 0..fields.count(BIG_KEYS, "big keys")? {
        let place = fields.place();
        let size_bytes = fields.u64()?;
        let (key, length) = (fields.name()?, fields.u64()?);
        let slot = Slot::new(fields.u16()?);
        let slot = slot.ok_or_else(|| Broken::new(place, "expected a slot of 0 to 16383"))?;
        let count = tally.slot(slot);
        let is_sane = is_kept((key, length, slot), top::KEPT_BYTES) && count.keys > 0;
        let is_sane = is_sane && size_bytes <= count.bytes;
        expect(is_sane, place, "a key of its slot, no bigger than that")?;
        tally
            .big_keys
            .keep(big_key((key, length, slot), size_bytes));
    }
    Ok(())
}

/// Whether a name is what is kept of a key of this length and slot. Of one that is cut nobody can tell
/// the slot.
fn is_kept((key, length, slot): (&[u8], u64, Slot), most: usize) -> bool {
    if length == key.len() as u64 {
        key.len() <= most && Slot::for_key(key) == slot
    } else {
        key.len() == most && length > most as u64
    }
}

fn big_key((key, length, slot): (&[u8], u64, Slot), size_bytes: u64) -> BigKey {
    BigKey {
        size_bytes,
        key: key.into(),
        length,
        slot,
    }
}

fn tags(fields: &mut Fields<'_>, tally: &mut Tally) -> Result<(), Broken> {
    let are_counted = fields.flag()?;
    let place = fields.place();
    let count = fields.count(MAX_TAGS, "hash tags")?;
    let mut rising = Rising::new();
    let mut tagged = vec![GroupCount::default(); SLOT_COUNT];
    for _ in 0..count {
        let place = fields.place();
        let tag = fields.name()?;
        expect(rising.takes(tag), place, "hash tags by name")?;
        let count = group(fields)?;
        let is_tag = hash_tag(&[b"{", tag, b"}"].concat()) == Some(tag);
        let slot = Slot::for_key(tag);
        let (whole, all) = (tally.slot(slot), &mut tagged[slot.index()]);
        all.join(count);
        let is_sane = is_tag
            && all.keys <= whole.keys
            && all.bytes <= whole.bytes
            && all.unsized_keys <= whole.unsized_keys;
        expect(is_sane, place, "hash tags no bigger than their slot")?;
        tally.tags.add_many(tag, slot, count);
    }
    if !are_counted {
        expect(count == 0, place, "no hash tags when they were too many")?;
        tally.tags.give_up();
    }
    let is_kept = tally.tags.all().is_some() == are_counted;
    expect(is_kept, place, "hash tags that fit a tally")
}

fn operations(fields: &mut Fields<'_>) -> Result<Option<Box<Operations>>, Broken> {
    if !fields.flag()? {
        return Ok(None);
    }
    let mut operations = Box::<Operations>::default();
    for slot in Slot::all() {
        operations.count(slot, fields.u64()?);
    }
    let place = fields.place();
    let mut sum: u64 = 0;
    for _ in 0..fields.count(Command::COUNT, "commands")? {
        let place = fields.place();
        let name = fields.name()?;
        let command = Command::all()
            .find(|command| command.name().as_bytes() == name)
            .ok_or_else(|| Broken::new(place, "expected the name of a command"))?;
        let count = &mut operations.commands[command.index()];
        let is_new = *count == CommandCount::default();
        expect(is_new, place, "each command once")?;
        *count = CommandCount {
            operations: fields.u64()?,
            keyless: fields.u64()?,
        };
        sum = sum.saturating_add(count.operations);
    }
    let total = operations.total();
    let is_all = sum == total && total <= MAX_KEYS;
    expect(is_all, place, "commands that sum up to the slots")?;
    operations.scripted = fields.u64()?;
    if fields.flag()? {
        let place = fields.place();
        let (first, last) = (fields.u64()?, fields.u64()?);
        expect(first <= last, place, "a first time before the last")?;
        operations.span_us = Some((first, last));
    }
    let place = fields.place();
    let count = fields.count(SAMPLED, "sampled operations")?;
    // Operations are left out only when there is no room.
    expect(
        count as u64 == total.min(SAMPLED as u64),
        place,
        "a sample of the operations",
    )?;
    for _ in 0..count {
        let order = fields.u64()?;
        let place = fields.place();
        let slot = Slot::new(fields.u16()?)
            .ok_or_else(|| Broken::new(place, "expected a slot below 16384"))?;
        let key = fields.name()?;
        // A key that was cut may have been in another slot.
        let is_sane =
            key.len() == NAME_BYTES || key.len() < NAME_BYTES && Slot::for_key(key) == slot;
        expect(
            is_sane && operations.slot(slot) > 0,
            place,
            "a key of the slot",
        )?;
        operations.keep((order, slot, key.into()));
    }
    Ok(Some(operations))
}

/// Which slots were counted; there is nothing in others.
fn coverage(fields: &mut Fields<'_>, tally: &Tally) -> Result<Coverage, Broken> {
    let place = fields.place();
    let coverage = match fields.u8()? {
        0 => Coverage::All,
        1 => Coverage::Chosen(fields.slot_set()?),
        2 => Coverage::Mixed(fields.slot_set()?),
        other => {
            return Err(Broken::new(
                place,
                format!("expected 0 to 2, found {other}"),
            ));
        }
    };
    let operations = |slot| tally.operations().map_or(0, |of| of.slot(slot));
    let mut used = Slot::all().filter(|slot| tally.slot(*slot).keys > 0 || operations(*slot) > 0);
    let is_sane = used.all(|slot| coverage.has(slot));
    expect(is_sane, place, "keys of the counted slots only")?;
    Ok(coverage)
}

fn sample(fields: &mut Fields<'_>, sample: &mut Bottom, keys: u64) -> Result<(), Broken> {
    let place = fields.place();
    let is_complete = fields.flag()?;
    let count = fields.count(sample.capacity(), "sampled keys")?;
    let mut kept = Vec::new();
    for _ in 0..count {
        let order = fields.u64()?;
        let place = fields.place();
        let slot = Slot::new(fields.u16()?)
            .ok_or_else(|| Broken::new(place, "expected a slot below 16384"))?;
        let size_bytes = Some(fields.u64()?)
            .filter(|bytes| *bytes != u64::MAX)
            .into();
        let (tag, prefix) = (fields.maybe_name()?, fields.maybe_name()?);
        let are_short = [tag, prefix]
            .into_iter()
            .flatten()
            .all(|name| name.len() <= NAME_BYTES);
        expect(are_short, place, "names of at most 256 bytes")?;
        kept.push(Sampled {
            order,
            slot,
            size_bytes,
            tag: tag.map(Into::into),
            prefix: prefix.map(Into::into),
        });
    }
    expect(kept.is_sorted(), place, "sampled keys in their order")?;
    let is_possible = count as u64 <= keys && sample.restore(kept, is_complete);
    expect(is_possible, place, "a sample of the keys")
}
