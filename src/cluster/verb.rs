//! What can be asked of one node, and what it can answer.
//!
//! A [`Verb`] is a whole command with its arguments typed, so that a wrong one
//! (an `IMPORTING` without its source, a `MIGRATE` to nowhere) can't be
//! written. [`NodeLink`] carries verbs to a node: a real connection does, and
//! so does the modelled cluster of the simulation.

use super::login::Login;
pub use super::refusal::{Refusal, ServerError};
pub use super::reply::{Bounds, Reply};
use super::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::{SLOT_COUNT, Slot, SlotSet};
use std::borrow::Cow;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// One word of a command, borrowed from its verb where that has it as it is sent.
pub type Word<'a> = Cow<'a, [u8]>;

/// The four states that `CLUSTER SETSLOT` can give to a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetSlot {
    /// The target accepts the slot's keys from `ASKING` clients.
    Importing {
        /// Who gives the slot away.
        source: NodeId,
    },
    /// The source answers `ASK` for keys that it no longer has.
    Migrating {
        /// Who receives the slot.
        target: NodeId,
    },
    /// The slot belongs to this node from now on.
    Node {
        /// Who owns the slot.
        owner: NodeId,
    },
    /// Forgets an open state. Never sent after a key has moved: the moved keys would read nil.
    Stable,
}

/// A `MIGRATE` of several keys of one slot: atomic on the server for each key.
#[derive(Clone, Debug, Hash)]
pub struct Migrate {
    /// Where the *source* reaches the target.
    pub target: NodeAddr,
    /// The database on both sides.
    pub db: u32,
    /// The longest silence in the conversation of the two servers.
    pub timeout_ms: u64,
    /// What the source logs in with on the target.
    pub login: Option<Login>,
    /// Overwrite on the target. Only after the values were compared.
    pub replace: bool,
    /// The keys.
    pub keys: Vec<Vec<u8>>,
}

