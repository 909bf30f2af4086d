//! Every kernel that runs here against the definition, bit by bit.
//!
//! The input's first two bytes choose the format of the list and how spans are
//! cut; the rest is the text. The fuzzer's address checks see what is read
//! outside of it, for the text is copied to the end of a fresh allocation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slotkit::slot::{Kernel, KeySpan, ListFormat, SLOT_COUNT, Slot};

fuzz_target!(|input: &[u8]| {
    let [separator, cut, text @ ..] = input else {
        return;
    };
    let text: Box<[u8]> = text.into();
    let format = ListFormat {
        separator: *separator,
        strip_carriage_return: cut & 1 == 1,
    };
    let spans = spans(text.len(), usize::from(*cut));
    let slots: Vec<Slot> = spans
        .iter()
        .map(|span| naive_slot(span.of(&text)))
        .collect();
    let mut counts = vec![0; SLOT_COUNT];
    let keys = naive_list(&text, format);
    for key in &keys {
        counts[naive_slot(key).index()] += 1;
    }
    for kernel in Kernel::available() {
        assert_eq!(kernel.checksum(&text), bitwise(&text), "{kernel}");
        assert_eq!(kernel.slot_of(&text), naive_slot(&text), "{kernel}");
        let mut batch = vec![Slot::MIN; spans.len()];
        kernel.slots_of(&text, &spans, &mut batch);
        assert_eq!(batch, slots, "{kernel}");
        let mut counted = Box::new([0; SLOT_COUNT]);
        let seen = kernel.count_list(&text, format, &mut counted);
        assert_eq!(seen.keys, keys.len() as u64, "{kernel}");
        assert!(counted[..] == counts, "{kernel}");
    }
});

/// Spans of all lengths up to 150 that walk through the text with this stride.
fn spans(length: usize, stride: usize) -> Vec<KeySpan> {
    let starts = (0..=length).step_by(stride % 32 + 1);
    let span = |(index, start): (usize, usize)| KeySpan {
        start: start as u32,
        end: length.min(start + index * 7 % 151) as u32,
    };
    starts.enumerate().map(span).collect()
}

fn naive_list(list: &[u8], format: ListFormat) -> Vec<&[u8]> {
    let mut keys: Vec<&[u8]> = list.split(|byte| *byte == format.separator).collect();
    if keys.last().is_some_and(|last| last.is_empty()) {
        keys.pop();
    }
    let strip = |key: &'_ [u8]| match key {
        [.., b'\r'] if format.strip_carriage_return => key.len() - 1,
        _ => key.len(),
    };
    keys.into_iter().map(|key| &key[..strip(key)]).collect()
}

fn naive_slot(key: &[u8]) -> Slot {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let length = rest.iter().position(|byte| *byte == b'}')?;
        (length > 0).then(|| &rest[..length])
    });
    Slot::new(bitwise(tag.unwrap_or(key)) % SLOT_COUNT as u16).unwrap()
}

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
