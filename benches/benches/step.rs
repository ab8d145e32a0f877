//! Whole training steps, batch 100, on all threads: `step/network/isa`.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wta::batch::BatchTrainer;
use wta_benches::{cases, numbers};
use wta_core::{Initial, Method, Optimizer, Schedule, Training};
use wta_simd::Isa;

const BATCH: usize = 100;

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    group.sample_size(10).throughput(Throughput::Elements(BATCH as u64));
    for case in cases().unwrap_or_default() {
        let images = numbers(BATCH * case.network.input().len());
        // The scalar kernels take minutes for the wide networks; `kernels` measures them.
        for isa in Isa::all_available().filter(|isa| *isa != Isa::Scalar) {
            let method = Method::Sgd { momentum: 0.9 };
            let optimizer = Optimizer { method, rate: 1e-4, schedule: Schedule::Constant, decay: 0.0 };
            let training = Training { sparsity: case.sparsity, optimizer, batch: BATCH, steps: u64::MAX };
            let mut trainer = BatchTrainer::new(isa, case.network, training);
            if case.network.initialise(Initial::He, 1, &mut trainer.parameters).is_err() {
                continue;
            }
            let name = format!("{}/{isa}", case.name);
            group.bench_function(name, |bencher| bencher.iter(|| black_box(trainer.step(&images).ok())));
        }
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
