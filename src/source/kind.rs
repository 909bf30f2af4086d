//! The types of keys.

use std::fmt;

/// What a key holds, in the words of the server's `TYPE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum KeyKind {
    /// `string`.
    String,
    /// `list`.
    List,
    /// `set`.
    Set,
    /// `zset`; rdb-tools says `sortedset`.
    Zset,
    /// `hash`.
    Hash,
    /// `stream`.
    Stream,
    /// A module's type, or one that is newer than slotkit.
    Module,
    /// The input doesn't tell: a list of keys.
    Unknown,
}

impl KeyKind {
    /// Every kind, in the order of reports.
    pub const ALL: [KeyKind; 8] = [
        KeyKind::String,
        KeyKind::List,
        KeyKind::Set,
        KeyKind::Zset,
        KeyKind::Hash,
        KeyKind::Stream,
        KeyKind::Module,
        KeyKind::Unknown,
    ];

    /// The kind that a dump's word means. Words that no server core knows are modules' types.
    pub fn from_word(word: &[u8]) -> KeyKind {
        match word {
            b"string" => KeyKind::String,
            b"list" => KeyKind::List,
            b"set" => KeyKind::Set,
            b"zset" | b"sortedset" => KeyKind::Zset,
            // redis-rdb-cli's word for a hash with fields that expire.
            b"hash" | b"ttlhash" => KeyKind::Hash,
            b"stream" => KeyKind::Stream,
            b"" => KeyKind::Unknown,
            _ => KeyKind::Module,
        }
    }

    /// The same for words in any case, as people's own tools write them.
    pub(super) fn from_word_in_any_case(word: &[u8]) -> KeyKind {
        match KeyKind::from_word(word) {
            KeyKind::Module => KeyKind::from_word(&word.to_ascii_lowercase()),
            kind => kind,
        }
    }

    /// Whether the server drops such a key with its last element; a stream may be empty.
    pub(super) fn is_collection(self) -> bool {
        matches!(
            self,
            KeyKind::List | KeyKind::Set | KeyKind::Zset | KeyKind::Hash
        )
    }

    /// The server's word for it.
    pub fn word(self) -> &'static str {
        match self {
            KeyKind::String => "string",
            KeyKind::List => "list",
            KeyKind::Set => "set",
            KeyKind::Zset => "zset",
            KeyKind::Hash => "hash",
            KeyKind::Stream => "stream",
            KeyKind::Module => "module",
            KeyKind::Unknown => "unknown",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
