//! What a text is that isn't keys, and what to do with it.

use super::looked::Looked;
use super::{answers, foreign, own, texts};
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

    /// What is surely no list of keys, whatever its lines look like.
    pub(in crate::source) fn sure(looked: &Looked<'_>) -> Option<Kind> {
        texts::server_log(looked)
            .or_else(|| texts::container_log(looked))
            .or_else(|| answers::kind(looked))
            .or_else(|| own::kind(looked))
            .or_else(|| foreign::protocol(looked.text))
            .or_else(|| texts::sure(looked))
    }

    /// What a text is of which nothing speaks for a list of keys.
    pub(in crate::source) fn likely(looked: &Looked<'_>) -> Kind {
        texts::likely(looked)
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
