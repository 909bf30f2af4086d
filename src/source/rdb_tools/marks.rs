//! Where the commas and newlines of a piece of text are, as bits.

use wide::u8x64;

/// How much text is marked at once: its bits, and the rows in it, stay in the nearest caches.
pub(super) const PIECE_BYTES: usize = 32 << 10;

/// How many bytes a word of bits stands for.
const WORD: usize = u64::BITS as usize;

const WORDS: usize = PIECE_BYTES / WORD;

/// The commas and newlines of a piece; the lowest bit of a word is its first byte.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    /// One word of zeros in front and one behind, so that any window can be cut out.
    commas: [u64; WORDS + 2],
    /// Where the newlines are, ascending.
    newlines: Vec<u32>,
}

impl Default for Marks {
    fn default() -> Marks {
        Marks {
            commas: [0; WORDS + 2],
            newlines: Vec::new(),
        }
    }
}

impl Marks {
    /// Marks a piece of at most [`PIECE_BYTES`].
    pub(super) fn set(&mut self, piece: &[u8]) {
        let (chunks, rest) = piece.as_chunks::<WORD>();
        self.newlines.clear();
        for (word, chunk) in chunks.iter().enumerate() {
            self.set_word(word, chunk);
        }
        if !rest.is_empty() {
            let mut chunk = [0; WORD];
            chunk[..rest.len()].copy_from_slice(rest);
            self.set_word(chunks.len(), &chunk);
        }
        self.commas[piece.len().div_ceil(WORD) + 1] = 0;
    }

    #[inline]
    fn set_word(&mut self, word: usize, chunk: &[u8; WORD]) {
        let (commas, mut newlines) = bits(chunk);
        self.commas[word + 1] = commas;
        while newlines != 0 {
            let place = (word * WORD) as u32 + newlines.trailing_zeros();
            self.newlines.push(place);
            newlines &= newlines - 1;
        }
    }

    /// The newlines of the piece, ascending.
    pub(super) fn newlines(&self) -> &[u32] {
        &self.newlines
    }

    /// The commas of the 64 bytes before a place; the highest bit is the byte right before it.
    #[inline]
    pub(super) fn commas_before(&self, place: usize) -> u64 {
        self.window(place)
    }

    /// The commas of the 64 bytes from a place on; the lowest bit is the byte there.
    #[inline]
    pub(super) fn commas_from(&self, place: usize) -> u64 {
        self.window(place + WORD)
    }

    #[inline]
    fn window(&self, bit: usize) -> u64 {
        let (word, shift) = (bit / WORD, bit % WORD);
        // Two shifts: one by 64 would be none at all.
        self.commas[word] >> shift | self.commas[word + 1] << 1 << (WORD - 1 - shift)
    }
}

#[inline]
fn bits(chunk: &[u8; WORD]) -> (u64, u64) {
    let bytes = u8x64::new(*chunk);
    let of = |byte| bytes.simd_eq(u8x64::splat(byte)).to_bitmask();
    (of(b','), of(b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn marks_are_those_of_a_walk(
            piece in proptest::collection::vec(proptest::sample::select(b"a,\n\x2d\xac".to_vec()), 0..400),
            earlier in proptest::collection::vec(proptest::sample::select(b",\n".to_vec()), 0..600),
        ) {
            let mut marks = Marks::default();
            // What was marked before leaves nothing behind.
            marks.set(&earlier);
            marks.set(&piece);
            let places = (0..piece.len()).filter(|at| piece[*at] == b'\n').map(|at| at as u32);
            prop_assert!(marks.newlines().iter().copied().eq(places));
            for place in 0..piece.len() {
                let is_comma = |at: Option<usize>| at.and_then(|at| piece.get(at)) == Some(&b',');
                let (before, from) = (marks.commas_before(place), marks.commas_from(place));
                for bit in 0..WORD {
                    let at = (place + bit).checked_sub(WORD);
                    prop_assert_eq!(before >> bit & 1 == 1, is_comma(at));
                    prop_assert_eq!(from >> bit & 1 == 1, is_comma(Some(place + bit)));
                }
            }
        }
    }

    #[test]
    fn a_full_piece_has_room() {
        let mut marks = Marks::default();
        marks.set(&[b','; PIECE_BYTES]);
        assert_eq!(marks.commas_before(PIECE_BYTES), u64::MAX);
        assert_eq!(marks.commas_from(PIECE_BYTES - 1), 1);
        assert!(marks.newlines().is_empty());
    }
}
