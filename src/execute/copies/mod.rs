//! A key on two nodes: what each has of it, and whether that is the same.

mod values;

pub(super) use values::Kind;

use crate::cluster::verb::{Reply, Verb};

/// How far the lives of two copies of one value may be apart: they are read at two moments, and
/// `MIGRATE` sends what is left of a life, which begins when the target gets to it. On a target that
/// stood still meanwhile that is later (seen on Redis 8.0).
const LIFE_SLACK_MS: u64 = 60_000;
/// What ends within this has ended before anybody could look at it.
const ENDS_NOW_MS: u64 = 1_000;

/// What a key is on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    /// Its value as `DUMP` gives it; nothing where the node doesn't have the key.
    pub dump: Option<Vec<u8>>,
    /// Its remaining life as `PTTL` gives it, milliseconds; below zero is without end.
    ttl_ms: i64,
}

impl Copy {
    /// What is where nothing is.
    pub const GONE: Copy = Copy {
        dump: None,
        ttl_ms: -2,
    };

    /// Reads the answers to `DUMP` and `PTTL`.
    ///
    /// # Errors
    /// The answer that is neither a value nor nil. `ASK` is no error: the node has the key no more.
    pub fn of(dump: Reply, ttl: Reply) -> Result<Copy, Reply> {
        let is_elsewhere = |reply: &Reply| match reply {
            Reply::Refused(refusal) => refusal.code == "ASK",
            _ => false,
        };
        match (dump, ttl) {
            (dump, ttl) if is_elsewhere(&dump) || is_elsewhere(&ttl) => Ok(Copy::GONE),
            (Reply::Text(dump), Reply::Int(ttl_ms)) => Ok(Copy {
                dump: Some(dump),
                ttl_ms,
            }),
            (Reply::Nil, Reply::Int(_)) => Ok(Copy::GONE),
            (Reply::Text(_) | Reply::Nil, odd) | (odd, _) => Err(odd),
        }
    }

    /// Whether two copies are the same: the dump, and the remaining life.
    pub fn is_same(&self, other: &Copy) -> bool {
        self.dump == other.dump && self.lives_like(other)
    }

    /// The kind of two copies whose dumps differ and whose values may be the same nevertheless.
    pub fn may_be_same(&self, other: &Copy) -> Option<Kind> {
        let (one, another) = (self.dump.as_ref()?, other.dump.as_ref()?);
        let may_be = one != another && self.lives_like(other);
        may_be.then(|| Kind::of_both(one, another))?
    }

    /// Whether it ends by itself before anybody could look at it.
    pub fn expires_now(&self) -> bool {
        u64::try_from(self.ttl_ms).is_ok_and(|left_ms| left_ms <= ENDS_NOW_MS)
    }

    fn lives_like(&self, other: &Copy) -> bool {
        let (one, another) = (self.ttl_ms, other.ttl_ms);
        (one < 0) == (another < 0) && one.abs_diff(another) <= LIFE_SLACK_MS
    }
}

/// Takes in the values of two copies that were read since: one may have gone meanwhile, and two
/// that are the same count as that from here on.
pub(super) fn take_in(kind: Kind, copies: (&mut Copy, &mut Copy), values: (Reply, Reply)) {
    let is_gone = |reply: &Reply| match reply {
        Reply::Nil => true,
        Reply::List(list) => list.is_empty(),
        _ => false,
    };
    match (is_gone(&values.0), is_gone(&values.1)) {
        (false, false) if kind.is_same(values.0, values.1) => {
            copies.1.dump.clone_from(&copies.0.dump);
        }
        (false, false) => {}
        (one, other) => {
            let gone = [(copies.0, one), (copies.1, other)];
            let gone = gone.into_iter().filter(|(_, is_gone)| *is_gone);
            gone.for_each(|(copy, _)| *copy = Copy::GONE);
        }
    }
}

/// `DUMP` and `PTTL` of each key, each behind these verbs.
pub(super) fn questions(keys: &[Vec<u8>], before: &[Verb]) -> Vec<Verb> {
    let mut verbs = Vec::with_capacity(keys.len() * 2 * (1 + before.len()));
    for key in keys {
        for verb in [Verb::Dump(key.clone()), Verb::Pttl(key.clone())] {
            verbs.extend(before.iter().cloned());
            verbs.push(verb);
        }
    }
    verbs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::verb::Refusal;

    fn copy(dump: &str, ttl_ms: i64) -> Copy {
        let dump = Reply::Text(dump.as_bytes().to_vec());
        Copy::of(dump, Reply::Int(ttl_ms)).expect("a copy")
    }

    fn refused(code: &str) -> Reply {
        Reply::Refused(Refusal {
            code: code.to_owned(),
            detail: String::new(),
        })
    }

    #[test]
    fn a_minute_of_life_makes_no_difference() {
        assert!(copy("x", 5_000).is_same(&copy("x", 65_000)));
        assert!(!copy("x", 5_000).is_same(&copy("x", 65_001)));
        assert!(!copy("x", 5_000).is_same(&copy("y", 5_000)));
        // One that never ends isn't one that is about to.
        assert!(!copy("x", -1).is_same(&copy("x", 0)));
        assert!(copy("x", 0).expires_now() && copy("x", 1_000).expires_now());
        assert!(!copy("x", 1_001).expires_now() && !copy("x", -1).expires_now());
    }

    #[test]
    fn values_are_read_only_where_the_dumps_alone_differ() {
        let (one, other) = ("\u{4}one", "\u{4}other");
        assert_eq!(
            copy(one, -1).may_be_same(&copy(other, -1)),
            Some(Kind::Hash)
        );
        assert_eq!(copy(one, -1).may_be_same(&copy(one, -1)), None);
        assert_eq!(copy(one, -1).may_be_same(&copy(other, 99_000)), None);
        assert_eq!(copy(one, -1).may_be_same(&Copy::GONE), None);
    }

    #[test]
    fn a_key_that_is_elsewhere_is_gone_and_what_is_odd_is_told() {
        let nothing = Copy::of(Reply::Nil, Reply::Int(-2));
        assert_eq!(nothing, Ok(Copy::GONE));
        assert_eq!(Copy::of(refused("ASK"), Reply::Int(-1)), Ok(Copy::GONE));
        assert_eq!(Copy::of(Reply::Nil, refused("ASK")), Ok(Copy::GONE));
        let moved = refused("MOVED");
        assert_eq!(Copy::of(moved.clone(), Reply::Int(-1)), Err(moved.clone()));
        assert_eq!(Copy::of(Reply::Nil, moved.clone()), Err(moved));
        assert_eq!(Copy::of(Reply::Int(1), Reply::Int(1)), Err(Reply::Int(1)));
    }
}
