//! slotkit's own kernels: one key and batches, for each tier that runs here.
//!
//! `cargo bench --bench kernels`, or with a filter: `cargo bench --bench kernels -- mix10`.

mod common;

use common::keys::{IN_CACHE, Keys};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use slotkit::slot::{Kernel, Slot};
use std::hint::black_box;
use std::time::Duration;

fn kernels(criterion: &mut Criterion) {
    let mixes = [0, 10, 100].map(|tagged| Keys::mix(tagged, IN_CACHE));
    let fixed = [8, 16, 24, 40, 64, 200].map(|length| Keys::fixed(length, IN_CACHE));
    for keys in mixes.iter().chain(&fixed) {
        let expected = keys.slots();
        let mut slots = vec![Slot::MIN; expected.len()];
        let mut group = criterion.benchmark_group(&keys.name);
        group.throughput(Throughput::Elements(expected.len() as u64));
        group.measurement_time(Duration::from_secs(1));
        group.warm_up_time(Duration::from_millis(200));
        for kernel in Kernel::available() {
            kernel.slots_of(&keys.buffer, &keys.spans, &mut slots);
            assert_eq!(slots, expected, "{kernel}, batch");
            group.bench_function(format!("{kernel} batch"), |bencher| {
                bencher.iter(|| kernel.slots_of(&keys.buffer, &keys.spans, &mut slots));
            });
            for (key, slot) in keys.each().zip(&expected) {
                assert_eq!(kernel.slot_of(key), *slot, "{kernel}, one key");
            }
            group.bench_function(format!("{kernel} one key"), |bencher| {
                bencher.iter(|| {
                    for key in keys.each() {
                        black_box(kernel.slot_of(key));
                    }
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
