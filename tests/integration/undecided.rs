//! Keys of which a copy may be on the target without anybody having said so: none is forgotten, and
//! `slotkit resolve` takes the choice.

use super::servers::proxy::Proxies;
use super::servers::runs::{client, key_in, run, send, signal, slots, spawn, state};
use super::servers::{self, load};
use super::tool::{self, slotkit};
use serde_json::Value;
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{NodeLink, Reply, SetSlot, Verb};
use slotkit::cluster::witness::Expected;
use slotkit::slot::Slot;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn two() -> Shape {
    Shape {
        primaries: 2,
        ..Shape::default()
    }
}

/// What a node says to a client that was sent on to it.
fn asked(cluster: &LocalCluster, node: usize, words: &[&[u8]]) -> Reply {
    let mut link = cluster.link(node).expect("a link");
    let mut replies = link
        .round_trip(&[Verb::Asking, client(words)])
        .expect("answers");
    replies.pop().expect("an answer")
}

/// Slots that are open from the first node to the second; both have a key of each, with two values.
fn open_with_twins(cluster: &LocalCluster, twins: &[(u16, &str)]) -> Vec<Vec<u8>> {
    let (source, target) = (cluster.nodes()[0].id, cluster.nodes()[1].id);
    let one = |(number, name): &(u16, &str)| {
        let slot = Slot::new(*number).expect("a slot");
        let key = key_in(slot, name);
        let set = |state| Verb::SetSlot { slot, state };
        send(cluster, 0, &[client(&[b"SET", &key, b"new"])]);
        send(cluster, 1, &[set(SetSlot::Importing { source })]);
        let old = asked(cluster, 1, &[b"SET", &key, b"old"]);
        assert!(matches!(old, Reply::Text(_)), "{old:?}");
        send(cluster, 0, &[set(SetSlot::Migrating { target })]);
        key
    };
    twins.iter().map(one).collect()
}

/// Every key is as it should be, and no slot is open.
fn assert_ended(cluster: &LocalCluster, expected: &Expected) {
    slots(cluster);
    load::assert_all_there(cluster.seed(), None, expected);
}

fn undecided(cluster: &LocalCluster, state: &Path) -> Vec<Value> {
    let listed = run(cluster, state, &["resolve", "--json"]);
    assert!(matches!(listed.exit, 0 | 1), "{}", listed.stderr);
    let listed: Value = serde_json::from_str(listed.text()).expect("JSON");
    listed["keys"].as_array().expect("a list").clone()
}

