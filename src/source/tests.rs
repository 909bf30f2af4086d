//! Tests that every way of reading an input gives the same rows, and the rows that were written.

use super::detect::UTF8_MARK;
use super::formats::PASSED_QUOTES;
use super::*;
use crate::slot::Slot;
use crate::tally;
use proptest::prelude::*;
use std::fs;

/// A row as a test sees it: key, size, kind, database, expires.
type Row = (Vec<u8>, Option<u64>, KeyKind, u16, bool);

fn row(record: KeyRecord<'_>) -> Row {
    let facts = record.facts;
    (
        record.key.to_vec(),
        facts.size_bytes,
        facts.kind,
        facts.db,
        facts.expires,
    )
}

/// Bytes that rows are built of, and a few others.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let byte = proptest::sample::select(b",\"\n\r\\a1:{}=\xff\0 ".to_vec());
    proptest::collection::vec(byte, 0..12)
}

fn keys() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(key(), 1..30)
}

/// Keys of which none stands in quotes as in standard CSV: where all with a comma or a quote do, they
/// are taken for quoted, with a note (`--escape raw` says that they aren't).
fn bare_keys() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let is_bare =
        |key: &Vec<u8>| !(key.len() > 1 && key.starts_with(b"\"") && key.ends_with(b"\""));
    let are_bare = move |keys: &Vec<Vec<u8>>| keys.iter().all(is_bare);
    keys().prop_filter("a key in quotes", are_bare)
}

fn written(bytes: &[u8]) -> (tempfile::TempDir, Input) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys");
    fs::write(&path, bytes).expect("a file");
    (folder, Input::File(path))
}

/// The rows as one thread reads them from the stream.
fn streamed(input: &Input, options: &Options) -> (Vec<Row>, Vec<u64>) {
    let mut source = open(input, options).expect("it opens");
    let mut batch = KeyBatch::new();
    let mut rows = Vec::new();
    while source.next_batch(&mut batch).expect("it reads") {
        rows.extend(batch.records().map(row));
    }
    let row_errors = source
        .findings()
        .row_errors
        .first()
        .iter()
        .map(|row_error| row_error.byte)
        .collect();
    (rows, row_errors)
}

/// The rows as the parts of a file give them, part by part.
fn by_parts(input: &Input, options: &Options) -> (Vec<Row>, Vec<u64>) {
    let (rows, row_errors, _) = by_parts_side_by_side(input, options, 1);
    (rows, row_errors)
}

/// The same with so many parts at once, of which the later ones are the faster ones; and how much of
/// the file was read.
fn by_parts_side_by_side(
    input: &Input,
    options: &Options,
    together: u64,
) -> (Vec<Row>, Vec<u64>, u64) {
    let content = OpenInput::open(input, options).expect("it opens");
    let open_input = content.keys().expect("keys");
    let (file, length) = open_input.seekable.as_ref().expect("a file");
    let parts = Parts {
        file,
        length: *length,
        skip: open_input.skip(),
        long_rows: &LongRowIndex::default(),
        looks_far: false,
    };
    let far = Parts {
        looks_far: true,
        ..parts
    };
    let splitter = Splitter::new(input.path(), &open_input.row_reader().layout, options);
    let (mut batch, mut row_errors) = (KeyBatch::new(), Findings::default());
    let count = parts.count(&splitter);
    let mut rows_of = vec![Vec::new(); count as usize];
    let first = (0..count).step_by(together as usize);
    for part in first.flat_map(|first| (first..count.min(first + together)).rev()) {
        let refused = &mut row_errors.row_errors;
        let is_read = parts.read(part, &splitter, &mut batch, refused);
        assert!(batch.block.capacity() <= 2 * splitter.large_bytes());
        if !is_read.expect("it reads") {
            // The worker's own batch stays small.
            batch = KeyBatch::new();
            let is_read = far.read(part, &splitter, &mut batch, refused);
            assert!(is_read.expect("it reads"), "it looks far");
        }
        while open_input
            .row_reader()
            .next_rows(&mut batch, &mut row_errors)
        {
            rows_of[part as usize].extend(batch.records().map(row));
        }
        if batch.block.capacity() > splitter.large_bytes() {
            batch = KeyBatch::new();
        }
    }
    (
        rows_of.concat(),
        row_errors
            .row_errors
            .first()
            .iter()
            .map(|row_error| row_error.byte)
            .collect(),
        parts.long_rows.read_bytes(),
    )
}

