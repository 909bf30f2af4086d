//! Syncs files and folders, so that a crash of the machine leaves what has to be on disk.

use std::fs::File;
use std::io::{ErrorKind, Result};
use std::path::Path;

/// Waits until what was written to a file is on disk.
pub(super) fn sync_file(file: &File) -> Result<()> {
    file.sync_data()?;
    #[cfg(test)]
    crash::file_is_synced(file);
    Ok(())
}

/// Waits until it is on disk that a file is in its folder.
///
/// A file that is synced needn't be found after a crash: its name is in its folder, which is written
/// by itself. A journal that is new would be gone, and in place of one that was written anew the old
/// one would be there, without what was begun since.
pub(super) fn sync_folder_of(path: &Path) -> Result<()> {
    // The file itself may be elsewhere, where a link leads to it.
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(&path);
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems have no syncing of folders, and a folder that may be written to but not
        // read can't be opened: such ones did for a journal before, and a crash is rare.
        Err(cause) if is_refusal(cause.kind()) => return Ok(()),
        synced => synced?,
    }
    #[cfg(test)]
    crash::folder_is_synced(folder);
    Ok(())
}

fn is_refusal(kind: ErrorKind) -> bool {
    // EINVAL; ENOSYS and EOPNOTSUPP; EACCES.
    matches!(
        kind,
        ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::PermissionDenied
    )
}

/// What a crash would leave now: of each folder and each file what it had when it was last synced.
#[cfg(test)]
pub(super) mod crash {
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};
    use std::ffi::OsString;
    use std::fs::File;
    use std::os::unix::fs::{FileExt, MetadataExt};
    use std::path::{Path, PathBuf};

    #[derive(Default)]
    struct Disk {
        /// By the number of the file.
        files: BTreeMap<u64, Vec<u8>>,
        /// What is in a folder: names, and what they lead to.
        folders: BTreeMap<PathBuf, BTreeSet<(OsString, u64)>>,
    }

    thread_local! {
        // A test has a thread for itself.
        static DISK: RefCell<Disk> = RefCell::default();
    }

    pub(in super::super) fn file_is_synced(file: &File) {
        let about = file.metadata().expect("about the file");
        let mut bytes = vec![0; usize::try_from(about.len()).expect("a small file")];
        file.read_exact_at(&mut bytes, 0).expect("bytes");
        DISK.with_borrow_mut(|disk| disk.files.insert(about.ino(), bytes));
    }

    pub(in super::super) fn folder_is_synced(folder: &Path) {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let entries = entries.map(|entry| {
            let entry = entry.expect("an entry");
            let about = entry.metadata().expect("about the entry");
            (entry.file_name(), about.ino())
        });
        let (folder, entries) = (folder.to_path_buf(), entries.collect());
        DISK.with_borrow_mut(|disk| disk.folders.insert(folder, entries));
    }

    /// What a file would have after a crash; none where nobody would find it. The folder `since` was
    /// there before.
    pub(in super::super) fn leaves(since: &Path, path: &Path) -> Option<Vec<u8>> {
        let since = since.canonicalize().expect("where it is");
        let path = path.canonicalize().expect("where it is");
        DISK.with_borrow(|disk| {
            let found = |one: &Path| {
                let mut entries = disk.folders.get(one.parent()?)?.iter();
                let named = entries.find(|(name, _)| Some(name.as_os_str()) == one.file_name());
                named.map(|(_, number)| *number)
            };
            let made = path.ancestors().skip(1);
            let mut made = made.take_while(|folder| *folder != since);
            let is_found = made.all(|folder| found(folder).is_some());
            let number = found(&path).filter(|_| is_found)?;
            disk.files.get(&number).cloned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_synced_is_no_failure_and_one_that_is_gone_is() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(sync_folder_of(folder.path()).is_ok());
        let gone = sync_folder_of(&folder.path().join("gone")).expect_err("nothing there");
        assert_eq!(gone.kind(), ErrorKind::NotFound);
        // As file systems say it.
        let is_refusal = |code| is_refusal(std::io::Error::from_raw_os_error(code).kind());
        let refusals = [libc::EINVAL, libc::ENOSYS, libc::EOPNOTSUPP, libc::EACCES];
        assert!(refusals.into_iter().all(is_refusal));
        assert!(![libc::EIO, libc::ENOSPC].into_iter().any(is_refusal));
    }
}
