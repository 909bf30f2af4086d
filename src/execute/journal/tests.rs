//! Journals on disk: torn, cut, held by others, and what isn't one.

use super::disk::crash;
use super::lock::{is_at, open_locked};
use super::*;
use crate::execute::core::Note;
use crate::execute::testing;
use std::os::unix::fs::MetadataExt;

fn task(number: u16) -> Move {
    testing::task(number, 'a', 'b')
}

#[test]
fn what_was_begun_is_remembered_at_any_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep/run.journal");
    let mut journal = Journal::open(&path).expect("a journal");
    journal.begin(&[task(1)]).expect("begins");
    journal.begin(&[task(2)]).expect("begins");
    // It is held, and may be looked at.
    assert_eq!(
        Journal::peek(&path).expect("reads").open,
        [task(1), task(2)]
    );
    journal.end(&[task(1)]).expect("ends");
    drop(journal);
    assert_eq!(Journal::history(&path).expect("reads"), [task(1), task(2)]);
    let whole = std::fs::read(&path).expect("bytes");
    let mut seen = std::collections::BTreeSet::new();
    for cut in 0..=whole.len() {
        std::fs::write(&path, &whole[..cut]).expect("writes");
        let mut journal = Journal::open(&path).expect("a cut journal opens");
        seen.insert(journal.open_moves());
        journal.begin(&[task(3)]).expect("goes on behind the cut");
        drop(journal);
        let again = Journal::open(&path).expect("opens again").open_moves();
        assert!(again.contains(&task(3)), "cut at {cut}: {again:?}");
    }
    let expected: [&[u16]; 4] = [&[], &[1], &[1, 2], &[2]];
    for slots in expected {
        assert!(seen.contains(&slots.iter().map(|slot| task(*slot)).collect::<Vec<_>>()));
    }
    assert_eq!(seen.len(), expected.len());
}

/// By who clears up what is left of a slot.
#[test]
fn a_key_in_doubt_is_noted_beside_those_that_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let mut journal = Journal::open(&path).expect("a journal");
    let slot = task(1).slot;
    let one = |key: &[u8]| KeyInDoubt::new(0, key.to_vec(), Cause::Kept);
    let told = KeyInDoubt {
        is_named: true,
        ..one(b"told")
    };
    journal.begin(&[task(1)]).expect("begins");
    journal
        .doubt(slot, &[one(b"sent"), told.clone()])
        .expect("written");
    for key in [&b"left"[..], b"left", b"told"] {
        journal.doubt_also(slot, &one(key)).expect("written");
    }
    drop(journal);
    let mut journal = Journal::open(&path).expect("opens again");
    assert_eq!(
        journal.doubts()[&slot],
        [one(b"left"), one(b"sent"), told.clone()]
    );
    // What a person was told of outlives the move, and nothing else.
    journal.end(&[task(1)]).expect("ends");
    assert_eq!(journal.unresolved()[&slot], [told]);
}

