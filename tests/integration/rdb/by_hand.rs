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
            "module,k,,,0,",
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
fn what_is_said_of_the_next_key_holds_until_that_key() {
    const EXPIRY: &[u8] = b"\xfc\xe8\x03\0\0\0\0\0\0";
    // What may stand between an expiry and its key, each with the database that the key is in then.
    let between: [(&str, &[u8], u8); 15] = [
        ("idle time", b"\xf8\x41\x00", 0),
        ("frequency", b"\xf9\x07", 0),
        ("a field", b"\xfa\x0bmvcc-tstamp\x0512345", 0),
        ("sizes", b"\xfb\x03\x02", 0),
        ("a database", b"\xfe\x02", 2),
        ("a slot of Redis", b"\xf4\x00\x01\x01", 0),
        ("a slot of Valkey 8", b"\xfa\x09slot-info\x050,1,1", 0),
        ("a library", b"\xf5\x0b#!lua name=", 0),
        (
            "a function of 7.0's candidates",
            b"\xf6\x01f\x03LUA\x00\x06return",
            0,
        ),
        (
            "a module's own data",
            b"\xf7\x81\x12\x34\x56\x78\x9a\xbc\xde\x01\x02\x02\x05\x03abc\x00",
            0,
        ),
        ("Redis Enterprise's 107", b"\x6b\x05", 0),
        ("Redis Enterprise's 121", b"\x79\x80\0\x01\0\0", 0),
        (
            "a key that servers drop",
            b"\x01\x01x\x00\xfc\xe8\x03\0\0\0\0\0\0",
            0,
        ),
        (
            "another expiry, which counts",
            b"\xfd\x09\0\0\0\xfc\xe8\x03\0\0\0\0\0\0",
            0,
        ),
        (
            "several",
            b"\xfa\x01a\x01b\xf9\x07\xfa\x01a\x01b\xfe\x01\xfb\x01\x01\xf8\x01\xfa\x01c\xc0\x01",
            1,
        ),
    ];
    for (name, bytes, db) in between {
        let entries: [&[u8]; 4] = [EXPIRY, bytes, b"\x00\x01k\x01v", b"\x00\x01l\x01v"];
        let found = rows(&file("REDIS0012", &entries));
        let expected = [
            format!("{db},string,k,string,1,1,1970-01-01T00:00:01"),
            format!("{db},string,l,string,1,1,"),
        ];
        assert_eq!(found, expected, "{name}");
    }
    // What belongs to no key isn't in the size of one either.
    let size_in_file = |entries: &[&[u8]]| {
        let bytes = file("REDIS0009", entries);
        let args = [
            "analyze",
            "--output",
            "memory-csv",
            "--size",
            "serialized",
            "-",
        ];
        let run = run_with(args, &bytes);
        let row = run.text().lines().nth(1).expect("a row").to_owned();
        row.split(',').nth(3).expect("a size").to_owned()
    };
    let key = &b"\x00\x01k\x01v"[..];
    let apart = [EXPIRY, b"\xfa\x0bmvcc-tstamp\x0512345", b"\xf9\x07", key];
    assert_eq!(size_in_file(&apart), "16");
    assert_eq!(size_in_file(&[EXPIRY, b"\xf9\x07", key]), "16");
    // An expiry that no key follows belongs to none, as on servers.
    let last = file("REDIS0009", &[key, EXPIRY]);
    assert_eq!(rows(&last), ["0,string,k,string,1,1,"]);
    // Nobody writes so many.
    let many = file("REDIS0009", &[&b"\xf9\x07".repeat(9), key]);
    let refused = run_with(["analyze", "-"], &many);
    assert_eq!(refused.exit, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("more opcodes"),
        "{}",
        refused.stderr
    );
}

#[test]
fn opcodes_of_redis_enterprise_are_not_valkeys() {
    let entries: [&[u8]; 4] = [
        b"\x6b\x05",
        b"\x00\x01k\x01v",
        b"\x79\x41\x00",
        b"\x00\x01l\x01v",
    ];
    assert_eq!(rows(&file("REDIS0011", &entries)).len(), 2);
    let valkey = run_with(["analyze", "-"], &file("VALKEY080", &entries));
    assert_eq!(valkey.exit, 2);
    assert!(valkey.stderr.contains("found 107"), "{}", valkey.stderr);
}

#[test]
fn the_base_of_an_append_only_file_says_that_it_is_not_all() {
    for (field, is_base) in [
        (&b"\xfa\x08aof-base\xc0\x01"[..], true),
        (b"\xfa\x08aof-base\xc0\x00", false),
    ] {
        let bytes = file("REDIS0011", &[field, b"\x00\x01k\x01v"]);
        let run = run_with(["analyze", "-"], &bytes);
        assert_eq!(run.exit, 0, "{}", run.stderr);
        let says = run
            .stderr
            .contains("the increments beside it, which are not counted");
        assert_eq!(says, is_base, "{}", run.stderr);
    }
}

#[test]
fn where_the_allocator_matters_it_is_said_that_no_file_tells_it() {
    let mut record = b"\x00\x01a\x80".to_vec();
    record.extend(1_050_000_u32.to_be_bytes());
    record.extend(vec![b'x'; 1_050_000]);
    let analyze = |version: &str, records: usize, more: &[&str]| {
        let length = [version.len() as u8];
        let field = [b"\xfa\x09redis-ver", &length[..], version.as_bytes()].concat();
        let mut entries = vec![field.as_slice()];
        entries.extend(vec![record.as_slice(); records]);
        let mut args = vec!["analyze", "--json", "-"];
        args.extend(more);
        let run = run_with(args, &file("REDIS0012", &entries));
        assert_eq!(run.exit, 0, "{}", run.stderr);
        let report: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
        let bytes = report["totals"]["bytes"].as_u64().expect("a sum");
        (
            bytes / records as u64,
            run.stderr.contains("no file says which allocator"),
        )
    };
    // As measured with Debian's servers, but for the length of the key.
    assert_eq!(analyze("8.0.6", 10, &[]), (1_052_720, true));
    assert_eq!(analyze("7.0.15", 10, &[]), (1_310_768, true));
    assert_eq!(
        analyze("8.0.6", 10, &["--allocator", "jemalloc-5.3.0"]),
        (1_310_768, false)
    );
    assert_eq!(
        analyze("7.0.15", 10, &["--allocator", "jemalloc-5.3.1"]),
        (1_052_720, false)
    );
    // A few pages aren't worth a word.
    assert_eq!(analyze("8.0.6", 1, &[]), (1_052_720, false));
    assert!(!analyze("8.0.6", 10, &["--size", "serialized"]).1);
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
