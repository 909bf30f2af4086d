//! `slotkit keyslot`: which slot is this key in?

use super::exit::Exit;
use super::terminal;
use crate::error::Result;
use crate::slot::Slot;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// The arguments of `keyslot`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keys.
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<OsString>,
}

/// Prints the slot of one key, or `slot<TAB>key` a line.
pub(super) fn run(args: &Args) -> Result<Exit> {
    terminal::print(|out| {
        for key in &args.keys {
            writeln!(out, "{}", Slot::for_key(key.as_bytes()))?;
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}
