//! Runs of the binary against a cluster, and what the cluster looks like after them.

use super::{load, wait};
use crate::tool::{self, Run, slotkit};
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::parse::info_field;
use slotkit::cluster::verb::{NodeLink, Reply, Verb};
use slotkit::cluster::witness::Expected;
use slotkit::slot::Slot;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// How long replicas may take to have their primaries' data.
const PATIENCE: Duration = Duration::from_secs(60);

/// Moves slots until every node has as many, those without any too.
pub const EVEN_OUT: [&str; 6] = [
    "plan-rebalance",
    "--by",
    "slots",
    "--use-empty-primaries",
    "--apply",
    "--yes",
];

/// A run against a cluster, with its journal in a folder of the test's own.
pub fn run(cluster: &LocalCluster, state: &Path, args: &[&str]) -> Run {
    let output = command(cluster, state, args)
        .output()
        .expect("the binary runs");
    tool::ended(output)
}

/// The command of such a run.
pub fn command(cluster: &LocalCluster, state: &Path, args: &[&str]) -> std::process::Command {
    let seed = cluster.seed();
    let (command, rest) = args.split_first().expect("a command");
    let mut tool = slotkit([*command, "-h", &seed.host, "-p", &seed.port.to_string()]);
    tool.args(rest)
        .env("XDG_STATE_HOME", state)
        .stdin(Stdio::null());
    if let Some(login) = cluster.login() {
        tool.env("REDISCLI_AUTH", login.password.reveal());
    }
    tool
}

/// How many slots each node has, as every node sees it; they must all see the same.
pub fn slots(cluster: &LocalCluster) -> Vec<usize> {
    let views: Vec<_> = (0..cluster.nodes().len())
        .map(|index| cluster.view(index).expect("a view"))
        .collect();
    let counts = |view: &slotkit::cluster::ClusterView| -> Vec<usize> {
        let ids = cluster.nodes().iter().map(|node| node.id);
        ids.map(|id| view.map().slots_of(id).len()).collect()
    };
    for view in &views {
        assert_eq!(view.open_slots().count(), 0, "no slot is open");
        assert_eq!(counts(view), counts(&views[0]), "every node sees the same");
    }
    counts(&views[0])
}

/// A folder for journals and plans.
pub fn state() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Three primaries with slots and one without.
pub fn three_and_one() -> Shape {
    Shape {
        primaries: 3,
        empty: 1,
        ..Shape::default()
    }
}

/// So many primaries with a replica each, which takes over from one that was gone for this long.
pub fn with_replicas(primaries: usize, node_timeout_ms: u32) -> Shape {
    Shape {
        primaries,
        replicas: 1,
        config: vec![format!("cluster-node-timeout {node_timeout_ms}")],
        ..Shape::default()
    }
}

/// How many slots a node says that it owns.
pub fn arrived(cluster: &LocalCluster, node: usize) -> usize {
    let view = cluster.view(node).expect("a view");
    view.myself().expect("myself").slots.len()
}

