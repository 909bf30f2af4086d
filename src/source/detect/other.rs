//! What a text is that isn't a list of keys.

use super::kind::Kind;
use super::looked::Looked;
use super::{answers, foreign, own, texts};

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
