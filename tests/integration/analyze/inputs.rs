//! Every kind of input, alone and together, packed, from a pipe, and in folders.

use super::{HEADER, json, large_dump, says, with_file};
use crate::tool::{Run, run_in, run_with};
use serde_json::Value;
use std::fs;

#[test]
fn a_header_alone_is_an_empty_dump() {
    for text in [
        HEADER,
        HEADER.trim_end(),
        "database,key,type,size,size_readable,element_count,encoding,expiration\n",
    ] {
        let folder = with_file("empty.csv", text);
        let run = run_in(folder.path(), ["analyze", "--json", "empty.csv"], b"");
        says(&run.stderr, &["empty.csv: it has no keys"]);
        let json = json(&run);
        assert_eq!(json["totals"]["keys"], 0);
        assert_eq!(json["totals"]["bytes"], 0);
        let table = run_in(folder.path(), ["analyze", "empty.csv"], b"");
        assert_eq!(table.exit, 0);
    }
}

#[test]
fn any_number_of_threads_and_a_pipe_give_the_same_bytes() {
    let text = large_dump();
    let folder = with_file("dump.csv", &text);
    for form in ["--json", "--csv", "--output=table", "--output=html"] {
        let one = run_in(
            folder.path(),
            ["analyze", "dump.csv", form, "--threads", "1"],
            b"",
        );
        assert_eq!(one.exit, 0, "{}", one.stderr);
        for threads in ["2", "7"] {
            let more = run_in(
                folder.path(),
                ["analyze", "dump.csv", form, "--threads", threads],
                b"",
            );
            assert!(more.stdout == one.stdout, "{form} with {threads} threads");
        }
        let piped = run_with(["analyze", "-", form, "--threads", "3"], &text);
        let same = String::from_utf8_lossy(&piped.stdout)
            .replace("&lt;stdin&gt;", "dump.csv")
            .replace("<stdin>", "dump.csv");
        assert!(same.as_bytes() == one.stdout, "{form} through a pipe");
    }
}