/// A record for each slot, as if each had been moved by itself.
#[test]
fn a_unit_is_written_down_slot_by_slot() {
    let folder = tempfile::tempdir().expect("a folder");
    let text_of = |name: &str, units: &[Unit], doubts: &[Note]| {
        let path = folder.path().join(name);
        let mut journal = Journal::open(&path).expect("a journal");
        let begins = units.iter().cloned().map(Note::Begins);
        let ends = units.iter().take(1).cloned().map(Note::Ends);
        for notes in [begins.collect(), doubts.to_vec(), ends.collect::<Vec<_>>()] {
            journal.note(&notes).expect("notes");
        }
        drop(journal);
        let text = std::fs::read_to_string(&path).expect("reads");
        // When it began may be another second.
        let lines = text
            .lines()
            .map(|line| line.split(",\"at_s\"").next().unwrap_or_default());
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let both = testing::unit(&[1, 2], 'a', 'b');
    let key = |slot: u16, end: &str| {
        let slot = Slot::new(slot).expect("a slot");
        KeyInDoubt::new(0, testing::key_in(slot, end), Cause::Sent)
    };
    let (one, two, more) = (key(1, ":x"), key(2, ":x"), key(2, ":y"));
    let of_both =
        |keys: &[&KeyInDoubt]| Note::Doubts(both.clone(), keys.iter().copied().cloned().collect());
    let of_one = |slot: u16, keys: &[&KeyInDoubt]| {
        let keys = keys.iter().copied().cloned().collect();
        Note::Doubts(testing::unit(&[slot], 'a', 'b'), keys)
    };
    let united = [
        of_both(&[&two, &two]),
        of_both(&[&more, &one]),
        of_both(&[]),
    ];
    let apart = [
        of_one(2, &[&two, &two]),
        of_one(1, &[&one]),
        of_one(2, &[&more]),
        of_one(1, &[]),
        of_one(2, &[]),
    ];
    let together = text_of("together", std::slice::from_ref(&both), &united);
    let singles = [1, 2].map(|slot| testing::unit(&[slot], 'a', 'b'));
    let mut expected = text_of("apart", &singles, &apart);
    // Both slots have ended, where one of the two has.
    let ended = expected.last().expect("a line").replace(":1", ":2");
    expected.push(ended);
    assert_eq!(together, expected);
}

/// A run that is begun again and again, and stops each time.
#[test]
fn a_move_that_is_begun_still_is_not_begun_once_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let mut journal = Journal::open(&path).expect("a journal");
    let back = testing::task(1, 'b', 'a');
    for task in [task(1), task(1), back] {
        journal.begin(&[task]).expect("begins");
    }
    let begun = || Journal::peek(&path).expect("reads").begun;
    assert_eq!(begun(), [task(1), back]);
    // One that has ended is.
    journal.end(&[back]).expect("ends");
    journal.begin(&[back]).expect("begins");
    assert_eq!(begun(), [task(1), back, back]);
}

#[test]
fn shards_are_written_down_once_and_are_no_moves() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let shards: Shards = [(testing::id('a'), testing::id('c'))].into_iter().collect();
    let mut journal = Journal::open(&path).expect("a journal");
    journal.know(&shards).expect("writes");
    journal.begin(&[task(1)]).expect("begins");
    journal.know(&shards).expect("knows it already");
    drop(journal);
    let summary = Journal::peek(&path).expect("reads");
    assert_eq!((summary.open, &summary.shards), (vec![task(1)], &shards));
    assert_eq!(Journal::history(&path).expect("reads"), [task(1)]);
    let text = std::fs::read_to_string(&path).expect("text");
    assert_eq!(text.matches("replica").count(), 2, "{text}");
    assert_eq!(Journal::open(&path).expect("opens").shards(), &shards);
}

#[test]
fn only_one_holds_it_and_an_empty_one_goes_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let journal = Journal::open(&path).expect("a journal");
    let second = Journal::open(&path).expect_err("locked");
    assert_eq!(second.kind(), ErrorKind::Unsafe);
    journal.close().expect("closes");
    assert!(!path.exists());
    assert_eq!(Journal::peek(&path).expect("nothing").open, []);
    assert!(!path.exists());
}

#[test]
fn a_file_that_was_removed_before_it_was_locked_is_not_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let early = open_locked(&path).expect("a file");
    assert!(is_at(&early, &path).expect("looks"));
    std::fs::remove_file(&path).expect("removes");
    assert!(!is_at(&early, &path).expect("looks"));
    // Another run's is there by now; both locks are held, on different files.
    let journal = Journal::open(&path).expect("a journal");
    assert!(!is_at(&early, &path).expect("looks"));
    assert!(is_at(&journal.storage.file, &path).expect("looks"));
}

/// Many at once, each of which removes it: no two may hold it at the same time.
#[test]
fn of_many_that_open_and_remove_it_one_at_a_time_holds_it() {
    use std::sync::atomic::{AtomicU32, Ordering};
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let holders = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let Ok(journal) = Journal::open(&path) else {
                        continue;
                    };
                    assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                    std::thread::yield_now();
                    holders.fetch_sub(1, Ordering::SeqCst);
                    journal.close().expect("closes");
                }
            });
        }
    });
}

