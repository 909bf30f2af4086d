//! `slotkit check` on real clusters: each thing that is wrong by its name, and nothing else.

use super::servers;
use super::servers::runs::{client, run, send, state, three_and_one};
use super::tool::Run;
use slotkit::cluster::client::ClusterClient;
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{NodeLink, Reply, SetSlot, Verb};
use slotkit::execute::Move;
use slotkit::execute::journal::Journal;
use slotkit::slot::Slot;

/// The kinds of what was found, and the document.
fn findings(run: &Run) -> (Vec<String>, serde_json::Value) {
    let document: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!(document["schema"], 1);
    let all = document["findings"].as_array().expect("findings");
    let kinds: Vec<String> = all
        .iter()
        .map(|finding| finding["kind"].as_str().expect("a kind").to_owned())
        .collect();
    for finding in all {
        assert!(finding["fix"].as_str().is_some_and(|fix| !fix.is_empty()));
    }
    assert_eq!(run.exit, i32::from(!kinds.is_empty()), "{}", run.stderr);
    (kinds, document)
}

#[test]
fn a_healthy_cluster_with_replicas_has_no_finding() {
    let Some(cluster) = servers::cluster(&Shape {
        primaries: 2,
        replicas: 1,
        ..Shape::default()
    }) else {
        return;
    };
    let run = run(&cluster, state().path(), &["check", "--json"]);
    assert_eq!(findings(&run).0, Vec::<String>::new());
}

