//! Plan files: read back as they were written, and refused when anything is wrong with them.

use crate::instances::{Placement, Weights, instance};
use slotkit::ErrorKind;
use slotkit::plan::{MAX_PLAN_BYTES, Plan, plan};

fn written() -> String {
    plan(&instance(5, Weights::Zipf, Placement::OneNew, 3))
        .expect("a plan")
        .to_json()
}

fn refused(text: impl AsRef<[u8]>) -> String {
    let error = Plan::from_json(text.as_ref(), "plan.json").expect_err("no plan");
    assert_eq!(error.kind(), ErrorKind::Input, "{error}");
    let line = error.one_line();
    assert!(line.starts_with("plan.json"), "{line}");
    line
}

#[test]
fn a_plan_is_read_back_byte_for_byte() {
    for (nodes, weights, placement) in [
        (5, Weights::Zipf, Placement::OneNew),
        (100, Weights::Giants, Placement::OneDrained),
    ] {
        let plan = plan(&instance(nodes, weights, placement, 3)).expect("a plan");
        let text = plan.to_json();
        let again = Plan::from_json(text.as_bytes(), "plan.json").expect("the plan");
        assert_eq!(again, plan);
        assert_eq!(again.to_json(), text);
    }
}

#[test]
fn a_file_is_written_whole_and_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plan.json");
    let plan = plan(&instance(5, Weights::Zipf, Placement::OneNew, 3)).expect("a plan");
    plan.write(&path).expect("written");
    plan.write(&path).expect("written over");
    assert_eq!(Plan::read(&path).expect("the plan"), plan);
    let names = std::fs::read_dir(folder.path())
        .expect("the folder")
        .count();
    assert_eq!(names, 1, "nothing is left beside it");
    let error = Plan::read(folder.path().join("none.json")).expect_err("no file");
    assert_eq!(error.kind(), ErrorKind::Io);
    let error = plan
        .write(folder.path().join("none/plan.json"))
        .expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::Io);
    let dump = folder.path().join("dump.rdb");
    std::fs::write(&dump, b"REDIS0009").expect("written");
    let error = plan.write(&dump).expect_err("another file");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(std::fs::read(&dump).expect("still there"), b"REDIS0009");
}

#[test]
fn the_contract_of_the_document_holds() {
    let json: serde_json::Value = serde_json::from_str(&written()).expect("JSON");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["objective"]["by"]["bytes"], 1.0);
    assert_eq!(
        json["made_from"]["fingerprint"].as_str().map(str::len),
        Some(64)
    );
    for list in ["before", "after"] {
        let ids: Vec<&str> = json[list]
            .as_array()
            .expect(list)
            .iter()
            .filter_map(|node| node["id"].as_str())
            .collect();
        assert!(ids.is_sorted());
        for field in ["addr", "slots", "keys", "bytes", "load"] {
            assert!(json[list][0].get(field).is_some(), "{list} {field}");
        }
    }
    for field in ["slot", "source", "target", "keys", "bytes"] {
        assert!(json["migrations"][0].get(field).is_some(), "{field}");
    }
    assert!(
        json["migrations"][0]["keys"].is_null(),
        "unknown keys are null"
    );
    for field in ["slots", "keys", "bytes", "lower_bound_bytes"] {
        assert!(json["cost"].get(field).is_some(), "{field}");
    }
}

#[test]
fn fields_of_later_versions_are_tolerated() {
    let text = written().replacen("\"schema\": 1,", "\"schema\": 1, \"later\": [1],", 1);
    assert!(Plan::from_json(text.as_bytes(), "plan.json").is_ok());
}

#[test]
fn what_is_no_plan_is_refused_with_its_place() {
    let text = written();
    assert!(refused("").contains("cut off"));
    assert!(refused(&text[..text.len() / 2]).contains("cut off"));
    assert!(refused("not JSON").contains("line 1"));
    assert!(refused("{}").contains("schema"));
    assert!(refused("[1]").contains("line 1"));
    assert!(refused(b"{\"schema\": 1, \"x\": \"\xff\"}").contains("byte 20"));
    let other = text.replacen("\"schema\": 1", "\"schema\": 2", 1);
    assert!(refused(other).contains("schema 2"));
    assert!(refused("[".repeat(100_000)).contains("line 1"));
    assert!(refused(format!("{text} x")).contains("line"));
}

#[test]
fn contradictions_are_refused() {
    let change = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json: serde_json::Value = serde_json::from_str(&written()).expect("JSON");
        change(&mut json);
        refused(json.to_string())
    };
    let twice = change(&|json| json["migrations"][1] = json["migrations"][0].clone());
    assert!(
        twice.contains("migrations[1]") && twice.contains("twice"),
        "{twice}"
    );
    let same = change(&|json| {
        json["migrations"][0]["target"] = json["migrations"][0]["source"].clone();
    });
    assert!(same.contains("to itself"), "{same}");
    let beyond = change(&|json| json["migrations"][0]["slot"] = 16384.into());
    assert!(beyond.contains("16384"), "{beyond}");
    let stranger = change(&|json| json["migrations"][0]["target"] = "f".repeat(40).into());
    assert!(stranger.contains("isn't among the nodes"), "{stranger}");
    let source = change(&|json| json["migrations"][0]["source"] = "f".repeat(40).into());
    assert!(source.contains("isn't owned"), "{source}");
    let epoch = change(&|json| json["made_from"]["primaries"][0]["config_epoch"] = 77.into());
    assert!(epoch.contains("fingerprint"), "{epoch}");
    let order = change(&|json| {
        json["before"].as_array_mut().expect("nodes").reverse();
    });
    assert!(order.contains("sorted"), "{order}");
    let missing = change(&|json| {
        json["after"].as_array_mut().expect("nodes").pop();
    });
    assert!(missing.contains("after"), "{missing}");
    let applicable = change(&|json| json["can_be_applied"] = false.into());
    assert!(applicable.contains("can_be_applied"), "{applicable}");
    let threshold = change(&|json| json["objective"]["threshold_percent"] = 1e9.into());
    assert!(threshold.contains("threshold_percent"), "{threshold}");
}

#[test]
fn a_file_of_a_gigabyte_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plan.json");
    let file = std::fs::File::create(&path).expect("a file");
    file.set_len(1 << 30).expect("a hole of a gigabyte");
    let error = Plan::read(&path).expect_err("too long");
    assert!(
        error.to_string().contains(&MAX_PLAN_BYTES.to_string()),
        "{error}"
    );
}
