//! A word about nodes that let us wait, so that nobody takes a slow node for a hung program.

use super::told::{Observer, Told};
use crate::cluster::Awaited;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What is over before that needs no word.
const QUIET: Duration = Duration::from_secs(1);
/// How often it is said again.
const AGAIN: Duration = Duration::from_secs(5);

/// Does this, and tells meanwhile who is still waited for.
pub fn patiently<T>(awaited: &Awaited, observer: &dyn Observer, work: impl FnOnce() -> T) -> T {
    let (done, waits) = channel::<()>();
    std::thread::scope(|scope| {
        let speaker = std::thread::Builder::new().name("word".to_owned());
        // Without a thread to be had there is no word.
        let _ = speaker.spawn_scoped(scope, move || {
            let begun = Instant::now();
            let mut pause = QUIET;
            while let Err(RecvTimeoutError::Timeout) = waits.recv_timeout(pause) {
                let (asked, pending) = awaited.pending();
                if !pending.is_empty() {
                    observer.told(&Told::Awaited {
                        asked,
                        pending,
                        waited: begun.elapsed(),
                    });
                }
                pause = AGAIN;
            }
        });
        let result = work();
        drop(done);
        result
    })
}
