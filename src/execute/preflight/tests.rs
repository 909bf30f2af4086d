//! A healthy cluster has no findings; each thing that is wrong has its own.

use super::*;
use crate::cluster::slot_migrations::{SlotMigration, SlotMigrations};
use crate::cluster::verb::Refusal;
use crate::error::{Error, ErrorKind, Why};
use crate::execute::finding::FindingKind;
use crate::execute::journal::Running;
use crate::execute::movement::{Change, Movement};
use crate::execute::mover::{Cause, KeyInDoubt};
use crate::execute::{Move, Version};

use crate::execute::survey::{Bar, Functions, MaxMemory, NodeFacts, Obstacle, Part};
use crate::execute::testing::{self, NODES, facts_with, id, survey};
use crate::slot::{Slot, SlotSet};
use std::collections::BTreeMap;
use std::time::Duration;

fn refused() -> Error {
    Error::new(ErrorKind::Connect, "connection refused").because(Some(Why::Refused))
}

fn kinds(survey: &Survey, intent: &Intent<'_>) -> Vec<FindingKind> {
    findings(survey, intent)
        .into_iter()
        .map(|finding| finding.kind)
        .collect()
}

fn found(changed: char, change: impl Fn(&mut NodeFacts)) -> Vec<FindingKind> {
    kinds(&survey(changed, change), &Intent::default())
}

fn task(slot: u16, source: char, target: char) -> Move {
    Move {
        slot: Slot::new(slot).expect("a slot"),
        source: id(source),
        target: id(target),
    }
}

/// Replaces a piece of one node's line in what it says of the cluster.
fn says(of: char, from: &'static str, to: &'static str) -> impl Fn(&mut NodeFacts) {
    move |facts| {
        let myself = if facts.addr.port == 7000 { 'a' } else { 'b' };
        let changed = facts_with(myself, |node, line| {
            if node == of {
                line.replace(from, to)
            } else {
                line
            }
        });
        facts.view = changed.view;
    }
}

#[test]
fn a_healthy_cluster_has_none() {
    let survey = survey('a', |_| {});
    assert_eq!(kinds(&survey, &Intent::default()), []);
    assert_eq!(without_replica(&survey).len(), 3);
}

#[test]
fn what_a_node_says_of_itself() {
    assert_eq!(
        found('b', |facts| facts.state = "fail".to_owned()),
        [FindingKind::ClusterDown]
    );
    assert_eq!(
        found('b', |facts| facts.my_epoch = 1),
        [FindingKind::EpochCollision]
    );
    let newer = Version::from_info("redis_version:8.0.2").expect("a version");
    assert_eq!(
        found('b', |facts| facts.version = newer.clone()),
        [FindingKind::VersionMix]
    );
}

fn obstacle(command: &'static str, part: Part, bar: &Bar) -> impl Fn(&mut NodeFacts) {
    let bar = bar.clone();
    move |facts| {
        facts
            .trial
            .get_or_insert_default()
            .obstacles
            .push(Obstacle {
                command,
                part,
                bar: bar.clone(),
            });
    }
}

