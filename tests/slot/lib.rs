//! The first floor of slotkit, the errors it returns, how these show names, and nothing else.

// What the other floors use of it is used by nobody here.
#![allow(unused_imports, dead_code)]

#[path = "../../src/error.rs"]
pub mod error;
#[path = "../../src/escape.rs"]
pub mod escape;
#[path = "../../src/slot/mod.rs"]
pub mod slot;

pub use error::{Error, ErrorKind, Result};
