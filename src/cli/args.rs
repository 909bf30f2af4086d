//! What was typed. Nothing here acts; each command turns its `Args` into what they mean.

use clap::{ArgAction, CommandFactory, Parser, Subcommand};

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
    /// Report where the keys and bytes of dumps sit, which slots are hot, and why.
    #[command(disable_help_flag = true)]
    Analyze(Box<super::analyze::Args>),
    /// Plan which slots should move; with --apply, move them.
    #[cfg(feature = "live")]
    #[command(disable_help_flag = true)]
    PlanRebalance(Box<super::plan_rebalance::Args>),
    /// Carry out a plan that was written to a file.
    #[cfg(feature = "live")]
    #[command(disable_help_flag = true)]
    Apply(super::apply::Args),
    /// Find everything that would make moving slots unsafe.
    #[cfg(feature = "live")]
    #[command(disable_help_flag = true)]
    Check(super::check::Args),
    /// Show all of it on a throw-away cluster of real servers on this machine.
    #[cfg(feature = "live")]
    Demo(super::demo::Args),
}

impl Command {
    /// The command's name when its `-h` came without a host: then help is wanted, as in redis-cli.
    pub(super) fn asked_for_help(&self) -> Option<&'static str> {
        #[cfg(feature = "live")]
        let asked = match self {
            Command::Analyze(args) if args.connection.wants_help() => Some("analyze"),
            Command::PlanRebalance(args) if args.connection.wants_help() => Some("plan-rebalance"),
            Command::Apply(args) if args.connection.wants_help() => Some("apply"),
            Command::Check(args) if args.connection.wants_help() => Some("check"),
            _ => None,
        };
        #[cfg(not(feature = "live"))]
        let asked = None;
        asked
    }
}

/// Prints the help of a command on stdout.
pub(super) fn print_help(command: &str) -> std::io::Result<()> {
    let mut all = Args::command();
    all.build();
    match all.find_subcommand_mut(command) {
        Some(command) => command.print_long_help(),
        None => all.print_long_help(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }
}