#[test]
fn what_a_node_will_not_do() {
    let refusal = |code: &str| {
        Bar::Refused(Refusal {
            code: code.to_owned(),
            detail: "so it is".to_owned(),
        })
    };
    let foreseen = |code: &str| {
        Bar::Foreseen(Refusal {
            code: code.to_owned(),
            detail: "so it is".to_owned(),
        })
    };
    let forbidden = Bar::Forbidden("no permissions to run 'migrate'".to_owned());
    for (bar, kind) in [
        (forbidden, FindingKind::PermissionMissing),
        (Bar::Missing, FindingKind::CommandMissing),
        (refusal("NOREPLICAS"), FindingKind::CommandRefused),
        (refusal("OOM"), FindingKind::MemoryHeadroom),
        (Bar::Swallowed, FindingKind::NotAServer),
        (foreseen("NOREPLICAS"), FindingKind::CommandRefused),
        (foreseen("OOM"), FindingKind::MemoryHeadroom),
    ] {
        let gives = survey('b', obstacle("MIGRATE", Part::Gives, &bar));
        let all = findings(&gives, &Intent::default());
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!((all[0].kind, all[0].forbids()), (kind, true), "{all:?}");
        // It matters to those that need it only.
        let found = |moves: &[Move]| {
            let intent = Intent {
                moves,
                ..Intent::default()
            };
            kinds(&gives, &intent)
        };
        assert_eq!(found(&[task(5461, 'b', 'a')]), [kind]);
        assert_eq!(found(&[task(0, 'a', 'b')]), []);
    }
    // One state, one finding.
    let full = refusal("NOREPLICAS");
    let both = |facts: &mut NodeFacts| {
        obstacle("MIGRATE", Part::Gives, &full)(facts);
        obstacle("RESTORE-ASKING", Part::Receives, &full)(facts);
    };
    assert_eq!(found('b', both), [FindingKind::CommandRefused]);
    // What is needed only where two copies are compared is no reason to refuse.
    let compares = survey('b', obstacle("DUMP", Part::Compares, &Bar::Missing));
    assert!(!findings(&compares, &Intent::default())[0].forbids());
}

#[test]
fn keys_move_where_they_load() {
    let moves = |source, target| [task(if source == 'b' { 5461 } else { 0 }, source, target)];
    let is_refused = |survey: &Survey, moves: &[Move]| {
        let intent = Intent {
            moves,
            ..Intent::default()
        };
        let all = findings(survey, &intent);
        let mut all = all
            .iter()
            .filter(|finding| finding.kind == FindingKind::DumpTooNew);
        all.next().map(Finding::forbids)
    };
    let newer = |facts: &mut NodeFacts| {
        facts.version = Version::from_info("redis_version:8.0.2").expect("a version");
    };
    let mixed = survey('b', newer);
    assert_eq!(is_refused(&mixed, &moves('b', 'a')), Some(true));
    assert_eq!(is_refused(&mixed, &moves('a', 'b')), None);
    let all = findings(&mixed, &Intent::default());
    assert!(
        all[0].fix.contains("from Redis 8.0.2 to Redis 7.0.15"),
        "{all:?}"
    );
    // Nothing is there that wouldn't load.
    let empty = survey('b', |facts| {
        newer(facts);
        facts.keys = 0;
    });
    assert_eq!(is_refused(&empty, &moves('b', 'a')), Some(false));
    // A node's own word is more than what is known of its version.
    let mut relaxed = survey('b', newer);
    let receiver = relaxed.nodes.get_mut(&id('a')).expect("facts");
    receiver
        .trial
        .get_or_insert_default()
        .loads
        .insert(12, true);
    assert_eq!(is_refused(&relaxed, &moves('b', 'a')), None);
}

#[test]
fn what_a_node_says_of_the_others() {
    use FindingKind::*;
    assert_eq!(
        found('a', says('c', "master -", "master,fail -")),
        [NodeFailed, NotAcquainted]
    );
    assert_eq!(
        found('a', says('c', "connected", "disconnected")),
        [NotAcquainted]
    );
    assert_eq!(
        found('a', says('c', "10923-16383", "10923-16382")),
        [SlotsUncovered, OwnershipDisagreement, OwnershipDisagreement]
    );
}

#[test]
fn a_node_that_is_gone() {
    let mut survey = survey('a', |_| {});
    survey.nodes.remove(&id('c'));
    survey.unreachable.insert(id('c'), refused());
    assert_eq!(
        kinds(&survey, &Intent::default()),
        [FindingKind::NodeUnreachable]
    );
    let moves = [task(0, 'a', 'c')];
    let intent = Intent {
        moves: &moves,
        ..Intent::default()
    };
    assert_eq!(
        kinds(&survey, &intent),
        [FindingKind::NodeUnreachable, FindingKind::NotAPrimary]
    );
}