#[test]
fn other_files_are_refused_and_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notes.txt");
    for text in [
        "dear diary\n".to_owned(),
        "x".repeat(10_000),
        "{}\n".to_owned(),
    ] {
        std::fs::write(&path, &text).expect("writes");
        let error = Journal::open(&path).expect_err("refused");
        assert!(error.one_line().contains("notes.txt, line 1"), "{error:?}");
        assert_eq!(std::fs::read_to_string(&path).expect("kept"), text);
    }
    // Without a line's end it can't be told from a torn header, but it isn't cut away.
    std::fs::write(&path, "short").expect("writes");
    assert!(Journal::open(&path).is_err());
}

fn doubtful(db: u32, key: &[u8], cause: Cause) -> KeyInDoubt {
    KeyInDoubt::new(db, key.to_vec(), cause)
}

#[test]
fn keys_in_doubt_are_remembered_until_they_were_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let slot = task(1).slot;
    let mut doubts = vec![
        doubtful(0, b"", Cause::Sent),
        doubtful(0, &[b'k'; 5_000], Cause::Kept),
        doubtful(3, b"a\n\xff\0\"", Cause::Sent),
        KeyInDoubt {
            ends_ms: Some(1_700_000_000_123),
            sent_ms: Some(1_700_000_000_000),
            ..doubtful(3, b"b", Cause::Sent)
        },
        doubtful(3, b"c", Cause::Late),
    ];
    // More than one record holds.
    doubts.extend((0..40_u8).map(|n| doubtful(4, &[n; 10_000], Cause::Sent)));
    let mut journal = Journal::open(&path).expect("a journal");
    journal.begin(&[task(1), task(2)]).expect("begins");
    journal.doubt(slot, &doubts).expect("writes");
    drop(journal);
    let mut journal = Journal::open(&path).expect("opens");
    assert_eq!(journal.doubts(), BTreeMap::from([(slot, doubts.clone())]));
    // Beginning again changes nothing: they haven't been looked at.
    journal.begin(&[task(1)]).expect("begins");
    drop(journal);
    let mut journal = Journal::open(&path).expect("opens");
    assert_eq!(journal.doubts().len(), 1);
    journal.doubt(slot, &doubts[..2]).expect("writes");
    journal.doubt(task(2).slot, &doubts).expect("writes");
    journal.end(&[task(2)]).expect("ends");
    drop(journal);
    let mut journal = Journal::open(&path).expect("opens");
    let left = BTreeMap::from([(slot, doubts[..2].to_vec())]);
    assert_eq!(journal.doubts(), left);
    journal.doubt(slot, &[]).expect("writes");
    assert!(Journal::peek(&path).is_ok() && journal.doubts().is_empty());
}

#[test]
fn what_a_person_was_told_of_outlives_its_slot() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let mut journal = Journal::open(&path).expect("a journal");
    journal.begin(&[task(1)]).expect("begins");
    let (named, sent) = (
        KeyInDoubt {
            is_named: true,
            ..doubtful(0, b"n", Cause::Sent)
        },
        doubtful(0, b"s", Cause::Sent),
    );
    let doubts = [named.clone(), sent];
    journal.doubt(task(1).slot, &doubts).expect("writes");
    assert!(journal.unresolved().is_empty(), "its slot is open still");
    journal.end(&[task(1)]).expect("ends");
    journal.close().expect("closes");
    let mut journal = Journal::open(&path).expect("it is kept");
    let left = BTreeMap::from([(task(1).slot, vec![named])]);
    assert_eq!(journal.unresolved(), left);
    journal.doubt(task(1).slot, &[]).expect("writes");
    journal.close().expect("closes");
    assert!(!path.exists());
}

/// As slotkit 0.1 wrote it.
const SCHEMA_1: &str = "{\"record\":\"journal\",\"schema\":1}\n\
    {\"record\":\"run\",\"pid\":7,\"at_s\":9}\n\
    {\"record\":\"unclear\",\"slot\":1,\"db\":2,\"key\":[107,10,255]}\n\
    {\"record\":\"unclear\",\"slot\":2,\"db\":0,\"key\":[107]}\n\
    {\"record\":\"clear\",\"slot\":2}\n";

