//! Slots without an owner, with several, and keys where no client is sent.

use super::table::{self, Fix};
use super::words::{RANGE_COMMANDS, listed, meet_words, name, slots_command, told, unassigned};
use crate::cluster::{LinkState, NodeId, Role};
use crate::execute::movement::Movement;
use crate::execute::survey::Survey;
use crate::slot::{Slot, SlotSet};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of slots that somebody knows no owner of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Uncovered {
    /// A node says that they are its own.
    Owned(NodeId),
    /// Somebody believes that they are this node's, which can't be reached.
    OwnerAbsent(NodeId),
    /// This node can't be reached, and may have their keys.
    SomebodyAbsent(NodeId),
    /// This replica doesn't follow its primary, and has keys of its own.
    Detached(NodeId),
    /// These have keys of them; nobody where nobody has.
    Held(BTreeSet<NodeId>),
}

/// What is known of a slot that somebody knows no owner of.
pub fn uncovered(survey: &Survey, slot: Slot) -> Uncovered {
    if let Some(owner) = claims(survey, slot).first() {
        return Uncovered::Owned(*owner);
    }
    let is_absent = |id: &NodeId| !survey.nodes.contains_key(id);
    let believed = survey
        .nodes
        .values()
        .filter_map(|facts| facts.view.map().owner(slot));
    if let Some(owner) = believed.filter(|id| is_absent(id)).min() {
        return Uncovered::OwnerAbsent(owner);
    }
    let mut absent = survey.unreachable.keys();
    if let Some(id) = absent.find(|id| !is_a_copy(survey, **id)) {
        return Uncovered::SomebodyAbsent(*id);
    }
    if let Some(id) = detached(survey) {
        return Uncovered::Detached(id);
    }
    let has_keys = |id: &NodeId| {
        let facts = &survey.nodes[id];
        facts.orphaned.contains_key(&slot) || facts.arrived.contains_key(&slot)
    };
    Uncovered::Held(
        survey
            .primaries()
            .map(|(id, _)| id)
            .filter(has_keys)
            .collect(),
    )
}

/// Whether an absent node is, for all who tell, the replica of one that can be asked: what it has
/// is there too.
fn is_a_copy(survey: &Survey, id: NodeId) -> bool {
    let mut lines = told(survey, id).peekable();
    let follows = |primary: NodeId| survey.nodes.contains_key(&primary);
    lines.peek().is_some()
        && lines.all(|(_, node)| match node.role {
            Role::Replica { primary } => primary.is_some_and(follows),
            Role::Primary => false,
        })
}

/// A replica that has keys and no link: they may be nowhere else.
fn detached(survey: &Survey) -> Option<NodeId> {
    let mut nodes = survey.nodes.iter();
    let is_detached = |facts: &crate::execute::survey::NodeFacts| {
        let following = facts.replication.following();
        facts.keys > 0 && following.is_some_and(|following| following.is_up == Some(false))
    };
    nodes
        .find(|(_, facts)| is_detached(facts))
        .map(|(id, _)| *id)
}

/// Who says that a slot is its own, by id.
pub fn claims(survey: &Survey, slot: Slot) -> Claim {
    let claims = survey.primaries().filter(|(id, facts)| {
        let myself = facts.view.node(*id);
        myself.is_some_and(|node| node.slots.contains(slot))
    });
    claims.map(|(id, _)| id).collect()
}

/// The nodes that say that a slot is their own.
pub type Claim = BTreeSet<NodeId>;

impl Uncovered {
    /// What to do about these slots, of which this observer knows no owner.
    pub fn fix(&self, survey: &Survey, observer: NodeId, slots: &SlotSet) -> String {
        let name = |id: &NodeId| name(survey, *id);
        match self {
            Uncovered::Owned(owner) => {
                let known = survey
                    .nodes
                    .get(&observer)
                    .and_then(|facts| facts.view.node(*owner));
                let is_met = known.is_some_and(|node| node.link == LinkState::Connected);
                let (observer, meet) = (name(&observer), meet_words(survey, *owner));
                let fix = if is_met {
                    table::OWNED_AND_KNOWN
                } else {
                    table::OWNED_BY_A_STRANGER
                };
                fix.say(&[
                    ("owner", &name(owner)),
                    ("observer", &observer),
                    ("meet", &meet),
                ])
            }
            Uncovered::OwnerAbsent(id) => table::OWNER_ABSENT.say(&[("owner", &name(id))]),
            Uncovered::SomebodyAbsent(id) => table::SOMEBODY_ABSENT.say(&[("node", &name(id))]),
            Uncovered::Detached(id) => table::REPLICA_MAY_HAVE.say(&[("node", &name(id))]),
            Uncovered::Held(holders) => held(survey, holders, slots),
        }
    }
}

