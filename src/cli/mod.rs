//! Floor 8: the command line. One file a command; `Args` is what was typed.

mod args;
mod exit;
mod keyslot;
mod terminal;

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
    let ended = match args.command {
        Command::Keyslot(args) => keyslot::run(&args),
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
