//! What a failover leaves of a slot on a node that doesn't own it.
//!
//! Valkey 8 and later replicate `SETSLOT`, so a replica that takes over from a
//! target has the slots open that its primary had, with the keys that came so
//! far. The old target may come back as a primary beside it: a `NODE` that lay
//! in its buffers while it stood still is carried out when it wakes, before it
//! hears of its heir, and with a slot of its own it doesn't turn into a replica
//! (seen on Valkey 9.1). Then one of the two owns the slot, and the other has
//! it open, or has copies of its keys that no client is sent to.
//!
//! The owner's copies count. A stray copy is deleted when the owner has the
//! same; where they differ, or the owner has none, a client may have written
//! either side or deleted one, and only a person can know.
//!
//! ```text
//!  IMPORTING from the owner (holder) ──> List ──> Compare ──> Delete the equal ones ──┐
//!   (so that ASKING reaches the copies)   ▲          │ another: stop, or as told      │
//!                                         └──────────┼────────────────────────────────┘
//!                                     no key left ──> STABLE (holder)
//! ```

use super::Move;
use super::families::Families;
use super::slot_move::OnConflict;
use super::survey::{NodeFacts, Survey};
use crate::cluster::login::Login;
use crate::cluster::verb::{Migrate, NodeLink, Reply, SetSlot, Verb};
use crate::cluster::{LiveCluster, Node, NodeAddr, NodeId, keyspace};
use crate::error::{Error, ErrorKind, Result};
use crate::escape;
use crate::slot::Slot;
use std::collections::BTreeSet;

/// How many keys are listed and compared at once.
const KEYS_AT_ONCE: u32 = 64;
/// How often a listing may bring keys that were to be gone before we stop.
const MAX_STANDSTILLS: u32 = 16;
/// Two clocks read a remaining life at two moments: this much apart counts as the same.
const TTL_SLACK_MS: u64 = 1_000;

/// A slot on a node that neither owns nor receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stray {
    /// Who has it open, or has keys of it.
    pub holder: NodeId,
    /// Who owns it.
    pub owner: NodeId,
    /// The slot.
    pub slot: Slot,
}

/// What becomes of copies that the owner doesn't have as well.
#[derive(Clone, Debug)]
pub struct Manner {
    /// `KeepSource`: the stray copy goes to the owner; `KeepTarget`: it is deleted.
    pub on_conflict: OnConflict,
    /// Where a holder reaches the owner, proven; for `KeepSource` alone.
    pub route: Option<NodeAddr>,
    /// What the holder logs in with there.
    pub login: Option<Login>,
    /// The longest silence between the two.
    pub timeout_ms: u64,
}

/// What was cleared up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Stray copies that the owner has as well, deleted.
    pub copies: u64,
    /// Keys for which the person's wish chose.
    pub conflicts: u64,
}

/// The strays of moves that have ended: what is left of their slots on nodes of the source's and
/// the target's families. What anybody else has open is theirs.
pub fn find(survey: &Survey, families: &Families, ended: &[Move]) -> Vec<Stray> {
    let mut found = BTreeSet::new();
    for task in ended {
        let owns = |(id, facts): &(NodeId, &NodeFacts)| {
            let myself = facts.view.node(*id);
            myself.is_some_and(|node| node.slots.contains(task.slot))
        };
        // Where two claim it, gossip has yet to say who.
        let mut owners = survey.primaries().filter(owns);
        let (Some((owner, _)), None) = (owners.next(), owners.next()) else {
            continue;
        };
        let of_the_families = |id: NodeId| {
            let is_kin = |of: NodeId| families.are_kin(id, of);
            let is_of = id == task.target || is_kin(task.source) || is_kin(task.target);
            is_of || families.is_beside(task.slot, id)
        };
        for (holder, facts) in survey.primaries() {
            if holder == owner
                || !of_the_families(holder)
                || !holds(holder, facts, survey, task.slot)
            {
                continue;
            }
            let slot = task.slot;
            found.insert(Stray {
                holder,
                owner,
                slot,
            });
        }
    }
    found.into_iter().collect()
}

fn holds(id: NodeId, facts: &NodeFacts, survey: &Survey, slot: Slot) -> bool {
    is_open(id, survey, slot) || facts.orphans.contains_key(&slot)
}

fn is_open(id: NodeId, survey: &Survey, slot: Slot) -> bool {
    let node = survey.nodes.get(&id).and_then(|facts| facts.view.node(id));
    let open = node.map_or(&[][..], |node: &Node| &node.open);
    open.iter().any(|open| open.slot() == slot)
}

