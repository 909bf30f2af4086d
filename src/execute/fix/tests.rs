//! A fix for each state, from surveys that are made up.

use super::words::slots_command;
use super::*;
use crate::error::{Error, ErrorKind, Why};
use crate::execute::finding::FindingKind;
use crate::execute::preflight::{self, Intent};
use crate::execute::survey::{Following, NodeFacts, Replication, ReplicationRole, Survey};
use crate::execute::testing::{NODES, facts_with, id, survey, task};
use crate::slot::{Slot, SlotSet};

/// The three nodes, each line of each view changed by who says it and of whom.
fn seen(change: impl Fn(char, char, String) -> String) -> Survey {
    let nodes = NODES.map(|of| (id(of), facts_with(of, |node, line| change(of, node, line))));
    Survey {
        nodes: nodes.into_iter().collect(),
        unreachable: Default::default(),
    }
}

/// Slot 0 taken out of what everybody says of the first node.
fn without_slot_0(line: String) -> String {
    line.replace(" 0-5460", " 1-5460")
}

fn lose(survey: &mut Survey, node: char, why: Why) {
    survey.nodes.remove(&id(node));
    let error = Error::new(ErrorKind::Connect, "no answer").because(Some(why));
    survey.unreachable.insert(id(node), error);
}

fn hold(survey: &mut Survey, node: char, slot: u16, keys: u64) {
    let facts = survey.nodes.get_mut(&id(node)).expect("a node");
    facts
        .orphaned
        .insert(Slot::new(slot).expect("a slot"), keys);
}

/// The fixes of this kind.
fn fixes(survey: &Survey, kind: FindingKind) -> Vec<String> {
    fixes_for(survey, kind, &Intent::default())
}

fn fixes_for(survey: &Survey, kind: FindingKind, intent: &Intent<'_>) -> Vec<String> {
    let found = preflight::findings(survey, intent).into_iter();
    let found: Vec<String> = found
        .filter(|finding| finding.kind == kind)
        .map(|finding| finding.fix)
        .collect();
    for fix in &found {
        assert!(
            !fix.contains('{') && !fix.contains("--cluster fix"),
            "{fix}"
        );
    }
    found
}

