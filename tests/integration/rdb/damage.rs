//! Files that are cut off, changed, or of another kind than they seem.

use super::super::fixtures::folder;
use super::super::tool::{Run, run, run_with};
use std::fs;
use std::io::Write;
use std::path::Path;

fn sample() -> Vec<u8> {
    fs::read(folder("rdb").join("redis-encodings.rdb")).expect("the fixture")
}

fn analyze(bytes: &[u8], more: &[&str]) -> Run {
    let mut args = vec!["analyze", "-", "--json"];
    args.extend(more);
    run_with(args, bytes)
}

fn keys(run: &Run) -> u64 {
    let json: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    json["totals"]["keys"].as_u64().expect("a count")
}

/// The same with the sum of what stands before it.
fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 8;
    let crc = bytes[..end].iter().fold(0_u64, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x95AC_9329_AC4B_C9B5 * (crc & 1))
        })
    });
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

#[test]
fn a_file_that_is_cut_off_keeps_what_it_has() {
    let mut whole = fs::read(folder("rdb").join("redis_50_with_streams.rdb")).expect("it");
    whole.truncate(700);
    let stopped = analyze(&whole, &[]);
    assert_eq!((stopped.exit, stopped.text()), (2, ""));
    assert!(stopped.stderr.contains("byte 700"), "{}", stopped.stderr);
    assert!(
        stopped.stderr.contains("the last good key is"),
        "{}",
        stopped.stderr
    );
    let skipped = analyze(&whole, &["--on-error", "skip"]);
    assert_eq!(skipped.exit, 2, "{}", skipped.stderr);
    assert!(keys(&skipped) > 0);
    assert!(skipped.stderr.contains("byte 700"), "{}", skipped.stderr);
}

#[test]
fn a_wrong_checksum_is_an_error_unless_nobody_asks() {
    // The fixture is of version 4, without a checksum.
    let name = folder("rdb").join("rdb_version_5_with_checksum.rdb");
    let mut bytes = fs::read(name).expect("the fixture");
    let sound = analyze(&bytes, &[]);
    assert_eq!(sound.exit, 0, "{}", sound.stderr);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let wrong = analyze(&bytes, &[]);
    assert_eq!(wrong.exit, 2);
    assert!(wrong.stderr.contains("CRC-64"), "{}", wrong.stderr);
    let kept = analyze(&bytes, &["--on-error", "skip"]);
    assert_eq!((kept.exit, keys(&kept)), (2, keys(&sound)));
    let unverified = analyze(&bytes, &["--no-verify"]);
    assert_eq!((unverified.exit, keys(&unverified)), (0, keys(&sound)));
    bytes[last - 7..].fill(0);
    let uncomputed = analyze(&bytes, &[]);
    assert_eq!(uncomputed.exit, 0);
    assert!(
        uncomputed.stderr.contains("not computed"),
        "{}",
        uncomputed.stderr
    );
}

