//! Passwords are in no text that leaves the program, whoever wrote it.
//!
//! Two rules, since a password may be a word that stands everywhere:
//!
//! - Where somebody else's words are repeated (a server's refusal, what was typed), a [`Mask`] takes
//!   the password out in whatever form it stands there: as it is, escaped, percent-encoded, in
//!   base64 or hexadecimal digits, or cut off. One of less than four characters is taken out where it stands alone, since it is a part of
//!   many words.
//! - Whatever is printed at all goes through the masks that were put up for the whole process
//!   ([`put_up`]), but only for passwords that can't be a word or a figure of our own: at least six
//!   characters, of two kinds (letters, capitals, digits, others). `redis` as a password isn't taken
//!   out of a list of addresses, nor `123456` out of a count.
//!
//! Of every address with a login in it (`redis://user:password@host`), the login is left out
//! ([`without_logins`]).

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use memchr::memmem;
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

/// What stands where something was taken out.
const INSTEAD: &str = "***";

/// A shorter password is a part of many words.
const SHORT: usize = 4;

/// How much of a longer password tells it, where it is cut off or in pieces.
const PIECE_MIN: usize = 6;

/// How many passwords are put up at most: one was given, and one stood in a URI.
const MASKS_MAX: usize = 16;

/// The masks of the whole process.
static PUT_UP: Mutex<Vec<Mask>> = Mutex::new(Vec::new());

/// A password's forms, as they may stand in a text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mask {
    forms: Vec<String>,
    /// Whether it can't be a part of what we say ourselves.
    is_telling: bool,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(INSTEAD)
    }
}

impl Mask {
    /// The mask of a password; an empty one masks nothing.
    pub fn of(password: &str) -> Mask {
        let forms = [
            password.to_owned(),
            password.escape_debug().to_string(),
            password.escape_default().to_string(),
            quoted_by_server(password),
            quoted_by_json(password),
            crate::escape::key_line(password.as_bytes()).into_owned(),
            percent_encoded(password, b"-._~!$&'()*+,;=", false),
            percent_encoded(password, b"-._~", false),
            percent_encoded(password, b"-._~", true),
            percent_encoded(password, b"", false),
            percent_encoded(password, b"", true),
        ];
        let forms = forms.into_iter().chain(encoded(password));
        let mut forms: Vec<String> = forms.filter(|form| !form.is_empty()).collect();
        // The longest first: a shorter form may be a part of it.
        forms.sort_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
        forms.dedup();
        Mask {
            forms,
            is_telling: is_telling(password),
        }
    }

    /// Somebody else's words without the password.
    pub fn mask<'text>(&self, text: &'text str) -> Cow<'text, str> {
        let mut masked = Cow::Borrowed(text);
        // The whole forms first: a piece of one may be a piece of another.
        for form in &self.forms {
            let is_short = form.chars().count() < SHORT;
            if is_short && let Some(without) = standing_alone(&masked, form) {
                masked = Cow::Owned(without);
            } else if !is_short && masked.contains(form.as_str()) {
                masked = Cow::Owned(masked.replace(form.as_str(), INSTEAD));
            }
        }
        if let Some(without) = pieces(&masked, &self.forms) {
            masked = Cow::Owned(without);
        }
        masked
    }

    /// Our own words without the password, where it is whole and can't be one of them.
    fn mask_whole<'text>(&self, text: &'text str) -> Cow<'text, str> {
        let mut masked = Cow::Borrowed(text);
        for form in self.forms.iter().filter(|_| self.is_telling) {
            if masked.contains(form.as_str()) {
                masked = Cow::Owned(masked.replace(form.as_str(), INSTEAD));
            }
        }
        masked
    }
}

/// From now on this password is in nothing that is printed.
pub fn put_up(password: &str) {
    let mask = Mask::of(password);
    let mut masks = PUT_UP.lock().unwrap_or_else(PoisonError::into_inner);
    if masks.len() < MASKS_MAX && !mask.forms.is_empty() && !masks.contains(&mask) {
        masks.push(mask);
    }
}

/// Our own words without the passwords that were put up.
pub fn printable(text: &str) -> Cow<'_, str> {
    let masks = PUT_UP.lock().unwrap_or_else(PoisonError::into_inner);
    let mut masked = Cow::Borrowed(text);
    for mask in masks.iter() {
        if let Cow::Owned(without) = mask.mask_whole(&masked) {
            masked = Cow::Owned(without);
        }
    }
    masked
}

/// As [`printable`], of bytes that may be no text.
pub fn printable_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    let masks = PUT_UP.lock().unwrap_or_else(PoisonError::into_inner);
    let telling = masks.iter().filter(|mask| mask.is_telling);
    let mut masked = Cow::Borrowed(bytes);
    for form in telling.flat_map(|mask| &mask.forms) {
        let found: Vec<usize> = memmem::find_iter(&masked, form).collect();
        if found.is_empty() {
            continue;
        }
        let mut without = Vec::with_capacity(masked.len());
        let mut from = 0;
        for at in found {
            without.extend_from_slice(&masked[from..at]);
            without.extend_from_slice(INSTEAD.as_bytes());
            from = at + form.len();
        }
        without.extend_from_slice(&masked[from..]);
        masked = Cow::Owned(without);
    }
    masked
}

