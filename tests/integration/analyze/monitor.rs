//! Logs of MONITOR.

use super::{json, says, with_file};
use crate::tool::{run_in, run_with};
use serde_json::Value;
use std::{fs, io::Write};

#[test]
fn logs_of_monitor_give_operations_on_keys() {
    let mut log = "OK\r\n1795370754.000000 [0 [::1]:9] \"PING\"\r\n".to_owned();
    for number in 0..30_000 {
        let (db, key) = (
            number % 2,
            if number % 3 == 0 {
                "hot".to_owned()
            } else {
                format!("u:{number}")
            },
        );
        log += &format!(
            "1795370755.{number:06} [{db} 10.0.0.1:7] \"EVAL\" \"return 'x\\\"y'\" \"1\" \"{key}\" \"v\"\n"
        );
        log += &format!("1795370755.{number:06} [{db} lua] \"get\" \"{key}\"\n");
    }
    log += "1795370765.000000 [0 unix:/tmp/x] \"MGET\" \"hot\" \"a\\n\\x00\"\nOK\n1795370765.5";
    let folder = with_file("log", &log);
    let cut = run_in(folder.path(), ["analyze", "log"], b"");
    assert_eq!(cut.exit, 0, "{}", cut.stderr);
    says(
        &cut.stderr,
        &["log: its last line isn't whole", "passed over"],
    );
    // Anywhere else such a line is a fault.
    let inside = with_file("log", format!("{log}\n{}", &log[..log.len() - 12]));
    let inside = run_in(inside.path(), ["analyze", "log"], b"");
    assert_eq!(inside.exit, 2);
    says(
        &inside.stderr,
        &[
            "log, line 60005",
            "expected a line of MONITOR such as",
            "found `1795370765.5`",
        ],
    );
    let skip = ["analyze", "--json", "--on-error", "skip"];
    let analyze = |args: &[&str]| {
        let run = run_in(folder.path(), [&skip[..], args].concat(), log.as_bytes());
        assert_eq!(run.exit, 0, "{}", run.stderr);
        says(&run.stderr, &["read as monitor", "operations on keys"]);
        run.stdout
    };
    let bytes = analyze(&["log", "--threads", "1"]);
    let report: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert!(analyze(&["log", "--threads", "3"]) == bytes);
    // A pipe isn't read again.
    let piped = String::from_utf8(analyze(&["-"])).expect("text");
    let once = analyze(&["log", "--no-second-pass"]);
    let impossible = piped.replace("\"impossible\"", "\"not_needed\"");
    assert!(impossible.replace("<stdin>", "log").as_bytes() == once);
    let operations = &report["operations"];
    assert_eq!(
        (&operations["total"], &operations["scripted"]),
        (&30_002.into(), &30_000.into())
    );
    assert_eq!(
        (&operations["first"], &operations["seconds"]),
        (&"2026-11-22T18:05:54Z".into(), &11.0.into())
    );
    let hot = &operations["hot_slots"][0];
    // Two other keys are in its slot.
    assert_eq!(
        (&hot["operations"], &hot["cause"]["name"]),
        (&10_003.into(), &"hot".into())
    );
    let error = operations["hot_keys"][0]["error"]
        .as_f64()
        .expect("a bound");
    let share = operations["hot_keys"][0]["share"]
        .as_f64()
        .expect("a share");
    assert!((share - 0.3333).abs() <= error, "{share} ± {error}");
    assert_eq!(
        operations["commands"],
        serde_json::json!([
            {"command": "eval", "operations": 30_000, "keyless": 0, "heavy": true},
            {"command": "mget", "operations": 2, "keyless": 0, "heavy": false},
            {"command": "ping", "operations": 0, "keyless": 1, "heavy": false},
        ])
    );
    assert_eq!(
        (&report["totals"]["keys"], &report["inputs"][0]["skipped"]),
        (&0.into(), &0.into())
    );
    // Filters look at keys: a command without one is left out.
    let some: Value =
        serde_json::from_slice(&analyze(&["log", "--match", "hot", "--db", "0"])).expect("JSON");
    assert_eq!(some["operations"]["total"], 5001);
    assert_eq!(
        some["operations"]["commands"].as_array().map(Vec::len),
        Some(2)
    );
    // Saved, it is the same; a plan needs keys.
    run_in(
        folder.path(),
        [&skip[..], &["log", "--save", "log.tally"]].concat(),
        b"",
    );
    let saved = ["analyze", "--json", "--no-second-pass", "log.tally"];
    let saved = run_in(folder.path(), saved, b"");
    assert!(saved.stdout == once, "{}", saved.stderr);
    let nodes = crate::fixtures::folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("text");
    let plan = [
        "plan-rebalance",
        "--nodes",
        nodes,
        "--keyspace",
        "log.tally",
    ];
    let plan = run_in(folder.path(), plan, b"");
    assert_eq!(plan.exit, 2);
    says(&plan.stderr, &["a log of MONITOR has operations"]);
}

