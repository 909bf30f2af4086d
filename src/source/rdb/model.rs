//! What a key takes in memory on the server that wrote the file.
//!
//! The aim is what that server's `MEMORY USAGE key SAMPLES 0` says: its
//! structures by version, and what jemalloc hands out for what they ask for.
//! `docs/memory-model.md` has the structures and how far the estimate was
//! measured to be off.

use super::growth::Growth;
use super::origin::Origin;
use super::radix::Shape;

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
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    era: Era,
    is_valkey: bool,
    longest_embedded: u64,
    has_listpack_lists: bool,
    /// Whether a stream's last listpack has room to grow.
    has_roomy_streams: bool,
    /// What the main dictionary keeps a key besides its entry, in cluster mode.
    slot_links: u64,
}

/// What jemalloc hands out for a request: multiples of 16 up to 128, then four sizes each doubling
/// (<https://jemalloc.net/jemalloc.3.html#size_classes>).
#[inline]
pub(super) fn allocated(bytes: u64) -> u64 {
    if bytes <= 8 {
        return 8;
    }
    let grain = match bytes {
        ..=128 => 16,
        _ => 1 << ((bytes - 1).ilog2() - 2),
    };
    bytes.div_ceil(grain) * grain
}

/// How long a string with its head and its NUL is.
#[inline]
fn sds(length: u64) -> u64 {
    let head = match length {
        ..32 => 1,
        32..256 => 3,
        256..65_536 => 5,
        65_536..0x1_0000_0000 => 9,
        _ => 17,
    };
    length + head + 1
}

/// The same where the shortest head isn't used: a string that may change.
#[inline]
fn sds_that_grows(length: u64) -> u64 {
    sds(length) + if length < 32 { 2 } else { 0 }
}

