//! Many keys: two windows, or halves of windows, with one reduction.

use super::super::prefetch;
use super::{find_forward, find_in, load, scaled_half, scaled_sum};
use crate::slot::crc16::constants::{MU, WINDOW};
use crate::slot::crc16::window::{self, BLOCK, Block, HALF, PutOff, Window};
use crate::slot::{KeySpan, Slot};
use std::arch::x86_64::*;

#[target_feature(enable = "pclmulqdq,sse4.2,popcnt")]
pub(super) fn hash<const LOOK: bool>(
    block: Block<'_>,
    slots: &mut [Slot; BLOCK],
    put_off: &mut PutOff,
) -> u64 {
    window::hash::<2, LOOK>(
        block,
        slots,
        put_off,
        |halves: [Window<'_, HALF>; 2]| {
            prefetch(halves[0].0.as_ptr());
            let [first, second] = halves.map(|(half, shuffle)| shuffled(half, shuffle));
            let open = [first, second].map(|half| LOOK && may_have_open(half));
            (reduce_two(scaled_half(first), scaled_half(second)), open)
        },
        |windows: [Window<'_, WINDOW>; 2]| {
            prefetch(windows[0].0.as_ptr());
            let [first, second] = windows.map(|(window, shuffle)| shuffled(window, shuffle));
            let open = [first, second].map(|[a, b, c, d]| {
                LOOK && may_have_open([_mm_max_epi8(a, b), _mm_max_epi8(c, d)])
            });
            (reduce_two(scaled_sum(first), scaled_sum(second)), open)
        },
    )
}

#[target_feature(enable = "sse4.2,popcnt")]
pub(super) fn narrow(block: Block<'_>, parts: &mut [KeySpan; BLOCK]) -> usize {
    window::narrow(
        block,
        parts,
        |half, byte| {
            let [near, far] = load(half).map(|block| u32::from(find_in(block, byte)));
            near << 16 | far
        },
        |window, byte| find_forward(window, byte),
    )
}

/// Whether there may be a `{` in the blocks: something from `{` to DEL, taken as
/// signed numbers, so that no byte of other scripts is. The few keys with a `|`
/// or a `~` are looked at twice, and all others sooner: each operation less on
/// the multiplier's ports counts.
#[inline]
#[target_feature(enable = "sse4.2")]
fn may_have_open([a, b]: [__m128i; 2]) -> bool {
    let found = _mm_cmpgt_epi8(_mm_max_epi8(a, b), _mm_set1_epi8(b'{' as i8 - 1));
    _mm_movemask_epi8(found) != 0
}

/// The blocks of a window, or of half of one, of the bytes that count.
#[inline]
#[target_feature(enable = "sse4.2")]
fn shuffled<const BYTES: usize, const BLOCKS: usize>(
    window: &[u8; BYTES],
    shuffle: &[u8; BYTES],
) -> [__m128i; BLOCKS] {
    let (blocks, shuffles): ([_; BLOCKS], [_; BLOCKS]) = (load(window), load(shuffle));
    std::array::from_fn(|n| _mm_shuffle_epi8(blocks[n], shuffles[n]))
}

/// [`reduce`] for two keys side by side.
#[inline]
#[target_feature(enable = "pclmulqdq,sse4.2")]
fn reduce_two(first: __m128i, second: __m128i) -> [u16; 2] {
    let mu = _mm_cvtsi64_si128(MU as i64);
    let high = _mm_unpackhi_epi64(first, second);
    let low = _mm_srli_epi64::<48>(_mm_unpacklo_epi64(first, second));
    let product = _mm_unpackhi_epi64(
        _mm_clmulepi64_si128::<0x00>(high, mu),
        _mm_clmulepi64_si128::<0x01>(high, mu),
    );
    let q = _mm_xor_si128(high, product);
    let q = _mm_xor_si128(
        q,
        _mm_xor_si128(_mm_slli_epi64::<5>(q), _mm_slli_epi64::<12>(q)),
    );
    let sums = _mm_xor_si128(q, low);
    [
        _mm_extract_epi16::<0>(sums) as u16,
        _mm_extract_epi16::<4>(sums) as u16,
    ]
}
