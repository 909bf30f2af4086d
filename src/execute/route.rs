//! Proves where a source reaches its target.
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
    prove_by(survey, pairs, |addr| who_is_there(addr, login, patience))
}

/// The same, with somebody else who asks at each address, once.
fn prove_by(
    survey: &Survey,
    pairs: &BTreeSet<(NodeId, NodeId)>,
    who_is_there: impl Fn(&NodeAddr) -> Result<NodeId>,
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
                let id = who_is_there(&addr)
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
        .map_err(|_| Error::new(ErrorKind::Server, format!("{addr} says it is nobody's id")))
}

fn refuse(survey: &Survey, source: NodeId, target: NodeId, why: &str) -> Error {
    let message = format!(
        "can't prove how {} reaches {}: {why}",
        survey.name(source),
        survey.name(target)
    );
    Error::new(ErrorKind::Unsafe, message)
        .fix("run slotkit where the addresses of CLUSTER NODES can be reached")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{NODES, addr, facts_with, id, survey};
    use std::cell::RefCell;

    /// Who listens where, as it should be.
    fn at_home(asked: &NodeAddr) -> Result<NodeId> {
        let node = NODES.into_iter().find(|node| addr(*node) == *asked);
        let nobody = || Error::new(ErrorKind::Connect, "connection refused");
        node.map(id).ok_or_else(nobody)
    }

    fn pairs() -> BTreeSet<(NodeId, NodeId)> {
        BTreeSet::from([(id('a'), id('c')), (id('b'), id('c'))])
    }

    #[test]
    fn a_route_is_what_the_source_calls_its_target_and_the_target_answers_there() {
        let asked = RefCell::new(Vec::new());
        let who = |addr: &NodeAddr| {
            asked.borrow_mut().push(addr.clone());
            at_home(addr)
        };
        let routes = prove_by(&survey('a', |_| {}), &pairs(), who).expect("routes");
        let expected = [
            ((id('a'), id('c')), addr('c')),
            ((id('b'), id('c')), addr('c')),
        ];
        assert_eq!(routes, BTreeMap::from(expected));
        assert_eq!(*asked.borrow(), [addr('c')], "each address is asked once");
    }

    /// `MIGRATE` to a stranger's port deletes the key.
    #[test]
    fn whoever_else_answers_there_gets_no_key() {
        for stranger in [id('b'), id('d')] {
            let error = prove_by(&survey('a', |_| {}), &pairs(), |_| Ok(stranger));
            let error = error.expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Unsafe);
            let told = format!(
                "node {stranger} answers at {}, expected {}",
                addr('c'),
                id('c')
            );
            assert!(error.message().contains(&told), "{}", error.message());
        }
        let nobody = |_: &NodeAddr| Err(Error::new(ErrorKind::Connect, "connection refused"));
        let error = prove_by(&survey('a', |_| {}), &pairs(), nobody).expect_err("refused");
        assert!(error.message().contains("connection refused"));
        assert_eq!(error.kind(), ErrorKind::Unsafe);
    }

    /// One that calls its target by another address than the others do is asked about that one.
    #[test]
    fn each_source_has_its_own_address_for_a_target() {
        let moved = survey('b', |facts| {
            *facts = facts_with('b', |node, line| match node {
                'c' => line.replace(&addr('c').to_string(), &addr('a').to_string()),
                _ => line,
            });
        });
        let error = prove_by(&moved, &pairs(), at_home).expect_err("refused");
        assert!(
            error
                .message()
                .contains(&format!("node {} answers", id('a')))
        );
        let unknown = survey('a', |facts| {
            *facts = facts_with('a', |node, line| match node {
                'c' => String::new(),
                _ => line,
            });
        });
        let error = prove_by(&unknown, &pairs(), at_home).expect_err("refused");
        assert!(
            error.message().contains("no address"),
            "{}",
            error.message()
        );
    }
}
