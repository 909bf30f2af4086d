//! Each fix followed to the letter, by nothing but what it says, on real servers in the state in
//! which it is said. Afterwards every key is there.

mod letter;
mod nodes;
mod replicas;
mod slots;
