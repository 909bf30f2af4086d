//! The job alone: scripted answers, and every step that it takes.

use super::machine::Job;
use super::notice::Notice;
use super::steps::JobNote;
use super::steps::{Answer, BlockedSlots, JobContext, JobStep, SurveyScope};
use crate::cluster::NodeId;
use crate::cluster::verb::{Reply, Verb};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::core::Outcome;
use crate::execute::mover::{Cause, KeyInDoubt};
use crate::execute::orphaned::NotCleared;
use crate::execute::survey::Survey;
use crate::execute::testing::{NODES, facts_with, id, task};
use crate::execute::views::Views;
use crate::slot::SlotSet;
use std::collections::BTreeMap;

/// More steps than any job takes here.
const STEPS_MAX: usize = 2_000;

/// What a job did: its steps, what it told, and how it ended.
struct Ran {
    steps: Vec<String>,
    told: Vec<Notice>,
    result: Result<Outcome>,
}

impl Ran {
    fn kind(&self) -> ErrorKind {
        self.result.as_ref().expect_err("it failed").kind()
    }

    /// The steps without looks and waits.
    fn deeds(&self) -> Vec<&str> {
        let steps = self.steps.iter().map(String::as_str);
        steps
            .filter(|step| !["look", "wait"].contains(step))
            .collect()
    }
}

/// Runs a job, with what the nodes believe at each look and what came of everything else; none is
/// the usual.
fn run(
    mut job: Job,
    mut views: impl FnMut(&[String]) -> (Views, Vec<NodeId>),
    mut special: impl FnMut(&JobStep) -> Option<Answer>,
) -> Ran {
    let (mut steps, mut told, mut now_ms) = (Vec::new(), Vec::new(), 0);
    for _ in 0..STEPS_MAX {
        let step = job.next(now_ms);
        told.extend(job.take_notices());
        steps.push(name(&step));
        let usual = match &step {
            JobStep::End => {
                let result = job.into_result();
                return Ran {
                    steps,
                    told,
                    result,
                };
            }
            JobStep::Wait { ms } => {
                now_ms += ms;
                continue;
            }
            JobStep::AskViews => {
                let (views, silent) = views(&steps);
                Answer::Views(views, silent)
            }
            JobStep::Survey(_) => Answer::Surveyed(Ok(survey(&views(&steps).0))),
            JobStep::Preflight { .. } => Answer::Preflighted(Ok(BlockedSlots::default())),
            JobStep::Note(_) => Answer::Noted(Ok(())),
            JobStep::Send { verbs, .. } => {
                let ok = Reply::Text(b"OK".to_vec());
                Answer::Sent(Ok(vec![ok; verbs.len()]))
            }
            JobStep::Move { tasks, .. } => {
                let outcome = Outcome {
                    slots: tasks.len() as u64,
                    ..Outcome::default()
                };
                let arrived = tasks.iter().map(|(task, _)| *task).collect();
                Answer::Moved(Ok(outcome), arrived)
            }
            JobStep::Clear { .. } => Answer::Cleared(Ok(1)),
        };
        job.hear(special(&step).unwrap_or(usual), now_ms);
    }
    panic!("it takes no end: {steps:?}");
}

fn name(step: &JobStep) -> String {
    match step {
        JobStep::AskViews => "look".to_owned(),
        JobStep::Survey(SurveyScope::All) => "survey".to_owned(),
        JobStep::Survey(SurveyScope::These(ids)) => format!("survey of {}", ids.len()),
        JobStep::Preflight { moves, .. } => format!("judge {}", moves.len()),
        JobStep::Note(JobNote::Shards(_)) => "note shards".to_owned(),
        JobStep::Note(JobNote::Aim(slots)) => format!("note aim {slots}"),
        JobStep::Note(JobNote::Begin(moves)) => format!("note begin {}", slots(moves)),
        JobStep::Note(JobNote::End(moves)) => format!("note end {}", slots(moves)),
        JobStep::Note(JobNote::Doubt(slot, key)) => {
            format!("note doubt {} of {slot}", key.key.escape_ascii())
        }
        JobStep::Send { node, verbs } => format!("send {}: {}", node.short(), words(verbs)),
        JobStep::Move { tasks, .. } => format!("move {}", tasks.len()),
        JobStep::Clear { orphaned, .. } => format!("clear {}", orphaned.slot),
        JobStep::Wait { .. } => "wait".to_owned(),
        JobStep::End => "end".to_owned(),
    }
}

