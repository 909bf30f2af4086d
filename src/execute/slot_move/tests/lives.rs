//! Keys that end: what is noted of them, and what becomes of copies that live too long.

use super::*;

fn ok() -> Reply {
    Reply::Text(b"OK".to_vec())
}

fn text(text: &str) -> Reply {
    Reply::Text(text.as_bytes().to_vec())
}

fn listed(names: &[&str]) -> Reply {
    Reply::List(names.iter().map(|name| Reply::Text(named(name))).collect())
}

/// What the machine asks, as words.
fn asked(machine: &mut SlotMove) -> String {
    match machine.action() {
        Action::Ask { node, verbs } => {
            let words: Vec<String> = verbs.iter().map(line).collect();
            format!("{}: {}", node.to_string().remove(0), words.join(" | "))
        }
        Action::Pause { ms } => format!("pause {ms}"),
        other => format!("{other:?}"),
    }
}

/// Answers one question after the other, each a second after the one before.
fn answer_all(machine: &mut SlotMove, answers: Vec<Vec<Reply>>) {
    for replies in answers {
        machine.action();
        let before = machine.span.map_or(102_000, |span| span.answered_ms);
        let span = Span {
            asked_ms: before + 990,
            answered_ms: before + 1_000,
        };
        machine.is_answered_at(span);
        machine.answer(replies).expect("goes on");
    }
}

/// A machine that has listed these keys of a database of which `INFO` says this, at 104 s.
fn listing(info: &str, names: &[&str]) -> SlotMove {
    let mut machine = machine(Entry::SourceOwns);
    answer_all(&mut machine, listed_at_first(info, names).into());
    machine
}

#[test]
fn ends_are_noted_before_a_batch_is_sent_where_keys_have_any() {
    let mut lasting = listing("db0:keys=2,expires=0", &["x", "y"]);
    assert!(asked(&mut lasting).contains("MIGRATE"));
    for info in ["db0:keys=2,expires=1,avg_ttl=9", "# Keyspace", "db0:keys=2"] {
        let mut machine = listing(info, &["x", "y"]);
        assert_eq!(asked(&mut machine), "a: SELECT 0 | PTTL x | PTTL y");
        let lives = vec![ok(), Reply::Int(5_000), Reply::Int(-1)];
        answer_all(&mut machine, vec![lives]);
        assert!(asked(&mut machine).contains("KEYS x y"));
        let noted = machine.doubts_of_batch();
        let ends: Vec<_> = noted.iter().map(|one| one.ends_ms).collect();
        assert_eq!(ends, [Some(110_000), None]);
        assert!(noted.iter().all(|one| one.sent_ms == Some(105_000)));
    }
}

#[test]
fn a_key_that_has_gone_since_it_was_listed_has_no_end_and_a_role_that_has_changed_is_looked_at() {
    let asks = || listing("db0:keys=2,expires=1", &["x", "y"]);
    let mut machine = asks();
    let gone = vec![ok(), refused("ASK", "7 10.0.0.2:7000"), Reply::Int(-2)];
    answer_all(&mut machine, vec![gone]);
    assert!(
        machine
            .doubts_of_batch()
            .iter()
            .all(|one| one.ends_ms.is_none())
    );
    let mut machine = asks();
    machine.action();
    let moved = vec![ok(), refused("MOVED", "7 10.0.0.2:7000"), Reply::Int(1)];
    assert!(matches!(machine.answer(moved), Err(Halt::Unclear(_))));
}

#[test]
fn ends_and_bytes_are_asked_for_in_one_write() {
    let mut machine = machine(Entry::SourceOwns);
    machine.settings.how.bytes_per_migrate = Some(15);
    let first = listed_at_first("db0:keys=2,expires=1", &["x", "y"]);
    answer_all(&mut machine, first.into());
    let words = asked(&mut machine);
    assert_eq!(
        words,
        "a: SELECT 0 | PTTL x | PTTL y | MEMORY USAGE x | MEMORY USAGE y"
    );
    let lives = [Reply::Int(5_000), Reply::Int(6_000)];
    let answer = [&[ok()], &lives[..], &[Reply::Int(10), Reply::Int(10)]].concat();
    answer_all(&mut machine, vec![answer]);
    let noted = machine.doubts_of_batch();
    assert_eq!(noted.len(), 1, "the second would be too much");
    assert_eq!(noted[0].ends_ms, Some(110_000));
}

#[test]
fn a_key_that_has_ended_when_it_is_asked_for_says_nothing_of_the_target() {
    let proven = |left_ms| {
        let mut machine = listing("db0:keys=1,expires=1", &["x"]);
        let sent = vec![ok(), ok(), listed(&[]), Reply::Int(0)];
        let gone = vec![ok(), Reply::Int(0), ok(), Reply::Int(-2), ok()];
        answer_all(
            &mut machine,
            vec![vec![ok(), Reply::Int(left_ms)], sent, gone],
        );
        machine.take_finding()
    };
    assert_eq!(proven(1_000), None);
    assert_eq!(proven(60_000), Some(Finding::Missed));
}

