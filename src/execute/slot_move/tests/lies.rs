//! Nodes that say what isn't so: no single answer may cost a key.

use super::*;

const LOOK: &str = "b: SELECT 0 | COUNTKEYSINSLOT 7 | GETKEYSINSLOT 7 1 | SELECT 0";
const CLOSE: [&str; 2] = [
    "b: SETSLOT 7 STABLE | SELECT 0 | COUNTKEYSINSLOT 7 | GETKEYSINSLOT 7 1 | SELECT 0",
    "a: SETSLOT 7 STABLE | PTTL slotkit-probe:",
];

fn text(text: &str) -> Reply {
    Reply::Text(text.as_bytes().to_vec())
}

/// How a stopped move ended: what it did last.
fn end_of(script: &Script, lines: usize) -> &[String] {
    &script.log[script.log.len() - lines..]
}

#[test]
fn database_0_is_gone_through_whatever_info_says() {
    for info in [
        text(""),
        text("# Keyspace\r\n"),
        text("# Keyspace\r\nDB0 :keys=5\r\n"),
        text("# Keyspace\r\ndb18446744073709551616:keys=5\r\n"),
        Reply::Nil,
        Reply::Int(5),
        refused("ERR", "unknown command"),
    ] {
        let mut script = Script {
            listings: [vec!["x"]].into(),
            info: Some(info.clone()),
            ..Script::default()
        };
        assert_eq!(
            script.run(machine(Entry::SourceOwns)).expect("arrives"),
            1,
            "{info:?}"
        );
    }
    let mut loading = Script {
        info: Some(refused("LOADING", "the dataset in memory")),
        ..Script::default()
    };
    let mut machine = machine(Entry::TargetOwns);
    let Action::Ask { node, verbs } = machine.action() else {
        panic!("it asks");
    };
    let replies = verbs
        .iter()
        .map(|verb| loading.answer(node, verb))
        .collect();
    assert!(matches!(machine.answer(replies), Err(Halt::Unclear(_))));
}

#[test]
fn a_database_that_info_leaves_out_is_counted_and_gone_through() {
    let mut script = Script {
        // Of databases 1 and 2, then of 0 to 2 at the end.
        counts: [0, 4, 0, 0, 0].into(),
        listings: [vec![], vec!["x"]].into(),
        info: Some(text("")),
        ..Script::default()
    };
    let mut many = machine(Entry::SourceOwns);
    many.settings.databases = [3, 3];
    script.run(many).expect("arrives");
    let expected = [
        "a: SETSLOT 7 MIGRATING b | PTTL slotkit-probe: | INFO keyspace | SELECT 1 | COUNTKEYSINSLOT 7 | GETKEYSINSLOT 7 1 | SELECT 2 | COUNTKEYSINSLOT 7 | GETKEYSINSLOT 7 1 | SELECT 0 | SELECT 0 | GETKEYSINSLOT 7 2",
        "a: SELECT 2 | GETKEYSINSLOT 7 2",
        "a: SELECT 2 | MIGRATE 10.0.0.2 7000  2 500 KEYS x | GETKEYSINSLOT 7 2 | COUNTKEYSINSLOT 7",
        "b: SELECT 2 | COUNTKEYSINSLOT 7 | ASKING | PTTL x | SELECT 0",
        "a: SELECT 0 | COUNTKEYSINSLOT 7 | GETKEYSINSLOT 7 1 | SELECT 1 | COUNTKEYSINSLOT 7 | GETKEYSINSLOT 7 1 | SELECT 2 | COUNTKEYSINSLOT 7 | GETKEYSINSLOT 7 1 | SELECT 0",
    ];
    assert_eq!(script.log[1..6], expected);
}

#[test]
fn what_is_listed_is_there_though_it_is_counted_as_none() {
    // A database that INFO leaves out, and where none is counted.
    let mut script = Script {
        listings: [vec![], vec!["x"]].into(),
        glimpses: [true].into(),
        info: Some(text("")),
        ..Script::default()
    };
    let mut many = machine(Entry::SourceOwns);
    many.settings.databases = [2, 2];
    assert_eq!(script.run(many).expect("arrives"), 1);
    // A list that was empty once, and a count of none.
    let mut late = Script {
        listings: [vec![], vec!["x"]].into(),
        glimpses: [true].into(),
        ..Script::default()
    };
    assert_eq!(late.run(machine(Entry::SourceOwns)).expect("arrives"), 1);
    let mut always = Script {
        glimpses: vec![true; 1_000].into(),
        ..Script::default()
    };
    let error = always.run(machine(Entry::Fresh)).expect_err("stops");
    assert!(error.message().contains("lists without end"), "{error:?}");
}

