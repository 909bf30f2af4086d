//! Models what a key takes in memory on the server that wrote the file.
//!
//! The aim is what that server's `MEMORY USAGE key SAMPLES 0` says: its
//! structures by version, and what jemalloc hands out for what they ask for.
//! `docs/memory-model.md` has the structures and how far the estimate was
//! measured to be off.

mod allocator;
mod structures;

use super::origin::Origin;
use crate::source::options::Allocator;
pub(super) use allocator::Large;
use allocator::{Heapwise, sds, sds_that_grows};

/// What a value takes besides its object's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heap {
    /// Nobody but a module knows.
    Unknown,
    /// An integer, in the object's head itself.
    Integer,
    /// A string of this length.
    Text(u64),
    /// So many bytes.
    Object(u64),
}

/// Which servers share their structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Era {
    /// Redis up to 6.2: ziplists, of which MEMORY USAGE counts what they ask for.
    Redis6,
    /// Redis 7.0: listpacks, what the allocator gave.
    Redis70,
    /// Redis 7.2 to 8.0, Valkey 7.2: sets without values in their entries.
    Redis72,
    /// Redis 8.2 and later: the key beside its object.
    Redis82,
    /// Valkey 8.0: the key beside its entry.
    Valkey80,
    /// Valkey 8.1 and later: hash tables of buckets, the key beside its object.
    Valkey81,
    /// Valkey 9.0 and later: hash fields beside their values.
    Valkey90,
}

/// The structures of one version.
#[derive(Clone, Debug)]
pub(super) struct Model {
    era: Era,
    heap: Heapwise,
    is_valkey: bool,
    longest_embedded: u64,
    has_listpack_lists: bool,
    /// Whether the fields of hashes have heads of their own kind, with room for an expiry.
    has_field_heads: bool,
    /// Whether a stream's last listpack has room to grow.
    has_roomy_streams: bool,
    /// What the main dictionary keeps a key besides its entry, in cluster mode.
    slot_links: u64,
}

/// An object's head.
const OBJECT: u64 = 16;
/// A dictionary's entry.
const ENTRY: u64 = 24;
/// When a key expires.
const EXPIRY: u64 = 8;
/// Where an object's text is.
const POINTER: u64 = 8;

/// A head with a text behind it on Valkey 9.1: in place of the pointer to it, but never shorter than
/// the head.
fn embedded(head: u64, text: u64) -> u64 {
    head.max(head - POINTER + text)
}

impl Model {
    pub(super) fn new(origin: &Origin) -> Model {
        let version = origin.version();
        let era = match (origin.is_valkey, version) {
            (false, (..=6, _)) => Era::Redis6,
            (false, (7, ..=1)) => Era::Redis70,
            (false, (7, _) | (8, ..=1)) => Era::Redis72,
            (false, _) => Era::Redis82,
            (true, (..=7, _)) => Era::Redis72,
            (true, (8, 0)) => Era::Valkey80,
            (true, (8, _)) => Era::Valkey81,
            (true, _) => Era::Valkey90,
        };
        // What decides is the build, which no file tells: these are Debian's (docs/memory-model.md).
        let allocator = origin.allocator.unwrap_or(match origin.is_valkey {
            true if version >= (9, 0) => Allocator::Jemalloc531,
            false if version >= (8, 0) => Allocator::Jemalloc531,
            _ => Allocator::Jemalloc530,
        });
        Model {
            era,
            heap: Heapwise::new(allocator),
            is_valkey: origin.is_valkey,
            longest_embedded: if version < (3, 2) { 39 } else { 44 },
            has_listpack_lists: version >= (7, 2),
            has_field_heads: !origin.is_valkey && version >= (7, 4),
            has_roomy_streams: version >= (6, 2),
            slot_links: if origin.is_cluster && era == Era::Redis70 {
                16
            } else {
                0
            },
        }
    }

