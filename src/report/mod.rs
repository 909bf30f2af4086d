//! Floor 7: what was planned, as tables and as scripts.

pub mod plan_script;
#[cfg(feature = "cli")]
pub mod plan_table;
