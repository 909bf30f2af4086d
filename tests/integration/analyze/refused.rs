//! What can't be read is refused, or passed over and counted.

use super::{HEADER, refused, says, with_file};
use crate::analyze_schema::hold;
use crate::tool::{run, run_in};
use serde_json::Value;
use std::io::Write;
use std::path::Path;

#[test]
fn missing_files_and_folders_are_named() {
    let run = run(["analyze", "no/such.csv"]);
    assert_eq!(run.exit, 2);
    says(&run.stderr, &["no/such.csv", "there is no such file"]);
    let folder = tempfile::tempdir().expect("a folder");
    let run = run_in(folder.path(), ["analyze", "."], b"");
    assert_eq!(run.exit, 2);
    says(&run.stderr, &["expected files in the folder, found none"]);
    let run = run_in(Path::new("/"), ["analyze"], b"");
    assert_eq!(run.exit, 2);
}

#[test]
fn what_is_no_dump_is_refused_with_its_fix() {
    says(&refused("", &[]), &["input", "found an empty file"]);
    says(
        &refused(
            "\u{feff}key\n"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<_>>(),
            &[],
        ),
        &["UTF-16", "iconv"],
    );
    says(
        &refused(
            "0,string,a,1"
                .encode_utf16()
                .flat_map(u16::to_be_bytes)
                .collect::<Vec<_>>(),
            &[],
        ),
        &["UTF-16", "iconv"],
    );
    says(
        &refused(b"REDIS0009\xfa\x09redis-ver", &[]),
        &["end of the file", "copy it again"],
    );
    says(
        &refused(b"\x1f\x8b\x08\0rest", &[]),
        &["input, byte 8", "gzip data is cut off", "copy it again"],
    );
    let rubbish: Vec<u8> = (0..4096u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    says(&refused(rubbish, &[]), &["binary data", "--format list"]);
    says(
        &refused("a,b\n1,2\n", &["--format", "csv"]),
        &["input", "column `key`", "--key-column"],
    );
    says(
        &refused("key,size\n", &["--size-column", "bytes"]),
        &["column `bytes`"],
    );
    for (text, delimiter) in [("key,size\na,1\n", "','"), ("size\tkey\n1\ta\n", "tab")] {
        let fix = format!("pass --delimiter {delimiter}\n");
        says(&refused(text, &["--delimiter", ";"]), &[&fix]);
    }
    says(
        &refused("name,size\na,1\n", &["--key-column", "nmae"]),
        &["column `nmae`", "name the column as the header does"],
    );
}

#[test]
fn damaged_rows_are_named_with_line_field_and_byte() {
    let row = "0,string,a,56,string,1,1,\n";
    says(
        &refused(
            format!("{HEADER}{row}0,string,b,many,string,1,1,\n{row}"),
            &[],
        ),
        &[
            "input, line 3, field size_in_bytes, byte 107",
            "found `many`",
            "--on-error skip",
        ],
    );
    says(
        &refused(
            format!("{HEADER}{row}{row}0,string,b,56,string,1\n{row}"),
            &[],
        ),
        &["line 4, byte 133", "expected a row of 8 fields", "found 6"],
    );
    says(
        &refused(format!("{HEADER}{row}0,string,cut,5"), &[]),
        &["line 3", "expected a row of 8 fields"],
    );
    says(
        &refused(
            format!("{HEADER}0,string,a,99999999999999999999,string,1,1,\n"),
            &[],
        ),
        &["line 2", "size_in_bytes", "2^50"],
    );
    says(
        &refused("key,size,type\na,1,string\nb,1\n", &[]),
        &[
            "line 3, byte 25",
            "expected a row of 3 fields as in the header, found 2",
        ],
    );
    says(
        &refused("key,size\na,1\nb,x\n", &[]),
        &["line 3, field size", "found `x`"],
    );
    says(
        &refused(
            "Schlüssel;Größe\na;1\nb;x\n",
            &["--key-column", "Schlüssel", "--size-column", "Größe"],
        ),
        &["line 3, field Größe", "found `x`"],
    );
    says(
        &refused("key,size\na,1\nb\"c,1\n", &[]),
        &["line 3", "stray quote"],
    );
}

#[test]
fn a_row_without_end_is_refused() {
    let long = vec![b'x'; 100 << 20];
    says(
        &refused(&long, &[]),
        &["line 1", "at most 16777216 bytes", "--max-row-bytes"],
    );
    let csv = [HEADER.as_bytes(), b"0,string,a,56,string,1,1,\n", &long].concat();
    says(&refused(csv, &[]), &["line 3, byte 107", "--max-row-bytes"]);
    let quoted = [b"key,size\na,1\n\"", &long[..]].concat();
    says(
        &refused(quoted, &[]),
        &["line 3, byte 13", "--max-row-bytes"],
    );
}

#[test]
fn skipped_rows_are_counted_shown_and_end_with_2() {
    let mut text = HEADER.to_owned();
    for index in 0..20 {
        text +=
            &format!("0,string,good{index},10,string,1,1,\n0,string,bad{index},x,string,1,1,\n");
    }
    let folder = with_file("dump.csv", text);
    let run = run_in(
        folder.path(),
        ["analyze", "--json", "--on-error", "skip", "dump.csv"],
        b"",
    );
    assert_eq!(run.exit, 2);
    says(
        &run.stderr,
        &[
            "20 rows can't be read",
            "line 3, field size_in_bytes",
            "line 11",
        ],
    );
    assert!(!run.stderr.contains("line 13"), "five examples are enough");
    let json: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!(json["totals"]["keys"], 20);
    assert_eq!(json["inputs"][0]["skipped"], 20);
}

#[test]
fn one_row_is_spoken_of_as_one() {
    let folder = with_file("dump.csv", "key,size\na,1\nb,x\n");
    let run = run_in(
        folder.path(),
        ["analyze", "--json", "--on-error", "skip", "dump.csv"],
        b"",
    );
    says(
        &run.stderr,
        &[
            "read as csv, 1 key\n",
            "1 row can't be read and is not counted:",
        ],
    );
}

#[test]
fn the_first_damaged_row_is_named_by_any_number_of_threads() {
    let row = "0,string,some:key:that:is:long:enough,56,string,1,1,\n";
    let mut text = HEADER.to_owned() + &row.repeat(40_000);
    text += "0,string,first,x,string,1,1,\n";
    text += &row.repeat(40_000);
    text += "0,string,second,x,string,1,1,\n";
    let folder = with_file("dump.csv", text);
    for threads in ["1", "2", "7"] {
        let run = run_in(
            folder.path(),
            ["analyze", "dump.csv", "--threads", threads],
            b"",
        );
        assert_eq!(run.exit, 2);
        says(&run.stderr, &["line 40002, field size_in_bytes"]);
    }
}

/// Dumps of each kind, packed with each tool, cut off and without a piece in the middle.
fn damaged_dumps() -> Vec<(String, Vec<u8>)> {
    let keys = 0..30_000u32;
    let list: String = keys.clone().map(|n| format!("key:{n}\n")).collect();
    let rows: String = keys
        .clone()
        .map(|n| format!("0,string,key:{n},56,string,1,1,\n"))
        .collect();
    let mut rdb = b"REDIS0009".to_vec();
    for number in keys {
        let key = format!("key:{number:05}");
        rdb.extend([&[0, key.len() as u8], key.as_bytes(), b"\x01v"].concat());
    }
    let mut dumps = Vec::new();
    for (name, text) in [
        ("list.txt", list.into_bytes()),
        ("dump.csv", [HEADER.as_bytes(), rows.as_bytes()].concat()),
        ("dump.rdb", rdb),
    ] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).expect("it packs");
        let mut zstd = zstd::Encoder::new(Vec::new(), 1).expect("it packs");
        zstd.include_checksum(true).expect("it packs");
        zstd.write_all(&text).expect("it packs");
        let mut info = lz4_flex::frame::FrameInfo::new();
        info.block_size = lz4_flex::frame::BlockSize::Max64KB;
        let mut lz4 = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
        lz4.write_all(&text).expect("it packs");
        for (packing, bytes) in [
            ("gzip", gzip.finish().expect("it packs")),
            ("zstd", zstd.finish().expect("it packs")),
            ("lz4", lz4.finish().expect("it packs")),
        ] {
            let middle = bytes.len() / 4 * 3;
            dumps.push((format!("{name}.cut.{packing}"), bytes[..middle].to_vec()));
            let behind = &bytes[middle + bytes.len() / 8..];
            let gap = [&bytes[..middle], behind].concat();
            dumps.push((format!("{name}.gap.{packing}"), gap));
        }
    }
    dumps
}

