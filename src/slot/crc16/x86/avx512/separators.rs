//! Finds where a list's keys end, by compressing numbers.

use super::{FIRST, find, load, zero_to_63};
use crate::slot::crc16::constants::WINDOW;
use crate::slot::ends::{Cursor, Ends};
use std::arch::x86_64::*;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt,bmi1")]
pub(super) fn separators(text: &[u8], separator: u8, base: u32, ends: &mut Ends) -> usize {
    append(text, base, ends, |window| find(window, separator))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt,bmi1")]
pub(super) fn either(text: &[u8], [one, other]: [u8; 2], ends: &mut Ends) -> usize {
    append(text, 0, ends, |window| {
        find(window, one) | find(window, other)
    })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt,bmi1")]
fn append(text: &[u8], base: u32, ends: &mut Ends, find: impl Fn(__m512i) -> u64) -> usize {
    let mut ends = ends.cursor();
    let (windows, rest) = text.as_chunks::<WINDOW>();
    let mut seen = 0;
    for window in windows {
        if ends.is_full() {
            break;
        }
        push_places(find(load(window)), base + seen as u32, &mut ends);
        seen += WINDOW;
    }
    if seen == windows.len() * WINDOW && !ends.is_full() {
        let in_text = FIRST[rest.len()];
        // SAFETY: only the bytes of the rest are read.
        let last = unsafe { _mm512_maskz_loadu_epi8(in_text, rest.as_ptr().cast()) };
        push_places(find(last) & in_text, base + seen as u32, &mut ends);
        seen = text.len();
    }
    ends.finish();
    seen
}

/// [`Cursor::push_bits`], eight places at once. The second eight are written where there are more than
/// four, not only where there are more than eight: of lines there are always few in 64 bytes, of commas
/// always many, so that a processor foresees which.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512vbmi2,popcnt")]
fn push_places(found: u64, base: u32, ends: &mut Cursor<'_>) {
    let count = found.count_ones() as usize;
    if count > 16 {
        return ends.push_bits::<4>(found, base);
    }
    let near = _mm512_castsi512_si128(_mm512_maskz_compress_epi8(found, zero_to_63()));
    let base = _mm256_set1_epi32(base as i32);
    let places = _mm256_add_epi32(_mm256_cvtepu8_epi32(near), base);
    let spare = ends.spare();
    // SAFETY: there are 64 places to spare, of which eight are written.
    unsafe { _mm256_storeu_si256(spare.as_mut_ptr().cast(), places) };
    if count > 4 {
        let near = _mm_unpackhi_epi64(near, near);
        let places = _mm256_add_epi32(_mm256_cvtepu8_epi32(near), base);
        // SAFETY: the eight places behind them are to spare as well.
        unsafe { _mm256_storeu_si256(spare.as_mut_ptr().add(8).cast(), places) };
    }
    ends.advance(count);
}
