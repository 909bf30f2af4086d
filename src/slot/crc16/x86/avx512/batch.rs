//! Many keys: windows multiplied by matrices of bits, eight keys at a time.

use super::super::prefetch;
use super::affine::{self, words_to_last};
use super::{find, load, zero_to_63};
use crate::slot::Slot;
use crate::slot::crc16::window::{self, BLOCK, Block, PutOff, WindowedKeys};
use std::arch::x86_64::*;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2,popcnt")]
pub(super) fn hash<const LOOK: bool>(
    block: Block<'_>,
    slots: &mut [Slot; BLOCK],
    put_off: &mut PutOff,
) -> u64 {
    let groups = block.count / 8;
    // Hidden from the compiler, which would make a shuffle of what it selects, on
    // a port that is busy enough.
    let upper_half = std::hint::black_box(0b1111_0000);
    let (open, alone) = window::with_windowed_keys(block.buffer, block.spans, |windowed| {
        // One step for all keys after the other: a step is long, and the
        // processor sees only so far ahead.
        let mut open = [0; BLOCK / 8];
        let mut sums = [[_mm512_setzero_si512(); 2]; BLOCK / 8];
        for (group, (open, sums)) in open.iter_mut().zip(&mut sums).enumerate().take(groups) {
            *sums = words_of_eight::<LOOK>(&windowed, 8 * group, upper_half, open);
        }
        for (slots, sums) in slots.as_chunks_mut().0.iter_mut().zip(&sums).take(groups) {
            *slots = slots_of_eight(affine::sums(sums[0], sums[1]));
        }
        u64::from_le_bytes(open)
    });
    if let (true, Some(open)) = (LOOK, open) {
        put_off_bits(open, block.start, put_off);
    }
    alone
}

/// The words of eight keys from `first` on added up, a key in a lane, and a bit for
/// each that has a `{`, if it is looked for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn words_of_eight<const LOOK: bool>(
    windowed: &WindowedKeys<'_>,
    first: usize,
    upper_half: __mmask8,
    open: &mut u8,
) -> [__m512i; 2] {
    let keys: [__m512i; 8] = std::array::from_fn(|n| {
        let (window, mask) = windowed.masked(first + n);
        if n % 2 == 0 {
            prefetch(window.as_ptr());
        }
        _mm512_and_si512(load(window), load(mask))
    });
    if LOOK {
        let braces = keys.map(|key| u8::from(find(key, b'{') != 0));
        *open = (0..8).fold(0, |bits, n| bits | braces[n] << n);
    }
    let [a, b, c, d, e, f, g, h] = keys.map(|key| words_to_last(key));
    [
        across_lanes([a, b, c, d], upper_half),
        across_lanes([e, f, g, h], upper_half),
    ]
}

/// The slots of eight checksums.
#[inline]
#[target_feature(enable = "avx512f")]
fn slots_of_eight(sums: __m128i) -> [Slot; 8] {
    let mut numbers = [0; 8];
    // SAFETY: eight numbers are the 16 bytes that are written.
    unsafe { _mm_storeu_si128(numbers.as_mut_ptr().cast(), sums) };
    numbers.map(Slot::from_crc)
}

/// Puts off the keys of a block that have a bit.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
fn put_off_bits(bits: u64, start: u32, put_off: &mut PutOff) {
    let spare = put_off.spare();
    let keys = _mm512_maskz_compress_epi8(bits, zero_to_63());
    let sixteens = [
        _mm512_castsi512_si128(keys),
        _mm512_extracti32x4_epi32::<1>(keys),
        _mm512_extracti32x4_epi32::<2>(keys),
        _mm512_extracti32x4_epi32::<3>(keys),
    ];
    let count = bits.count_ones() as usize;
    for (sixteen, spare) in sixteens.into_iter().zip(spare.as_chunks_mut::<16>().0) {
        let start = _mm512_set1_epi32(start as i32);
        let keys = _mm512_add_epi32(_mm512_cvtepu8_epi32(sixteen), start);
        // SAFETY: sixteen keys are the 64 bytes that are written.
        unsafe { _mm512_storeu_si512(spare.as_mut_ptr().cast(), keys) };
        // Rarely are there more, and a write over two cache lines takes its time.
        if count <= 16 {
            break;
        }
    }
    put_off.advance(count);
}

/// The lanes of each of four keys added up: the first key in the lowest lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn across_lanes([a, b, c, d]: [__m512i; 4], upper_half: __mmask8) -> __m512i {
    let ac = halves_summed(a, c, upper_half);
    let bd = halves_summed(b, d, upper_half);
    // Even lanes keep the first operand's own, odd ones the second's; the
    // permutation brings the other lane of the same key to it.
    let other = _mm512_set_epi64(13, 12, 7, 6, 9, 8, 3, 2);
    let other = _mm512_permutex2var_epi64(ac, other, bd);
    let even = _mm512_xor_si512(ac, other);
    _mm512_mask_xor_epi64(even, 0b1100_1100, bd, other)
}

/// The upper half added to the lower: of `first` in the low half, of `second` in the high.
#[inline]
#[target_feature(enable = "avx512f")]
fn halves_summed(first: __m512i, second: __m512i, upper_half: __mmask8) -> __m512i {
    let crossed = _mm512_shuffle_i64x2::<0b01_00_11_10>(first, second);
    let low = _mm512_xor_si512(first, crossed);
    _mm512_mask_xor_epi64(low, upper_half, second, crossed)
}
