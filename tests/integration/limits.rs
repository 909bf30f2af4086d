//! What the user allows while slots move: how much at once and a second, and how long clients may
//! wait, how full a node and how far behind a replica may be before a run pauses, and stops.

use super::servers::runs::{
    arrived, assert_well, client, key_in, run, send, signal, spawn, state, wait_for_replicas,
    wait_for_slots, with_replicas,
};
use super::servers::{self, load};
use serde_json::Value;
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::parse::info_field;
use slotkit::cluster::verb::{NodeLink, Verb};
use slotkit::cluster::witness::Expected;
use slotkit::slot::Slot;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::time::Duration;

/// Two primaries with a replica each; nobody takes over while a node stands still.
fn two_with_replicas() -> Shape {
    with_replicas(2, 60_000)
}

/// The lines of a run that are JSON, and then the words.
struct Lines {
    pipe: BufReader<std::process::ChildStderr>,
    words: String,
}

impl Lines {
    fn of(child: &mut Child) -> Lines {
        let pipe = BufReader::new(child.stderr.take().expect("a pipe"));
        let words = String::new();
        Lines { pipe, words }
    }

    /// The next document; it fails when the run has ended.
    fn next(&mut self) -> Value {
        loop {
            let mut line = String::new();
            let length = self.pipe.read_line(&mut line).expect("text");
            assert!(length > 0, "the run ended: {}", self.words);
            if line.starts_with('{') {
                return serde_json::from_str(&line).expect("JSON");
            }
            self.words.push_str(&line);
        }
    }

    /// The first document in which a node shows a figure above this.
    fn until(&mut self, node: &str, figure: &str, above: u64) -> Value {
        loop {
            let document = self.next();
            if figure_of(&document, node, figure).is_some_and(|value| value > above) {
                return document;
            }
        }
    }

    /// How many keys have been sent when five documents in a row say the same number.
    fn until_it_stands(&mut self, from: &Value) -> u64 {
        let keys = |document: &Value| document["keys"].as_u64().expect("keys");
        let (mut sent, mut same) = (keys(from), 0);
        while same < 5 {
            let now = keys(&self.next());
            same = if now == sent { same + 1 } else { 0 };
            sent = now;
        }
        sent
    }

    /// Everything up to the end.
    fn rest(mut self) -> String {
        self.pipe.read_to_string(&mut self.words).expect("text");
        self.words
    }
}

fn figure_of(document: &Value, node: &str, figure: &str) -> Option<u64> {
    let nodes = document["nodes"].as_array()?;
    let of_node = nodes.iter().find(|about| about["addr"] == node)?;
    of_node[figure].as_u64()
}

fn name(cluster: &LocalCluster, node: usize) -> String {
    cluster.nodes()[node].addr.to_string()
}

/// A run of slots of the first node to the second, slow enough to be looked at.
fn slowly<'a>(slots: &'a str, target: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["plan-rebalance", "--move", slots, "--to", target];
    args.extend(["--apply", "--yes", "--progress", "json"]);
    args.extend(more);
    args
}

