use super::*;
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

fn write(path: &Path, content: &[u8]) -> Result<()> {
    check_writable(path)?;
    write_whole(path, content, Readers::ByUmask)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

/// A folder with nothing in it, and whether only this is in it afterwards.
struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn new() -> Folder {
        let folder = tempfile::tempdir().expect("a folder");
        Folder { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("listed");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string())
            .map(|name| name.expect("UTF-8"))
            .collect();
        names.sort_unstable();
        names
    }
}

#[test]
fn what_is_written_is_there_and_nothing_beside_it() {
    let place = Folder::new();
    let path = place.path("plan.json");
    write(&path, b"first").expect("written");
    write(&path, b"second").expect("written again");
    assert_eq!(fs::read(&path).expect("read"), b"second");
    assert_eq!(place.names(), ["plan.json"]);
}

#[test]
fn a_place_that_is_none_is_said() {
    let place = Folder::new();
    fs::write(place.path("file"), "x").expect("written");
    symlink("one", place.path("other")).expect("a link");
    symlink("other", place.path("one")).expect("a link");
    symlink("no/such", place.path("away")).expect("a link");
    let refused = |path: &Path| {
        let early = check_writable(path).expect_err("refused").one_line();
        let late = write_whole(path, b"x", Readers::Owner).expect_err("refused");
        assert_eq!(early, late.one_line());
        early
    };
    for (name, why) in [
        ("no/such", "no such folder to write it in"),
        ("away", "no such folder to write it in"),
        (".", "found a folder"),
        ("new/", "found a folder"),
        ("file/new", "is a file"),
        ("one", "lead in a circle"),
    ] {
        let told = refused(&place.path(name));
        assert!(told.ends_with(why), "{name}: {told}");
    }
    assert!(refused(Path::new("/")).ends_with("found a folder"));
    assert!(refused(Path::new("..")).ends_with("found a folder"));
    check_writable(place.path("plan.json")).expect("a place");
    assert_eq!(place.names(), ["away", "file", "one", "other"]);
}

#[test]
fn a_new_file_with_names_of_keys_is_its_owners() {
    let place = Folder::new();
    write_whole(place.path("a"), b"x", Readers::Owner).expect("written");
    assert_eq!(mode(&place.path("a")), 0o600);
    write_whole(place.path("b"), b"x", Readers::ByUmask).expect("written");
    fs::write(place.path("c"), "x").expect("written");
    assert_eq!(mode(&place.path("b")), mode(&place.path("c")));
}

#[test]
fn what_is_replaced_keeps_its_mode_and_its_owner() {
    let place = Folder::new();
    let path = place.path("a");
    for kept in [0o600, 0o640, 0o666] {
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(kept)).expect("set");
        write(&path, b"new").expect("written");
        assert_eq!(mode(&path), kept);
    }
    // Only root may give a file away.
    if std::os::unix::fs::chown(&path, Some(1234), Some(1235)).is_ok() {
        write(&path, b"newer").expect("written");
        let found = fs::metadata(&path).expect("there");
        assert_eq!((found.uid(), found.gid()), (1234, 1235));
    }
}

#[test]
fn links_are_followed() {
    let place = Folder::new();
    fs::create_dir(place.path("deep")).expect("a folder");
    fs::write(place.path("deep/file"), "old").expect("written");
    symlink("file", place.path("deep/link")).expect("a link");
    symlink("deep/link", place.path("chain")).expect("a link");
    symlink("../dangling", place.path("deep/out")).expect("a link");
    write(&place.path("chain"), b"new").expect("written");
    write(&place.path("deep/out"), b"new").expect("written");
    assert_eq!(fs::read(place.path("deep/file")).expect("read"), b"new");
    assert_eq!(fs::read(place.path("dangling")).expect("read"), b"new");
    for link in ["chain", "deep/link", "deep/out"] {
        let found = fs::symlink_metadata(place.path(link)).expect("there");
        assert!(found.is_symlink(), "{link}");
    }
}

#[test]
fn a_file_with_two_names_keeps_both() {
    let place = Folder::new();
    fs::write(place.path("a"), "an old text").expect("written");
    fs::hard_link(place.path("a"), place.path("b")).expect("a second name");
    for content in [&b"new"[..], b"a text that is longer than the old one"] {
        write(&place.path("a"), content).expect("written");
        assert_eq!(fs::read(place.path("b")).expect("read"), content);
    }
}

#[test]
fn a_pipe_stays_a_pipe_and_is_written_to() {
    let place = Folder::new();
    let path = place.path("pipe");
    make_pipe(&path);
    check_writable(&path).expect("writable");
    let reader = std::thread::spawn({
        let path = path.clone();
        move || fs::read(path).expect("read")
    });
    write_whole(&path, b"whole", Readers::Owner).expect("written");
    assert_eq!(reader.join().expect("it ends"), b"whole");
    let found = fs::symlink_metadata(&path).expect("there");
    assert!(found.file_type().is_fifo());
}

