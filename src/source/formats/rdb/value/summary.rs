//! The summary of a value that was stepped over: type, encoding, elements, memory.

use crate::source::encoding::Encoding;
use crate::source::formats::rdb::model::{Heap, Model};
use crate::source::kind::KeyKind;

/// What is known of a value that was stepped over.
#[derive(Clone, Copy, Debug)]
pub(in crate::source::formats::rdb) struct ValueSummary {
    pub(in crate::source::formats::rdb) kind: KeyKind,
    pub(in crate::source::formats::rdb) encoding: Encoding,
    /// The number of elements, of a string its bytes; unknown of modules.
    pub(in crate::source::formats::rdb) elements: Option<u64>,
    /// The length of the longest element; inside of structures only when it was asked for.
    pub(in crate::source::formats::rdb) longest: u64,
    /// What it takes in memory.
    pub(in crate::source::formats::rdb) heap: Heap,
}

impl ValueSummary {
    /// A string of this length.
    #[inline]
    pub(in crate::source::formats::rdb) fn string(length: u64, is_integer: bool) -> ValueSummary {
        // Whether a text is embedded may depend on its key: `ValueSummary::encoding` knows.
        let (encoding, heap) = if is_integer {
            (Encoding::Int, Heap::Integer)
        } else {
            (Encoding::Raw, Heap::Text(length))
        };
        ValueSummary {
            kind: KeyKind::String,
            encoding,
            elements: Some(length),
            longest: length,
            heap,
        }
    }

    /// How it is kept under a key of this length.
    #[inline]
    pub(in crate::source::formats::rdb) fn encoding(
        &self,
        model: &Model,
        key: u64,
        expires: bool,
    ) -> Encoding {
        match self.heap {
            Heap::Text(length) if model.embeds(key, expires, length) => Encoding::Embstr,
            _ => self.encoding,
        }
    }
}
