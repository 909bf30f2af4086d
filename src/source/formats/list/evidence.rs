//! Weighs the evidence that lines are keys.
//!
//! Keys are names, and nearly all of them are one word: what has blanks in most of its lines is text. Of a list,
//! at least two of three of the first lines are a word, or a name such as `cache:SELECT 1`, whose first word has a
//! delimiter inside.

use crate::source::detect::first_lines::{FirstLines, first_word, is_number};
use memchr::{memchr_iter, memmem};

/// Whether its first lines look like keys.
pub(super) fn is_list(first_lines: &FirstLines<'_>) -> bool {
    let keys = first_lines.count(is_key);
    keys > 0 && keys * 3 >= first_lines.lines.len() * 2
}

/// Whether it says so little that in a folder it may as well be something else: a number alone, as the file of a
/// process id or of a version has, or a checksum.
pub(super) fn is_slight(first_lines: &FirstLines<'_>) -> bool {
    let word = first_lines.line(0);
    let is_version = word
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let is_checksum = word.len() >= 32 && word.iter().all(u8::is_ascii_hexdigit);
    first_lines.lines.len() == 1 && (is_number(word) || is_version || is_checksum)
}

fn is_key(line: &[u8]) -> bool {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    if line.iter().any(is_blank) {
        is_name(line)
    } else {
        is_word(line)
    }
}

/// A word that isn't a piece of code or YAML.
fn is_word(word: &[u8]) -> bool {
    let has_letter =
        |byte: &u8| byte.is_ascii_alphanumeric() || byte.is_ascii_control() || *byte >= 0x80;
    let is_last = |byte: &u8| matches!(byte, b':' | b';' | b'{');
    // An element of a list; rows may end with an empty field.
    let is_element = word.ends_with(b",") && memchr_iter(b',', word).count() == 1;
    let ends_as_code = word.last().is_some_and(is_last) || is_element;
    // Languages that put no blanks between words end their sentences so.
    let has_stop = ["。", "，", "、"]
        .iter()
        .any(|stop| memmem::find(word, stop.as_bytes()).is_some());
    word.iter().any(has_letter) && !ends_as_code && !has_stop
}

/// A name with blanks: `user:7:full name`.
fn is_name(line: &[u8]) -> bool {
    const LEVELS: [&[u8]; 8] = [
        b"ERROR",
        b"WARN",
        b"WARNING",
        b"INFO",
        b"DEBUG",
        b"CRITICAL",
        b"FATAL",
        b"TRACE",
    ];
    let word = first_word(line);
    if line.first().is_some_and(u8::is_ascii_whitespace) || word.len() < 3 || !is_word(word) {
        return false;
    }
    let begins = word[0].is_ascii_alphabetic() || matches!(word[0], b'{' | b'_') || word[0] >= 0x80;
    let Some(delimiter) = word[1..]
        .iter()
        .position(|byte| matches!(byte, b':' | b'}'))
    else {
        return false;
    };
    let (front, behind) = word.split_at(delimiter + 1);
    let is_path = behind.starts_with(b"::") || behind.starts_with(b"://");
    begins && !is_path && behind.len() > 1 && !LEVELS.contains(&front)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_words_or_names() {
        for key in [
            "user:1",
            "hello",
            "{tag}x",
            "550e8400-e29b-41d4-a716-446655440000",
            "\u{1F600}",
            "a,b",
            "=cmd()",
            "\\xff",
            "cache:SELECT * FROM users",
            "{user}:full name",
            "1",
            "App\\Models\\User:1",
            "ключ",
        ] {
            assert!(is_key(key.as_bytes()), "{key}");
        }
        for text in [
            "two words",
            "name:",
            "}",
            "---",
            "  key:a b",
            "ERROR:root:it failed",
            "std::string name;",
            "http://host is down",
            "12:M 23 Nov",
            "foo: bar",
            "こんにちは、世界。",
            "maxmemory 2gb",
        ] {
            assert!(!is_key(text.as_bytes()), "{text}");
        }
    }
}