fn slots(moves: &[Move]) -> String {
    let slots = moves.iter().map(|task| task.slot.to_string());
    slots.collect::<Vec<_>>().join(",")
}

fn words(verbs: &[Verb]) -> String {
    let line = |verb: &Verb| {
        let words = verb.words().into_iter();
        let words = words.map(|word| String::from_utf8_lossy(&word).into_owned());
        words.collect::<Vec<_>>().join(" ")
    };
    verbs.iter().map(line).collect::<Vec<_>>().join(" | ")
}

fn node(node: char) -> String {
    format!("CLUSTER SETSLOT 0 NODE {}", id(node))
}

/// What all nodes believe, each line changed by who says it and whom it is about.
fn views(change: impl Fn(char, char, String) -> String) -> Views {
    let views = NODES.map(|myself| {
        let facts = facts_with(myself, |about, line| change(myself, about, line));
        (id(myself), facts.view)
    });
    views.into_iter().collect()
}

/// Slot 0 is at this node, in everybody's eyes.
fn owned_by(owner: char) -> Views {
    views(|_, about, line| owned(owner, about, line))
}

fn owned(owner: char, about: char, line: String) -> String {
    let line = line.replace(" 0-5460", " 1-5460");
    if about == owner {
        format!("{line} 0")
    } else {
        line
    }
}

fn survey(views: &Views) -> Survey {
    let facts = NODES.map(|name| {
        let mut facts = facts_with(name, |_, line| line);
        if let Some(view) = views.get(&id(name)) {
            facts.view = view.clone();
        }
        (id(name), facts)
    });
    let mut nodes: BTreeMap<NodeId, _> = facts.into_iter().collect();
    nodes.retain(|id, _| views.contains_key(id));
    Survey {
        nodes,
        unreachable: BTreeMap::new(),
    }
}

fn context(shards: &[(char, char)]) -> JobContext {
    JobContext {
        shards: shards
            .iter()
            .map(|(one, other)| (id(*one), id(*other)))
            .collect(),
        ..JobContext::default()
    }
}

fn fresh(shards: &[(char, char)]) -> Job {
    let survey = survey(&owned_by('a'));
    Job::fresh(survey.into(), &[task(0, 'a', 'b')], context(shards))
}

fn recover(shards: &[(char, char)]) -> Job {
    Job::recover(vec![task(0, 'a', 'b')], context(shards))
}

fn stopped() -> Error {
    Error::new(ErrorKind::Stopped, "a surprise")
}

#[test]
fn what_was_begun_is_looked_at_moved_and_agreed_on() {
    let open = || {
        views(|myself, about, line| match (myself, about) {
            ('a', 'a') => format!("{line} [0->-{}]", id('b')),
            _ => line,
        })
    };
    let has_moved = |steps: &[String]| steps.iter().any(|step| step == "move 1");
    let looked = |steps: &[String]| {
        if has_moved(steps) {
            (owned_by('b'), Vec::new())
        } else {
            (open(), Vec::new())
        }
    };
    let ran = run(recover(&[]), looked, |_| None);
    let expected = [
        "look",
        "survey",
        "judge 1",
        "note shards",
        "note aim 1",
        "move 1",
        "look",
        "look",
        "end",
    ];
    assert_eq!(ran.steps, expected);
    assert_eq!(ran.result.expect("it ends well").slots, 1);
    assert!(matches!(ran.told[..], [Notice::Finishes { .. }]));
}

#[test]
fn what_nobody_has_open_counts_as_ended_or_not_begun() {
    for (owner, is_told) in [('b', false), ('a', true)] {
        let ran = run(recover(&[]), |_| (owned_by(owner), Vec::new()), |_| None);
        let expected = ["survey", "judge 0", "note end 0", "end"];
        assert_eq!(ran.deeds(), expected);
        let told = matches!(ran.told[..], [Notice::NotBegun { .. }]);
        assert_eq!(told, is_told);
    }
}

