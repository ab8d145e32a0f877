//! Runs one kernel or one job so many times, for whoever counts its instructions:
//! `cargo run --release -p wta-simd --example instructions -- sgd 100`.
//!
//! Without arguments it lists what there is: the name, what a repetition consists of, of how many, and the
//! instructions that each takes at least.
//! `tests/tests/neon_instructions.rs` counts in QEMU, `perf stat` does on a real processor. The difference
//! between two runs of more and fewer repetitions is free of what happens before and after.

use std::hint::black_box;
use std::process::ExitCode;

use wta_core::{
    AdamUpdate, Conv, Cut, Encoder, Error, Filters, Initial, Kernels, Layer, Network, Optimizer,
    OutputLayout, Parameters, Random, Result, Scratch, Screened, SgdUpdate, Shape, Size, Sparsity, Trainer,
    TrainingConfig, training_len,
};
use wta_simd::Isa;
use wta_simd::int8::{BEHIND, Int8Filter, Int8Isa};
use wta_simd::sparse::{Entry, Lanes};

/// The unit of most kernels: what the direct algorithm multiplies and adds.
const MULTIPLY_ADD: &str = "multiply-add";

/// Images of a batch for fully-connected layers, and survivors of each of their units.
const BATCH: usize = 100;
const KEEP: usize = 5;

/// Something to count.
struct Subject {
    name: &'static str,
    /// What a repetition consists of, and of how many.
    unit: &'static str,
    units: usize,
    /// Prepares, and repeats.
    run: Box<dyn Fn(u64) -> Result<()>>,
}

impl Subject {
    fn new(
        name: &'static str,
        unit: &'static str,
        units: usize,
        run: impl Fn(u64) -> Result<()> + 'static,
    ) -> Self {
        Self { name, unit, units, run: Box::new(run) }
    }

    /// The vector instructions of four lanes that a unit takes by its definition: one for each operation and
    /// for each number that is read or written, but in multiply-adds, whose operands are used again and
    /// again.
    fn ideal(&self) -> Option<f64> {
        let instructions = match self.name.split(' ').next()? {
            // Two of them are a multiply-add that must not be fused.
            "sparse" => 2.0,
            // Decay, momentum, rate: a product and a sum each; three numbers are read, two written.
            "sgd" => 6.0 + 5.0,
            // 13 products and sums, a root, a quotient; four numbers are read, three written.
            "adam" => 15.0 + 7.0,
            // Each activation is read, and compared with the best so far.
            "compete" => 2.0,
            // Both are read, the larger one is written.
            "max" => 4.0,
            // 16 products of bytes by an instruction, 32, and eight by two, which multiply and add.
            "sdot" => 0.25,
            "usmmla" => 0.125,
            "smull" => 1.0,
            _ if self.unit == MULTIPLY_ADD => 1.0,
            _ => return None,
        };
        Some(instructions / 4.0)
    }

    /// A kernel of a layer.
    fn of(
        name: &'static str,
        layer: Layer,
        positions: usize,
        run: impl Fn(Layer, u64) -> Result<()> + 'static,
    ) -> Self {
        let multiply_adds = positions * layer.filters_len();
        Self::new(name, MULTIPLY_ADD, multiply_adds, move |times| run(layer, times))
    }
}

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> std::result::Result<(), String> {
    let subjects = subjects().map_err(|error| error.to_string())?;
    match arguments {
        [] => {
            for subject in subjects {
                let ideal = subject.ideal().map_or_else(String::new, |ideal| format!("{ideal:.2}"));
                let Subject { name, unit, units, .. } = subject;
                println!("{name}\t{unit}\t{units}\t{ideal}");
            }
            Ok(())
        }
        [name, times] => {
            let subject = subjects.iter().find(|subject| subject.name == name);
            let subject =
                subject.ok_or_else(|| format!("there is no {name}; the list is without arguments"))?;
            let times = times.parse().map_err(|_| format!("{times} is no number of repetitions"))?;
            (subject.run)(times).map_err(|error| error.to_string())
        }
        _ => Err("give a name and a number of repetitions, or nothing for the list".to_owned()),
    }
}

