//! Why a slot is hot.

use super::{HEADER, json, large_dump, says, with_file};
use crate::tool::{run_in, run_with};
use serde_json::Value;

#[test]
fn hot_slots_have_their_causes() {
    let folder = with_file("dump.csv", large_dump());
    let json = json(&run_in(
        folder.path(),
        ["analyze", "dump.csv", "--json", "--top", "1"],
        b"",
    ));
    let hottest = &json["hot_slots"]["by_keys"][0];
    assert_eq!(hottest["cause"]["kind"], "hash_tag");
    assert_eq!(hottest["cause"]["name"], "hot");
    assert_eq!(hottest["cause"]["exact"], true);
    assert!(hottest["share"].as_f64() > Some(0.199));
    assert_eq!(
        json["hot_slots"]["by_keys"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn causes_are_estimated_when_there_are_too_many_tags() {
    let mut text = HEADER.to_owned();
    for index in 0..120_000 {
        let tag = if index % 4 == 0 {
            "hot".to_owned()
        } else {
            format!("u{index}")
        };
        text += &format!(
            "0,string,{{{tag}}}:{index},{},string,1,1,\n",
            50 + index % 100
        );
    }
    let folder = with_file("dump.csv", text);
    let of = |more: &[&str]| {
        let args = ["analyze", "dump.csv", "--json", "--top", "1"];
        json(&run_in(folder.path(), [&args[..], more].concat(), b""))
    };
    for (report, is_exact) in [(of(&["--no-second-pass"]), false), (of(&[]), true)] {
        for metric in ["by_keys", "by_bytes"] {
            let cause = &report["hot_slots"][metric][0]["cause"];
            assert_eq!(
                (&cause["kind"], &cause["name"]),
                (&Value::from("hash_tag"), &Value::from("hot"))
            );
            assert_eq!(cause["exact"], is_exact);
            let share = cause["share"].as_f64().expect("a share");
            // 30,000 keys of the tag, and about five others in the same slot.
            let most = if is_exact {
                0.0001
            } else {
                cause["error"].as_f64().expect("a bound")
            };
            assert!(
                (share - 0.9998).abs() <= most && most < 0.01,
                "{share} ± {most}"
            );
        }
    }
}

#[test]
fn a_big_key_is_the_cause_of_its_slots_bytes() {
    let mut text = HEADER.to_owned() + "0,list,queue,1000000,quicklist,1,1,\n";
    for index in 0..1000 {
        text += &format!("0,string,k{index},100,string,1,1,\n");
    }
    let folder = with_file("dump.csv", text);
    let json = json(&run_in(
        folder.path(),
        ["analyze", "dump.csv", "--json"],
        b"",
    ));
    let cause = &json["hot_slots"]["by_bytes"][0]["cause"];
    assert_eq!(
        (&cause["kind"], &cause["name"]),
        (&Value::from("key"), &Value::from("queue"))
    );
}

#[test]
fn a_tag_above_a_nodes_fair_share_is_named() {
    let mut text = HEADER.to_owned();
    for index in 0..100 {
        let tag = if index < 40 { "{tenant}" } else { "" };
        text += &format!("0,string,{tag}k{index},10,string,1,1,\n");
    }
    let nodes = crate::fixtures::folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("text");
    let with_nodes = run_with(
        ["analyze", "-", "--json", "--nodes", nodes],
        text.as_bytes(),
    );
    let with_nodes = json(&with_nodes);
    let advice = with_nodes["advice"].as_array().expect("advice");
    assert_eq!(advice.len(), 2, "by bytes and by keys");
    assert_eq!(
        (&advice[0]["name"], &advice[0]["share"]),
        (&Value::from("tenant"), &Value::from(0.4))
    );
    assert_eq!(advice[0]["fair_share"], 0.333333);
    let table = run_with(["analyze", "-", "--nodes", nodes], text.as_bytes());
    says(table.text(), &["no rebalance can spread it"]);
    let without = json(&run_with(["analyze", "-", "--json"], text.as_bytes()));
    assert_eq!(without["advice"], Value::Null);
    // Of what is left, or of one node's slots, the tag is more than it is of all.
    let of_all = "and shares of a part say nothing of the whole.";
    for (filter, withheld, why) in [
        (["--match", "*k[1-4]*"], "filtered", "filters left keys out"),
        (
            ["--slots", "0-16000"],
            "part",
            "these are the keys of a part of the slots",
        ),
    ] {
        let args = ["analyze", "-", "--json", "--nodes", nodes];
        let run = run_with([&args[..], &filter].concat(), text.as_bytes());
        crate::analyze_schema::hold(&run.stdout, withheld);
        let part = json(&run);
        assert_eq!(part["hash_tags"]["by_keys"][0]["name"], "tenant");
        assert_eq!(part["advice"], serde_json::json!([]), "{filter:?}");
        assert_eq!(part["advice_withheld"], withheld);
        let args = [&["analyze", "-", "--nodes", nodes][..], &filter].concat();
        let words = format!("Advice\n  No advice on hash tags: {why}, {of_all}");
        says(run_with(args, text.as_bytes()).text(), &[&words]);
    }
    // A filter that leaves nothing out withholds nothing.
    assert_eq!(with_nodes.get("advice_withheld"), None);
    let args = ["analyze", "-", "--json", "--nodes", nodes, "--match", "*k*"];
    assert_eq!(json(&run_with(args, text.as_bytes())), with_nodes);
}

#[test]
fn listed_estimates_are_within_their_bounds_though_they_were_selected() {
    // More tags than are counted: all of ten keys, or a few of them of 2,000.
    let dump = |heavy: u32| {
        let row = |index: u32| {
            let tag = if index < heavy * 2000 {
                format!("heavy{}", index % heavy)
            } else {
                format!("u{}", index % 20_000)
            };
            format!("0,string,cart:{{{tag}}}:{index},100,string,1,1,\n")
        };
        let rows: String = (0..200_000 + heavy * 2000).map(row).collect();
        let report = run_with(
            ["analyze", "-", "--json"],
            (HEADER.to_owned() + &rows).as_bytes(),
        );
        json(&report)["hash_tags"].clone()
    };
    let even = dump(0);
    assert_eq!(even["by_keys"], serde_json::json!([]), "none stands out");
    assert_eq!(even["by_bytes"], serde_json::json!([]));
    let heavy = dump(10);
    for (list, unit, truth) in [("by_keys", "keys", 2000), ("by_bytes", "bytes", 200_000)] {
        let rows = heavy[list].as_array().expect("rows");
        assert_eq!(rows.len(), 10, "{rows:?}");
        for row in rows {
            let (units, error) = (&row[unit], &row[format!("error_{unit}")]);
            let (units, error) = (
                units.as_u64().expect("units"),
                error.as_u64().expect("a bound"),
            );
            assert!(units.abs_diff(truth) <= error && error < truth, "{row}");
            assert_eq!(row["exact"], false);
        }
    }
}

#[test]
fn what_a_sample_has_not_seen_is_not_told_as_exact() {
    // Hundreds of slots whose keys are mostly those of one tag, among many more keys than are sampled.
    let rows = (0..200_000).map(|number| match number % 20 {
        0 => format!("{{hot{}}}:{number},10\n", number / 20 % 400),
        _ => format!("{{t{}}}:{number},10\n", number * 7919 % 40_000),
    });
    let rows = "key,size\n".to_owned() + &rows.collect::<String>();
    let run = run_with(["analyze", "--json", "--top", "100", "-"], rows.as_bytes());
    let report = json(&run);
    let hot = report["hot_slots"]["by_keys"].as_array().expect("slots");
    let many: Vec<_> = hot
        .iter()
        .filter(|row| row["cause"]["kind"] == "many_keys")
        .collect();
    assert!(
        !many.is_empty(),
        "a sample that sees every tag shows nothing"
    );
    for row in many {
        let cause = &row["cause"];
        assert_eq!(cause["exact"], false, "{row}");
        let sampled = cause["sampled"].as_u64().expect("how many were seen");
        assert!(sampled < row["keys"].as_u64().expect("a count"), "{row}");
    }
    let table = run_with(["analyze", "--top", "100", "-"], rows.as_bytes());
    let words = "many keys, as far as a sample of";
    assert!(table.text().contains(words), "{}", table.text());
}