#[test]
fn open_slots_orphaned_keys_and_missing_replicas() {
    let Some(cluster) = servers::cluster(&three_and_one()) else {
        return;
    };
    let state = state();
    let path = state.path();
    let (healthy, _) = findings(&run(&cluster, path, &["check", "--json"]));
    assert_eq!(healthy, ["no_replica"; 3]);

    // `foo` is in slot 12182, of the third node. What the first one has of it is orphaned.
    let slot = Slot::for_key(b"foo");
    let [source, target] = [2, 0].map(|node| cluster.nodes()[node].id);
    let importing = Verb::SetSlot {
        slot,
        state: SetSlot::Importing { source },
    };
    let set = client(&[b"SET", b"foo", b"old"]);
    send(&cluster, 0, &[importing.clone(), Verb::Asking, set]);
    let journal = path.join("own.journal");
    let named = journal.to_str().expect("a path");
    let args = ["check", "--json", "--journal", named];

    // While it is open it isn't orphaned: it is on its way.
    let (kinds, document) = findings(&run(&cluster, path, &args));
    assert_eq!(kinds[0], "open_slot", "{document}");
    assert!(!kinds.contains(&"orphaned_keys".to_owned()), "{document}");
    assert_eq!(document["findings"][0]["slot"], slot.number());

    // The journal says that it is this user's own; a look changes nothing.
    let task = Move {
        slot,
        source,
        target,
    };
    Journal::open(&journal)
        .expect("a journal")
        .begin(&[task])
        .expect("begins");
    let (kinds, document) = findings(&run(&cluster, path, &args));
    assert_eq!(kinds[0], "own_open_slot", "{document}");
    assert!(!kinds.contains(&"open_slot".to_owned()), "{document}");

    let stable = Verb::SetSlot {
        slot,
        state: SetSlot::Stable,
    };
    send(&cluster, 0, &[stable]);
    let (kinds, document) = findings(&run(&cluster, path, &["check", "--json"]));
    assert_eq!(
        kinds,
        ["orphaned_keys", "no_replica", "no_replica", "no_replica"]
    );
    assert_eq!(document["findings"][0]["severity"], "warning");
    assert_eq!(document["findings"][0]["node"], target.to_string());

    // Given the slot, the node would serve the old value: the plan is refused, and nothing changes.
    let addr = cluster.nodes()[0].addr.to_string();
    let number = slot.to_string();
    let args = [
        "plan-rebalance",
        "--move",
        &number,
        "--to",
        &addr,
        "--apply",
        "--yes",
    ];
    let refused = run(&cluster, path, &args);
    assert_eq!(refused.exit, 3, "{}", refused.stderr);
    assert!(
        refused
            .stderr
            .contains("1 key in 1 slot that it doesn't own"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_big_key_stays_unless_it_is_asked_for() {
    let Some(cluster) = servers::cluster(&three_and_one()) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let mut writer = ClusterClient::connect(seed, None).expect("a client");
    let value = vec![b'v'; 300_000];
    for (key, value) in [
        (&b"{a}big"[..], value.as_slice()),
        (b"{a}small", b"v"),
        (b"{d}small", b"v"),
    ] {
        writer.run(&[b"SET", key, value]).expect("an answer");
    }
    // {a} and {d} are in slots 15495 and 11298, both of the third node.
    let slots = [&b"{a}"[..], b"{d}"].map(Slot::for_key);
    let addr = cluster.nodes()[3].addr.to_string();
    let plan = state.path().join("plan.json");
    let file = plan.to_str().expect("a path");
    let wanted = format!("{},{}", slots[0], slots[1]);
    let args = [
        "plan-rebalance",
        "--use-empty-primaries",
        "--move",
        &wanted,
        "--to",
        &addr,
        "-o",
        file,
    ];
    let planned = run(&cluster, state.path(), &args);
    assert_eq!(planned.exit, 1, "{}", planned.stderr);

    let args = ["check", file, "--json", "--big-key-limit", "200kb"];
    let (kinds, document) = findings(&run(&cluster, state.path(), &args));
    assert!(kinds.contains(&"big_key".to_owned()), "{document}");
    let (kinds, _) = findings(&run(&cluster, state.path(), &["check", file, "--json"]));
    assert!(!kinds.contains(&"big_key".to_owned()), "{kinds:?}");

    let owners = || {
        let view = cluster.view(3).expect("a view");
        slots.map(|slot| view.map().owner(slot) == Some(cluster.nodes()[3].id))
    };
    let args = ["apply", file, "--yes", "--big-key-limit", "200kb"];
    let first = run(&cluster, state.path(), &args);
    assert_eq!(first.exit, 1, "{}", first.stderr);
    assert!(
        first.stderr.contains("key `{a}big` in slot 15495"),
        "{}",
        first.stderr
    );
    assert!(
        first.stderr.contains("1 slot stayed, with its big key"),
        "{}",
        first.stderr
    );
    assert_eq!(owners(), [false, true]);

    let again = run(&cluster, state.path(), &args);
    assert_eq!(again.exit, 1, "{}", again.stderr);
    let mut all = args.to_vec();
    all.push("--move-big-keys");
    let last = run(&cluster, state.path(), &all);
    assert_eq!(last.exit, 0, "{}", last.stderr);
    assert_eq!(owners(), [true, true]);
    assert_eq!(
        writer.run(&[b"STRLEN", b"{a}big"]).expect("an answer"),
        Reply::Int(300_000)
    );
}

#[test]
fn numbered_databases_are_named_and_moved() {
    let Some(server) = servers::installed("valkey-9.1") else {
        return;
    };
    let shape = Shape {
        primaries: 2,
        config: vec!["cluster-databases 4".to_owned()],
        ..Shape::default()
    };
    let cluster = LocalCluster::start(&server, &shape).expect("a cluster");
    let state = state();
    // `foo` is in the second half.
    let set = client(&[b"SET", b"foo", b"in 3"]);
    send(&cluster, 1, &[Verb::Select(3), set]);
    let (kinds, document) = findings(&run(&cluster, state.path(), &["check", "--json"]));
    assert_eq!(kinds, ["numbered_databases", "no_replica", "no_replica"]);
    assert_eq!(document["findings"][0]["severity"], "warning");
    let addr = cluster.nodes()[0].addr.to_string();
    let args = [
        "plan-rebalance",
        "--move",
        "12182",
        "--to",
        &addr,
        "--apply",
        "--yes",
    ];
    let moved = run(&cluster, state.path(), &args);
    assert_eq!(moved.exit, 0, "{}", moved.stderr);
    let mut link = cluster.link(0).expect("a link");
    let replies = link
        .round_trip(&[Verb::Select(3), client(&[b"GET", b"foo"])])
        .expect("answers");
    assert_eq!(replies[1], Reply::Text(b"in 3".to_vec()));
}
