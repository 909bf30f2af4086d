//! Valkey 8 and later tell their replicas first of a slot's state, and refuse `SETSLOT` with
//! `NOREPLICAS` where none of them answers within two seconds.

use super::servers::runs::{
    arrived, assert_well, run, signal, spawn, state, wait_for_replicas, wait_for_slots,
    with_replicas, words,
};
use super::servers::{self, load, wait};
use slotkit::cluster::local::LocalCluster;
use slotkit::cluster::parse::info_field;
use slotkit::cluster::verb::{NodeLink, Verb};
use std::time::Duration;

/// Nobody takes over while a node stands still, ms.
const NEVER: u32 = 60_000;
/// How long a server may take to refuse something.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a node has refused something so since it started.
fn refusals(cluster: &LocalCluster, node: usize) -> u64 {
    let mut link = cluster.link(node).expect("a link");
    let verb = Verb::Info("errorstats");
    let text = link.ask(&verb).expect("an answer").text(&verb);
    let text = text.expect("text");
    let count = info_field(&text, "errorstat_NOREPLICAS");
    let count = count.and_then(|count| count.strip_prefix("count="));
    count.map_or(0, |count| count.parse().expect("a number"))
}

/// Moves slots while the replica of this primary stands still, until it has refused something.
fn moves_on(of: usize) {
    let Some(server) = servers::server() else {
        return;
    };
    if !servers::is_valkey(&server) || servers::version(&server).0 < 8 {
        servers::skip("only Valkey 8 and later refuse SETSLOT for a late replica");
        return;
    }
    let Some(cluster) = servers::cluster(&with_replicas(2, NEVER)) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let expected = load::fill(seed, None, "key", 4_000, 10);
    let lives = load::fill_expiring(seed, "life", 200);
    wait_for_replicas(&cluster, 2);
    let (target, before) = (cluster.nodes()[1].addr.to_string(), arrived(&cluster, 1));
    let mut args = vec!["plan-rebalance", "--move", "0-999", "--to", &target];
    args.extend(["--apply", "--yes", "--max-keys-per-second", "100"]);
    let mut child = spawn(&cluster, state.path(), &args);
    wait_for_slots(&cluster, 1, before + 20, &mut child);
    let replica = 2 + of;
    signal(&cluster, replica, "-STOP");
    wait::until("it refuses something", PATIENCE, || {
        refusals(&cluster, of) > 0
    });
    signal(&cluster, replica, "-CONT");
    let words = words(&mut child);
    assert!(child.wait().expect("ends").success(), "{words}");
    assert_eq!(arrived(&cluster, 1), before + 1_000);
    assert_well(&cluster, state.path(), &expected, &lives);
    let again = run(&cluster, state.path(), &["resume", "--yes"]);
    assert_eq!(again.exit, 0, "nothing is left: {}", again.stderr);
}

#[test]
fn a_source_whose_replica_is_late_is_waited_for() {
    moves_on(0);
}

#[test]
fn a_target_whose_replica_is_late_is_waited_for() {
    moves_on(1);
}
