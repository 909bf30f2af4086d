//! Exit codes.

use crate::error::{Error, ErrorKind};

/// The exit codes of slotkit, the same for every command. Published in the
/// README and at the end of `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done; nothing left to say.
    Done = 0,
    /// A finding: a plan that would move slots and wasn't applied, a check that found something, RDB
    /// files that share slots or hold slots outside their node.
    Finding = 1,
    /// The call, a file or a server's answer can't be used: nothing was changed.
    Unusable = 2,
    /// The cluster isn't in a state in which slots can be moved safely, or a server refused before a
    /// key had moved: nothing was changed, and what was opened is closed again.
    Unsafe = 3,
    /// Stopped part-way: slots have moved or are open, also where an earlier run opened them and this
    /// one was refused. Running the same command again goes on.
    Stopped = 4,
}

/// The codes in words, for the end of `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0  done
  1  a finding: a plan that would move slots and was not applied, something that check found,
     or RDB files that share slots or hold slots outside their node
  2  wrong usage, or an input (a file, a server) that can't be used; nothing changed
  3  unsafe cluster state, or refused before a key had moved; nothing changed, no slot left open
  4  stopped part-way: slots moved or are open, also since an earlier run; running the same
     command again goes on";

impl Exit {
    /// The code that an error ends the program with.
    pub fn of(error: &Error) -> Exit {
        match error.kind() {
            ErrorKind::Unsafe | ErrorKind::StalePlan => Exit::Unsafe,
            ErrorKind::Stopped => Exit::Stopped,
            _ => Exit::Unusable,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> std::process::ExitCode {
        std::process::ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_code() {
        for exit in [
            Exit::Done,
            Exit::Finding,
            Exit::Unusable,
            Exit::Unsafe,
            Exit::Stopped,
        ] {
            assert!(HELP.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }
}
