//! `slotkit undo`: the way back of what was carried out in part.

use super::servers::runs::{
    arrived, assert_well, run, signal_child, slots, spawn, state, wait_for_replicas, wait_for_slots,
};
use super::servers::{self, load};
use serde_json::Value;
use slotkit::cluster::local::Shape;

/// The moves of a plan that a run printed.
fn migrations(run: &super::tool::Run) -> Vec<Value> {
    let plan: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    plan["migrations"].as_array().expect("a list").clone()
}

#[test]
fn what_was_carried_out_in_part_is_brought_back() {
    let shape = Shape {
        primaries: 2,
        replicas: 1,
        ..Shape::default()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let expected = load::fill(seed, None, "key", 4_000, 10);
    let lives = load::fill_expiring(seed, "life", 300);
    wait_for_replicas(&cluster, 2);
    let [plan, back, journal] =
        ["plan.json", "back.json", "run.journal"].map(|name| state.path().join(name));
    let [plan, back, journal] = [&plan, &back, &journal].map(|path| path.to_str().expect("text"));
    let target = cluster.nodes()[1].addr.to_string();
    let before = slots(&cluster);
    let planned = run(
        &cluster,
        state.path(),
        &[
            "plan-rebalance",
            "--move",
            "0-1999",
            "--to",
            &target,
            "-o",
            plan,
        ],
    );
    assert_eq!(planned.exit, 1, "{}", planned.stderr);
    let slowly = [
        "apply",
        plan,
        "--yes",
        "--journal",
        journal,
        "--max-keys-per-second",
        "200",
    ];

    // Stopped: nothing is open, and the journal knows as much as the plan and the cluster do.
    let first = arrived(&cluster, 1);
    let mut child = spawn(&cluster, state.path(), &slowly);
    wait_for_slots(&cluster, 1, first + 50, &mut child);
    signal_child(&child, "-INT");
    assert_eq!(child.wait().expect("ends").code(), Some(4));
    let undo = |done: &str| {
        let words = ["undo", done, "--json", "--journal", journal, "-o", back];
        run(&cluster, state.path(), &words)
    };
    let by_journal = migrations(&undo(journal));
    let by_plan = undo(plan);
    assert_eq!(by_plan.exit, 1, "{}", by_plan.stderr);
    assert_eq!(migrations(&by_plan), by_journal);
    assert_eq!(by_journal.len(), arrived(&cluster, 1) - first);
    let home = ["apply", back, "--yes", "--journal", journal];
    let applied = run(&cluster, state.path(), &home);
    assert_eq!(applied.exit, 0, "{}", applied.stderr);
    assert_eq!(slots(&cluster), before);

    // Killed: what is open is finished first, forward.
    let mut child = spawn(&cluster, state.path(), &slowly);
    wait_for_slots(&cluster, 1, first + 50, &mut child);
    child.kill().expect("a signal");
    child.wait().expect("ends");
    let refused = undo(journal);
    assert_eq!(refused.exit, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("resume"), "{}", refused.stderr);
    let resume = ["resume", "--yes", "--journal", journal];
    let resumed = run(&cluster, state.path(), &resume);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    assert_eq!(undo(plan).exit, 1);
    let applied = run(&cluster, state.path(), &home);
    assert_eq!(applied.exit, 0, "{}", applied.stderr);
    assert_eq!(slots(&cluster), before);
    assert_well(&cluster, state.path(), &expected, &lives);
}
