//! The allocator's size classes: what it gives for what is asked of it.

use crate::source::options::Allocator;
use std::cell::Cell;

/// The largest request that every jemalloc rounds up to a size class; beyond it those since 5.3.1 give
/// whole pages (`config_limit_usize_gap` in its `sz.h`).
#[cfg(test)]
const LARGEST_SMALL: u64 = 14 << 10;

/// Up to here classes and pages are the same.
const LARGEST_ALIKE: u64 = 32 << 10;

const PAGE: u64 = 4096;

/// An allocator, and how much it matters which one it is.
#[derive(Clone, Debug)]
pub(super) struct Heapwise {
    allocator: Allocator,
    large: Cell<Large>,
}

/// What large requests were given, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::source::formats::rdb) struct Large {
    /// In size classes: by jemalloc before 5.3.1.
    pub(in crate::source::formats::rdb) in_classes: u64,
    /// In pages: by jemalloc since 5.3.1.
    pub(in crate::source::formats::rdb) in_pages: u64,
}

impl Heapwise {
    pub(super) fn new(allocator: Allocator) -> Heapwise {
        Heapwise {
            allocator,
            large: Cell::default(),
        }
    }

    /// What large requests were given so far by each jemalloc.
    pub(super) fn large(&self) -> Large {
        self.large.get()
    }

    /// Goes on from what was given before.
    pub(super) fn go_on(&self, large: Large) {
        self.large.set(large);
    }

    /// What is handed out for a request.
    #[inline]
    pub(super) fn allocated(&self, bytes: u64) -> u64 {
        match self.allocator {
            Allocator::Libc => of_libc(bytes),
            _ if bytes > LARGEST_ALIKE => self.of_large(bytes),
            _ => in_classes(bytes),
        }
    }

    #[cold]
    fn of_large(&self, bytes: u64) -> u64 {
        let classes = in_classes(bytes);
        // Hostile lengths may come near the largest number.
        let pages = bytes.checked_next_multiple_of(PAGE).unwrap_or(u64::MAX);
        let Large {
            in_classes,
            in_pages,
        } = self.large.get();
        self.large.set(Large {
            in_classes: in_classes.saturating_add(classes),
            in_pages: in_pages.saturating_add(pages),
        });
        match self.allocator {
            Allocator::Jemalloc531 => pages,
            _ => classes,
        }
    }
}

/// jemalloc's size classes: multiples of 16 up to 128, then four sizes each doubling
/// (<https://jemalloc.net/jemalloc.3.html#size_classes>).
#[inline]
fn in_classes(bytes: u64) -> u64 {
    if bytes <= 8 {
        return 8;
    }
    // Masks instead of a division, which takes a processor longest: this is asked for each string.
    let rounding = (1 << (((bytes - 1) | 64).ilog2() - 2)) - 1;
    bytes.saturating_add(rounding) & !rounding
}

/// glibc's chunks: multiples of 16 bytes, 8 of which are the chunk's head.
#[inline]
fn of_libc(bytes: u64) -> u64 {
    let chunk = bytes.saturating_add(8 + 15) & !15;
    chunk.max(32) - 8
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
            assert_eq!(in_classes(last + 1), size);
            assert_eq!(in_classes(size), size);
            last = size;
        }
    }

    #[test]
    fn large_requests_get_pages_since_5_3_1() {
        let (older, newer) = (
            Heapwise::new(Allocator::Jemalloc530),
            Heapwise::new(Allocator::Jemalloc531),
        );
        let steps = (1..20_000).chain((20_000..3 << 20).step_by(997));
        for bytes in steps {
            let given = newer.allocated(bytes);
            if bytes <= LARGEST_SMALL {
                assert_eq!(given, older.allocated(bytes), "{bytes}");
            } else {
                assert_eq!(given, bytes.next_multiple_of(PAGE), "{bytes}");
            }
        }
        // Measured on Redis 8.0.6 of Debian, a value of 1,050,000 bytes.
        assert_eq!(newer.allocated(1_050_010), 1_052_672);
        assert_eq!(older.allocated(1_050_010), 1_310_720);
        let Large {
            in_classes,
            in_pages,
        } = newer.large();
        assert!(in_classes > in_pages, "{in_classes} {in_pages}");
        for allocator in [older, newer, Heapwise::new(Allocator::Libc)] {
            assert!(allocator.allocated(u64::MAX) > u64::MAX / 2);
        }
    }

    #[test]
    fn chunks_of_libc_have_a_head() {
        for (asked, given) in [
            (1, 24),
            (24, 24),
            (25, 40),
            (40, 40),
            (41, 56),
            (1000, 1000),
        ] {
            assert_eq!(of_libc(asked), given, "{asked}");
        }
    }
}
