//! Compares a key on two nodes: what each has of it, and whether that is the same.
//!
//! What a key weighs is asked first: a big value is never dumped, which would hold its server up
//! and take as much memory here, but compared element by element.

mod values;
mod walk;

pub(super) use values::Kind;
pub(super) use walk::{Compared, Side, Walk};

use crate::cluster::verb::{Reply, ServerError, Verb};

/// From here on a value is big, bytes of memory.
const BIG_BYTES: u64 = 256 * 1024;
/// How many elements of a collection are looked at to weigh it.
const WEIGH_SAMPLES: u32 = 5;

/// How far the lives of two copies of one value may be apart: they are read at two moments, and
/// `MIGRATE` sends what is left of a life, which begins when the target gets to it. On a target
/// that stood still meanwhile that is later (seen on Redis 8.0).
const LIFE_SLACK_MS: u64 = 60_000;
/// What ends within this has ended before anybody could look at it.
const ENDS_NOW_MS: u64 = 1_000;

/// What a key is on one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Copy {
    /// Its value as `DUMP` gives it; nothing where the node doesn't have the key.
    pub dump: Option<Vec<u8>>,
    /// Its remaining life as `PTTL` gives it, milliseconds; below zero is without end.
    ttl_ms: i64,
    /// Whether it is too big to be dumped: the dump is empty, and says nothing.
    is_big: bool,
}

/// How it can be found out whether two copies are the same, where their dumps don't tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Both values are small and of one kind: they are read whole.
    Read(Kind),
    /// Element by element; they take about so many bytes.
    Walk { bytes: u64 },
}

impl Copy {
    /// What is where nothing is.
    pub const GONE: Copy = Copy {
        dump: None,
        ttl_ms: -2,
        is_big: false,
    };

    /// Reads the answers to `DUMP`, or to `TYPE` of a big value, and to `PTTL`.
    ///
    /// # Errors
    /// The answer that is neither a value nor nil. `ASK` is no error: the node has the key no more.
    pub fn of(dump: Reply, ttl: Reply, weight: u64) -> Result<Copy, Reply> {
        let is_big = is_big(weight);
        let dump = match dump {
            Reply::Text(name) if is_big && name == b"none" => Reply::Nil,
            Reply::Text(_) if is_big => Reply::Text(Vec::new()),
            dump => dump,
        };
        let is_elsewhere = |reply: &Reply| match reply {
            Reply::Refused(refusal) => refusal.error() == ServerError::Ask,
            _ => false,
        };
        match (dump, ttl) {
            (dump, ttl) if is_elsewhere(&dump) || is_elsewhere(&ttl) => Ok(Copy::GONE),
            (Reply::Text(dump), Reply::Int(ttl_ms)) => Ok(Copy {
                dump: Some(dump),
                ttl_ms,
                is_big,
            }),
            (Reply::Nil, Reply::Int(_)) => Ok(Copy::GONE),
            (Reply::Text(_) | Reply::Nil, odd) | (odd, _) => Err(odd),
        }
    }

    /// Whether two copies are the same: the dump, and the remaining life.
    pub fn is_same(&self, other: &Copy) -> bool {
        let is_told = !self.is_big && !other.is_big;
        is_told && self.dump == other.dump && self.lives_like(other)
    }

    /// What tells of two copies whose dumps don't whether their values are the same.
    pub fn doubt(&self, other: &Copy, weight: u64) -> Option<Comparison> {
        let (one, another) = (self.dump.as_ref()?, other.dump.as_ref()?);
        if self.is_same(other) || !self.lives_like(other) {
            return None;
        }
        let kind = Kind::of_both(one, another);
        // A dump may be packed.
        let dumped = one.len().max(another.len()) as u64;
        let bytes = weight.max(dumped.saturating_mul(4));
        Some(kind.map_or(Comparison::Walk { bytes }, Comparison::Read))
    }

    /// Whether it ends by itself before anybody could look at it.
    pub fn expires_now(&self) -> bool {
        self.left_ms().is_some_and(|left_ms| left_ms <= ENDS_NOW_MS)
    }