#[test]
fn keys_bytes_and_slots_are_held() {
    let shape = Shape {
        primaries: 2,
        ..Shape::default()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let mut expected = Expected::new();
    for number in 100..106 {
        let key = key_in(Slot::new(number).expect("a slot"), "");
        let tag = format!("{{{}}}", String::from_utf8(key).expect("digits"));
        // Slots with fewer keys count in part.
        expected.extend(load::fill(seed, None, &tag, 220, 100));
    }
    let (first, second) = (name(&cluster, 0), name(&cluster, 1));
    let more = ["--max-keys-per-second", "700", "--slots-at-once", "2"];
    let before = arrived(&cluster, 1);
    let mut child = spawn(&cluster, state.path(), &slowly("100-105", &second, &more));
    let (mut most, mut looks) = (0, 0);
    while child.try_wait().expect("a status").is_none() {
        let view = cluster.view(0).expect("a view");
        let open = view.myself().expect("myself").open.len();
        most = most.max(open);
        looks += 1;
    }
    let words = Lines::of(&mut child).rest();
    assert!(child.wait().expect("ends").success(), "{words}");
    assert_eq!(arrived(&cluster, 1), before + 6);
    assert!((1..=2).contains(&most), "{most} open in {looks} looks");
    let end = words.lines().rfind(|line| line.contains("\"end\""));
    let end: Value = serde_json::from_str(end.expect("a document")).expect("JSON");
    assert_eq!(end["keys"], 1320);
    // One batch may overdraw what a second allows.
    let rate = end["keys_per_second"].as_u64().expect("a rate");
    assert!(rate <= 700 + 100, "{rate} keys a second");

    let more = ["--max-bytes-per-second", "150kb", "--json"];
    let back = run(&cluster, state.path(), &slowly("100-105", &first, &more));
    assert_eq!(back.exit, 0, "{}", back.stderr);
    let plan: Value = serde_json::from_slice(&back.stdout).expect("JSON");
    let applied = &plan["applied"];
    let rate = applied["bytes_per_second"].as_u64().expect("a rate");
    assert!(applied["bytes"].as_u64().expect("measured") > 1320 * 100);
    assert!(rate <= 150 * 1024 * 11 / 10, "{rate} bytes a second");
    load::assert_all_there(seed, None, &expected);
}

#[test]
fn a_node_that_keeps_clients_waiting_stops_the_run() {
    let Some(cluster) = servers::cluster(&two_with_replicas()) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let expected = load::fill(seed, None, "key", 4_000, 10);
    let lives = load::fill_expiring(seed, "life", 200);
    wait_for_replicas(&cluster, 2);
    let target = name(&cluster, 1);
    let more = ["--max-keys-per-second", "200", "--max-latency-ms", "500"];
    let before = arrived(&cluster, 1);
    let mut child = spawn(&cluster, state.path(), &slowly("0-3999", &target, &more));
    wait_for_slots(&cluster, 1, before + 20, &mut child);
    let mut lines = Lines::of(&mut child);
    signal(&cluster, 1, "-STOP");
    // The run is worn out after ten seconds above the limit.
    lines.until(&target, "latency_ms", 11_000);
    signal(&cluster, 1, "-CONT");
    let words = lines.rest();
    assert_eq!(child.wait().expect("ends").code(), Some(4), "{words}");
    let why = "keeps clients waiting for longer than 500 ms";
    assert!(words.contains(why) && words.contains(&target), "{words}");
    assert!(words.contains("run the same command again"), "{words}");
    let resumed = run(&cluster, state.path(), &["resume", "--yes"]);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    assert_well(&cluster, state.path(), &expected, &lives);
}

#[test]
fn a_replica_that_falls_behind_is_waited_for() {
    // A node forgets a silent replica, and how far it was behind, after `repl-timeout`.
    let mut shape = two_with_replicas();
    shape.config.push("repl-timeout 600".to_owned());
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    // One slot's keys follow each other without a look at the node that stands still.
    let key = key_in(Slot::new(100).expect("a slot"), "");
    let tag = format!("{{{}}}", String::from_utf8(key).expect("digits"));
    let expected = load::fill(seed, None, &tag, 2_000, 1_000);
    wait_for_replicas(&cluster, 2);
    let target = name(&cluster, 1);
    let more = ["--max-keys-per-second", "200", "--max-replica-lag", "90kb"];
    let mut child = spawn(&cluster, state.path(), &slowly("100", &target, &more));
    let mut lines = Lines::of(&mut child);
    lines.until(&target, "used_bytes", 0);
    let replica = 3;
    signal(&cluster, replica, "-STOP");
    let behind = lines.until(&target, "replica_lag_bytes", 90 << 10);
    let sent = lines.until_it_stands(&behind);
    assert!(sent < 2_000, "{sent} keys");
    signal(&cluster, replica, "-CONT");
    let words = lines.rest();
    assert!(child.wait().expect("ends").success(), "{words}");
    assert_well(&cluster, state.path(), &expected, &[]);
}

fn set_max_memory(cluster: &LocalCluster, node: usize, bytes: u64) {
    let bytes = bytes.to_string();
    let words = [&b"CONFIG"[..], b"SET", b"maxmemory", bytes.as_bytes()];
    send(cluster, node, &[client(&words)]);
}

/// What a node uses: the least of some moments, since what clients send and get counts too.
fn used_memory(cluster: &LocalCluster, node: usize) -> u64 {
    let mut link = cluster.link(node).expect("a link");
    let verb = Verb::Info("memory");
    let used = (0..20).map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        let text = link.ask(&verb).expect("an answer").text(&verb);
        let text = text.expect("text");
        let used = info_field(&text, "used_memory").expect("a field");
        used.parse().expect("a number")
    });
    used.min().expect("some")
}

#[test]
fn a_target_without_memory_stops_the_run() {
    let Some(cluster) = servers::cluster(&two_with_replicas()) else {
        return;
    };
    let (seed, state) = (cluster.seed(), state());
    let mut expected = load::fill(seed, None, "key", 8_000, 500);
    let lives = load::fill_expiring(seed, "life", 500);
    // Of this much, the few percent that the test needs are more than what clients send and get.
    let (filler, size) = (key_in(Slot::new(16_000).expect("a slot"), ""), 40_000_000);
    let mut value = vec![0; size];
    value.push(b'x');
    let words = [&b"SETRANGE"[..], &filler, b"40000000", b"x"];
    send(&cluster, 1, &[client(&words)]);
    expected.insert(filler, Some(value));
    wait_for_replicas(&cluster, 2);
    let target = name(&cluster, 1);
    let gently = slowly("0-3999", &target, &["--max-keys-per-second", "100"]);
    let before = arrived(&cluster, 1);
    let mut child = spawn(&cluster, state.path(), &gently);
    wait_for_slots(&cluster, 1, before + 20, &mut child);
    set_max_memory(&cluster, 1, used_memory(&cluster, 1) * 100 / 97);
    let words = Lines::of(&mut child).rest();
    assert_eq!(child.wait().expect("ends").code(), Some(4), "{words}");
    assert!(
        words.contains(&target) && words.contains("bytes of memory, above 95 %"),
        "{words}"
    );

    // Over the edge, where the server itself refuses.
    set_max_memory(&cluster, 1, used_memory(&cluster, 1) * 99 / 100);
    let to_the_brim = slowly("0-3999", &target, &["--max-memory-percent", "100"]);
    let full = run(&cluster, state.path(), &to_the_brim);
    // 3 where the run was worn out before it had opened anything more.
    assert!(matches!(full.exit, 3 | 4), "{}", full.stderr);
    assert!(full.stderr.contains("maxmemory"), "{}", full.stderr);
    load::assert_all_there(seed, None, &expected);

    set_max_memory(&cluster, 1, 0);
    let resumed = run(&cluster, state.path(), &["resume", "--yes"]);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    assert_well(&cluster, state.path(), &expected, &lives);
    let whole = slowly("0-3999", &target, &[]);
    let done = run(&cluster, state.path(), &whole);
    assert_eq!(done.exit, 0, "{}", done.stderr);
    assert_well(&cluster, state.path(), &expected, &lives);
}
