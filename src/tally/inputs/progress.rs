//! Progress: how many bytes of the inputs were read so far.

use std::sync::atomic::{AtomicU64, Ordering};

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many bytes of all inputs were read, of packed files their own.
    pub read_bytes: u64,
    /// How many there are; unknown when one of them is a pipe.
    pub total_bytes: Option<u64>,
    /// Which time they are read.
    pub pass: Pass,
}

/// Which time inputs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Everything is counted.
    First,
    /// Some slots are looked at once more.
    Second,
}

/// Adds up what was read and tells it.
pub(super) struct ProgressMeter<'run> {
    read_bytes: AtomicU64,
    total_bytes: Option<u64>,
    pass: Pass,
    tell: &'run (dyn Fn(Progress) + Sync),
}

impl<'run> ProgressMeter<'run> {
    pub(super) fn new(
        total_bytes: Option<u64>,
        pass: Pass,
        tell: &'run (dyn Fn(Progress) + Sync),
    ) -> ProgressMeter<'run> {
        ProgressMeter {
            read_bytes: AtomicU64::new(0),
            total_bytes,
            pass,
            tell,
        }
    }

    pub(super) fn add(&self, bytes: u64) {
        let read_bytes = self.read_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.tell)(Progress {
            read_bytes,
            total_bytes: self.total_bytes,
            pass: self.pass,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Input;
    use crate::tally::{Options, count_inputs};
    use std::io::Write;
    use std::path::Path;

    /// What was told last of a run over these files.
    fn last_progress(files: &[&Path]) -> Progress {
        let last = std::sync::Mutex::new(None);
        let inputs: Vec<Input> = files
            .iter()
            .map(|path| Input::File(path.to_path_buf()))
            .collect();
        let options = Options {
            threads: Some(1),
            ..Options::default()
        };
        let record = |progress| *last.lock().expect("a lock") = Some(progress);
        count_inputs(&inputs, &options, &record).expect("it runs");
        let last = last.into_inner().expect("a lock");
        last.expect("it was told something")
    }

    #[test]
    fn packed_files_are_told_in_their_own_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let text: String = (0..200_000)
            .map(|number| format!("key:{number}\n"))
            .collect();
        let [plain, gzip, zstd] =
            ["l.txt", "l.txt.gz", "l.txt.zst"].map(|name| folder.path().join(name));
        std::fs::write(&plain, &text).expect("written");
        let file = std::fs::File::create(&gzip).expect("a file");
        let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        packer.write_all(text.as_bytes()).expect("written");
        packer.finish().expect("written");
        std::fs::write(&zstd, zstd::encode_all(text.as_bytes(), 1).expect("packed"))
            .expect("written");
        let length = |path: &Path| std::fs::metadata(path).expect("a file").len();
        for files in [&[gzip.as_path()][..], &[&zstd], &[&plain, &gzip, &zstd]] {
            let record = last_progress(files);
            let whole = files.iter().map(|path| length(path)).sum();
            assert_eq!(record.total_bytes, Some(whole), "{files:?}");
            assert!(
                record.read_bytes * 10 >= whole * 9,
                "{record:?} of {files:?}"
            );
        }
        assert!(last_progress(&[&gzip]).read_bytes <= length(&gzip));
    }
}
