//! AVX-512 with VPCLMULQDQ and GFNI (Ice Lake, Zen 4 and later).
//!
//! One key is multiplied, four words at a time; many keys go by matrices of bits
//! (see [`affine`]), which ask less of the ports that are busiest.
//!
//! A window is one register. One key alone is loaded under a mask, which touches
//! nothing outside the key: a masked byte can't fault.

use super::super::Tier;
use super::super::constants::{MU, WINDOW, WORD, fold};
use super::super::window::{self, BLOCK, Block, Halves, Held, PutOff, Windows, tag_in_window};
use super::affine::{self, words_to_last};
use super::prefetch;
use crate::slot::hash_tag::hashed_part;
use crate::slot::list::{Cursor, Ends};
use crate::slot::{KeySpan, Slot};
use std::arch::x86_64::*;

/// The proof that this processor has AVX-512 with all that Ice Lake and Zen 4
/// added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Avx512(());

impl Avx512 {
    /// The proof, if the processor gives it.
    pub(in super::super) fn new() -> Option<Avx512> {
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

impl Tier for Avx512 {
    #[inline]
    fn checksum(self, bytes: &[u8]) -> u16 {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe { checksum(bytes) }
    }

    #[inline]
    fn key_sum(self, key: &[u8]) -> u16 {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe { key_sum(key) }
    }

    fn slots_of(self, buffer: &[u8], spans: &[KeySpan], slots: &mut [Slot], tags_first: &mut bool) {
        window::slots_of(self, buffer, spans, slots, tags_first);
    }

    fn separators(self, text: &[u8], separator: u8, base: u32, ends: &mut Ends) -> usize {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe { separators(text, separator, base, ends) }
    }
}

impl Windows for Avx512 {
    const FEW_TAGS: usize = BLOCK / 4;
    const HALVES: Halves = Halves::Never;

    fn hash<const LOOK: bool>(
        self,
        block: Block<'_>,
        slots: &mut [Slot; BLOCK],
        put_off: &mut PutOff,
    ) -> u64 {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe { hash::<LOOK>(block, slots, put_off) }
    }

    fn narrow(self, block: Block<'_>, parts: &mut [KeySpan; BLOCK]) -> usize {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe { narrow(block, parts) }
    }
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

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,gfni,bmi1,bmi2,popcnt")]
fn hash<const LOOK: bool>(
    block: Block<'_>,
    slots: &mut [Slot; BLOCK],
    put_off: &mut PutOff,
) -> u64 {
    let groups = block.count / 8;
    // Hidden from the compiler, which would make a shuffle of what it selects, on
    // a port that is busy enough.
    let upper_half = std::hint::black_box(0b1111_0000);
    let (open, alone) = window::with_held(block.buffer, block.spans, |held| {
        // One step for all keys after the other: a step is long, and the
        // processor sees only so far ahead.
        let mut open = [0; BLOCK / 8];
        let mut sums = [[_mm512_setzero_si512(); 2]; BLOCK / 8];
        for (group, (open, sums)) in open.iter_mut().zip(&mut sums).enumerate().take(groups) {
            *sums = words_of_eight::<LOOK>(&held, 8 * group, upper_half, open);
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
    held: &Held<'_>,
    first: usize,
    upper_half: __mmask8,
    open: &mut u8,
) -> [__m512i; 2] {
    let keys: [__m512i; 8] = std::array::from_fn(|n| {
        let (window, mask) = held.masked(first + n);
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

/// [`window::narrow`] without a branch: where the braces are for all keys, then
/// the rule of [`hash_tag`](crate::slot::hash_tag) for eight at a time.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,bmi1,bmi2,popcnt")]
fn narrow(block: Block<'_>, parts: &mut [KeySpan; BLOCK]) -> usize {
    let (tags, _) = window::with_held(block.buffer, block.spans, |held| {
        // All are written before the first is read: a read of eight words waits
        // until their writes have left the processor.
        let braces: [[u64; BLOCK]; 2] = [b'{', b'}']
            .map(|brace| std::array::from_fn(|key| find(load(held.window(key).0), brace)));
        let [open, close] = &braces;
        let eights = parts.as_chunks_mut().0.iter_mut().enumerate();
        let mut tags = 0;
        for (eight, parts) in eights.take(block.count / 8) {
            let keys = &held.spans().as_chunks().0[eight];
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

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt,bmi1")]
fn separators(text: &[u8], separator: u8, base: u32, ends: &mut Ends) -> usize {
    let mut ends = ends.cursor();
    let (windows, rest) = text.as_chunks::<WINDOW>();
    let mut seen = 0;
    for window in windows {
        if ends.is_full() {
            break;
        }
        push_places(find(load(window), separator), base + seen as u32, &mut ends);
        seen += WINDOW;
    }
    if seen == windows.len() * WINDOW && !ends.is_full() {
        let in_text = FIRST[rest.len()];
        // SAFETY: only the bytes of the rest are read.
        let last = unsafe { _mm512_maskz_loadu_epi8(in_text, rest.as_ptr().cast()) };
        push_places(
            find(last, separator) & in_text,
            base + seen as u32,
            &mut ends,
        );
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
        return ends.push_bits(found, base);
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
