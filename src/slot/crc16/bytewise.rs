//! The `crc16` crate: one dependent table look-up a byte. The last resort when
//! a tier is suspected of a wrong answer, and what the others are measured by.

use super::Tier;
use super::portable::Portable;
use crate::slot::ends::Ends;
use crate::slot::hash_tag::hashed_part;
use crate::slot::{KeySpan, Slot};

/// The tier that shares no arithmetic with the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytewise;

impl Tier for Bytewise {
    fn checksum(self, bytes: &[u8]) -> u16 {
        crc16::State::<crc16::XMODEM>::calculate(bytes)
    }

    fn key_sum(self, key: &[u8]) -> u16 {
        self.checksum(hashed_part(key))
    }

    fn slots_of(self, buffer: &[u8], spans: &[KeySpan], slots: &mut [Slot], _: &mut bool) {
        for (slot, span) in slots.iter_mut().zip(spans) {
            *slot = Slot::from_crc(self.key_sum(span.of(buffer)));
        }
    }

    fn separators(self, text: &[u8], separator: u8, base: u32, ends: &mut Ends) -> usize {
        Portable.separators(text, separator, base, ends)
    }

    fn either(self, text: &[u8], bytes: [u8; 2], ends: &mut Ends) -> usize {
        Portable.either(text, bytes, ends)
    }
}