#[test]
fn one_that_is_at_a_third_node_is_left_and_holds_no_other_up() {
    let moves = vec![task(0, 'a', 'b'), task(1, 'a', 'b')];
    let job = Job::recover(moves, context(&[]));
    // Slot 0 has gone from `a` to `c`, and `b` waits for it; slot 1 is on its way.
    let looked = |steps: &[String]| {
        let has_moved = steps.iter().any(|step| step == "move 1");
        let views = views(|myself, about, line| {
            let line = line.replace(" 0-5460", " 2-5460");
            let owner = if has_moved { 'b' } else { 'a' };
            let line = match about {
                'c' => format!("{line} 0"),
                _ => line,
            };
            let line = if about == owner {
                format!("{line} 1")
            } else {
                line
            };
            match (myself, about) {
                ('b', 'b') => format!("{line} [0-<-{}]", id('a')),
                ('a', 'a') if !has_moved => format!("{line} [1->-{}]", id('b')),
                _ => line,
            }
        });
        (views, Vec::new())
    };
    let ran = run(job, looked, |_| None);
    assert!(ran.deeds().contains(&"move 1"), "{:?}", ran.steps);
    assert!(
        !ran.deeds()
            .iter()
            .any(|step| step.starts_with("note end 0"))
    );
    let error = ran.result.expect_err("one is left");
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(error.message().contains("slot 0"), "{}", error.message());
}

#[test]
fn what_a_finding_holds_stays_and_the_others_go_on() {
    let moves = vec![task(0, 'a', 'b'), task(1, 'a', 'b')];
    let looked = |steps: &[String]| {
        let has_moved = steps.iter().any(|step| step == "move 1");
        let views = views(|myself, about, line| {
            let line = line.replace(" 0-5460", " 2-5460");
            let line = match about {
                'a' => format!("{line} 0"),
                _ => line,
            };
            let owner = if has_moved { 'b' } else { 'a' };
            let line = if about == owner {
                format!("{line} 1")
            } else {
                line
            };
            match (myself, about) {
                ('a', 'a') if !has_moved => format!("{line} [0->-{}] [1->-{}]", id('b'), id('b')),
                ('a', 'a') => format!("{line} [0->-{}]", id('b')),
                _ => line,
            }
        });
        (views, Vec::new())
    };
    let held = |slots: &[u16]| {
        let slots: SlotSet = slots
            .iter()
            .map(|slot| task(*slot, 'a', 'b').slot)
            .collect();
        let why = Error::new(ErrorKind::Unsafe, "somebody has it open").fix("close it");
        move |step: &JobStep| match step {
            JobStep::Preflight { .. } => Some(Answer::Preflighted(Ok(BlockedSlots {
                slots: slots.clone(),
                held: vec![(slots.clone(), why.clone())],
            }))),
            _ => None,
        }
    };
    let ran = run(
        Job::recover(moves.clone(), context(&[])),
        looked,
        held(&[0]),
    );
    assert!(ran.deeds().contains(&"move 1"), "{:?}", ran.steps);
    let error = ran.result.expect_err("one is left");
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert_eq!(error.message(), "slot 0: somebody has it open");
    assert_eq!(error.fix_text(), Some("close it"));
    // All of them: nothing moves, and they are open.
    let ran = run(Job::recover(moves, context(&[])), looked, held(&[0, 1]));
    assert_eq!(ran.deeds(), ["survey", "judge 2", "end"]);
    assert_eq!(ran.kind(), ErrorKind::Stopped);
}

/// `c` is dead: what the others say of it, and that slot 0 is at this node.
fn without_bystander(owner: char, flags: &'static str) -> Views {
    let mut views = views(|_, about, line| {
        let line = owned(owner, about, line);
        match about {
            'c' => line.replace("master", flags),
            _ => line,
        }
    });
    views.remove(&id('c'));
    views
}

#[test]
fn a_dead_node_without_part_is_not_waited_for() {
    let ran = |flags| {
        let looked = move |_: &[String]| (without_bystander('b', flags), vec![id('c')]);
        run(fresh(&[]), looked, |_| None)
    };
    let dead = ran("master,fail");
    assert!(!dead.steps.contains(&"wait".to_owned()), "{:?}", dead.steps);
    assert!(matches!(dead.told[..], [Notice::PassedOver { .. }]));
    assert_eq!(dead.result.expect("it ends well").passed_over, 1);
    // Suspected by all, and given up by none.
    let suspected = ran("master,fail?");
    let error = suspected.result.expect_err("it isn't known");
    assert!(error.message().contains("can't be asked"), "{error:?}");
}

