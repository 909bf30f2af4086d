//! What a user sees: the binary, run as it is, one file a subject.

mod keyslot;
mod tool;
