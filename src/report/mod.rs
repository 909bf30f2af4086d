//! Floor 7: saying what was counted, planned or done: tables, JSON, CSV.

pub mod analysis;
mod csv_guard;
pub mod key;
mod memory_csv;
mod numbers;
#[cfg(feature = "cli")]
mod page;
pub mod plan_script;
#[cfg(feature = "cli")]
pub mod plan_table;
#[cfg(feature = "cli")]
mod table;

pub use analysis::Analysis;
pub use memory_csv::MemoryCsv;
pub use numbers::{bytes_text, count_text};
