//! `slotkit keyslot`.

use super::tool::{run, run_with, slotkit};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

#[test]
fn one_key_prints_its_slot_alone() {
    for (key, slot) in [
        ("hello", "866\n"),
        ("number", "7743\n"),
        ("foo{}{bar}", "8363\n"),
        ("foo{{bar}}zap", "4015\n"),
        ("{}x", "10595\n"),
        ("", "0\n"),
    ] {
        let run = run(["keyslot", key]);
        assert_eq!((run.text(), run.exit), (slot, 0), "{key}");
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn keys_are_bytes() {
    let key = OsStr::from_bytes(b"\xff\xfe");
    let run = run([OsStr::new("keyslot"), key, OsStr::new("a")]);
    assert!(run.stdout.ends_with(b"\t\xff\xfe\n15495\ta\n"), "{run:?}");
}

#[test]
fn several_keys_print_a_line_each() {
    let run = run(["keyslot", "{user1000}.following", "{user1000}.followers"]);
    assert_eq!(
        run.text(),
        "3443\t{user1000}.following\n3443\t{user1000}.followers\n"
    );
}

#[test]
fn stdin_gives_lines_or_nul_separated_keys() {
    let lines = run_with(["keyslot", "-"], b"hello\r\nnumber");
    assert_eq!(
        (lines.text(), lines.exit),
        ("866\thello\n7743\tnumber\n", 0)
    );
    let kept = run_with(["keyslot", "-", "--keep-cr"], b"hello\r\n");
    assert!(kept.text().ends_with("\thello\r\n") && !kept.text().starts_with("866\t"));
    for args in [&["keyslot", "-0"][..], &["keyslot", "-0", "-"]] {
        let nul = run_with(args, b"hello\0a\nb\0");
        // A key may have a newline: the lines end as the keys do.
        assert!(nul.text().starts_with("866\thello\0") && nul.text().ends_with("\ta\nb\0"));
        assert_eq!(nul.text().matches('\0').count(), 2);
    }
    let both = run_with(["keyslot", "-0", "hello", "-"], b"a");
    assert_eq!(both.text(), "866\thello\x0015495\ta\0");
    let nothing = run_with(["keyslot", "-"], b"");
    assert_eq!((nothing.text(), nothing.exit), ("", 0));
}

#[test]
fn json_is_one_document_in_the_order_given() {
    let run = run_with(["keyslot", "--json", "a", "-", "b"], b"{u}x\n\xff\n");
    let json: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!(json["schema"], 1);
    let keys = json["keys"].as_array().expect("keys");
    let slots: Vec<_> = keys
        .iter()
        .map(|key| (key["key"].as_str(), key["slot"].as_u64()))
        .collect();
    assert_eq!(slots[0], (Some("a"), Some(15495)));
    assert_eq!(slots[3], (Some("b"), Some(3300)));
    assert_eq!(keys[0]["hash_tag"], serde_json::Value::Null);
    assert_eq!(keys[1]["hash_tag"], "u");
    assert_eq!(
        (keys[2]["key"].as_str(), keys[2]["key_base64"].as_str()),
        (Some("\\xFF"), Some("/w=="))
    );
}

#[test]
fn explain_names_tag_checksum_and_owner() {
    let nodes = super::fixtures::folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("text");
    let run = run([
        "keyslot",
        "--explain",
        "--nodes",
        nodes,
        "{user1000}.x",
        "123456789",
    ]);
    for words in [
        "user1000",
        "3443",
        "0x31C3",
        "760e4d0039c5ac13d04aa4791c9e6dc28544d7c7",
        "172.17.0.4:6379",
        "the whole key counts",
    ] {
        assert!(run.text().contains(words), "{words}: {}", run.text());
    }
}

#[test]
fn a_key_is_found_for_a_slot() {
    for slot in ["0", "866", "16383"] {
        let found = run(["keyslot", "--for-slot", slot, "--prefix", "p:"]);
        let key = found.text().trim_end();
        assert!(key.starts_with("p:{") && key.ends_with('}'), "{key}");
        assert_eq!(run(["keyslot", key]).text().trim_end(), slot);
    }
}

#[test]
fn wrong_calls_are_refused() {
    for args in [
        &["keyslot"][..],
        &["keyslot", "--for-slot", "16384"],
        &["keyslot", "--for-slot", "1", "a"],
        &["keyslot", "--prefix", "p", "a"],
        &["keyslot", "--for-slot", "1", "--prefix", "{a}"],
        &["keyslot", "-0", "--keep-cr"],
        &["keyslot", "--nodes", "no/such.txt", "--explain", "a"],
    ] {
        let run = run(args);
        assert_eq!(run.exit, 2, "{args:?}");
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn help_is_there_in_both_forms() {
    for args in [
        ["keyslot", "-h"],
        ["keyslot", "--help"],
        ["analyze", "-h"],
        ["analyze", "--help"],
    ] {
        let run = run(args);
        assert_eq!(run.exit, 0, "{args:?}");
        assert!(run.text().contains("Usage: slotkit"), "{args:?}");
    }
}

#[test]
fn answers_come_while_keys_still_flow() {
    let mut child = slotkit(["keyslot", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut keys = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    for (key, line) in [("hello", "866\thello\n"), ("number", "7743\tnumber\n")] {
        writeln!(keys, "{key}").expect("it reads");
        let mut answer = String::new();
        lines.read_line(&mut answer).expect("it answers");
        assert_eq!(answer, line);
    }
    drop(keys);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_closed_pipe_is_success() {
    let mut child = slotkit(["keyslot", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut keys = child.stdin.take().expect("a pipe");
    let mut out = child.stdout.take().expect("a pipe");
    let writer = std::thread::spawn(move || {
        // Far more than any pipe holds; the reader leaves long before the end.
        while keys
            .write_all(&b"some:key:of:no:interest\n".repeat(4096))
            .is_ok()
        {}
    });
    out.read_exact(&mut [0; 100]).expect("the first lines");
    drop(out);
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer ends");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn what_hardly_is_a_list_of_keys_is_said_and_answered() {
    let error = run_with(["keyslot", "-"], b"NOAUTH Authentication required.\n");
    assert_eq!(error.exit, 0);
    assert!(
        error
            .text()
            .ends_with("\tNOAUTH Authentication required.\n")
    );
    assert!(
        error.stderr.contains("looks like an error message"),
        "{}",
        error.stderr
    );
    let quoted = run_with(["keyslot", "-"], b"\"a\"\n\"b\"\n");
    assert!(
        quoted.stderr.contains("without --no-raw"),
        "{}",
        quoted.stderr
    );
    let keys = run_with(["keyslot", "-"], b"hello\nuser:1\n");
    assert_eq!(keys.stderr, "");
}
