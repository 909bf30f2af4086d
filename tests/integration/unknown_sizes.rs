//! Keys of which an input doesn't tell the size: what they take is unknown, never nothing.

use super::fixtures::folder;
use super::tool::{Run, run, run_in};
use serde_json::{Value, json};
use std::path::Path;

/// An RDB file of strings `s:0`, `s:1` and so on, and of values of a module of this many bytes under
/// `vec:0` and so on.
fn dump(strings: u64, modules: &[usize]) -> Vec<u8> {
    let text = |text: &[u8]| {
        let mut bytes = vec![0x80];
        bytes.extend((text.len() as u32).to_be_bytes());
        bytes.extend(text);
        bytes
    };
    let mut file = b"REDIS0011\xfa\x09redis-ver\x057.2.4".to_vec();
    for number in 0..strings {
        file.push(0);
        file.extend(text(format!("s:{number}").as_bytes()));
        file.extend(text(&[b'x'; 100]));
    }
    for (number, bytes) in modules.iter().enumerate() {
        // An expiry, the module's name and version, a string, the end.
        file.extend(b"\xfc\0\0\0\0\x80\x02\0\0\x07");
        file.extend(text(format!("vec:{number}").as_bytes()));
        file.extend(b"\x81\x12\x34\x56\x78\x9a\xbc\xde\x01\x05");
        file.extend(text(&vec![b'y'; *bytes]));
        file.push(0);
    }
    file.push(255);
    file.extend([0; 8]);
    file
}

fn json_of(run: &Run) -> Value {
    assert!(matches!(run.exit, 0 | 1), "{}", run.stderr);
    serde_json::from_slice(&run.stdout).expect("JSON")
}

fn slot_row<'report>(report: &'report Value, key: &str) -> &'report Value {
    let slot = slotkit::slot::Slot::for_key(key.as_bytes()).number();
    let mut rows = report["slots"].as_array().expect("rows").iter();
    rows.find(|row| row["slot"] == slot).expect("the slot")
}

#[test]
fn every_sum_says_what_it_does_not_know() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.rdb"), dump(30, &[500, 600])).expect("it is written");
    let nodes = super::fixtures::folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("text");
    let args = ["analyze", "a.rdb", "--json", "--nodes", nodes];
    let report = json_of(&run_in(folder.path(), args, b""));
    let totals = &report["totals"];
    assert_eq!(
        (&totals["bytes"], &totals["unsized_keys"]),
        (&Value::Null, &json!(2))
    );
    let known = totals["bytes_at_least"].as_u64().expect("what is known");
    assert!(known > 30 * 100, "{known}");
    assert_eq!(report["distribution"]["bytes"], Value::Null);
    assert!(report["distribution"]["bytes_at_least"]["max"].is_u64());
    let unknown = json!({"keys": 1, "bytes": null, "unsized_keys": 1, "expiring": 1});
    let row = slot_row(&report, "vec:0");
    for field in ["keys", "bytes", "unsized_keys", "expiring"] {
        assert_eq!(row[field], unknown[field], "{row}");
    }
    assert_eq!(
        row.get("bytes_at_least"),
        None,
        "nothing is known there: {row}"
    );
    let row = slot_row(&report, "s:1");
    assert!(
        row["bytes"].is_u64() && row.get("unsized_keys").is_none(),
        "{row}"
    );
    let modules = json!({"keys": 2, "bytes": null, "unsized_keys": 2});
    assert_eq!(report["types"]["module"], modules);
    assert_eq!(
        report["types"]["string"],
        json!({"keys": 30, "bytes": known})
    );
    let database =
        json!({"db": 0, "keys": 32, "bytes": null, "bytes_at_least": known, "unsized_keys": 2});
    assert_eq!(report["databases"], json!([database]));
    let prefixes = report["prefixes"]["by_keys"].as_array().expect("prefixes");
    assert_eq!(prefixes[1]["name"], "vec:");
    assert_eq!(prefixes[1]["unsized_keys"], 2);
    assert_eq!(prefixes[0].get("unsized_keys"), None);
    let expiring: Vec<&Value> = report["expiry"]["horizon"]
        .as_array()
        .expect("rows")
        .iter()
        .filter(|row| row["keys"] == 2)
        .collect();
    assert_eq!(
        (&expiring[0]["bytes"], &expiring[0]["unsized_keys"]),
        (&Value::Null, &json!(2))
    );
    let of_nodes = report["nodes"].as_array().expect("nodes");
    let unsized_keys = of_nodes
        .iter()
        .map(|node| node["unsized_keys"].as_u64().unwrap_or(0));
    assert_eq!(unsized_keys.sum::<u64>(), 2);
    let lacks = |node: &&Value| node.get("unsized_keys").is_some();
    assert!(
        of_nodes
            .iter()
            .filter(lacks)
            .all(|node| node["bytes"].is_null())
    );

    let table = run_in(folder.path(), ["analyze", "a.rdb"], b"");
    for words in [
        "at least ",
        "2 keys have no size",
        "Hot slots by known bytes",
        "bigger ones",
    ] {
        assert!(table.text().contains(words), "{words}: {}", table.text());
    }
    let module = table
        .text()
        .lines()
        .find(|line| line.contains("module"))
        .expect("the type");
    assert!(module.trim_end().ends_with('?'), "{module}");
    let page = run_in(folder.path(), ["analyze", "a.rdb", "--output", "html"], b"");
    assert!(page.text().contains("at least ") && page.text().contains("2 keys have no size"));
    let rows = run_in(folder.path(), ["analyze", "a.rdb", "--csv"], b"");
    let slot = format!("\n{},1,,1,,,,1\n", slotkit::slot::Slot::for_key(b"vec:0"));
    assert!(rows.text().contains(&slot), "{slot}");
}

