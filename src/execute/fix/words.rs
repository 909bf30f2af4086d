//! Words and commands that several fixes say.

use crate::cluster::{ClusterView, Node, NodeId};
use crate::execute::survey::Survey;
use crate::slot::SlotSet;

/// How many ranges of slots go into one command; more are for another turn.
const RANGES_MAX: usize = 40;
/// From here on `CLUSTER ADDSLOTSRANGE` exists.
pub(super) const RANGE_COMMANDS: [u32; 3] = [7, 0, 0];

/// Every line that a node which answers has of this one, with who says so.
pub(super) fn told(survey: &Survey, id: NodeId) -> impl Iterator<Item = (NodeId, &Node)> {
    let views = survey.nodes.iter().map(|(of, facts)| (*of, &facts.view));
    views.filter_map(move |(of, view)| Some((of, view.node(id)?)))
}

/// How people name a node: where we reach it, or where somebody says that it listens.
pub(super) fn name(survey: &Survey, id: NodeId) -> String {
    if survey.nodes.contains_key(&id) {
        return survey.name(id);
    }
    let told = told(survey, id).find(|(_, node)| node.addr.is_some());
    told.map_or_else(|| id.short(), |(_, node)| node.name())
}

/// `a`, `a and b`, `a, b and 3 more`.
pub(in crate::execute) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        [one, other, rest @ ..] => format!("{one}, {other} and {} more", rest.len()),
    }
}

/// `HOST PORT`, as `CLUSTER MEET` wants it.
pub(super) fn meet_words(survey: &Survey, id: NodeId) -> String {
    let addr = survey.nodes.get(&id).map(|facts| &facts.addr);
    let addr = addr.or_else(|| told(survey, id).find_map(|(_, node)| node.addr.as_ref()));
    addr.map_or_else(
        || "its host and port".to_owned(),
        |addr| format!("{} {}", addr.host, addr.port),
    )
}

/// A command of `CLUSTER ADDSLOTS`'s kind with these slots, whole: it is typed as it stands here.
pub(super) fn slots_command(verb: &str, slots: &SlotSet, takes_ranges: bool) -> String {
    let runs = slots.ranges();
    let more = if runs.len() > RANGES_MAX {
        " (there are more: check again after it)"
    } else {
        ""
    };
    let runs = runs.iter().take(RANGES_MAX);
    if takes_ranges {
        let ends = runs.map(|run| format!(" {} {}", run.first(), run.last()));
        return format!("CLUSTER {verb}RANGE{}{more}", ends.collect::<String>());
    }
    // A shell writes a long run out.
    let words = runs.map(|run| {
        if run.first() == run.last() {
            format!(" {}", run.first())
        } else {
            format!(" $(seq {} {})", run.first(), run.last())
        }
    });
    format!("CLUSTER {verb}{}{more}", words.collect::<String>())
}

/// The slots that a view knows no owner of.
pub(super) fn unassigned(view: &ClusterView) -> SlotSet {
    view.map().unassigned()
}
