//! Packed structures, which stand in one string: ziplist, listpack, intset, zipmap.
//!
//! Their heads say how many entries they have, so that a value is stepped
//! over. Only where a head doesn't tell (65,535 entries or more), or when the
//! longest entry is asked for, the entries are walked.

mod walk;

use super::lzf;
use super::text::Text;
use super::window::Window;
use crate::error::Result;
use walk::{walk_intset, walk_listpack, walk_ziplist, walk_zipmap};

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

impl Measured {
    /// Every entry was measured.
    pub(super) const ALL: Measured = Measured { counted: 1, of: 1 };
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
        let Some(claim) = claim(form, head, bytes) else {
            return Err(lies(self));
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
                lzf::unpack_beginning(near, &mut head[..wanted]).then_some(())
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
