//! The tiers of x86-64.

pub(super) mod avx2;
pub(super) mod avx512;
pub(super) mod pclmul;

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// How far in front of a key the memory is asked for. A pass over a list looks
/// at a piece of this size twice: what is asked for while the keys of one piece
/// are hashed is the next piece, whole.
const AHEAD: usize = 24 * 1024;

/// Asks for the memory that keys some way behind this window are in.
#[inline(always)]
fn prefetch(window: *const u8) {
    // SAFETY: a prefetch of any address is a hint that never faults, and SSE is
    // part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(window.wrapping_add(AHEAD).cast()) }
}
