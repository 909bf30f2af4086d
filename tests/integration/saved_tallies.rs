//! `slotkit analyze --save`, and analyzing what was saved.

use super::tool::{Run, run_in};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const HEADER: &str =
    "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry\n";

/// Rows of a dump with more keys and tags than are sampled and counted, one tag and prefix heavy.
fn rows(numbers: std::ops::Range<u32>) -> String {
    let mut rows = String::new();
    for number in numbers {
        let key = match number % 5 {
            0 => format!("cart:{{hot}}:{number}"),
            1 | 2 => format!("{{tag{number}}}:a"),
            _ => format!("user:{number}"),
        };
        let size = 50 + u64::from(number.wrapping_mul(2_654_435_761) >> 22);
        let kind = ["string", "hash", "set"][number as usize % 3];
        let expiry = match number % 4 {
            0 => format!("2026-11-{:02}T{:02}:00:00", 1 + number % 28, number % 24),
            _ => String::new(),
        };
        let _ = writeln!(rows, "{},{kind},{key},{size},raw,1,1,{expiry}", number % 2);
    }
    rows
}

fn dump(folder: &Path, name: &str, numbers: std::ops::Range<u32>) {
    fs::write(folder.join(name), format!("{HEADER}{}", rows(numbers))).expect("a dump");
}

/// A tally can't be looked at once more, so its dump isn't either.
fn analyze(folder: &Path, args: &[&str]) -> Run {
    let same = ["analyze", "--as-of", "2026-11-10", "--no-second-pass"];
    let run = run_in(folder, [&same, args].concat(), b"");
    assert_eq!(run.exit, 0, "{}", run.stderr);
    run
}

fn json(run: &Run) -> Value {
    serde_json::from_slice(&run.stdout).expect("JSON")
}

/// Three dumps of 15,000 keys, saved by different numbers of threads.
fn saved(folder: &Path) {
    for (name, threads, begin) in [("a", "1", 0), ("b", "2", 15_000), ("c", "3", 30_000)] {
        dump(folder, &format!("{name}.csv"), begin..begin + 15_000);
        let csv = format!("{name}.csv");
        let tally = format!("{name}.tally");
        analyze(folder, &["--save", &tally, "--threads", threads, &csv]);
    }
}

#[test]
fn merged_tallies_give_the_report_of_one_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    saved(folder);
    for order in [["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]] {
        let dumps = order.map(|name| format!("{name}.csv"));
        let truth = analyze(folder, &["--json", &dumps[0], &dumps[1], &dumps[2]]);
        let tallies = order.map(|name| format!("{name}.tally"));
        // Tallies alone, with a dump among them, and a tally of tallies.
        for threads in ["1", "4"] {
            let all = ["--json", "--threads", threads];
            let merged = [&tallies[0], &tallies[1], &tallies[2]].map(String::as_str);
            let merged = analyze(folder, &[&all[..], &merged].concat());
            assert!(merged.stdout == truth.stdout, "{order:?} {threads}");
            let mixed = [&tallies[0], &dumps[1], &tallies[2]].map(String::as_str);
            let mixed = analyze(folder, &[&all[..], &mixed].concat());
            assert!(mixed.stdout == truth.stdout, "{order:?} {threads}");
        }
        analyze(folder, &["--save", "two.tally", &tallies[0], &tallies[1]]);
        let nested = analyze(folder, &["--json", "two.tally", &tallies[2]]);
        assert!(nested.stdout == truth.stdout, "{order:?}");
        let text = nested.stderr;
        assert!(
            text.contains(&format!(
                "two.tally: {}: read as rdb-tools, 15,000 keys",
                dumps[0]
            )),
            "{text}"
        );
    }
}

#[test]
fn a_tally_is_the_same_for_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    dump(folder, "all.csv", 0..30_000);
    let save = |name: &str, threads: &str| {
        analyze(folder, &["--save", name, "--threads", threads, "all.csv"]);
        fs::read(folder.join(name)).expect("a tally")
    };
    let one = save("one.tally", "1");
    assert!(one == save("four.tally", "4"));
    // Piped through a compressor it is still one.
    fs::write(
        folder.join("packed"),
        zstd::encode_all(&one[..], 1).expect("it packs"),
    )
    .expect("a file");
    let packed = analyze(folder, &["--json", "packed"]);
    assert!(packed.stdout == analyze(folder, &["--json", "all.csv"]).stdout);
}

