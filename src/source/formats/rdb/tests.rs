//! Tests of structures whose head and inside don't say the same.

use crate::source::{Format, KeyBatch, KeySource, Options, Source};
use std::io::Cursor;

/// A list of one entry, `aaaa`, in a ziplist whose head claims another number of entries.
fn file_with_ziplist(claimed_entries: u8) -> Vec<u8> {
    let entry = b"\x00\x04aaaa";
    let bytes = (10 + entry.len() + 1) as u8;
    let head = [bytes, 0, 0, 0, 10, 0, 0, 0, claimed_entries, 0];
    let ziplist = [&head[..], entry, b"\xff"].concat();
    // Type 10, a key of one byte, the structure as a string, the end, no checksum.
    [
        b"REDIS0006\x0a\x01l",
        &[bytes][..],
        &ziplist,
        b"\xff",
        &[0; 8],
    ]
    .concat()
}

/// The elements of each key, or the words of the error.
fn elements(file: &[u8], wants_longest: bool) -> Result<Vec<Option<u64>>, String> {
    let options = Options {
        format: Some(Format::RDB),
        wants_longest,
        ..Options::default()
    };
    let mut all = Vec::new();
    let mut batch = KeyBatch::new();
    let mut source = Source::from_reader("dump", Cursor::new(file.to_vec()), &options)
        .map_err(|error| error.one_line())?;
    while source
        .next_batch(&mut batch)
        .map_err(|error| error.one_line())?
    {
        all.extend(batch.records().map(|record| record.facts.elements));
    }
    Ok(all)
}

#[test]
fn a_head_that_lies_about_its_entries_is_damage() {
    for wants_longest in [false, true] {
        assert_eq!(
            elements(&file_with_ziplist(1), wants_longest),
            Ok(vec![Some(1)])
        );
        // None where there is one would make the key an empty one, which servers leave out; four
        // don't fit.
        for claimed in [0, 4] {
            let refused = elements(&file_with_ziplist(claimed), wants_longest);
            let words = refused.expect_err("a lie");
            assert!(words.contains("expected a ziplist of 17 bytes"), "{words}");
        }
    }
    // Two could be true: only who looks inside sees that it isn't.
    assert_eq!(elements(&file_with_ziplist(2), false), Ok(vec![Some(2)]));
    assert!(elements(&file_with_ziplist(2), true).is_err());
}
