//! One training step on all threads: the core's three phases, over images and over ranges of maps.
//!
//! - *compete*: blocks of images in parallel; hidden maps are kept, since the host has the memory, so that
//!   *learn* need not compute them again.
//! - *select*: ranges of maps in parallel.
//! - *learn*: residuals and deltas by image, then gradients by ranges of maps, each going through the images in
//!   their order.
//!
//! Every number gets its terms in the same order whatever the number of threads, so results are the same bit for
//! bit. All large buffers are allocated once, in [`BatchTrainer::new`].

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use wta_core::{
    Candidates, Cut, Deltas, Encoder, Gradients, Inputs, Keep, Kernels, LayerGradient, Learner, Network,
    Parameters, Shape, SparseDeltas, TopGradient, Training, Winners, apply_lifetime, apply_per_sample,
    expect_sane, select, survivors,
};

use crate::error::Result;
use crate::stopwatch::{Phase, Stopwatch};

/// Images of a block of a fully-connected network, so that a block is a matrix product; a few of the
/// convolution's tiles.
const FULLY_CONNECTED_BLOCK: usize = 28;

/// Maps whose gradient one task computes: a vector of the widest instruction set.
const MAPS_PER_TASK: usize = 16;

/// Parameters that one task updates.
const UPDATE_CHUNK: usize = 1 << 14;

/// What a thread needs for itself.
struct Scratch {
    codes: Vec<f32>,
    below: Vec<f32>,
}

/// The deltas of one hidden layer of one image; the first `len` rows are in use.
struct HiddenDeltas {
    maps: usize,
    positions: Vec<u32>,
    values: Vec<f32>,
    len: usize,
}

impl HiddenDeltas {
    fn new(shape: Shape) -> Self {
        let (positions, values) = (vec![0; shape.positions()], vec![0.0; shape.len()]);
        Self { maps: shape.channels, positions, values, len: 0 }
    }

    fn fill(&mut self, write: impl FnOnce(&mut SparseDeltas<'_>)) {
        let mut view = SparseDeltas { positions: &mut self.positions, values: &mut self.values, len: 0 };
        write(&mut view);
        self.len = view.len;
    }

    fn used(&self) -> Deltas<'_> {
        let values = self.values.get(..self.len * self.maps).unwrap_or_default();
        Deltas { positions: self.positions.get(..self.len).unwrap_or_default(), values }
    }
}

/// What one image leaves behind for the gradients.
struct ImageState {
    residual: Vec<f32>,
    deltas: Vec<f32>,
    /// By hidden layer, from the first.
    hidden: Vec<HiddenDeltas>,
    loss: f32,
}

/// A network in training on all threads of the current rayon pool.
pub struct BatchTrainer<K> {
    kernels: K,
    network: Network,
    training: Training,
    /// The flat parameter vector.
    pub parameters: Vec<f32>,
    /// The optimiser's moments.
    pub moments: Vec<f32>,
    /// Steps done.
    pub step: u64,
    /// Adds up the times of the phases; stands still unless replaced by a running one.
    pub stopwatch: Stopwatch,
    gradient: Vec<f32>,
    prepared: Vec<f32>,
    inputs: Vec<f32>,
    values: Vec<f32>,
    positions: Vec<u32>,
    cuts: Vec<Cut>,
    images: Vec<ImageState>,
    scratch: Vec<Mutex<Scratch>>,
}

impl<K: Kernels> BatchTrainer<K> {
    /// Memory for training `network`; parameters and moments are 0.
    pub fn new(kernels: K, network: Network, training: Training) -> Self {
        let winners = training.sparsity.winners_len(&network);
        let block = block_len(&network).min(training.batch);
        let image = || ImageState {
            residual: vec![0.0; network.residual_len()],
            deltas: vec![0.0; winners],
            hidden: network.layers().skip(1).map(|layer| HiddenDeltas::new(layer.input)).collect(),
            loss: 0.0,
        };
        let scratch = || {
            let below = vec![0.0; network.below_len()];
            Mutex::new(Scratch { codes: vec![0.0; block * network.code_len()], below })
        };
        Self {
            kernels,
            network,
            training,
            parameters: vec![0.0; network.parameters_len()],
            moments: vec![0.0; network.parameters_len() * training.optimizer.method.moments()],
            step: 0,
            stopwatch: Stopwatch::default(),
            gradient: vec![0.0; network.parameters_len()],
            prepared: vec![0.0; Encoder::prepared_len(kernels, &network)],
            inputs: vec![0.0; training.batch * network.inputs_len()],
            values: vec![0.0; training.batch * winners],
            positions: vec![0; training.batch * winners],
            cuts: vec![Cut { threshold: 0.0, ties_below: 0 }; network.code().channels],
            images: (0..training.batch).map(|_| image()).collect(),
            scratch: (0..rayon::current_num_threads() + 1).map(|_| scratch()).collect(),
        }
    }

