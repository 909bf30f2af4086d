//! Finds keys that are gone after a run, and that nothing has taken away which servers count.
//!
//! A target is known to keep what it takes when its slot is handed over. One that drops keys later,
//! by a fault of its own or because something else answers there, leaves fewer keys than there
//! were; so do clients that delete, and keys that come to their end. Servers count the latter:
//! every call of a command, every key that has expired or was evicted. Where these can't explain
//! what is gone, no client has done it, and the run mustn't end as if all was well.
//!
//! A person is never told so for a client's own deletes: a command that can take any number of keys
//! (`DEL`, a script, one that isn't known here) explains everything, and where a server was started
//! anew or counts anew, a node was replaced, or somebody else moves keys, nothing is known.

mod commands;
mod counters;

use crate::cluster::verb::NodeLink;
use crate::cluster::{LiveCluster, Node, NodeId, keyspace};
use crate::error::{ErrorKind, Result};
use crate::execute::survey::Survey;
use counters::{Counted, Counters};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a node may take to answer.
const NODE_TIME: Duration = Duration::from_secs(10);

/// How many keys the primaries have, and what they have counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCount {
    nodes: BTreeMap<NodeId, (u64, Counters)>,
}

/// Keys that are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vanished {
    /// How many keys there are fewer.
    pub keys: u64,
    /// How many of them commands, ends and evictions explain at most.
    pub explained: u64,
    /// The nodes that have fewer than they had and were sent.
    pub suspects: Vec<NodeId>,
}

impl KeyCount {
    /// Counts before a run; nothing where a node doesn't tell.
    ///
    /// What takes a key away between the two questions is counted after this one: it explains more
    /// than it has to.
    pub fn before<L: NodeLink>(cluster: &mut LiveCluster<L>) -> Option<KeyCount> {
        let counters = each(cluster, ask_counters)?;
        KeyCount::of(each(cluster, ask_keys)?, counters)
    }

    /// Counts after it, the other way round for the same reason.
    pub fn after<L: NodeLink>(cluster: &mut LiveCluster<L>) -> Option<KeyCount> {
        let keys = each(cluster, ask_keys)?;
        KeyCount::of(keys, each(cluster, ask_counters)?)
    }

    fn of(
        keys: BTreeMap<NodeId, u64>,
        mut counters: BTreeMap<NodeId, Counters>,
    ) -> Option<KeyCount> {
        let both = keys
            .into_iter()
            .map(|(id, keys)| Some((id, (keys, counters.remove(&id)?))));
        let nodes: BTreeMap<_, _> = both.collect::<Option<_>>()?;
        counters.is_empty().then_some(KeyCount { nodes })
    }

    /// The keys that are gone since then and that nothing explains which was counted; nothing where
    /// there are none, or where it isn't known. The run itself has sent so many `MIGRATE`s, and so
    /// many keys may have been on two nodes before it.
    pub fn vanished_since(&self, before: &KeyCount, sent: u64, doubled: u64) -> Option<Vanished> {
        if !self.nodes.keys().eq(before.nodes.keys()) {
            return None;
        }
        let mut all = Counted {
            takes: Some(0),
            ..Counted::default()
        };
        let mut suspects = Vec::new();
        for ((id, (now, counters)), (had, earlier)) in self.nodes.iter().zip(before.nodes.values())
        {
            let counted = counters.since(earlier)?;
            let takes = counted.takes?;
            let lasts = had.saturating_add(counted.restores).saturating_sub(takes);
            // Of one that has sent keys it isn't known how many went.
            if counted.migrates == 0 && *now < lasts {
                suspects.push(*id);
            }
            all.takes = all.takes.map(|sum| sum.saturating_add(takes));
            all.migrates = all.migrates.saturating_add(counted.migrates);
        }
        // Somebody else sends keys too, it may be to where we don't see them.
        if all.migrates > sent {
            return None;
        }
        let keys = before
            .keys()
            .saturating_sub(doubled)
            .saturating_sub(self.keys());
        let explained = all.takes.unwrap_or(u64::MAX);
        (keys > explained).then_some(Vanished {
            keys,
            explained,
            suspects,
        })
    }

    fn keys(&self) -> u64 {
        let keys = self.nodes.values().map(|(keys, _)| *keys);
        keys.fold(0, u64::saturating_add)
    }
}

/// How many keys may have been on two nodes: those that a node has of slots that aren't its own.
pub fn doubled(survey: &Survey) -> u64 {
    let facts = survey.nodes.values();
    let held = facts.flat_map(|facts| facts.orphaned.values().chain(facts.arrived.values()));
    held.fold(0, |sum, keys| sum.saturating_add(*keys))
}