/// The target has swallowed `x`, and then `y`, whose life has ended by the time that it is asked
/// for.
#[test]
fn a_key_that_has_ended_takes_no_doubt_of_the_target_away() {
    let mut machine = listing("db0:keys=2,expires=1", &["x", "y"]);
    answer_all(
        &mut machine,
        vec![vec![ok(), Reply::Int(-1), Reply::Int(1_000)]],
    );
    machine.send_at_most(1);
    let gone = vec![ok(), Reply::Int(0), ok(), Reply::Int(-2), ok()];
    let sent = |left: &[&str]| {
        let count = Reply::Int(left.len() as i64);
        vec![ok(), ok(), listed(left), count]
    };
    answer_all(&mut machine, vec![sent(&["y"]), gone.clone()]);
    assert_eq!(machine.take_finding(), Some(Finding::Missed));
    let life = vec![ok(), Reply::Int(1_000)];
    answer_all(&mut machine, vec![life, sent(&[]), gone]);
    assert_eq!(machine.take_finding(), None);
    assert!(machine.is_doubtful, "somebody has to vouch for the target");
}

/// A machine whose key `x` is in doubt, with an end; the source has it no more, and the target's
/// copy lives for so long. What came of the comparison.
fn compared(machine: &mut SlotMove, left_ms: i64) -> Result<(), Halt> {
    let gone = vec![ok(), Reply::Nil, Reply::Int(-2)];
    let copy = vec![ok(), ok(), text("1"), ok(), Reply::Int(left_ms), ok()];
    let weights = [
        vec![ok(), Reply::Nil],
        vec![ok(), ok(), Reply::Int(10), ok()],
    ];
    answer_all(machine, [&weights[..], &[gone]].concat());
    machine.action();
    machine.answer(copy)
}

/// A batch of `x` has failed, whose life was to end so long after 105 s.
fn broken_off(left_ms: i64) -> SlotMove {
    let mut machine = listing("db0:keys=1,expires=1", &["x"]);
    let broken = refused("IOERR", "error or timeout reading to target instance");
    answer_all(&mut machine, vec![vec![ok(), Reply::Int(left_ms)]]);
    machine.action();
    let answer = vec![ok(), broken, listed(&["x"]), Reply::Int(1)];
    assert!(machine.answer(answer).is_err());
    let next = SlotMove::new(task(), machine.settings.clone(), Entry::SourceOwns);
    let mut machine = next.in_place_of(&machine);
    // What is listed now isn't sent before `x` was looked at.
    let first = listed_at_first("db0:keys=1,expires=1", &["x"]);
    answer_all(&mut machine, first.into());
    machine
}

#[test]
fn a_copy_that_ends_by_itself_is_waited_for_and_nobody_deletes_it() {
    let mut machine = broken_off(2_000);
    compared(&mut machine, 8_000).expect("waits");
    assert!(machine.doubts().iter().all(|one| !one.is_named));
    let wait = Wait { keys: 1, ms: 8_000 };
    assert_eq!(
        (machine.take_wait(), machine.take_wait()),
        (Some(wait), None)
    );
    assert_eq!(asked(&mut machine), "pause 8000");
    let nothing = || vec![ok(), Reply::Nil, Reply::Int(-2)];
    let weights = [vec![ok(), Reply::Nil], vec![ok(), ok(), Reply::Nil, ok()]];
    let ended = vec![ok(), ok(), Reply::Nil, ok(), Reply::Int(-2), ok()];
    answer_all(&mut machine, [&weights[..], &[nothing(), ended]].concat());
    assert!(machine.doubts().is_empty());
    assert!(asked(&mut machine).contains("GETKEYSINSLOT"));
}

/// A client that renews the life of what it has written at the target doesn't hold the slot open.
#[test]
fn copies_are_waited_for_up_to_a_bound() {
    let mut machine = broken_off(2_000);
    for _ in 0..3 {
        compared(&mut machine, 20_000).expect("waits");
        assert_eq!(asked(&mut machine), "pause 20000");
    }
    let error = compared(&mut machine, 20_000).expect_err("stops");
    assert!(error.error().message().contains("went from the source"));
    assert!(machine.doubts().iter().all(|one| one.is_named));
}

