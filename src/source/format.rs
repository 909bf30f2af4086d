//! The formats of inputs: their names and what they hold.

use std::fmt;

/// The first bytes of a saved tally; a transfer as text breaks them.
pub(crate) const TALLY_MAGIC: &[u8] = b"SLOTKIT\0TALLY\r\n\0";

/// A format of inputs: a constant such as [`Format::CSV`], which stands in the folder of what reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Its name on the command line and in reports.
    pub(super) name: &'static str,
    /// What it is, for whoever chooses one.
    pub(super) help: &'static str,
    /// What is counted of it.
    pub(super) counts: Counts,
    /// Whether it is a snapshot of a server: its keys are those of whole slots, and it has no rows.
    pub(super) is_snapshot: bool,
}

/// What is counted of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// Keys that are there.
    Keys,
    /// What was done with keys.
    Operations,
}

impl Format {
    /// A saved tally: no keys, but what was counted of them.
    pub const TALLY: Format = Format::of_keys("tally", "What `analyze --save` wrote");

    /// A format with a key a row.
    pub(super) const fn of_keys(name: &'static str, help: &'static str) -> Format {
        Format {
            name,
            help,
            counts: Counts::Keys,
            is_snapshot: false,
        }
    }

    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// What it is, for whoever chooses one.
    pub const fn help(self) -> &'static str {
        self.help
    }

    /// Whether operations on keys are counted, not keys that are there.
    pub fn has_operations(self) -> bool {
        self.counts == Counts::Operations
    }

    /// Whether it is a snapshot of a server.
    pub(crate) const fn is_snapshot(self) -> bool {
        self.is_snapshot
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}
