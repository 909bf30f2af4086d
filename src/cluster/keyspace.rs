//! How many keys a node has, per database and per slot.

use super::verb::{NodeLink, Reply, ServerError, Verb};
use super::{LiveCluster, NodeId, parse};
use crate::error::Result;
use crate::slot::{SLOT_COUNT, Slot, SlotSet};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How many `COUNTKEYSINSLOT` go into one write.
const COUNTS_PER_WRITE: usize = 1024;
/// How many databases are looked at one by one in one write.
const DATABASES_PER_WRITE: u32 = 256;
/// The most databases that are looked at one by one, and that are believed of an `INFO keyspace`.
pub const MAX_DATABASES: u32 = 4096;
/// How long a node may take to count all its slots: 16,384 answers, at once in a healthy one.
const COUNTING_TIME: Duration = Duration::from_secs(30);

/// The databases of a node.
///
/// A cluster had database 0 alone until Valkey 9 (`cluster-databases`). There
/// `COUNTKEYSINSLOT` and `GETKEYSINSLOT` see only the selected one, and keys
/// in the others are lost when a slot moves without them. So no single answer
/// says which hold keys: database 0 always counts, each other one is selected
/// and its keys are counted (`SELECT`, `DBSIZE`), and `INFO keyspace`, which a
/// proxy may filter and a compatible server may spell otherwise, only adds to
/// that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Databases {
    /// Those that hold keys or may, ascending; database 0 is always one.
    pub used: Vec<u32>,
    /// How many can be selected; at most [`MAX_DATABASES`] are looked at.
    pub count: u32,
    /// Keys over all of them.
    pub keys: u64,
}

/// The databases of a node.
///
/// # Errors
/// When the node can't be asked.
pub fn databases<L: NodeLink>(cluster: &mut LiveCluster<L>, node: NodeId) -> Result<Databases> {
    let first = [
        Verb::Select(0),
        Verb::DbSize,
        Verb::Info("keyspace"),
        Verb::Select(1),
        Verb::Select(0),
    ];
    let mut replies = cluster.round_trip(node, &first)?.into_iter().skip(1);
    let missing = || Reply::Nil;
    let size = replies.next().unwrap_or_else(missing);
    let hint = replies.next().unwrap_or_else(missing);
    let hint = hint.text(&Verb::Info("keyspace")).unwrap_or_default();
    // DBSIZE may be forbidden.
    let size = size.count(&Verb::DbSize);
    let mut keys = size.unwrap_or_else(|_| keys_in(&hint));
    let mut used = databases_in(&hint);
    let mut count = 1;
    let more = replies.next().unwrap_or_else(missing);
    let back = replies.next().unwrap_or_else(missing);
    // Where SELECT itself is forbidden nothing can be said, nor a slot be moved.
    if may_be_there(&more) && !matches!(back, Reply::Refused(_)) {
        count = look_at_each(cluster, node, &mut used, &mut keys)?;
    }
    used.sort_unstable();
    used.dedup();
    Ok(Databases { used, count, keys })
}

/// Selects each database behind database 0 and counts its keys; how many there are in all.
fn look_at_each<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    node: NodeId,
    used: &mut Vec<u32>,
    keys: &mut u64,
) -> Result<u32> {
    let mut next = 1;
    while next < MAX_DATABASES {
        let part = next..(next + DATABASES_PER_WRITE).min(MAX_DATABASES);
        let mut verbs: Vec<Verb> = part
            .clone()
            .flat_map(|db| [Verb::Select(db), Verb::DbSize])
            .collect();
        verbs.push(Verb::Select(0));
        let mut replies = cluster.round_trip(node, &verbs)?.into_iter();
        for db in part {
            let (selected, size) = (replies.next(), replies.next());
            let selected = selected.unwrap_or(Reply::Nil);
            if !may_be_there(&selected) {
                return Ok(db);
            }
            next = db + 1;
            // Our user may be kept from single ones (Valkey 9.1): they may hold keys all the same.
            let size = match selected {
                Reply::Refused(_) => None,
                _ => size.and_then(|size| size.count(&Verb::DbSize).ok()),
            };
            if size != Some(0) {
                used.push(db);
            }
            *keys = keys.saturating_add(size.unwrap_or(0));
        }
    }
    Ok(next)
}

/// Whether the answer to a `SELECT` leaves it open that there is such a database.
fn may_be_there(selected: &Reply) -> bool {
    match selected {
        Reply::Text(_) => true,
        Reply::Refused(refusal) => refusal.error() == ServerError::Forbidden,
        _ => false,
    }
}

/// The databases that an `INFO keyspace` lists (`db0:keys=…`), ascending, and always database 0;
/// not more than [`MAX_DATABASES`].
pub fn databases_in(info: &str) -> Vec<u32> {
    let listed = info
        .lines()
        .filter_map(|line| line.strip_prefix("db")?.split_once(':')?.0.parse().ok());
    let mut databases: Vec<u32> = listed.take(MAX_DATABASES as usize).chain([0]).collect();
    databases.sort_unstable();
    databases.dedup();
    databases
}

/// The databases of which an `INFO keyspace` says that no key has an end (`expires=0`).
pub fn lasting_in(info: &str) -> BTreeSet<u32> {
    let listed = info.lines().filter_map(|line| {
        let (db, figures) = line.strip_prefix("db")?.split_once(':')?;
        let figure = figures
            .split(',')
            .find_map(|part| part.trim().strip_prefix("expires="))?;
        (figure == "0").then_some(db.parse().ok()?)
    });
    listed.take(MAX_DATABASES as usize).collect()
}

