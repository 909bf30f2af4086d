//! What else goes on in a cluster: a run beside this one, nodes that are just met, moves of the
//! servers themselves. It is seen by whoever looks, plans or moves.

use super::servers::fake::{FakeCluster, Said, bulk};
use super::servers::runs::{
    EVEN_OUT, client, run, send, spawn, state, three_and_one, wait_for_slots, words,
};
use super::servers::{self, load, wait};
use super::tool::{self, Run};
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{NodeLink, Reply, Verb};
use slotkit::slot::tag_for;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How long a run, or the servers, may take for what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The kinds of what was found.
fn kinds(run: &Run) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    let findings = document["findings"].as_array().expect("findings");
    let kind = |finding: &serde_json::Value| finding["kind"].as_str().expect("a kind").to_owned();
    findings.iter().map(kind).collect()
}

fn count(kinds: &[String], kind: &str) -> usize {
    kinds.iter().filter(|known| *known == kind).count()
}

#[test]
fn a_run_under_way_is_told_from_one_that_broke_off() {
    let Some(cluster) = servers::cluster(&three_and_one()) else {
        return;
    };
    let state = state();
    load::fill(cluster.seed(), None, "k", 3_000, 10);
    let args = [
        "plan-rebalance",
        "--by",
        "keys",
        "--use-empty-primaries",
        "--apply",
        "--yes",
    ];
    let slowly = [&args[..], &["--max-keys-per-second", "20"]].concat();
    let mut moving = spawn(&cluster, state.path(), &slowly);
    wait_for_slots(&cluster, 3, 5, &mut moving);

    let check = run(&cluster, state.path(), &["check", "--json"]);
    let found = kinds(&check);
    assert_eq!(
        count(&found, "run_under_way"),
        1,
        "{found:?} {}",
        check.stderr
    );
    assert_eq!(
        count(&found, "own_open_slot") + count(&found, "open_slot"),
        0,
        "{found:?}"
    );
    let pid = format!("pid {}, for ", moving.id());
    let told = check.text();
    assert!(
        told.contains(&pid) && told.contains("slots have arrived"),
        "{told}"
    );
    for args in [
        &["plan-rebalance", "--by", "keys"][..],
        &args,
        &["resume", "--yes"],
    ] {
        let refused = run(&cluster, state.path(), args);
        assert_eq!(refused.exit, 3, "{args:?}: {}", refused.stderr);
        assert!(
            refused.stderr.contains(&pid),
            "{args:?}: {}",
            refused.stderr
        );
        assert!(refused.stdout.is_empty(), "{args:?}: {}", refused.text());
    }
    // Somebody else's journal says nothing of it: what happens to the open slots does.
    let elsewhere = self::state();
    let check = run(&cluster, elsewhere.path(), &["check", "--json"]);
    let found = kinds(&check);
    assert!(count(&found, "open_slot") > 0, "{}", check.text());
    assert_eq!(count(&found, "run_under_way"), 1, "{}", check.text());
    assert!(
        check.text().contains("something moves slots now"),
        "{}",
        check.text()
    );
    assert!(!check.text().contains("--from-cluster"), "{}", check.text());
    for args in [&args[..], &["resume", "--from-cluster", "--yes"]] {
        let refused = run(&cluster, elsewhere.path(), args);
        assert_eq!(refused.exit, 3, "{args:?}: {}", refused.stderr);
        let words = "something moves slots now";
        assert!(
            refused.stderr.contains(words),
            "{args:?}: {}",
            refused.stderr
        );
    }
    // Who doesn't want to wait isn't told that nothing moves.
    let check = run(&cluster, elsewhere.path(), &["check", "--wait", "0"]);
    assert!(
        check.text().contains("let that finish first"),
        "{}",
        check.text()
    );
    assert!(
        !check.text().contains("nothing of it changed"),
        "{}",
        check.text()
    );

    moving.kill().expect("it is killed");
    words(&mut moving);
    moving.wait().expect("it ends");
    let check = run(&cluster, state.path(), &["check", "--json"]);
    let found = kinds(&check);
    assert_eq!(count(&found, "run_under_way"), 0, "{found:?}");
    assert!(count(&found, "own_open_slot") > 0, "{found:?}");
    let check = while_a_client_writes(&cluster, 3, || run(&cluster, elsewhere.path(), &["check"]));
    assert!(
        check.text().contains("nothing of it changed within"),
        "{}",
        check.text()
    );
    assert!(
        check.text().contains("which isn't proof"),
        "{}",
        check.text()
    );
    let again = run(&cluster, state.path(), &args);
    assert_eq!(again.exit, 0, "{}", again.stderr);
}