    /// The gradient of the last step, in the parameters' order.
    pub fn last_gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// The survivors' activations of the last step: image by image, windows x maps, 0 for losers.
    pub fn last_winners(&self) -> &[f32] {
        &self.values
    }

    /// One step on a batch of images, one after the other. Returns the loss: half the squared error summed over an
    /// image, averaged over the batch.
    ///
    /// # Errors
    ///
    /// As for [`wta_core::Trainer::step`]; parameters and moments are then as before the step.
    pub fn step(&mut self, batch: &[f32]) -> Result<f32> {
        let stopwatch = self.stopwatch.clone();
        self.compete(batch)?;
        stopwatch.time(Phase::Select, || self.select())?;
        let loss = self.learn()?;
        stopwatch.time(Phase::Update, || self.update())?;
        self.step += 1;
        Ok(loss)
    }

    fn compete(&mut self, batch: &[f32]) -> Result<()> {
        let (network, sparsity) = (self.network, self.training.sparsity);
        let (image_len, winners_len) = (network.input().len(), sparsity.winners_len(&network));
        let block = block_len(&network);
        let expected = self.training.batch * image_len;
        if batch.len() != expected {
            return Err(wta_core::Error::Length { what: "batch", expected, found: batch.len() }.into());
        }
        let parameters = Parameters::new(network, &self.parameters)?;
        let (kernels, prepared, stopwatch) = (self.kernels, &mut self.prepared[..], &self.stopwatch);
        let encoder = stopwatch.time(Phase::Prepare, move || Encoder::new(kernels, parameters, prepared))?;
        let scratch = &self.scratch;
        let blocks = self
            .inputs
            .par_chunks_mut(block * network.inputs_len())
            .zip(self.values.par_chunks_mut(block * winners_len))
            .zip(self.positions.par_chunks_mut(block * winners_len))
            .zip(batch.par_chunks(block * image_len));
        let encode = |(((inputs, values), positions), pixels): (((&mut [f32], _), _), &[f32])| {
            let images = pixels.len() / image_len;
            for (image, pixels) in pixels.chunks_exact(image_len).enumerate() {
                encoder.load(images, image, pixels, inputs)?;
            }
            with_scratch(scratch, |scratch| {
                let codes = scratch.codes.get_mut(..images * network.code_len()).unwrap_or_default();
                encoder.compete(sparsity.grid, images, inputs, codes, Candidates { values, positions })
            })
        };
        // All layers in one.
        stopwatch.time(Phase::Compete { layer: network.depth() - 1 }, || blocks.try_for_each(encode))?;
        Ok(())
    }

    fn select(&mut self) -> Result<()> {
        let (network, sparsity) = (self.network, self.training.sparsity);
        let winners_len = sparsity.winners_len(&network);
        match sparsity.keep {
            Keep::All => select(self.kernels, &network, &sparsity, &mut self.values, &mut self.cuts)?,
            Keep::PerSample { count } => {
                self.values.par_chunks_mut(winners_len).try_for_each(|row| apply_per_sample(count, row))?;
            }
            Keep::Lifetime { rate } => {
                let windows = sparsity.grid.area();
                let keep = survivors(rate, self.training.batch * windows);
                let (kernels, values) = (self.kernels, &self.values);
                let maps = network.code().channels;
                self.cuts.par_chunks_mut(MAPS_PER_TASK).enumerate().try_for_each(|(task, cuts)| {
                    kernels.lifetime_cuts(values, maps, task * MAPS_PER_TASK, keep, cuts)
                })?;
                let cuts = &self.cuts;
                let rows = self.values.par_chunks_mut(winners_len).enumerate();
                rows.for_each(|(image, row)| apply_lifetime(cuts, image, windows, row));
            }
        }
        Ok(())
    }

