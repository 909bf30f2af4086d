//! Keys with a copy on both sides, and keys that go while they are on the way.

use super::*;

/// What a small key takes.
fn weight() -> Reply {
    Reply::Int(60)
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
        "a: SELECT 0 | MEMORY USAGE x SAMPLES 5",
        "b: SELECT 0 | ASKING | MEMORY USAGE x SAMPLES 5 | SELECT 0",
        "a: SELECT 0 | DUMP x | PTTL x",
        "b: SELECT 0 | ASKING | DUMP x | ASKING | PTTL x | SELECT 0",
        "a: SELECT 0 | MIGRATE 10.0.0.2 7000  0 500 REPLACE KEYS x | GETKEYSINSLOT 7 2 | COUNTKEYSINSLOT 7",
    ];
    assert_eq!(equal.log[3..8], compared);

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
fn after_a_broken_connection_the_nodes_are_looked_at_first() {
    let broken = refused("IOERR", "error or timeout reading to target instance");
    let mut once = Script {
        listings: [vec!["x"]].into(),
        migrations: [broken.clone()].into(),
        ..Script::default()
    };
    once.run(machine(Entry::SourceOwns)).expect("arrives");
    assert!(once.log.contains(&"look".to_owned()));
    let mut always = Script {
        listings: vec![vec!["x"]; 100].into(),
        migrations: vec![broken; 100].into(),
        dumps: [Some("1"), None],
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
        machine.settings.how.on_conflict = on_conflict;
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
    machine.settings.how.on_conflict = OnConflict::KeepTarget;
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
    let keys = || Reply::List(["x", "y"].map(|name| Reply::Text(named(name))).into());
    let copy = || [text("1"), Reply::Int(-1)];
    let asked = || [ok(), text("1"), ok(), Reply::Int(-1)];
    let source = [&[ok()], &copy()[..], &copy()].concat();
    let target = [&[ok()], &asked()[..], &asked(), &[ok()]].concat();
    let first = listed_at_first("db0:keys=2,expires=0", &["x", "y"]);
    let rest = [
        vec![ok(), busy, keys(), Reply::Int(2)],
        vec![ok(), weight(), weight()],
        vec![ok(), ok(), weight(), ok(), weight(), ok()],
        source,
        target,
    ];
    for replies in first.into_iter().chain(rest) {
        machine.action();
        machine.answer(replies).expect("goes on");
    }
    let Action::Ask { verbs, .. } = machine.action() else {
        panic!("it asks");
    };
    let words = verbs.iter().map(line).collect::<Vec<_>>();
    // Each in a write of its own.
    assert!(
        words[1].ends_with("REPLACE KEYS x") && words.len() == 4,
        "{words:?}"
    );
    // It went between the two.
    let left = Reply::List(vec![Reply::Text(named("y"))]);
    let answers = vec![ok(), text("NOKEY"), left, Reply::Int(1)];
    machine.answer(answers).expect("goes on");
    assert_eq!(machine.moved().0, 0);
    for replies in [
        vec![ok(), weight(), weight()],
        vec![ok(), ok(), weight(), ok(), weight(), ok()],
    ] {
        machine.action();
        machine.answer(replies).expect("goes on");
    }
    machine.action();
    let gone = [&[ok(), Reply::Nil, Reply::Int(-2)], &copy()[..]].concat();
    machine.answer(gone).expect("goes on");
    machine.action();
    let still = [&[ok()], &asked()[..], &asked(), &[ok()]].concat();
    machine.answer(still).expect("goes on");
    // The other one is sent, and found on the target.
    let Action::Ask { verbs, .. } = machine.action() else {
        panic!("it asks");
    };
    assert!(line(&verbs[1]).ends_with("REPLACE KEYS y"));
    let none = Reply::List(Vec::new());
    let answers = vec![ok(), ok(), none, Reply::Int(0)];
    let error = plain(machine.answer(answers).expect_err("stops").into_error());
    assert_eq!(machine.moved().0, 1);
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
        let listed = || Reply::List(vec![Reply::Text(named("h"))]);
        let ttl = || Reply::Int(-1);
        let first = listed_at_first("db0:keys=1,expires=0", &["h"]);
        let rest = [
            vec![ok(), busy, listed(), Reply::Int(1)],
            vec![ok(), weight()],
            vec![ok(), ok(), weight(), ok()],
            vec![ok(), dump("ab"), ttl()],
            vec![ok(), ok(), dump("ba"), ok(), ttl(), ok()],
            vec![ok(), fields(&["a", "1", "b", "2"])],
        ];
        for replies in first.into_iter().chain(rest) {
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
    let first = listed_at_first("db0:keys=2,expires=0", &["gone", "busy"]);
    let rest = [
        vec![ok(), busy, nothing(), Reply::Int(1)],
        vec![ok(), ask(), weight()],
        vec![ok(), ok(), weight(), ok(), weight(), ok()],
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
    ];
    for replies in first.into_iter().chain(rest) {
        machine.action();
        machine.answer(replies).expect("goes on");
    }
    let Action::Ask { verbs, .. } = machine.action() else {
        panic!("it asks");
    };
    let words = verbs.iter().map(line).collect::<Vec<_>>().join(" | ");
    assert!(words.contains("REPLACE KEYS busy |"), "{words}");
}

/// A value that is too big to be dumped is compared element by element, over both links, and one
/// that can't be compared is told as that.
#[test]
fn a_big_value_is_compared_in_chunks() {
    let text = |text: &str| Reply::Text(text.as_bytes().to_vec());
    let ok = || Reply::Text(b"OK".to_vec());
    let big = || Reply::Int(1 << 20);
    let machine_at_the_type = || {
        let busy = refused("ERR", "Target instance replied with error: BUSYKEY");
        let mut machine = machine(Entry::SourceOwns);
        let listed = || Reply::List(vec![Reply::Text(named("h"))]);
        let ttl = || Reply::Int(-1);
        let first = listed_at_first("db0:keys=1,expires=0", &["h"]);
        let rest = [
            vec![ok(), busy, listed(), Reply::Int(1)],
            vec![ok(), big()],
            vec![ok(), ok(), weight(), ok()],
            vec![ok(), text("hash"), ttl()],
            vec![ok(), ok(), text("hash"), ok(), ttl(), ok()],
        ];
        for replies in first.into_iter().chain(rest) {
            machine.action();
            machine.answer(replies).expect("goes on");
        }
        machine
    };
    let asked = |machine: &mut SlotMove| {
        let Action::Ask { node, verbs } = machine.action() else {
            panic!("it asks");
        };
        let words: Vec<String> = verbs.iter().map(line).collect();
        (node, words.join(" | "))
    };
    let mut machine = machine_at_the_type();
    let scan = || Reply::List(vec![text("0"), Reply::List(vec![text("a"), text("1")])]);
    let unknown = || refused("ERR", "unknown command 'HPEXPIRETIME'");
    for (node, question, reply) in [
        ('a', "SELECT 0 | TYPE h", text("hash")),
        ('b', "SELECT 0 | ASKING | TYPE h | SELECT 0", text("hash")),
        ('a', "SELECT 0 | HLEN h", Reply::Int(1)),
        ('b', "SELECT 0 | ASKING | HLEN h | SELECT 0", Reply::Int(1)),
        ('a', "SELECT 0 | HSCAN h 0 COUNT 1", scan()),
        (
            'b',
            "SELECT 0 | ASKING | HMGET h a | SELECT 0",
            Reply::List(vec![text("1")]),
        ),
        ('a', "SELECT 0 | HPEXPIRETIME h FIELDS 1 a", unknown()),
        (
            'b',
            "SELECT 0 | ASKING | HPEXPIRETIME h FIELDS 1 a | SELECT 0",
            unknown(),
        ),
    ] {
        assert_eq!(asked(&mut machine), (id(node), question.to_owned()));
        let replies = match node {
            'a' => vec![ok(), reply],
            _ => vec![ok(), ok(), reply, ok()],
        };
        machine.answer(replies).expect("goes on");
        if question.contains("HSCAN") {
            // A link that breaks now forgets nothing.
            let doubts = machine.doubts();
            let keys: Vec<_> = doubts.iter().map(|one| one.key.clone()).collect();
            assert_eq!(keys, [named("h")]);
        }
    }
    assert!(asked(&mut machine).1.contains("REPLACE KEYS h"));

    let mut untold = machine_at_the_type();
    untold.action();
    untold
        .answer(vec![ok(), text("ReJSON-RL")])
        .expect("goes on");
    untold.action();
    let same = vec![ok(), ok(), text("ReJSON-RL"), ok()];
    let error = untold.answer(same).expect_err("stops").into_error();
    assert!(error.message().contains("isn't known"), "{error:?}");
    assert!(!error.message().contains("different"), "{error:?}");
    let fix = error.fix_text().expect("a fix");
    assert!(fix.contains("--on-conflict keep-source"), "{fix}");

    let mut elsewhere = machine_at_the_type();
    elsewhere.action();
    let moved = vec![ok(), refused("MOVED", "7 10.0.0.3:7000")];
    let halt = elsewhere.answer(moved).expect_err("halts");
    assert!(matches!(halt, Halt::Unclear(_)), "{halt:?}");
}
