//! Unescapes keys: from how the writing tool escaped them back to bytes.
//!
//! The forms are those of rdb-tools (`--escape raw|print|utf8|base64`, its
//! `encodehelpers.py`), slotkit's own, and of `redis-cli --no-raw` (`sdscatrepr` in the
//! server's `sds.c`). Those of rdb-tools can't tell an escape from a key that
//! holds the same text; keys for which that question arose are counted.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// How the tool that wrote the dump escaped keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escape {
    /// Not at all.
    #[default]
    Raw,
    /// Bytes outside 0x20..0x7E as `\x0A`.
    Print,
    /// Bytes that aren't UTF-8 as `\xE9`; the text is written in latin-1.
    Utf8,
    /// Keys with a byte outside 0x20..0x7E in base64.
    Base64,
    /// In double quotes, with or without a number before them, with `\"`, `\\`, `\n`, `\r`, `\t`, `\a`, `\b` and `\xhh`, as `redis-cli` prints it.
    Quoted,
    /// What readers of CSV stumble over as `\x0A`, and a backslash that would look like such an escape too: exact.
    /// slotkit's own form.
    Hex,
    /// As a string of JSON, where it is in double quotes: rdb-tools before it had `--escape`.
    Json,
    /// As a field of standard CSV, where it is in double quotes: a dump that went through a spreadsheet or a
    /// program for tables.
    Csv,
}

/// What came of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unescaped {
    /// It is as it stood there.
    AsIs,
    /// It was unescaped; the tool would have written the same for a key with this very text.
    Ambiguous,
    /// It was unescaped, and nothing else can have been meant.
    Exact,
    /// It isn't what the form allows.
    Broken,
}

impl Escape {
    /// Appends the key's bytes to `out`.
    pub(super) fn unescape(self, text: &[u8], out: &mut Vec<u8>) -> Unescaped {
        match self {
            Escape::Raw => {
                out.extend_from_slice(text);
                Unescaped::AsIs
            }
            Escape::Print => hex_escapes(text, out, |byte| !(0x20..=0x7E).contains(&byte)),
            Escape::Utf8 => utf8(text, out),
            Escape::Base64 => base64(text, out),
            Escape::Quoted => quoted(text, out),
            Escape::Hex => match hex_escapes(text, out, |_| true) {
                Unescaped::Ambiguous => Unescaped::Exact,
                other => other,
            },
            Escape::Json => json(text, out),
            Escape::Csv => csv(text, out),
        }
    }

    /// Appends a key as this form writes it: what [`Escape::Quoted`] and [`Escape::Hex`] write is read back the
    /// same whatever the key is.
    pub(crate) fn escape(self, key: &[u8], out: &mut Vec<u8>) {
        match self {
            Escape::Raw | Escape::Json | Escape::Csv => out.extend_from_slice(key),
            Escape::Print => push_hex(key, out, |_, byte| !(0x20..=0x7E).contains(&byte)),
            Escape::Utf8 => push_broken_utf8(key, out),
            Escape::Base64 if key.iter().all(|byte| (0x20..=0x7E).contains(byte)) => {
                out.extend_from_slice(key);
            }
            Escape::Base64 => out.extend_from_slice(BASE64_STANDARD.encode(key).as_bytes()),
            Escape::Quoted => push_quoted(key, out),
            Escape::Hex => push_exact(key, out),
        }
    }
}

/// Appends a key with those bytes as `\xHH` of which this says so; it gets the bytes from there on, too.
fn push_hex(key: &[u8], out: &mut Vec<u8>, is_escaped: impl Fn(&[u8], u8) -> bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for (at, byte) in key.iter().enumerate() {
        if is_escaped(&key[at..], *byte) {
            out.extend([
                b'\\',
                b'x',
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 0xF)],
            ]);
        } else {
            out.push(*byte);
        }
    }
}

/// The bytes that are no UTF-8 as `\xHH`, all others as they are.
fn push_broken_utf8(key: &[u8], out: &mut Vec<u8>) {
    for chunk in key.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        push_hex(chunk.invalid(), out, |_, _| true);
    }
}

/// Control characters, quotes, what is no UTF-8, and a backslash that begins what looks like an escape.
fn push_exact(key: &[u8], out: &mut Vec<u8>) {
    let is_hex = |digit: u8| digit.is_ascii_digit() || (b'A'..=b'F').contains(&digit);
    for chunk in key.utf8_chunks() {
        let valid = chunk.valid().as_bytes();
        push_hex(valid, out, |rest, byte| match byte {
            b'\\' => hex_byte(rest, is_hex).is_some(),
            _ => byte.is_ascii_control() || byte == b'"',
        });
        push_hex(chunk.invalid(), out, |_, _| true);
    }
}