/// What comes of it while a client writes new keys to a slot that this node imports: in a cluster that
/// is used that never rests.
fn while_a_client_writes<T>(cluster: &LocalCluster, target: usize, act: impl FnOnce() -> T) -> T {
    let view = cluster.view(target).expect("a view");
    let (_, open) = view.open_slots().next().expect("an open slot");
    let tag = tag_for(open.slot());
    let mut link = cluster.link(target).expect("a link");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..6_000_u32 {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let key = [b"{", tag, b"}new", number.to_string().as_bytes()].concat();
                let asking = [client(&[b"ASKING"]), client(&[b"SET", &key, b"v"])];
                let said = link.round_trip(&asking).expect("answers");
                assert!(!matches!(said[1], Reply::Refused(_)), "{said:?}");
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let came = act();
        is_over.store(true, Ordering::Relaxed);
        came
    })
}

#[test]
fn a_node_that_was_just_met_is_waited_for() {
    let Some(server) = servers::server() else {
        return;
    };
    let shape = Shape {
        primaries: 2,
        ..Shape::default()
    };
    let mut cluster = LocalCluster::start(&server, &shape).expect("a cluster");
    let state = state();
    let new = cluster.add_server(&server, &shape).expect("a server");
    // The second one meets it; the first is asked, which has heard of nobody.
    let meet = Verb::Meet(cluster.nodes()[new].addr.clone());
    send(&cluster, 1, &[meet]);
    let args = [
        "plan-rebalance",
        "--by",
        "slots",
        "--use-empty-primaries",
        "--json",
        "--wait",
        "60s",
    ];
    let planned = run(&cluster, state.path(), &args);
    assert_eq!(planned.exit, 1, "{}", planned.stderr);
    let plan: serde_json::Value = serde_json::from_slice(&planned.stdout).expect("JSON alone");
    let id = cluster.nodes()[new].id.to_string();
    assert!(plan.to_string().contains(&id), "{}", planned.text());
    let check = run(&cluster, state.path(), &["check", "--json"]);
    assert_eq!(kinds(&check), ["no_replica"; 2], "{}", check.text());
}

#[test]
fn gossip_that_has_not_come_everywhere_is_waited_for() {
    let start = |hears_after: usize| {
        let asked = AtomicUsize::new(0);
        FakeCluster::start(3, move |cluster, node, words| {
            let is_view = words.get(1).is_some_and(|word| word == "NODES");
            if node == 0 && is_view && asked.fetch_add(1, Ordering::Relaxed) < hears_after {
                let lines = [cluster.line(0, "myself,master"), cluster.line(1, "master")];
                Said::This(bulk(&lines.join("\n")))
            } else {
                Said::AsUsual
            }
        })
    };
    let state = state();
    let check = |cluster: &FakeCluster, args: &[&str]| {
        let port = cluster.port(0).to_string();
        let mut tool = tool::slotkit(["check", "--json", "-h", "127.0.0.1", "-p", &port]);
        tool.args(args).env("XDG_STATE_HOME", state.path());
        tool::ended(tool.output().expect("the binary runs"))
    };
    // The one that was asked first never hears of it: the others tell.
    let never = check(&start(usize::MAX), &["--wait", "0"]);
    let found = kinds(&never);
    assert_eq!(count(&found, "not_acquainted"), 1, "{}", never.text());
    assert_eq!(count(&found, "no_replica"), 3, "{}", never.text());
    assert!(!never.stderr.contains("--wait"), "{}", never.stderr);
    let soon = check(&start(4), &["--wait", "60s"]);
    assert_eq!(kinds(&soon), ["no_replica"; 3], "{}", soon.stderr);
    assert!(soon.stderr.contains("waiting for up to"), "{}", soon.stderr);
}

#[test]
fn a_journal_that_may_not_be_read_is_no_empty_one() {
    use std::os::unix::fs::PermissionsExt;
    let Some(cluster) = servers::cluster(&Shape {
        primaries: 1,
        ..Shape::default()
    }) else {
        return;
    };
    let state = state();
    let journal = state.path().join("other.journal");
    std::fs::write(&journal, "").expect("a file");
    std::fs::set_permissions(&journal, PermissionsExt::from_mode(0o000)).expect("a mode");
    if std::fs::File::open(&journal).is_ok() {
        servers::skip("this user may read everything");
        return;
    }
    let named = journal.to_str().expect("a path");
    let check = run(
        &cluster,
        state.path(),
        &["check", "--json", "--journal", named],
    );
    assert_eq!(
        count(&kinds(&check), "journal_unreadable"),
        1,
        "{}",
        check.text()
    );
}

