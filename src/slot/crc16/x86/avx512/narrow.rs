//! Many keys narrowed to their tags.

use super::{find, load};
use crate::slot::KeySpan;
use crate::slot::crc16::constants::WINDOW;
use crate::slot::crc16::window::{self, BLOCK, Block};
use std::arch::x86_64::*;

/// [`window::narrow`] without a branch: where the braces are for all keys, then
/// the rule of [`hash_tag`](crate::slot::hash_tag) for eight at a time.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,bmi1,bmi2,popcnt")]
pub(super) fn narrow(block: Block<'_>, parts: &mut [KeySpan; BLOCK]) -> usize {
    let (tags, _) = window::with_windowed_keys(block.buffer, block.spans, |windowed| {
        // All are written before the first is read: a read of eight words waits
        // until their writes have left the processor.
        let braces: [[u64; BLOCK]; 2] = [b'{', b'}']
            .map(|brace| std::array::from_fn(|key| find(load(windowed.window(key).0), brace)));
        let [open, close] = &braces;
        let eights = parts.as_chunks_mut().0.iter_mut().enumerate();
        let mut tags = 0;
        for (eight, parts) in eights.take(block.count / 8) {
            let keys = &windowed.spans().as_chunks().0[eight];
            let (open, close) = (&open.as_chunks().0[eight], &close.as_chunks().0[eight]);
            tags += narrow_eight(keys, open, close, parts).count_ones();
        }
        tags
    });
    tags.unwrap_or_default() as usize
}

/// Narrows those of eight parts whose keys have a tag, and returns their bits;
/// `open` and `close` have a bit for each brace in the window that ends with the key.
#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn narrow_eight(
    keys: &[KeySpan; 8],
    open: &[u64; 8],
    close: &[u64; 8],
    parts: &mut [KeySpan; 8],
) -> u8 {
    // SAFETY: all three are arrays of eight times 8 bytes, the 64 that are read;
    // a span's `start` is the low half.
    let (open, close, key) = unsafe {
        (
            _mm512_loadu_si512(open.as_ptr().cast()),
            _mm512_loadu_si512(close.as_ptr().cast()),
            _mm512_loadu_si512(keys.as_ptr().cast()),
        )
    };
    let one = _mm512_set1_epi64(1);
    let size = _mm512_set1_epi64(WINDOW as i64);
    let key_end = _mm512_srli_epi64::<32>(key);
    let key_start = _mm512_and_si512(key, _mm512_set1_epi64(u32::MAX.into()));
    let window = _mm512_sub_epi64(key_end, size);
    // A shift by 64 leaves nothing, as it should: the key is empty.
    let in_front = _mm512_sub_epi64(key_start, window);
    let open = _mm512_and_si512(open, _mm512_sllv_epi64(_mm512_set1_epi64(-1), in_front));
    // With no `{` everything counts as in front of it, and no `}` is behind.
    let first = lowest_bit(open);
    let in_front = _mm512_sub_epi64(first, one);
    let behind = _mm512_andnot_si512(_mm512_or_si512(first, in_front), close);
    let start = _mm512_add_epi64(_mm512_popcnt_epi64(in_front), one);
    let end = _mm512_popcnt_epi64(_mm512_sub_epi64(lowest_bit(behind), one));
    let not_empty = _mm512_cmpneq_epi64_mask(start, end);
    let has_tag = _mm512_mask_test_epi64_mask(not_empty, behind, behind);
    let start = _mm512_add_epi64(window, start);
    let end = _mm512_slli_epi64::<32>(_mm512_add_epi64(window, end));
    // SAFETY: as above, the 64 bytes that are written.
    unsafe {
        let tag = _mm512_or_si512(start, end);
        _mm512_mask_storeu_epi64(parts.as_mut_ptr().cast(), has_tag, tag);
    }
    has_tag
}

#[inline]
#[target_feature(enable = "avx512f")]
fn lowest_bit(bits: __m512i) -> __m512i {
    _mm512_and_si512(bits, _mm512_sub_epi64(_mm512_setzero_si512(), bits))
}
