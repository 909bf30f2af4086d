//! Models what collections and streams take in memory.

use super::allocator::{sds, sds_that_grows};
use super::{ENTRY, Era, Model, OBJECT};
use crate::source::formats::rdb::growth::Growth;
use crate::source::formats::rdb::radix::Shape;

/// Valkey's hash table without its buckets: of 8.1, and of 9.0 and later.
const HASHTABLE_81: u64 = 72;
const HASHTABLE_90: u64 = 80;
/// A quicklist and its nodes, without what is in them.
const QUICKLIST: u64 = 40;
const QUICKLIST_NODE: u64 = 40;

impl Model {
    #[inline]
    pub(in crate::source::formats::rdb) fn set_member(&self, length: u64) -> u64 {
        let text = self.allocated(sds(length));
        match self.era {
            Era::Valkey81 | Era::Valkey90 => text,
            // Since Redis 7.2 many members have no entry, but MEMORY USAGE counts one for each.
            _ => text + ENTRY,
        }
    }

    /// A set's table; one of integers only was an intset before, and its table was made as a whole.
    pub(in crate::source::formats::rdb) fn set_table(
        &self,
        entries: u64,
        are_integers: bool,
    ) -> u64 {
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
            Era::Valkey81 => HASHTABLE_81 + 64 * growth.valkey_buckets(),
            Era::Valkey90 => HASHTABLE_90 + 64 * growth.valkey_buckets(),
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
    pub(in crate::source::formats::rdb) fn hash_pair(
        &self,
        field: u64,
        value: u64,
        expires: bool,
    ) -> u64 {
        match self.era {
            // Fields of Valkey 8.1 don't expire; else they are kept the same way.
            Era::Valkey81 | Era::Valkey90 => {
                let expiry = if expires { 8 } else { 0 };
                let short = sds(field) + if expires && field < 32 { 2 } else { 0 };
                let whole = expiry + short + sds_that_grows(value);
                if whole <= 128 {
                    self.allocated(whole)
                } else {
                    self.allocated(expiry + 8 + sds_that_grows(field)) + self.allocated(sds(value))
                }
            }
            _ => {
                // What tells the heads apart, and the place among the expiring fields.
                let expiry = if expires { 2 + 16 } else { 0 };
                let head = u64::from(self.has_field_heads && field < 32);
                self.allocated(expiry + head + sds(field)) + self.allocated(sds(value)) + ENTRY
            }
        }
    }

    pub(in crate::source::formats::rdb) fn hash_table(&self, entries: u64, expiring: u64) -> u64 {
        let growth = Growth {
            entries,
            made: 0,
            steps: if self.is_valkey { 2 } else { 4 },
        };
        let table = self.table(growth);
        match self.era {
            Era::Valkey90 => table + 8 + self.expiring_fields(expiring),
            _ => table,
        }
    }

    /// A member of a sorted set: its place in the skip list, and in the table.
    #[inline]
    pub(in crate::source::formats::rdb) fn sorted_member(&self, length: u64) -> u64 {
        match self.era {
            Era::Valkey90 => self.levels(16 + 16 + 1 + sds(length)),
            Era::Valkey81 => self.allocated(sds(length)) + self.levels(24 + 16),
            _ => self.allocated(sds(length)) + ENTRY + self.levels(24 + 16),
        }
    }

    pub(in crate::source::formats::rdb) fn skiplist(&self, entries: u64) -> u64 {
        let made = match self.era {
            Era::Redis72 | Era::Redis82 => 128,
            _ => 0,
        };
        let list = match self.era {
            Era::Valkey90 => 544,
            // The two structures, and the head with all its 32 levels.
            _ => 16 + 32 + self.allocated(24 + 32 * 16),
        };
        list + self.table(Growth {
            entries,
            made,
            steps: 2,
        })
    }

    pub(in crate::source::formats::rdb) fn quicklist(&self, nodes: u64) -> u64 {
        let node = match self.era {
            Era::Redis6 => 32,
            _ => QUICKLIST_NODE,
        };
        QUICKLIST + node * nodes
    }

    /// A list, before it had quicklists: 48 bytes, and a node and an object an element.
    pub(in crate::source::formats::rdb) fn linked_list(&self) -> u64 {
        48
    }

    #[inline]
    pub(in crate::source::formats::rdb) fn linked_item(&self, length: u64) -> u64 {
        24 + OBJECT + self.allocated(sds_that_grows(length))
    }

    /// A stream's listpack.
    pub(in crate::source::formats::rdb) fn stream_listpack(
        &self,
        bytes: u64,
        is_last: bool,
    ) -> u64 {
        if is_last && bytes < 4096 && self.has_roomy_streams {
            4096
        } else {
            self.allocated(bytes)
        }
    }

    pub(in crate::source::formats::rdb) fn stream(&self, listpacks: Shape) -> u64 {
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

    pub(in crate::source::formats::rdb) fn group(&self, pending: Shape) -> u64 {
        48 + self.radix(pending) + 24 * pending.ids
    }

    pub(in crate::source::formats::rdb) fn consumer(&self, name: u64, pending: Shape) -> u64 {
        32 + name + self.radix(pending)
    }

    /// A node of a skip list that takes this with one level: a quarter of the nodes has a second one,
    /// a quarter of these a third.
    #[inline]
    fn levels(&self, bytes: u64) -> u64 {
        (12 * self.allocated(bytes) + 3 * self.allocated(bytes + 16) + self.allocated(bytes + 37))
            / 16
    }

    /// Valkey's set of a hash's fields that expire: the field itself, or an array of pointers.
    fn expiring_fields(&self, count: u64) -> u64 {
        match count {
            0 | 1 => 0,
            _ => self.allocated(8 + 8 * count),
        }
    }
}
