//! RDB files against real servers: what slotkit reads of a file is what the server that loads it says.

mod by_hand;
mod client;
mod cluster_files;
mod damage;
mod dataset;
mod memory;
mod oracle;
mod server;
