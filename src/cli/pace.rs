//! The flags that say how slots are moved.

use super::live::Pace;
use super::size::size;
use crate::execute::executor::{Limits, OnConflict};
use std::path::PathBuf;

/// About a second's standstill of source and target: 137 MB took 4.5 s (Redis 7.0, loopback).
pub(super) const BIG_KEY_LIMIT: &str = "32mb";

/// A primary drops a replica that is this far behind (`client-output-buffer-limit`, its default
/// for replicas).
const REPLICA_LAG: &str = "256mb";

/// How slots are moved, for the commands that move them.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Moving")]
pub(super) struct PaceArgs {
    /// Don't ask before slots are moved.
    #[arg(long)]
    pub(super) yes: bool,
    /// Slots that may be on their way between two nodes at once; one with less than 200 keys counts
    /// in part, so that sixteen empty ones count as one.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    slots_at_once: u32,
    /// Pairs of source and target that one node takes part in at once.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    parallel: u32,
    /// Keys in one MIGRATE (and in one write of several), which blocks both servers while it runs.
    #[arg(long, value_name = "N", default_value_t = 80, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    keys_per_migrate: u32,
    /// Bytes in one MIGRATE, as the source estimates them (MEMORY USAGE): a batch of large values
    /// is cut short; 0 measures nothing.
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = size)]
    bytes_per_migrate: u64,
    /// Keys a second over all nodes, at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_keys_per_second: Option<u64>,
    /// Bytes a second over all nodes, at most, as the sources estimate them; 0 is no limit.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_bytes_per_second: Option<u64>,
    /// The longest that a batch of keys may hold its source up, and that a client may wait for
    /// any node that gives or receives, in milliseconds: beyond it batches become smaller, with
    /// pauses, and when that doesn't help within ten seconds the run stops.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    max_latency_ms: Option<u64>,
    /// How much of its maxmemory a node may use, where it refuses writes beyond that: at the limit
    /// the run pauses, and stops after ten seconds.
    #[arg(long, value_name = "PERCENT", default_value_t = 95, value_parser = clap::value_parser!(u32).range(1..=100))]
    max_memory_percent: u32,
    /// How far a connected replica may be behind its primary, which has it acknowledge once a
    /// second: beyond it the run pauses, and stops after a minute; 0 is no limit.
    #[arg(long, value_name = "SIZE", default_value = REPLICA_LAG, value_parser = size)]
    max_replica_lag: u64,
    /// What becomes of a key that both nodes have with different values: stop (its slot stays
    /// open), keep-source (overwrites), or keep-target (the source's is deleted). A key that went
    /// from its source while a copy was on the target stops its slot but for keep-target.
    #[arg(long, value_name = "CHOICE", value_enum, default_value_t = Conflict::Stop, hide_possible_values = true)]
    on_conflict: Conflict,
    /// Longest silence between the two servers of a MIGRATE, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    migrate_timeout_ms: u64,
    /// Keys that take more than this in memory are big: both servers stand still while one moves.
    #[arg(long, value_name = "SIZE", default_value = BIG_KEY_LIMIT, value_parser = size)]
    pub(super) big_key_limit: u64,
    /// Move slots with a big key too, as the last ones; else they stay where they are.
    #[arg(long)]
    pub(super) move_big_keys: bool,
    /// How progress is told: auto (bars on a terminal, else a line now and then), or json (a
    /// document a line on stderr, every second; other words there don't begin with `{`).
    #[arg(long, value_name = "FORM", value_enum, default_value_t = ProgressForm::Auto, hide_possible_values = true)]
    pub(super) progress: ProgressForm,
    /// Where to note what is under way [default: a file of this cluster's in ~/.local/state/slotkit].
    #[arg(long, value_name = "FILE")]
    pub(super) journal: Option<PathBuf>,
}

/// How progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ProgressForm {
    /// For a person.
    Auto,
    /// For a program.
    Json,
}

/// What becomes of a key that is on both nodes with different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Conflict {
    /// Its slot stays open.
    Stop,
    /// The source's overwrites.
    KeepSource,
    /// The source's is deleted.
    KeepTarget,
}

impl PaceArgs {
    /// A limit on bytes needs them measured; then a batch is a tenth of a second's worth.
    fn bytes_per_migrate(&self) -> Option<u64> {
        match (self.bytes_per_migrate, self.bytes_per_second()) {
            (0, None) => None,
            (0, Some(limit)) => Some((limit / 10).max(1)),
            (bytes, _) => Some(bytes),
        }
    }

    fn bytes_per_second(&self) -> Option<u64> {
        self.max_bytes_per_second.filter(|bytes| *bytes > 0)
    }

    /// What they mean for the executor.
    pub(super) fn pace(&self) -> Pace {
        Pace {
            timeout_ms: self.migrate_timeout_ms,
            keys_per_migrate: self.keys_per_migrate,
            slots_at_once: self.slots_at_once as usize,
            pairs_per_node: self.parallel as usize,
            bytes_per_migrate: self.bytes_per_migrate(),
            limits: Limits {
                keys_per_second: self.max_keys_per_second,
                bytes_per_second: self.bytes_per_second(),
                max_latency_ms: self.max_latency_ms,
                max_memory_percent: Some(self.max_memory_percent),
                max_replica_lag_bytes: Some(self.max_replica_lag).filter(|bytes| *bytes > 0),
            },
            on_conflict: match self.on_conflict {
                Conflict::Stop => OnConflict::Stop,
                Conflict::KeepSource => OnConflict::KeepSource,
                Conflict::KeepTarget => OnConflict::KeepTarget,
            },
        }
    }
}
