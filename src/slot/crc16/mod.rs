//! CRC16/XMODEM behind one safe function.
//!
//! | tier | needs | one key | many keys |
//! |---|---|---|---|
//! | `avx512` | AVX-512 of Ice Lake and Zen 4, VPCLMULQDQ, GFNI | one 64-byte window | eight windows, by matrices of bits |
//! | `avx2` | AVX2, VPCLMULQDQ | as `pclmul` | four windows, one reduction |
//! | `pclmul` | PCLMULQDQ, SSE4.2 | four 16-byte blocks | two windows or halves, one reduction |
//! | `neon` | PMULL (aarch64) | four 16-byte blocks | a window at a time |
//! | `portable` | nothing | eight table look-ups a word | the same |
//! | `crc16` | nothing | the `crc16` crate | the same |
//!
//! `constants` has the arithmetic, `window` what the batches of all vector tiers
//! share, `dispatch` the choice.
//!
//! A value of a tier's type is the proof that this processor has what the tier
//! needs: only `new` of the tier makes one, and only after asking. That is what
//! makes the tiers' functions safe to call (`safe_calls`); all `unsafe` of slotkit is in
//! here.

#[macro_use]
mod safe_calls;

mod bytewise;
mod constants;
mod dispatch;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
mod portable;
#[cfg(test)]
mod tests;
mod window;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use dispatch::{KERNEL_VARIABLE, Kernel, kernel};

pub(super) use dispatch::selected_kernel;

use super::ends::Ends;
use super::{KeySpan, Slot};

/// What every tier can do. The answers are the same on all of them.
trait Tier: Copy {
    /// The checksum of some bytes, hash tags not looked for.
    fn checksum(self, bytes: &[u8]) -> u16;

    /// The checksum of the part of a key that decides its slot.
    fn key_sum(self, key: &[u8]) -> u16;

    /// The slots of many keys; as many slots as spans. `tags_first` tells a tier
    /// from one batch to the next of the same keys whether most have tags.
    ///
    /// # Panics
    /// When a span doesn't lie in the buffer.
    fn slots_of(self, buffer: &[u8], spans: &[KeySpan], slots: &mut [Slot], tags_first: &mut bool);

    /// Appends where `separator` is in `text`, `base` added, until the text is
    /// at its end or the list is full; says how many bytes were looked at.
    fn separators(self, text: &[u8], separator: u8, base: u32, ends: &mut Ends) -> usize;

    /// The same for where either of two bytes is, of which the text has many, without a base.
    fn either(self, text: &[u8], bytes: [u8; 2], ends: &mut Ends) -> usize;
}
