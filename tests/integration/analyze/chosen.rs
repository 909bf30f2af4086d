//! Which keys count.

use super::{HEADER, json, says};
use crate::tool::{run_in, run_with};

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
