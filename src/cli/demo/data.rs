//! An uneven data set: forty tenants, each in a slot of its own by its hash
//! tag, the biggest all on the first primary, and small keys everywhere else.

use crate::cluster::link::RedisLink;
use crate::cluster::verb::{Reply, Verb};
use crate::cluster::{LiveCluster, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::Slot;
use std::collections::BTreeMap;

const TENANTS: u32 = 40;
/// How many commands go into one write.
const BATCH: usize = 500;

/// Loads so many keys; `going` is asked between two writes whether to go on.
pub(super) fn load(
    cluster: &mut LiveCluster<RedisLink>,
    keys: u32,
    going: impl Fn() -> Result<()>,
) -> Result<()> {
    let view = cluster.seed_view()?;
    let owner = |key: &str| view.map().owner(Slot::for_key(key.as_bytes()));
    let first = view.map().owner(Slot::MIN);
    let tenants = tenants(|tag| owner(tag) == first);
    let mut waiting: BTreeMap<NodeId, Vec<Verb>> = BTreeMap::new();
    for number in 0..keys {
        let (key, value_bytes) = key(number, &tenants);
        let Some(node) = owner(&key) else { continue };
        let batch = waiting.entry(node).or_default();
        batch.push(set(key, value_bytes));
        if batch.len() == BATCH {
            going()?;
            send(cluster, node, &std::mem::take(batch))?;
        }
    }
    for (node, batch) in waiting {
        send(cluster, node, &batch)?;
    }
    Ok(())
}

/// Tenants whose tags all fall to one node.
fn tenants(is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let tags = (0..).map(|number| format!("{{tenant:{number}}}"));
    tags.filter(|tag| is_wanted(tag))
        .take(TENANTS as usize)
        .collect()
}

/// Two of three keys belong to a tenant, to the first ones most.
fn key(number: u32, tenants: &[String]) -> (String, usize) {
    if number.is_multiple_of(3) {
        return (format!("session:{number}"), 40);
    }
    // A cheap skew: the product of two spread numbers favours the small ones.
    let (one, other) = (number % TENANTS, (number / 7) % TENANTS);
    let tenant = (one * other / TENANTS) as usize;
    (
        format!("{}:doc:{number}", tenants[tenant]),
        200 + (number % 400) as usize,
    )
}

fn set(key: String, value_bytes: usize) -> Verb {
    Verb::Client(vec![
        b"SET".to_vec(),
        key.into_bytes(),
        vec![b'x'; value_bytes],
    ])
}

fn send(cluster: &mut LiveCluster<RedisLink>, node: NodeId, batch: &[Verb]) -> Result<()> {
    for reply in cluster.round_trip(node, batch)? {
        if let Reply::Refused(refusal) = reply {
            let message = format!("a key was refused: {refusal}");
            return Err(Error::new(ErrorKind::Server, message));
        }
    }
    Ok(())
}
