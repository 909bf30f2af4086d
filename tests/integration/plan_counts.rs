//! By slots, the counts are those of `redis-cli --cluster rebalance` on the same cluster.

use super::servers;
use super::tool::{self, slotkit};
use slotkit::cluster::local::{LocalCluster, Shape};
use std::collections::BTreeMap;
use std::process::Command;

/// Slots a node, by port.
type Counts = BTreeMap<u16, i64>;

#[test]
fn counts_by_slots_are_those_of_redis_cli() {
    let shape = Shape {
        primaries: 3,
        empty: 1,
        ..Shape::default()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    if Command::new("redis-cli").arg("--version").output().is_err() {
        eprintln!("skipped: no redis-cli on PATH");
        return;
    }
    for (weights, threshold, with_empty) in [
        (&[][..], "2", false),
        (&[], "2", true),
        (&["2", "1", "1"], "2", false),
        (&["0", "1", "1"], "2", false),
        (&["1.5", "1", "0.5"], "2", false),
        (&["1.5", "1", "0.5", "3"], "2", true),
        (&["0", "1", "0", "1"], "2", true),
        (&["1.01", "1", "1"], "2", false),
        (&["1.2", "1", "1"], "20", false),
        (&["1.2", "1", "1"], "5", false),
        (&["7", "3", "1", "0.3"], "2", true),
    ] {
        let theirs = counts_of_redis_cli(&cluster, weights, threshold, with_empty);
        let ours = counts_of_slotkit(&cluster, weights, threshold, with_empty);
        let name = format!("{weights:?}, {threshold} %, {with_empty}");
        assert_eq!(ours.values().sum::<i64>(), 16384, "{name}");
        for (port, count) in &theirs {
            // Who takes the slots that the floors leave over is their order, and up to
            // one a node; theirs now and then leaves some on a node that gives.
            let difference = (ours[port] - count).abs();
            assert!(difference <= 1, "{name}: {ours:?}, redis-cli {theirs:?}");
        }
        // A node of weight 0 ends empty, whatever redis-cli leaves there.
        for (index, _) in weights
            .iter()
            .enumerate()
            .filter(|(_, weight)| **weight == "0")
        {
            assert_eq!(ours[&cluster.nodes()[index].addr.port], 0, "{name}");
        }
    }
}

fn before(cluster: &LocalCluster) -> Counts {
    let view = cluster.view(0).expect("a view");
    let nodes = cluster.nodes().iter();
    nodes
        .map(|node| (node.addr.port, view.map().slots_of(node.id).len() as i64))
        .collect()
}

/// What the moves that it says it would make come to.
fn counts_of_redis_cli(
    cluster: &LocalCluster,
    weights: &[&str],
    threshold: &str,
    with_empty: bool,
) -> Counts {
    let mut command = Command::new("redis-cli");
    command.args(["--cluster", "rebalance", &cluster.seed().to_string()]);
    command.args(["--cluster-simulate", "--cluster-threshold", threshold]);
    if with_empty {
        command.arg("--cluster-use-empty-masters");
    }
    if !weights.is_empty() {
        command.arg("--cluster-weight");
        for (node, weight) in cluster.nodes().iter().zip(weights) {
            command.arg(format!("{}={weight}", node.id));
        }
    }
    let output = command.output().expect("redis-cli runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut counts = before(cluster);
    // Marks of the moves may stand before the words on the same line.
    for told in text.split("Moving ").skip(1) {
        let line = told.lines().next().expect("a line");
        let (count, pair) = line.split_once(" slots from ").expect("a move");
        let (from, to) = pair.split_once(" to ").expect("two nodes");
        let port = |addr: &str| -> u16 {
            let (_, port) = addr.trim().rsplit_once(':').expect("a port");
            port.parse().expect("a port")
        };
        let count: i64 = count.parse().expect("a count");
        *counts.get_mut(&port(from)).expect("a node") -= count;
        *counts.get_mut(&port(to)).expect("a node") += count;
    }
    counts
}

fn counts_of_slotkit(
    cluster: &LocalCluster,
    weights: &[&str],
    threshold: &str,
    with_empty: bool,
) -> Counts {
    let port = cluster.seed().port.to_string();
    let mut command = slotkit(["plan-rebalance", "-h", "127.0.0.1", "-p", &port]);
    command.args(["--by", "slots", "--json", "--threshold", threshold]);
    if with_empty {
        command.arg("--use-empty-primaries");
    }
    for (node, weight) in cluster.nodes().iter().zip(weights) {
        command.args(["--weight", &format!("{}={weight}", node.id)]);
    }
    let run = tool::ended(command.output().expect("the binary runs"));
    let document: serde_json::Value = serde_json::from_slice(&run.stdout).expect(&run.stderr);
    let nodes = document["after"].as_array().expect("nodes");
    let of = |addr: &str| {
        let node = nodes.iter().find(|node| node["addr"] == addr);
        node.and_then(|node| node["slots"].as_i64())
            .expect("a count")
    };
    let all = cluster.nodes().iter();
    all.map(|node| (node.addr.port, of(&node.addr.to_string())))
        .collect()
}
