//! Unescapes JSON strings.

use super::row_errors::excerpt;
use memchr::memchr3;

/// Appends the bytes of what stands between the quotes of a JSON string.
///
/// # Errors
/// An escape that is none, a character that has to be escaped, or half of a pair of surrogates; with its place.
pub(super) fn unescape(text: &[u8], out: &mut Vec<u8>) -> Result<(), (usize, String)> {
    let mut at = 0;
    while at < text.len() {
        let plain = memchr3(b'\\', b'\n', 0, &text[at..]).map_or(text.len(), |place| at + place);
        if let Some(place) = text[at..plain].iter().position(|byte| *byte < 0x20) {
            return Err((at + place, unescaped_control(text[at + place])));
        }
        out.extend_from_slice(&text[at..plain]);
        at = plain;
        match text.get(at) {
            None => break,
            Some(b'\\') => at += escaped(&text[at..], out).map_err(|message| (at, message))?,
            Some(control) => return Err((at, unescaped_control(*control))),
        }
    }
    Ok(())
}

fn unescaped_control(byte: u8) -> String {
    format!("expected control characters of a JSON string as escapes, found byte 0x{byte:02X}")
}

/// Appends what an escape stands for; says how long it is.
fn escaped(text: &[u8], out: &mut Vec<u8>) -> Result<usize, String> {
    let byte = match text.get(1) {
        Some(letter @ (b'"' | b'\\' | b'/')) => *letter,
        Some(b'b') => 0x08,
        Some(b'f') => 0x0C,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'u') => return unicode(text, out),
        _ => return Err(wrong_escape(text)),
    };
    out.push(byte);
    Ok(2)
}

fn wrong_escape(text: &[u8]) -> String {
    format!(
        "expected an escape of JSON, found {}",
        excerpt(&text[..text.len().min(6)])
    )
}

/// `\u00e9`, or two that are a pair of surrogates.
fn unicode(text: &[u8], out: &mut Vec<u8>) -> Result<usize, String> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let are_digits = digits.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(digits).ok().filter(|_| are_digits)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(0).ok_or_else(|| wrong_escape(text))?;
    let units = [first, unit(6).unwrap_or(0)];
    let is_pair = (0xD800..0xDC00).contains(&first);
    let mut characters = char::decode_utf16(units[..1 + usize::from(is_pair)].iter().copied());
    match characters.next() {
        Some(Ok(character)) => {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            Ok(if is_pair { 12 } else { 6 })
        }
        _ => Err(format!(
            "expected a pair of surrogates, which a character is, found half of one: {}",
            excerpt(&text[..6])
        )),
    }
}
