//! Collects what each slot weighs: from dumps, a saved tally, or the cluster itself.

use super::stderr_observer::StderrObserver;
use super::terminal;
use crate::cluster::link::RedisLink;
use crate::cluster::slot_stats::{Lack, SlotStat, SlotStats};
use crate::cluster::verb::ServerError;
use crate::cluster::{ClusterView, LiveCluster, keyspace};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::job::patiently;
use crate::numbers::{count_text, counted_text};
use crate::plan::{Metric, Objective, SlotWeights};
use crate::slot::{SLOT_COUNT, Slot};
use crate::tally::{Coverage, InputSummary, Outcome, Tally};

/// The keys of each slot, counted by the nodes that own them.
///
/// # Errors
/// When a node can't be asked.
pub(super) fn from_live(
    cluster: &mut LiveCluster<RedisLink>,
    view: &ClusterView,
) -> Result<SlotWeights> {
    let owners = view.primaries().filter(|node| !node.slots.is_empty());
    let owners = owners.map(|node| (node.id, node.slots.clone())).collect();
    let awaited = cluster.awaited();
    let keys = patiently(&awaited, &StderrObserver, || {
        keyspace::keys_of_owners(cluster, &owners)
    })?;
    Ok(SlotWeights::new().with(Metric::Keys, keys))
}

/// What the nodes that own slots counted of each of them.
///
/// # Errors
/// When a node can't be asked.
pub(super) fn stats(cluster: &mut LiveCluster<RedisLink>, view: &ClusterView) -> Result<SlotStats> {
    let owners = view.primaries().filter(|node| !node.slots.is_empty());
    let owners: Vec<_> = owners.map(|node| (node.id, node.slots.clone())).collect();
    let awaited = cluster.awaited();
    patiently(&awaited, &StderrObserver, || {
        SlotStats::take(cluster, &owners)
    })
}

/// Adds what the nodes counted to what is known already, which stays.
pub(super) fn with_stats(weights: SlotWeights, stats: &SlotStats) -> SlotWeights {
    Metric::ALL.into_iter().fold(weights, |weights, metric| {
        let figures = stat_of(metric).and_then(|stat| stats.get(stat));
        match figures {
            Some(figures) if !weights.knows(metric) => weights.with(metric, figures.clone()),
            _ => weights,
        }
    })
}

/// Refuses an objective with a metric that isn't known, with what can be done on these servers.
pub(super) fn require(
    objective: &Objective,
    weights: &SlotWeights,
    stats: &SlotStats,
    cluster: &LiveCluster<RedisLink>,
) -> Result<()> {
    objective.require_in(weights).map_err(|error| {
        let mut metrics = objective.mix().map(|(metric, _)| metric);
        let unknown = metrics.find(|metric| !weights.knows(*metric));
        let lack = unknown
            .and_then(stat_of)
            .and_then(|stat| Some((stat, stats.lack(stat)?)));
        match lack {
            Some((stat, lack)) => error.fix(fix(stat, lack, cluster)),
            None => error,
        }
    })
}

fn fix(stat: SlotStat, lack: &Lack, cluster: &LiveCluster<RedisLink>) -> String {
    let way_out = match stat {
        SlotStat::MemoryBytes => "give a dump of the keys with --keyspace",
        _ => "balance by one of these",
    };
    match lack {
        Lack::Refused(node, refusal) if refusal.error() == ServerError::Forbidden => format!(
            "log in as a user that may run CLUSTER SLOT-STATS on {}, or {way_out}",
            cluster.name(*node)
        ),
        Lack::Refused(node, refusal) => format!(
            "{} has no CLUSTER SLOT-STATS, as Valkey 8.0 and Redis 8.2 do ({refusal}): {way_out}",
            cluster.name(*node)
        ),
        Lack::NotCounted(node) if stat == SlotStat::MemoryBytes => format!(
            "{} doesn't count {} per slot: {way_out}",
            cluster.name(*node),
            stat.name()
        ),
        Lack::NotCounted(node) => format!(
            "{} doesn't count {}: set `cluster-slot-stats-enabled yes` on every primary and let the \
             load run for a while, or {way_out}",
            cluster.name(*node),
            stat.name()
        ),
    }
}

fn stat_of(metric: Metric) -> Option<SlotStat> {
    match metric {
        Metric::Slots | Metric::Keys => None,
        Metric::Bytes => Some(SlotStat::MemoryBytes),
        Metric::Cpu => Some(SlotStat::CpuUsec),
        Metric::NetIn => Some(SlotStat::NetworkBytesIn),
        Metric::NetOut => Some(SlotStat::NetworkBytesOut),
    }
}