/// Clears up one stray.
///
/// # Errors
/// [`ErrorKind::Stopped`] at a copy that the owner doesn't have as well, unless a wish says what
/// becomes of it; or when a node can't be asked, or refuses.
pub fn clear<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    stray: Stray,
    manner: &Manner,
) -> Result<Cleared> {
    let Stray { holder, slot, .. } = stray;
    let importing = SetSlot::Importing {
        source: stray.owner,
    };
    set_slot(cluster, holder, slot, importing)?;
    let mut cleared = Cleared::default();
    for db in keyspace::databases(cluster, holder)? {
        clear_database(cluster, stray, db, manner, &mut cleared)?;
    }
    cluster.ask(holder, &Verb::Select(0))?;
    set_slot(cluster, holder, slot, SetSlot::Stable)?;
    Ok(cleared)
}

fn clear_database<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    stray: Stray,
    db: u32,
    manner: &Manner,
    cleared: &mut Cleared,
) -> Result<()> {
    let listing = Verb::KeysInSlot {
        slot: stray.slot,
        limit: KEYS_AT_ONCE,
    };
    let mut before = Vec::new();
    let mut standstills = 0;
    loop {
        let replies = cluster.round_trip(stray.holder, &[Verb::Select(db), listing.clone()])?;
        let keys = reply(replies, 1, &listing)?.byte_strings(&listing)?;
        if keys.is_empty() {
            return Ok(());
        }
        standstills += u32::from(keys == before);
        if standstills > MAX_STANDSTILLS {
            let message = format!(
                "slot {}: {} lists keys that can't be cleared up",
                stray.slot,
                cluster.name(stray.holder)
            );
            return Err(Error::new(ErrorKind::Stopped, message));
        }
        clear_keys(cluster, stray, db, &keys, manner, cleared)?;
        before = keys;
    }
}

/// What a key is on one node: its value as `DUMP` gives it, and its remaining life.
type Copy = (Option<Vec<u8>>, i64);

fn clear_keys<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    stray: Stray,
    db: u32,
    keys: &[Vec<u8>],
    manner: &Manner,
    cleared: &mut Cleared,
) -> Result<()> {
    let mine = copies(cluster, stray.holder, db, keys, &[Verb::Asking])?;
    let theirs = copies(cluster, stray.owner, db, keys, &[])?;
    let (mut dropped, mut sent) = (Vec::new(), Vec::new());
    for ((key, mine), theirs) in keys.iter().zip(&mine).zip(&theirs) {
        match manner.on_conflict {
            // It has expired since it was listed.
            _ if mine.0.is_none() => {}
            _ if is_same(mine, theirs) => {
                cleared.copies += 1;
                dropped.push(key.clone());
            }
            OnConflict::Stop => return Err(conflict(cluster, stray, key, theirs)),
            OnConflict::KeepTarget => {
                cleared.conflicts += 1;
                dropped.push(key.clone());
            }
            OnConflict::KeepSource => {
                cleared.conflicts += 1;
                sent.push(key.clone());
            }
        }
    }
    drop_keys(cluster, stray.holder, db, &dropped)?;
    match sent.is_empty() {
        true => Ok(()),
        false => send_home(cluster, stray, db, sent, manner),
    }
}

/// The values and remaining lives of keys on a node, each question behind these verbs.
fn copies<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    node: NodeId,
    db: u32,
    keys: &[Vec<u8>],
    before: &[Verb],
) -> Result<Vec<Copy>> {
    let mut verbs = vec![Verb::Select(db)];
    for key in keys {
        for verb in [Verb::Dump(key.clone()), Verb::Pttl(key.clone())] {
            verbs.extend(before.iter().cloned());
            verbs.push(verb);
        }
    }
    verbs.push(Verb::Select(0));
    let replies = cluster.round_trip(node, &verbs)?;
    let answers = verbs.iter().zip(replies);
    let answers = answers.filter(|(verb, _)| matches!(verb, Verb::Dump(_) | Verb::Pttl(_)));
    let answers: Vec<Reply> = answers
        .map(|(verb, reply)| reply.accepted(verb))
        .collect::<Result<_>>()
        .map_err(|error| cluster.blame(node, error))?;
    let pairs = answers.chunks_exact(2).map(|pair| match pair {
        [Reply::Text(value), Reply::Int(ttl)] => (Some(value.clone()), *ttl),
        _ => (None, -2),
    });
    Ok(pairs.collect())
}

fn is_same((mine, my_ttl): &Copy, (theirs, their_ttl): &Copy) -> bool {
    let lives = (*my_ttl < 0) == (*their_ttl < 0);
    mine == theirs && lives && my_ttl.abs_diff(*their_ttl) <= TTL_SLACK_MS
}

fn drop_keys<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    holder: NodeId,
    db: u32,
    keys: &[Vec<u8>],
) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut verbs = vec![Verb::Select(db)];
    for key in keys {
        verbs.push(Verb::Asking);
        verbs.push(Verb::Client(vec![b"DEL".to_vec(), key.clone()]));
    }
    verbs.push(Verb::Select(0));
    let replies = cluster.round_trip(holder, &verbs)?;
    for (verb, reply) in verbs.iter().zip(replies) {
        let accepted = reply.accepted(verb);
        accepted.map_err(|error| cluster.blame(holder, error))?;
    }
    Ok(())
}

