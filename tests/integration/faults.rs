//! Nodes stand still while slots move, and replicas take over: nothing that was there before is
//! lost, and what was begun is finished.

use super::servers::runs::{arrived, run, spawn, state, wait_for_slots};
use super::servers::{self, load};
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{NodeLink, Verb};
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a replica may take to take over, and a run to go on after that.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a run that stopped part-way is run again.
const RUNS_MAX: u32 = 6;

fn signal(cluster: &LocalCluster, node: usize, name: &str) {
    let pid = cluster.nodes()[node].pid().to_string();
    let status = Command::new("kill")
        .args([name, &pid])
        .status()
        .expect("kill runs");
    assert!(status.success());
}

/// Waits until every replica has its primary's data: before that none can take over, and a first
/// synchronisation begins after five seconds only (`repl-diskless-sync-delay`).
fn wait_for_replicas(cluster: &LocalCluster, primaries: usize) {
    let start = Instant::now();
    let is_synced = |node: usize| {
        let mut link = cluster.link(node).expect("a link");
        let verb = Verb::Info("replication");
        let info = link
            .ask(&verb)
            .expect("an answer")
            .text(&verb)
            .expect("text");
        info.contains("master_link_status:up")
    };
    while !(primaries..cluster.nodes().len()).all(is_synced) {
        assert!(start.elapsed() < PATIENCE, "the replicas have the data");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until a replica serves the slots of a node, as the others see it.
fn wait_for_heir(cluster: &LocalCluster, observer: usize, node: usize) {
    let id = cluster.nodes()[node].id;
    let start = Instant::now();
    loop {
        let view = cluster.view(observer).expect("a view");
        if view.node(id).is_none_or(|node| node.slots.is_empty()) {
            return;
        }
        let is_late = start.elapsed() >= PATIENCE;
        assert!(!is_late, "a replica takes over: {:?}", view.node(id));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs until it is done; each stop must say that it can be gone on with.
fn run_to_the_end(cluster: &LocalCluster, state: &Path, args: &[&str]) {
    let mut last = String::new();
    for _ in 0..RUNS_MAX {
        let again = run(cluster, state, args);
        if again.exit == 0 {
            return;
        }
        assert!(matches!(again.exit, 3 | 4), "{}", again.stderr);
        last = again.stderr;
        std::thread::sleep(Duration::from_secs(2));
    }
    panic!("{RUNS_MAX} runs weren't enough: {last}");
}

/// A node stands still until a replica has taken over, while slots move.
fn a_node_stands_still(victim: usize) {
    let shape = Shape {
        primaries: 3,
        replicas: 1,
        config: vec!["cluster-node-timeout 2000".to_owned()],
        ..Shape::default()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let expected = load::fill(seed, None, "key", 3_000, 10);
    // From the second node to the third; the first one stands by, and is the one that is asked.
    let target = cluster.nodes()[2].addr.to_string();
    let args = [
        "plan-rebalance",
        "--move",
        "6000-7999",
        "--to",
        &target,
        "--apply",
        "--yes",
        "--keys-per-migrate",
        "1",
    ];
    wait_for_replicas(&cluster, shape.primaries);
    let before = arrived(&cluster, 2);
    let mut child = spawn(&cluster, state.path(), &args);
    wait_for_slots(&cluster, 2, before + 100, &mut child);
    signal(&cluster, victim, "-STOP");
    wait_for_heir(&cluster, 0, victim);
    signal(&cluster, victim, "-CONT");
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().expect("a pipe");
    pipe.read_to_string(&mut stderr).expect("text");
    let exit = child.wait().expect("ends").code();
    assert!(matches!(exit, Some(0 | 4)), "{exit:?}: {stderr}");
    let left = cluster.view(0).expect("a view").open_slots().count();
    if exit == Some(0) {
        assert_eq!(left, 0, "{stderr}");
    } else {
        // The plan named the old nodes: what was begun is finished by whoever took over.
        run_to_the_end(&cluster, state.path(), &["resume", "--yes"]);
    }
    load::assert_all_there(seed, None, &expected);
    assert_nothing_else_found(&cluster, state.path(), victim);
}

/// `check` finds nothing. But a node that is given slots when it wakes stays a primary beside the
/// one that took over (Valkey 9.1, where each `SETSLOT` waits for a replica, so that many lie
/// in the node's buffers while it stands still): then neither has a replica any more.
fn assert_nothing_else_found(cluster: &LocalCluster, state: &Path, victim: usize) {
    let check = run(cluster, state, &["check", "--json"]);
    let found: serde_json::Value = serde_json::from_str(check.text()).expect("JSON");
    let kinds: Vec<&str> = found["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|finding| finding["kind"].as_str())
        .collect();
    let id = cluster.nodes()[victim].id;
    let view = cluster.view(0).expect("a view");
    let expected = match view.node(id).expect("the node").is_primary() {
        true => vec!["no_replica"; 2],
        false => vec![],
    };
    assert_eq!(kinds, expected, "{}{}", check.text(), check.stderr);
}

#[test]
fn the_target_stands_still() {
    a_node_stands_still(2);
}