/// A target of slots whose source died takes it for their owner still, and the cluster for down.
#[test]
fn a_target_whose_source_died_is_down_until_its_slots_are_finished() {
    let mut survey = survey('b', |facts| {
        let changed = facts_with('b', |node, line| match node {
            'a' => line
                .replace("master", "master,fail")
                .replace(" 0-5460", " 7"),
            'c' => format!("{line} 0-6 8-5460"),
            _ => format!("{line} [7-<-{}]", id('a')),
        });
        facts.view = changed.view;
        facts.state = "fail".to_owned();
    });
    survey.nodes.remove(&id('a'));
    survey.unreachable.insert(id('a'), refused());
    let promoted = facts_with('c', |node, line| match node {
        'a' => line.replace("master", "master,fail").replace(" 0-5460", ""),
        'c' => format!("{line} 0-5460"),
        _ => line,
    });
    survey.nodes.insert(id('c'), promoted);
    let moves = [task(7, 'a', 'b')];
    let errors = |intent: &Intent<'_>| -> Vec<FindingKind> {
        let found = findings(&survey, intent).into_iter();
        let errors = found.filter(|finding| finding.forbids());
        errors.map(|finding| finding.kind).collect()
    };
    let ours = Intent {
        ours: &moves,
        ..Intent::default()
    };
    assert_eq!(errors(&ours), []);
    let unfinished = Intent {
        unfinished: &moves,
        ..Intent::default()
    };
    assert_eq!(
        errors(&unfinished),
        [FindingKind::ClusterDown, FindingKind::OwnOpenSlot]
    );
    let kinds = errors(&Intent::default());
    assert!(kinds.contains(&FindingKind::NodeUnreachable), "{kinds:?}");
    assert!(kinds.contains(&FindingKind::NodeFailed), "{kinds:?}");
}

/// `a` and `c` take `b` for the owner of slot 7, `b` takes `a` for it.
#[test]
fn what_to_do_about_a_slot_that_all_deny_is_said_once_two_surveys_agree() {
    let mut survey = survey('a', |_| {});
    for myself in NODES {
        let owner = if myself == 'b' { 'a' } else { 'b' };
        let facts = facts_with(myself, |node, line| {
            let line = line.replace(" 0-5460", " 0-6 8-5460");
            if node == owner {
                format!("{line} 7")
            } else {
                line
            }
        });
        survey.nodes.insert(id(myself), facts);
    }
    let slot = Slot::new(7).expect("a slot");
    let before: SlotSet = [slot].into_iter().collect();
    let said = |intent: &Intent<'_>| {
        let found = findings(&survey, intent).into_iter();
        let mut of_it = found.filter(|finding| finding.kind == FindingKind::SlotsUncovered);
        let said = of_it.next().map(|finding| {
            assert!(finding.passes && finding.slot == Some(slot), "{finding:?}");
            finding.fix.contains("BUMPEPOCH")
        });
        assert_eq!(of_it.count(), 0);
        said
    };
    assert_eq!(said(&Intent::default()), Some(false));
    let twice = Intent {
        denied_before: before.clone(),
        ..Intent::default()
    };
    assert_eq!(said(&twice), Some(true));
    let moving = Intent {
        movement: Movement::Seen(Change::Opened(id('c'), Slot::MIN)),
        ..twice.clone()
    };
    assert_eq!(said(&moving), Some(false));
    let moves = [task(7, 'a', 'b')];
    let in_hand = Intent {
        ours: &moves,
        ..twice.clone()
    };
    assert_eq!(
        said(&in_hand),
        None,
        "the run tells of it, and finishes the others"
    );
    let unfinished = Intent {
        unfinished: &moves,
        ..twice
    };
    assert_eq!(said(&unfinished), Some(true));
}

