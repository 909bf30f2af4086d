//! A node that receives slots dies, and its replica takes over before it has heard of the last of
//! them: they are given to it while the run waits, since nothing else lets the cluster serve again.

use super::servers::runs::{
    arrived, run, signal, spawn, state, wait_for_replicas, wait_for_slots, wait_until_it_has_all,
    with_replicas, words,
};
use super::servers::{self, load};
use slotkit::cluster::local::LocalCluster;
use slotkit::slot::SlotSet;
use std::path::Path;

/// Their replicas come after them, in the same order.
const PRIMARIES: usize = 3;
/// The node that receives.
const TARGET: usize = 2;

/// The slots of a dead node that a node believes to be its own.
fn left_with_the_dead(cluster: &LocalCluster, observer: usize) -> SlotSet {
    let view = cluster.view(observer).expect("a view");
    view.map().slots_of(cluster.nodes()[TARGET].id)
}

/// Where the last slots went that the dead one was given: whether some had to be given to its
/// promoted replica while the run waited.
fn dies(server: &Path) -> bool {
    let cluster = LocalCluster::start(server, &with_replicas(PRIMARIES, 2_000)).expect("a cluster");
    let (seed, state) = (cluster.seed(), state());
    let expected = load::fill(seed, None, "key", 2_000, 10);
    wait_for_replicas(&cluster, PRIMARIES);
    let name = cluster.nodes()[TARGET].addr.to_string();
    let args = [
        "plan-rebalance",
        "--move",
        "0-2999",
        "--to",
        &name,
        "--apply",
        "--yes",
    ];
    let before = arrived(&cluster, TARGET);
    let mut child = spawn(&cluster, state.path(), &args);
    wait_for_slots(&cluster, TARGET, before + 300, &mut child);
    signal(&cluster, TARGET, "-STOP");
    wait_until_it_has_all(&cluster, PRIMARIES + TARGET);
    signal(&cluster, TARGET, "-KILL");
    let stderr = words(&mut child);
    let exit = child.wait().expect("ends").code();
    assert!(matches!(exit, Some(0 | 4)), "{exit:?}: {stderr}");
    if exit == Some(4) {
        let again = run(&cluster, state.path(), &["resume", "--yes"]);
        assert_eq!(again.exit, 0, "{}\n{stderr}", again.stderr);
    }
    for observer in [0, 1, PRIMARIES + TARGET] {
        assert!(
            left_with_the_dead(&cluster, observer).is_empty(),
            "{stderr}"
        );
    }
    load::assert_all_there(seed, None, &expected);
    let told = "had just gone to a node that died";
    stderr.contains(told) && stderr.contains("took over from it")
}

/// How often it is tried to catch a node between what it was given and its telling of it.
const ATTEMPTS: usize = 5;

#[test]
fn what_a_target_was_given_last_is_its_promoted_replicas() {
    let Some(server) = servers::server() else {
        return;
    };
    dies(&server);
}

/// Before 6.2 servers tell of a slot that they were given with their next ping: some hundred
/// milliseconds of slots are unknown to whoever takes over, unless the ping has just gone.
#[test]
fn of_an_old_server_some_are_left() {
    for name in ["redis-3.2", "redis-5.0"] {
        let Some(server) = servers::compiled(name) else {
            continue;
        };
        let is_caught = (0..ATTEMPTS).any(|_| dies(&server));
        assert!(is_caught, "{name}: nothing was given while the run waited");
    }
}
