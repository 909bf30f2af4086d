//! Plans as JSON: `plan-rebalance --json` and the plan file are the same document.
//!
//! The document has `"schema":1`. A reader refuses another number, and
//! tolerates fields that it doesn't know, since later versions may add some
//! beside the ones of schema 1 without changing what these mean. What is read
//! is checked: slots move once, from who owned them, to a primary that was
//! there; the fingerprint is that of the listed ownership.

use super::fingerprint::{Fingerprint, Holding, Topology};
use super::objective::Objective;
use super::plan::{Cost, CostMetric, Migration, NodeState, Note, NoteKind, Plan, Remaining};
use crate::cluster::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Position, Result};
use crate::slot::{Slot, SlotSet};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::Path;

/// The version of the document that this code writes and reads.
pub const SCHEMA: u64 = 1;

/// A plan for all 16,384 slots and 1,000 nodes takes about 4 MB; more than this is no plan.
pub const MAX_PLAN_BYTES: usize = 64 << 20;

#[derive(Serialize, Deserialize)]
struct PlanJson {
    schema: u64,
    objective: Objective,
    made_from: MadeFromJson,
    can_be_applied: bool,
    before: Vec<NodeJson>,
    after: Vec<NodeJson>,
    cost: CostJson,
    remaining: Option<RemainingJson>,
    notes: Vec<NoteJson>,
    migrations: Vec<MigrationJson>,
}

/// Only the version, to name it when the rest can't be read.
#[derive(Deserialize)]
struct SchemaJson {
    schema: u64,
}

#[derive(Serialize, Deserialize)]
struct MadeFromJson {
    fingerprint: Fingerprint,
    primaries: Vec<Holding>,
}

#[derive(Serialize, Deserialize)]
struct NodeJson {
    id: NodeId,
    addr: Option<String>,
    slots: u64,
    keys: Option<u64>,
    bytes: Option<u64>,
    load: f64,
    fair_load: f64,
    runs: u64,
    excluded: bool,
    invented: bool,
}

#[derive(Serialize, Deserialize)]
struct MigrationJson {
    slot: u16,
    source: NodeId,
    target: NodeId,
    keys: Option<u64>,
    bytes: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct CostJson {
    slots: u64,
    keys: Option<u64>,
    bytes: Option<u64>,
    lower_bound_bytes: Option<u64>,
    least: String,
    lower_bound: u64,
}

#[derive(Serialize, Deserialize)]
struct RemainingJson {
    slots: u64,
    keys: Option<u64>,
    bytes: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct NoteJson {
    kind: String,
    node: Option<NodeId>,
    slot: Option<u16>,
    message: String,
}

impl Plan {
    /// The document: one line a field, ends with a line break; the same plan gives the same bytes.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&PlanJson::from(self))
            .expect("a plan has only strings as keys and finite numbers");
        text.push('\n');
        text
    }

    /// Reads a document; `origin` is what errors call it.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] with line and column when it isn't a plan of [`SCHEMA`], or contradicts itself.
    pub fn from_json(text: &[u8], origin: &str) -> Result<Plan> {
        let place = Position::file(origin);
        let refuse = |message: String| Error::new(ErrorKind::Input, message).at(place.clone());
        if text.len() > MAX_PLAN_BYTES {
            return Err(refuse(format!(
                "expected a plan of at most {MAX_PLAN_BYTES} bytes, found {}",
                text.len()
            )));
        }
        if let Err(error) = std::str::from_utf8(text) {
            return Err(refuse("expected a plan in UTF-8".to_owned())
                .at(place.at_byte(error.valid_up_to() as u64)));
        }
        // The version first: a document of another version may differ in everything else.
        let SchemaJson { schema } =
            serde_json::from_slice(text).map_err(|error| unreadable(&error, origin))?;
        if schema != SCHEMA {
            return Err(refuse(format!(
                "expected a plan of schema {SCHEMA}, found schema {schema}"
            ))
            .mend("plan again with this version of slotkit"));
        }
        let json: PlanJson =
            serde_json::from_slice(text).map_err(|error| unreadable(&error, origin))?;
        Plan::try_from(json)
            .map_err(|(field, message)| refuse(message).at(Position::file(origin).at_field(field)))
    }

    /// Reads a plan file.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], or as [`Plan::from_json`].
    pub fn read(path: impl AsRef<Path>) -> Result<Plan> {
        let path = path.as_ref();
        let file = std::fs::File::open(path).map_err(|error| Error::io(path, error))?;
        let mut text = Vec::new();
        // One byte more than is allowed, so that a longer file is told from one of just that size.
        file.take(MAX_PLAN_BYTES as u64 + 1)
            .read_to_end(&mut text)
            .map_err(|error| Error::io(path, error))?;
        if text.len() > MAX_PLAN_BYTES {
            let message = format!("expected a plan of at most {MAX_PLAN_BYTES} bytes, found more");
            return Err(Error::new(ErrorKind::Input, message).at(Position::file(path)));
        }
        Plan::from_json(&text, &path.display().to_string())
    }

