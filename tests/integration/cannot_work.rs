//! What can't work is told before anything is opened: exit 3, every node as it was, and no key moved.

use super::servers::load;
use super::servers::runs::{client, key_in, run, send, slots, state, three_and_one};
use super::servers::{self, installed};
use super::tool::Run;
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{NodeLink, Reply, Verb};
use slotkit::cluster::witness::Expected;
use slotkit::slot::Slot;

/// Two primaries with these lines of configuration, and with keys.
fn two(config: &[&str]) -> Option<(LocalCluster, Expected)> {
    let cluster = servers::cluster(&Shape {
        primaries: 2,
        config: config.iter().map(|line| (*line).to_owned()).collect(),
        ..Shape::default()
    })?;
    let expected = load::fill(cluster.seed(), None, "key", 200, 10);
    Some((cluster, expected))
}

/// A hundred slots from a node to the other.
fn moved(cluster: &LocalCluster, source: usize, target: usize) -> Run {
    moved_by(cluster, source, target, &[])
}

fn moved_by(cluster: &LocalCluster, source: usize, target: usize, more: &[&str]) -> Run {
    let [source, target] = [source, target].map(|node| cluster.nodes()[node].addr.to_string());
    let state = state();
    let args = [
        "plan-rebalance",
        "--from",
        &source,
        "--to",
        &target,
        "--slots",
        "100",
    ];
    let args = [&args[..], &["--apply", "--yes"], more].concat();
    run(cluster, state.path(), &args)
}

/// It refuses with these words, and nothing has changed.
fn assert_refused(cluster: &LocalCluster, run: &Run, words: &[&str], expected: &Expected) {
    assert_eq!(run.exit, 3, "{}", run.stderr);
    let last = run.stderr.lines().last().expect("a line");
    for words in words {
        assert!(last.contains(words), "expected `{words}`: {}", run.stderr);
    }
    assert_eq!(slots(cluster)[..2], [8192, 8192]);
    load::assert_all_there(cluster.seed(), cluster.login(), expected);
}

#[test]
fn a_command_that_was_renamed_or_disabled() {
    for (line, who, words) in [
        ("rename-command MIGRATE \"\"", 0, "has no command MIGRATE"),
        ("rename-command MIGRATE moves", 0, "has no command MIGRATE"),
        (
            "rename-command RESTORE-ASKING \"\"",
            1,
            "has no command RESTORE-ASKING",
        ),
        ("rename-command ASKING \"\"", 1, "has no command ASKING"),
    ] {
        let Some((cluster, expected)) = two(&[line]) else {
            return;
        };
        let name = cluster.nodes()[who].addr.to_string();
        let refused = moved(&cluster, 0, 1);
        assert_refused(
            &cluster,
            &refused,
            &[&name, words, "take rename-command"],
            &expected,
        );
        let check = run(&cluster, state().path(), &["check"]);
        assert!(check.text().contains(words), "{}", check.text());
    }
}

#[test]
fn what_only_a_comparison_needs_is_a_warning() {
    let renamed = ["rename-command DUMP \"\"", "rename-command CONFIG \"\""];
    let Some((cluster, expected)) = two(&renamed) else {
        return;
    };
    let done = moved(&cluster, 0, 1);
    assert_eq!(done.exit, 0, "{}", done.stderr);
    assert!(
        done.stderr.contains("has no command DUMP"),
        "{}",
        done.stderr
    );
    load::assert_all_there(cluster.seed(), None, &expected);
}

fn set(cluster: &LocalCluster, node: usize, name: &str, value: &str) {
    let words = [&b"CONFIG"[..], b"SET", name.as_bytes(), value.as_bytes()];
    send(cluster, node, &[client(&words)]);
}

#[test]
fn a_node_that_takes_no_writes() {
    let Some((cluster, expected)) = two(&[]) else {
        return;
    };
    let name = cluster.nodes()[1].addr.to_string();
    set(&cluster, 1, "min-slaves-to-write", "1");
    let words = [&name[..], "NOREPLICAS", "min-replicas-to-write"];
    for (source, target) in [(0, 1), (1, 0)] {
        assert_refused(
            &cluster,
            &moved(&cluster, source, target),
            &words,
            &expected,
        );
    }
    set(&cluster, 1, "min-slaves-to-write", "0");
    set(&cluster, 1, "maxmemory", "1000000");
    let words = [&name[..], "OOM", "raise maxmemory there"];
    assert_refused(&cluster, &moved(&cluster, 0, 1), &words, &expected);
    // It may give.
    let done = moved(&cluster, 1, 0);
    assert_eq!(done.exit, 0, "{}", done.stderr);
    load::assert_all_there(cluster.seed(), None, &expected);
    // A cache throws others away for what it receives.
    set(&cluster, 1, "maxmemory", "0");
    let filled = load::fill(cluster.seed(), None, "more", 2_000, 1_000);
    set(&cluster, 1, "maxmemory-policy", "allkeys-lru");
    let used = used_memory(&cluster, 1);
    set(&cluster, 1, "maxmemory", &(used * 100 / 98).to_string());
    let done = moved(&cluster, 0, 1);
    assert!(
        done.stderr.contains("it would throw keys away"),
        "{}",
        done.stderr
    );
    assert!(filled.len() > 1);
}