/// What all primaries answer; nothing where one doesn't.
fn each<L: NodeLink, T: Send>(
    cluster: &mut LiveCluster<L>,
    ask: impl Fn(&mut LiveCluster<L>, NodeId) -> Result<Option<T>> + Sync,
) -> Option<BTreeMap<NodeId, T>> {
    let (ids, until) = (cluster.ids(), Instant::now() + NODE_TIME);
    let said = cluster.each(&ids, until, |part, id| {
        let view = match part.view_of(id) {
            // A link may have broken, or been closed for resting.
            Err(error) if error.kind() == ErrorKind::Connect => {
                part.renew_by(id, Some(until))?;
                part.view_of(id)?
            }
            view => view?,
        };
        if view.node(id).is_some_and(Node::is_primary) {
            ask(part, id).map(Some)
        } else {
            Ok(None)
        }
    });
    let mut all = BTreeMap::new();
    for (id, answer) in said {
        if let Some(answer) = answer.ok()? {
            all.insert(id, answer?);
        }
    }
    Some(all)
}

fn ask_keys<L: NodeLink>(cluster: &mut LiveCluster<L>, id: NodeId) -> Result<Option<u64>> {
    keyspace::databases(cluster, id).map(|databases| Some(databases.keys))
}

fn ask_counters<L: NodeLink>(cluster: &mut LiveCluster<L>, id: NodeId) -> Result<Option<Counters>> {
    let verbs = Counters::questions();
    let mut replies = cluster.round_trip(id, &verbs)?.into_iter();
    // Whoever may not ask isn't told.
    let texts = verbs.map(|verb| {
        let text = replies.next().and_then(|reply| reply.text(&verb).ok());
        text.unwrap_or_default()
    });
    Ok(Counters::read(&texts))
}

#[cfg(test)]
mod tests {
    use super::counters::tests::counters;
    use super::*;
    use crate::execute::testing::{id, survey};
    use crate::slot::Slot;

    /// Nodes `a`, which gives, and `b`, which takes: their keys, and calls.
    fn count(a: (u64, &[(&str, u64)]), b: (u64, &[(&str, u64)])) -> KeyCount {
        let node = |name: char, (keys, calls): (u64, &[(&str, u64)])| {
            (id(name), (keys, counters(&name.to_string(), 0, calls)))
        };
        KeyCount {
            nodes: [node('a', a), node('b', b)].into(),
        }
    }

    fn before() -> KeyCount {
        count((100, &[("info", 1)]), (50, &[("info", 1)]))
    }

    /// Thirty keys have moved; then these calls came, and `b` has so many keys.
    fn after(calls: &[(&str, u64)], keys: u64) -> KeyCount {
        let of_a = [("info", 2), ("migrate", 3)];
        let of_b = [&[("info", 2), ("restore-asking", 30)], calls].concat();
        count((70, &of_a), (keys, &of_b))
    }

    fn vanished(after: &KeyCount) -> Option<Vanished> {
        after.vanished_since(&before(), 3, 0)
    }

    #[test]
    fn keys_that_nothing_has_taken_are_told_with_their_node() {
        assert_eq!(vanished(&after(&[], 80)), None);
        assert_eq!(vanished(&after(&[("set", 9)], 90)), None);
        let told = |keys, explained| Vanished {
            keys,
            explained,
            suspects: vec![id('b')],
        };
        assert_eq!(vanished(&after(&[], 68)), Some(told(12, 0)));
        assert_eq!(vanished(&after(&[("get", 900)], 79)), Some(told(1, 0)));
        assert_eq!(vanished(&after(&[("lpop", 11)], 68)), Some(told(12, 11)));
    }

    #[test]
    fn what_clients_may_have_deleted_is_never_told() {
        assert_eq!(vanished(&after(&[("lpop", 12)], 68)), None);
        for any in [
            "del",
            "unlink",
            "flushall",
            "eval",
            "fcall",
            "json.del",
            "new-command",
        ] {
            assert_eq!(vanished(&after(&[(any, 1)], 10)), None, "{any}");
        }
        // Deleted at the other node.
        let of_a = [("info", 2), ("migrate", 3), ("del", 1)];
        let at_a = count((58, &of_a), (80, &[("info", 2), ("restore-asking", 30)]));
        assert_eq!(vanished(&at_a), None);
    }

    #[test]
    fn where_it_is_not_known_nothing_is_told() {
        let less = after(&[], 68);
        assert!(vanished(&less).is_some());
        let since = |sent, doubled| less.vanished_since(&before(), sent, doubled);
        assert_eq!(since(2, 0), None, "somebody else sends keys");
        assert_eq!(since(3, 12), None, "they were copies");
        assert!(since(3, 11).is_some());
        // Another node, or another process.
        let mut gone = less.clone();
        gone.nodes.remove(&id('a'));
        assert_eq!(vanished(&gone), None);
        let mut anew = less.clone();
        anew.nodes
            .insert(id('b'), (0, counters("c", 0, &[("info", 2)])));
        assert_eq!(vanished(&anew), None);
    }

    #[test]
    fn keys_of_foreign_slots_may_be_copies() {
        let survey = survey('b', |facts| {
            facts.orphaned = [(Slot::MIN, 3)].into();
            facts.arrived = [(Slot::MIN, 4)].into();
        });
        assert_eq!(doubled(&survey), 7);
    }
}
