//! Tests of the quick way of reading rows against the slow one.

use super::*;
use crate::source::KeyRecord;
use crate::source::facts::Columns;
use proptest::prelude::*;

/// Keys with their rows' places, and what was refused.
type Read = (Vec<(Vec<u8>, KeyFacts, u64)>, Vec<(u64, String)>);

fn read(text: &[u8], read_rows: impl Fn(&mut KeyBatch, &mut RowErrors)) -> Read {
    let mut batch = KeyBatch {
        // What stands behind the block's end is somebody else's.
        block: [text, b"0,set,other,1,intset,1,1,\n"].concat(),
        end: text.len(),
        offset: 1000,
        ..KeyBatch::default()
    };
    let mut row_errors = RowErrors::default();
    let mut rows = Vec::new();
    while batch.has_rest() {
        batch.clear_rows();
        let before = batch.cursor;
        read_rows(&mut batch, &mut row_errors);
        assert!(batch.cursor > before, "every call reads something");
        let kept =
            |(record, place): (KeyRecord<'_>, u64)| (record.key.to_vec(), record.facts, place);
        rows.extend(batch.records().zip(batch.places()).map(kept));
    }
    let refused = row_errors.first().iter();
    let refused = refused.map(|row_error| (row_error.byte, row_error.message.clone()));
    (rows, refused.collect())
}

/// A row, most often a good one; what a field may hold besides comes up now and then.
fn row() -> impl Strategy<Value = String> {
    let head = proptest::sample::select(
        &[
            "0,string,",
            "15,hash,",
            "65535,sortedset,",
            "3,set,",
            "0,other,",
            "x,list,",
            "1,module,",
            ",",
            "",
        ][..],
    );
    let key = "[a,\n\r:\"0x{}]{0,20}";
    let number = prop_oneof![4 => "[0-9]{1,7}", 1 => "[0-9]{7,17}", 1 => "[0-9x]{0,3}"];
    let encoding = prop_oneof![4 => "(string|ziplist|quicklist2|int|)", 1 => "[a-z]{0,60}", 1 => "[a-z -]{0,6}"];
    let expiry = proptest::sample::select(
        &[
            "",
            "",
            "2026-11-23T21:52:29.518000",
            "2024-02-30T21:52:29.518000",
            "2026-11-23T21:52:29Z",
            "2026-11-23",
            "T",
            "never",
            "2026-11-23 21:52:29",
        ][..],
    );
    let end = proptest::sample::select(&["\n", "\n", "\r\n", "\n\n", "", ",\n"][..]);
    (
        head,
        key,
        [
            number.clone().boxed(),
            number.clone().boxed(),
            number.boxed(),
        ],
        encoding,
        expiry,
        end,
    )
        .prop_map(
            |(head, key, [size, elements, longest], encoding, expiry, end)| {
                format!("{head}{key},{size},{encoding},{elements},{longest},{expiry}{end}")
            },
        )
}

proptest! {
    #[test]
    fn rows_are_read_the_same_quickly_and_slowly(rows in proptest::collection::vec(row(), 1..40), at_most in 1usize..50) {
        let text = rows.concat();
        for kind in [RdbTools::Plain, RdbTools::WithoutExpiry] {
            // Rows of older versions end with the longest element.
            let text = match kind {
                RdbTools::WithoutExpiry => text.replace(",\n", "\n"),
                _ => text.clone(),
            };
            let quick = read(text.as_bytes(), |batch, row_errors| kind.read_rows(batch, at_most, row_errors));
            let slow = read(text.as_bytes(), |batch, row_errors| kind.read_row(batch, row_errors));
            prop_assert_eq!(quick, slow);
        }
    }
}

#[test]
fn usual_rows_are_read_quickly() {
    let text = b"0,string,a,b,56,string,1,1,\n12,sortedset,{x}:1,1234567890,skiplist,200,60,2026-12-11T20:11:53.518000\r\n";
    let mut quick = Quick::default();
    quick.marks.set(text);
    let marks = quick.marks.from(0);
    let mut facts = Columns::default();
    let next = quick.rows.read::<true>(text, 0, marks, 9, &mut facts);
    assert_eq!(next as usize, text.len(), "both are usual rows");
    let keys: Vec<&[u8]> = quick.rows.all().map(|row| row.1.of(text)).collect();
    assert_eq!(keys, [&b"a,b"[..], b"{x}:1"]);
    assert_eq!(facts.get(1).size_bytes, Some(1_234_567_890));
}

#[test]
fn rows_longer_than_a_piece_are_read() {
    let long = "k".repeat(3 * PIECE_BYTES);
    let text = format!(
        "0,string,a,56,string,1,1,\n0,string,{long},7,string,1,1,\n0,string,b,56,string,1,1,\n"
    );
    let (rows, row_errors) = read(text.as_bytes(), |batch, row_errors| {
        RdbTools::Plain.read_rows(batch, 100, row_errors);
    });
    let lengths: Vec<usize> = rows.iter().map(|row| row.0.len()).collect();
    assert_eq!((lengths, row_errors), (vec![1, long.len(), 1], vec![]));
}
