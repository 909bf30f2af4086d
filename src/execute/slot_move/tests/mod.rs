//! The machine alone: scripted nodes answer, and every command that went out is compared.

mod copies;
mod order;
mod refusals;

use super::*;
use crate::cluster::NodeAddr;
use crate::cluster::verb::{Refusal, Reply, SetSlot, Verb};
use crate::error::{Error, ErrorKind};
use crate::execute::testing::{self, id};
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
        timeout_ms: 500,
        keys_per_migrate: 2,
        others: vec![id('c'), id('d')],
        bytes_per_migrate: None,
        on_conflict: OnConflict::Stop,
    };
    SlotMove::new(task(), settings, entry)
}

/// A cluster that answers as a script says, and otherwise as an empty source and a willing target.
#[derive(Default)]
struct Script {
    /// Somebody else who has the slot open.
    stranger: Option<&'static str>,
    /// Answers to the next `GETKEYSINSLOT`s; nothing when it runs out.
    listings: VecDeque<Vec<&'static str>>,
    /// Answers to the next `MIGRATE`s; OK when it runs out.
    migrations: VecDeque<Reply>,
    /// Answers to the next `COUNTKEYSINSLOT`s; 0 when it runs out.
    counts: VecDeque<i64>,
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
    /// What `NODE` on the source answers, if not OK.
    own_source: Option<Reply>,
    /// Everything that went out, as `a: COMMAND …`, and every pause.
    log: Vec<String>,
}

impl Script {
    fn answer(&mut self, node: NodeId, verb: &Verb) -> Reply {
        let ok = Reply::Text(b"OK".to_vec());
        match verb {
            Verb::Info(_) => Reply::Text(b"# Keyspace\r\ndb0:keys=5,expires=0\r\n".to_vec()),
            Verb::KeysInSlot { .. } => {
                let keys = self.listings.pop_front().unwrap_or_default();
                Reply::List(
                    keys.iter()
                        .map(|key| Reply::Text(key.as_bytes().to_vec()))
                        .collect(),
                )
            }
            Verb::Migrate(_) => self.migrations.pop_front().unwrap_or(ok),
            Verb::CountKeys(_) => Reply::Int(self.counts.pop_front().unwrap_or(0)),
            Verb::ClusterInfo => {
                let epoch = self.epochs.pop_front().unwrap_or(9);
                Reply::Text(format!("cluster_current_epoch:{epoch}").into_bytes())
            }
            Verb::Dump(_) => match self.dumps[usize::from(node == id('b'))] {
                Some(dump) => Reply::Text(dump.as_bytes().to_vec()),
                None => Reply::Nil,
            },
            Verb::Select(_) => self.select.clone().unwrap_or(ok),
            Verb::Pttl(_) => Reply::Int(-1),
            Verb::Client(words) if words[0] == b"MEMORY" => Reply::Int(10),
            Verb::Client(words) if words[0] == b"DEL" => {
                let key = std::str::from_utf8(&words[1]).ok();
                match key == self.gone {
                    true => refused("ASK", "7 10.0.0.2:7000"),
                    false => Reply::Int(1),
                }
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

    /// A machine whose halt is unclear is followed by another, as after a look.
    fn run(&mut self, mut machine: SlotMove) -> crate::error::Result<u64> {
        let mut halts = 0;
        loop {
            match machine.action() {
                Action::Ask { node, verbs } => {
                    let name = node.to_string().remove(0);
                    let words = verbs.iter().map(line).collect::<Vec<_>>().join(" | ");
                    self.log.push(format!("{name}: {words}"));
                    let replies = verbs.iter().map(|verb| self.answer(node, verb)).collect();
                    match machine.answer(replies) {
                        Err(Halt::Unclear(error)) if halts < HALTS_MAX && is_broken(&error) => {
                            halts += 1;
                            self.log.push("look".to_owned());
                            let next =
                                SlotMove::new(task(), machine.settings.clone(), Entry::SourceOwns);
                            machine = next.in_place_of(&machine);
                        }
                        answered => answered.map_err(Halt::into_error)?,
                    }
                }
                Action::Claim => {
                    self.log.push("claim".to_owned());
                    match self.stranger {
                        Some(who) => machine.withdraw(who.to_owned()),
                        None => machine.claimed(),
                    }
                }
                Action::Confirm => {
                    self.log.push("confirm".to_owned());
                    let epoch = self.confirmed.pop_front().unwrap_or(9);
                    machine.confirmed(epoch, vec![id('c'), id('d')]);
                }
                Action::Pause { ms } => self.log.push(format!("pause {ms}")),
                Action::Look => {
                    self.log.push("look".to_owned());
                    return Ok(machine.keys_moved());
                }
                Action::Done => return Ok(machine.keys_moved()),
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
    words.join(" ").replace("CLUSTER ", "")
}

fn refused(code: &str, detail: &str) -> Reply {
    Reply::Refused(Refusal {
        code: code.to_owned(),
        detail: detail.to_owned(),
    })
}

const TAIL: [&str; 7] = [
    "a: SELECT 0 | COUNTKEYSINSLOT 7 | SELECT 0",
    "confirm",
    "b: INFO",
    "b: SETSLOT 7 NODE b",
    "a: SETSLOT 7 NODE b",
    "c: SETSLOT 7 NODE b",
    "d: SETSLOT 7 NODE b",
];

const HEAD: [&str; 4] = [
    "b: SETSLOT 7 IMPORTING a",
    "a: SETSLOT 7 MIGRATING b",
    "a: INFO keyspace",
    "a: SELECT 0 | GETKEYSINSLOT 7 2",
];
