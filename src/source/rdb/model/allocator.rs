//! What the allocator gives for what is asked of it.

/// What jemalloc hands out for a request: multiples of 16 up to 128, then four sizes each doubling
/// (<https://jemalloc.net/jemalloc.3.html#size_classes>).
#[inline]
pub(super) fn allocated(bytes: u64) -> u64 {
    if bytes <= 8 {
        return 8;
    }
    // Masks instead of a division, which takes a processor longest: this is asked for each string.
    let rounding = (1 << (((bytes - 1) | 64).ilog2() - 2)) - 1;
    (bytes + rounding) & !rounding
}

/// How long a string with its head and its NUL is.
#[inline]
pub(super) fn sds(length: u64) -> u64 {
    let head = match length {
        ..32 => 1,
        32..256 => 3,
        256..65_536 => 5,
        65_536..0x1_0000_0000 => 9,
        _ => 17,
    };
    length + head + 1
}

/// The same where the shortest head isn't used: a string that may change.
#[inline]
pub(super) fn sds_that_grows(length: u64) -> u64 {
    sds(length) + if length < 32 { 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_allocators_table() {
        let small = [8, 16, 32, 48, 64, 80, 96, 112, 128];
        let large = (7..40).flat_map(|power| (5..=8).map(move |quarters| quarters << (power - 2)));
        let sizes = small.into_iter().chain(large);
        let mut last = 0;
        for size in sizes {
            assert_eq!(allocated(last + 1), size);
            assert_eq!(allocated(size), size);
            last = size;
        }
    }
}
