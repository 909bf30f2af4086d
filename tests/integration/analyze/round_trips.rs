//! What slotkit writes and reads again gives the same.

use super::{json, says};
use crate::fixtures::folder;
use crate::tool::{run, run_in, run_with};
use serde_json::Value;
use std::fs;
use std::process::Command;

/// What has to stay the same.
fn facts(report: &Value) -> Value {
    serde_json::json!({
        "slots": report["slots"], "types": report["types"], "totals": report["totals"], "expiry": report["expiry"],
        "databases": report["databases"],
    })
}

#[test]
fn memory_csvs_give_the_same_as_their_dumps() {
    let as_of = ["--as-of", "2026-11-24"];
    for (in_folder, name) in [
        ("rdb", "minus.rdb"),
        ("memory-csv", "esc_v9.rdb"),
        ("rdb", "redis-7.0.rdb"),
        ("rdb", "valkey-9.1.rdb"),
        ("rdb", "keys_with_expiry.rdb"),
        ("rdb", "multiple_databases.rdb"),
    ] {
        let dump = folder(in_folder).join(name);
        let dump = dump.to_str().expect("text");
        let truth = run([&["analyze", "--json", dump][..], &as_of].concat());
        for flags in [
            &[][..],
            &["--raw-keys"],
            &["--escape", "raw"],
            &["--escape", "quoted"],
        ] {
            let csv = run([&["analyze", "--output", "memory-csv", dump][..], flags].concat());
            assert_eq!(csv.exit, 0, "{}", csv.stderr);
            let read_flags = if flags == ["--escape", "quoted"] {
                flags
            } else {
                &[]
            };
            let args = [&["analyze", "--json", "-"][..], &as_of, read_flags].concat();
            let back = run_with(args, &csv.stdout);
            assert_eq!(
                facts(&json(&back)),
                facts(&json(&truth)),
                "{name} {flags:?}: {}",
                back.stderr
            );
        }
    }
}

#[test]
fn readers_of_csv_get_every_key() {
    let dump = folder("memory-csv").join("esc_v9.rdb");
    let dump = dump.to_str().expect("text");
    let csv = run(["analyze", "--output", "memory-csv", dump]);
    says(
        &csv.stderr,
        &["with escapes", "an apostrophe stands before it"],
    );
    let text = std::str::from_utf8(&csv.stdout).expect("UTF-8");
    let odd = |letter: char| letter.is_control() && letter != '\n';
    assert!(!text.contains(odd), "{text}");
    assert_eq!(text.lines().count(), text.matches('\n').count());
    let script = "import csv, re, sys\n\
        for row in csv.DictReader(open(sys.argv[1], newline='', encoding='utf-8')):\n\
        \x20   key = row['key']\n\
        \x20   key = key[1:] if re.match(\"'+[-=+@]\", key) else key\n\
        \x20   key = re.sub(rb'\\\\x([0-9A-F]{2})', lambda found: bytes([int(found[1], 16)]), key.encode())\n\
        \x20   print('\"' + ''.join('\\\\x%02x' % byte for byte in key) + '\"')\n";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.csv");
    fs::write(&file, &csv.stdout).expect("written");
    let python = Command::new("python3")
        .args(["-c", script])
        .arg(&file)
        .output();
    let Ok(python) = python else { return };
    assert!(
        python.status.success(),
        "{}",
        String::from_utf8_lossy(&python.stderr)
    );
    let of_python = run_with(["analyze", "--json", "--quoted", "-"], &python.stdout);
    let of_dump = run(["analyze", "--json", dump]);
    let keys = |report: &Value| -> Vec<(Value, Value)> {
        let slots = report["slots"].as_array().expect("slots").iter();
        slots
            .map(|slot| (slot["slot"].clone(), slot["keys"].clone()))
            .collect()
    };
    assert_eq!(keys(&json(&of_python)), keys(&json(&of_dump)));
}

#[test]
fn what_is_written_is_said_and_forms_that_are_only_read_are_refused() {
    let dump = folder("memory-csv").join("esc_v9.rdb");
    let dump = dump.to_str().expect("text");
    let print = run([
        "analyze",
        "--output",
        "memory-csv",
        "--escape",
        "print",
        dump,
    ]);
    says(
        &print.stderr,
        &["can't tell an escape from a key with the same text"],
    );
    let json = run([
        "analyze",
        "--output",
        "memory-csv",
        "--escape",
        "json",
        dump,
    ]);
    assert_eq!(json.exit, 2);
    says(&json.stderr, &["forms that are read, not written"]);
}

#[test]
fn far_times_are_told_as_what_they_are() {
    let rows = "key,expiry\na,2200-01-01T00:00:00\nb,2300-01-01T00:00:00\nc,99999999999999\n";
    let folder = super::with_file(
        "far.csv",
        format!("{rows}d,253402300800000\ne,1960-01-01\n"),
    );
    let args = ["analyze", "far.csv", "--as-of", "2026-11-24"];
    let table = run_in(folder.path(), args, b"");
    says(
        table.text(),
        &[
            "from 1970-01-01T00:00:00Z or earlier",
            "from 9999-12-31T23:00:00Z or later",
        ],
    );
    let report = json(&run_in(
        folder.path(),
        [&args[..], &["--json"]].concat(),
        b"",
    ));
    assert_eq!(report["expiry"]["last_or_later"], true);
    assert_eq!(report["expiry"]["first_or_earlier"], true);
    assert_eq!(report["expiry"]["median"], "2300-01-01T00:00:00Z");
}