fn held(survey: &Survey, holders: &BTreeSet<NodeId>, slots: &SlotSet) -> String {
    let mut by_keys: Vec<(u64, NodeId)> = holders
        .iter()
        .map(|id| (keys_of(survey, *id, slots), *id))
        .collect();
    by_keys.sort_unstable();
    match by_keys.as_slice() {
        [] => {
            let Some(node) = receiver(survey, slots) else {
                return table::HELD_BY_NOBODY.when.to_owned();
            };
            given_to(survey, node, 0, slots, &table::HELD_BY_NOBODY)
        }
        [(keys, node)] => given_to(survey, *node, *keys, slots, &table::HELD_BY_ONE),
        [(_, giver), (_, taker), rest @ ..] => {
            let names: Vec<String> = by_keys.iter().map(|(_, id)| name(survey, *id)).collect();
            let more = if rest.is_empty() {
                ""
            } else {
                "; check again after that: the others' keys are next"
            };
            table::HELD_BY_SEVERAL.say(&[
                ("nodes", &listed(&names)),
                ("giver", &name(survey, *giver)),
                ("giver_id", &giver.to_string()),
                ("taker", &name(survey, *taker)),
                ("commands", &commands(survey, *giver, slots)),
                ("more", more),
            ])
        }
    }
}

fn given_to(survey: &Survey, node: NodeId, keys: u64, slots: &SlotSet, fix: &Fix) -> String {
    let closed = closing(survey, node, slots);
    let first = if closed.is_empty() {
        String::new()
    } else {
        format!(
            " (first CLUSTER SETSLOT N STABLE for each slot N that is open at {}, which has no key of them)",
            listed(&closed)
        )
    };
    fix.say(&[
        ("node", &name(survey, node)),
        ("keys", &keys.to_string()),
        ("first", &first),
        ("commands", &commands(survey, node, slots)),
    ])
}

/// Who has one of these slots open but for the node that gets them: gossip doesn't tell it of the
/// owner of a slot that it imports.
fn closing(survey: &Survey, receiver: NodeId, slots: &SlotSet) -> Vec<String> {
    let others = survey.primaries().filter(|(id, _)| *id != receiver);
    let open = others.filter(|(id, facts)| {
        let myself = facts.view.node(*id);
        myself.is_some_and(|node| node.open.iter().any(|open| slots.contains(open.slot())))
    });
    open.map(|(_, facts)| facts.addr.to_string()).collect()
}

fn keys_of(survey: &Survey, id: NodeId, slots: &SlotSet) -> u64 {
    let Some(facts) = survey.nodes.get(&id) else {
        return 0;
    };
    let held: BTreeMap<_, _> = facts.orphaned.iter().chain(&facts.arrived).collect();
    let of_these = held.into_iter().filter(|(slot, _)| slots.contains(**slot));
    of_these.fold(0, |sum, (_, keys)| sum.saturating_add(*keys))
}

/// A primary that may be given slots that nobody has keys of: one that has slots already, and
/// that has them open or that others take for their owner, if there is one.
fn receiver(survey: &Survey, slots: &SlotSet) -> Option<NodeId> {
    let myself = |id: NodeId| survey.nodes[&id].view.node(id);
    let has_open = |id: NodeId| {
        myself(id).is_some_and(|node| node.open.iter().any(|open| slots.contains(open.slot())))
    };
    let serves = |id: NodeId| myself(id).is_some_and(|node| !node.slots.is_empty());
    let others_name = |id: NodeId| {
        let others = survey.primaries().filter(|(other, _)| *other != id);
        let named =
            others.flat_map(|(_, facts)| slots.iter().map(|slot| facts.view.map().owner(slot)));
        named.filter(|owner| *owner == Some(id)).count()
    };
    let primaries = survey.primaries().map(|(id, _)| id);
    primaries.max_by_key(|id| {
        let reverse = std::cmp::Reverse(*id);
        (has_open(*id), others_name(*id), serves(*id), reverse)
    })
}

/// What makes these slots a node's own. Where it takes somebody else for their owner, who says
/// otherwise, it lets go of that first; where others do, a new epoch convinces them.
fn commands(survey: &Survey, node: NodeId, slots: &SlotSet) -> String {
    let facts = &survey.nodes[&node];
    let takes_ranges = facts.version.redis >= RANGE_COMMANDS;
    let owned: SlotSet = slots
        .iter()
        .filter(|slot| facts.view.map().owner(*slot).is_some())
        .collect();
    let mut all = Vec::new();
    if !owned.is_empty() {
        all.push(slots_command("DELSLOTS", &owned, takes_ranges));
    }
    all.push(slots_command("ADDSLOTS", slots, takes_ranges));
    let believes = |facts: &crate::execute::survey::NodeFacts| {
        slots
            .iter()
            .any(|slot| facts.view.map().owner(slot).is_some())
    };
    if survey.nodes.values().any(believes) {
        all.push("CLUSTER BUMPEPOCH".to_owned());
    }
    all.join(", then ")
}

