//! A healthy cluster has no findings; each thing that is wrong has its own.

use super::*;
use crate::execute::Version;
use crate::execute::finding::FindingKind;
use crate::execute::survey::{NodeFacts, Permissions};
use crate::execute::testing::{facts_with, id, survey};
use crate::slot::Slot;

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
    let missing = Permissions::Missing("no permissions to run 'migrate'".to_owned());
    assert_eq!(
        found('b', |facts| facts.permissions = missing.clone()),
        [FindingKind::PermissionMissing]
    );
    assert_eq!(
        found('b', |facts| facts.permissions = Permissions::Unknown),
        [FindingKind::PermissionUnknown]
    );
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
    survey
        .unreachable
        .insert(id('c'), "connection refused".to_owned());
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
    survey.unreachable.insert(id('a'), "refused".to_owned());
    let heir = facts_with('c', |node, line| match node {
        'a' => line.replace("master", "master,fail").replace(" 0-5460", ""),
        'c' => format!("{line} 0-5460"),
        _ => line,
    });
    survey.nodes.insert(id('c'), heir);
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
    let survey = survey('b', |facts| facts.max_bytes = Some(1_500));
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
            facts.max_bytes = Some(1_111);
            facts.refuses_when_full = refuses;
        }
    };
    assert_eq!(found('b', full(true)), [FindingKind::MemoryHeadroom]);
    // A cache is always full.
    assert_eq!(found('b', full(false)), []);
    assert_eq!(found('b', |facts| facts.max_bytes = Some(1_200)), []);
}

#[test]
fn keys_where_no_client_is_sent() {
    let slot = Slot::new(7).expect("a slot");
    let survey = survey('b', |facts| facts.orphans = BTreeMap::from([(slot, 3)]));
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