#[test]
fn a_device_stays_a_device() {
    // Devices of the test's own, so that nothing of this machine's is at stake when it fails.
    let place = Folder::new();
    if !make_device(&place.path("null"), NULL) || !make_device(&place.path("full"), FULL) {
        eprintln!("skipped a_device_stays_a_device: mknod needs root");
        return;
    }
    symlink("null", place.path("link")).expect("a link");
    for name in ["null", "link"] {
        write(&place.path(name), b"x").expect("written");
    }
    let error = write(&place.path("full"), b"x").expect_err("full");
    assert!(error.message().contains("No space left"), "{error}");
    let found = fs::symlink_metadata(place.path("null")).expect("there");
    assert!(found.file_type().is_char_device());
}

#[test]
fn a_socket_is_written_to() {
    let place = Folder::new();
    let path = place.path("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        io::read_to_string(&mut stream).expect("read")
    });
    write(&path, b"whole").expect("written");
    assert_eq!(reader.join().expect("it ends"), "whole");
    let error = write(&path, b"whole").expect_err("nobody listens");
    assert!(error.message().contains("nobody listens"), "{error}");
}

#[test]
fn what_is_open_is_written_to_at_its_end() {
    use std::os::fd::AsRawFd;
    let place = Folder::new();
    fs::write(place.path("log"), "before,").expect("written");
    let log = OpenOptions::new().append(true).open(place.path("log"));
    let log = log.expect("open");
    let by_number = |file: &File| PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    write(&by_number(&log), b"after").expect("written");
    assert_eq!(fs::read(place.path("log")).expect("read"), b"before,after");
    let input = File::open(place.path("log")).expect("open");
    let error = write(&by_number(&input), b"x").expect_err("an input");
    assert!(error.message().contains("for reading only"), "{error}");
    assert_eq!(fs::read(place.path("log")).expect("read"), b"before,after");
    assert!(is_stdout(Path::new("/proc/self/fd/1")) && is_stdout(Path::new("-")));
    assert!(!is_stdout(&place.path("log")));
}

#[test]
fn the_longest_name_has_room_beside_it() {
    let place = Folder::new();
    let name = "n".repeat(255);
    write(&place.path(&name), b"x").expect("written");
    assert_eq!(place.names(), [name]);
}

#[test]
#[cfg(all(feature = "cli", feature = "live"))]
fn what_is_in_the_making_is_hidden_and_can_be_cleaned_up() {
    let place = Folder::new();
    let beside = TemporaryFile::create(&place.path("a.tally"), 0o600).expect("made");
    let names = place.names();
    assert!(
        names[0].starts_with(".a.tally.") && names[0].ends_with(".partial"),
        "{names:?}"
    );
    clean_up();
    assert_eq!(place.names(), [""; 0]);
    drop(beside);
}

/// A disk of a few pages that only this test's own thread sees; none where that isn't allowed.
#[test]
fn a_full_disk_leaves_the_old_content() {
    let place = Folder::new();
    let disk = place.path("disk");
    fs::create_dir(&disk).expect("a folder");
    if !mounted(&disk) {
        eprintln!("not run: no small disk can be mounted here");
        return;
    }
    let path = disk.join("a");
    fs::write(&path, "old").expect("written");
    let too_much = vec![b'x'; 1 << 20];
    for names in [1, 2] {
        if names == 2 {
            fs::hard_link(&path, disk.join("b")).expect("a second name");
        }
        let error = write(&path, &too_much).expect_err("full");
        assert!(error.message().contains("No space left"), "{error}");
        assert_eq!(fs::read(&path).expect("read"), b"old");
        assert_eq!(fs::read_dir(&disk).expect("listed").count(), names);
    }
    assert!(unmounted(&disk));
}

fn run(program: &str, words: &[&str], path: &Path) -> bool {
    let status = std::process::Command::new(program)
        .args(words)
        .arg(path)
        .stderr(std::process::Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn mounted(path: &Path) -> bool {
    let words = ["-t", "tmpfs", "-o", "size=64k", "tmpfs"];
    run("mount", &words, path)
}

fn unmounted(path: &Path) -> bool {
    run("umount", &[], path)
}

/// The minor numbers, under the major number 1, of what throws everything away, and of what is full.
const NULL: &str = "3";
const FULL: &str = "7";

fn make_device(path: &Path, minor: &str) -> bool {
    let made = std::process::Command::new("mknod")
        .arg(path)
        .args(["c", "1", minor])
        .stderr(std::process::Stdio::null())
        .status();
    made.is_ok_and(|status| status.success())
}

fn make_pipe(path: &Path) {
    assert!(run("mkfifo", &[], path), "mkfifo");
}