#[test]
fn a_key_that_is_too_long_is_passed_over_and_the_rest_is_counted() {
    let plain = vec![b'x'; 2000];
    // The same packed: a literal, and a reference of three bytes to the byte before for every 264.
    let mut packed = vec![0, b'x'];
    let references = 8;
    packed.extend(b"\xe0\xff\x00".repeat(references));
    let unpacked = 1 + references * 264;
    let long = |bytes: usize| (0x4000_u16 | bytes as u16).to_be_bytes();
    let keys_of_both = [
        [&long(plain.len())[..], &plain].concat(),
        [&[0xc3, packed.len() as u8], &long(unpacked)[..], &packed].concat(),
    ];
    for key in keys_of_both {
        // Under a slot's marker: the key is counted against it.
        let bytes = [
            &b"REDIS0012\xf4\x5d\xcd\x02\x01\x00\x01k\x01v\xfc\xe8\x03\0\0\0\0\0\0\x02"[..],
            &key,
            b"\x02\x01a\x01b\xfe\x00\x00\x01l\x01v\xff\0\0\0\0\0\0\0\0",
        ]
        .concat();
        let stopped = analyze(&bytes, &["--max-row-bytes", "1kb"]);
        assert_eq!((stopped.exit, stopped.text()), (2, ""));
        for words in [
            "expected a key of at most 1024 bytes",
            "raise --max-row-bytes",
            "--on-error skip",
        ] {
            assert!(stopped.stderr.contains(words), "{}", stopped.stderr);
        }
        let skipped = analyze(&bytes, &["--max-row-bytes", "1kb", "--on-error", "skip"]);
        assert_eq!((skipped.exit, keys(&skipped)), (2, 2), "{}", skipped.stderr);
        for words in [
            "1 key can't be read and is not counted",
            "expected a key of at most 1024 bytes",
        ] {
            assert!(skipped.stderr.contains(words), "{}", skipped.stderr);
        }
        assert!(!skipped.stderr.contains("marker"), "{}", skipped.stderr);
        let raised = analyze(&bytes, &["--max-row-bytes", "4kb"]);
        assert_eq!((raised.exit, keys(&raised)), (0, 3), "{}", raised.stderr);
    }
}

