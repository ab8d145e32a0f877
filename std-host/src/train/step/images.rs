//! Training image by image: any network, any sparsity.
//!
//! - *compete*: blocks of images in parallel. Hidden maps are kept, because the host has the memory for them,
//!   so that *learn* need not compute them again. If the kernels screen the last layer, its maps are never
//!   written.
//! - *select*: ranges of maps in parallel. After a screening, the exact winners are found first.
//! - *learn*: residuals and deltas image by image, then gradients by ranges of maps. Each range goes through
//!   the images in order.
//!
//! Several processes have some images of the batch each. They gather the winners, so that all select the
//! same; gradients go from process to process (`chain`); all update the same weights in the same way.

use std::ops::Range;

use rayon::prelude::*;
use wta_core::{
    Candidates, Cut, Deltas, Encoder, Gradients, Inputs, Kernels, LayerGradient, Learner, Network, Norm,
    PaddedLayout, Parameters, Role, Selection, Shape, Size, SparseDeltas, TopGradient, Winners,
    apply_lifetime, apply_per_sample, expect_finite, expect_within, of_batch, promises, scale_atom,
    survivors, thresholds,
};

use super::admission::is_bad;
use super::chain::{Piece, chain};
use super::portion::Portion;
use super::shared::{Common, State, UPDATE_CHUNK, chunks_or_empty, clip, norm_of_rows, sum_of_norms};
use crate::error::Result;
use crate::memory::aligned::Aligned;
use crate::memory::block::block_len;
use crate::memory::per_thread::PerThread;
use crate::ranks::{Kind, Ranks, spread};
use crate::train::stopwatch::Phase;

/// The maps whose gradient one task computes: one vector of the widest instruction set.
const MAPS_PER_TASK: usize = 16;

/// The scratch memory of a thread.
struct Scratch {
    codes: Aligned,
    below: Aligned,
    /// The uncorrupted image with its border; empty if the input is not corrupted.
    clean: Aligned,
    /// The encoder's scratch memory.
    encoding: Aligned,
}

/// The deltas of one hidden layer for one image; only the first `len` rows are used.
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

/// The results of one image that the gradients need.
struct ImageState {
    residual: Aligned,
    deltas: Vec<f32>,
    /// One entry for each hidden layer, from the first.
    hidden: Vec<HiddenDeltas>,
    loss: f32,
}

impl ImageState {
    /// No part in any gradient.
    fn clear(&mut self) {
        self.residual.fill(0.0);
        self.deltas.fill(0.0);
        self.hidden.iter_mut().for_each(|deltas| deltas.len = 0);
        self.loss = 0.0;
    }
}

/// All buffers of a step, except parameters and moments. What belongs to an image is there for this process's
/// images, except the winners' values, which are there for the whole batch.
pub(super) struct ImagesWorkspace {
    windows: usize,
    /// This process's images of a batch.
    own: Range<usize>,
    gradient: Aligned,
    prepared: Aligned,
    inputs: Aligned,
    /// Image by image; empty if the last layer is not screened.
    screens: Aligned,
    /// For each map, after a screening: the number of winners evaluated, and the smallest value with which
    /// another one could survive.
    counts: Vec<u32>,
    thresholds: Vec<f32>,
    values: Vec<f32>,
    positions: Vec<u32>,
    cuts: Vec<Cut>,
    images: Vec<ImageState>,
    scratch: PerThread<Scratch>,
}

