//! The first lines of an input, from which its format is told.

use std::cell::OnceCell;

/// How many lines of the head are looked at.
pub(in crate::source) const EXAMINED_LINES: usize = 100;

/// The beginning of a text, and its first lines that aren't blank, without their line ends.
pub(in crate::source) struct FirstLines<'text> {
    pub(in crate::source) text: &'text [u8],
    pub(in crate::source) lines: Vec<&'text [u8]>,
    lower: OnceCell<Vec<u8>>,
}

impl<'text> FirstLines<'text> {
    pub(in crate::source) fn at(text: &'text [u8]) -> FirstLines<'text> {
        let lines = text
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter(|line| !line.trim_ascii().is_empty())
            .take(EXAMINED_LINES)
            .collect();
        FirstLines {
            text,
            lines,
            lower: OnceCell::new(),
        }
    }

    /// The first line; empty where there is none.
    pub(in crate::source) fn first(&self) -> &'text [u8] {
        self.lines.first().copied().unwrap_or_default()
    }

    /// A line without the blanks around it; empty where there is none.
    pub(in crate::source) fn line(&self, at: usize) -> &'text [u8] {
        let line = self.lines.get(at).copied();
        line.unwrap_or_default().trim_ascii()
    }

    /// How many of the lines are so.
    pub(in crate::source) fn count(&self, is_so: impl Fn(&[u8]) -> bool) -> usize {
        self.lines.iter().filter(|line| is_so(line)).count()
    }

    /// Whether any line is so.
    pub(in crate::source) fn any(&self, is_so: impl Fn(&[u8]) -> bool) -> bool {
        self.lines.iter().any(|line| is_so(line))
    }

    /// Whether there is a line, and all are so.
    pub(in crate::source) fn all(&self, is_so: impl Fn(&[u8]) -> bool) -> bool {
        !self.lines.is_empty() && self.lines.iter().all(|line| is_so(line))
    }

    /// Whether most lines are so.
    pub(in crate::source) fn most(&self, is_so: impl Fn(&[u8]) -> bool) -> bool {
        self.count(is_so) * 2 > self.lines.len()
    }

    /// The first bytes, in small letters and without what is blank before them.
    pub(in crate::source) fn lower(&self) -> &[u8] {
        const NEAR_BYTES: usize = 512;
        self.lower.get_or_init(|| {
            let text = self.text.trim_ascii_start();
            text[..text.len().min(NEAR_BYTES)].to_ascii_lowercase()
        })
    }

    /// Whether it begins with one of these words, in any case.
    pub(in crate::source) fn begins(&self, words: &[&str]) -> bool {
        begins_with_any(self.lower(), words)
    }
}

/// Whether a line begins with one of these words.
pub(in crate::source) fn begins_with_any(line: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| line.starts_with(word.as_bytes()))
}

/// Whether it is a number: digits alone, a few of them.
pub(in crate::source) fn is_number(text: &[u8]) -> bool {
    (1..=20).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

/// What a line begins with, up to a blank.
pub(in crate::source) fn first_word(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii_start();
    line.split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default()
}

/// Whether it is the id of a node: 40 hexadecimal digits.
pub(in crate::source) fn is_node_id(text: &[u8]) -> bool {
    text.len() == 40
        && text
            .iter()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))
}
