//! Short texts that come again and again, looked up instead of read again.

/// How many texts are remembered: a dump has a few dozen.
const ENTRIES: usize = 64;

/// A text of at most 15 bytes, its other bytes zero, such that no two texts are the same.
pub(super) type Short = [u64; 2];

/// No text: one of 16 bytes.
const NONE: Short = [u64::MAX; 2];

/// What texts mean; a text takes the place of another one when there is none left.
#[derive(Clone, Debug)]
pub(super) struct Memo<Meaning>([(Short, Option<Meaning>); ENTRIES]);

impl<Meaning: Copy> Default for Memo<Meaning> {
    fn default() -> Self {
        Memo([(NONE, None); ENTRIES])
    }
}

impl<Meaning: Copy> Memo<Meaning> {
    /// What a text means; `read` says so when it isn't known, or that it means nothing.
    #[inline]
    pub(super) fn meaning(
        &mut self,
        text: Short,
        read: impl FnOnce() -> Option<Meaning>,
    ) -> Option<Meaning> {
        let mixed = (text[0] ^ text[1].rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let entry = &mut self.0[(mixed >> 58) as usize];
        if entry.0 != text {
            *entry = (text, read());
        }
        entry.1
    }
}

/// The first `length` bytes, at most 15, of two words.
#[inline]
pub(super) fn first(bytes: &[u8; 16], length: usize) -> Option<Short> {
    let [low, high] = words(bytes);
    let [low_mask, high_mask] = FIRST.get(length)?;
    Some([low & low_mask, high & high_mask])
}

/// The last `length` bytes, at most 15, of two words. The length is added: a text may begin with zeros.
#[inline]
pub(super) fn last(bytes: &[u8; 16], length: usize) -> Option<Short> {
    let [low, high] = words(bytes);
    let [low_mask, high_mask] = LAST.get(length)?;
    Some([low & low_mask | length as u64, high & high_mask])
}

#[inline]
fn words(bytes: &[u8; 16]) -> Short {
    let both = u128::from_le_bytes(*bytes);
    [both as u64, (both >> 64) as u64]
}

static FIRST: [Short; 16] = masks(false);
static LAST: [Short; 16] = masks(true);

const fn masks(are_last: bool) -> [Short; 16] {
    let mut masks = [[0; 2]; 16];
    let mut length = 1;
    while length < 16 {
        let unused = 128 - 8 * length as u32;
        let mask = if are_last {
            u128::MAX << unused
        } else {
            u128::MAX >> unused
        };
        masks[length] = [mask as u64, (mask >> 64) as u64];
        length += 1;
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn texts_are_told_apart_and_read_once() {
        let mut memo = Memo::default();
        let bytes = b"\0\0stringhashset\0";
        let mut texts: HashMap<Short, Vec<u8>> = HashMap::new();
        for length in 0..16 {
            let text = last(bytes, length).expect("a short text");
            let known = texts.insert(text, bytes[16 - length..].to_vec());
            assert_eq!(known, None);
            assert_eq!(memo.meaning(text, || Some(length)), Some(length));
            assert_eq!(memo.meaning(text, || unreachable!()), Some(length));
        }
        assert_eq!(
            first(b"0,set,\0\0 ,more,,", 6),
            first(b"0,set,,a,key,10,", 6)
        );
        assert_ne!(
            first(b"0,set,0,set,0,se", 6),
            first(b"0,set,0,set,0,se", 12)
        );
        assert_eq!((first(bytes, 16), last(bytes, 16)), (None, None));
    }
}