    fn learn(&mut self) -> Result<f32> {
        let network = self.network;
        let learner = Learner::new(self.kernels, Parameters::new(network, &self.parameters)?);
        let winners_len = self.training.sparsity.winners_len(&network);
        let scale = 1.0 / self.training.batch as f32;
        let (scratch, inputs) = (&self.scratch, BatchInputs::new(network, self.training.batch, &self.inputs));
        let batch = BatchWinners { len: winners_len, values: &self.values, positions: &self.positions };
        let last = network.depth() - 1;
        let stopwatch = &self.stopwatch;

        self.images.par_iter_mut().enumerate().try_for_each(|(index, image)| {
            let winners = batch.of(index);
            let input = inputs.of(0, index)?;
            let residual = || learner.residual(input, winners, &mut image.residual);
            image.loss = stopwatch.time_task(Phase::Reconstruct, residual)?;
            let deltas = || learner.deltas(scale, winners, &mut image.residual, &mut image.deltas);
            stopwatch.time_task(Phase::Learn { layer: last }, deltas)?;
            with_scratch(scratch, |scratch| -> wta_core::Result<()> {
                let below = &mut scratch.below;
                for layer in (0..last).rev() {
                    let (lower, upper) = image.hidden.split_at_mut(layer + 1);
                    let Some(deltas) = lower.last_mut() else { break };
                    let above = inputs.of(layer + 1, index)?;
                    let backward = |out: &mut SparseDeltas<'_>| match upper.first() {
                        None => learner.top_backward(winners, &image.deltas, above, below, out),
                        Some(from) => learner.hidden_backward(layer + 1, from.used(), above, below, out),
                    };
                    stopwatch.time_task(Phase::Learn { layer }, || deltas.fill(backward));
                }
                Ok(())
            })
        })?;

        let clear = || self.gradient.par_chunks_mut(UPDATE_CHUNK).for_each(|chunk| chunk.fill(0.0));
        stopwatch.time(Phase::Learn { layer: last }, clear);
        let images = &self.images;
        let mut gradients = Gradients::new(&network, &mut self.gradient)?;
        let (hidden, top) = gradients.layers.split_at_mut(last);
        if let Some(top) = top.first_mut() {
            let atom_len = if network.is_tied() { 0 } else { network.decoder().filter_len() };
            let tasks = map_tasks(top, network.top().filter_len());
            let atoms = chunks_or_empty(gradients.atoms, MAPS_PER_TASK * atom_len);
            let tasks: Vec<_> = tasks.into_iter().zip(atoms).collect();
            let decoder_bias = &mut *gradients.decoder_bias;
            let gradients = || {
                rayon::join(
                    || {
                        tasks.into_par_iter().try_for_each(|((range, layer), atoms)| -> Result<()> {
                            let mut gradient = TopGradient { first: range.start, layer, atoms };
                            for (index, image) in images.iter().enumerate() {
                                let input = inputs.of(last, index)?;
                                let winners = batch.of(index);
                                learner.top_gradient(
                                    winners,
                                    &image.deltas,
                                    &image.residual,
                                    input,
                                    &mut gradient,
                                );
                            }
                            Ok(())
                        })
                    },
                    || {
                        for image in images {
                            learner.decoder_bias_gradient(&image.residual, decoder_bias);
                        }
                    },
                )
            };
            stopwatch.time(Phase::Learn { layer: last }, gradients).0?;
        }
        for (index, layer) in hidden.iter_mut().enumerate() {
            let filter_len = network.layer(index).map_or(1, |layer| layer.filter_len());
            let tasks = map_tasks(layer, filter_len);
            let tasks = tasks.into_par_iter();
            let gradients = |(range, mut gradient): (Range<usize>, LayerGradient<'_>)| -> Result<()> {
                for (image, state) in images.iter().enumerate() {
                    let Some(deltas) = state.hidden.get(index) else { continue };
                    let input = inputs.of(index, image)?;
                    learner.hidden_gradient(index, range.start, deltas.used(), input, &mut gradient);
                }
                Ok(())
            };
            stopwatch.time(Phase::Learn { layer: index }, || tasks.try_for_each(gradients))?;
        }
        Ok(self.images.iter().map(|image| image.loss).sum::<f32>() * scale)
    }

    fn update(&mut self) -> Result<()> {
        let optimizer = self.training.optimizer;
        let chunks = self.gradient.par_chunks(UPDATE_CHUNK).enumerate();
        // The first offending index of all chunks, so that the error does not depend on the threads.
        let insane =
            chunks.filter_map(|(i, chunk)| expect_sane(i * UPDATE_CHUNK, chunk).err()).min_by_key(|error| {
                if let wta_core::Error::Diverged { index } = error { *index } else { usize::MAX }
            });
        if let Some(error) = insane {
            return Err(error.into());
        }
        let update = optimizer.update(self.step, self.training.steps);
        let len = self.network.parameters_len();
        let (first, second) = self.moments.split_at_mut(len);
        let (mut gradient, mut first, mut second) = (&self.gradient[..], first, second);
        let mut parameters = &mut self.parameters[..];
        for region in &self.network.regions() {
            let len = region.range.len();
            let g = gradient.split_off(..len).unwrap_or_default();
            let m = first.split_off_mut(..len).unwrap_or_default();
            let v = if second.is_empty() { &mut [] } else { second.split_off_mut(..len).unwrap_or_default() };
            let w = parameters.split_off_mut(..len).unwrap_or_default();
            let decays = region.role.decays();
            let v = chunks_or_empty(v, UPDATE_CHUNK);
            let chunks =
                m.chunks_mut(UPDATE_CHUNK).zip(v).zip(w.chunks_mut(UPDATE_CHUNK)).zip(g.chunks(UPDATE_CHUNK));
            let kernels = self.kernels;
            chunks
                .collect::<Vec<_>>()
                .into_par_iter()
                .for_each(|(((m, v), w), g)| update.apply(kernels, decays, g, m, v, w));
        }
        Ok(())
    }
}

