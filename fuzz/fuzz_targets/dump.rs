//! Dumps of every form: no panic, bounded memory, and the same keys however the stream is cut.
//!
//! The first two bytes choose the format, the escape and the length of a part; the rest is the input.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slotkit::source::{
    Escape, Format, KeyBatch, KeyFacts, KeySource, OnError, Options, Source,
};
use std::io::Cursor;

const FORMATS: [Option<Format>; 6] = [
    None,
    Some(Format::RDB_TOOLS),
    Some(Format::RDB_CLI),
    Some(Format::CSV),
    Some(Format::LIST),
    Some(Format::MONITOR),
];

const ESCAPES: [Option<Escape>; 6] = [
    None,
    Some(Escape::Raw),
    Some(Escape::Print),
    Some(Escape::Utf8),
    Some(Escape::Base64),
    Some(Escape::Quoted),
];

/// What a reader sees of an input: its keys, how many rows it refused, or its error.
type Seen = Result<(Vec<(u64, Vec<u8>, KeyFacts)>, u64, u64), String>;

fuzz_target!(|input: &[u8]| {
    let [form, cut, text @ ..] = input else {
        return;
    };
    let options = Options {
        format: FORMATS[usize::from(*form) % FORMATS.len()],
        escape: ESCAPES[usize::from(*form) / FORMATS.len() % ESCAPES.len()],
        is_null_separated: form & 0x80 != 0,
        keep_cr: cut & 1 == 1,
        on_error: OnError::Skip,
        max_row_bytes: 1 << 16,
        ..Options::default()
    };
    let whole = read(text, &options);
    let parts = Options {
        part_bytes: 1 + usize::from(*cut),
        ..options
    };
    assert_eq!(read(text, &parts), whole);
});

fn read(text: &[u8], options: &Options) -> Seen {
    let named = |error: slotkit::Error| error.one_line();
    let mut source =
        Source::from_reader("input", Cursor::new(text.to_vec()), options).map_err(named)?;
    let mut batch = KeyBatch::new();
    let mut keys = Vec::new();
    while source.next_batch(&mut batch).map_err(named)? {
        let places: Vec<u64> = batch.places().collect();
        for (record, place) in batch.records().zip(places) {
            keys.push((place, record.key.to_vec(), record.facts));
        }
    }
    let findings = source.findings();
    Ok((keys, findings.row_errors.count(), findings.ambiguous_keys))
}