#[test]
fn functions_that_a_target_lacks_are_told_and_copied() {
    let Some(server) = servers::server() else {
        return;
    };
    if !servers::is_valkey(&server) && servers::version(&server) < (7, 0) {
        servers::skip("functions came with 7.0");
        return;
    }
    let Some(cluster) = servers::cluster(&three_and_one()) else {
        return;
    };
    let state = state();
    let library = |body: &str| {
        let code = format!(
            "#!lua name=mylib\nredis.register_function('myfunc', function(keys, args) return {body} end)"
        );
        client(&[b"FUNCTION", b"LOAD", code.as_bytes()])
    };
    for node in 0..3 {
        send(&cluster, node, &[library("1")]);
    }
    let check = run(&cluster, state.path(), &["check", "--json"]);
    assert_eq!(
        count(&kinds(&check), "functions_missing"),
        1,
        "{}",
        check.text()
    );
    let args = EVEN_OUT;
    let refused = run(&cluster, state.path(), &args);
    assert_eq!(refused.exit, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("mylib"), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("--copy-functions"),
        "{}",
        refused.stderr
    );
    let copied = run(
        &cluster,
        state.path(),
        &[&args[..], &["--copy-functions"]].concat(),
    );
    assert_eq!(copied.exit, 0, "{}", copied.stderr);
    assert!(copied.stderr.contains("mylib"), "{}", copied.stderr);
    let call = client(&[b"FCALL", b"myfunc", b"0"]);
    let reply = cluster
        .link(3)
        .expect("a link")
        .ask(&call)
        .expect("an answer");
    assert_eq!(reply, Reply::Int(1));
    let check = run(&cluster, state.path(), &["check", "--json"]);
    assert_eq!(
        count(&kinds(&check), "functions_missing"),
        0,
        "{}",
        check.text()
    );

    // Another code of the same name is said, and left as it is.
    let replace = client(&[b"FUNCTION", b"DELETE", b"mylib"]);
    send(&cluster, 3, &[replace, library("2")]);
    let check = run(&cluster, state.path(), &["check", "--json"]);
    assert_eq!(
        count(&kinds(&check), "functions_differ"),
        1,
        "{}",
        check.text()
    );
    let addr = cluster.nodes()[3].addr.to_string();
    let args = [
        "plan-rebalance",
        "--move",
        "5-6",
        "--to",
        &addr,
        "--apply",
        "--yes",
        "--copy-functions",
    ];
    let moved = run(&cluster, state.path(), &args);
    assert_eq!(moved.exit, 0, "{}", moved.stderr);
    let reply = cluster
        .link(3)
        .expect("a link")
        .ask(&call)
        .expect("an answer");
    assert_eq!(reply, Reply::Int(2));
}

#[test]
fn moves_of_the_servers_themselves_are_seen() {
    let Some(server) = servers::installed("valkey-9.1") else {
        return;
    };
    // A job that stands still is given up after this time.
    let shape = Shape {
        config: vec!["repl-timeout 3600".to_owned()],
        ..three_and_one()
    };
    let cluster = LocalCluster::start(&server, &shape).expect("a cluster");
    let state = state();
    load::fill(cluster.seed(), None, "k", 3_000, 10);
    // The job's child writes a key a second: it lasts for longer than the test.
    let slow = client(&[b"CONFIG", b"SET", b"rdb-key-save-delay", b"1000000"]);
    let target = cluster.nodes()[0].id.to_string();
    let job = [
        "CLUSTER",
        "MIGRATESLOTS",
        "SLOTSRANGE",
        "12000",
        "16383",
        "NODE",
        &target,
    ];
    let job = client(&job.map(str::as_bytes));
    send(&cluster, 2, &[slow, job]);
    let has_begun = || {
        let list = client(&[b"CLUSTER", b"GETSLOTMIGRATIONS"]);
        let reply = cluster
            .link(2)
            .expect("a link")
            .ask(&list)
            .expect("an answer");
        format!("{reply:?}").len() > 100
    };
    wait::until("the job is listed", PATIENCE, has_begun);
    let check = run(&cluster, state.path(), &["check", "--json"]);
    let found = kinds(&check);
    assert_eq!(count(&found, "slot_migration"), 1, "{}", check.text());
    assert_eq!(count(&found, "orphaned_keys"), 0, "{}", check.text());
    let planned = run(&cluster, state.path(), &["plan-rebalance", "--by", "keys"]);
    assert!(
        planned
            .stderr
            .contains("slots 12000-16383 are being migrated"),
        "{}",
        planned.stderr
    );

    let names: Vec<String> = cluster
        .nodes()
        .iter()
        .map(|node| node.addr.to_string())
        .collect();
    let moves = |slots: &str, to: usize| {
        let args = [
            "plan-rebalance",
            "--move",
            slots,
            "--to",
            &names[to],
            "--apply",
            "--yes",
        ];
        run(&cluster, state.path(), &args)
    };
    // Slots of the job, others of its ends, and a pair that has no part in it: the source of the job
    // would refuse to hear of the slot's new owner.
    for (slots, to) in [("12001-12002", 1), ("11000", 1), ("5500", 0), ("5500", 3)] {
        let refused = moves(slots, to);
        assert_eq!(refused.exit, 3, "{slots} to {to}: {}", refused.stderr);
    }
    let view = cluster.view(2).expect("a view");
    assert_eq!(view.open_slots().count(), 0);
    let cancel = client(&[b"CLUSTER", b"CANCELSLOTMIGRATIONS"]);
    send(&cluster, 2, &[cancel]);
    let check = run(&cluster, state.path(), &["check", "--json"]);
    assert_eq!(
        count(&kinds(&check), "slot_migration"),
        0,
        "{}",
        check.text()
    );
    let moved = moves("5500", 3);
    assert_eq!(moved.exit, 0, "{}", moved.stderr);
}
