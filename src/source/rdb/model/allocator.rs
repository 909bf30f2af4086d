//! What the allocator gives for what is asked of it.

/// What jemalloc hands out for a request: multiples of 16 up to 128, then four sizes each doubling
/// (<https://jemalloc.net/jemalloc.3.html#size_classes>).
#[inline]
pub(super) fn allocated(bytes: u64) -> u64 {
    if bytes <= 8 {
        return 8;
    }
    let grain = match bytes {
        ..=128 => 16,
        _ => 1 << ((bytes - 1).ilog2() - 2),
    };
    bytes.div_ceil(grain) * grain
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