#[test]
fn what_a_stop_has_named_stays_named_until_somebody_decides() {
    let Some(cluster) = servers::cluster(&two()) else {
        return;
    };
    let state = state();
    let twins = [(700, "gone:"), (701, "kept:"), (702, "both:")];
    let keys = open_with_twins(&cluster, &twins);
    let mut expected = load::fill(cluster.seed(), None, "key", 200, 10);
    let again = || {
        run(
            &cluster,
            state.path(),
            &["resume", "--from-cluster", "--yes"],
        )
    };
    let stopped = again();
    assert_eq!(stopped.exit, 4, "{}", stopped.stderr);
    // A client deletes two of them where it is sent to; what is left there of them is old.
    for key in &keys[..2] {
        send(&cluster, 0, &[client(&[b"DEL", key])]);
    }
    for _ in 0..2 {
        let stopped = again();
        assert_eq!(stopped.exit, 4, "{}", stopped.stderr);
        let names = |name: &str| stopped.stderr.contains(name);
        assert!(
            names("gone:") && names("kept:") && names("both:"),
            "{}",
            stopped.stderr
        );
        assert!(names("slotkit resolve shows"), "{}", stopped.stderr);
    }
    let listed = undecided(&cluster, state.path());
    let fresh = |name: &str| {
        let key = listed
            .iter()
            .find(|key| key["key"].as_str().expect("text").starts_with(name));
        let key = key.expect("it is listed");
        assert_eq!(key["target"]["copy"]["type"], "string");
        (key["fresh"].clone(), key["source"]["copy"].is_null())
    };
    assert_eq!(listed.len(), 3);
    assert_eq!(fresh("both:"), ("source".into(), false));
    assert_eq!(fresh("gone:"), (Value::Null, true));
    let check = run(&cluster, state.path(), &["check", "--json"]);
    assert_eq!(check.exit, 1, "{}", check.stderr);
    let check: Value = serde_json::from_str(check.text()).expect("JSON");
    let mut found = check["findings"].as_array().expect("a list").iter();
    let found = found.find(|finding| finding["kind"] == "undecided_keys");
    let message = found.expect("a finding")["message"].as_str().expect("text");
    assert!(
        message.contains("3 keys") && message.contains("both:"),
        "{message}"
    );
    let words = run(&cluster, state.path(), &["resolve"]);
    assert_eq!(words.exit, 1);
    assert!(
        words.text().contains("doesn't have the key any more"),
        "{}",
        words.text()
    );
    let wide = words
        .text()
        .lines()
        .filter(|line| line.chars().count() > 80);
    assert_eq!(wide.collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(
        words.stderr.contains("--keep source or --keep target"),
        "{}",
        words.stderr
    );

    // Nobody is there to be asked, and nothing was chosen for one that isn't named.
    let decide = |words: &[&str]| run(&cluster, state.path(), &[&["resolve"], words].concat());
    assert_eq!(decide(&["--keep", "source"]).exit, 2);
    assert_eq!(
        decide(&["--keep", "source", "--key", "other", "--yes"]).exit,
        2
    );
    assert_eq!(undecided(&cluster, state.path()).len(), 3);
    let name = |key: &[u8]| String::from_utf8(key.to_vec()).expect("text");
    let kept = decide(&["--keep", "target", "--key", &name(&keys[1]), "--yes"]);
    assert_eq!(kept.exit, 1, "{}", kept.stderr);
    let rest = decide(&["--keep", "source", "--yes"]);
    assert_eq!(rest.exit, 0, "{}", rest.stderr);
    assert_eq!(undecided(&cluster, state.path()), Vec::<Value>::new());
    let resumed = again();
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    expected.insert(keys[0].clone(), None);
    expected.insert(keys[1].clone(), Some(b"old".to_vec()));
    expected.insert(keys[2].clone(), Some(b"new".to_vec()));
    assert_ended(&cluster, &expected);
}

/// Somebody else finishes the slot: what was named is undecided still.
#[test]
fn what_was_named_is_undecided_when_its_slot_has_gone() {
    let Some(cluster) = servers::cluster(&two()) else {
        return;
    };
    let state = state();
    let slot = Slot::new(700).expect("a slot");
    let keys = open_with_twins(&cluster, &[(700, "twin:")]);
    let again = || {
        run(
            &cluster,
            state.path(),
            &["resume", "--from-cluster", "--yes"],
        )
    };
    assert_eq!(again().exit, 4);
    send(&cluster, 0, &[client(&[b"DEL", &keys[0]])]);
    let owner = cluster.nodes()[1].id;
    let node = Verb::SetSlot {
        slot,
        state: SetSlot::Node { owner },
    };
    send(&cluster, 1, std::slice::from_ref(&node));
    send(&cluster, 0, &[node]);
    for _ in 0..2 {
        let stopped = again();
        assert!(matches!(stopped.exit, 3 | 4), "{}", stopped.stderr);
        assert!(stopped.stderr.contains("twin:"), "{}", stopped.stderr);
    }
    let listed = undecided(&cluster, state.path());
    assert_eq!(listed[0]["fresh"], "target");
    let decided = run(
        &cluster,
        state.path(),
        &["resolve", "--keep", "source", "--yes"],
    );
    assert_eq!(decided.exit, 0, "{}", decided.stderr);
    assert_eq!(again().exit, 0);
    let expected = [(keys[0].clone(), None)].into_iter().collect();
    assert_ended(&cluster, &expected);
}

/// `resolve` dies, or is interrupted, before and behind each deletion: what is decided is decided, what
/// isn't is undecided still, and the same command again goes on.
#[test]
fn a_choice_that_breaks_off_is_gone_on_with() {
    let Some(cluster) = servers::cluster(&two()) else {
        return;
    };
    if servers::version(&servers::server().expect("a server")) < (7, 0) {
        servers::skip("announced ports can't be set at run time before 7.0");
        return;
    }
    let state = state();
    let proxies = Proxies::before(&cluster);
    let port = proxies.port().to_string();
    let through = |words: &[&str]| {
        let mut tool = slotkit([words[0], "-h", "127.0.0.1", "-p", &port]);
        tool.args(&words[1..])
            .env("XDG_STATE_HOME", state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        tool
    };
    let ended = |words: &[&str]| {
        let mut tool = through(words);
        tool::ended(tool.stderr(Stdio::piped()).output().expect("it runs"))
    };
    let mut expected = Expected::new();
    for turn in 0..8_u16 {
        let (deletion, is_behind) = (u32::from(turn % 4 / 2), turn % 2 == 1);
        let side = if turn % 3 == 0 { "target" } else { "source" };
        proxies.open();
        let first = 700 + 2 * turn;
        let keys = open_with_twins(&cluster, &[(first, "one:"), (first + 1, "two:")]);
        let stopped = ended(&["resume", "--from-cluster", "--yes"]);
        assert_eq!(stopped.exit, 4, "{}", stopped.stderr);

        proxies.set(deletion, is_behind);
        proxies.interrupt(turn >= 4);
        let choice = ["resolve", "--keep", side, "--yes"];
        let mut child = through(&choice).spawn().expect("the binary starts");
        proxies.aim(child.id());
        let status = child.wait().expect("ends");
        assert!(!status.success(), "turn {turn}: {status}");
        proxies.open();

        let left = undecided(&cluster, state.path()).len();
        assert!(
            left >= 2 - deletion as usize - usize::from(is_behind),
            "turn {turn}: {left}"
        );
        assert!(
            left > 0,
            "the one whose deletion nobody heard of is undecided still"
        );
        let value: &[u8] = if side == "source" { b"new" } else { b"old" };
        let again = ended(&choice);
        assert_eq!(again.exit, 0, "turn {turn}: {}", again.stderr);
        assert_eq!(undecided(&cluster, state.path()), Vec::<Value>::new());
        let resumed = ended(&["resume", "--from-cluster", "--yes"]);
        assert_eq!(resumed.exit, 0, "turn {turn}: {}", resumed.stderr);
        expected.extend(keys.into_iter().map(|key| (key, Some(value.to_vec()))));
        assert_ended(&cluster, &expected);
    }
}

/// A run dies while its batch waits for a target that stands still; a client deletes the keys at the
/// source; the target comes round to its copies when it wakes.
#[test]
fn a_batch_under_way_when_the_run_is_killed_is_compared_by_the_next() {
    let Some(cluster) = servers::cluster(&two()) else {
        return;
    };
    if servers::version(&servers::server().expect("a server")) < (6, 2) {
        servers::skip("a source doesn't count what was broken off before 6.2");
        return;
    }
    let state = state();
    let name = cluster.nodes()[1].addr.to_string();
    for turn in 0..6_u16 {
        let first = 40 * turn;
        let slots: Vec<Slot> = (first..first + 40).filter_map(Slot::new).collect();
        let names = |slot: &Slot| (0..30).map(|n| key_in(*slot, &format!("{n}:"))).collect();
        let keys: Vec<Vec<u8>> = slots
            .iter()
            .flat_map(|slot| -> Vec<_> { names(slot) })
            .collect();
        for key in &keys {
            send(&cluster, 0, &[client(&[b"SET", key, b"v"])]);
        }
        let range = format!("{first}-{}", first + 39);
        let wish = [
            "plan-rebalance",
            "--move",
            &range,
            "--to",
            &name,
            "--apply",
            "--yes",
        ];
        let pace = [
            "--migrate-timeout-ms",
            "3000",
            "--max-keys-per-second",
            "600",
        ];
        let mut child = spawn(&cluster, state.path(), &[&wish[..], &pace].concat());
        let count = |slot: &Slot| {
            let verb = Verb::CountKeys(*slot);
            let mut link = cluster.link(1).expect("a link");
            link.ask(&verb)
                .expect("an answer")
                .count(&verb)
                .expect("a number")
        };
        while slots.iter().map(count).sum::<u64>() < 100 {
            assert!(child.try_wait().expect("a status").is_none(), "too early");
        }
        signal(&cluster, 1, "-STOP");
        std::thread::sleep(Duration::from_millis(600));
        child.kill().expect("it dies");
        child.wait().expect("ends");
        let start = Instant::now();
        let mut link = cluster.link(0).expect("a link");
        link.ask(&Verb::MyId).expect("an answer");
        let was_under_way = start.elapsed() > Duration::from_millis(300);
        let deleted = delete_what_is_there(&cluster, &keys);
        signal(&cluster, 1, "-CONT");
        let mut resumed = run(&cluster, state.path(), &["resume", "--yes"]);
        if was_under_way {
            assert_eq!(resumed.exit, 4, "{}", resumed.stderr);
            assert!(
                resumed.stderr.contains("went from the source"),
                "{}",
                resumed.stderr
            );
            for _ in 0..10 {
                let decided = run(
                    &cluster,
                    state.path(),
                    &["resolve", "--keep", "source", "--yes"],
                );
                assert_eq!(decided.exit, 0, "{}", decided.stderr);
                resumed = run(&cluster, state.path(), &["resume", "--yes"]);
                if resumed.exit == 0 {
                    break;
                }
            }
        }
        assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
        let expected = keys.iter().map(|key| {
            let is_gone = deleted.contains(key);
            (key.clone(), (!is_gone).then(|| b"v".to_vec()))
        });
        load::assert_all_there(cluster.seed(), None, &expected.collect());
        if was_under_way {
            return;
        }
    }
    panic!("no batch was under way in any turn");
}

/// Deletes the keys that the first node has; they are acknowledged.
fn delete_what_is_there(cluster: &LocalCluster, keys: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut link = cluster.link(0).expect("a link");
    let verbs: Vec<Verb> = keys.iter().map(|key| client(&[b"DEL", key])).collect();
    let replies = link.round_trip(&verbs).expect("answers");
    let both = keys.iter().zip(replies);
    let deleted = both.filter(|(_, reply)| matches!(reply, Reply::Int(1)));
    deleted.map(|(key, _)| key.clone()).collect()
}