fn uncovered(survey: &Survey) -> String {
    let mut found = fixes(survey, FindingKind::SlotsUncovered);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn slots_that_a_node_says_are_its_own_are_given_to_nobody() {
    // `a` has forgotten `c`; `b` and `c` know better.
    let survey = seen(|of, node, line| match (of, node) {
        ('a', 'c') => String::new(),
        _ => line,
    });
    let fix = uncovered(&survey);
    assert!(fix.contains("CLUSTER MEET 10.0.0.1 7002"), "{fix}");
    assert!(
        fix.contains("give them to nobody") && !fix.contains("ADDSLOTS"),
        "{fix}"
    );
    // It knows it, and will hear of it.
    let survey = seen(|of, node, line| match (of, node) {
        ('a', 'c') => line.replace(" 10923-16383", " 10924-16383"),
        _ => line,
    });
    let fix = uncovered(&survey);
    assert!(
        fix.contains("wait some seconds") && !fix.contains("ADDSLOTS"),
        "{fix}"
    );
}

#[test]
fn slots_without_an_owner_go_to_the_node_that_has_their_keys() {
    let mut survey = seen(|_, _, line| without_slot_0(line));
    hold(&mut survey, 'b', 0, 4);
    let fix = uncovered(&survey);
    assert!(
        fix.contains("10.0.0.1:7001, which has 4 keys of them;"),
        "{fix}"
    );
    assert!(
        fix.ends_with("at 10.0.0.1:7001: CLUSTER ADDSLOTSRANGE 0 0"),
        "{fix}"
    );
    // What it had open counts as well, and is closed where there is no key.
    let mut survey = seen(|of, node, line| {
        if of == node && of != 'a' {
            without_slot_0(line) + &format!(" [0-<-{}]", id('a'))
        } else {
            without_slot_0(line)
        }
    });
    let facts = survey.nodes.get_mut(&id('b')).expect("a node");
    facts.arrived.insert(Slot::MIN, 2);
    let fix = uncovered(&survey);
    assert!(
        fix.contains("at 10.0.0.1:7002, which has no key of them"),
        "{fix}"
    );
    assert!(
        fix.contains("10.0.0.1:7001: CLUSTER ADDSLOTSRANGE 0 0"),
        "{fix}"
    );
}

#[test]
fn a_holder_that_believes_in_another_owner_lets_go_of_it_first() {
    // All believe that slot 0 is `a`'s, which says that it isn't, and `b` has keys of it.
    let mut survey = seen(|of, node, line| match (of, node) {
        ('a', 'a') => without_slot_0(line),
        _ => line,
    });
    hold(&mut survey, 'b', 0, 4);
    let facts = survey.nodes.get_mut(&id('b')).expect("a node");
    facts.version = crate::execute::Version::from_info("redis_version:6.2.0").expect("a version");
    let fix = uncovered(&survey);
    let commands = "CLUSTER DELSLOTS 0, then CLUSTER ADDSLOTS 0, then CLUSTER BUMPEPOCH";
    assert!(fix.ends_with(commands), "{fix}");
}

#[test]
fn keys_of_a_slot_on_several_nodes_are_brought_together() {
    let mut survey = seen(|_, _, line| without_slot_0(line));
    hold(&mut survey, 'b', 0, 4);
    hold(&mut survey, 'c', 0, 3);
    let fix = uncovered(&survey);
    let steps = format!(
        "at 10.0.0.1:7002: CLUSTER ADDSLOTSRANGE 0 0; at 10.0.0.1:7001, for each of the slots N: \
         CLUSTER SETSLOT N NODE {0}, then CLUSTER SETSLOT N IMPORTING {0}; then slotkit resume",
        id('c')
    );
    assert!(fix.contains(&steps), "{fix}");
}

#[test]
fn slots_are_given_to_anybody_only_where_nobody_may_have_keys() {
    let nobody = seen(|_, _, line| without_slot_0(line));
    let fix = uncovered(&nobody);
    assert!(fix.contains("let it in again first"), "{fix}");
    assert!(
        fix.contains("at 10.0.0.1:7000: CLUSTER ADDSLOTSRANGE 0 0"),
        "{fix}"
    );
    // Somebody can't be reached.
    for why in [
        Why::Refused,
        Why::LoginWrong,
        Why::AnotherNode,
        Why::NotAServer,
    ] {
        let mut absent = seen(|_, _, line| without_slot_0(line));
        lose(&mut absent, 'c', why);
        let fix = uncovered(&absent);
        assert!(
            !fix.contains("ADDSLOTS") && fix.contains("10.0.0.1:7002"),
            "{fix}"
        );
    }
    // A replica has keys, and no link.
    let mut detached = seen(|_, node, line| match node {
        'c' => replica_line(line, 'b').replace(" 10923-16383", ""),
        'b' => format!("{line} 10923-16383"),
        _ => without_slot_0(line),
    });
    follow(&mut detached, 'c', |following| {
        following.is_up = Some(false);
    });
    let fix = uncovered(&detached);
    assert!(
        !fix.contains("ADDSLOTS") && fix.contains("10.0.0.1:7002"),
        "{fix}"
    );
}

#[test]
fn long_lists_of_slots_are_cut_at_a_whole_command() {
    let every_other: SlotSet = Slot::all().filter(|slot| slot.number() % 2 == 0).collect();
    let text = slots_command("ADDSLOTS", &every_other, true);
    assert!(text.starts_with("CLUSTER ADDSLOTSRANGE 0 0 2 2 "), "{text}");
    assert!(
        text.ends_with("78 78 (there are more: check again after it)"),
        "{text}"
    );
    let runs: SlotSet = (0..=9).chain([12]).filter_map(Slot::new).collect();
    assert_eq!(
        slots_command("ADDSLOTS", &runs, false),
        "CLUSTER ADDSLOTS $(seq 0 9) 12"
    );
}

fn absent(survey: &Survey) -> String {
    let mut found = fixes(survey, FindingKind::NodeUnreachable);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// What everybody says of `c` when it is dead and `b` has its slots.
fn replaced(_: char, node: char, line: String) -> String {
    match node {
        'c' => line
            .replace("master", "master,fail")
            .replace(" 10923-16383", ""),
        'b' => format!("{line} 10923-16383"),
        _ => line,
    }
}

#[test]
fn why_a_node_can_not_be_asked_chooses_the_fix() {
    for (why, words) in [
        (Why::NoAddress, "its address was lost"),
        (Why::AnotherNode, "another node has its address"),
        (Why::NotAServer, "something else listens there"),
        (Why::HungUp, "something else listens there"),
        (Why::NoCluster, "without cluster mode"),
        (Why::LoginMissing, "REDISCLI_AUTH, --askpass or -a"),
        (Why::LoginWrong, "another password"),
        (Why::LoginUnknown, "it has no password"),
        (Why::Forbidden, "ACL SETUSER"),
        (Why::Protected, "protected mode"),
        (Why::Loading, "wait until it has"),
    ] {
        // Even where all take it for dead.
        let mut survey = seen(replaced);
        lose(&mut survey, 'c', why);
        let fix = absent(&survey);
        assert!(fix.contains(words), "{why:?}: {fix}");
        assert!(!fix.contains("FORGET"), "{why:?}: {fix}");
    }
}

#[test]
fn a_node_that_the_others_reach_runs() {
    for (why, words) in [
        (Why::Silent, "it runs: run slotkit where"),
        (Why::NoRoute, "it runs: run slotkit where"),
        (Why::Refused, "it listens elsewhere"),
    ] {
        let mut survey = survey('a', |_| {});
        lose(&mut survey, 'c', why);
        let fix = absent(&survey);
        // It may have died a moment ago, and nobody knows yet.
        assert!(
            fix.contains("check again in a minute. If they say so then"),
            "{why:?}: {fix}"
        );
        assert!(fix.contains(words), "{why:?}: {fix}");
    }
    let mut survey = survey('a', |_| {});
    lose(&mut survey, 'c', Why::UnknownHost);
    assert!(absent(&survey).contains("its host name isn't known here"));
}

#[test]
fn a_node_is_forgotten_only_when_nothing_may_be_on_it() {
    let gone = |change: &dyn Fn(char, char, String) -> String| {
        let mut survey = seen(change);
        lose(&mut survey, 'c', Why::Refused);
        survey
    };
    let fix = absent(&gone(&replaced));
    assert!(
        fix.contains(&format!("CLUSTER FORGET {}", id('c'))),
        "{fix}"
    );
    assert!(fix.contains("10.0.0.1:7000, 10.0.0.1:7001") && fix.contains("copy its dump"));
    // It owns slots; nobody owns them; one doubts alone; a slot is on its way to it.
    let owns = |of: char, node: char, line: String| match (of, node) {
        (_, 'c') => line.replace("master", "master,fail"),
        _ => line,
    };
    let unowned = |of: char, node: char, line: String| match node {
        'b' => line,
        _ => replaced(of, node, line),
    };
    let doubted = |of: char, node: char, line: String| match (of, node) {
        ('a', 'c') => replaced(of, node, line).replace("fail", "fail?"),
        _ => replaced(of, node, line),
    };
    let open = |of: char, node: char, line: String| match (of, node) {
        ('b', 'b') => replaced(of, node, line) + &format!(" [6000->-{}]", id('c')),
        _ => replaced(of, node, line),
    };
    for change in [
        &owns as &dyn Fn(char, char, String) -> String,
        &unowned,
        &doubted,
        &open,
    ] {
        let fix = absent(&gone(change));
        assert!(
            !fix.contains("FORGET") && fix.contains("with its files"),
            "{fix}"
        );
    }
    // A run that broke off had begun to move a slot to it.
    let moves = [task(6000, 'b', 'c')];
    let intent = Intent {
        unfinished: &moves,
        ..Intent::default()
    };
    let fix = &fixes_for(&gone(&replaced), FindingKind::NodeUnreachable, &intent)[0];
    assert!(!fix.contains("FORGET"), "{fix}");
    // The others' word of it is the same.
    assert_eq!(fixes(&gone(&replaced), FindingKind::NodeFailed).len(), 1);
}

#[test]
fn a_node_that_is_being_met_or_that_nobody_tells_of_is_waited_for() {
    let mut survey = seen(|_, node, line| match node {
        'c' => line.replace("master", "handshake"),
        _ => line,
    });
    lose(&mut survey, 'c', Why::AnotherNode);
    assert!(absent(&survey).contains("wait some seconds"));
    let mut survey = seen(|_, node, line| match node {
        'c' => String::new(),
        'b' => format!("{line} 10923-16383"),
        _ => line,
    });
    lose(&mut survey, 'c', Why::AnotherNode);
    assert!(absent(&survey).contains("run the same command again"));
}

fn replica_line(line: String, primary: char) -> String {
    line.replace("master -", &format!("slave {}", id(primary)))
}

/// What a replica says of its link; its primary's words agree.
fn follow(survey: &mut Survey, node: char, change: impl Fn(&mut Following)) {
    let mut following = Following {
        primary: Some("10.0.0.1:7001".to_owned()),
        is_up: Some(true),
        is_syncing: Some(false),
        heard_s: Some(1),
        offset: Some(1_000),
        ..Following::default()
    };
    change(&mut following);
    let facts = survey.nodes.get_mut(&id(node)).expect("a node");
    facts.replication.role = Some(ReplicationRole::Replica(following));
}

/// `c` is a replica of `b`, which has its slots.
fn with_replica() -> Survey {
    let mut survey = seen(|_, node, line| match node {
        'c' => replica_line(line, 'b').replace(" 10923-16383", ""),
        'b' => format!("{line} 10923-16383"),
        _ => line,
    });
    follow(&mut survey, 'c', |_| {});
    let facts: &mut NodeFacts = survey.nodes.get_mut(&id('b')).expect("a node");
    facts.replication = Replication::from_info(
        "role:master\r\nconnected_slaves:1\r\nslave0:ip=x,port=1,state=online,offset=1000,lag=0\r\n\
         master_repl_offset:1000\r\n",
    );
    survey
}

/// What a replica's trouble is told as, and whether `b` counts as one without a replica.
fn trouble_of(survey: &Survey, intent: &Intent<'_>) -> (Vec<(FindingKind, bool, String)>, bool) {
    let found = preflight::findings(survey, intent).into_iter();
    let told = found.filter(|finding| finding.node == Some(id('c')));
    let told = told.map(|finding| (finding.kind, finding.forbids(), finding.fix));
    let alone = preflight::without_replica(survey);
    let is_alone = alone.iter().any(|finding| finding.node == Some(id('b')));
    (told.collect(), is_alone)
}

#[test]
fn a_replica_that_does_not_follow_is_none() {
    let intent = Intent::default();
    assert_eq!(trouble_of(&with_replica(), &intent), (vec![], false));
    let with = |change: fn(&mut Following)| {
        let mut survey = with_replica();
        follow(&mut survey, 'c', change);
        survey.nodes.get_mut(&id('c')).expect("a node").keys = 0;
        survey
    };
    let of = |change: fn(&mut Following)| {
        let (mut told, is_alone) = trouble_of(&with(change), &Intent::default());
        assert_eq!(told.len(), 1, "{told:?}");
        let (kind, _, fix) = told.remove(0);
        (kind, fix, is_alone)
    };
    use FindingKind::{ReplicaBehind, ReplicaNotFollowing, ReplicationUnknown};
    let (kind, fix, is_alone) = of(|following| following.is_up = Some(false));
    assert_eq!((kind, is_alone), (ReplicaNotFollowing, true));
    assert!(fix.starts_with("see in its log"), "{fix}");
    let (kind, fix, is_alone) = of(|following| following.is_syncing = Some(true));
    assert_eq!((kind, is_alone), (ReplicaNotFollowing, true));
    assert!(fix.contains("wait until"), "{fix}");
    let (kind, _, is_alone) = of(|following| following.is_up = None);
    assert_eq!((kind, is_alone), (ReplicationUnknown, true));
    let (kind, _, is_alone) = of(|following| following.heard_s = Some(120));
    assert_eq!((kind, is_alone), (ReplicaBehind, false));
    let (kind, _, _) = of(|following| following.offset = None);
    assert_eq!(kind, ReplicationUnknown);

    // Its primary has it among those that it is to send its data to.
    let mut waits = with(|following| following.is_up = Some(false));
    let facts = waits.nodes.get_mut(&id('b')).expect("a node");
    facts.replication = Replication::from_info(
        "role:master\r\nconnected_slaves:1\r\n\
         slave0:ip=10.9.9.9,port=7002,state=wait_bgsave,offset=0,lag=0\r\nmaster_repl_offset:1000\r\n",
    );
    let found = preflight::findings(&waits, &Intent::default());
    assert!(
        found[0].fix.contains("wait until") && found[0].passes,
        "{found:?}"
    );
    assert!(
        found[0]
            .message
            .ends_with("is to be sent its primary's data"),
        "{found:?}"
    );

    // Without masterauth in a cluster with a password.
    let survey = with(|following| {
        (following.is_up, following.has_masterauth) = (Some(false), Some(false));
    });
    let login = Intent {
        login: preflight::LoginNeed::Password,
        ..Intent::default()
    };
    let (told, _) = trouble_of(&survey, &login);
    assert!(
        told[0].2.starts_with("it has no masterauth: CONFIG SET"),
        "{told:?}"
    );
    // What it would throw away is saved first.
    let mut full = survey;
    full.nodes.get_mut(&id('c')).expect("a node").keys = 7;
    let (told, _) = trouble_of(&full, &login);
    assert!(
        told[0].2.contains("it has 7 keys") && told[0].2.contains("first BGSAVE"),
        "{told:?}"
    );
}

#[test]
fn a_replica_that_its_primary_does_not_know_is_none() {
    let mut survey = with_replica();
    let facts = survey.nodes.get_mut(&id('b')).expect("a node");
    facts.replication =
        Replication::from_info("role:master\r\nconnected_slaves:0\r\nmaster_repl_offset:1000\r\n");
    let (told, is_alone) = trouble_of(&survey, &Intent::default());
    assert_eq!(
        (told[0].0, is_alone),
        (FindingKind::ReplicaNotFollowing, true)
    );
    let mut survey = with_replica();
    for (node, history) in [('b', "one"), ('c', "other")] {
        let facts = survey.nodes.get_mut(&id(node)).expect("a node");
        facts.replication.history = Some(history.to_owned());
    }
    assert!(trouble_of(&survey, &Intent::default()).1);
}

#[test]
fn a_move_that_depends_on_a_replica_is_refused_without_it() {
    let mut survey = with_replica();
    follow(&mut survey, 'c', |following| following.is_up = Some(false));
    let moves = [task(0, 'a', 'b')];
    let forbids = |moves: &[crate::execute::Move], limit: Option<u64>| {
        let intent = Intent {
            moves,
            max_replica_lag_bytes: limit,
            ..Intent::default()
        };
        trouble_of(&survey, &intent).0[0].1
    };
    assert!(forbids(&moves, Some(1)));
    assert!(!forbids(&[], Some(1)));
    // The user said that replicas don't matter.
    assert!(!forbids(&moves, None));
    let mut behind = with_replica();
    follow(&mut behind, 'c', |following| following.offset = Some(10));
    let intent = Intent {
        moves: &moves,
        max_replica_lag_bytes: Some(989),
        ..Intent::default()
    };
    let (told, _) = trouble_of(&behind, &intent);
    assert_eq!(told[0].0, FindingKind::ReplicaBehind);
}

#[test]
fn who_takes_over_from_a_dead_primary_depends_on_what_it_has_received() {
    let dead = |offset: u64| {
        let mut survey = with_replica();
        follow(&mut survey, 'c', |following| {
            (following.is_up, following.offset) = (Some(false), Some(offset));
            following.down_s = Some(5);
        });
        lose(&mut survey, 'b', Why::Refused);
        for node in ['a', 'c'] {
            let facts = survey.nodes.get_mut(&id(node)).expect("a node");
            let changed = facts_with(node, |of, line| match of {
                'c' => replica_line(line, 'b').replace(" 10923-16383", ""),
                'b' => format!("{line} 10923-16383").replace("master", "master,fail"),
                _ => line,
            });
            facts.view = changed.view;
        }
        absent(&survey)
    };
    let fix = dead(1_000);
    assert!(
        fix.contains("at 10.0.0.1:7002: CLUSTER FAILOVER FORCE"),
        "{fix}"
    );
    assert!(fix.contains("only if it is gone for good"), "{fix}");
    let fix = dead(1);
    assert!(
        fix.contains("must not take over") && !fix.contains("FAILOVER"),
        "{fix}"
    );
}

#[test]
fn slots_that_several_claim_are_saved_first() {
    let survey = seen(|of, node, line| match (of, node) {
        ('b', 'b') => format!("{line} 0"),
        ('b', 'a') => without_slot_0(line),
        _ => line,
    });
    let fix = &fixes(&survey, FindingKind::OwnershipDisagreement)[0];
    assert!(fix.contains("BGSAVE"), "{fix}");
    let one = seen(|of, node, line| match (of, node) {
        ('c', 'b') => format!("{line} 0"),
        ('c', 'a') => without_slot_0(line),
        _ => line,
    });
    let fix = &fixes(&one, FindingKind::OwnershipDisagreement)[0];
    assert!(fix.contains("at 10.0.0.1:7000: CLUSTER BUMPEPOCH"), "{fix}");
}

#[test]
fn orphaned_keys_are_never_told_to_be_deleted() {
    let mut survey = survey('a', |_| {});
    hold(&mut survey, 'b', 0, 2);
    let fix = &fixes(&survey, FindingKind::OrphanedKeys)[0];
    assert!(fix.contains("resume --from-cluster"), "{fix}");
    assert!(
        fix.contains("keys that clients deleted meanwhile come back"),
        "{fix}"
    );
    let mut survey = seen(|_, _, line| without_slot_0(line));
    hold(&mut survey, 'b', 0, 2);
    let fix = &fixes(&survey, FindingKind::OrphanedKeys)[0];
    assert!(fix.contains("may be nowhere else"), "{fix}");
}

/// `docs/errors.md` has each fix with the states in which it is said; `SLOTKIT_BLESS=1` writes it.
#[test]
fn the_table_of_fixes_is_the_codes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md");
    let text = std::fs::read_to_string(path).expect("docs/errors.md");
    let (begin, end) = ("<!-- fixes -->\n", "<!-- /fixes -->");
    let (before, rest) = text.split_once(begin).expect("where the table begins");
    let (_, after) = rest.split_once(end).expect("where it ends");
    let expected = format!("{before}{begin}{}{end}{after}", table::markdown());
    if std::env::var_os("SLOTKIT_BLESS").is_some() {
        std::fs::write(path, expected).expect("docs/errors.md");
        return;
    }
    assert_eq!(
        text, expected,
        "SLOTKIT_BLESS=1 cargo test writes the table anew"
    );
}

/// The sources, each with its string literals on one line, without its tests.
fn sources(folder: &std::path::Path, all: &mut Vec<(String, String)>) {
    let entries = std::fs::read_dir(folder).expect("a folder");
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = path.display().to_string();
        if path.is_dir() {
            sources(&path, all);
        } else if name.ends_with(".rs") && !name.contains("tests") && !name.contains("/fix/") {
            let text = std::fs::read_to_string(&path).expect("text");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let parts = code.split("\\\n");
            let line = parts.enumerate().map(|(index, part)| match index {
                0 => part,
                _ => part.trim_start(),
            });
            all.push((name, line.collect()));
        }
    }
}

