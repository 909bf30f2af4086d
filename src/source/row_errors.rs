//! Errors of rows that can't be read: where, and what was expected.

use crate::error::{Error, ErrorKind, Position};
use std::borrow::Cow;
use std::path::Path;

/// How many faults are kept as examples; the others are only counted.
pub const KEPT_EXAMPLES: usize = 5;

/// A row that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// The offset in the input of the row's first byte.
    pub byte: u64,
    /// The row's first line, counted from 1, once somebody counted.
    pub line: Option<u64>,
    /// The field's name, as the header has it where there is one.
    pub field: Option<Cow<'static, str>>,
    /// What was expected and what was found.
    pub message: String,
}

impl RowError {
    /// The fault as an error that names the file.
    pub fn to_error(&self, file: &Path) -> Error {
        let mut place = Position::file(file).at_byte(self.byte);
        place.line = self.line;
        place.field = self.field.as_deref().map(str::to_owned);
        Error::new(ErrorKind::Input, self.message.clone()).at(place)
    }
}

/// The faults of an input: how many, and the first ones.
///
/// Which ones are kept depends on their place only, so any number of threads keeps the same.
#[derive(Clone, Debug, Default)]
pub struct RowErrors {
    count: u64,
    first: Vec<RowError>,
    damage: Option<RowError>,
}

impl RowErrors {
    /// What [`RowErrors::count`], [`RowErrors::first`] and [`RowErrors::damage`] were elsewhere; nothing where
    /// they can't have been.
    pub(crate) fn restored(
        count: u64,
        first: Vec<RowError>,
        damage: Option<RowError>,
    ) -> Option<RowErrors> {
        let rows = count.checked_sub(u64::from(damage.is_some()))?;
        let is_sane = first.len() as u64 == rows.min(KEPT_EXAMPLES as u64)
            && first.is_sorted_by_key(|row_error| row_error.byte);
        is_sane.then_some(RowErrors {
            count,
            first,
            damage,
        })
    }

    /// How many rows couldn't be read; damage that ends the input counts as one.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The damage behind which nothing could be read. Where packed data can't be unpacked, its byte is
    /// that of the packed file.
    pub fn damage(&self) -> Option<&RowError> {
        self.damage.as_ref()
    }

    /// The first ones, by place.
    pub fn first(&self) -> &[RowError] {
        &self.first
    }

    /// The kept ones, to fill in their lines.
    pub(crate) fn first_mut(&mut self) -> &mut [RowError] {
        &mut self.first
    }

    /// Adds a row that can't be read.
    pub fn push(&mut self, row_error: RowError) {
        self.count += 1;
        self.keep(row_error);
    }

    /// Adds the damage that the input ends at.
    pub fn end_at(&mut self, damage: RowError) {
        self.count += 1;
        self.damage = Some(damage);
    }

    /// Adds the faults of another part of the same input.
    pub fn merge(&mut self, other: RowErrors) {
        self.count += other.count;
        // One reader meets the end.
        self.damage = self.damage.take().or(other.damage);
        for row_error in other.first {
            self.keep(row_error);
        }
    }

    fn keep(&mut self, row_error: RowError) {
        let place = self
            .first
            .partition_point(|kept| kept.byte <= row_error.byte);
        if place < KEPT_EXAMPLES {
            self.first.insert(place, row_error);
            self.first.truncate(KEPT_EXAMPLES);
        }
    }
}

/// The start of a field for an error message, on one line and not too long.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    let cut = &bytes[..bytes.len().min(SHOWN)];
    let dots = if bytes.len() > SHOWN { "…" } else { "" };
    format!("`{}{dots}`", cut.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_by_place_are_kept_in_any_order_of_arrival() {
        let row_error = |byte| RowError {
            byte,
            line: None,
            field: None,
            message: String::new(),
        };
        let mut row_errors = RowErrors::default();
        for byte in [70, 10, 60, 20, 50, 30, 40] {
            row_errors.push(row_error(byte));
        }
        let mut other = RowErrors::default();
        other.push(row_error(5));
        row_errors.merge(other);
        let kept: Vec<u64> = row_errors
            .first()
            .iter()
            .map(|row_error| row_error.byte)
            .collect();
        assert_eq!((row_errors.count(), kept), (8, vec![5, 10, 20, 30, 40]));
    }
}
