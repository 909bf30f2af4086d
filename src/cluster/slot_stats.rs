//! What the nodes counted per slot: `CLUSTER SLOT-STATS` (Valkey 8.0, Redis 8.2).
//!
//! The reply is `[[slot, [name, number, …]], …]`, without the slots that the
//! node doesn't own. `key-count` is always in it; the rest only with
//! `cluster-slot-stats-enabled yes`, and `memory-bytes` only on some servers.
//! The counters start with the node, or with `CONFIG RESETSTAT`, or when the
//! slot arrives.

use super::verb::{NodeLink, Refusal, Reply, Verb};
use super::{LiveCluster, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::{SLOT_COUNT, Slot, SlotSet};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a node may take to tell the figures of all its slots.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// A figure that a server may keep of each slot, beside the number of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlotStat {
    /// Memory of the slot's keys, bytes.
    MemoryBytes,
    /// Processor time of the slot's commands, microseconds.
    CpuUsec,
    /// Bytes received.
    NetworkBytesIn,
    /// Bytes sent.
    NetworkBytesOut,
}

impl SlotStat {
    /// Every figure.
    pub const ALL: [SlotStat; 4] = [
        SlotStat::MemoryBytes,
        SlotStat::CpuUsec,
        SlotStat::NetworkBytesIn,
        SlotStat::NetworkBytesOut,
    ];

    /// Its name in the reply.
    pub const fn name(self) -> &'static str {
        match self {
            SlotStat::MemoryBytes => "memory-bytes",
            SlotStat::CpuUsec => "cpu-usec",
            SlotStat::NetworkBytesIn => "network-bytes-in",
            SlotStat::NetworkBytesOut => "network-bytes-out",
        }
    }
}

/// One figure for each slot, by slot number.
pub type PerSlot = Box<[u64; SLOT_COUNT]>;

/// Why a figure isn't known of the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The node refuses the command: it is too old for it, or forbids it.
    Refused(NodeId, Refusal),
    /// The node has the command, but doesn't count this.
    NotCounted(NodeId),
}

/// The figures that every owner told of each of its slots, and why the others are missing.
#[derive(Clone, Debug, Default)]
pub struct SlotStats {
    known: BTreeMap<SlotStat, PerSlot>,
    lacks: BTreeMap<SlotStat, Lack>,
}

impl SlotStats {
    /// Asks each owner for its slots.
    ///
    /// # Errors
    /// When a link breaks, or an answer isn't what the command answers. A refusal is none.
    pub fn take<L: NodeLink>(
        cluster: &mut LiveCluster<L>,
        owners: &[(NodeId, SlotSet)],
    ) -> Result<SlotStats> {
        let mut stats = SlotStats::default();
        for stat in SlotStat::ALL {
            stats.known.insert(stat, Box::new([0; SLOT_COUNT]));
        }
        let verb = Verb::SlotStats;
        let ids: Vec<NodeId> = owners.iter().map(|(node, _)| *node).collect();
        let until = Instant::now() + ANSWER_TIME;
        let mut said = cluster.each(&ids, until, |part, id| part.ask(id, &verb));
        for (node, slots) in owners {
            match said
                .remove(node)
                .unwrap_or_else(|| cluster.ask(*node, &verb))?
            {
                Reply::Refused(refusal) => stats.refused(*node, &refusal),
                reply => {
                    let rows = rows(reply, &verb).map_err(|error| cluster.blame(*node, error))?;
                    stats.add(*node, slots, &rows);
                }
            }
        }
        Ok(stats)
    }

    /// A figure of every slot; none when an owner doesn't tell it.
    pub fn get(&self, stat: SlotStat) -> Option<&PerSlot> {
        self.known.get(&stat)
    }

    /// Why a figure isn't known.
    pub fn lack(&self, stat: SlotStat) -> Option<&Lack> {
        self.lacks.get(&stat)
    }

    fn refused(&mut self, node: NodeId, refusal: &Refusal) {
        for stat in SlotStat::ALL {
            self.forget(stat, || Lack::Refused(node, refusal.clone()));
        }
    }

    fn add(&mut self, node: NodeId, slots: &SlotSet, rows: &BTreeMap<Slot, Row>) {
        for (at, stat) in SlotStat::ALL.into_iter().enumerate() {
            // A slot that left between two questions has no row: then nothing whole is known.
            let figure = |slot: Slot| rows.get(&slot).and_then(|row| row[at]);
            if slots.iter().any(|slot| figure(slot).is_none()) {
                self.forget(stat, || Lack::NotCounted(node));
            } else if let Some(known) = self.known.get_mut(&stat) {
                for slot in slots.iter() {
                    known[slot.index()] = figure(slot).unwrap_or(0);
                }
            }
        }
    }

    /// Half a cluster's figures would look like load where they are known. The first reason stays.
    fn forget(&mut self, stat: SlotStat, lack: impl FnOnce() -> Lack) {
        self.known.remove(&stat);
        self.lacks.entry(stat).or_insert_with(lack);
    }
}

/// The figures of a slot, in the order of [`SlotStat::ALL`].
type Row = [Option<u64>; SlotStat::ALL.len()];

