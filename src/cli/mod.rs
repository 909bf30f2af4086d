//! Floor 8: the command line. One file a command; `Args` is what was typed.

#[cfg(feature = "live")]
mod apply;
mod args;
#[cfg(feature = "live")]
mod check;
#[cfg(feature = "live")]
mod confirm;
#[cfg(feature = "live")]
mod connection;
mod exit;
#[cfg(feature = "live")]
mod interrupt;
#[cfg(feature = "live")]
mod journal_path;
mod keyslot;
#[cfg(feature = "live")]
mod live;
#[cfg(feature = "live")]
mod move_progress;
mod nodes_file;
#[cfg(feature = "live")]
mod pace;
mod plan_args;
#[cfg(feature = "live")]
mod plan_rebalance;
mod terminal;
#[cfg(feature = "live")]
mod weights;

pub use exit::Exit;

use args::{Args, Command};
use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs slotkit with these arguments (the first is the program's name).
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    if let Some(command) = args.command.asked_for_help() {
        // Help that nobody reads any more is no failure.
        let _ = args::print_help(command);
        return Exit::Done.into();
    }
    let ended = match args.command {
        Command::Keyslot(args) => keyslot::run(&args),
        #[cfg(feature = "live")]
        Command::PlanRebalance(args) => plan_rebalance::run(&args),
        #[cfg(feature = "live")]
        Command::Apply(args) => apply::run(&args),
        #[cfg(feature = "live")]
        Command::Check(args) => check::run(&args),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(error) if terminal::is_broken_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            terminal::say(error.one_line());
            Exit::of(&error).into()
        }
    }
}

/// Prints help and version on stdout, usage errors on stderr.
fn refuse(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell when even this can't be printed.
    let _ = error.print();
    if error.use_stderr() {
        Exit::Unusable.into()
    } else {
        Exit::Done.into()
    }
}
