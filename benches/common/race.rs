//! Contenders that take turns, so that what disturbs one disturbs all.
//!
//! A figure is the median over the rounds of the time that the thread itself
//! was on a processor. On a shared machine only the ratios of one race mean
//! anything.

/// One way to do the work.
pub struct Contender<'a> {
    pub name: String,
    run: Box<dyn FnMut() + 'a>,
}

impl<'a> Contender<'a> {
    pub fn new(name: impl Into<String>, run: impl FnMut() + 'a) -> Contender<'a> {
        Contender {
            name: name.into(),
            run: Box::new(run),
        }
    }
}

/// Nanoseconds an item for each contender, in the order given; each runs once
/// to warm up and then once a round.
pub fn race(contenders: &mut [Contender<'_>], rounds: usize, items: usize) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(rounds); contenders.len()];
    for contender in contenders.iter_mut() {
        (contender.run)();
    }
    for _ in 0..rounds {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            let begin_ns = thread_ns();
            (contender.run)();
            times.push(thread_ns() - begin_ns);
        }
    }
    let per_item = |mut times: Vec<u64>| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default() as f64 / items as f64
    };
    times.into_iter().map(per_item).collect()
}

/// Whether cargo asked for measurements; `cargo test` only wants the answers checked.
pub fn is_measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// How long this thread has been on a processor.
pub fn thread_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec, which `time` is.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(code, 0, "no clock for a thread");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
