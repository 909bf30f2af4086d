//! The flags that say how slots are moved: how fast, within which limits.

use super::connection::ConnectionArgs;
use super::journal_args::JournalArgs;
use super::size::size;
use super::stderr_observer::StderrObserver;
use crate::error::Result;
use crate::execute::job::{self, OpenSlotPolicy, PendingMoves, Session};
use crate::execute::options::{Limits, MoveOptions, OnConflict};
use crate::execute::survey::Survey;
use std::sync::Arc;

/// What [`MoveOptions::DEFAULT`] has, as people write it (a test holds them together).
pub(super) const BIG_KEY_LIMIT: &str = "32mb";
const REPLICA_LAG: &str = "256mb";
const MAX_MEMORY_PERCENT: u32 = match MoveOptions::DEFAULT.limits.max_memory_percent {
    Some(percent) => percent,
    None => 100,
};

/// How slots are moved, for the commands that move them.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Moving")]
pub(super) struct MoveArgs {
    /// Don't ask before slots are moved.
    #[arg(long)]
    pub(super) yes: bool,
    /// Be done sooner, at the cost of clients, who wait longer: more slots at once and more keys in
    /// one MIGRATE, as far as these aren't given.
    #[arg(long)]
    fast: bool,
    /// Slots with keys that may be open at once, over all nodes; those without keys are opened and
    /// closed together beside them [default: 4, with --fast 32].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    slots_at_once: Option<u32>,
    /// Pairs of source and target that one node takes part in at once.
    #[arg(long, value_name = "N", default_value_t = MoveOptions::DEFAULT.pairs_per_node as u32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    parallel: u32,
    /// Keys in one MIGRATE, which blocks both servers while it runs [default: 80, with --fast 200].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    keys_per_migrate: Option<u32>,
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
    #[arg(long, value_name = "PERCENT", default_value_t = MAX_MEMORY_PERCENT, value_parser = clap::value_parser!(u32).range(1..=100))]
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
    /// Longest silence between the two servers of a MIGRATE, in milliseconds: the source serves
    /// nobody for as long where its target stands still, and a value that takes longer can't move
    /// [default: an eighth of cluster-node-timeout, two seconds at most, and twice as much for one
    /// key alone].
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    migrate_timeout_ms: Option<u64>,
    /// Keys that take more than this in memory are big: both servers stand still while one moves.
    #[arg(long, value_name = "SIZE", default_value = BIG_KEY_LIMIT, value_parser = size)]
    big_key_limit: u64,
    /// Move slots with a big key too, as the last ones; else they stay where they are.
    #[arg(long)]
    move_big_keys: bool,
    /// Load the function libraries that a target lacks and its sources have, before its slots move;
    /// one of the same name stays as it is.
    #[arg(long)]
    copy_functions: bool,
    /// How progress is told: auto (bars on a terminal, else a line now and then), or json (a
    /// document a line on stderr, every second; other words there don't begin with `{`).
    #[arg(long, value_name = "FORM", value_enum, default_value_t = ProgressForm::Auto, hide_possible_values = true)]
    pub(super) progress: ProgressForm,
    #[command(flatten)]
    pub(super) journal_args: JournalArgs,
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

impl MoveArgs {
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

    /// Connects to the cluster.
    ///
    /// # Errors
    /// As [`Session::open_patiently`].
    pub(super) fn open(&self, connection: &ConnectionArgs) -> Result<Session> {
        let connection = connection.connection()?;
        Session::open_patiently(
            connection,
            self.options(),
            self.journal_args.wait,
            Arc::new(StderrObserver),
        )
    }

    /// Waits for what passes by itself, before slots are moved. What stays is refused later, by who
    /// knows what is to move.
    ///
    /// # Errors
    /// As [`Session::wait_until_settled`].
    pub(super) fn settle(&self, session: &mut Session, policy: OpenSlotPolicy) -> Result<()> {
        let journal = self.journal_args.journal.as_deref();
        let nothing = |_: &Survey| PendingMoves::default();
        let diagnosis =
            session.wait_until_settled(self.journal_args.wait, journal, policy, nothing);
        diagnosis
            .map(drop)
            .map_err(|error| session.part_way(journal, error))
    }

    /// The survey of a cluster in a state from which a plan can be made, once what passes by itself
    /// has passed. Whether the plan could be applied with this login is another question.
    ///
    /// # Errors
    /// As [`Session::wait_until_settled`], and [`ErrorKind::Unsafe`](crate::ErrorKind::Unsafe).
    pub(super) fn settled_state(&self, session: &mut Session) -> Result<Survey> {
        let journal = self.journal_args.journal.as_deref();
        let nothing = |_: &Survey| PendingMoves::default();
        let diagnosis = session.wait_until_settled(
            self.journal_args.wait,
            journal,
            OpenSlotPolicy::Plans,
            nothing,
        )?;
        let findings = diagnosis.findings.into_iter();
        let about_state = findings.filter(|finding| finding.kind.is_about_state());
        job::refuse_if_forbidden(&StderrObserver, &about_state.collect::<Vec<_>>())?;
        Ok(diagnosis.survey)
    }

    /// What they mean for the executor.
    fn options(&self) -> MoveOptions {
        let usual = if self.fast {
            MoveOptions::FAST
        } else {
            MoveOptions::DEFAULT
        };
        MoveOptions {
            timeout_ms: self.migrate_timeout_ms,
            keys_per_migrate: self.keys_per_migrate.unwrap_or(usual.keys_per_migrate),
            slots_at_once: self
                .slots_at_once
                .map_or(usual.slots_at_once, |slots| slots as usize),
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
            copies_functions: self.copy_functions,
            big_key_bytes: self.big_key_limit,
            moves_big_keys: self.move_big_keys,
            ..usual
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        move_args: MoveArgs,
    }

    #[test]
    fn no_flags_are_the_defaults() {
        let Words { move_args } = Words::parse_from(["words"]);
        assert_eq!(move_args.options(), MoveOptions::DEFAULT);
    }
}
