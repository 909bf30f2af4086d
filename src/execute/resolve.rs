//! Keys that a stop has named: what both nodes have of them, which side is fresh, and a person's
//! choice.
//!
//! Nothing is deleted that wasn't looked at, on both sides, right before.

use super::Move;
use super::clock::age_at;
use super::mover::{Cause, KeyInDoubt, Opened};
use crate::cluster::verb::{NodeLink, Reply, ServerError, Verb};
use crate::cluster::{LiveCluster, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::named_key;
use serde::Serialize;

/// A key that is undecided, and the move that left it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// From whom to whom its slot was to go, with who took over in the place of who is gone.
    pub task: Move,
    /// The key.
    pub doubtful: KeyInDoubt,
    /// When the slot was opened, and who owned it then, where the journal tells.
    pub opened: Option<Opened>,
}

/// What one node has of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Its type, as `TYPE` names it.
    #[serde(rename = "type")]
    pub kind: String,
    /// How long it lives on, milliseconds; none where it has no end.
    pub ttl_ms: Option<u64>,
    /// What it takes in memory, as the server estimates it.
    pub bytes: Option<u64>,
}

/// What both nodes have of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Both {
    /// What the source has.
    pub source: Option<Seen>,
    /// What the target has.
    pub target: Option<Seen>,
    /// Who owns the slot, as the source believes.
    pub owner: Option<NodeId>,
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Who gives the slot.
    Source,
    /// Who receives it.
    Target,
}

impl Case {
    /// Whether another node has taken over from the source since the slot was opened: it may have
    /// keys again as they were before they moved.
    fn is_source_promoted(&self) -> bool {
        self.opened
            .is_some_and(|opened| opened.source != self.task.source)
    }
}

impl Both {
    /// Whose state of the key is the acknowledged one, where that is known: the source's copy while
    /// it owns the slot, since clients are sent on only for what it doesn't have.
    pub fn fresh(&self, case: &Case) -> Option<Side> {
        let Move { source, target, .. } = case.task;
        match (self.owner, &self.source, &self.target) {
            (Some(owner), ..) if owner == target => Some(Side::Target),
            (Some(owner), Some(_), Some(_)) if owner == source && case.is_source_promoted() => None,
            (Some(owner), Some(_), _) if owner == source => Some(Side::Source),
            _ => None,
        }
    }

    /// Why that is so, for a person: `names` as people call source and target; now, in milliseconds
    /// of Unix time.
    pub fn why(&self, case: &Case, names: &[String; 2], now_ms: u64) -> String {
        let [source, target] = names;
        let is_open = self.owner == Some(case.task.source);
        match (self.fresh(case), &self.source, &self.target) {
            (Some(Side::Target), ..) => {
                format!("{target} owns the slot: clients read and write the key there")
            }
            (Some(Side::Source), _, None) => {
                format!("{source} owns the slot and has the key: clients read and write it there")
            }
            (Some(Side::Source), ..) => format!(
                "{source} owns the slot and has the key: clients read and write it there, and what \
                 {target} has is a copy that a MIGRATE left"
            ),
            (None, Some(_), Some(_)) if is_open => format!(
                "{source} owns the slot, and clients read and write the key there; but it took over \
                 since the slot was opened{}, and may have the key again as it was before it moved: \
                 then what clients have written at {target} meanwhile is newer",
                since(case, now_ms)
            ),
            (None, None, None) => "neither has it any more".to_owned(),
            (None, None, Some(_)) if is_open => format!(
                "{source} owns the slot and doesn't have the key any more: clients are sent on to \
                 {target} for it{}. {}",
                since(case, now_ms),
                what_became(&case.doubtful, target, now_ms)
            ),
            (None, ..) => {
                "the slot is at neither of the two, as far as can be seen: slotkit check says what \
                 is open"
                    .to_owned()
            }
        }
    }
}

/// Since when the slot is open.
fn since(case: &Case, now_ms: u64) -> String {
    let opened_ms = case.opened.and_then(|opened| opened.at_ms);
    let since = opened_ms.map(|at_ms| format!(" (opened {} ago)", age_at(at_ms, now_ms)));
    since.unwrap_or_default()
}

