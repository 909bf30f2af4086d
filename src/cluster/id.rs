//! The name that a node keeps for life.

use std::fmt;
use std::str::FromStr;

/// A node's id: 40 hexadecimal digits (160 bits), made once by the node itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 20]);

impl NodeId {
    /// How many hexadecimal digits an id has.
    pub const DIGITS: usize = 40;

    /// The first eight digits: what people tell nodes apart by.
    pub fn short(self) -> String {
        self.to_string()[..8].to_owned()
    }

    /// Who somebody is that names itself so. Words that are no id aren't repeated: it may have heard
    /// a password.
    pub(crate) fn named_by(said: &str) -> String {
        match said.parse::<NodeId>() {
            Ok(id) => format!("node {id}"),
            Err(_) => "something that is no node id".to_owned(),
        }
    }
}

impl FromStr for NodeId {
    type Err = String;

    /// Forty hexadecimal digits; the error says what was found instead.
    fn from_str(text: &str) -> Result<NodeId, String> {
        let refuse = || {
            format!(
                "expected a node id of {} hexadecimal digits, found `{}`",
                NodeId::DIGITS,
                crate::escape::quoted(text)
            )
        };
        let digits = text.as_bytes();
        if digits.len() != NodeId::DIGITS {
            return Err(refuse());
        }
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let value = |digit: u8| (digit as char).to_digit(16);
            let (Some(high), Some(low)) = (value(pair[0]), value(pair[1])) else {
                return Err(refuse());
            };
            *byte = (high << 4 | low) as u8;
        }
        Ok(NodeId(bytes))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl serde::Serialize for NodeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for NodeId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let text = "54cb5c2eb8e5f5aed2d2f7843f75a9284ef6785c";
        let id: NodeId = text.parse().expect("an id");
        assert_eq!(id.to_string(), text);
        assert_eq!(id.short(), "54cb5c2e");
    }

    #[test]
    fn refuses_everything_else() {
        let short = "54cb5c2e";
        let odd = "54cb5c2eb8e5f5aed2d2f7843f75a9284ef6785g";
        let wide = "é4cb5c2eb8e5f5aed2d2f7843f75a9284ef6785";
        for text in [short, odd, wide, ""] {
            assert!(text.parse::<NodeId>().is_err(), "{text}");
        }
    }
}