#[test]
fn what_stands_before_damage_in_a_packed_file_is_kept_if_asked() {
    for (name, bytes) in damaged_dumps() {
        let packing = name.rsplit('.').next().expect("a packing");
        let place = format!("{name}, ");
        let damage = if name.starts_with("dump.rdb.gap") {
            // Its reader sees it first.
            "the last good key is ".to_owned()
        } else {
            format!("the {packing} data is ")
        };
        let folder = with_file(&name, &bytes);
        let analyze =
            |args: &[&str]| run_in(folder.path(), [&["analyze", &name], args].concat(), b"");
        let stopped = analyze(&[]);
        assert_eq!((stopped.exit, stopped.text()), (2, ""), "{name}");
        // Behind a gap a row may be bad before the decoder sees damage.
        if name.contains(".cut.") {
            let words = ["byte ", "unpacked bytes", "--on-error skip"];
            says(&stopped.stderr, &[&[&*place, &damage], &words[..]].concat());
        }
        let skip = ["--json", "--on-error", "skip", "--threads"];
        let kept = analyze(&[&skip[..], &["1"]].concat());
        assert_eq!(kept.exit, 2, "{name}: {}", kept.stderr);
        let words = ["what stands before the damage is counted", &place, &damage];
        says(&kept.stderr, &words);
        let report = hold(&kept.stdout, &name);
        let keys = report["totals"]["keys"].as_u64().expect("a count");
        assert!((5_000..30_000).contains(&keys), "{name}: {keys}");
        assert_eq!(report["inputs"][0]["keys"], keys);
        let finding = &report["findings"][0];
        assert_eq!(
            (&finding["kind"], &finding["files"][0]),
            (&"damaged".into(), &name.as_str().into())
        );
        says(finding["message"].as_str().expect("text"), &words[1..]);
        for threads in ["2", "5"] {
            let again = analyze(&[&skip[..], &[threads]].concat());
            assert!(again.stdout == kept.stdout, "{name} {threads}");
            assert_eq!(again.stderr, kept.stderr, "{name} {threads}");
        }
        let table = analyze(&["--on-error", "skip"]);
        says(table.text(), &["Findings", &damage]);
    }
}

#[test]
fn nodes_of_another_kind_of_file_are_refused() {
    let folder = with_file("nodes.txt", "not a node\n");
    let run = run_in(
        folder.path(),
        ["analyze", "-", "--nodes", "nodes.txt"],
        b"a\n",
    );
    assert_eq!(run.exit, 2);
    says(&run.stderr, &["nodes.txt, line 1"]);
}