/// What may have become of a key that its source doesn't have any more, and its target has.
fn what_became(doubtful: &KeyInDoubt, target: &str, now_ms: u64) -> String {
    let sent = match doubtful.sent_ms {
        Some(sent_ms) => format!("It was sent {} ago", age_at(sent_ms, now_ms)),
        None => "It was sent".to_owned(),
    };
    let noted = match doubtful.cause {
        Cause::Sent => ", and nobody has heard what came of it",
        Cause::Late => ", and answered so late that another node may have owned the slot by then",
        Cause::Kept => ", and was at its source still after that MIGRATE had failed",
    };
    let moved = match doubtful.cause {
        Cause::Sent | Cause::Late => ", or it had moved after all",
        Cause::Kept => "",
    };
    let became = match doubtful.ends_ms {
        Some(ends_ms) if ends_ms <= now_ms => format!(
            "Its life at the source was to end {} ago: either it has ended, and what {target} has \
             lives too long",
            age_at(ends_ms, now_ms)
        ),
        Some(_) => format!("Either a client deleted it there, and what {target} has is old"),
        None => format!(
            "Either a client deleted it there or its life ended, and what {target} has is old"
        ),
    };
    format!("{sent}{noted}. {became}; or a client has written it anew at {target} since{moved}.")
}

/// Looks at a key on both nodes.
///
/// # Errors
/// When one of them can't be asked, or refuses.
pub fn look<L: NodeLink>(cluster: &mut LiveCluster<L>, case: &Case) -> Result<Both> {
    let Move {
        slot,
        source,
        target,
    } = case.task;
    let owner = cluster.view_of(source)?.map().owner(slot);
    Ok(Both {
        source: seen(cluster, source, &case.doubtful)?,
        target: seen(cluster, target, &case.doubtful)?,
        owner,
    })
}

/// Keeps one side's state of a key, also where that is to have none; whether a copy was deleted for
/// it.
///
/// # Errors
/// When a node can't be asked, or refuses; and when the target's copy is to be kept, which has
/// none.
pub fn keep<L: NodeLink>(cluster: &mut LiveCluster<L>, case: &Case, side: Side) -> Result<bool> {
    let both = look(cluster, case)?;
    let Move { source, target, .. } = case.task;
    let (loser, copy) = match side {
        Side::Source => (target, both.target),
        Side::Target if both.target.is_none() && both.source.is_some() => {
            let key = named_key(&case.doubtful.key);
            let message = format!(
                "key {key} is on {} alone: {} has no copy to keep",
                cluster.name(source),
                cluster.name(target)
            );
            return Err(Error::new(ErrorKind::Unsafe, message).fix("keep source"));
        }
        Side::Target => (source, both.source),
    };
    if copy.is_none() {
        return Ok(false);
    }
    let words = vec![b"DEL".to_vec(), case.doubtful.key.clone()];
    let replies = ask(cluster, loser, case.doubtful.db, &[Verb::Client(words)])?;
    match replies.into_iter().next() {
        Some(Reply::Int(count)) => Ok(count > 0),
        // It has gone meanwhile.
        Some(Reply::Refused(refusal)) if refusal.error() == ServerError::Ask => Ok(false),
        other => Err(odd(cluster, loser, "DEL", other)),
    }
}

fn seen<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    node: NodeId,
    doubtful: &KeyInDoubt,
) -> Result<Option<Seen>> {
    let key = || doubtful.key.clone();
    let asked = [
        Verb::Client(vec![b"TYPE".to_vec(), key()]),
        Verb::Pttl(key()),
        Verb::MemoryUsage {
            key: key(),
            samples: 5,
        },
    ];
    let mut replies = ask(cluster, node, doubtful.db, &asked)?.into_iter();
    let (kind, ttl, bytes) = (replies.next(), replies.next(), replies.next());
    let kind = match kind {
        Some(Reply::Text(kind)) if kind == b"none" => return Ok(None),
        Some(Reply::Text(kind)) => String::from_utf8_lossy(&kind).into_owned(),
        // Its slot is somebody else's by now, or it sends on for what it doesn't have.
        Some(Reply::Refused(refusal))
            if matches!(refusal.error(), ServerError::Ask | ServerError::Moved) =>
        {
            return Ok(None);
        }
        other => return Err(odd(cluster, node, "TYPE", other)),
    };
    let ttl_ms = match ttl {
        Some(Reply::Int(-2)) => return Ok(None),
        Some(Reply::Int(ttl_ms)) => u64::try_from(ttl_ms).ok(),
        other => return Err(odd(cluster, node, "PTTL", other)),
    };
    let bytes = match bytes {
        Some(Reply::Int(bytes)) => u64::try_from(bytes).ok(),
        // Before 4.0, or forbidden.
        _ => None,
    };
    Ok(Some(Seen {
        kind,
        ttl_ms,
        bytes,
    }))
}

