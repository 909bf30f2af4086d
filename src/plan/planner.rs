//! Makes a plan for a problem.

use super::fingerprint::{Holding, Topology};
use super::metric::Metric;
use super::model::{Limits, Model, NOBODY};
use super::node::Part;
use super::order::{self, SlotMove};
use super::plan::{Cost, CostMetric, Migration, NodeState, Plan, Remaining};
use super::problem::{Intent, Problem};
use super::{bound, budget, by_hand, notes, runs, solver};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::{Slot, SlotSet};

/// Plans what should move. Pure: the same problem gives the same plan.
///
/// # Errors
/// [`ErrorKind::Usage`] when the problem contradicts itself (an unknown
/// metric, a limit in bytes where none are known, a drained node with a pinned slot, everything drained)
/// or no plan leaves so few runs;
/// [`ErrorKind::Unsafe`] when memory headroom lets no plan reach what must be
/// reached; [`ErrorKind::Input`] when the weights are beyond all reason.
pub fn plan(problem: &Problem) -> Result<Plan> {
    require_bytes(problem)?;
    let model = Model::of(problem)?;
    let (ordered, limits) = match &problem.intent {
        Intent::Balance => balance(problem, &model)?,
        Intent::ByHand(moves) => {
            let at = by_hand::assign(problem, &model, moves)?;
            let ordered = order::order(&model, order::slot_moves(&model, &at));
            (ordered.map_err(|stuck| no_order(problem, &stuck))?, None)
        }
    };
    let chosen = budget::within(&model, problem.budget, ordered);
    let plan = assemble(problem, &model, chosen, limits.as_deref());
    require_runs(problem, &plan)?;
    Ok(plan)
}

/// A limit that isn't kept must not pass for one that is.
fn require_runs(problem: &Problem, plan: &Plan) -> Result<()> {
    let (before, after) = (plan.runs_before(), plan.runs_after());
    let Some(limit) = problem
        .fragmentation
        .max_runs
        .filter(|limit| after > *limit)
    else {
        return Ok(());
    };
    let message = format!(
        "no plan was found that leaves at most {limit} ranges of slots: there are {before}, \
         and the fewest that keep every load where it should be are {after}"
    );
    let fix = match problem.intent {
        Intent::Balance => "allow as many with --max-runs, or a larger --threshold",
        Intent::ByHand(_) => "allow as many with --max-runs, or move other slots",
    };
    Err(Error::new(ErrorKind::Usage, message).fix(fix))
}

/// A limit in bytes that can't be looked at would be broken without a word.
fn require_bytes(problem: &Problem) -> Result<()> {
    let is_limited = problem.budget.max_bytes.is_some() || problem.max_slot_bytes.is_some();
    if !is_limited || problem.weights.knows(Metric::Bytes) {
        return Ok(());
    }
    let known = super::metric::listing(&problem.weights.known());
    let message =
        format!("a limit in bytes needs the bytes of each slot, and the input has {known} only");
    Err(Error::new(ErrorKind::Usage, message)
        .fix("give an input that has them, such as a dump of the keys, or leave the limit out"))
}

fn balance(problem: &Problem, model: &Model) -> Result<(Vec<SlotMove>, Option<Vec<Limits>>)> {
    let mut stuck = Vec::new();
    // When what leaves can't make room in time for what arrives, it isn't counted on.
    for strict in [false, true] {
        let solved = solver::solve(
            model,
            problem.objective.threshold(),
            problem.fragmentation,
            strict,
        );
        require_drained(problem, model, &solved.at)?;
        match order::order(model, order::slot_moves(model, &solved.at)) {
            Ok(ordered) => return Ok((ordered, Some(solved.limits))),
            Err(waiting) => stuck = waiting,
        }
    }
    Err(no_order(problem, &stuck))
}

fn require_drained(problem: &Problem, model: &Model, at: &[u16]) -> Result<()> {
    let stuck = |slot: &usize| at[*slot] != NOBODY && model.nodes[at[*slot] as usize].is_drained;
    let Some(slot) = (0..at.len()).find(stuck) else {
        return Ok(());
    };
    let node = &problem.nodes()[usize::from(at[slot])];
    let bytes = model.bytes[slot];
    let (kind, why) = if Slot::new(slot as u16).is_some_and(|slot| problem.pinned.contains(slot)) {
        (ErrorKind::Usage, "it is pinned".to_owned())
    } else if problem.max_slot_bytes.is_some_and(|limit| bytes > limit) {
        (
            ErrorKind::Usage,
            format!("it takes {bytes} bytes, above the size limit"),
        )
    } else {
        (
            ErrorKind::Unsafe,
            format!("no other primary has room for its {bytes} bytes"),
        )
    };
    let message = format!(
        "{} can't be drained: slot {slot} can't move, {why}",
        node.name()
    );
    Err(Error::new(kind, message))
}

fn no_order(problem: &Problem, stuck: &[SlotMove]) -> Error {
    let first = stuck.first();
    let target = first.map(|slot_move| problem.nodes()[usize::from(slot_move.target)].name());
    let message = format!(
        "{} lacks the memory for what should arrive before other slots leave it",
        target.unwrap_or_default()
    );
    Error::new(ErrorKind::Unsafe, message).fix("raise its maxmemory, or leave it out of the plan")
}

