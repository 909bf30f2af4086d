//! `slotkit resume`: from every state that an interrupted move leaves, with replicas, forward.

use super::servers::runs::{
    arrived, assert_well, client, key_in, run, send, slots, spawn, state, wait_for_slots,
    with_replicas,
};
use super::servers::{self, load, wait};
use serde_json::Value;
use slotkit::cluster::NodeId;
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{Migrate, NodeLink, Reply, SetSlot, Verb};
use slotkit::cluster::witness;
use slotkit::execute::Move;
use slotkit::execute::journal::Journal;
use slotkit::slot::{Slot, tag_for};
use std::time::Duration;

/// The flags of every run that closes what is open.
const RESUME: [&str; 3] = ["resume", "--from-cluster", "--yes"];

fn two_with_replicas() -> Shape {
    with_replicas(2, 3_000)
}

fn id(cluster: &LocalCluster, node: usize) -> NodeId {
    cluster.nodes()[node].id
}

fn set(slot: Slot, state: SetSlot) -> Verb {
    Verb::SetSlot { slot, state }
}

/// Opens slots of a node towards another, as a mover does.
fn open(cluster: &LocalCluster, source: usize, target: usize, slots: &[Slot]) {
    let (from, to) = (id(cluster, source), id(cluster, target));
    let importing = |slot: &Slot| set(*slot, SetSlot::Importing { source: from });
    let migrating = |slot: &Slot| set(*slot, SetSlot::Migrating { target: to });
    send(
        cluster,
        target,
        &slots.iter().map(importing).collect::<Vec<_>>(),
    );
    send(
        cluster,
        source,
        &slots.iter().map(migrating).collect::<Vec<_>>(),
    );
}

fn migrate(cluster: &LocalCluster, source: usize, target: usize, key: &[u8]) {
    let migrate = Migrate {
        target: cluster.nodes()[target].addr.clone(),
        db: 0,
        timeout_ms: 5_000,
        login: None,
        replace: false,
        keys: vec![key.to_vec()],
    };
    send(cluster, source, &[Verb::Migrate(migrate)]);
}

fn numbered(numbers: std::ops::Range<u16>) -> Vec<Slot> {
    numbers.filter_map(Slot::new).collect()
}

#[test]
fn from_every_half_state_without_a_journal() {
    let Some(cluster) = servers::cluster(&two_with_replicas()) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let mut expected = load::fill(seed, None, "key", 20_000, 20);
    let lives = load::fill_expiring(seed, "life", 5_000);
    let well = |expected: &_, lives: &_| assert_well(&cluster, state.path(), expected, lives);

    // The five states of Redis' and Valkey's own suites (unit/cluster/half-migrated-slot), at once.
    let [half, other, moved, finished, unfinished] =
        [609, 610, 611, 612, 613].map(|number| Slot::new(number).expect("a slot"));
    for slot in [half, other, moved, finished, unfinished] {
        let key = key_in(slot, "half:");
        send(&cluster, 0, &[client(&[b"SET", &key, b"v"])]);
        expected.insert(key, Some(b"v".to_vec()));
    }
    let (from, to) = (id(&cluster, 0), id(&cluster, 1));
    send(&cluster, 0, &[set(half, SetSlot::Migrating { target: to })]);
    send(
        &cluster,
        1,
        &[set(other, SetSlot::Importing { source: from })],
    );
    open(&cluster, 0, 1, &[moved, finished, unfinished]);
    for slot in [moved, finished, unfinished] {
        migrate(&cluster, 0, 1, &key_in(slot, "half:"));
    }
    // `NODE` on the target alone, and on the source alone, after the last key has left.
    let more: Vec<Vec<u8>> = expected.keys().chain(&lives).cloned().collect();
    for key in more.iter().filter(|key| {
        let slot = Slot::for_key(key);
        (slot == finished || slot == unfinished) && !key.starts_with(b"half:")
    }) {
        migrate(&cluster, 0, 1, key);
    }
    send(&cluster, 1, &[set(finished, SetSlot::Node { owner: to })]);
    send(&cluster, 0, &[set(unfinished, SetSlot::Node { owner: to })]);
    let resumed = run(&cluster, state.path(), &RESUME);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    well(&expected, &lives);
    let view = cluster.view(2).expect("a view");
    for slot in [half, other, moved, finished, unfinished] {
        assert_eq!(view.map().owner(slot), Some(to), "slot {slot} went forward");
    }

    // 256 slots open each way with a few keys moved: `redis-cli --cluster fix` exits 0 here and
    // loses thousands of keys (Redis 7.0.15).
    let (there, back) = (numbered(1_000..1_256), numbered(9_000..9_256));
    open(&cluster, 0, 1, &there);
    open(&cluster, 1, 0, &back);
    for (source, target, slots) in [(0, 1, &there), (1, 0, &back)] {
        let of_slots = |key: &&Vec<u8>| slots.contains(&Slot::for_key(key));
        for key in expected.keys().chain(&lives).filter(of_slots).step_by(9) {
            migrate(&cluster, source, target, key);
        }
    }
    let resumed = run(&cluster, state.path(), &RESUME);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    well(&expected, &lives);
    let view = cluster.view(3).expect("a view");
    assert!(there.iter().all(|slot| view.map().owner(*slot) == Some(to)));
    assert!(
        back.iter()
            .all(|slot| view.map().owner(*slot) == Some(from))
    );

    // A thousand slots open at once (unit/cluster/many-slot-migration).
    let many = numbered(2_000..3_000);
    open(&cluster, 0, 1, &many);
    let resumed = run(&cluster, state.path(), &RESUME);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    well(&expected, &lives);

    // Nothing is open any more: nothing is done.
    let again = run(&cluster, state.path(), &RESUME);
    assert_eq!(again.exit, 0, "{}", again.stderr);
    assert!(again.stderr.contains("no slot is open"), "{}", again.stderr);
    let own = run(&cluster, state.path(), &["resume", "--yes"]);
    assert!(own.stderr.contains("knows of nothing"), "{}", own.stderr);
}

