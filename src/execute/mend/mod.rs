//! What a person is told to do about a finding: a function of all that was surveyed.
//!
//! A mend is followed to the letter, by somebody tired, in whatever state the cluster is. So none
//! depends on its own finding alone: "assign the slots with CLUSTER ADDSLOTS" is right where
//! nobody has their keys, and loses them where another node does, or one that can't be reached.
//! Rules that hold for every one of them:
//!
//! - what waits for gossip waits; nothing is given away that a node says is its own;
//! - a node is taken out of the cluster only where a majority takes it for dead, and nothing may
//!   be on it that is nowhere else;
//! - what a node would throw away when a mend is followed is saved first.
//!
//! [`table`] has the words, each with the states in which they are said; `docs/errors.md` is
//! written from it.

mod nodes;
mod replicas;
mod slots;
pub mod table;

pub(super) use nodes::{absent, down, failed, unacquainted};
pub(super) use replicas::{
    Lack, Trouble, Wanted, has_follower, not_following, of as replicas_of, trouble,
};
pub(super) use slots::{Claim, claims, disagreement, open_slot, orphaned, uncovered_slots};

use super::survey::Survey;
use crate::cluster::{ClusterView, Node, NodeId};
use crate::slot::SlotSet;

/// How many ranges of slots go into one command; more are for another turn.
const RANGES_MAX: usize = 40;
/// From here on `CLUSTER ADDSLOTSRANGE` exists.
const RANGE_COMMANDS: [u32; 3] = [7, 0, 0];

/// Every line that a node which answers has of this one, with who says so.
fn told(survey: &Survey, id: NodeId) -> impl Iterator<Item = (NodeId, &Node)> {
    let views = survey.nodes.iter().map(|(of, facts)| (*of, &facts.view));
    views.filter_map(move |(of, view)| Some((of, view.node(id)?)))
}

/// How people name a node: where we reach it, or where somebody says that it listens.
fn name(survey: &Survey, id: NodeId) -> String {
    if survey.nodes.contains_key(&id) {
        return survey.name(id);
    }
    let told = told(survey, id).find(|(_, node)| node.addr.is_some());
    told.map_or_else(|| id.short(), |(_, node)| node.name())
}

/// `a`, `a and b`, `a, b and 3 more`.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        [one, other, rest @ ..] => format!("{one}, {other} and {} more", rest.len()),
    }
}

/// `HOST PORT`, as `CLUSTER MEET` wants it.
fn meet_words(survey: &Survey, id: NodeId) -> String {
    let addr = survey.nodes.get(&id).map(|facts| &facts.addr);
    let addr = addr.or_else(|| told(survey, id).find_map(|(_, node)| node.addr.as_ref()));
    addr.map_or_else(
        || "its host and port".to_owned(),
        |addr| format!("{} {}", addr.host, addr.port),
    )
}

/// A command of `CLUSTER ADDSLOTS`'s kind with these slots, whole: it is typed as it stands here.
fn slots_command(verb: &str, slots: &SlotSet, takes_ranges: bool) -> String {
    let runs = slots.ranges();
    let more = match runs.len() > RANGES_MAX {
        true => " (there are more: check again after it)",
        false => "",
    };
    let runs = runs.iter().take(RANGES_MAX);
    if takes_ranges {
        let ends = runs.map(|run| format!(" {} {}", run.first(), run.last()));
        return format!("CLUSTER {verb}RANGE{}{more}", ends.collect::<String>());
    }
    // A shell writes a long run out.
    let words = runs.map(|run| match run.first() == run.last() {
        true => format!(" {}", run.first()),
        false => format!(" $(seq {} {})", run.first(), run.last()),
    });
    format!("CLUSTER {verb}{}{more}", words.collect::<String>())
}

/// The slots that a view knows no owner of.
fn unassigned(view: &ClusterView) -> SlotSet {
    view.map().unassigned()
}

#[cfg(test)]
mod tests;