#[test]
fn tallies_keep_it_and_merge_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).expect("it is written");
    };
    put("a.rdb", &dump(30, &[500, 600]));
    put("all.list", b"s:1\nplain\n{tag}:1\n{tag}:2\n");
    put("some.csv", b"key,size\n{tag}:3,7\n{tag}:4,\nplain,9\n");
    let names = ["a.rdb", "all.list", "some.csv"];
    let report = |files: &[&str]| {
        let mut args = vec!["analyze", "--json", "--as-of", "2026-11-24"];
        args.extend(files);
        let mut report = json_of(&run_in(folder.path(), args, b""));
        report["inputs"] = Value::Null;
        report
    };
    for name in names {
        let saved = run_in(
            folder.path(),
            ["analyze", name, "--save", &format!("{name}.tally")],
            b"",
        );
        assert_eq!(saved.exit, 0, "{}", saved.stderr);
    }
    // In any order, read at once or from tallies.
    let whole = report(&names);
    assert_eq!(whole["totals"]["unsized_keys"], 2 + 4 + 1);
    assert_eq!(report(&["some.csv", "all.list", "a.rdb"]), whole);
    assert_eq!(
        report(&["all.list.tally", "a.rdb.tally", "some.csv.tally"]),
        whole
    );
    assert_eq!(
        report(&["a.rdb", "some.csv.tally", "all.list.tally"]),
        whole
    );
    let plain = slot_row(&whole, "plain");
    let expected = json!({"slot": plain["slot"], "keys": 2, "bytes": null, "bytes_at_least": 9, "unsized_keys": 1, "expiring": 0});
    assert_eq!(plain, &expected);
    let tag = &whole["hash_tags"]["by_bytes"][0];
    assert_eq!(
        (&tag["bytes_at_least"], &tag["unsized_keys"]),
        (&json!(7), &json!(3))
    );
    assert_eq!(tag.get("bytes"), None);
    // A list alone: nothing is known of any key.
    let list = report(&["all.list"]);
    assert_eq!(
        (&list["totals"]["bytes"], &list["totals"]["unsized_keys"]),
        (&Value::Null, &json!(4))
    );
    assert_eq!(slot_row(&list, "plain")["unsized_keys"], 1);
    assert_eq!(report(&["all.list.tally"]), list);
    let all_known = report(&["some.csv"]);
    assert_eq!(all_known["types"]["unknown"]["unsized_keys"], 1);
}

