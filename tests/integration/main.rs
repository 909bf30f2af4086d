//! What a user sees: the binary, run as it is, one file a subject.

#[path = "../servers/mod.rs"]
mod servers;

mod analyze;
mod analyze_schema;
mod check;
mod demo;
mod dump_truth;
mod faults;
mod fixtures;
mod flat_memory;
mod interrupted;
mod keyslot;
mod killed;
mod late_replicas;
mod limits;
mod local_cluster;
mod plan;
mod plan_counts;
mod rdb;
mod readme;
mod rebalance;
mod refusals;
mod resume;
mod saved_tallies;
mod tool;
mod undo;
