//! LZF, the compression of strings in RDB files: runs of literals and references backwards.
//!
//! A control byte below 32 is followed by one literal more than it says.
//! Another one is a reference: its upper three bits are the length less two (7: a
//! byte with more follows), its lower five and the next byte the distance less one.

/// What a reference of three bytes can give at most, a byte.
const MOST_A_BYTE: u64 = 264 / 3;

/// Whether so many packed bytes can unpack to so many.
pub(super) fn is_possible(packed: u64, length: u64) -> bool {
    length <= packed.saturating_mul(MOST_A_BYTE)
}

/// Whether somebody may have packed so many bytes to so many. Servers pack only what becomes shorter;
/// the worst that the form itself does is a byte more for each 32.
pub(super) fn is_sane(packed: u64, length: u64) -> bool {
    packed <= length.saturating_add(length / 32).saturating_add(64)
}

/// Unpacks until `out` has `limit` bytes; false when the data is damaged before that.
///
/// Memory is bounded by the caller's limit, and what is there when it is reached is right.
pub(super) fn unpack(packed: &[u8], out: &mut Vec<u8>, limit: usize) -> bool {
    let begin = out.len();
    let mut rest = packed;
    while out.len() < limit {
        let Some((control, behind)) = rest.split_first() else {
            return false;
        };
        let control = usize::from(*control);
        rest = behind;
        if control < 32 {
            let Some(literals) = rest.get(..=control) else {
                // The beginning of a longer string is enough when it holds what is wanted.
                out.extend_from_slice(rest);
                return cut(out, limit);
            };
            out.extend_from_slice(literals);
            rest = &rest[control + 1..];
        } else {
            let mut length = control >> 5;
            if length == 7 {
                let Some((more, behind)) = rest.split_first() else {
                    return false;
                };
                length += usize::from(*more);
                rest = behind;
            }
            let Some((low, behind)) = rest.split_first() else {
                return false;
            };
            rest = behind;
            let distance = ((control & 0x1f) << 8 | usize::from(*low)) + 1;
            if distance > out.len() - begin {
                return false;
            }
            repeat(out, distance, length + 2);
        }
    }
    cut(out, limit)
}

/// Unpacks the first few bytes of a string, as many as `out` has; false when the data is damaged
/// before that, or ends.
pub(super) fn unpack_beginning(packed: &[u8], out: &mut [u8]) -> bool {
    // Most strings begin with a run of literals that is long enough.
    if let [control @ ..32, literals @ ..] = packed
        && usize::from(*control) + 1 >= out.len()
        && let Some(literals) = literals.get(..out.len())
    {
        out.copy_from_slice(literals);
        return true;
    }
    let mut unpacked = Vec::new();
    let is_whole = unpack(packed, &mut unpacked, out.len());
    if is_whole {
        out.copy_from_slice(&unpacked);
    }
    is_whole
}

fn cut(out: &mut Vec<u8>, limit: usize) -> bool {
    let is_enough = out.len() >= limit;
    out.truncate(limit);
    is_enough
}

/// Appends `length` bytes from `distance` back; they may overlap what they write.
fn repeat(out: &mut Vec<u8>, distance: usize, length: usize) {
    let mut left = length;
    while left > 0 {
        let start = out.len() - distance;
        let step = left.min(distance);
        out.extend_from_within(start..start + step);
        left -= step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_unpacked_alone() {
        // Six literals, then 20 bytes from 6 back.
        let packed = [5, b'a', b'b', b'c', b'd', b'e', b'f', 0xe0, 11, 5];
        let mut whole = Vec::new();
        assert!(unpack(&packed, &mut whole, 26));
        assert_eq!(whole, b"abcdefabcdefabcdefabcdefab");
        for limit in 0..=26 {
            let mut out = b"before".to_vec();
            assert!(unpack(&packed, &mut out, 6 + limit));
            assert_eq!(out[6..], whole[..limit]);
            let mut beginning = vec![0; limit];
            assert!(unpack_beginning(&packed, &mut beginning));
            assert_eq!(beginning, whole[..limit]);
        }
        assert!(!unpack(&packed, &mut Vec::new(), 27));
        assert!(!unpack_beginning(&packed, &mut [0; 27]));
    }

    #[test]
    fn damage_is_seen() {
        for packed in [
            &[5, b'a'][..],
            &[0x20],
            &[0xe0],
            &[0xe0, 1],
            &[0x20, 0],
            &[0, b'a', 0x20, 1],
        ] {
            assert!(!unpack(packed, &mut Vec::new(), 100), "{packed:?}");
        }
    }
}