fn subjects() -> Result<Vec<Subject>> {
    let square = |channels, side, maps, kernel| layer(channels, (side, side), maps, (kernel, kernel));
    let (first, wide) = (square(1, 28, 128, 5)?, square(64, 28, 64, 5)?);
    let mut subjects = vec![
        Subject::of("convolve 1x28x28,128conv5", first, positions(&first), convolve),
        Subject::of("convolve 64x28x28,64conv5", wide, positions(&wide), convolve),
    ];
    let tiled = [
        ("tiles 64x32x32,64conv3", square(64, 32, 64, 3)?),
        ("tiles 16x28x28,16conv5", square(16, 28, 16, 5)?),
        ("tiles 64x28x28,64conv5", wide),
        ("tiles 48x28x28,48conv7", square(48, 28, 48, 7)?),
        ("tiles 64x1x1024,64conv1x9", layer(64, (1, 1024), 64, (1, 9))?),
    ];
    subjects.extend(tiled.map(|(name, layer)| Subject::of(name, layer, positions(&layer), tiles)));
    subjects.extend([
        Subject::of("screen 64x28x28,64conv5", wide, positions(&wide), screen),
        Subject::of("sdot 64x28x28,64conv5", wide, positions(&wide), |layer, times| {
            bytes("neon-dot", layer, times)
        }),
        Subject::of("usmmla 64x28x28,64conv5", wide, positions(&wide), |layer, times| {
            bytes("neon-i8mm", layer, times)
        }),
        Subject::of("smull 64x28x28,64conv5", wide, positions(&wide), |layer, times| {
            bytes("neon", layer, times)
        }),
        Subject::new("prepare tiles 64x28x28,64conv5", "weight", wide.filters_len(), move |times| {
            prepare_tiles(wide, times)
        }),
        Subject::of("activations 16 of 64x28x28,64conv5", square(64, 28, 1, 5)?, 16, activations),
        Subject::of("filter gradients 80 of 64x28x28,64conv5", wide, 80, filter_gradients),
        Subject::of("filter gradients 80 of 1x28x28,64conv5", square(1, 28, 64, 5)?, 80, filter_gradients),
        Subject::of("backpropagate 80 of 64x28x28,64conv5", wide, 80, backpropagate),
        Subject::of("deconvolve, add atom 11x11x1", square(1, 28, 1, 11)?, 1, add_to_field),
        Subject::of("deconvolve, add atom 7x7x3", square(3, 32, 1, 7)?, 1, add_to_field),
        Subject::of("add to filter 5x5x64", square(64, 28, 1, 5)?, 1, add_to_filter),
        Subject::of("dot with atom 11x11x1", square(1, 28, 1, 11)?, 1, field_dot),
        Subject::new("products 784x120x100", MULTIPLY_ADD, 784 * 120 * BATCH, |times| {
            Dense::new(784, 120).products(times)
        }),
        Subject::new("sum of rows 5x784", MULTIPLY_ADD, KEEP * 784, |times| {
            Dense::new(784, 120).sum_of_rows(times)
        }),
        Subject::new("sparse dot 200x8", MULTIPLY_ADD, 200 * 8, sparse_dot),
        Subject::new("sparse add 200x8", MULTIPLY_ADD, 200 * 8, sparse_add),
        Subject::new("sgd", "weight", WEIGHTS, sgd),
        Subject::new("adam", "weight", WEIGHTS, adam),
        Subject::new("compete 784x64", "activation", 784 * 64, compete),
        Subject::new("lifetime cuts 100x128", "candidate", BATCH * 128, lifetime_cuts),
        Subject::new("row survivors 5 of 100", "candidate", BATCH, row_survivors),
        Subject::new("max", "number", WEIGHTS, max),
    ]);
    let conv16 = paper(16)?;
    let conv128 = paper(128)?;
    let fc1000 = Network::fully_connected(784, &[1000])?;
    subjects.extend([
        Subject::new("encode conv16", "image", 4, move |times| encode(&conv16, 4, times)),
        Subject::new("encode conv128", "image", 1, move |times| encode(&conv128, 1, times)),
        Subject::new("encode fc1000", "image", 28, move |times| encode(&fc1000, 28, times)),
        Subject::new("step conv16", "image", 20, move |times| step(&conv16, Sparsity::SPATIAL, 20, times)),
        Subject::new("step conv128", "image", 20, move |times| {
            step(&conv128, Sparsity::lifetime(0.05), 20, times)
        }),
        Subject::new("step fc1000", "image", BATCH, |times| Dense::new(784, 1000).step(times)),
    ]);
    Ok(subjects)
}