#[test]
fn an_open_slot_is_a_finding_unless_it_is_ours() {
    let open = |facts: &mut NodeFacts| {
        let view = facts_with('a', |node, line| match node {
            'a' => format!("{line} [7->-{}]", id('b')),
            _ => line,
        });
        facts.view = view.view;
    };
    let survey = survey('a', open);
    let found = findings(&survey, &Intent::default());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].kind, found[0].slot),
        (FindingKind::OpenSlot, Slot::new(7))
    );
    let unfinished = Intent {
        unfinished: &[task(7, 'a', 'b')],
        ..Intent::default()
    };
    assert_eq!(kinds(&survey, &unfinished), [FindingKind::OwnOpenSlot]);
    let with = |ours: &[Move]| {
        kinds(
            &survey,
            &Intent {
                ours,
                ..Intent::default()
            },
        )
    };
    assert_eq!(with(&[task(7, 'a', 'b')]), []);
    for other in [task(8, 'a', 'b'), task(7, 'a', 'c'), task(7, 'b', 'a')] {
        assert_eq!(with(&[other]), [FindingKind::OpenSlot], "{other:?}");
    }
}

#[test]
fn a_server_that_cannot_log_in_on_another() {
    for (version, login, is_too_old) in [
        ("3.2.6", LoginNeed::Nothing, false),
        ("3.0.5", LoginNeed::Nothing, true),
        ("4.0.1", LoginNeed::Password, true),
        ("4.0.7", LoginNeed::Password, false),
        ("5.0.6", LoginNeed::User, true),
        ("6.0.0", LoginNeed::User, false),
    ] {
        let version = Version::from_info(&format!("redis_version:{version}")).expect("a version");
        let survey = survey('b', |facts| facts.version = version.clone());
        let found = kinds(
            &survey,
            &Intent {
                login,
                ..Intent::default()
            },
        );
        assert_eq!(
            found.contains(&FindingKind::ServerTooOld),
            is_too_old,
            "{version} {login:?}"
        );
    }
}

#[test]
fn memory_of_the_target() {
    let survey = survey('b', |facts| facts.max_memory = MaxMemory::Bytes(1_500));
    let with = |bytes: u64| {
        let incoming_bytes = BTreeMap::from([(id('b'), bytes), (id('a'), u64::MAX)]);
        kinds(
            &survey,
            &Intent {
                incoming_bytes,
                ..Intent::default()
            },
        )
    };
    assert_eq!(with(500), []);
    assert_eq!(with(501), [FindingKind::MemoryHeadroom]);
}

#[test]
fn a_nearly_full_node() {
    let full = |refuses: bool| {
        move |facts: &mut NodeFacts| {
            facts.max_memory = MaxMemory::Bytes(1_111);
            facts.refuses_when_full = refuses;
        }
    };
    assert_eq!(found('b', full(true)), [FindingKind::MemoryHeadroom]);
    // A cache is always full.
    assert_eq!(found('b', full(false)), []);
    let roomy = |facts: &mut NodeFacts| facts.max_memory = MaxMemory::Bytes(1_200);
    assert_eq!(found('b', roomy), []);
    // That it doesn't tell isn't that it has none.
    let untold = |facts: &mut NodeFacts| facts.max_memory = MaxMemory::Unknown;
    assert_eq!(found('b', untold), [FindingKind::MemoryHeadroom]);
}

