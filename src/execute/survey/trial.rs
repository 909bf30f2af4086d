//! What a primary answers to a move's commands, tried where they can't do anything.
//!
//! Nothing else tells it all: a command that was renamed away, an older server's permissions, a node
//! that takes no writes because it is full, has too few replicas or can't save. Each command is sent
//! so that every server from Redis 3.2 to Valkey 9.1 refuses it whatever it holds (a `MIGRATE` with
//! an option that there isn't, a `RESTORE-ASKING` of what is no value, a `SETSLOT` of a slot that
//! there isn't), behind all the checks that a real one has to pass: existence, permission,
//! redirection, memory, replicas.

use crate::cluster::verb::{NodeLink, Refusal, Reply, ServerError, Verb};
use crate::cluster::{ClusterView, LiveCluster, NodeId};
use crate::error::Result;
use crate::slot::{Slot, SlotSet};
use std::collections::{BTreeMap, BTreeSet};

/// How many names are tried for a key in one of the node's own slots. Where it has a single slot
/// one of 16,384 names is in it: that all of these miss it happens once in e¹² times.
const MAX_NAMES: u32 = 200_000;
/// What a source's `MIGRATE` runs on the target.
pub(super) const RESTORE: &str = "RESTORE-ASKING";
/// A type that no dump of any version begins with: it ends a file.
const NO_TYPE: u8 = 0xFF;

/// What a node is asked to do in a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Whatever its part is.
    Any,
    /// It gives slots away.
    Gives,
    /// It receives slots.
    Receives,
    /// Its copy of a key is compared, where both nodes have one.
    Compares,
}

/// Why a command can't be had.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Bar {
    /// The server has no such command: it was renamed, or disabled.
    Missing,
    /// Our user may not; the server's words.
    Forbidden(String),
    /// The node refuses it at present.
    Refused(Refusal),
    /// The node has no slot to try it with, and would refuse it so once it had one, by what it says
    /// of itself.
    Foreseen(Refusal),
    /// It was answered as if it had been done, which can't be.
    Swallowed,
}

/// A command that a node doesn't carry out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Obstacle {
    /// The command.
    pub command: &'static str,
    /// What it is needed for.
    pub part: Part,
    /// Why it can't be had.
    pub bar: Bar,
}

/// What came of the trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Trial {
    /// What stands in the way.
    pub obstacles: Vec<Obstacle>,
    /// Whether dumps of a version are loaded, where the node tells: one without slots doesn't.
    pub loads: BTreeMap<u16, bool>,
}

/// A command that a move needs, as it is tried.
struct Attempt {
    command: &'static str,
    part: Part,
    words: Vec<Vec<u8>>,
    /// Whether a real server answers it with anything but an error.
    may_succeed: bool,
}

impl Trial {
    /// Tries on a primary what a move needs of it, and which of these versions of dumps it loads.
    ///
    /// # Errors
    /// When the link breaks.
    pub(super) fn run<L: NodeLink>(
        cluster: &mut LiveCluster<L>,
        id: NodeId,
        view: &ClusterView,
        dumps: &BTreeSet<u16>,
    ) -> Result<Trial> {
        let key = probe_key(&settled_slots(view, id));
        let attempts = attempts(&key);
        let verb = |attempt: &Attempt| Verb::Client(attempt.words.clone());
        let verbs: Vec<Verb> = attempts.iter().map(verb).collect();
        let replies = cluster.round_trip(id, &verbs)?;
        let tried = attempts.iter().zip(replies);
        let obstacles: Vec<Obstacle> = tried
            .filter_map(|(attempt, reply)| attempt.obstacle(reply))
            .collect();
        // Where all dump alike there is nothing to ask; and a server without the command would
        // repeat these bytes, which are no text, in its refusal.
        let can_restore = obstacles.iter().all(|obstacle| obstacle.command != RESTORE);
        let loads = if can_restore && dumps.len() > 1 {
            loads(cluster, id, &key, dumps)?
        } else {
            BTreeMap::new()
        };
        Ok(Trial { obstacles, loads })
    }
}

