//! The machine alone: scripted nodes answer, and every command that went out is compared.

mod copies;
mod lies;
mod lives;
mod order;
mod refusals;

use super::*;
use crate::cluster::NodeAddr;
use crate::cluster::verb::{Refusal, Reply, SetSlot, Verb};
use crate::error::{Error, ErrorKind};
use crate::execute::mover::Halt;
use crate::execute::options::{MoveOptions, OnConflict};
use crate::execute::testing::{self, id};
use crate::slot::tag_for;
use std::collections::VecDeque;

/// How often the nodes are looked at in one run.
const HALTS_MAX: usize = 12;

fn task() -> Move {
    testing::task(7, 'a', 'b')
}

fn machine(entry: Entry) -> SlotMove {
    let settings = Settings {
        route: NodeAddr::new("10.0.0.2", 7000),
        login: None,
        how: MoveOptions {
            keys_per_migrate: 2,
            ..MoveOptions::default()
        },
        timeout_ms: 500,
        others: vec![id('c'), id('d')],
        databases: [1, 1],
        names: ["A", "B"].map(str::to_owned),
        opened: None,
    };
    SlotMove::new(task(), settings, entry)
}

/// A cluster that answers as a script says, and otherwise as an empty source and a willing target.
#[derive(Default)]
struct Script {
    /// Somebody else who has the slot open.
    other_mover: Option<&'static str>,
    /// Answers to the next `GETKEYSINSLOT`s; nothing when it runs out.
    listings: VecDeque<Vec<&'static str>>,
    /// Answers to the next `MIGRATE`s; OK when it runs out.
    migrations: VecDeque<Reply>,
    /// Answers to the next `COUNTKEYSINSLOT`s; 0 when it runs out.
    counts: VecDeque<i64>,
    /// The last of them.
    counted: i64,
    /// Whether a key is listed behind the next of them; as they say when it runs out.
    glimpses: VecDeque<bool>,
    /// `cluster_current_epoch` of the target at the next questions; 9 when it runs out.
    epochs: VecDeque<u64>,
    /// The source's epoch when it is looked at before `NODE`, if not what it was.
    confirmed: VecDeque<u64>,
    /// `DUMP` of every key on source and target.
    dumps: [Option<&'static str>; 2],
    /// The key that the source has no more when it is to be deleted.
    gone: Option<&'static str>,
    /// What `MIGRATING` answers, if not OK.
    migrating: Option<Reply>,
    /// What `SELECT` answers, if not OK.
    select: Option<Reply>,
    /// What `INFO keyspace` answers, if not that there are keys in database 0.
    info: Option<Reply>,
    /// How many keys have left, in the source's eyes.
    left: i64,
    /// Keys that the target hasn't, of those that it was sent.
    swallowed: Vec<&'static str>,
    /// How long keys live on the target, if they end.
    life_ms: Option<i64>,
    /// What a key that nobody has is answered, by source and target, if not as they should.
    probes: [Option<Reply>; 2],
    /// How many keys the target counts at the next questions; those that it has kept when it runs
    /// out.
    arrived: VecDeque<i64>,
    /// How many keys the target has kept.
    kept: i64,
    /// Whether nobody vouches for the target.
    is_distrusted: bool,
    /// What `NODE` on the source answers, if not OK.
    own_source: Option<Reply>,
    /// Whether the source has closed it again.
    is_closed: bool,
    /// What keys have shown of the target.
    findings: Vec<Finding>,
    /// Whether what is answered goes with keys.
    is_sending: bool,
    /// Everything that went out, as `a: COMMAND …`, and every pause.
    log: Vec<String>,
}

impl Script {
    fn answer(&mut self, node: NodeId, verb: &Verb) -> Reply {
        let ok = Reply::Text(b"OK".to_vec());
        match verb {
            Verb::Info(_) => self
                .info
                .clone()
                .unwrap_or_else(|| Reply::Text(b"# Keyspace\r\ndb0:keys=5,expires=0\r\n".to_vec())),
            Verb::KeysInSlot { .. } if node == id('b') => Reply::List(Vec::new()),
            Verb::KeysInSlot { limit: 1, .. } => {
                let listed = self.glimpses.pop_front().unwrap_or(self.counted > 0);
                Reply::List(
                    listed
                        .then(|| Reply::Text(named("x")))
                        .into_iter()
                        .collect(),
                )
            }
            Verb::KeysInSlot { .. } => {
                let keys = self.listings.pop_front().unwrap_or_default();
                Reply::List(keys.iter().map(|key| Reply::Text(named(key))).collect())
            }
            Verb::Migrate(migrate) => {
                let answer = self.migrations.pop_front().unwrap_or(ok);
                if matches!(&answer, Reply::Text(text) if text == b"OK") {
                    self.left += 1;
                    let kept = migrate.keys.iter().filter(|key| !self.swallows(key));
                    self.kept += kept.count() as i64;
                }
                answer
            }
            Verb::CountKeys(_) if node == id('b') => {
                let copies = i64::from(self.dumps[1].is_some());
                Reply::Int(self.arrived.pop_front().unwrap_or(copies + self.kept))
            }
            // Behind keys that were sent it counts fewer each time.
            Verb::CountKeys(_) if self.is_sending => Reply::Int(1_000 - self.left),
            Verb::CountKeys(_) => {
                self.counted = self.counts.pop_front().unwrap_or(0);
                Reply::Int(self.counted)
            }
            Verb::ClusterInfo => {
                let epoch = self.epochs.pop_front().unwrap_or(9);
                Reply::Text(format!("cluster_current_epoch:{epoch}").into_bytes())
            }
            Verb::Dump(_) => match self.dumps[usize::from(node == id('b'))] {
                Some(dump) => Reply::Text(dump.as_bytes().to_vec()),
                None => Reply::Nil,
            },
            Verb::Select(_) => self.select.clone().unwrap_or(ok),
            Verb::Pttl(key) if key.starts_with(b"slotkit-probe") => {
                let said = self.probes[usize::from(node == id('b'))].clone();
                said.unwrap_or_else(|| {
                    if node == id('a') && !self.is_closed {
                        refused("ASK", "7 10.0.0.2:7000")
                    } else {
                        Reply::Int(-2)
                    }
                })
            }
            Verb::Pttl(key) if self.swallows(key) => Reply::Int(-2),
            Verb::Pttl(_) => Reply::Int(self.life_ms.unwrap_or(-1)),
            Verb::Client(words) if words[0] == b"MEMORY" => Reply::Int(10),
            Verb::Client(words) if words[0] == b"DEL" => {
                if self.gone.is_some_and(|gone| named(gone) == words[1]) {
                    refused("ASK", "7 10.0.0.2:7000")
                } else {
                    Reply::Int(1)
                }
            }
            Verb::SetSlot {
                state: SetSlot::Stable,
                ..
            } => {
                self.is_closed |= node == id('a');
                ok
            }
            Verb::SetSlot {
                state: SetSlot::Migrating { .. },
                ..
            } => self.migrating.clone().unwrap_or(ok),
            Verb::SetSlot {
                state: SetSlot::Node { .. },
                ..
            } if node == id('a') => self.own_source.clone().unwrap_or(ok),
            _ => ok,
        }
    }