fn send_home<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    stray: Stray,
    db: u32,
    keys: Vec<Vec<u8>>,
    manner: &Manner,
) -> Result<()> {
    let target = manner.route.clone().ok_or_else(|| {
        let message = format!("slot {}: no proven route to its owner", stray.slot);
        Error::new(ErrorKind::Unsafe, message)
    })?;
    let verb = Verb::Migrate(Migrate {
        target,
        db,
        timeout_ms: manner.timeout_ms,
        login: manner.login.clone(),
        replace: true,
        keys,
    });
    let replies = cluster.round_trip(stray.holder, &[Verb::Select(db), verb.clone()])?;
    let sent = reply(replies, 1, &verb)?.accepted(&verb).map(drop);
    sent.map_err(|error| {
        cluster
            .blame(stray.holder, error)
            .of_kind(ErrorKind::Stopped)
    })
}

fn set_slot<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    node: NodeId,
    slot: Slot,
    state: SetSlot,
) -> Result<()> {
    let verb = Verb::SetSlot { slot, state };
    let accepted = cluster.ask(node, &verb)?.accepted(&verb).map(drop);
    accepted.map_err(|error| {
        let error = cluster.blame(node, error).context(format!("slot {slot}"));
        error.of_kind(ErrorKind::Stopped)
    })
}

fn reply(replies: Vec<Reply>, place: usize, verb: &Verb) -> Result<Reply> {
    replies.into_iter().nth(place).ok_or_else(|| {
        let message = format!("{} got no answer", verb.name());
        Error::new(ErrorKind::Server, message)
    })
}

fn conflict<L: NodeLink>(
    cluster: &LiveCluster<L>,
    stray: Stray,
    key: &[u8],
    theirs: &Copy,
) -> Error {
    let (holder, owner) = (cluster.name(stray.holder), cluster.name(stray.owner));
    let what = match theirs.0 {
        Some(_) => "with another value or life",
        None => "and no longer, or never, on its owner",
    };
    let message = format!(
        "slot {}: key `{}` is on {holder}, which doesn't own the slot, {what} ({owner})",
        stray.slot,
        escape::key_line(key)
    );
    Error::new(ErrorKind::Stopped, message).mend(format!(
        "look at both (GET, after ASKING on {holder}), then resume with --on-conflict keep-target \
         to keep what the owner has, or keep-source to keep the other"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{facts, facts_with, id, survey, task};

    /// Slot 0 went from `a` to `b`; `c` was a replica of `b`, took over, and `b` came back.
    fn kin() -> Families {
        [(id('b'), id('c'))].into_iter().collect()
    }

    /// `b` owns slot 0, and `c` has this open.
    fn after(open: &'static str) -> Survey {
        let mut survey = survey('a', |_| {});
        for node in ['a', 'b', 'c'] {
            let facts = facts_with(node, |about, line| {
                let line = line.replace(" 0-5460", " 1-5460");
                match about {
                    'b' => format!("{line} 0"),
                    'c' if node == 'c' => format!("{line}{open}"),
                    _ => line,
                }
            });
            survey.nodes.insert(id(node), facts);
        }
        survey
    }

    fn stray() -> Stray {
        Stray {
            holder: id('c'),
            owner: id('b'),
            slot: task(0, 'a', 'b').slot,
        }
    }

    #[test]
    fn an_heir_that_still_has_the_slot_open_is_found() {
        let open = format!(" [0-<-{}]", id('a')).leak();
        let found = find(&after(open), &kin(), &[task(0, 'a', 'b')]);
        assert_eq!(found, [stray()]);
        assert_eq!(find(&after(""), &kin(), &[task(0, 'a', 'b')]), []);
    }

    #[test]
    fn an_heir_with_keys_of_the_slot_is_found() {
        let mut survey = after("");
        if let Some(facts) = survey.nodes.get_mut(&id('c')) {
            facts.orphans.insert(stray().slot, 3);
        }
        assert_eq!(find(&survey, &kin(), &[task(0, 'a', 'b')]), [stray()]);
    }

    #[test]
    fn what_a_stranger_has_open_is_left_alone() {
        let open = format!(" [0-<-{}]", id('b')).leak();
        let strangers = Families::default();
        assert_eq!(find(&after(open), &strangers, &[task(0, 'a', 'b')]), []);
    }

    #[test]
    fn a_slot_with_no_owner_or_two_has_no_strays() {
        let open = format!(" [0-<-{}]", id('a')).leak();
        let mut survey = after(open);
        survey.nodes.insert(id('b'), facts('b'));
        assert_eq!(find(&survey, &kin(), &[task(0, 'a', 'b')]), []);
        let mut survey = after(open);
        survey.nodes.insert(id('a'), facts('a'));
        assert_eq!(find(&survey, &kin(), &[task(0, 'a', 'b')]), []);
    }
}
