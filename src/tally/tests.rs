//! A tally is the same however its keys were divided.

use super::*;
use crate::slot::ListFormat;
use crate::source::KeyFacts;
use crate::source::{self, KeyBatch, KeySource};
use proptest::prelude::*;
use sample::{BY_BYTES, BY_KEYS};

fn facts(size_bytes: u64) -> KeyFacts {
    KeyFacts {
        size_bytes: Some(size_bytes),
        kind: KeyKind::String,
        ..KeyFacts::UNKNOWN
    }
}

fn add(tally: &mut Tally, key: &[u8], size_bytes: u64, place: u64) {
    let facts = facts(size_bytes);
    tally.add(KeyRecord { key, facts }, Slot::for_key(key), place);
}

/// Everything that a report can show.
pub(super) fn shown(tally: &Tally) -> String {
    let used: Vec<Slot> = Slot::all()
        .filter(|slot| tally.slot(*slot).keys > 0)
        .collect();
    let slots: Vec<_> = used
        .iter()
        .map(|slot| (slot, tally.slot(*slot), tally.biggest_key(*slot)))
        .collect();
    let hot = &used[..used.len().min(50)];
    format!(
        "{slots:?} {:?} {:?} {} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        tally.kinds().collect::<Vec<_>>(),
        tally.databases().collect::<Vec<_>>(),
        tally.unsized_keys(),
        tally.encodings().collect::<Vec<_>>(),
        tally.key_lengths().collect::<Vec<_>>(),
        tally.sizes().collect::<Vec<_>>(),
        tally.expiries(),
        tally.prefixes(),
        tally
            .operations()
            .map(|operations| (operations.commands(), operations.sorted())),
        tally.operation_causes(hot),
        tally.causes(hot, Weight::Keys),
        tally.causes(hot, Weight::Bytes),
    )
}

proptest! {
    // A tally is a megabyte: a few cases go a long way.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_division_in_any_order_gives_the_same(
        keys in proptest::collection::vec(("[ab:{}]{0,5}", 0u64..100, 0usize..4), 0..200),
    ) {
        let mut whole = Tally::new();
        let mut parts = vec![Tally::new(); 4];
        for (place, (key, size, part)) in keys.iter().enumerate() {
            add(&mut whole, key.as_bytes(), *size, place as u64);
            add(&mut parts[*part], key.as_bytes(), *size, place as u64);
        }
        let merged = |order: [usize; 4]| {
            let mut all = Tally::new();
            order.into_iter().for_each(|part| all.merge(parts[part].clone()));
            shown(&all)
        };
        let truth = shown(&whole);
        prop_assert_eq!(&merged([0, 1, 2, 3]), &truth);
        prop_assert_eq!(&merged([3, 1, 0, 2]), &truth);
    }
}

/// Many keys: one tag in ten of them, more tags than are counted exactly.
fn many() -> impl Iterator<Item = (String, u64, u64)> {
    (0..50_000u64).map(|number| {
        let tag = if number % 10 == 0 {
            "hot".to_owned()
        } else {
            format!("t{number}")
        };
        (format!("{{{tag}}}:{number}"), 1 + number % 97, number)
    })
}

#[test]
fn samples_are_full_and_the_same_in_any_division() {
    let mut whole = Tally::new();
    let mut parts = [Tally::new(), Tally::new(), Tally::new()];
    for (key, size, place) in many() {
        add(&mut whole, key.as_bytes(), size, place);
        // Uneven: the first part alone has more than a sample holds.
        add(
            &mut parts[(place % 10 / 8) as usize + usize::from(place > 45_000)],
            key.as_bytes(),
            size,
            place,
        );
    }
    let [first, second, third] = parts;
    let mut merged = third;
    merged.merge(first);
    merged.merge(second);
    assert!(shown(&merged) == shown(&whole));
    assert_eq!(whole.samples.by_keys.kept().len(), BY_KEYS);
    assert_eq!(whole.samples.by_bytes().1.count(), BY_BYTES - 1);
}

