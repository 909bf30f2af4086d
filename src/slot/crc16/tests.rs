//! Every tier against the definition and against the `crc16` crate.

use super::Kernel;
use crate::slot::ends::Ends;
use crate::slot::{KeySpan, ListCount, ListFormat, SLOT_COUNT, Slot};
use proptest::prelude::*;

/// Miri interprets, a thousand times slower: it gets the lengths at which something
/// changes, and fewer random ones.
fn lengths(longest: usize) -> impl Iterator<Item = usize> {
    let edges = [0, 1, 3, 4, 8, 15, 16, 31, 32, 33, 63, 64, 65, 80, 128, 150];
    (0..=longest).filter(move |length| !cfg!(miri) || edges.contains(length) || *length == longest)
}

const fn unless_miri(count: usize, under_miri: usize) -> usize {
    if cfg!(miri) { under_miri } else { count }
}

/// The definition, bit by bit: the truth that everything fast is held against.
fn bitwise(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            }
        })
    })
}

/// The slot by the words of the specification, byte by byte.
fn naive_slot(key: &[u8]) -> Slot {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let length = key[open + 1..].iter().position(|byte| *byte == b'}')?;
        (length > 0).then(|| &key[open + 1..][..length])
    });
    Slot::new(bitwise(tag.unwrap_or(key)) % SLOT_COUNT as u16).unwrap()
}

/// The keys of a list, split one byte at a time.
fn naive_list(list: &[u8], format: ListFormat) -> Vec<&[u8]> {
    let mut keys: Vec<&[u8]> = list.split(|byte| *byte == format.separator).collect();
    if keys.last().is_some_and(|last| last.is_empty()) {
        keys.pop();
    }
    if format.strip_carriage_return {
        for key in &mut keys {
            *key = key.strip_suffix(b"\r").unwrap_or(key);
        }
    }
    keys
}

/// Bytes that look random and have no period; the same for the same seed.
fn noise_of(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(step).collect()
}

fn noise(length: usize) -> Vec<u8> {
    noise_of(0, length)
}

/// Noise in which braces and separators are frequent: what a strategy of bytes
/// would give, but a thousand times sooner.
fn busy_noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = noise_of(seed, length);
    for byte in &mut bytes {
        *byte = match *byte {
            0..12 => b'{',
            12..24 => b'}',
            24..34 => b'\n',
            34..38 => b'\r',
            other => other,
        };
    }
    bytes
}

fn span(start: usize, end: usize) -> KeySpan {
    KeySpan {
        start: start as u32,
        end: end as u32,
    }
}

fn batch(kernel: Kernel, buffer: &[u8], spans: &[KeySpan]) -> Vec<Slot> {
    let mut slots = vec![Slot::MAX; spans.len()];
    kernel.slots_of(buffer, spans, &mut slots);
    slots
}

fn check_batch(kernel: Kernel, buffer: &[u8], spans: &[KeySpan]) {
    let slots = batch(kernel, buffer, spans);
    for (span, slot) in spans.iter().zip(slots) {
        let key = span.of(buffer);
        assert_eq!(
            slot,
            naive_slot(key),
            "{kernel} {span:?} {}",
            key.escape_ascii()
        );
    }
}

/// Commas and newlines against a walk, from call to call until the text is at its end.
fn check_either(kernel: Kernel, text: &[u8]) {
    let mut ends = Ends::default();
    let (mut found, mut start) = (Vec::new(), 0);
    while start < text.len() {
        ends.clear();
        let seen = kernel.either(&text[start..], *b",\n", &mut ends);
        assert!(seen > 0, "{kernel}: every call looks at something");
        found.extend(ends.places().iter().map(|place| start + *place as usize));
        start += seen;
    }
    let walked = (0..text.len()).filter(|at| b",\n".contains(&text[*at]));
    assert!(
        found.iter().copied().eq(walked),
        "{kernel}, {} bytes",
        text.len()
    );
}

