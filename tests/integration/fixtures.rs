//! The fixtures and what must be said of them: `fixtures/README.md`.

use super::tool::{Run, run_in};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of the fixtures.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// Holds what was said against the file, or writes the file when asked to.
fn hold(run: &Run, expected: &Path) {
    if std::env::var_os("SLOTKIT_BLESS").is_some() {
        fs::write(expected, &run.stdout).expect("the expectation is written");
    }
    let truth = fs::read(expected).expect("there is an expectation");
    assert!(
        run.stdout == truth,
        "{} differs:\n{}",
        expected.display(),
        String::from_utf8_lossy(&run.stdout)
    );
}

fn analyzed(in_folder: &str, name: &str, exit: i32) {
    let folder = folder(in_folder);
    let run = run_in(
        &folder,
        ["analyze", "--json", "--as-of", "2026-11-24", name],
        b"",
    );
    assert_eq!(run.exit, exit, "{}", run.stderr);
    hold(&run, &folder.join(format!("{name}.analyze.json")));
}

#[test]
fn memory_csvs() {
    for name in [
        "rdbtools_raw.csv",
        "rdbtools_print.csv",
        "rdbtools_base64.csv",
        "rdbtools_utf8.csv",
        "hdt.csv",
        "tagged.csv",
        "rdbcli.csv",
        "far.csv",
    ] {
        analyzed("memory-csv", name, 0);
    }
}

#[test]
fn key_lists() {
    analyzed("key-lists", "keys.txt", 0);
    analyzed("key-lists", "keys.json", 0);
    let folder = folder("key-lists");
    let keys = fs::read(folder.join("keys.txt")).expect("the list");
    let run = run_in(&folder, ["keyslot", "-"], &keys);
    assert_eq!(run.exit, 0, "{}", run.stderr);
    hold(&run, &folder.join("keys.txt.slots"));
}

#[test]
fn logs_of_monitor() {
    for name in ["awkward.txt", "compose.txt", "colours.txt", "cut.txt"] {
        analyzed("monitor", name, 0);
    }
}

#[test]
fn nodes() {
    for name in ["healthy", "primary-failed", "open-slots"] {
        let nodes = folder("cluster-nodes").join(format!("{name}.txt"));
        let nodes = nodes.to_str().expect("the path is text");
        let run = run_in(
            &folder("memory-csv"),
            [
                "analyze",
                "tagged.csv",
                "--as-of",
                "2026-11-24",
                "--nodes",
                nodes,
            ],
            b"",
        );
        assert_eq!(run.exit, 0, "{}", run.stderr);
        hold(
            &run,
            &folder("cluster-nodes").join(format!("{name}.tagged.txt")),
        );
    }
}

#[test]
fn every_escape_gives_the_same_keys() {
    let slots = |name: &str, escape: &str| {
        let args = ["analyze", "--csv", name, "--escape", escape];
        let run = run_in(&folder("memory-csv"), args, b"");
        assert_eq!(run.exit, 0, "{}", run.stderr);
        run
    };
    let raw = slots("rdbtools_raw.csv", "raw");
    for escape in ["print", "base64"] {
        let escaped = slots(&format!("rdbtools_{escape}.csv"), escape);
        assert_eq!(escaped.text(), raw.text(), "{escape}");
        assert!(
            escaped.stderr.contains("keys were unescaped"),
            "{}",
            escaped.stderr
        );
    }
}

#[test]
fn two_tools_give_the_same_keys() {
    let slots = |name: &str| {
        let run = run_in(&folder("memory-csv"), ["analyze", "--json", name], b"");
        let json: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
        let slots = json["slots"].as_array().expect("slots").clone();
        slots
            .iter()
            .map(|row| {
                (
                    row["slot"].as_u64(),
                    row["keys"].as_u64(),
                    row["expiring"].as_u64(),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(slots("rdbtools_raw.csv"), slots("hdt.csv"));
    assert_eq!(slots("hdt.csv").len(), 22);
}