/// Reads a reply. Figures that we don't know are passed over: servers add some.
fn rows(reply: Reply, verb: &Verb) -> Result<BTreeMap<Slot, Row>> {
    let odd = |found: &Reply| {
        let message = format!(
            "{} should answer slots with their figures, but has {}",
            verb.name(),
            found.kind()
        );
        Error::new(ErrorKind::Server, message)
    };
    let Reply::List(list) = reply else {
        return Err(odd(&reply));
    };
    let mut rows = BTreeMap::new();
    for entry in &list {
        let Reply::List(pair) = entry else {
            return Err(odd(entry));
        };
        let [Reply::Int(slot), Reply::List(figures)] = pair.as_slice() else {
            return Err(odd(entry));
        };
        let slot = u16::try_from(*slot).ok().and_then(Slot::new);
        let slot = slot.ok_or_else(|| odd(entry))?;
        let row = row(figures).ok_or_else(|| odd(entry))?;
        if rows.insert(slot, row).is_some() {
            return Err(odd(entry));
        }
    }
    Ok(rows)
}

/// Names and numbers in turn; none when they aren't.
fn row(figures: &[Reply]) -> Option<Row> {
    let mut row = Row::default();
    let (pairs, []) = figures.as_chunks::<2>() else {
        return None;
    };
    for pair in pairs {
        let [Reply::Text(name), number] = pair else {
            return None;
        };
        let known = SlotStat::ALL
            .iter()
            .position(|stat| stat.name().as_bytes() == name.as_slice());
        if let Some(at) = known {
            let Reply::Int(number) = number else {
                return None;
            };
            row[at] = Some(u64::try_from(*number).ok()?);
        }
    }
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::id;
    use crate::cluster::{LiveNode, NodeAddr};

    /// A node that always says the same.
    struct Says(Reply);

    impl NodeLink for Says {
        fn another(&self, _: &NodeAddr) -> Result<Says> {
            Err(Error::new(ErrorKind::Connect, "a script has one address"))
        }

        fn round_trip(&mut self, verbs: &[Verb]) -> Result<Vec<Reply>> {
            Ok(vec![self.0.clone(); verbs.len()])
        }
    }

    fn text(word: &str) -> Reply {
        Reply::Text(word.as_bytes().to_vec())
    }

    fn slot_row(slot: i64, figures: &[(&str, i64)]) -> Reply {
        let figures = figures
            .iter()
            .flat_map(|(name, number)| [text(name), Reply::Int(*number)]);
        Reply::List(vec![Reply::Int(slot), Reply::List(figures.collect())])
    }

    /// What is known when node `a` owns slot 1, node `b` owns slot 2, and they say this.
    fn stats(first: Reply, second: Reply) -> Result<SlotStats> {
        let node = |reply| LiveNode {
            addr: NodeAddr::new("h", 1),
            link: Says(reply),
        };
        let nodes = [(id('a'), node(first)), (id('b'), node(second))];
        let mut cluster = LiveCluster::of(id('a'), nodes.into());
        let owned = |slot| -> SlotSet { Slot::new(slot).into_iter().collect() };
        SlotStats::take(&mut cluster, &[(id('a'), owned(1)), (id('b'), owned(2))])
    }

    #[test]
    fn every_owner_tells_of_its_own_slots() {
        let first = [
            slot_row(1, &[("key-count", 3), ("cpu-usec", 70), ("new-figure", 5)]),
            slot_row(2, &[("cpu-usec", 999)]),
        ];
        let second = [slot_row(2, &[("network-bytes-in", 8), ("cpu-usec", 5)])];
        let stats = stats(Reply::List(first.into()), Reply::List(second.into())).expect("stats");
        let cpu = stats.get(SlotStat::CpuUsec).expect("known");
        assert_eq!((cpu[0], cpu[1], cpu[2]), (0, 70, 5));
        assert_eq!(stats.get(SlotStat::NetworkBytesIn), None);
        assert_eq!(
            stats.lack(SlotStat::NetworkBytesIn),
            Some(&Lack::NotCounted(id('a')))
        );
        assert_eq!(stats.lack(SlotStat::CpuUsec), None);
    }

    #[test]
    fn one_node_that_refuses_makes_all_unknown() {
        let refusal = Refusal {
            code: "ERR".to_owned(),
            detail: "unknown subcommand 'SLOT-STATS'. Try CLUSTER HELP.".to_owned(),
        };
        let first = Reply::List(vec![slot_row(1, &[("cpu-usec", 70)])]);
        let stats = stats(first, Reply::Refused(refusal.clone())).expect("stats");
        for stat in SlotStat::ALL {
            assert_eq!(stats.get(stat), None);
        }
        let lack = stats.lack(SlotStat::CpuUsec);
        assert_eq!(lack, Some(&Lack::Refused(id('b'), refusal)));
    }

    #[test]
    fn odd_replies_are_errors() {
        let good = || Reply::List(vec![slot_row(1, &[("cpu-usec", 1)])]);
        assert!(stats(good(), good()).is_ok());
        for odd in [
            Reply::Nil,
            Reply::Int(1),
            Reply::List(vec![Reply::Int(1)]),
            Reply::List(vec![slot_row(16_384, &[])]),
            Reply::List(vec![slot_row(-1, &[])]),
            Reply::List(vec![slot_row(1, &[]), slot_row(1, &[])]),
            Reply::List(vec![slot_row(1, &[("cpu-usec", -1)])]),
            Reply::List(vec![Reply::List(vec![
                Reply::Int(1),
                Reply::List(vec![text("cpu-usec")]),
            ])]),
            Reply::List(vec![Reply::List(vec![
                Reply::Int(1),
                Reply::List(vec![text("cpu-usec"), text("7")]),
            ])]),
        ] {
            let error = stats(good(), odd.clone()).expect_err("odd");
            assert!(error.message().contains("SLOT-STATS"), "{odd:?}: {error}");
        }
    }
}