fn options(format: Format, part_bytes: usize) -> Options {
    Options {
        format: Some(format),
        part_bytes,
        keep_cr: true,
        on_error: OnError::Skip,
        ..Options::default()
    }
}

/// What rdb-tools would write for these keys, and the rows that this means.
fn rdb_tools_file(keys: &[Vec<u8>]) -> (Vec<u8>, Vec<Row>) {
    let mut text =
        b"database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry\n"
            .to_vec();
    let mut rows = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let (db, size, expires) = (index % 2, index * 10, index % 3 == 0);
        let expiry = if expires {
            "2026-11-23T21:52:29.518000"
        } else {
            ""
        };
        text.extend_from_slice(format!("{db},sortedset,").as_bytes());
        text.extend_from_slice(key);
        text.extend_from_slice(format!(",{size},ziplist,1,1,{expiry}\n").as_bytes());
        rows.push((
            key.clone(),
            Some(size as u64),
            KeyKind::Zset,
            db as u16,
            expires,
        ));
    }
    (text, rows)
}

/// What redis-rdb-cli would write for these keys.
fn rdb_cli_file(keys: &[Vec<u8>]) -> (Vec<u8>, Vec<Row>) {
    let mut text =
        b"database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry\n"
            .to_vec();
    let mut rows = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let expires = index % 2 == 0;
        let expiry = if expires {
            "2026-11-23 21:52:29.518"
        } else {
            ""
        };
        text.extend_from_slice(b"3,module,\"");
        text.extend_from_slice(key);
        text.extend_from_slice(
            format!("\",\"{index}.5KiB\",module2,1,\"7B\",\"{expiry}\"\n").as_bytes(),
        );
        let size = index as u64 * 1024 + 512;
        rows.push((key.clone(), Some(size), KeyKind::Module, 3, expires));
    }
    (text, rows)
}

/// What HDT3213/rdb would write for these keys.
fn quoted_file(keys: &[Vec<u8>]) -> (Vec<u8>, Vec<Row>) {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "database",
        "key",
        "type",
        "size",
        "size_readable",
        "element_count",
        "encoding",
        "expiration",
    ];
    writer.write_record(header).expect("a header");
    let mut rows = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let size = index.to_string();
        let expires = index % 2 == 0;
        let expiry = if expires {
            &b"2026-11-23T21:52:29Z"[..]
        } else {
            b""
        };
        let fields = [
            b"3",
            &key[..],
            b"hash",
            size.as_bytes(),
            b"1B",
            b"1",
            b"ziplist",
            expiry,
        ];
        writer.write_record(fields).expect("a row");
        rows.push((key.clone(), Some(index as u64), KeyKind::Hash, 3, expires));
    }
    (writer.into_inner().expect("the text"), rows)
}