/// `b` was given slot 0 and died; `c`, its replica, hasn't heard of that.
fn died() -> Views {
    let mut views = views(|myself, about, line| {
        let owner = if myself == 'c' { 'a' } else { 'b' };
        let line = owned(owner, about, line);
        match about {
            'b' => line
                .replace("master", "master,fail")
                .replace(" 5461-10922", ""),
            _ => line,
        }
    });
    views.remove(&id('b'));
    views
}

#[test]
fn a_promoted_replica_gets_what_died_with_a_node_and_then_something_is_changed() {
    let refused = |step: &JobStep| match step {
        JobStep::Preflight { .. } => {
            let error = Error::new(ErrorKind::Unsafe, "not now");
            Some(Answer::Preflighted(Err(error)))
        }
        _ => None,
    };
    let ran = run(recover(&[('b', 'c')]), |_| (died(), Vec::new()), refused);
    let reassigned = format!("send {}: {}", id('c').short(), node('c'));
    assert_eq!(ran.deeds()[0], reassigned);
    assert!(matches!(ran.told[0], Notice::Reassigned { .. }));
    assert_eq!(ran.kind(), ErrorKind::Stopped);
    // Without a promoted replica nothing is changed.
    let ran = run(recover(&[]), |_| (died(), Vec::new()), refused);
    assert_eq!(ran.deeds()[0], "survey");
    assert_eq!(ran.kind(), ErrorKind::Unsafe);
}

#[test]
fn nobody_is_given_what_another_silent_node_may_have() {
    let silent = vec![id('b'), id('d')];
    let ran = run(
        recover(&[('b', 'c')]),
        |_| (died(), silent.clone()),
        |step| match step {
            JobStep::Survey(_) => Some(Answer::Surveyed(Err(stopped()))),
            _ => None,
        },
    );
    assert_eq!(ran.deeds(), ["survey", "end"]);
}

#[test]
fn a_slot_that_the_target_lost_to_its_promoted_replica_has_arrived() {
    // `a` gave its last slot to `b`, followed it, and took over from it: no shard knows that.
    let views = || {
        views(|_, about, line| match about {
            'a' => format!("{line} 5461-10922"),
            'b' => line
                .replace("master -", &format!("slave {}", id('a')))
                .replace(" 5461-10922", ""),
            _ => line,
        })
    };
    let ran = run(fresh(&[]), |_| (views(), Vec::new()), |_| None);
    assert_eq!(ran.deeds().last(), Some(&"end"));
    assert!(!ran.steps.contains(&"wait".to_owned()), "{:?}", ran.steps);
    assert!(ran.result.is_ok());
}

#[test]
fn a_replica_that_still_shows_a_slot_as_open_is_reminded() {
    let reminder = format!("send {}: {}", id('b').short(), node('b'));
    let looked = |steps: &[String]| open_at_a_replica('b', steps.contains(&reminder));
    let ran = run(fresh(&[]), looked, |_| None);
    let deeds = ran.deeds();
    assert_eq!(deeds[deeds.len() - 2..], [&reminder[..], "end"]);
    assert!(ran.result.is_ok());
    // Also where an earlier run had begun it, and it is over for all others.
    let ran = run(recover(&[]), looked, |_| None);
    let deeds = ran.deeds();
    assert_eq!(
        deeds[deeds.len() - 3..],
        [&reminder[..], "note end 0", "end"]
    );
    assert!(ran.result.is_ok());
    // And where it never left its source: the primary has nothing open, and believes what it is
    // told.
    let reminder = format!("send {}: {}", id('b').short(), node('a'));
    let looked = |steps: &[String]| open_at_a_replica('a', steps.contains(&reminder));
    let ran = run(recover(&[]), looked, |_| None);
    assert!(ran.deeds().contains(&&reminder[..]), "{:?}", ran.steps);
    assert!(ran.result.is_ok());
}

/// Slot 0 is at this node; `c`, a replica of `b`, has it open until it is reminded.
fn open_at_a_replica(owner: char, is_reminded: bool) -> (Views, Vec<NodeId>) {
    let views = views(|myself, about, line| {
        let line = owned(owner, about, line);
        match about {
            'c' => {
                let line = line
                    .replace("master -", &format!("slave {}", id('b')))
                    .replace(" 10923-16383", "");
                if myself == 'c' && !is_reminded {
                    format!("{line} [0-<-{}]", id('a'))
                } else {
                    line
                }
            }
            'b' => format!("{line} 10923-16383"),
            _ => line,
        }
    });
    (views, Vec::new())
}

