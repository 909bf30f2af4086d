//! The machine alone: scripted nodes answer, and every command that went out is compared.

use super::*;
use crate::cluster::NodeAddr;
use crate::cluster::verb::{Refusal, Reply, SetSlot, Verb};
use crate::error::ErrorKind;
use crate::slot::Slot;
use std::collections::VecDeque;

fn id(digit: char) -> NodeId {
    digit
        .to_string()
        .repeat(NodeId::DIGITS)
        .parse()
        .expect("an id")
}

fn task() -> Move {
    Move {
        slot: Slot::new(7).expect("a slot"),
        source: id('a'),
        target: id('b'),
    }
}

fn machine(entry: Entry) -> SlotMove {
    let settings = Settings {
        route: NodeAddr::new("10.0.0.2", 7000),
        login: None,
        timeout_ms: 500,
        keys_per_migrate: 2,
        others: vec![id('c'), id('d')],
        bytes_per_migrate: None,
        on_conflict: OnConflict::Stop,
    };
    SlotMove::new(task(), settings, entry)
}

/// A cluster that answers as a script says, and otherwise as an empty source and a willing target.
#[derive(Default)]
struct Script {
    /// Somebody else who has the slot open.
    stranger: Option<&'static str>,
    /// Answers to the next `GETKEYSINSLOT`s; nothing when it runs out.
    listings: VecDeque<Vec<&'static str>>,
    /// Answers to the next `MIGRATE`s; OK when it runs out.
    migrations: VecDeque<Reply>,
    /// Answers to the next `COUNTKEYSINSLOT`s; 0 when it runs out.
    counts: VecDeque<i64>,
    /// `cluster_current_epoch` of the target at the next questions; 9 when it runs out.
    epochs: VecDeque<u64>,
    /// The source's epoch when it is looked at before `NODE`, if not what it was.
    confirmed: VecDeque<u64>,
    /// `DUMP` of every key on source and target.
    dumps: [Option<&'static str>; 2],
    /// The key that the source has no more when it is to be deleted.
    gone: Option<&'static str>,
    /// What `MIGRATING` answers, if not OK.
    migrating: Option<Reply>,
    /// What `NODE` on the source answers, if not OK.
    own_source: Option<Reply>,
    /// Everything that went out, as `a: COMMAND …`, and every pause.
    log: Vec<String>,
}

impl Script {
    fn answer(&mut self, node: NodeId, verb: &Verb) -> Reply {
        let ok = Reply::Text(b"OK".to_vec());
        match verb {
            Verb::Info(_) => Reply::Text(b"# Keyspace\r\ndb0:keys=5,expires=0\r\n".to_vec()),
            Verb::KeysInSlot { .. } => {
                let keys = self.listings.pop_front().unwrap_or_default();
                Reply::List(
                    keys.iter()
                        .map(|key| Reply::Text(key.as_bytes().to_vec()))
                        .collect(),
                )
            }
            Verb::Migrate(_) => self.migrations.pop_front().unwrap_or(ok),
            Verb::CountKeys(_) => Reply::Int(self.counts.pop_front().unwrap_or(0)),
            Verb::ClusterInfo => {
                let epoch = self.epochs.pop_front().unwrap_or(9);
                Reply::Text(format!("cluster_current_epoch:{epoch}").into_bytes())
            }
            Verb::Dump(_) => match self.dumps[usize::from(node == id('b'))] {
                Some(dump) => Reply::Text(dump.as_bytes().to_vec()),
                None => Reply::Nil,
            },
            Verb::Pttl(_) => Reply::Int(-1),
            Verb::Client(words) if words[0] == b"DEL" => {
                let key = std::str::from_utf8(&words[1]).ok();
                match key == self.gone {
                    true => refused("ASK", "7 10.0.0.2:7000"),
                    false => Reply::Int(1),
                }
            }
            Verb::SetSlot {
                state: SetSlot::Migrating { .. },
                ..
            } => self.migrating.clone().unwrap_or(ok),
            Verb::SetSlot {
                state: SetSlot::Node { .. },
                ..
            } if node == id('a') => self.own_source.clone().unwrap_or(ok),
            _ => ok,
        }
    }

