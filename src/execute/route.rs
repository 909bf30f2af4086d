//! Where a source reaches its target, proven.
//!
//! `MIGRATE` deletes a key as soon as whatever listens at the address answers
//! anything but an error: sent to another program, the key is gone (seen on
//! Redis 4.0.1 with a web server). So the address comes from the source's own
//! view, and the node there must just have said that it is the target.

use super::survey::Survey;
use crate::cluster::link::{Patience, RedisLink};
use crate::cluster::login::Login;
use crate::cluster::verb::{NodeLink, Verb};
use crate::cluster::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Proves the route of each pair of source and target.
///
/// # Errors
/// [`ErrorKind::Unsafe`] when a source has no address for its target, or
/// another node, or nobody, answers there.
pub fn prove(
    survey: &Survey,
    pairs: &BTreeSet<(NodeId, NodeId)>,
    login: Option<&Login>,
    patience: Patience,
) -> Result<BTreeMap<(NodeId, NodeId), NodeAddr>> {
    let mut proven: BTreeMap<NodeAddr, NodeId> = BTreeMap::new();
    let mut routes = BTreeMap::new();
    for (source, target) in pairs {
        let addr = survey
            .nodes
            .get(source)
            .and_then(|facts| facts.view.node(*target)?.addr.clone())
            .ok_or_else(|| refuse(survey, *source, *target, "it has no address for it"))?;
        let id = match proven.get(&addr) {
            Some(id) => *id,
            None => {
                let id = who_is_there(&addr, login, patience)
                    .map_err(|error| refuse(survey, *source, *target, &error.one_line()))?;
                proven.insert(addr.clone(), id);
                id
            }
        };
        if id != *target {
            let why = format!("node {id} answers at {addr}, expected {target}");
            return Err(refuse(survey, *source, *target, &why));
        }
        routes.insert((*source, *target), addr);
    }
    Ok(routes)
}

fn who_is_there(addr: &NodeAddr, login: Option<&Login>, patience: Patience) -> Result<NodeId> {
    let mut link = RedisLink::connect(addr, login, patience)?;
    let id = link.ask(&Verb::MyId)?.text(&Verb::MyId)?;
    id.parse()
        .map_err(|message: String| Error::new(ErrorKind::Server, message))
}

fn refuse(survey: &Survey, source: NodeId, target: NodeId, why: &str) -> Error {
    let message = format!(
        "can't prove how {} reaches {}: {why}",
        survey.name(source),
        survey.name(target)
    );
    Error::new(ErrorKind::Unsafe, message)
        .mend("run slotkit where the addresses of CLUSTER NODES can be reached")
}
