//! A node runs a client's script and refuses everything else meanwhile: that passes, and the run
//! goes on when it has.

use super::servers::runs::{
    arrived, assert_on_one_primary, client, slots, spawn, state, three_and_one, wait_for_slots,
    words,
};
use super::servers::{self, load};
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{NodeLink, Reply};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

/// How long the script runs, longer than the looks at a slot that is in doubt are apart.
const BUSY: Duration = Duration::from_secs(3);
/// A node is busy when a script runs for longer.
const LIMIT: &str = "lua-time-limit 50";

/// Starts a script without end at a node, and ends it after a while.
fn run_script(cluster: &LocalCluster, node: usize) -> JoinHandle<()> {
    let mut runs = cluster.link(node).expect("a link");
    let mut kills = cluster.link(node).expect("a link");
    let script = std::thread::spawn(move || {
        let endless = client(&[b"EVAL", b"while true do end", b"0"]);
        let ended = runs.ask(&endless).expect("an answer");
        assert!(matches!(ended, Reply::Refused(_)), "{ended:?}");
    });
    std::thread::spawn(move || {
        sleep(BUSY);
        let killed = kills.ask(&client(&[b"SCRIPT", b"KILL"]));
        assert_eq!(killed.expect("an answer"), Reply::Text(b"OK".to_vec()));
        script.join().expect("it ends");
    })
}

/// Slots go from the first node to the fourth, and this one runs a script meanwhile.
fn a_script_at(node: usize) {
    let shape = Shape {
        config: vec![LIMIT.to_owned()],
        ..three_and_one()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let state = state();
    let expected = load::fill(cluster.seed(), None, "key", 2_000, 10);
    let target = cluster.nodes()[3].addr.to_string();
    let args = [
        "plan-rebalance",
        "--move",
        "0-999",
        "--to",
        &target,
        "--apply",
        "--yes",
        "--keys-per-migrate",
        "1",
        "--max-keys-per-second",
        "100",
    ];
    let mut child = spawn(&cluster, state.path(), &args);
    wait_for_slots(&cluster, 3, 10, &mut child);
    let script = run_script(&cluster, node);
    let said = words(&mut child);
    script.join().expect("the script ends");
    assert_eq!(child.wait().expect("ends").code(), Some(0), "{said}");
    assert_eq!(arrived(&cluster, 3), 1_000);
    slots(&cluster);
    load::assert_all_there(cluster.seed(), None, &expected);
    assert_on_one_primary(&cluster, expected.len());
}

#[test]
fn a_busy_source_is_waited_for() {
    a_script_at(0);
}

#[test]
fn a_busy_target_is_waited_for() {
    a_script_at(3);
}

#[test]
fn a_busy_bystander_is_waited_for() {
    a_script_at(1);
}
