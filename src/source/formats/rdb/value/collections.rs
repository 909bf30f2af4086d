//! Collections whose elements are strings of the file.

use super::Values;
use crate::error::Result;
use crate::source::encoding::Encoding;
use crate::source::formats::rdb::codes::{QUICKLIST_NODE_PACKED, QUICKLIST_NODE_PLAIN};
use crate::source::formats::rdb::model::Heap;
use crate::source::formats::rdb::packed::{Form, Inside, Measured};
use crate::source::formats::rdb::text::Text;
use crate::source::formats::rdb::value::ValueSummary;
use crate::source::formats::rdb::window::Window;
use crate::source::kind::KeyKind;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Score {
    Text,
    Double,
}

/// Where a field's expiry stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldExpiry {
    None,
    /// A length before the field, 0 for none.
    Before,
    /// Eight bytes behind the value, -1 for none.
    Behind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum QuicklistForm {
    Ziplists,
    Containers,
}

fn object(kind: KeyKind, encoding: Encoding, count: u64, longest: u64, bytes: u64) -> ValueSummary {
    ValueSummary {
        kind,
        encoding,
        elements: Some(count),
        longest,
        heap: Heap::Object(bytes),
    }
}

impl Values {
    pub(super) fn linked_list(&mut self, window: &mut Window) -> Result<ValueSummary> {
        let count = window.length()?;
        let (mut bytes, mut longest) = (self.model.linked_list(), 0);
        for _ in 0..count {
            let length = window.step_text()?;
            longest = longest.max(length);
            bytes += self.model.linked_item(length);
        }
        Ok(object(
            KeyKind::List,
            Encoding::LinkedList,
            count,
            longest,
            bytes,
        ))
    }

    pub(super) fn set(&mut self, window: &mut Window) -> Result<ValueSummary> {
        let count = window.length()?;
        let (mut bytes, mut longest, mut are_integers) = (0, 0, true);
        for _ in 0..count {
            let text = window.text()?;
            window.skip_text(text)?;
            let length = text.length();
            longest = longest.max(length);
            are_integers &= matches!(text, Text::Int(_));
            bytes += self.model.set_member(length);
        }
        bytes += self.model.set_table(count, are_integers);
        Ok(object(
            KeyKind::Set,
            Encoding::Hashtable,
            count,
            longest,
            bytes,
        ))
    }

    pub(super) fn sorted_set(&mut self, window: &mut Window, score: Score) -> Result<ValueSummary> {
        let count = window.length()?;
        let (mut bytes, mut longest) = (0, 0);
        for _ in 0..count {
            let length = window.step_text()?;
            match score {
                Score::Double => window.skip(8)?,
                Score::Text => match window.byte()? {
                    // Not a number, and the two infinities.
                    253..=255 => {}
                    digits => window.skip(u64::from(digits))?,
                },
            }
            longest = longest.max(length);
            bytes += self.model.sorted_member(length);
        }
        bytes += self.model.skiplist(count);
        Ok(object(
            KeyKind::Zset,
            Encoding::Skiplist,
            count,
            longest,
            bytes,
        ))
    }

    pub(super) fn hash(
        &mut self,
        window: &mut Window,
        expiry: FieldExpiry,
    ) -> Result<ValueSummary> {
        let count = window.length()?;
        let (mut bytes, mut longest, mut expiring) = (0, 0, 0);
        for _ in 0..count {
            let mut expires = expiry == FieldExpiry::Before && window.length()? != 0;
            let field = window.step_text()?;
            let value = window.step_text()?;
            if expiry == FieldExpiry::Behind {
                expires = i64::from_le_bytes(window.array()?) != -1;
            }
            longest = longest.max(field).max(value);
            expiring += u64::from(expires);
            bytes += self.model.hash_pair(field, value, expires);
        }
        bytes += self.model.hash_table(count, expiring);
        Ok(object(
            KeyKind::Hash,
            Encoding::Hashtable,
            count,
            longest,
            bytes,
        ))
    }

    pub(super) fn quicklist(
        &mut self,
        window: &mut Window,
        form: QuicklistForm,
    ) -> Result<ValueSummary> {
        let nodes = window.length()?;
        let (mut elements, mut longest) = (Some(0_u64), 0);
        let mut bytes = 0;
        let mut is_plain = false;
        for _ in 0..nodes {
            let inside = match form {
                QuicklistForm::Ziplists => self.inside(window, Form::Ziplist, Measured::ALL)?,
                QuicklistForm::Containers => match window.length()? {
                    QUICKLIST_NODE_PLAIN => {
                        is_plain = true;
                        let length = window.step_text()?;
                        Inside {
                            bytes: length,
                            entries: Some(1),
                            longest: length,
                        }
                    }
                    QUICKLIST_NODE_PACKED => self.inside(window, Form::Listpack, Measured::ALL)?,
                    other => {
                        let message = format!("expected a container of 1 or 2, found {other}");
                        return Err(window.error(window.offset() - 1, message));
                    }
                },
            };
            elements = elements.zip(inside.entries).map(|(sum, more)| sum + more);
            longest = longest.max(inside.longest);
            bytes += self.model.blob(inside.bytes);
        }
        let is_listpack = nodes == 1 && !is_plain && self.model.has_listpack_lists();
        let encoding = if is_listpack && form == QuicklistForm::Containers {
            Encoding::Listpack
        } else {
            Encoding::Quicklist
        };
        if encoding == Encoding::Quicklist {
            bytes += self.model.quicklist(nodes);
        }
        Ok(ValueSummary {
            kind: KeyKind::List,
            encoding,
            elements,
            longest,
            heap: Heap::Object(bytes),
        })
    }
}