/// Weights of the optimisers' kernels.
const WEIGHTS: usize = 1 << 12;

fn numbers(count: usize) -> Vec<f32> {
    let mut random = Random::new(1);
    (0..count).map(|_| random.uniform()).collect()
}

fn layer(
    channels: usize,
    (height, width): (usize, usize),
    maps: usize,
    (rows, columns): (usize, usize),
) -> Result<Layer> {
    let kernel = Size::new(rows, columns);
    let network =
        Network::convolutional(Shape::new(channels, height, width), &[Conv::new(maps, kernel)], kernel)?;
    Ok(network.top())
}

fn positions(layer: &Layer) -> usize {
    layer.receptive_fields().positions()
}

/// A network of two layers, as in the paper.
fn paper(maps: usize) -> Result<Network> {
    let conv = Conv::new(maps, Size::square(5));
    Network::convolutional(Shape::new(1, 28, 28), &[conv, conv], Size::square(11))
}

fn output_layout(layer: &Layer) -> OutputLayout {
    let (width, maps) = (layer.receptive_fields().width, layer.conv.maps);
    OutputLayout { start: 0, row_stride: width * maps, step: maps }
}

fn convolve(layer: Layer, times: u64) -> Result<()> {
    let (isa, fields, maps) = (Isa::detect(), layer.receptive_fields(), layer.conv.maps);
    let (map, weights, bias) = (numbers(layer.padded().len()), numbers(layer.filters_len()), numbers(maps));
    let mut prepared = vec![0.0; isa.prepared_len(maps, fields.len())];
    isa.prepare(&weights, fields.len(), &mut prepared);
    let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
    let mut out = vec![0.0; fields.positions() * maps];
    for _ in 0..times {
        isa.convolve(&fields, filters, black_box(&map), output_layout(&layer), black_box(&mut out));
    }
    Ok(())
}

/// Prepared filters and scratch memory of a layer that is computed by tiles.
fn tiled(isa: Isa, layer: &Layer) -> Result<(Vec<f32>, Vec<f32>, usize)> {
    let tiling = isa.tiling(&layer.receptive_fields(), layer.conv.maps);
    let tiling = tiling.ok_or(Error::Invalid("these kernels do not compute this layer by tiles"))?;
    Ok((vec![0.0; tiling.prepared_len], vec![0.0; tiling.scratch_len], tiling.tiles()))
}

fn tiles(layer: Layer, times: u64) -> Result<()> {
    let (isa, fields, maps) = (Isa::detect(), layer.receptive_fields(), layer.conv.maps);
    let (mut prepared, mut scratch, _) = tiled(isa, &layer)?;
    let (map, weights, bias) = (numbers(layer.padded().len()), numbers(layer.filters_len()), numbers(maps));
    isa.prepare_tiles(&fields, maps, &weights, &mut prepared);
    let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
    let mut out = vec![0.0; fields.positions() * maps];
    for _ in 0..times {
        let layout = output_layout(&layer);
        isa.convolve_tiles(&fields, filters, black_box(&map), layout, &mut scratch, black_box(&mut out));
    }
    Ok(())
}

/// A layer in 8 bits.
fn bytes(isa: &str, layer: Layer, times: u64) -> Result<()> {
    let isa = Int8Isa::all_available().find(|known| known.name() == isa);
    let isa = isa.ok_or(Error::Invalid("this processor does not multiply bytes like this"))?;
    let (fields, maps) = (layer.receptive_fields(), layer.conv.maps);
    let map: Vec<u8> = (0..layer.padded().len() + BEHIND).map(|index| (index * 37 % 251) as u8).collect();
    let filter = |map: usize| Int8Filter {
        weights: (0..fields.len()).map(move |index| ((index + map) % 255) as u8 as i8),
        bias: 3,
        multiplier: 1 << 16,
    };
    let mut prepared = vec![0; isa.prepared_len(&fields, maps)];
    isa.prepare(&fields, (0..maps).map(filter), &mut prepared);
    let mut out = vec![0; fields.positions() * maps];
    for _ in 0..times {
        let layout = output_layout(&layer);
        isa.convolve(&fields, maps, &prepared, black_box(&map), layout, black_box(&mut out));
    }
    Ok(())
}