/// One command to one node.
#[derive(Clone, Debug, Hash)]
pub enum Verb {
    /// `CLUSTER MYID`: text.
    MyId,
    /// `CLUSTER NODES`: text.
    Nodes,
    /// `CLUSTER INFO`: text.
    ClusterInfo,
    /// `INFO section`: text.
    Info(&'static str),
    /// `CONFIG GET name`: a list of name and value.
    ConfigGet(&'static str),
    /// `ACL WHOAMI`: text.
    AclWhoAmI,
    /// `ACL DRYRUN user command…`: OK, or a text that says what is missing (Redis 7.0 and later).
    AclDryRun {
        /// The user that is asked about.
        user: String,
        /// The command with its arguments.
        command: Vec<&'static str>,
    },
    /// `CLUSTER COUNTKEYSINSLOT`: integer; counts the selected database only.
    CountKeys(Slot),
    /// `CLUSTER GETKEYSINSLOT`: a list of keys of the selected database.
    KeysInSlot {
        /// The slot.
        slot: Slot,
        /// The most keys that are wanted.
        limit: u32,
    },
    /// `CLUSTER SLOT-STATS SLOTSRANGE` over all slots: a list of slots with their figures
    /// ([`super::slot_stats`] reads it).
    SlotStats,
    /// `CLUSTER GETSLOTMIGRATIONS` (Valkey 9.0 and later): a list of jobs.
    SlotMigrations,
    /// `CLUSTER MIGRATION STATUS ALL` (Redis 8.4 and later): a list of jobs.
    MigrationStatus,
    /// `FUNCTION LIST WITHCODE`: a list of libraries; of this name, where one is wanted.
    FunctionList {
        /// The name, which may not hold what a pattern does.
        library: Option<String>,
    },
    /// `FUNCTION LOAD code`: the library's name; refused where there is one of that name.
    FunctionLoad(Vec<u8>),
    /// `CLUSTER SETSLOT`: OK.
    SetSlot {
        /// The slot.
        slot: Slot,
        /// Its state from now on.
        state: SetSlot,
    },
    /// `MIGRATE`: OK or NOKEY.
    Migrate(Migrate),
    /// `SELECT db`: OK.
    Select(u32),
    /// `DBSIZE`: integer; the selected database only.
    DbSize,
    /// `ASKING`: the next command may touch a slot that is being imported.
    Asking,
    /// `DUMP key`: bytes or nil.
    Dump(Vec<u8>),
    /// `PTTL key`: integer, milliseconds.
    Pttl(Vec<u8>),
    /// `MEMORY USAGE key SAMPLES n`: bytes, estimated from `n` elements, or nil (4.0 and later).
    MemoryUsage {
        /// The key.
        key: Vec<u8>,
        /// How many elements of a collection are looked at.
        samples: u32,
    },
    /// `CLUSTER MEET host port`: OK.
    Meet(NodeAddr),
    /// `CLUSTER SET-CONFIG-EPOCH`: OK; only on a node that has met nobody.
    SetConfigEpoch(u64),
    /// `CLUSTER ADDSLOTS`: OK.
    AddSlots(SlotSet),
    /// `CLUSTER REPLICATE id`: OK.
    Replicate(NodeId),
    /// Any command of a client, a word an entry.
    Client(Vec<Vec<u8>>),
}

impl Verb {
    /// The command's words as they go over the wire.
    pub fn words(&self) -> Vec<Word<'_>> {
        match self {
            Verb::MyId => words(["CLUSTER", "MYID"]),
            Verb::Nodes => words(["CLUSTER", "NODES"]),
            Verb::ClusterInfo => words(["CLUSTER", "INFO"]),
            Verb::Info(section) => words(["INFO", section]),
            Verb::ConfigGet(name) => words(["CONFIG", "GET", name]),
            Verb::AclWhoAmI => words(["ACL", "WHOAMI"]),
            Verb::AclDryRun { user, command } => {
                let mut all = words(["ACL", "DRYRUN", user]);
                all.extend(command.iter().map(|text| word(text)));
                all
            }
            Verb::CountKeys(slot) => {
                vec![word("CLUSTER"), word("COUNTKEYSINSLOT"), number(slot)]
            }
            Verb::KeysInSlot { slot, limit } => vec![
                word("CLUSTER"),
                word("GETKEYSINSLOT"),
                number(slot),
                number(limit),
            ],
            Verb::SlotStats => vec![
                word("CLUSTER"),
                word("SLOT-STATS"),
                word("SLOTSRANGE"),
                number(Slot::MIN),
                number(Slot::MAX),
            ],
            Verb::SlotMigrations => words(["CLUSTER", "GETSLOTMIGRATIONS"]),
            Verb::MigrationStatus => words(["CLUSTER", "MIGRATION", "STATUS", "ALL"]),
            Verb::FunctionList { library: None } => words(["FUNCTION", "LIST", "WITHCODE"]),
            Verb::FunctionList {
                library: Some(name),
            } => words(["FUNCTION", "LIST", "LIBRARYNAME", name, "WITHCODE"]),
            Verb::FunctionLoad(code) => vec![word("FUNCTION"), word("LOAD"), code.into()],
            Verb::SetSlot { slot, state } => set_slot_words(*slot, *state),
            Verb::Migrate(migrate) => migrate_words(migrate),
            Verb::Select(db) => vec![word("SELECT"), number(db)],
            Verb::DbSize => words(["DBSIZE"]),
            Verb::Asking => words(["ASKING"]),
            Verb::Dump(key) => vec![word("DUMP"), key.into()],
            Verb::Pttl(key) => vec![word("PTTL"), key.into()],
            Verb::MemoryUsage { key, samples } => vec![
                word("MEMORY"),
                word("USAGE"),
                key.into(),
                word("SAMPLES"),
                number(samples),
            ],
            Verb::Meet(addr) => vec![
                word("CLUSTER"),
                word("MEET"),
                word(&addr.host),
                number(addr.port),
            ],
            Verb::SetConfigEpoch(epoch) => {
                vec![word("CLUSTER"), word("SET-CONFIG-EPOCH"), number(epoch)]
            }
            Verb::AddSlots(slots) => {
                // ADDSLOTSRANGE would be shorter, but is missing before 7.0.
                let mut all = words(["CLUSTER", "ADDSLOTS"]);
                all.extend(slots.iter().map(number));
                all
            }
            Verb::Replicate(primary) => {
                vec![word("CLUSTER"), word("REPLICATE"), number(primary)]
            }
            Verb::Client(all) => all.iter().map(Word::from).collect(),
        }
    }

    /// The most that its reply may be; an error is an answer to anything. What goes beyond isn't what
    /// the command answers, and no more of it is read.
    pub fn bounds(&self) -> Bounds {
        /// A status, a number, a sentence.
        const LINE: (u64, u64) = (64 << 10, 0);
        const MIB: u64 = 1 << 20;
        /// A slot's figures: their names and values, the list of them, the slot, the pair.
        const ENTRIES_A_SLOT: u64 = 2 * 16 + 3;
        let (bytes, entries) = match self {
            Verb::MyId
            | Verb::AclWhoAmI
            | Verb::AclDryRun { .. }
            | Verb::CountKeys(_)
            | Verb::SetSlot { .. }
            | Verb::Migrate(_)
            | Verb::Select(_)
            | Verb::DbSize
            | Verb::Asking
            | Verb::Pttl(_)
            | Verb::MemoryUsage { .. }
            | Verb::Meet(_)
            | Verb::SetConfigEpoch(_)
            | Verb::AddSlots(_)
            | Verb::FunctionLoad(_)
            | Verb::Replicate(_) => LINE,
            // As a saved one: a thousand nodes with every slot on its own take less.
            Verb::Nodes => (16 * MIB, 0),
            Verb::ClusterInfo | Verb::Info(_) => (4 * MIB, 0),
            // A pattern may fit several settings.
            Verb::ConfigGet(_) => (MIB, 64),
            // Names of keys; longer ones than this allows nobody has by the hundred.
            Verb::KeysInSlot { limit, .. } => (64 * MIB, u64::from(*limit)),
            Verb::SlotStats => (32 * MIB, SLOT_COUNT as u64 * ENTRIES_A_SLOT),
            // Servers remember some hundreds, with some dozens of figures each.
            Verb::SlotMigrations | Verb::MigrationStatus => (16 * MIB, MIB / 4),
            // Libraries with their code.
            Verb::FunctionList { .. } => (64 * MIB, MIB),
            // The largest value there is, and a little around it.
            Verb::Dump(_) => (513 * MIB, 0),
            Verb::Client(_) => (513 * MIB, MIB),
        };
        Bounds { bytes, entries }
    }

    /// The command's name for an error message: never its arguments, which may hold a password.
    pub fn name(&self) -> String {
        let words = self.words();
        let is_group = words.first().is_some_and(|word| {
            [&b"CLUSTER"[..], b"ACL", b"CONFIG", b"MEMORY", b"FUNCTION"].contains(&word.as_ref())
        });
        let shown = if is_group { 2 } else { 1 };
        let names: Vec<String> = words
            .iter()
            .take(shown)
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        names.join(" ")
    }
}

fn words<const N: usize>(texts: [&str; N]) -> Vec<Word<'_>> {
    texts.into_iter().map(word).collect()
}