    fn run(&mut self, mut machine: SlotMove) -> crate::error::Result<u64> {
        loop {
            match machine.action() {
                Action::Ask { node, verbs } => {
                    let name = node.to_string().remove(0);
                    let words = verbs.iter().map(line).collect::<Vec<_>>().join(" | ");
                    self.log.push(format!("{name}: {words}"));
                    let replies = verbs.iter().map(|verb| self.answer(node, verb)).collect();
                    machine.answer(replies).map_err(Halt::into_error)?;
                }
                Action::Claim => {
                    self.log.push("claim".to_owned());
                    match self.stranger {
                        Some(who) => machine.withdraw(who.to_owned()),
                        None => machine.claimed(),
                    }
                }
                Action::Confirm => {
                    self.log.push("confirm".to_owned());
                    let epoch = self.confirmed.pop_front().unwrap_or(9);
                    machine.confirmed(epoch, vec![id('c'), id('d')]);
                }
                Action::Pause { ms } => self.log.push(format!("pause {ms}")),
                Action::Look => {
                    self.log.push("look".to_owned());
                    return Ok(machine.keys_moved());
                }
                Action::Done => return Ok(machine.keys_moved()),
            }
        }
    }
}

fn line(verb: &Verb) -> String {
    let words: Vec<String> = verb
        .words()
        .iter()
        .map(|word| match word.len() {
            NodeId::DIGITS => String::from_utf8_lossy(&word[..1]).into_owned(),
            _ => String::from_utf8_lossy(word).into_owned(),
        })
        .collect();
    words.join(" ").replace("CLUSTER ", "")
}

fn refused(code: &str, detail: &str) -> Reply {
    Reply::Refused(Refusal {
        code: code.to_owned(),
        detail: detail.to_owned(),
    })
}

const TAIL: [&str; 7] = [
    "a: SELECT 0 | COUNTKEYSINSLOT 7 | SELECT 0",
    "confirm",
    "b: INFO",
    "b: SETSLOT 7 NODE b",
    "a: SETSLOT 7 NODE b",
    "c: SETSLOT 7 NODE b",
    "d: SETSLOT 7 NODE b",
];

const HEAD: [&str; 4] = [
    "b: SETSLOT 7 IMPORTING a",
    "a: SETSLOT 7 MIGRATING b",
    "a: INFO keyspace",
    "a: SELECT 0 | GETKEYSINSLOT 7 2",
];

#[test]
fn the_order_is_the_safe_one() {
    let mut script = Script {
        listings: [vec!["x", "y"], vec!["z"]].into(),
        ..Script::default()
    };
    assert_eq!(script.run(machine(Entry::SourceOwns)).expect("arrives"), 3);
    let keys = [
        "a: SELECT 0 | MIGRATE 10.0.0.2 7000  0 500 KEYS x y | GETKEYSINSLOT 7 2",
        "a: SELECT 0 | MIGRATE 10.0.0.2 7000  0 500 KEYS z | GETKEYSINSLOT 7 2",
    ];
    assert_eq!(script.log, [&HEAD[..], &keys, &TAIL].concat());
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
        stranger: Some("d imports it too"),
        ..Script::default()
    };
    let error = taken.run(machine(Entry::Fresh)).expect_err("stops");
    assert_eq!(error.message(), "d imports it too");
    let expected = ["b: SETSLOT 7 IMPORTING a", "claim", "b: SETSLOT 7 STABLE"];
    assert_eq!(taken.log, expected);
}

#[test]
fn a_slot_that_the_target_owns_is_not_opened_again() {
    let mut script = Script::default();
    script.run(machine(Entry::TargetOwns)).expect("arrives");
    assert_eq!(script.log, [&HEAD[2..], &TAIL].concat());
}

