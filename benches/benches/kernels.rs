//! Single kernels on one thread: `operation/shape/isa`.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wta::memory::aligned::Aligned;
use wta_benches::{cases, numbers};
use wta_core::{AdamUpdate, Cut, Filters, Kernels, OutputLayout, Screened, SgdUpdate};
use wta_simd::Isa;

/// The last encoder layer of each network on one image (fully connected: on 28 images).
fn convolve(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("convolve");
    for case in cases().unwrap_or_default() {
        let layer = case.network.top();
        let images = if case.network.is_fully_connected() { 28 } else { 1 };
        let (mut fields, maps) = (layer.receptive_fields(), layer.conv.maps);
        if images > 1 {
            (fields.width, fields.step_right) = (images, layer.padded().len());
        }
        let map = Aligned::from(&numbers(images * layer.padded().len())[..]);
        let (weights, bias) = (numbers(layer.filters_len()), numbers(maps));
        let output_layout = OutputLayout { start: 0, row_stride: fields.width * maps, step: maps };
        let mut out = vec![0.0; fields.positions() * maps];
        // Multiplications and additions.
        group.throughput(Throughput::Elements(2 * (out.len() * fields.len()) as u64));
        for isa in Isa::all_available() {
            let mut prepared = Aligned::zeros(isa.prepared_len(maps, fields.len()));
            isa.prepare(&weights, fields.len(), &mut prepared);
            let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
            group.bench_function(format!("{}/{isa}", case.name), |bencher| {
                bencher.iter(|| {
                    isa.convolve(&fields, filters, black_box(&map), output_layout, black_box(&mut out))
                });
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
        let fields = layer.receptive_fields();
        let mut map = numbers(layer.padded().len());
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

/// The last encoder layer by tiles, on one image: dense outputs, and maxima only; and laying the filters out.
fn tiles(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tiles");
    for case in cases().unwrap_or_default() {
        let layer = case.network.top();
        let (fields, maps) = (layer.receptive_fields(), layer.conv.maps);
        let map = Aligned::from(&numbers(layer.padded().len())[..]);
        let (weights, bias) = (numbers(layer.filters_len()), numbers(maps));
        let output_layout = OutputLayout { start: 0, row_stride: fields.width * maps, step: maps };
        let mut out = Aligned::zeros(fields.positions() * maps);
        // Those of the direct algorithm, to compare with `convolve`.
        let operations = 2 * (out.len() * fields.len()) as u64;
        for isa in Isa::all_available() {
            let Some(tiling) = isa.tiling(&fields, maps) else { continue };
            let (mut prepared, mut scratch) =
                (Aligned::zeros(tiling.prepared_len), Aligned::zeros(tiling.scratch_len));
            group.throughput(Throughput::Elements(weights.len() as u64));
            group.bench_function(format!("prepare/{}/{isa}", case.name), |bencher| {
                bencher.iter(|| isa.prepare_tiles(&fields, maps, black_box(&weights), &mut prepared));
            });
            let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
            group.throughput(Throughput::Elements(operations));
            group.bench_function(format!("convolve/{}/{isa}", case.name), |bencher| {
                bencher.iter(|| {
                    isa.convolve_tiles(
                        &fields,
                        filters,
                        black_box(&map),
                        output_layout,
                        &mut scratch,
                        &mut out,
                    )
                });
            });
            let mut maxima = vec![0.0; tiling.tiles() * maps];
            let (mut best, mut slack) = (vec![0.0; maps], vec![0.0; maps]);
            group.bench_function(format!("screen/{}/{isa}", case.name), |bencher| {
                bencher.iter(|| {
                    let screened = Screened { maxima: &mut maxima, best: &mut best, slack: &mut slack };
                    isa.screen(&fields, filters, black_box(&map), &mut scratch, screened);
                });
            });
        }
    }
    group.finish();
}

/// One map's activations in one tile: what a screened winner is evaluated with.
fn activations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("activations");
    for case in cases().unwrap_or_default().into_iter().filter(|case| !case.network.is_fully_connected()) {
        let layer = case.network.top();
        let fields = layer.receptive_fields();
        let (map, filter) = (Aligned::from(&numbers(layer.padded().len())[..]), numbers(fields.len()));
        let positions: Vec<u32> = (0..16).map(|i| (i / 4 * fields.width + i % 4) as u32).collect();
        let mut out = [0.0; 16];
        group.throughput(Throughput::Elements(2 * 16 * fields.len() as u64));
        for isa in Isa::all_available() {
            group.bench_function(format!("{}/{isa}", case.name), |bencher| {
                bencher
                    .iter(|| isa.activations(&fields, &positions, black_box(&map), &filter, 0.1, &mut out));
            });
        }
    }
    group.finish();
}

/// Fully connected, unit by unit: codes of a batch of 100, a unit's selection, a unit's gradient.
fn units(criterion: &mut Criterion) {
    let (inputs, units, batch) = (784, 24, 100);
    let (weights, bias) = (Aligned::from(&numbers(units * inputs)[..]), numbers(units));
    let images = Aligned::from(&numbers(batch * inputs)[..]);
    for isa in Isa::all_available() {
        let mut prepared = Aligned::zeros(isa.prepared_len(batch, inputs));
        isa.prepare(&images, inputs, &mut prepared);
        let mut codes = Aligned::zeros(units * batch.next_multiple_of(isa.panel_maps()));
        let mut group = criterion.benchmark_group("unit_activations");
        group.throughput(Throughput::Elements(2 * (units * inputs * batch) as u64));
        group.bench_function(format!("24x784x100/{isa}"), |bencher| {
            bencher.iter(|| isa.unit_activations(&weights, &bias, &images, black_box(&prepared), &mut codes));
        });
        group.finish();
        let mut group = criterion.benchmark_group("row_survivors");
        let (row, mut values, mut places) = (numbers(batch), [0.0; 5], [0; 5]);
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("5of100/{isa}"), |bencher| {
            bencher.iter(|| isa.row_survivors(black_box(&row), &mut values, &mut places).is_ok());
        });
        group.finish();
        let mut group = criterion.benchmark_group("combine");
        let mut sum = Aligned::zeros(inputs);
        group.throughput(Throughput::Elements(2 * (5 * inputs) as u64));
        group.bench_function(format!("5x784/{isa}"), |bencher| {
            bencher.iter(|| {
                isa.weighted_row_sum(&row[..5], &[3, 17, 40, 71, 99], black_box(&images), inputs, &mut sum)
            });
        });
        group.finish();
    }
}

/// Hidden layers' gradients from 80 positions, of 16 filters; and 80 positions' deltas through all filters.
fn hidden(criterion: &mut Criterion) {
    let Some(case) = cases().unwrap_or_default().into_iter().find(|case| case.name == "conv64x3") else {
        return;
    };
    for index in 0..2 {
        let Some(layer) = case.network.layer(index) else { continue };
        let (fields, maps) = (layer.receptive_fields(), layer.conv.maps);
        let positions: Vec<u32> = (0..80).map(|i| i * 9).collect();
        let deltas = numbers(positions.len() * maps);
        let map = Aligned::from(&numbers(layer.padded().len())[..]);
        let weights = Aligned::from(&numbers(layer.filters_len())[..]);
        let mut gradient = Aligned::zeros(16 * fields.len());
        let mut below = Aligned::zeros(map.len());
        let shape = format!("5x5x{}x{maps}", layer.input.channels);
        for isa in Isa::all_available() {
            let mut group = criterion.benchmark_group("filter_gradients");
            group.throughput(Throughput::Elements(2 * (positions.len() * gradient.len()) as u64));
            group.bench_function(format!("{shape}/{isa}"), |bencher| {
                bencher.iter(|| {
                    isa.filter_gradients(
                        &fields,
                        &positions,
                        &deltas,
                        maps,
                        0,
                        black_box(&map),
                        &mut gradient,
                    )
                });
            });
            group.finish();
            let mut group = criterion.benchmark_group("backpropagate");
            group.throughput(Throughput::Elements(2 * (positions.len() * weights.len()) as u64));
            group.bench_function(format!("{shape}/{isa}"), |bencher| {
                bencher.iter(|| {
                    isa.backpropagate(&fields, &positions, &deltas, black_box(&weights), &mut below)
                });
            });
            group.finish();
        }
    }
}

/// Element by element: pooling's maximum, the competition, the optimisers.
fn elements(criterion: &mut Criterion) {
    let len = 1 << 14;
    let gradient = Aligned::from(&numbers(len)[..]);
    let (mut first, mut second) = (Aligned::zeros(len), Aligned::zeros(len));
    let mut weights = Aligned::from(&numbers(len)[..]);
    let sgd = SgdUpdate { rate: 1e-6, momentum: 0.9, decay: 0.0 };
    let adam = AdamUpdate { rate: 1e-6, root: 1.0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.0 };
    let mut positions = vec![0; 128];
    for isa in Isa::all_available() {
        let mut group = criterion.benchmark_group("elements");
        group.throughput(Throughput::Bytes(4 * len as u64));
        group.bench_function(format!("max/16384/{isa}"), |bencher| {
            bencher.iter(|| isa.max(black_box(&gradient), &mut weights));
        });
        group.bench_function(format!("compete/128x128/{isa}"), |bencher| {
            bencher.iter(|| {
                isa.compete(black_box(&gradient), 0, first.get_mut(..128).unwrap_or_default(), &mut positions)
            });
        });
        group.bench_function(format!("sgd/16384/{isa}"), |bencher| {
            bencher.iter(|| isa.sgd(&sgd, black_box(&gradient), &mut first, &mut weights));
        });
        group.bench_function(format!("adam/16384/{isa}"), |bencher| {
            bencher.iter(|| isa.adam(&adam, black_box(&gradient), &mut first, &mut second, &mut weights));
        });
        group.finish();
    }
}

criterion_group!(benches, convolve, tiles, activations, units, hidden, lifetime, fields, elements);
criterion_main!(benches);