impl ImagesWorkspace {
    pub(super) fn new<K: Kernels>(common: &Common<K>, portion: &Portion) -> Self {
        let Common { kernels, network, training } = *common;
        let winners = training.sparsity.winners_len(&network);
        let own = portion.images();
        let block = block_len(&network).min(own.len());
        let image = || ImageState {
            residual: Aligned::zeros(network.residual_len()),
            deltas: vec![0.0; winners],
            hidden: network.layers().skip(1).map(|layer| HiddenDeltas::new(layer.input)).collect(),
            loss: 0.0,
        };
        let screen_len = Encoder::screen_len(kernels, &network);
        let screens = if training.sparsity.grid == Size::ONE { screen_len } else { 0 };
        let codes = if screens > 0 { 0 } else { block * network.code_len() };
        let clean = if training.corruption.input > 0.0 { input_layout(&network).len() } else { 0 };
        let scratch = || Scratch {
            codes: Aligned::zeros(codes),
            below: Aligned::zeros(network.delta_scratch_len()),
            clean: Aligned::zeros(clean),
            encoding: Aligned::zeros(Encoder::scratch_len(kernels, &network)),
        };
        Self {
            windows: training.sparsity.grid.area(),
            gradient: Aligned::zeros(network.parameters_len()),
            prepared: Aligned::zeros(Encoder::prepared_len(kernels, &network)),
            inputs: Aligned::zeros(own.len() * network.inputs_len()),
            screens: Aligned::zeros(own.len() * screens),
            counts: vec![0; network.code().channels],
            thresholds: vec![0.0; network.code().channels],
            values: vec![0.0; training.batch * winners],
            positions: vec![0; own.len() * winners],
            cuts: vec![Cut { threshold: 0.0, ties_below: 0 }; network.code().channels],
            images: own.clone().map(|_| image()).collect(),
            scratch: PerThread::new(scratch),
            own,
        }
    }

    /// Counts the survivors of this process's images.
    pub(super) fn count_survivors(&self, counts: &mut [u64]) {
        let own = of_images(&self.own, self.cuts.len() * self.windows, &self.values);
        for row in own.chunks_exact(self.cuts.len()) {
            for (count, value) in counts.iter_mut().zip(row) {
                *count += u64::from(*value > 0.0);
            }
        }
    }

    pub(super) fn step<K: Kernels>(&mut self, state: State<'_, K>, batch: &[f32]) -> Result<f32> {
        self.compete(&state, batch)?;
        self.select(&state)?;
        let loss = self.learn(&state, batch)?;
        let stopwatch = state.stopwatch;
        stopwatch.time(Phase::Update, || self.update(state))?;
        Ok(loss)
    }

    fn compete<K: Kernels>(&mut self, state: &State<'_, K>, batch: &[f32]) -> Result<()> {
        let Common { kernels, network, training } = state.common;
        let (image_len, winners_len) = (network.input().len(), training.sparsity.winners_len(&network));
        let (block, last) = (block_len(&network), network.depth() - 1);
        let own = self.own.clone();
        let parameters = Parameters::new(network, state.parameters)?;
        state.stopwatch.time(Phase::Prepare, || -> Result<()> {
            let preparations = Encoder::preparations(kernels, parameters, &mut self.prepared)?;
            let preparations: Vec<_> = preparations.collect();
            preparations.into_par_iter().for_each(|preparation| preparation.run(kernels));
            Ok(())
        })?;
        let encoder = Encoder::prepared(kernels, parameters, &self.prepared)?;
        let (scratch, stopwatch) = (&self.scratch, state.stopwatch);
        let (layout, corruption) = (input_layout(&network), training.corruption);
        let screen_len = self.screens.len() / own.len();
        let values = of_images_mut(&own, winners_len, &mut self.values);
        let blocks = self
            .inputs
            .par_chunks_mut(block * network.inputs_len())
            .zip(values.par_chunks_mut(block * winners_len))
            .zip(self.positions.par_chunks_mut(block * winners_len))
            .zip(batch.par_chunks(block * image_len));
        let screens = chunks_or_empty(&mut self.screens, block * screen_len);
        let mut screens: Vec<_> = screens.take(own.len().div_ceil(block)).collect();
        blocks.zip(&mut screens).enumerate().try_for_each(
            |(first, ((((inputs, values), positions), pixels), screens))| -> Result<()> {
                let images = pixels.len() / image_len;
                scratch.with(|scratch| -> Result<()> {
                    stopwatch.time_task(Phase::Compete { layer: 0 }, || {
                        for (image, pixels) in pixels.chunks_exact(image_len).enumerate() {
                            encoder.load(images, image, pixels, inputs)?;
                        }
                        let padded = inputs.chunks_exact_mut(layout.len()).take(images);
                        for (image, padded) in (own.start + first * block..).zip(padded) {
                            corruption.corrupt_input(state.step, image, &layout, padded);
                        }
                        wta_core::Result::Ok(())
                    })?;
                    for layer in 1..=last {
                        stopwatch.time_task(Phase::Compete { layer: layer - 1 }, || {
                            encoder.hidden_layer(layer, images, inputs, &mut scratch.encoding)
                        })?;
                    }
                    stopwatch.time_task(Phase::Compete { layer: last }, || -> Result<()> {
                        if screen_len == 0 {
                            let codes =
                                scratch.codes.get_mut(..images * network.code_len()).unwrap_or_default();
                            let winners = Candidates { values, positions };
                            let grid = training.sparsity.grid;
                            encoder.compete_top(
                                grid,
                                images,
                                inputs,
                                &mut scratch.encoding,
                                codes,
                                winners,
                            )?;
                            return Ok(());
                        }
                        let inputs = Inputs::new(network, images, inputs)?;
                        for (image, screen) in screens.chunks_exact_mut(screen_len).enumerate() {
                            encoder.screen(inputs.of(last, image), &mut scratch.encoding, screen)?;
                        }
                        Ok(())
                    })
                })
            },
        )
    }

