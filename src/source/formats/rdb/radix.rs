//! Counts the nodes that the server's radix tree has for ids that come in order.

/// Counts the nodes of a compressed radix tree over ids of 16 bytes, ascending.
///
/// A node with several children is a branch; a run of bytes with one way
/// down is one compressed node; each id ends in a node of its own
/// (<https://github.com/redis/redis/blob/7.0/src/rax.c>). Of each pair of
/// neighbours only the length of the common beginning matters, so the branches
/// on the way to the last id are all that has to be remembered.
#[derive(Debug, Default)]
pub(super) struct Radix {
    last: Option<[u8; 16]>,
    /// Depths of the branches on the way to the last id, as a set of bits.
    branches: u32,
    shape: Shape,
}

/// What a radix tree consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// How many ids are in the tree.
    pub(super) ids: u64,
    /// How many nodes, the ids' own too.
    pub(super) nodes: u64,
    /// How many of them have several children.
    pub(super) branches: u64,
}

impl Radix {
    /// Adds the next id. One that isn't greater than the last is damage that nobody can see here;
    /// it changes the estimate, nothing else.
    pub(super) fn add(&mut self, id: [u8; 16]) {
        let Some(last) = self.last.replace(id) else {
            // The run of 16 bytes, and the end.
            (self.shape.ids, self.shape.nodes) = (1, 2);
            return;
        };
        let common = last.iter().zip(&id).take_while(|(a, b)| a == b).count();
        if common == 16 {
            return;
        }
        if self.branches & (1 << common) == 0 {
            self.shape.nodes += self.split(common);
            self.shape.branches += 1;
        }
        // What lies deeper belongs to the last id alone.
        self.branches = (self.branches | 1 << common) & ((2 << common) - 1);
        // The new id's run behind the branch, and its end.
        self.shape.nodes += u64::from(common < 15) + 1;
        self.shape.ids += 1;
    }

    /// A run becomes a branch, with what is left of the run before it and behind it: how many
    /// nodes more.
    fn split(&self, depth: usize) -> u64 {
        let above = (self.branches & ((1 << depth) - 1)).checked_ilog2();
        let begin = above.map_or(0, |branch| branch as usize + 1);
        let below = self.branches >> (depth + 1);
        let end = match below {
            0 => 16,
            _ => depth + 1 + below.trailing_zeros() as usize,
        };
        u64::from(begin < depth) + u64::from(depth + 1 < end)
    }

    /// What it consists of: the root when there is nothing else.
    pub(super) fn shape(&self) -> Shape {
        Shape {
            nodes: self.shape.nodes.max(1),
            ..self.shape
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The nodes below a common beginning, by the definition.
    fn naive(ids: &[[u8; 16]], depth: usize) -> u64 {
        let [first, ..] = ids else { return 0 };
        let mut end = depth;
        while end < 16 && ids.iter().all(|id| id[end] == first[end]) {
            end += 1;
        }
        let run = u64::from(end > depth);
        if end == 16 {
            return run + 1;
        }
        let children = ids.chunk_by(|a, b| a[end] == b[end]);
        run + 1 + children.map(|child| naive(child, end + 1)).sum::<u64>()
    }

    proptest! {
        #[test]
        fn nodes_are_those_of_the_tree(
            ids in proptest::collection::btree_set(any::<u64>().prop_map(|id| id & 0x0003_0100_0000_0f01), 0..60),
            last in proptest::collection::btree_set(any::<u8>(), 1..4),
        ) {
            let wide = |(id, last): (&u64, &u8)| {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&id.to_be_bytes());
                bytes[15] = *last;
                bytes
            };
            let all: BTreeSet<[u8; 16]> = ids
                .iter()
                .flat_map(|id| last.iter().map(move |last| wide((id, last))))
                .collect();
            let all: Vec<[u8; 16]> = all.into_iter().collect();
            let mut radix = Radix::default();
            for id in &all {
                radix.add(*id);
            }
            prop_assert_eq!(radix.shape().nodes, naive(&all, 0).max(1));
            prop_assert_eq!(radix.shape().ids, all.len() as u64);
        }
    }
}