/// An object's head.
const OBJECT: u64 = 16;
/// A dictionary's entry.
const ENTRY: u64 = 24;
/// Valkey's hash table without its buckets.
const HASHTABLE: u64 = 80;
/// A quicklist and its nodes, without what is in them.
const QUICKLIST: u64 = 40;
const QUICKLIST_NODE: u64 = 40;

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
        Model {
            era,
            is_valkey: origin.is_valkey,
            longest_embedded: if version < (3, 2) { 39 } else { 44 },
            has_listpack_lists: version >= (7, 2),
            has_roomy_streams: version >= (6, 2),
            slot_links: if origin.is_cluster && era == Era::Redis70 {
                16
            } else {
                0
            },
        }
    }

    /// Whether the types that mean different things by magic mean Valkey's.
    pub(super) fn is_valkey(&self) -> bool {
        self.is_valkey
    }

    /// Whether a string is kept in one allocation with its object.
    #[inline]
    pub(super) fn embeds(&self, key: u64, expires: bool, length: u64) -> bool {
        match self.era {
            Era::Redis82 | Era::Valkey81 | Era::Valkey90 => {
                let most = if self.era == Era::Valkey90 { 128 } else { 64 };
                self.embedding_head(key, expires) + sds_that_grows(length) <= most
            }
            _ => length <= self.longest_embedded,
        }
    }

    /// An object's head with its key.
    fn head(&self, key: u64, expires: bool) -> u64 {
        let expiry = if expires { 8 } else { 0 };
        OBJECT + 1 + sds(key) + expiry
    }

    /// Whether a short list is a listpack, not a quicklist of one node.
    pub(super) fn has_listpack_lists(&self) -> bool {
        self.has_listpack_lists
    }

    /// What an object's head takes that has its key and its text behind it.
    fn embedding_head(&self, key: u64, expires: bool) -> u64 {
        // Valkey 9.1 leaves the pointer to the text out.
        self.head(key, expires) - if self.era == Era::Valkey90 { 8 } else { 0 }
    }

    /// What a key with its value takes; unknown of modules.
    #[inline]
    pub(super) fn total(&self, key: u64, expires: bool, heap: Heap) -> Option<u64> {
        if heap == Heap::Unknown {
            return None;
        }
        Some(match self.era {
            Era::Redis6 | Era::Redis70 | Era::Redis72 => {
                allocated(sds(key)) + ENTRY + self.slot_links + self.apart(heap)
            }
            Era::Valkey80 => allocated(16 + 1 + sds(key)) + self.apart(heap),
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
                _ => allocated(OBJECT + length + 4),
            },
            Heap::Text(length) => OBJECT + allocated(sds_that_grows(length)),
            Heap::Object(bytes) => OBJECT + bytes,
        }
    }

    /// A value in one allocation with its key, and with its text when all of it is short.
    fn beside(&self, key: u64, expires: bool, heap: Heap) -> u64 {
        let head = self.head(key, expires);
        match heap {
            Heap::Unknown => 0,
            Heap::Integer => allocated(head),
            Heap::Text(length) if self.embeds(key, expires, length) => {
                allocated(self.embedding_head(key, expires) + sds_that_grows(length))
            }
            Heap::Text(length) => allocated(head) + allocated(sds_that_grows(length)),
            Heap::Object(bytes) => allocated(head) + bytes,
        }
    }

    /// A structure that stands in one string.
    #[inline]
    pub(super) fn blob(&self, bytes: u64) -> u64 {
        match self.era {
            Era::Redis6 => bytes,
            _ => allocated(bytes),
        }
    }

    /// A listpack with expiring fields has a small head of its own.
    pub(super) fn listpack_ex(&self, bytes: u64) -> u64 {
        40 + allocated(bytes)
    }

    #[inline]
    pub(super) fn set_member(&self, length: u64) -> u64 {
        let text = allocated(sds(length));
        match self.era {
            Era::Valkey81 | Era::Valkey90 => text,
            // Since Redis 7.2 many members have no entry, but MEMORY USAGE counts one for each.
            _ => text + ENTRY,
        }
    }

    /// A set's table; one of integers only was an intset before, and its table was made as a whole.
    pub(super) fn set_table(&self, entries: u64, are_integers: bool) -> u64 {
        let made = match self.era {
            _ if are_integers => 512,
            Era::Redis72 | Era::Redis82 => 128,
            _ => 0,
        };
        self.table(Growth {
            entries,
            made,
            steps: 1,
        })
    }

    fn table(&self, growth: Growth) -> u64 {
        match self.era {
            Era::Valkey81 | Era::Valkey90 => HASHTABLE + 64 * growth.valkey_buckets(),
            _ => self.dictionary() + 8 * growth.buckets(),
        }
    }

    /// A dictionary without its buckets.
    fn dictionary(&self) -> u64 {
        match self.era {
            Era::Redis6 => 96,
            _ => 56,
        }
    }

    #[inline]
    pub(super) fn hash_pair(&self, field: u64, value: u64, expires: bool) -> u64 {
        match self.era {
            Era::Valkey90 => {
                let expiry = if expires { 8 } else { 0 };
                let short = sds(field) + if expires && field < 32 { 2 } else { 0 };
                let whole = expiry + short + sds_that_grows(value);
                match whole <= 128 {
                    true => allocated(whole),
                    false => allocated(expiry + 8 + sds_that_grows(field)) + allocated(sds(value)),
                }
            }
            Era::Valkey81 => allocated(8 + 1 + sds(field)) + allocated(sds(value)),
            _ => {
                let expiry = if expires { 24 } else { 0 };
                allocated(sds(field) + expiry) + allocated(sds(value)) + ENTRY
            }
        }
    }

    pub(super) fn hash_table(&self, entries: u64, expiring: u64) -> u64 {
        let has_pointer = self.era == Era::Valkey90;
        let growth = Growth {
            entries,
            made: 0,
            steps: if self.is_valkey { 2 } else { 4 },
        };
        self.table(growth) + if has_pointer { 8 } else { 0 } + if expiring > 0 { 64 } else { 0 }
    }

    /// A member of a sorted set: its place in the skip list, and in the table.
    #[inline]
    pub(super) fn sorted_member(&self, length: u64) -> u64 {
        match self.era {
            Era::Valkey81 => levels(24 + 16 + 1 + sds(length)),
            Era::Valkey90 => levels(16 + 16 + 1 + sds(length)),
            _ => allocated(sds(length)) + ENTRY + levels(24 + 16),
        }
    }

    pub(super) fn skiplist(&self, entries: u64) -> u64 {
        let made = match self.era {
            Era::Redis72 | Era::Redis82 => 128,
            _ => 0,
        };
        let list = match self.era {
            Era::Valkey81 | Era::Valkey90 => 544,
            // The two structures, and the head with all its 32 levels.
            _ => 16 + 32 + allocated(24 + 32 * 16),
        };
        list + self.table(Growth {
            entries,
            made,
            steps: 2,
        })
    }

    pub(super) fn quicklist(&self, nodes: u64) -> u64 {
        let node = match self.era {
            Era::Redis6 => 32,
            _ => QUICKLIST_NODE,
        };
        QUICKLIST + node * nodes
    }

    /// A list, before it had quicklists: 48 bytes, and a node and an object an element.
    pub(super) fn linked_list(&self) -> u64 {
        48
    }

    #[inline]
    pub(super) fn linked_item(&self, length: u64) -> u64 {
        24 + OBJECT + allocated(sds_that_grows(length))
    }

    /// A stream's listpack.
    pub(super) fn stream_listpack(&self, bytes: u64, is_last: bool) -> u64 {
        match is_last && bytes < 4096 && self.has_roomy_streams {
            true => 4096,
            false => allocated(bytes),
        }
    }

    pub(super) fn stream(&self, listpacks: Shape) -> u64 {
        let head = match self.era {
            Era::Redis6 => 40,
            _ => 80,
        };
        head + self.radix(listpacks)
    }

    /// A radix tree: what is allocated, or what the server guesses of it (16 bytes an id, 30 pointers
    /// and a head a node).
    fn radix(&self, tree: Shape) -> u64 {
        match self.era {
            Era::Valkey81 | Era::Valkey90 => {
                let runs = tree.nodes.saturating_sub(tree.ids + tree.branches);
                let children = (tree.nodes - 1).saturating_sub(runs);
                // A branch has a byte and a pointer a child.
                32 + 16 * tree.ids + 32 * runs + 9 * children + 14 * tree.branches
            }
            _ => 16 * tree.ids + (4 + 240) * tree.nodes,
        }
    }

    pub(super) fn group(&self, pending: Shape) -> u64 {
        48 + self.radix(pending) + 24 * pending.ids
    }

    pub(super) fn consumer(&self, name: u64, pending: Shape) -> u64 {
        32 + name + self.radix(pending)
    }
}

/// A node of a skip list that takes this with one level: a quarter of the nodes has a second one,
/// a quarter of these a third.
#[inline]
fn levels(bytes: u64) -> u64 {
    (12 * allocated(bytes) + 3 * allocated(bytes + 16) + allocated(bytes + 37)) / 16
}
