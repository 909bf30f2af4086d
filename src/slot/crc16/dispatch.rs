//! Selects the tier that this process uses, once, from what the processor has.

use super::Tier;
use super::bytewise::Bytewise;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
use super::neon::Neon;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::x86::{avx2::Avx2, avx512::Avx512, pclmul::Pclmul};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::ends::Ends;
use crate::slot::{KeySpan, Slot};
use std::ffi::OsStr;
use std::fmt;
use std::sync::OnceLock;

/// The environment variable that forces a kernel by its name.
pub const KERNEL_VARIABLE: &str = "SLOTKIT_KERNEL";

/// One way to compute slots that this processor is able to run.
///
/// All kernels give the same answers; they differ in speed. The functions of
/// [`slot`](crate::slot) use the fastest one; a value of this type names and
/// uses a certain one, for tests, benches and reports. Having one is the proof
/// that the processor has the instructions.
///
/// ```
/// use slotkit::slot::{Kernel, Slot};
/// for kernel in Kernel::available() {
///     assert_eq!(kernel.slot_of(b"hello").number(), 866, "{kernel}");
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kernel(AnyTier);

#[derive(Clone, Copy, PartialEq, Eq)]
enum AnyTier {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Pclmul(Pclmul),
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    Neon(Neon),
    Portable(Portable),
    Bytewise(Bytewise),
}

/// Calls the same function of whichever tier it is.
macro_rules! on_tier {
    ($kernel:expr, $tier:ident => $call:expr) => {
        match $kernel.0 {
            #[cfg(target_arch = "x86_64")]
            AnyTier::Avx512($tier) => $call,
            #[cfg(target_arch = "x86_64")]
            AnyTier::Avx2($tier) => $call,
            #[cfg(target_arch = "x86_64")]
            AnyTier::Pclmul($tier) => $call,
            #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
            AnyTier::Neon($tier) => $call,
            AnyTier::Portable($tier) => $call,
            AnyTier::Bytewise($tier) => $call,
        }
    };
}

impl Kernel {
    /// The kernels that this processor can run, the fastest first. Never empty.
    pub fn available() -> Vec<Kernel> {
        let tiers = [
            #[cfg(target_arch = "x86_64")]
            Avx512::new().map(AnyTier::Avx512),
            #[cfg(target_arch = "x86_64")]
            Avx2::new().map(AnyTier::Avx2),
            #[cfg(target_arch = "x86_64")]
            Pclmul::new().map(AnyTier::Pclmul),
            #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
            Neon::new().map(AnyTier::Neon),
            Some(AnyTier::Portable(Portable)),
            Some(AnyTier::Bytewise(Bytewise)),
        ];
        tiers.into_iter().flatten().map(Kernel).collect()
    }

    /// The fastest kernel of this processor, whatever the environment says.
    pub fn fastest() -> Kernel {
        Kernel::available()[0]
    }

    /// The kernel of this name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is no such kernel, or this processor
    /// can't run it; the fix lists those it can.
    pub fn by_name(name: &str) -> Result<Kernel> {
        let available = Kernel::available();
        if let Some(kernel) = available.iter().find(|kernel| kernel.name() == name) {
            return Ok(*kernel);
        }
        let message = if NAMES.contains(&name) {
            format!("this processor can't run the kernel `{name}`")
        } else {
            format!("there is no kernel `{}`", crate::escape::quoted(name))
        };
        let names: Vec<&str> = available.iter().map(|kernel| kernel.name()).collect();
        Err(Error::new(ErrorKind::Usage, message)
            .fix(format!("available here: {}", names.join(", "))))
    }

