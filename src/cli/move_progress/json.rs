//! Progress for machines: a JSON document a line.

use super::counts::{Count, MoveCounts};
use crate::cluster::NodeId;
use crate::execute::executor::HealthReading;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// What happened (`begin`, `progress` or `end`), and how far the run is.
pub(super) fn document(
    event: &str,
    counts: &MoveCounts,
    names: &BTreeMap<NodeId, String>,
    seen: &BTreeMap<NodeId, HealthReading>,
    elapsed: Duration,
) -> Value {
    let mut document = count(&counts.total, elapsed);
    document["schema"] = json!(1);
    document["event"] = json!(event);
    document["seconds"] = json!(elapsed.as_secs_f64());
    let name = |id: &NodeId| names.get(id).cloned();
    let pairs = counts.pairs.iter().map(|((source, target), of_pair)| {
        let mut pair = count(of_pair, elapsed);
        pair["source"] = json!(source);
        pair["source_addr"] = json!(name(source));
        pair["target"] = json!(target);
        pair["target_addr"] = json!(name(target));
        pair
    });
    document["pairs"] = pairs.collect();
    // A replica has no figures of this kind.
    let primaries = seen
        .values()
        .filter(|reading| reading.is_detached.is_none());
    let nodes = primaries.map(|reading| {
        json!({
            "id": reading.node,
            "addr": name(&reading.node),
            "latency_ms": reading.latency_ms,
            "used_bytes": reading.used_bytes,
            "max_bytes": reading.max_bytes,
            "replica_lag_bytes": reading.replica_lag_bytes,
        })
    });
    document["nodes"] = nodes.collect();
    document
}

fn count(count: &Count, elapsed: Duration) -> Value {
    let (bytes, rate) = count.bytes_and_rate(elapsed).unzip();
    json!({
        "slots": count.slots,
        "slots_total": count.slots_total,
        "keys": count.keys,
        "keys_total": count.keys_total,
        "keys_per_second": count.keys_per_second(elapsed),
        "bytes": bytes,
        "bytes_per_second": rate,
        "seconds_left": count.left(elapsed).map(|left| left.as_secs_f64()),
    })
}
