//! Steps over values: the table of types.

mod collections;
mod packed;
mod summary;

use super::codes::*;
use super::model::{Heap, Model};
use super::packed::{Depth, Form, Inside, Measured};
use super::text::Text;
use super::window::Window;
use crate::error::Result;
use crate::source::encoding::Encoding;
use collections::{FieldExpiry, QuicklistForm, Score};
use packed::Packed;
pub(super) use summary::ValueSummary;

/// The highest type that is known, and no opcode of a reserved range.
pub(super) const LAST_TYPE: u8 = TYPE_HASH_LISTPACK_EX;

/// Steps over values, and sums up what each would take in memory.
pub(super) struct Values {
    pub(super) model: Model,
    pub(super) depth: Depth,
    pub(super) scratch: Vec<u8>,
}

impl Values {
    /// Steps over the value of a type; the type's byte is behind us.
    pub(super) fn step(&mut self, window: &mut Window, kind: u8) -> Result<ValueSummary> {
        match kind {
            TYPE_STRING => self.string(window),
            TYPE_LIST => self.linked_list(window),
            TYPE_SET => self.set(window),
            TYPE_ZSET => self.sorted_set(window, Score::Text),
            TYPE_ZSET_2 => self.sorted_set(window, Score::Double),
            TYPE_HASH => self.hash(window, FieldExpiry::None),
            TYPE_HASH_2 if self.model.is_valkey() => self.hash(window, FieldExpiry::Behind),
            TYPE_HASH_2 => self.hash(window, FieldExpiry::Before),
            TYPE_HASH_METADATA => {
                window.skip(8)?;
                self.hash(window, FieldExpiry::Before)
            }
            TYPE_HASH_LISTPACK_EX => {
                window.skip(8)?;
                self.packed(window, Packed::EXPIRING_HASH)
            }
            TYPE_MODULE_2 => super::module::step(window),
            TYPE_LIST_QUICKLIST => self.quicklist(window, QuicklistForm::Ziplists),
            TYPE_LIST_QUICKLIST_2 => self.quicklist(window, QuicklistForm::Containers),
            TYPE_STREAM_LISTPACKS | TYPE_STREAM_LISTPACKS_2 | TYPE_STREAM_LISTPACKS_3 => {
                self.stream(window, kind)
            }
            _ => match Packed::of(kind) {
                Some(packed) => self.packed(window, packed),
                None => {
                    let message = format!("expected a type or an opcode, found {kind}");
                    Err(window.error(window.offset() - 1, message))
                }
            },
        }
    }

    /// Whether a type is in the table.
    pub(super) fn knows(kind: u8) -> bool {
        !matches!(kind, TYPE_MODULE_PRE_GA | TYPE_UNUSED) && kind <= LAST_TYPE
    }

    fn string(&mut self, window: &mut Window) -> Result<ValueSummary> {
        let text = window.text()?;
        let length = text.length();
        let is_integer = match text {
            Text::Int(_) => true,
            // 64-bit integers are written as text.
            Text::Plain(10..=20) => {
                let text = window.look(length as usize)?;
                text.get(..length as usize).is_some_and(is_wide_integer)
            }
            _ => false,
        };
        window.skip_text(text)?;
        Ok(ValueSummary::string(length, is_integer))
    }

    /// A value that is one structure.
    fn packed(&mut self, window: &mut Window, packed: Packed) -> Result<ValueSummary> {
        let Packed { each, encoding, .. } = packed;
        let start = window.offset();
        let inside = self.inside(window, packed.form, packed.measured)?;
        if inside.entries.is_some_and(|entries| entries % each != 0) {
            let message = format!("expected {each} entries an element, found some left over");
            return Err(window.error(start, message));
        }
        Ok(ValueSummary {
            kind: packed.kind,
            encoding,
            elements: inside.entries.map(|entries| entries / each),
            longest: inside.longest,
            heap: Heap::Object(match encoding {
                Encoding::Listpack if each == 3 => self.model.listpack_ex(inside.bytes),
                _ => self.model.blob(inside.bytes),
            }),
        })
    }

    pub(super) fn inside(
        &mut self,
        window: &mut Window,
        form: Form,
        measured: Measured,
    ) -> Result<Inside> {
        window.structure(form, measured, self.depth, &mut self.scratch)
    }
}

/// Whether a text of ten characters or more is what an integer of 64 bits prints as.
#[inline]
pub(super) fn is_wide_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    // Few texts have nothing but digits at their ends: no need to look at the rest of the others.
    matches!(digits, [b'1'..=b'9', .., b'0'..=b'9']) && is_integer(text, digits)
}

#[inline(never)]
fn is_integer(text: &[u8], digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_digit)
        && std::str::from_utf8(text).is_ok_and(|text| text.parse::<i64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_integers_are_those_that_print_so() {
        for text in ["9223372036854775807", "-9223372036854775808", "10000000000"] {
            assert!(is_wide_integer(text.as_bytes()), "{text}");
        }
        for text in [
            "9223372036854775808",
            "-9223372036854775809",
            "+1000000000",
            "0100000000",
            "-0100000000",
            "10000000000 ",
            "1000000000a",
            "-",
            "",
        ] {
            assert!(!is_wide_integer(text.as_bytes()), "{text}");
        }
    }
}
