//! A program that uses the library carries a plan out as the tool does, and goes on with its runs.

#[path = "../../examples/apply_plan.rs"]
mod example;

use super::servers::runs::{
    arrived, run, signal_child, slots, spawn, state, three_and_one, wait_for_slots,
};
use super::servers::{self, load};

#[test]
fn the_example_goes_on_with_a_run_of_the_tool() {
    let Some(cluster) = servers::cluster(&three_and_one()) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let expected = load::fill(seed, None, "key", 2_000, 10);
    let [plan, journal] = ["plan.json", "run.journal"].map(|name| state.path().join(name));
    let target = cluster.nodes()[3].addr.to_string();
    let out = plan.to_str().expect("text");
    let words = [
        "plan-rebalance",
        "--move",
        "0-999",
        "--to",
        &target,
        "-o",
        out,
    ];
    let planned = run(&cluster, state.path(), &words);
    assert_eq!(planned.exit, 1, "{}", planned.stderr);
    let slowly = [
        "apply",
        out,
        "--yes",
        "--journal",
        journal.to_str().expect("text"),
        "--keys-per-migrate",
        "1",
        "--max-keys-per-second",
        "50",
    ];
    let mut tool = spawn(&cluster, state.path(), &slowly);
    wait_for_slots(&cluster, 3, 5, &mut tool);
    signal_child(&tool, "-KILL");
    tool.wait().expect("it ends");

    let before = arrived(&cluster, 3) as u64;
    let applied = example::apply_plan(&plan, seed.clone(), Some(&journal)).expect("it goes on");
    assert!(applied.finished.slots > 0, "{applied:?}");
    let moved = applied.finished.slots + applied.moved.slots;
    // A slot that had arrived, and that the journal didn't know to have, is looked at again.
    assert!((1_000 - before..=1_000).contains(&moved), "{applied:?}");
    assert_eq!(slots(&cluster)[3], 1_000);
    assert!(!journal.exists());
    load::assert_all_there(seed, None, &expected);

    // The tool finds nothing left to do.
    let again = run(&cluster, state.path(), &["apply", out, "--yes"]);
    assert_eq!(again.exit, 0, "{}", again.stderr);
    assert!(again.stderr.contains("nothing to move"), "{}", again.stderr);
}
