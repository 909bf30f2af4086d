//! The tiers of x86-64.

pub(super) mod avx2;
pub(super) mod avx512;
pub(super) mod pclmul;

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// How far in front of a key the memory is asked for: some hundred nanoseconds of
/// work, and little enough to stay in the first-level cache.
const AHEAD: usize = 8 * 1024;

/// Asks for the memory that keys some way behind this window are in.
#[inline(always)]
fn prefetch(window: *const u8) {
    // SAFETY: a prefetch of any address is a hint that never faults, and SSE is
    // part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(window.wrapping_add(AHEAD).cast()) }
}