fn screen(layer: Layer, times: u64) -> Result<()> {
    let (isa, fields, maps) = (Isa::detect(), layer.receptive_fields(), layer.conv.maps);
    let (mut prepared, mut scratch, tiles) = tiled(isa, &layer)?;
    let (map, weights, bias) = (numbers(layer.padded().len()), numbers(layer.filters_len()), numbers(maps));
    isa.prepare_tiles(&fields, maps, &weights, &mut prepared);
    let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
    let (mut maxima, mut best, mut slack) = (vec![0.0; tiles * maps], vec![0.0; maps], vec![0.0; maps]);
    for _ in 0..times {
        let screened = Screened { maxima: &mut maxima, best: &mut best, slack: &mut slack };
        isa.screen(&fields, filters, black_box(&map), &mut scratch, screened);
    }
    Ok(())
}

fn prepare_tiles(layer: Layer, times: u64) -> Result<()> {
    let isa = Isa::detect();
    let (mut prepared, _, _) = tiled(isa, &layer)?;
    let weights = numbers(layer.filters_len());
    for _ in 0..times {
        isa.prepare_tiles(&layer.receptive_fields(), layer.conv.maps, black_box(&weights), &mut prepared);
    }
    Ok(())
}

/// Positions spread over the map.
fn some(count: usize) -> Vec<u32> {
    (0..count as u32).map(|index| 9 * index).collect()
}

fn activations(layer: Layer, times: u64) -> Result<()> {
    let (isa, fields, positions) = (Isa::detect(), layer.receptive_fields(), some(16));
    let (map, filter, mut out) = (numbers(layer.padded().len()), numbers(fields.len()), [0.0; 16]);
    for _ in 0..times {
        isa.activations(&fields, &positions, black_box(&map), &filter, 0.1, black_box(&mut out));
    }
    Ok(())
}

fn filter_gradients(layer: Layer, times: u64) -> Result<()> {
    let (isa, fields, maps, positions) = (Isa::detect(), layer.receptive_fields(), layer.conv.maps, some(80));
    let (map, deltas) = (numbers(layer.padded().len()), numbers(positions.len() * maps));
    let mut gradient = vec![0.0; layer.filters_len()];
    for _ in 0..times {
        isa.filter_gradients(&fields, &positions, &deltas, maps, 0, black_box(&map), &mut gradient);
    }
    Ok(())
}

fn backpropagate(layer: Layer, times: u64) -> Result<()> {
    let (isa, fields, positions) = (Isa::detect(), layer.receptive_fields(), some(80));
    let (weights, deltas) = (numbers(layer.filters_len()), numbers(positions.len() * layer.conv.maps));
    let mut below = vec![0.0; layer.padded().len()];
    for _ in 0..times {
        isa.backpropagate(&fields, &positions, &deltas, black_box(&weights), &mut below);
    }
    Ok(())
}

fn add_to_field(layer: Layer, times: u64) -> Result<()> {
    let (isa, fields) = (Isa::detect(), layer.receptive_fields());
    let (filter, mut map) = (numbers(fields.len()), numbers(layer.padded().len()));
    for _ in 0..times {
        isa.add_to_field(&fields, black_box(fields.at(300)), 1e-6, &filter, &mut map);
    }
    Ok(())
}

fn add_to_filter(layer: Layer, times: u64) -> Result<()> {
    let (isa, fields) = (Isa::detect(), layer.receptive_fields());
    let (mut filter, map) = (numbers(fields.len()), numbers(layer.padded().len()));
    for _ in 0..times {
        isa.add_to_filter(&fields, black_box(fields.at(300)), 1e-6, &map, &mut filter);
    }
    Ok(())
}

fn field_dot(layer: Layer, times: u64) -> Result<()> {
    let (isa, fields) = (Isa::detect(), layer.receptive_fields());
    let (filter, map) = (numbers(fields.len()), numbers(layer.padded().len()));
    for _ in 0..times {
        black_box(isa.field_dot(&fields, black_box(fields.at(300)), &map, &filter));
    }
    Ok(())
}

/// A fully-connected layer and a batch of images.
struct Dense {
    isa: Isa,
    inputs: usize,
    units: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
    images: Vec<f32>,
    prepared: Vec<f32>,
    codes: Vec<f32>,
}