    /// Finds the exact winners of this process's screened images. With lifetime sparsity, those that cannot
    /// survive become 0.
    fn refine<K: Kernels>(&mut self, state: &State<'_, K>) -> Result<()> {
        let Common { kernels, network, training } = state.common;
        let (last, maps, own) = (network.depth() - 1, network.code().channels, self.own.clone());
        let parameters = Parameters::new(network, state.parameters)?;
        let encoder = Encoder::prepared(kernels, parameters, &self.prepared)?;
        let inputs = BatchInputs::new(network, own.len(), &self.inputs);
        let screen_len = self.screens.len() / own.len();
        let screens = || self.screens.par_chunks(screen_len).enumerate();
        // The values of bad images are 0 and stay so.
        let is_good = |image: usize| !is_bad(state.bad, own.start + image);
        let Selection::Lifetime { rate } = training.sparsity.selection else {
            let values = of_images_mut(&own, maps, &mut self.values);
            let rows = values.par_chunks_mut(maps).zip(self.positions.par_chunks_mut(maps));
            rows.zip(screens()).filter(|(_, (image, _))| is_good(*image)).try_for_each(
                |((values, positions), (image, screen))| {
                    encoder.refine(inputs.of(last, image)?, screen, values, positions)
                },
            )?;
            return Ok(());
        };
        let keep = survivors(rate, training.batch);
        let rows = of_images_mut(&own, maps, &mut self.values).par_chunks_mut(maps);
        rows.zip(screens())
            .filter(|(_, (image, _))| is_good(*image))
            .for_each(|(values, (_, screen))| promises(screen, values));
        state.portion.gather_images(Kind::Winners, &mut self.values)?;
        cut_columns(kernels, &self.values, maps, keep, &mut self.cuts)?;
        let cuts = &self.cuts;
        let values = of_images_mut(&own, maps, &mut self.values);
        let rows = values.par_chunks_mut(maps).zip(self.positions.par_chunks_mut(maps));
        rows.zip(screens()).filter(|(_, (image, _))| is_good(*image)).try_for_each(
            |((values, positions), (image, screen))| {
                let input = inputs.of(last, image)?;
                encoder.refine_promising(own.start + image, input, screen, cuts, values, positions)
            },
        )?;
        state.portion.gather_images(Kind::Winners, &mut self.values)?;
        thresholds(&self.values, keep, &mut self.counts, &mut self.thresholds);
        let least = &self.thresholds;
        let values = of_images_mut(&own, maps, &mut self.values);
        let rows = values.par_chunks_mut(maps).zip(self.positions.par_chunks_mut(maps));
        rows.zip(screens()).filter(|(_, (image, _))| is_good(*image)).try_for_each(
            |((values, positions), (image, screen))| {
                encoder.refine_open(inputs.of(last, image)?, screen, least, values, positions)
            },
        )?;
        Ok(())
    }

