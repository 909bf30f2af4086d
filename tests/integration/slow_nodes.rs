//! Nodes that let us wait are asked side by side, and given up in time.

use super::servers::fake::{FakeCluster, Said};
use super::servers::runs::state;
use super::tool::{Run, ended, slotkit};
use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// How long the gate stays shut at most, should it never be opened.
const GATE_TIME: Duration = Duration::from_secs(60);

fn check(cluster: &FakeCluster, args: &[&str]) -> Run {
    let port = cluster.port(0).to_string();
    let state = state();
    let mut tool = slotkit(["check", "-h", "127.0.0.1", "-p", &port]);
    tool.args(args)
        .env("XDG_STATE_HOME", state.path())
        .stdin(Stdio::null());
    ended(tool.output().expect("the binary runs"))
}

fn kinds(run: &Run) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    let findings = document["findings"].as_array().expect("findings");
    let kind = |finding: &serde_json::Value| finding["kind"].as_str().expect("a kind").to_owned();
    findings.iter().map(kind).collect()
}

#[test]
fn no_node_waits_for_another_to_be_asked() {
    // Each answers when all have been asked, and not before.
    let gate = (
        Mutex::new((BTreeSet::new(), BTreeSet::new())),
        Condvar::new(),
    );
    let cluster = FakeCluster::start(12, move |cluster, node, words| {
        let (asked, opens) = &gate;
        if node > 0 && ["MYID", "INFO"].contains(&words.get(1).map_or("", String::as_str)) {
            let mut asked = asked.lock().expect("a lock");
            let of = |asked: &mut (BTreeSet<usize>, BTreeSet<usize>)| {
                if words[1] == "MYID" {
                    asked.0.insert(node)
                } else {
                    asked.1.insert(node)
                }
            };
            of(&mut asked);
            opens.notify_all();
            let is_shut = |asked: &mut (BTreeSet<usize>, BTreeSet<usize>)| {
                let came = if words[1] == "MYID" {
                    &asked.0
                } else {
                    &asked.1
                };
                came.len() < cluster.count() - 1
            };
            drop(opens.wait_timeout_while(asked, GATE_TIME, is_shut));
        }
        Said::AsUsual
    });
    let run = check(&cluster, &["--json"]);
    assert_eq!(kinds(&run), ["no_replica"; 12], "{}", run.stderr);
}

#[test]
fn silent_nodes_are_named_while_and_after_they_are_waited_for() {
    let cluster = FakeCluster::start(5, |_, node, words| {
        // One is silent from the beginning, one once it has said who it is.
        match (node, words.get(1).map(String::as_str)) {
            (1, _) | (2, Some("INFO")) => Said::Nothing,
            _ => Said::AsUsual,
        }
    });
    let run = check(&cluster, &["--json", "--wait", "0"]);
    let found = kinds(&run);
    let silent = found.iter().filter(|kind| *kind == "node_unreachable");
    assert_eq!(silent.count(), 2, "{found:?}");
    let waited = format!("waiting for 127.0.0.1:{}", cluster.port(1));
    assert!(run.stderr.contains(&waited), "{}", run.stderr);
    assert!(
        run.stderr.contains("4 of 5 nodes") || run.stderr.contains("3 of 4 nodes"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_member_list_of_a_thousand_dead_addresses_is_told() {
    let cluster = FakeCluster::start(1, |cluster, _, words| {
        if words.get(1).is_none_or(|word| word != "NODES") {
            return Said::AsUsual;
        }
        // Nobody listens on port 1.
        let dead = (1..=1_000).map(|node| {
            let id = FakeCluster::id(node);
            format!(
                "{id} 127.0.0.1:1@1 slave {} 0 0 1 connected",
                FakeCluster::id(0)
            )
        });
        let lines: Vec<String> = [cluster.line(0, "myself,master")]
            .into_iter()
            .chain(dead)
            .collect();
        Said::This(super::servers::fake::bulk(&lines.join("\n")))
    });
    let run = check(&cluster, &["--json"]);
    let found = kinds(&run);
    assert_eq!(
        found
            .iter()
            .filter(|kind| *kind == "node_unreachable")
            .count(),
        1_000
    );
}
