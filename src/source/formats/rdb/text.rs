//! Lengths and strings, as RDB files encode them.

use super::codes::*;
use super::lzf;
use super::window::Window;
use crate::error::Result;

/// A length, or the sign that something else follows.
enum Length {
    Plain(u64),
    /// The low six bits of a special encoding.
    Special(u8),
}

/// A string's head: what stands before its bytes. An integer's bytes are read already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// So many bytes follow.
    Plain(u64),
    /// An integer, written in binary.
    Int(i32),
    /// LZF data of `packed` bytes follows, which unpacks to `length` bytes.
    Packed { packed: u64, length: u64 },
}

impl Text {
    /// How long the string is in memory.
    #[inline]
    pub(super) fn length(self) -> u64 {
        match self {
            Text::Plain(length) | Text::Packed { length, .. } => length,
            Text::Int(value) => decimal_length(i64::from(value)),
        }
    }
}

impl Window {
    /// Nearly all lengths take a byte or two, and stand in the window as a whole.
    #[inline(always)]
    fn short_length(&mut self) -> Option<u64> {
        match *self.rest_of_window() {
            [first @ ..0x40, ..] => {
                self.advance(1);
                Some(u64::from(first))
            }
            [first @ 0x40..0x80, low, ..] => {
                self.advance(2);
                Some(u64::from(first & 0x3f) << 8 | u64::from(low))
            }
            _ => None,
        }
    }

    #[inline(never)]
    fn length_or_special(&mut self) -> Result<Length> {
        let first = self.byte()?;
        Ok(match first >> 6 {
            0 => Length::Plain(u64::from(first)),
            1 => {
                let low = self.byte()?;
                Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(low))
            }
            2 => match first {
                LENGTH_32BIT => Length::Plain(u64::from(u32::from_be_bytes(self.array()?))),
                LENGTH_64BIT => Length::Plain(u64::from_be_bytes(self.array()?)),
                _ => {
                    let message = format!("expected a length, found the byte {first:#04x}");
                    return Err(self.error(self.offset() - 1, message));
                }
            },
            _ => Length::Special(first & 0x3f),
        })
    }

    /// A length.
    #[inline]
    pub(super) fn length(&mut self) -> Result<u64> {
        if let Some(length) = self.short_length() {
            return Ok(length);
        }
        match self.length_or_special()? {
            Length::Plain(length) => Ok(length),
            Length::Special(code) => {
                let message = format!("expected a length, found the encoding {code} of a string");
                Err(self.error(self.offset() - 1, message))
            }
        }
    }

    /// The head of a string.
    #[inline(always)]
    pub(super) fn text(&mut self) -> Result<Text> {
        if let Some(length) = self.short_length() {
            return Ok(Text::Plain(length));
        }
        self.other_text()
    }

    #[inline(never)]
    fn other_text(&mut self) -> Result<Text> {
        match self.length_or_special()? {
            Length::Plain(length) => Ok(Text::Plain(length)),
            Length::Special(code) => self.special_text(code),
        }
    }

    fn special_text(&mut self, code: u8) -> Result<Text> {
        let start = self.offset() - 1;
        Ok(match code {
            ENCODING_INT8 => Text::Int(i32::from(i8::from_le_bytes(self.array()?))),
            ENCODING_INT16 => Text::Int(i32::from(i16::from_le_bytes(self.array()?))),
            ENCODING_INT32 => Text::Int(i32::from_le_bytes(self.array()?)),
            ENCODING_LZF => {
                let packed = self.length()?;
                let length = self.length()?;
                if !lzf::is_possible(packed, length) {
                    let message =
                        format!("{packed} bytes of LZF data can't unpack to {length} bytes");
                    return Err(self.error(start, message));
                }
                Text::Packed { packed, length }
            }
            _ => {
                let message = format!("expected a string, found the unknown encoding {code}");
                return Err(self.error(start, message));
            }
        })
    }

    /// Steps over the bytes that follow a string's head.
    #[inline]
    pub(super) fn skip_text(&mut self, text: Text) -> Result<()> {
        match text {
            Text::Plain(length) => self.skip(length),
            Text::Int(_) => Ok(()),
            Text::Packed { packed, .. } => self.skip(packed),
        }
    }

    /// Steps over a string and returns its length in memory.
    #[inline]
    pub(super) fn step_text(&mut self) -> Result<u64> {
        let text = self.text()?;
        self.skip_text(text)?;
        Ok(text.length())
    }

    /// Appends a string of at most `most` bytes to a buffer.
    #[inline]
    pub(super) fn copy_text(&mut self, most: u64, out: &mut Vec<u8>) -> Result<()> {
        let start = self.offset();
        let text = self.text()?;
        if text.length() > most {
            let message = format!(
                "expected a string of at most {most} bytes, found one of {}",
                text.length()
            );
            return Err(self.error(start, message));
        }
        self.copy_text_after(text, out)
    }

    /// Appends the string whose head was read.
    #[inline(always)]
    pub(super) fn copy_text_after(&mut self, text: Text, out: &mut Vec<u8>) -> Result<()> {
        match text {
            Text::Plain(length) => self.copy(length, out),
            Text::Int(value) => {
                out.extend_from_slice(value.to_string().as_bytes());
                Ok(())
            }
            Text::Packed { packed, length } => self.unpack(packed, length, out),
        }
    }

    fn unpack(&mut self, packed: u64, length: u64, out: &mut Vec<u8>) -> Result<()> {
        let start = self.offset();
        if !lzf::is_sane(packed, length) {
            let message = format!("{packed} bytes of LZF data are too many for {length} bytes");
            return Err(self.error(start, message));
        }
        let before = out.len();
        let limit = before.saturating_add(length as usize);
        let is_whole = match self.slice(packed)? {
            Some(bytes) => lzf::unpack(bytes, out, limit),
            None => {
                let mut bytes = Vec::new();
                self.copy(packed, &mut bytes)?;
                lzf::unpack(&bytes, out, limit)
            }
        };
        if is_whole && out.len() == limit {
            return Ok(());
        }
        out.truncate(before);
        let message = format!("expected LZF data of {length} bytes, found damaged data");
        Err(self.error(start, message))
    }
}

