//! Findings: what reading an input found besides keys.

use super::row_errors::RowErrors;

/// What reading found besides keys.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Rows that couldn't be read.
    pub row_errors: RowErrors,
    /// Keys that were unescaped although the tool would have written the same for another key.
    pub ambiguous_keys: u64,
    /// Keys that the filter left out.
    pub filtered_keys: u64,
    /// How long an RDB file is, as far as it was read.
    pub file_bytes: u64,
    /// How many of these are keys whose size in memory isn't known, with their values.
    pub unsized_file_bytes: u64,
    /// Rows that were the header once more, as where several files were joined.
    pub repeated_headers: u64,
    /// Keys that expire at a time that can't be read: they count as expiring, nobody knows when.
    pub unread_times: u64,
    /// Lines that were the input's last and aren't whole: passed over.
    pub cut_lines: u64,
    /// What the user should know that could be seen while reading only.
    pub notes: Vec<String>,
}

impl Findings {
    /// Adds those of another part of the same input.
    pub fn merge(&mut self, other: Findings) {
        self.row_errors.merge(other.row_errors);
        self.ambiguous_keys += other.ambiguous_keys;
        self.filtered_keys += other.filtered_keys;
        self.file_bytes = self.file_bytes.saturating_add(other.file_bytes);
        self.unsized_file_bytes = self
            .unsized_file_bytes
            .saturating_add(other.unsized_file_bytes);
        self.repeated_headers += other.repeated_headers;
        self.unread_times += other.unread_times;
        self.cut_lines += other.cut_lines;
        self.notes.extend(other.notes);
    }

    /// Notes what was counted over all parts of the input.
    pub(crate) fn note_counts(&mut self) {
        let headers = match self.repeated_headers {
            0 => None,
            1 => Some("once more".to_owned()),
            more => Some(format!("{more} more times")),
        };
        self.notes.extend(headers.map(|times| {
            format!("its header stands in it {times}, as where files were joined: passed over")
        }));
        if self.cut_lines > 0 {
            let note = "its last line isn't whole, as where a log was cut or is still written: passed over";
            self.notes.push(note.to_owned());
        }
        let unread = match self.unread_times {
            0 => None,
            1 => Some("1 key expires at a time".to_owned()),
            keys => Some(format!("{keys} keys expire at times")),
        };
        self.notes.extend(unread.map(|when| {
            format!(
                "{when} that can't be read; a date and time such as 2026-11-23T21:52:29 can, and \
                 seconds or milliseconds since 1970"
            )
        }));
    }
}
