//! Floor 8: the command line. One file a command; `Args` is what was typed.

mod analyze;
#[cfg(feature = "live")]
mod apply;
mod args;
#[cfg(feature = "live")]
mod check;
#[cfg(feature = "live")]
mod confirm;
#[cfg(feature = "live")]
mod connection;
#[cfg(feature = "live")]
mod demo;
mod exit;
mod filter;
mod input_args;
mod input_notes;
mod inputs;
#[cfg(feature = "live")]
mod interrupt;
#[cfg(feature = "live")]
mod job_summary;
mod journal_args;
mod keyslot;
mod many_inputs;
mod memory_csv;
#[cfg(feature = "live")]
mod move_args;
#[cfg(feature = "live")]
mod move_progress;
mod nodes_file;
#[cfg(feature = "live")]
mod oversized_slots;
#[cfg(feature = "live")]
mod plan_args;
#[cfg(feature = "live")]
mod plan_output;
#[cfg(feature = "live")]
mod plan_rebalance;
mod progress;
#[cfg(feature = "live")]
mod resolve;
#[cfg(feature = "live")]
mod resume;
#[cfg(feature = "live")]
mod run_job;
mod size;
#[cfg(feature = "live")]
mod stderr_observer;
mod terminal;
#[cfg(feature = "live")]
mod undo;
#[cfg(feature = "live")]
mod unfinished_job;
mod usage_error;
#[cfg(feature = "live")]
mod weights;

pub use exit::Exit;

use crate::error::Result;
use args::{Args, Command};
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs slotkit with these arguments (the first is the program's name).
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = args.into_iter().collect();
    #[cfg(feature = "live")]
    connection::mask_passwords(&words);
    terminal::mask_panics();
    match act(&words) {
        Ok(exit) => exit.into(),
        Err(error) if terminal::is_broken_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            terminal::say(error.one_line());
            Exit::of(&error).into()
        }
    }
}

/// Parses the arguments and does what they say.
fn act(words: &[OsString]) -> Result<Exit> {
    if let Some(mut command) = args::help_wanted(words) {
        // Help that nobody reads any more is no failure.
        let _ = command.print_help();
        return Ok(Exit::Done);
    }
    // A kernel that was asked for and isn't there must not be replaced in silence.
    crate::slot::kernel()?;
    let args = match Args::of(words) {
        Ok(args) => args,
        Err(error) => return Ok(usage_error::refuse(&error, words)),
    };
    match args.command {
        Command::Keyslot(args) => keyslot::run(&args),
        Command::Analyze(args) => analyze::run(&args),
        #[cfg(feature = "live")]
        Command::PlanRebalance(args) => plan_rebalance::run(&args),
        #[cfg(feature = "live")]
        Command::Apply(args) => apply::run(&args),
        #[cfg(feature = "live")]
        Command::Resume(args) => resume::run(&args),
        #[cfg(feature = "live")]
        Command::Resolve(args) => resolve::run(&args),
        #[cfg(feature = "live")]
        Command::Undo(args) => undo::run(&args),
        #[cfg(feature = "live")]
        Command::Check(args) => check::run(&args),
        #[cfg(feature = "live")]
        Command::Demo(args) => demo::run(&args),
    }
}
