//! Tells what is wrong with a row that can't be split.

use super::RdbTools;
use super::ends::{WORD_BYTES, is_encoding, is_expiry, is_type};
use crate::source::number;
use crate::source::row_errors::{RowError, excerpt};
use std::borrow::Cow;

/// How much of a damaged row is looked at to say what is wrong with it.
const DIAGNOSED_BYTES: usize = 64 << 10;

impl RdbTools {
    /// Says what is wrong with a row that can't be split.
    pub(super) fn diagnose(self, row: &[u8], byte: u64) -> RowError {
        let row_error = |field: Option<&'static str>, message| RowError {
            byte,
            line: None,
            field: field.map(Cow::Borrowed),
            message,
        };
        let line = row.split(|byte| *byte == b'\n').next().unwrap_or(row);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = &line[..line.len().min(DIAGNOSED_BYTES)];
        let names: Vec<&'static str> = self.header().split(',').collect();
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b',').collect();
        if fields.len() < names.len() {
            let message = format!(
                "expected a row of {} fields ({}), found {}",
                names.len(),
                self.header(),
                fields.len()
            );
            return row_error(None, message);
        }
        // From the left as far as the key, from the right down to it: the key may hold commas.
        let behind_key = names.len() - 3;
        let right = &fields[fields.len() - behind_key..];
        let checks = names[..2].iter().zip(&fields[..2]);
        let checks = checks.chain(names[3..].iter().zip(right));
        // The quoted fields of redis-rdb-cli have no names of their own to complain about.
        for (name, field) in checks.filter(|_| self != RdbTools::RdbCli) {
            if let Some(expected) = complaint(name, field) {
                return row_error(
                    Some(name),
                    format!("expected {expected}, found {}", excerpt(field)),
                );
            }
        }
        let example = match self {
            RdbTools::Plain => "0,string,key,56,string,1,1,",
            RdbTools::WithoutExpiry => "0,string,key,56,string,1,1",
            RdbTools::RdbCli => "0,string,\"key\",\"56 B\",string,1,\"1 B\",\"\"",
        };
        row_error(
            None,
            format!(
                "expected a row such as `{example}`, found {}",
                excerpt(line)
            ),
        )
    }
}

/// What a field should be, when it isn't.
fn complaint(name: &str, field: &[u8]) -> Option<&'static str> {
    match name {
        "database" => number::database(field)
            .is_none()
            .then_some("a database number"),
        "type" => (!is_type(field))
            .then_some("a type (string, list, set, sortedset, hash, stream, module)"),
        "size_in_bytes" => number::size(field)
            .is_none()
            .then_some(number::SIZE_EXPECTED),
        "encoding" => {
            let is_good = field.len() <= WORD_BYTES && field.iter().all(|byte| is_encoding(*byte));
            (!is_good).then_some("an encoding")
        }
        "expiry" => {
            let is_good = field.len() <= WORD_BYTES && field.iter().all(|byte| is_expiry(*byte));
            (!is_good).then_some("nothing or a time such as 2026-11-23T21:52:29.518000")
        }
        _ => number::size(field).is_none().then_some("an integer"),
    }
}