#[test]
fn what_moves_slots_now_is_waited_for() {
    let open = |movement: Movement| {
        let change = |node, line| match node {
            'b' => format!("{line} [5461->-{}]", id('a')),
            _ => line,
        };
        let survey = survey('b', |facts| facts.view = facts_with('b', change).view);
        let intent = Intent {
            movement,
            ..Intent::default()
        };
        findings(&survey, &intent)
    };
    let of = |found: &[Finding], kind| {
        let mut found = found.iter().filter(|finding| finding.kind == kind);
        found.next().map(|finding| finding.fix.clone())
    };
    let slot = Slot::new(5461).expect("a slot");
    let seen = open(Movement::Seen(Change::Keys(id('b'), slot, [9, 7])));
    assert!(
        seen[0]
            .message
            .contains("has 7 keys of slot 5461, and had 9"),
        "{seen:?}"
    );
    assert!(
        seen[0].forbids() && seen[0].kind == FindingKind::RunUnderWay,
        "{seen:?}"
    );
    let fix = of(&seen, FindingKind::OpenSlot).expect("an open slot");
    assert!(fix.starts_with("something moves slots now: wait"), "{fix}");
    // That nothing changes isn't told as proof, nor that nobody looked.
    for (movement, words) in [
        (
            Movement::Still(Duration::from_secs(3)),
            "within 3 s, which isn't proof",
        ),
        (Movement::NotLooked, "let that finish first"),
    ] {
        let found = open(movement);
        assert_eq!(of(&found, FindingKind::RunUnderWay), None);
        let fix = of(&found, FindingKind::OpenSlot).expect("an open slot");
        assert!(fix.contains(words), "{fix}");
    }
}

#[test]
fn keys_where_no_client_is_sent() {
    let slot = Slot::new(7).expect("a slot");
    let survey = survey('b', |facts| facts.orphaned = BTreeMap::from([(slot, 3)]));
    let with = |moves: &[Move]| {
        let intent = Intent {
            moves,
            ..Intent::default()
        };
        findings(&survey, &intent)
    };
    let found = with(&[task(8, 'a', 'b'), task(7, 'a', 'c')]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, FindingKind::OrphanedKeys);
    assert!(!found[0].forbids(), "{found:?}");
    assert_eq!((found[0].node, found[0].slot), (Some(id('b')), Some(slot)));
    // Where the slot is to go they would be alive again.
    let moves = [task(7, 'a', 'b')];
    assert!(with(&moves)[0].forbids());
    // A run that goes on with this move brings the rest; another command is told to let it.
    let ours = Intent {
        moves: &moves,
        ours: &moves,
        ..Intent::default()
    };
    assert_eq!(findings(&survey, &ours).len(), 0);
    let unfinished = Intent {
        unfinished: &moves,
        ..Intent::default()
    };
    let left = findings(&survey, &unfinished);
    assert_eq!((left.len(), left[0].kind), (1, FindingKind::OwnOpenSlot));
}

#[test]
fn numbered_databases() {
    let other = |facts: &mut NodeFacts| facts.databases = vec![0, 3];
    assert_eq!(found('a', other), [FindingKind::NumberedDatabases]);
    let with_limit = |limit: u32| {
        let mut survey = survey('a', other);
        let facts = survey.nodes.get_mut(&id('c')).expect("a node");
        facts.database_limit = Some(limit);
        findings(&survey, &Intent::default())
    };
    assert_eq!(with_limit(4).len(), 1);
    let found = with_limit(3);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].forbids() && found[0].node == Some(id('c')),
        "{found:?}"
    );
}

#[test]
fn the_last_slot_of_a_primary() {
    let moves: Vec<Move> = (0..=5460).map(|slot| task(slot, 'a', 'b')).collect();
    let with = |moves: &[Move], allows: Option<bool>| {
        let survey = survey('a', |facts| facts.allows_replica_migration = allows);
        kinds(
            &survey,
            &Intent {
                moves,
                ..Intent::default()
            },
        )
    };
    assert_eq!(with(&moves, Some(true)), [FindingKind::TurnsIntoReplica]);
    assert_eq!(with(&moves, None), [FindingKind::TurnsIntoReplica]);
    assert_eq!(with(&moves, Some(false)), []);
    assert_eq!(with(&moves[1..], Some(true)), []);
}

#[test]
fn errors_come_first_and_a_saved_view_has_some_too() {
    let survey = survey('b', |facts| {
        facts.my_epoch = 1;
        facts.state = "fail".to_owned();
    });
    let found = findings(&survey, &Intent::default());
    assert!(found[0].forbids() && !found[1].forbids(), "{found:?}");
    let view = facts_with('a', |node, line| match node {
        'c' => line
            .replace("master", "master,fail")
            .replace("-16383", "-16000"),
        _ => line,
    });
    let kinds: Vec<FindingKind> = findings_of_view(&view.view)
        .into_iter()
        .map(|finding| finding.kind)
        .collect();
    assert_eq!(
        kinds,
        [FindingKind::NodeFailed, FindingKind::SlotsUncovered]
    );
}