impl Dense {
    fn new(inputs: usize, units: usize) -> Self {
        let isa = Isa::detect();
        let images = numbers(BATCH * inputs);
        let mut prepared = vec![0.0; isa.prepared_len(BATCH, inputs)];
        isa.prepare(&images, inputs, &mut prepared);
        let codes = vec![0.0; units * BATCH.next_multiple_of(isa.panel_maps())];
        Self {
            isa,
            inputs,
            units,
            weights: numbers(units * inputs),
            bias: numbers(units),
            images,
            prepared,
            codes,
        }
    }

    fn products(mut self, times: u64) -> Result<()> {
        for _ in 0..times {
            self.compute();
        }
        Ok(())
    }

    fn compute(&mut self) {
        let Self { isa, weights, bias, images, prepared, codes, .. } = self;
        isa.unit_activations(weights, bias, images, black_box(prepared), black_box(codes));
    }

    fn sum_of_rows(self, times: u64) -> Result<()> {
        let (scales, mut sum) = (numbers(KEEP), vec![0.0; self.inputs]);
        for _ in 0..times {
            self.isa.weighted_row_sum(&scales, &[3, 17, 40, 71, 99], &self.images, self.inputs, &mut sum);
        }
        Ok(())
    }

    /// What a host's step consists of, in its kernels: codes, survivors, reconstructions, deltas, gradients,
    /// the update. Five of a hundred images survive in each unit, so each image has units / 20 survivors.
    fn step(mut self, times: u64) -> Result<()> {
        let (isa, inputs, units) = (self.isa, self.inputs, self.units);
        let atoms = numbers(units * inputs);
        let (mut values, mut places) = ([0.0; KEEP], [0; KEEP]);
        let survivors: Vec<u32> = (0..(units * KEEP / BATCH) as u32).map(|index| index * 20).collect();
        let scales = numbers(survivors.len().max(KEEP));
        let winners = scales.get(..KEEP).unwrap_or_default();
        let (mut residual, mut sum) = (vec![0.0; inputs], vec![0.0; inputs]);
        let parameters = 2 * units * inputs;
        let (mut velocity, mut all, gradient) =
            (vec![0.0; parameters], numbers(parameters), numbers(parameters));
        for _ in 0..times {
            self.compute();
            let width = BATCH.next_multiple_of(isa.panel_maps());
            for row in self.codes.chunks_exact(width) {
                let row = row.get(..BATCH).unwrap_or_default();
                black_box(isa.row_survivors(row, &mut values, &mut places)?);
            }
            for _ in 0..BATCH {
                isa.weighted_row_sum(&scales, &survivors, &atoms, inputs, &mut residual);
            }
            for unit in atoms.chunks_exact(inputs) {
                isa.row_dots(unit, &[3, 17, 40, 71, 99], &self.images, inputs, &mut values);
                for _ in 0..2 {
                    isa.weighted_row_sum(winners, &[3, 17, 40, 71, 99], &self.images, inputs, &mut sum);
                }
            }
            isa.sgd(&SGD, &gradient, &mut velocity, &mut all);
        }
        Ok(())
    }
}

fn sparse_row() -> Vec<Entry> {
    numbers(200).into_iter().zip(0..).map(|(value, index)| Entry { index: 5 * index, value }).collect()
}

fn sparse_dot(times: u64) -> Result<()> {
    let (row, weights) = (sparse_row(), vec![[0.5; 8]; 1000]);
    for _ in 0..times {
        black_box(Isa::detect().row_dot(black_box(&weights), &row));
    }
    Ok(())
}

fn sparse_add(times: u64) -> Result<()> {
    let (row, mut weights): (_, Vec<Lanes>) = (sparse_row(), vec![[0.5; 8]; 1000]);
    for _ in 0..times {
        Isa::detect().row_axpy(black_box(&mut weights), &row, &[1e-6; 8]);
    }
    Ok(())
}

const SGD: SgdUpdate = SgdUpdate { rate: 1e-6, momentum: 0.9, decay: 0.0 };

fn sgd(times: u64) -> Result<()> {
    let (gradient, mut velocity, mut weights) = (numbers(WEIGHTS), vec![0.0; WEIGHTS], numbers(WEIGHTS));
    for _ in 0..times {
        Isa::detect().sgd(&SGD, black_box(&gradient), &mut velocity, &mut weights);
    }
    Ok(())
}

