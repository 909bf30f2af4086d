//! The report of `keyslot`: one key and its slot.

use crate::cluster::{ClusterView, Node};
use crate::escape::{is_exact, key_line, key_text};
use crate::slot::{Slot, checksum, hash_tag};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};

/// What is known of a key; the JSON form has these names.
#[derive(Debug, Serialize)]
pub struct KeySlot<'key> {
    /// The key as text; bytes that aren't UTF-8 are escaped.
    pub key: Cow<'key, str>,
    /// The key's bytes, when the text isn't exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_base64: Option<String>,
    /// The slot of the key, 0 to 16383.
    pub slot: u16,
    /// What between its braces decides the slot.
    pub hash_tag: Option<Cow<'key, str>>,
    /// More, when it was asked for.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub explained: Option<Explained>,
}

/// How the slot came about, and who has it.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// The checksum of the hash tag, or of the key without one.
    pub crc16: u16,
    /// Who owns the slot, when a slot map is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

/// Who owns a slot.
#[derive(Debug, Serialize)]
pub struct Owner {
    /// The node; none when nobody owns it.
    pub id: Option<String>,
    /// Its address, when it is known.
    pub addr: Option<String>,
}

/// A key's bytes in base64, when [`key_text`] isn't exact.
pub fn base64_if_needed(key: &[u8]) -> Option<String> {
    (!is_exact(key)).then(|| BASE64_STANDARD.encode(key))
}

impl KeySlot<'_> {
    /// A key and its slot.
    pub fn new(key: &[u8], slot: Slot) -> KeySlot<'_> {
        KeySlot {
            key: key_text(key),
            key_base64: base64_if_needed(key),
            slot: slot.number(),
            hash_tag: hash_tag(key).map(key_text),
            explained: None,
        }
    }

    /// The same with the checksum, and the owner where a map is given.
    pub fn explained<'key>(
        key: &'key [u8],
        slot: Slot,
        view: Option<&ClusterView>,
    ) -> KeySlot<'key> {
        let explained = Explained {
            crc16: checksum(hash_tag(key).unwrap_or(key)),
            owner: view.map(|view| owner(view, slot)),
        };
        KeySlot {
            explained: Some(explained),
            ..KeySlot::new(key, slot)
        }
    }
}

fn owner(view: &ClusterView, slot: Slot) -> Owner {
    let id = view.map().owner(slot);
    let addr = id.and_then(|id| view.node(id)).map(Node::name);
    Owner {
        id: id.map(|id| id.to_string()),
        addr,
    }
}

/// Explains a key's slot in a few lines.
///
/// # Errors
/// When writing fails.
pub fn explain(
    out: &mut dyn Write,
    key: &[u8],
    slot: Slot,
    view: Option<&ClusterView>,
) -> io::Result<()> {
    let known = KeySlot::explained(key, slot, view);
    writeln!(out, "key       {}", key_line(key))?;
    match hash_tag(key) {
        Some(tag) => writeln!(out, "hash tag  {}", key_line(tag))?,
        None => writeln!(out, "hash tag  none: the whole key counts")?,
    }
    if let Some(explained) = &known.explained {
        writeln!(out, "crc16     0x{:04X}", explained.crc16)?;
        writeln!(
            out,
            "slot      {} (0x{:04X} mod 16384)",
            known.slot, explained.crc16
        )?;
        if let Some(owner) = &explained.owner {
            match (&owner.id, &owner.addr) {
                (Some(id), Some(addr)) => writeln!(out, "owner     {id} ({addr})")?,
                (Some(id), None) => writeln!(out, "owner     {id}")?,
                (None, _) => writeln!(out, "owner     nobody: the slot is not assigned")?,
            }
        }
    }
    Ok(())
}
