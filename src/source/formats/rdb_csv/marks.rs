//! The places of commas and newlines in a piece of text.

use crate::slot::Places;

/// How much text is marked at once: usually there is room for its marks, and all of it stays in the
/// nearest cache.
pub(super) const PIECE_BYTES: usize = 8 << 10;

/// The commas and newlines of a piece.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks(Places);

impl Marks {
    /// Marks a piece; returns how much of it is marked, which is less where it has very many.
    pub(super) fn set(&mut self, piece: &[u8]) -> usize {
        self.0.find(piece, [b',', b'\n'])
    }

    /// The commas and newlines from a place on, ascending.
    pub(super) fn from(&self, place: u32) -> &[u32] {
        let all = self.0.all();
        &all[all.partition_point(|mark| *mark < place)..]
    }
}