/// What stands where it is said stands in the table too, and the other way round.
#[test]
fn the_constant_fixes_are_those_of_the_sources() {
    let mut all = Vec::new();
    sources(
        std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &mut all,
    );
    for constant in table::CONSTANT {
        let is_said = all.iter().any(|(_, code)| code.contains(constant.words));
        assert!(is_said, "nobody says: {}", constant.words);
    }
    for (name, code) in all
        .iter()
        .filter(|(name, _)| name.contains("/execute/preflight/"))
    {
        for said in code.split("let fix =").skip(1) {
            let Some(said) = said.trim_start().strip_prefix('"') else {
                continue;
            };
            let words = said.split("\";").next().unwrap_or_default();
            let is_known = table::CONSTANT
                .iter()
                .any(|constant| constant.words == words);
            assert!(
                is_known,
                "{name} says `{words}`: add it to fix/table.rs, with when it is said"
            );
        }
    }
}

/// Every kind of finding has its rows.
#[test]
fn every_kind_of_finding_is_in_the_table() {
    let text = table::markdown();
    let code = include_str!("../finding.rs");
    let (_, kinds) = code
        .split_once("pub enum FindingKind {")
        .expect("the kinds");
    let (kinds, _) = kinds.split_once("\n}").expect("their end");
    let kinds = kinds
        .lines()
        .filter_map(|line| line.trim().strip_suffix(','));
    let mut count = 0;
    for kind in kinds.filter(|kind| kind.chars().all(char::is_alphanumeric)) {
        let mut name = String::new();
        for letter in kind.chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        assert!(
            text.contains(&format!("`{name}`")),
            "{name} has no row in fix/table.rs"
        );
        count += 1;
    }
    assert!(count > 20, "{count} kinds were found");
}
