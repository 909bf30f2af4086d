//! What a node that refuses makes of a move.

use super::*;

#[test]
fn keys_that_stay_where_they_are_stop_the_move() {
    let mut script = Script {
        listings: vec![vec!["x"]; 1000].into(),
        migrations: vec![Reply::Text(b"NOKEY".to_vec()); 1000].into(),
        ..Script::default()
    };
    let error = script.run(machine(Entry::SourceOwns)).expect_err("stops");
    assert!(error.message().contains("doesn't move"), "{error:?}");
}

#[test]
fn a_source_that_became_a_replica_is_not_a_surprise_and_other_refusals_are() {
    let turned = refused("ERR", "Please use SETSLOT only with masters.");
    let mut script = Script {
        own_source: Some(turned),
        ..Script::default()
    };
    script.run(machine(Entry::SourceOwns)).expect("arrives");
    let end = &script.log[script.log.len() - 2..];
    assert_eq!(end, [TAIL[6], "look"]);

    let keys = refused(
        "ERR",
        "Can't assign hashslot 7 to a different node while I still hold keys",
    );
    let mut script = Script {
        own_source: Some(keys),
        ..Script::default()
    };
    assert!(script.run(machine(Entry::SourceOwns)).is_err());
    assert_eq!(script.log.last().map(String::as_str), Some(TAIL[4]));
}

#[test]
fn a_slot_that_the_source_does_not_open_is_withdrawn_only_while_nothing_has_moved() {
    let refusal = refused("ERR", "I'm not the owner of hash slot 7");
    let run = |entry| {
        let mut script = Script {
            migrating: Some(refusal.clone()),
            probes: [Some(refused("MOVED", "7 10.0.0.3:7000")), None],
            ..Script::default()
        };
        let error = script.run(machine(entry)).expect_err("stops");
        assert!(error.message().contains("not the owner"), "{error:?}");
        script.log
    };
    let fresh = [HEAD[0], "claim", HEAD[1], "b: SETSLOT 7 STABLE"];
    assert_eq!(run(Entry::Fresh), fresh);
    assert_eq!(run(Entry::SourceOwns), HEAD[..2]);
}

#[test]
fn a_slot_whose_source_has_no_replica_just_now_is_looked_at_again() {
    for refusal in [
        refused("NOREPLICAS", "Not enough good replicas to write."),
        refused("ERR", "Please use SETSLOT only with masters."),
    ] {
        let mut machine = machine(Entry::Fresh);
        let ok = || Reply::Text(b"OK".to_vec());
        machine.action();
        machine.answer(vec![ok()]).expect("imports");
        machine.claimed();
        machine.action();
        let halt = machine.answer(vec![refusal]).expect_err("halts");
        assert!(matches!(halt, Halt::Unclear(_)), "{halt:?}");
        // Nobody takes it for a slot that is where it should be.
        assert!(matches!(machine.action(), Action::Recheck));
    }
}

#[test]
fn keys_that_stay_where_they_are_stop_a_measured_move_too() {
    let mut measured = machine(Entry::SourceOwns);
    measured.settings.how.bytes_per_migrate = Some(1_000);
    let mut script = Script {
        listings: vec![vec!["x"]; 1000].into(),
        migrations: vec![Reply::Text(b"NOKEY".to_vec()); 1000].into(),
        ..Script::default()
    };
    let error = script.run(measured).expect_err("stops");
    assert!(error.message().contains("doesn't move"), "{error:?}");
}

/// The link is at another database then.
#[test]
fn a_first_listing_behind_a_refused_select_is_not_taken_for_that_of_database_0() {
    let mut many = machine(Entry::SourceOwns);
    many.settings.databases = [2, 2];
    let ok = || Reply::Text(b"OK".to_vec());
    let listing = |names: &[&str]| {
        let keys = names.iter().map(|name| Reply::Text(named(name)));
        Reply::List(keys.collect())
    };
    many.action();
    many.answer(vec![ok()]).expect("imports");
    many.action();
    let opened = vec![
        ok(),
        refused("ASK", "7 10.0.0.2:7000"),
        Reply::Text(b"db1:keys=1,expires=0".to_vec()),
        ok(),
        Reply::Int(1),
        listing(&["x"]),
        refused("NOPERM", "no"),
        refused("NOPERM", "no"),
        listing(&["x"]),
    ];
    many.answer(opened).expect("opens");
    let Action::Ask { verbs, .. } = many.action() else {
        panic!("it asks");
    };
    let words: Vec<String> = verbs.iter().map(line).collect();
    assert_eq!(words, ["SELECT 0", "GETKEYSINSLOT 7 2"]);
}

#[test]
fn a_database_that_may_not_be_selected_stops_the_move_before_anything_is_made_of_another() {
    let mut script = Script {
        select: Some(refused("NOPERM", "No permissions to access database")),
        ..Script::default()
    };
    let error = script.run(machine(Entry::SourceOwns)).expect_err("stops");
    assert!(error.message().contains("SELECT was refused"), "{error:?}");
    assert_eq!(script.log[1..3], [HEAD[1], PASS[1]]);
    assert!(!script.log.iter().any(|line| line.contains("MIGRATE ")));
}