/// The layer inputs of a batch: block after block, each laid out layer by layer.
#[derive(Clone, Copy)]
struct BatchInputs<'a> {
    network: Network,
    batch: usize,
    values: &'a [f32],
}

impl<'a> BatchInputs<'a> {
    fn new(network: Network, batch: usize, values: &'a [f32]) -> Self {
        Self { network, batch, values }
    }

    /// The bordered input of a layer for an image of the batch.
    fn of(&self, layer: usize, image: usize) -> wta_core::Result<&'a [f32]> {
        let block = block_len(&self.network);
        let first = image / block * block;
        let images = block.min(self.batch - first);
        let len = self.network.inputs_len();
        let values = self.values.get(first * len..(first + images) * len).unwrap_or_default();
        Ok(Inputs::new(self.network, images, values)?.of(layer, image - first))
    }
}

/// The winners of a batch.
#[derive(Clone, Copy)]
struct BatchWinners<'a> {
    len: usize,
    values: &'a [f32],
    positions: &'a [u32],
}

impl<'a> BatchWinners<'a> {
    fn of(&self, image: usize) -> Winners<'a> {
        let range = image * self.len..(image + 1) * self.len;
        Winners {
            values: self.values.get(range.clone()).unwrap_or_default(),
            positions: self.positions.get(range).unwrap_or_default(),
        }
    }
}

/// Images that are encoded together: several make a matrix product of a fully-connected layer, while a
/// convolution has enough positions in one.
pub(crate) fn block_len(network: &Network) -> usize {
    if network.is_fully_connected() { FULLY_CONNECTED_BLOCK } else { 1 }
}

/// Cuts a layer's gradient into ranges of maps.
fn map_tasks<'a>(
    gradient: &'a mut LayerGradient<'_>,
    filter_len: usize,
) -> Vec<(Range<usize>, LayerGradient<'a>)> {
    let filters = gradient.filters.chunks_mut(MAPS_PER_TASK * filter_len);
    let tasks = filters.zip(gradient.bias.chunks_mut(MAPS_PER_TASK)).enumerate();
    let range = |task: usize, len: usize| task * MAPS_PER_TASK..task * MAPS_PER_TASK + len;
    tasks.map(|(task, (filters, bias))| (range(task, bias.len()), LayerGradient { filters, bias })).collect()
}

/// Chunks of a slice, or empty slices without end for an empty one.
fn chunks_or_empty(values: &mut [f32], len: usize) -> impl Iterator<Item = &mut [f32]> {
    let none = values.is_empty();
    values
        .chunks_mut(len.max(1))
        .map(Some)
        .chain(std::iter::repeat_with(move || none.then_some(&mut [][..])))
        .map_while(|c| c)
}

