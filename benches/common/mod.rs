//! What the benches share: the keys, rows around them, and a race between contenders.

// Each bench uses its own part of this.
#![allow(dead_code)]

pub mod keys;
pub mod race;
pub mod rows;