proptest! {
    #[test]
    fn rows_of_rdb_tools_come_back_with_any_cut(keys in bare_keys(), part_bytes in 1usize..200) {
        let (text, rows) = rdb_tools_file(&keys);
        let (_folder, input) = written(&text);
        let options = options(Format::RDB_TOOLS, part_bytes);
        prop_assert_eq!(&streamed(&input, &options), &(rows.clone(), vec![]));
        prop_assert_eq!(&by_parts(&input, &options), &(rows, vec![]));
    }

    #[test]
    fn rows_of_redis_rdb_cli_come_back_with_any_cut(keys in keys(), part_bytes in 1usize..200) {
        let (text, rows) = rdb_cli_file(&keys);
        let (_folder, input) = written(&text);
        let options = options(Format::RDB_CLI, part_bytes);
        prop_assert_eq!(&streamed(&input, &options), &(rows.clone(), vec![]));
        prop_assert_eq!(&by_parts(&input, &options), &(rows, vec![]));
    }

    #[test]
    fn damaged_rows_of_rdb_tools_are_the_same_with_any_cut(
        keys in keys(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), proptest::sample::select(b",\n1x\"".to_vec())), 1..6),
        part_bytes in 1usize..200,
    ) {
        let (mut text, _) = rdb_tools_file(&keys);
        for (place, byte) in damage {
            let place = 81 + place.index(text.len() - 81);
            text[place] = byte;
        }
        let (_folder, input) = written(&text);
        let whole = streamed(&input, &options(Format::RDB_TOOLS, 1 << 20));
        let options = options(Format::RDB_TOOLS, part_bytes);
        prop_assert_eq!(&streamed(&input, &options), &whole);
        prop_assert_eq!(&by_parts(&input, &options), &whole);
    }

    #[test]
    fn quoted_rows_come_back_with_any_cut(keys in keys(), part_bytes in 1usize..200) {
        let (text, rows) = quoted_file(&keys);
        let (_folder, input) = written(&text);
        prop_assert_eq!(streamed(&input, &options(Format::CSV, part_bytes)), (rows, vec![]));
    }

    #[test]
    fn listed_keys_come_back_with_any_cut(keys in keys(), part_bytes in 1usize..200) {
        let text = keys.join(&b'\n');
        // A newline in a key makes two of it: the list is the definition.
        let mut rows: Vec<Row> = text
            .split(|byte| *byte == b'\n')
            .map(|key| (key.to_vec(), None, KeyKind::Unknown, 0, false))
            .collect();
        if rows.last().is_some_and(|row| row.0.is_empty()) {
            rows.pop();
        }
        prop_assume!(!text.is_empty() && !text.starts_with(b"\xff\xfe"));
        let (_folder, input) = written(&text);
        prop_assume!(open(&input, &options(Format::LIST, 1)).is_ok());
        let options = options(Format::LIST, part_bytes);
        prop_assert_eq!(&streamed(&input, &options), &(rows.clone(), vec![]));
        prop_assert_eq!(&by_parts(&input, &options), &(rows, vec![]));
    }

    #[test]
    fn any_bytes_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (_folder, input) = written(&text);
        for format in [Format::RDB_TOOLS, Format::CSV, Format::LIST] {
            let options = options(format, 64);
            if let Ok(mut source) = open(&input, &options) {
                let mut batch = KeyBatch::new();
                while source.next_batch(&mut batch).expect("faults are skipped") {}
            }
        }
    }

    #[test]
    fn the_tally_is_that_of_one_key_at_a_time(keys in bare_keys(), part_bytes in 1usize..100, threads in 1usize..5) {
        let (text, rows) = rdb_tools_file(&keys);
        let (_folder, input) = written(&text);
        let options = tally::Options { source: options(Format::RDB_TOOLS, part_bytes), threads: Some(threads), ..tally::Options::default() };
        let outcome = tally::count_inputs(&[input.clone(), input], &options, &|_| {}).expect("it reads");
        let mut counts = vec![tally::SlotCount::default(); crate::slot::SLOT_COUNT];
        for (key, size, _, _, expires) in rows.iter().chain(&rows) {
            let count = &mut counts[Slot::for_key(key).index()];
            count.keys += 1;
            count.bytes += size.unwrap_or(0);
            count.expiring += u64::from(*expires);
        }
        for slot in Slot::all() {
            prop_assert_eq!(outcome.tally.slot(slot), counts[slot.index()]);
        }
    }
}

fn faults_of(format: Format, text: &str) -> Vec<(Option<u64>, Option<String>, String)> {
    let (_folder, input) = written(text.as_bytes());
    let mut source = open(&input, &options(format, 16)).expect("it opens");
    let mut batch = KeyBatch::new();
    while source.next_batch(&mut batch).expect("faults are skipped") {}
    let row_errors = source.findings().row_errors.first();
    row_errors
        .iter()
        .map(|row_error| {
            let field = row_error.field.as_deref().map(str::to_owned);
            (row_error.line, field, row_error.message.clone())
        })
        .collect()
}

#[test]
fn a_damaged_row_is_named_and_takes_no_other_with_it() {
    let text = "0,string,a,1,string,1,1,\n0,string,b,x,string,1,1,\n0,string,c,1,string,1\n\
                0,string,d,1,string,1,1,\nx,string,e,1,string,1,1,\n0,string,f,1,str";
    let row_errors = faults_of(Format::RDB_TOOLS, text);
    let places: Vec<_> = row_errors
        .iter()
        .map(|row_error| (row_error.0, row_error.1.as_deref()))
        .collect();
    assert_eq!(
        places,
        [
            (Some(2), Some("size_in_bytes")),
            (Some(3), None),
            (Some(5), Some("database")),
            (Some(6), None),
        ],
        "{row_errors:?}"
    );
    assert!(row_errors[0].2.contains("found `x`"), "{row_errors:?}");
    assert!(
        row_errors[1].2.contains("expected a row of 8 fields"),
        "{row_errors:?}"
    );
}

