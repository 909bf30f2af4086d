//! What is known of a value that was stepped over.

use super::model::{Heap, Model};
use crate::source::encoding::Encoding;
use crate::source::kind::KeyKind;

/// What is known of a value that was stepped over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub(super) kind: KeyKind,
    pub(super) encoding: Encoding,
    /// Unknown of modules.
    pub(super) elements: Option<u64>,
    /// The length of the longest element; inside of structures only when it was asked for.
    pub(super) longest: u64,
    /// What it takes in memory.
    pub(super) heap: Heap,
}

impl Value {
    /// A string of this length.
    #[inline]
    pub(super) fn string(length: u64, is_integer: bool) -> Value {
        // Whether a text is embedded may depend on its key: `Value::encoding` knows.
        let (encoding, heap) = match is_integer {
            true => (Encoding::Int, Heap::Integer),
            false => (Encoding::Raw, Heap::Text(length)),
        };
        Value {
            kind: KeyKind::String,
            encoding,
            elements: Some(length),
            longest: length,
            heap,
        }
    }

    /// How it is kept under a key of this length.
    #[inline]
    pub(super) fn encoding(&self, model: &Model, key: u64, expires: bool) -> Encoding {
        match self.heap {
            Heap::Text(length) if model.embeds(key, expires, length) => Encoding::Embstr,
            _ => self.encoding,
        }
    }
}
