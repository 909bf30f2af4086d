//! Why slots are hot is counted where a sample leaves it open.

use super::analyze_schema::hold;
use super::tool::run_in;
use serde_json::Value;
use std::path::Path;

/// 200,000 keys of 20,000 tags of ten, and one tag of 300 keys.
fn rows() -> String {
    let keys = (0..200_000u64).map(|number| {
        let tag = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        format!("{{t{}}}:{number},100\n", tag % 20_000)
    });
    let hot = (0..300).map(|number| format!("{{hot}}:{number},100\n"));
    "key,size\n".to_owned() + &keys.chain(hot).collect::<String>()
}

/// The causes of hot slots by keys.
fn causes(report: &Value) -> Vec<&Value> {
    let slots = report["hot_slots"]["by_keys"].as_array().expect("slots");
    slots.iter().map(|slot| &slot["cause"]).collect()
}

#[test]
fn a_hot_slot_of_a_file_has_a_certain_cause() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("keys.csv"), rows()).expect("written");
    let analyze = |more: &[&str], stdin: &[u8]| {
        let args = [&["analyze", "--json", "--top", "3"], more].concat();
        run_in(folder.path(), args, stdin)
    };
    let run = analyze(&["keys.csv"], b"");
    let report = hold(&run.stdout, "twice");
    assert_eq!(report["second_pass"], "done", "{}", run.stderr);
    assert_eq!(causes(&report)[0]["name"], "hot");
    assert!(
        causes(&report).iter().all(|cause| cause["exact"] == true),
        "{report}"
    );
    for threads in ["1", "5"] {
        let same = analyze(&["keys.csv", "--threads", threads], b"");
        assert_eq!(same.stdout, run.stdout, "with {threads} threads");
    }

    let run = analyze(&["keys.csv", "--no-second-pass"], b"");
    let report = hold(&run.stdout, "once");
    assert_eq!(report["second_pass"], "not_needed");
    assert_eq!(causes(&report)[0]["exact"], false);

    let run = analyze(&["-"], rows().as_bytes());
    let report = hold(&run.stdout, "a pipe");
    assert_eq!(report["second_pass"], "impossible");
    assert_eq!(causes(&report)[0]["exact"], false);
    assert!(
        run.stderr.contains("can't be read a second time"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_chance_explains_is_read_once() {
    // No slot is hot, and no sample holds all of the keys.
    let keys: String = (0..100_000u64)
        .map(|number| {
            let id = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            format!("user:{id}:{number}\n")
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("keys.txt"), keys).expect("written");
    let run = run_in(folder.path(), ["analyze", "--json", "keys.txt"], b"");
    let report = hold(&run.stdout, "uniform");
    assert_eq!(report["second_pass"], "not_needed");
    let run = run_in(
        Path::new("."),
        ["analyze", "--json", "-"],
        b"user:1\nuser:2\n",
    );
    assert_eq!(hold(&run.stdout, "two keys")["second_pass"], "not_needed");
}