fn word(text: &str) -> Word<'_> {
    Word::Borrowed(text.as_bytes())
}

/// A number, a slot, an id: what is written out for the wire.
fn number<'a>(number: impl fmt::Display) -> Word<'a> {
    Word::Owned(number.to_string().into_bytes())
}

fn set_slot_words<'a>(slot: Slot, state: SetSlot) -> Vec<Word<'a>> {
    let mut all = vec![word("CLUSTER"), word("SETSLOT"), number(slot)];
    let (state, node) = match state {
        SetSlot::Importing { source } => ("IMPORTING", Some(source)),
        SetSlot::Migrating { target } => ("MIGRATING", Some(target)),
        SetSlot::Node { owner } => ("NODE", Some(owner)),
        SetSlot::Stable => ("STABLE", None),
    };
    all.push(word(state));
    all.extend(node.map(number));
    all
}

fn migrate_words(migrate: &Migrate) -> Vec<Word<'_>> {
    let Migrate {
        target,
        db,
        timeout_ms,
        login,
        replace,
        keys,
    } = migrate;
    let mut all = Vec::with_capacity(12 + keys.len());
    all.extend([word("MIGRATE"), word(&target.host), number(target.port)]);
    all.extend([word(""), number(db), number(timeout_ms)]);
    if *replace {
        all.push(word("REPLACE"));
    }
    match login {
        // AUTH2 is for named users only: 4.0.7 to 5 know AUTH alone.
        Some(Login {
            user: Some(user),
            password,
        }) => {
            all.extend(words(["AUTH2", user, password.reveal()]));
        }
        Some(Login {
            user: None,
            password,
        }) => all.extend(words(["AUTH", password.reveal()])),
        None => {}
    }
    all.push(word("KEYS"));
    all.extend(keys.iter().map(Word::from));
    all
}

