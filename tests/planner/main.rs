//! The planner from outside: seeded problems, held against bounds and exact answers.

mod exact;
mod file;
mod fingerprint;
mod fragmentation;
mod instances;
mod quality;
