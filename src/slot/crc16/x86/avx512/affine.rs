//! CRC16 as matrices of eight by eight bits, for `GF2P8AFFINEQB`.
//!
//! That a checksum is linear in the message's bits means that each byte of it is
//! multiplied by a matrix of its place, and the products added. The instruction
//! has a matrix for each eight bytes that lie side by side, so there are two steps:
//!
//! 1. A window is eight words of eight bytes. Each byte b of word q becomes
//!    b·x^(64·(7 - q)) mod P, as if the word were the last; two bytes, one
//!    instruction for each. The words are added, which leaves two times eight bytes.
//! 2. Of eight keys the bytes of the same place are brought together, and each
//!    multiplied by x to the power of its place in the word, and by x^16. What is
//!    added up then are the checksums.
//!
//! No byte needs to be reversed for that. Where a carry-less multiplication takes
//! two cycles and a third of the vector ports this is faster, and elsewhere as fast.

use crate::slot::crc16::constants::times_x;
use std::arch::x86_64::*;

/// The matrix of the map from a byte b to one byte of b·x^power mod P: the upper
/// one for a `shift` of 8, the lower one for 0.
const fn matrix(power: u32, shift: u32) -> u64 {
    let mut matrix = 0;
    let mut input = 0;
    while input < 8 {
        let mut product = 1 << input;
        let mut done = 0;
        while done < power {
            product = times_x(product);
            done += 1;
        }
        let mut output = 0;
        while output < 8 {
            // The row of the lowest output bit is the highest byte.
            if product >> (shift + output) & 1 == 1 {
                matrix |= 1 << (8 * (7 - output) + input);
            }
            output += 1;
        }
        input += 1;
    }
    matrix
}

/// One matrix for each word of a register.
#[repr(align(64))]
struct Matrices([u64; 8]);

impl Matrices {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(&self) -> __m512i {
        // SAFETY: eight words are the 64 bytes that are read, and are aligned.
        unsafe { _mm512_load_si512(self.0.as_ptr().cast()) }
    }
}

/// For the words of a window that stand where the byte is wanted: upper bytes in
/// words of even numbers, lower ones in words of odd numbers; or, `crossed`, for
/// the words of each lane exchanged.
const fn of_words(crossed: usize) -> Matrices {
    let mut matrices = [0; 8];
    let mut place = 0;
    while place < 8 {
        let behind = 7 - (place ^ crossed) as u32;
        matrices[place] = matrix(64 * behind, if place % 2 == 0 { 8 } else { 0 });
        place += 1;
    }
    Matrices(matrices)
}

/// For bytes that are upper ones (`from` 8) or lower ones (0) after the first
/// step, to either byte of the checksum.
const fn of_places(from: u32, shift: u32) -> Matrices {
    let mut matrices = [0; 8];
    let mut place = 0;
    while place < 8 {
        matrices[place] = matrix(8 * (7 - place as u32) + 16 + from, shift);
        place += 1;
    }
    Matrices(matrices)
}

static STRAIGHT: Matrices = of_words(0);
static CROSSED: Matrices = of_words(1);
static UPPER_TO_UPPER: Matrices = of_places(8, 8);
static UPPER_TO_LOWER: Matrices = of_places(8, 0);
static LOWER_TO_UPPER: Matrices = of_places(0, 8);
static LOWER_TO_LOWER: Matrices = of_places(0, 0);

/// The first step for a window: in each lane eight upper bytes and eight lower
/// ones, the sum of the lanes still to be made.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
pub(super) fn words_to_last(window: __m512i) -> __m512i {
    let crossed = _mm512_shuffle_epi32::<0b01_00_11_10>(window);
    _mm512_xor_si512(
        _mm512_gf2p8affine_epi64_epi8::<0>(window, STRAIGHT.load()),
        _mm512_gf2p8affine_epi64_epi8::<0>(crossed, CROSSED.load()),
    )
}

/// Where byte n of a lane's upper half, or lower half, is for each of eight keys,
/// which are the lanes of two registers.
const fn places_of_keys(half: u8) -> [u8; 64] {
    let mut places = [0; 64];
    let mut index = 0;
    while index < 64 {
        let (place, key) = (index as u8 / 8, index as u8 % 8);
        places[index] = 16 * key + 8 * half + place;
        index += 1;
    }
    places
}

/// The second step for eight keys: their checksums.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni")]
pub(super) fn sums(first: __m512i, second: __m512i) -> __m128i {
    const UPPER: [u8; 64] = places_of_keys(0);
    const LOWER: [u8; 64] = places_of_keys(1);
    // SAFETY: the arrays have the 64 bytes that are read.
    let [upper, lower] = [&UPPER, &LOWER].map(|places| unsafe {
        _mm512_permutex2var_epi8(first, _mm512_loadu_si512(places.as_ptr().cast()), second)
    });
    let product =
        |bytes, matrices: &Matrices| _mm512_gf2p8affine_epi64_epi8::<0>(bytes, matrices.load());
    let to_upper = _mm512_xor_si512(
        product(upper, &UPPER_TO_UPPER),
        product(lower, &LOWER_TO_UPPER),
    );
    let to_lower = _mm512_xor_si512(
        product(upper, &UPPER_TO_LOWER),
        product(lower, &LOWER_TO_LOWER),
    );
    let lanes = _mm512_xor_si512(
        _mm512_unpacklo_epi64(to_upper, to_lower),
        _mm512_unpackhi_epi64(to_upper, to_lower),
    );
    let halves = _mm256_xor_si256(
        _mm512_castsi512_si256(lanes),
        _mm512_extracti64x4_epi64::<1>(lanes),
    );
    let sums = _mm_xor_si128(
        _mm256_castsi256_si128(halves),
        _mm256_extracti128_si256::<1>(halves),
    );
    let side_by_side = _mm_set_epi64x(0x070f_060e_050d_040c, 0x030b_020a_0109_0008);
    _mm_shuffle_epi8(sums, side_by_side)
}
