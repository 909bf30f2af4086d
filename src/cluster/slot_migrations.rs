//! Slots that servers move by themselves, as whole jobs: `CLUSTER MIGRATESLOTS` of Valkey 9.0 and
//! later, `CLUSTER MIGRATION IMPORT` of Redis 8.4 and later. No slot is open meanwhile: only these
//! lists show it.
//!
//! Valkey's is read as its 9.1 answers. No Redis of that kind could be run here: its list is read as
//! `cluster_asm.c` writes it, and tested against such a reply.

use super::verb::{NodeLink, Reply, Verb};
use super::{LiveCluster, NodeId};
use crate::error::Result;
use crate::slot::{SLOT_COUNT, SlotRange, SlotSet};

/// A list of more than so many jobs is none: servers keep the last 1,000 (Valkey) or 32 (Redis).
const JOBS_MAX: usize = 100_000;
/// The slots of all jobs under way together: a slot is in one job, which either side lists.
const SLOTS_MAX: usize = 16 * SLOT_COUNT;
/// How much of a state is told.
const STATE_CHARS_MAX: usize = 40;

/// A job that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlotMigration {
    /// What it moves.
    pub slots: SlotSet,
    /// Who gives, where that is told.
    pub source: Option<NodeId>,
    /// Who receives, where that is told.
    pub target: Option<NodeId>,
    /// How far it is, in the server's word.
    pub state: String,
}

/// What a node says of its jobs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SlotMigrations {
    /// Those that are under way; none on a server that has no such jobs.
    UnderWay(Vec<SlotMigration>),
    /// It doesn't tell; why not.
    Unknown(String),
}

/// Asks a node for the jobs that it takes part in.
///
/// # Errors
/// When the link breaks.
pub fn ask<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
    is_valkey: bool,
) -> Result<SlotMigrations> {
    let verb = if is_valkey {
        Verb::SlotMigrations
    } else {
        Verb::MigrationStatus
    };
    Ok(read(cluster.ask(id, &verb)?, id, &verb))
}

fn read(reply: Reply, myself: NodeId, verb: &Verb) -> SlotMigrations {
    match reply {
        Reply::Refused(refusal) if refusal.detail.to_lowercase().contains("unknown") => {
            SlotMigrations::UnderWay(Vec::new())
        }
        Reply::Refused(refusal) => SlotMigrations::Unknown(refusal.to_string()),
        Reply::List(jobs) if jobs.len() <= JOBS_MAX => {
            let mut under_way = Vec::new();
            let mut left = SLOTS_MAX;
            let tries_again = matches!(verb, Verb::MigrationStatus);
            for entry in &jobs {
                match job(entry, myself, tries_again, &mut left) {
                    Some(Job::UnderWay(job)) => under_way.push(job),
                    Some(Job::Ended) => {}
                    None => return odd(verb),
                }
            }
            SlotMigrations::UnderWay(under_way)
        }
        _ => odd(verb),
    }
}

fn odd(verb: &Verb) -> SlotMigrations {
    SlotMigrations::Unknown(format!("{} answered something odd", verb.name()))
}

enum Job {
    UnderWay(SlotMigration),
    Ended,
}

/// A job of the list; none when it can't be read.
fn job(entry: &Reply, myself: NodeId, tries_again: bool, left: &mut usize) -> Option<Job> {
    let Reply::List(fields) = entry else {
        return None;
    };
    let field = |names: [&str; 2]| {
        fields.chunks_exact(2).find_map(|pair| {
            let name = text(&pair[0])?;
            names.contains(&name.as_str()).then(|| text(&pair[1]))?
        })
    };
    let operation = field(["operation", "operation"])?.to_lowercase();
    let state = field(["state", "state"])?;
    let is_import = operation.starts_with("import");
    if has_ended(&state, is_import && tries_again) {
        return Some(Job::Ended);
    }
    let node = |name: &str| field([name, name])?.parse().ok();
    let other = |is_mine: bool, names: [&str; 2]| {
        if is_mine {
            Some(myself)
        } else {
            names.into_iter().find_map(node)
        }
    };
    Some(Job::UnderWay(SlotMigration {
        slots: slots(&field(["slot_ranges", "slots"])?, left)?,
        source: other(!is_import, ["source_node", "source"]),
        target: other(is_import, ["target_node", "dest"]),
        state: state.chars().take(STATE_CHARS_MAX).collect(),
    }))
}

/// Whether a job has ended; a state that isn't known counts as under way. A failed import of Redis
/// tries again every second, until it is cancelled.
fn has_ended(state: &str, tries_again: bool) -> bool {
    match state {
        "success" | "completed" | "cancelled" | "canceled" => true,
        "failed" => !tries_again,
        _ => false,
    }
}