#[test]
fn a_life_that_has_ended_is_not_told_as_a_deletion() {
    let told = |noted_ms, left_ms| {
        let mut machine = broken_off(noted_ms);
        let error = compared(&mut machine, left_ms).expect_err("stops");
        plain(error.into_error()).message().to_owned()
    };
    let ended = told(2_000, 100_000);
    assert!(ended.contains("its life was to end by now"), "{ended}");
    assert!(!ended.contains("deleted"), "{ended}");
    let deleted = told(900_000, 100_000);
    assert!(deleted.contains("a client deleted it"), "{deleted}");
    assert!(!deleted.contains("life"), "{deleted}");
    assert!(deleted.contains("the slot is A's"), "{deleted}");
    assert!(deleted.contains("sent on to B for"), "{deleted}");
    // One that has no end can't be waited for.
    assert!(told(2_000, -1).contains("went from the source"));
}

/// A machine behind a look, whose last batch took 5 s; its key was to end at 165 s.
fn late() -> SlotMove {
    let mut machine = listing("db0:keys=1,expires=1", &["x"]);
    answer_all(&mut machine, vec![vec![ok(), Reply::Int(60_000)]]);
    machine.action();
    let batch = machine.batch_if_late(5_000);
    answer_all(
        &mut machine,
        vec![vec![ok(), ok(), listed(&[]), Reply::Int(0)]],
    );
    machine.answered_late(batch);
    let next = SlotMove::new(task(), machine.settings.clone(), Entry::SourceOwns);
    let mut machine = next.in_place_of(&machine);
    let kept = vec![ok(), Reply::Int(1), ok(), Reply::Int(9), ok()];
    let first = listed_at_first("db0:keys=1,expires=1", &[]);
    answer_all(&mut machine, [&first[..], &[kept]].concat());
    machine
}

#[test]
fn a_life_that_a_stall_has_lengthened_gets_its_end_back() {
    let mut machine = late();
    let look = "b: SELECT 0 | ASKING | PTTL x | ASKING | PEXPIRETIME x | SELECT 0";
    assert_eq!(asked(&mut machine), look);
    // Answered at 112 s: it lives 5 s too long, by the look's answer, which took 10 ms.
    let now_ms = machine.span.expect("a moment").answered_ms + 1_000;
    let left = i64::try_from(165_000 + 5_000 - now_ms).expect("a number");
    let answer = vec![
        ok(),
        ok(),
        Reply::Int(left),
        ok(),
        Reply::Int(777_000),
        ok(),
    ];
    answer_all(&mut machine, vec![answer]);
    let words = asked(&mut machine);
    assert!(
        words.starts_with("b: SELECT 0 | ASKING | EVAL if"),
        "{words}"
    );
    assert!(words.ends_with(" 1 x 777000 772010 | SELECT 0"), "{words}");
    // Where a script isn't allowed the life stays as it is.
    let refusal = refused(
        "NOPERM",
        "this user has no permissions to run the 'eval' command",
    );
    answer_all(&mut machine, vec![vec![ok(), ok(), refusal, ok()]]);
    assert!(asked(&mut machine).contains("GETKEYSINSLOT"));
}

#[test]
fn a_life_that_a_client_has_given_stays() {
    for (left, end) in [
        (Reply::Int(600_000), Reply::Int(777_000)),
        (Reply::Int(-1), Reply::Int(-1)),
        (Reply::Int(-2), Reply::Int(-2)),
        (Reply::Int(58_000), refused("ERR", "unknown command")),
    ] {
        let mut machine = late();
        machine.action();
        answer_all(&mut machine, vec![vec![ok(), ok(), left, ok(), end, ok()]]);
        assert!(asked(&mut machine).contains("GETKEYSINSLOT"));
    }
    // What is answered too slowly says nothing exact; it is asked a few times.
    let mut slow = late();
    for turn in 0..3 {
        assert!(asked(&mut slow).contains("PEXPIRETIME"), "{turn}");
        let asked_ms = slow.span.expect("a moment").answered_ms;
        slow.is_answered_at(Span {
            asked_ms,
            answered_ms: asked_ms + 51,
        });
        let answer = vec![
            ok(),
            ok(),
            Reply::Int(58_000),
            ok(),
            Reply::Int(777_000),
            ok(),
        ];
        slow.answer(answer).expect("goes on");
        if turn < 2 {
            assert_eq!(asked(&mut slow), "pause 100");
        }
    }
    assert!(asked(&mut slow).contains("GETKEYSINSLOT"));
}

/// A look has shown another source: nobody knows what that one sends.
#[test]
fn lives_are_not_cut_where_another_source_has_taken_over() {
    let machine = late();
    let promoted = Move {
        source: id('c'),
        ..task()
    };
    let mut next = SlotMove::new(promoted, machine.settings.clone(), Entry::SourceReplaced);
    next = next.in_place_of(&machine);
    assert!(next.lengthened.is_empty());
}