#[test]
fn what_scripts_run_is_told_with_what_of_it_nobody_counts() {
    let table = |log: &str| run_with(["analyze", "-"], log.as_bytes()).text().to_owned();
    let call = |keys: &str| format!("17.000001 [0 x:1] \"EVAL\" \"x\" {keys}\n");
    let scripted = "17.000002 [0 lua] \"GET\" \"a\"\n";
    let named = table(&(call("\"1\" \"a\"") + scripted));
    let words = "1 command, not counted: of a script, the keys that its call names are\n";
    says(&named, &[words]);
    let none = table(&(call("\"0\"") + scripted + scripted));
    let words = "2 commands, not counted: of a script, the keys that its call names are \
                 (1 call names none)";
    says(&none, &[words]);
    let none = call("\"0\"").replace("EVAL", "FCALL_RO") + &call("\"0\"") + scripted;
    says(&table(&none), &["are (2 calls name none)"]);
}

#[test]
fn operations_are_told_for_each_node() {
    let nodes = crate::fixtures::folder("cluster-nodes").join("healthy.txt");
    let nodes = nodes.to_str().expect("text");
    // Slots 866 and 15495.
    let log = "17.000001 [0 x:1] \"MGET\" \"hello\" \"hello\" \"a\" \"hello\"\n";
    let log_alone = with_file("log", log);
    let run = |args: &[&str]| {
        let args = [&["analyze", "log", "--nodes", nodes], args].concat();
        run_in(log_alone.path(), args, b"")
    };
    let report = json(&run(&["--json"]));
    let operations = |report: &Value| {
        let nodes = report["nodes"].as_array().expect("nodes");
        let of_each = nodes.iter().map(|node| node["operations"].as_u64());
        of_each.collect::<Vec<_>>()
    };
    assert_eq!(operations(&report), [Some(0), Some(3), Some(1)]);
    assert_eq!(report["unassigned"]["operations"], 0);
    for bytes in [
        "/totals/bytes",
        "/distribution/bytes",
        "/nodes/0/bytes",
        "/unassigned/bytes",
    ] {
        assert_eq!(report.pointer(bytes), Some(&Value::Null), "{bytes}");
    }
    crate::analyze_schema::hold(&run(&["--json"]).stdout, "operations of nodes");
    let table = run(&[]);
    let row = "760e4d00  172.17.0.2:6379  5,462           3  75.0 %";
    says(table.text(), &["operations   share", row]);
    assert!(!table.text().contains("keys  share"), "{}", table.text());
    let csv = run(&["--csv"]);
    says(csv.text(), &["\n866,0,,0,,,3,760e4d"]);
    // With a dump, keys are there too.
    fs::write(log_alone.path().join("dump"), "key,size\nhello,7\n").expect("a dump");
    let both = json(&run(&["--json", "dump"]));
    assert_eq!(operations(&both), [Some(0), Some(3), Some(1)]);
    assert_eq!(both["nodes"][1]["bytes"], 7);
    let row = "1  100.0 %    7 B  100.0 %           3  75.0 %";
    says(run(&["dump"]).text(), &[row]);
    let dump = run_with(["analyze", "-", "--json", "--nodes", nodes], b"hello\n");
    assert_eq!(json(&dump)["nodes"][0].get("operations"), None);
}

#[test]
fn damage_of_a_log_is_told_in_its_table() {
    let line = "17.000001 [0 x:1] \"GET\" \"hello\"\n".repeat(100_000);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(line.as_bytes()).expect("it packs");
    let mut packed = packed.finish().expect("it packs");
    packed.truncate(packed.len() - 100);
    let run = run_with(["analyze", "-", "--on-error", "skip"], &packed);
    assert_eq!(run.exit, 2, "{}", run.stderr);
    says(run.text(), &["Findings\n"]);
}
