//! AVX-512 with VPCLMULQDQ and GFNI (Ice Lake, Zen 4 and later).
//!
//! One key is multiplied, four words at a time; many keys go by matrices of bits
//! (see [`affine`]), which ask less of the ports that are busiest.
//!
//! A window is one register. One key alone is loaded under a mask, which touches
//! nothing outside the key: a masked byte can't fault.

mod affine;
mod batch;
mod narrow;
mod separators;

use batch::hash;
use narrow::narrow;
use separators::{either, separators};

use super::super::Tier;
use super::super::constants::{MU, WINDOW, WORD, fold};
use super::super::window::{BLOCK, Halves, Windows, tag_in_window};
use crate::slot::hash_tag::hashed_part;
use std::arch::x86_64::*;

/// The proof that this processor has AVX-512 with all that Ice Lake and Zen 4
/// added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::slot::crc16) struct Avx512(());

impl Avx512 {
    /// The proof, if the processor gives it.
    pub(in crate::slot::crc16) fn new() -> Option<Avx512> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("avx512vpopcntdq")
            && is_x86_feature_detected!("gfni")
            && is_x86_feature_detected!("vpclmulqdq")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("lzcnt");
        has_all.then_some(Avx512(()))
    }
}

// A value comes from `new` alone, which asked for what Ice Lake and Zen 4 have of AVX-512, VPCLMULQDQ, GFNI, BMI and POPCNT.
impl Tier for Avx512 {
    safe_calls!(one key);
    safe_calls!(many keys);
}

impl Windows for Avx512 {
    const FEW_TAGS: usize = BLOCK / 4;
    const HALVES: Halves = Halves::Never;

    safe_calls!(windows);
}

/// `FIRST[n]` selects the first n of 64 bytes. A look-up, because loading a
/// mask register from memory is cheaper than from a general one.
static FIRST: [u64; WINDOW + 1] = {
    let mut masks = [u64::MAX; WINDOW + 1];
    let mut length = 0;
    while length < WINDOW {
        masks[length] = (1 << length) - 1;
        length += 1;
    }
    masks
};

/// `LAST[n]` selects the last n of 64 bytes.
static LAST: [u64; WINDOW + 1] = {
    let mut masks = [0; WINDOW + 1];
    let mut length = 0;
    while length <= WINDOW {
        masks[length] = !FIRST[WINDOW - length];
        length += 1;
    }
    masks
};

/// The last `length` bytes, at most 64, in front of `end`, at the end of a
/// register whose other bytes are zero.
///
/// # Safety
/// The `length` bytes in front of `end` can be read.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn load_last(end: *const u8, length: usize) -> __m512i {
    let window = end.wrapping_sub(WINDOW).cast();
    // SAFETY: only the bytes of the mask are read, and the caller says they may be.
    unsafe { _mm512_maskz_loadu_epi8(LAST[length.min(WINDOW)], window) }
}

/// The bytes of each lane reversed: each lane a polynomial, its highest power on top.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn reversed(window: __m512i) -> __m512i {
    let lane = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    _mm512_shuffle_epi8(window, _mm512_broadcast_i32x4(lane))
}

/// The sum of the products of high words and of low words, in each lane.
#[inline]
#[target_feature(enable = "avx512f,vpclmulqdq")]
fn multiplied(window: __m512i, words: __m512i) -> __m512i {
    _mm512_xor_si512(
        _mm512_clmulepi64_epi128::<0x11>(window, words),
        _mm512_clmulepi64_epi128::<0x00>(window, words),
    )
}

/// E·x^48 of a window, its lanes reversed, but for the sum of the four lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
fn scaled(window: __m512i) -> __m512i {
    let words = _mm512_set_epi64(
        WORD[1] as i64,
        WORD[0] as i64,
        WORD[3] as i64,
        WORD[2] as i64,
        WORD[5] as i64,
        WORD[4] as i64,
        WORD[7] as i64,
        WORD[6] as i64,
    );
    multiplied(window, words)
}

/// E mod P of one window, from its products.
#[inline]
#[target_feature(enable = "avx512f,vpclmulqdq,pclmulqdq")]
fn reduce_one(products: __m512i) -> u16 {
    let half = _mm256_xor_si256(
        _mm512_castsi512_si256(products),
        _mm512_extracti64x4_epi64::<1>(products),
    );
    let scaled = _mm_xor_si128(
        _mm256_castsi256_si128(half),
        _mm256_extracti128_si256::<1>(half),
    );
    let product = _mm_clmulepi64_si128::<0x01>(scaled, _mm_cvtsi64_si128(MU as i64));
    let quotient = _mm_extract_epi64::<1>(_mm_xor_si128(scaled, product)) as u64;
    let low = _mm_cvtsi128_si64(scaled) as u64 >> 48;
    (quotient ^ quotient << 5 ^ quotient << 12 ^ low) as u16
}

#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq,pclmulqdq")]
fn checksum(bytes: &[u8]) -> u16 {
    if bytes.len() > WINDOW {
        return long_sum(bytes);
    }
    // SAFETY: the bytes in front of the slice's end are those of the slice.
    let window = unsafe { load_last(bytes.as_ptr_range().end, bytes.len()) };
    reduce_one(scaled(reversed(window)))
}

#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq,pclmulqdq,bmi1,bmi2,lzcnt")]
fn key_sum(key: &[u8]) -> u16 {
    if key.len() > WINDOW {
        return checksum(hashed_part(key));
    }
    let end = key.as_ptr_range().end;
    // SAFETY: the bytes in front of the slice's end are those of the slice.
    let mut window = unsafe { load_last(end, key.len()) };
    let open = find(window, b'{');
    if open != 0 {
        let close = find(window, b'}');
        // Counted from the window's beginning.
        if let Some(tag) = tag_in_window(WINDOW as u32, open, close) {
            let end_of_tag = end.wrapping_sub(WINDOW - tag.end as usize);
            // SAFETY: the tag lies between braces of the key, and the key at the
            // end of the window.
            window = unsafe { load_last(end_of_tag, (tag.end - tag.start) as usize) };
        }
    }
    reduce_one(scaled(reversed(window)))
}

/// More than a window: the first part alone, so that the rest is whole windows,
/// then folded forward by a window at a time.
#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq,pclmulqdq")]
fn long_sum(bytes: &[u8]) -> u16 {
    let (high, low) = const { fold(8 * WINDOW as u32) };
    let forward = _mm512_broadcast_i32x4(_mm_set_epi64x(high as i64, low as i64));
    let (head, windows) = bytes.as_rchunks::<WINDOW>();
    // SAFETY: the bytes in front of the slice's end are those of the slice.
    let head = unsafe { load_last(head.as_ptr_range().end, head.len()) };
    let mut sum = reversed(head);
    for window in windows {
        sum = _mm512_xor_si512(multiplied(sum, forward), reversed(load(window)));
    }
    reduce_one(scaled(sum))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; WINDOW]) -> __m512i {
    // SAFETY: the array has the 64 bytes that are read.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Where in a window a byte is: bit n is byte n.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn find(window: __m512i, byte: u8) -> u64 {
    _mm512_cmpeq_epi8_mask(window, _mm512_set1_epi8(byte as i8))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn zero_to_63() -> __m512i {
    const PLACES: [u8; WINDOW] = {
        let mut places = [0; WINDOW];
        let mut place = 0;
        while place < WINDOW {
            places[place] = place as u8;
            place += 1;
        }
        places
    };
    load(&PLACES)
}
