//! The first floor of slotkit and the errors it returns, and nothing else.

#[path = "../../src/error.rs"]
pub mod error;
#[path = "../../src/slot/mod.rs"]
pub mod slot;

pub use error::{Error, ErrorKind, Result};
