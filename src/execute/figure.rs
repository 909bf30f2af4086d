//! What is counted, and decides nothing.

use std::hash::{Hash, Hasher};

/// A figure that is told to people, or measures something, and doesn't decide how a run goes on.
///
/// Two runs that hash alike go on alike: `tests/simulation/` tries what may follow a state once, and
/// knows states by their hash, which is derived, so that no field can be forgotten. A run's figures
/// would tell states apart that go on alike, without end. So their hash is empty, and each that is
/// left out says so by its type. What is read to decide which keys go where must not be one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figure<T>(pub T);

impl<T> Hash for Figure<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::core::Outcome;
    use std::hash::{BuildHasher, RandomState};

    #[test]
    fn a_figure_tells_no_two_runs_apart_and_what_decides_does() {
        let hasher = RandomState::new();
        let number = |outcome: Outcome| hasher.hash_one((outcome, Figure(outcome.keys)));
        let none = Outcome::default();
        let keys = Outcome { keys: 9, ..none };
        assert_eq!(number(keys), number(none));
        let is_stopped = Outcome {
            is_stopped: true,
            ..none
        };
        assert_ne!(number(is_stopped), number(none));
        assert_ne!(number(Outcome { slots: 1, ..none }), number(none));
    }
}
