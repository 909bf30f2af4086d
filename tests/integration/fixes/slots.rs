//! Slots without an owner, and keys where no client is sent.

use super::letter::{fix_at_once, fix_of, follow, found, send, typed, wait_until_fixed, words};
use crate::servers::runs::{assert_on_one_primary, key_in, run, state, three_and_one};
use crate::servers::{self, load, wait};
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{NodeLink, Reply, Verb};
use slotkit::cluster::witness::Expected;
use slotkit::slot::Slot;

const SLOTS: [&str; 2] = ["slots_uncovered", "ownership_disagreement"];

fn three() -> Shape {
    Shape {
        primaries: 3,
        ..Shape::default()
    }
}

/// Keys all over, and some in slot 0, which is the first node's.
fn filled(cluster: &LocalCluster) -> Expected {
    let seed = cluster.seed();
    let mut expected = load::fill(seed, None, "key", 1_500, 10);
    let mut client = slotkit::cluster::client::ClusterClient::connect(seed, None).expect("one");
    for number in 0..4 {
        let key = key_in(Slot::MIN, &format!("zero:{number}:"));
        client.run(&[b"SET", &key, b"v"]).expect("an answer");
        expected.insert(key, Some(b"v".to_vec()));
    }
    expected
}

fn take_from_all(cluster: &LocalCluster, slot: u16) {
    for node in 0..cluster.nodes().len() {
        send(cluster, node, &format!("CLUSTER DELSLOTS {slot}"));
    }
}

fn assert_none_lost(cluster: &LocalCluster, expected: &Expected) {
    // Every node has to hear of it before a client is sent the right way.
    wait::until(
        "every node sees the owners",
        super::letter::PATIENCE,
        || {
            let views = (0..cluster.nodes().len()).map(|node| cluster.view(node).expect("a view"));
            let mut views = views;
            views.all(|view| view.map().unassigned().is_empty())
        },
    );
    load::assert_all_there(cluster.seed(), None, expected);
    assert_on_one_primary(cluster, expected.len());
}

#[test]
fn a_slot_whose_keys_are_on_one_node() {
    let Some(cluster) = servers::cluster(&three()) else {
        return;
    };
    let state = state();
    let expected = filled(&cluster);
    take_from_all(&cluster, 0);
    let fix = fix_of(&cluster, state.path(), "slots_uncovered");
    assert!(fix.contains("which has 4 keys of them"), "{fix}");
    follow(&fix, None);
    wait_until_fixed(&cluster, state.path(), &SLOTS);
    assert_none_lost(&cluster, &expected);
}

#[test]
fn a_slot_of_which_the_others_believe_in_an_owner_that_denies_it() {
    let Some(cluster) = servers::cluster(&three()) else {
        return;
    };
    let state = state();
    let expected = filled(&cluster);
    // The second node imports slot 0 and gets its keys; then all of it comes undone.
    let addr = cluster.nodes()[1].addr.clone();
    open_zero(&cluster, 1);
    migrate(&cluster, &addr, usize::MAX);
    for node in [0, 1] {
        send(&cluster, node, "CLUSTER SETSLOT 0 STABLE");
    }
    send(&cluster, 0, "CLUSTER DELSLOTS 0");
    let fix = fix_of(&cluster, state.path(), "slots_uncovered");
    assert!(fix.contains("CLUSTER DELSLOTS"), "{fix}");
    follow(&fix, None);
    wait_until_fixed(&cluster, state.path(), &SLOTS);
    assert_none_lost(&cluster, &expected);
}

/// The source takes the target for the owner, the target and the third node the source: clients are
/// sent to and fro.
#[test]
fn a_slot_that_each_takes_for_the_others() {
    for has_keys in [true, false] {
        let Some(cluster) = servers::cluster(&three()) else {
            return;
        };
        let state = state();
        let expected = if has_keys {
            filled(&cluster)
        } else {
            Expected::default()
        };
        let addr = cluster.nodes()[1].addr.clone();
        open_zero(&cluster, 1);
        if has_keys {
            migrate(&cluster, &addr, usize::MAX);
        }
        let target = cluster.nodes()[1].id;
        send(&cluster, 0, &format!("CLUSTER SETSLOT 0 NODE {target}"));
        send(&cluster, 1, "CLUSTER SETSLOT 0 STABLE");
        let fix = fix_at_once(&cluster, state.path(), "slots_uncovered");
        // Where nobody has keys: the one that another takes for the owner already, by its word.
        assert!(fix.contains("CLUSTER DELSLOTS"), "{fix}");
        follow(&fix, None);
        wait_until_fixed(&cluster, state.path(), &SLOTS);
        if has_keys {
            assert_none_lost(&cluster, &expected);
        }
    }
}

/// Opens slot 0 between the first node and another, which imports it.
fn open_zero(cluster: &LocalCluster, target: usize) {
    let [source_id, target_id] = [0, target].map(|node| cluster.nodes()[node].id);
    for (node, state) in [
        (target, format!("IMPORTING {source_id}")),
        (0, format!("MIGRATING {target_id}")),
    ] {
        send(cluster, node, &format!("CLUSTER SETSLOT 0 {state}"));
    }
}

/// Sends so many keys of slot 0 from the first node to another.
fn migrate(cluster: &LocalCluster, addr: &slotkit::cluster::NodeAddr, most: usize) {
    let mut link = cluster.link(0).expect("a link");
    let verb = Verb::KeysInSlot {
        slot: Slot::MIN,
        limit: 100,
    };
    let keys = link.ask(&verb).expect("an answer").byte_strings(&verb);
    for key in keys.expect("keys").into_iter().take(most) {
        let port = addr.port.to_string();
        let all = [
            &b"MIGRATE"[..],
            addr.host.as_bytes(),
            port.as_bytes(),
            &key,
            b"0",
            b"5000",
        ];
        let command = all.iter().map(|word| word.to_vec()).collect();
        let reply = link.ask(&Verb::Client(command)).expect("an answer");
        assert_eq!(reply, Reply::Text(b"OK".to_vec()));
    }
}

