//! A cache of short texts that come again and again.

/// How many pairs of texts are remembered: a dump has a few dozen.
const ENTRIES: usize = 256;

/// Two texts of at most 15 bytes, their other bytes zero, such that no two pairs are the same.
pub(super) type Texts = [u64; 4];

/// No texts: they would have 16 bytes.
const NONE: Texts = [u64::MAX; 4];

/// What pairs of texts mean; one takes the place of another one when both of its places are taken.
#[derive(Clone, Debug)]
pub(super) struct Memo<Meaning>(Box<[(Texts, Option<Meaning>); ENTRIES]>);

impl<Meaning: Copy> Default for Memo<Meaning> {
    fn default() -> Self {
        Memo(Box::new([(NONE, None); ENTRIES]))
    }
}

impl<Meaning: Copy> Memo<Meaning> {
    /// What two texts mean; `read` says so when it isn't known, or that they mean nothing.
    #[inline]
    pub(super) fn meaning(
        &mut self,
        texts: Texts,
        read: impl FnOnce() -> Option<Meaning>,
    ) -> Option<Meaning> {
        let [a, b, c, d] = texts;
        let mixed = a ^ b.rotate_left(29) ^ c.rotate_left(43) ^ d.rotate_left(13);
        let place = (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize;
        if are_same(&self.0[place].0, &texts) {
            return self.0[place].1;
        }
        self.second(place, texts, read)
    }

    /// The same with the other place of the texts.
    #[inline(never)]
    fn second(
        &mut self,
        place: usize,
        texts: Texts,
        read: impl FnOnce() -> Option<Meaning>,
    ) -> Option<Meaning> {
        let other = place ^ 1;
        if !are_same(&self.0[other].0, &texts) {
            // What was met last stands in front, and what stood there is kept.
            self.0[other] = (texts, read());
        }
        self.0.swap(place, other);
        self.0[place].1
    }
}

/// Word by word: comparing all of it at once, a processor would wait for the words to reach memory.
#[inline]
fn are_same(one: &Texts, other: &Texts) -> bool {
    (one[0] ^ other[0]) | (one[1] ^ other[1]) | (one[2] ^ other[2]) | (one[3] ^ other[3]) == 0
}

/// The first bytes of one text and the last bytes of another, at most 15 of each. The length of the
/// second is added: it may begin with zeros. The first must have an end of its own.
#[inline]
pub(super) fn texts(
    front: &[u8; 16],
    length: usize,
    back: &[u8; 16],
    back_length: usize,
) -> Option<Texts> {
    let ([a, b], [c, d]) = (words(front), words(back));
    let ([a_mask, b_mask], [c_mask, d_mask]) = (FIRST.get(length)?, LAST.get(back_length)?);
    Some([
        a & a_mask,
        b & b_mask,
        c & c_mask | back_length as u64,
        d & d_mask,
    ])
}

#[inline]
fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(*bytes);
    [both as u64, (both >> 64) as u64]
}

static FIRST: [[u64; 2]; 16] = masks(false);
static LAST: [[u64; 2]; 16] = masks(true);

const fn masks(are_last: bool) -> [[u64; 2]; 16] {
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
        let heads = b"0,string,0,hash,1,set,,";
        let backs = b"\0\0stringhashset\0";
        let mut known: HashMap<Texts, (&[u8], &[u8])> = HashMap::new();
        for (start, length) in [(0, 9), (9, 7), (16, 6), (9, 13), (22, 1)] {
            let mut near = [b'x'; 16];
            let rest = &heads[start..heads.len().min(start + 16)];
            near[..rest.len()].copy_from_slice(rest);
            for back_length in 0..16 {
                let pair = texts(&near, length, backs, back_length).expect("short texts");
                let meant = (&heads[start..start + length], &backs[16 - back_length..]);
                assert_eq!(known.insert(pair, meant), None);
                assert_eq!(memo.meaning(pair, || Some(meant)), Some(meant));
                assert_eq!(memo.meaning(pair, || unreachable!()), Some(meant));
            }
        }
        // Whatever takes whose place, texts mean what they mean.
        for (pair, meant) in &known {
            assert_eq!(memo.meaning(*pair, || Some(*meant)), Some(*meant));
        }
        let front = b"0,set,\0\0 ,more,,";
        let same = b"0,set,,a,key,10,";
        assert_eq!(texts(front, 6, backs, 3), texts(same, 6, backs, 3));
        assert_eq!(texts(front, 16, backs, 3), None);
        assert_eq!(texts(front, 6, backs, 16), None);
    }
}