fn assemble(
    problem: &Problem,
    model: &Model,
    chosen: budget::BudgetedMoves,
    limits: Option<&[Limits]>,
) -> Plan {
    let migrations: Vec<Migration> = chosen
        .slot_moves
        .iter()
        .map(|slot_move| migration(problem, *slot_move))
        .collect();
    let mut at = model.home.clone();
    for slot_move in &chosen.slot_moves {
        at[usize::from(slot_move.slot)] = slot_move.target;
    }
    let left: Vec<Migration> = chosen
        .left
        .iter()
        .map(|slot_move| migration(problem, *slot_move))
        .collect();
    let sums = Sums::of(problem, &migrations);
    let lower_bound = match limits {
        Some(limits) => bound::lower_bound(model, limits),
        // What a person asked for is exactly what must move.
        None => sums.in_measure(model.least),
    };
    let remains = Sums::of(problem, &left);
    Plan {
        objective: problem.objective.clone(),
        topology: topology(problem, model),
        before: states(problem, model, &model.home),
        after: states(problem, model, &at),
        cost: Cost {
            slots: sums.slots,
            keys: sums.keys,
            bytes: sums.bytes,
            lower_bound_bytes: (model.least == CostMetric::Bytes).then_some(lower_bound),
            least: model.least,
            lower_bound,
        },
        remaining: (!left.is_empty()).then_some(Remaining {
            slots: remains.slots,
            keys: remains.keys,
            bytes: remains.bytes,
        }),
        notes: notes::notes(problem, model, &at, limits, left.len()),
        migrations,
    }
}

fn migration(problem: &Problem, slot_move: SlotMove) -> Migration {
    let slot = Slot::new(slot_move.slot).expect("the model's slots are slots");
    Migration {
        slot,
        source: problem.nodes()[usize::from(slot_move.source)].id,
        target: problem.nodes()[usize::from(slot_move.target)].id,
        keys: problem.weights.get(Metric::Keys, slot),
        bytes: problem.weights.get(Metric::Bytes, slot),
    }
}

struct Sums {
    slots: u64,
    keys: Option<u64>,
    bytes: Option<u64>,
}

impl Sums {
    fn of(problem: &Problem, migrations: &[Migration]) -> Sums {
        let sum = |metric: Metric| {
            let weights = migrations.iter();
            let sum = weights
                .filter_map(|it| problem.weights.get(metric, it.slot))
                .sum();
            problem.weights.knows(metric).then_some(sum)
        };
        Sums {
            slots: migrations.len() as u64,
            keys: sum(Metric::Keys),
            bytes: sum(Metric::Bytes),
        }
    }

    fn in_measure(&self, least: CostMetric) -> u64 {
        let sum = match least {
            CostMetric::Bytes => self.bytes,
            CostMetric::Keys => self.keys,
            CostMetric::Slots => Some(self.slots),
        };
        sum.unwrap_or(self.slots)
    }
}

fn topology(problem: &Problem, model: &Model) -> Topology {
    let mut slots = vec![SlotSet::new(); problem.nodes().len()];
    for (slot, home) in Slot::all().zip(&model.home) {
        if *home != NOBODY {
            slots[usize::from(*home)].insert(slot);
        }
    }
    let real = problem
        .nodes()
        .iter()
        .zip(slots)
        .filter(|(node, _)| !node.is_invented);
    let holding = real.map(|(node, slots)| Holding {
        id: node.id,
        config_epoch: node.config_epoch,
        slots,
    });
    Topology::new(holding.collect())
}

fn states(problem: &Problem, model: &Model, at: &[u16]) -> Vec<NodeState> {
    let mut owned = vec![Vec::new(); problem.nodes().len()];
    for (slot, node) in Slot::all().zip(at) {
        if *node != NOBODY {
            owned[usize::from(*node)].push(slot);
        }
    }
    let mut runs = vec![0; problem.nodes().len()];
    for (node, _) in runs::runs(at) {
        runs[usize::from(node)] += 1;
    }
    let nodes = problem.nodes().iter().zip(owned).enumerate();
    nodes
        .map(|(index, (node, owned))| {
            let sum = |metric: Metric| {
                let all = owned
                    .iter()
                    .filter_map(|slot| problem.weights.get(metric, *slot));
                problem.weights.knows(metric).then(|| all.sum())
            };
            let load: i64 = owned.iter().map(|slot| model.load[slot.index()]).sum();
            NodeState {
                id: node.id,
                addr: node.addr.clone(),
                slots: owned.len() as u64,
                keys: sum(Metric::Keys),
                bytes: sum(Metric::Bytes),
                load: part(load as u64, model.total as u64),
                fair_load: part(model.nodes[index].capacity, model.total_capacity),
                runs: runs[index],
                is_excluded: node.part == Part::Excluded,
                is_invented: node.is_invented,
            }
        })
        .collect()
}

/// A ratio with nine decimal places, so that the plan file is read back as it was written.
fn part(part: u64, whole: u64) -> f64 {
    const PLACES: u128 = 1_000_000_000;
    let whole = u128::from(whole.max(1));
    let scaled = (u128::from(part) * PLACES + whole / 2) / whole;
    scaled as f64 / PLACES as f64
}
