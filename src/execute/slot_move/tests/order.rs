//! The order of what is asked, and who is looked at before what.

use super::*;

#[test]
fn the_order_is_the_safe_one() {
    let mut script = Script {
        listings: [vec!["x", "y"], vec!["z"]].into(),
        ..Script::default()
    };
    assert_eq!(script.run(machine(Entry::SourceOwns)).expect("arrives"), 3);
    let keys = [
        "a: SELECT 0 | MIGRATE 10.0.0.2 7000  0 500 KEYS x y | GETKEYSINSLOT 7 2 | COUNTKEYSINSLOT 7",
        "b: SELECT 0 | COUNTKEYSINSLOT 7 | ASKING | PTTL y | SELECT 0",
        "a: SELECT 0 | MIGRATE 10.0.0.2 7000  0 500 KEYS z | GETKEYSINSLOT 7 2 | COUNTKEYSINSLOT 7",
        "b: SELECT 0 | COUNTKEYSINSLOT 7 | ASKING | PTTL z | SELECT 0",
    ];
    let still = ["b: INFO | SELECT 0 | COUNTKEYSINSLOT 7 | SELECT 0"];
    let expected = [&HEAD[..], &keys, &TAIL[..2], &still, &TAIL[3..]].concat();
    assert_eq!(script.log, expected);
}

#[test]
fn a_target_that_takes_another_node_for_the_owner_is_told_first() {
    let mut script = Script::default();
    script.run(machine(Entry::SourceReplaced)).expect("arrives");
    let told = "b: SETSLOT 7 NODE a | SETSLOT 7 IMPORTING a";
    assert_eq!(script.log, [&[told], &HEAD[1..], &TAIL].concat());
}

#[test]
fn a_fresh_slot_is_claimed_before_its_source_opens_it() {
    let mut script = Script::default();
    script.run(machine(Entry::Fresh)).expect("arrives");
    let head = [&HEAD[..1], &["claim"], &HEAD[1..]].concat();
    assert_eq!(script.log, [&head[..], &TAIL].concat());
    let mut taken = Script {
        other_mover: Some("d imports it too"),
        ..Script::default()
    };
    let error = taken.run(machine(Entry::Fresh)).expect_err("stops");
    assert_eq!(error.message(), "d imports it too");
    let expected = ["b: SETSLOT 7 IMPORTING a", "claim", "b: SETSLOT 7 STABLE"];
    assert_eq!(taken.log, expected);
}

#[test]
fn a_slot_that_only_its_target_has_open_is_withdrawn_when_nobody_can_look() {
    let mut machine = machine(Entry::Fresh);
    let ok = || vec![Reply::Text(b"OK".to_vec())];
    machine.answer(ok()).expect("it is imported");
    assert!(matches!(machine.action(), Action::Claim));
    let why = Error::new(ErrorKind::Stopped, "a primary is gone");
    assert!(machine.give_up(&why));
    let Action::Ask { node, verbs } = machine.action() else {
        panic!("it asks");
    };
    assert_eq!(
        (node, line(&verbs[0])),
        (task().target, "SETSLOT 7 STABLE".to_owned())
    );
    let halt = machine.answer(ok()).expect_err("it is as it was");
    assert!(matches!(halt, Halt::Closed(_)), "{halt:?}");
}

#[test]
fn a_slot_that_the_target_owns_is_not_opened_again() {
    let mut script = Script::default();
    script.run(machine(Entry::TargetOwns)).expect("arrives");
    assert_eq!(script.log, [&PASS[..], &TAIL].concat());
}

#[test]
fn keys_of_a_source_that_serves_none_are_never_sent() {
    let empty = || Script::default();
    let mut closes = empty();
    closes.run(machine(Entry::TargetServes)).expect("arrives");
    assert_eq!(closes.log, [&PASS[..1], &TAIL].concat());
    let mut orphaned = Script {
        listings: [vec!["old"]].into(),
        counts: [1].into(),
        ..empty()
    };
    orphaned.run(machine(Entry::TargetServes)).expect("arrives");
    assert_eq!(orphaned.log, [&PASS[..1], &TAIL[..1]].concat());
}

