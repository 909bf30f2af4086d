//! `slotkit keyslot --for-slot`: finds a key for a slot.

use crate::error::{Error, ErrorKind, Result};
use crate::slot::Slot;

const LETTERS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Tags of four characters reach every slot a hundred times over.
const MAX_TAG_BYTES: usize = 4;

/// The first key of the form `prefix{tag}` in this slot, shortest tags first.
///
/// # Errors
/// When the prefix has a hash tag of its own, which decides the slot alone.
pub(super) fn key_for(slot: Slot, prefix: &[u8]) -> Result<Vec<u8>> {
    let mut key = Vec::with_capacity(prefix.len() + MAX_TAG_BYTES + 2);
    for length in 1..=MAX_TAG_BYTES {
        for number in 0..LETTERS.len().pow(length as u32) {
            key.clear();
            key.extend_from_slice(prefix);
            key.push(b'{');
            push_tag(&mut key, number, length);
            key.push(b'}');
            if Slot::for_key(&key) == slot {
                return Ok(key);
            }
        }
    }
    let message = "the prefix has a hash tag of its own, which decides the slot whatever follows";
    Err(Error::new(ErrorKind::Usage, message).fix("leave the braces out of --prefix"))
}

fn push_tag(key: &mut Vec<u8>, mut number: usize, length: usize) {
    for _ in 0..length {
        key.push(LETTERS[number % LETTERS.len()]);
        number /= LETTERS.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_key() {
        for slot in Slot::all().step_by(97).chain([Slot::MAX]) {
            let key = key_for(slot, b"p").expect("a key");
            assert_eq!(Slot::for_key(&key), slot);
            assert!(key.starts_with(b"p{") && key.ends_with(b"}"));
        }
        assert!(key_for(Slot::MIN, b"a{b}").is_err());
    }
}