/// The keys of each slot, and their bytes where enough keys have a size, as dumps have them.
pub(super) fn from_dumps(keyspace: &Outcome) -> SlotWeights {
    let tally = &keyspace.tally;
    let mut keys = Box::new([0; SLOT_COUNT]);
    let mut bytes = Box::new([0; SLOT_COUNT]);
    for slot in Slot::all() {
        let count = tally.slot(slot);
        keys[slot.index()] = count.keys;
        bytes[slot.index()] = count.bytes;
    }
    let weights = SlotWeights::new().with(Metric::Keys, keys);
    if tally.knows_bytes() && !Unsized::of(keyspace).is_too_much() {
        weights.with(Metric::Bytes, bytes)
    } else {
        weights
    }
}

/// What of dumps has no size: it would weigh nothing in a plan by bytes.
struct Unsized {
    keys: u64,
    of_keys: u64,
    /// What these keys take in the RDB files that they are in, and how long the files are.
    file_bytes: u64,
    of_file_bytes: u64,
}

impl Unsized {
    fn of(keyspace: &Outcome) -> Unsized {
        let total = keyspace.tally.total();
        let findings = || keyspace.inputs.iter().map(|input| &input.findings);
        Unsized {
            keys: total.unsized_keys,
            of_keys: total.keys,
            file_bytes: findings().fold(0, |sum, of| sum.saturating_add(of.unsized_file_bytes)),
            of_file_bytes: findings().fold(0, |sum, of| sum.saturating_add(of.file_bytes)),
        }
    }

    /// Whether it is more than a hundredth: of the keys, or of the files. Few keys may be most of the
    /// bytes.
    fn is_too_much(&self) -> bool {
        let is_more = |part: u64, of: u64| u128::from(part) * 100 > u128::from(of);
        is_more(self.keys, self.of_keys) || is_more(self.file_bytes, self.of_file_bytes)
    }

    fn words(&self) -> String {
        let keys = format!(
            "{} of {} {} no size",
            count_text(self.keys),
            counted_text(self.of_keys, "key"),
            if self.keys == 1 { "has" } else { "have" }
        );
        match self.of_file_bytes {
            0 => keys,
            of => format!(
                "{keys} ({:.1} % of the bytes in the file)",
                100.0 * self.file_bytes as f64 / of as f64
            ),
        }
    }
}

/// Refuses a plan by bytes of dumps in which too many keys have no size; tells of fewer.
///
/// # Errors
/// [`ErrorKind::Usage`].
pub(super) fn require_sizes(
    by: Option<&Objective>,
    keyspace: &Outcome,
    weights: &SlotWeights,
) -> Result<()> {
    let missing = Unsized::of(keyspace);
    if missing.keys == 0 || !keyspace.tally.knows_bytes() {
        return Ok(());
    }
    if !missing.is_too_much() {
        terminal::say(format!(
            "warning: {}: bytes in the plan are without them, and are at least what it says",
            missing.words()
        ));
        return Ok(());
    }
    let is_by_bytes = by.is_none_or(|by| by.mix().any(|(metric, _)| metric == Metric::Bytes));
    // Live nodes may have counted them.
    if !is_by_bytes || weights.knows(Metric::Bytes) {
        return Ok(());
    }
    let message = format!(
        "--keyspace: {}: a plan by bytes would take them for nothing",
        missing.words()
    );
    let is_of_files = |input: &InputSummary| input.format.is_snapshot();
    let fix = if keyspace.inputs.iter().all(is_of_files) {
        "plan with --by keys, or by the bytes that keys take in the file with --size serialized \
             (of tallies: save them with it)"
    } else {
        "plan with --by keys, or pass dumps in which every key has a size"
    };
    Err(Error::new(ErrorKind::Usage, message).fix(fix))
}

/// Refuses tallies that were saved with some slots only: the others would weigh nothing.
///
/// # Errors
/// When slots weren't counted.
pub(super) fn require_whole(keyspace: &Tally) -> Result<()> {
    let counted = match keyspace.coverage() {
        Coverage::All => SLOT_COUNT,
        Coverage::Chosen(slots) | Coverage::Mixed(slots) => slots.len(),
    };
    if counted < SLOT_COUNT {
        let message = format!(
            "--keyspace: {} of {} slots were counted, the others would weigh nothing",
            count_text(counted as u64),
            count_text(SLOT_COUNT as u64)
        );
        let fix = "pass dumps of all nodes, or tallies that were saved of them without --slots and --node";
        return Err(Error::new(ErrorKind::Usage, message).fix(fix));
    }
    Ok(())
}

/// Says so when a dump has so many keys more or less than the cluster that it may be another's, or old.
pub(super) fn warn_if_foreign(weights: &SlotWeights, live_keys: u64) {
    let dumped = Slot::all()
        .filter_map(|slot| weights.get(Metric::Keys, slot))
        .fold(0_u64, u64::saturating_add);
    let difference = dumped.abs_diff(live_keys);
    // A tenth: what a busy keyspace may change between a dump and a plan.
    if difference > dumped.max(live_keys) / 10 {
        terminal::say(format!(
            "warning: the dump has {} keys, the cluster {}: is it of this cluster, and new?",
            count_text(dumped),
            count_text(live_keys)
        ));
    }
}
