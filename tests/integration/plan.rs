//! `slotkit plan-rebalance` without moving anything: what it weighs by, and what it says.

use super::fixtures::folder;
use super::servers;
use super::tool::{self, Run, slotkit};
use slotkit::cluster::client::ClusterClient;
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{NodeLink, Verb};
use std::path::Path;

/// A plan from the saved nodes of a healthy cluster.
fn saved(args: &[&str]) -> Run {
    let nodes = folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("a path");
    tool::run(["plan-rebalance", "--nodes", nodes].iter().chain(args))
}

/// A plan from a live cluster.
fn live(cluster: &LocalCluster, args: &[&str]) -> Run {
    let port = cluster.seed().port.to_string();
    let seed = ["plan-rebalance", "-h", "127.0.0.1", "-p", &port];
    let output = slotkit(seed.iter().chain(args)).output();
    tool::ended(output.expect("the binary runs"))
}

fn two() -> Shape {
    Shape {
        primaries: 2,
        ..Shape::default()
    }
}

fn two_counting() -> Shape {
    Shape {
        config: vec!["cluster-slot-stats-enabled yes".to_owned()],
        ..two()
    }
}

fn config_set(cluster: &LocalCluster, node: usize, name: &str, value: &str) {
    let words = ["CONFIG", "SET", name, value];
    let verb = Verb::Client(words.map(|word| word.as_bytes().to_vec()).into());
    let mut link = cluster.link(node).expect("a link");
    let reply = link.ask(&verb).expect("an answer");
    reply.accepted(&verb).expect("it may be set");
}

fn dump(path: &Path, rows: &[(&str, u64)]) {
    let header = "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry";
    let rows = rows
        .iter()
        .map(|(key, size)| format!("0,string,{key},{size},string,1,1,\n"));
    let text = std::iter::once(format!("{header}\n")).chain(rows);
    std::fs::write(path, text.collect::<String>()).expect("writes");
}

fn slots_after(run: &Run) -> Vec<u64> {
    let document: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    let nodes = document["after"].as_array().expect("nodes");
    nodes
        .iter()
        .map(|node| node["slots"].as_u64().expect("a count"))
        .collect()
}

#[test]
fn a_rate_gives_the_time() {
    let keyspace = folder("memory-csv").join("hdt.csv");
    let keyspace = keyspace.to_str().expect("a path");
    let args = ["--keyspace", keyspace, "--by", "keys"];
    let run = saved(&args);
    assert!(!run.text().contains("; about "), "{}", run.text());
    let run = saved(&[&args[..], &["--rate", "1/s"]].concat());
    assert_eq!(run.exit, 1, "{}", run.stderr);
    assert!(run.text().contains("; about "), "{}", run.text());
    let run = saved(&["--rate", "0"]);
    assert_eq!(run.exit, 2);
    assert!(run.stderr.contains("above 0"), "{}", run.stderr);
}

#[test]
fn a_budget_is_told_beside_the_whole_plan() {
    let args = ["--drain", "172.17.0.3", "--max-moves", "10"];
    let run = saved(&args);
    assert_eq!(run.exit, 1, "{}", run.stderr);
    let words = "10 slots to move; the whole plan moves 5,461 slots, and none less than \
                 5,461 slots (1.00x).\nBeyond the budget: 5,451 slots.";
    assert!(run.text().contains(words), "{}", run.text());
    let run = saved(&[&args[..], &["--rate", "1mb"]].concat());
    assert!(run.text().contains("how long is unknown"), "{}", run.text());
    let run = saved(&["--drain", "172.17.0.3", "--max-bytes", "1gb"]);
    assert_eq!(run.exit, 2, "{}", run.stderr);
    assert!(run.stderr.contains("limit in bytes"), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[test]
fn nodes_are_named_by_any_of_their_names() {
    for name in ["172.17.0.3", "172.17.0.3:6379", "54cb", "54CB5C2E"] {
        let run = saved(&["--drain", name, "--json"]);
        assert_eq!(run.exit, 1, "{}", run.stderr);
        assert_eq!(slots_after(&run), [0, 8192, 8192]);
    }
    let run = saved(&["--drain", "172.17.0.9"]);
    assert_eq!(run.exit, 2, "{}", run.stderr);
    let words = "no primary is called `172.17.0.9`; the primaries are 54cb5c2e (172.17.0.3:6379)";
    assert!(run.stderr.contains(words), "{}", run.stderr);
}

#[test]
fn what_cant_be_understood_is_refused_on_one_line() {
    for args in [
        &["--thresold", "3"][..],
        &["--threshold", "101"],
        &["--capacity", "x"],
        &["--move", "0-100"],
        &["--from", "54", "--to", "76"],
        &["--apply"],
    ] {
        let run = saved(args);
        assert_eq!(run.exit, 2, "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(
            run.stderr.contains("`slotkit plan-rebalance --help`"),
            "{}",
            run.stderr
        );
        assert_eq!(run.stdout, b"");
    }
}

#[test]
fn a_slot_that_nothing_can_split_is_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dump.csv");
    let file = path.to_str().expect("a path");
    let tagged: Vec<String> = (0..10).map(|n| format!("{{tenant}}:{n}")).collect();
    let mut rows: Vec<(&str, u64)> = tagged.iter().map(|key| (key.as_str(), 1000)).collect();
    rows.push(("a", 10));
    dump(&path, &rows);
    let run = saved(&["--keyspace", file, "--by", "bytes"]);
    assert!(run.text().contains("no move can help"), "{}", run.text());
    let words = "the hash tag `tenant` is 100.0 % of its bytes: give its keys several tags";
    assert!(run.stderr.contains(words), "{}", run.stderr);

    dump(&path, &[("whale", 1_000_000), ("a", 10), ("b", 10)]);
    let run = saved(&["--keyspace", file, "--by", "bytes", "--json"]);
    let words = "the key `whale` is 100.0 % of its bytes";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    slots_after(&run);
}

#[test]
fn a_tally_of_some_slots_weighs_no_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dump.csv");
    dump(&path, &[("a", 10), ("b", 10), ("c", 10)]);
    let tally = folder.path().join("some.tally");
    let [file, tally] = [&path, &tally].map(|path| path.to_str().expect("a path"));
    let save = |filter: &[&str]| {
        let args = [&["analyze", file, "--save", tally], filter].concat();
        assert_eq!(tool::run(args).exit, 0);
        saved(&["--keyspace", tally, "--by", "bytes"])
    };
    let run = save(&["--slots", "0-8191"]);
    assert_eq!(run.exit, 2, "{}", run.stderr);
    assert!(
        run.stderr.contains("8,192 of 16,384 slots"),
        "{}",
        run.stderr
    );
    assert_ne!(save(&[]).exit, 2);
}

