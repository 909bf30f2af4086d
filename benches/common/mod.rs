//! What the benches share: the keys, and a race between contenders.

// Each bench uses its own part of this.
#![allow(dead_code)]

pub mod keys;
pub mod race;
