//! What inputs are taken for, and what is said of it.

use super::*;
use crate::source::{KeyBatch, KeySource, Source};
use std::io::Cursor;

fn seen(text: impl AsRef<[u8]>, options: &Options) -> Result<Recognised> {
    recognise(text.as_ref(), true, options)
}

fn guessed(text: impl AsRef<[u8]>) -> Recognised {
    seen(text, &Options::default()).expect("recognised")
}

/// The keys of an input with their sizes, or the first fault.
fn keys(text: impl AsRef<[u8]>, options: &Options) -> Result<Vec<(String, Option<u64>)>> {
    let mut source = Source::from_reader("input", Cursor::new(text.as_ref().to_vec()), options)?;
    let mut batch = KeyBatch::new();
    let mut keys = Vec::new();
    while source.next_batch(&mut batch)? {
        keys.extend(batch.records().map(|record| {
            let key = record.key.escape_ascii().to_string();
            (key, record.facts.size_bytes)
        }));
    }
    Ok(keys)
}

fn names(text: impl AsRef<[u8]>) -> Vec<String> {
    let keys = keys(text, &Options::default()).expect("it reads");
    keys.into_iter().map(|(key, _)| key).collect()
}

const COMMAND: &str = "1795370754.356650 [0 127.0.0.1:47358] \"GET\" \"a\"\n";

#[test]
fn a_log_may_begin_in_the_middle_of_a_line() {
    for first in [
        "56650 [0 127.0.0.1:47358] \"GET\" \"z\"\n",
        "z\" \"value\"\n",
        "\r\n",
    ] {
        let log = format!("{first}{COMMAND}{COMMAND}");
        let recognised = guessed(&log);
        assert_eq!(recognised.name, "monitor", "{first}");
        assert_eq!(names(&log), ["a", "a"], "{first}");
        let says_so = recognised
            .note
            .is_some_and(|note| note.contains("passed over"));
        assert_eq!(says_so, first.len() > 2, "{first}");
    }
    let said = Options {
        format: Some(Format::Monitor),
        ..Options::default()
    };
    let read = keys(format!("z\"\n{COMMAND}"), &said).expect("it reads");
    assert_eq!(read.len(), 1);
    // One line of a log among keys makes no log of them.
    assert_eq!(guessed(format!("a\n{COMMAND}b\nc\n")).name, "list");
}

#[test]
fn the_first_command_of_a_log_may_be_longer_than_the_head() {
    let long = format!(
        "1795370754.356650 [0 lua] \"SET\" \"b\" \"{}\"\n",
        "x".repeat(HEAD_BYTES)
    );
    let log = format!("OK\n{long}{COMMAND}");
    let recognised = recognise(&log.as_bytes()[..HEAD_BYTES], false, &Options::default());
    assert_eq!(recognised.expect("recognised").name, "monitor");
    assert_eq!(names(&log), ["a"]);
}

#[test]
fn a_log_may_have_the_plus_of_the_protocol() {
    let log = format!("+OK\r\n+{}+{0}", COMMAND.replace('\n', "\r\n"));
    assert_eq!(guessed(&log).name, "monitor");
    assert_eq!(names(&log), ["a"; 2]);
}

/// Rows as rdb-tools, its older versions and redis-rdb-cli write them.
const PIECES: [(&str, &str); 3] = [
    ("0,string,a,56,string,1,1,\n", "rdb-tools"),
    ("0,string,a,56,string,1,1\n", "rdb-tools"),
    (
        "0,string,\"a\",\"56B\",string,1,\"1B\",\"\"\n",
        "redis-rdb-cli",
    ),
];

#[test]
fn pieces_of_memory_csvs_need_no_header() {
    for (row, format) in PIECES {
        let recognised = guessed(row.repeat(3));
        assert_eq!(recognised.name, format, "{row}");
        assert!(
            recognised
                .note
                .is_some_and(|note| note.contains("no header"))
        );
        assert_eq!(names(row.repeat(3)), ["a"; 3], "{row}");
    }
}

#[test]
fn half_a_first_row_is_passed_over() {
    for (row, format) in PIECES {
        for cut in [2, 12, row.len() - 2] {
            let piece = format!("{}{row}{row}", &row[cut..]);
            let recognised = guessed(&piece);
            assert_eq!(recognised.name, format, "{piece}");
            let note = recognised.note.expect("a note");
            assert!(
                note.contains("first row") && note.contains("passed over"),
                "{note}"
            );
            assert_eq!(names(&piece), ["a", "a"], "{piece}");
        }
        let said = Options {
            format: Some(if format == "rdb-tools" {
                Format::RdbTools
            } else {
                Format::RdbCli
            }),
            ..Options::default()
        };
        let read = keys(format!("{}{row}", &row[5..]), &said).expect("it reads");
        assert_eq!(read.len(), 1, "{row}");
    }
}

#[test]
fn rows_whose_keys_hold_newlines_are_still_rows() {
    let piece =
        "0,string,a\nb,56,string,1,1,\n0,string,c,56,string,1,1,\n0,string,d,56,string,1,1,\n";
    assert_eq!(names(piece), ["a\\nb", "c", "d"]);
    assert_eq!(guessed("a\n0,string,a,56,string,1,1,\nb\nc\n").name, "list");
}

fn refusal(text: impl AsRef<[u8]>) -> String {
    seen(text, &Options::default())
        .expect_err("refused")
        .one_line()
}