/// A round trip in two halves: [`Halves::begin`], and [`Halves::heard`] as often as something has
/// come, or [`Halves::finish`] once.
pub trait Halves {
    /// Sends all verbs, as far as the other end takes them now: never waits. Whether that is all of
    /// it; if not, only [`Halves::finish`] sends the rest.
    ///
    /// # Errors
    /// As [`NodeLink::round_trip`].
    fn begin(&mut self, verbs: &[Verb]) -> Result<bool>;

    /// Takes in what has come, and never waits: all replies, or how many bytes of them there are.
    ///
    /// # Errors
    /// As [`NodeLink::round_trip`].
    fn heard(&mut self) -> Result<Heard>;

    /// Waits for what is missing, as long as [`NodeLink::round_trip`] does.
    ///
    /// # Errors
    /// As [`NodeLink::round_trip`].
    fn finish(&mut self) -> Result<Vec<Reply>>;

    /// Where something comes.
    fn socket(&self) -> BorrowedFd<'_>;
}

/// What has come of the replies to a write.
#[derive(Debug)]
pub enum Heard {
    /// A reply for each verb, in order.
    All(Vec<Reply>),
    /// So many bytes of replies that aren't whole.
    Part(usize),
}

/// A way to talk to one node.
pub trait NodeLink: Send {
    /// Sends all verbs in one write and reads one reply for each, in order.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] when the link broke: nobody knows how many of
    /// the verbs the node has carried out. Error *replies* are no errors here.
    fn round_trip(&mut self, verbs: &[Verb]) -> Result<Vec<Reply>>;

    /// A new link of the same kind, with the same login, to this address.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] when nobody answers there, [`ErrorKind::Auth`] when the login is
    /// refused.
    fn another(&self, addr: &NodeAddr) -> Result<Self>
    where
        Self: Sized;

    /// The same in two halves, where this kind of link has a socket that can be listened to: so one
    /// thread may hear many nodes.
    fn halves(&mut self) -> Option<&mut dyn Halves> {
        None
    }

    /// However many replies come until then, and however slowly: no answer is waited for after this
    /// moment; none sets no such end. A link without a clock has none to keep.
    fn answer_by(&mut self, _until: Option<Instant>) {}

    /// Sends one verb and returns its reply, which may be a refusal.
    ///
    /// # Errors
    /// As [`NodeLink::round_trip`].
    fn ask(&mut self, verb: &Verb) -> Result<Reply> {
        let mut replies = self.round_trip(std::slice::from_ref(verb))?;
        replies
            .pop()
            .ok_or_else(|| Error::new(ErrorKind::Server, format!("{} got no answer", verb.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::login::Secret;

    fn line(verb: &Verb) -> String {
        let words: Vec<String> = verb
            .words()
            .iter()
            .map(|word| word.escape_ascii().to_string())
            .collect();
        words.join(" ")
    }

    #[test]
    fn migrate_logs_in_as_it_was_told() {
        let mut migrate = Migrate {
            target: NodeAddr::new("10.0.0.1", 7000),
            db: 0,
            timeout_ms: 500,
            login: None,
            replace: false,
            keys: vec![b"".to_vec(), b"a b".to_vec()],
        };
        let verb = |migrate: &Migrate| line(&Verb::Migrate(migrate.clone()));
        assert_eq!(verb(&migrate), "MIGRATE 10.0.0.1 7000  0 500 KEYS  a b");
        migrate.login = Some(Login {
            user: None,
            password: Secret::new("pw"),
        });
        migrate.replace = true;
        assert_eq!(
            verb(&migrate),
            "MIGRATE 10.0.0.1 7000  0 500 REPLACE AUTH pw KEYS  a b"
        );
        migrate.login = Some(Login {
            user: Some("op".to_owned()),
            password: Secret::new("pw"),
        });
        assert_eq!(
            verb(&migrate),
            "MIGRATE 10.0.0.1 7000  0 500 REPLACE AUTH2 op pw KEYS  a b"
        );
        assert!(!format!("{migrate:?}").contains("pw"));
        assert_eq!(Verb::Migrate(migrate).name(), "MIGRATE");
    }

    #[test]
    fn names_tell_the_subcommand_and_nothing_else() {
        let slot = Slot::MAX;
        assert_eq!(
            Verb::SetSlot {
                slot,
                state: SetSlot::Stable
            }
            .name(),
            "CLUSTER SETSLOT"
        );
        assert_eq!(Verb::Dump(b"secret".to_vec()).name(), "DUMP");
    }
}
