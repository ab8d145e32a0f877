//! Whole training steps and the encoding of a batch of 100, on all threads: `step/network/isa` and
//! `encode/network/isa`.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wta::memory::aligned::Aligned;
use wta::profile::encode::Codes;
use wta::train::BatchTrainer;
use wta_benches::{BATCH, INITIAL, SEED, cases, noise};
use wta_core::{Encoder, Parameters};
use wta_simd::Isa;

/// The scalar kernels take minutes for the wide networks; `kernels` measures them.
fn isas() -> impl Iterator<Item = Isa> {
    Isa::all_available().filter(|isa| *isa != Isa::Scalar)
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    group.sample_size(10).throughput(Throughput::Elements(BATCH as u64));
    for case in cases().unwrap_or_default() {
        let images = noise(case.network.input(), BATCH);
        for isa in isas() {
            let mut trainer = BatchTrainer::new(isa, case.network, case.training(BATCH));
            if case.network.initialise(INITIAL, SEED, &mut trainer.parameters).is_err() {
                continue;
            }
            let name = format!("{}/{isa}", case.name);
            group.bench_function(name, |bencher| bencher.iter(|| black_box(trainer.step(&images).ok())));
        }
    }
    group.finish();
}

/// To dense codes; the filters are prepared before, which is done once for a network.
fn encodings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.sample_size(10).throughput(Throughput::Elements(BATCH as u64));
    for case in cases().unwrap_or_default() {
        let images = noise(case.network.input(), BATCH);
        let mut weights = vec![0.0; case.network.parameters_len()];
        for isa in isas() {
            let mut codes = Codes::new(isa, case.network, BATCH);
            let mut prepared = Aligned::zeros(Encoder::prepared_len(isa, &case.network));
            let initialised = case.network.initialise(INITIAL, SEED, &mut weights);
            let encoder = initialised
                .and_then(|()| Parameters::new(case.network, &weights))
                .and_then(|parameters| Encoder::new(isa, parameters, &mut prepared));
            let Ok(encoder) = encoder else { continue };
            let name = format!("{}/{isa}", case.name);
            group.bench_function(name, |bencher| {
                bencher.iter(|| black_box(codes.encode(&encoder, black_box(&images)).is_ok()));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, steps, encodings);
criterion_main!(benches);
