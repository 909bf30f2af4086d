use super::testing::{Value, compare, names, pairs, refused};
use super::*;
use std::collections::BTreeMap;

#[test]
fn equal_values_are_the_same_whatever_their_order() {
    let backwards = |mut all: Vec<Vec<u8>>| {
        all.reverse();
        all
    };
    let pairs_backwards = || {
        let mut all = pairs(5_000);
        all.reverse();
        all
    };
    let lives = || Some(BTreeMap::from([(b"name-7".to_vec(), 12_345)]));
    let entries = || (1..5_000).map(|id| (id, b"v".to_vec())).collect::<Vec<_>>();
    for (mine, theirs) in [
        (
            Value::String(vec![7; 5 << 20]),
            Value::String(vec![7; 5 << 20]),
        ),
        (Value::List(names(5_000)), Value::List(names(5_000))),
        (
            Value::Set(names(5_000)),
            Value::Set(backwards(names(5_000))),
        ),
        (
            Value::SortedSet(pairs(5_000)),
            Value::SortedSet(pairs_backwards()),
        ),
        (
            Value::Hash(pairs(5_000), None),
            Value::Hash(pairs_backwards(), None),
        ),
        // A server that doesn't know fields that expire has none.
        (
            Value::Hash(pairs(50), None),
            Value::Hash(pairs(50), Some(BTreeMap::new())),
        ),
        (
            Value::Hash(pairs(50), lives()),
            Value::Hash(pairs(50), lives()),
        ),
        (Value::Stream(entries(), 0), Value::Stream(entries(), 0)),
    ] {
        assert_eq!(compare(&mine, &theirs).0, Compared::Same);
    }
    let score = |text: &[u8]| Value::SortedSet(vec![(b"m".to_vec(), text.to_vec())]);
    assert_eq!(compare(&score(b"3"), &score(b"3.0")).0, Compared::Same);
}

#[test]
fn one_element_makes_the_difference() {
    let mut other_pairs = pairs(5_000);
    other_pairs[4_321].1 = b"2.5".to_vec();
    let mut other_names = names(5_000);
    other_names[4_321] = b"other".to_vec();
    let mut swapped = names(5_000);
    swapped.swap(4_000, 4_001);
    let mut other_bytes = vec![7; 5 << 20];
    other_bytes[5_000_000] = 8;
    let entry = |value: &[u8]| Value::Stream(vec![(1, value.to_vec())], 0);
    let lives = |at| Some(BTreeMap::from([(b"name-7".to_vec(), at)]));
    for (mine, theirs) in [
        (Value::String(vec![7; 5 << 20]), Value::String(other_bytes)),
        (Value::List(names(5_000)), Value::List(swapped)),
        (Value::Set(names(5_000)), Value::Set(other_names)),
        (Value::Set(names(5_000)), Value::Set(names(5_001))),
        (
            Value::SortedSet(pairs(5_000)),
            Value::SortedSet(other_pairs.clone()),
        ),
        (
            Value::Hash(pairs(5_000), None),
            Value::Hash(other_pairs, None),
        ),
        (
            Value::Hash(pairs(50), lives(1)),
            Value::Hash(pairs(50), lives(2)),
        ),
        (
            Value::Hash(pairs(50), None),
            Value::Hash(pairs(50), lives(2)),
        ),
        (entry(b"v"), entry(b"w")),
        (Value::String(b"v".to_vec()), Value::Set(names(1))),
    ] {
        assert_eq!(compare(&mine, &theirs).0, Compared::Different);
    }
}

#[test]
fn what_cannot_be_compared_is_not_called_different() {
    let groups = Value::Stream(vec![(1, b"v".to_vec())], 1);
    let module = Value::Other("ReJSON-RL");
    for value in [groups, module] {
        let (end, _) = compare(&value, &value);
        assert!(matches!(end, Compared::Not(_)), "{end:?}");
    }
    let none = Value::Other("none");
    let set = Value::Set(names(3));
    assert_eq!(compare(&none, &set).0, Compared::Gone(Side::Source));
    assert_eq!(compare(&set, &none).0, Compared::Gone(Side::Target));
    // Forbidden.
    let mut walk = Walk::new(b"k".to_vec(), 1);
    let end = walk.answer(vec![refused("no permissions")]).expect("ends");
    assert!(matches!(end, Compared::Not(_)), "{end:?}");
}

#[test]
fn a_value_that_changes_is_not_called_different() {
    let mut walk = Walk::new(b"k".to_vec(), 1);
    let mut length = 0;
    let end = loop {
        length += 1;
        let mine = Value::Set(names(length));
        let node = match walk.side() {
            Side::Source => mine,
            Side::Target => Value::Set(names(1_000)),
        };
        let replies = walk.ask().iter().map(|verb| node.answer(verb)).collect();
        if let Some(end) = walk.answer(replies) {
            break end;
        }
    };
    assert!(
        matches!(&end, Compared::Not(why) if why.contains("changes")),
        "{end:?}"
    );
    // Once only, and then it is the same.
    let mut walk = Walk::new(b"k".to_vec(), 1);
    let mut changes = 1;
    let end = loop {
        let is_length = matches!(walk.step, Step::Length) && walk.side() == Side::Source;
        let count = 10 + u32::from(is_length && changes > 0);
        changes -= i32::from(is_length);
        let node = Value::Set(names(count));
        let replies = walk.ask().iter().map(|verb| node.answer(verb)).collect();
        if let Some(end) = walk.answer(replies) {
            break end;
        }
    };
    assert_eq!(end, Compared::Same);
}

#[test]
fn chunks_are_bounded_by_bytes() {
    let value = Value::Hash(pairs(5_000), None);
    let (_, rounds) = compare(&value, &value);
    // 10 MiB in 256 KiB at a time: 2,097 bytes an element, 125 at once, and the lives are
    // asked for once.
    assert_eq!(rounds, 4 + 2 * (5_000 / 125) + 2);
}
