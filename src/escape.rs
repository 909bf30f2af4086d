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

/// The key for one line of a terminal: as [`key_text`], with what steers a terminal or can't be seen
/// there escaped too ([`is_unseen`]).
pub fn key_line(key: &[u8]) -> Cow<'_, str> {
    let text = key_text(key);
    if !text.chars().any(is_unseen) {
        return text;
    }
    let mut line = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unseen(character) {
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

/// Whether a character steers what shows it, or shows nothing: control characters (C0 and C1), line
/// and paragraph separators, what turns the direction of writing, what has no width, tags.
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// A key as it is named in a sentence, on one line.
pub fn named_key(key: &[u8]) -> String {
    format!("`{}`", key_line(key))
}

/// How much of somebody else's word is repeated, characters.
const WORD_CHARS_MAX: usize = 100;

/// How much of an address is repeated, characters: a host name has 253 at most.
const ADDR_CHARS_MAX: usize = 300;

/// Somebody else's word, as it is quoted in a sentence: escaped as in a Rust string, and cut.
pub fn quoted(word: &str) -> String {
    escaped(&cut(word, WORD_CHARS_MAX))
}

/// An address that comes from a file or a server, as it is shown to people: it must not break the
/// line, nor fill the screen.
pub fn shown_addr(addr: &str) -> String {
    escaped(&cut(addr, ADDR_CHARS_MAX))
}

fn escaped(word: &str) -> String {
    key_line(word.escape_debug().to_string().as_bytes()).into_owned()
}

/// The start of a text, with a word on how much more there is.
pub fn cut(text: &str, chars_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars_max) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let more = text.len() - end;
            Cow::Owned(format!("{}… ({more} bytes more)", &text[..end]))
        }
    }
}

/// Start and end of a text that is too long for a line: what failed stands at the start, what to do
/// about it at the end.
pub fn shortened(text: &str, chars_max: usize) -> Cow<'_, str> {
    // Most texts are short: their bytes say so.
    if text.len() <= chars_max || text.chars().count() <= chars_max {
        return Cow::Borrowed(text);
    }
    let end_chars = chars_max / 3;
    let start_chars = chars_max - end_chars;
    let end = text
        .char_indices()
        .nth(start_chars)
        .map_or(text.len(), |(at, _)| at);
    let tail = text.char_indices().nth_back(end_chars.max(1) - 1);
    let tail = tail.map_or(text.len(), |(at, _)| at);
    let less = tail - end;
    Cow::Owned(format!(
        "{}… ({less} bytes less) …{}",
        &text[..end],
        &text[tail..]
    ))
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

    #[test]
    fn a_line_has_nothing_that_cannot_be_seen() {
        for unseen in "\u{9b}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{2029}\u{202e}\u{2066}\u{2060}\u{feff}\u{e0041}\u{7f}".chars() {
            let line = key_line(format!("a{unseen}b").as_bytes()).into_owned();
            assert!(line.starts_with("a\\x") && line.is_ascii(), "{line}");
        }
        assert_eq!(key_line("ключ 鍵 é ½".as_bytes()), "ключ 鍵 é ½");
        assert_eq!(quoted("a\n\u{202e}`"), "a\\n\\u{202e}`");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cut("ключ", 4), "ключ");
        assert_eq!(cut("ключи", 4), "ключ… (2 bytes more)");
        assert_eq!(shortened("ключ", 4), "ключ");
        assert_eq!(shortened("abcdefghij", 6), "abcd… (4 bytes less) …ij");
        assert!(quoted(&"x".repeat(1_000_000)).len() < 200);
    }
}