#[test]
fn a_node_that_one_knows_and_another_does_not() {
    // `a` has never heard of `c`.
    let without = |facts: &mut NodeFacts| {
        let lines = |node: char, line: String| match node {
            'c' => String::new(),
            _ => line,
        };
        facts.view = facts_with('a', lines).view;
    };
    let survey = survey('a', without);
    let found = findings(&survey, &Intent::default());
    let unacquainted: Vec<_> = found
        .iter()
        .filter(|finding| finding.kind == FindingKind::NotAcquainted)
        .collect();
    assert_eq!(unacquainted.len(), 1, "{found:?}");
    assert_eq!(unacquainted[0].node, Some(id('c')));
    assert!(
        unacquainted[0].forbids() && unacquainted[0].passes,
        "{found:?}"
    );
    // Everything else of it passes with that.
    let stays = found
        .iter()
        .any(|finding| finding.forbids() && !finding.passes);
    assert!(!stays, "{found:?}");
}

#[test]
fn a_node_that_is_being_met() {
    let meets = |facts: &mut NodeFacts| {
        let lines = |node: char, line: String| match node {
            'c' => format!(
                "{line}\n{} 10.0.0.9:7000@17000 handshake - 0 0 0 connected",
                id('e')
            ),
            _ => line,
        };
        facts.view = facts_with('a', lines).view;
    };
    let found = findings(&survey('a', meets), &Intent::default());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found[0].forbids() && found[0].passes, "{found:?}");
    assert!(found[0].message.contains("10.0.0.9:7000"), "{found:?}");
}

#[test]
fn slots_that_servers_move_by_themselves() {
    let job = SlotMigration {
        slots: (100..=102).filter_map(Slot::new).collect(),
        source: Some(id('a')),
        target: Some(id('b')),
        state: "snapshotting".to_owned(),
    };
    let mut survey = survey('a', |_| {});
    for node in ['a', 'b'] {
        let facts = survey.nodes.get_mut(&id(node)).expect("a node");
        facts.migrations = SlotMigrations::UnderWay(vec![job.clone()]);
    }
    // What arrives with it isn't orphaned.
    let target = survey.nodes.get_mut(&id('b')).expect("a node");
    target.orphaned = Slot::new(101).map(|slot| (slot, 5)).into_iter().collect();
    let with = |moves: &[Move]| {
        let intent = Intent {
            moves,
            ..Intent::default()
        };
        findings(&survey, &intent)
    };
    let alone = with(&[]);
    assert_eq!(alone.len(), 1, "both sides list one job: {alone:?}");
    assert_eq!(alone[0].kind, FindingKind::SlotMigration);
    assert!(
        !alone[0].forbids() && alone[0].message.contains("slots 100-102"),
        "{alone:?}"
    );
    // Each primary is told of a slot's new owner, so that no pair is beside the job.
    for any in [
        task(101, 'a', 'c'),
        task(7, 'a', 'c'),
        task(11_000, 'c', 'b'),
    ] {
        assert!(with(&[any])[0].forbids(), "{any:?}");
    }
    let facts = survey.nodes.get_mut(&id('b')).expect("a node");
    facts.migrations = SlotMigrations::Unknown("NOPERM".to_owned());
    assert!(kinds(&survey, &Intent::default()).contains(&FindingKind::SlotMigrationUnknown));
}