/// Runs `work` with the scratch memory of this thread.
fn with_scratch<T>(scratch: &[Mutex<Scratch>], work: impl FnOnce(&mut Scratch) -> T) -> T {
    let index = rayon::current_thread_index().map_or(0, |i| i + 1) % scratch.len();
    // Never contended: each thread of the pool has its own, and the caller's thread the first.
    let mut guard = scratch[index].lock().unwrap_or_else(PoisonError::into_inner);
    work(&mut guard)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wta_core::{
        Conv, Initial, Method, Optimizer, Random, Scalar, Schedule, Scratch as CoreScratch, Size, Sparsity,
        Trainer, training_len,
    };

    fn training(keep: Keep, grid: Size, method: Method) -> Training {
        let optimizer = Optimizer { method, rate: 1e-2, schedule: Schedule::Linear, decay: 1e-3 };
        Training { sparsity: Sparsity { grid, keep }, optimizer, batch: 30, steps: 10 }
    }

    fn images(network: &Network, seed: u64, count: usize) -> Vec<f32> {
        let mut random = Random::new(seed);
        (0..count * network.input().len()).map(|_| random.uniform()).collect()
    }

    /// Four steps with the sequential trainer of the core.
    fn sequential(network: Network, training: Training) -> (Vec<f32>, Vec<f32>) {
        let len = training_len(&network, &training.sparsity, &training.optimizer.method, training.batch);
        let (mut parameters, mut moments) = (vec![0.0; len.parameters], vec![0.0; len.moments]);
        network.initialise(Initial::He, 5, &mut parameters).unwrap();
        let (mut floats, mut indices) = (vec![0.0; len.floats], vec![0; len.indices]);
        let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts];
        let scratch = CoreScratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
        let mut trainer =
            Trainer::new(Scalar, network, training, 0, &mut parameters, &mut moments, scratch).unwrap();
        let mut losses = Vec::new();
        for step in 0..4 {
            let batch = images(&network, step, training.batch);
            losses.push(trainer.step(batch.chunks_exact(network.input().len())).unwrap());
        }
        (parameters, losses)
    }

    fn parallel<K: Kernels>(
        kernels: K,
        network: Network,
        training: Training,
        threads: usize,
    ) -> (Vec<f32>, Vec<f32>) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut trainer = BatchTrainer::new(kernels, network, training);
            network.initialise(Initial::He, 5, &mut trainer.parameters).unwrap();
            let losses =
                (0..4).map(|s| trainer.step(&images(&network, s, training.batch)).unwrap()).collect();
            (trainer.parameters, losses)
        })
    }

    #[test]
    fn threads_do_not_change_a_bit_and_the_core_agrees() {
        let conv = Network::convolutional(
            Shape::new(2, 9, 8),
            &[
                Conv::same(19, Size::new(3, 4)),
                Conv::strided(7, Size::square(3), Size::new(2, 1)),
                Conv::same(21, Size::square(3)),
            ],
            Size::square(5),
        )
        .unwrap();
        let one =
            Network::convolutional(Shape::new(1, 8, 8), &[Conv::same(9, Size::square(3))], Size::square(3));
        let cases = [
            (conv, training(Keep::Lifetime { rate: 0.2 }, Size::new(2, 2), Method::ADAM)),
            (conv, training(Keep::All, Size::ONE, Method::Sgd { momentum: 0.9 })),
            (one.unwrap().tied().unwrap(), training(Keep::Lifetime { rate: 0.1 }, Size::ONE, Method::ADAM)),
            (
                Network::fully_connected(37, &[41, 35]).unwrap(),
                training(Keep::Lifetime { rate: 0.1 }, Size::ONE, Method::ADAM),
            ),
            (
                Network::fully_connected(37, &[50]).unwrap(),
                training(Keep::PerSample { count: 7 }, Size::ONE, Method::Sgd { momentum: 0.5 }),
            ),
        ];
        for (index, (network, training)) in cases.into_iter().enumerate() {
            let (expected, expected_losses) = sequential(network, training);
            let (scalar, losses) = parallel(Scalar, network, training, 3);
            assert!(scalar == expected, "case {index}: parallel scalar differs from the core");
            for (a, b) in losses.iter().zip(&expected_losses) {
                assert!((a / b - 1.0).abs() < 1e-5, "case {index}: losses {losses:?} {expected_losses:?}");
            }
            for isa in wta_simd::Isa::all_available() {
                let (first, _) = parallel(isa, network, training, 1);
                let (second, _) = parallel(isa, network, training, 2);
                assert!(first == second, "case {index}, {isa}: threads change the result");
                let worst = first.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 2e-3, "case {index}, {isa}: differs from the oracle by {worst}");
            }
        }
    }

    #[test]
    fn a_diverged_step_changes_nothing() {
        let network = Network::fully_connected(4, &[8]).unwrap();
        let mut trainer = BatchTrainer::new(Scalar, network, training(Keep::All, Size::ONE, Method::ADAM));
        trainer.parameters.fill(1e15);
        let before = trainer.parameters.clone();
        assert!(trainer.step(&[1e10; 120]).is_err());
        assert!(
            trainer.parameters == before && trainer.moments.iter().all(|v| *v == 0.0) && trainer.step == 0
        );
    }
}