#[test]
fn keys_of_a_source_that_serves_none_are_never_sent() {
    let empty = || Script::default();
    let mut closes = empty();
    closes.run(machine(Entry::TargetServes)).expect("arrives");
    assert_eq!(closes.log, [&HEAD[2..3], &TAIL].concat());
    let mut strays = Script {
        listings: [vec!["old"]].into(),
        counts: [1].into(),
        ..empty()
    };
    strays.run(machine(Entry::TargetServes)).expect("arrives");
    assert_eq!(strays.log, [&HEAD[2..3], &TAIL[..1]].concat());
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

/// Brings a machine to where it is confirmed: it wants to know the target's epoch, or to say `NODE`.
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

#[test]
fn equal_copies_are_replaced_and_different_ones_stop() {
    let busy = refused(
        "ERR",
        "Target instance replied with error: BUSYKEY Target key exists",
    );
    let mut equal = Script {
        listings: [vec!["x"]].into(),
        migrations: [busy.clone()].into(),
        dumps: [Some("1"), Some("1")],
        ..Script::default()
    };
    equal.run(machine(Entry::SourceOwns)).expect("arrives");
    let compared = [
        "a: SELECT 0 | DUMP x | PTTL x",
        "b: SELECT 0 | ASKING | DUMP x | ASKING | PTTL x | SELECT 0",
        "a: SELECT 0 | MIGRATE 10.0.0.2 7000  0 500 REPLACE KEYS x | GETKEYSINSLOT 7 2",
    ];
    assert_eq!(equal.log[5..8], compared);

    let mut different = Script {
        listings: [vec!["x"]].into(),
        migrations: [busy.clone()].into(),
        dumps: [Some("1"), Some("2")],
        ..Script::default()
    };
    let error = different
        .run(machine(Entry::SourceOwns))
        .expect_err("stops");
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(
        error.message().contains("key `x` is on both nodes"),
        "{error:?}"
    );
    assert!(!different.log.iter().any(|line| line.contains("REPLACE")));

    let mut flickering = Script {
        listings: [vec!["x"]].into(),
        migrations: vec![busy; 1000].into(),
        dumps: [Some("1"), None],
        ..Script::default()
    };
    assert!(
        flickering.run(machine(Entry::SourceOwns)).is_err(),
        "bounded"
    );
}

#[test]
fn a_broken_connection_is_tried_again_and_not_without_end() {
    let broken = refused("IOERR", "error or timeout reading to target instance");
    let mut once = Script {
        listings: [vec!["x"]].into(),
        migrations: [broken.clone()].into(),
        ..Script::default()
    };
    once.run(machine(Entry::SourceOwns)).expect("arrives");
    assert!(once.log.contains(&"pause 250".to_owned()));
    let mut always = Script {
        listings: [vec!["x"]].into(),
        migrations: vec![broken; 100].into(),
        ..Script::default()
    };
    let error = always.run(machine(Entry::SourceOwns)).expect_err("stops");
    assert!(error.message().contains("IOERR"), "{error:?}");
}

#[test]
fn a_key_that_is_deleted_before_the_retry_does_not_come_back_in_silence() {
    let broken = || refused("IOERR", "error or timeout reading to target instance");
    let script = |dumps| Script {
        listings: [vec!["x"], vec!["x"]].into(),
        migrations: [broken()].into(),
        dumps,
        ..Script::default()
    };
    // Still there, and its copy on the target is the same.
    let mut same = script([Some("1"), Some("1")]);
    same.run(machine(Entry::SourceOwns)).expect("arrives");
    let sends = |script: &Script| {
        script
            .log
            .iter()
            .filter(|line| line.contains("MIGRATE"))
            .count()
    };
    assert!(same.log.iter().any(|line| line.contains("REPLACE KEYS x")));
    // Still there, and nothing has arrived.
    let mut first = script([Some("1"), None]);
    first.run(machine(Entry::SourceOwns)).expect("arrives");
    assert!(!first.log.iter().any(|line| line.contains("REPLACE")));
    assert_eq!(sends(&first), 2);
    // Deleted at the source, while the target has a copy.
    let mut deleted = script([None, Some("1")]);
    let error = deleted.run(machine(Entry::SourceOwns)).expect_err("stops");
    assert!(
        error.message().contains("key `x` went from the source"),
        "{error:?}"
    );
    assert_eq!(sends(&deleted), 1);
    // The copy may be a write that came to the target: only a wish to keep that goes on.
    let with = |on_conflict| {
        let mut machine = machine(Entry::SourceOwns);
        machine.settings.on_conflict = on_conflict;
        let mut script = script([None, Some("1")]);
        let ended = script.run(machine);
        assert!(
            !script.log.iter().any(|line| line.contains("DEL")),
            "{:?}",
            script.log
        );
        ended
    };
    assert!(with(OnConflict::KeepSource).is_err());
    assert!(with(OnConflict::KeepTarget).is_ok());
    // Listed, broken, listed: without end on purpose, and bounded.
    let mut always = Script {
        listings: vec![vec!["x"]; 1000].into(),
        migrations: vec![broken(); 1000].into(),
        dumps: [Some("1"), Some("1")],
        ..Script::default()
    };
    assert!(
        always.run(self::machine(Entry::SourceOwns)).is_err(),
        "bounded"
    );
}

#[test]
fn what_the_target_keeps_is_deleted_at_the_source_key_by_key() {
    let busy = refused("ERR", "Target instance replied with error: BUSYKEY");
    let mut script = Script {
        listings: [vec!["x", "y"], vec!["x", "y"]].into(),
        migrations: [busy].into(),
        dumps: [Some("1"), Some("2")],
        gone: Some("y"),
        ..Script::default()
    };
    let mut machine = machine(Entry::SourceOwns);
    machine.settings.on_conflict = OnConflict::KeepTarget;
    script.run(machine).expect("arrives");
    let deletes = "a: SELECT 0 | DEL x | DEL y | GETKEYSINSLOT 7 2".to_owned();
    assert!(script.log.contains(&deletes), "{:?}", script.log);
}

#[test]
fn a_key_that_is_deleted_after_the_comparison_does_not_come_back_in_silence() {
    let busy = refused("ERR", "Target instance replied with error: BUSYKEY");
    let mut machine = machine(Entry::SourceOwns);
    let ok = || Reply::Text(b"OK".to_vec());
    let text = |text: &str| Reply::Text(text.as_bytes().to_vec());
    let keys = || Reply::List(vec![text("x"), text("y")]);
    let copy = || [text("1"), Reply::Int(-1)];
    let asked = || [ok(), text("1"), ok(), Reply::Int(-1)];
    let source = [&[ok()], &copy()[..], &copy()].concat();
    let target = [&[ok()], &asked()[..], &asked(), &[ok()]].concat();
    for replies in [
        vec![ok()],
        vec![ok()],
        vec![text("db0:keys=2,expires=0")],
        vec![ok(), keys()],
        vec![ok(), busy, keys()],
        source,
        target,
    ] {
        machine.action();
        machine.answer(replies).expect("goes on");
    }
    let Action::Ask { verbs, .. } = machine.action() else {
        panic!("it asks");
    };
    let words = verbs.iter().map(line).collect::<Vec<_>>();
    assert!(words[1].ends_with("REPLACE KEYS x") && words[2].ends_with("REPLACE KEYS y"));
    // x went between the two; of y the source has sent its own.
    let answers = vec![ok(), text("NOKEY"), ok(), Reply::List(Vec::new())];
    machine.answer(answers).expect("goes on");
    assert_eq!(machine.keys_moved(), 1);
    machine.action();
    let gone = vec![ok(), Reply::Nil, Reply::Int(-2)];
    machine.answer(gone).expect("goes on");
    machine.action();
    let still = [&[ok()], &asked()[..], &[ok()]].concat();
    let error = machine.answer(still).expect_err("stops").into_error();
    let message = error.message();
    assert!(
        message.contains("key `x` went from the source"),
        "{message}"
    );
}

/// A server dumps a hash in the order of its table, by a seed of its own.
#[test]
fn equal_values_with_other_dumps_are_read_and_taken_as_moved() {
    let text = |text: &str| Reply::Text(text.as_bytes().to_vec());
    let ok = || Reply::Text(b"OK".to_vec());
    let fields = |names: &[&str]| Reply::List(names.iter().map(|name| text(name)).collect());
    let run = |theirs: Reply| {
        let busy = refused("ERR", "Target instance replied with error: BUSYKEY");
        let mut machine = machine(Entry::SourceOwns);
        let dump = |rest: &str| Reply::Text([&[4], rest.as_bytes()].concat());
        let listed = || Reply::List(vec![text("h")]);
        let ttl = || Reply::Int(-1);
        for replies in [
            vec![ok()],
            vec![ok()],
            vec![text("db0:keys=1,expires=0")],
            vec![ok(), listed()],
            vec![ok(), busy, listed()],
            vec![ok(), dump("ab"), ttl()],
            vec![ok(), ok(), dump("ba"), ok(), ttl(), ok()],
            vec![ok(), fields(&["a", "1", "b", "2"])],
        ] {
            machine.action();
            machine.answer(replies).expect("goes on");
        }
        let Action::Ask { node, verbs } = machine.action() else {
            panic!("it asks");
        };
        let words: Vec<String> = verbs.iter().map(line).collect();
        assert_eq!(node, id('b'));
        assert_eq!(words, ["SELECT 0", "ASKING", "HGETALL h", "SELECT 0"]);
        let answered = machine.answer(vec![ok(), ok(), theirs, ok()]);
        let next = answered.map(|()| match machine.action() {
            Action::Ask { verbs, .. } => line(&verbs[1]),
            _ => String::new(),
        });
        next.map_err(Halt::into_error)
    };
    let equal = run(fields(&["b", "2", "a", "1"])).expect("taken as moved");
    assert!(equal.ends_with("REPLACE KEYS h"), "{equal}");
    let gone = run(fields(&[])).expect("sent");
    assert!(gone.ends_with("500 KEYS h"), "{gone}");
    for other in [
        fields(&["b", "2", "a", "3"]),
        refused("NOPERM", "no permission"),
    ] {
        let error = run(other).expect_err("stops");
        assert!(error.message().contains("on both nodes"), "{error:?}");
    }
    // Its role may have changed: who is who is looked at.
    let moved = run(refused("MOVED", "7 10.0.0.3:7000")).expect_err("halts");
    assert!(!moved.message().contains("on both nodes"), "{moved:?}");
}

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
    }
}

