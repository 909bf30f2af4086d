//! Stops a run that overloads its nodes, or finds them overloaded for longer than the user allows,
//! where it is.

use super::Core;
use super::flight_state::FlightState;
use super::health::{HealthReading, Overload};
use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind};

impl Core {
    /// Somebody beside the nodes has seen this of one of them.
    pub fn observe(&mut self, reading: &HealthReading, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        if let Some(overload) = self.throttle.observe(reading, self.now_ms) {
            let error = self.overload_error(overload, reading);
            self.stop_for_overload(error);
        }
    }

    /// Even one key at a time holds this node up for too long.
    pub(super) fn too_slow(&mut self, node: NodeId) {
        let message = format!(
            "{} is held up for longer than {} ms even by one key at a time",
            self.options.name(node),
            self.options.how.limits.max_latency_ms.unwrap_or_default()
        );
        let error = Error::new(ErrorKind::Unsafe, message);
        self.stop_for_overload(
            error.fix("wait until it is less loaded, or allow more (--max-latency-ms)"),
        );
    }

    fn stop_for_overload(&mut self, error: Error) {
        self.is_overloaded = true;
        self.break_off(error);
    }

    /// Once overloaded, or where a target loses what it takes, a slot that wants to send keys stops
    /// where it is, and is closed again if none of it has moved; others may arrive.
    pub(super) fn leave_senders(&mut self) {
        let Some(why) = &self.surprise else {
            return;
        };
        for flight in self.flights.values_mut() {
            let is_over = self.is_overloaded || self.trusts.is_given_up(flight.pair());
            let sends = matches!(flight.state(), FlightState::Asks { .. }) && flight.sends_keys();
            if is_over && sends {
                let is_tried = flight.machine.give_up(why);
                flight.turn(if is_tried {
                    FlightState::Ready
                } else {
                    FlightState::Stranded
                });
            }
        }
    }

    fn overload_error(&self, overload: Overload, reading: &HealthReading) -> Error {
        let (name, limits) = (self.options.name(reading.node), &self.options.how.limits);
        let (message, fix) = match overload {
            Overload::Latency => (
                format!(
                    "{name} keeps clients waiting for longer than {} ms ({} ms at last), without \
                     new keys too",
                    limits.max_latency_ms.unwrap_or_default(),
                    reading.latency_ms.unwrap_or_default()
                ),
                "wait until it is less loaded, or allow more (--max-latency-ms)",
            ),
            Overload::Memory => (
                format!(
                    "{name} uses {} of its {} bytes of memory, above {} %",
                    reading.used_bytes.unwrap_or_default(),
                    reading.max_bytes.unwrap_or_default(),
                    limits.max_memory_percent.unwrap_or_default()
                ),
                "raise maxmemory there, or allow more (--max-memory-percent)",
            ),
            Overload::ReplicaLag => (
                format!(
                    "a replica of {name} is {} bytes behind, above {}, and doesn't catch up",
                    reading.replica_lag_bytes.unwrap_or_default(),
                    limits.max_replica_lag_bytes.unwrap_or_default()
                ),
                "look at that replica, or allow more (--max-replica-lag)",
            ),
            Overload::ReplicaDetached => (
                format!("{name}, a replica, has lost its primary and doesn't follow it again"),
                "look at INFO replication there, or go on without it (--max-replica-lag 0)",
            ),
        };
        Error::new(ErrorKind::Unsafe, message).fix(fix)
    }
}