#[test]
fn function_libraries_of_targets() {
    let has = |names: &[(&str, u8)]| {
        let libraries = names
            .iter()
            .map(|(name, code)| ((*name).to_owned(), [*code; 32]));
        Functions::Known(libraries.collect())
    };
    let mut survey = survey('b', |_| {});
    for (node, names) in [
        ('a', &[("one", 1), ("two", 1)][..]),
        ('b', &[("one", 1)]),
        ('c', &[("one", 1), ("two", 1)]),
    ] {
        survey.nodes.get_mut(&id(node)).expect("a node").functions = has(names);
    }
    let with = |moves: &[Move], ours: &[Move], copies_functions: bool| {
        let intent = Intent {
            moves,
            ours,
            copies_functions,
            ..Intent::default()
        };
        let found = findings(&survey, &intent);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].kind, FindingKind::FunctionsMissing, "{found:?}");
        found[0].forbids()
    };
    let to_b = [task(7, 'a', 'b')];
    assert!(with(&to_b, &[], false));
    assert!(!with(&to_b, &[], true));
    assert!(!with(&[], &[], false));
    assert!(!with(&[task(7, 'a', 'c')], &[], false));
    // What was begun is finished nevertheless.
    assert!(!with(&to_b, &to_b, false));
    survey.nodes.get_mut(&id('b')).expect("a node").functions = has(&[("one", 2), ("two", 1)]);
    assert_eq!(
        kinds(&survey, &Intent::default()),
        [FindingKind::FunctionsDiffer]
    );
    survey.nodes.get_mut(&id('b')).expect("a node").functions = Functions::Unknown("no".to_owned());
    assert_eq!(
        kinds(&survey, &Intent::default()),
        [FindingKind::FunctionsUnknown]
    );
}

#[test]
fn a_run_beside_this_one() {
    let moves = [task(7, 'a', 'b')];
    let open = |facts: &mut NodeFacts| {
        let lines = |node: char, line: String| match node {
            'a' => format!("{line} [7->-{}]", id('b')),
            _ => line,
        };
        facts.view = facts_with('a', lines).view;
    };
    let survey = survey('a', open);
    let run = Running {
        pid: 17,
        total: Some(3),
        ..Running::default()
    };
    let intent = Intent {
        ours: &moves,
        running: Some(run.clone()),
        ..Intent::default()
    };
    let found = findings(&survey, &intent);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, FindingKind::RunUnderWay);
    assert!(
        found[0].forbids() && found[0].message.contains("pid 17"),
        "{found:?}"
    );
    let waiting = Intent {
        running: Some(Running { total: None, ..run }),
        unreadable_journal: Some("j: no".to_owned()),
        ..Intent::default()
    };
    let kinds: Vec<_> = findings(&self::survey('a', |_| {}), &waiting)
        .into_iter()
        .map(|finding| (finding.kind, finding.forbids()))
        .collect();
    let expected = [FindingKind::RunUnderWay, FindingKind::JournalUnreadable];
    assert_eq!(kinds, expected.map(|kind| (kind, false)));
}

#[test]
fn keys_that_nobody_has_decided_about_forbid_and_are_named_up_to_a_bound() {
    let doubtful = |number: usize| KeyInDoubt {
        is_named: true,
        ..KeyInDoubt::new(0, format!("key:{number}\n").into_bytes(), Cause::Kept)
    };
    let found = |keys: usize| {
        let intent = Intent {
            undecided: (0..keys).map(doubtful).collect(),
            ..Intent::default()
        };
        findings(&self::survey('a', |_| {}), &intent)
    };
    assert_eq!(found(0), []);
    let one = found(1);
    assert_eq!(one.len(), 1, "{one:?}");
    assert_eq!(
        (one[0].kind, one[0].forbids()),
        (FindingKind::UndecidedKeys, true)
    );
    assert_eq!(one[0].slot, Some(Slot::for_key(b"key:0\n")));
    assert!(one[0].message.contains("`key:0\\x0A`"), "{one:?}");
    let many = &found(25)[0].message;
    assert!(
        many.contains("25 keys") && many.ends_with("and 15 more"),
        "{many}"
    );
}

