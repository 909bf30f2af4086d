//! PCLMULQDQ: one multiplication of 64 by 64 bits at a time (Westmere, Bulldozer and later).
//!
//! A key is held in four blocks of 16 bytes, the last block first, the bytes of
//! each reversed, so that a register is a polynomial with its highest power on
//! top. In that order bit n of a comparison is the byte n places in front of
//! the key's last one.

mod batch;

use batch::{hash, narrow};

use super::super::Tier;
use super::super::constants::{MU, REVERSAL, WINDOW, WORD, fold, reversal_at};
use super::super::window::{self, BLOCK, FEW, Halves, MANY, Windows};
use crate::slot::ends::Ends;
use crate::slot::hash_tag::hashed_part;
use std::arch::x86_64::*;

/// The proof that this processor has PCLMULQDQ and SSE4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::slot::crc16) struct Pclmul(());

impl Pclmul {
    /// The proof, if the processor gives it.
    pub(in crate::slot::crc16) fn new() -> Option<Pclmul> {
        let has_all = is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("sse4.2")
            && is_x86_feature_detected!("popcnt");
        has_all.then_some(Pclmul(()))
    }
}

// A value comes from `new` alone, which asked for PCLMULQDQ, SSE4.2 and POPCNT.
impl Tier for Pclmul {
    safe_calls!(one key);
    safe_calls!(many keys);
}

impl Windows for Pclmul {
    const FEW_TAGS: usize = BLOCK / 2;
    const HALVES: Halves = Halves::Always;

    safe_calls!(windows);
}

/// A window's blocks, the one at the end of the message first.
type Blocks = [__m128i; 4];

#[target_feature(enable = "pclmulqdq,sse4.2,popcnt")]
fn checksum(bytes: &[u8]) -> u16 {
    match bytes.len() {
        0..16 => reduce(scaled(short_block(bytes), 0)),
        16..=WINDOW => sum_of_blocks(first_blocks(bytes, bytes.len())),
        _ => long_sum(bytes),
    }
}

#[target_feature(enable = "pclmulqdq,sse4.2,popcnt")]
fn key_sum(key: &[u8]) -> u16 {
    match key.len() {
        0..16 => {
            let block = short_block(key);
            match u64::from(find_in(block, b'{')) {
                0 => reduce(scaled(block, 0)),
                open => tag_sum(key, open, u64::from(find_in(block, b'}'))),
            }
        }
        16..=WINDOW => {
            let blocks = first_blocks(key, key.len());
            match find(blocks, b'{') {
                0 => sum_of_blocks(blocks),
                open => tag_sum(key, open, find(blocks, b'}')),
            }
        }
        _ => checksum(hashed_part(key)),
    }
}

/// The checksum of a key of at most a window that has a `{`; bit n of the masks
/// is the byte n places in front of the last one.
#[target_feature(enable = "pclmulqdq,sse4.2,popcnt")]
fn tag_sum(key: &[u8], open: u64, close: u64) -> u16 {
    let first = 63 - open.leading_zeros() as usize;
    let close = close & ((1 << first) - 1);
    let last = 63usize.saturating_sub(close.leading_zeros() as usize);
    if close == 0 || first == last + 1 {
        return checksum(key);
    }
    checksum(&key[key.len() - first..key.len() - 1 - last])
}

/// Up to 15 bytes as the low end of a block.
#[inline]
#[target_feature(enable = "sse4.2")]
fn short_block(bytes: &[u8]) -> __m128i {
    let length = bytes.len();
    // Two loads that overlap, the same bits in the same place where they do.
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        // In two steps, because all 64 bits of it go when the length is 8.
        let high = u64::from_be_bytes(*first) >> 8 >> (8 * (15 - length));
        return _mm_set_epi64x(high as i64, u64::from_be_bytes(*last) as i64);
    }
    let word = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            let first = u64::from(u32::from_be_bytes(*first));
            first << (8 * (length - 4)) | u64::from(u32::from_be_bytes(*last))
        }
        _ => bytes
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    _mm_cvtsi64_si128(word as i64)
}

/// The first `count` bytes, at most a window of them, of at least 16.
#[inline]
#[target_feature(enable = "sse4.2")]
fn first_blocks(bytes: &[u8], count: usize) -> Blocks {
    assert!(bytes.len() >= 16 && count <= bytes.len() && count <= WINDOW);
    [0, 16, 32, 48].map(|behind| {
        let wanted = count as isize - behind;
        let at = (wanted - 16).max(0) as usize;
        // SAFETY: `at` is 0 or at most count - 16, so that 16 bytes from there
        // are within `bytes`; and `reversal_at` of more than -48 is at most 64,
        // 16 bytes from where are within `REVERSAL`.
        let (block, shuffle) = unsafe {
            (
                _mm_loadu_si128(bytes.as_ptr().add(at).cast()),
                _mm_loadu_si128(REVERSAL.as_ptr().add(reversal_at(wanted)).cast()),
            )
        };
        _mm_shuffle_epi8(block, shuffle)
    })
}

/// The blocks of 64 whole bytes.
#[inline]
#[target_feature(enable = "sse4.2")]
fn whole_blocks(bytes: &[u8; WINDOW]) -> Blocks {
    load::<_, 4>(bytes).map(|block| _mm_shuffle_epi8(block, reverse()))
}