    /// How long it lives on; none without end.
    pub fn left_ms(&self) -> Option<u64> {
        u64::try_from(self.ttl_ms).ok()
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

/// Takes in what came of a comparison; why two copies couldn't be compared.
pub(super) fn settle(compared: Compared, copies: (&mut Copy, &mut Copy)) -> Option<String> {
    match compared {
        Compared::Same => {
            (copies.0.is_big, copies.1.is_big) = (false, false);
            copies.1.dump.clone_from(&copies.0.dump);
        }
        Compared::Different => {}
        Compared::Gone(Side::Source) => *copies.0 = Copy::GONE,
        Compared::Gone(Side::Target) => *copies.1 = Copy::GONE,
        Compared::Not(why) => return Some(why),
    }
    None
}

/// What each key takes in memory, each question behind these verbs.
pub(super) fn weigh(keys: &[Vec<u8>], before: &[Verb]) -> Vec<Verb> {
    let each = keys.iter().flat_map(|key| {
        let verb = Verb::MemoryUsage {
            key: key.clone(),
            samples: WEIGH_SAMPLES,
        };
        before.iter().cloned().chain([verb])
    });
    each.collect()
}

/// The answer to that; 0 where the key isn't there, and where the server doesn't tell (before 4.0,
/// or forbidden): then it is dumped, whatever it takes.
pub(super) fn weight(reply: &Reply) -> u64 {
    match reply {
        Reply::Int(bytes) => u64::try_from(*bytes).unwrap_or(0),
        _ => 0,
    }
}

fn is_big(weight: u64) -> bool {
    weight > BIG_BYTES
}

/// `DUMP` and `PTTL` of each key, or `TYPE` and `PTTL` of a big one, each behind these verbs.
pub(super) fn questions(keys: &[Vec<u8>], weights: &[u64], before: &[Verb]) -> Vec<Verb> {
    let mut verbs = Vec::with_capacity(keys.len() * 2 * (1 + before.len()));
    for (place, key) in keys.iter().enumerate() {
        let value = if is_big(weights.get(place).copied().unwrap_or(0)) {
            Verb::Client(vec![b"TYPE".to_vec(), key.clone()])
        } else {
            Verb::Dump(key.clone())
        };
        for verb in [value, Verb::Pttl(key.clone())] {
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
        Copy::of(dump, Reply::Int(ttl_ms), 0).expect("a copy")
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
        let doubt = |one: Copy, other: Copy| one.doubt(&other, 0);
        let read = Some(Comparison::Read(Kind::Hash));
        assert_eq!(doubt(copy(one, -1), copy(other, -1)), read);
        assert_eq!(doubt(copy(one, -1), copy(one, -1)), None);
        assert_eq!(doubt(copy(one, -1), copy(other, 99_000)), None);
        assert_eq!(doubt(copy(one, -1), Copy::GONE), None);
        // Another kind, or one that isn't read whole.
        let (stream, module) = ("\u{f}s", "\u{7}m");
        for unread in [stream, module] {
            let found = doubt(copy(unread, -1), copy(other, -1));
            assert!(matches!(found, Some(Comparison::Walk { .. })), "{found:?}");
        }
    }

    #[test]
    fn a_big_value_is_never_dumped_and_never_the_same_unseen() {
        let keys = [b"small".to_vec(), b"big".to_vec()];
        let asked = questions(&keys, &[BIG_BYTES, BIG_BYTES + 1], &[]);
        let names: Vec<String> = asked.iter().map(Verb::name).collect();
        assert_eq!(names, ["DUMP", "PTTL", "TYPE", "PTTL"]);
        let big = |name: &str| {
            let name = Reply::Text(name.as_bytes().to_vec());
            Copy::of(name, Reply::Int(-1), BIG_BYTES + 1).expect("a copy")
        };
        assert!(!big("hash").is_same(&big("hash")));
        let walk = Comparison::Walk { bytes: 7 };
        assert_eq!(big("hash").doubt(&big("hash"), 7), Some(walk));
        assert_eq!(big("none").dump, None);
        let (mut one, mut other) = (big("hash"), copy("small", -1));
        assert_eq!(settle(Compared::Same, (&mut one, &mut other)), None);
        assert!(one.is_same(&other));
        let why = Compared::Not("why".to_owned());
        let (mut one, mut other) = (big("hash"), big("hash"));
        assert_eq!(settle(why, (&mut one, &mut other)).as_deref(), Some("why"));
        assert!(!one.is_same(&other));
    }

    #[test]
    fn a_key_that_is_elsewhere_is_gone_and_what_is_odd_is_told() {
        let nothing = Copy::of(Reply::Nil, Reply::Int(-2), 0);
        assert_eq!(nothing, Ok(Copy::GONE));
        assert_eq!(Copy::of(refused("ASK"), Reply::Int(-1), 0), Ok(Copy::GONE));
        assert_eq!(Copy::of(Reply::Nil, refused("ASK"), 0), Ok(Copy::GONE));
        let moved = refused("MOVED");
        assert_eq!(
            Copy::of(moved.clone(), Reply::Int(-1), 0),
            Err(moved.clone())
        );
        assert_eq!(Copy::of(Reply::Nil, moved.clone(), 0), Err(moved));
        assert_eq!(
            Copy::of(Reply::Int(1), Reply::Int(1), 0),
            Err(Reply::Int(1))
        );
    }
}
