//! Several RDB files: the primaries of a cluster, their replicas, and keys where they don't belong.

use super::super::analyze_schema::hold;
use super::super::fixtures::folder;
use super::super::tool::{Run, run_in};
use serde_json::{Value, json};
use slotkit::slot::Slot;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Three primaries with 0-5461, 5462-10922, 10923-16383; 866 and 15495 are being moved.
const NODES: &str = "open-slots.txt";
const FIRST: &str = "760e4d0039c5ac13d04aa4791c9e6dc28544d7c7";
const SECOND: &str = "54cb5c2eb8e5f5aed2d2f7843f75a9284ef6785c";

/// A folder in which RDB files are written by the slots that they shall have keys in.
struct Files {
    folder: tempfile::TempDir,
    /// A key for each slot.
    keys: HashMap<Slot, String>,
}

impl Files {
    fn new() -> Files {
        let mut keys = HashMap::new();
        for number in 0.. {
            let key = number.to_string();
            keys.entry(Slot::for_key(key.as_bytes())).or_insert(key);
            if keys.len() == 16_384 {
                break;
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        Files { folder, keys }
    }

    /// A string in each of the slots; version 6, its checksum not computed.
    fn write(&self, name: &str, slots: impl IntoIterator<Item = u16>) {
        let mut bytes = b"REDIS0006".to_vec();
        for slot in slots {
            let key = &self.keys[&Slot::new(slot).expect("a slot")];
            bytes.extend([0, key.len() as u8]);
            bytes.extend(key.as_bytes());
            bytes.extend(b"\x01v");
        }
        bytes.push(255);
        bytes.extend([0; 8]);
        fs::write(self.folder.path().join(name), bytes).expect("it is written");
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn analyze<const N: usize>(&self, args: [&str; N]) -> Run {
        let mut all = vec!["analyze"];
        all.extend(args);
        run_in(self.path(), all, b"")
    }

    /// The findings of a JSON report that the schema knows, with the exit code that belongs to them.
    fn findings<const N: usize>(&self, args: [&str; N]) -> Vec<Value> {
        let mut all = vec!["analyze", "--json"];
        all.extend(args);
        let run = run_in(self.path(), all, b"");
        let report = hold(&run.stdout, "files of a cluster");
        let findings = report["findings"].as_array().expect("a list").clone();
        assert_eq!(run.exit, i32::from(!findings.is_empty()), "{}", run.stderr);
        findings
    }

    fn copy_nodes(&self) {
        let from = folder("cluster-nodes").join(NODES);
        fs::copy(from, self.path().join("nodes.txt")).expect("the fixture");
    }
}

fn every(step: usize, slots: std::ops::RangeInclusive<u16>) -> impl Iterator<Item = u16> {
    slots.step_by(step)
}

#[test]
fn primaries_in_order_have_nothing_to_say() {
    let files = Files::new();
    files.copy_nodes();
    files.write("a.rdb", 0..=5461);
    files.write("b.rdb", every(7, 5462..=10922));
    files.write("empty.rdb", []);
    assert!(files.findings(["a.rdb", "b.rdb", "empty.rdb"]).is_empty());
    let args = ["--nodes", "nodes.txt", "a.rdb", "b.rdb", "empty.rdb"];
    assert!(files.findings(args).is_empty());
    let report = files.analyze(["--json", "--nodes", "nodes.txt", "b.rdb", "empty.rdb"]);
    let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
    assert_eq!(report["inputs"][0]["node"], SECOND);
    assert_eq!(report["inputs"][1].get("node"), None);
}

#[test]
fn a_slot_in_two_files_is_named_with_both() {
    let files = Files::new();
    files.write("a.rdb", (0..=5461).chain([6000, 6001, 6002, 9000]));
    files.write("b.rdb", every(1, 5462..=10922));
    files.write("c.rdb", (10923..=16383).chain([9000]));
    let found = files.findings(["a.rdb", "b.rdb", "c.rdb"]);
    let short: Vec<Value> = found
        .iter()
        .map(|found| json!([found["kind"], found["files"], found["slots"], found["runs"]]))
        .collect();
    assert_eq!(
        short,
        [
            json!(["shared_slots", ["a.rdb", "b.rdb"], 3, ["6000-6002"]]),
            json!(["shared_slots", ["a.rdb", "b.rdb", "c.rdb"], 1, ["9000"]]),
        ]
    );
    // The table has them, and where it has no place for them (a row a slot) they are said.
    let table = files.analyze(["a.rdb", "b.rdb", "c.rdb"]);
    assert_eq!(table.exit, 1);
    for words in [
        "3 slots (6000-6002) are in a.rdb and b.rdb.",
        "slot 9000 is in a.rdb, b.rdb and c.rdb.",
    ] {
        assert!(table.text().contains(words), "{}", table.text());
    }
    let csv = files.analyze(["--csv", "a.rdb", "b.rdb", "c.rdb"]);
    assert_eq!(csv.exit, 1);
    assert!(csv.stderr.contains("slot 9000 is in"), "{}", csv.stderr);
}

#[test]
fn a_copy_is_said_once() {
    let files = Files::new();
    files.copy_nodes();
    // A slot of a thousand or so has no keys yet, or no more, on the replica.
    files.write("primary.rdb", every(2, 0..=5461));
    files.write("replica.rdb", every(2, 0..=5300).chain([1, 3]));
    files.write("other.rdb", 5462..=10922);
    let all = [
        "--nodes",
        "nodes.txt",
        "primary.rdb",
        "other.rdb",
        "replica.rdb",
    ];
    let found = files.findings(all);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["kind"], "same_slots");
    assert_eq!(found[0]["files"], json!(["primary.rdb", "replica.rdb"]));
    let table = files.analyze(["primary.rdb", "replica.rdb"]);
    let lines = table.text().lines();
    assert_eq!(
        lines.filter(|line| line.contains("primary.rdb")).count(),
        1,
        "{}",
        table.text()
    );
}

#[test]
fn a_slot_that_the_node_does_not_own_is_named_with_its_owner() {
    let files = Files::new();
    files.copy_nodes();
    files.write(
        "a.rdb",
        every(3, 0..=5461).chain([5463, 5464, 15495, 16000]),
    );
    let found = files.findings(["--nodes", "nodes.txt", "a.rdb"]);
    let short: Vec<Value> = found
        .iter()
        .map(|found| json!([found["kind"], found["node"], found["owner"], found["runs"]]))
        .collect();
    let third = "f45f9109f2297a83b1ac36f9e1db5e70bbc174ab";
    assert_eq!(
        short,
        [
            json!(["outside_node", FIRST, SECOND, ["5463-5464"]]),
            json!(["outside_node", FIRST, third, ["15495", "16000"]]),
        ]
    );
    let message = found[1]["message"].as_str().expect("words");
    assert!(message.ends_with("1 of them being moved"), "{message}");
    assert!(message.contains("172.17.0.4:6379"), "{message}");
    // A file of a server that is no cluster is no node's: nothing is outside of anything.
    files.write("alone.rdb", every(5, 0..=16383));
    assert!(
        files
            .findings(["--nodes", "nodes.txt", "alone.rdb"])
            .is_empty()
    );
}

#[test]
fn saved_tallies_know_their_files_slots() {
    let files = Files::new();
    files.copy_nodes();
    files.write("a.rdb", (0..=100).chain([6000]));
    files.write("b.rdb", 6000..=6100);
    let at_once = files.findings(["--nodes", "nodes.txt", "a.rdb", "b.rdb"]);
    assert_eq!(at_once.len(), 2, "{at_once:#?}");
    for name in ["a", "b"] {
        let saved = files.analyze(["--save", &format!("{name}.tally"), &format!("{name}.rdb")]);
        assert_eq!(saved.exit, 0, "{}", saved.stderr);
    }
    let merged = files.findings(["--nodes", "nodes.txt", "a.tally", "b.tally"]);
    assert_eq!(merged, at_once);
}

#[test]
fn lists_are_no_nodes_files() {
    let files = Files::new();
    for name in ["a.txt", "b.txt"] {
        fs::write(files.path().join(name), "one\ntwo\n").expect("it is written");
    }
    assert!(files.findings(["a.txt", "b.txt"]).is_empty());
}

#[test]
fn a_plan_from_files_that_share_slots_says_so() {
    let files = Files::new();
    let nodes = folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("a path");
    files.write("a.rdb", (0..=5000).chain([9000]));
    files.write("b.rdb", every(1, 6000..=10_000));
    let args = ["plan-rebalance", "--nodes", nodes, "--by", "keys"];
    let plan = |keyspace: &[&str]| {
        let named = keyspace.iter().flat_map(|name| ["--keyspace", name]);
        run_in(files.path(), args.into_iter().chain(named), b"")
    };
    let run = plan(&["a.rdb", "b.rdb"]);
    let words = "warning: slot 9000 is in a.rdb and b.rdb";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    let run = plan(&["b.rdb"]);
    assert!(!run.stderr.contains("warning:"), "{}", run.stderr);
}

/// They are read side by side where there are threads; that must not be seen.
#[test]
fn several_files_give_the_same_report_with_any_number_of_threads() {
    let files = Files::new();
    let names: Vec<String> = (0..6).map(|number| format!("{number}.rdb")).collect();
    for (number, name) in (0u16..).zip(&names) {
        files.write(
            name,
            (number * 500..=number * 1700).step_by(1 + usize::from(number)),
        );
    }
    fs::write(files.path().join("list.txt"), "a\nb\n{c}d\n").expect("it is written");
    let mut inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    inputs.insert(3, "list.txt");
    let report = |threads: &str| {
        let args = [
            "analyze",
            "--json",
            "--as-of",
            "2026-01-01",
            "--threads",
            threads,
        ];
        run_in(
            files.path(),
            args.into_iter().chain(inputs.iter().copied()),
            b"",
        )
    };
    let truth = report("1");
    for threads in ["2", "4", "9"] {
        let run = report(threads);
        assert!(run.stdout == truth.stdout, "{threads} threads");
        assert_eq!(run.stderr, truth.stderr);
    }
    // Of damaged ones the first is named, however early the other one ends.
    let damaged = |name: &str| {
        let path = files.path().join(name);
        let mut bytes = fs::read(&path).expect("it was written");
        bytes.truncate(bytes.len() - 12);
        fs::write(path, bytes).expect("it is written");
    };
    files.write("1.rdb", (0..16_384).cycle().take(100_000));
    damaged("1.rdb");
    damaged("2.rdb");
    for threads in ["1", "2", "4", "9"] {
        let run = report(threads);
        assert_eq!(run.exit, 2);
        assert!(run.stderr.contains("1.rdb"), "{}", run.stderr);
        assert!(!run.stderr.contains("2.rdb"), "{}", run.stderr);
    }
}
