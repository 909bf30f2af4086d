//! `slotkit demo`: the first thing that a newcomer runs.

use super::servers;
use super::tool::{self, slotkit};
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

#[test]
fn it_shows_the_whole_way_and_leaves_nothing_behind() {
    let Some(server) = servers::server() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let output = slotkit(["demo", "--keys", "6000", "--server"])
        .arg(server)
        .env("TMPDIR", folder.path())
        .output()
        .expect("the binary runs");
    let run = tool::ended(output);
    assert_eq!(run.exit, 0, "{}", run.stderr);
    for command in ["analyze", "plan-rebalance", "apply"] {
        assert!(
            run.text().contains(&format!("\n$ slotkit {command} ")),
            "{}",
            run.text()
        );
    }
    assert!(
        run.text().contains("one hash tag, `tenant:"),
        "{}",
        run.text()
    );
    assert!(
        run.stderr.contains("is true of every one"),
        "{}",
        run.stderr
    );
    assert_left_nothing(folder.path());
}

#[test]
fn ctrl_c_stops_its_servers() {
    let Some(server) = servers::server() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = slotkit(["demo", "--keys", "2000000", "--server"])
        .arg(server)
        .env("TMPDIR", folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stderr = child.stderr.take().expect("a pipe");
    let mut said = String::new();
    let mut byte = [0];
    while !said.contains("loading") && stderr.read(&mut byte).expect("words") == 1 {
        said.push(char::from(byte[0]));
    }
    tool::interrupt(&child);
    stderr.read_to_string(&mut said).expect("words");
    assert_eq!(child.wait().expect("ends").code(), Some(4), "{said}");
    assert!(said.contains("stopping the servers"), "{said}");
    assert_left_nothing(folder.path());
}

#[test]
fn without_a_server_it_says_how_to_get_one() {
    let output = slotkit(["demo"])
        .env("PATH", "")
        .output()
        .expect("the binary runs");
    let run = tool::ended(output);
    assert_eq!(run.exit, 2);
    assert!(
        run.stderr.contains("apt-get install redis-server"),
        "{}",
        run.stderr
    );
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

/// The servers' folders and the dumps are gone; a server that still ran would hold its own.
fn assert_left_nothing(folder: &Path) {
    let left: Vec<_> = std::fs::read_dir(folder).expect("the folder").collect();
    assert!(left.is_empty(), "{left:?}");
}