fn check_list(kernel: Kernel, list: &[u8], format: ListFormat) {
    let keys = naive_list(list, format);
    let mut expected = Box::new([0; SLOT_COUNT]);
    for key in &keys {
        expected[naive_slot(key).index()] += 1;
    }
    let seen = ListCount {
        keys: keys.len() as u64,
        empty: keys.iter().filter(|key| key.is_empty()).count() as u64,
    };
    let mut counts = Box::new([0; SLOT_COUNT]);
    assert_eq!(
        kernel.count_list(list, format, &mut counts),
        seen,
        "{kernel}"
    );
    assert!(counts == expected, "{kernel} counts");

    let mut visited = Vec::new();
    let visit = |spans: &[KeySpan], slots: &[Slot]| {
        assert_eq!(spans.len(), slots.len());
        visited.extend(
            spans
                .iter()
                .zip(slots)
                .map(|(span, slot)| (span.of(list), *slot)),
        );
    };
    assert_eq!(kernel.slots_of_list(list, format, visit), seen, "{kernel}");
    assert_eq!(visited.len(), keys.len());
    for (key, (visited, slot)) in keys.iter().zip(visited) {
        assert_eq!((visited, slot), (*key, naive_slot(key)), "{kernel}");
    }
}

/// A buffer between two pages that can't be touched.
#[cfg(all(unix, not(miri)))]
struct Guarded {
    mapping: *mut u8,
    page_bytes: usize,
}

#[cfg(all(unix, not(miri)))]
impl Guarded {
    fn new() -> Guarded {
        // SAFETY: asks the system a question.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        // SAFETY: a new mapping of three pages, nothing of which can be touched
        // yet, and then one page in the middle that can.
        let mapping = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let nothing = std::ptr::null_mut();
            let mapping = libc::mmap(nothing, 3 * page_bytes, libc::PROT_NONE, flags, -1, 0);
            assert_ne!(mapping, libc::MAP_FAILED);
            let middle = mapping.add(page_bytes);
            let access = libc::PROT_READ | libc::PROT_WRITE;
            assert_eq!(libc::mprotect(middle, page_bytes, access), 0);
            mapping.cast()
        };
        Guarded {
            mapping,
            page_bytes,
        }
    }

    fn page(&mut self) -> &mut [u8] {
        // SAFETY: the middle page is readable and writable as long as `self`
        // lives, and is reached only through this borrow.
        unsafe {
            std::slice::from_raw_parts_mut(self.mapping.add(self.page_bytes), self.page_bytes)
        }
    }
}

#[cfg(all(unix, not(miri)))]
impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing borrows it any more.
        unsafe { libc::munmap(self.mapping.cast(), 3 * self.page_bytes) };
    }
}

/// Everything that reads `bytes`, whatever is in front of and behind them.
#[cfg(all(unix, not(miri)))]
fn check_all_calls(kernel: Kernel, bytes: &[u8]) {
    assert_eq!(
        kernel.checksum(bytes),
        bitwise(bytes),
        "{kernel} {}",
        bytes.len()
    );
    assert_eq!(
        kernel.slot_of(bytes),
        naive_slot(bytes),
        "{kernel} {}",
        bytes.len()
    );
    let half = bytes.len() / 2;
    let spans = [
        span(0, bytes.len()),
        span(0, half),
        span(half, bytes.len()),
        span(0, 0),
        span(bytes.len(), bytes.len()),
    ];
    check_batch(kernel, bytes, &spans);
    check_list(kernel, bytes, ListFormat::LINES);
}

/// Bytes as keys have them, braces and separators more often than by chance.
fn key_bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        6 => any::<u8>(),
        1 => Just(b'{'),
        1 => Just(b'}'),
        1 => Just(b'\n'),
        1 => Just(b'\r'),
        4 => b'a'..=b'z',
    ];
    proptest::collection::vec(byte, 0..=longest)
}

/// A buffer and spans that lie in it, in any order, overlapping or not.
fn buffer_and_spans() -> impl Strategy<Value = (Vec<u8>, Vec<KeySpan>)> {
    (
        (any::<u64>(), 0..700usize).prop_map(|(seed, length)| busy_noise(seed, length)),
        proptest::collection::vec((any::<u16>(), 0..150usize), 0..unless_miri(200, 70)),
    )
        .prop_map(|(buffer, places)| {
            let spans = places.into_iter().map(|(start, length)| {
                let start = usize::from(start) % (buffer.len() + 1);
                span(start, buffer.len().min(start + length))
            });
            let spans = spans.collect();
            (buffer, spans)
        })
}