/// As `sdscatrepr` in the server's `sds.c`.
fn push_quoted(key: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in key {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            0x20..=0x7E => out.push(*byte),
            _ => out.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    out.push(b'"');
}

/// What stands between the double quotes around a text.
fn between_quotes(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// A string of JSON. Of bytes that weren't UTF-8 rdb-tools wrote the number of each as that of a character.
fn json(text: &[u8], out: &mut Vec<u8>) -> Unescaped {
    let Some(inside) = between_quotes(text) else {
        out.extend_from_slice(text);
        return Unescaped::AsIs;
    };
    let is_byte = |digit: &[u8]| {
        matches!(
            digit,
            [b'\\', b'u', b'0', b'0', b'8'..=b'9' | b'a'..=b'f', _]
        )
    };
    match super::json_text::unescape(inside, out) {
        Err(_) => Unescaped::Broken,
        Ok(()) if inside.windows(6).any(is_byte) => Unescaped::Ambiguous,
        Ok(()) => Unescaped::Exact,
    }
}

/// A field of standard CSV.
fn csv(text: &[u8], out: &mut Vec<u8>) -> Unescaped {
    let begin = out.len();
    let Some(mut rest) = between_quotes(text) else {
        out.extend_from_slice(text);
        return Unescaped::AsIs;
    };
    while let Some(quote) = memchr::memchr(b'"', rest) {
        if rest.get(quote + 1) != Some(&b'"') {
            out.truncate(begin);
            out.extend_from_slice(text);
            return Unescaped::AsIs;
        }
        out.extend_from_slice(&rest[..=quote]);
        rest = &rest[quote + 2..];
    }
    out.extend_from_slice(rest);
    Unescaped::Exact
}

/// Takes `\xHH` back, for the bytes that the tool escapes; all others it writes as they are.
fn hex_escapes(text: &[u8], out: &mut Vec<u8>, is_escaped: impl Fn(u8) -> bool) -> Unescaped {
    let mut rest = text;
    let mut unescaped = Unescaped::AsIs;
    while let Some(place) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..place]);
        match hex_byte(&rest[place..], |digit| {
            digit.is_ascii_digit() || (b'A'..=b'F').contains(&digit)
        }) {
            Some(byte) if is_escaped(byte) => {
                out.push(byte);
                rest = &rest[place + 4..];
                unescaped = Unescaped::Ambiguous;
            }
            _ => {
                out.push(b'\\');
                rest = &rest[place + 1..];
            }
        }
    }
    out.extend_from_slice(rest);
    unescaped
}

