//! Texts that hold no keys: what one is, and what to do with it.

use crate::error::{Error, ErrorKind};

/// A text that holds no list of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) struct Kind {
    /// What it is, as it stands behind "found".
    pub(in crate::source) name: &'static str,
    /// What to do instead.
    pub(in crate::source) mend: &'static str,
}

/// What to do with most answers of a server.
pub(in crate::source) const LIST_ANEW: &str = "write the list with redis-cli --no-raw --scan";

impl Kind {
    pub(in crate::source) const fn new(name: &'static str, mend: &'static str) -> Kind {
        Kind { name, mend }
    }

    pub(in crate::source) fn error(self) -> Error {
        let message = format!(
            "expected a dump, a log of MONITOR or a list of keys, found {}",
            self.name
        );
        let mend = format!(
            "{}; if these are keys, one a line, pass --format list",
            self.mend
        );
        Error::new(ErrorKind::Input, message).mend(mend)
    }
}
