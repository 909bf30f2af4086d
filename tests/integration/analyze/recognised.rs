//! What is a list of keys, a log or neither; and what of a folder counts.

use super::{HEADER, json, refused, says, with_file};
use crate::fixtures::folder;
use crate::tool::{run, run_in};
use std::fs;

#[test]
fn texts_beside_dumps_are_refused_by_name() {
    for (name, found) in [
        ("info.txt", "the answer of INFO"),
        ("bigkeys.txt", "--bigkeys"),
        ("noauth.txt", "an error message"),
    ] {
        let text = fs::read(folder("texts").join(name)).expect("the fixture");
        says(&refused(text, &[]), &[found, "--format list"]);
    }
    // Whoever says that it is a list gets one.
    let info = with_file("info.txt", "role:master\nused_memory:1\n");
    let said = run_in(
        info.path(),
        ["analyze", "--json", "--format", "list", "info.txt"],
        b"",
    );
    assert_eq!(json(&said)["totals"]["keys"], 2);
}

#[test]
fn reports_of_slotkit_are_no_input() {
    let dump = folder("memory-csv").join("tagged.csv");
    let dump = dump.to_str().expect("text");
    for args in [&["--json"][..], &["--csv"], &["--output", "html"], &[]] {
        let report = run([&["analyze", dump][..], args].concat());
        assert_eq!(report.exit, 0, "{}", report.stderr);
        says(&refused(&report.stdout, &[]), &["--format list"]);
    }
    let slots = crate::tool::run_with(["keyslot", "-"], b"hello\nuser:1\n");
    says(
        &refused(&slots.stdout, &[]),
        &["what slotkit keyslot prints", "cut -f2-"],
    );
}

#[test]
fn of_a_folder_what_is_recognised_counts() {
    let files = with_file("a.csv", format!("{HEADER}0,string,a,10,string,1,1,\n"));
    for (name, text) in [
        ("keys.txt", "user:1\nuser:2\n"),
        ("README.md", "# Dumps\n\nThese are the dumps of a server.\n"),
        ("redis.conf", "maxmemory 2gb\nappendonly no\n"),
        ("redis.pid", "12345\n"),
        (
            "redis.log",
            "12:M 23 Nov 2026 21:52:29.519 * Ready to accept connections\n",
        ),
        ("page.html", "<!DOCTYPE html>\n<html></html>\n"),
        ("out.tally.99.partial", "SLOTKIT\0TALLY\r\n\0half"),
    ] {
        fs::write(files.path().join(name), text).expect("a file");
    }
    let run = run_in(files.path(), ["analyze", "--json", "."], b"");
    assert_eq!(json(&run)["totals"]["keys"], 3, "{}", run.stderr);
    says(
        &run.stderr,
        &[
            "5 files aren't read",
            "README.md (Markdown)",
            "and 2 more",
            "never finished",
        ],
    );
    assert_eq!(run.stderr.matches("aren't read").count(), 1);
    for name in ["a.csv", "keys.txt"] {
        fs::remove_file(files.path().join(name)).expect("removed");
    }
    let none = run_in(files.path(), ["analyze", "."], b"");
    assert_eq!(none.exit, 2);
    says(
        &none.stderr,
        &["expected a file with keys", "4 more like it"],
    );
    // A file whose name says that it is a dump isn't passed over.
    fs::write(files.path().join("dump.rdb"), "user:1\n").expect("a file");
    let damaged = run_in(files.path(), ["analyze", "."], b"");
    assert_eq!(damaged.exit, 2);
    says(
        &damaged.stderr,
        &["dump.rdb", "expected an RDB file, as its name says"],
    );
}

#[test]
fn many_files_and_tallies_are_said_in_a_line() {
    let files = tempfile::tempdir().expect("a folder");
    let keys = files.path().join("keys");
    let tallies = files.path().join("tallies");
    for folder in [&keys, &tallies] {
        fs::create_dir(folder).expect("a folder");
    }
    for number in 0..300 {
        fs::write(
            keys.join(format!("{number}.txt")),
            format!("user:{number}\n"),
        )
        .expect("a file");
        fs::create_dir(keys.join(format!("{number}.d"))).expect("a folder");
        fs::write(keys.join(format!("{number}.empty")), "").expect("a file");
    }
    let many = run_in(
        files.path(),
        ["analyze", "--json", "keys", "--save", "one.tally"],
        b"",
    );
    assert_eq!(json(&many)["totals"]["keys"], 300);
    says(
        &many.stderr,
        &[
            "300 inputs read as list, 300 keys",
            "and 297 more: not read, they are empty",
        ],
    );
    assert!(many.stderr.lines().count() < 10, "{}", many.stderr);
    for number in 0..50 {
        fs::copy(
            files.path().join("one.tally"),
            tallies.join(format!("{number}.tally")),
        )
        .expect("copied");
    }
    let merged = run_in(files.path(), ["analyze", "--json", "tallies"], b"");
    assert_eq!(json(&merged)["totals"]["keys"], 15_000);
    says(
        &merged.stderr,
        &["15,000 inputs read as list, 15,000 keys, in 50 saved tallies"],
    );
    assert!(merged.stderr.lines().count() < 6, "{}", merged.stderr);
}

