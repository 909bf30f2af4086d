//! Finds a hash tag for a slot.

use super::{SLOT_COUNT, Slot};
use std::sync::LazyLock;

const LETTERS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Tags of four characters reach every slot a hundred times over.
const MAX_TAG_BYTES: usize = 4;

/// The first tag of each slot, shortest tags first.
static TAGS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut tags = vec![Vec::new(); SLOT_COUNT];
    let mut missing = SLOT_COUNT;
    for length in 1..=MAX_TAG_BYTES {
        for number in 0..LETTERS.len().pow(length as u32) {
            let tag = tag(number, length);
            let place = &mut tags[Slot::for_key(&tag).index()];
            if place.is_empty() {
                *place = tag;
                missing -= 1;
            }
            if missing == 0 {
                return tags;
            }
        }
    }
    tags
});

/// The shortest hash tag of digits and small letters that leads to a slot: what is between `{`
/// and `}`.
///
/// ```
/// # use slotkit::slot::{Slot, tag_for};
/// let key = [b"{", tag_for(Slot::MAX), b"}:mine"].concat();
/// assert_eq!(Slot::for_key(&key), Slot::MAX);
/// ```
pub fn tag_for(slot: Slot) -> &'static [u8] {
    &TAGS[slot.index()]
}

fn tag(mut number: usize, length: usize) -> Vec<u8> {
    let mut tag = Vec::with_capacity(length);
    for _ in 0..length {
        tag.push(LETTERS[number % LETTERS.len()]);
        number /= LETTERS.len();
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_tag() {
        for slot in Slot::all() {
            let key = [b"{", tag_for(slot), b"}"].concat();
            assert_eq!(Slot::for_key(&key), slot);
        }
    }
}