/// The report without what is estimated, and without the inputs.
fn exact(report: &Value) -> Value {
    let mut report = report.clone();
    let fields = report.as_object_mut().expect("an object");
    for estimated in ["hash_tags", "prefixes", "inputs"] {
        fields.remove(estimated);
    }
    for list in ["by_keys", "by_bytes"] {
        let slots = fields["hot_slots"][list].as_array_mut().expect("a list");
        for slot in slots {
            slot["cause"] = Value::Null;
        }
    }
    report
}

#[test]
fn a_split_dump_is_exact_in_counts_and_within_bounds_in_estimates() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    saved(folder);
    dump(folder, "all.csv", 0..45_000);
    let whole = json(&analyze(folder, &["--json", "all.csv"]));
    let merged = json(&analyze(
        folder,
        &["--json", "c.tally", "a.tally", "b.tally"],
    ));
    assert_eq!(exact(&merged), exact(&whole));
    for report in [&whole, &merged] {
        // A fifth of the keys has the hot tag.
        for (family, name) in [("hash_tags", "hot"), ("prefixes", "cart:")] {
            let row = &report[family]["by_keys"]
                .as_array()
                .expect("rows")
                .iter()
                .find(|row| row["name"] == name)
                .expect("the heavy one");
            let number = |name: &str| row[name].as_f64().expect("a number");
            assert_eq!(row["exact"], false);
            assert!((number("share") - 0.2).abs() <= number("error"), "{row}");
        }
        let cause = &report["hot_slots"]["by_keys"][0]["cause"];
        assert_eq!(
            (&cause["kind"], &cause["name"]),
            (&"hash_tag".into(), &"hot".into())
        );
    }
}

/// What is said of the inputs beside the report, without where the tallies are.
fn words(run: &Run) -> Vec<String> {
    let lines = run.stderr.lines();
    lines.map(|line| line.replace("all.tally: ", "")).collect()
}

#[test]
fn a_tally_keeps_what_was_said_of_its_inputs() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut bad = rows(0..50);
    for number in 0..9 {
        bad += &format!("0,string,bad{number},x,raw,1,1,\n");
    }
    fs::write(folder.join("bad.csv"), bad).expect("a dump");
    let packed = zstd::encode_all(rows(0..40_000).as_bytes(), 1).expect("it packs");
    fs::write(folder.join("cut.csv.zst"), &packed[..packed.len() / 2]).expect("a dump");
    fs::write(folder.join("dump.rdb"), b"REDIS0099\x00\x05hello\x01v\xfe").expect("a dump");
    let analyze = |args: &[&str]| {
        let all = [
            "analyze",
            "--json",
            "--as-of",
            "2026-11-10",
            "--on-error",
            "skip",
        ];
        let run = run_in(folder, [&all, args].concat(), b"");
        assert_eq!(run.exit, 2, "{}", run.stderr);
        run
    };
    let dumps = ["bad.csv", "cut.csv.zst", "dump.rdb"];
    let truth = analyze(&[&dumps[..], &["--save", "all.tally"]].concat());
    let text = &truth.stderr;
    for word in [
        "bad.csv: it has no header",
        "bad.csv: 9 rows can't be read and are not counted; the first are",
        "bad.csv, line 51, field size_in_bytes, byte ",
        "cut.csv.zst: it is damaged; what stands before the damage is counted:",
        "newer than slotkit knows",
        "dump.rdb, byte ",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let again = analyze(&["all.tally"]);
    assert!(again.stdout == truth.stdout);
    assert_eq!(words(&again), words(&truth));
    // A tally of the tally says the same.
    analyze(&["all.tally", "--save", "all.tally"]);
    let nested = analyze(&["all.tally"]);
    assert!(nested.stdout == truth.stdout);
    assert_eq!(words(&nested), words(&truth));
}

