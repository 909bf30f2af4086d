//! The numbers that CRC16 by carry-less multiplication needs, derived from the polynomial.
//!
//! P = x^16 + x^12 + x^5 + 1. A message M has the checksum M·x^16 mod P, and
//! that is linear in the bits of M: each 64-bit word of the message may be
//! multiplied by the remainder of its own power of x, and the products added.
//! The scheme is that of Gopal et al., "Fast CRC Computation for Generic
//! Polynomials Using PCLMULQDQ Instruction" (Intel, 2009), for a 16-bit P.
//!
//! Words are named by how many message bits stand behind them. The multipliers
//! of a *last* multiplication are scaled by x^48, so that the sum of the
//! products, E·x^48, has E div x^16 as its high word and E mod x^16 at the top
//! of its low word: what Barrett's reduction wants, with no shift in between.

/// The polynomial without its x^16.
const POLYNOMIAL: u16 = 0x1021;

/// The whole polynomial.
const P: u128 = 0x1_0000 | POLYNOMIAL as u128;

/// The longest key, in bytes, that one window of a kernel holds.
pub(super) const WINDOW: usize = 64;

/// x^power mod P.
pub(super) const fn x_to(power: u32) -> u16 {
    let mut remainder = 1;
    let mut done = 0;
    while done < power {
        remainder = times_x(remainder);
        done += 1;
    }
    remainder
}

/// remainder · x mod P.
pub(super) const fn times_x(remainder: u16) -> u16 {
    let shifted = remainder << 1;
    if remainder & 0x8000 == 0 {
        shifted
    } else {
        shifted ^ POLYNOMIAL
    }
}

/// Low word of floor(x^80 / P); the quotient's own x^64 is left out.
const fn barrett() -> u64 {
    let mut dividend: u128 = 1 << 80;
    let mut quotient: u128 = 0;
    let mut bit: u32 = 80 - 16 + 1;
    while bit > 0 {
        bit -= 1;
        if dividend & (1 << (bit + 16)) != 0 {
            dividend ^= P << bit;
            quotient |= 1 << bit;
        }
    }
    quotient as u64
}

/// Barrett's constant μ without its x^64: for E of up to 80 bits and
/// Eh = E div x^16, floor(E / P) = Eh xor hi64(Eh · MU).
pub(super) const MU: u64 = barrett();

/// The multipliers of the eight words of a window, the word at the end of the
/// message first, scaled by x^48.
pub(super) const WORD: [u64; WINDOW / 8] = {
    let mut words = [0; WINDOW / 8];
    let mut index = 0;
    while index < words.len() {
        words[index] = (x_to(64 * index as u32 + 16) as u64) << 48;
        index += 1;
    }
    words
};

/// Folding by `bits`: what the high and the low word of 128 bits are multiplied
/// by to stand `bits` further back in the message. Unscaled: the products have
/// at most 80 bits and are folded again.
pub(super) const fn fold(bits: u32) -> (u64, u64) {
    (x_to(bits + 64) as u64, x_to(bits) as u64)
}

/// What a window is masked or shuffled by. On a cache line of its own.
#[repr(align(64))]
pub(super) struct OfWindow(pub [u8; WINDOW]);

/// For each length the mask that takes so many bytes at a window's end. Four
/// kilobytes; a mask register would be loaded sooner, but has one port only.
#[cfg(target_arch = "x86_64")]
pub(super) static ENDS: [OfWindow; WINDOW + 1] = {
    let mut masks = [const { OfWindow([0; WINDOW]) }; WINDOW + 1];
    let mut length = 0;
    while length <= WINDOW {
        let mut place = WINDOW - length;
        while place < WINDOW {
            masks[length].0[place] = 0xff;
            place += 1;
        }
        length += 1;
    }
    masks
};

/// For each length the shuffle that takes so many bytes at a window's end,
/// reverses each 16, so that they are a polynomial with its highest power on
/// top, and makes the others zero. Four kilobytes, so that one aligned read
/// does what a mask and a reversal would.
pub(super) static ENDS_REVERSED: [OfWindow; WINDOW + 1] = {
    let mut shuffles = [const { OfWindow([0x80; WINDOW]) }; WINDOW + 1];
    let mut length = 0;
    while length <= WINDOW {
        let mut place = WINDOW - length;
        while place < WINDOW {
            // Reversing within 16 bytes inverts the low four bits of a place.
            shuffles[length].0[place ^ 15] = (place % 16) as u8;
            place += 1;
        }
        length += 1;
    }
    shuffles
};

/// Shuffles that take the last bytes of a block in reverse order: 16 bytes read
/// at [`reversal_at`]`(r)` put byte r - 1 first, byte 0 in place r - 1, and an
/// index with its high bit set, which shuffles read as zero, behind it.
pub(super) static REVERSAL: [u8; 16 + WINDOW + 16] = {
    let mut indexes = [0; 16 + WINDOW + 16];
    let mut place = 0;
    while place < indexes.len() {
        indexes[place] = 15u8.wrapping_sub(place as u8);
        place += 1;
    }
    indexes
};

/// Where in [`REVERSAL`] the shuffle for `bytes` bytes begins; more than 16 are
/// taken as 16, less than 1 as none.
#[inline]
pub(super) fn reversal_at(bytes: isize) -> usize {
    (16 - bytes.min(16)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derived_constants_are_the_published_ones() {
        let words: Vec<u64> = WORD.iter().map(|word| word >> 48).collect();
        let published = [
            0x1021, 0xEB23, 0x10E2, 0x45B4, 0x8DDC, 0xB8E0, 0xBD64, 0x9FE5,
        ];
        assert_eq!(words, published);
        assert!(WORD.iter().all(|word| word << 16 == 0));
        assert_eq!(MU, 0x1130_3471_A041_B343);
        assert_eq!(fold(128), (0x650B, 0xAEFC));
        assert_eq!(fold(512), (0x8832, 0x13FC));
    }

    #[test]
    fn a_reversal_takes_the_last_bytes_backwards_and_zeros_behind() {
        for bytes in -48..=64isize {
            let shuffle = &REVERSAL[reversal_at(bytes)..][..16];
            let taken = bytes.clamp(0, 16) as usize;
            for (place, &index) in shuffle.iter().enumerate() {
                if place < taken {
                    assert_eq!(usize::from(index), taken - 1 - place);
                } else {
                    assert!(index >= 0x80);
                }
            }
        }
    }
}
