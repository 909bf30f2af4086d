//! PMULL: one multiplication of 64 by 64 bits at a time, on aarch64.
//!
//! The design is that of the PCLMULQDQ tier: a key in four blocks of 16 bytes,
//! the last block first, the bytes of each reversed. A look-up (`TBL`) gives
//! zero for an index out of range, so that one look-up masks and reverses.

use super::Tier;
use super::constants::{MU, REVERSAL, WINDOW, WORD, fold, reversal_at};
use super::window::{self, BLOCK, Block, FEW, HALF, Halves, MANY, PutOff, Window, Windows};
use crate::slot::ends::Ends;
use crate::slot::hash_tag::hashed_part;
use crate::slot::{KeySpan, Slot};
use std::arch::aarch64::*;
use std::arch::is_aarch64_feature_detected;

/// The proof that this processor has PMULL, which comes with `aes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Neon(());

impl Neon {
    /// The proof, if the processor gives it.
    pub(super) fn new() -> Option<Neon> {
        let has_all = is_aarch64_feature_detected!("neon")
            && is_aarch64_feature_detected!("aes")
            && is_aarch64_feature_detected!("pmull");
        has_all.then_some(Neon(()))
    }
}

// A value comes from `new` alone, which asked for NEON and PMULL.
impl Tier for Neon {
    safe_calls!(one key);
    safe_calls!(many keys);
}

impl Windows for Neon {
    const FEW_TAGS: usize = BLOCK / 2;
    const HALVES: Halves = Halves::OfTags;

    safe_calls!(windows);
}

/// A window's blocks, the one at the end of the message first.
type Blocks = [uint8x16_t; 4];

#[target_feature(enable = "neon,aes")]
fn checksum(bytes: &[u8]) -> u16 {
    match bytes.len() {
        0..16 => short_sum(bytes),
        16..=WINDOW => reduce(scaled_sum(first_blocks(bytes, bytes.len()))),
        _ => long_sum(bytes),
    }
}

#[target_feature(enable = "neon,aes")]
fn key_sum(key: &[u8]) -> u16 {
    match key.len() {
        0..16 => short_sum(hashed_part(key)),
        16..=WINDOW => {
            let blocks = first_blocks(key, key.len());
            if any_open_brace_of(blocks) {
                checksum(hashed_part(key))
            } else {
                reduce(scaled_sum(blocks))
            }
        }
        _ => checksum(hashed_part(key)),
    }
}

/// Up to 15 bytes.
#[inline]
#[target_feature(enable = "neon,aes")]
fn short_sum(bytes: &[u8]) -> u16 {
    let mut padded = [0; 16];
    padded[16 - bytes.len()..].copy_from_slice(bytes);
    let number = u128::from_be_bytes(padded);
    let block = vreinterpretq_u8_u64(vcombine_u64(
        vcreate_u64(number as u64),
        vcreate_u64((number >> 64) as u64),
    ));
    reduce(multiplied(block, WORD[1], WORD[0]))
}

/// Whether a `{` is in two blocks.
#[inline]
#[target_feature(enable = "neon")]
fn any_open_brace(near: uint8x16_t, far: uint8x16_t) -> bool {
    let [near, far] = [near, far].map(|block| vceqq_u8(block, vdupq_n_u8(b'{')));
    vmaxvq_u8(vorrq_u8(near, far)) != 0
}

/// Whether a `{` is in the blocks of a window.
#[inline]
#[target_feature(enable = "neon")]
fn any_open_brace_of([a, b, c, d]: Blocks) -> bool {
    let [a, b, c, d] = [a, b, c, d].map(|block| vceqq_u8(block, vdupq_n_u8(b'{')));
    vmaxvq_u8(vorrq_u8(vorrq_u8(a, b), vorrq_u8(c, d))) != 0
}

/// The first `count` bytes, at most a window of them, of at least 16.
#[inline]
#[target_feature(enable = "neon")]
fn first_blocks(bytes: &[u8], count: usize) -> Blocks {
    assert!(bytes.len() >= 16 && count <= bytes.len() && count <= WINDOW);
    [0, 16, 32, 48].map(|behind| {
        let wanted = count as isize - behind;
        let at = (wanted - 16).max(0) as usize;
        // SAFETY: `at` is 0 or at most count - 16, so that 16 bytes from there
        // are within `bytes`.
        let block = unsafe { vld1q_u8(bytes.as_ptr().add(at)) };
        vqtbl1q_u8(block, reversal(wanted))
    })
}

/// The look-up that reverses the first `bytes` bytes of a block, and masks the others.
#[inline]
#[target_feature(enable = "neon")]
fn reversal(bytes: isize) -> uint8x16_t {
    let indexes: &[u8; 16] = REVERSAL[reversal_at(bytes)..]
        .first_chunk()
        .expect("at most 64 behind the table's beginning");
    // SAFETY: the array has the 16 bytes that are read.
    unsafe { vld1q_u8(indexes.as_ptr()) }
}

/// All bytes, the last 16 first, not reversed.
#[inline]
#[target_feature(enable = "neon")]
fn load<const BYTES: usize, const BLOCKS: usize>(bytes: &[u8; BYTES]) -> [uint8x16_t; BLOCKS] {
    const { assert!(BYTES == 16 * BLOCKS) };
    // SAFETY: 16 bytes from at most `BYTES` - 16 on are within the array.
    std::array::from_fn(|n| unsafe { vld1q_u8(bytes.as_ptr().add(BYTES - 16 - 16 * n)) })
}

