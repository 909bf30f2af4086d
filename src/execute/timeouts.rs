//! Decides how long a source may wait for a silent target.
//!
//! While a `MIGRATE` waits its source serves nobody, and its replicas and the other primaries take
//! it for dead after their `cluster-node-timeout`. The limit that a `MIGRATE` is given is one for
//! each step of it: for the connection, for each 64 KB that are written, for each answer. A target
//! that stands still is waited for twice at most, when it is connected to and when it should
//! answer; so usually the limit is an eighth of that time, and what a target that stands still
//! costs is a quarter. One key alone whose target answers in between, a large value, is given a
//! quarter. Small batches of several slots that go in one write share the limit: the source waits
//! once for each.

use super::survey::Survey;

/// The longest that is usual: what is silent for so long stands still, and clients of the source
/// wait as long. A value of 137 MB takes a target 1.4 to 2.0 s (Redis 7.0, loopback).
const USUAL_MAX_MS: u64 = 2_000;
/// The longest for one key.
const LONE_MAX_MS: u64 = 10_000;
/// What `cluster-node-timeout` is taken for where a node doesn't tell it: a third of the server's
/// default.
const NODES_UNKNOWN_MS: u64 = 5_000;

/// How many `MIGRATE`s share the limit at most, and the least that each of them is given.
pub const SHARED_BY_MAX: usize = 4;
const SHARE_LEAST_MS: u64 = 100;

/// How many `MIGRATE`s may share this limit.
pub fn shared_by(timeout_ms: u64) -> usize {
    let many = usize::try_from(timeout_ms / SHARE_LEAST_MS).unwrap_or(usize::MAX);
    many.clamp(1, SHARED_BY_MAX)
}

/// What each of so many `MIGRATE`s in one write is given of this limit.
pub fn share(timeout_ms: u64, many: usize) -> u64 {
    (timeout_ms / many.max(1) as u64).max(1)
}

/// How long a `MIGRATE` of a run with this limit has waited at least when it was broken off.
pub fn least_waited_ms(timeout_ms: u64) -> u64 {
    share(timeout_ms, shared_by(timeout_ms))
}

/// How long a `MIGRATE` waits for a silent target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timeouts {
    /// Usually.
    pub usual_ms: u64,
    /// For one key alone whose `MIGRATE` was broken off, while its target answers.
    pub lone_ms: u64,
    /// The shortest `cluster-node-timeout` of all nodes; none where one of them doesn't tell it.
    pub of_nodes_ms: Option<u64>,
}

impl Timeouts {
    /// What the nodes bear, or else what a person wants.
    pub fn of(survey: &Survey, wanted_ms: Option<u64>) -> Timeouts {
        let told = survey.nodes.values().map(|facts| facts.node_timeout_ms);
        let all: Option<Vec<u64>> = told.collect();
        Timeouts::from(all.and_then(|all| all.into_iter().min()), wanted_ms)
    }

    fn from(of_nodes_ms: Option<u64>, wanted_ms: Option<u64>) -> Timeouts {
        let nodes_ms = of_nodes_ms.unwrap_or(NODES_UNKNOWN_MS);
        let part = |part: u64, most: u64| wanted_ms.unwrap_or((nodes_ms / part).clamp(1, most));
        Timeouts {
            usual_ms: part(8, USUAL_MAX_MS),
            lone_ms: part(4, LONE_MAX_MS),
            of_nodes_ms,
        }
    }

    /// What a person should know of it.
    pub fn warning(&self) -> Option<String> {
        let Some(nodes_ms) = self.of_nodes_ms else {
            return Some(format!(
                "cluster-node-timeout isn't known of every node (CONFIG GET tells it): a MIGRATE waits \
                 {} ms for a silent target (--migrate-timeout-ms)",
                self.usual_ms
            ));
        };
        (self.lone_ms > (nodes_ms / 4).max(1)).then(|| {
            format!(
                "--migrate-timeout-ms {} is more than a quarter of cluster-node-timeout, {nodes_ms} \
                 ms: where a target stands still its source serves nobody for as long, and a replica \
                 may take over from it",
                self.lone_ms
            )
        })
    }
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts::from(None, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::survey;

    #[test]
    fn a_target_that_stands_still_costs_a_quarter_of_the_shortest_node_timeout() {
        let of = |ms: Option<u64>| {
            let survey = survey('b', |facts| facts.node_timeout_ms = ms);
            Timeouts::of(&survey, None)
        };
        let figures = |timeouts: Timeouts| (timeouts.usual_ms, timeouts.lone_ms);
        assert_eq!(figures(of(Some(15_000))), (1_875, 3_750));
        assert_eq!(figures(of(Some(3_000))), (375, 750), "the others have 15 s");
        assert_eq!(figures(of(Some(60_000))), (1_875, 3_750));
        assert_eq!(figures(of(Some(0))), (1, 1));
        assert_eq!(of(Some(3_000)).warning(), None);
        // Not told by one of them.
        assert_eq!(figures(of(None)), (625, 1_250));
        let warning = of(None).warning().expect("told");
        assert!(warning.contains("625 ms"), "{warning}");
        let long = Timeouts::from(Some(3_600_000), None);
        assert_eq!(figures(long), (2_000, 10_000));
    }

    #[test]
    fn together_they_wait_no_longer_than_one() {
        for (timeout_ms, many) in [(1_875, 4), (400, 4), (250, 2), (150, 1), (1, 1)] {
            assert_eq!(shared_by(timeout_ms), many, "{timeout_ms}");
            assert!(share(timeout_ms, many) * many as u64 <= timeout_ms);
            assert_eq!(least_waited_ms(timeout_ms), share(timeout_ms, many));
        }
    }

    #[test]
    fn what_a_person_wants_holds_and_is_told_where_it_is_long() {
        let wanted = |ms| Timeouts::from(Some(4_000), Some(ms));
        assert_eq!(
            (wanted(1_000).usual_ms, wanted(1_000).lone_ms),
            (1_000, 1_000)
        );
        assert_eq!(wanted(1_000).warning(), None);
        let warning = wanted(1_001).warning().expect("told");
        assert!(warning.contains("a quarter of"), "{warning}");
    }
}