#[test]
fn faults_of_quoted_rows_are_named() {
    let text = "key,size\na,1\nb\n\"c,1\",2\nd\"x,1\ne,-1\n\"f\n\",99999999999999999999\ng,1\n";
    let row_errors = faults_of(Format::CSV, text);
    let places: Vec<_> = row_errors
        .iter()
        .map(|row_error| (row_error.0, row_error.1.as_deref()))
        .collect();
    assert_eq!(places[..1], [(Some(3), None)], "{row_errors:?}");
    assert!(
        row_errors
            .iter()
            .any(|row_error| row_error.2.contains("stray quote")),
        "{row_errors:?}"
    );
}

proptest! {
    /// Quotes where the standard has none: which rows are refused must not depend on the cuts.
    #[test]
    fn damaged_quotes_are_read_the_same_in_any_parts(
        rows in proptest::collection::vec(
            proptest::sample::select(&["\"", "\"\"", ",", "\n", "\r\n", "a", "1", "\u{feff}", "a,1\n", "\"b\nc\",2\n"][..]),
            0..60,
        ),
        part_bytes in 1usize..40,
    ) {
        let text = format!("key,size\n{}", rows.concat());
        let (_folder, input) = written(text.as_bytes());
        let whole = streamed(&input, &options(Format::CSV, 1 << 20));
        prop_assert_eq!(streamed(&input, &options(Format::CSV, part_bytes)), whole);
    }
}

/// Rows far longer than the longest that is read, between others: each is refused once, and no other with it.
#[test]
fn rows_that_are_too_long_are_passed_over() {
    let long = |bytes: usize| format!("0,string,{},1,string,1,1,\n", "x,\n".repeat(bytes / 3));
    let short = |name: &str| format!("0,string,{name},1,string,1,1,\n");
    let text = [
        long(900_000),
        short("a"),
        short("b"),
        long(400_000),
        long(600_000),
        short("c"),
        long(500_000),
    ];
    let place_of = |row: &usize| text[..*row].iter().map(|row| row.len() as u64).sum();
    let truth = (
        vec![1, 1, 1],
        Vec::from([0, 3, 4, 6].map(|row| place_of(&row))),
    );
    let (_folder, input) = written(text.concat().as_bytes());
    for part_bytes in [100, 1000, 70_000] {
        let options = Options {
            max_row_bytes: 1000,
            ..options(Format::RDB_TOOLS, part_bytes)
        };
        let lengths = |(rows, refused): (Vec<Row>, Vec<u64>)| {
            let lengths = rows.iter().map(|row| row.0.len()).collect::<Vec<_>>();
            (lengths, refused)
        };
        assert_eq!(lengths(streamed(&input, &options)), truth, "{part_bytes}");
        assert_eq!(lengths(by_parts(&input, &options)), truth, "{part_bytes}");
        let run = |on_error, threads| {
            let source = Options {
                on_error,
                ..options.clone()
            };
            let options = tally::Options {
                source,
                threads: Some(threads),
                ..tally::Options::default()
            };
            tally::count_inputs(std::slice::from_ref(&input), &options, &|_| {})
        };
        let outcome = run(OnError::Skip, 2).expect("they are skipped");
        assert_eq!((outcome.tally.total().keys, outcome.skipped()), (3, 4));
        let lines: Vec<_> = outcome.inputs[0]
            .findings
            .row_errors
            .first()
            .iter()
            .map(|row_error| row_error.line)
            .collect();
        assert_eq!(lines[..2], [Some(1), Some(300_004)]);
        let error = run(OnError::Stop, 2).expect_err("it stops");
        assert!(error.one_line().contains("at most 1000 bytes"), "{error}");
    }
}

/// Whether a row is too long is told by its length, however it was cut and whatever was read ahead.
#[test]
fn a_row_is_too_long_from_one_byte_on() {
    const MOST: usize = 70_000;
    let lengths = [
        100,
        MOST,
        MOST + 1,
        3,
        MOST - 1,
        MOST + 65_536,
        MOST,
        MOST + 100,
        MOST * 2,
        70,
        MOST + 40_000,
        1,
    ];
    let texts = |row: &dyn Fn(usize) -> String| -> Vec<String> {
        lengths
            .iter()
            .map(|length| row((*length).max(20)))
            .collect()
    };
    let line = |length: usize| "k".repeat(length - 1) + "\n";
    let quoted =
        |length: usize| format!("\"{}\",1\n", ",\n".repeat(length)[..length - 5].to_owned());
    let dump = |length: usize| format!("0,string,{},1,string,1,1,\n", "x".repeat(length));
    for (format, header, rows) in [
        (Format::LIST, "", texts(&line)),
        (Format::CSV, "key,size\n", texts(&quoted)),
        (Format::RDB_TOOLS, "", texts(&dump)),
    ] {
        let text = header.to_owned() + &rows.concat();
        let mut place = header.len() as u64;
        let mut truth = (0, Vec::new());
        for row in &rows {
            if row.len() > MOST {
                truth.1.push(place);
            } else {
                truth.0 += 1;
            }
            place += row.len() as u64;
        }
        // Of what is passed over the first are kept.
        truth.1.truncate(5);
        let (_folder, input) = written(text.as_bytes());
        for part_bytes in [1000, 65_536, MOST, 1 << 20] {
            let options = Options {
                max_row_bytes: MOST,
                ..options(format, part_bytes)
            };
            let told = |(rows, refused): (Vec<Row>, Vec<u64>)| (rows.len(), refused);
            assert_eq!(
                told(streamed(&input, &options)),
                truth,
                "{format} {part_bytes}"
            );
            if format != Format::CSV {
                assert_eq!(
                    told(by_parts(&input, &options)),
                    truth,
                    "{format} {part_bytes}"
                );
            }
        }
    }
}