#[test]
fn keys_that_left_before_the_busy_one_are_not_compared() {
    let busy = refused(
        "ERR",
        "Target instance replied with error: BUSYKEY Target key exists",
    );
    let mut machine = machine(Entry::SourceOwns);
    let ok = || Reply::Text(b"OK".to_vec());
    let text = |text: &str| Reply::Text(text.as_bytes().to_vec());
    let ask = || refused("ASK", "7 10.0.0.2:7000");
    let nothing = || Reply::List(Vec::new());
    let keys = Reply::List(vec![text("gone"), text("busy")]);
    for replies in [
        vec![ok()],
        vec![ok()],
        vec![text("db0:keys=2,expires=0")],
        vec![ok(), keys],
        vec![ok(), busy, nothing()],
        vec![ok(), ask(), ask(), text("1"), Reply::Int(-1)],
        [
            ok(),
            ok(),
            text("0"),
            ok(),
            Reply::Int(-1),
            ok(),
            text("1"),
            ok(),
            Reply::Int(-1),
            ok(),
        ]
        .to_vec(),
    ] {
        machine.action();
        machine.answer(replies).expect("goes on");
    }
    let Action::Ask { verbs, .. } = machine.action() else {
        panic!("it asks");
    };
    let words = verbs.iter().map(line).collect::<Vec<_>>().join(" | ");
    assert!(words.contains("REPLACE KEYS busy |"), "{words}");
}
