//! A plan as a POSIX shell script that a person can read and run.
//!
//! The order for a slot is that of the executor: IMPORTING on the target,
//! MIGRATING on the source, the keys, NODE on the target, then on the source,
//! then on the other primaries; before NODE, the target has heard of the
//! source's epoch. Keys go one at a time through a pipe, since the shell can't
//! hold every key in a variable: `slotkit apply` does the same much faster.
//! No password is in it; MIGRATE is given what the environment says.

use crate::cluster::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Migration, Plan};
use std::fmt::Write as _;

/// What every script starts with: how one node is asked, and how a slot's keys move.
const FUNCTIONS: &str = include_str!("plan_script.sh");

/// The script.
///
/// # Errors
/// [`ErrorKind::Usage`] when a node doesn't exist or its address isn't known.
pub fn script(plan: &Plan) -> Result<String> {
    if !plan.can_be_applied() {
        let message = "the plan has nodes that don't exist: there is nothing to run";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let mut text = String::from("#!/bin/sh\n");
    let cost = plan.cost();
    // Writing to a String can't fail.
    let _ = writeln!(text, "# Moves {} slots, made by slotkit.", cost.slots);
    let _ = writeln!(text, "# For the topology with the fingerprint");
    let _ = writeln!(text, "# {}; on any other, don't run it.", plan.made_from());
    text.push_str(FUNCTIONS);
    let _ = writeln!(text, "\nprimaries={}", quoted(&primaries(plan)));
    for (index, migration) in plan.migrations().iter().enumerate() {
        text.push_str(&slot(plan, index, migration)?);
    }
    Ok(text)
}

/// One `host port` a line; a host with blanks or line breaks in it can't be told.
fn primaries(plan: &Plan) -> String {
    let addrs = plan.before().iter().filter_map(|node| node.addr.as_ref());
    let plain = addrs.filter(|addr| !addr.host.contains(char::is_whitespace));
    let lines: Vec<String> = plain
        .map(|addr| format!("{} {}", addr.host, addr.port))
        .collect();
    lines.join("\n")
}

fn slot(plan: &Plan, index: usize, migration: &Migration) -> Result<String> {
    let Migration {
        slot,
        source,
        target,
        ..
    } = *migration;
    let from = place(plan, source)?;
    let to = place(plan, target)?;
    let mut text = format!(
        "\n# {} of {}: slot {slot}",
        index + 1,
        plan.migrations().len()
    );
    if let Some(keys) = migration.keys {
        let _ = write!(text, ", {keys} keys");
    }
    if let Some(bytes) = migration.bytes {
        let _ = write!(text, ", {bytes} bytes");
    }
    let _ = writeln!(text);
    let _ = writeln!(text, "if importing {to} {slot} {source}; then");
    let _ = writeln!(
        text,
        "  ok {from} CLUSTER SETSLOT {slot} MIGRATING {target}"
    );
    let _ = writeln!(text, "  move_keys {slot} {from} {to}");
    let _ = writeln!(text, "  wait_for_epoch {from} {to}");
    let _ = writeln!(text, "  ok {to} CLUSTER SETSLOT {slot} NODE {target}");
    let _ = writeln!(text, "fi");
    let _ = writeln!(text, "tell {from} {slot} {target}");
    let _ = writeln!(text, "tell_others {slot} {target}");
    Ok(text)
}

/// The words `host port` of a node.
fn place(plan: &Plan, id: NodeId) -> Result<String> {
    let addr: Option<&NodeAddr> = plan.node(id).and_then(|node| node.addr.as_ref());
    let addr = addr.ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            format!("the address of node {id} isn't known"),
        )
    })?;
    Ok(format!("{} {}", quoted(&addr.host), addr.port))
}

/// One word of the shell: a plan file may hold any host.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    match !word.is_empty() && word.bytes().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_host_is_one_word() {
        assert_eq!(quoted("redis-0.example"), "redis-0.example");
        assert_eq!(quoted("::1"), "::1");
        assert_eq!(quoted("$(rm x)"), "'$(rm x)'");
        assert_eq!(quoted("a'b"), r"'a'\''b'");
        assert_eq!(quoted(""), "''");
    }
}