#[test]
fn shares_follow_maxmemory() {
    let Some(cluster) = servers::cluster(&two()) else {
        return;
    };
    let args = ["--by", "slots", "--capacity", "maxmemory", "--json"];
    config_set(&cluster, 0, "maxmemory", "300mb");
    let run = live(&cluster, &args);
    assert_eq!(run.exit, 2, "{}", run.stderr);
    let name = cluster.nodes()[1].addr.to_string();
    assert!(
        run.stderr.contains(&format!("{name} has none set")),
        "{}",
        run.stderr
    );
    config_set(&cluster, 1, "maxmemory", "100mb");
    let run = live(&cluster, &args);
    assert_eq!(run.exit, 1, "{}", run.stderr);
    let mut slots = slots_after(&run);
    slots.sort_unstable();
    assert_eq!(slots, [4096, 12288]);
    let mixed = live(
        &cluster,
        &[&args[..], &["--weight", &format!("{name}=2")]].concat(),
    );
    assert_eq!(mixed.exit, 2, "{}", mixed.stderr);
}

#[test]
fn a_saved_view_has_no_maxmemory() {
    let run = saved(&["--by", "slots", "--capacity", "maxmemory"]);
    assert_eq!(run.exit, 2, "{}", run.stderr);
    assert!(run.stderr.contains("doesn't say it"), "{}", run.stderr);
    assert_eq!(saved(&["--by", "slots", "--capacity", "equal"]).exit, 0);
}

#[test]
fn load_is_what_the_nodes_counted() {
    let Some(server) = servers::installed("valkey-9.1") else {
        return;
    };
    let cluster = LocalCluster::start(&server, &two_counting()).expect("a cluster");
    let mut client = ClusterClient::connect(cluster.seed(), None).expect("a client");
    // All of the traffic is for slots of the first node, spread over 20 of them.
    let view = cluster.view(0).expect("a view");
    let first = view.map().slots_of(cluster.nodes()[0].id);
    let keys = (0..)
        .map(|n| format!("key:{n}"))
        .filter(|key| first.contains(slotkit::slot::Slot::for_key(key.as_bytes())));
    for key in keys.take(20) {
        for _ in 0..20 {
            client
                .run(&[b"SET", key.as_bytes(), &[b'v'; 500]])
                .expect("an answer");
        }
    }
    for by in ["net-in", "net", "cpu=0.5,keys=0.5"] {
        let run = live(&cluster, &["--by", by, "--json"]);
        assert_eq!(run.exit, 1, "{by}: {}", run.stderr);
        let document: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
        let loads = |when: &str| {
            let nodes = document[when].as_array().expect("nodes").iter();
            let load = nodes.map(|node| node["load"].as_f64().expect("a load"));
            load.fold(0.0, f64::max)
        };
        assert!(loads("before") > 0.99, "{by}: {}", run.text());
        assert!(loads("after") < 0.75, "{by}: {}", run.text());
    }
    let run = live(&cluster, &["--by", "bytes"]);
    assert_eq!(run.exit, 2, "{}", run.stderr);
    assert!(run.stderr.contains("--keyspace"), "{}", run.stderr);
}

#[test]
fn a_server_that_counts_no_load_says_what_to_do() {
    let Some(cluster) = servers::cluster(&two()) else {
        return;
    };
    let run = live(&cluster, &["--by", "cpu"]);
    assert_eq!(run.exit, 2, "{}", run.stderr);
    let words = "doesn't say the cpu of a slot; it has slots, keys";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    let old = run.stderr.contains("has no CLUSTER SLOT-STATS");
    let off = run.stderr.contains("cluster-slot-stats-enabled yes");
    assert!(old || off, "{}", run.stderr);
    assert_eq!(run.stdout, b"");
}