#[test]
fn a_count_that_is_none_is_not_zero() {
    for odd in [
        text("OK"),
        Reply::Nil,
        Reply::Int(-1),
        Reply::Int(i64::MAX),
        Reply::List(Vec::new()),
    ] {
        let mut machine = machine(Entry::TargetOwns);
        let mut script = Script::default();
        loop {
            let Action::Ask { node, verbs } = machine.action() else {
                panic!("it asks");
            };
            let is_count = line(
                &verbs[1..][..1.min(verbs.len() - 1)]
                    .first()
                    .cloned()
                    .unwrap_or(Verb::Asking),
            )
            .starts_with("COUNT");
            let mut replies: Vec<Reply> =
                verbs.iter().map(|verb| script.answer(node, verb)).collect();
            if is_count {
                replies[1] = odd.clone();
                assert!(
                    matches!(machine.answer(replies), Err(Halt::Stop(_))),
                    "{odd:?}"
                );
                break;
            }
            machine.answer(replies).expect("goes on");
        }
    }
}

#[test]
fn a_listing_without_end_is_bounded_by_what_is_counted() {
    let lists: [Vec<Vec<&'static str>>; 3] = [
        vec![vec!["x"]; 1_000],
        (0..1_000)
            .map(|round| [vec!["x", "y"], vec!["z"]][round % 2].clone())
            .collect(),
        (0..1_000)
            .map(|round| vec![format!("new{round}").leak() as &str])
            .collect(),
    ];
    for listings in lists {
        let mut script = Script {
            listings: listings.into(),
            migrations: vec![text("NOKEY"); 1_000].into(),
            ..Script::default()
        };
        let error = script.run(machine(Entry::Fresh)).expect_err("stops");
        assert!(
            error.message().contains("counts none of them less"),
            "{error:?}"
        );
        assert!(script.log.len() < 40, "{}", script.log.len());
        assert_eq!(end_of(&script, 2), CLOSE);
    }
}

#[test]
fn keys_of_another_slot_are_never_sent() {
    let mut machine = machine(Entry::Fresh);
    let mut script = Script::default();
    let mut sent = Vec::new();
    loop {
        match machine.action() {
            Action::Ask { node, verbs } => {
                sent.extend(verbs.iter().map(line));
                let foreign = |verb: &Verb| match verb {
                    Verb::KeysInSlot { .. } if node == id('a') => Reply::List(vec![
                        Reply::Text(named("x")),
                        Reply::Text(b"foreign".to_vec()),
                    ]),
                    other => script.answer(node, other),
                };
                let replies = verbs.iter().map(foreign).collect();
                if let Err(halt) = machine.answer(replies) {
                    assert!(matches!(halt, Halt::Closed(_)), "{halt:?}");
                    assert!(
                        halt.error().message().contains("lists `foreign`"),
                        "{halt:?}"
                    );
                    break;
                }
            }
            Action::Claim => machine.claimed(),
            other => panic!("{other:?}"),
        }
    }
    assert!(
        !sent.iter().any(|line| line.starts_with("MIGRATE")),
        "{sent:?}"
    );
}

#[test]
fn a_source_that_says_ok_and_has_not_opened_the_slot_loses_no_key() {
    let mut script = Script {
        listings: [vec!["x"]].into(),
        probes: [Some(Reply::Int(-2)), None],
        ..Script::default()
    };
    let error = script.run(machine(Entry::Fresh)).expect_err("stops");
    assert!(error.message().contains("hasn't opened it"), "{error:?}");
    assert!(!script.log.iter().any(|line| line.contains("MIGRATE ")));
    assert_eq!(end_of(&script, 3), [LOOK, CLOSE[0], CLOSE[1]]);
    // Who may not read that key is told nothing by it.
    let mut forbidden = Script {
        probes: [Some(refused("NOPERM", "no")), Some(refused("NOPERM", "no"))],
        ..Script::default()
    };
    forbidden.run(machine(Entry::Fresh)).expect("arrives");
}

#[test]
fn a_target_that_says_ok_and_does_not_own_the_slot_keeps_its_source() {
    let mut script = Script {
        probes: [None, Some(refused("MOVED", "7 10.0.0.1:7000"))],
        ..Script::default()
    };
    let error = script.run(machine(Entry::Fresh)).expect_err("halts");
    assert!(error.message().contains("doesn't own it"), "{error:?}");
    let told_source = script.log.iter().any(|line| line == "a: SETSLOT 7 NODE b");
    assert!(!told_source, "{:?}", script.log);
}