    fn swallows(&self, key: &[u8]) -> bool {
        self.swallowed.iter().any(|name| named(name) == key)
    }

    /// A machine whose halt is unclear is followed by another, as after a look.
    fn run(&mut self, mut machine: SlotMove) -> crate::error::Result<u64> {
        let mut halts = 0;
        loop {
            match machine.action() {
                Action::Ask { node, verbs } => {
                    let name = node.to_string().remove(0);
                    let words = verbs.iter().map(line).collect::<Vec<_>>().join(" | ");
                    self.log.push(format!("{name}: {words}"));
                    self.is_sending = verbs.iter().any(|verb| matches!(verb, Verb::Migrate(_)));
                    let replies = verbs.iter().map(|verb| self.answer(node, verb)).collect();
                    let answered = machine.answer(replies);
                    self.findings.extend(machine.take_finding());
                    match answered {
                        Err(Halt::Unclear(error)) if halts < HALTS_MAX && is_broken(&error) => {
                            halts += 1;
                            self.log.push("look".to_owned());
                            let next =
                                SlotMove::new(task(), machine.settings.clone(), Entry::SourceOwns);
                            machine = next.in_place_of(&machine);
                        }
                        answered => answered.map_err(|halt| plain(halt.into_error()))?,
                    }
                }
                Action::Claim => {
                    self.log.push("claim".to_owned());
                    match self.other_mover {
                        Some(who) => machine.withdraw(Error::new(ErrorKind::Unsafe, who)),
                        None => machine.claimed(),
                    }
                }
                Action::Confirm => {
                    self.log.push("confirm".to_owned());
                    let epoch = self.confirmed.pop_front().unwrap_or(9);
                    machine.confirmed(epoch, vec![id('c'), id('d')]);
                }
                Action::Vouch if self.is_distrusted => return Err(plain(machine.swallowed())),
                Action::Vouch => {
                    self.log.push("vouch".to_owned());
                    machine.vouched();
                }
                Action::Pause { ms } => self.log.push(format!("pause {ms}")),
                Action::Recheck => {
                    self.log.push("look".to_owned());
                    return Ok(machine.moved().0);
                }
                Action::Done => return Ok(machine.moved().0),
            }
        }
    }
}

/// Whether the connection of the two servers broke.
fn is_broken(error: &Error) -> bool {
    error.message().contains("IOERR")
}

fn line(verb: &Verb) -> String {
    let words: Vec<String> = verb
        .words()
        .iter()
        .map(|word| match word.len() {
            NodeId::DIGITS => String::from_utf8_lossy(&word[..1]).into_owned(),
            _ => String::from_utf8_lossy(word).into_owned(),
        })
        .collect();
    let tag = String::from_utf8_lossy(tag_for(task().slot));
    let words = words.join(" ").replace("CLUSTER ", "");
    words.replace(&format!("{{{tag}}}"), "")
}

/// An error with the names that keys have in these tests.
fn plain(error: Error) -> Error {
    let tag = format!("{{{}}}", String::from_utf8_lossy(tag_for(task().slot)));
    let plain = Error::new(error.kind(), error.message().replace(&tag, ""));
    match error.fix_text() {
        Some(fix) => plain.fix(fix),
        None => plain,
    }
}

/// A key in the slot that is moved, by the name that it has in these tests.
fn named(name: &str) -> Vec<u8> {
    testing::key_in(task().slot, name)
}

fn refused(code: &str, detail: &str) -> Reply {
    Reply::Refused(Refusal {
        code: code.to_owned(),
        detail: detail.to_owned(),
    })
}

const TAIL: [&str; 7] = [
    "a: SELECT 0 | COUNTKEYSINSLOT 7 | GETKEYSINSLOT 7 1 | SELECT 0",
    "confirm",
    "b: INFO",
    "b: SETSLOT 7 NODE b | PTTL slotkit-probe:",
    "a: SETSLOT 7 NODE b",
    "c: SETSLOT 7 NODE b",
    "d: SETSLOT 7 NODE b",
];

const HEAD: [&str; 2] = [
    "b: SETSLOT 7 IMPORTING a",
    "a: SETSLOT 7 MIGRATING b | PTTL slotkit-probe: | INFO keyspace | SELECT 0 | GETKEYSINSLOT 7 2",
];

/// What is asked of a slot that isn't opened, or once more.
const PASS: [&str; 2] = ["a: INFO keyspace", "a: SELECT 0 | GETKEYSINSLOT 7 2"];

/// The answers up to the first listing, in which `INFO` says this.
fn listed_at_first(info: &str, names: &[&str]) -> [Vec<Reply>; 2] {
    let ok = || Reply::Text(b"OK".to_vec());
    let keys = names.iter().map(|name| Reply::Text(named(name)));
    let probe = refused("ASK", "7 10.0.0.2:7000");
    let info = Reply::Text(info.as_bytes().to_vec());
    let opened = vec![ok(), probe, info, ok(), Reply::List(keys.collect())];
    [vec![ok()], opened]
}
