//! Waiting for what a server does by itself, never longer than it may take.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(25);

/// Asks again until the answer is yes; the words say of what hasn't come true in time.
pub fn until(what: &str, at_most: Duration, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        let waited = start.elapsed();
        assert!(
            waited < at_most,
            "after {waited:?} it isn't true that {what}"
        );
        std::thread::sleep(PAUSE);
    }
}