    fn select<K: Kernels>(&mut self, state: &State<'_, K>) -> Result<()> {
        let Common { kernels, network, training } = state.common;
        let sparsity = training.sparsity;
        let winners_len = sparsity.winners_len(&network);
        let own = self.own.clone();
        let of_bad = self.values.chunks_exact_mut(winners_len).zip(state.bad).filter(|(_, bad)| **bad);
        of_bad.for_each(|(values, _)| values.fill(0.0));
        if !self.screens.is_empty() {
            state.stopwatch.time(Phase::Refine, || self.refine(state))?;
        }
        state.stopwatch.time(Phase::Select, || {
            match sparsity.selection {
                Selection::All => {
                    expect_finite("candidates", of_images_mut(&own, winners_len, &mut self.values))?
                }
                Selection::PerSample { count } => {
                    let rows = of_images_mut(&own, winners_len, &mut self.values).par_chunks_mut(winners_len);
                    rows.try_for_each(|row| apply_per_sample(count, row))?;
                }
                Selection::Batch { count } => {
                    state.portion.gather_images(Kind::Winners, &mut self.values)?;
                    // All candidates of the batch, as if they were of one sample.
                    apply_per_sample(of_batch(count, training.batch), &mut self.values)?;
                }
                Selection::Lifetime { rate } => {
                    state.portion.gather_images(Kind::Winners, &mut self.values)?;
                    let windows = sparsity.grid.area();
                    let keep = survivors(rate, training.batch * windows);
                    cut_columns(kernels, &self.values, network.code().channels, keep, &mut self.cuts)?;
                    let cuts = &self.cuts;
                    let rows = of_images_mut(&own, winners_len, &mut self.values)
                        .par_chunks_mut(winners_len)
                        .enumerate();
                    rows.for_each(|(image, row)| apply_lifetime(cuts, own.start + image, windows, row));
                }
            }
            let corruption = training.corruption;
            if corruption.hidden > 0.0 {
                let rows = of_images_mut(&own, winners_len, &mut self.values)
                    .par_chunks_mut(winners_len)
                    .enumerate();
                rows.for_each(|(image, row)| corruption.drop_hidden(state.step, own.start + image, row));
            }
            Ok(())
        })
    }

    fn learn<K: Kernels>(&mut self, state: &State<'_, K>, pixels: &[f32]) -> Result<f32> {
        let Common { kernels, network, training } = state.common;
        let learner = Learner::new(kernels, Parameters::new(network, state.parameters)?);
        let winners_len = training.sparsity.winners_len(&network);
        let scale = 1.0 / training.batch as f32;
        let own = self.own.clone();
        let (scratch, inputs) = (&self.scratch, BatchInputs::new(network, own.len(), &self.inputs));
        let values = of_images(&own, winners_len, &self.values);
        let batch = BatchWinners { len: winners_len, values, positions: &self.positions };
        let last = network.depth() - 1;
        let (layout, image_len, corruption) =
            (input_layout(&network), network.input().len(), training.corruption);

        let stopwatch = state.stopwatch;

        self.images.par_iter_mut().enumerate().try_for_each(|(index, image)| -> Result<()> {
            if is_bad(state.bad, own.start + index) {
                image.clear();
                return Ok(());
            }
            let winners = batch.of(index);
            stopwatch.time_task(Phase::Reconstruct, || -> Result<()> {
                if corruption.input == 0.0 {
                    image.loss = learner.residual(inputs.of(0, index)?, winners, &mut image.residual)?;
                    return Ok(());
                }
                let pixels = pixels.get(index * image_len..(index + 1) * image_len).unwrap_or_default();
                image.loss = scratch.with(|scratch| {
                    layout.fill(pixels, &mut scratch.clean);
                    learner.residual(&scratch.clean, winners, &mut image.residual)
                })?;
                Ok(())
            })?;
            stopwatch.time_task(Phase::Learn { layer: last }, || {
                learner.deltas(scale, winners, &mut image.residual, &mut image.deltas)?;
                corruption.scale_deltas(&mut image.deltas);
                wta_core::Result::Ok(())
            })?;
            scratch.with(|scratch| -> wta_core::Result<()> {
                let below = &mut scratch.below;
                for layer in (0..last).rev() {
                    let (lower, upper) = image.hidden.split_at_mut(layer + 1);
                    let Some(deltas) = lower.last_mut() else { break };
                    let above = inputs.of(layer + 1, index)?;
                    stopwatch.time_task(Phase::Learn { layer }, || {
                        deltas.fill(|out| match upper.first() {
                            None => learner.top_backward(winners, &image.deltas, above, below, out),
                            Some(from) => learner.hidden_backward(layer + 1, from.used(), above, below, out),
                        });
                    });
                }
                Ok(())
            })?;
            Ok(())
        })?;

        let images = &self.images;
        find_gradients(state, &learner, &batch, &inputs, images, &mut self.gradient)?;
        let mut losses = vec![0.0; training.batch];
        let of_own = losses.iter_mut().skip(own.start).zip(images);
        of_own.for_each(|(loss, image)| *loss = image.loss);
        if !state.portion.is_alone() {
            let ranks = state.portion.ranks();
            spread(ranks, Kind::Totals, ranks.size() - 1, &mut self.gradient)?;
            state.portion.gather_images(Kind::Word, &mut losses)?;
        }
        Ok(losses.iter().sum::<f32>() * scale)
    }