#[test]
fn a_slot_whose_keys_are_on_several_nodes() {
    let Some(cluster) = servers::cluster(&three()) else {
        return;
    };
    let state = state();
    let expected = filled(&cluster);
    let addr = cluster.nodes()[2].addr.clone();
    open_zero(&cluster, 2);
    migrate(&cluster, &addr, 1);
    for node in [0, 2] {
        send(&cluster, node, "CLUSTER SETSLOT 0 STABLE");
    }
    take_from_all(&cluster, 0);
    let fix = fix_of(&cluster, state.path(), "slots_uncovered");
    assert!(fix.contains("which belong together"), "{fix}");
    // `for each of the slots N`: the person writes the number.
    let typed_in = fix
        .replace(", for each of the slots N: ", ": ")
        .replace(" N ", " 0 ");
    follow(&typed_in, None);
    let resumed = run(
        &cluster,
        state.path(),
        &["resume", "--from-cluster", "--yes"],
    );
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    wait_until_fixed(&cluster, state.path(), &SLOTS);
    assert_none_lost(&cluster, &expected);
}

#[test]
fn slots_of_a_node_that_one_has_forgotten() {
    let Some(cluster) = servers::cluster(&three()) else {
        return;
    };
    let state = state();
    let expected = filled(&cluster);
    // Whatever it claimed from here on would win.
    send(&cluster, 0, "CLUSTER BUMPEPOCH");
    send(
        &cluster,
        0,
        &format!("CLUSTER FORGET {}", cluster.nodes()[2].id),
    );
    // Asked at another node, which knows all three.
    let addr = cluster.nodes()[1].addr.clone();
    let args = [
        "check",
        "--json",
        "-h",
        &addr.host,
        "-p",
        &addr.port.to_string(),
    ];
    let check = crate::tool::slotkit(args)
        .env("XDG_STATE_HOME", state.path())
        .output();
    let text = String::from_utf8(check.expect("it runs").stdout).expect("text");
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let findings = document["findings"].as_array().expect("findings");
    let fixes: Vec<&str> = findings
        .iter()
        .filter(|finding| finding["kind"] == "slots_uncovered")
        .map(|finding| finding["fix"].as_str().expect("a fix"))
        .collect();
    assert_eq!(fixes.len(), 1, "{text}");
    assert!(
        !fixes[0].contains("ADDSLOTS") && fixes[0].contains("give them to nobody"),
        "{text}"
    );
    follow(
        &fixes[0].replace(&format!("{} has no link", cluster.seed()), ""),
        None,
    );
    wait_until_fixed(
        &cluster,
        state.path(),
        &[SLOTS[0], SLOTS[1], "not_acquainted"],
    );
    assert_none_lost(&cluster, &expected);
}

#[test]
fn slots_that_nobody_has_keys_of() {
    let Some(cluster) = servers::cluster(&three()) else {
        return;
    };
    let state = state();
    let expected = load::fill(cluster.seed(), None, "other", 300, 10);
    let is_free = |slot: &Slot| expected.keys().all(|key| Slot::for_key(key) != *slot);
    let slot = Slot::all().find(is_free).expect("a slot without a key");
    take_from_all(&cluster, slot.number());
    let fix = fix_of(&cluster, state.path(), "slots_uncovered");
    assert!(fix.contains("let it in again first"), "{fix}");
    follow(&fix, None);
    wait_until_fixed(&cluster, state.path(), &SLOTS);
    assert_none_lost(&cluster, &expected);
}

#[test]
fn keys_where_no_client_is_sent() {
    let Some(cluster) = servers::cluster(&three_and_one()) else {
        return;
    };
    let state = state();
    let mut expected = filled(&cluster);
    // An orphaned key at the second node, of a slot of the first, that its owner doesn't have.
    let key = key_in(Slot::MIN, "orphaned:");
    let owner = cluster.nodes()[0].id;
    let addr = cluster.nodes()[1].addr.clone();
    let mut link = cluster.link(1).expect("a link");
    send(&cluster, 1, &format!("CLUSTER SETSLOT 0 IMPORTING {owner}"));
    let set = Verb::Client(vec![b"SET".to_vec(), key.clone(), b"v".to_vec()]);
    let replies = link.round_trip(&[Verb::Asking, set]).expect("answers");
    assert_eq!(replies[1], Reply::Text(b"OK".to_vec()));
    send(&cluster, 1, "CLUSTER SETSLOT 0 STABLE");
    let fix = fix_of(&cluster, state.path(), "orphaned_keys");
    let at = format!(
        "at {addr}, for a slot N: CLUSTER SETSLOT N IMPORTING and the owner's id, then slotkit resume --from-cluster"
    );
    assert!(fix.contains(&at), "{fix}");
    typed(
        &addr,
        None,
        &words(&format!("CLUSTER SETSLOT 0 IMPORTING {owner}")),
    );
    let resumed = run(
        &cluster,
        state.path(),
        &["resume", "--from-cluster", "--yes"],
    );
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    expected.insert(key, Some(b"v".to_vec()));
    assert_none_lost(&cluster, &expected);
    let kinds: Vec<String> = found(&cluster, state.path())
        .into_iter()
        .map(|one| one.0)
        .collect();
    assert!(kinds.iter().all(|kind| kind == "no_replica"), "{kinds:?}");
}
