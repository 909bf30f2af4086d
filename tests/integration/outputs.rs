//! What is written goes where its name leads, and replaces nothing that isn't slotkit's own.

use super::fixtures::folder;
use super::servers::skip;
use super::tool::{Run, ended, run_in, slotkit};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

const KEYS: &str = "key,size\nuser:1,100\nuser:2,300\n";

fn words(out: &str) -> Vec<String> {
    let nodes = folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("a path");
    let words = [
        "plan-rebalance",
        "--nodes",
        nodes,
        "--by",
        "slots",
        "-o",
        out,
    ];
    words.map(str::to_owned).to_vec()
}

/// A plan that is written to this file.
fn plan(at: &Path, out: &str) -> Run {
    run_in(at, words(out), b"")
}

fn save(at: &Path, out: &str) -> Run {
    fs::write(at.join("keys.csv"), KEYS).expect("written");
    run_in(at, ["analyze", "keys.csv", "--save", out], b"")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

fn is_plan(bytes: &[u8]) -> bool {
    let document: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
    document["schema"] == 1 && document["migrations"].is_array()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("listed");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string())
        .map(|name| name.expect("UTF-8"))
        .collect();
    names.sort_unstable();
    names
}

/// A character device with the major number 1: what throws everything away (3), what is full (7).
fn make_device(path: &Path, minor: &str) -> bool {
    let made = Command::new("mknod")
        .arg(path)
        .args(["c", "1", minor])
        .status();
    made.is_ok_and(|status| status.success())
}

#[test]
fn a_device_and_a_pipe_are_written_to() {
    let temporary = tempfile::tempdir().expect("a folder");
    let at = temporary.path();
    let made = Command::new("mkfifo").arg(at.join("pipe")).status();
    assert!(made.expect("mkfifo runs").success());
    // Devices of the test's own: nothing of this machine's is at stake when it fails.
    let has_devices = make_device(&at.join("null"), "3") && make_device(&at.join("full"), "7");
    let names = if has_devices {
        &["null", "pipe"][..]
    } else {
        skip("mknod needs root: no device is written to");
        &["pipe"]
    };
    for name in names.iter().copied() {
        for write in [plan, save] {
            let path = at.join("pipe");
            let is_pipe = name == "pipe";
            let reader = is_pipe.then(|| std::thread::spawn(move || fs::read(path)));
            let run = write(at, name);
            assert!(run.exit < 2, "{name}: {}", run.stderr);
            if let Some(reader) = reader {
                let read = reader.join().expect("it ends").expect("read");
                assert!(read.starts_with(b"{") || read.starts_with(b"SLOTKIT\0"));
            }
        }
    }
    let kind = |name: &str| fs::metadata(at.join(name)).expect("there").file_type();
    assert!(kind("pipe").is_fifo());
    if !has_devices {
        return;
    }
    assert!(kind("null").is_char_device());
    let full = plan(at, "full");
    assert_eq!(full.exit, 2, "{}", full.stderr);
    assert!(full.stderr.contains("No space left"), "{}", full.stderr);
}

#[test]
fn links_are_followed_and_modes_kept() {
    let temporary = tempfile::tempdir().expect("a folder");
    let at = temporary.path();
    fs::create_dir(at.join("real")).expect("a folder");
    symlink("real/plan.json", at.join("link")).expect("a link");
    assert!(plan(at, "link").exit < 2);
    assert!(is_plan(&fs::read(at.join("real/plan.json")).expect("read")));
    fs::set_permissions(at.join("real/plan.json"), fs::Permissions::from_mode(0o640)).expect("set");
    assert!(plan(at, "link").exit < 2);
    assert_eq!(mode(&at.join("real/plan.json")), 0o640);
    let found = fs::symlink_metadata(at.join("link")).expect("there");
    assert!(found.is_symlink());
    // A tally has names of keys in it.
    assert_eq!(save(at, "a.tally").exit, 0);
    assert_eq!(mode(&at.join("a.tally")), 0o600);
    fs::set_permissions(at.join("a.tally"), fs::Permissions::from_mode(0o644)).expect("set");
    assert_eq!(save(at, "a.tally").exit, 0);
    assert_eq!(mode(&at.join("a.tally")), 0o644);
    assert_eq!(names(at), ["a.tally", "keys.csv", "link", "real"]);
}