#[test]
fn a_journal_of_the_first_schema_is_read_and_gone_on_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let open = line(&Record::Open {
        task: task(1),
        at_s: Some(7),
    });
    let text = [SCHEMA_1.as_bytes(), &open].concat();
    std::fs::write(&path, &text).expect("writes");
    assert!(Journal::is_one(&path).expect("reads"));
    let mut journal = Journal::open(&path).expect("opens");
    let kept = vec![doubtful(2, b"k\n\xff", Cause::Kept)];
    assert_eq!(journal.doubts(), BTreeMap::from([(task(1).slot, kept)]));
    assert_eq!(journal.open_moves(), [task(1)]);
    let sent = vec![doubtful(0, b"new", Cause::Sent)];
    journal.doubt(task(1).slot, &sent).expect("writes");
    drop(journal);
    let journal = Journal::open(&path).expect("opens again");
    assert_eq!(journal.doubts(), BTreeMap::from([(task(1).slot, sent)]));
}

/// Of millions of keys each is noted and forgotten: the file stays small, and says the same.
#[test]
fn a_journal_of_many_batches_stays_short() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let mut journal = Journal::open(&path).expect("a journal");
    let shards = [(task(1).source, task(1).target)].into_iter().collect();
    journal.know(&shards).expect("writes");
    journal.begin(&[task(1), task(2), task(3)]).expect("begins");
    journal.aim_at(3).expect("writes");
    journal.end(&[task(2)]).expect("ends");
    let failures = Failures {
        run_id: "abc".to_owned(),
        calls: 5,
        usec: 6,
        failed: Some(1),
    };
    journal
        .note_failures(task(1).source, &failures)
        .expect("writes");
    let batch = |n: usize| -> Vec<KeyInDoubt> {
        let key = |k: usize| format!("a:rather:long:key:{n}:{k:02}").into_bytes();
        (0..80).map(|k| doubtful(0, &key(k), Cause::Sent)).collect()
    };
    let mut most = 0;
    for n in 0..3_000 {
        journal.doubt(task(1).slot, &batch(n)).expect("writes");
        most = most.max(std::fs::metadata(&path).expect("a file").len());
    }
    assert!(most < file::SHORT_BYTES + 10_000, "{most}");
    let summary = Journal::peek(&path).expect("reads");
    assert_eq!(summary.open, [task(1), task(3)]);
    assert_eq!(summary.begun, [task(1), task(2), task(3)]);
    let run = summary.running.expect("it is held still");
    assert_eq!((run.total, run.arrived), (Some(3), 1));
    assert!(Journal::open(&path).is_err(), "held");
    drop(journal);
    let journal = Journal::open(&path).expect("opens");
    assert_eq!(journal.doubts()[&task(1).slot], batch(2_999));
    assert_eq!(journal.failures()[&task(1).source], failures);
    assert_eq!(journal.shards().pairs().count(), 1);
    let names = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(names, 1, "nothing else is left");
}

#[test]
fn a_write_that_fails_leaves_no_torn_record_in_the_middle() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let mut journal = Journal::open(&path).expect("a journal");
    journal.begin(&[task(1)]).expect("begins");
    let whole = std::fs::read(&path).expect("bytes");
    let file = std::mem::replace(
        &mut journal.storage.file,
        File::open(&path).expect("not for writing"),
    );
    assert!(journal.begin(&[task(2)]).is_err());
    // What stands there can't be known to be whole: nothing is written behind it.
    journal.storage.file = file;
    let error = journal.begin(&[task(2)]).expect_err("refused");
    assert!(error.message().contains("part of a record"), "{error:?}");
    drop(journal);
    assert_eq!(std::fs::read(&path).expect("bytes"), whole);
    assert_eq!(Journal::open(&path).expect("opens").open_moves(), [task(1)]);
}

