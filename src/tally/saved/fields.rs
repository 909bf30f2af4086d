//! Numbers and names of a tally file, read with their places.

use super::{Broken, MAX_TEXT_BYTES};
use crate::slot::{SLOT_COUNT, Slot, SlotSet};

/// The longest key, tag or path.
const MAX_NAME_BYTES: usize = 512 << 20;

/// Reads fields one after another; every length is checked before it is used.
pub(super) struct Fields<'bytes> {
    bytes: &'bytes [u8],
    at: usize,
    /// Where the bytes begin in the file.
    base: usize,
}

impl<'bytes> Fields<'bytes> {
    pub(super) fn new(bytes: &'bytes [u8], base: usize) -> Fields<'bytes> {
        Fields { bytes, at: 0, base }
    }

    /// The place in the file of the next field.
    pub(super) fn place(&self) -> usize {
        self.base + self.at
    }

    fn take(&mut self, count: usize) -> Result<&'bytes [u8], Broken> {
        let rest = &self.bytes[self.at..];
        let Some(taken) = rest.get(..count) else {
            let message = format!(
                "expected {count} more bytes of the tally, found {}",
                rest.len()
            );
            return Err(Broken::new(self.place(), message));
        };
        self.at += count;
        Ok(taken)
    }

    fn number<const BYTES: usize>(&mut self) -> Result<[u8; BYTES], Broken> {
        let mut number = [0; BYTES];
        number.copy_from_slice(self.take(BYTES)?);
        Ok(number)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Broken> {
        self.number().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Broken> {
        self.number().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Broken> {
        self.number().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Broken> {
        self.number().map(u64::from_le_bytes)
    }

    /// A byte that is 0 or 1.
    pub(super) fn flag(&mut self) -> Result<bool, Broken> {
        let place = self.place();
        match self.number::<1>()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(Broken::new(
                place,
                format!("expected 0 or 1, found {other}"),
            )),
        }
    }

    /// A number of things that follow, at most so many.
    pub(super) fn count(&mut self, most: usize, what: &str) -> Result<usize, Broken> {
        let place = self.place();
        let count = self.u32()? as usize;
        if count > most {
            let message = format!("expected at most {most} {what}, found {count}");
            return Err(Broken::new(place, message));
        }
        Ok(count)
    }

    /// Bytes with their length before them.
    pub(super) fn name(&mut self) -> Result<&'bytes [u8], Broken> {
        let count = self.count(MAX_NAME_BYTES, "bytes of a name")?;
        self.take(count)
    }

    /// A name that may be missing.
    pub(super) fn maybe_name(&mut self) -> Result<Option<&'bytes [u8]>, Broken> {
        if self.flag()? {
            self.name().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Bytes with their length before them, at most so many.
    pub(super) fn short_name(&mut self, most: usize, what: &str) -> Result<&'bytes [u8], Broken> {
        let count = self.count(most, what)?;
        self.take(count)
    }

    /// Words that can be shown on one line.
    pub(super) fn text(&mut self) -> Result<String, Broken> {
        let place = self.place();
        let bytes = self.short_name(MAX_TEXT_BYTES, "bytes of a text")?;
        let text = std::str::from_utf8(bytes).ok();
        text.filter(|text| !text.contains(char::is_control))
            .map(str::to_owned)
            .ok_or_else(|| Broken::new(place, "expected a line of text"))
    }

    /// A text that may be missing.
    pub(super) fn maybe_text(&mut self) -> Result<Option<String>, Broken> {
        if self.flag()? {
            self.text().map(Some)
        } else {
            Ok(None)
        }
    }

    /// A set of slots that may be missing.
    pub(super) fn maybe_slot_set(&mut self) -> Result<Option<SlotSet>, Broken> {
        if self.flag()? {
            self.slot_set().map(Some)
        } else {
            Ok(None)
        }
    }

    /// A bit a slot, the lowest first.
    pub(super) fn slot_set(&mut self) -> Result<SlotSet, Broken> {
        let bits = self.take(SLOT_COUNT / 8)?;
        let is_set = |slot: &Slot| bits[slot.index() / 8] >> (slot.index() % 8) & 1 == 1;
        Ok(Slot::all().filter(is_set).collect())
    }

    pub(super) fn end(&self) -> Result<(), Broken> {
        if self.at < self.bytes.len() {
            let message = "expected the end of the body, found more";
            return Err(Broken::new(self.place(), message));
        }
        Ok(())
    }
}
