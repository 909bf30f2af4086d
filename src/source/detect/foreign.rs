//! Recognises inputs that are no dump of keys, and would be taken for a list of them.

use super::other_text::OtherText;
use crate::error::{Error, ErrorKind, Result};
use memchr::{memchr, memchr_iter, memmem};

/// Refuses text of wide characters.
pub(in crate::source) fn refuse_utf16(head: &[u8]) -> Result<()> {
    if !is_utf16(head) {
        return Ok(());
    }
    let is_wider = head.starts_with(b"\xFF\xFE\0\0");
    let name = if is_wider { "UTF-32" } else { "UTF-16" };
    let message = format!("expected UTF-8 or plain bytes, found {name}");
    let fix = format!("convert it: iconv -f {name} -t UTF-8 FILE");
    Err(Error::new(ErrorKind::Input, message).fix(fix))
}

/// Refuses what is packed in another way than is read, or twice.
pub(in crate::source) fn refuse_packed(head: &[u8]) -> Result<()> {
    let packings: [(&[u8], &str); 8] = [
        (b"BZh", "bzip2"),
        (b"\xFD7zXZ\0", "xz"),
        (b"PK\x03\x04", "zip"),
        (b"7z\xBC\xAF\x27\x1C", "7z"),
        (b"\x02\x21\x4C\x18", "lz4 of the old format"),
        (b"\x1F\x8B\x08", "gzip inside another packing"),
        (b"\x28\xB5\x2F\xFD", "zstd inside another packing"),
        (b"\x04\x22\x4D\x18", "lz4 inside another packing"),
    ];
    // Keys may begin with letters.
    let is_sure = |magic: &[u8]| !magic.iter().all(u8::is_ascii_alphanumeric) || has_rubbish(head);
    let packing = packings
        .iter()
        .find(|(magic, _)| head.starts_with(magic) && is_sure(magic));
    let name = match packing {
        Some((_, name)) => name,
        None if is_tar(head) => "tar",
        None => return Ok(()),
    };
    let message =
        format!("expected keys, plain or packed once with gzip, zstd or lz4; found {name}");
    Err(Error::new(ErrorKind::Input, message).fix("unpack it first; stdin is read with `-`"))
}

/// Whether it begins with the header of a tar archive, which may be followed by a dump as it is.
fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar") && head[..257].contains(&0)
}

/// Refuses lines that end with a carriage return alone, as on an old Macintosh: all would be one.
pub(in crate::source) fn refuse_bare_returns(text: &[u8]) -> Result<()> {
    let is_one_line = memchr(b'\n', text).is_none();
    // The last one may be half of a line end.
    let inside = &text[..text.len().saturating_sub(1)];
    if !is_one_line || memchr(b'\r', inside).is_none() || has_rubbish(text) {
        return Ok(());
    }
    let message = "expected lines that end with a newline, found carriage returns and no newline";
    Err(Error::new(ErrorKind::Input, message)
        .fix("convert it: tr '\\r' '\\n' < FILE; if they are parts of keys, pass --keep-cr"))
}

/// Refuses keys that are separated by NUL: all would be one.
pub(in crate::source) fn refuse_nuls(text: &[u8]) -> Result<()> {
    let nuls = memchr_iter(0, text).count();
    let newlines = memchr_iter(b'\n', text).count();
    if nuls <= 10 * newlines {
        return Ok(());
    }
    let message = "expected a CSV with a header or a list of keys, one a line, found NUL bytes";
    Err(Error::new(ErrorKind::Input, message).fix(
        "if keys are separated by them, pass -0; if they are parts of keys, one a line, --format list",
    ))
}

/// What is JSON, or speaks the protocol of servers.
pub(in crate::source) fn protocol(text: &[u8]) -> Option<OtherText> {
    if is_json(text) {
        let fix = "analyze the RDB file itself, or have the tool write a CSV or a JSON array of the keys alone";
        return Some(OtherText::new("JSON", fix));
    }
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_reply = match first.strip_suffix(b"\r") {
        Some([b'*' | b'$' | b'%' | b'~' | b'>' | b':', digits @ ..]) => {
            !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        Some([b'+', word @ ..]) => [&b"OK"[..], b"PONG", b"FULLRESYNC"]
            .iter()
            .any(|known| word.starts_with(known)),
        _ => false,
    };
    let fix = "write the list with redis-cli --no-raw --scan";
    is_reply.then_some(OtherText::new("replies of the servers' protocol", fix))
}

/// The beginning of a JSON array of strings, or of an empty array before one.
pub(in crate::source) fn is_array_of_strings(text: &[u8]) -> bool {
    let mut rest = text.trim_ascii_start();
    while let Some(inside) = rest.strip_prefix(b"[") {
        let inside = inside.trim_ascii_start();
        match inside.first() {
            Some(b'"') => return true,
            Some(b']') => rest = inside[1..].trim_ascii_start(),
            _ => return false,
        }
    }
    // Empty arrays alone are an empty list.
    rest.is_empty() && text.trim_ascii_start().starts_with(b"[")
}

/// Objects of JSON, alone or in a list, as some tools dump keys: each line would be a key, with the
/// object for its hash tag.
fn is_json(text: &[u8]) -> bool {
    const NEAR_BYTES: usize = 4_096;
    let text = text.trim_ascii_start();
    let inside = text.strip_prefix(b"[").unwrap_or(text).trim_ascii_start();
    let near = &inside[..inside.len().min(NEAR_BYTES)];
    let is_object = near.starts_with(b"{") && {
        let fields = near[1..].trim_ascii_start();
        (fields.starts_with(b"\"") && memmem::find(near, b"\":").is_some())
            || fields.trim_ascii() == b"}"
    };
    // An array of something else; a section of settings is a word.
    let is_array = text.len() > inside.len()
        && (matches!(near.first(), Some(b'[' | b']' | b'-' | b'0'..=b'9'))
            || [&b"null"[..], b"true", b"false"]
                .iter()
                .any(|word| near.starts_with(word)))
        && near.iter().any(|byte| matches!(byte, b',' | b']'));
    is_object || is_array
}

/// UTF-16 by its mark, or by a NUL in every second byte.
fn is_utf16(head: &[u8]) -> bool {
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return true;
    }
    let near = &head[..head.len().min(256)];
    let nuls = |first: usize| {
        near.iter()
            .skip(first)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let half = near.len() / 2;
    near.len() >= 16
        && ((nuls(1) == half && nuls(0) == 0) || (nuls(0) == near.len() - half && nuls(1) == 0))
}

/// A command as the protocol has it, `*2\r\n$6\r\nSELECT`; the time it was given may stand before it.
pub(in crate::source) fn is_append_only(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    let mut line = || lines.next()?.strip_suffix(b"\r");
    let is_number = |line: Option<&[u8]>, sign: u8| match line {
        Some([first, digits @ ..]) => {
            *first == sign && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    let mut first = line();
    if first.is_some_and(|line| line.starts_with(b"#TS:")) {
        first = line();
    }
    is_number(first, b'*') && is_number(line(), b'$')
}

/// Whether more than one byte in twenty is a control character that no text has.
pub(in crate::source) fn has_rubbish(text: &[u8]) -> bool {
    let odd = text
        .iter()
        .filter(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r'))
        .count();
    odd * 20 > text.len()
}
