//! Encodings: how servers keep values in memory, as dumps name it.

use std::fmt;

/// The encodings that dumps name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// The input doesn't tell.
    Unknown,
    /// `string`: rdb-tools' word for any string.
    String,
    /// `raw`.
    Raw,
    /// `embstr`.
    Embstr,
    /// `int`.
    Int,
    /// `linkedlist`.
    LinkedList,
    /// `quicklist`.
    Quicklist,
    /// `ziplist`.
    Ziplist,
    /// `zipmap`.
    Zipmap,
    /// `listpack`.
    Listpack,
    /// `intset`.
    Intset,
    /// `hashtable`.
    Hashtable,
    /// `skiplist`.
    Skiplist,
    /// `stream`.
    Stream,
    /// A word that is none of these: a module's type, or one newer than slotkit.
    Other,
}

impl Encoding {
    /// Every encoding, in the order of reports.
    pub const ALL: [Encoding; 15] = [
        Encoding::Unknown,
        Encoding::String,
        Encoding::Raw,
        Encoding::Embstr,
        Encoding::Int,
        Encoding::LinkedList,
        Encoding::Quicklist,
        Encoding::Ziplist,
        Encoding::Zipmap,
        Encoding::Listpack,
        Encoding::Intset,
        Encoding::Hashtable,
        Encoding::Skiplist,
        Encoding::Stream,
        Encoding::Other,
    ];

    /// The encoding that a dump's word means. Tools differ in their words: those with a number
    /// behind them (redis-rdb-cli, HDT3213/rdb) mean the same as without it.
    #[inline]
    pub fn from_word(word: &[u8]) -> Encoding {
        match word {
            b"" => Encoding::Unknown,
            b"string" => Encoding::String,
            b"raw" => Encoding::Raw,
            b"embstr" => Encoding::Embstr,
            b"int" => Encoding::Int,
            b"linkedlist" | b"list" => Encoding::LinkedList,
            b"quicklist" | b"quicklist2" => Encoding::Quicklist,
            b"ziplist" => Encoding::Ziplist,
            b"zipmap" => Encoding::Zipmap,
            b"listpack" | b"listpackex" | b"hashlistpackex" => Encoding::Listpack,
            b"intset" => Encoding::Intset,
            b"hashtable" | b"hash" | b"set" | b"hashmetadata" => Encoding::Hashtable,
            b"skiplist" | b"zset" | b"zset2" => Encoding::Skiplist,
            b"stream" | b"listpacks" | b"listpacks2" | b"listpacks3" => Encoding::Stream,
            _ => Encoding::Other,
        }
    }

    /// The encoding, as `OBJECT ENCODING` names it.
    pub fn word(self) -> &'static str {
        match self {
            Encoding::Unknown => "unknown",
            Encoding::String => "string",
            Encoding::Raw => "raw",
            Encoding::Embstr => "embstr",
            Encoding::Int => "int",
            Encoding::LinkedList => "linkedlist",
            Encoding::Quicklist => "quicklist",
            Encoding::Ziplist => "ziplist",
            Encoding::Zipmap => "zipmap",
            Encoding::Listpack => "listpack",
            Encoding::Intset => "intset",
            Encoding::Hashtable => "hashtable",
            Encoding::Skiplist => "skiplist",
            Encoding::Stream => "stream",
            Encoding::Other => "other",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