fn plan(folder: &Path, dump: &[u8], more: &[&str]) -> Run {
    std::fs::write(folder.join("a.rdb"), dump).expect("it is written");
    let nodes = super::fixtures::folder("cluster-nodes").join("healthy.txt");
    let mut args = vec!["plan-rebalance", "--keyspace", "a.rdb", "--nodes"];
    args.push(nodes.to_str().expect("text"));
    args.extend(more);
    run_in(folder, args, b"")
}

#[test]
fn a_plan_by_bytes_that_are_not_known_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let many = dump(100, &[10; 20]);
    // One of 400 keys, which has most of the bytes.
    let heavy = dump(399, &[1 << 20]);
    for (dump, words) in [
        (&many, "20 of 120 keys have no size"),
        (&heavy, "1 of 400 keys has no size"),
    ] {
        for by in [&[][..], &["--by", "bytes"], &["--by", "keys=0.5,bytes=0.5"]] {
            let refused = plan(folder, dump, by);
            assert_eq!(
                (refused.exit, refused.text()),
                (2, ""),
                "{}",
                refused.stderr
            );
            for words in [
                words,
                "% of the bytes in the file",
                "--by keys",
                "--size serialized",
            ] {
                assert!(refused.stderr.contains(words), "{}", refused.stderr);
            }
        }
        // Each fix, to the letter.
        let by_keys = plan(folder, dump, &["--by", "keys", "--json"]);
        let planned = json_of(&by_keys);
        assert!(
            planned["cost"]["bytes"].is_null(),
            "what isn't known isn't told: {planned}"
        );
        let serialized = plan(folder, dump, &["--size", "serialized", "--json"]);
        assert!(json_of(&serialized)["cost"]["bytes"].is_u64());
        // Limits in bytes need them.
        let limited = plan(folder, dump, &["--by", "keys", "--max-bytes", "1kb"]);
        assert_eq!(limited.exit, 2, "{}", limited.stderr);
    }
    // A hundredth or less is told.
    let few = dump(399, &[100]);
    let told = plan(folder, &few, &["--json"]);
    assert!(json_of(&told)["cost"]["bytes"].is_u64());
    assert!(
        told.stderr.contains("warning: 1 of 400 keys has no size"),
        "{}",
        told.stderr
    );
    // A tally keeps what the files say.
    std::fs::write(folder.join("h.rdb"), &heavy).expect("it is written");
    let saved = run_in(folder, ["analyze", "h.rdb", "--save", "h.tally"], b"");
    assert_eq!(saved.exit, 0, "{}", saved.stderr);
    let nodes = folder_of_nodes();
    let of_tally = run_in(
        folder,
        ["plan-rebalance", "--keyspace", "h.tally", "--nodes", &nodes],
        b"",
    );
    assert_eq!(of_tally.exit, 2, "{}", of_tally.stderr);
    assert!(
        of_tally.stderr.contains("of tallies: save them with it"),
        "{}",
        of_tally.stderr
    );
    // Where nothing has a size, keys are what there is.
    std::fs::write(folder.join("l.list"), "a\nb\nc\n").expect("it is written");
    let of_list = run_in(
        folder,
        ["plan-rebalance", "--keyspace", "l.list", "--nodes", &nodes],
        b"",
    );
    assert!(matches!(of_list.exit, 0 | 1), "{}", of_list.stderr);
}

fn folder_of_nodes() -> String {
    let nodes = folder("cluster-nodes").join("healthy.txt");
    nodes.to_str().expect("text").to_owned()
}

#[test]
fn old_tallies_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("old.tally");
    let mut old = b"SLOTKIT\0TALLY\r\n\0".to_vec();
    old.extend(7_u32.to_le_bytes());
    old.extend([0; 40]);
    std::fs::write(&path, old).expect("it is written");
    let refused = run(["analyze", path.to_str().expect("text")]);
    assert_eq!(refused.exit, 2);
    for words in ["version 8", "found version 7", "save the tally again"] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
}