#[test]
fn lines_that_end_with_a_carriage_return_alone_are_refused() {
    for text in ["key,size\ra,5\rb,6\r", "a\rb\rc\r", "a\rb"] {
        let line = refusal(text);
        assert!(
            line.contains("carriage return") && line.contains("tr '\\r' '\\n'"),
            "{line}"
        );
    }
    let kept = Options {
        keep_cr: true,
        ..Options::default()
    };
    assert_eq!(keys("a\rb", &kept).expect("read").len(), 1);
    assert_eq!(names("a\r"), ["a"]);
    assert_eq!(names("a\rb\n"), ["a\\rb"]);
}

#[test]
fn keys_between_nuls_are_not_one_key() {
    let keys = format!("{0}1\0{0}2\0{0}3\0", "a-long-name-of-a-key:".repeat(4));
    for text in [
        keys.as_str(),
        &keys.repeat(40),
        "averyveryverylongkeyofmanybytes\0b",
    ] {
        let line = refusal(text);
        assert!(
            line.contains("-0") && line.contains("--format list"),
            "{line}"
        );
    }
    // A few binary keys among many.
    assert_eq!(
        guessed(format!("a\0b\n{}", "plain\n".repeat(20))).name,
        "list"
    );
}

fn note(text: &str) -> &'static str {
    let recognised = guessed(text);
    assert_eq!(recognised.name, "list", "{text}");
    recognised.note.unwrap_or_default()
}

#[test]
fn blank_lines_take_no_quotes_away() {
    assert_eq!(names("\"a\"\n\"b\"\n\n"), ["a", "b"]);
    assert_eq!(names("\r\n\"a\"\r\n\n\n\"\"\n"), ["a", ""]);
    assert_eq!(names("\n\n"), ["", ""]);
}

#[test]
fn a_list_that_is_quoted_for_the_most_part_is_said() {
    let hint = note("\"a\"\n\"b\"\nc\n");
    assert!(hint.contains("--quoted"), "{hint}");
    assert_eq!(names("\"a\"\n\"b\"\nc\n"), ["\\\"a\\\"", "\\\"b\\\"", "c"]);
    assert_eq!(note("\"a\"\nb\nc\n"), "");
}

#[test]
fn a_list_that_looks_like_something_else_is_said() {
    for (text, hint) in [
        ("name,bytes,kind\na,5,string\n", "--key-column"),
        ("size|key\n5|a\n", "--delimiter"),
        ("Größe;Schlüssel\n5;a\n7;b\n", "--key-column"),
        ("866\thello\n15495\ta\n", "--key-column"),
        ("a,1,string,x\nb,1,string,y\n", "--key-column"),
        ("sep=;\nkey;size\na;5\n", "sep="),
        ("1) \"a\"\n2) \"b\"\n", "--no-raw"),
        (" 1) \"a\"\n 2) \"b\"\n10) \"c\"\n", "--no-raw"),
        ("\"a\",\"b\",\"c\\\"\"\n", "--csv"),
        ("\"a\",\"b\"", "--csv"),
        ("a\\x0Ab\nc\n", "--escape print"),
    ] {
        assert!(note(text).contains(hint), "{text}: {}", note(text));
    }
    let long = format!("\"{}\",\"b\"", "a".repeat(HEAD_BYTES));
    assert!(recognise(&long.as_bytes()[..HEAD_BYTES], false, &Options::default()).is_ok());
    let joined = "\"key\",".repeat(HEAD_BYTES);
    let recognised = recognise(&joined.as_bytes()[..HEAD_BYTES], false, &Options::default());
    let hint = recognised.expect("recognised").note.expect("a note");
    assert!(hint.contains("--csv"), "{hint}");
}

#[test]
fn keys_that_are_a_little_odd_are_a_list_without_a_word() {
    for text in [
        "a,b\n",
        "a,b\nc,d\n",
        "user,1\nuser,2\nuser,3\n",
        "user|1\nuser|2|3\n",
        "a|b|c|d\ne|f|g|h\n",
        "a,1\nb\n",
        "1\n2\n",
        "1) a\nb\n",
        "C:\\xyz\n\\x41\n",
        "\"a\",b\nc\n",
    ] {
        assert_eq!(note(text), "", "{text}");
    }
}

#[test]
fn escapes_are_said_of_memory_csvs_too() {
    let rows = "0,string,a\\x0Ab,56,string,1,1,\n";
    let hint = guessed(rows).note.expect("a note");
    assert!(hint.contains("--escape print"), "{hint}");
    let said = Options {
        escape: Some(Escape::Raw),
        ..Options::default()
    };
    let hint = seen(rows, &said).expect("recognised").note.expect("a note");
    assert!(!hint.contains("--escape print"), "{hint}");
}

#[test]
fn what_is_packed_otherwise_is_named() {
    let noise: Vec<u8> = (0..900u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for (magic, name) in [
        (&b"BZh9"[..], "found bzip2"),
        (b"\xFD7zXZ\0", "found xz"),
        (b"PK\x03\x04", "found zip"),
        (b"\x1F\x8B\x08", "found gzip inside"),
    ] {
        let line = refusal([magic, &noise].concat());
        assert!(
            line.contains(name) && line.contains("unpack it first"),
            "{line}"
        );
    }
    assert_eq!(guessed("BZhang\nBZhou\n").name, "list");
    // A header may stand in it as it is.
    let header = b"size_in_bytes,key,type,database\n";
    let old = [
        &b"\x02\x21\x4C\x18\xFD\x51\x09\0\xF4\x32"[..],
        header,
        &noise,
    ]
    .concat();
    assert!(refusal(old).contains("found lz4 of the old format"));
    let mut tar = [b"dump.csv".to_vec(), vec![0; 504], header.to_vec()].concat();
    tar[257..265].copy_from_slice(b"ustar  \0");
    assert!(refusal(tar).contains("found tar"));
    let line = refusal(b"\xFF\xFE\0\0k\0\0\0");
    assert!(line.contains("iconv -f UTF-32"), "{line}");
}