#[test]
fn who_only_looks_sees_the_run_that_holds_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let mut journal = Journal::open(&path).expect("a journal");
    let peek = || Journal::peek(&path).expect("reads");
    let waiting = peek().running.expect("it runs");
    assert_eq!((waiting.pid, waiting.total), (std::process::id(), None));
    journal.aim_at(3).expect("writes");
    journal.begin(&[task(1), task(2)]).expect("begins");
    journal.end(&[task(1)]).expect("ends");
    let summary = peek();
    let running = summary.running.expect("it runs");
    assert_eq!((running.total, running.arrived), (Some(3), 1));
    assert_eq!(
        (summary.open, summary.begun),
        (vec![task(2)], vec![task(1), task(2)])
    );
    let second = Journal::open(&path).expect_err("held");
    let told = format!(
        "(pid {}, for 0 s; 1 of 3 slots have arrived)",
        std::process::id()
    );
    assert!(
        second.message().contains(&told) || second.message().contains("for 1 s"),
        "{second:?}"
    );
    // What a dead process leaves is no run.
    drop(journal);
    assert_eq!((peek().running, peek().open), (None, vec![task(2)]));
    // The next run counts anew.
    let _journal = Journal::open(&path).expect("opens again");
    assert_eq!(peek().running.expect("it runs").total, None);
}

#[test]
fn a_look_does_not_keep_a_run_from_beginning() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    drop(Journal::open(&path).expect("a journal"));
    let looking = File::open(&path).expect("a file");
    looking.lock_shared().expect("looks");
    let looks = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(30));
        drop(looking);
    });
    assert!(Journal::open(&path).is_ok());
    looks.join().expect("ends");
}

/// What the next run would know after the machine has crashed.
fn open_after_crash(since: &Path, path: &Path) -> Option<Vec<Move>> {
    let left = crash::leaves(since, path)?;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("left.journal");
    std::fs::write(&path, left).expect("writes");
    Some(Journal::peek(&path).expect("reads").open)
}

#[test]
fn what_was_begun_outlives_a_crash_of_the_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new/deep/run.journal");
    let mut journal = Journal::open(&path).expect("a journal");
    journal.begin(&[task(1)]).expect("begins");
    let left = || open_after_crash(folder.path(), &path);
    assert_eq!(left(), Some(vec![task(1)]));
    journal.begin(&[task(2)]).expect("begins");
    assert_eq!(left(), Some(vec![task(1), task(2)]));
    // What has ended is seen to have ended: that needn't be known.
    journal.end(&[task(1)]).expect("ends");
    let kept = [doubtful(0, b"k", Cause::Kept)];
    journal.doubt(task(2).slot, &kept).expect("writes");
    assert_eq!(left(), Some(vec![task(2)]));
    journal.end(&[task(2)]).expect("ends");
    journal.begin(&[task(3)]).expect("begins");
    journal.close().expect("closes");
    assert_eq!(left(), Some(vec![task(3)]));
}

/// A run that is killed before it has begun a slot leaves a file of which the folder may not know.
#[test]
fn a_journal_that_was_there_is_synced_like_a_new_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    drop(Journal::open(&path).expect("a journal"));
    assert_eq!(crash::leaves(folder.path(), &path), None);
    let mut journal = Journal::open(&path).expect("opens");
    journal.begin(&[task(1)]).expect("begins");
    let left = open_after_crash(folder.path(), &path);
    assert_eq!(left, Some(vec![task(1)]));
}

#[test]
fn what_was_begun_after_it_was_shortened_outlives_a_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let mut journal = Journal::open(&path).expect("a journal");
    journal.begin(&[task(1)]).expect("begins");
    let number = |path| std::fs::metadata(path).expect("a file").ino();
    let first = number(&path);
    let sent = [doubtful(0, &[b'k'; 20_000], Cause::Sent)];
    while number(&path) == first {
        journal.doubt(task(1).slot, &sent).expect("writes");
    }
    // The old one says the same, as long as nothing else is begun.
    let left = || open_after_crash(folder.path(), &path);
    assert_eq!(left(), Some(vec![task(1)]));
    journal.begin(&[task(2)]).expect("begins");
    assert_eq!(left(), Some(vec![task(1), task(2)]));
}
