//! The command line: the commands and their arguments. Nothing here acts; each command turns its `Args` into what they mean.

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

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
    /// Finish the slots that an interrupted run has left open.
    #[cfg(feature = "live")]
    #[command(disable_help_flag = true)]
    Resume(super::resume::Args),
    /// Show the keys that a stop has named, and choose between their copies.
    #[cfg(feature = "live")]
    #[command(disable_help_flag = true)]
    Resolve(super::resolve::Args),
    /// Plan the way back of what a plan or a journal has moved.
    #[cfg(feature = "live")]
    #[command(disable_help_flag = true)]
    Undo(super::undo::Args),
    /// Find everything that would make moving slots unsafe.
    #[cfg(feature = "live")]
    #[command(disable_help_flag = true)]
    Check(super::check::Args),
    /// Show all of it on a throw-away cluster of real servers on this machine.
    #[cfg(feature = "live")]
    Demo(super::demo::Args),
}

impl Args {
    /// What these words mean (the first is the program's name).
    pub(super) fn of(words: &[OsString]) -> Result<Args, clap::Error> {
        let matches = all().try_get_matches_from(words)?;
        Args::from_arg_matches(&matches)
    }
}

/// All commands. A negative number behind a flag is its value, so that what is said of it is what the
/// flag expects.
fn all() -> clap::Command {
    let with_numbers = |arg: clap::Arg| {
        if arg.get_action().takes_values() && !arg.is_positional() {
            arg.allow_negative_numbers(true)
        } else {
            arg
        }
    };
    Args::command().mut_subcommands(|command| command.mut_args(with_numbers))
}

/// The names of the commands.
pub(super) fn names() -> impl Iterator<Item = String> {
    let commands: Vec<String> = Args::command()
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    commands.into_iter()
}

/// The help that `-h` as the last word asks for, as in redis-cli; elsewhere `-h` takes a host.
pub(super) fn help_wanted(words: &[OsString]) -> Option<clap::Command> {
    let is_last = words.last().is_some_and(|word| word == "-h");
    // Behind -a stands a password, whatever it looks like.
    let is_password = words
        .iter()
        .nth_back(1)
        .is_some_and(|word| word == "-a" || word == "--pass");
    if !is_last || is_password || words.iter().any(|word| word == "--") {
        return None;
    }
    let mut all = Args::command();
    all.build();
    let command = words.get(1).and_then(|word| word.to_str())?;
    all.find_subcommand(command).cloned().or(Some(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        all().debug_assert();
    }
}
