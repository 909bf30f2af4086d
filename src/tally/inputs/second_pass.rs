//! The second pass: inputs read once more, where the first left it open why slots are hot.

use super::{InputCounter, Options, Outcome, Pass, Progress, ProgressMeter, pool};
use crate::error::{Error, Result};
use crate::slot::SlotSet;
use crate::source::{self, FileVersion, Input, QueuedInput};
use crate::tally::Tally;
use std::path::PathBuf;

/// What became of the second pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SecondPass {
    /// Nobody asked for one, or what it gave was merged with something else.
    #[default]
    None,
    /// Everything was known after the first.
    NotNeeded,
    /// What the first left open was counted.
    Done,
    /// An input can't be read again: a pipe, or a saved tally.
    Impossible {
        /// Its path.
        path: PathBuf,
    },
    /// An input isn't what it was any more, or can't be read any more: what was counted the second time isn't believed.
    Changed {
        /// Its path, where it is known which.
        path: Option<PathBuf>,
        /// Why it can't be read.
        error: Option<String>,
    },
}

impl SecondPass {
    /// Its word in reports.
    pub fn word(&self) -> &'static str {
        match self {
            SecondPass::None | SecondPass::NotNeeded => "not_needed",
            SecondPass::Done => "done",
            SecondPass::Impossible { .. } => "impossible",
            SecondPass::Changed { .. } => "changed",
        }
    }
}

