//! A plan as a POSIX shell script that a person can read and run.
//!
//! The order for a slot is that of the executor: IMPORTING on the target,
//! MIGRATING on the source, the keys, NODE on the target, then on the source,
//! then on the other primaries; before NODE, the source has no key left, and
//! the target has heard of its epoch. Keys go one at a time through a file,
//! since the shell can't hold every key in a variable: `slotkit apply` does the
//! same much faster. No password is in it; MIGRATE is given what the
//! environment says.
//!
//! The text may be run as a file, pasted into a shell, cut off on its way, run
//! again, or run in the wrong cluster. So all of it is handed to one `sh`, which
//! begins with the last line; no `!` of it stands where a shell that is typed
//! into would take it for its history; and before the first command that
//! changes something every primary must have said that it is the one of the
//! plan, and where the slots are.

use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::quoted;
use crate::plan::{NodeState, Plan};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What every script starts with: how one node is asked, and how a slot's keys move.
const FUNCTIONS: &str = include_str!("plan_script.sh");

/// The script.
///
/// # Errors
/// [`ErrorKind::Usage`] when a node doesn't exist, or its address isn't known or is none that a
/// script can be trusted with.
pub fn script(plan: &Plan) -> Result<String> {
    if !plan.can_be_applied() {
        let message = "the plan has nodes that don't exist: there is nothing to run";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let mut text = String::from("#!/bin/sh\n");
    let cost = plan.cost();
    // Writing to a String can't fail.
    let _ = writeln!(text, "# Moves {} slots, made by slotkit.", cost.slots);
    let (before, after) = (plan.runs_before(), plan.runs_after());
    let _ = writeln!(
        text,
        "# Ranges of slots that clients read: {before} before, {after} after."
    );
    let _ = writeln!(text, "# For the topology with the fingerprint");
    let _ = writeln!(text, "# {}", plan.made_from());
    text.push_str("sh <<'SLOTKIT_SCRIPT'\n");
    text.push_str(FUNCTIONS);
    text.push_str("\n# Every primary: its id, its host, its port.\nnodes() {\n  cat <<'NODES'\n");
    text.push_str(&nodes(plan)?);
    text.push_str(
        "NODES\n}\n\n# What moves: the slot, its source, its target.\nmoves() {\n  cat <<'MOVES'\n",
    );
    for migration in plan.migrations() {
        let (slot, source, target) = (migration.slot, migration.source, migration.target);
        let _ = writeln!(text, "{slot} {source} {target}");
    }
    text.push_str("MOVES\n}\n\nmain\nSLOTKIT_SCRIPT\n");
    Ok(text)
}

/// One `id host port` a line, of every primary that is known and can be reached.
fn nodes(plan: &Plan) -> Result<String> {
    let migrations = plan.migrations().iter();
    let moving: BTreeSet<NodeId> = migrations
        .flat_map(|migration| [migration.source, migration.target])
        .collect();
    let mut lines = String::new();
    for node in plan.before() {
        match line(node) {
            Ok(line) => lines.push_str(&line),
            // Who neither gives nor receives hears of it by gossip.
            Err(_) if !moving.contains(&node.id) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(lines)
}

fn line(node: &NodeState) -> Result<String> {
    let id = node.id;
    let refuse = |message| Err(Error::new(ErrorKind::Usage, message));
    let Some(addr) = &node.addr else {
        return refuse(format!("the address of node {id} isn't known"));
    };
    if !is_plain(&addr.host) {
        let host = quoted(&addr.host);
        return refuse(format!(
            "the host `{host}` of node {id} is none that a script can have"
        ));
    }
    Ok(format!("{id} {} {}\n", addr.host, addr.port))
}

/// Whether a host is a word that no shell and no redis-cli takes for something else: a plan file, and
/// a node, may name any.
fn is_plain(host: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    !host.is_empty() && !host.starts_with('-') && host.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_are_hosts() {
        for host in ["redis-0.example", "::1", "fe80::1%eth0", "10.0.0.1"] {
            assert!(is_plain(host), "{host}");
        }
        for host in ["", "-h", "$(rm x)", "a'b", "a b", "a\nb", "\x1b[2J", "ключ"] {
            assert!(!is_plain(host), "{host}");
        }
    }

    #[test]
    fn a_shell_that_is_typed_into_takes_nothing_for_its_history() {
        for line in FUNCTIONS.lines() {
            let harmless = line.replace("!= ", "");
            assert!(!harmless.contains('!'), "{line}");
            // Nor is a quote of a comment the start of a string.
            assert!(
                !line.trim_start().starts_with('#') || !line.contains('\''),
                "{line}"
            );
        }
    }
}
