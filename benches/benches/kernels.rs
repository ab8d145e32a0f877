//! Single kernels on one thread: `operation/shape/isa`.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wta_benches::{cases, numbers};
use wta_core::{Cut, Filters, Kernels, Placement};
use wta_simd::Isa;

/// The last encoder layer of each network on one image (fully connected: on 28 images).
fn convolve(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("convolve");
    for case in cases().unwrap_or_default() {
        let layer = case.network.top();
        let images = if case.network.is_fully_connected() { 28 } else { 1 };
        let (mut fields, maps) = (layer.fields(), layer.conv.maps);
        if images > 1 {
            (fields.width, fields.step_right) = (images, layer.bordered().len());
        }
        let map = numbers(images * layer.bordered().len());
        let (weights, bias) = (numbers(layer.filters_len()), numbers(maps));
        let placement = Placement { start: 0, row_stride: fields.width * maps, step: maps };
        let mut out = vec![0.0; fields.positions() * maps];
        // Multiplications and additions.
        group.throughput(Throughput::Elements(2 * (out.len() * fields.len()) as u64));
        for isa in Isa::all_available() {
            let mut prepared = vec![0.0; isa.prepared_len(maps, fields.len())];
            isa.prepare(&weights, fields.len(), &mut prepared);
            let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
            group.bench_function(format!("{}/{isa}", case.name), |bencher| {
                bencher
                    .iter(|| isa.convolve(&fields, filters, black_box(&map), placement, black_box(&mut out)));
            });
        }
    }
    group.finish();
}

/// The selection of a whole batch of 100 of 2000 units.
fn lifetime(criterion: &mut Criterion) {
    let values = numbers(100 * 2000);
    let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; 2000];
    let mut group = criterion.benchmark_group("lifetime_cuts");
    group.throughput(Throughput::Elements(values.len() as u64));
    for isa in Isa::all_available() {
        group.bench_function(format!("100x2000/{isa}"), |bencher| {
            bencher.iter(|| isa.lifetime_cuts(black_box(&values), 2000, 0, 5, &mut cuts).is_ok());
        });
    }
    group.finish();
}

/// One survivor's share of the learn phase: an atom of 11 x 11 and a filter of 5 x 5 x 128.
fn fields(criterion: &mut Criterion) {
    let Some(case) = cases().unwrap_or_default().into_iter().find(|case| case.name == "conv128") else {
        return;
    };
    let mut group = criterion.benchmark_group("field");
    for (shape, layer) in [("11x11x1", case.network.decoder()), ("5x5x128", case.network.top())] {
        let fields = layer.fields();
        let mut map = numbers(layer.bordered().len());
        let mut filter = numbers(fields.len());
        let at = fields.at(300);
        group.throughput(Throughput::Elements(fields.len() as u64));
        for isa in Isa::all_available() {
            group.bench_function(format!("dot/{shape}/{isa}"), |bencher| {
                bencher.iter(|| isa.field_dot(&fields, black_box(at), &map, &filter));
            });
            group.bench_function(format!("add_to_field/{shape}/{isa}"), |bencher| {
                bencher.iter(|| isa.add_to_field(&fields, black_box(at), 1e-6, &filter, &mut map));
            });
            group.bench_function(format!("add_to_filter/{shape}/{isa}"), |bencher| {
                bencher.iter(|| isa.add_to_filter(&fields, black_box(at), 1e-6, &map, &mut filter));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, convolve, lifetime, fields);
criterion_main!(benches);
