//! Reads a plan's JSON document into a plan, and refuses one that contradicts itself.

use super::document::{CostJson, MigrationJson, NodeJson, NoteJson, PlanJson, RunsJson};
use super::fingerprint::{Fingerprint, Topology};
use super::plan::{Cost, CostMetric, Migration, NodeState, Note, NoteKind, Plan, Remaining};
use crate::cluster::{NodeAddr, NodeId};
use crate::slot::{Slot, SlotSet};

/// The field that is wrong, and what is wrong with it.
type FieldError = (String, String);

impl TryFrom<PlanJson> for Plan {
    type Error = FieldError;

    fn try_from(json: PlanJson) -> Result<Plan, FieldError> {
        let plan = Plan {
            objective: json.objective,
            topology: Topology::new(json.made_from.primaries),
            before: nodes("before", json.before)?,
            after: nodes("after", json.after)?,
            migrations: json
                .migrations
                .into_iter()
                .enumerate()
                .map(migration)
                .collect::<Result<_, FieldError>>()?,
            cost: cost(json.cost)?,
            remaining: json.remaining.map(|remaining| Remaining {
                slots: remaining.slots,
                keys: remaining.keys,
                bytes: remaining.bytes,
            }),
            notes: json
                .notes
                .into_iter()
                .map(note)
                .collect::<Result<_, FieldError>>()?,
        };
        require_topology(&plan, json.made_from.fingerprint)?;
        require_same_nodes(&plan)?;
        require_migrations(&plan)?;
        if json.runs.is_some_and(|runs| runs != RunsJson::from(&plan)) {
            let message = "contradicts the runs of the nodes in before and after".to_owned();
            return Err(("runs".to_owned(), message));
        }
        if json.can_be_applied != plan.can_be_applied() {
            return Err((
                "can_be_applied".to_owned(),
                "contradicts the nodes of the plan".to_owned(),
            ));
        }
        Ok(plan)
    }
}

fn nodes(field: &str, list: Vec<NodeJson>) -> Result<Vec<NodeState>, FieldError> {
    let fault = |index: usize, message: String| (format!("{field}[{index}]"), message);
    let mut states: Vec<NodeState> = Vec::with_capacity(list.len());
    for (index, node) in list.into_iter().enumerate() {
        if states.last().is_some_and(|last| last.id >= node.id) {
            return Err(fault(index, "expected the nodes sorted by id".to_owned()));
        }
        let addr = match node.addr.as_deref().map(str::parse::<NodeAddr>) {
            None => None,
            Some(Ok(addr)) => Some(addr),
            Some(Err(message)) => return Err(fault(index, message)),
        };
        states.push(NodeState {
            id: node.id,
            addr,
            slots: node.slots,
            keys: node.keys,
            bytes: node.bytes,
            load: node.load,
            fair_load: node.fair_load,
            runs: node.runs,
            is_excluded: node.excluded,
            is_invented: node.invented,
        });
    }
    Ok(states)
}

fn slot(number: u16) -> Result<Slot, String> {
    Slot::new(number).ok_or_else(|| format!("expected a slot (0 to {}), found {number}", Slot::MAX))
}

fn migration((index, json): (usize, MigrationJson)) -> Result<Migration, FieldError> {
    Ok(Migration {
        slot: slot(json.slot).map_err(|message| (format!("migrations[{index}]"), message))?,
        source: json.source,
        target: json.target,
        keys: json.keys,
        bytes: json.bytes,
    })
}

fn note(json: NoteJson) -> Result<Note, FieldError> {
    let fault = |message: String| ("notes".to_owned(), message);
    let kind = NoteKind::ALL
        .into_iter()
        .find(|kind| kind.name() == json.kind)
        .ok_or_else(|| {
            fault(format!(
                "unknown kind `{}`",
                crate::escape::quoted(&json.kind)
            ))
        })?;
    Ok(Note {
        kind,
        node: json.node,
        slot: json.slot.map(slot).transpose().map_err(fault)?,
        message: json.message,
    })
}

fn cost(json: CostJson) -> Result<Cost, FieldError> {
    let least = [CostMetric::Bytes, CostMetric::Keys, CostMetric::Slots]
        .into_iter()
        .find(|least| least.metric().name() == json.least)
        .ok_or_else(|| {
            let message = format!("unknown measure `{}`", crate::escape::quoted(&json.least));
            ("cost.least".to_owned(), message)
        })?;
    Ok(Cost {
        slots: json.slots,
        keys: json.keys,
        bytes: json.bytes,
        lower_bound_bytes: json.lower_bound_bytes,
        least,
        lower_bound: json.lower_bound,
    })
}

fn require_topology(plan: &Plan, fingerprint: Fingerprint) -> Result<(), FieldError> {
    let fault = |message: String| Err(("made_from".to_owned(), message));
    let mut taken = SlotSet::new();
    let mut last = None;
    for holding in plan.topology.holdings() {
        if last == Some(holding.id) {
            return fault(format!("node {} is listed twice", holding.id));
        }
        last = Some(holding.id);
        if let Some(slot) = holding.slots.iter().find(|slot| !taken.insert(*slot)) {
            return fault(format!("slot {slot} has two owners"));
        }
    }
    if plan.made_from() != fingerprint {
        return fault("the fingerprint isn't that of the listed primaries".to_owned());
    }
    Ok(())
}

fn require_same_nodes(plan: &Plan) -> Result<(), FieldError> {
    let real = plan.before.iter().filter(|node| !node.is_invented);
    let is_listed = |id: NodeId| {
        let holdings = plan.topology.holdings();
        holdings
            .binary_search_by_key(&id, |holding| holding.id)
            .is_ok()
    };
    if let Some(node) = real.into_iter().find(|node| !is_listed(node.id)) {
        let message = format!("node {} isn't in made_from", node.id);
        return Err(("before".to_owned(), message));
    }
    let ids = |list: &[NodeState]| -> Vec<(NodeId, bool)> {
        list.iter()
            .map(|node| (node.id, node.is_invented))
            .collect()
    };
    if ids(&plan.before) != ids(&plan.after) {
        let message = "expected the same nodes as in before".to_owned();
        return Err(("after".to_owned(), message));
    }
    Ok(())
}

fn require_migrations(plan: &Plan) -> Result<(), FieldError> {
    let owners = plan.topology.owners();
    let mut moved = SlotSet::new();
    for (index, migration) in plan.migrations.iter().enumerate() {
        let Migration {
            slot,
            source,
            target,
            ..
        } = *migration;
        let fault = |message: String| Err((format!("migrations[{index}]"), message));
        if !moved.insert(slot) {
            return fault(format!("slot {slot} moves twice"));
        }
        if source == target {
            return fault(format!("slot {slot} moves from a node to itself"));
        }
        if owners[slot.index()] != Some(source) {
            return fault(format!("slot {slot} isn't owned by its source {source}"));
        }
        if plan.node(target).is_none() {
            return fault(format!("the target {target} isn't among the nodes"));
        }
    }
    Ok(())
}