/// Waits until a node has so many slots, while this run brings them.
pub fn wait_for_slots(cluster: &LocalCluster, node: usize, count: usize, run: &mut Child) {
    while arrived(cluster, node) < count {
        if let Some(status) = run.try_wait().expect("a status") {
            let words = words(run);
            panic!("it ended with {status} before {count} slots arrived: {words}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts a run, with its words in a pipe.
pub fn spawn(cluster: &LocalCluster, state: &Path, args: &[&str]) -> Child {
    command(cluster, state, args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

/// What a run says until it ends.
pub fn words(run: &mut Child) -> String {
    let mut words = String::new();
    let mut pipe = run.stderr.take().expect("a pipe");
    pipe.read_to_string(&mut words).expect("text");
    words
}

/// Sends verbs to a node, which must accept them all.
pub fn send(cluster: &LocalCluster, node: usize, verbs: &[Verb]) {
    let mut link = cluster.link(node).expect("a link");
    for reply in link.round_trip(verbs).expect("answers") {
        assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
    }
}

/// A command of a client.
pub fn client(words: &[&[u8]]) -> Verb {
    Verb::Client(words.iter().map(|word| word.to_vec()).collect())
}

/// Everything that must hold when slots have stopped moving: every key is there with its value and
/// its life, and on one primary alone; all nodes agree, and `check` has nothing to say.
pub fn assert_well(cluster: &LocalCluster, state: &Path, expected: &Expected, lives: &[Vec<u8>]) {
    slots(cluster);
    let seed = cluster.seed();
    load::assert_all_there(seed, cluster.login(), expected);
    load::assert_lives(seed, lives);
    let there = expected.values().filter(|value| value.is_some()).count();
    assert_on_one_primary(cluster, there + lives.len());
    // A replica that was late, or that another one has taken over from, may be behind for a while.
    let mut said = String::new();
    wait::until("check has nothing to say", PATIENCE, || {
        let check = run(cluster, state, &["check"]);
        let now = format!("{}{}", check.text(), check.stderr);
        if now != said {
            eprintln!("check says {}: {now}", check.exit);
            said = now;
        }
        check.exit == 0
    });
}

/// The primaries that live have so many keys in all.
pub fn assert_on_one_primary(cluster: &LocalCluster, expected: usize) {
    let view = cluster.view(0).expect("a view");
    let is_primary = |index: &usize| {
        let node = view.node(cluster.nodes()[*index].id);
        node.is_some_and(|node| node.is_primary() && !node.flags.fail)
    };
    let count = |index: usize| {
        let mut link = cluster.link(index).expect("a link");
        let reply = link.ask(&Verb::DbSize).expect("an answer");
        reply.count(&Verb::DbSize).expect("a number") as usize
    };
    let keys: usize = (0..cluster.nodes().len())
        .filter(is_primary)
        .map(count)
        .sum();
    assert_eq!(keys, expected, "each key is on one primary");
}

/// Sends a signal to a node's server.
pub fn signal(cluster: &LocalCluster, node: usize, name: &str) {
    send_signal(cluster.nodes()[node].pid(), name);
}

/// Sends a signal to a run.
pub fn signal_child(run: &Child, name: &str) {
    send_signal(run.id(), name);
}

fn send_signal(pid: u32, name: &str) {
    let pid = pid.to_string();
    let status = std::process::Command::new("kill")
        .args([name, &pid])
        .status();
    assert!(status.expect("kill runs").success());
}

/// Waits until every replica has its primary's data: before that none can take over, and a first
/// synchronisation begins after five seconds only (`repl-diskless-sync-delay`).
pub fn wait_for_replicas(cluster: &LocalCluster, primaries: usize) {
    let is_synced = |node: usize| {
        let mut link = cluster.link(node).expect("a link");
        let verb = Verb::Info("replication");
        let info = link
            .ask(&verb)
            .expect("an answer")
            .text(&verb)
            .expect("text");
        info.contains("master_link_status:up")
    };
    wait::until("the replicas have the data", PATIENCE, || {
        (primaries..cluster.nodes().len()).all(is_synced)
    });
}

/// A key of this slot that begins so.
pub fn key_in(slot: Slot, prefix: &str) -> Vec<u8> {
    let keys = (0..10_000_000_u32).map(|number| format!("{prefix}{number}").into_bytes());
    let mut keys = keys.filter(|key| Slot::for_key(key) == slot);
    keys.next().expect("a key")
}

/// Waits until a replica serves slots in the place of its primary, as another node sees it. Those
/// that the primary was given last may stay with it, where the replica hadn't heard of them.
pub fn wait_for_promotion(cluster: &LocalCluster, observer: usize, replica: usize) {
    let promoted = cluster.nodes()[replica].id;
    wait::until("the replica takes over", PATIENCE, || {
        let view = cluster.view(observer).expect("a view");
        let seen = view.node(promoted).expect("the replica");
        seen.is_primary() && !seen.slots.is_empty()
    });
}

/// Waits until a replica has read what its primary, which stands still, has sent. Of a node that
/// dies with a key on its way to the replica, the key is lost: `MIGRATE` deletes it at the source
/// when the target has it, and waits for no replica (seen on Valkey 9.1).
pub fn wait_until_it_has_all(cluster: &LocalCluster, replica: usize) {
    let verb = Verb::Info("replication");
    let mut link = cluster.link(replica).expect("a link");
    let (mut last, mut same) = (String::new(), 0);
    wait::until("the replica has it all", PATIENCE, || {
        std::thread::sleep(Duration::from_millis(50));
        let text = link.ask(&verb).expect("an answer").text(&verb);
        let text = text.expect("text");
        let offset = info_field(&text, "slave_repl_offset").expect("a replica");
        same = if offset == last { same + 1 } else { 0 };
        offset.clone_into(&mut last);
        same >= 5
    });
}
