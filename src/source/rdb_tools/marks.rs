//! Where the commas and newlines of a piece of text are.

use crate::slot::Places;

/// How much text is marked at once: usually there is room for its commas, and all of it stays in the
/// nearest cache.
pub(super) const PIECE_BYTES: usize = 12 << 10;

/// The commas and newlines of a piece.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    commas: Places,
    newlines: Places,
}

impl Marks {
    /// Marks a piece; returns how much of it is marked, which is less where it has very many.
    pub(super) fn set(&mut self, piece: &[u8]) -> usize {
        let seen = self.commas.find(piece, b',');
        self.newlines.find(&piece[..seen], b'\n')
    }

    /// The newlines of what is marked, ascending.
    pub(super) fn newlines(&self) -> &[u32] {
        self.newlines.all()
    }

    /// The commas from a place on, ascending; some may be behind what is marked.
    pub(super) fn commas_from(&self, place: u32) -> &[u32] {
        let all = self.commas.all();
        &all[all.partition_point(|comma| *comma < place)..]
    }
}