    fn update<K: Kernels>(&mut self, state: State<'_, K>) -> Result<()> {
        let Common { kernels, network, training } = state.common;
        let optimizer = training.optimizer;
        let limit = training.guard.gradient_limit();
        let chunks = self.gradient.par_chunks(UPDATE_CHUNK).enumerate();
        // The smallest index of a bad number over all chunks, so that the error does not depend on the
        // threads.
        let insane =
            chunks.filter_map(|(i, chunk)| expect_within(limit, i * UPDATE_CHUNK, chunk).err()).min_by_key(
                |error| {
                    if let wta_core::Error::Diverged { index } = error { *index } else { usize::MAX }
                },
            );
        if let Some(error) = insane {
            return Err(error.into());
        }
        if let Some(largest) = training.guard.gradient_norm {
            let gradient = &self.gradient;
            let factor = sum_of_norms(network.regions().iter().map(|region| {
                let rows = gradient.get(region.range.clone()).unwrap_or_default();
                norm_of_rows(rows, Norm::row_len(&network, region))
            }))
            .factor(largest);
            self.gradient.par_chunks_mut(UPDATE_CHUNK).for_each(|chunk| clip(factor, chunk));
        }
        let update = optimizer.update(state.step, training.steps);
        let len = network.parameters_len();
        let (first, second) = state.moments.split_at_mut(len);
        let (mut gradient, mut first, mut second) = (&self.gradient[..], first, second);
        let mut parameters = state.parameters;
        for region in &network.regions() {
            let len = region.range.len();
            let g = gradient.split_off(..len).unwrap_or_default();
            let m = first.split_off_mut(..len).unwrap_or_default();
            let v = if second.is_empty() { &mut [] } else { second.split_off_mut(..len).unwrap_or_default() };
            let w = parameters.split_off_mut(..len).unwrap_or_default();
            let decays = region.role.decays();
            let v = chunks_or_empty(v, UPDATE_CHUNK);
            let chunks =
                m.chunks_mut(UPDATE_CHUNK).zip(v).zip(w.chunks_mut(UPDATE_CHUNK)).zip(g.chunks(UPDATE_CHUNK));
            chunks
                .collect::<Vec<_>>()
                .into_par_iter()
                .for_each(|(((m, v), w), g)| update.apply(kernels, decays, g, m, v, w));
            let atoms = if network.is_tied() { Role::Filters { layer: 0 } } else { Role::Atoms };
            if training.dictionary.unit_atoms && region.role == atoms {
                w.par_chunks_mut(network.decoder().filter_len().max(1)).for_each(scale_atom);
            }
        }
        Ok(())
    }
}

/// [`Kernels::lifetime_cuts`] for all columns, in parallel.
fn cut_columns<K: Kernels>(
    kernels: K,
    values: &[f32],
    maps: usize,
    keep: usize,
    cuts: &mut [Cut],
) -> wta_core::Result<()> {
    cuts.par_chunks_mut(MAPS_PER_TASK)
        .enumerate()
        .try_for_each(|(task, cuts)| kernels.lifetime_cuts(values, maps, task * MAPS_PER_TASK, keep, cuts))
}

/// The layer inputs of a batch: block after block, each block layer by layer.
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

    /// The padded input of a layer for one image of the batch.
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

/// The layout of the first layer's input.
fn input_layout(network: &Network) -> PaddedLayout {
    network.layer(0).map_or(network.decoder().padded(), |layer| layer.padded())
}

