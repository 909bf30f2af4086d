//! The formats that inputs have: each with what recognises it and what reads it.

pub(super) mod csv;
pub(super) mod json;
pub(super) mod list;
pub(super) mod monitor;
pub(super) mod rdb;
pub(super) mod rdb_csv;
