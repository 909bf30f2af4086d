//! Walks packed structures entry by entry: how many there are, and how long the longest is.

use super::Measured;
use crate::source::formats::rdb::text::decimal_length;

/// Entries and the longest measured one.
pub(super) type Walked = Option<(u64, u64)>;

/// Counts entries and keeps the longest measured.
struct Walk {
    measured: Measured,
    entries: u64,
    longest: u64,
}

impl Walk {
    fn new(measured: Measured) -> Walk {
        Walk {
            measured,
            entries: 0,
            longest: 0,
        }
    }

    #[inline]
    fn entry(&mut self, length: u64) {
        if self.entries % self.measured.of < self.measured.counted {
            self.longest = self.longest.max(length);
        }
        self.entries += 1;
    }

    fn end(self) -> Walked {
        Some((self.entries, self.longest))
    }
}

/// A little-endian signed integer of any width up to eight bytes.
fn signed(bytes: &[u8]) -> i64 {
    let mut wide = [0; 8];
    wide[8 - bytes.len()..].copy_from_slice(bytes);
    i64::from_le_bytes(wide) >> (64 - 8 * bytes.len())
}

/// <https://github.com/antirez/listpack/blob/master/listpack.md>
pub(super) fn walk_listpack(bytes: &[u8], measured: Measured) -> Walked {
    let mut walk = Walk::new(measured);
    let mut rest = bytes.get(6..)?;
    loop {
        let first = *rest.first()?;
        let (head, text) = match first {
            0xff => return (rest.len() == 1).then(|| walk.end()).flatten(),
            0x00..=0x7f => (1, Err(i64::from(first))),
            0x80..=0xbf => (1, Ok(usize::from(first & 0x3f))),
            0xc0..=0xdf => {
                let value = i64::from(first & 0x1f) << 8 | i64::from(*rest.get(1)?);
                (2, Err((value << 51) >> 51))
            }
            0xe0..=0xef => (
                2,
                Ok(usize::from(first & 0x0f) << 8 | usize::from(*rest.get(1)?)),
            ),
            0xf0 => {
                let length = rest.get(1..5)?.first_chunk::<4>()?;
                (5, Ok(u32::from_le_bytes(*length) as usize))
            }
            0xf1 => (3, Err(signed(rest.get(1..3)?))),
            0xf2 => (4, Err(signed(rest.get(1..4)?))),
            0xf3 => (5, Err(signed(rest.get(1..5)?))),
            0xf4 => (9, Err(signed(rest.get(1..9)?))),
            _ => return None,
        };
        let length = match text {
            Ok(length) => head + length,
            Err(_) => head,
        };
        let back = match length {
            0..=127 => 1,
            128..=16_382 => 2,
            16_383..=2_097_150 => 3,
            2_097_151..=268_435_454 => 4,
            _ => 5,
        };
        rest = rest.get(length + back..)?;
        walk.entry(match text {
            Ok(length) => length as u64,
            Err(value) => decimal_length(value),
        });
    }
}

/// <https://github.com/redis/redis/blob/6.2/src/ziplist.c>
pub(super) fn walk_ziplist(bytes: &[u8], measured: Measured) -> Walked {
    let mut walk = Walk::new(measured);
    let mut rest = bytes.get(10..)?;
    loop {
        if *rest.first()? == 0xff {
            return (rest.len() == 1).then(|| walk.end()).flatten();
        }
        rest = rest.get(if rest[0] == 0xfe { 5 } else { 1 }..)?;
        let first = *rest.first()?;
        let integer =
            |width: usize| Some((1 + width, decimal_length(signed(rest.get(1..=width)?))));
        let (length, text) = match first {
            0x00..=0x3f => text_entry(1, usize::from(first)),
            0x40..=0x7f => text_entry(
                2,
                usize::from(first & 0x3f) << 8 | usize::from(*rest.get(1)?),
            ),
            0x80 => {
                let length = rest.get(1..5)?.first_chunk::<4>()?;
                text_entry(5, u32::from_be_bytes(*length) as usize)
            }
            0xc0 => integer(2)?,
            0xd0 => integer(4)?,
            0xe0 => integer(8)?,
            0xf0 => integer(3)?,
            0xfe => integer(1)?,
            0xf1..=0xfd => (1, decimal_length(i64::from(first) - 0xf1)),
            _ => return None,
        };
        rest = rest.get(length..)?;
        walk.entry(text);
    }
}

fn text_entry(head: usize, length: usize) -> (usize, u64) {
    (head + length, length as u64)
}

/// <https://github.com/redis/redis/blob/2.6/src/zipmap.c>
pub(super) fn walk_zipmap(bytes: &[u8]) -> Walked {
    let mut walk = Walk::new(Measured::ALL);
    let mut rest = bytes.get(1..)?;
    while *rest.first()? != 0xff {
        let (head, length) = zipmap_length(rest)?;
        rest = rest.get(head + length..)?;
        walk.entry(length as u64);
        let (head, length) = zipmap_length(rest)?;
        let free = usize::from(*rest.get(head)?);
        rest = rest.get(head + 1 + length + free..)?;
        walk.entry(length as u64);
    }
    (rest.len() == 1).then(|| walk.end()).flatten()
}

fn zipmap_length(rest: &[u8]) -> Option<(usize, usize)> {
    match *rest.first()? {
        short @ 0..=253 => Some((1, usize::from(short))),
        254 => {
            let length = rest.get(1..5)?.first_chunk::<4>()?;
            Some((5, u32::from_le_bytes(*length) as usize))
        }
        255 => None,
    }
}

pub(super) fn walk_intset(bytes: &[u8]) -> Walked {
    let width = usize::from(*bytes.first()?);
    let mut walk = Walk::new(Measured::ALL);
    for value in bytes.get(8..)?.chunks_exact(width.max(1)) {
        walk.entry(decimal_length(signed(value)));
    }
    walk.end()
}
