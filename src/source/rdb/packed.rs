//! Structures that stand in one string: ziplist, listpack, intset, zipmap.
//!
//! Their heads say how many entries they have, so that a value is stepped
//! over. Only where a head doesn't tell (65,535 entries or more), or when the
//! longest entry is asked for, the entries are walked.

use super::lzf;
use super::text::Text;
use super::window::Window;
use crate::error::Result;

/// What a string holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Ziplist,
    Listpack,
    Intset,
    Zipmap,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Ziplist => "ziplist",
            Form::Listpack => "listpack",
            Form::Intset => "intset",
            Form::Zipmap => "zipmap",
        }
    }

    /// How long the head is.
    fn head_bytes(self) -> usize {
        match self {
            Form::Ziplist => 10,
            Form::Listpack => 6,
            Form::Intset => 8,
            Form::Zipmap => 1,
        }
    }
}

/// Which entries count for the longest one: `counted` of each `of`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) counted: u64,
    pub(super) of: u64,
}

/// What a structure holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inside {
    /// How many bytes it takes unpacked.
    pub(super) bytes: u64,
    /// How many entries it has; unknown when it had to be walked and is too large for that.
    pub(super) entries: Option<u64>,
    /// The longest measured entry as text; 0 when nobody asked.
    pub(super) longest: u64,
}

/// How structures are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depth {
    /// Whether entries are measured.
    pub(super) measures: bool,
    /// The largest structure that is walked.
    pub(super) most_bytes: u64,
}

impl Window {
    /// Steps over a string that holds a structure and says what its head tells.
    pub(super) fn structure(
        &mut self,
        form: Form,
        measured: Measured,
        depth: Depth,
        scratch: &mut Vec<u8>,
    ) -> Result<Inside> {
        let start = self.offset();
        let text = self.text()?;
        let bytes = text.length();
        let lies = |window: &Window| {
            let message = format!(
                "expected a {} of {bytes} bytes, found one whose head says something else of its size",
                form.name()
            );
            window.error(start, message)
        };
        let Some(head) = self.head(form, text)? else {
            return Err(lies(self));
        };
        let claim = match claim(form, head, bytes) {
            Some(claim) => claim,
            None => return Err(lies(self)),
        };
        let is_known = claim.is_some() && !depth.measures;
        if is_known || bytes > depth.most_bytes {
            self.skip_text(text)?;
            return Ok(Inside {
                bytes,
                entries: claim,
                longest: 0,
            });
        }
        let inside = self.walk(form, measured, text, start, scratch)?;
        // A value must have the same entries, and so be the same key or none, however it is read.
        match claim {
            Some(claim) if inside.entries != Some(claim) => Err(lies(self)),
            _ => Ok(inside),
        }
    }

    /// The first bytes of a structure whose string's head was read, without reading them.
    fn head(&mut self, form: Form, text: Text) -> Result<Option<[u8; 10]>> {
        /// Enough packed bytes for any ten: each literal or reference gives one for three at least.
        const PACKED_HEAD: usize = 32;
        let wanted = form.head_bytes();
        let mut head = [0; 10];
        let taken = match text {
            Text::Plain(length) if length >= wanted as u64 => {
                self.look(wanted)?.get(..wanted).map(|bytes| {
                    head[..wanted].copy_from_slice(bytes);
                })
            }
            Text::Packed { packed, length } if length >= wanted as u64 => {
                let packed = packed.min(PACKED_HEAD as u64) as usize;
                let near = self.look(packed)?;
                let near = &near[..near.len().min(packed)];
                let mut out = Vec::with_capacity(wanted);
                lzf::unpack(near, &mut out, wanted).then(|| head[..wanted].copy_from_slice(&out))
            }
            _ => None,
        };
        Ok(taken.map(|()| head))
    }

    fn walk(
        &mut self,
        form: Form,
        measured: Measured,
        text: Text,
        start: u64,
        scratch: &mut Vec<u8>,
    ) -> Result<Inside> {
        scratch.clear();
        self.copy_text_after(text, scratch)?;
        let found = match form {
            Form::Ziplist => walk_ziplist(scratch, measured),
            Form::Listpack => walk_listpack(scratch, measured),
            Form::Zipmap => walk_zipmap(scratch),
            Form::Intset => walk_intset(scratch),
        };
        match found {
            Some((entries, longest)) => Ok(Inside {
                bytes: scratch.len() as u64,
                entries: Some(entries),
                longest,
            }),
            None => {
                let message = format!("expected the entries of a {}, found damage", form.name());
                Err(self.error(start, message))
            }
        }
    }
}

/// How many entries a head claims, or none when they must be walked; nothing when it lies about its size.
fn claim(form: Form, head: [u8; 10], bytes: u64) -> Option<Option<u64>> {
    let u32_at = |at: usize| {
        u64::from(u32::from_le_bytes([
            head[at],
            head[at + 1],
            head[at + 2],
            head[at + 3],
        ]))
    };
    let u16_at = |at: usize| u64::from(u16::from_le_bytes([head[at], head[at + 1]]));
    let unless = |count: u64, unknown: u64| (count != unknown).then_some(count);
    match form {
        Form::Ziplist if u32_at(0) == bytes && bytes >= 11 => {
            let count = unless(u16_at(8), 0xffff);
            count
                .is_none_or(|count| fits(count, bytes - 11))
                .then_some(count)
        }
        Form::Listpack if u32_at(0) == bytes && bytes >= 7 => {
            let count = unless(u16_at(4), 0xffff);
            count
                .is_none_or(|count| fits(count, bytes - 7))
                .then_some(count)
        }
        Form::Intset => {
            let (width, count) = (u32_at(0), u32_at(4));
            let is_whole = matches!(width, 2 | 4 | 8) && 8 + width * count == bytes;
            is_whole.then_some(Some(count))
        }
        // The count is of pairs; from 254 on it isn't kept.
        Form::Zipmap if bytes >= 2 => {
            let count = (head[0] < 254).then(|| u64::from(head[0]) * 2);
            count
                .is_none_or(|count| fits(count / 2, bytes - 2))
                .then_some(count)
        }
        _ => None,
    }
}

/// Whether so many entries can take so many bytes: each takes two at least, and none takes none.
fn fits(count: u64, bytes: u64) -> bool {
    count <= bytes / 2 && (count == 0) == (bytes == 0)
}

/// Entries and the longest measured one.
type Walked = Option<(u64, u64)>;

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

fn decimal_length(value: i64) -> u64 {
    let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
    u64::from(digits) + u64::from(value < 0)
}

/// A little-endian signed integer of any width up to eight bytes.
fn signed(bytes: &[u8]) -> i64 {
    let mut wide = [0; 8];
    wide[8 - bytes.len()..].copy_from_slice(bytes);
    i64::from_le_bytes(wide) >> (64 - 8 * bytes.len())
}

/// <https://github.com/antirez/listpack/blob/master/listpack.md>
fn walk_listpack(bytes: &[u8], measured: Measured) -> Walked {
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
fn walk_ziplist(bytes: &[u8], measured: Measured) -> Walked {
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
fn walk_zipmap(bytes: &[u8]) -> Walked {
    let mut walk = Walk::new(Measured { counted: 1, of: 1 });
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

fn walk_intset(bytes: &[u8]) -> Walked {
    let width = usize::from(*bytes.first()?);
    let mut walk = Walk::new(Measured { counted: 1, of: 1 });
    for value in bytes.get(8..)?.chunks_exact(width.max(1)) {
        walk.entry(decimal_length(signed(value)));
    }
    walk.end()
}