#[test]
fn estimates_are_within_their_bounds() {
    let mut tally = Tally::new();
    let mut bytes = 0;
    for (key, size, place) in many() {
        bytes += size;
        add(&mut tally, key.as_bytes(), size, place);
    }
    let (is_complete, sampled) = tally.samples.by_bytes();
    let estimate: u64 = sampled.map(|(_, stands_for)| stands_for).sum();
    assert!(!is_complete);
    assert!(
        estimate.abs_diff(bytes) < bytes / 50,
        "{estimate} for {bytes}"
    );
    for weight in [Weight::Keys, Weight::Bytes] {
        match &tally.causes(&[Slot::for_key(b"hot")], weight)[..] {
            [Cause::HashTag { name, share }] => {
                assert_eq!(&**name, b"hot");
                assert!(
                    share.error > 0.0 && (share.value - 0.9995).abs() <= share.error,
                    "{share:?}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_cause_is_a_key_a_tag_a_prefix_or_nothing() {
    let mut tally = Tally::new();
    let cause =
        |tally: &Tally, key: &[u8], weight| tally.causes(&[Slot::for_key(key)], weight).remove(0);
    // One key in a slot of its own.
    add(&mut tally, b"alone", 10, 0);
    assert!(matches!(
        cause(&tally, b"alone", Weight::Keys),
        Cause::Key { .. }
    ));
    // A tag with many keys, one of which has most bytes.
    for place in 1..100u64 {
        let size = if place == 50 { 10_000 } else { 10 };
        add(
            &mut tally,
            format!("{{tag}}{place}").as_bytes(),
            size,
            place,
        );
    }
    assert!(matches!(
        cause(&tally, b"tag", Weight::Keys),
        Cause::HashTag { .. }
    ));
    assert!(matches!(
        cause(&tally, b"tag", Weight::Bytes),
        Cause::Key { .. }
    ));
    // Keys of one slot without a tag: a prefix is a cause only where others don't have it.
    let same_slot = |prefix: &'static str| {
        let slot = Slot::for_key(b"x");
        (0..)
            .map(move |number| format!("{prefix}{number}"))
            .filter(move |key| Slot::for_key(key.as_bytes()) == slot)
    };
    for (place, key) in (100..).zip(same_slot("rare:").take(5)) {
        add(&mut tally, key.as_bytes(), 10, place);
    }
    assert!(
        matches!(cause(&tally, b"x", Weight::Keys), Cause::Prefix { name, .. } if &*name == b"rare:")
    );
    for (place, number) in (200..).zip(0..300) {
        add(
            &mut tally,
            format!("rare:elsewhere:{number}").as_bytes(),
            10,
            place,
        );
    }
    assert_eq!(
        cause(&tally, b"x", Weight::Keys),
        Cause::ManyKeys { sampled: None }
    );
}

#[test]
fn a_slot_of_one_key_has_it_as_its_cause() {
    let mut tally = Tally::new();
    let facts = KeyFacts::UNKNOWN;
    let key = b"list:{tag}:1";
    tally.add(KeyRecord { key, facts }, Slot::for_key(key), 0);
    add(&mut tally, b"user:1", 10, 1);
    let slots = [Slot::for_key(key), Slot::for_key(b"user:1")];
    let causes = tally.causes(&slots, Weight::Keys);
    let share = Share {
        value: 1.0,
        error: 0.0,
    };
    let [of_list, of_dump] = [None, Some(KeptName::whole(b"user:1"))];
    let expected = [of_list, of_dump].map(|name| Cause::Key { name, share });
    assert_eq!(causes, expected);
}

#[test]
fn a_tag_of_several_keys_is_a_cause_before_a_part_of_them() {
    let cause = |keys: &[(&str, u64)], weight| {
        let mut tally = Tally::new();
        for (place, (key, size)) in (0..).zip(keys) {
            add(&mut tally, key.as_bytes(), *size, place);
        }
        let slot = Slot::for_key(keys[0].0.as_bytes());
        assert_eq!(tally.slot(slot).keys, keys.len() as u64);
        match tally.causes(&[slot], weight).remove(0) {
            Cause::Key { name, .. } => format!("key {:?}", name.map(|name| name.bytes)),
            Cause::HashTag { name, .. } => name.escape_ascii().to_string(),
            Cause::ManyKeys { sampled: None } => "many".to_owned(),
            other => format!("{other:?}"),
        }
    };
    let key = |name: &str| format!("key {:?}", Some(name.as_bytes()));
    // Of two equal keys none is the cause.
    let equal = [("{tag}1", 50), ("{tag}2", 50)];
    assert_eq!(cause(&equal, Weight::Bytes), "tag");
    assert_eq!(cause(&equal, Weight::Keys), "tag");
    let most = [("{tag}1", 70), ("{tag}2", 30)];
    assert_eq!(cause(&most, Weight::Bytes), "tag");
    let nearly_all = [("{tag}1", 95), ("{tag}2", 5)];
    assert_eq!(cause(&nearly_all, Weight::Bytes), key("{tag}1"));
    // A tag of one key is no more than the key.
    let alone = [("{tag}1", 70), ("tag", 30)];
    assert_eq!(cause(&alone, Weight::Bytes), key("{tag}1"));
    assert_eq!(cause(&alone, Weight::Keys), "many");
    // One prefix of one key is no family either.
    assert_eq!(cause(&[("a:{x}", 1), ("b:{x}", 1)], Weight::Keys), "x");
    assert_eq!(cause(&[("a:{x}", 1), ("x", 1)], Weight::Keys), "many");
}

#[test]
fn a_list_counts_as_its_keys_do() {
    // Longer than a piece of the fused pass, tags and blank lines in between, and one long key.
    let mut text = String::new();
    for number in 0..40_000u32 {
        match number % 1000 {
            0 => text.push_str("\r\n\n"),
            1 => text.push_str(&format!(
                "{}{{}}\n",
                "long:".repeat(4000 * (number as usize % 7 / 6))
            )),
            at if at % 9 == 0 => text.push_str(&format!("a:{{tag{}}}:{{x\r\n", number % 777)),
            _ => text.push_str(&format!("user:{number}:name\n")),
        }
    }
    text.push_str("the last one\r");
    for tags in ["", "{a}\n{b}"] {
        let text = format!("{text}{tags}");
        let offset = 1 << 40;
        let mut fast = Tally::new();
        fast.add_list(text.as_bytes(), ListFormat::CRLF_LINES, offset);
        let mut slow = Tally::new();
        for line in text.split_inclusive('\n') {
            let key = line.strip_suffix('\n').unwrap_or(line);
            let key = key.strip_suffix('\r').unwrap_or(key).as_bytes();
            let record = KeyRecord {
                key,
                facts: KeyFacts::UNKNOWN,
            };
            let place = offset + (line.as_ptr() as usize - text.as_ptr() as usize) as u64;
            slow.add(record, Slot::for_key(key), place);
        }
        assert!(shown(&fast) == shown(&slow));
        let tags = |tally: &Tally| tally.heaviest(Family::HashTag, Weight::Keys, 1000);
        assert_eq!(tags(&fast), tags(&slow));
        assert!(!fast.samples.by_keys.is_complete());
    }
}

#[test]
fn a_batch_counts_as_its_keys_do() {
    // More keys than a sample holds; ties of sizes, tags, braces outside of keys.
    let mut text =
        "database,key,type,size,size_readable,element_count,encoding,expiration\n".to_owned();
    for number in 0..70_000u64 {
        let key = match number % 11 {
            0 => format!("a:{{tag{}}}:{{x}}", number % 777),
            1 => "{}{b}".to_owned(),
            _ => format!("user:{number}:name"),
        };
        let size = match number % 13 {
            0..=2 => "4000".to_owned(),
            _ => (number * number % 4001).to_string(),
        };
        let expiry = if number % 5 == 0 {
            "2026-11-23T21:52:29Z"
        } else {
            ""
        };
        let (db, kind) = (
            number / 1000 % 3,
            ["hash", "string", "{odd}"][number as usize % 3],
        );
        text.push_str(&format!(
            "{db},{key},{kind},{size},{{}},1,ziplist,{expiry}\n"
        ));
    }
    for options in [
        source::Options::default(),
        source::Options {
            escape: Some(source::Escape::Print),
            ..source::Options::default()
        },
    ] {
        let reader = std::io::Cursor::new(text.clone());
        let mut source = source::Source::from_reader("keys", reader, &options).expect("it opens");
        let (mut fast, mut slow) = (Tally::new(), Tally::new());
        let mut batch = KeyBatch::new();
        while source.next_batch(&mut batch).expect("it reads") {
            let slots: Vec<Slot> = batch
                .records()
                .map(|record| Slot::for_key(record.key))
                .collect();
            fast.add_batch(&batch, &slots);
            for ((record, slot), place) in batch.records().zip(&slots).zip(batch.places()) {
                slow.add(record, *slot, place);
            }
        }
        assert_eq!(fast.total().keys, 70_000);
        assert!(shown(&fast) == shown(&slow));
        assert_eq!(fast.big_keys(), slow.big_keys());
        for weight in [Weight::Keys, Weight::Bytes] {
            let tags = |tally: &Tally| tally.heaviest(Family::HashTag, weight, 1000);
            assert_eq!(tags(&fast), tags(&slow));
        }
        assert_eq!(fast.samples.by_keys.sorted(), slow.samples.by_keys.sorted());
        assert_eq!(
            fast.samples.by_bytes.sorted(),
            slow.samples.by_bytes.sorted()
        );
        assert!(!fast.samples.by_keys.is_complete() && !fast.samples.by_bytes.is_complete());
    }
}
