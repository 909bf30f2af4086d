//! Floor 7: reports of what was counted, planned or done: tables, JSON, CSV, HTML.

pub mod analysis;
#[cfg(feature = "cli")]
mod chart;
mod csv_guard;
#[cfg(feature = "cli")]
mod html;
pub mod key;
mod memory_csv;
#[cfg(feature = "cli")]
mod page;
pub mod plan_script;
#[cfg(feature = "cli")]
pub mod plan_table;
mod rounding;
#[cfg(feature = "cli")]
mod table;

pub use analysis::Analysis;
pub use memory_csv::{Changed, MemoryCsv};