/// The byte of `\xHH` at the start of the text.
fn hex_byte(text: &[u8], is_digit: impl Fn(u8) -> bool) -> Option<u8> {
    let digits = text.get(..4)?.strip_prefix(b"\\x")?;
    if !digits.iter().all(|digit| is_digit(*digit)) {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Characters came from UTF-8 and were written in latin-1, a byte each; where
/// the bytes are UTF-8 as they stand, the file was written in UTF-8 instead.
fn utf8(text: &[u8], out: &mut Vec<u8>) -> Unescaped {
    if std::str::from_utf8(text).is_ok() {
        return hex_escapes(text, out, |byte| byte >= 0x80);
    }
    let recoded: String = text.iter().map(|byte| char::from(*byte)).collect();
    hex_escapes(recoded.as_bytes(), out, |byte| byte >= 0x80);
    Unescaped::Ambiguous
}

/// Only keys with a byte outside printable ASCII were encoded.
fn base64(text: &[u8], out: &mut Vec<u8>) -> Unescaped {
    let begin = out.len();
    // An empty text is the empty key; decoding needs no room for anything that isn't base64.
    let is_base64 = !text.is_empty()
        && text.len().is_multiple_of(4)
        && BASE64_STANDARD.decode_vec(text, out).is_ok();
    let is_printable = |byte: &u8| (0x20..=0x7E).contains(byte);
    if is_base64 && !out[begin..].iter().all(is_printable) {
        return Unescaped::Ambiguous;
    }
    out.truncate(begin);
    out.extend_from_slice(text);
    Unescaped::AsIs
}

/// What stands behind the number that redis-cli puts before each line of an array, `12) "key"`.
fn without_number(text: &[u8]) -> &[u8] {
    let line = text.trim_ascii_start();
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match line[digits..].strip_prefix(b") ") {
        Some(rest) if digits > 0 && rest.starts_with(b"\"") => rest,
        _ => text,
    }
}

fn quoted(text: &[u8], out: &mut Vec<u8>) -> Unescaped {
    let text = without_number(text);
    let inside = text
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    match inside.filter(|_| text.len() > 1) {
        Some(inside) => inside_quotes(inside, out),
        None => Unescaped::Broken,
    }
}

/// The same of what stands between the quotes.
pub(super) fn inside_quotes(mut rest: &[u8], out: &mut Vec<u8>) -> Unescaped {
    while let Some(place) = memchr::memchr2(b'\\', b'"', rest) {
        out.extend_from_slice(&rest[..place]);
        rest = &rest[place..];
        let byte = match rest.get(..2) {
            Some(b"\\x") => hex_byte(rest, |digit| digit.is_ascii_hexdigit()),
            Some([b'\\', letter]) => simple(*letter),
            _ => None,
        };
        let Some(byte) = byte else {
            return Unescaped::Broken;
        };
        out.push(byte);
        rest = &rest[if rest[1] == b'x' { 4 } else { 2 }..];
    }
    out.extend_from_slice(rest);
    Unescaped::Exact
}

/// The byte that a letter behind a backslash stands for.
fn simple(letter: u8) -> Option<u8> {
    Some(match letter {
        b'"' | b'\\' => letter,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'a' => 0x07,
        b'b' => 0x08,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(escape: Escape, text: &[u8]) -> (Vec<u8>, Unescaped) {
        let mut out = b"before".to_vec();
        let unescaped = escape.unescape(text, &mut out);
        (out.split_off(6), unescaped)
    }

    #[test]
    fn what_rdb_tools_never_writes_is_text() {
        assert_eq!(
            read(Escape::Print, b"back\\slash\\x41"),
            (b"back\\slash\\x41".to_vec(), Unescaped::AsIs)
        );
        assert_eq!(
            read(Escape::Print, b"nl\\x0Akey"),
            (b"nl\nkey".to_vec(), Unescaped::Ambiguous)
        );
        assert_eq!(
            read(Escape::Print, b"\\x0a\\x0"),
            (b"\\x0a\\x0".to_vec(), Unescaped::AsIs)
        );
        assert_eq!(
            read(Escape::Utf8, b"\xE9\\xFF"),
            (b"\xC3\xA9\xFF".to_vec(), Unescaped::Ambiguous)
        );
        assert_eq!(
            read(Escape::Base64, b"bmwKa2V5"),
            (b"nl\nkey".to_vec(), Unescaped::Ambiguous)
        );
        assert_eq!(
            read(Escape::Base64, b"plain"),
            (b"plain".to_vec(), Unescaped::AsIs)
        );
        // Base64 of the printable `abc`: nobody would have encoded it.
        assert_eq!(
            read(Escape::Base64, b"YWJj"),
            (b"YWJj".to_vec(), Unescaped::AsIs)
        );
        for text in ["", "\"", "a", "\"a\\\"", "\"\\q\"", "\"a\"b\"", "\"\\x4\""] {
            assert_eq!(
                read(Escape::Quoted, text.as_bytes()).1,
                Unescaped::Broken,
                "{text}"
            );
        }
    }

    /// `sdscatrepr`.
    fn as_redis_cli(key: &[u8]) -> Vec<u8> {
        let mut text = b"\"".to_vec();
        for byte in key {
            match byte {
                b'"' | b'\\' => text.extend([b'\\', *byte]),
                b'\n' => text.extend(b"\\n"),
                b'\r' => text.extend(b"\\r"),
                b'\t' => text.extend(b"\\t"),
                7 => text.extend(b"\\a"),
                8 => text.extend(b"\\b"),
                0x20..=0x7E => text.push(*byte),
                _ => text.extend(format!("\\x{byte:02x}").bytes()),
            }
        }
        text.push(b'"');
        text
    }

    fn as_print(key: &[u8]) -> Vec<u8> {
        key.iter()
            .flat_map(|byte| match byte {
                0x20..=0x7E => vec![*byte],
                _ => format!("\\x{byte:02X}").into_bytes(),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn quoted_keys_come_back(key in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(read(Escape::Quoted, &as_redis_cli(&key)), (key, Unescaped::Exact));
        }

        #[test]
        fn printed_keys_without_backslash_come_back(key in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assume!(!key.contains(&b'\\'));
            prop_assert_eq!(read(Escape::Print, &as_print(&key)).0, key);
        }

        #[test]
        fn what_is_written_exactly_comes_back(
            key in proptest::collection::vec(proptest::sample::select(b"\\\\x0AFa\"'=\n\0\xc3\xa9\xff,\x7f".to_vec()), 0..40),
        ) {
            for (escape, is_clean) in [(Escape::Hex, true), (Escape::Quoted, false)] {
                let mut text = Vec::new();
                escape.escape(&key, &mut text);
                let (back, unescaped) = read(escape, &text);
                prop_assert_eq!(&back, &key);
                prop_assert!(matches!(unescaped, Unescaped::Exact | Unescaped::AsIs));
                let text = std::str::from_utf8(&text).expect("UTF-8");
                prop_assert!(!text.chars().any(|letter| letter.is_ascii_control()));
                prop_assert!(!is_clean || !text.contains('"'));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            for escape in [
                Escape::Print, Escape::Utf8, Escape::Base64, Escape::Quoted, Escape::Hex, Escape::Json, Escape::Csv,
            ] {
                // Whoever unescapes keys counts on it.
                prop_assert!(read(escape, &text).0.len() <= 2 * text.len());
            }
        }
    }
}