#[test]
fn a_key_that_turns_up_after_all_is_moved_before_anybody_owns() {
    let mut script = Script {
        listings: [vec![], vec!["late"]].into(),
        counts: [1, 0].into(),
        ..Script::default()
    };
    assert_eq!(script.run(machine(Entry::SourceOwns)).expect("arrives"), 1);
    let owned = script
        .log
        .iter()
        .position(|line| line.contains("NODE"))
        .expect("an owner");
    let moved = script
        .log
        .iter()
        .position(|line| line.contains("KEYS late"))
        .expect("a move");
    assert!(moved < owned, "{:?}", script.log);
}

/// Brings a machine to where it is confirmed: it wants to know the target's epoch, or to say
/// `NODE`.
fn confirmed(asks: &str) -> SlotMove {
    let mut machine = machine(Entry::SourceOwns);
    let mut script = Script::default();
    for _ in 0..20 {
        match machine.action() {
            Action::Ask { verbs, .. } if line(&verbs[0]) == asks => return machine,
            Action::Ask { node, verbs } => {
                let replies = verbs.iter().map(|verb| script.answer(node, verb)).collect();
                machine.answer(replies).expect("goes on");
            }
            Action::Confirm => machine.confirmed(9, Vec::new()),
            other => panic!("{other:?}"),
        }
    }
    panic!("it never asks {asks}");
}

#[test]
fn a_target_is_not_told_by_an_outdated_look() {
    let ok = || vec![Reply::Text(b"OK".to_vec())];
    let epoch = || vec![Reply::Text(b"cluster_current_epoch:9".to_vec())];
    let mut waits = confirmed("INFO");
    assert!(waits.is_confirmed(true));
    waits.outdate(true);
    assert!(!waits.is_confirmed(true));
    waits.answer(epoch()).expect("goes on");
    assert!(matches!(waits.action(), Action::Confirm));

    let mut wants = confirmed("SETSLOT 7 NODE b");
    assert!(wants.is_confirmed(false));
    wants.outdate(false);
    assert!(matches!(wants.action(), Action::Confirm));

    // What has gone out is out.
    let mut told = confirmed("SETSLOT 7 NODE b");
    assert!(!told.is_confirmed(true));
    told.outdate(true);
    told.answer(ok()).expect("goes on");
    assert!(matches!(told.action(), Action::Ask { node, .. } if node == id('a')));
}

#[test]
fn the_target_waits_for_the_sources_epoch() {
    let mut script = Script {
        epochs: [7, 8, 9].into(),
        ..Script::default()
    };
    script.run(machine(Entry::SourceOwns)).expect("arrives");
    let waits = script
        .log
        .iter()
        .filter(|line| *line == "pause 100")
        .count();
    assert_eq!(waits, 2);

    let mut never = Script {
        epochs: vec![1; 1000].into(),
        ..Script::default()
    };
    let error = never.run(machine(Entry::SourceOwns)).expect_err("stops");
    assert!(
        error
            .message()
            .contains("epoch 1 stays behind the source's 9"),
        "{error:?}"
    );
    assert!(
        !never.log.iter().any(|line| line.contains("NODE")),
        "{:?}",
        never.log.last()
    );
}

/// The source may fail over, or receive another slot, while its epoch is waited for.
#[test]
fn after_a_wait_for_the_epoch_the_source_is_looked_at_again() {
    let mut script = Script {
        epochs: [8, 9, 10].into(),
        confirmed: [9, 10, 10].into(),
        ..Script::default()
    };
    script.run(machine(Entry::SourceOwns)).expect("arrives");
    let tail = &script.log[script.log.len() - 13..];
    let wait = ["confirm", "b: INFO", "pause 100"];
    let expected = [&TAIL[..1], &wait, &wait, &TAIL[1..]].concat();
    assert_eq!(tail, expected);
}
