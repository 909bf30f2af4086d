//! What a user sees: the binary, run as it is, one file a subject.

#[path = "../servers/mod.rs"]
mod servers;

mod analyze;
mod analyze_schema;
mod beside;
mod big_copies;
mod busy;
mod bystanders;
mod cannot_work;
mod check;
mod demo;
mod dump_truth;
mod exit_codes;
mod faults;
mod fixes;
mod fixtures;
mod flat_memory;
mod interrupted;
mod keyslot;
mod killed;
mod late_replicas;
mod library;
mod lies;
mod limits;
mod local_cluster;
mod outputs;
mod plan;
mod plan_counts;
mod promoted;
mod rdb;
mod readme;
mod rebalance;
mod refusals;
mod resume;
mod saved_tallies;
mod script;
mod second_pass;
mod secrets;
mod slow_nodes;
mod stand_ins;
mod tool;
mod undecided;
mod undo;
mod unknown_sizes;
