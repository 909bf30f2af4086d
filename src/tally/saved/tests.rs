//! Saved tallies are the tallies that were saved, and nothing else is one.

use super::*;
use crate::slot::Slot;
use crate::source::{
    Command, Encoding, Findings, Format, KeyFacts, KeyKind, KeyRecord, RowError, RowErrors,
    Timestamp,
};
use crate::tally::tests::shown;
use crate::tally::{Coverage, Family, InputSummary, SlotCount, Weight};
use proptest::prelude::*;
use std::sync::OnceLock;

fn outcome(keys: impl IntoIterator<Item = (Vec<u8>, Option<u64>)>) -> Outcome {
    let mut tally = Tally::new();
    for (place, (key, size_bytes)) in (0..).zip(keys) {
        let facts = KeyFacts {
            size_bytes,
            kind: KeyKind::ALL[place as usize % KeyKind::ALL.len()],
            expires: place % 3 == 0,
            expires_at: (place % 6 == 0).then(|| Timestamp::from_unix_ms(place << 32)),
            encoding: Encoding::ALL[place as usize % Encoding::ALL.len()],
            db: (place % 5) as u16,
            ..KeyFacts::UNKNOWN
        };
        tally.add(KeyRecord { key: &key, facts }, Slot::for_key(&key), place);
        let command = Some(Command::from_name(
            [&b"get"[..], b"del", b"no"][place as usize % 3],
        ));
        let facts = KeyFacts { command, ..facts };
        tally.add(KeyRecord { key: &key, facts }, Slot::for_key(&key), place);
    }
    let input = InputSummary {
        path: "dump\n\u{fc}.csv".into(),
        format: Format::CSV,
        note: Some("it has no header".into()),
        keys: tally.total().keys,
        operations: 0,
        findings: Findings {
            row_errors: row_errors(),
            ambiguous_keys: 3,
            filtered_keys: 4,
            file_bytes: 900,
            unsized_file_bytes: 30,
            repeated_headers: 0,
            unread_times: 0,
            cut_lines: 0,
            notes: vec!["its keys are odd".to_owned(), "\u{fc}".to_owned()],
        },
        slots: Some(tally.used_slots()),
        tally: None,
    };
    let list = InputSummary {
        note: None,
        findings: Findings::default(),
        slots: None,
        ..input.clone()
    };
    Outcome {
        second_pass: SecondPass::None,
        tally,
        inputs: vec![input, list],
        skipped_files: Vec::new(),
    }
}

/// More rows than are kept, and damage.
fn row_errors() -> RowErrors {
    let row_error = |byte: u64| RowError {
        byte,
        line: (byte > 1).then_some(byte + 1),
        field: (byte > 2).then(|| format!("size {byte}").into()),
        message: format!("expected a row, found `{byte}`"),
    };
    let mut row_errors = RowErrors::default();
    (0..7).for_each(|byte| row_errors.push(row_error(byte)));
    row_errors.end_at(row_error(70));
    row_errors
}

fn small() -> Outcome {
    outcome([
        (b"".to_vec(), Some(1)),
        (b"user:1".to_vec(), Some(90)),
        (b"{tag}:\xff\x00".to_vec(), Some(1 << 40)),
        (b"{tag}:2".to_vec(), None),
        (b"foo{{bar}}zap".to_vec(), Some(0)),
    ])
}

fn small_bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| small().to_bytes().expect("it is small"))
}

fn read(bytes: &[u8]) -> Result<Outcome> {
    Outcome::from_saved(bytes, Path::new("a.tally"))
}

/// Everything that a report can show, and the inputs.
fn all_of(outcome: &Outcome) -> String {
    let mut all = shown(&outcome.tally);
    for family in [Family::HashTag, Family::Prefix] {
        for weight in [Weight::Keys, Weight::Bytes] {
            all += &format!("{:?}", outcome.tally.heaviest(family, weight, 1 << 20));
        }
    }
    all += &format!("{:?}", outcome.tally.big_keys());
    for input in &outcome.inputs {
        let InputSummary {
            path,
            format,
            note,
            keys,
            findings,
            ..
        } = input;
        all += &format!("{path:?} {format} {note:?} {keys} {findings:?}");
    }
    all
}