#[test]
fn a_list_has_no_bytes_and_says_so() {
    let run = run_with(["analyze", "--json", "-"], b"a\nb\r\nb\n");
    says(
        &run.stderr,
        &["<stdin>: read as list, 3 keys", "3 keys have no size"],
    );
    let json = json(&run);
    assert_eq!(json["totals"]["keys"], 3);
    assert_eq!(json["totals"]["bytes"], Value::Null);
    assert_eq!(json["slots"][0]["bytes"], Value::Null);
    assert_eq!(json["types"]["unknown"]["keys"], 3);
    assert_eq!(json["slots"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["hot_slots"]["by_bytes"], Value::Array(vec![]));
}

#[test]
fn several_inputs_make_one_report() {
    let folder = with_file(
        "a.csv",
        format!("{HEADER}0,string,a,10,string,1,1,2026-11-23T21:52:29\n"),
    );
    fs::write(folder.path().join("b.tsv"), "size\tkey\n7\ta\n").expect("a file");
    let run = run_in(
        folder.path(),
        ["analyze", "--json", "a.csv", "b.tsv", "-"],
        b"a\n",
    );
    let json = json(&run);
    assert_eq!(json["slots"].as_array().map(Vec::len), Some(1));
    assert_eq!(json["slots"][0]["keys"], 3);
    assert_eq!(json["slots"][0]["bytes"], Value::Null);
    assert_eq!(json["slots"][0]["bytes_at_least"], 17);
    assert_eq!(json["totals"]["unsized_keys"], 1);
    assert_eq!(json["totals"]["expiring"], 1);
    let formats: Vec<_> = json["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .map(|input| input["format"].clone())
        .collect();
    assert_eq!(formats, ["rdb-tools", "csv", "list"]);
}

#[test]
fn columns_can_be_named() {
    let text = "Schlüssel;Größe\n\"a;b\";5\n";
    let folder = with_file("dump.csv", text);
    let args = [
        "analyze",
        "--json",
        "dump.csv",
        "--key-column",
        "Schlüssel",
        "--size-column",
        "Größe",
        "--delimiter",
        ";",
    ];
    let json = json(&run_in(folder.path(), args, b""));
    assert_eq!(json["totals"]["bytes"], 5);
    let slot: u64 = run_in(folder.path(), ["keyslot", "a;b"], b"")
        .text()
        .trim()
        .parse()
        .expect("a slot");
    assert_eq!(json["slots"][0]["slot"].as_u64(), Some(slot));
}

#[test]
fn a_column_alone_can_be_named() {
    for args in [["--key-column", "Key"], ["--delimiter", ","]] {
        let run = run_with(
            [&["analyze", "--json", "-"][..], &args].concat(),
            b"key\na\n",
        );
        says(&run.stderr, &["read as csv, 1 key"]);
        assert_eq!(json(&run)["slots"][0]["slot"], 15495);
    }
}

#[test]
fn columns_in_latin_1_can_be_named() {
    let text = b"Schl\xfcssel;Gr\xf6\xdfe\na;5\nb;x\n";
    let names = ["--key-column", "Schlüssel", "--size-column", "Größe"];
    let args = [&["analyze", "-", "--delimiter", ";"][..], &names].concat();
    let run = run_with(args, text);
    assert_eq!(run.exit, 2);
    says(&run.stderr, &["line 3, field Größe", "found `x`"]);
}

#[test]
fn a_mark_and_other_line_ends_are_no_part_of_keys() {
    let text = format!("\u{feff}{HEADER}0,string,a,10,string,1,1,\n").replace('\n', "\r\n");
    let json = json(&run_with(["analyze", "--json", "-"], text.as_bytes()));
    assert_eq!(
        (&json["slots"][0]["slot"], &json["totals"]["bytes"]),
        (&Value::from(15495), &Value::from(10))
    );
}

#[test]
fn quoted_and_nul_separated_lists_are_read() {
    let quoted = b"\"a\"\n\"q\\\"uote\\n\"\n\"\\xd0\\xba\"\n";
    let run = run_with(["analyze", "--json", "-"], quoted);
    says(&run.stderr, &["quoted as redis-cli prints them"]);
    let slots = |run: &Run| json(run)["slots"].clone();
    let nul = run_with(
        ["analyze", "--json", "-0", "-"],
        "a\0q\"uote\n\0к".as_bytes(),
    );
    assert_eq!(slots(&run), slots(&nul));
    assert_eq!(slots(&run).as_array().map(Vec::len), Some(3));
    let broken = run_with(["analyze", "--quoted", "-"], b"\"a\"\nb\n");
    assert_eq!(broken.exit, 2);
    says(
        &broken.stderr,
        &["line 2, field key", "double quotes", "found `b`"],
    );
}

#[test]
fn redis_rdb_cli_is_recognised() {
    let text = format!("{HEADER}0,module,\"tree:\"13,2\",\"43.3MB\",module2,1,\"43.3MB\",\"\"\n");
    let run = run_with(["analyze", "--json", "-"], text.as_bytes());
    says(&run.stderr, &["read as redis-rdb-cli", "rounded"]);
    let json = json(&run);
    assert_eq!(json["totals"]["bytes"], 43_300_000);
    assert_eq!(
        json["hot_slots"]["by_bytes"][0]["cause"]["name"],
        "tree:\"13,2"
    );
}

#[test]
fn packed_dumps_give_the_same_report() {
    let text = large_dump();
    let plain = run_with(["analyze", "--json", "-"], &text);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &text).expect("it packs");
    let gzip = gzip.finish().expect("it packs");
    let zstd = zstd::encode_all(&text[..], 1).expect("it packs");
    for packed in [&gzip, &zstd] {
        let run = run_with(["analyze", "--json", "-", "--threads", "2"], packed);
        assert_eq!(run.exit, 0, "{}", run.stderr);
        assert!(run.stdout == plain.stdout);
        let folder = with_file("dump", &packed[..packed.len() - 20]);
        let cut = run_in(folder.path(), ["analyze", "dump"], b"");
        assert_eq!((cut.exit, cut.text()), (2, ""));
        says(&cut.stderr, &["dump, line ", "data is cut off here, after"]);
    }
}

#[test]
fn a_folder_is_its_files_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let dumps = folder.path().join("dumps");
    fs::create_dir_all(dumps.join("older")).expect("folders");
    for (name, keys) in [
        ("b.txt", "b\n"),
        ("a.csv", "key,size\na,1\n"),
        (".hidden", "c\n"),
        ("_SUCCESS", ""),
    ] {
        fs::write(dumps.join(name), keys).expect("a file");
    }
    let run = run_in(folder.path(), ["analyze", "--json", "dumps"], b"");
    let report = json(&run);
    let paths: Vec<&Value> = report["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .map(|input| &input["path"])
        .collect();
    assert_eq!(paths, ["dumps/a.csv", "dumps/b.txt"]);
    assert_eq!(report["totals"]["keys"], 2);
    says(&run.stderr, &["dumps/older: not read, it is no file"]);
    says(&run.stderr, &["dumps/_SUCCESS: not read, it is empty"]);
    fs::write(dumps.join("older/empty"), "").expect("a file");
    let run = run_in(folder.path(), ["analyze", "dumps/older"], b"");
    assert_eq!(run.exit, 2);
    says(
        &run.stderr,
        &["dumps/older: expected files in the folder, found empty ones alone"],
    );
}