/// What to do about slots of which two nodes name different owners, and that these claim.
pub fn disagreement(survey: &Survey, claimants: &Claim) -> String {
    let names: Vec<String> = claimants.iter().map(|id| name(survey, *id)).collect();
    let absent = survey
        .unreachable
        .keys()
        .find(|id| !is_a_copy(survey, **id));
    match (names.as_slice(), absent) {
        ([_, _, ..], _) => table::CLAIMED_BY_SEVERAL.say(&[("nodes", &names.join(" and "))]),
        (_, Some(id)) => table::CLAIMED_WITH_ABSENT.say(&[("node", &name(survey, *id))]),
        ([owner], None) => table::CLAIMED_BY_ONE.say(&[("owner", owner)]),
        ([], None) => table::CLAIMED_BY_NOBODY.say(&[]),
    }
}

/// What to do about an open slot at whose other end this node is.
pub fn open_slot(survey: &Survey, other: NodeId, is_own: bool, movement: &Movement) -> String {
    if !survey.nodes.contains_key(&other) {
        let how = if is_own { "" } else { " --from-cluster" };
        return table::OPEN_TO_ABSENT.say(&[("node", &name(survey, other)), ("how", how)]);
    }
    match (is_own, movement) {
        (_, Movement::Seen(_)) => table::OPEN_AND_MOVING.say(&[]),
        (true, _) => table::OPEN_OWN.say(&[]),
        (false, Movement::Still(time)) => {
            let seconds = time.as_secs().to_string();
            table::OPEN_AND_STILL.say(&[("seconds", &seconds)])
        }
        (false, Movement::NotLooked) => table::OPEN_ELSEWHERE.say(&[]),
    }
}

/// What to do about keys of these slots at a node that doesn't own them.
pub fn orphaned(survey: &Survey, node: NodeId, slots: &SlotSet) -> String {
    let is_served = |slot: Slot| !claims(survey, slot).is_empty();
    let fix = if slots.iter().all(is_served) {
        table::ORPHANED_TO_BRING
    } else {
        table::ORPHANED_TO_KEEP
    };
    fix.say(&[("node", &name(survey, node))])
}

/// The slots that each primary knows no owner of, by what is known of them, each with who says so.
pub fn uncovered_slots(survey: &Survey) -> BTreeMap<Uncovered, (SlotSet, BTreeSet<NodeId>)> {
    let mut found: BTreeMap<Uncovered, (SlotSet, BTreeSet<NodeId>)> = BTreeMap::new();
    let mut known: BTreeMap<Slot, Uncovered> = BTreeMap::new();
    for (id, facts) in survey.primaries() {
        for slot in unassigned(&facts.view).iter() {
            let state = known.entry(slot).or_insert_with(|| uncovered(survey, slot));
            let (slots, observers) = found.entry(state.clone()).or_default();
            slots.insert(slot);
            observers.insert(id);
        }
    }
    found
}

/// The slots that no node says are its own, though every primary names an owner: each that is named
/// is there, and denies it, so that clients are sent to and fro.
///
/// What is open is on its way. Where one that is named is a replica, a failover may be under way,
/// and where it can't be reached, more is said of it elsewhere. The nodes are asked one after the
/// other: a slot that was handed over in between looks so too.
pub fn denied(survey: &Survey) -> SlotSet {
    let mut known = SlotSet::new();
    for (id, facts) in survey.primaries() {
        if let Some(myself) = facts.view.node(id) {
            known.join(&myself.slots);
            known.extend(myself.open.iter().map(|open| open.slot()));
        }
    }
    let is_primary = |id: NodeId| survey.primaries().any(|(primary, _)| primary == id);
    let is_denied = |slot: &Slot| {
        let mut views = survey.primaries().map(|(_, facts)| &facts.view);
        views.all(|view| view.map().owner(*slot).is_some_and(is_primary))
    };
    let unknown = Slot::all().filter(|slot| !known.contains(*slot));
    unknown.filter(is_denied).collect()
}

/// These slots, of which every primary knows an owner, by what is known of them.
pub fn by_state(survey: &Survey, slots: &SlotSet) -> BTreeMap<Uncovered, SlotSet> {
    let mut found: BTreeMap<Uncovered, SlotSet> = BTreeMap::new();
    for slot in slots.iter() {
        let of_these = found.entry(uncovered(survey, slot)).or_default();
        of_these.insert(slot);
    }
    found
}
