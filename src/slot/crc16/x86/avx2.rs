//! AVX2 with VPCLMULQDQ: two multiplications at a time (Alder Lake, Zen 3 and later).
//!
//! One key alone goes the way of [`pclmul`](super::pclmul); a batch holds each
//! key in two registers of 32 bytes and reduces four keys together.

use super::super::Tier;
use super::super::constants::{MU, WINDOW, WORD};
use super::super::window::{self, BLOCK, Block, FEW, HALF, Halves, MANY, PutOff, Window, Windows};
use super::pclmul::Pclmul;
use super::prefetch;
use crate::slot::ends::Ends;
use crate::slot::{KeySpan, Slot};
use std::arch::x86_64::*;

/// The proof that this processor has AVX2 and VPCLMULQDQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Avx2(Pclmul);

impl Avx2 {
    /// The proof, if the processor gives it.
    pub(in super::super) fn new() -> Option<Avx2> {
        let has_all = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("vpclmulqdq")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2");
        Pclmul::new().filter(|_| has_all).map(Avx2)
    }
}

// A value comes from `new` alone, which asked for AVX2, VPCLMULQDQ, BMI1, BMI2 and, by its `Pclmul`, POPCNT.
impl Tier for Avx2 {
    #[inline]
    fn checksum(self, bytes: &[u8]) -> u16 {
        self.0.checksum(bytes)
    }

    #[inline]
    fn key_sum(self, key: &[u8]) -> u16 {
        self.0.key_sum(key)
    }

    safe_calls!(many keys);
}

impl Windows for Avx2 {
    const FEW_TAGS: usize = BLOCK / 2;
    const HALVES: Halves = Halves::OfTags;