/// Redis 7.0: gossip tells a node that imports a slot nothing of its owner.
#[test]
fn a_slot_that_its_target_knows_no_owner_of_is_for_who_moves_it_to_finish() {
    let survey = || {
        let mut survey = self::survey('a', |_| {});
        let importing = facts_with('b', |node, line| match node {
            'a' => line.replace(" 0-5460", " 1-5460"),
            'b' => format!("{line} [0-<-{}]", id('a')),
            _ => line,
        });
        let facts = survey.nodes.get_mut(&id('b')).expect("a node");
        facts.view = importing.view;
        facts.state = "fail".to_owned();
        survey
    };
    let moves = [testing::task(0, 'a', 'b')];
    let of = |intent: &Intent<'_>| -> Vec<(FindingKind, bool)> {
        let found = findings(&survey(), intent).into_iter();
        let kinds = [FindingKind::SlotsUncovered, FindingKind::ClusterDown];
        found
            .filter(|finding| kinds.contains(&finding.kind))
            .map(|finding| (finding.kind, finding.forbids()))
            .collect()
    };
    let both = |forbid| {
        vec![
            (FindingKind::ClusterDown, forbid),
            (FindingKind::SlotsUncovered, forbid),
        ]
    };
    let ours = Intent {
        ours: &moves,
        ..Intent::default()
    };
    assert_eq!(of(&ours), both(false));
    let unfinished = Intent {
        unfinished: &moves,
        ..Intent::default()
    };
    assert_eq!(of(&unfinished), both(true));
    let fixes = findings(&survey(), &unfinished);
    let mut fixes = fixes
        .iter()
        .filter(|finding| finding.kind == FindingKind::SlotsUncovered);
    assert!(fixes.all(|finding| finding.fix.contains("slotkit resume")));
    assert_eq!(of(&Intent::default()), both(true));
}

/// `c` can't be reached, and the others say so with these flags; they take the cluster for down.
fn without_bystander(flags: &'static str) -> Survey {
    let mut survey = survey('a', |_| {});
    for node in ['a', 'b'] {
        let mut facts = facts_with(node, |about, line| match about {
            'c' => line.replace("master", flags),
            _ => line,
        });
        facts.state = "fail".to_owned();
        survey.nodes.insert(id(node), facts);
    }
    survey.nodes.remove(&id('c'));
    survey.unreachable.insert(id('c'), refused());
    survey
}

#[test]
fn a_dead_bystander_holds_up_only_what_is_new() {
    let open = [task(0, 'a', 'b')];
    let forbids = |flags, intent: &Intent<'_>| {
        let found = findings(&without_bystander(flags), intent).into_iter();
        let errors = found.filter(Finding::forbids);
        errors.map(|finding| finding.kind).collect::<Vec<_>>()
    };
    let goes_on = Intent {
        ours: &open,
        moves: &open,
        ..Intent::default()
    };
    assert_eq!(forbids("master,fail", &goes_on), []);
    // Told all the same, once.
    let told = kinds(&without_bystander("master,fail"), &goes_on);
    let of_node = told
        .iter()
        .filter(|kind| **kind == FindingKind::NodeUnreachable);
    assert_eq!(
        (of_node.count(), told.contains(&FindingKind::NodeFailed)),
        (1, false)
    );
    // Suspected alone; with a part in it; for what is new; and beside another run.
    assert!(forbids("master,fail?", &goes_on).contains(&FindingKind::NodeUnreachable));
    let [with_part, new] = [[task(0, 'a', 'c')], [task(1, 'a', 'b')]];
    for intent in [
        Intent {
            moves: &with_part,
            ours: &with_part,
            ..Intent::default()
        },
        Intent {
            moves: &new,
            ..goes_on.clone()
        },
        Intent {
            moves: &open,
            ..Intent::default()
        },
    ] {
        let found = forbids("master,fail", &intent);
        assert!(found.contains(&FindingKind::NodeUnreachable), "{found:?}");
        assert!(found.contains(&FindingKind::ClusterDown), "{found:?}");
    }
}