fn formats() -> impl Strategy<Value = ListFormat> {
    (
        prop_oneof![Just(b'\n'), Just(0), any::<u8>()],
        any::<bool>(),
    )
        .prop_map(|(separator, strip_carriage_return)| ListFormat {
            separator,
            strip_carriage_return,
        })
}

macro_rules! tier_tests {
    ($($tier:ident $name:literal,)*) => {$(
        mod $tier {
            use super::*;

            /// The tier, or nothing where the machine doesn't have it.
            fn tier() -> Option<Kernel> {
                let kernel = Kernel::by_name($name);
                kernel.inspect_err(|error| eprintln!("skipped: {error}")).ok()
            }

            #[test]
            fn check_value() {
                let Some(kernel) = tier() else { return };
                assert_eq!(kernel.checksum(b"123456789"), 0x31C3);
                assert_eq!(kernel.checksum(b""), 0);
            }

            #[test]
            fn every_length() {
                let Some(kernel) = tier() else { return };
                let bytes = noise(600);
                for length in lengths(600) {
                    let bytes = &bytes[..length];
                    let reference = crc16::State::<crc16::XMODEM>::calculate(bytes);
                    assert_eq!(bitwise(bytes), reference, "{length}");
                    assert_eq!(kernel.checksum(bytes), reference, "{length}");
                    assert_eq!(kernel.slot_of(bytes), naive_slot(bytes), "{length}");
                }
                let spans: Vec<KeySpan> =
                    lengths(600).map(|length| span(600 - length, 600)).collect();
                check_batch(kernel, &bytes, &spans);
            }

            #[test]
            fn every_alignment() {
                let Some(kernel) = tier() else { return };
                let bytes = noise(64 + 150);
                for start in (0..64).step_by(unless_miri(1, 21)) {
                    for length in lengths(150) {
                        let bytes = &bytes[start..start + length];
                        assert_eq!(kernel.checksum(bytes), bitwise(bytes), "{start} {length}");
                        assert_eq!(kernel.slot_of(bytes), naive_slot(bytes), "{start} {length}");
                    }
                    let spans: Vec<KeySpan> =
                        lengths(150).map(|length| span(start, start + length)).collect();
                    check_batch(kernel, &bytes, &spans);
                }
            }

            #[test]
            fn a_long_key() {
                let Some(kernel) = tier() else { return };
                let bytes = noise(unless_miri(300 * 1024, 1024) + 17);
                assert_eq!(kernel.checksum(&bytes), bitwise(&bytes));
                check_batch(kernel, &bytes, &[span(1, bytes.len() - 9), span(5, 5)]);
            }

            #[test]
            fn every_place_of_a_tag() {
                let Some(kernel) = tier() else { return };
                let lengths = [2, 17, 40, 65, 15, 16, 64, 80];
                for length in lengths.into_iter().take(unless_miri(8, 4)) {
                    let mut key = vec![b'.'; length];
                    let places = || (0..length).step_by(unless_miri(1, 13));
                    for open in places() {
                        for close in places().map(|close| length - 1 - close) {
                            if close == open {
                                continue;
                            }
                            key[open] = b'{';
                            key[close] = b'}';
                            assert_eq!(kernel.slot_of(&key), naive_slot(&key), "{open} {close}");
                            let padded = [&[b'}'; 70][..], &key, b"{a}"].concat();
                            check_batch(kernel, &padded, &[span(70, 70 + length)]);
                            key[open] = b'.';
                            key[close] = b'.';
                        }
                    }
                }
            }

            // Miri has no pages; it sees each read outside of a buffer.
            #[cfg(all(unix, not(miri)))]
            #[test]
            fn nothing_outside_is_touched() {
                let Some(kernel) = tier() else { return };
                let mut guarded = Guarded::new();
                let page = guarded.page();
                let lines = noise(page.len());
                page.copy_from_slice(&lines);
                // Some of it as lines, so that the list's pass has short keys too.
                for place in (0..page.len()).step_by(23) {
                    page[place] = b'\n';
                }
                for length in (0..=200).chain(510..=520) {
                    check_all_calls(kernel, &page[..length]);
                    check_all_calls(kernel, &page[page.len() - length..]);
                }
            }

            #[test]
            fn tags_come_and_go() {
                let Some(kernel) = tier() else { return };
                let mut list = Vec::new();
                let count = unless_miri(3_000, 300);
                for number in 0..count {
                    // Tags, none, and what a quick look takes for braces.
                    let key = match number / (count / 10) % 3 {
                        0 => format!("{{user{number}}}.name\n"),
                        1 => format!("user:{number}:name\n"),
                        _ => format!("user|{number}~{{}}\n"),
                    };
                    list.extend_from_slice(key.as_bytes());
                }
                check_list(kernel, &list, ListFormat::LINES);
                let mut start = 0;
                let spans = list.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
                let spans: Vec<KeySpan> =
                    spans.map(|(end, _)| span(std::mem::replace(&mut start, end + 1), end)).collect();
                check_batch(kernel, &list, &spans);
            }

            #[test]
            fn a_full_list_of_separators() {
                let Some(kernel) = tier() else { return };
                let lengths = [0, 1, 63, 64, 65, 512, 513, 576, 577, 20_000];
                for length in lengths.into_iter().take(unless_miri(10, 5)) {
                    check_list(kernel, &vec![b'\n'; length], ListFormat::LINES);
                    check_list(kernel, &vec![b'a'; length], ListFormat::LINES);
                    check_list(kernel, &b"a\r\n".repeat(length), ListFormat::CRLF_LINES);
                }
            }

            #[test]
            fn where_either_byte_is() {
                let Some(kernel) = tier() else { return };
                for length in (0..200).chain([640, 1536, 1700, 20_000]).step_by(unless_miri(1, 17)) {
                    let few: Vec<u8> = (0..length).map(|at| b",ab\ncd\xac{"[at * 7 % 11 % 8]).collect();
                    for text in [few, vec![b','; length], vec![b'a'; length]] {
                        check_either(kernel, &text);
                    }
                }
            }

            #[test]
            #[should_panic]
            fn a_span_behind_the_buffer_is_refused() {
                let kernel = tier().expect("refused because there is none");
                batch(kernel, &[0; 100], &[span(0, 5), span(95, 101)]);
            }

            #[test]
            #[should_panic]
            fn a_span_that_ends_before_it_begins_is_refused() {
                let kernel = tier().expect("refused because there is none");
                batch(kernel, &[0; 100], &[span(90, 80)]);
            }

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(unless_miri(256, 4) as u32))]

                #[test]
                fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
                    let Some(kernel) = tier() else { return Ok(()) };
                    prop_assert_eq!(kernel.checksum(&bytes), bitwise(&bytes));
                }

                #[test]
                fn random_keys(key in key_bytes(100)) {
                    let Some(kernel) = tier() else { return Ok(()) };
                    prop_assert_eq!(kernel.slot_of(&key), naive_slot(&key));
                }

            }

            proptest! {
                // A case holds hundreds of keys.
                #![proptest_config(ProptestConfig::with_cases(unless_miri(64, 2) as u32))]

                #[test]
                fn random_batches((buffer, spans) in buffer_and_spans()) {
                    if let Some(kernel) = tier() {
                        check_batch(kernel, &buffer, &spans);
                    }
                }

                #[test]
                fn random_lists(
                    seed in any::<u64>(),
                    length in 0..unless_miri(30_000, 300),
                    format in formats(),
                ) {
                    let list = busy_noise(seed, length);
                    if let Some(kernel) = tier() {
                        check_list(kernel, &list, format);
                    }
                }
            }
        }
    )*};
}

tier_tests! {
    avx512 "avx512",
    avx2 "avx2",
    pclmul "pclmul",
    neon "neon",
    portable "portable",
    bytewise "crc16",
}
