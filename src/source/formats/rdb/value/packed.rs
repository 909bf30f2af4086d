//! The table of types whose value is one structure in one string.

use crate::source::encoding::Encoding;
use crate::source::formats::rdb::codes::*;
use crate::source::formats::rdb::packed::{Form, Measured};
use crate::source::kind::KeyKind;

/// What such a type holds.
#[derive(Clone, Copy)]
pub(super) struct Packed {
    pub(super) form: Form,
    /// What counts for the longest element.
    pub(super) measured: Measured,
    pub(super) kind: KeyKind,
    pub(super) encoding: Encoding,
    /// How many entries an element has.
    pub(super) each: u64,
}

/// Members, not their scores.
const MEMBERS: Measured = Measured { counted: 1, of: 2 };
/// Fields and values, not when they expire.
const PAIRS: Measured = Measured { counted: 2, of: 3 };

impl Packed {
    /// A hash whose fields expire, behind what may stand before it.
    pub(super) const EXPIRING_HASH: Packed = Packed {
        measured: PAIRS,
        ..Packed::listpack(KeyKind::Hash, 3)
    };

    /// What a type holds, if it is one of these.
    pub(super) fn of(kind: u8) -> Option<Packed> {
        let scored = |packed| Packed {
            measured: MEMBERS,
            ..packed
        };
        Some(match kind {
            TYPE_HASH_ZIPMAP => Packed::new(Form::Zipmap, KeyKind::Hash, Encoding::Zipmap, 2),
            TYPE_LIST_ZIPLIST => Packed::ziplist(KeyKind::List, 1),
            TYPE_SET_INTSET => Packed::new(Form::Intset, KeyKind::Set, Encoding::Intset, 1),
            TYPE_ZSET_ZIPLIST => scored(Packed::ziplist(KeyKind::Zset, 2)),
            TYPE_HASH_ZIPLIST => Packed::ziplist(KeyKind::Hash, 2),
            TYPE_HASH_LISTPACK => Packed::listpack(KeyKind::Hash, 2),
            TYPE_ZSET_LISTPACK => scored(Packed::listpack(KeyKind::Zset, 2)),
            TYPE_SET_LISTPACK => Packed::listpack(KeyKind::Set, 1),
            TYPE_HASH_LISTPACK_EX_PRE_GA => Packed::EXPIRING_HASH,
            _ => return None,
        })
    }

    const fn new(form: Form, kind: KeyKind, encoding: Encoding, each: u64) -> Packed {
        Packed {
            form,
            measured: Measured::ALL,
            kind,
            encoding,
            each,
        }
    }

    const fn ziplist(kind: KeyKind, each: u64) -> Packed {
        Packed::new(Form::Ziplist, kind, Encoding::Ziplist, each)
    }

    const fn listpack(kind: KeyKind, each: u64) -> Packed {
        Packed::new(Form::Listpack, kind, Encoding::Listpack, each)
    }
}