/// The same where quotes decide what a row is, in pieces that end between any two bytes.
#[test]
fn quoted_rows_that_are_too_long_are_passed_over() {
    let long = |bytes: usize| format!("\"{}\",1\n", "x,\n\"\",\"\"\n".repeat(bytes / 9));
    let bare = |bytes: usize| format!("{},1\n", "y\"".repeat(bytes / 2));
    let text = [
        "key,size\n".to_owned(),
        long(900_000),
        "a,1\n".to_owned(),
        "\"b\nb\",1\n".to_owned(),
        long(400_003),
        bare(300_000),
        "c,1\n".to_owned(),
        long(500_005),
    ];
    let place_of = |row: &usize| text[..*row].iter().map(|row| row.len() as u64).sum::<u64>();
    let truth = Vec::from([1, 4, 5, 7].map(|row| place_of(&row)));
    let (_folder, input) = written(text.concat().as_bytes());
    for part_bytes in [100, 1000, 1001, 1007, 70_000] {
        let options = Options {
            max_row_bytes: 1000,
            ..options(Format::CSV, part_bytes)
        };
        let (rows, refused) = streamed(&input, &options);
        let keys: Vec<&[u8]> = rows.iter().map(|row| row.0.as_slice()).collect();
        assert_eq!(keys, [&b"a"[..], b"b\nb", b"c"], "{part_bytes}");
        assert_eq!(refused, truth, "{part_bytes}");
    }
}

/// A part is read from a little before its begin, where the last row of the part before it may be bad.
#[test]
fn a_part_that_fails_hides_no_row_before_it() {
    let text = "0,string,k,1,string,1,1,\n".repeat(40);
    let (_folder, input) = written(text.as_bytes());
    let options = options(Format::RDB_TOOLS, 500);
    let open_input = OpenInput::open(&input, &options).and_then(InputContent::keys);
    let open_input = open_input.expect("it opens");
    let (file, length) = open_input.seekable.as_ref().expect("a file");
    let parts = Parts {
        file,
        // As if it had become shorter since.
        length: length + 1000,
        skip: open_input.skip(),
        long_rows: &LongRowIndex::default(),
        looks_far: false,
    };
    let splitter = Splitter::new(input.path(), &open_input.row_reader().layout, &options);
    let (mut batch, mut refused) = (KeyBatch::new(), RowErrors::default());
    let read = parts.read(2, &splitter, &mut batch, &mut refused);
    let error = read.expect_err("it is shorter");
    assert!(error.message().contains("became shorter"), "{error}");
    assert_eq!(parts.failed_at(2, &splitter, &error), 1000);
    assert!(batch.block_offset() < 1000);
}

/// A row of many parts is read a few times, however many threads come upon its parts, and in whatever order.
#[test]
fn a_long_row_is_not_read_again_for_every_part_in_it() {
    let line = "k".repeat(999) + "\n";
    let row = |lines: usize| format!("0,string,{},1,string,1,1,\n", line.repeat(lines));
    let (short, long) = (row(1), row(3_000));
    let text = [&short, &long, &short, &short, &long, &long, &short].map(String::as_str);
    let text = text.concat();
    let (_folder, input) = written(text.as_bytes());
    for (max_row_bytes, kept) in [(4_000_000, 7), (2_000_000, 4), (50_000, 4)] {
        let options = Options {
            max_row_bytes,
            ..options(Format::RDB_TOOLS, 50_000)
        };
        let whole = streamed(&input, &options);
        assert_eq!((whole.0.len(), whole.1.len()), (kept, 7 - kept));
        for together in [1, 2, 8, 100] {
            let (rows, refused, read_bytes) = by_parts_side_by_side(&input, &options, together);
            assert!((rows, refused) == whole, "{max_row_bytes} {together}");
            let times = read_bytes as f64 / text.len() as f64;
            assert!(times < 4.0, "{times} times: {max_row_bytes} {together}");
        }
    }
}