/// All bytes, the last 16 first, not reversed.
#[inline]
#[target_feature(enable = "sse4.2")]
fn load<const BYTES: usize, const BLOCKS: usize>(bytes: &[u8; BYTES]) -> [__m128i; BLOCKS] {
    const { assert!(BYTES == 16 * BLOCKS) };
    std::array::from_fn(|n| {
        // SAFETY: 16 bytes from at most `BYTES` - 16 on are within the array.
        unsafe { _mm_loadu_si128(bytes.as_ptr().add(BYTES - 16 - 16 * n).cast()) }
    })
}

#[inline]
#[target_feature(enable = "sse4.2")]
fn reverse() -> __m128i {
    _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f)
}

/// Where in a block a byte is: a bit each, in the block's order.
#[inline]
#[target_feature(enable = "sse4.2")]
fn find_in(block: __m128i, byte: u8) -> u16 {
    _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(byte as i8))) as u16
}

/// Where in the blocks a byte is; the bits of the first block are the low ones.
#[inline]
#[target_feature(enable = "sse4.2")]
fn find(blocks: Blocks, byte: u8) -> u64 {
    let found = blocks.map(|block| u64::from(find_in(block, byte)));
    found[0] | found[1] << 16 | found[2] << 32 | found[3] << 48
}

/// A block multiplied to its place: `place` blocks stand behind it.
#[inline]
#[target_feature(enable = "pclmulqdq,sse4.2")]
fn scaled(block: __m128i, place: usize) -> __m128i {
    let words = _mm_set_epi64x(WORD[2 * place + 1] as i64, WORD[2 * place] as i64);
    multiplied(block, words)
}

/// The sum of the products of the high words and of the low words.
#[inline]
#[target_feature(enable = "pclmulqdq,sse4.2")]
fn multiplied(block: __m128i, words: __m128i) -> __m128i {
    _mm_xor_si128(
        _mm_clmulepi64_si128::<0x11>(block, words),
        _mm_clmulepi64_si128::<0x00>(block, words),
    )
}

/// E·x^48 of the last half of a window.
#[inline]
#[target_feature(enable = "pclmulqdq,sse4.2")]
fn scaled_half(blocks: [__m128i; 2]) -> __m128i {
    _mm_xor_si128(scaled(blocks[0], 0), scaled(blocks[1], 1))
}

/// E·x^48 of a window.
#[inline]
#[target_feature(enable = "pclmulqdq,sse4.2")]
fn scaled_sum(blocks: Blocks) -> __m128i {
    let near = scaled_half([blocks[0], blocks[1]]);
    let far = _mm_xor_si128(scaled(blocks[2], 2), scaled(blocks[3], 3));
    _mm_xor_si128(near, far)
}

#[inline]
#[target_feature(enable = "pclmulqdq,sse4.2")]
fn sum_of_blocks(blocks: Blocks) -> u16 {
    reduce(scaled_sum(blocks))
}

/// E mod P, from E·x^48: see [`MU`].
#[inline]
#[target_feature(enable = "pclmulqdq,sse4.2")]
fn reduce(scaled: __m128i) -> u16 {
    let product = _mm_clmulepi64_si128::<0x01>(scaled, _mm_cvtsi64_si128(MU as i64));
    let quotient = _mm_extract_epi64::<1>(_mm_xor_si128(scaled, product)) as u64;
    let low = _mm_cvtsi128_si64(scaled) as u64 >> 48;
    (quotient ^ quotient << 5 ^ quotient << 12 ^ low) as u16
}

/// More than a window: its first part alone, so that the rest is whole windows,
/// and then the blocks folded forward by a window at a time.
#[target_feature(enable = "pclmulqdq,sse4.2,popcnt")]
fn long_sum(bytes: &[u8]) -> u16 {
    let (high, low) = const { fold(8 * WINDOW as u32) };
    let forward = _mm_set_epi64x(high as i64, low as i64);
    let head = (bytes.len() - 1) % WINDOW + 1;
    let mut blocks = first_blocks(bytes, head);
    for window in bytes[head..].as_chunks().0 {
        let next = whole_blocks(window);
        for (block, next) in blocks.iter_mut().zip(next) {
            *block = _mm_xor_si128(multiplied(*block, forward), next);
        }
    }
    sum_of_blocks(blocks)
}

/// Where in a window a byte is: bit n is byte n.
#[inline]
#[target_feature(enable = "sse4.2")]
fn find_forward(window: &[u8; WINDOW], byte: u8) -> u64 {
    let [d, c, b, a] = load(window);
    find([a, b, c, d], byte)
}

#[target_feature(enable = "sse4.2,popcnt")]
fn separators(text: &[u8], separator: u8, base: u32, ends: &mut Ends) -> usize {
    window::separators::<FEW>(text, base, ends, |window| find_forward(window, separator))
}

#[target_feature(enable = "sse4.2,popcnt")]
fn either(text: &[u8], [one, other]: [u8; 2], ends: &mut Ends) -> usize {
    window::separators::<MANY>(text, 0, ends, |window| {
        find_forward(window, one) | find_forward(window, other)
    })
}
