//! `slotkit analyze`.

use super::tool::{Run, run, run_in, run_with};
use serde_json::Value;
use std::fs;
use std::path::Path;

const HEADER: &str =
    "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry\n";

/// A folder with one file.
fn with_file(name: &str, bytes: impl AsRef<[u8]>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(name), bytes).expect("a file");
    folder
}

fn json(run: &Run) -> Value {
    assert_eq!(run.exit, 0, "{}", run.stderr);
    serde_json::from_slice(&run.stdout).expect("JSON")
}

/// Runs analyze on bytes that can't be used and gives its one line.
fn refused(bytes: impl AsRef<[u8]>, args: &[&str]) -> String {
    let folder = with_file("input", bytes);
    let run = run_in(folder.path(), [&["analyze", "input"], args].concat(), b"");
    assert_eq!(run.exit, 2, "{}", run.stderr);
    assert_eq!(run.text(), "", "nothing on stdout");
    assert_eq!(run.stderr.lines().count(), 1, "one line: {}", run.stderr);
    run.stderr
}

/// Whether the line has all these words.
fn says(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "`{word}` is missing: {line}");
    }
}

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
fn what_is_no_dump_is_refused_with_its_mend() {
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
        &["input", "gzip data is damaged or cut off"],
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

/// A dump of several parts with every kind of trouble that a key can have.
fn large_dump() -> Vec<u8> {
    let mut text = HEADER.as_bytes().to_vec();
    for index in 0..60_000u32 {
        let odd = match index % 97 {
            0 => "a,b\n\"c\"",
            1 => "\n\n,",
            2 => "{tag",
            _ => "",
        };
        let tag = if index % 5 == 0 { "{hot}" } else { "" };
        let size = 50 + index.wrapping_mul(2_654_435_761) % 5000;
        text.extend_from_slice(
            format!(
                "{},string,{tag}family{}:{index}:{odd}",
                index % 3,
                index % 11
            )
            .as_bytes(),
        );
        text.push(if index % 89 == 0 { 0xE9 } else { b'.' });
        text.extend_from_slice(format!(",{size},string,1,1,\n").as_bytes());
    }
    text
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
fn a_page_for_a_browser_has_the_sections_of_the_text_and_escapes_keys() {
    let mut text = large_dump();
    text.extend_from_slice(b"0,string,<script>{a&\"'}</style><img src=x>,999999,string,1,1,\n");
    let folder = with_file("a<b>.csv", &text);
    let report = |form: &str| {
        let run = run_in(folder.path(), ["analyze", "a<b>.csv", form], b"");
        assert_eq!(run.exit, 0, "{}", run.stderr);
        String::from_utf8(run.stdout).expect("text")
    };
    let (page, text) = (report("--output=html"), report("--output=table"));
    for hostile in ["<script", "<img", "'}</style>", "a<b>", "src=x>"] {
        assert!(!page.contains(hostile), "{hostile}");
    }
    assert!(
        page.contains("&lt;script&gt;{a&amp;&quot;"),
        "the key is there"
    );
    let headings: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .collect();
    assert!(headings.len() > 8, "{headings:?}");
    let sections: Vec<&str> = page
        .split("<h2>")
        .skip(1)
        .map(|rest| rest.split("</h2>").next().unwrap_or_default())
        .collect();
    assert_eq!(sections, headings);
    // Keys and bytes by slot, sizes, and lengths.
    assert_eq!(page.matches("<svg").count(), 4);
    assert_eq!(page.matches("</svg>").count(), 4);
}

#[test]
fn hot_slots_have_their_causes() {
    let folder = with_file("dump.csv", large_dump());
    let json = json(&run_in(
        folder.path(),
        ["analyze", "dump.csv", "--json", "--top", "1"],
        b"",
    ));
    let hottest = &json["hot_slots"]["by_keys"][0];
    assert_eq!(hottest["cause"]["kind"], "hash_tag");
    assert_eq!(hottest["cause"]["name"], "hot");
    assert_eq!(hottest["cause"]["exact"], true);
    assert!(hottest["share"].as_f64() > Some(0.199));
    assert_eq!(
        json["hot_slots"]["by_keys"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn causes_are_estimated_when_there_are_too_many_tags() {
    let mut text = HEADER.to_owned();
    for index in 0..120_000 {
        let tag = if index % 4 == 0 {
            "hot".to_owned()
        } else {
            format!("u{index}")
        };
        text += &format!(
            "0,string,{{{tag}}}:{index},{},string,1,1,\n",
            50 + index % 100
        );
    }
    let folder = with_file("dump.csv", text);
    let json = json(&run_in(
        folder.path(),
        ["analyze", "dump.csv", "--json", "--top", "1"],
        b"",
    ));
    for metric in ["by_keys", "by_bytes"] {
        let cause = &json["hot_slots"][metric][0]["cause"];
        assert_eq!(
            (&cause["kind"], &cause["name"]),
            (&Value::from("hash_tag"), &Value::from("hot"))
        );
        assert_eq!(cause["exact"], false);
        let (share, error) = (
            cause["share"].as_f64().expect("a share"),
            cause["error"].as_f64().expect("a bound"),
        );
        // 30,000 keys of the tag, and about five others in the same slot.
        assert!(
            (share - 0.9998).abs() <= error && error < 0.01,
            "{share} ± {error}"
        );
    }
}

#[test]
fn a_big_key_is_the_cause_of_its_slots_bytes() {
    let mut text = HEADER.to_owned() + "0,list,queue,1000000,quicklist,1,1,\n";
    for index in 0..1000 {
        text += &format!("0,string,k{index},100,string,1,1,\n");
    }
    let folder = with_file("dump.csv", text);
    let json = json(&run_in(
        folder.path(),
        ["analyze", "dump.csv", "--json"],
        b"",
    ));
    let cause = &json["hot_slots"]["by_bytes"][0]["cause"];
    assert_eq!(
        (&cause["kind"], &cause["name"]),
        (&Value::from("key"), &Value::from("queue"))
    );
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
    assert_eq!(json["slots"][0]["bytes"], 17);
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
fn a_csv_has_a_row_a_slot_and_no_formulas() {
    let text = format!("{HEADER}0,string,=cmd(),56,string,1,1,\n");
    let run = run_with(["analyze", "--csv", "-"], text.as_bytes());
    assert_eq!(run.text().lines().count(), 16_385);
    let row = run
        .text()
        .lines()
        .find(|line| line.contains("cmd"))
        .expect("the row");
    assert!(row.ends_with(",1,56,0,'=cmd(),56"), "{row}");
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
    assert_eq!(json["totals"]["bytes"], 45_403_340);
    assert_eq!(
        json["hot_slots"]["by_bytes"][0]["cause"]["name"],
        "tree:\"13,2"
    );
}

#[test]
fn filters_choose_the_keys_that_count() {
    let text = format!(
        "{HEADER}0,string,user:1,10,string,1,1,\n0,sortedset,user:2,5000,ziplist,1,1,\n\
         3,hash,session:1,70,ziplist,1,1,\n0,string,hello,100,string,1,1,\n"
    );
    for (args, keys) in [
        (&["--match", "user:*"][..], 2),
        (&["--match", "user:*", "--match", "h?llo"], 3),
        (&["--type", "zset,hash"], 2),
        (&["--db", "3"], 1),
        (&["--min-bytes", "1kb"], 1),
        (&["--slots", "866,0-10"], 1),
        (&["--type", "string", "--match", "user:*"], 1),
    ] {
        let run = run_with(
            [&["analyze", "--json", "-"], args].concat(),
            text.as_bytes(),
        );
        assert_eq!(json(&run)["totals"]["keys"], keys, "{args:?}");
        assert_eq!(json(&run)["inputs"][0]["filtered"], 4 - keys, "{args:?}");
        says(&run.stderr, &["left out by the filters"]);
    }
    for args in [
        ["--type", "zzz"],
        ["--slots", "5-4"],
        ["--min-bytes", "many"],
    ] {
        assert_eq!(
            run_with([&["analyze", "-"][..], &args].concat(), b"a\n").exit,
            2
        );
    }
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
        says(&cut.stderr, &["dump", "data is damaged or cut off"]);
    }
}

#[test]
fn big_keys_tags_and_prefixes_are_listed() {
    let folder = with_file("dump.csv", large_dump());
    let args = ["analyze", "dump.csv", "--json", "--top", "3"];
    let json = json(&run_in(folder.path(), args, b""));
    let big = json["big_keys"].as_array().expect("big keys");
    assert_eq!(big.len(), 3);
    assert!(big[0]["bytes"].as_u64() >= big[1]["bytes"].as_u64());
    let tag = &json["hash_tags"]["by_keys"][0];
    assert_eq!(
        (&tag["name"], &tag["exact"]),
        (&Value::from("hot"), &Value::from(true))
    );
    assert_eq!(tag["keys"], 12_000);
    // 60,000 keys in 11 families; every fifth has a tag before the family's name.
    let prefixes = json["prefixes"]["by_keys"].as_array().expect("prefixes");
    assert_eq!(prefixes.len(), 3);
    for prefix in prefixes {
        let (share, error) = (
            prefix["share"].as_f64().expect("a share"),
            prefix["error"].as_f64().expect("a bound"),
        );
        assert!((share - 0.8 / 11.0).abs() <= 1.5 * error, "{prefix}");
        assert_eq!(prefix["exact"], false);
    }
    assert_eq!(
        json["distribution"]["chi_square"],
        Value::Null,
        "too few keys"
    );
    assert!(json["distribution"]["keys"]["gini"].as_f64() > Some(0.2));
}

#[test]
fn a_tag_above_a_nodes_fair_share_is_named() {
    let mut text = HEADER.to_owned();
    for index in 0..100 {
        let tag = if index < 40 { "{tenant}" } else { "" };
        text += &format!("0,string,{tag}k{index},10,string,1,1,\n");
    }
    let nodes = super::fixtures::folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("text");
    let with_nodes = run_with(
        ["analyze", "-", "--json", "--nodes", nodes],
        text.as_bytes(),
    );
    let with_nodes = json(&with_nodes);
    let advice = with_nodes["advice"].as_array().expect("advice");
    assert_eq!(advice.len(), 2, "by bytes and by keys");
    assert_eq!(
        (&advice[0]["name"], &advice[0]["share"]),
        (&Value::from("tenant"), &Value::from(0.4))
    );
    assert_eq!(advice[0]["fair_share"], 0.333333);
    let table = run_with(["analyze", "-", "--nodes", nodes], text.as_bytes());
    says(table.text(), &["no rebalance can spread it"]);
    let without = json(&run_with(["analyze", "-", "--json"], text.as_bytes()));
    assert_eq!(without["advice"], Value::Null);
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
}

#[test]
fn only_the_slots_of_a_node_count_when_it_is_named() {
    let nodes = super::fixtures::folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("the path is text");
    let dumps = super::fixtures::folder("memory-csv");
    let analyze = |args: &[&str]| {
        run_in(
            &dumps,
            [&["analyze", "--json", "tagged.csv"], args].concat(),
            b"",
        )
    };
    let whole = json(&analyze(&["--nodes", nodes]));
    let (mut keys, mut filtered) = (0, 0);
    for node in whole["nodes"].as_array().expect("nodes") {
        let id = node["id"].as_str().expect("an id");
        let addr = node["addr"].as_str().expect("an address");
        let of_node = json(&analyze(&["--nodes", nodes, "--node", addr]));
        assert_eq!(of_node["totals"]["keys"], node["keys"]);
        assert_eq!(of_node["totals"]["bytes"], node["bytes"]);
        assert_eq!(
            of_node,
            json(&analyze(&["--nodes", nodes, "--node", &id[..12]]))
        );
        let none = json(&analyze(&[
            "--nodes", nodes, "--node", id, "--slots", "0-16383",
        ]));
        assert_eq!(none, of_node);
        keys += node["keys"].as_u64().expect("a number");
        filtered += of_node["inputs"][0]["filtered"].as_u64().expect("a number");
    }
    // Every key was left out by all nodes but its own.
    assert_eq!((keys, filtered), (306, 306 * 2));
    for (args, words) in [
        (&["--node", "a"][..], "--node needs a slot map"),
        (
            &["--nodes", nodes, "--node", "nobody"],
            "no node is called `nobody`",
        ),
    ] {
        let run = analyze(args);
        assert_eq!(run.exit, 2);
        says(&run.stderr, &[words]);
    }
}

#[test]
fn expiry_times_encodings_and_lengths_are_told() {
    let text = format!(
        "{HEADER}0,string,a,10,string,1,1,2026-11-24T09:30:00.5\n0,hash,bb,20,ziplist,1,1,2026-11-24T10:10:00\n\
         0,hash,ccc,40,hashtable,1,1,2026-12-01 00:00:00+01:00\n0,hash,d,80,listpack,1,1,\n0,zset,e,160,no-such,1,1,2026-1-1\n"
    ).replace(' ', "T");
    let analyze = |args: &[&str]| {
        let all = [
            &["analyze", "--json", "-", "--as-of", "2026-11-24T10:05:00"],
            args,
        ]
        .concat();
        json(&run_with(all, text.replace("zset", "sortedset").as_bytes()))
    };
    let all = analyze(&[]);
    let expiry = &all["expiry"];
    assert_eq!(
        (&expiry["as_of"], &expiry["known"], &expiry["unknown"]),
        (&"2026-11-24T10:00:00Z".into(), &3.into(), &1.into())
    );
    let within: Vec<(&str, u64)> = expiry["horizon"]
        .as_array()
        .expect("classes")
        .iter()
        .map(|class| {
            (
                class["within"].as_str().expect("text"),
                class["keys"].as_u64().expect("keys"),
            )
        })
        .filter(|(_, keys)| *keys > 0)
        .collect();
    assert_eq!(within, [("past", 1), ("1h", 1), ("7d", 1)]);
    let encodings: Vec<&str> = all["encodings"]
        .as_array()
        .expect("encodings")
        .iter()
        .map(|row| row["encoding"].as_str().expect("text"))
        .collect();
    assert_eq!(
        encodings,
        ["string", "ziplist", "listpack", "hashtable", "other"]
    );
    let lengths = &all["key_lengths"];
    assert_eq!(
        (&lengths[0]["to"], &lengths[0]["keys"]),
        (&1.into(), &3.into())
    );
    assert_eq!(
        (&lengths[1]["from"], &lengths[1]["sum"]),
        (&2.into(), &5.into())
    );
    assert_eq!(all["sizes"][0]["from"], 8);
    // What the input doesn't tell isn't left out.
    let alive = analyze(&["--expired", "out"]);
    assert_eq!(
        (&alive["totals"]["keys"], &alive["totals"]["bytes"]),
        (&4.into(), &300.into())
    );
    assert_eq!(alive["inputs"][0]["filtered"], 1);
}

#[test]
fn prefixes_end_where_the_delimiter_says() {
    let names = |args: &[&str]| {
        let run = run_with(
            [&["analyze", "--json", "-"], args].concat(),
            b"a/b/c:1\na/b/d\na/e\nx\n",
        );
        let report = json(&run);
        let rows = report["prefixes"]["by_keys"]
            .as_array()
            .expect("rows")
            .clone();
        rows.iter()
            .map(|row| {
                (
                    row["name"].as_str().expect("text").to_owned(),
                    row["keys"].as_u64(),
                )
            })
            .collect::<Vec<_>>()
    };
    let row = |name: &str, keys| (name.to_owned(), Some(keys));
    assert_eq!(names(&[]), [row("a/b/c:", 1)]);
    assert_eq!(names(&["--prefix-delimiter", "/"]), [row("a/", 3)]);
    assert_eq!(
        names(&["--prefix-delimiter", "/", "--prefix-depth", "5"]),
        [row("a/", 3), row("a/b/", 2)]
    );
    for args in [
        ["--prefix-delimiter", ""],
        ["--prefix-depth", "0"],
        ["--as-of", "yesterday"],
    ] {
        let run = run_with([&["analyze", "-"][..], &args].concat(), b"a\n");
        assert_eq!(run.exit, 2);
        says(&run.stderr, &[args[0]]);
    }
}

#[test]
fn logs_of_monitor_give_operations_on_keys() {
    let mut log = "OK\r\n1795370754.000000 [0 [::1]:9] \"PING\"\r\n".to_owned();
    for number in 0..30_000 {
        let (db, key) = (
            number % 2,
            if number % 3 == 0 {
                "hot".to_owned()
            } else {
                format!("u:{number}")
            },
        );
        log += &format!(
            "1795370755.{number:06} [{db} 10.0.0.1:7] \"EVAL\" \"return 'x\\\"y'\" \"1\" \"{key}\" \"v\"\n"
        );
        log += &format!("1795370755.{number:06} [{db} lua] \"get\" \"{key}\"\n");
    }
    log += "1795370765.000000 [0 unix:/tmp/x] \"MGET\" \"hot\" \"a\\n\\x00\"\nOK\n1795370765.5";
    let folder = with_file("log", &log);
    let cut = run_in(folder.path(), ["analyze", "log"], b"");
    assert_eq!(cut.exit, 2);
    says(
        &cut.stderr,
        &[
            "log, line 60005",
            "expected a line of MONITOR such as",
            "found `1795370765.5`",
        ],
    );
    let skip = ["analyze", "--json", "--on-error", "skip"];
    let analyze = |args: &[&str]| {
        let run = run_in(folder.path(), [&skip[..], args].concat(), log.as_bytes());
        assert_eq!(run.exit, 2, "{}", run.stderr);
        says(&run.stderr, &["read as monitor", "operations on keys"]);
        run.stdout
    };
    let bytes = analyze(&["log", "--threads", "1"]);
    let report: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert!(analyze(&["log", "--threads", "3"]) == bytes);
    let piped = String::from_utf8(analyze(&["-"])).expect("text");
    assert!(piped.replace("<stdin>", "log").as_bytes() == bytes);
    let operations = &report["operations"];
    assert_eq!(
        (&operations["total"], &operations["scripted"]),
        (&30_002.into(), &30_000.into())
    );
    assert_eq!(
        (&operations["first"], &operations["seconds"]),
        (&"2026-11-22T18:05:54Z".into(), &11.0.into())
    );
    let hot = &operations["hot_slots"][0];
    // Two other keys are in its slot.
    assert_eq!(
        (&hot["operations"], &hot["cause"]["name"]),
        (&10_003.into(), &"hot".into())
    );
    let error = operations["hot_keys"][0]["error"]
        .as_f64()
        .expect("a bound");
    let share = operations["hot_keys"][0]["share"]
        .as_f64()
        .expect("a share");
    assert!((share - 0.3333).abs() <= error, "{share} ± {error}");
    assert_eq!(
        operations["commands"],
        serde_json::json!([
            {"command": "eval", "operations": 30_000, "keyless": 0, "heavy": true},
            {"command": "mget", "operations": 2, "keyless": 0, "heavy": false},
            {"command": "ping", "operations": 0, "keyless": 1, "heavy": false},
        ])
    );
    assert_eq!(
        (&report["totals"]["keys"], &report["inputs"][0]["skipped"]),
        (&0.into(), &1.into())
    );
    // Filters look at keys: a command without one is left out.
    let some: Value =
        serde_json::from_slice(&analyze(&["log", "--match", "hot", "--db", "0"])).expect("JSON");
    assert_eq!(some["operations"]["total"], 5001);
    assert_eq!(
        some["operations"]["commands"].as_array().map(Vec::len),
        Some(2)
    );
    // Saved, it is the same; a plan needs keys.
    run_in(
        folder.path(),
        [&skip[..], &["log", "--save", "log.tally"]].concat(),
        b"",
    );
    let saved = run_in(folder.path(), ["analyze", "--json", "log.tally"], b"");
    assert!(saved.stdout == bytes, "{}", saved.stderr);
    let nodes = super::fixtures::folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("text");
    let plan = [
        "plan-rebalance",
        "--nodes",
        nodes,
        "--keyspace",
        "log.tally",
    ];
    let plan = run_in(folder.path(), plan, b"");
    assert_eq!(plan.exit, 2);
    says(&plan.stderr, &["a log of MONITOR has operations"]);
}