    /// The same of what is known by now, which goes on from what was estimated before.
    pub(super) fn renew(&mut self, origin: &Origin) {
        let large = self.large();
        *self = Model::new(origin);
        self.heap.go_on(large);
    }

    #[inline]
    fn allocated(&self, bytes: u64) -> u64 {
        self.heap.allocated(bytes)
    }

    /// What large requests were given so far, by each jemalloc.
    pub(super) fn large(&self) -> Large {
        self.heap.large()
    }

    /// Whether the types that mean different things by magic mean Valkey's.
    pub(super) fn is_valkey(&self) -> bool {
        self.is_valkey
    }

    /// Whether a string is kept in one allocation with its object.
    #[inline]
    pub(super) fn embeds(&self, key: u64, expires: bool, length: u64) -> bool {
        match self.era {
            Era::Redis82 => self.head(key, expires) + sds_that_grows(length) <= 64,
            Era::Valkey81 | Era::Valkey90 => self.embeds_beside_key(key, expires, length),
            _ => length <= self.longest_embedded,
        }
    }

    /// Valkey decides when the key is added, which is before it expires: 8.1 takes each key for one
    /// with the shortest head. An expiry that has no room in what the allocator gave makes it decide
    /// anew.
    fn embeds_beside_key(&self, key: u64, expires: bool, length: u64) -> bool {
        let head = self.head(key, false);
        let text = sds_that_grows(length);
        let (most, decided, taken) = match self.era {
            Era::Valkey90 => (128, head - POINTER + text, embedded(head, text)),
            _ => (64, OBJECT + 1 + key + 2 + text, head + text),
        };
        let has_room = || taken + EXPIRY <= self.allocated(taken) || decided + EXPIRY <= most;
        decided <= most && (!expires || has_room())
    }

    /// An object's head with its key.
    fn head(&self, key: u64, expires: bool) -> u64 {
        // Valkey leaves room for an expiry behind long keys.
        let has_room = key >= 128 && self.era != Era::Redis82;
        let expiry = if expires || has_room { EXPIRY } else { 0 };
        OBJECT + 1 + sds(key) + expiry
    }

    /// Whether a short list is a listpack, not a quicklist of one node.
    pub(super) fn has_listpack_lists(&self) -> bool {
        self.has_listpack_lists
    }

    /// What a key with its value takes; unknown of modules.
    #[inline]
    pub(super) fn total(&self, key: u64, expires: bool, heap: Heap) -> Option<u64> {
        if heap == Heap::Unknown {
            return None;
        }
        Some(match self.era {
            Era::Redis6 | Era::Redis70 | Era::Redis72 => {
                self.allocated(sds(key)) + ENTRY + self.slot_links + self.apart(heap)
            }
            Era::Valkey80 => self.allocated(16 + 1 + sds(key)) + self.apart(heap),
            Era::Redis82 | Era::Valkey81 | Era::Valkey90 => self.beside(key, expires, heap),
        })
    }

    /// A value whose key is elsewhere.
    fn apart(&self, heap: Heap) -> u64 {
        match heap {
            Heap::Unknown => 0,
            Heap::Integer => OBJECT,
            Heap::Text(length) if length <= self.longest_embedded => match self.era {
                Era::Redis6 => OBJECT + length + 2,
                _ => self.allocated(OBJECT + length + 4),
            },
            Heap::Text(length) => OBJECT + self.allocated(sds_that_grows(length)),
            Heap::Object(bytes) => OBJECT + bytes,
        }
    }