/// The sum of the products of the high words and of the low words.
#[inline]
#[target_feature(enable = "neon,aes")]
fn multiplied(block: uint8x16_t, high: u64, low: u64) -> uint64x2_t {
    let words = vreinterpretq_u64_u8(block);
    let high_product = vmull_p64(vgetq_lane_u64::<1>(words), high);
    let low_product = vmull_p64(vgetq_lane_u64::<0>(words), low);
    veorq_u64(
        vreinterpretq_u64_p128(high_product),
        vreinterpretq_u64_p128(low_product),
    )
}

/// E·x^48 of the last half of a window.
#[inline]
#[target_feature(enable = "neon,aes")]
fn scaled_half([near, far]: [uint8x16_t; 2]) -> uint64x2_t {
    veorq_u64(
        multiplied(near, WORD[1], WORD[0]),
        multiplied(far, WORD[3], WORD[2]),
    )
}

/// E·x^48 of a window.
#[inline]
#[target_feature(enable = "neon,aes")]
fn scaled_sum([a, b, c, d]: Blocks) -> uint64x2_t {
    let far = veorq_u64(
        multiplied(c, WORD[5], WORD[4]),
        multiplied(d, WORD[7], WORD[6]),
    );
    veorq_u64(scaled_half([a, b]), far)
}

/// E mod P, from E·x^48: see [`MU`].
#[inline]
#[target_feature(enable = "neon,aes")]
fn reduce(scaled: uint64x2_t) -> u16 {
    let high = vgetq_lane_u64::<1>(scaled);
    let product = vreinterpretq_u64_p128(vmull_p64(high, MU));
    let quotient = high ^ vgetq_lane_u64::<1>(product);
    let low = vgetq_lane_u64::<0>(scaled) >> 48;
    (quotient ^ quotient << 5 ^ quotient << 12 ^ low) as u16
}

/// More than a window: its first part alone, so that the rest is whole windows,
/// and then the blocks folded forward by a window at a time.
#[target_feature(enable = "neon,aes")]
fn long_sum(bytes: &[u8]) -> u16 {
    let (high, low) = const { fold(8 * WINDOW as u32) };
    let head = (bytes.len() - 1) % WINDOW + 1;
    let mut blocks = first_blocks(bytes, head);
    for window in bytes[head..].as_chunks::<WINDOW>().0 {
        let next: Blocks = load(window);
        for (block, next) in blocks.iter_mut().zip(next) {
            let folded = vreinterpretq_u8_u64(multiplied(*block, high, low));
            *block = veorq_u8(folded, vqtbl1q_u8(next, reversal(16)));
        }
    }
    reduce(scaled_sum(blocks))
}

/// A bit, of its place in eight, for each byte of a block that is this one.
#[inline]
#[target_feature(enable = "neon")]
fn bits_of(block: uint8x16_t, byte: u8) -> uint8x16_t {
    const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
    // SAFETY: the array has the 16 bytes that are read.
    let bits = unsafe { vld1q_u8(BITS.as_ptr()) };
    vandq_u8(vceqq_u8(block, vdupq_n_u8(byte)), bits)
}

/// Where in a window a byte is: bit n is byte n.
#[inline]
#[target_feature(enable = "neon")]
fn find(window: &[u8; WINDOW], byte: u8) -> u64 {
    let [d, c, b, a] = load(window).map(|block| bits_of(block, byte));
    // Three rounds of adding neighbours bring eight bits of eight bytes into one.
    let halves = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
    let whole = vpaddq_u8(halves, halves);
    vgetq_lane_u64::<0>(vreinterpretq_u64_u8(whole))
}

#[target_feature(enable = "neon")]
fn separators(text: &[u8], separator: u8, base: u32, ends: &mut Ends) -> usize {
    window::separators::<FEW>(text, base, ends, |window| find(window, separator))
}

#[target_feature(enable = "neon")]
fn either(text: &[u8], [one, other]: [u8; 2], ends: &mut Ends) -> usize {
    window::separators::<MANY>(text, 0, ends, |window| {
        find(window, one) | find(window, other)
    })
}

#[target_feature(enable = "neon,aes")]
fn hash<const LOOK: bool>(
    block: Block<'_>,
    slots: &mut [Slot; BLOCK],
    put_off: &mut PutOff,
) -> u64 {
    window::hash::<1, LOOK>(
        block,
        slots,
        put_off,
        |[(half, shuffle)]: [Window<'_, HALF>; 1]| {
            let [near, far] = shuffled(half, shuffle);
            let open = LOOK && any_open_brace(near, far);
            ([reduce(scaled_half([near, far]))], [open])
        },
        |[(window, shuffle)]: [Window<'_, WINDOW>; 1]| {
            let blocks = shuffled(window, shuffle);
            let open = LOOK && any_open_brace_of(blocks);
            ([reduce(scaled_sum(blocks))], [open])
        },
    )
}

#[target_feature(enable = "neon")]
fn narrow(block: Block<'_>, parts: &mut [KeySpan; BLOCK]) -> usize {
    window::narrow(
        block,
        parts,
        |half, byte| {
            let [b, a] = load(half).map(|block| bits_of(block, byte));
            let halves = vpaddq_u8(a, b);
            let quarters = vpaddq_u8(halves, halves);
            let whole = vpaddq_u8(quarters, quarters);
            vgetq_lane_u32::<0>(vreinterpretq_u32_u8(whole))
        },
        |window, byte| find(window, byte),
    )
}

/// The blocks of a window, or of half of one, of the bytes that count.
#[inline]
#[target_feature(enable = "neon")]
fn shuffled<const BYTES: usize, const BLOCKS: usize>(
    window: &[u8; BYTES],
    shuffle: &[u8; BYTES],
) -> [uint8x16_t; BLOCKS] {
    let (blocks, shuffles): ([_; BLOCKS], [_; BLOCKS]) = (load(window), load(shuffle));
    std::array::from_fn(|n| vqtbl1q_u8(blocks[n], shuffles[n]))
}