/// Servers look at whose a key is before they look at memory and replicas, so a node without slots
/// can't be tried: what it says of itself tells.
#[test]
fn a_node_without_slots_that_takes_no_writes() {
    let ends = [
        servers::compiled("redis-3.2"),
        servers::installed("valkey-9.1"),
    ];
    for server in ends.into_iter().flatten().chain(servers::server()) {
        let cluster = LocalCluster::start(&server, &three_and_one()).expect("a cluster");
        let expected = load::fill(cluster.seed(), None, "key", 200, 10);
        let name = cluster.nodes()[3].addr.to_string();
        let refused = |words: &[&str]| {
            let moved = moved(&cluster, 0, 3);
            assert_eq!(moved.exit, 3, "{server:?}: {}", moved.stderr);
            let last = moved.stderr.lines().last().expect("a line");
            for words in words {
                assert!(last.contains(words), "expected `{words}`: {}", moved.stderr);
            }
            assert_eq!(slots(&cluster)[3], 0);
        };
        set(&cluster, 3, "min-slaves-to-write", "1");
        refused(&[
            &name,
            "NOREPLICAS",
            "0 of 1 replicas",
            "lower min-replicas-to-write",
        ]);
        let check = run(&cluster, state().path(), &["check"]);
        assert!(check.text().contains("NOREPLICAS"), "{}", check.text());
        set(&cluster, 3, "min-slaves-to-write", "0");
        set(&cluster, 3, "maxmemory", "100000");
        set(&cluster, 3, "maxmemory-policy", "noeviction");
        refused(&[
            &name,
            "OOM",
            "of its maxmemory 100000",
            "raise maxmemory there",
        ]);
        set(&cluster, 3, "maxmemory", "0");
        let done = moved(&cluster, 0, 3);
        assert_eq!(done.exit, 0, "{server:?}: {}", done.stderr);
        load::assert_all_there(cluster.seed(), None, &expected);
    }
}

fn used_memory(cluster: &LocalCluster, node: usize) -> u64 {
    let mut link = cluster.link(node).expect("a link");
    let verb = Verb::Info("memory");
    let text = link
        .ask(&verb)
        .expect("an answer")
        .text(&verb)
        .expect("text");
    let field = slotkit::cluster::parse::info_field(&text, "used_memory");
    field.expect("a field").parse().expect("a number")
}

#[test]
fn a_user_that_may_not() {
    let Some((cluster, expected)) = two(&[]) else {
        return;
    };
    let mut users = Vec::new();
    for (user, rules) in [
        ("nomigrate", &["~*", "+@all", "-migrate"][..]),
        ("norestore", &["~*", "+@all", "-restore-asking", "-acl"]),
        (
            "nosetslot",
            &[
                "~*",
                "+@all",
                "-cluster",
                "+cluster|nodes",
                "+cluster|info",
                "+cluster|myid",
                "+cluster|countkeysinslot",
                "+cluster|getkeysinslot",
            ],
        ),
        ("part", &["~app:*", "+@all"]),
        ("partblind", &["~app:*", "+@all", "-acl"]),
    ] {
        let words = [&["ACL", "SETUSER", user, "on", ">pw"], rules].concat();
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        for node in 0..2 {
            let reply = cluster.link(node).expect("a link").ask(&client(&words));
            if let Reply::Refused(refusal) = reply.expect("an answer") {
                // Before 6.0 there are no users.
                assert!(refusal.detail.contains("unknown command"), "{refusal}");
                return;
            }
        }
        users.push(user);
    }
    for user in users {
        let refused = moved_by(&cluster, 0, 1, &["--user", user, "-a", "pw"]);
        let words = ["permission", "log in as a user that may"];
        assert_refused(&cluster, &refused, &words, &expected);
    }
}

#[test]
fn keys_move_to_a_newer_server_and_not_to_an_older_one() {
    let (Some(old), Some(new)) = (installed("redis-6.2"), installed("redis-8.0")) else {
        return;
    };
    let shape = Shape {
        primaries: 2,
        ..Shape::default()
    };
    let mut cluster = LocalCluster::start(&old, &shape).expect("a cluster");
    let added = cluster.add_server(&new, &shape).expect("a server");
    cluster.meet(added).expect("meets");
    cluster.wait_until_agreed().expect("they agree");
    let expected = load::fill(cluster.seed(), None, "key", 200, 10);
    // Whatever load has left out, each slot that goes has a key.
    let done = moved(&cluster, 0, added);
    assert_eq!(done.exit, 0, "{}", done.stderr);
    let arrived = cluster.view(added).expect("a view");
    let slot: Slot = arrived
        .myself()
        .expect("myself")
        .slots
        .iter()
        .next()
        .expect("a slot");
    let key = key_in(slot, "written-there-");
    let mut link = cluster.link(added).expect("a link");
    link.ask(&client(&[b"SET", &key, b"v"])).expect("an answer");
    let before = slots(&cluster);
    let refused = moved(&cluster, added, 1);
    assert_eq!(refused.exit, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("doesn't load what"),
        "{}",
        refused.stderr
    );
    assert_eq!(
        slots(&cluster),
        before,
        "nothing is open, and nothing has moved"
    );
    load::assert_all_there(cluster.seed(), None, &expected);
    let check = run(&cluster, state().path(), &["check"]);
    let way = "keys can't move from Redis 8.0";
    assert!(check.text().contains(way), "{}", check.text());
}
