//! Ctrl-C while something is read: the bar leaves the screen, and the signal ends the program.

use super::servers;
use super::tool::slotkit;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};

/// What shows that the bar is there, and what takes it away.
const RATE: &str = "iB/s";
const CLEARED: &str = "\x1b[2K";

/// How much is read before the bar must have shown itself, MiB.
const ENOUGH: usize = 4_096;

/// What a terminal is told, piece by piece.
fn told(master: File) -> Receiver<String> {
    let (tell, told) = channel();
    let mut master = master;
    std::thread::spawn(move || {
        let mut buffer = [0; 4_096];
        // A terminal that nobody holds any more ends with an error.
        while let Ok(count @ 1..) = master.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if tell.send(text).is_err() {
                return;
            }
        }
    });
    told
}

/// Whether whoever started the tests has them ignore a signal, as a shell does with Ctrl-C for what
/// runs behind it: then what they start ignores it too.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal as u32 - 1)) != 0)
}

#[test]
fn the_bar_leaves_the_screen_and_the_signal_ends_the_program() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        if is_ignored(signal) {
            servers::skip(&format!("{signal} is ignored here"));
            continue;
        }
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let terminal = openpty(Some(&size), None).expect("a terminal");
        let told = told(File::from(terminal.master));
        let mut child = slotkit(["analyze", "--format", "list", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::from(terminal.slave))
            .spawn()
            .expect("the binary starts");
        let keys = "key:1234567\n".repeat((1 << 20) / 12);
        let mut input = child.stdin.take().expect("a pipe");
        let mut screen = String::new();
        for _ in 0..ENOUGH {
            input.write_all(keys.as_bytes()).expect("it reads");
            screen.extend(told.try_iter());
            if screen.contains(RATE) {
                break;
            }
        }
        assert!(screen.contains(RATE), "no bar: {screen:?}");
        kill(Pid::from_raw(child.id() as i32), signal).expect("a signal");
        let status = child.wait().expect("it ends");
        assert_eq!(status.signal(), Some(signal as i32), "{status}");
        screen.extend(told.iter());
        let (_, after) = screen.rsplit_once(RATE).expect("a bar");
        assert!(after.contains(CLEARED), "the bar is left: {screen:?}");
    }
}