fn loads<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
    key: &[u8],
    dumps: &BTreeSet<u16>,
) -> Result<BTreeMap<u16, bool>> {
    let restore = |version: &u16| {
        let words = [RESTORE.as_bytes(), key, b"0", &no_value(*version)].map(<[u8]>::to_vec);
        Verb::Client(words.to_vec())
    };
    let verbs: Vec<Verb> = dumps.iter().map(restore).collect();
    let replies = cluster.round_trip(id, &verbs)?;
    let answers = dumps.iter().zip(replies);
    let answers = answers.filter_map(|(version, reply)| Some((*version, is_loaded(&reply)?)));
    Ok(answers.collect())
}

impl Attempt {
    fn obstacle(&self, reply: Reply) -> Option<Obstacle> {
        let bar = match reply {
            Reply::Refused(refusal) => bar_of(refusal)?,
            _ if self.may_succeed => return None,
            _ => Bar::Swallowed,
        };
        Some(Obstacle {
            command: self.command,
            part: self.part,
            bar,
        })
    }
}

fn bar_of(refusal: Refusal) -> Option<Bar> {
    use ServerError::*;
    match refusal.error() {
        UnknownCommand => Some(Bar::Missing),
        // The node has no slot of its own, or nobody serves one: what stands behind isn't reached.
        Moved | Ask | TryAgain | ClusterDown | CrossSlot => None,
        Forbidden => Some(Bar::Forbidden(refusal.detail)),
        // What was hoped for: an error of the command itself.
        KeyExists => None,
        _ if refusal.code == "ERR" => None,
        _ => Some(Bar::Refused(refusal)),
    }
}

/// The slots that a node owns and doesn't give away.
pub(super) fn settled_slots(view: &ClusterView, id: NodeId) -> SlotSet {
    let Some(myself) = view.node(id) else {
        return SlotSet::new();
    };
    let is_open = |slot: &Slot| myself.open_slot(*slot).is_some();
    myself.slots.iter().filter(|slot| !is_open(slot)).collect()
}

/// A key in one of these slots that nobody will have written; any, where there is none.
fn probe_key(slots: &SlotSet) -> Vec<u8> {
    let name = |number: u32| format!("slotkit-probe-{number}").into_bytes();
    let mut names = (0..MAX_NAMES).map(name);
    let found = names.find(|name| slots.is_empty() || slots.contains(Slot::for_key(name)));
    found.unwrap_or_else(|| name(0))
}

fn attempts(key: &[u8]) -> Vec<Attempt> {
    let words = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
    let refused = |command, part, all: &[&[u8]]| Attempt {
        command,
        part,
        words: words(all),
        may_succeed: false,
    };
    let answered = |command, part, all: &[&[u8]]| Attempt {
        may_succeed: true,
        ..refused(command, part, all)
    };
    let (count, list) = (b"COUNTKEYSINSLOT", b"GETKEYSINSLOT");
    let option = b"SLOTKIT-PROBE";
    vec![
        answered("SELECT", Part::Any, &[b"SELECT", b"0"]),
        refused(
            "CLUSTER SETSLOT",
            Part::Any,
            &[b"CLUSTER", b"SETSLOT", b"16384", b"STABLE"],
        ),
        answered(
            "CLUSTER COUNTKEYSINSLOT",
            Part::Gives,
            &[b"CLUSTER", count, b"0"],
        ),
        answered(
            "CLUSTER GETKEYSINSLOT",
            Part::Gives,
            &[b"CLUSTER", list, b"0", b"1"],
        ),
        refused(
            "MIGRATE",
            Part::Gives,
            &[b"MIGRATE", b"127.0.0.1", b"1", key, b"0", b"1", option],
        ),
        refused(
            RESTORE,
            Part::Receives,
            &[RESTORE.as_bytes(), key, b"0", b"x"],
        ),
        // Only for the command behind it, on this link.
        answered("ASKING", Part::Receives, &[b"ASKING"]),
        answered("PTTL", Part::Compares, &[b"PTTL", key]),
        answered("DUMP", Part::Compares, &[b"DUMP", key]),
    ]
}

