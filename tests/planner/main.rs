//! The planner from outside: seeded problems, held against bounds and exact answers.

mod exact;
mod file;
mod fingerprint;
mod instances;
mod quality;
