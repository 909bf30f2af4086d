//! What can't be used, or mustn't be touched: one line with place and fix, the documented exit
//! code, and nothing changed.

use super::fixtures::folder;
use super::servers::runs::EVEN_OUT;
use super::servers::{self, single::Single};
use super::tool::{self, Run, slotkit};
use slotkit::cluster::local::Shape;
use slotkit::cluster::login::Secret;
use slotkit::cluster::verb::{NodeLink, Verb};
use std::process::Stdio;

/// Runs a command against a port of this machine.
fn run(port: u16, password: Option<&str>, args: &[&str]) -> Run {
    let state = tempfile::tempdir().expect("a folder");
    let (command, rest) = args.split_first().expect("a command");
    let mut tool = slotkit([*command, "-h", "127.0.0.1", "-p", &port.to_string()]);
    tool.args(rest)
        .env("XDG_STATE_HOME", state.path())
        .stdin(Stdio::null());
    if let Some(password) = password {
        tool.env("REDISCLI_AUTH", password);
    }
    tool::ended(tool.output().expect("the binary runs"))
}

/// Every command that needs a cluster refuses in the same way.
fn assert_all_refuse(port: u16, password: Option<&str>, exit: i32, words: &str) {
    for args in [
        &["plan-rebalance", "--by", "slots", "--use-empty-primaries"][..],
        &EVEN_OUT,
    ] {
        assert_refuses(&run(port, password, args), exit, words);
    }
}

fn assert_refuses(run: &Run, exit: i32, words: &str) {
    assert_eq!(run.exit, exit, "{}", run.stderr);
    assert!(
        run.stderr.contains(words),
        "expected `{words}`: {}",
        run.stderr
    );
    let last = run.stderr.lines().last().expect("a line");
    assert!(
        last.starts_with("slotkit: ") && last.contains("; "),
        "no fix: {last}"
    );
    assert_eq!(run.stdout, b"", "nothing on stdout");
}

#[test]
fn a_wrong_password_and_none() {
    let shape = Shape {
        primaries: 1,
        password: Some(Secret::new("hunter2")),
        ..Shape::default()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let port = cluster.seed().port;
    assert_all_refuse(port, None, 2, "NOAUTH");
    assert_all_refuse(port, Some("hunter3"), 2, "refuses the login");
    let shown = run(port, Some("hunter3"), &["check"]);
    assert!(!shown.stderr.contains("hunter"), "{}", shown.stderr);
    let port = port.to_string();
    let uri = format!("redis://:hunter3@127.0.0.1:{port}");
    let shown = tool::run(["check", "-u", uri.as_str()]);
    assert_eq!(shown.exit, 2);
    assert!(!shown.stderr.contains("hunter"), "{}", shown.stderr);
}

#[test]
fn nobody_there() {
    assert_all_refuse(1, None, 2, "can't connect to 127.0.0.1:1");
}

#[test]
fn not_a_cluster() {
    let Some(server) = servers::server() else {
        return;
    };
    let single = Single::start(&server, None, &[]);
    assert_all_refuse(single.port, None, 2, "isn't a node of a cluster");
}

#[test]
fn a_slot_without_owner_and_a_cluster_that_is_down() {
    let Some(cluster) = servers::cluster(&Shape {
        primaries: 2,
        empty: 1,
        ..Shape::default()
    }) else {
        return;
    };
    let port = cluster.seed().port;
    for node in 0..3 {
        let words = [&b"CLUSTER"[..], b"DELSLOTS", b"5"].map(<[u8]>::to_vec);
        let verb = Verb::Client(words.to_vec());
        cluster
            .link(node)
            .expect("a link")
            .ask(&verb)
            .expect("an answer");
    }
    assert_all_refuse(port, None, 3, "know no owner for 1 of the slots: 5");
    assert_all_refuse(port, None, 3, "says cluster_state:fail");
    let check = run(port, None, &["check", "--json"]);
    assert_eq!(check.exit, 1, "{}", check.stderr);
    let document: serde_json::Value = serde_json::from_slice(&check.stdout).expect("JSON");
    let kinds: Vec<&str> = document["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|finding| finding["kind"].as_str().expect("a kind"))
        .collect();
    assert!(
        kinds.contains(&"slots_uncovered") && kinds.contains(&"cluster_down"),
        "{kinds:?}"
    );
}

#[test]
fn a_node_that_died() {
    let Some(mut cluster) = servers::cluster(&Shape {
        primaries: 3,
        ..Shape::default()
    }) else {
        return;
    };
    cluster.stop_node(2);
    let port = cluster.seed().port;
    assert_all_refuse(port, None, 3, "can't be reached");
}

#[test]
fn saved_nodes_that_show_an_unsafe_state() {
    for (name, words) in [
        (
            "primary-failed.txt",
            "takes node 172.17.0.3:6379 for failed",
        ),
        ("open-slots.txt", "is open on"),
    ] {
        let file = folder("cluster-nodes").join(name);
        let run = tool::run(["plan-rebalance", "--nodes", file.to_str().expect("a path")]);
        assert_refuses(&run, 3, words);
    }
}

#[test]
fn files_that_are_no_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plan.json");
    let path = file.to_str().expect("a path");
    let missing = run(1, None, &["apply", path, "--yes"]);
    assert_eq!(missing.exit, 2, "{}", missing.stderr);
    assert!(
        missing.stderr.contains("plan.json: there is no such file"),
        "{}",
        missing.stderr
    );
    for text in [&b""[..], b"{}", b"\x00\xff", b"{\"schema\": 99}"] {
        std::fs::write(&file, text).expect("writes");
        let run = run(1, None, &["apply", path, "--yes"]);
        assert_eq!(run.exit, 2, "{}", run.stderr);
        assert!(run.stderr.contains("plan.json"), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
}

#[test]
fn words_that_fit_nothing() {
    let nodes = folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("a path");
    for (args, words) in [
        (&["plan-rebalance"][..], "which cluster?"),
        (
            &["plan-rebalance", "--nodes", nodes, "--drain", "nobody"],
            "no primary is called",
        ),
        (
            &["plan-rebalance", "--nodes", nodes, "--by", "bytes"],
            "doesn't say the bytes",
        ),
        (
            &["plan-rebalance", "--nodes", nodes, "--by", "weather"],
            "weather",
        ),
        (
            &["plan-rebalance", "--nodes", nodes, "--apply"],
            "cannot be used with",
        ),
        (
            &["plan-rebalance", "--nodes", "no-such-file"],
            "there is no such file",
        ),
    ] {
        let run = tool::run(args);
        assert_eq!(run.exit, 2, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{args:?}: {}", run.stderr);
    }
}
