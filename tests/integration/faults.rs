//! Nodes stand still while slots move, and replicas take over: nothing that was there before is
//! lost, and what was begun is finished.

use super::servers::runs::{
    arrived, assert_on_one_primary, run, signal, spawn, state, wait_for_promotion,
    wait_for_replicas, wait_for_slots, wait_until_it_has_all, with_replicas, words,
};
use super::servers::writer::{self, Writer};
use super::servers::{self, load};
use slotkit::cluster::local::LocalCluster;
use slotkit::cluster::witness::{self, Expected};
use slotkit::slot::{Slot, SlotSet};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a replica may take to take over, and a run to go on after that.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a run that stopped part-way is run again.
const RUNS_MAX: u32 = 6;
/// Their replicas come after them, in the same order.
const PRIMARIES: usize = 3;

/// The slots that a replica takes for its primary's and another node doesn't: a few at most, where
/// the primary stands still between its replica's `NODE` and its own (Valkey 8 and later carry it
/// out at the replica first), or before it has told anybody.
///
/// When the primary dies then, the keys that have come to this slot are lost. The old owner claims
/// the slot, and the promoted replica, to which its primary has never claimed it, takes it for
/// unclaimed, whatever the epochs are, and deletes what it has of it (seen on Valkey 9.1;
/// `clusterUpdateSlotsConfigWith`).
fn in_between(cluster: &LocalCluster, primary: usize) -> SlotSet {
    let id = cluster.nodes()[primary].id;
    let of_primary = |observer: usize| {
        let view = cluster.view(observer).expect("a view");
        view.map().slots_of(id)
    };
    let others = of_primary(0);
    let found: SlotSet = of_primary(PRIMARIES + primary)
        .iter()
        .filter(|slot| !others.contains(*slot))
        .collect();
    assert!(found.len() <= 16, "{found:?}");
    found
}

/// Runs until it is done; each stop must say that it can be gone on with.
///
/// Where a target is back beside its promoted replica, a key on one of them alone may have been
/// written there, or deleted on the other; and a write that nobody answered may have been carried
/// out later, with another life. Only a person knows: this client writes each key once, so either
/// copy will do.
fn run_to_the_end(cluster: &LocalCluster, state: &Path, args: &[&str]) {
    let mut args = args.to_vec();
    let mut last = String::new();
    for _ in 0..RUNS_MAX {
        let again = run(cluster, state, &args);
        if again.exit == 0 {
            return;
        }
        assert!(matches!(again.exit, 3 | 4), "{}", again.stderr);
        let choices = ["which doesn't own the slot", "on both nodes with different"];
        let is_for_a_person = choices.iter().any(|words| again.stderr.contains(words));
        if is_for_a_person && !args.contains(&"--on-conflict") {
            args.extend(["--on-conflict", "keep-source"]);
        }
        // Nobody deletes any: what is at the target alone had moved.
        if again.stderr.contains("went from the source") {
            let resolved = run(cluster, state, &["resolve", "--keep", "target", "--yes"]);
            assert!(matches!(resolved.exit, 0 | 1), "{}", resolved.stderr);
        }
        last = again.stderr;
        std::thread::sleep(Duration::from_secs(2));
    }
    panic!("{RUNS_MAX} runs weren't enough: {last}");
}

/// What happens to a node while slots move, until a replica has taken over from it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It stands still, and comes back.
    StandsStill,
    /// It dies for good.
    Dies,
}