/// The answers to verbs in a database, each behind `ASKING`; the link is back at the first database
/// after them.
fn ask<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    node: NodeId,
    db: u32,
    verbs: &[Verb],
) -> Result<Vec<Reply>> {
    let mut all = vec![Verb::Select(db)];
    for verb in verbs {
        all.extend([Verb::Asking, verb.clone()]);
    }
    all.push(Verb::Select(0));
    let mut replies = cluster.round_trip(node, &all)?.into_iter();
    let selected = replies.next().unwrap_or(Reply::Nil);
    let selected = selected.accepted(&all[0]);
    selected.map_err(|error| cluster.blame(node, error))?;
    Ok(replies.skip(1).step_by(2).take(verbs.len()).collect())
}

fn odd<L: NodeLink>(
    cluster: &LiveCluster<L>,
    node: NodeId,
    what: &str,
    reply: Option<Reply>,
) -> Error {
    let said = match reply {
        Some(Reply::Refused(refusal)) => format!("{what} was refused: {refusal}"),
        Some(_) => format!("{what} answered something odd"),
        None => format!("{what} got no answer"),
    };
    cluster.blame(node, Error::new(ErrorKind::Server, said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{id, task};

    fn both(owner: char, source: bool, target: bool) -> Both {
        let seen = || Seen {
            kind: "string".to_owned(),
            ttl_ms: None,
            bytes: Some(9),
        };
        Both {
            source: source.then(seen),
            target: target.then(seen),
            owner: Some(id(owner)),
        }
    }

    fn case(cause: Cause, ends_ms: Option<u64>, opened_by: char) -> Case {
        Case {
            task: task(0, 'a', 'b'),
            doubtful: KeyInDoubt {
                ends_ms,
                sent_ms: Some(40_000),
                ..KeyInDoubt::new(0, b"k".to_vec(), cause)
            },
            opened: Some(Opened {
                source: id(opened_by),
                at_ms: Some(10_000),
            }),
        }
    }

    fn why(both: &Both, case: &Case) -> String {
        both.why(case, &["A", "B"].map(str::to_owned), 50_000)
    }

    #[test]
    fn the_owners_copy_is_fresh_and_where_it_has_none_nobody_knows() {
        let case = case(Cause::Kept, None, 'a');
        let fresh = |owner, source, target| both(owner, source, target).fresh(&case);
        assert_eq!(fresh('a', true, true), Some(Side::Source));
        assert_eq!(fresh('a', true, false), Some(Side::Source));
        assert_eq!(fresh('a', false, true), None);
        assert_eq!(fresh('b', false, true), Some(Side::Target));
        assert_eq!(fresh('c', true, true), None);
        let gone = why(&both('a', false, true), &case);
        for words in [
            "sent on to B for it (opened 40 s ago)",
            "sent 10 s ago",
            "deleted it there",
        ] {
            assert!(gone.contains(words), "{gone}");
        }
        assert!(!gone.contains("had moved"), "{gone}");
    }

    #[test]
    fn what_the_journal_knows_is_told() {
        let gone = both('a', false, true);
        let ended = why(&gone, &case(Cause::Sent, Some(48_000), 'a'));
        for words in [
            "was to end 2 s ago",
            "nobody has heard",
            "anew at B",
            "had moved",
        ] {
            assert!(ended.contains(words), "{ended}");
        }
        assert!(!ended.contains("deleted"), "{ended}");
        let living = why(&gone, &case(Cause::Late, Some(99_000), 'a'));
        assert!(living.contains("a client deleted it"), "{living}");
        assert!(!living.contains("ended"), "{living}");
    }

    /// A replica that was behind has a key again that had moved, and clients have written it since.
    #[test]
    fn of_two_copies_none_is_fresh_where_the_source_took_over() {
        let case = case(Cause::Kept, None, 'c');
        let twins = both('a', true, true);
        assert_eq!(twins.fresh(&case), None);
        let told = why(&twins, &case);
        assert!(told.contains("at B meanwhile is newer"), "{told}");
    }
}