/// However long rows may be, and however many stand before one that is too long.
#[test]
fn quotes_are_passed_a_few_times_only() {
    let rows = "\"\",1\n".repeat(50_000);
    let long = format!("\"{}\",1\n", "k".repeat(1 << 20));
    let text = ["key,size\n", &rows, &long, &rows, &long, &rows].concat();
    let quotes = text.matches('"').count() as u64;
    let (_folder, input) = written(text.as_bytes());
    for (part_bytes, max_row_bytes) in [(1 << 10, 1 << 10), (1 << 18, 1 << 18), (1 << 18, 1 << 19)]
    {
        let options = Options {
            max_row_bytes,
            ..options(Format::CSV, part_bytes)
        };
        let before = PASSED_QUOTES.get();
        let (read, refused) = streamed(&input, &options);
        let passed = PASSED_QUOTES.get() - before;
        assert_eq!((read.len(), refused.len()), (150_000, 2));
        assert!(passed < 8 * quotes, "{passed} for {quotes} quotes");
    }
}

/// The keys of a text in the form that its content shows.
fn keys_of(text: &[u8], options: &Options) -> Vec<Vec<u8>> {
    let (_folder, input) = written(text);
    let (rows, _) = streamed(&input, options);
    rows.into_iter().map(|row| row.0).collect()
}

#[test]
fn a_carriage_return_inside_quotes_is_the_keys() {
    let keys = |text: &str| keys_of(text.as_bytes(), &Options::default());
    assert_eq!(keys("size,key\n1,\"a\r\"\n"), [b"a\r"]);
    assert_eq!(keys("size,key\r\n1,\"a\r\"\r\n"), [b"a\r"]);
    assert_eq!(keys("size,key\r\n1,\"a\"\r\n1,b\r\n"), [b"a", b"b"]);
}

#[test]
fn the_last_line_of_a_quoted_list_needs_no_newline() {
    let keys = |text: &str| keys_of(text.as_bytes(), &Options::default());
    assert_eq!(keys("\"foo\""), keys("\"foo\"\n"));
    assert_eq!(keys("\"foo\"\n\"b\\x00r\""), [&b"foo"[..], b"b\0r"]);
    assert_eq!(keys("\"foo\"\nbar"), [&b"\"foo\""[..], b"bar"]);
}

#[test]
fn keys_of_one_byte_between_nuls_are_no_utf_16() {
    let text: Vec<u8> = (0..64).flat_map(|_| *b"a\0").collect();
    let options = Options {
        is_null_separated: true,
        ..Options::default()
    };
    assert_eq!(keys_of(&text, &options).len(), 64);
    let (_folder, input) = written(&text);
    let refused = open(&input, &Options::default()).err().expect("UTF-16");
    assert!(refused.message().contains("UTF-16"), "{refused}");
}

#[test]
fn json_is_no_list_of_keys() {
    for text in [
        "[\n{\"db\":0,\"key\":\"a\"},\n{\"db\":0,\"key\":\"b\"}\n]\n",
        "{\"key\":\"a\",\"type\":\"string\"}\n{\"key\":\"b\"}\n",
    ] {
        let (_folder, input) = written(text.as_bytes());
        let refused = open(&input, &Options::default()).err().expect("JSON");
        assert!(refused.message().contains("JSON"), "{refused}");
        assert!(!keys_of(text.as_bytes(), &options(Format::LIST, 1 << 20)).is_empty());
    }
    // A hash tag, and a key that begins with a bracket.
    let keys = keys_of(b"{user}:1\n[a]\n", &Options::default());
    assert_eq!(keys, [&b"{user}:1"[..], b"[a]"]);
}

#[test]
fn words_of_peoples_own_tools_are_understood() {
    let text = "key,type,expiry\na,String,-1\nb,ZSET,0\nc,hash,NULL\nd,ReJSON-RL,1795370754\n";
    let (_folder, input) = written(text.as_bytes());
    let (rows, _) = streamed(&input, &Options::default());
    let kinds: Vec<_> = rows.iter().map(|row| (row.2, row.4)).collect();
    use KeyKind::{Hash, Module, String, Zset};
    assert_eq!(
        kinds,
        [
            (String, false),
            (Zset, false),
            (Hash, false),
            (Module, true)
        ]
    );
}