#[test]
fn what_a_killed_save_leaves_never_counts() {
    let files = with_file("keys.txt", "user:1\n");
    let saved = run_in(
        files.path(),
        ["analyze", "keys.txt", "--save", "a.tally"],
        b"",
    );
    assert_eq!(saved.exit, 0, "{}", saved.stderr);
    let here = |name: &str| files.path().join(name);
    for left in ["a.tally.4711.partial", ".a.tally.4711.partial"] {
        fs::copy(here("a.tally"), here(left)).expect("copied");
    }
    fs::remove_file(here("keys.txt")).expect("removed");
    let run = run_in(files.path(), ["analyze", "--json", "."], b"");
    assert_eq!(json(&run)["totals"]["keys"], 1, "{}", run.stderr);
    let named = run_in(
        files.path(),
        ["analyze", "a.tally", "a.tally.4711.partial"],
        b"",
    );
    assert_eq!(named.exit, 2);
    says(&named.stderr, &["a.tally.4711.partial", "never finished"]);
}

#[test]
fn of_an_append_only_file_the_base_is_read() {
    let parts = folder("append-only");
    let text = |path: &std::path::Path| path.to_str().expect("text").to_owned();
    let manifest = text(&parts.join("appendonly.aof.manifest"));
    let base = run([
        "analyze",
        "--json",
        &text(&parts.join("appendonly.aof.1.base.rdb")),
    ]);
    says(
        &base.stderr,
        &["the base of an append-only file", "isn't counted"],
    );
    let keys = json(&base)["totals"]["keys"].clone();
    for input in [text(&parts), manifest] {
        let found = run(["analyze", "--json", &input]);
        assert_eq!(json(&found)["totals"]["keys"], keys, "{}", found.stderr);
        says(
            &found.stderr,
            &["its base is read; nothing stands in its increments"],
        );
    }
    // The folder above, with an increment that has something.
    let data = tempfile::tempdir().expect("a folder");
    let inner = data.path().join("appendonlydir");
    fs::create_dir(&inner).expect("a folder");
    for entry in fs::read_dir(&parts).expect("the fixture") {
        let file = entry.expect("an entry").path();
        fs::copy(&file, inner.join(file.file_name().expect("a name"))).expect("copied");
    }
    let increment = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
    fs::write(inner.join("appendonly.aof.1.incr.aof"), increment).expect("written");
    let above = run_in(data.path(), ["analyze", "--json", "."], b"");
    assert_eq!(json(&above)["totals"]["keys"], keys, "{}", above.stderr);
    says(
        &above.stderr,
        &[
            "what was written since isn't counted",
            "appendonly.aof.1.incr.aof, 23 B",
        ],
    );
    // Beside a snapshot of the same server it would count twice.
    fs::copy(
        folder("rdb").join("redis-7.0.rdb"),
        data.path().join("dump.rdb"),
    )
    .expect("copied");
    let both = run_in(data.path(), ["analyze", "--json", "."], b"");
    let alone = run_in(data.path(), ["analyze", "--json", "dump.rdb"], b"");
    assert_eq!(json(&both)["totals"], json(&alone)["totals"]);
    says(&both.stderr, &["appendonlydir: not read", "twice"]);
    let without = "file appendonly.aof.1.incr.aof seq 1 type i\n";
    fs::write(inner.join("appendonly.aof.manifest"), without).expect("written");
    let none = run_in(data.path(), ["analyze", "appendonlydir"], b"");
    assert_eq!(none.exit, 2);
    says(&none.stderr, &["expected a base", "BGREWRITEAOF"]);
    let commands = run_in(&inner, ["analyze", "appendonly.aof.1.incr.aof"], b"");
    assert_eq!(commands.exit, 2);
    says(&commands.stderr, &["the commands of an append-only file"]);
}

#[test]
fn arrays_of_json_are_read_in_parts() {
    let keys: Vec<String> = (0..60_000)
        .map(|number| format!("user:{number}:\"é\u{1F600}"))
        .collect();
    let folder = with_file(
        "keys.txt",
        keys.iter()
            .map(|key| format!("{key}\n"))
            .collect::<String>(),
    );
    let pretty = serde_json::to_string_pretty(&keys).expect("JSON");
    fs::write(folder.path().join("keys.json"), &pretty).expect("written");
    let list = run_in(folder.path(), ["analyze", "--json", "keys.txt"], b"");
    let array = run_in(folder.path(), ["analyze", "--json", "keys.json"], b"");
    says(&array.stderr, &["read as json, 60,000 keys"]);
    assert_eq!(json(&list)["slots"], json(&array)["slots"]);
    let nested = refused("[\"0\",[\"a\",\"b\"]]", &[]);
    says(
        &nested,
        &[
            "byte 5",
            "expected a string as an element of the JSON array",
        ],
    );
}

#[test]
fn a_frame_that_is_cut_off_is_no_list() {
    let cut = b"\x50\x2a\x4d\x18\xff\xff\0\0half of it";
    says(&refused(cut, &[]), &["a frame to be skipped", "cut off"]);
    let long = [&b"\x50\x2a\x4d\x18\x40\x0d\x03\0"[..], &vec![b'x'; 200_000]].concat();
    let packed = [
        long,
        zstd::encode_all(&b"user:1\n"[..], 1).expect("it packs"),
    ]
    .concat();
    let folder = with_file("keys.zst", packed);
    let run = run_in(folder.path(), ["analyze", "--json", "keys.zst"], b"");
    assert_eq!(json(&run)["totals"]["keys"], 1);
}