/// A dump of this version, whole and signed, of a type that there isn't.
fn no_value(version: u16) -> Vec<u8> {
    let mut dump = vec![NO_TYPE];
    dump.extend(version.to_le_bytes());
    let sum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &dump);
    dump.extend(sum.to_le_bytes());
    dump
}

/// Whether the version was accepted: the type is looked at behind it.
fn is_loaded(reply: &Reply) -> Option<bool> {
    let Reply::Refused(refusal) = reply else {
        return None;
    };
    match refusal.error() {
        ServerError::BadDump => Some(true),
        ServerError::ForeignDump => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, detail: &str) -> Reply {
        Reply::Refused(Refusal {
            code: code.to_owned(),
            detail: detail.to_owned(),
        })
    }

    fn bar(command: &str, reply: Reply) -> Option<Bar> {
        let attempts = attempts(b"k");
        let attempt = attempts.iter().find(|attempt| attempt.command == command);
        let obstacle = attempt.expect("an attempt").obstacle(reply)?;
        Some(obstacle.bar)
    }

    #[test]
    fn an_error_of_the_command_itself_is_what_is_hoped_for() {
        assert_eq!(bar("MIGRATE", refused("ERR", "syntax error")), None);
        assert_eq!(bar("MIGRATE", refused("MOVED", "1 127.0.0.1:7000")), None);
        assert_eq!(bar("PTTL", Reply::Int(-2)), None);
        let unknown = refused(
            "ERR",
            "unknown command 'MIGRATE', with args beginning with: ",
        );
        assert_eq!(bar("MIGRATE", unknown), Some(Bar::Missing));
        let words = "this user has no permissions to run the 'migrate' command";
        let forbidden = Bar::Forbidden(words.to_owned());
        assert_eq!(bar("MIGRATE", refused("NOPERM", words)), Some(forbidden));
        for code in ["NOREPLICAS", "MISCONF", "OOM", "READONLY", "LOADING"] {
            let found = bar("RESTORE-ASKING", refused(code, "so it is"));
            assert!(matches!(found, Some(Bar::Refused(_))), "{code}: {found:?}");
        }
        // Nobody can have done these.
        for command in ["MIGRATE", "RESTORE-ASKING", "CLUSTER SETSLOT"] {
            let done = bar(command, Reply::Text(b"OK".to_vec()));
            assert_eq!(done, Some(Bar::Swallowed), "{command}");
        }
    }

    #[test]
    fn the_key_is_in_a_slot_of_the_node() {
        for slot in [0, 77, 16383] {
            let slot = Slot::new(slot).expect("a slot");
            let slots: SlotSet = [slot].into_iter().collect();
            assert_eq!(Slot::for_key(&probe_key(&slots)), slot);
        }
        assert_eq!(probe_key(&SlotSet::new()), b"slotkit-probe-0");
    }

    #[test]
    fn a_version_is_accepted_where_the_type_is_what_is_wrong() {
        assert_eq!(is_loaded(&refused("ERR", "Bad data format")), Some(true));
        let older = refused("ERR", "DUMP payload version or checksum are wrong");
        assert_eq!(is_loaded(&older), Some(false));
        assert_eq!(is_loaded(&refused("MOVED", "1 127.0.0.1:7000")), None);
        assert_eq!(is_loaded(&Reply::Text(b"OK".to_vec())), None);
        assert_eq!(no_value(9)[..3], [NO_TYPE, 9, 0]);
        assert_eq!(no_value(9).len(), 11);
    }
}
