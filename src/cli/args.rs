//! What was typed. Nothing here acts; each command turns its `Args` into what they mean.

use clap::{ArgAction, Parser, Subcommand};

/// Slots of Redis Cluster and Valkey Cluster: which slot is this key in, where do my keys,
/// bytes and load sit, and what should move, moved safely.
#[derive(Debug, Parser)]
#[command(name = "slotkit", version, disable_help_flag = true, after_help = super::exit::HELP)]
#[command(
    arg_required_else_help = true,
    help_expected = true,
    max_term_width = 100
)]
pub(super) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
    /// Print help.
    #[arg(short = 'h', long, global = false, action = ArgAction::Help)]
    help: Option<bool>,
}

/// The commands, a file each.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the slot of keys.
    Keyslot(super::keyslot::Args),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }
}