#[test]
fn keys_that_are_gone_are_all_asked_for_and_need_somebody_to_vouch() {
    let swallows = |swallowed, is_distrusted| Script {
        listings: [vec!["x", "y"]].into(),
        swallowed,
        is_distrusted,
        ..Script::default()
    };
    let asked = [
        "b: SELECT 0 | COUNTKEYSINSLOT 7 | ASKING | PTTL y | SELECT 0",
        "b: SELECT 0 | COUNTKEYSINSLOT 7 | ASKING | PTTL y | ASKING | PTTL x | SELECT 0",
    ];
    let mut one = swallows(vec!["y"], true);
    one.run(machine(Entry::Fresh)).expect("arrives");
    assert_eq!(one.log[4..6], asked);
    let mut both = swallows(vec!["x", "y"], false);
    both.run(machine(Entry::Fresh)).expect("arrives");
    assert_eq!(both.log[4..6], asked);
    assert!(both.log.contains(&"vouch".to_owned()));
    let mut distrusted = swallows(vec!["x", "y"], true);
    let error = distrusted.run(machine(Entry::Fresh)).expect_err("stops");
    assert!(
        error.message().contains("took keys `y`, `x`, and has none"),
        "{error:?}"
    );
    assert!(!distrusted.log.iter().any(|line| line.contains("NODE")));
}

#[test]
fn a_node_that_opens_what_it_refuses_to_open_is_closed_again() {
    // The source says that it hasn't, and sends clients on.
    let mut source = Script {
        migrating: Some(refused("ERR", "no")),
        ..Script::default()
    };
    source.run(machine(Entry::Fresh)).expect_err("stops");
    assert_eq!(end_of(&source, 3), [LOOK, CLOSE[0], CLOSE[1]]);
    // The target says that it hasn't, and shows that it has.
    let open = |mark: &str| {
        let (mine, its) = (id('b'), id('a'));
        let mark = mark.replace("ID", &its.to_string());
        text(&format!(
            "{mine} h:1@2 myself,master - 0 0 1 connected {mark}\n"
        ))
    };
    for (nodes, is_closed) in [
        (open("[7-<-ID]"), true),
        (open("[8-<-ID] [7->-ID]"), false),
        (open(""), false),
        (refused("NOPERM", "no"), false),
    ] {
        let mut machine = machine(Entry::Fresh);
        machine.action();
        machine.answer(vec![refused("ERR", "no")]).expect("looks");
        assert!(matches!(machine.action(), Action::Ask { node, .. } if node == id('b')));
        let answered = machine.answer(vec![nodes]);
        if is_closed {
            answered.expect("goes on");
            let Action::Ask { node, verbs } = machine.action() else {
                panic!("it asks");
            };
            assert_eq!(
                (node, line(&verbs[0])),
                (id('b'), "SETSLOT 7 STABLE".to_owned())
            );
        } else {
            assert!(matches!(answered, Err(Halt::Closed(_))), "{answered:?}");
        }
    }
}

#[test]
fn a_target_that_counts_too_few_is_asked_for_every_key() {
    let mut script = Script {
        listings: [vec!["x", "y"]].into(),
        swallowed: vec!["x"],
        ..Script::default()
    };
    script.run(machine(Entry::Fresh)).expect("arrives");
    let asked = [
        "b: SELECT 0 | COUNTKEYSINSLOT 7 | ASKING | PTTL y | SELECT 0",
        "b: SELECT 0 | COUNTKEYSINSLOT 7 | ASKING | PTTL y | ASKING | PTTL x | SELECT 0",
    ];
    assert_eq!(script.log[4..6], asked);
    assert_eq!(script.findings[0], Finding::Kept { sent: 2, gone: 1 });
}

#[test]
fn a_target_that_names_keys_which_it_does_not_count_is_not_believed() {
    let mut script = Script {
        listings: [vec!["x", "y"]].into(),
        arrived: vec![0; 2].into(),
        is_distrusted: true,
        ..Script::default()
    };
    let error = script.run(machine(Entry::Fresh)).expect_err("stops");
    assert!(
        error.message().contains("doesn't have what it took"),
        "{error:?}"
    );
    assert_eq!(script.findings, [Finding::Missed]);
}

#[test]
fn what_the_target_drops_later_is_noticed_before_it_owns_the_slot() {
    let drops = |is_distrusted, life_ms| Script {
        listings: [vec!["x", "y"]].into(),
        arrived: [2, 0].into(),
        is_distrusted,
        life_ms,
        ..Script::default()
    };
    let mut vouched = drops(false, None);
    vouched.run(machine(Entry::Fresh)).expect("arrives");
    let vouch = vouched.log.iter().position(|line| line == "vouch");
    let owns = vouched.log.iter().position(|line| line.contains("NODE"));
    assert!(vouch.is_some() && vouch < owns, "{:?}", vouched.log);
    assert_eq!(vouched.findings[1], Finding::Fell);
    let mut distrusted = drops(true, None);
    distrusted.run(machine(Entry::Fresh)).expect_err("stops");
    assert!(!distrusted.log.iter().any(|line| line.contains("NODE")));
    // What ends soon may well have ended.
    let mut ends = drops(true, Some(5_000));
    ends.run(machine(Entry::Fresh)).expect("arrives");
    assert_eq!(ends.findings, [Finding::Kept { sent: 2, gone: 0 }]);
}