#[test]
fn nodes_that_never_agree_end_it() {
    let unmoved = owned_by('a');
    let ran = run(fresh(&[]), |_| (unmoved.clone(), Vec::new()), |_| None);
    assert_eq!(ran.kind(), ErrorKind::Stopped);
    let error = ran.result.as_ref().expect_err("it failed");
    let words = "doesn't see slot 0 at its target, 60 s after the last move";
    assert!(error.message().contains(words), "{}", error.message());
    // What has arrived is looked at by the next run.
    let deeds = ran.deeds();
    assert_eq!(deeds[deeds.len() - 2..], ["note begin 0", "end"]);
}

#[test]
fn a_target_that_denies_its_slot_ends_it_and_is_told_nothing() {
    // The source takes the target for the owner; the target the source, or nobody.
    for at_target in ['a', 'x'] {
        let denied = views(|myself, about, line| match myself {
            'b' => owned(at_target, about, line),
            _ => owned('b', about, line),
        });
        let ran = run(fresh(&[]), |_| (denied.clone(), Vec::new()), |_| None);
        assert_eq!(ran.kind(), ErrorKind::Stopped);
        let error = ran.result.as_ref().expect_err("it failed");
        assert!(error.message().contains("denies it now"), "{error:?}");
        let waits = ran.steps.iter().filter(|step| *step == "wait").count();
        assert!((50..60).contains(&waits), "{waits} waits of 200 ms");
        assert!(!ran.steps.iter().any(|step| step.contains("SETSLOT")));
        // What has arrived is looked at by the next run.
        let deeds = ran.deeds();
        assert_eq!(deeds[deeds.len() - 2..], ["note begin 0", "end"]);
    }
}

#[test]
fn a_slot_that_somebody_may_own_or_has_open_is_waited_for() {
    let open = format!(" [0-<-{}]", id('a'));
    // The third node owns it, has it open, is taken for its owner, or can't be asked.
    let third = views(|myself, about, line| match myself {
        'b' => owned('a', about, line),
        'c' => owned('c', about, line),
        _ => owned('b', about, line),
    });
    let opened = views(|myself, about, line| match (myself, about) {
        ('c', 'c') => owned('b', about, format!("{line}{open}")),
        ('b', _) => owned('a', about, line),
        _ => owned('b', about, line),
    });
    let elsewhere = views(|myself, about, line| match myself {
        'b' => owned('a', about, line),
        _ => owned('c', about, line),
    });
    let denied = views(|myself, about, line| match myself {
        'b' => owned('a', about, line),
        _ => owned('b', about, line),
    });
    for (views, silent) in [
        (third, vec![]),
        (opened, vec![]),
        (elsewhere, vec![]),
        (denied, vec![id('c')]),
    ] {
        let ran = run(fresh(&[]), |_| (views.clone(), silent.clone()), |_| None);
        assert_eq!(ran.kind(), ErrorKind::Stopped);
        let error = ran.result.as_ref().expect_err("it failed");
        assert!(
            error.message().ends_with("60 s after the last move"),
            "{error:?}"
        );
    }
}

#[test]
fn what_may_be_left_after_a_stop_stays_begun() {
    let fails = |step: &JobStep| match step {
        JobStep::Move { .. } => Some(Answer::Moved(Err(stopped()), vec![task(0, 'a', 'b')])),
        _ => None,
    };
    let silent = run(fresh(&[]), |_| (owned_by('b'), vec![id('c')]), fails);
    assert!(
        silent.deeds().contains(&"note begin 0"),
        "{:?}",
        silent.steps
    );
    let in_order = run(fresh(&[]), |_| (owned_by('b'), Vec::new()), fails);
    assert!(!in_order.deeds().contains(&"note begin 0"));
    assert_eq!(in_order.kind(), ErrorKind::Stopped);
    // A dead node's slots are its promoted replica's then too: nobody may come back for hours.
    let died = run(fresh(&[('b', 'c')]), |_| (died(), Vec::new()), fails);
    let reassigned = format!("send {}: {}", id('c').short(), node('c'));
    assert!(died.deeds().contains(&&reassigned[..]), "{:?}", died.steps);
}

