//! Safe wrappers of the vector tiers: from a value that is the proof of a processor's
//! features to the functions of its file that are compiled with them.
//!
//! Each tier writes beside its safe calls what its value proves. A function that has more
//! features than the caller's is unsafe to call, and the compiler doesn't see that a
//! `self` was made by a `new` that asked for them.

/// Methods of a tier that call the functions of the same name in the tier's file.
///
/// To be written in an `impl` block of a type whose values prove that the processor
/// has the features of those functions.
macro_rules! safe_calls {
    // `Tier`, one key.
    (one key) => {
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
    };
    // `Tier`, many keys.
    (many keys) => {
        fn slots_of(
            self,
            buffer: &[u8],
            spans: &[$crate::slot::KeySpan],
            slots: &mut [$crate::slot::Slot],
            tags_first: &mut bool,
        ) {
            $crate::slot::crc16::window::slots_of(self, buffer, spans, slots, tags_first);
        }

        fn separators(
            self,
            text: &[u8],
            separator: u8,
            base: u32,
            ends: &mut $crate::slot::ends::Ends,
        ) -> usize {
            // SAFETY: `self` is the proof that the processor has the features.
            unsafe { separators(text, separator, base, ends) }
        }

        fn either(self, text: &[u8], bytes: [u8; 2], ends: &mut $crate::slot::ends::Ends) -> usize {
            // SAFETY: `self` is the proof that the processor has the features.
            unsafe { either(text, bytes, ends) }
        }
    };
    // `Windows`.
    (windows) => {
        fn hash<const LOOK: bool>(
            self,
            block: $crate::slot::crc16::window::Block<'_>,
            slots: &mut [$crate::slot::Slot; $crate::slot::crc16::window::BLOCK],
            put_off: &mut $crate::slot::crc16::window::PutOff,
        ) -> u64 {
            // SAFETY: `self` is the proof that the processor has the features.
            unsafe { hash::<LOOK>(block, slots, put_off) }
        }

        fn narrow(
            self,
            block: $crate::slot::crc16::window::Block<'_>,
            parts: &mut [$crate::slot::KeySpan; $crate::slot::crc16::window::BLOCK],
        ) -> usize {
            // SAFETY: `self` is the proof that the processor has the features.
            unsafe { narrow(block, parts) }
        }
    };
}
