//! Asks a node for its function libraries (Redis 7.0 and later).

use crate::cluster::verb::{NodeLink, Reply, Verb};
use crate::cluster::{LiveCluster, NodeId};
use crate::error::Result;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A node with more libraries than so many isn't one of ours.
const LIBRARIES_MAX: usize = 10_000;

/// The libraries of a node, each by its name, with a digest of its code.
pub type Libraries = BTreeMap<String, [u8; 32]>;

/// What a node says of its function libraries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Functions {
    /// These it has.
    Known(Libraries),
    /// Its server has no functions.
    Unsupported,
    /// It doesn't tell; why not.
    Unknown(String),
}

impl Functions {
    /// The libraries of another node that this one lacks; nothing where either doesn't tell.
    pub fn lacking(&self, of: &Functions) -> Vec<String> {
        let empty = Libraries::new();
        let ours = match self {
            Functions::Known(ours) => ours,
            Functions::Unsupported => &empty,
            Functions::Unknown(_) => return Vec::new(),
        };
        let Functions::Known(theirs) = of else {
            return Vec::new();
        };
        let names = theirs.keys().filter(|name| !ours.contains_key(*name));
        names.cloned().collect()
    }
}

/// Asks a node for its libraries.
///
/// # Errors
/// When the link breaks.
pub fn ask<L: NodeLink>(cluster: &mut LiveCluster<L>, id: NodeId) -> Result<Functions> {
    let verb = Verb::FunctionList { library: None };
    Ok(match cluster.ask(id, &verb)? {
        Reply::Refused(refusal) if refusal.detail.to_lowercase().contains("unknown") => {
            Functions::Unsupported
        }
        Reply::Refused(refusal) => Functions::Unknown(refusal.to_string()),
        reply => match libraries(reply) {
            Some(libraries) => {
                let digest = |(name, code): (String, Vec<u8>)| (name, Sha256::digest(code).into());
                Functions::Known(libraries.into_iter().map(digest).collect())
            }
            None => Functions::Unknown("FUNCTION LIST answered something odd".to_owned()),
        },
    })
}

/// The libraries with their code; none when the reply isn't what `FUNCTION LIST WITHCODE` answers.
pub(in crate::execute) fn libraries(reply: Reply) -> Option<BTreeMap<String, Vec<u8>>> {
    let Reply::List(entries) = reply else {
        return None;
    };
    let is_few = entries.len() <= LIBRARIES_MAX;
    entries
        .into_iter()
        .take_while(|_| is_few)
        .map(library)
        .collect::<Option<_>>()
        .filter(|_| is_few)
}

fn library(entry: Reply) -> Option<(String, Vec<u8>)> {
    let Reply::List(fields) = entry else {
        return None;
    };
    let (mut name, mut code) = (None, None);
    let mut fields = fields.into_iter();
    while let (Some(Reply::Text(field)), Some(value)) = (fields.next(), fields.next()) {
        match (field.as_slice(), value) {
            (b"library_name", Reply::Text(text)) => name = String::from_utf8(text).ok(),
            (b"library_code", Reply::Text(text)) => code = Some(text),
            _ => {}
        }
    }
    // A name goes into a pattern (`LIBRARYNAME`): no server allows more than these characters.
    let is_plain = |name: &String| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    Some((name.filter(is_plain)?, code?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(word: &str) -> Reply {
        Reply::Text(word.as_bytes().to_vec())
    }

    fn entry(name: &str, code: &str) -> Reply {
        Reply::List(vec![
            text("library_name"),
            text(name),
            text("engine"),
            text("LUA"),
            text("functions"),
            Reply::List(Vec::new()),
            text("library_code"),
            text(code),
        ])
    }

    fn known(all: &[(&str, &str)]) -> Functions {
        let digest =
            |(name, code): &(&str, &str)| ((*name).to_owned(), Sha256::digest(code).into());
        Functions::Known(all.iter().map(digest).collect())
    }

    #[test]
    fn what_a_node_lacks_is_known_where_both_tell() {
        let source = known(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let target = known(&[("a", "1"), ("b", "2"), ("d", "1")]);
        assert_eq!(target.lacking(&source), ["c"]);
        assert_eq!(Functions::Unsupported.lacking(&source).len(), 3);
        let silent = Functions::Unknown("no".to_owned());
        assert!(silent.lacking(&source).is_empty());
        assert!(source.lacking(&silent).is_empty());
    }

    #[test]
    fn only_what_a_server_answers_is_read() {
        let read = libraries(Reply::List(vec![entry("a_1", "x")])).expect("a library");
        assert_eq!(read.get("a_1").map(Vec::as_slice), Some(&b"x"[..]));
        assert_eq!(libraries(Reply::List(Vec::new())), Some(BTreeMap::new()));
        for odd in [
            Reply::Nil,
            Reply::List(vec![Reply::Nil]),
            Reply::List(vec![entry("a*", "x")]),
            Reply::List(vec![entry("", "x")]),
            Reply::List(vec![Reply::List(vec![text("library_name"), text("a")])]),
            Reply::List(vec![entry("a", "x"); LIBRARIES_MAX + 1]),
        ] {
            assert_eq!(libraries(odd), None);
        }
    }
}