proptest! {
    // A tally is a megabyte: a few cases go a long way.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_was_saved_is_read(
        keys in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..12), proptest::option::of(0u64..1 << 50)),
            0..300,
        ),
    ) {
        let saved = outcome(keys);
        let bytes = saved.to_bytes().expect("it is small");
        let again = read(&bytes).expect("it is whole");
        prop_assert!(all_of(&again) == all_of(&saved));
        prop_assert!(again.to_bytes().expect("it is small") == bytes);
    }

    #[test]
    fn a_cut_tally_is_refused(cut in any::<prop::sample::Index>()) {
        let bytes = small_bytes();
        let cut = cut.index(bytes.len());
        let error = read(&bytes[..cut]).expect_err("it is cut").one_line();
        prop_assert!(error.starts_with(&format!("a.tally, byte {cut}: the tally is cut off")), "{}", error);
    }

    #[test]
    fn a_flipped_bit_is_refused(place in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bytes = small_bytes().to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        prop_assert!(read(&bytes).is_err());
    }

    /// Whoever alters a tally can also fix its checksum: then it is an error or a tally, never a panic.
    #[test]
    fn a_forged_tally_does_not_panic(
        near in prop_oneof![0usize..200, any::<prop::sample::Index>().prop_map(|index| index.index(1 << 20))],
        from_end in any::<bool>(),
        forged in proptest::collection::vec(prop_oneof![Just(0u8), Just(0xff), any::<u8>()], 1..12),
        is_cut in any::<bool>(),
    ) {
        let bytes = small_bytes();
        let mut body = bytes[HEADER_BYTES..bytes.len() - CHECKSUM_BYTES].to_vec();
        let near = near % body.len();
        let place = if from_end { body.len() - 1 - near } else { near };
        for (byte, forged) in body[place..].iter_mut().zip(&forged) {
            *byte = *forged;
        }
        if is_cut {
            body.truncate(place);
        }
        if let Ok(mut outcome) = read(&sealed(&body)) {
            let twice = outcome.clone();
            outcome.merge(twice);
            prop_assert!(!all_of(&outcome).is_empty());
        }
    }
}

#[test]
fn every_cut_of_the_ends_is_refused() {
    let bytes = small_bytes();
    for cut in (0..300).chain(bytes.len() - 300..bytes.len()) {
        assert!(read(&bytes[..cut]).is_err(), "{cut}");
    }
}

/// Where nothing but the checksum can tell: an input's path, an input's counts, the checksum.
#[test]
fn what_no_other_check_sees_the_checksum_does() {
    let bytes = small_bytes();
    for place in [HEADER_BYTES + 9, HEADER_BYTES + 30, bytes.len() - 1] {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 1;
        let error = read(&bytes).expect_err("it was altered");
        assert!(error.message().contains("its checksum isn't"), "{error}");
    }
}

#[test]
fn absurd_lengths_are_refused_with_their_place() {
    let bytes = small_bytes();
    let refused = |bytes: &[u8]| read(bytes).expect_err("it is absurd").one_line();
    let longer = [bytes, b"x"].concat();
    let error = refused(&longer);
    assert!(
        error.contains(&format!("byte {}: expected the end", bytes.len())),
        "{error}"
    );
    let mut long = bytes.to_vec();
    long[TALLY_MAGIC.len() + 4..HEADER_BYTES].fill(0xff);
    let error = refused(&long);
    assert!(
        error.contains("byte 20: expected a length of at most"),
        "{error}"
    );
    let mut newer = bytes.to_vec();
    newer[TALLY_MAGIC.len()] = 2;
    let error = refused(&newer);
    assert!(
        error.contains(&format!(
            "byte 16: expected a tally of version {VERSION}, found version 2"
        )),
        "{error}"
    );
    // A number of inputs that no memory could hold.
    let error = refused(&sealed(&[0xff; 64]));
    assert!(
        error.contains("byte 28: expected at most 1048576 inputs"),
        "{error}"
    );
}

