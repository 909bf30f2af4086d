//! Finds nodes that won't do what a move needs, as their trial has shown.

use super::intent::Intent;
use crate::cluster::NodeId;
use crate::cluster::verb::{Refusal, ServerError};
use crate::escape::cut;
use crate::execute::finding::{Finding, FindingKind, Severity};
use crate::execute::survey::{Bar, NodeFacts, Obstacle, Part, Survey};
use std::collections::BTreeSet;

/// How much of what a server says that our user may not is repeated, characters.
const WORDS_CHARS_MAX: usize = 200;

/// What stands in the way at each node, for the part that it has in these moves.
pub(super) fn obstacles(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    for (id, facts) in survey.primaries() {
        let concerned = facts.trial.iter().flat_map(|trial| &trial.obstacles);
        let concerned = concerned.filter(|obstacle| is_needed(obstacle.part, id, intent));
        let (forbidden, others): (Vec<&Obstacle>, Vec<&Obstacle>) =
            concerned.partition(|obstacle| matches!(obstacle.bar, Bar::Forbidden(_)));
        all.extend(forbidden_to_us(facts, &forbidden).map(|finding| finding.about(id)));
        let mut refused = BTreeSet::new();
        for obstacle in others {
            // One state of the node refuses several commands.
            let is_new = match &obstacle.bar {
                Bar::Refused(refusal) => refused.insert(refusal.code.as_str()),
                _ => true,
            };
            if is_new {
                all.extend(stands(facts, obstacle).map(|finding| finding.about(id)));
            }
        }
    }
    all
}

/// Where no move is meant yet, any node may give and receive.
fn is_needed(part: Part, id: NodeId, intent: &Intent<'_>) -> bool {
    match part {
        Part::Any => true,
        Part::Gives => intent.gives(id),
        Part::Receives => intent.receives(id),
        Part::Compares => intent.gives(id) || intent.receives(id),
    }
}

fn forbidden_to_us(facts: &NodeFacts, obstacles: &[&Obstacle]) -> Option<Finding> {
    let (first, more) = obstacles.split_first()?;
    let Bar::Forbidden(words) = &first.bar else {
        return None;
    };
    let words = cut(words, WORDS_CHARS_MAX);
    let more: Vec<&str> = more.iter().map(|obstacle| obstacle.command).collect();
    let nor = if more.is_empty() {
        String::new()
    } else {
        format!(" (nor {})", more.join(", "))
    };
    let message = format!("{}: {words}{nor}", facts.addr);
    let fix = "log in as a user that may run it on all keys (ACL SETUSER)";
    Some(Finding::error(FindingKind::PermissionMissing, message, fix))
}

fn stands(facts: &NodeFacts, obstacle: &Obstacle) -> Option<Finding> {
    match &obstacle.bar {
        Bar::Forbidden(_) => None,
        Bar::Missing => Some(missing(facts, obstacle)),
        Bar::Refused(refusal) => Some(refused(facts, obstacle, refusal)),
        Bar::Foreseen(refusal) => {
            let message = format!(
                "{} would refuse what is sent there ({}): {}",
                facts.addr, refusal.code, refusal.detail
            );
            let fix = fix_of(refusal.error());
            Some(Finding::error(kind_of(refusal), message, fix))
        }
        Bar::Swallowed => {
            let message = format!(
                "{} answered a {} that no server can carry out as if it had: what is sent there may be \
                 nowhere",
                facts.addr, obstacle.command
            );
            let fix = "find out what listens there, such as a proxy, and connect to the servers \
                        themselves";
            Some(Finding::error(FindingKind::NotAServer, message, fix))
        }
    }
}

/// Without a dump a primary comes back empty, and its replicas follow it in that.
const RESTART: &str = "SHUTDOWN SAVE there, which writes its keys, and start it again";

