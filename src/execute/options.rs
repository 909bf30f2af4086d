//! Defines how slots are moved: what a person may choose, with its defaults in one place.

/// How slots are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MoveOptions {
    /// The longest silence between the two servers of a `MIGRATE`; none is what the nodes bear
    /// ([`super::timeouts`]).
    pub timeout_ms: Option<u64>,
    /// How many keys go into one `MIGRATE`: the source serves nobody else meanwhile.
    pub keys_per_migrate: u32,
    /// The most bytes that go into one `MIGRATE`, as `MEMORY USAGE` estimates them (4.0 and
    /// later); a key above it goes alone. None measures nothing.
    pub bytes_per_migrate: Option<u64>,
    /// How many slots with keys may be open at once, over all nodes, at least one.
    pub slots_at_once: usize,
    /// How many pairs of source and target one node may take part in at once, at least one.
    pub pairs_per_node: usize,
    /// What the user allows.
    pub limits: Limits,
    /// What becomes of a key that both sides have with different values.
    pub on_conflict: OnConflict,
    /// Whether function libraries that a target lacks are copied to it first.
    pub copies_functions: bool,
    /// Keys that take more than this in memory are big.
    pub big_key_bytes: u64,
    /// Whether slots with a big key move too, as the last ones; else they stay where they are.
    pub moves_big_keys: bool,
    /// How many keys go at once to a target that hasn't shown yet that it keeps what it takes.
    pub keys_on_trial: u32,
    /// How long a node may take to come back, or to be replaced by a replica.
    pub failover_wait_ms: u64,
}

impl MoveOptions {
    /// What holds where nobody has chosen.
    pub const DEFAULT: MoveOptions = MoveOptions {
        timeout_ms: None,
        keys_per_migrate: 80,
        bytes_per_migrate: None,
        slots_at_once: 4,
        pairs_per_node: 8,
        limits: Limits {
            keys_per_second: None,
            bytes_per_second: None,
            max_latency_ms: None,
            max_memory_percent: Some(95),
            // A primary drops a replica that is this far behind (`client-output-buffer-limit`, its
            // default for replicas).
            max_replica_lag_bytes: Some(256 << 20),
        },
        on_conflict: OnConflict::Stop,
        copies_functions: false,
        // About a second's standstill of source and target: 137 MB took 4.5 s (Redis 7.0,
        // loopback).
        big_key_bytes: 32 << 20,
        moves_big_keys: false,
        keys_on_trial: 1,
        failover_wait_ms: 60_000,
    };
}

impl MoveOptions {
    /// The same where being done sooner matters more than what clients wait.
    pub const FAST: MoveOptions = MoveOptions {
        slots_at_once: 32,
        keys_per_migrate: 200,
        ..MoveOptions::DEFAULT
    };
}

impl Default for MoveOptions {
    fn default() -> MoveOptions {
        MoveOptions::DEFAULT
    }
}

/// What the user allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Keys a second over all nodes; none is no limit.
    pub keys_per_second: Option<u64>,
    /// Bytes a second over all nodes, as the servers estimate them; none is no limit.
    pub bytes_per_second: Option<u64>,
    /// The longest that one write may hold a node up, and that a client of a node may wait, in
    /// milliseconds; none is no limit.
    pub max_latency_ms: Option<u64>,
    /// How much of its `maxmemory` a node may use that refuses writes beyond it; none is no limit.
    pub max_memory_percent: Option<u32>,
    /// How many bytes a connected replica may be behind its primary; none is no limit.
    pub max_replica_lag_bytes: Option<u64>,
}

/// What becomes of a key that both sides have with different values. Only a person can know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnConflict {
    /// The slot stops, and both copies stay.
    #[default]
    Stop,
    /// The source's copy overwrites the target's.
    KeepSource,
    /// The source's copy is deleted.
    KeepTarget,
}