    /// The kernel's name, as [`KERNEL_VARIABLE`] takes it.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            AnyTier::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            AnyTier::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            AnyTier::Pclmul(_) => "pclmul",
            #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
            AnyTier::Neon(_) => "neon",
            AnyTier::Portable(_) => "portable",
            AnyTier::Bytewise(_) => "crc16",
        }
    }

    /// As [`checksum`](crate::slot::checksum), on this kernel.
    #[inline]
    pub fn checksum(self, bytes: &[u8]) -> u16 {
        on_tier!(self, tier => tier.checksum(bytes))
    }

    /// As [`Slot::for_key`], on this kernel.
    #[inline]
    pub fn slot_of(self, key: &[u8]) -> Slot {
        Slot::from_crc(on_tier!(self, tier => tier.key_sum(key)))
    }

    /// As [`slots_of`](crate::slot::slots_of), on this kernel.
    ///
    /// # Panics
    /// When there are not as many slots as spans, or a span doesn't lie in the buffer.
    pub fn slots_of(self, buffer: &[u8], spans: &[KeySpan], slots: &mut [Slot]) {
        self.slots_of_more(buffer, spans, slots, &mut false);
    }

    /// As [`slots_of`](Kernel::slots_of), in batches that follow one another:
    /// see [`Tier::slots_of`].
    pub(in crate::slot) fn slots_of_more(
        self,
        buffer: &[u8],
        spans: &[KeySpan],
        slots: &mut [Slot],
        tags_first: &mut bool,
    ) {
        assert_eq!(spans.len(), slots.len(), "one slot for each span");
        on_tier!(self, tier => tier.slots_of(buffer, spans, slots, tags_first));
    }

    /// See [`Tier::separators`].
    pub(in crate::slot) fn separators(
        self,
        text: &[u8],
        separator: u8,
        base: u32,
        ends: &mut Ends,
    ) -> usize {
        on_tier!(self, tier => tier.separators(text, separator, base, ends))
    }

    /// See [`Tier::either`].
    pub(in crate::slot) fn either(self, text: &[u8], bytes: [u8; 2], ends: &mut Ends) -> usize {
        on_tier!(self, tier => tier.either(text, bytes, ends))
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernel({})", self.name())
    }
}

/// Every kernel's name, on all machines: to tell "unknown" from "not here".
const NAMES: [&str; 6] = ["avx512", "avx2", "pclmul", "neon", "portable", "crc16"];

/// The kernel that the functions of [`slot`](crate::slot) use: the one that
/// [`KERNEL_VARIABLE`] names, or the fastest one when it is unset or empty.
///
/// A program that wants a wrong name to be an error calls this once at its
/// start. The slot functions themselves can't fail because of an environment
/// variable: on a name that can't be had they use the fastest kernel.
///
/// # Errors
/// [`ErrorKind::Usage`] when the variable names an unknown kernel, or one that
/// this processor can't run.
pub fn kernel() -> Result<Kernel> {
    from_environment(std::env::var_os(KERNEL_VARIABLE).as_deref())
}

fn from_environment(name: Option<&OsStr>) -> Result<Kernel> {
    match name {
        None => Ok(Kernel::fastest()),
        Some(name) if name.is_empty() => Ok(Kernel::fastest()),
        Some(name) => Kernel::by_name(&name.to_string_lossy()).map_err(|error| {
            let message = format!("{KERNEL_VARIABLE}: {}", error.message());
            let fix = error.fix_text().unwrap_or_default();
            Error::new(error.kind(), message).fix(fix)
        }),
    }
}

/// The kernel of this process.
#[inline]
pub(in crate::slot) fn selected_kernel() -> Kernel {
    static CHOSEN: OnceLock<Kernel> = OnceLock::new();
    *CHOSEN.get_or_init(|| kernel().unwrap_or_else(|_| Kernel::fastest()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_is_found_by_its_name() {
        for kernel in Kernel::available() {
            assert_eq!(Kernel::by_name(kernel.name()).unwrap(), kernel);
            assert!(NAMES.contains(&kernel.name()));
        }
        assert_eq!(Kernel::fastest(), Kernel::available()[0]);
    }

    #[test]
    fn a_name_that_cannot_be_had_lists_what_there_is() {
        let unknown = from_environment(Some(OsStr::new("warp9"))).unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::Usage);
        assert!(
            unknown
                .one_line()
                .starts_with("SLOTKIT_KERNEL: there is no kernel `warp9`; available here: ")
        );
        assert!(unknown.one_line().contains("portable, crc16"));
        let absent = if cfg!(target_arch = "aarch64") {
            "avx2"
        } else {
            "neon"
        };
        let absent = from_environment(Some(OsStr::new(absent))).unwrap_err();
        assert!(absent.message().contains("this processor can't run"));
    }

    #[test]
    fn unset_and_empty_mean_the_fastest() {
        assert_eq!(from_environment(None).unwrap(), Kernel::fastest());
        assert_eq!(
            from_environment(Some(OsStr::new(""))).unwrap(),
            Kernel::fastest()
        );
        assert_eq!(
            from_environment(Some(OsStr::new("portable")))
                .unwrap()
                .name(),
            "portable"
        );
    }
}
