//! The same command again after a failover: who took over stands in for a plan's node.

use super::servers::runs::{
    assert_on_one_primary, run, signal, signal_child, spawn, state, wait_for_promotion,
    wait_for_replicas, wait_for_slots, with_replicas,
};
use super::servers::{self, load, wait};
use slotkit::cluster::local::LocalCluster;
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const PRIMARIES: usize = 3;
/// How often keys may be left for a person to decide about.
const RESOLVED_MAX: usize = 10;
/// From the second node to the third.
const SLOTS: &str = "6000-6399";

fn write_plan(cluster: &LocalCluster, state: &Path, path: &str) {
    let target = cluster.nodes()[2].addr.to_string();
    let args = [
        "plan-rebalance",
        "--move",
        SLOTS,
        "--to",
        &target,
        "-o",
        path,
    ];
    let made = run(cluster, state, &args);
    assert_eq!(made.exit, 1, "{}", made.stderr);
}

/// The plan's command, broken off and typed again when this node was replaced.
fn again_after_a_failover_of(node: usize) {
    let Some(cluster) = servers::cluster(&with_replicas(PRIMARIES, 2_000)) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let expected = load::fill(seed, None, "key", 3_000, 10);
    wait_for_replicas(&cluster, PRIMARIES);
    let path = state.path().join("plan.json").display().to_string();
    write_plan(&cluster, state.path(), &path);
    let apply = ["apply", &path, "--yes"];
    let slowly = [
        &apply[..],
        &["--keys-per-migrate", "1", "--max-keys-per-second", "50"],
    ]
    .concat();
    let before = servers::runs::arrived(&cluster, 2);
    let mut first = spawn(&cluster, state.path(), &slowly);
    wait_for_slots(&cluster, 2, before + 5, &mut first);
    signal_child(&first, "-KILL");
    first.wait().expect("it ends");
    // What was sent has reached the replicas.
    std::thread::sleep(Duration::from_secs(2));
    signal(&cluster, node, "-KILL");
    wait_for_promotion(&cluster, 0, PRIMARIES + node);
    let mut second = run(&cluster, state.path(), &apply);
    // What was under way when both the run and the node died has moved, and nobody can tell that
    // from a key that a client deleted: a person decides.
    for _ in 0..RESOLVED_MAX {
        if second.exit != 4 || !second.stderr.contains("slotkit resolve shows") {
            break;
        }
        let decided = ["resolve", "--keep", "target", "--yes"];
        let decided = run(&cluster, state.path(), &decided);
        assert_eq!(decided.exit, 0, "{}", decided.stderr);
        second = run(&cluster, state.path(), &apply);
    }
    assert_eq!(second.exit, 0, "{}", second.stderr);
    let words = "since the plan was made, and stands in for it";
    assert!(second.stderr.contains(words), "{}", second.stderr);
    wait::until("every slot is at the target", PATIENCE, || {
        let view = cluster.view(0).expect("a view");
        let target = match node {
            2 => cluster.nodes()[PRIMARIES + 2].id,
            _ => cluster.nodes()[2].id,
        };
        let owned = view.map().slots_of(target);
        (6000..6400).all(|slot| owned.contains(slotkit::slot::Slot::new(slot).expect("a slot")))
    });
    load::assert_all_there(seed, None, &expected);
    assert_on_one_primary(&cluster, expected.len());
}

#[test]
fn the_source_was_replaced() {
    again_after_a_failover_of(1);
}

#[test]
fn the_target_was_replaced() {
    again_after_a_failover_of(2);
}
