//! AVX2 with VPCLMULQDQ: two multiplications at a time (Alder Lake, Zen 3 and later).
//!
//! One key alone goes the way of [`pclmul`](super::pclmul); a batch holds each
//! key in two registers of 32 bytes and reduces four keys together.

use super::super::Tier;
use super::super::constants::{MU, WINDOW, WORD};
use super::super::window::{self, BLOCK, Block, Seen, Window, Windows};
use super::pclmul::Pclmul;
use super::prefetch;
use crate::slot::list::Ends;
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

impl Tier for Avx2 {
    #[inline]
    fn checksum(self, bytes: &[u8]) -> u16 {
        self.0.checksum(bytes)
    }

    #[inline]
    fn key_sum(self, key: &[u8]) -> u16 {
        self.0.key_sum(key)
    }

    fn slots_of(self, buffer: &[u8], spans: &[KeySpan], slots: &mut [Slot]) {
        window::slots_of(self, buffer, spans, slots);
    }

    fn separators(self, text: &[u8], separator: u8, base: u32, ends: &mut Ends) -> usize {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe { separators(text, separator, base, ends) }
    }
}

impl Windows for Avx2 {
    const FEW_TAGS: u32 = BLOCK as u32 / 2;

    fn window_sums(self, block: Block<'_>, sums: &mut [u16; BLOCK]) -> Seen {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe { window_sums(block, sums) }
    }
}

/// 64 bytes in two registers.
#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; WINDOW]) -> [__m256i; 2] {
    // SAFETY: the offsets are at most 32, 32 bytes from where are within the array.
    [0, 32].map(|at| unsafe { _mm256_loadu_si256(bytes.as_ptr().add(at).cast()) })
}

/// Where in a window a byte is: bit n is byte n.
#[inline]
#[target_feature(enable = "avx2")]
fn find(window: &[u8; WINDOW], byte: u8) -> u64 {
    let wanted = _mm256_set1_epi8(byte as i8);
    let [near, far] =
        load(window).map(|half| _mm256_movemask_epi8(_mm256_cmpeq_epi8(half, wanted)) as u32);
    u64::from(near) | u64::from(far) << 32
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn separators(text: &[u8], separator: u8, base: u32, ends: &mut Ends) -> usize {
    window::separators(text, base, ends, |window| find(window, separator))
}

#[target_feature(enable = "avx2,vpclmulqdq,bmi1,bmi2,popcnt")]
fn window_sums(block: Block<'_>, sums: &mut [u16; BLOCK]) -> Seen {
    window::sums_and_tags(
        block,
        sums,
        |work, spans, keys| window::tags_of(work, spans, keys, |window, byte| find(window, byte)),
        |windows: [Window<'_>; 4]| {
            let keys = windows.map(|(window, mask)| {
                prefetch(window.as_ptr());
                masked(window, mask)
            });
            let [a, b, c, d] = keys.map(|key| scaled_sum(key));
            // Unpacking puts words of both registers side by side, so that the
            // sums come out in the keys' order.
            let sums = reduce(across_lanes(a, c), across_lanes(b, d));
            let [a, b, c, d] = keys.map(|key| u8::from(has_open(key)));
            (sums, a | b << 1 | c << 2 | d << 3)
        },
    )
}

/// The bytes of a window that count, the lanes reversed.
#[inline]
#[target_feature(enable = "avx2")]
fn masked(window: &[u8; WINDOW], mask: &[u8; WINDOW]) -> [__m256i; 2] {
    let mask = load(mask);
    let halves = load(window);
    let reverse = _mm256_set_epi64x(
        0x0001_0203_0405_0607,
        0x0809_0a0b_0c0d_0e0f,
        0x0001_0203_0405_0607,
        0x0809_0a0b_0c0d_0e0f,
    );
    [0, 1].map(|n| _mm256_shuffle_epi8(_mm256_and_si256(halves[n], mask[n]), reverse))
}

/// Whether there is a `{` in a window.
#[inline]
#[target_feature(enable = "avx2")]
fn has_open(halves: [__m256i; 2]) -> bool {
    let [front, back] = halves.map(|half| _mm256_cmpeq_epi8(half, _mm256_set1_epi8(b'{' as i8)));
    _mm256_movemask_epi8(_mm256_or_si256(front, back)) != 0
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