#[test]
fn what_is_not_known_is_named_with_its_place() {
    for (code, word) in [(26_u8, "26"), (243, "243"), (6, "type 6"), (200, "200")] {
        let mut bytes = b"REDIS0009\x00\x01k\x01v".to_vec();
        bytes.push(code);
        bytes.extend_from_slice(b"rubbish that nobody can read");
        let run = analyze(&bytes, &[]);
        assert_eq!(run.exit, 2);
        assert!(run.stderr.contains(word), "{}", run.stderr);
        assert!(run.stderr.contains("byte 14"), "{}", run.stderr);
        assert!(
            run.stderr.contains("the last good key is `k`"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn a_newer_version_is_tried_with_a_warning() {
    let bytes = with_checksum(b"REDIS0099\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0".to_vec());
    let run = analyze(&bytes, &[]);
    assert_eq!((run.exit, keys(&run)), (0, 1), "{}", run.stderr);
    assert!(
        run.stderr.contains("newer than slotkit knows"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_same_numbers_mean_other_things_by_magic() {
    // 22: a hash whose fields expire. Valkey writes the time behind each pair, Redis before it.
    let valkey = [
        &b"VALKEY080\x16\x01h\x01\x01f\x01v"[..],
        &(-1_i64).to_le_bytes(),
        b"\xf3\x03job\x01\x00\x05\xff\0\0\0\0\0\0\0\0",
    ]
    .concat();
    let redis = b"REDIS0012\x16\x01h\x01\x00\x01f\x01v\xff\0\0\0\0\0\0\0\0".to_vec();
    for bytes in [valkey, redis] {
        let run = analyze(&with_checksum(bytes), &[]);
        assert_eq!((run.exit, keys(&run)), (0, 1), "{}", run.stderr);
    }
}

#[test]
fn markers_that_lie_are_told() {
    let marked = |slot: u16, keys: u8| {
        let [high, low] = (0x4000 | slot).to_be_bytes();
        let head = [&b"REDIS0012\xfe\x00\xf4"[..], &[high, low, keys, 0]].concat();
        with_checksum([&head[..], b"\x00\x05hello\x01v\xff\0\0\0\0\0\0\0\0"].concat())
    };
    let sound = analyze(&marked(866, 1), &[]);
    assert!(!sound.stderr.contains("marker"), "{}", sound.stderr);
    let count = analyze(&marked(866, 2), &[]);
    assert!(
        count.stderr.contains("slot 866's marker says 2 keys"),
        "{}",
        count.stderr
    );
    let slot = analyze(&marked(865, 1), &[]);
    assert!(
        slot.stderr.contains("belong to other slots"),
        "{}",
        slot.stderr
    );
}

#[test]
fn an_append_only_file_gives_its_preamble() {
    let mut bytes = with_checksum(b"REDIS0009\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0".to_vec());
    bytes.extend_from_slice(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n");
    let run = analyze(&bytes, &[]);
    assert_eq!((run.exit, keys(&run)), (0, 1));
    assert!(run.stderr.contains("append-only"), "{}", run.stderr);
}

#[test]
fn packed_files_are_read() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&sample()).expect("memory");
    let plain = analyze(&sample(), &[]);
    for packed in [
        gzip.finish().expect("memory"),
        zstd::encode_all(&sample()[..], 3).expect("memory"),
    ] {
        assert_eq!(analyze(&packed, &[]).text(), plain.text());
    }
}

#[test]
fn the_corrupt_dumps_behave() {
    let path = |name: &str| folder("rdb").join(name);
    let dump = |path: &Path, more: &[&str]| {
        let mut args = vec!["analyze", "--json", path.to_str().expect("text")];
        args.extend(more);
        run(args)
    };
    let empty = dump(&path("redis-corrupt_empty_keys.rdb"), &[]);
    assert_eq!((empty.exit, keys(&empty)), (0, 0), "{}", empty.stderr);
    assert!(
        empty.stderr.contains("9 keys are empty"),
        "{}",
        empty.stderr
    );
    let ziplist = dump(&path("redis-corrupt_ziplist.rdb"), &[]);
    assert_eq!(ziplist.exit, 2);
    assert!(
        ziplist.stderr.contains("expected a ziplist"),
        "{}",
        ziplist.stderr
    );
    let kept = dump(&path("redis-corrupt_ziplist.rdb"), &["--on-error", "skip"]);
    assert_eq!(kept.exit, 2);
    assert!(keys(&kept) > 0);
}

/// Every beginning of a file and every changed byte: an answer or an error, never a panic.
#[test]
fn no_damage_is_fatal() {
    use slotkit::source::{Input, KeyBatch, KeySource, Options, open};
    let folder_of_files = tempfile::tempdir().expect("a folder");
    let file = folder_of_files.path().join("damaged.rdb");
    let read = |bytes: &[u8], wants_longest: bool| {
        fs::write(&file, bytes).expect("written");
        let options = Options {
            wants_longest,
            verifies: false,
            ..Options::default()
        };
        let mut source = open(&Input::File(file.clone()), &options)?;
        let mut batch = KeyBatch::new();
        while source.next_batch(&mut batch)? {}
        Ok::<(), slotkit::Error>(())
    };
    for name in [
        "redis_50_with_streams.rdb",
        "redis-encodings.rdb",
        "parser_filters.rdb",
    ] {
        let whole = fs::read(folder("rdb").join(name)).expect("the fixture");
        for length in 10..whole.len() - 9 {
            read(&whole[..length], length % 2 == 0).expect_err("it is cut off");
        }
        for place in 9..whole.len() {
            let mut changed = whole.clone();
            for value in [0, 0xff, 0x81, changed[place] ^ 0x40] {
                changed[place] = value;
                let _ = read(&changed, place % 2 == 0);
            }
        }
    }
}

#[test]
fn a_memory_csv_is_read_back() {
    let folder = folder("memory-csv");
    let dump = folder.join("esc_v9.rdb");
    let dump = dump.to_str().expect("text");
    let csv = run(["analyze", "--output", "memory-csv", "--raw-keys", dump]);
    assert_eq!(csv.exit, 0, "{}", csv.stderr);
    let (from_csv, from_dump) = (analyze(&csv.stdout, &[]), run(["analyze", "--json", dump]));
    assert_eq!(from_csv.exit, 0, "{}", from_csv.stderr);
    let slots = |run: &Run| {
        let json: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
        (json["slots"].clone(), json["types"].clone())
    };
    assert_eq!(slots(&from_csv), slots(&from_dump));
    let guarded = run(["analyze", "--output", "memory-csv", dump]);
    assert!(guarded.stderr.contains("--raw-keys"), "{}", guarded.stderr);
    assert!(guarded.stdout.windows(8).any(|near| near == b"'=cmd(),"));
}