/// A packed text that is cut off in its middle.
fn cut_gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, text).expect("it packs");
    let mut packed = gzip.finish().expect("it packs");
    packed.truncate(packed.len() / 2);
    packed
}

/// Only whole rows count: a row that the damage cuts would be a key that nobody wrote.
#[test]
fn rows_before_damage_in_a_packed_file_are_read_and_the_cut_one_is_not() {
    let keys: Vec<Vec<u8>> = (0..20_000)
        .map(|number| format!("key\n{}", number * 7).into_bytes())
        .collect();
    let listed: Vec<Vec<u8>> = (0..20_000)
        .map(|number: u32| format!("key:{}", number * 7).into_bytes())
        .collect();
    let rows_of_list = |key: &Vec<u8>| (key.clone(), None, KeyKind::Unknown, 0, false);
    let mut list = listed.join(&b'\n');
    list.push(b'\n');
    for (format, (text, rows)) in [
        (Format::RDB_TOOLS, rdb_tools_file(&keys)),
        (Format::CSV, quoted_file(&keys)),
        (
            Format::LIST,
            (list, listed.iter().map(rows_of_list).collect()),
        ),
    ] {
        let packed = cut_gzip(&text);
        let (_folder, input) = written(&packed);
        for part_bytes in [100, 70_000, 1 << 20] {
            let mut options = options(format, part_bytes);
            let mut source = open(&input, &options).expect("it opens");
            let (mut batch, mut read) = (KeyBatch::new(), Vec::new());
            while source.next_batch(&mut batch).expect("it is passed over") {
                read.extend(batch.records().map(row));
            }
            assert!(read.len() > 5_000 && rows.starts_with(&read), "{format}");
            let row_errors = &source.findings().row_errors;
            let damage = row_errors.damage().expect("it is damaged");
            assert_eq!((row_errors.count(), damage.byte), (1, packed.len() as u64));
            let lines = match format {
                Format::LIST => 1 + read.len(),
                _ => 2 + 2 * read.len(),
            };
            assert_eq!(damage.line, Some(lines as u64), "{format} {part_bytes}");
            options.on_error = OnError::Stop;
            let mut source = open(&input, &options).expect("it opens");
            let mut count = 0;
            let error = loop {
                match source.next_batch(&mut batch) {
                    Ok(more) => assert!(more, "no end without a word"),
                    Err(error) => break error,
                }
                count += batch.len();
            };
            assert_eq!(count, read.len(), "{format} {part_bytes}");
            let place = format!(
                "line {lines}, byte {}: the gzip data is cut off",
                packed.len()
            );
            assert!(error.one_line().contains(&place), "{error}");
        }
    }
}

/// Twice the rows of a file whose header stands in it again, and how often that is said.
fn joined(format: Format, (text, rows): (Vec<u8>, Vec<Row>), part_bytes: usize) {
    let joined = [&text[..], UTF8_MARK, &text, &text].concat();
    let (_folder, input) = written(&joined);
    let truth = ([&rows[..], &rows, &rows].concat(), vec![]);
    let options = options(format, part_bytes);
    assert_eq!(streamed(&input, &options), truth, "{format} {part_bytes}");
    if format != Format::CSV {
        assert_eq!(by_parts(&input, &options), truth, "{format} {part_bytes}");
    }
    for threads in [1, 3] {
        let options = tally::Options {
            source: options.clone(),
            threads: Some(threads),
            ..tally::Options::default()
        };
        let outcome =
            tally::count_inputs(std::slice::from_ref(&input), &options, &|_| {}).expect("it reads");
        let findings = &outcome.inputs[0].findings;
        assert_eq!((findings.repeated_headers, outcome.skipped()), (2, 0));
        assert!(findings.notes[0].contains("2 more times"), "{findings:?}");
    }
}

#[test]
fn the_header_of_a_joined_file_is_no_row() {
    let keys = [&b"a,b"[..], b"nl\nkey", b"key", b"database", b""].map(<[u8]>::to_vec);
    let with_cr = |(text, rows): (Vec<u8>, Vec<Row>)| {
        let text = String::from_utf8(text).expect("text").replace('\n', "\r\n");
        (text.into_bytes(), rows)
    };
    let plain = [b"b".to_vec(), b"key".to_vec()];
    for part_bytes in [1, 7, 50, 83, 1000] {
        joined(Format::RDB_TOOLS, rdb_tools_file(&keys), part_bytes);
        joined(Format::RDB_CLI, rdb_cli_file(&keys), part_bytes);
        joined(Format::CSV, quoted_file(&keys), part_bytes);
        joined(Format::CSV, with_cr(quoted_file(&plain)), part_bytes);
    }
}