/// Somebody else's words (what was typed) without the passwords that were put up.
pub fn repeated(text: &str) -> String {
    let masks = PUT_UP.lock().unwrap_or_else(PoisonError::into_inner);
    let mut masked = text.to_owned();
    for mask in masks.iter() {
        masked = mask.mask(&masked).into_owned();
    }
    without_logins(&masked).into_owned()
}

/// Whether there is a password to be taken out of what is printed.
pub fn is_needed() -> bool {
    let masks = PUT_UP.lock().unwrap_or_else(PoisonError::into_inner);
    masks.iter().any(|mask| mask.is_telling)
}

/// How many bytes at the end of a text are the start of such a password.
pub fn begun(text: &[u8]) -> usize {
    let masks = PUT_UP.lock().unwrap_or_else(PoisonError::into_inner);
    let telling = masks.iter().filter(|mask| mask.is_telling);
    let starts = telling.flat_map(|mask| &mask.forms).filter_map(|form| {
        let is_end = |length: &usize| text.ends_with(&form.as_bytes()[..*length]);
        (1..form.len()).rev().find(is_end)
    });
    starts.max().unwrap_or(0)
}

/// A text without the logins of the addresses in it: `redis://***@host`.
pub fn without_logins(text: &str) -> Cow<'_, str> {
    const START: &str = "://";
    let mut masked = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(START) {
        let (before, behind) = rest.split_at(start + START.len());
        masked.push_str(before);
        // A password may hold any character: the last `@` before a blank ends it.
        let end = behind.find(char::is_whitespace).unwrap_or(behind.len());
        if let Some(at) = behind[..end].rfind('@') {
            masked.push_str(INSTEAD);
            rest = &behind[at..];
        } else {
            rest = behind;
        }
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

/// Whether a password can't be a word or a figure of ours.
fn is_telling(password: &str) -> bool {
    let kinds: [fn(&char) -> bool; 4] = [
        |c| c.is_ascii_lowercase() || *c == '_' || *c == ' ',
        |c| c.is_ascii_uppercase(),
        |c| c.is_ascii_digit(),
        |c| !c.is_ascii_alphanumeric() && *c != '_' && *c != ' ',
    ];
    let count = kinds
        .iter()
        .filter(|kind| password.chars().any(|c| kind(&c)));
    password.chars().count() >= PIECE_MIN && count.count() >= 2
}

/// The text without a short form where no letter or digit is beside it.
fn standing_alone(text: &str, form: &str) -> Option<String> {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut out = String::new();
    let mut from = 0;
    for (at, found) in text.match_indices(form) {
        let end = at + found.len();
        let before = text[..at].chars().next_back();
        let is_part = is_word(before) || is_word(text[end..].chars().next());
        if at >= from && !is_part {
            out.push_str(&text[from..at]);
            out.push_str(INSTEAD);
            from = end;
        }
    }
    (from > 0).then(|| out + &text[from..])
}

/// The text without long pieces of the forms, and without their start where the text was cut.
fn pieces(text: &str, forms: &[String]) -> Option<String> {
    let mut out = String::new();
    let mut from = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let lengths = forms.iter().map(|form| piece(rest, form));
        let length = lengths.max().unwrap_or(0);
        if length > 0 {
            out.push_str(&text[from..at]);
            out.push_str(INSTEAD);
            at += length;
            from = at;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    (from > 0).then(|| out + &text[from..])
}

/// How much of a text's start is a piece of the form that tells it; 0 when none is.
fn piece(text: &str, form: &str) -> usize {
    if form.chars().count() < SHORT {
        return 0;
    }
    let enough = PIECE_MIN.max(form.len().div_ceil(2));
    match common(text, form) {
        length if length == form.len() || length >= enough => length,
        length if length >= SHORT && is_cut(&text[length..]) => length,
        _ => longest_piece(text, form, enough),
    }
}

/// How many bytes two texts begin with alike.
fn common(one: &str, other: &str) -> usize {
    let pairs = one.chars().zip(other.chars());
    let alike = pairs.take_while(|(one, other)| one == other);
    alike.map(|(one, _)| one.len_utf8()).sum()
}

/// How much of a text's start is a piece of the form that is long enough to tell it; 0 when none is.
fn longest_piece(text: &str, form: &str, enough: usize) -> usize {
    let starts = form.char_indices().skip(1);
    let lengths = starts
        .take_while(|(start, _)| form.len() - start >= enough)
        .map(|(start, _)| common(text, &form[start..]));
    lengths
        .filter(|length| *length >= enough)
        .max()
        .unwrap_or(0)
}

/// Whether a text ends here, or is quoted to here: servers cut what they quote.
fn is_cut(rest: &str) -> bool {
    rest.is_empty()
        || ["'", "\"", "`", "…", "..."]
            .iter()
            .any(|end| rest.starts_with(end))
}

/// In hexadecimal digits and in base64, wherever in a longer text it stands there; none where that
/// would be a part of many words.
fn encoded(password: &str) -> Vec<String> {
    let digits = |form: fn(&u8) -> String| password.as_bytes().iter().map(form).collect();
    let mut forms: Vec<String> = vec![
        digits(|byte| format!("{byte:02x}")),
        digits(|byte| format!("{byte:02X}")),
    ];
    for before in 0..3 {
        let text = [&[0; 2][..before], password.as_bytes()].concat();
        // The characters that its bytes alone decide.
        let (from, to) = ((before * 8).div_ceil(6), text.len() * 8 / 6);
        for engine in [&BASE64_STANDARD_NO_PAD, &BASE64_URL_SAFE_NO_PAD] {
            let form = engine.encode(&text);
            forms.push(form.get(from..to).unwrap_or_default().to_owned());
        }
    }
    forms.retain(|form| form.len() >= PIECE_MIN);
    forms
}

/// As a server's `sdscatrepr` writes it.
fn quoted_by_server(password: &str) -> String {
    let mut out = String::new();
    for byte in password.bytes() {
        match byte {
            b'\\' | b'"' => out.extend(['\\', char::from(byte)]),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            0x20..=0x7e => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out
}

/// As in a JSON document.
fn quoted_by_json(password: &str) -> String {
    let quoted = serde_json::Value::from(password).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// As in an address: all but letters, digits and what is plain to whoever wrote it.
fn percent_encoded(password: &str, plain: &[u8], is_lower: bool) -> String {
    let mut out = String::new();
    for byte in password.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else if is_lower {
            out.push_str(&format!("%{byte:02x}"));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_taken_out_in_every_form() {
        let mask = Mask::of("hunter2\"ü@x");
        for (text, expected) in [
            (
                "unknown command, with args: 'hunter2\"ü@x' '1'",
                "unknown command, with args: '***' '1'",
            ),
            ("hunter2\\\"ü@x!", "***!"),
            ("hunter2\\\"\\xc3\\xbc@x!", "***!"),
            ("redis at hunter2%22%C3%BC%40x", "redis at ***"),
            ("redis at hunter2%22%c3%bc%40x", "redis at ***"),
            ("'hunter2\"' was cut", "'***' was cut"),
            ("'hunte'", "'***'"),
            ("hunted hunts", "hunted hunts"),
            ("…unter2\"ü@x", "…***"),
            ("68756e7465723222c3bc4078", "***"),
            ("68756E7465723222C3BC4078", "***"),
            ("aHVudGVyMiLDvEB4", "***"),
        ] {
            assert_eq!(mask.mask(text), expected, "{text}");
        }
    }

    #[test]
    fn a_password_is_taken_out_of_base64_wherever_it_stands_there() {
        for (password, login) in [
            ("hunter2-and-more", "hunter2-and-more"),
            ("hunter2-and-more", "u:hunter2-and-more"),
            ("hunter2-and-more", "default:hunter2-and-more"),
            ("hunter2-and-more", "me:hunter2-and-more@x"),
            ("?>?>?>?>?>", "a:?>?>?>?>?>"),
        ] {
            for engine in [&BASE64_STANDARD_NO_PAD, &BASE64_URL_SAFE_NO_PAD] {
                let masked = Mask::of(password).mask(&engine.encode(login)).into_owned();
                // What is left are the bits of what stands around it.
                let left = masked.replace(INSTEAD, "").len();
                assert!(
                    left <= 2 + (login.len() - password.len()) * 2,
                    "{login}: {masked}"
                );
            }
        }
    }

    #[test]
    fn a_short_password_is_taken_out_where_it_stands_alone() {
        let mask = Mask::of("a");
        assert_eq!(
            mask.mask("AUTH 'a' failed at a bad place, a"),
            "AUTH '***' failed at *** bad place, ***"
        );
        assert_eq!(
            Mask::of("1").mask("slot 1 of 11: '1'"),
            "slot *** of 11: '***'"
        );
        assert_eq!(Mask::of("").mask("nothing"), "nothing");
    }

    #[test]
    fn a_word_or_a_figure_stays_in_what_we_say_ourselves() {
        for (password, text, expected) in [
            ("redis", "redis-0:6379", "redis-0:6379"),
            ("123456", "1234567 keys", "1234567 keys"),
            ("cluster", "{\"cluster\":1}", "{\"cluster\":1}"),
            ("hunter2", "node hunter2:7000", "node ***:7000"),
            ("s3cret!", "x s3cret! y", "x *** y"),
        ] {
            assert_eq!(Mask::of(password).mask_whole(text), expected, "{password}");
        }
        // Somebody else's words are another matter.
        assert_eq!(Mask::of("redis").mask("'redis'"), "'***'");
    }

    #[test]
    fn addresses_are_repeated_without_their_logins() {
        for (text, expected) in [
            (
                "redis://u:p@h:1 and rediss://:p@q@h",
                "redis://***@h:1 and rediss://***@h",
            ),
            ("'redis://p@h'", "'redis://***@h'"),
            ("redis://h:1, mail a@b", "redis://h:1, mail a@b"),
            ("://@", "://***@"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_logins(text), expected, "{text}");
        }
    }
}