/// The keys over all databases that an `INFO keyspace` lists.
fn keys_in(info: &str) -> u64 {
    let keys = databases_in(info).into_iter().filter_map(|db| {
        let counts = parse::info_field(info, &format!("db{db}"))?;
        let keys = counts
            .split(',')
            .find_map(|part| part.strip_prefix("keys="))?;
        keys.parse::<u64>().ok()
    });
    keys.fold(0, u64::saturating_add)
}

/// How many keys the owners have in their slots, in all databases, counted side by side.
///
/// # Errors
/// When a node can't be asked, or refuses.
pub fn keys_of_owners<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    owners: &BTreeMap<NodeId, SlotSet>,
) -> Result<Box<[u64; SLOT_COUNT]>> {
    let ids: Vec<NodeId> = owners.keys().copied().collect();
    let until = Instant::now() + COUNTING_TIME;
    let counted = cluster.each(&ids, until, |part, id| {
        let mut counts = Box::new([0; SLOT_COUNT]);
        add_keys_per_slot(part, id, &owners[&id], &mut counts)?;
        let counts = owners[&id].iter().map(|slot| (slot, counts[slot.index()]));
        Ok(counts.collect::<Vec<_>>())
    });
    let mut all = Box::new([0; SLOT_COUNT]);
    for id in ids {
        let counts = counted.get(&id).cloned();
        for (slot, keys) in counts.unwrap_or_else(|| Err(cluster.unlinked(id)))? {
            all[slot.index()] = keys;
        }
    }
    Ok(all)
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
    let databases = databases(cluster, node)?.used;
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
    use crate::cluster::testing::id;
    use crate::cluster::verb::Refusal;
    use crate::cluster::{LiveNode, NodeAddr};
    use crate::error::{Error, ErrorKind};

    /// A node with so many databases, each with this many keys.
    #[derive(Clone, Default)]
    struct Node {
        sizes: Vec<i64>,
        /// A database that our user may not select.
        forbidden: Option<u32>,
        info: &'static str,
        selected: usize,
    }

    impl NodeLink for Node {
        fn another(&self, _: &NodeAddr) -> Result<Node> {
            Err(Error::new(ErrorKind::Connect, "a script has one address"))
        }

        fn round_trip(&mut self, verbs: &[Verb]) -> Result<Vec<Reply>> {
            let refused = |code: &str| {
                Reply::Refused(Refusal {
                    code: code.to_owned(),
                    detail: "no".to_owned(),
                })
            };
            let mut replies = Vec::new();
            for verb in verbs {
                replies.push(match verb {
                    Verb::Select(db) if self.forbidden == Some(*db) => refused("NOPERM"),
                    Verb::Select(db) if *db as usize >= self.sizes.len() => refused("ERR"),
                    Verb::Select(db) => {
                        self.selected = *db as usize;
                        Reply::Text(b"OK".to_vec())
                    }
                    Verb::DbSize => Reply::Int(self.sizes[self.selected]),
                    _ => Reply::Text(self.info.as_bytes().to_vec()),
                });
            }
            Ok(replies)
        }
    }

    fn found(node: Node) -> Databases {
        let node = LiveNode {
            addr: NodeAddr::new("h", 1),
            link: node,
        };
        let mut cluster = LiveCluster::of(id('a'), [(id('a'), node)].into());
        databases(&mut cluster, id('a')).expect("databases")
    }

    #[test]
    fn databases_are_read_from_info() {
        let text = "# Keyspace\r\ndb10:keys=1,expires=0\r\ndb0:keys=5,expires=1,avg_ttl=0\r\n";
        assert_eq!(databases_in(text), [0, 10]);
        assert_eq!(keys_in(text), 6);
        assert_eq!(lasting_in(text), BTreeSet::from([10]));
        let odd = [
            "",
            "# Keyspace\r\n",
            "DB0 :keys=5\r\n",
            "db4294967296:keys=1\r\n",
        ];
        for text in odd {
            assert_eq!(databases_in(text), [0], "{text}");
            assert_eq!(lasting_in(text), BTreeSet::new(), "{text}");
        }
        let many: String = (0..100_000).map(|db| format!("db{db}:\n")).collect();
        assert!(databases_in(&many).len() <= MAX_DATABASES as usize + 1);
    }

    #[test]
    fn a_database_that_info_leaves_out_is_found() {
        let node = Node {
            sizes: vec![7, 0, 0, 5],
            ..Node::default()
        };
        let expected = Databases {
            used: vec![0, 3],
            count: 4,
            keys: 12,
        };
        assert_eq!(found(node.clone()), expected);
        let hidden = Node {
            forbidden: Some(2),
            ..node
        };
        assert_eq!(found(hidden).used, [0, 2, 3], "unknown isn't empty");
        let one = Node {
            sizes: vec![7],
            ..Node::default()
        };
        assert_eq!((found(one.clone()).used, found(one).count), (vec![0], 1));
    }

    #[test]
    fn what_info_adds_is_believed() {
        let node = Node {
            sizes: vec![0],
            info: "db3:keys=1",
            ..Node::default()
        };
        assert_eq!(found(node).used, [0, 3]);
    }
}