#[test]
fn a_header_without_a_size_is_no_key_where_it_stands_again() {
    let keys = |text: &str, options: &Options| keys_of(text.as_bytes(), options);
    let any = Options::default();
    let joined = "key,type\nkey,string\nkey,type\na,type\nkey,type ";
    assert_eq!(keys(joined, &any), [&b"key"[..], b"a", b"key"]);
    assert_eq!(keys("key;type\r\nkey;type\r\n", &any), [b""; 0]);
    // The only column: it may be a key.
    let one = options(Format::CSV, 1000);
    assert_eq!(keys("key\na\nkey\n", &one), [&b"a"[..], b"key"]);
}

#[test]
fn a_blank_line_is_no_key_with_either_line_end() {
    let keys = |text: &str| keys_of(text.as_bytes(), &options(Format::CSV, 1000));
    for text in [
        "key\n\na\n\"\"\n\n\nb\n\n",
        "key\n\na\n\"\"\n\n\nb",
        "key,size\n\na,1\n\"\",1\n\n\nb,1\n\n",
    ] {
        assert_eq!(keys(text), [&b"a"[..], b"", b"b"]);
        assert_eq!(keys(&text.replace('\n', "\r\n")), [&b"a"[..], b"", b"b"]);
    }
    assert_eq!(keys("key\r\na\r\n\r"), [b"a"]);
}

/// A row that is too long doesn't hide a bad row before it, nor the other way round.
#[test]
fn the_first_of_a_bad_and_a_long_row_stops_the_run() {
    type Form = fn(&str, &str) -> String;
    let forms: [(Format, &str, Form); 3] = [
        (Format::RDB_TOOLS, "", |key, size| {
            format!("0,string,{key},{size},string,1,1,\n")
        }),
        (Format::RDB_CLI, "", |key, size| {
            format!("0,string,\"{key}\",\"{size}\",string,1,\"1\",\"\"\n")
        }),
        (Format::CSV, "key,size\n", |key, size| {
            format!("{key},{size}\n")
        }),
    ];
    let long_key = "k".repeat(5_000);
    for (format, header, row) in forms {
        let good = |count: usize| row("good", "1").repeat(count);
        let (bad, long) = (row("bad", "x"), row(&long_key, "1"));
        let name = |before: &str, is_long| {
            let line = 1 + before.matches('\n').count();
            let byte = before.len();
            (is_long, format!("line {line}, "), format!("byte {byte}: "))
        };
        let three = header.to_owned() + &good(3);
        for (rows, (is_long, line, byte)) in [
            (
                [&good(3), &bad, &good(2), &long, &good(90)],
                name(&three, false),
            ),
            (
                [&good(3), &long, &good(2), &bad, &good(90)],
                name(&three, true),
            ),
            ([&bad, &long, &long, &good(90), &bad], name(header, false)),
        ] {
            let check = |error: &crate::error::Error, what: &str| {
                let text = error.one_line();
                let is_it = text.contains("at most 1000") == is_long;
                let is_there = text.contains(&line) && text.contains(&byte);
                assert!(is_it && is_there, "{format} {what}: {text}");
            };
            let (_folder, input) =
                written((header.to_owned() + &rows.map(String::as_str).concat()).as_bytes());
            for (part_bytes, threads) in [(1000, 1), (1000, 3), (64, 1), (64, 3), (333, 2)] {
                let options = tally::Options {
                    source: Options {
                        max_row_bytes: 1000,
                        on_error: OnError::Stop,
                        ..options(format, part_bytes)
                    },
                    threads: Some(threads),
                    ..tally::Options::default()
                };
                let run = tally::count_inputs(std::slice::from_ref(&input), &options, &|_| {});
                check(
                    &run.expect_err("it stops"),
                    &format!("{part_bytes} {threads}"),
                );
                let mut source = open(&input, &options.source).expect("it opens");
                let mut batch = KeyBatch::new();
                let error = loop {
                    match source.next_batch(&mut batch) {
                        Ok(more) => assert!(more, "{format}"),
                        Err(error) => break error,
                    }
                };
                check(&error, &format!("{part_bytes}, one thread"));
            }
        }
    }
}
