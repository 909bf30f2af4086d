//! Which topology a plan was made from.
//!
//! The fingerprint is SHA-256 over one line for each primary, by id:
//! `<id> <config epoch> <slots as runs>\n`. It says nothing of replicas,
//! flags, pings, addresses or links, so gossip doesn't change it; a failover,
//! a moved slot or a new primary does.

use crate::cluster::{ClusterView, Node, NodeId};
use crate::slot::{SlotRange, SlotSet};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// SHA-256 of who the primaries are, their epochs and what they own.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of what a node sees.
    pub fn of(view: &ClusterView) -> Fingerprint {
        Topology::of(view).fingerprint()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Fingerprint, String> {
        let digits: Option<Vec<u8>> = text
            .bytes()
            .map(|digit| (digit as char).to_digit(16).map(|value| value as u8))
            .collect();
        let pairs = digits
            .filter(|digits| digits.len() == 64)
            .ok_or_else(|| "expected a fingerprint of 64 hexadecimal digits".to_owned())?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(pairs.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Fingerprint(bytes))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What one primary was when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The id of the primary.
    pub id: NodeId,
    /// The primary's config epoch.
    pub config_epoch: u64,
    /// The slots that it owned when the plan was made.
    pub slots: SlotSet,
}

/// Who owned what, by id: what the fingerprint is taken of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    holdings: Vec<Holding>,
}

impl Topology {
    /// What a view says.
    pub fn of(view: &ClusterView) -> Topology {
        // `primaries` comes by id already, which is what makes the fingerprint stable.
        let holdings = met_primaries(view).map(|node| Holding {
            id: node.id,
            config_epoch: node.config_epoch,
            slots: node.slots.clone(),
        });
        Topology::new(holdings.collect())
    }

    pub(super) fn new(mut holdings: Vec<Holding>) -> Topology {
        holdings.sort_by_key(|holding| holding.id);
        Topology { holdings }
    }

    /// The primaries, by id.
    pub fn holdings(&self) -> &[Holding] {
        &self.holdings
    }

    /// SHA-256 over every primary's id, config epoch and slots.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut digest = Sha256::new();
        for holding in &self.holdings {
            let Holding {
                id,
                config_epoch,
                slots,
            } = holding;
            digest.update(format!("{id} {config_epoch} {slots}\n"));
        }
        Fingerprint(digest.finalize().into())
    }

    /// Who owned each slot, by slot number.
    pub fn owners(&self) -> Vec<Option<NodeId>> {
        let mut owners = vec![None; crate::slot::SLOT_COUNT];
        for holding in &self.holdings {
            for slot in holding.slots.iter() {
                owners[slot.index()] = Some(holding.id);
            }
        }
        owners
    }
}

/// The primaries by id, but for those in handshake: their ids are made up and change by themselves.
pub(super) fn met_primaries(view: &ClusterView) -> impl Iterator<Item = &Node> {
    view.primaries().filter(|node| !node.flags.handshake)
}

/// A holding in a plan file: `{"id":…,"config_epoch":1,"slots":"0-5460 7000"}`.
#[derive(Serialize, Deserialize)]
struct HoldingJson {
    id: NodeId,
    config_epoch: u64,
    slots: String,
}

impl Serialize for Holding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        HoldingJson {
            id: self.id,
            config_epoch: self.config_epoch,
            slots: self.slots.to_string(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Holding {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Holding, D::Error> {
        let json = HoldingJson::deserialize(deserializer)?;
        let mut slots = SlotSet::new();
        for run in json.slots.split_ascii_whitespace() {
            let run: SlotRange = run.parse().map_err(serde::de::Error::custom)?;
            slots.extend(run.slots());
        }
        Ok(Holding {
            id: json.id,
            config_epoch: json.config_epoch,
            slots,
        })
    }
}
