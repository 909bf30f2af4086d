//! Finds where the keys of a piece of text end.

/// How many separators are found before their keys are hashed.
pub(super) const LINES: usize = 1536;

/// Where the separators of a piece are; with room for a word of them to spare.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    places: [u32; LINES + 64],
    count: usize,
}

impl Default for Ends {
    fn default() -> Ends {
        Ends {
            places: [0; LINES + 64],
            count: 0,
        }
    }
}

impl Ends {
    /// Forgets what was found.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// The places that were found, ascending.
    pub(super) fn places(&self) -> &[u32] {
        &self.places[..self.count]
    }

    /// To append to. The count is handed back by [`Cursor::finish`]: while it
    /// is a variable of its own it can stay in a register, and a pass over a
    /// list would otherwise wait for it at every step.
    #[inline(always)]
    pub(super) fn cursor(&mut self) -> Cursor<'_> {
        Cursor {
            at: self.count,
            places: &mut self.places,
            count: &mut self.count,
        }
    }
}

/// The end of a list of places.
pub(super) struct Cursor<'a> {
    places: &'a mut [u32; LINES + 64],
    at: usize,
    count: &'a mut usize,
}

impl Cursor<'_> {
    /// Whether 64 more might be too many.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.at > LINES
    }

    /// Appends one place.
    ///
    /// # Panics
    /// When there are 64 more than make it full.
    #[inline(always)]
    pub(super) fn push(&mut self, place: u32) {
        self.places[self.at] = place;
        self.at += 1;
    }

    /// Appends a place for each bit that is set, counted from `base`.
    ///
    /// `AT_ONCE` places, at most 60 and a multiple of four, are written whatever there are, so that
    /// nobody has to foresee how many; the ones too many are overwritten by the next word.
    ///
    /// # Panics
    /// May panic when the list is full.
    #[inline(always)]
    pub(super) fn push_bits<const AT_ONCE: usize>(&mut self, mut bits: u64, base: u32) {
        let count = bits.count_ones() as usize;
        let spare = self.spare();
        let mut write = |places: &mut [u32]| {
            for place in places {
                *place = base.wrapping_add(bits.trailing_zeros());
                bits &= bits.wrapping_sub(1);
            }
        };
        write(&mut spare[..AT_ONCE]);
        // A line has some dozen bytes, so four at a time rarely need a second turn.
        let mut done = AT_ONCE;
        while done < count {
            write(&mut spare[done..][..4]);
            done += 4;
        }
        self.advance(count);
    }

    /// The next 64 places, to be written and then [`advance`](Cursor::advance)d over.
    ///
    /// # Panics
    /// When the list is full.
    #[inline(always)]
    pub(super) fn spare(&mut self) -> &mut [u32; 64] {
        self.places[self.at..].first_chunk_mut().expect("not full")
    }

    /// Takes `count` of the spare places, at most 64.
    #[inline(always)]
    pub(super) fn advance(&mut self, count: usize) {
        self.at += count.min(64);
    }

    /// Keeps what was appended.
    #[inline(always)]
    pub(super) fn finish(self) {
        *self.count = self.at;
    }
}