    /// Writes a plan file: beside the place first, then renamed, so that no half of one is ever seen.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let beside = path.with_file_name(name);
        let written = std::fs::File::create_new(&beside).and_then(|mut file| {
            file.write_all(self.to_json().as_bytes())?;
            file.sync_all()
        });
        let renamed = written.and_then(|()| std::fs::rename(&beside, path));
        renamed.map_err(|error| {
            // The plan isn't there either way; what matters is the first error.
            let _ = std::fs::remove_file(&beside);
            Error::io(path, error)
        })
    }
}

fn unreadable(error: &serde_json::Error, origin: &str) -> Error {
    let message = match error.classify() {
        serde_json::error::Category::Eof => "the plan is cut off".to_owned(),
        _ => format!("expected a plan: {error}"),
    };
    let place = Position::file(origin).at_line(error.line() as u64);
    Error::new(ErrorKind::Input, message).at(place)
}

impl From<&Plan> for PlanJson {
    fn from(plan: &Plan) -> PlanJson {
        PlanJson {
            schema: SCHEMA,
            objective: plan.objective.clone(),
            made_from: MadeFromJson {
                fingerprint: plan.made_from(),
                primaries: plan.topology.holdings().to_vec(),
            },
            can_be_applied: plan.can_be_applied(),
            before: plan.before.iter().map(NodeJson::from).collect(),
            after: plan.after.iter().map(NodeJson::from).collect(),
            cost: CostJson {
                slots: plan.cost.slots,
                keys: plan.cost.keys,
                bytes: plan.cost.bytes,
                lower_bound_bytes: plan.cost.lower_bound_bytes,
                least: plan.cost.least.metric().to_string(),
                lower_bound: plan.cost.lower_bound,
            },
            remaining: plan.remaining.map(|remaining| RemainingJson {
                slots: remaining.slots,
                keys: remaining.keys,
                bytes: remaining.bytes,
            }),
            notes: plan.notes.iter().map(NoteJson::from).collect(),
            migrations: plan.migrations.iter().map(MigrationJson::from).collect(),
        }
    }
}

impl From<&NodeState> for NodeJson {
    fn from(node: &NodeState) -> NodeJson {
        NodeJson {
            id: node.id,
            addr: node.addr.as_ref().map(ToString::to_string),
            slots: node.slots,
            keys: node.keys,
            bytes: node.bytes,
            load: node.load,
            fair_load: node.fair_load,
            runs: node.runs,
            excluded: node.is_excluded,
            invented: node.is_invented,
        }
    }
}

impl From<&Migration> for MigrationJson {
    fn from(migration: &Migration) -> MigrationJson {
        MigrationJson {
            slot: migration.slot.number(),
            source: migration.source,
            target: migration.target,
            keys: migration.keys,
            bytes: migration.bytes,
        }
    }
}

impl From<&Note> for NoteJson {
    fn from(note: &Note) -> NoteJson {
        NoteJson {
            kind: note.kind.name().to_owned(),
            node: note.node,
            slot: note.slot.map(Slot::number),
            message: note.message.clone(),
        }
    }
}

/// The field that is wrong, and what is wrong with it.
type Fault = (String, String);

impl TryFrom<PlanJson> for Plan {
    type Error = Fault;

    fn try_from(json: PlanJson) -> Result<Plan, Fault> {
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
                .collect::<Result<_, Fault>>()?,
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
                .collect::<Result<_, Fault>>()?,
        };
        require_topology(&plan, json.made_from.fingerprint)?;
        require_same_nodes(&plan)?;
        require_migrations(&plan)?;
        if json.can_be_applied != plan.can_be_applied() {
            return Err((
                "can_be_applied".to_owned(),
                "contradicts the nodes of the plan".to_owned(),
            ));
        }
        Ok(plan)
    }
}

fn nodes(field: &str, list: Vec<NodeJson>) -> Result<Vec<NodeState>, Fault> {
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

fn migration((index, json): (usize, MigrationJson)) -> Result<Migration, Fault> {
    Ok(Migration {
        slot: slot(json.slot).map_err(|message| (format!("migrations[{index}]"), message))?,
        source: json.source,
        target: json.target,
        keys: json.keys,
        bytes: json.bytes,
    })
}

fn note(json: NoteJson) -> Result<Note, Fault> {
    let fault = |message: String| ("notes".to_owned(), message);
    let kind = NoteKind::ALL
        .into_iter()
        .find(|kind| kind.name() == json.kind)
        .ok_or_else(|| fault(format!("unknown kind `{}`", json.kind.escape_debug())))?;
    Ok(Note {
        kind,
        node: json.node,
        slot: json.slot.map(slot).transpose().map_err(fault)?,
        message: json.message,
    })
}

fn cost(json: CostJson) -> Result<Cost, Fault> {
    let least = [CostMetric::Bytes, CostMetric::Keys, CostMetric::Slots]
        .into_iter()
        .find(|least| least.metric().name() == json.least)
        .ok_or_else(|| {
            let message = format!("unknown measure `{}`", json.least.escape_debug());
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

fn require_topology(plan: &Plan, fingerprint: Fingerprint) -> Result<(), Fault> {
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

fn require_same_nodes(plan: &Plan) -> Result<(), Fault> {
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

fn require_migrations(plan: &Plan) -> Result<(), Fault> {
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
