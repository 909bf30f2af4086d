//! Replicas: who follows whom in fact, what to do where one doesn't, and who may take over.

use super::table;
use super::words::{name, told};
use crate::cluster::{NodeId, Role};
use crate::execute::survey::{NodeFacts, Survey};
use crate::numbers::counted_text;
use std::collections::BTreeSet;

/// A replica that hasn't heard of its primary for so long isn't one at this time: primaries send
/// something every ten seconds at least (`repl-ping-replica-period`).
const SILENT_S: u64 = 60;

/// What is wrong with a replica that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It doesn't receive what its primary does.
    NotFollowing(Lack),
    /// It is far behind, by so many bytes or seconds.
    Behind(String),
    /// It doesn't tell.
    Unknown,
}

/// Why a replica doesn't follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It is being sent the data, or is about to be.
    Syncing,
    /// There is no link.
    Link,
    /// There is no link, and it couldn't log in.
    Login,
    /// It says that there is a link, and its primary says otherwise.
    Detached,
}

impl Lack {
    /// What is seen of it, as the end of a sentence about the replica.
    pub fn words(self, survey: &Survey, id: NodeId) -> String {
        let facts = survey.nodes.get(&id);
        let following = facts.and_then(|facts| facts.replication.following());
        match (self, following) {
            (Lack::Syncing, Some(following)) if following.is_syncing != Some(true) => {
                "is to be sent its primary's data".to_owned()
            }
            (Lack::Syncing, _) => "is being sent its primary's data".to_owned(),
            (Lack::Link | Lack::Login, Some(following)) if following.has_received_nothing() => {
                "has no link to it and never received its keys".to_owned()
            }
            (Lack::Link | Lack::Login, Some(following)) => match following.down_s {
                Some(down_s) => format!("has had no link to it for {down_s} s"),
                None => "has no link to it".to_owned(),
            },
            (Lack::Link | Lack::Login, None) => "has no link to it".to_owned(),
            (Lack::Detached, _) => {
                "says that it follows, and its primary has no such replica or other data".to_owned()
            }
        }
    }
}

/// What the user says of replicas.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// How far behind is too far.
    pub max_lag_bytes: u64,
    /// Whether the cluster has a password: a replica without `masterauth` has no link then.
    pub has_password: bool,
}

/// What is wrong with a replica, if anything: by its own word, and by its primary's.
pub fn trouble(survey: &Survey, id: NodeId, wanted: Wanted) -> Option<Trouble> {
    let facts = survey.nodes.get(&id)?;
    let primary = primary_of(survey, id);
    let Some(following) = facts.replication.following() else {
        // `CLUSTER NODES` has it for a replica, and `INFO` for a primary, or nothing.
        return Some(match facts.replication.role {
            Some(_) => Trouble::NotFollowing(Lack::Detached),
            None => Trouble::Unknown,
        });
    };
    let theirs = primary.and_then(|primary| survey.nodes.get(&primary));
    let is_awaited = theirs.is_some_and(|theirs| theirs.replication.is_to_send_to(facts.addr.port));
    let has_no_login = wanted.has_password && following.has_masterauth == Some(false);
    match (following.is_syncing, following.is_up) {
        (_, Some(false)) if has_no_login => return Some(Trouble::NotFollowing(Lack::Login)),
        (Some(true), _) => return Some(Trouble::NotFollowing(Lack::Syncing)),
        (_, Some(false)) if is_awaited => return Some(Trouble::NotFollowing(Lack::Syncing)),
        (_, Some(false)) => return Some(Trouble::NotFollowing(Lack::Link)),
        (_, None) => return Some(Trouble::Unknown),
        (_, Some(true)) => {}
    }
    if theirs.is_some_and(|theirs| is_denied(facts, theirs)) {
        return Some(Trouble::NotFollowing(Lack::Detached));
    }
    if let Some(heard_s) = following.heard_s.filter(|heard_s| *heard_s > SILENT_S) {
        return Some(Trouble::Behind(format!(
            "hasn't heard of its primary for {heard_s} s"
        )));
    }
    let offset = theirs.and_then(|theirs| theirs.replication.offset);
    let behind = offset
        .zip(following.offset)
        .map(|(offset, received)| offset.saturating_sub(received));
    match behind {
        Some(bytes) if bytes > wanted.max_lag_bytes => Some(Trouble::Behind(format!(
            "is {bytes} bytes behind its primary"
        ))),
        Some(_) => None,
        // Nobody to compare with.
        None if theirs.is_none() => None,
        None => Some(Trouble::Unknown),
    }
}