fn adam(times: u64) -> Result<()> {
    let update = AdamUpdate { rate: 1e-6, root: 1.0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.0 };
    let (gradient, mut first, mut second) = (numbers(WEIGHTS), vec![0.0; WEIGHTS], vec![0.0; WEIGHTS]);
    let mut weights = numbers(WEIGHTS);
    for _ in 0..times {
        Isa::detect().adam(&update, black_box(&gradient), &mut first, &mut second, &mut weights);
    }
    Ok(())
}

fn compete(times: u64) -> Result<()> {
    let (activations, mut values, mut positions) = (numbers(784 * 64), [0.0; 64], [0; 64]);
    for _ in 0..times {
        values.fill(0.0);
        Isa::detect().compete(black_box(&activations), 0, &mut values, &mut positions);
    }
    Ok(())
}

fn lifetime_cuts(times: u64) -> Result<()> {
    let (values, mut cuts) = (numbers(BATCH * 128), vec![Cut { threshold: 0.0, ties_below: 0 }; 128]);
    for _ in 0..times {
        Isa::detect().lifetime_cuts(black_box(&values), 128, 0, KEEP, &mut cuts)?;
    }
    Ok(())
}

fn row_survivors(times: u64) -> Result<()> {
    let (row, mut values, mut places) = (numbers(BATCH), [0.0; KEEP], [0; KEEP]);
    for _ in 0..times {
        black_box(Isa::detect().row_survivors(black_box(&row), &mut values, &mut places)?);
    }
    Ok(())
}

fn max(times: u64) -> Result<()> {
    let (from, mut to) = (numbers(WEIGHTS), vec![0.5; WEIGHTS]);
    for _ in 0..times {
        Isa::detect().max(black_box(&from), &mut to);
    }
    Ok(())
}

/// Dense codes of a block of images, as `wta profile` encodes on each thread.
fn encode(network: &Network, images: usize, times: u64) -> Result<()> {
    let isa = Isa::detect();
    let mut parameters = vec![0.0; network.parameters_len()];
    network.initialise(Initial::He, 1, &mut parameters)?;
    let mut prepared = vec![0.0; Encoder::prepared_len(isa, network)];
    let encoder = Encoder::new(isa, Parameters::new(*network, &parameters)?, &mut prepared)?;
    let (block, len) = if network.is_fully_connected() { (images, 1) } else { (1, images) };
    let (mut inputs, mut scratch) =
        (vec![0.0; block * network.inputs_len()], vec![0.0; Encoder::scratch_len(isa, network)]);
    let (pixels, mut codes) =
        (numbers(images * network.input().len()), vec![0.0; block * network.code_len()]);
    for _ in 0..times {
        for group in 0..len {
            let pixels = pixels.chunks_exact(network.input().len()).skip(group).take(block);
            for (image, pixels) in pixels.enumerate() {
                encoder.load(block, image, pixels, &mut inputs)?;
            }
            encoder.hidden(block, &mut inputs, &mut scratch)?;
            encoder.top(block, &inputs, &mut scratch, black_box(&mut codes))?;
        }
    }
    Ok(())
}

/// Training steps of a convolutional network, by the core's trainer.
fn step(network: &Network, sparsity: Sparsity, batch: usize, times: u64) -> Result<()> {
    let isa = Isa::detect();
    let config = TrainingConfig::new(sparsity, Optimizer::sgd(1e-4), batch, times.max(1));
    let len = training_len(network, &sparsity, &config.optimizer.method, batch);
    let (mut parameters, mut moments) = (vec![0.0; len.parameters], vec![0.0; len.moments]);
    network.initialise(Initial::He, 1, &mut parameters)?;
    let more = Encoder::prepared_len(isa, network) + Encoder::scratch_len(isa, network);
    let (mut floats, mut indices) = (vec![0.0; len.floats + more], vec![0; len.indices]);
    let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts];
    let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
    let mut trainer = Trainer::new(isa, *network, config, 0, &mut parameters, &mut moments, scratch)?;
    let pixels = numbers(batch * network.input().len());
    for _ in 0..times {
        black_box(trainer.step(pixels.chunks_exact(network.input().len()))?);
    }
    Ok(())
}