    /// A value in one allocation with its key, and with its text when all of it is short.
    fn beside(&self, key: u64, expires: bool, heap: Heap) -> u64 {
        let head = self.head(key, expires);
        match heap {
            Heap::Unknown => 0,
            Heap::Integer => self.allocated(head),
            Heap::Text(length) if self.embeds(key, expires, length) => {
                let text = sds_that_grows(length);
                match self.era {
                    Era::Valkey90 => self.allocated(embedded(head, text)),
                    _ => self.allocated(head + text),
                }
            }
            Heap::Text(length) => match self.era {
                Era::Redis82 => self.allocated(head) + self.allocated(sds_that_grows(length)),
                // What wasn't embedded after all is copied, and a copy doesn't grow.
                _ => self.allocated(head) + self.allocated(sds(length)),
            },
            Heap::Object(bytes) => self.allocated(head) + bytes,
        }
    }

    /// A structure that stands in one string.
    #[inline]
    pub(super) fn blob(&self, bytes: u64) -> u64 {
        match self.era {
            Era::Redis6 => bytes,
            _ => self.allocated(bytes),
        }
    }

    /// A listpack with expiring fields has a small head of its own.
    pub(super) fn listpack_ex(&self, bytes: u64) -> u64 {
        32 + self.allocated(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valkey(version: &str) -> Model {
        let mut origin = Origin::default();
        origin.field(b"valkey-ver", version.as_bytes());
        Model::new(&origin)
    }

    #[test]
    fn large_values_follow_the_allocator_that_the_version_is_built_with() {
        let total = |field: &[u8], version: &[u8], allocator| {
            let mut origin = Origin {
                allocator,
                ..Origin::default()
            };
            origin.field(field, version);
            let model = Model::new(&origin);
            let total = model.total(3, false, Heap::Text(1_050_000));
            assert!(model.large().in_pages < model.large().in_classes);
            total.expect("a string's")
        };
        // Measured with Debian's servers: the key `one`, a value of 1,050,000 bytes.
        assert_eq!(total(b"redis-ver", b"8.0.6", None), 1_052_720);
        assert_eq!(total(b"valkey-ver", b"9.1.2", None), 1_052_704);
        assert_eq!(total(b"redis-ver", b"7.0.15", None), 1_310_768);
        assert_eq!(total(b"valkey-ver", b"8.1.1", None), 1_310_752);
        let older = Some(Allocator::Jemalloc530);
        assert_eq!(total(b"redis-ver", b"8.0.6", older), 1_310_768);
        let newer = Some(Allocator::Jemalloc531);
        assert_eq!(total(b"redis-ver", b"7.0.15", newer), 1_052_720);
    }

    /// Measured on Valkey 8.1.1 and 9.1.2: the lengths of a key and its text, whether it expires,
    /// whether it is embedded, and what all of it takes.
    #[test]
    fn texts_are_embedded_where_valkey_does() {
        let cases = [
            ("8.1.1", 31, 10, false, true, 64),
            ("8.1.1", 31, 2, true, true, 64),
            ("8.1.1", 31, 3, true, false, 64 + 8),
            ("8.1.1", 33, 8, false, true, 80),
            ("8.1.1", 33, 8, true, true, 80),
            ("8.1.1", 34, 1, true, false, 64 + 8),
            ("8.1.1", 40, 2, false, false, 64 + 8),
            ("8.1.1", 120, 13, false, false, 160 + 16),
            ("9.1.2", 16, 1, false, true, 48),
            ("9.1.2", 46, 6, false, true, 80),
            ("9.1.2", 100, 11, false, true, 128),
            ("9.1.2", 100, 12, false, false, 128 + 16),
            ("9.1.2", 100, 3, true, true, 160),
            ("9.1.2", 109, 1, true, true, 160),
            ("9.1.2", 120, 40, false, false, 160 + 48),
            ("9.1.2", 200, 6, false, false, 256 + 8),
        ];
        for (version, key, length, expires, is_embedded, bytes) in cases {
            let (model, place) = (
                valkey(version),
                format!("{version}: {key}, {length}, {expires}"),
            );
            assert_eq!(model.embeds(key, expires, length), is_embedded, "{place}");
            let total = model.total(key, expires, Heap::Text(length));
            assert_eq!(total, Some(bytes), "{place}");
        }
    }
}