/// Whether a primary's word is that this one doesn't follow it: it has no replica, or its data is
/// of another history.
fn is_denied(replica: &NodeFacts, primary: &NodeFacts) -> bool {
    let histories = replica
        .replication
        .history
        .as_ref()
        .zip(primary.replication.history.as_ref());
    histories.is_some_and(|(mine, theirs)| mine != theirs)
        || primary.replication.has_online_replica() == Some(false)
}

/// Whether a node has a replica that follows it: one says so that can be asked, or one that can't
/// be asked is in step by the primary's word.
pub fn has_follower(survey: &Survey, id: NodeId, wanted: Wanted) -> bool {
    let follows = |replica: NodeId| {
        if survey.nodes.contains_key(&replica) {
            !matches!(
                trouble(survey, replica, wanted),
                Some(Trouble::NotFollowing(_) | Trouble::Unknown)
            )
        } else {
            let facts = survey.nodes.get(&id);
            facts.and_then(|facts| facts.replication.has_online_replica()) == Some(true)
        }
    };
    of(survey, id).any(follows)
}

/// The replicas of a node: by their own word, or by others' where they can't be asked.
pub fn of(survey: &Survey, id: NodeId) -> impl Iterator<Item = NodeId> {
    let views = survey.nodes.values().map(|facts| &facts.view);
    let known: BTreeSet<NodeId> = views
        .flat_map(|view| view.nodes())
        .map(|node| node.id)
        .collect();
    known
        .into_iter()
        .filter(move |one| primary_of(survey, *one) == Some(id))
}

fn primary_of(survey: &Survey, id: NodeId) -> Option<NodeId> {
    let own = survey.nodes.get(&id).and_then(|facts| facts.view.node(id));
    let said = own.or_else(|| told(survey, id).map(|(_, node)| node).next());
    match said?.role {
        Role::Replica { primary } => primary,
        Role::Primary => None,
    }
}

/// What to do about a replica that doesn't follow.
pub fn not_following(survey: &Survey, id: NodeId, lack: Lack) -> String {
    let facts = &survey.nodes[&id];
    let primary = primary_of(survey, id);
    let is_absent = primary.is_none_or(|primary| !survey.nodes.contains_key(&primary));
    let primary = primary.map_or_else(|| "its primary".to_owned(), |primary| name(survey, primary));
    let fix = match lack {
        Lack::Syncing => table::REPLICA_SYNCING,
        Lack::Login if !is_absent => table::REPLICA_WITHOUT_LOGIN,
        _ if is_absent => table::REPLICA_OF_THE_DEAD,
        Lack::Detached => table::REPLICA_DETACHED,
        Lack::Link | Lack::Login => table::REPLICA_WITHOUT_LINK,
    };
    fix.say(&[("primary", &primary), ("save", &save(facts))])
}

/// A replica that gets its link back throws away what it has. That may be more than its primary
/// has: an old primary that came back behind a promoted replica which had nothing is one.
fn save(facts: &NodeFacts) -> String {
    match facts.keys {
        0 => String::new(),
        keys => format!(
            "it has {}, which it throws away when it follows: if its primary may lack any of \
             them, first BGSAVE there and copy its dump away; then ",
            counted_text(keys, "key")
        ),
    }
}

/// A replica of a node that can't be reached, and what it has of it.
pub enum Candidate {
    /// It has received what the primary had until it lost it, as far as its links tell.
    InStep {
        /// Who.
        replica: NodeId,
        /// Since when it is without a link, in words.
        state: String,
    },
    /// It never had anything.
    WithNothing {
        /// Who.
        replica: NodeId,
    },
}

/// The replica that should take over from a node that can't be reached: of those with data the
/// one that has received most.
pub fn candidate(survey: &Survey, id: NodeId) -> Option<Candidate> {
    let reached = of(survey, id).filter_map(|replica| {
        let facts = survey.nodes.get(&replica)?;
        Some((replica, facts.replication.following()?))
    });
    let reached: Vec<_> = reached.collect();
    let with_data = reached.iter().filter(|(_, following)| {
        following.offset.is_some()
            && !following.has_received_nothing()
            && following.is_syncing != Some(true)
    });
    if let Some((replica, following)) = with_data.max_by_key(|(_, following)| following.offset) {
        let state = match following.down_s {
            Some(down_s) => format!("with its keys of {down_s} s ago"),
            None => "with its keys as it last heard them".to_owned(),
        };
        return Some(Candidate::InStep {
            replica: *replica,
            state,
        });
    }
    let (replica, _) = reached
        .iter()
        .find(|(_, following)| following.has_received_nothing())?;
    Some(Candidate::WithNothing { replica: *replica })
}