#[test]
fn counts_that_do_not_belong_together_are_refused() {
    let mut wrong = small();
    let one = SlotCount {
        keys: 1,
        ..SlotCount::default()
    };
    wrong.tally.slots.add_count(Slot::MAX, one);
    let error = read(&sealed(&write::body(&wrong.tally, &wrong.inputs))).expect_err("a key more");
    assert!(
        error.message().contains("types that sum up to the slots"),
        "{error}"
    );
    let mut wrong = small();
    // Of the size of `user:1`, and sorts before it.
    let slot = Slot::for_key(b"user:1");
    wrong.tally.offer_biggest(slot, b"user:0", 90);
    let error = read(&sealed(&write::body(&wrong.tally, &wrong.inputs))).expect_err("a wrong slot");
    assert!(error.message().contains("a key of the slot"), "{error}");
}

#[test]
fn which_slots_were_counted_is_kept() {
    let mut saved = small();
    let used = saved.tally.used_slots();
    saved.tally.covers_only(used.clone());
    let again = read(&saved.to_bytes().expect("it is small")).expect("it is whole");
    assert_eq!(again.tally.coverage(), &Coverage::Chosen(used.clone()));
    saved.merge(small());
    let again = read(&saved.to_bytes().expect("it is small")).expect("it is whole");
    assert_eq!(again.tally.coverage(), saved.tally.coverage());
    saved.tally.covers_only(used.iter().skip(1).collect());
    let error = read(&sealed(&write::body(&saved.tally, &saved.inputs))).expect_err("a slot less");
    assert!(
        error.message().contains("keys of the counted slots only"),
        "{error}"
    );
}

/// The body of a tally in which one piece stands for another.
fn forged(outcome: &Outcome, from: &[u8], to: &[u8]) -> String {
    let mut body = write::body(&outcome.tally, &outcome.inputs);
    let place = memchr::memmem::find(&body, from).expect("it is there");
    body.splice(place..place + from.len(), to.iter().copied());
    let read = read(&sealed(&body)).map(drop);
    read.expect_err("it is forged").one_line()
}

/// A tag, or whatever has a name, with its keys and bytes.
fn named(name: &[u8], keys: u64, bytes: u64) -> Vec<u8> {
    let length = name.len() as u32;
    [
        &length.to_le_bytes()[..],
        name,
        &keys.to_le_bytes(),
        &bytes.to_le_bytes(),
        // Keys without a size.
        &[0; 8],
    ]
    .concat()
}

#[test]
fn names_that_stand_twice_or_in_another_order_are_refused() {
    let tags = outcome([(b"{a}1".to_vec(), Some(5)), (b"{b}1".to_vec(), Some(6))]);
    let [a, b, twice] = [(b"a", 5), (b"b", 6), (b"a", 4)].map(|(tag, size)| named(tag, 1, size));
    let both = [&a[..], &b].concat();
    for to in [[&b[..], &a].concat(), [&a[..], &twice].concat()] {
        let error = forged(&tags, &both, &to);
        assert!(error.contains("expected hash tags by name"), "{error}");
    }
    let database = |number: u8, bytes: u8| {
        let [mut keys, mut sizes] = [[0; 8]; 2];
        (keys[0], sizes[0]) = (1, bytes);
        // None of the keys is without a size.
        [&[number, 0][..], &keys, &sizes, &[0; 8]].concat()
    };
    let both = [database(0, 5), database(1, 6)].concat();
    for to in [
        [database(1, 6), database(0, 5)],
        [database(1, 5), database(1, 6)],
    ] {
        let error = forged(&tags, &both, &to.concat());
        assert!(error.contains("expected databases by number"), "{error}");
    }
}

#[test]
fn tags_that_are_more_than_their_slot_together_are_refused() {
    let slot = Slot::for_key(b"a");
    let other = (0..1 << 20)
        .map(|number: u32| number.to_string().into_bytes())
        .find(|tag| Slot::for_key(tag) == slot)
        .expect("one of many");
    let keys = [&b"a"[..], &other].map(|tag| ([b"{", tag, b"}"].concat(), Some(5)));
    let error = forged(&outcome(keys), &named(b"a", 1, 5), &named(b"a", 2, 5));
    assert!(error.contains("no bigger than their slot"), "{error}");
}

