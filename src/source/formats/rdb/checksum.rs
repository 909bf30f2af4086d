//! The CRC-64 at the end of an RDB file.

use crc_fast::{CrcAlgorithm, Digest};

/// CRC-64 as Redis uses it: Jones' polynomial, reflected, from 0, no final xor.
///
/// <https://github.com/redis/redis/blob/7.0/src/crc64.c>
pub(super) struct Checksum(Digest);

impl Checksum {
    pub(super) fn new() -> Checksum {
        Checksum(Digest::new(CrcAlgorithm::Crc64Redis))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> u64 {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bitwise(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |crc, byte| {
            (0..8).fold(crc ^ u64::from(*byte), |crc, _| {
                (crc >> 1)
                    ^ if crc & 1 == 1 {
                        0x95AC_9329_AC4B_C9B5
                    } else {
                        0
                    }
            })
        })
    }

    #[test]
    fn it_is_the_one_that_redis_tests_itself_with() {
        assert_eq!(bitwise(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_bitwise_sum(
            bytes in proptest::collection::vec(any::<u8>(), 0..3000),
            cut in 0..3000_usize,
        ) {
            let cut = cut.min(bytes.len());
            let mut checksum = Checksum::new();
            checksum.update(&bytes[..cut]);
            checksum.update(&bytes[cut..]);
            prop_assert_eq!(checksum.finish(), bitwise(&bytes));
        }
    }
}
