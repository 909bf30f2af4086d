//! `slotkit plan-rebalance --apply` on real clusters: nothing is lost, whatever happens.

use super::servers::runs::{
    EVEN_OUT, arrived, run, slots, spawn, state, three_and_one, wait_for_slots, words,
};
use super::servers::{self, load};
use super::tool;
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::login::Secret;
use slotkit::cluster::verb::{NodeLink, SetSlot, Verb};
use slotkit::cluster::witness::{Expected, Witness};
use slotkit::slot::{SLOT_COUNT, Slot};
use std::process::Child;
use std::time::Duration;

#[test]
fn by_slots_while_a_client_writes() {
    let shape = Shape {
        replicas: 1,
        ..three_and_one()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let mut expected = load::fill(seed, None, "key", 3000, 10);
    let writer = Witness::start(seed, None).expect("a witness");
    let args = [&EVEN_OUT[..], &["--json"]].concat();
    let run = run(&cluster, state.path(), &args);
    expected.extend(writer.stop().expect("every answer was right"));
    assert_eq!(run.exit, 0, "{}", run.stderr);
    assert_eq!(slots(&cluster)[..4], [4096; 4]);
    load::assert_all_there(seed, None, &expected);
    let document: serde_json::Value = serde_json::from_slice(&run.stdout).expect("one document");
    assert_eq!(document["schema"], 1);
    assert_eq!(document["migrations"].as_array().map(Vec::len), Some(4096));
    assert_eq!(document["applied"]["slots"], 4096);
    assert_eq!(
        std::fs::read_dir(state.path().join("slotkit"))
            .expect("a folder")
            .count(),
        0
    );
}

#[test]
fn by_keys_with_a_password_and_odd_keys() {
    let shape = Shape {
        primaries: 2,
        password: Some(Secret::new("a password")),
        ..Shape::default()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let (seed, login, state) = (cluster.seed(), cluster.login(), state());
    // Twenty hash tags, all of them in slots of the first node.
    let mut expected = Expected::new();
    let first: Vec<Slot> = cluster
        .view(0)
        .expect("a view")
        .map()
        .slots_of(cluster.nodes()[0].id)
        .iter()
        .collect();
    let tags = (0..)
        .map(|n| format!("{{t{n}}}"))
        .filter(|tag| first.contains(&Slot::for_key(tag.as_bytes())));
    for tag in tags.take(20) {
        expected.extend(load::fill(seed, login, &tag, 100, 50));
    }
    let run = run(
        &cluster,
        state.path(),
        &["plan-rebalance", "--by", "keys", "--apply", "--yes"],
    );
    if servers::server().is_some_and(|server| servers::version(&server) < (4, 0)) {
        // MIGRATE has no AUTH there: nothing may be begun.
        assert_eq!(run.exit, 3, "{}", run.stderr);
        assert!(run.stderr.contains("whose MIGRATE can't log in"));
        load::assert_all_there(seed, login, &expected);
        return;
    }
    assert_eq!(run.exit, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("verified: 2,000 keys, as before"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("a password") && !run.text().contains("a password"));
    load::assert_all_there(seed, login, &expected);
    let index = |node: usize| {
        let mut link = cluster.link(node).expect("a link");
        link.ask(&Verb::DbSize)
            .expect("an answer")
            .count(&Verb::DbSize)
            .expect("a number")
    };
    assert_eq!([index(0), index(1)], [1000, 1000]);
}

#[test]
fn a_drained_node_ends_empty() {
    let Some(server) = servers::server() else {
        return;
    };
    // Before 7.0 there is no such setting, and nothing that it would have to hold back.
    let config = if servers::version(&server) >= (7, 0) {
        vec!["cluster-allow-replica-migration no".to_owned()]
    } else {
        Vec::new()
    };
    let shape = Shape {
        primaries: 3,
        config,
        ..Shape::default()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let expected = load::fill(seed, None, "key", 2000, 10);
    let drained = cluster.nodes()[2].addr.to_string();
    let args = ["plan-rebalance", "--drain", &drained, "--apply", "--yes"];
    let run = run(&cluster, state.path(), &args);
    assert_eq!(run.exit, 0, "{}", run.stderr);
    let slots = slots(&cluster);
    assert_eq!((slots[0] + slots[1], slots[2]), (SLOT_COUNT, 0));
    load::assert_all_there(seed, None, &expected);
}

#[test]
fn a_drained_node_that_turns_into_a_replica_is_no_surprise() {
    let Some(cluster) = servers::cluster(&Shape {
        primaries: 3,
        ..Shape::default()
    }) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let expected = load::fill(seed, None, "key", 500, 10);
    let drained = cluster.nodes()[2].addr.to_string();
    let args = [
        "plan-rebalance",
        "--by",
        "slots",
        "--drain",
        &drained,
        "--apply",
        "--yes",
    ];
    let run = run(&cluster, state.path(), &args);
    assert_eq!(run.exit, 0, "{}", run.stderr);
    let turns = servers::version(&servers::server().expect("a server")) >= (7, 0);
    assert_eq!(
        run.stderr.contains("will turn into a replica by itself"),
        turns,
        "{}",
        run.stderr
    );
    assert_eq!(slots(&cluster)[2], 0);
    load::assert_all_there(seed, None, &expected);
}

#[test]
fn an_open_slot_of_somebody_else_is_refused() {
    let Some(cluster) = servers::cluster(&three_and_one()) else {
        return;
    };
    let state = state();
    let slot = Slot::new(5).expect("a slot");
    let target = cluster.nodes()[1].id;
    let verb = Verb::SetSlot {
        slot,
        state: SetSlot::Migrating { target },
    };
    cluster
        .link(0)
        .expect("a link")
        .ask(&verb)
        .expect("an answer");
    for args in [
        &["plan-rebalance", "--by", "slots", "--use-empty-primaries"][..],
        &EVEN_OUT,
    ] {
        let run = run(&cluster, state.path(), args);
        assert_eq!(run.exit, 3, "{}", run.stderr);
        assert!(run.stderr.contains("slot 5 is open on"), "{}", run.stderr);
        assert_eq!(run.stdout, b"");
    }
    let check = run(&cluster, state.path(), &["check", "--json"]);
    assert_eq!(check.exit, 1);
    let document: serde_json::Value = serde_json::from_slice(&check.stdout).expect("JSON");
    assert_eq!(document["findings"][0]["kind"], "open_slot");
    assert_eq!(document["findings"][0]["slot"], 5);
    let view = cluster.view(0).expect("a view");
    assert_eq!(view.open_slots().count(), 1, "nothing was changed");
}

/// How often a node that was just added may not be ready, a second apart.
const TRIES_MAX: u32 = 60;

#[test]
fn a_node_that_was_just_added_is_refused_until_it_is_ready() {
    let shape = Shape {
        primaries: 2,
        ..Shape::default()
    };
    let Some(server) = servers::server() else {
        return;
    };
    let mut cluster = LocalCluster::start(&server, &shape).expect("a cluster");
    let state = state();
    let added = cluster.add_server(&server, &shape).expect("a server");
    cluster.meet(added).expect("meets");
    let args = EVEN_OUT;
    // Asked at once, the node says cluster_state:fail, or isn't known to everybody yet, or to the
    // first node at all: then there is nothing to give it.
    let refuses = |ended: &tool::Run| {
        let reasons = [
            "cluster_state:fail",
            "no bus link",
            "disagree",
            "no owner",
            // While nodes shake hands, the new one has an id that it doesn't keep.
            "isn't a reachable primary",
        ];
        let is_known = reasons.iter().any(|reason| ended.stderr.contains(reason));
        assert!(ended.exit == 3 && is_known, "{}", ended.stderr);
        assert_eq!(arrived(&cluster, 0), 8192, "nothing was changed");
    };
    let early = run(&cluster, state.path(), &args);
    if early.exit != 0 {
        refuses(&early);
    }
    cluster.wait_until_agreed().expect("agrees");
    // Agreed, it may still lack a bus link to a node.
    let mut tries = 0;
    loop {
        let ready = run(&cluster, state.path(), &args);
        if ready.exit == 0 {
            break;
        }
        refuses(&ready);
        tries += 1;
        assert!(tries < TRIES_MAX, "{}", ready.stderr);
        std::thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(slots(&cluster).iter().max(), Some(&5462));
}

#[test]
fn killed_half_way_and_run_again() {
    let Some(cluster) = servers::cluster(&three_and_one()) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let mut expected = load::fill(seed, None, "key", 4000, 10);
    let writer = Witness::start(seed, None).expect("a witness");
    let args = [
        &EVEN_OUT[..],
        &["--keys-per-migrate", "1", "--slots-at-once", "8"],
    ]
    .concat();
    for arrived in [50, 400, 1500] {
        let mut child = spawn(&cluster, state.path(), &args);
        wait_for_slots(&cluster, 3, arrived, &mut child);
        child.kill().expect("kill -9");
        child.wait().expect("ends");
    }
    let moved = arrived(&cluster, 3);
    assert!(
        moved < 4096,
        "it was killed half-way: {moved} slots have arrived"
    );
    let run = run(&cluster, state.path(), &args);
    expected.extend(writer.stop().expect("every answer was right"));
    assert_eq!(run.exit, 0, "{}", run.stderr);
    assert_eq!(slots(&cluster), [4096; 4]);
    load::assert_all_there(seed, None, &expected);
}

#[test]
fn ctrl_c_finishes_the_slot_and_says_how_to_go_on() {
    let Some(cluster) = servers::cluster(&three_and_one()) else {
        return;
    };
    let state = state();
    let args = EVEN_OUT;
    let mut child = spawn(&cluster, state.path(), &args);
    wait_for_slots(&cluster, 3, 50, &mut child);
    tool::interrupt(&child);
    let stderr = words(&mut child);
    assert_eq!(child.wait().expect("ends").code(), Some(4), "{stderr}");
    assert!(stderr.contains("stopped as asked"), "{stderr}");
    let moved = slots(&cluster)[3];
    assert!(moved > 0 && moved < 4096, "{moved}");
    let again = run(&cluster, state.path(), &args);
    assert_eq!(again.exit, 0, "{}", again.stderr);
    assert_eq!(slots(&cluster), [4096; 4]);
}

#[test]
fn a_written_plan_is_applied_once_and_only_where_it_fits() {
    let Some(cluster) = servers::cluster(&three_and_one()) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let expected = load::fill(seed, None, "key", 500, 10);
    let plan = state.path().join("plan.json");
    let file = plan.to_str().expect("a path");
    let args = [
        "plan-rebalance",
        "--by",
        "slots",
        "--use-empty-primaries",
        "-o",
        file,
    ];
    let planned = run(&cluster, state.path(), &args);
    assert_eq!(planned.exit, 1, "{}", planned.stderr);

    let asked = run(&cluster, state.path(), &["apply", file]);
    assert_eq!(asked.exit, 2, "{}", asked.stderr);
    assert!(asked.stderr.contains("pass --yes"), "{}", asked.stderr);

    let args = ["apply", file, "--yes", "--json", "--progress", "json"];
    let applied = run(&cluster, state.path(), &args);
    assert_eq!(applied.exit, 0, "{}", applied.stderr);
    assert_eq!(slots(&cluster), [4096; 4]);
    assert_told(&applied);
    load::assert_all_there(seed, None, &expected);

    let again = run(&cluster, state.path(), &["apply", file, "--yes"]);
    assert_eq!(again.exit, 0, "{}", again.stderr);
    assert!(again.stderr.contains("nothing to move"), "{}", again.stderr);

    let other = LocalCluster::start(&servers::server().expect("a server"), &three_and_one())
        .expect("another cluster");
    let stranger = run(&other, state.path(), &["apply", file, "--yes"]);
    assert_eq!(stranger.exit, 3, "{}", stranger.stderr);
    assert!(
        stranger.stderr.contains("doesn't fit this cluster"),
        "{}",
        stranger.stderr
    );
}

/// What a machine reads of a run of 4,096 slots from three sources to one node.
fn assert_told(run: &tool::Run) {
    let lines = run.stderr.lines().filter(|line| line.starts_with('{'));
    let documents: Vec<serde_json::Value> = lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let (first, last) = (&documents[0], documents.last().expect("a line"));
    assert_eq!(
        (&first["event"], &last["event"]),
        (&"begin".into(), &"end".into())
    );
    assert_eq!((&first["slots"], &last["slots"]), (&0.into(), &4096.into()));
    assert_eq!(last["slots_total"], 4096);
    assert_eq!(last["keys"], last["keys_total"]);
    let pairs = last["pairs"].as_array().expect("pairs");
    assert_eq!(pairs.len(), 3);
    let of_pairs: u64 = pairs
        .iter()
        .map(|pair| pair["slots"].as_u64().expect("slots"))
        .sum();
    assert_eq!(of_pairs, 4096);
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    let applied = &report["applied"];
    assert_eq!(applied["keys"], last["keys"]);
    assert!(
        applied["largest_stall_ms"]
            .as_f64()
            .is_some_and(|ms| ms > 0.0)
    );
}

#[test]
fn two_runs_at_once_lose_nothing() {
    let Some(cluster) = servers::cluster(&three_and_one()) else {
        return;
    };
    let (seed, states) = (cluster.seed(), [state(), state()]);
    let expected = load::fill(seed, None, "key", 4000, 10);
    // Two users, so two journals, and nothing that keeps them apart but the cluster itself; they
    // want the same slots at different nodes.
    let [one, other] = [3, 1].map(|node| cluster.nodes()[node].addr.to_string());
    let wish = |target: &str| -> Vec<String> {
        let words = [
            "plan-rebalance",
            "--move",
            "0-1500",
            "--to",
            target,
            "--apply",
            "--yes",
        ];
        let more = ["--use-empty-primaries", "--keys-per-migrate", "1"];
        words.iter().chain(&more).map(ToString::to_string).collect()
    };
    let runs: Vec<Child> = [&one, &other]
        .iter()
        .zip(&states)
        .map(|(target, state)| {
            let args = wish(target);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            spawn(&cluster, state.path(), &args)
        })
        .collect();
    // Their words are read: a run that nobody listens to stands still when its pipe is full.
    let ends: Vec<_> = runs
        .into_iter()
        .map(|run| run.wait_with_output().expect("ends").status.code())
        .collect();
    load::assert_all_there(seed, None, &expected);
    assert!(
        ends.iter().all(|end| matches!(end, Some(0 | 3 | 4))),
        "{ends:?}"
    );
}
