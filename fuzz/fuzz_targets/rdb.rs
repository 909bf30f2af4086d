//! Any bytes as an RDB file: keys or an error, never a panic, never more memory than the bounds give.
//!
//! The first byte chooses how it is read. The same file read with and without
//! looking into values must give the same keys for as long as both go on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slotkit::source::{Format, KeyBatch, KeySource, OnError, Options, SizeOf, Source};
use std::io::Cursor;

fuzz_target!(|input: &[u8]| {
    let Some((choice, file)) = input.split_first() else {
        return;
    };
    let options = |wants_longest| Options {
        format: Some(Format::RDB),
        verifies: choice & 1 == 1,
        size: match choice & 2 {
            0 => SizeOf::Memory,
            _ => SizeOf::Serialized,
        },
        on_error: OnError::Skip,
        wants_longest,
        ..Options::default()
    };
    let (heads, insides) = (keys(file, &options(false)), keys(file, &options(true)));
    if let (Some(heads), Some(insides)) = (heads, insides) {
        // Looking inside sees more damage, so it may end sooner.
        assert!(heads.starts_with(&insides));
    }
});

fn keys(file: &[u8], options: &Options) -> Option<Vec<(Vec<u8>, Option<u64>)>> {
    let mut source = Source::from_reader("input", Cursor::new(file.to_vec()), options).ok()?;
    let mut batch = KeyBatch::new();
    let mut keys = Vec::new();
    while source.next_batch(&mut batch).ok()? {
        keys.extend(
            batch
                .records()
                .map(|record| (record.key.to_vec(), record.facts.size_bytes)),
        );
    }
    Some(keys)
}