fn missing(facts: &NodeFacts, obstacle: &Obstacle) -> Finding {
    let Obstacle { command, part, .. } = obstacle;
    let message = format!(
        "{} has no command {command}, it was renamed or disabled",
        facts.addr
    );
    let kind = FindingKind::CommandMissing;
    match part {
        Part::Compares => {
            let message =
                format!("{message}: a key that a lost link leaves on two nodes can't be compared");
            let fix = format!("take rename-command {command} out of its configuration, {RESTART}");
            Finding::warning(kind, message, fix)
        }
        _ => {
            let who = match part {
                Part::Gives => "slots can't leave it",
                Part::Receives => "slots can't come to it",
                Part::Any | Part::Compares => "no slot can move from or to it",
            };
            let fix = format!("take rename-command {command} out of its configuration, {RESTART}");
            Finding::error(kind, format!("{message}: {who}"), fix)
        }
    }
}

fn refused(facts: &NodeFacts, obstacle: &Obstacle, refusal: &Refusal) -> Finding {
    let words = refusal.to_string();
    let first = words.split(". ").next().unwrap_or_default();
    let message = format!(
        "{} refuses {}: {}",
        facts.addr,
        obstacle.command,
        first.trim_end_matches('.')
    );
    Finding::error(kind_of(refusal), message, fix_of(refusal.error()))
}

fn kind_of(refusal: &Refusal) -> FindingKind {
    match refusal.error() {
        ServerError::OutOfMemory => FindingKind::MemoryHeadroom,
        _ => FindingKind::CommandRefused,
    }
}

/// What lets a node carry out commands that it refuses with this.
fn fix_of(error: ServerError) -> &'static str {
    match error {
        ServerError::OutOfMemory => "raise maxmemory there, or let others receive",
        ServerError::NoReplicas => {
            "bring its replicas back (INFO replication there tells which follow), or lower \
             min-replicas-to-write there"
        }
        ServerError::CannotSave => {
            "fix why it can't write its snapshot or append-only file (its log tells)"
        }
        ServerError::Loading | ServerError::Busy | ServerError::MasterDown => {
            "wait until it serves clients again"
        }
        ServerError::ReadOnly => "it is a replica by now: make a new plan",
        _ => "fix that first: a move needs it",
    }
}

/// Whether a node has said that it is full: then its figures tell nothing more.
pub(super) fn says_full(facts: &NodeFacts) -> bool {
    let mut obstacles = facts.trial.iter().flat_map(|trial| &trial.obstacles);
    obstacles.any(|obstacle| match &obstacle.bar {
        Bar::Refused(refusal) | Bar::Foreseen(refusal) => {
            refusal.error() == ServerError::OutOfMemory
        }
        Bar::Missing | Bar::Forbidden(_) | Bar::Swallowed => false,
    })
}

/// Sources whose dumps a target doesn't load: refused at the first key.
pub(super) fn dumps(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    for (source, giver) in survey.primaries() {
        for (target, receiver) in survey.primaries() {
            if intent.moves_between(source, target) && loads(receiver, giver) == Some(false) {
                all.push(too_new(giver, receiver).about(target));
            }
        }
    }
    all
}

/// Whether a node loads what another one dumps: its own answer, or what is known of its version.
pub(super) fn loads(receiver: &NodeFacts, giver: &NodeFacts) -> Option<bool> {
    let version = giver.version.dump_version()?;
    let trial = receiver.trial.as_ref();
    let tried = trial.and_then(|trial| trial.loads.get(&version).copied());
    tried.or_else(|| receiver.version.loads_dump(version))
}

fn too_new(giver: &NodeFacts, receiver: &NodeFacts) -> Finding {
    let message = format!(
        "{} ({}) doesn't load what {} ({}) dumps: its keys can't move there",
        receiver.addr, receiver.version, giver.addr, giver.version
    );
    let fix = "let nodes receive that run the same version or a newer one";
    // Slots without keys move, and an empty node has no others.
    let severity = match giver.keys {
        0 => Severity::Warning,
        _ => Severity::Error,
    };
    Finding {
        severity,
        ..Finding::error(FindingKind::DumpTooNew, message, fix)
    }
}
