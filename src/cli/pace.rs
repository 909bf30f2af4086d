//! The flags that say how slots are moved.

use super::live::Pace;
use super::size::size;
use std::path::PathBuf;

/// About a second's standstill of source and target: 137 MB took 4.5 s (Redis 7.0, loopback).
pub(super) const BIG_KEY_LIMIT: &str = "32mb";

/// How slots are moved, for the commands that move them.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Moving")]
pub(super) struct PaceArgs {
    /// Don't ask before slots are moved.
    #[arg(long)]
    pub(super) yes: bool,
    /// Slots that may be on their way at once; an empty slot costs the nodes least in company.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    slots_at_once: u32,
    /// Keys in one MIGRATE (and in one write of several), which blocks both servers while it runs.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    keys_per_migrate: u32,
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

impl PaceArgs {
    /// What they mean for the executor.
    pub(super) fn pace(&self) -> Pace {
        Pace {
            timeout_ms: self.migrate_timeout_ms,
            keys_per_migrate: self.keys_per_migrate,
            slots_at_once: self.slots_at_once as usize,
        }
    }
}
