//! The JSON reports of `analyze` are what `docs/analyze.schema.json` says, no more and no less.

use super::fixtures::folder;
use super::tool::run_in;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/analyze.schema.json");
    serde_json::from_slice(&fs::read(path).expect("the schema")).expect("JSON")
}

/// Calls this for every schema of an object within the schema.
fn objects(schema: &Value, act: &mut impl FnMut(&Value)) {
    if schema.get("properties").is_some() {
        act(schema);
    }
    match schema {
        Value::Object(fields) => fields.values().for_each(|field| objects(field, act)),
        Value::Array(items) => items.iter().for_each(|item| objects(item, act)),
        _ => {}
    }
}

fn documented() -> Validator {
    validator(&schema())
}

fn validator(schema: &Value) -> Validator {
    assert!(jsonschema::draft202012::meta::is_valid(schema));
    jsonschema::draft202012::new(schema).expect("the schema is one")
}

pub fn hold(report: &[u8], what: &str) -> Value {
    let report: Value = serde_json::from_slice(report).expect("JSON");
    let wrong: Vec<String> = documented()
        .iter_errors(&report)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{what}: {wrong:#?}");
    report
}

fn expectations() -> Vec<PathBuf> {
    ["memory-csv", "key-lists", "monitor"]
        .into_iter()
        .flat_map(|name| fs::read_dir(folder(name)).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(".analyze.json"))
        .collect()
}

#[test]
fn the_fixtures_are_as_the_schema_says() {
    let expectations = expectations();
    assert!(expectations.len() >= 7, "{expectations:?}");
    for path in expectations {
        hold(
            &fs::read(&path).expect("a report"),
            &path.display().to_string(),
        );
    }
}

#[test]
fn a_report_with_everything_is_as_the_schema_says() {
    let nodes = folder("cluster-nodes").join("open-slots.txt");
    let nodes = nodes.to_str().expect("the path is text");
    let args = ["analyze", "--json", "--nodes", nodes, "tagged.csv"];
    let run = run_in(&folder("memory-csv"), args, b"");
    let report = hold(&run.stdout, "with nodes");
    assert_ne!(report["nodes"], json!([]), "nodes are there to be held");
    // Enough keys for estimates and for the chi-square, and none at all.
    let many: String = (0..100_000)
        .map(|number| format!("{{t{number}}}\n"))
        .collect();
    let hot = "{hot}:key\n".repeat(80_000);
    let many = run_in(
        Path::new("."),
        ["analyze", "--json", "--nodes", nodes, "-"],
        (many + &hot).as_bytes(),
    );
    let report = hold(&many.stdout, "many keys");
    assert_ne!(report["advice"], json!([]), "advice is there to be held");
    assert_eq!(report["hash_tags"]["by_keys"][0]["exact"], false);
    let chi_square = &report["distribution"]["chi_square"];
    assert_eq!(chi_square["verdict"], "uneven");
    assert_eq!(chi_square["explained_by"], "hash_tags", "by the sample");
    let log = "17.000002 [0 lua] \"GET\" \"a\"\n".to_owned()
        + &"17.000003 [0 x:1] \"MGET\" \"\\xff\" \"b:1\"\n".repeat(20_000);
    let log = run_in(Path::new("."), ["analyze", "--json", "-"], log.as_bytes());
    let report = hold(&log.stdout, "a log of MONITOR");
    assert_eq!(report["operations"]["hot_keys"][0]["exact"], false);
    // Keys without a size among others: few, and so many that a sample has to do.
    for rows in [3, 40_000] {
        let rows: String = (0..rows)
            .map(|number| format!("p:{{t{number}}},{}\n", ["", "7"][number % 2]))
            .collect();
        let rows = "key,size\n".to_owned() + &rows;
        let args = ["analyze", "--json", "--nodes", nodes, "-"];
        let report = hold(
            &run_in(Path::new("."), args, rows.as_bytes()).stdout,
            "few sizes",
        );
        assert_eq!(report["totals"]["bytes"], Value::Null);
        assert!(report["prefixes"]["by_bytes"][0]["bytes_at_least"].is_u64());
    }
    let none = run_in(Path::new("."), ["analyze", "--json", "-"], b"key,size\n");
    hold(&none.stdout, "no keys");
}

#[test]
fn what_is_not_documented_is_seen() {
    let path = folder("memory-csv").join("tagged.csv.analyze.json");
    let good: Value = serde_json::from_slice(&fs::read(path).expect("a report")).expect("JSON");
    let documented = documented();
    assert!(documented.is_valid(&good));
    for pointer in ["", "/totals", "/slots/0", "/hot_slots/by_keys/0/cause"] {
        let mut more = good.clone();
        let object = more.pointer_mut(pointer).expect("an object");
        object["more"] = json!(1);
        assert!(!documented.is_valid(&more), "{pointer}: not documented");
    }
    for (pointer, wrong) in [
        ("/schema", json!(1)),
        ("/totals/keys", json!("306")),
        ("/slots/0/slot", json!(16384)),
        ("/hot_slots/by_keys/0/cause/kind", json!("luck")),
        ("/inputs/0/format", json!("parquet")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect("a field") = wrong;
        assert!(!documented.is_valid(&bad), "{pointer}");
    }
    let mut less = good;
    less["totals"]
        .as_object_mut()
        .expect("an object")
        .remove("expiring");
    assert!(!documented.is_valid(&less), "a field less");
}

#[test]
fn every_field_is_described_and_no_other_is_allowed() {
    let schema = schema();
    let definitions = &schema["$defs"];
    objects(&schema, &mut |object| {
        assert_eq!(object["additionalProperties"], false, "{object}");
        for (name, field) in object["properties"].as_object().expect("fields") {
            let named = field["$ref"]
                .as_str()
                .and_then(|name| name.strip_prefix("#/$defs/"));
            let described = [Some(field), named.map(|name| &definitions[name])];
            let is_described = described.into_iter().flatten().any(|field| {
                field["description"]
                    .as_str()
                    .is_some_and(|text| text.ends_with('.'))
            });
            assert!(is_described, "{name}");
        }
    });
}