/// How many characters an integer takes in decimal.
pub(super) fn decimal_length(value: i64) -> u64 {
    let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
    u64::from(digits) + u64::from(value < 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn window(bytes: &[u8]) -> Window {
        Window::new(
            Box::new(std::io::Cursor::new(bytes.to_vec())),
            Path::new("x.rdb"),
        )
    }

    #[test]
    fn integers_are_as_long_as_their_text() {
        for value in [0, 9, 10, -1, -10, 12345, i64::MIN, i64::MAX] {
            assert_eq!(decimal_length(value), value.to_string().len() as u64);
        }
    }

    #[test]
    fn lengths_have_four_forms() {
        for (bytes, length) in [
            (&[0x3f][..], 63),
            (&[0x7f, 0xff], 0x3fff),
            (&[0x80, 1, 2, 3, 4], 0x0102_0304),
            (&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 1], 0xff00_0000_0000_0001),
        ] {
            assert_eq!(window(bytes).length().expect("a length"), length);
        }
        for bytes in [&[0xc0][..], &[0x82, 0, 0, 0, 0], &[0x80, 1], &[]] {
            window(bytes).length().expect_err("no length");
        }
    }

    #[test]
    fn strings_are_copied_whatever_their_form() {
        for (bytes, text) in [
            (&b"\x03abc"[..], &b"abc"[..]),
            (&[0xc0, 0xff], b"-1"),
            (&[0xc1, 0x10, 0x27], b"10000"),
            // "a", then a reference of 3 bytes to it: aaaa.
            (&[0xc3, 4, 4, 0, b'a', 0x20, 0], b"aaaa"),
        ] {
            let mut out = Vec::new();
            window(bytes).copy_text(100, &mut out).expect("a string");
            assert_eq!(out, text);
            assert_eq!(
                window(bytes).step_text().expect("a string"),
                text.len() as u64
            );
        }
    }

    #[test]
    fn nothing_is_allocated_by_a_claim() {
        let mut claim = vec![0x81];
        claim.extend([0x7f; 8]);
        claim.extend(b"short");
        let error = window(&claim).step_text().expect_err("the file ends");
        assert!(error.message().contains("end of the file"), "{error}");
        let bomb = [0xc3, 4, 0x80, 0x40, 0, 0, 0, 0, b'a', 0x20, 0];
        let error = window(&bomb).step_text().expect_err("a bomb");
        assert!(error.message().contains("can't unpack"), "{error}");
        // 300 bytes that are said to be packed, of a string of one.
        let mut padded = vec![0xc3, 0x41, 0x2c, 1, 0, b'a'];
        padded.resize(310, 0);
        let error = window(&padded).copy_text(100, &mut Vec::new());
        let error = error.expect_err("nobody packs so");
        assert!(error.message().contains("too many for 1 bytes"), "{error}");
    }
}
