//! Keys are bytes; people and JSON read text. This file goes from one to the other.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The key as text: UTF-8 stays as it is, every other byte becomes `\xHH`.
///
/// The form is that of rdb-tools' `--escape print` (upper-case hex, a
/// backslash isn't escaped), so the text alone can be ambiguous: whoever needs
/// the exact bytes writes them in base64 beside it ([`is_exact`] says when).
pub fn key_text(key: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(key) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(key.len() + 8);
    for chunk in key.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            push_hex(&mut text, *byte);
        }
    }
    Cow::Owned(text)
}

/// Whether [`key_text`] gives exactly the key's bytes.
pub fn is_exact(key: &[u8]) -> bool {
    std::str::from_utf8(key).is_ok()
}

/// The key for one line of a terminal: as [`key_text`], with control characters escaped too.
pub fn key_line(key: &[u8]) -> Cow<'_, str> {
    let text = key_text(key);
    if !text.chars().any(char::is_control) {
        return text;
    }
    let mut line = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if character.is_control() {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                push_hex(&mut line, byte);
            }
        } else {
            line.push(character);
        }
    }
    Cow::Owned(line)
}

fn push_hex(text: &mut String, byte: u8) {
    // Writing to a String can't fail.
    let _ = write!(text, "\\x{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_and_other_bytes_are_escaped() {
        assert_eq!(key_text("ключ".as_bytes()), "ключ");
        assert_eq!(key_text(b"latin \xe9!"), "latin \\xE9!");
        assert_eq!(key_text(b"\x00\xff"), "\0\\xFF");
        assert!(is_exact(b"a\nb") && !is_exact(b"\xff"));
    }

    #[test]
    fn a_line_has_no_control_characters() {
        assert_eq!(key_line(b"a\nb\x1b[31m"), "a\\x0Ab\\x1B[31m");
        assert_eq!(key_line("\u{85}".as_bytes()), "\\xC2\\x85");
    }
}