/// Adds up the gradients of all layers from what the images left, each range of maps by itself. All layers'
/// ranges are one list: a layer of few maps has fewer of them than there are threads.
fn find_gradients<K: Kernels>(
    state: &State<'_, K>,
    learner: &Learner<'_, K>,
    batch: &BatchWinners<'_>,
    inputs: &BatchInputs<'_>,
    images: &[ImageState],
    gradient: &mut [f32],
) -> Result<()> {
    let Common { network, .. } = state.common;
    let (last, stopwatch) = (network.depth() - 1, state.stopwatch);
    let mut gradients = Gradients::new(&network, gradient)?;
    // Pieces count the maps of all layers; behind them come the decoder's biases.
    let maps = |layers: usize| network.layers().take(layers).map(|layer| layer.conv.maps).sum::<usize>();
    let mut pieces = Vec::new();
    // A tied network has none.
    let mut atoms = gradients.atoms.chunks_mut(MAPS_PER_TASK * network.decoder().filter_len());
    for ((index, gradient), layer) in gradients.layers.iter_mut().enumerate().zip(network.layers()) {
        let mut of_layer = map_pieces(gradient, maps(index), layer.filter_len());
        if index == last {
            of_layer.iter_mut().zip(&mut atoms).for_each(|(piece, atoms)| piece.runs.push(atoms));
        }
        pieces.append(&mut of_layer);
    }
    pieces.push(Piece { first: maps(network.depth()), runs: vec![gradients.decoder_bias] });

    let clear = |piece: &mut Piece<'_>| piece.runs.iter_mut().for_each(|run| run.fill(0.0));
    let add_of_layer = |index: usize, first: usize, runs: &mut [&mut [f32]]| -> Result<()> {
        let mut none: [f32; 0] = [];
        let (filters, bias, atoms): (_, _, &mut [f32]) = match runs {
            [filters, bias, atoms] => (filters, bias, atoms),
            [filters, bias] => (filters, bias, &mut none),
            _ => return Ok(()),
        };
        let mut layer = LayerGradient { filters, bias };
        if index < last {
            for (image, state) in images.iter().enumerate() {
                let Some(deltas) = state.hidden.get(index) else { continue };
                learner.hidden_gradient(index, first, deltas.used(), inputs.of(index, image)?, &mut layer);
            }
            return Ok(());
        }
        let mut gradient = TopGradient { first, layer, atoms };
        for (index, image) in images.iter().enumerate() {
            let (deltas, residual) = (&image.deltas, &image.residual);
            let input = inputs.of(last, index)?;
            learner.top_gradient(batch.of(index), deltas, residual, input, &mut gradient);
        }
        Ok(())
    };
    chain(state.portion, &mut pieces, clear, |piece| {
        let first = piece.first;
        if let [biases] = &mut piece.runs[..] {
            let add =
                || images.iter().for_each(|image| learner.decoder_bias_gradient(&image.residual, biases));
            stopwatch.time_task(Phase::Learn { layer: last }, add);
            return Ok(());
        }
        let index = (0..last).find(|index| first < maps(index + 1)).unwrap_or(last);
        let add = || add_of_layer(index, first - maps(index), &mut piece.runs);
        stopwatch.time_task(Phase::Learn { layer: index }, add)
    })
}

/// A layer's gradient in ranges of maps, counted from `first`.
fn map_pieces<'a>(gradient: &'a mut LayerGradient<'_>, first: usize, filter_len: usize) -> Vec<Piece<'a>> {
    let filters = gradient.filters.chunks_mut(MAPS_PER_TASK * filter_len);
    let ranges = filters.zip(gradient.bias.chunks_mut(MAPS_PER_TASK)).enumerate();
    let piece = |(range, (filters, bias)): (usize, (_, _))| Piece {
        first: first + range * MAPS_PER_TASK,
        runs: vec![filters, bias],
    };
    ranges.map(piece).collect()
}

/// The rows of some images, each of `len` numbers.
fn of_images<'a, T>(images: &Range<usize>, len: usize, rows: &'a [T]) -> &'a [T] {
    rows.get(images.start * len..images.end * len).unwrap_or_default()
}

/// The rows of some images, each of `len` numbers.
fn of_images_mut<'a, T>(images: &Range<usize>, len: usize, rows: &'a mut [T]) -> &'a mut [T] {
    rows.get_mut(images.start * len..images.end * len).unwrap_or_default()
}