#[test]
fn a_target_that_is_counted_is_not_told_by_an_outdated_look() {
    let mut machine = machine(Entry::Fresh);
    let mut script = Script {
        listings: [vec!["x"]].into(),
        ..Script::default()
    };
    let counts = |verbs: &[Verb]| {
        matches!(
            verbs,
            [
                Verb::ClusterInfo,
                Verb::Select(0),
                Verb::CountKeys(_),
                Verb::Select(0)
            ]
        )
    };
    loop {
        match machine.action() {
            Action::Ask { node, verbs } if node == id('b') && counts(&verbs) => {
                assert!(machine.is_confirmed(true));
                machine.outdate(true);
                assert!(!machine.is_confirmed(true));
                let replies = verbs.iter().map(|verb| script.answer(node, verb)).collect();
                machine.answer(replies).expect("goes on");
                break;
            }
            Action::Ask { node, verbs } => {
                script.is_sending = verbs.iter().any(|verb| matches!(verb, Verb::Migrate(_)));
                let replies = verbs.iter().map(|verb| script.answer(node, verb)).collect();
                machine.answer(replies).expect("goes on");
            }
            Action::Claim => machine.claimed(),
            Action::Confirm => machine.confirmed(9, Vec::new()),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(machine.action(), Action::Confirm));
}

/// What it had dropped before its epoch was good enough isn't what it is measured by afterwards.
#[test]
fn what_the_target_drops_while_its_epoch_is_waited_for_is_noticed() {
    let mut script = Script {
        listings: [vec!["x", "y"]].into(),
        arrived: [2, 0, 0].into(),
        epochs: [8, 9].into(),
        is_distrusted: true,
        ..Script::default()
    };
    script.run(machine(Entry::Fresh)).expect_err("stops");
    assert_eq!(script.findings[1..], [Finding::Fell]);
    assert!(!script.log.iter().any(|line| line.contains("NODE")));
}

#[test]
fn a_slot_that_was_opened_for_nothing_is_closed_again() {
    for refusal in [
        refused(
            "ERR",
            "unknown command 'MIGRATE', with args beginning with: ",
        ),
        refused(
            "NOPERM",
            "this user has no permissions to run the 'migrate' command",
        ),
        refused(
            "ERR",
            "Target instance replied with error: ERR Bad data format",
        ),
        refused(
            "ERR",
            "Target instance replied with error: OOM command not allowed",
        ),
        text("PONG"),
        Reply::Nil,
    ] {
        let with = |arrived: &[i64], swallowed| Script {
            listings: vec![vec!["x"]; 3].into(),
            migrations: [refusal.clone()].into(),
            arrived: arrived.iter().copied().collect(),
            swallowed,
            ..Script::default()
        };
        let mut closes = with(&[], Vec::new());
        closes.run(machine(Entry::Fresh)).expect_err("stops");
        let checks = "a: SELECT 0 | PTTL x | SELECT 0";
        assert_eq!(
            end_of(&closes, 4),
            [LOOK, checks, CLOSE[0], CLOSE[1]],
            "{refusal:?}"
        );
        // A client has written to the target meanwhile: before, or in the last moment.
        let mut stays = with(&[1], Vec::new());
        stays.run(machine(Entry::Fresh)).expect_err("stops");
        assert_eq!(end_of(&stays, 1), [LOOK]);
        let mut reopens = with(&[0, 1], Vec::new());
        reopens.run(machine(Entry::Fresh)).expect_err("stops");
        assert_eq!(end_of(&reopens, 2), [CLOSE[0], "b: SETSLOT 7 IMPORTING a"]);
        // What was sent isn't at the source any more.
        let mut lost = with(&[], vec!["x"]);
        lost.run(machine(Entry::Fresh)).expect_err("stops");
        assert_eq!(end_of(&lost, 2), [LOOK, checks]);
    }
}

#[test]
fn a_slot_with_a_key_on_the_target_is_never_closed() {
    let mut script = Script {
        listings: [vec!["x"], vec!["y"]].into(),
        migrations: [text("OK"), refused("NOPERM", "no")].into(),
        ..Script::default()
    };
    script.run(machine(Entry::Fresh)).expect_err("stops");
    assert!(
        !script.log.iter().any(|line| line.contains("STABLE")),
        "{:?}",
        script.log
    );
}