#[test]
fn what_a_promoted_replica_has_open_is_cleared_up_and_noted_around_it() {
    let looked = |steps: &[String]| {
        let is_cleared = steps.iter().any(|step| step == "clear 0");
        let views = views(|myself, about, line| {
            let line = owned('b', about, line);
            match (myself, about) {
                ('c', 'c') if !is_cleared => format!("{line} [0-<-{}]", id('a')),
                _ => line,
            }
        });
        (views, Vec::new())
    };
    let ran = run(fresh(&[('b', 'c')]), looked, |_| None);
    let expected = [
        "note shards",
        "note aim 1",
        "move 1",
        "survey of 3",
        "note begin 0",
        "clear 0",
        "note end 0",
    ];
    assert_eq!(ran.deeds()[..7], expected);
    assert!(ran.told.contains(&Notice::Cleared {
        slots: 1,
        copies: 1
    }));
    assert!(ran.result.is_ok());
}

/// `c` took over from `b`, which is back and has the slot open still.
fn with_old_target_open(steps: &[String]) -> (Views, Vec<NodeId>) {
    let is_cleared = steps.iter().any(|step| step == "clear 0");
    let views = views(|myself, about, line| {
        let line = owned('c', about, line);
        match (myself, about) {
            ('b', 'b') if !is_cleared => format!("{line} [0-<-{}]", id('a')),
            _ => line,
        }
    });
    (views, Vec::new())
}

#[test]
fn a_key_that_is_named_where_it_does_not_belong_stays_in_the_journal() {
    let conflict = |step: &JobStep| match step {
        JobStep::Clear { .. } => Some(Answer::Cleared(Err(NotCleared {
            error: stopped(),
            key: Some(KeyInDoubt::new(0, b"named".to_vec(), Cause::Kept)),
        }))),
        _ => None,
    };
    let ran = run(fresh(&[('b', 'c')]), with_old_target_open, conflict);
    let expected = ["note begin 0", "clear 0", "note doubt named of 0"];
    assert_eq!(ran.deeds()[4..7], expected);
    assert!(!ran.steps.iter().any(|step| step.starts_with("note end")));
    assert_eq!(ran.kind(), ErrorKind::Stopped);
    // Keys in doubt are compared between the two sides of the move: `c` is neither.
    let by_promoted = |steps: &[String]| {
        let views = views(|myself, about, line| {
            let line = owned('b', about, line);
            match (myself, about) {
                ('c', 'c') => format!("{line} [0-<-{}]", id('a')),
                _ => line,
            }
        });
        assert!(steps.len() < STEPS_MAX);
        (views, Vec::new())
    };
    let ran = run(fresh(&[('b', 'c')]), by_promoted, conflict);
    assert!(ran.deeds().contains(&"clear 0"), "{:?}", ran.steps);
    assert!(!ran.steps.iter().any(|step| step.starts_with("note doubt")));
    assert_eq!(ran.kind(), ErrorKind::Stopped);
}

#[test]
fn a_slot_that_two_take_for_theirs_is_not_over() {
    let two = |_: &[String]| {
        let views = views(|myself, about, line| {
            let owner = if myself == 'c' { 'c' } else { 'b' };
            owned(owner, about, line)
        });
        (views, Vec::new())
    };
    // `c` was a replica of `a`, took over with all slots that `a` had, and `a` came back.
    let ran = run(recover(&[('a', 'c')]), two, |_| None);
    assert!(!ran.steps.iter().any(|step| step.contains("end 0")));
    let error = ran.result.expect_err("nobody knows");
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(
        error.message().contains("both take it for theirs"),
        "{}",
        error.message()
    );
}

#[test]
fn nothing_goes_on_that_the_journal_doesn_t_know() {
    let full = |step: &JobStep| match step {
        JobStep::Note(_) => Some(Answer::Noted(Err(Error::new(ErrorKind::Io, "full")))),
        _ => None,
    };
    let ran = run(fresh(&[]), |_| (owned_by('a'), Vec::new()), full);
    assert_eq!(ran.steps, ["note shards", "end"]);
    assert_eq!(ran.kind(), ErrorKind::Io);
}