/// Slots go from one node to the next while a client writes, and this happens to a node.
fn a_fault_of(victim: usize, fault: Fault, slots: &str, target: usize) {
    let Some(cluster) = servers::cluster(&with_replicas(PRIMARIES, 2_000)) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let expected = load::fill(seed, None, "key", 3_000, 10);
    let name = cluster.nodes()[target].addr.to_string();
    let args = [
        "plan-rebalance",
        "--move",
        slots,
        "--to",
        &name,
        "--apply",
        "--yes",
        "--keys-per-migrate",
        "1",
    ];
    wait_for_replicas(&cluster, PRIMARIES);
    let before = arrived(&cluster, target);
    // The first node is the one that is asked, and stays.
    let client = Writer::start(seed);
    let mut child = spawn(&cluster, state.path(), &args);
    wait_for_slots(&cluster, target, before + 100, &mut child);
    let mut lost = SlotSet::default();
    signal(&cluster, victim, "-STOP");
    if fault == Fault::Dies {
        wait_until_it_has_all(&cluster, PRIMARIES + victim);
        lost = in_between(&cluster, victim);
        signal(&cluster, victim, "-KILL");
    }
    wait_for_promotion(&cluster, 0, PRIMARIES + victim);
    if fault == Fault::StandsStill {
        // What waits for it would be acknowledged when it wakes, and be lost with its past.
        std::thread::sleep(writer::PATIENCE_AT_MOST);
        signal(&cluster, victim, "-CONT");
    }
    let stderr = words(&mut child);
    let exit = child.wait().expect("ends").code();
    let is_bystander = slots == FROM_FIRST;
    if is_bystander {
        // Its replica has its slots now, which aren't those that move.
        assert_eq!(exit, Some(0), "{stderr}");
    } else {
        assert!(matches!(exit, Some(0 | 4)), "{exit:?}: {stderr}");
    }
    let left = cluster.view(0).expect("a view").open_slots().count();
    if exit == Some(0) {
        assert_eq!(left, 0, "{stderr}");
    } else {
        // The plan named the old nodes: what was begun is finished by whoever took over.
        run_to_the_end(&cluster, state.path(), &["resume", "--yes"]);
    }
    let mut written = client.stop(seed);
    written.kept.extend(expected);
    let is_in_doubt = |key: &[u8]| lost.contains(Slot::for_key(key));
    let mut in_doubt = written.kept.clone();
    in_doubt.retain(|key, _| is_in_doubt(key));
    written.kept.retain(|key, _| !is_in_doubt(key));
    // What isn't lost is as it was.
    let saved = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| {
        let one = Expected::from([(key.clone(), value.clone())]);
        witness::differences(seed, None, &one)
            .expect("an answer")
            .is_empty()
    };
    written.kept.extend(in_doubt.into_iter().filter(saved));
    let is_lost = |key: &Vec<u8>| is_in_doubt(key) && !load::is_there(seed, key);
    written.lives.retain(|key| !is_lost(key));
    load::assert_all_there(seed, None, &written.kept);
    load::assert_lives(seed, &written.lives);
    assert_on_one_primary(&cluster, written.kept.len() + written.lives.len());
    assert_nothing_else_found(&cluster, state.path(), victim, fault);
}

/// `check` finds nothing but a dead node, and who has no replica since. And a node that is given
/// slots when it wakes stays a primary beside the one that took over (Valkey 9.1, where each
/// `SETSLOT` waits for a replica, so that many lie in the node's buffers while it stands still):
/// then neither has a replica any more.
fn assert_nothing_else_found(cluster: &LocalCluster, state: &Path, victim: usize, fault: Fault) {
    let id = cluster.nodes()[victim].id;
    // Some nodes take a while to see that one is back.
    let start = Instant::now();
    loop {
        let view = cluster.view(0).expect("a view");
        let is_primary = view.node(id).expect("the node").is_primary();
        // One of the two may have become the other's replica, which is as good.
        let expected: &[&[&str]] = match (fault, is_primary) {
            (Fault::StandsStill, true) => &[&["no_replica"], &[]],
            (Fault::StandsStill, false) => &[&[]],
            (Fault::Dies, _) => &[&["no_replica", "node_failed", "node_unreachable"]],
        };
        let check = run(cluster, state, &["check", "--json"]);
        let found: serde_json::Value = serde_json::from_str(check.text()).expect("JSON");
        let findings = found["findings"].as_array().expect("a list").iter();
        let kinds: BTreeSet<&str> = findings
            .filter_map(|finding| finding["kind"].as_str())
            .collect();
        let is_expected = |kinds: &BTreeSet<&str>, expected: &[&str]| {
            kinds.iter().copied().eq(expected.iter().copied())
        };
        if expected
            .iter()
            .any(|expected| is_expected(&kinds, expected))
        {
            return;
        }
        let is_late = start.elapsed() > PATIENCE;
        assert!(!is_late, "{}{}", check.text(), check.stderr);
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// From the second node to the third.
const FROM_SECOND: &str = "6000-7999";
/// From the first node to the second; the third stands by.
const FROM_FIRST: &str = "1000-2999";

#[test]
fn the_target_stands_still() {
    a_fault_of(2, Fault::StandsStill, FROM_SECOND, 2);
}

#[test]
fn the_source_stands_still() {
    a_fault_of(1, Fault::StandsStill, FROM_SECOND, 2);
}

#[test]
fn a_bystander_stands_still() {
    a_fault_of(2, Fault::StandsStill, FROM_FIRST, 1);
}

#[test]
fn the_source_dies() {
    a_fault_of(1, Fault::Dies, FROM_SECOND, 2);
}

#[test]
fn the_target_dies() {
    a_fault_of(2, Fault::Dies, FROM_SECOND, 2);
}

#[test]
fn a_bystander_dies() {
    a_fault_of(2, Fault::Dies, FROM_FIRST, 1);
}
