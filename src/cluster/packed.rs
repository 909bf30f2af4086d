//! Commands as they go over the wire.

use std::io::Write;

/// What is around a word, at most: its kind, its length in digits, two ends of line.
const AROUND: usize = 25;

/// A command of these words.
pub(super) fn packed(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let bytes = words.iter().map(|word| word.as_ref().len() + AROUND);
    let mut command = Vec::with_capacity(AROUND + bytes.sum::<usize>());
    announce(&mut command, '*', words.len());
    for word in words {
        let word = word.as_ref();
        announce(&mut command, '$', word.len());
        command.extend_from_slice(word);
        command.extend_from_slice(b"\r\n");
    }
    command
}

/// How many words, or bytes, come next.
fn announce(command: &mut Vec<u8>, kind: char, count: usize) {
    // Memory that grows takes everything.
    let _ = write!(command, "{kind}{count}\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_the_redis_crate_packs_them(words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..120)) {
            let mut command = redis::Cmd::new();
            for word in &words {
                command.arg(word.as_slice());
            }
            prop_assert_eq!(packed(&words), command.get_packed_command());
        }
    }
}
