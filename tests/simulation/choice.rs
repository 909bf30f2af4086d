//! Where chance decides.

/// A seed's own sequence (splitmix64).
pub struct Chooser(u64);

impl Chooser {
    pub fn seeded(seed: u64) -> Chooser {
        Chooser(seed)
    }

    /// One of `count` choices.
    pub fn pick(&mut self, count: usize) -> usize {
        if count < 2 {
            return 0;
        }
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % count as u64) as usize
    }
}
