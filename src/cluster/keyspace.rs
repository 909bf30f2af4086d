//! How many keys a node has, per database and per slot.

use super::verb::{NodeLink, Verb};
use super::{LiveCluster, NodeId, parse};
use crate::error::Result;
use crate::slot::{SLOT_COUNT, Slot, SlotSet};

/// How many `COUNTKEYSINSLOT` go into one write.
const COUNTS_PER_WRITE: usize = 1024;

/// The databases of a node that hold keys, ascending.
///
/// A cluster had database 0 alone until Valkey 9 (`cluster-databases`). There
/// `COUNTKEYSINSLOT` and `GETKEYSINSLOT` see only the selected one, and keys
/// in the others are lost when a slot moves without them.
///
/// # Errors
/// When the node can't be asked.
pub fn databases<L: NodeLink>(cluster: &mut LiveCluster<L>, node: NodeId) -> Result<Vec<u32>> {
    let text = cluster.ask_text(node, &Verb::Info("keyspace"))?;
    Ok(databases_in(&text))
}

/// The databases that an `INFO keyspace` lists (`db0:keys=…`), ascending.
pub fn databases_in(info: &str) -> Vec<u32> {
    let mut databases: Vec<u32> = info
        .lines()
        .filter_map(|line| line.strip_prefix("db")?.split_once(':')?.0.parse().ok())
        .collect();
    databases.sort_unstable();
    databases
}

/// The keys over all databases that an `INFO keyspace` lists.
pub fn keys_in(info: &str) -> u64 {
    let keys = databases_in(info).into_iter().filter_map(|db| {
        let counts = parse::info_field(info, &format!("db{db}"))?;
        let keys = counts
            .split(',')
            .find_map(|part| part.strip_prefix("keys="))?;
        keys.parse::<u64>().ok()
    });
    keys.fold(0, u64::saturating_add)
}

/// Adds to `counts` how many keys a node has in each of these slots, in all databases.
///
/// # Errors
/// When the node can't be asked, or refuses.
pub fn add_keys_per_slot<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    node: NodeId,
    slots: &SlotSet,
    counts: &mut [u64; SLOT_COUNT],
) -> Result<()> {
    let databases = databases(cluster, node)?;
    let slots: Vec<Slot> = slots.iter().collect();
    for db in &databases {
        select(cluster, node, &databases, *db)?;
        for part in slots.chunks(COUNTS_PER_WRITE) {
            let verbs: Vec<Verb> = part.iter().map(|slot| Verb::CountKeys(*slot)).collect();
            let replies = cluster.round_trip(node, &verbs)?;
            for ((slot, verb), reply) in part.iter().zip(&verbs).zip(replies) {
                let count = reply
                    .count(verb)
                    .map_err(|error| cluster.blame(node, error))?;
                let sum = &mut counts[slot.index()];
                *sum = sum.saturating_add(count);
            }
        }
    }
    select(cluster, node, &databases, 0)
}

/// Selects a database, where there is more than database 0.
///
/// # Errors
/// When the node can't be asked, or refuses.
pub fn select<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    node: NodeId,
    databases: &[u32],
    db: u32,
) -> Result<()> {
    if databases.iter().all(|known| *known == 0) {
        return Ok(());
    }
    let verb = Verb::Select(db);
    cluster.ask(node, &verb)?.accepted(&verb).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_read_from_info() {
        let text = "# Keyspace\r\ndb10:keys=1,expires=0\r\ndb0:keys=5,expires=1,avg_ttl=0\r\n";
        assert_eq!(databases_in(text), [0, 10]);
        assert_eq!(keys_in(text), 6);
        assert!(databases_in("# Keyspace\r\n").is_empty());
    }
}
