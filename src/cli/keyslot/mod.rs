//! `slotkit keyslot`: which slot is this key in?

mod find;
mod printer;
mod stdin;

use super::exit::Exit;
use super::nodes_file;
use super::terminal;
use crate::cluster::ClusterView;
use crate::error::{Error, Result};
use crate::slot::Slot;
use printer::{Form, Printer};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The arguments of `keyslot`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keys; `-` reads them from stdin, one a line. One key prints its slot alone, more print
    /// `slot<TAB>key` a line.
    #[arg(value_name = "KEY", required_unless_present_any = ["for_slot", "null"])]
    keys: Vec<OsString>,
    /// Keys on stdin end with a NUL byte, not with a newline; so does each line that is printed, `slot<TAB>key`.
    #[arg(short = '0', long)]
    null: bool,
    /// A carriage return at the end of a line on stdin belongs to the key.
    #[arg(long, conflicts_with = "null")]
    keep_cr: bool,
    /// Show the hash tag, the checksum and, with --nodes, the owner of each key.
    #[arg(long)]
    explain: bool,
    /// A saved CLUSTER NODES, to name the owner.
    #[arg(long, value_name = "FILE", requires = "explain")]
    nodes: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Print a key that lands in this slot.
    #[arg(long, value_name = "SLOT", conflicts_with_all = ["keys", "null", "keep_cr"])]
    #[arg(value_parser = clap::value_parser!(u16).range(0..16384))]
    for_slot: Option<u16>,
    /// What the key for --for-slot begins with.
    #[arg(
        long,
        value_name = "TEXT",
        requires = "for_slot",
        conflicts_with = "keys"
    )]
    prefix: Option<OsString>,
    /// Print help.
    #[arg(short = 'h', long, action = clap::ArgAction::Help, help_heading = "Options")]
    help: Option<bool>,
}

/// Prints the slots of keys, or a key for a slot.
pub(super) fn run(args: &Args) -> Result<Exit> {
    let view = args.nodes.as_deref().map(nodes_file::read).transpose()?;
    let found;
    let mut keys: Vec<&[u8]> = args.keys.iter().map(|key| key.as_bytes()).collect();
    if let Some(slot) = args.for_slot.and_then(Slot::new) {
        let prefix = args.prefix.as_deref().unwrap_or_default();
        found = find::key_for(slot, prefix.as_bytes())?;
        keys = vec![&found];
    } else if keys.is_empty() {
        // -0 alone can mean nothing but stdin.
        keys = vec![b"-"];
    }
    let form = form(args, &keys, view.as_ref());
    let mut failed = None;
    let print = |out: &mut dyn std::io::Write| {
        let end = if args.null { 0 } else { b'\n' };
        let mut printer = Printer::new(form, out, end)?;
        for key in keys {
            if key == b"-" && args.for_slot.is_none() {
                if let Err(error) = stdin::each_key(&mut printer, args.null, args.keep_cr)? {
                    failed = Some(error);
                    return printer.flush();
                }
            } else {
                printer.key(key, Slot::for_key(key))?;
            }
        }
        printer.end()
    };
    // What people read steers no terminal; JSON, and lines for programs, are exact.
    let is_for_people = args.explain || terminal::is_read();
    let printed = if is_for_people && !args.json {
        terminal::print_words(print)
    } else {
        terminal::print(print)
    };
    failed.map_or(printed.map(|()| Exit::Done), Err::<Exit, Error>)
}

fn form<'view>(args: &Args, keys: &[&[u8]], view: Option<&'view ClusterView>) -> Form<'view> {
    match (args.json, args.explain) {
        (true, explain) => Form::Json { explain, view },
        (false, true) => Form::Explained { view },
        (false, false) if args.for_slot.is_some() => Form::KeyAlone,
        (false, false) if keys.len() == 1 && keys[0] != b"-" => Form::SlotAlone,
        (false, false) => Form::Lines,
    }
}