#[test]
fn what_is_not_ours_stays() {
    let temporary = tempfile::tempdir().expect("a folder");
    let at = temporary.path();
    symlink("round", at.join("round")).expect("a link");
    fs::write(at.join("dump.csv"), KEYS).expect("written");
    symlink("dump.csv", at.join("link")).expect("a link");
    for out in ["round", "dump.csv", "link", ".", "new/", "no/such"] {
        for write in [plan, save] {
            let run = write(at, out);
            assert_eq!(run.exit, 2, "{out}: {}", run.stderr);
            assert_eq!(run.text(), "");
        }
    }
    assert_eq!(fs::read_to_string(at.join("dump.csv")).expect("read"), KEYS);
    assert_eq!(names(at), ["dump.csv", "keys.csv", "link", "round"]);
}

#[test]
fn stdout_has_the_plan_or_the_tally_and_nothing_else() {
    let temporary = tempfile::tempdir().expect("a folder");
    let at = temporary.path();
    for out in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let run = plan(at, out);
        assert!(run.exit < 2, "{out}: {}", run.stderr);
        assert!(is_plan(&run.stdout), "{out}");
        assert!(!run.stderr.contains("slotkit apply"), "{}", run.stderr);
        let run = save(at, out);
        assert_eq!(run.exit, 0, "{out}: {}", run.stderr);
        fs::write(at.join("again.tally"), &run.stdout).expect("written");
        let run = run_in(at, ["analyze", "--json", "again.tally"], b"");
        let report: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
        assert_eq!(report["totals"]["keys"], 2);
    }
    let both = run_in(
        at,
        words("-").iter().map(String::as_str).chain(["--script"]),
        b"",
    );
    assert_eq!((both.exit, both.text()), (2, ""), "{}", both.stderr);
    let both = run_in(at, ["analyze", "keys.csv", "--save", "-", "--json"], b"");
    assert_eq!((both.exit, both.text()), (2, ""), "{}", both.stderr);
}

/// A file that stdout leads to keeps what the shell's `>>` found there.
#[test]
fn what_is_open_is_written_to_at_its_end() {
    let temporary = tempfile::tempdir().expect("a folder");
    let at = temporary.path();
    fs::write(at.join("log"), "before\n").expect("written");
    let log = OpenOptions::new().append(true).open(at.join("log"));
    let mut command = slotkit(words("/dev/stdout"));
    command.current_dir(at).stdout(log.expect("open"));
    let run = ended(command.stderr(Stdio::piped()).output().expect("it runs"));
    assert!(run.exit < 2, "{}", run.stderr);
    let text = fs::read_to_string(at.join("log")).expect("read");
    assert!(is_plan(
        text.strip_prefix("before\n").expect("kept").as_bytes()
    ));
    // What is read isn't written to.
    let mut command = slotkit(words("/dev/stdin"));
    command.stdin(fs::File::open(at.join("log")).expect("open"));
    let run = ended(command.output().expect("it runs"));
    assert_eq!(run.exit, 2, "{}", run.stderr);
    assert_eq!(fs::read_to_string(at.join("log")).expect("read"), text);
}

#[test]
fn what_is_read_is_not_replaced() {
    let temporary = tempfile::tempdir().expect("a folder");
    let at = temporary.path();
    assert!(plan(at, "plan.json").exit < 2);
    let before = fs::read(at.join("plan.json")).expect("read");
    symlink("plan.json", at.join("link")).expect("a link");
    // Port 1: nobody is asked before that is seen.
    let words = ["undo", "plan.json", "-p", "1", "-o", "link"];
    let run = run_in(at, words, b"");
    assert_eq!(run.exit, 2);
    assert!(run.stderr.contains("what is read"), "{}", run.stderr);
    assert_eq!(fs::read(at.join("plan.json")).expect("read"), before);
    fs::create_dir(at.join("dumps")).expect("a folder");
    fs::write(at.join("dumps/a.csv"), KEYS).expect("written");
    let words = ["analyze", "dumps", "--save", "dumps/all.tally"];
    let run = run_in(at, words, b"");
    assert_eq!(run.exit, 0, "{}", run.stderr);
    assert!(run.stderr.contains("counts it too"), "{}", run.stderr);
}

#[test]
fn a_journal_is_a_file() {
    let temporary = tempfile::tempdir().expect("a folder");
    let at = temporary.path();
    let made = Command::new("mkfifo").arg(at.join("pipe")).status();
    assert!(made.expect("mkfifo runs").success());
    // Without a writer a pipe would be waited for without end.
    let run = run_in(at, ["undo", "pipe"], b"");
    assert_eq!(run.exit, 2, "{}", run.stderr);
    assert!(run.stderr.contains("expected a file"), "{}", run.stderr);
}