/// Tallies inputs as [`super::count_inputs`] does, and looks at slots once more that `in_doubt` finds in the tally:
/// what their keys have in common is counted, so that [`Tally::causes`] is exact for them.
///
/// The second pass reads all inputs from their beginnings, which must be files. An input that has changed meanwhile is no
/// error: [`Outcome::second_pass`] tells it, and the causes are those of the first pass.
///
/// # Errors
/// As [`super::count_inputs`], of the first pass.
pub fn count_inputs_twice(
    inputs: &[Input],
    options: &Options,
    in_doubt: &dyn Fn(&Tally) -> SlotSet,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Outcome> {
    let versions: Vec<Option<FileVersion>> = inputs.iter().map(FileVersion::of).collect();
    let mut outcome = super::count_inputs(inputs, options, progress)?;
    let slots = in_doubt(&outcome.tally);
    outcome.second_pass = match unrepeatable(inputs, &versions, &outcome) {
        _ if slots.is_empty() => SecondPass::NotNeeded,
        Some(path) => SecondPass::Impossible { path },
        None => {
            let first = &outcome.tally;
            match run_second_pass(inputs, options, first, &slots, &versions, progress) {
                Ok(second) => {
                    outcome.tally.second_pass = Some(Box::new(second));
                    SecondPass::Done
                }
                Err(changed) => changed,
            }
        }
    };
    Ok(outcome)
}

/// The first input that can't be read again.
fn unrepeatable(
    inputs: &[Input],
    versions: &[Option<FileVersion>],
    outcome: &Outcome,
) -> Option<PathBuf> {
    let is_stream = inputs
        .iter()
        .zip(versions)
        .find(|(_, version)| version.is_none());
    let saved = || outcome.inputs.iter().find_map(|input| input.tally.clone());
    is_stream
        .map(|(input, _)| input.path().to_path_buf())
        .or_else(saved)
}

/// Reads the inputs once more and counts in these slots only.
fn run_second_pass(
    inputs: &[Input],
    options: &Options,
    first: &Tally,
    slots: &SlotSet,
    versions: &[Option<FileVersion>],
    progress: &(dyn Fn(Progress) + Sync),
) -> std::result::Result<Tally, SecondPass> {
    let second = read_again(inputs, options, first, slots, progress);
    let changed = inputs.iter().zip(versions);
    let changed = changed.filter(|(input, version)| FileVersion::of(input) != **version);
    let changed = changed.map(|(input, _)| input.path().to_path_buf()).next();
    let changed_error = |error: Option<Error>| SecondPass::Changed {
        path: changed.clone(),
        error: error.map(|error| error.one_line()),
    };
    let second = second.map_err(|error| changed_error(Some(error)))?;
    if changed.is_none() && is_same(first, &second, slots) {
        Ok(second)
    } else {
        Err(changed_error(None))
    }
}

fn read_again(
    inputs: &[Input],
    options: &Options,
    first: &Tally,
    slots: &SlotSet,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Tally> {
    let source = source::Options {
        // They were verified.
        verifies: false,
        ..options.source.clone()
    };
    let hot_slot_names = first.names_to_count(slots);
    let (queued, _) = QueuedInput::open_all(inputs, &source)?;
    let total_bytes = queued.iter().map(|input| input.length).sum();
    let meter = ProgressMeter::new(total_bytes, Pass::Second, progress);
    let pool = pool(options)?;
    let counter = InputCounter {
        pool: &pool,
        options: &source,
        prefixes: options.prefixes,
        meter: &meter,
        second_pass: Some((slots, &hot_slot_names)),
    };
    Ok(counter.all(queued)?.tally)
}

/// Whether the second pass has seen as much in its slots as the first.
fn is_same(first: &Tally, second: &Tally, slots: &SlotSet) -> bool {
    let operations = |tally: &Tally, slot| tally.operations().map_or(0, |all| all.slot(slot));
    slots.iter().all(|slot| {
        first.slot(slot) == second.slot(slot) && operations(first, slot) == operations(second, slot)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::Slot;
    use crate::tally::{Cause, Weight};
    use std::fs::{self, File};
    use std::io::Write;
    use std::path::Path;

    /// More keys than are sampled, of more tags than are counted. The slot of `hot` has 12 keys of that tag
    /// and a few of others, of which two in five are sampled; in that of `big`, three keys have the tag and nearly
    /// all of the bytes.
    fn rows() -> Vec<(String, u64)> {
        let tagged = |tag: &str, keys: u64, size| {
            let tag = tag.to_owned();
            (0..keys).map(move |number| (format!("{{{tag}}}:{number}"), size))
        };
        let others = (0..80_000).map(|number| (format!("{{t{number}}}:x"), 10));
        let many: Vec<_> = others
            .chain(tagged("hot", 12, 1_000))
            .chain(tagged("big", 3, 100_000))
            .collect();
        many
    }

    fn csv() -> String {
        let row = |(key, size): (String, u64)| format!("{key},{size}\n");
        "key,size\n".to_owned() + &rows().into_iter().map(row).collect::<String>()
    }

    fn slots() -> Vec<Slot> {
        // The last is like most.
        [&b"hot"[..], b"big", b"t77"].map(Slot::for_key).to_vec()
    }

    fn looked_at(path: &Path, threads: usize, between: &dyn Fn()) -> Outcome {
        looked_at_slots(path, threads, &slots(), between)
    }

    fn looked_at_slots(path: &Path, threads: usize, slots: &[Slot], between: &dyn Fn()) -> Outcome {
        let options = Options {
            threads: Some(threads),
            ..Options::default()
        };
        let in_doubt = |_: &Tally| {
            between();
            slots.iter().copied().collect()
        };
        count_inputs_twice(
            &[Input::File(path.to_path_buf())],
            &options,
            &in_doubt,
            &|_| (),
        )
        .expect("it runs")
    }

    fn is_certain(cause: &Cause) -> bool {
        match cause {
            Cause::ManyKeys { sampled } => sampled.is_none(),
            Cause::Key { share, .. }
            | Cause::HashTag { share, .. }
            | Cause::Prefix { share, .. } => share.error == 0.0,
        }
    }

    fn tag_of(cause: &Cause) -> Option<(String, f64)> {
        match cause {
            Cause::HashTag { name, share } => Some((name.text(), share.value)),
            _ => None,
        }
    }

    /// A share, by counting all rows.
    fn naive(tag: &str, weight: Weight) -> f64 {
        let slot = Slot::for_key(tag.as_bytes());
        let (mut of_tag, mut all) = (0, 0);
        for (key, size) in rows() {
            let units = if weight == Weight::Keys { 1 } else { size };
            if Slot::for_key(key.as_bytes()) == slot {
                all += units;
                of_tag += units * u64::from(key.starts_with(&format!("{{{tag}}}")));
            }
        }
        of_tag as f64 / all as f64
    }

    #[test]
    fn what_a_sample_left_open_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let plain = folder.path().join("keys.csv");
        fs::write(&plain, csv()).expect("written");
        let first = looked_at(&plain, 2, &|| ());
        assert_eq!(first.second_pass, SecondPass::Done);
        for weight in [Weight::Keys, Weight::Bytes] {
            let causes = first.tally.causes(&slots(), weight);
            assert!(causes.iter().all(is_certain), "{causes:?}");
            assert!(first.tally.doubtful(&slots(), weight).is_empty());
            let hot = ("hot".to_owned(), naive("hot", weight));
            assert_eq!(tag_of(&causes[0]), Some(hot));
            assert_eq!(tag_of(&causes[2]), None);
        }
        let big = ("big".to_owned(), naive("big", Weight::Bytes));
        let by_bytes = first.tally.causes(&slots(), Weight::Bytes);
        assert_eq!(tag_of(&by_bytes[1]), Some(big));

        // The same however it is packed or divided; without a second look it is open.
        let [gzip, zstd] = ["keys.csv.gz", "keys.csv.zst"].map(|name| folder.path().join(name));
        let file = File::create(&gzip).expect("a file");
        let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        packer.write_all(csv().as_bytes()).expect("written");
        packer.finish().expect("written");
        fs::write(
            &zstd,
            zstd::encode_all(csv().as_bytes(), 1).expect("packed"),
        )
        .expect("written");
        let shown = |outcome: &Outcome| {
            let of = |weight| outcome.tally.causes(&slots(), weight);
            format!("{:?} {:?}", of(Weight::Keys), of(Weight::Bytes))
        };
        for (path, threads) in [(&plain, 1), (&plain, 7), (&gzip, 2), (&zstd, 1)] {
            let again = looked_at(path, threads, &|| ());
            assert_eq!(again.second_pass, SecondPass::Done);
            assert_eq!(shown(&again), shown(&first), "{path:?}");
        }
        let once = super::super::count_inputs(&[Input::File(plain)], &Options::default(), &|_| ());
        let once = once.expect("it runs").tally;
        assert_eq!(once.doubtful(&slots(), Weight::Keys), slots());
    }

    #[test]
    fn more_names_than_can_be_counted_one_by_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.csv");
        fs::write(&path, csv()).expect("written");
        let mut many: Vec<Slot> = Slot::all().take(8_000).collect();
        many.extend(slots());
        let outcome = looked_at_slots(&path, 2, &many, &|| ());
        let second = outcome.tally.second_pass.as_deref().expect("a second look");
        assert!(!second.tags.are_counted() && !second.samples.by_keys.is_complete());
        let causes = outcome.tally.causes(&slots(), Weight::Keys);
        let hot = ("hot".to_owned(), naive("hot", Weight::Keys));
        assert_eq!(tag_of(&causes[0]), Some(hot));
        assert!(causes.iter().all(is_certain), "{causes:?}");
        let same = looked_at_slots(&path, 5, &many, &|| ());
        for weight in [Weight::Keys, Weight::Bytes] {
            let of = |outcome: &Outcome| outcome.tally.causes(&many, weight);
            assert!(
                of(&same) == of(&outcome),
                "the same for any number of threads"
            );
        }
        // What is certain is true.
        let open = outcome.tally.doubtful(&many, Weight::Keys).len();
        assert!(open < many.len() / 4, "{open} of {} are open", many.len());
    }

    #[test]
    fn lists_and_logs_are_looked_at_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let list = folder.path().join("keys.txt");
        let keys: String = rows().into_iter().map(|(key, _)| key + "\n").collect();
        fs::write(&list, keys).expect("written");
        let outcome = looked_at(&list, 2, &|| ());
        let causes = outcome.tally.causes(&slots(), Weight::Keys);
        let hot = ("hot".to_owned(), naive("hot", Weight::Keys));
        assert_eq!(tag_of(&causes[0]), Some(hot));
        assert!(causes.iter().all(is_certain), "{causes:?}");

        let log = folder.path().join("monitor.log");
        let call = |(at, (key, _)): (usize, (String, u64))| {
            format!("17{at:08}.000002 [0 127.0.0.1:5] \"GET\" \"{key}\"\n")
        };
        let calls: String = rows().into_iter().enumerate().map(call).collect();
        fs::write(&log, calls).expect("written");
        let outcome = looked_at(&log, 2, &|| ());
        assert_eq!(outcome.second_pass, SecondPass::Done);
        let causes = outcome.tally.operation_causes(&slots());
        let hot = ("hot".to_owned(), naive("hot", Weight::Keys));
        assert_eq!(tag_of(&causes[0]), Some(hot));
        assert!(causes.iter().all(is_certain), "{causes:?}");
        assert!(outcome.tally.doubtful_operations(&slots()).is_empty());
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_told_and_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.csv");
        let is_changed = |outcome: &Outcome| {
            let is_open = outcome.tally.doubtful(&slots(), Weight::Keys) == slots();
            is_open && matches!(outcome.second_pass, SecondPass::Changed { .. })
        };
        let append = || {
            let file = File::options().append(true).open(&path);
            file.and_then(|mut file| file.write_all(b"one:more,7\n"))
                .expect("written");
        };
        fs::write(&path, csv()).expect("written");
        assert!(is_changed(&looked_at(&path, 2, &append)), "longer");
        fs::write(&path, csv()).expect("written");
        let outcome = looked_at(&path, 2, &|| fs::remove_file(&path).expect("removed"));
        assert!(is_changed(&outcome), "gone");
        // Of the same length and of the same time: its counts differ.
        fs::write(&path, csv()).expect("written");
        let secretly = || {
            let time = fs::metadata(&path)
                .and_then(|file| file.modified())
                .expect("a time");
            let file = File::options().write(true).open(&path).expect("open");
            let text = csv().replace("{hot}:1,", "{cold}1,");
            (&file).write_all(text.as_bytes()).expect("written");
            file.set_modified(time).expect("set");
        };
        let outcome = looked_at(&path, 2, &secretly);
        assert!(
            is_changed(&outcome),
            "other keys: {:?}",
            outcome.second_pass
        );
        assert!(matches!(
            outcome.second_pass,
            SecondPass::Changed { path: None, .. }
        ));
    }

    #[test]
    fn what_can_be_read_once_is_not_looked_at_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let [path, saved] = ["keys.csv", "saved"].map(|name| folder.path().join(name));
        fs::write(&path, csv()).expect("written");
        looked_at(&path, 1, &|| ()).save(&saved).expect("saved");
        let outcome = looked_at(&saved, 1, &|| ());
        assert_eq!(outcome.second_pass, SecondPass::Impossible { path: saved });
        let nothing = |_: &Tally| SlotSet::new();
        let outcome =
            count_inputs_twice(&[Input::File(path)], &Options::default(), &nothing, &|_| ());
        assert_eq!(outcome.expect("it runs").second_pass, SecondPass::NotNeeded);
    }
}
