//! Floor 5: plans which slots should move.
//!
//! A [`Problem`] says who owns what, what each slot weighs and what must hold;
//! [`plan()`] answers with a [`Plan`]: the moves, in order, with what they cost
//! and a bound that no plan can beat. [`check()`] looks at a plan without
//! knowing how it was made. Everything here is pure and deterministic.

mod assignment;
mod blocks;
mod bound;
mod budget;
mod by_hand;
mod check;
mod counts;
mod decimal;
mod decode;
mod document;
mod evict;
mod exact;
mod exchange;
mod file;
mod fingerprint;
mod fit;
mod fragmentation;
mod insert;
mod limits;
mod metric;
mod model;
mod node;
mod notes;
mod objective;
mod order;
#[expect(
    clippy::module_inception,
    reason = "the floor is named after its main type"
)]
mod plan;
mod planner;
mod problem;
mod reduce_cost;
mod reduce_violations;
mod repair;
mod runs;
mod solver;
mod stand_ins;
mod subset;
#[cfg(test)]
mod tests;

pub use check::{Finding, Rule, check};
pub use document::SCHEMA;
pub use file::MAX_PLAN_BYTES;
pub use fingerprint::{Fingerprint, Holding, Topology};
pub use fit::{Fit, fit, fit_but_for};
pub use fragmentation::{ExtraCost, Fragmentation};
pub use metric::{Metric, PerSlot, SlotWeights};
pub use node::{Capacity, Part, PlanNode};
pub use objective::{Objective, Threshold};
pub use plan::{Cost, CostMetric, Migration, NodeState, Note, NoteKind, Plan, Remaining};
pub use planner::plan;
pub use problem::{Budget, HandMove, Intent, Problem};
pub use stand_ins::stand_ins;
