//! Copies function libraries (Redis 7.0 and later): they are a node's own, neither in its slots nor
//! moved with them.
//! A call of a function fails on a node that lacks its library.

use super::Move;
use super::survey::Survey;
use super::survey::functions::libraries;
use crate::cluster::verb::{NodeLink, Verb};
use crate::cluster::{LiveCluster, NodeId};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Loads on each target the libraries that it lacks and its sources have; returns which went where.
/// None is replaced.
///
/// # Errors
/// [`ErrorKind::Unsafe`] when a node refuses and none was loaded, [`ErrorKind::Stopped`] after
/// that.
pub fn copy<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    survey: &Survey,
    moves: &[Move],
) -> Result<Vec<(String, NodeId)>> {
    let mut copied: Vec<(String, NodeId)> = Vec::new();
    for (target, wanted) in missing(survey, moves) {
        for (name, source) in wanted {
            let done = copy_one(cluster, source, target, &name);
            if let Err(error) = done {
                return Err(error.of_kind(if copied.is_empty() {
                    ErrorKind::Unsafe
                } else {
                    ErrorKind::Stopped
                }));
            }
            copied.push((name, target));
        }
    }
    Ok(copied)
}

/// For each target the libraries that it lacks, each with a source that has it.
fn missing(survey: &Survey, moves: &[Move]) -> BTreeMap<NodeId, BTreeMap<String, NodeId>> {
    let pairs: BTreeSet<(NodeId, NodeId)> = moves
        .iter()
        .map(|task| (task.target, task.source))
        .collect();
    let mut all: BTreeMap<NodeId, BTreeMap<String, NodeId>> = BTreeMap::new();
    for (target, source) in pairs {
        let (Some(one), Some(other)) = (survey.nodes.get(&target), survey.nodes.get(&source))
        else {
            continue;
        };
        for name in one.functions.lacking(&other.functions) {
            all.entry(target).or_default().entry(name).or_insert(source);
        }
    }
    all
}

fn copy_one<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    source: NodeId,
    target: NodeId,
    name: &str,
) -> Result<()> {
    let verb = Verb::FunctionList {
        library: Some(name.to_owned()),
    };
    let reply = cluster.ask(source, &verb)?.accepted(&verb)?;
    let code = libraries(reply).and_then(|mut libraries| libraries.remove(name));
    let code = code.ok_or_else(|| {
        let message = format!(
            "{} has no function library {name} any more",
            cluster.name(source)
        );
        Error::new(ErrorKind::Unsafe, message).fix("run the same command again")
    })?;
    let verb = Verb::FunctionLoad(code);
    let loaded = cluster.ask(target, &verb)?.accepted(&verb);
    loaded.map(drop).map_err(|error| {
        let who = format!("function library {name} of {}", cluster.name(source));
        cluster.blame(target, error.context(who))
    })
}
