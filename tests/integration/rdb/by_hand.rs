//! Types and opcodes that no server at hand writes, or none writes any more.

use super::super::tool::{run_with, slotkit};
use std::process::Stdio;

/// A file of these entries, its checksum not computed.
fn file(magic: &str, entries: &[&[u8]]) -> Vec<u8> {
    let mut bytes = magic.as_bytes().to_vec();
    bytes.extend(entries.concat());
    bytes.push(255);
    bytes.extend([0; 8]);
    bytes
}

/// The rows of the file's keys without their sizes: database, type, key, encoding, elements, longest
/// element, expiry.
fn rows(bytes: &[u8]) -> Vec<String> {
    let run = run_with(["analyze", "--output", "memory-csv", "-"], bytes);
    assert_eq!(run.exit, 0, "{}", run.stderr);
    let without_size = |row: &str| {
        let mut fields: Vec<&str> = row.split(',').collect();
        fields.remove(3);
        fields.join(",")
    };
    run.text().lines().skip(1).map(without_size).collect()
}

/// A listpack of these entries, as a string.
fn listpack(count: u8, entries: &[u8]) -> Vec<u8> {
    let bytes = (6 + entries.len() + 1) as u8;
    let head = [bytes, bytes, 0, 0, 0, count, 0];
    [&head[..], entries, b"\xff"].concat()
}

#[test]
fn each_type_has_its_kind_and_its_elements() {
    // Field, value and when it expires; 0 is never.
    let triples = b"\x82ff\x03\x81v\x02\x00\x01\x81g\x02\x83www\x04\x05\x01";
    let expiring = listpack(6, triples);
    let cases: [(&str, u8, &[u8], &str); 9] = [
        ("REDIS0003", 1, b"\x02\x01a\x03bbb", "list,k,linkedlist,2,3,"),
        ("REDIS0003", 2, b"\x02\x02aa\xc0\x05", "set,k,hashtable,2,2,"),
        (
            "REDIS0003",
            3,
            // Scores: text, not a number, and both infinities.
            b"\x04\x01a\x03\x31.5\x01b\xfd\x02cc\xfe\x01d\xff",
            "sortedset,k,skiplist,4,2,",
        ),
        ("REDIS0003", 4, b"\x01\x01f\x04vvvv", "hash,k,hashtable,1,4,"),
        (
            "REDIS0008",
            5,
            b"\x01\x01a\0\0\0\0\0\0\xf8\x3f",
            "sortedset,k,skiplist,1,1,",
        ),
        // A module's value: its name and version, a number of each kind, a string, the end.
        (
            "REDIS0008",
            7,
            b"\x81\x12\x34\x56\x78\x9a\xbc\xde\x01\x01\x05\x02\x06\x03\0\0\0\0\x04\0\0\0\0\0\0\0\0\x05\x03abc\x00",
            "module,k,unknown,,0,",
        ),
        ("REDIS0012", 23, &expiring, "hash,k,listpack,2,3,"),
        (
            "REDIS0012",
            25,
            &[&[0; 8][..], &expiring].concat(),
            "hash,k,listpack,2,3,",
        ),
        (
            "REDIS0012",
            24,
            b"\0\0\0\0\0\0\0\0\x02\x00\x01f\x01v\x09\x01g\x02ww",
            "hash,k,hashtable,2,2,",
        ),
    ];
    for (magic, kind, value, row) in cases {
        // A key behind it shows that the value was stepped over as a whole.
        let record = [&[kind, 1, b'k'], value].concat();
        let found = rows(&file(magic, &[&record, b"\x00\x01l\x01v"]));
        let last = "0,string,l,string,1,1,".to_owned();
        assert_eq!(found, [format!("0,{row}"), last], "type {kind}");
    }
}

#[test]
fn opcodes_between_keys_are_stepped_over() {
    let entries: [&[u8]; 9] = [
        // A field, a module's own data, a library, and two functions of release candidates of 7.0.
        b"\xfa\x05ctime\xc2\0\0\0\0",
        b"\xf7\x81\x12\x34\x56\x78\x9a\xbc\xde\x01\x02\x02\x05\x03abc\x00",
        b"\xf5\x0b#!lua name=",
        b"\xf6\x01f\x03LUA\x00\x06return",
        b"\xf6\x01g\x03LUA\x01\x04text\x06return",
        // Database 3, its sizes, and keys with idle time, frequency, and expiry in seconds and ms.
        b"\xfe\x03\xfb\x03\x02",
        b"\xf8\x41\x00\x00\x01a\x01v",
        b"\xfd\x01\0\0\0\xf9\x07\x00\x01b\x01v",
        b"\xfc\xe8\x03\0\0\0\0\0\0\x00\x01c\x01v",
    ];
    let found = rows(&file("REDIS0010", &entries));
    let expected = [
        "3,string,a,string,1,1,",
        "3,string,b,string,1,1,1970-01-01T00:00:01",
        "3,string,c,string,1,1,1970-01-01T00:00:01",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_file_packed_with_lz4_is_read() {
    use std::io::Write;
    let plain = file("REDIS0009", &[b"\x00\x01k\x01v", b"\x00\x01l\xc0\x07"]);
    let mut packer = lz4_flex::frame::FrameEncoder::new(Vec::new());
    packer.write_all(&plain).expect("memory");
    let packed = packer.finish().expect("memory");
    assert_ne!(packed, plain);
    assert_eq!(rows(&packed), rows(&plain));
}

#[test]
fn a_closed_pipe_ends_rows_in_silence() {
    let folder = tempfile::tempdir().expect("a folder");
    let dump = folder.path().join("dump.rdb");
    std::fs::write(&dump, file("REDIS0009", &[b"\x00\x01k\x01v"])).expect("it is written");
    let dump = dump.to_str().expect("text");
    for form in ["memory-csv", "csv", "json", "table"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = slotkit(["analyze", "--output", form, dump]);
        let run = command
            .stdout(writer)
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        let words = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(0), "{form}: {words}");
        assert!(!words.contains("pipe"), "{form}: {words}");
    }
}

#[test]
fn what_only_seems_to_be_an_rdb_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |name: &str, bytes: &[u8], words: &str| {
        std::fs::write(folder.path().join(name), bytes).expect("it is written");
        let run = super::super::tool::run_in(folder.path(), ["analyze", name], b"");
        assert_eq!(run.exit, 2, "{name}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{name}: {}", run.stderr);
    };
    refused("text.rdb", b"hello\nworld\n", "as its name says");
    refused("text.RDB.gz", b"hello\nworld\n", "as its name says");
    refused("cut.rdb", b"REDIS00", "as its name says");
    let commands = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
    refused("appendonly.aof", commands, "an append-only file");
    let timed = [&b"#TS:1700000000\r\n"[..], commands].concat();
    refused("timed.aof", &timed, "BGREWRITEAOF");
    // What the user says counts, and a CSV is one whatever its name is.
    let list = ["analyze", "--format", "list", "text.rdb"];
    let list = super::super::tool::run_in(folder.path(), list, b"");
    assert_eq!(list.exit, 0, "{}", list.stderr);
    std::fs::write(folder.path().join("csv.rdb"), "key,size\na,1\n").expect("it is written");
    let csv = super::super::tool::run_in(folder.path(), ["analyze", "csv.rdb"], b"");
    assert_eq!(csv.exit, 0, "{}", csv.stderr);
}
