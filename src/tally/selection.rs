//! Selects some keys of a few hundred without a branch for each.

/// How many keys are looked at together: what is known of them stays in the nearest cache.
pub(super) const TOGETHER: usize = 256;

/// The places of chosen keys. Who is chosen can't be foreseen: a place is written for every key and kept
/// for some, so that no branch has to be guessed.
pub(super) struct Selection {
    places: [u16; TOGETHER],
    count: usize,
    seen: u16,
}

impl Default for Selection {
    fn default() -> Selection {
        Selection {
            places: [0; TOGETHER],
            count: 0,
            seen: 0,
        }
    }
}

impl Selection {
    /// Says whether the next key is chosen, of at most [`TOGETHER`].
    #[inline]
    pub(super) fn next_is(&mut self, is_chosen: bool) {
        debug_assert!(usize::from(self.seen) < TOGETHER);
        self.places[self.count % TOGETHER] = self.seen;
        self.count += usize::from(is_chosen);
        self.seen += 1;
    }

    /// The places of those that are chosen, ascending.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> + '_ {
        self.places[..self.count].iter().map(|at| usize::from(*at))
    }
}