#[test]
fn what_was_moved_is_brought_back() {
    let shape = Shape {
        primaries: 2,
        empty: 1,
        ..Shape::default()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let expected = load::fill(seed, None, "key", 500, 10);
    let [plan, back] = ["plan.json", "back.json"].map(|name| state.path().join(name));
    let [plan, back] = [&plan, &back].map(|path| path.to_str().expect("a path"));
    let before = slots(&cluster);
    let args = [
        "plan-rebalance",
        "--by",
        "slots",
        "--use-empty-primaries",
        "-o",
        plan,
    ];
    assert_eq!(run(&cluster, state.path(), &args).exit, 1);
    assert_eq!(
        run(&cluster, state.path(), &["apply", plan, "--yes"]).exit,
        0
    );
    assert_ne!(slots(&cluster), before);

    let undone = run(&cluster, state.path(), &["undo", plan, "-o", back]);
    assert_eq!(undone.exit, 1, "{}", undone.stderr);
    assert_ne!(slots(&cluster), before, "undo plans, and moves nothing");
    let applied = run(&cluster, state.path(), &["apply", back, "--yes"]);
    assert_eq!(applied.exit, 0, "{}", applied.stderr);
    assert_eq!(slots(&cluster), before);
    load::assert_all_there(seed, None, &expected);

    let again = run(&cluster, state.path(), &["undo", plan, "--json"]);
    assert_eq!(again.exit, 0, "{}", again.stderr);
    let made: Value = serde_json::from_slice(&std::fs::read(plan).expect("a plan")).expect("JSON");
    let moved = made["migrations"].as_array().expect("a list").len();
    let words = format!(
        "not where they were brought, and left where they are: {},{:03} slots",
        moved / 1_000,
        moved % 1_000
    );
    assert!(again.stderr.contains(&words), "{}", again.stderr);
    let plan: Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!(plan["migrations"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_key_with_two_values_is_for_the_person_to_decide() {
    let Some(cluster) = servers::cluster(&two_with_replicas()) else {
        return;
    };
    let state = state();
    let slots = [700, 701].map(|number| Slot::new(number).expect("a slot"));
    let keys = slots.map(|slot| key_in(slot, "two:"));
    for (slot, key) in slots.iter().zip(&keys) {
        send(&cluster, 0, &[client(&[b"SET", key, b"source"])]);
        open(&cluster, 0, 1, &[*slot]);
        let set = client(&[b"SET", key, b"target"]);
        send(&cluster, 1, &[Verb::Asking, set]);
    }
    let stopped = run(&cluster, state.path(), &RESUME);
    assert_eq!(stopped.exit, 4, "{}", stopped.stderr);
    assert!(
        stopped
            .stderr
            .contains("on both nodes with different values"),
        "{}",
        stopped.stderr
    );
    // Both copies are as they were.
    for (node, value) in [(0, "source"), (1, "target")] {
        let mut link = cluster.link(node).expect("a link");
        let replies = link
            .round_trip(&[Verb::Asking, client(&[b"GET", &keys[0]])])
            .expect("answers");
        assert_eq!(replies[1], Reply::Text(value.into()), "node {node}");
    }
    // The journal knows the slots by now: they are this user's own.
    let args = ["resume", "--yes", "--on-conflict", "keep-target", "--json"];
    let resumed = run(&cluster, state.path(), &args);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    let told: Value = serde_json::from_str(resumed.text()).expect("JSON");
    let done = &told["run"];
    let figures = [&told["finished"], &done["slots"], &done["conflicts"]];
    assert_eq!(figures, [2, 2, 2], "{told}");
    assert!(done["keys_per_second"].is_u64(), "{told}");
    let said = resumed.stderr.contains("finished 2 slots with ");
    assert!(said, "{}", resumed.stderr);
    let kept = keys.map(|key| (key, Some(b"target".to_vec())));
    let mut kept: witness::Expected = kept.into();
    assert_well(&cluster, state.path(), &kept, &[]);

    // The other way round, and the life of the copy that is kept stays with it.
    let slot = Slot::new(702).expect("a slot");
    let key = key_in(slot, "two:");
    send(&cluster, 0, &[client(&[b"SET", &key, b"source"])]);
    open(&cluster, 0, 1, &[slot]);
    let set = client(&[b"SET", &key, b"target", b"PX", b"60000"]);
    send(&cluster, 1, &[Verb::Asking, set]);
    let mut args = RESUME.to_vec();
    args.extend(["--on-conflict", "keep-source"]);
    let resumed = run(&cluster, state.path(), &args);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    let reply = cluster
        .link(1)
        .expect("a link")
        .ask(&client(&[b"PTTL", &key]));
    assert_eq!(reply.expect("an answer"), Reply::Int(-1));
    kept.insert(key, Some(b"source".to_vec()));
    assert_well(&cluster, state.path(), &kept, &[]);
}

/// Whether the first node has keys of a slot, and some to send still, that the second one imports
/// and has keys of.
fn has_moved_in_part(cluster: &LocalCluster) -> bool {
    let count = |node: usize, slot: Slot| {
        let mut link = cluster.link(node).expect("a link");
        let verb = Verb::CountKeys(slot);
        link.ask(&verb)
            .expect("an answer")
            .count(&verb)
            .expect("a number")
    };
    let view = cluster.view(1).expect("a view");
    let mut open = view.open_slots().map(|(_, open)| open.slot());
    open.any(|slot| count(1, slot) > 0 && count(0, slot) > 2)
}

/// Redis' nodes close what is open when they turn into replicas, and their promoted replicas don't
/// know of it: with the first nodes back in their places nothing but the journal knows that keys
/// are on their way.
#[test]
fn what_both_nodes_have_forgotten_is_finished_from_the_journal() {
    let Some(cluster) = servers::cluster(&two_with_replicas()) else {
        return;
    };
    let state = state();
    let mut expected = load::fill(cluster.seed(), None, "key", 3_000, 10);
    for slot in numbered(0..60) {
        let tag = String::from_utf8_lossy(tag_for(slot));
        let more = load::fill(cluster.seed(), None, &format!("{{{tag}}}"), 10, 10);
        expected.extend(more);
    }
    let target = cluster.nodes()[1].addr.to_string();
    let args = ["plan-rebalance", "--move", "0-999", "--to", &target];
    let slowly = [
        "--apply",
        "--yes",
        "--keys-per-migrate",
        "1",
        "--max-keys-per-second",
        "50",
    ];
    let before = arrived(&cluster, 1);
    let mut child = spawn(&cluster, state.path(), &[&args[..], &slowly].concat());
    wait_for_slots(&cluster, 1, before + 20, &mut child);
    wait::until("a slot has moved in part", Duration::from_secs(60), || {
        has_moved_in_part(&cluster)
    });
    child.kill().expect("dies");
    child.wait().expect("ends");
    let stable: Vec<Verb> = numbered(0..1_000)
        .into_iter()
        .map(|slot| set(slot, SetSlot::Stable))
        .collect();
    (0..2).for_each(|node| send(&cluster, node, &stable));
    // Of those that had just arrived when it was killed others hear a moment later.
    wait::until(
        "every node has heard of it",
        Duration::from_secs(10),
        || {
            let (at, first) = (&cluster.nodes()[1], cluster.view(0).expect("a view"));
            (1..cluster.nodes().len()).all(|node| {
                let view = cluster.view(node).expect("a view");
                view.map().slots_of(at.id) == first.map().slots_of(at.id)
            })
        },
    );
    assert_eq!(slots(&cluster)[1], arrived(&cluster, 1), "nothing is open");
    let refused = run(&cluster, state.path(), &["check"]);
    let told = refused.text().to_owned() + &refused.stderr;
    assert!(
        refused.exit == 1 && told.contains("slotkit resume"),
        "{told}"
    );
    let resumed = run(&cluster, state.path(), &["resume", "--yes"]);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    assert!(arrived(&cluster, 1) > before + 20, "{}", resumed.stderr);
    assert_well(&cluster, state.path(), &expected, &[]);
}

/// A third node has slots open as well: another tool's, or what is left of a failover.
#[test]
fn what_a_third_node_has_of_a_slot_is_cleared_up() {
    let shape = Shape {
        primaries: 3,
        ..two_with_replicas()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let state = state();
    let [same, other, alone] = [700, 701, 702].map(|number| Slot::new(number).expect("a slot"));
    let importing = |slot: Slot| {
        let source = id(&cluster, 0);
        send(&cluster, 2, &[set(slot, SetSlot::Importing { source })]);
    };
    let put = |node: usize, slot: Slot, value: &[u8]| {
        let put = client(&[b"SET", &key_in(slot, "third:"), value]);
        send(&cluster, node, &[Verb::Asking, put]);
    };
    let mut expected = load::fill(cluster.seed(), None, "key", 2_000, 10);
    for slot in [same, other] {
        put(0, slot, b"v");
        open(&cluster, 0, 1, &[slot]);
        importing(slot);
        expected.insert(key_in(slot, "third:"), Some(b"v".to_vec()));
    }
    put(2, same, b"v");
    put(2, other, b"another");
    let resumed = |args: &[&str]| run(&cluster, state.path(), args);
    let stopped = resumed(&RESUME);
    assert_eq!(stopped.exit, 4, "{}", stopped.stderr);
    let words = "which doesn't own the slot, with another value";
    assert!(stopped.stderr.contains(words), "{}", stopped.stderr);
    let kept = resumed(&["resume", "--yes", "--on-conflict", "keep-target"]);
    assert_eq!(kept.exit, 0, "{}", kept.stderr);
    assert_well(&cluster, state.path(), &expected, &[]);

    // The slot has moved since, and the third node alone has the key.
    let moved = [
        "plan-rebalance",
        "--move",
        "702",
        "--to",
        &cluster.nodes()[1].addr.to_string(),
    ]
    .map(str::to_owned);
    let moved: Vec<&str> = moved
        .iter()
        .map(String::as_str)
        .chain(["--apply", "--yes"])
        .collect();
    assert_eq!(resumed(&moved).exit, 0);
    importing(alone);
    put(2, alone, b"only here");
    let stopped = resumed(&RESUME);
    assert_eq!(stopped.exit, 4, "{}", stopped.stderr);
    let words = "and no longer, or never, on its owner";
    assert!(stopped.stderr.contains(words), "{}", stopped.stderr);
    let kept = resumed(&["resume", "--yes", "--on-conflict", "keep-source"]);
    assert_eq!(kept.exit, 0, "{}", kept.stderr);
    expected.insert(key_in(alone, "third:"), Some(b"only here".to_vec()));
    assert_well(&cluster, state.path(), &expected, &[]);
}

#[test]
fn a_slot_that_somebody_else_has_taken_holds_no_other_up() {
    let Some(cluster) = servers::cluster(&Shape {
        primaries: 3,
        ..Shape::default()
    }) else {
        return;
    };
    let state = state();
    let [ours, lost] = [5, 6].map(|number| Slot::new(number).expect("a slot"));
    let key = key_in(ours, "ours:");
    send(&cluster, 0, &[client(&[b"SET", &key, b"v"])]);
    open(&cluster, 0, 1, &[ours, lost]);
    let path = state.path().join("run.journal");
    let mut journal = Journal::open(&path).expect("a journal");
    let moves = [ours, lost].map(|slot| Move {
        slot,
        source: id(&cluster, 0),
        target: id(&cluster, 1),
    });
    journal.begin(&moves).expect("begins");
    drop(journal);
    // Another tool gives it to the third node, and forgets the one that imports it.
    let owner = id(&cluster, 2);
    for node in [2, 0] {
        send(&cluster, node, &[set(lost, SetSlot::Node { owner })]);
    }
    let resume = ["resume", "--yes", "--journal", &path.display().to_string()];
    let stopped = run(&cluster, state.path(), &resume);
    assert_eq!(stopped.exit, 4, "{}", stopped.stderr);
    assert!(stopped.stderr.contains("slot 6"), "{}", stopped.stderr);
    let closes = "CLUSTER SETSLOT 6 STABLE there closes it";
    assert!(stopped.stderr.contains(closes), "{}", stopped.stderr);
    let owns = |node: usize, slot: Slot| {
        let view = cluster.view(node).expect("a view");
        view.myself().expect("myself").slots.contains(slot)
    };
    assert!(owns(1, ours) && owns(2, lost));
    // What it says, to the letter.
    send(&cluster, 1, &[set(lost, SetSlot::Stable)]);
    // Whose it is that one learns by gossip.
    wait::until("the slot is settled", Duration::from_secs(30), || {
        run(&cluster, state.path(), &resume).exit == 0
    });
    slots(&cluster);
    let expected = [(key, Some(b"v".to_vec()))].into_iter().collect();
    load::assert_all_there(cluster.seed(), None, &expected);
}
