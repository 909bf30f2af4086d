//! Which keys count.

use super::{HEADER, json, says};
use crate::tool::{run_in, run_with};
use serde_json::{Value, json as value};

#[test]
fn filters_choose_the_keys_that_count() {
    let text = format!(
        "{HEADER}0,string,user:1,10,string,1,1,\n0,sortedset,user:2,5000,ziplist,1,1,\n\
         3,hash,session:1,70,ziplist,1,1,\n0,string,hello,100,string,1,1,\n"
    );
    for (args, keys) in [
        (&["--match", "user:*"][..], 2),
        (&["--match", "user:*", "--match", "h?llo"], 3),
        (&["--type", "zset,hash"], 2),
        (&["--db", "3"], 1),
        (&["--min-bytes", "1kb"], 1),
        (&["--slots", "866,0-10"], 1),
        (&["--type", "string", "--match", "user:*"], 1),
    ] {
        let run = run_with(
            [&["analyze", "--json", "-"], args].concat(),
            text.as_bytes(),
        );
        assert_eq!(json(&run)["totals"]["keys"], keys, "{args:?}");
        assert_eq!(json(&run)["inputs"][0]["filtered"], 4 - keys, "{args:?}");
        says(&run.stderr, &["left out by the filters"]);
    }
    for args in [
        ["--type", "zzz"],
        ["--slots", "5-4"],
        ["--min-bytes", "many"],
    ] {
        assert_eq!(
            run_with([&["analyze", "-"][..], &args].concat(), b"a\n").exit,
            2
        );
    }
}

#[test]
fn only_the_slots_of_a_node_count_when_it_is_named() {
    let nodes = crate::fixtures::folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("the path is text");
    let dumps = crate::fixtures::folder("memory-csv");
    let analyze = |args: &[&str]| {
        run_in(
            &dumps,
            [&["analyze", "--json", "tagged.csv"], args].concat(),
            b"",
        )
    };
    let whole = json(&analyze(&["--nodes", nodes]));
    let (mut keys, mut filtered) = (0, 0);
    for node in whole["nodes"].as_array().expect("nodes") {
        let id = node["id"].as_str().expect("an id");
        let addr = node["addr"].as_str().expect("an address");
        let of_node = json(&analyze(&["--nodes", nodes, "--node", addr]));
        assert_eq!(of_node["totals"]["keys"], node["keys"]);
        assert_eq!(of_node["totals"]["bytes"], node["bytes"]);
        assert_eq!(
            of_node,
            json(&analyze(&["--nodes", nodes, "--node", &id[..12]]))
        );
        let none = json(&analyze(&[
            "--nodes", nodes, "--node", id, "--slots", "0-16383",
        ]));
        assert_eq!(none, of_node);
        keys += node["keys"].as_u64().expect("a number");
        filtered += of_node["inputs"][0]["filtered"].as_u64().expect("a number");
    }
    // Every key was left out by all nodes but its own.
    assert_eq!((keys, filtered), (306, 306 * 2));
    for (args, words) in [
        (&["--node", "a"][..], "--node needs a slot map"),
        (
            &["--nodes", nodes, "--node", "nobody"],
            "no node is called `nobody`",
        ),
    ] {
        let run = analyze(args);
        assert_eq!(run.exit, 2);
        says(&run.stderr, &[words]);
    }
}

#[test]
fn figures_a_slot_are_over_the_slots_that_can_have_keys() {
    let report = |args: &[&str], name: fn(u32) -> Option<String>| {
        let keys: String = (0..600_000).filter_map(name).collect();
        let run = |form| run_with([&["analyze", "-", form], args].concat(), keys.as_bytes());
        (
            json(&run("--json")),
            run("--output=table").text().to_owned(),
        )
    };
    fn random(number: u32) -> String {
        format!("user:{}:profile\n", number.wrapping_mul(2_654_435_761))
    }
    let (node, table) = report(&[], |number| {
        let key = random(number);
        let slot = slotkit::slot::Slot::for_key(key.trim_end().as_bytes());
        (slot.number() <= 5460).then_some(key)
    });
    let spread = &node["distribution"];
    assert_eq!(spread["scope"], value!({"kind": "part", "slots": 5461}));
    assert_eq!(spread["chi_square"], Value::Null);
    assert_eq!(spread["empty_slots"], 16_384 - 5461);
    assert!(spread["keys"]["min"].as_u64() > Some(10), "{spread}");
    assert!(spread["keys"]["skew"].as_f64() < Some(2.0), "{spread}");
    let hottest = &node["hot_slots"]["by_keys"][0];
    assert_eq!(hottest["times_mean"], spread["keys"]["skew"]);
    says(
        &table,
        &[
            "0 of about 5,461 slots with keys are empty",
            "looks like a dump of one node",
        ],
    );
    let (chosen, table) = report(&["--slots", "0-999,2000"], |number| Some(random(number)));
    let spread = &chosen["distribution"];
    assert_eq!(spread["scope"], value!({"kind": "chosen", "slots": 1001}));
    assert_eq!(spread["chi_square"]["verdict"], "uniform");
    assert_eq!(spread["chi_square"]["degrees"], 1000);
    let hottest = &chosen["hot_slots"]["by_keys"][0];
    assert_eq!(hottest["times_mean"], spread["keys"]["skew"]);
    says(
        &table,
        &[
            "0 of 1,001 chosen slots are empty",
            "as even as a uniform hash",
        ],
    );
}

#[test]
fn a_filter_that_an_input_cannot_answer_is_said() {
    let log = "1795370754.356650 [3 127.0.0.1:47358] \"GET\" \"a\"\n";
    let types = "doesn't tell types, so that --type leaves all its";
    let sizes = "doesn't tell sizes, so that --min-bytes leaves all its keys out";
    for (text, args, words) in [
        ("a\nb\n", ["--type", "string"], types),
        ("a\nb\n", ["--min-bytes", "1kb"], sizes),
        (
            "key,n\na,1\n",
            ["--min-bytes", "1"],
            "name it with --size-column",
        ),
        (
            "a\n",
            ["--db", "3"],
            "--db leaves out all its keys: they count as in",
        ),
        (
            "key,size\na,1\n",
            ["--db", "0,3"],
            "--db keeps all its keys: they count as in",
        ),
        (
            log,
            ["--type", "hash"],
            "--type leaves all its operations out",
        ),
        (
            "0,string,a,1,string,1,1,\n",
            ["--size-column", "n"],
            "those of every memory CSV, so that --size-column says nothing",
        ),
        (
            log,
            ["--key-column", "key"],
            "it has no columns, so that --key-column says nothing",
        ),
        (
            log,
            ["--type", "hash"],
            "1 operation was left out by the filters",
        ),
        (
            log,
            ["--type", "hash"],
            "read as monitor, 0 operations on keys",
        ),
    ] {
        let run = run_with([&["analyze", "-"][..], &args].concat(), text.as_bytes());
        assert_eq!(run.exit, 0, "{}", run.stderr);
        says(&run.stderr, &["<stdin>: ", words]);
    }
    for (text, args) in [
        (log, ["--db", "3"]),
        ("key,type\na,string\n", ["--type", "hash"]),
        ("a\n", ["--type", "unknown"]),
        ("a\n", ["--match", "b"]),
    ] {
        let run = run_with([&["analyze", "-"][..], &args].concat(), text.as_bytes());
        assert!(!run.stderr.contains("doesn't tell"), "{}", run.stderr);
    }
}