/// What a report would print is a line, not too long, whatever a forged tally has for it.
#[test]
fn texts_that_no_report_has_are_refused() {
    let refused = |change: &dyn Fn(&mut Findings)| {
        let mut wrong = small();
        change(&mut wrong.inputs[0].findings);
        let body = write::body(&wrong.tally, &wrong.inputs);
        (sealed(&body), body)
    };
    let forged = |from: &[u8], to: &[u8]| {
        let (_, mut body) = refused(&|_| {});
        let place = memchr::memmem::find(&body, from).expect("it is there");
        body.splice(place..place + from.len(), to.iter().copied());
        read(&sealed(&body)).expect_err("it is forged").one_line()
    };
    let odd = b"its keys are odd";
    for (to, words) in [
        (&b"its keys\x1b[2J d"[..], "expected a line of text"),
        (b"its keys are\xffodd", "expected a line of text"),
    ] {
        let error = forged(odd, to);
        assert!(error.contains(words), "{error}");
    }
    let length = |bytes: u32| [&bytes.to_le_bytes()[..], odd].concat();
    let error = forged(&length(16), &length(u32::MAX));
    assert!(error.contains("at most 4096 bytes of a text"), "{error}");
    let path = b"dump\n\xc3\xbc.csv";
    let before = [&11_u32.to_le_bytes()[..], path].concat();
    let error = forged(&before, &[&5_000_u32.to_le_bytes()[..], path].concat());
    assert!(error.contains("at most 4096 bytes of a path"), "{error}");
    // Rows that aren't the first ones, and more notes and longer ones than are kept.
    let count = [&8_u64.to_le_bytes()[..], &5_u32.to_le_bytes()].concat();
    let wrong = [&3_u64.to_le_bytes()[..], &5_u32.to_le_bytes()].concat();
    let error = forged(&count, &wrong);
    assert!(error.contains("the first rows that couldn't"), "{error}");
    let long = "\u{fc}\n".repeat(5_000);
    let (bytes, _) = refused(&|findings| findings.notes = vec![long.clone(); 100]);
    let kept = &read(&bytes).expect("it is cut").inputs[0].findings.notes;
    assert_eq!((kept.len(), kept[0].len()), (64, 4_095));
}

/// The fuzzer seals what it makes up as the version that is read.
#[test]
fn the_fuzzer_knows_the_version() {
    let target = include_str!("../../../fuzz/fuzz_targets/tally.rs");
    assert!(target.contains(&format!("const VERSION: u32 = {VERSION};")));
}

#[test]
fn nothing_is_left_beside_a_tally() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.tally");
    small().save(&path).expect("it is saved");
    assert_eq!(std::fs::read(&path).expect("a file"), small_bytes());
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .collect();
    assert_eq!(names.len(), 1);
    let nowhere = folder.path().join("no/such/a.tally");
    assert!(small().save(&nowhere).is_err());
}

/// Of long names the beginnings are kept, which is the same wherever they were counted.
#[test]
fn long_names_are_cut_the_same_way_in_any_division() {
    let name = |number: usize| {
        let long = [b"{x}".to_vec(), vec![b'a'; 5_000 + number % 7]].concat();
        let short = format!("{{x}}{number}").into_bytes();
        if number.is_multiple_of(3) {
            short
        } else {
            long
        }
    };
    let keys: Vec<(Vec<u8>, Option<u64>)> =
        (0..150).map(|number| (name(number), Some(90))).collect();
    let whole = outcome(keys.clone());
    let (one, other) = keys.split_at(70);
    let mut parts = read(&outcome(other.to_vec()).to_bytes().expect("small")).expect("reads");
    parts.merge(read(&outcome(one.to_vec()).to_bytes().expect("small")).expect("reads"));
    assert_eq!(parts.tally.big_keys(), whole.tally.big_keys());
    let slot = Slot::for_key(b"{x}");
    assert_eq!(parts.tally.biggest_key(slot), whole.tally.biggest_key(slot));
    let big = whole.tally.big_keys();
    assert!(big.iter().all(|big| big.slot == slot));
    let long = big.iter().find(|big| big.is_cut()).expect("a long one");
    assert_eq!((long.key.len(), long.length), (4_096, 5_003));
}