#[test]
fn damaged_tallies_and_filters_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    dump(folder, "a.csv", 0..100);
    analyze(folder, &["--save", "a.tally", "a.csv"]);
    let bytes = fs::read(folder.join("a.tally")).expect("a tally");
    fs::write(folder.join("cut"), &bytes[..1000]).expect("a file");
    let mut altered = bytes.clone();
    altered[5000] ^= 1;
    fs::write(folder.join("altered"), altered).expect("a file");
    fs::write(folder.join("joined"), [&bytes[..], &bytes].concat()).expect("a file");
    let packed = zstd::encode_all(&bytes[..], 1).expect("it packs");
    fs::write(folder.join("packed"), &packed[..packed.len() / 2]).expect("a file");
    for (args, words) in [
        (&["cut"][..], "cut, byte 1000: the tally is cut off"),
        (
            &["joined"],
            "found another; tallies are merged by naming each",
        ),
        (
            &["a.tally", "--format", "csv"],
            "a.tally: expected csv, found a saved tally; leave --format out",
        ),
        (&["packed"], "unpacked bytes; save the tally again"),
        (&["altered"], "altered, byte "),
        (&["altered"], "its checksum isn't that of its content"),
        (
            &["a.tally", "--match", "user:*"],
            "a.tally: a saved tally has no keys any more",
        ),
        (
            &["a.csv", "a.tally", "--slots", "0-100"],
            "filter when it is saved",
        ),
        (&["a.csv", "--format", "tally"], "a.csv: expected a tally"),
        (
            &["a.csv", "--save", "no/such/folder.tally"],
            "no/such/folder.tally",
        ),
        (
            &["a.tally", "--prefix-delimiter", "/"],
            "--prefix-delimiter ':' --prefix-depth 1",
        ),
        (
            &["a.csv", "--save", "a.csv"],
            "a saved tally to replace, found another file",
        ),
        (
            &["a.csv", "--save", "."],
            "a saved tally to replace, found a folder",
        ),
    ] {
        let run = run_in(folder, [&["analyze"], args].concat(), b"");
        assert_eq!(run.exit, 2, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{args:?}: {}", run.stderr);
        assert_eq!(run.text(), "", "nothing on stdout");
    }
    // The dump is still there, and a tally may be replaced by one that has it in it.
    analyze(folder, &["--save", "a.tally", "a.csv", "a.tally"]);
    let twice = json(&analyze(folder, &["--json", "a.tally"]));
    assert_eq!(twice["totals"]["keys"], 200);
}

#[test]
fn a_tally_of_some_slots_is_told_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    dump(folder, "a.csv", 0..200_000);
    let nodes = super::fixtures::folder("cluster-nodes").join("healthy.txt");
    let nodes = ["--nodes", nodes.to_str().expect("text")];
    let save = |tally: &str, slots: &str| {
        let args = ["--json", "--slots", slots, "--save", tally, "a.csv"];
        analyze(folder, &[&nodes[..], &args].concat())
    };
    let direct = save("low.tally", "0-8000");
    save("high.tally", "8001-16383");
    let report = |args: &[&str]| analyze(folder, &[&nodes[..], args].concat());
    assert!(report(&["--json", "low.tally"]).stdout == direct.stdout);
    assert_eq!(json(&direct)["distribution"]["scope"]["kind"], "chosen");
    for args in [["low.tally", "high.tally"], ["a.csv", "low.tally"]] {
        let run = report(&[&args[..], &["--json"]].concat());
        super::analyze_schema::hold(&run.stdout, "merged tallies");
        let mixed = json(&run);
        let distribution = &mixed["distribution"];
        let scope = serde_json::json!({"kind": "part", "slots": 16384});
        assert_eq!(
            (&distribution["scope"], &distribution["chi_square"]),
            (&scope, &Value::Null)
        );
        assert_eq!(mixed["advice"], serde_json::json!([]));
        let table = report(&args);
        let words = "of 16,384 slots of merged tallies are empty";
        assert!(table.text().contains(words), "{}", table.text());
        assert!(
            table
                .text()
                .contains("Tallies of different slots were merged.")
        );
    }
    // Nothing was left out of these.
    let row = "0,string,foo,9,raw,1,1,\n";
    fs::write(folder.join("one.csv"), format!("{HEADER}{row}")).expect("a dump");
    analyze(
        folder,
        &["--slots", "12182", "--save", "one.tally", "one.csv"],
    );
    let words = "No advice on hash tags: tallies of different slots were merged,";
    let table = report(&["a.csv", "one.tally"]);
    assert!(table.text().contains(words), "{}", table.text());
    save("every.tally", "0-16383");
    let all = json(&report(&["--json", "a.csv", "every.tally"]));
    assert_eq!(all["distribution"]["scope"]["kind"], "all");
}