    safe_calls!(windows);
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; HALF]) -> __m256i {
    // SAFETY: the array has the 32 bytes that are read.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// 64 bytes in two registers.
#[inline]
#[target_feature(enable = "avx2")]
fn load_window(bytes: &[u8; WINDOW]) -> [__m256i; 2] {
    let (front, back) = bytes.split_first_chunk().expect("two halves");
    let back = back.first_chunk().expect("two halves");
    [load(front), load(back)]
}

/// Where in a window a byte is: bit n is byte n.
#[inline]
#[target_feature(enable = "avx2")]
fn find(window: &[u8; WINDOW], byte: u8) -> u64 {
    let [front, back] = load_window(window).map(|half| find_in(half, byte));
    u64::from(front) | u64::from(back) << HALF
}

#[inline]
#[target_feature(enable = "avx2")]
fn find_in(half: __m256i, byte: u8) -> u32 {
    _mm256_movemask_epi8(_mm256_cmpeq_epi8(half, _mm256_set1_epi8(byte as i8))) as u32
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn separators(text: &[u8], separator: u8, base: u32, ends: &mut Ends) -> usize {
    window::separators::<FEW>(text, base, ends, |window| find(window, separator))
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn either(text: &[u8], [one, other]: [u8; 2], ends: &mut Ends) -> usize {
    window::separators::<MANY>(text, 0, ends, |window| {
        find(window, one) | find(window, other)
    })
}

#[target_feature(enable = "avx2,vpclmulqdq,bmi1,bmi2,popcnt")]
fn hash<const LOOK: bool>(
    block: Block<'_>,
    slots: &mut [Slot; BLOCK],
    put_off: &mut PutOff,
) -> u64 {
    window::hash::<4, LOOK>(
        block,
        slots,
        put_off,
        |halves: [Window<'_, HALF>; 4]| {
            prefetch(halves[0].0.as_ptr());
            prefetch(halves[2].0.as_ptr());
            let keys = halves.map(|(half, shuffle)| _mm256_shuffle_epi8(load(half), load(shuffle)));
            let open = keys.map(|key| LOOK && may_have_open(key));
            (reduce_four(keys.map(|key| multiplied(key, words(0)))), open)
        },
        |windows: [Window<'_, WINDOW>; 4]| {
            prefetch(windows[0].0.as_ptr());
            prefetch(windows[2].0.as_ptr());
            let keys = windows.map(|(window, shuffle)| {
                let ([front, back], shuffles) = (load_window(window), load_window(shuffle));
                [
                    _mm256_shuffle_epi8(front, shuffles[0]),
                    _mm256_shuffle_epi8(back, shuffles[1]),
                ]
            });
            let open =
                keys.map(|[front, back]| LOOK && may_have_open(_mm256_max_epi8(front, back)));
            (reduce_four(keys.map(|key| scaled_sum(key))), open)
        },
    )
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn narrow(block: Block<'_>, parts: &mut [KeySpan; BLOCK]) -> usize {
    window::narrow(
        block,
        parts,
        |half, byte| find_in(load(half), byte),
        |window, byte| find(window, byte),
    )
}

/// Whether there may be a `{` in some bytes, as in [`pclmul`](super::pclmul).
#[inline]
#[target_feature(enable = "avx2")]
fn may_have_open(bytes: __m256i) -> bool {
    let found = _mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(b'{' as i8 - 1));
    _mm256_movemask_epi8(found) != 0
}

/// The products of a window, summed but for the two lanes.
#[inline]
#[target_feature(enable = "avx2,vpclmulqdq")]
fn scaled_sum([front, back]: [__m256i; 2]) -> __m256i {
    _mm256_xor_si256(multiplied(front, words(4)), multiplied(back, words(0)))
}

/// The multipliers of 32 bytes with `behind` words behind them.
#[inline]
#[target_feature(enable = "avx2")]
fn words(behind: usize) -> __m256i {
    _mm256_set_epi64x(
        WORD[behind + 1] as i64,
        WORD[behind] as i64,
        WORD[behind + 3] as i64,
        WORD[behind + 2] as i64,
    )
}

#[inline]
#[target_feature(enable = "avx2,vpclmulqdq")]
fn multiplied(half: __m256i, words: __m256i) -> __m256i {
    _mm256_xor_si256(
        _mm256_clmulepi64_epi128::<0x11>(half, words),
        _mm256_clmulepi64_epi128::<0x00>(half, words),
    )
}

/// The lanes of each of two keys summed: the first key in the low lane.
#[inline]
#[target_feature(enable = "avx2")]
fn across_lanes(first: __m256i, second: __m256i) -> __m256i {
    let crossed = _mm256_permute2x128_si256::<0x21>(first, second);
    let straight = _mm256_blend_epi32::<0xf0>(first, second);
    _mm256_xor_si256(crossed, straight)
}

/// E mod P of four keys, from their products.
#[inline]
#[target_feature(enable = "avx2,vpclmulqdq")]
fn reduce_four([a, b, c, d]: [__m256i; 4]) -> [u16; 4] {
    // Unpacking puts words of both registers side by side, so that the sums come
    // out in the keys' order.
    reduce(across_lanes(a, c), across_lanes(b, d))
}

/// E mod P of four keys: the first and third in the lanes of `even`.
#[inline]
#[target_feature(enable = "avx2,vpclmulqdq")]
fn reduce(even: __m256i, odd: __m256i) -> [u16; 4] {
    let mu = _mm256_set1_epi64x(MU as i64);
    let high = _mm256_unpackhi_epi64(even, odd);
    let low = _mm256_srli_epi64::<48>(_mm256_unpacklo_epi64(even, odd));
    let product = _mm256_unpackhi_epi64(
        _mm256_clmulepi64_epi128::<0x00>(high, mu),
        _mm256_clmulepi64_epi128::<0x01>(high, mu),
    );
    let q = _mm256_xor_si256(high, product);
    let shifted = _mm256_xor_si256(_mm256_slli_epi64::<5>(q), _mm256_slli_epi64::<12>(q));
    let sums = _mm256_xor_si256(_mm256_xor_si256(q, shifted), low);
    [
        _mm256_extract_epi16::<0>(sums) as u16,
        _mm256_extract_epi16::<4>(sums) as u16,
        _mm256_extract_epi16::<8>(sums) as u16,
        _mm256_extract_epi16::<12>(sums) as u16,
    ]
}
