//! slotkit: slots of Redis Cluster and Valkey Cluster.
//!
//! Eight floors, and imports point down only:
//!
//! | floor | module | what it knows |
//! |---|---|---|
//! | 1 | [`slot`] | slots, hash tags, CRC16 |
//! | 2 | [`cluster`] | nodes, shards, who owns what, links to live nodes |
//! | 3 | [`source`] | where keys come from: dumps, lists, logs |
//! | 4 | [`tally`] | what was counted, per slot and over all |
//! | 5 | [`plan`] | what should move |
//! | 6 | [`execute`] | moving it without losing a key |
//! | 7 | [`report`] | saying it: tables, JSON, CSV, HTML |
//! | 8 | [`cli`] | the command line |

#[cfg(feature = "cli")]
pub mod cli;
pub mod cluster;
pub mod error;
pub mod escape;
pub mod execute;
pub mod masked;
pub mod numbers;
mod output_file;
pub mod plan;
pub mod report;
pub mod slot;
pub mod source;
pub mod tally;

pub use error::{Error, ErrorKind, Result};
