//! Journals on disk: torn, cut, held by others, and what isn't one.

use super::locked::is_at;
use super::*;
use crate::execute::testing;

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

#[test]
fn families_are_written_down_once_and_are_no_moves() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let families: Families = [(testing::id('a'), testing::id('c'))].into_iter().collect();
    let mut journal = Journal::open(&path).expect("a journal");
    journal.know(&families).expect("writes");
    journal.begin(&[task(1)]).expect("begins");
    journal.know(&families).expect("knows it already");
    drop(journal);
    let story = Journal::peek(&path).expect("reads");
    assert_eq!((story.open, &story.families), (vec![task(1)], &families));
    assert_eq!(Journal::history(&path).expect("reads"), [task(1)]);
    let text = std::fs::read_to_string(&path).expect("text");
    assert_eq!(text.matches("replica").count(), 2, "{text}");
    assert_eq!(Journal::open(&path).expect("opens").families(), &families);
}

#[test]
fn only_one_holds_it_and_an_empty_one_goes_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let journal = Journal::open(&path).expect("a journal");
    let second = Journal::open(&path).err().expect("locked");
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
    assert!(is_at(&journal.file, &path).expect("looks"));
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
        let error = Journal::open(&path).err().expect("refused");
        assert!(error.one_line().contains("notes.txt, line 1"), "{error:?}");
        assert_eq!(std::fs::read_to_string(&path).expect("kept"), text);
    }
    // Without a line's end it can't be told from a torn header, but it isn't cut away.
    std::fs::write(&path, "short").expect("writes");
    assert!(Journal::open(&path).is_err());
}

#[test]
fn keys_that_are_unclear_are_remembered_until_they_were_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let slot = task(1).slot;
    let unclear = Unclear {
        db: 3,
        keys: vec![b"a\n\xff".to_vec(), Vec::new(), vec![b'k'; 5_000]],
    };
    let mut journal = Journal::open(&path).expect("a journal");
    journal.begin(&[task(1), task(2)]).expect("begins");
    journal.leave_unclear(slot, &unclear).expect("writes");
    drop(journal);
    let mut journal = Journal::open(&path).expect("opens");
    assert_eq!(journal.unclear(), BTreeMap::from([(slot, unclear.clone())]));
    // Beginning again changes nothing: they haven't been looked at.
    journal.begin(&[task(1)]).expect("begins");
    drop(journal);
    let mut journal = Journal::open(&path).expect("opens");
    assert_eq!(journal.unclear().len(), 1);
    journal.clear_up(slot).expect("writes");
    journal
        .leave_unclear(task(2).slot, &unclear)
        .expect("writes");
    journal.end(&[task(2)]).expect("ends");
    assert!(journal.unclear().is_empty());
    drop(journal);
    assert!(Journal::open(&path).expect("opens").unclear().is_empty());
}

#[test]
fn a_write_that_fails_leaves_no_torn_record_in_the_middle() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let mut journal = Journal::open(&path).expect("a journal");
    journal.begin(&[task(1)]).expect("begins");
    let whole = std::fs::read(&path).expect("bytes");
    let file = std::mem::replace(
        &mut journal.file,
        File::open(&path).expect("not for writing"),
    );
    assert!(journal.begin(&[task(2)]).is_err());
    // What stands there can't be known to be whole: nothing is written behind it.
    journal.file = file;
    let error = journal.begin(&[task(2)]).expect_err("refused");
    assert!(error.message().contains("part of a record"), "{error:?}");
    drop(journal);
    assert_eq!(std::fs::read(&path).expect("bytes"), whole);
    assert_eq!(Journal::open(&path).expect("opens").open_moves(), [task(1)]);
}
