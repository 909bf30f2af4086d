//! Any machine: eight table look-ups a word, no special instruction.
//!
//! "Slicing by 8" (Kounavis and Berry, Intel, 2005): the checksum of eight
//! bytes is the sum of eight look-ups that don't wait for one another.

use super::Tier;
use super::constants::times_x;
use crate::slot::ends::Ends;
use crate::slot::hash_tag::hashed_part;
use crate::slot::{KeySpan, Slot};

/// `TABLES[n][b]` is the checksum of byte b with n zero bytes behind it.
static TABLES: [[u16; 256]; 8] = tables();

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u16;
        let mut bit = 0;
        while bit < 16 {
            sum = times_x(sum);
            bit += 1;
        }
        let mut distance = 0;
        while distance < 8 {
            tables[distance][byte] = sum;
            let mut bit = 0;
            while bit < 8 {
                sum = times_x(sum);
                bit += 1;
            }
            distance += 1;
        }
        byte += 1;
    }
    tables
}

/// The tier that every machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Portable;

impl Tier for Portable {
    #[inline]
    fn checksum(self, bytes: &[u8]) -> u16 {
        sum_and_open_brace(bytes).0
    }

    #[inline]
    fn key_sum(self, key: &[u8]) -> u16 {
        let (sum, open_brace) = sum_and_open_brace(key);
        if open_brace {
            sum_and_open_brace(hashed_part(key)).0
        } else {
            sum
        }
    }

    fn slots_of(self, buffer: &[u8], spans: &[KeySpan], slots: &mut [Slot], _: &mut bool) {
        for (slot, span) in slots.iter_mut().zip(spans) {
            *slot = Slot::from_crc(self.key_sum(span.of(buffer)));
        }
    }

    fn separators(self, text: &[u8], separator: u8, base: u32, ends: &mut Ends) -> usize {
        let all = memchr::memchr_iter(separator, text);
        append(all, base, ends).unwrap_or(text.len())
    }

    fn either(self, text: &[u8], [one, other]: [u8; 2], ends: &mut Ends) -> usize {
        let all = memchr::memchr2_iter(one, other, text);
        append(all, 0, ends).unwrap_or(text.len())
    }
}

/// Appends places, `base` added; the first that there is no room for.
fn append(places: impl Iterator<Item = usize>, base: u32, ends: &mut Ends) -> Option<usize> {
    let mut ends = ends.cursor();
    let mut left_out = None;
    for at in places {
        if ends.is_full() {
            left_out = Some(at);
            break;
        }
        ends.push(base + at as u32);
    }
    ends.finish();
    left_out
}

/// The checksum, and whether there may be an opening brace: found on the way,
/// as the words go by, because most keys have none.
#[inline]
fn sum_and_open_brace(bytes: &[u8]) -> (u16, bool) {
    let head = head(bytes);
    let mut sum = sum_of(head);
    let mut braces = open_braces(head);
    for word in bytes[bytes.len() % 8..].as_chunks::<8>().0 {
        let word = u64::from_be_bytes(*word);
        sum = sum_of(word ^ (u64::from(sum) << 48));
        braces |= open_braces(word);
    }
    (sum, braces != 0)
}

/// The first `bytes.len() % 8` bytes as the low end of a big-endian word.
#[inline]
fn head(bytes: &[u8]) -> u64 {
    let length = bytes.len() % 8;
    match bytes.first_chunk::<8>() {
        // A shift by 64 - 8·0 would be too far; two shifts are not.
        Some(first) => u64::from_be_bytes(*first) >> 8 >> (56 - 8 * length),
        None => bytes
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// The checksum of one word. Zero bytes in front don't change it.
#[inline]
fn sum_of(word: u64) -> u16 {
    let bytes = word.to_le_bytes();
    (0..8).fold(0, |sum, n| sum ^ TABLES[n][usize::from(bytes[n])])
}

/// Not zero when a byte of the word is `{`; one that isn't may be hit only
/// together with one that is (Warren, "Hacker's Delight", 6-1).
#[inline]
fn open_braces(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let zero_where_brace = word ^ (ONES * u64::from(b'{'));
    zero_where_brace.wrapping_sub(ONES) & !zero_where_brace & (ONES << 7)
}