/// The slots of a job; none when they can't be read, or are more than are left.
fn slots(text: &str, left: &mut usize) -> Option<SlotSet> {
    let parts = text.split([' ', ',']).filter(|part| !part.is_empty());
    let mut all = SlotSet::new();
    for part in parts {
        let range: SlotRange = part.parse().ok()?;
        *left = left.checked_sub(range.count())?;
        for slot in range.slots() {
            all.insert(slot);
        }
    }
    Some(all)
}

fn text(reply: &Reply) -> Option<String> {
    match reply {
        Reply::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::id;
    use crate::cluster::verb::Refusal;

    fn entry(fields: &[(&str, &str)]) -> Reply {
        let text = |word: &str| Reply::Text(word.as_bytes().to_vec());
        let fields = fields
            .iter()
            .flat_map(|(name, value)| [text(name), text(value)]);
        Reply::List(fields.chain([text("cow_size"), Reply::Int(0)]).collect())
    }

    fn valkey(operation: &str, state: &str) -> Reply {
        entry(&[
            ("name", "5e3c"),
            ("operation", operation),
            ("slot_ranges", "100-102 7"),
            ("target_node", &id('b').to_string()),
            ("source_node", &id('a').to_string()),
            ("state", state),
            ("message", ""),
        ])
    }

    fn redis(operation: &str, state: &str) -> Reply {
        entry(&[
            ("id", "24cf"),
            ("slots", "0-1000"),
            ("source", &id('a').to_string()),
            ("dest", &id('b').to_string()),
            ("operation", operation),
            ("state", state),
            ("last_error", ""),
        ])
    }

    fn read_as(verb: &Verb, jobs: Vec<Reply>) -> SlotMigrations {
        read(Reply::List(jobs), id('a'), verb)
    }

    #[test]
    fn jobs_under_way_are_told_from_those_that_have_ended() {
        let ended = ["success", "failed", "cancelled"].map(|state| valkey("EXPORT", state));
        let mut jobs = ended.to_vec();
        jobs.extend(["snapshotting", "some-new-state"].map(|state| valkey("EXPORT", state)));
        let SlotMigrations::UnderWay(found) = read_as(&Verb::SlotMigrations, jobs) else {
            panic!("known");
        };
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].slots.len(), 4);
        assert_eq!(
            (found[0].source, found[0].target),
            (Some(id('a')), Some(id('b')))
        );
        assert_eq!(found[0].state, "snapshotting");
        assert_eq!(found[1].state, "some-new-state");
    }

    #[test]
    fn a_failed_import_of_redis_tries_again_and_that_of_valkey_has_ended() {
        let count = |verb: &Verb, job: Reply| match read_as(verb, vec![job]) {
            SlotMigrations::UnderWay(jobs) => jobs.len(),
            SlotMigrations::Unknown(why) => panic!("{why}"),
        };
        assert_eq!(count(&Verb::MigrationStatus, redis("import", "failed")), 1);
        assert_eq!(count(&Verb::MigrationStatus, redis("migrate", "failed")), 0);
        assert_eq!(
            count(&Verb::MigrationStatus, redis("import", "canceled")),
            0
        );
        assert_eq!(
            count(&Verb::MigrationStatus, redis("migrate", "send-stream")),
            1
        );
        assert_eq!(count(&Verb::SlotMigrations, valkey("IMPORT", "failed")), 0);
    }

    #[test]
    fn a_server_without_jobs_has_none_and_one_that_refuses_does_not_tell() {
        let refused = |detail: &str| {
            let refusal = Refusal {
                code: "ERR".to_owned(),
                detail: detail.to_owned(),
            };
            read(Reply::Refused(refusal), id('a'), &Verb::SlotMigrations)
        };
        let none = SlotMigrations::UnderWay(Vec::new());
        assert_eq!(
            refused("unknown subcommand 'GETSLOTMIGRATIONS'. Try CLUSTER HELP."),
            none
        );
        assert_eq!(
            refused("Unknown subcommand or wrong number of arguments"),
            none
        );
        assert!(matches!(refused("no"), SlotMigrations::Unknown(_)));
    }

    #[test]
    fn what_no_server_answers_is_not_known() {
        let whole = vec!["0-16383"; 20].join(" ");
        let endless = entry(&[
            ("operation", "EXPORT"),
            ("state", "x"),
            ("slot_ranges", &whole),
        ]);
        for jobs in [
            vec![Reply::Nil],
            vec![Reply::List(Vec::new())],
            vec![entry(&[
                ("operation", "EXPORT"),
                ("state", "x"),
                ("slot_ranges", "9-"),
            ])],
            vec![endless],
        ] {
            let found = read_as(&Verb::SlotMigrations, jobs.clone());
            assert!(matches!(found, SlotMigrations::Unknown(_)), "{jobs:?}");
        }
        for reply in [Reply::Nil, Reply::Int(1), Reply::Text(b"OK".to_vec())] {
            let found = read(reply, id('a'), &Verb::SlotMigrations);
            assert!(matches!(found, SlotMigrations::Unknown(_)));
        }
    }
}
