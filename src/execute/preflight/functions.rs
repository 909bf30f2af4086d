//! Finds function libraries that a node lacks.

use super::intent::Intent;
use crate::cluster::NodeId;
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::fix::table;
use crate::execute::survey::Functions;
use crate::execute::survey::{NodeFacts, Survey};
use std::collections::{BTreeMap, BTreeSet};

/// How many libraries, or nodes, are named.
const NAMED_MAX: usize = 5;

/// Libraries that primaries don't have alike: of targets what their sources have, else what any
/// has.
pub(super) fn findings(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let primaries: Vec<(NodeId, &NodeFacts)> = survey.primaries().collect();
    let begun = intent.slots_under_way();
    let fresh = intent
        .moves
        .iter()
        .filter(|task| !begun.contains(task.slot));
    let pairs: BTreeSet<(NodeId, NodeId)> = fresh.map(|task| (task.target, task.source)).collect();
    let mut all = Vec::new();
    for (id, facts) in &primaries {
        let mut missing: BTreeMap<String, &NodeFacts> = BTreeMap::new();
        let mut arrives = false;
        // Whom it receives from first, so that they are named.
        let (givers, others): (Vec<_>, Vec<_>) = primaries
            .iter()
            .filter(|(_, theirs)| theirs.functions != facts.functions)
            .partition(|(other, _)| pairs.contains(&(*id, *other)));
        for (other, theirs) in givers.into_iter().chain(others) {
            let lack = facts.functions.lacking(&theirs.functions);
            arrives |= pairs.contains(&(*id, other)) && !lack.is_empty();
            for name in lack {
                missing.entry(name).or_insert(theirs);
            }
        }
        all.extend(
            lacks(facts, &missing, arrives && !intent.copies_functions)
                .map(|found| found.about(*id)),
        );
    }
    all.extend(different(&primaries));
    all.extend(untold(&primaries));
    all
}

fn lacks(
    facts: &NodeFacts,
    missing: &BTreeMap<String, &NodeFacts>,
    arrives: bool,
) -> Option<Finding> {
    let (_, has) = missing.first_key_value()?;
    let message = format!(
        "{} lacks function libraries that {} has: {}",
        facts.addr,
        has.addr,
        named(missing)
    );
    let fix = match facts.functions {
        Functions::Unsupported => table::NO_FUNCTIONS.say(&[]),
        _ => table::LOAD_FUNCTIONS.say(&[]),
    };
    Some(if arrives {
        Finding::error(
            FindingKind::FunctionsMissing,
            format!("{message}; it is to receive slots"),
            fix,
        )
    } else {
        Finding::warning(FindingKind::FunctionsMissing, message, fix)
    })
}

/// Libraries of one name that aren't the same everywhere, each with the nodes of each code.
fn different(primaries: &[(NodeId, &NodeFacts)]) -> Vec<Finding> {
    let mut codes: BTreeMap<&String, BTreeMap<&[u8; 32], Vec<String>>> = BTreeMap::new();
    for (_, facts) in primaries {
        if let Functions::Known(libraries) = &facts.functions {
            for (name, code) in libraries {
                let nodes = codes.entry(name).or_default().entry(code).or_default();
                nodes.push(facts.addr.to_string());
            }
        }
    }
    let differ = codes.into_iter().filter(|(_, codes)| codes.len() > 1);
    let findings = differ.map(|(name, codes)| {
        let mut groups: Vec<Vec<String>> = codes.into_values().collect();
        // The code that most have comes first.
        groups.sort_by_key(|nodes| std::cmp::Reverse(nodes.len()));
        let groups: Vec<String> = groups
            .iter()
            .take(NAMED_MAX)
            .map(|nodes| some_of(nodes))
            .collect();
        let message = format!(
            "function library {name} isn't the same everywhere: one on {}",
            groups.join(", another on ")
        );
        Finding::warning(
            FindingKind::FunctionsDiffer,
            message,
            table::FUNCTIONS_DIFFER.say(&[]),
        )
    });
    findings.collect()
}

/// Nodes that don't tell: one finding for all of them.
fn untold(primaries: &[(NodeId, &NodeFacts)]) -> Option<Finding> {
    let silent = primaries
        .iter()
        .filter_map(|(_, facts)| match &facts.functions {
            Functions::Unknown(why) => Some((facts, why)),
            _ => None,
        });
    let silent: Vec<_> = silent.collect();
    let (facts, why) = silent.first()?;
    let more = match silent.len() - 1 {
        0 => String::new(),
        more => format!(", nor do {more} more"),
    };
    let message = format!(
        "{} doesn't tell its function libraries ({why}){more}",
        facts.addr
    );
    let fix = table::FUNCTIONS_UNKNOWN.say(&[]);
    Some(Finding::warning(
        FindingKind::FunctionsUnknown,
        message,
        fix,
    ))
}

fn named(libraries: &BTreeMap<String, &NodeFacts>) -> String {
    some_of(&libraries.keys().cloned().collect::<Vec<_>>())
}

/// The first names of a list, and how many more there are.
fn some_of(names: &[String]) -> String {
    let shown = names.iter().take(NAMED_MAX).map(String::as_str);
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
