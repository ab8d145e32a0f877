//! Training unit by unit: a fully-connected layer with lifetime sparsity, or with a dense code, whose units
//! survive in every image in which they are active.
//!
//! ```text
//! batch ──▶ panels of images ──compete, by units──▶ survivors of each unit: image, value
//!                                                              │ turned round: survivors of each image
//!   images by pixels ◀── reconstruct, by ranges of pixels ◀────┘
//!       │
//!       ▼ residuals ──deltas, by units──▶ update, by units: the unit's gradient, then its weights and moments
//! ```
//!
//! Several processes have some units each, with their weights and moments. All have the batch and the
//! decoder's biases; a reconstruction goes from process to process (`chain`), and each adds its units.
//!
//! The codes and the gradient of a unit live in the scratch memory of tasks, so that a step reads each weight
//! only a few times and writes it once.

use rayon::prelude::*;
use wta_core::{
    Corruption, Error as CoreError, Kernels, Norm, Parameters, SAFE_GRADIENT, UnitSurvivors, Units,
    expect_finite, expect_within,
};

use super::admission::is_bad;
use super::chain::{PIXELS, chain, pixel_pieces, place};
use super::portion::Portion;
use super::shared::{Common, State, clip, norms_of_parts, sum_of_norms};
use crate::error::Result;
use crate::memory::aligned::Aligned;
use crate::ranks::{Kind, Ranks, any, each, spread};
use crate::train::stopwatch::Phase;

/// The units of one task: a few of the matrix product's tiles of 6.
const UNITS_PER_TASK: usize = 24;

/// The images of a piece of the reconstruction that goes from process to process: a larger batch has more
/// pieces, so that the next process need not wait for all of it.
const IMAGES_PER_PIECE: usize = 100;

/// All buffers of a step, except parameters and moments. Units are this process's.
pub(super) struct UnitsWorkspace {
    /// The batch in panels.
    prepared: Aligned,
    /// The residuals of all images, followed by the images as the network sees them. Gradients are
    /// combinations of these rows.
    rows: Aligned,
    /// The survivors: `keep` places for each unit.
    values: Vec<f32>,
    images: Vec<u32>,
    deltas: Vec<f32>,
    counts: Vec<u32>,
    keep: usize,
    by_image: ByImage,
    /// With hidden dropout: for each image, the factor of the value of each of all processes' units.
    factors: Vec<f32>,
    decoder_bias: Vec<f32>,
}

/// The survivors of each image, in the order of the units.
#[derive(Default)]
struct ByImage {
    starts: Vec<usize>,
    units: Vec<u32>,
    values: Vec<f32>,
}

impl ByImage {
    /// Transposes the units' lists of survivors to lists for each image.
    fn fill(&mut self, batch: usize, counts: &[u32], keep: usize, images: &[u32], values: &[f32]) {
        let lists = || {
            let places = images.chunks_exact(keep).zip(values.chunks_exact(keep));
            (0u32..).zip(counts.iter().zip(places)).flat_map(|(unit, (count, (images, values)))| {
                let survivors = images.iter().zip(values).take(*count as usize);
                survivors.map(move |(image, value)| (unit, *image as usize, *value))
            })
        };
        self.starts.clear();
        self.starts.resize(batch + 1, 0);
        for (_, image, _) in lists() {
            if let Some(next) = self.starts.get_mut(image + 1) {
                *next += 1;
            }
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.units.resize(sum, 0);
        self.values.resize(sum, 0.0);
        let mut next = self.starts.clone();
        for (unit, image, value) in lists() {
            let Some(place) = next.get_mut(image) else { continue };
            if let (Some(to), Some(at)) = (self.units.get_mut(*place), self.values.get_mut(*place)) {
                (*to, *at) = (unit, value);
            }
            *place += 1;
        }
    }

    fn of(&self, image: usize) -> (&[f32], &[u32]) {
        let (start, end) = match self.starts.get(image..image + 2) {
            Some([start, end]) => (*start, *end),
            _ => (0, 0),
        };
        (self.values.get(start..end).unwrap_or_default(), self.units.get(start..end).unwrap_or_default())
    }
}

impl UnitsWorkspace {
    /// Allocates the memory for units that survive in at most `keep` images each.
    pub(super) fn new<K: Kernels>(common: &Common<K>, portion: &Portion, keep: usize) -> Self {
        let (network, batch) = (common.network, common.training.batch);
        let (inputs, units) = (network.input().len(), network.code().channels);
        let all_units = portion.whole().code().channels;
        let factors = if common.training.corruption.hidden > 0.0 { batch * all_units } else { 0 };
        Self {
            prepared: Aligned::zeros(common.kernels.prepared_len(batch, inputs)),
            rows: Aligned::zeros(2 * batch * inputs),
            values: vec![0.0; units * keep],
            images: vec![0; units * keep],
            deltas: vec![0.0; units * keep],
            counts: vec![0; units],
            keep,
            by_image: ByImage::default(),
            factors: vec![0.0; factors],
            decoder_bias: vec![0.0; inputs],
        }
    }

    /// From now on, units survive in at most `keep` images each.
    pub(super) fn set_places(&mut self, keep: usize) {
        let len = self.counts.len() * keep;
        self.keep = keep;
        self.values.resize(len, 0.0);
        self.images.resize(len, 0);
        self.deltas.resize(len, 0.0);
    }

    /// Counts the survivors of this process's units, of which `first` is the first.
    pub(super) fn count_survivors(&self, first: usize, counts: &mut [u64]) {
        for (to, count) in counts.iter_mut().skip(first).zip(&self.counts) {
            *to += u64::from(*count);
        }
    }

    pub(super) fn step<K: Kernels>(&mut self, state: State<'_, K>, batch: &[f32]) -> Result<f32> {
        let Common { kernels, network, training } = state.common;
        let stopwatch = state.stopwatch;
        let units = Units::new(kernels, Parameters::new(network, state.parameters)?)?.without(state.bad);
        stopwatch.time(Phase::Prepare, || self.load(&state, batch))?;
        stopwatch.time(Phase::Compete { layer: 0 }, || self.compete(&units, &state))?;
        stopwatch.time(Phase::Select, || {
            self.drop_hidden(&state);
            let Self { by_image, counts, keep, images, values, .. } = self;
            by_image.fill(training.batch, counts, *keep, images, values);
        });
        let (loss, largest) = stopwatch.time(Phase::Reconstruct, || self.reconstruct(&state, batch))?;
        let corruption = training.corruption;
        stopwatch.time(Phase::Learn { layer: 0 }, || {
            self.find_deltas(&units, network.input().len(), corruption);
        });
        stopwatch.time(Phase::Update, || {
            let factor = self.expect_sane(&state, largest)?;
            self.update(state, factor)
        })?;
        Ok(loss)
    }

    /// Copies the batch, corrupts it if the recipe says so, and packs it in panels.
    fn load<K: Kernels>(&mut self, state: &State<'_, K>, batch: &[f32]) -> Result<()> {
        let Common { kernels, network, training } = state.common;
        let inputs = network.input().len();
        let rows = self.rows.get_mut(training.batch * inputs..).unwrap_or_default();
        let (layout, corruption) = (network.decoder().padded(), training.corruption);
        rows.par_chunks_mut(inputs).zip(batch.par_chunks(inputs)).enumerate().try_for_each(
            |(index, (to, image))| {
                to.copy_from_slice(image);
                expect_finite("image", image)?;
                corruption.corrupt_input(state.step, index, &layout, to);
                wta_core::Result::Ok(())
            },
        )?;
        let images = kernels.panel_maps();
        let panels = self.prepared.par_chunks_mut(kernels.prepared_len(images, inputs).max(1));
        panels
            .zip(rows.par_chunks(images * inputs))
            .for_each(|(panel, images)| kernels.prepare(images, inputs, panel));
        Ok(())
    }

    /// Drops survivors and scales the others, before they are used any further.
    fn drop_hidden<K: Kernels>(&mut self, state: &State<'_, K>) {
        let corruption = state.common.training.corruption;
        let (all, first) = (state.portion.whole().code().channels, state.portion.units().start);
        if self.factors.is_empty() {
            return;
        }
        self.factors.par_chunks_mut(all).enumerate().for_each(|(image, factors)| {
            factors.fill(1.0);
            corruption.drop_hidden(state.step, image, factors);
        });
        let factors = &self.factors;
        let lists = self.values.par_chunks_mut(self.keep).zip(self.images.par_chunks_mut(self.keep));
        lists.zip(&mut self.counts).enumerate().for_each(|(unit, ((values, images), count))| {
            let mut kept = 0;
            for index in 0..*count as usize {
                let (value, image) = (values[index], images[index]);
                let factor = factors[image as usize * all + first + unit];
                if factor > 0.0 {
                    (values[kept], images[kept]) = (factor * value, image);
                    kept += 1;
                }
            }
            *count = kept as u32;
        });
    }

    fn compete<K: Kernels>(&mut self, units: &Units<'_, K>, state: &State<'_, K>) -> Result<()> {
        let batch = state.common.training.batch;
        let (own, all, first) =
            (self.counts.len(), state.portion.whole().code().channels, state.portion.units().start);
        let in_whole = |error| match error {
            CoreError::NotFinite { what, index } => {
                CoreError::NotFinite { what, index: index / own * all + first + index % own }
            }
            error => error,
        };
        let places = UNITS_PER_TASK * self.keep;
        let width = Units::width(state.common.kernels, batch);
        let inputs = self.decoder_bias.len();
        let (rows, prepared) = (self.rows.get(batch * inputs..).unwrap_or_default(), &self.prepared);
        self.counts
            .par_chunks_mut(UNITS_PER_TASK)
            .zip(self.values.par_chunks_mut(places))
            .zip(self.images.par_chunks_mut(places))
            .enumerate()
            .try_for_each_init(
                || Aligned::zeros(UNITS_PER_TASK * width),
                |codes, (task, ((counts, values), images))| {
                    let codes = codes.get_mut(..counts.len() * width).unwrap_or_default();
                    let survivors = UnitSurvivors { values, images, counts };
                    let first = task * UNITS_PER_TASK;
                    units.compete(first, batch, rows, prepared, codes, survivors).map_err(in_whole)
                },
            )?;
        Ok(())
    }

    /// Computes the residuals against the clean `images` and the decoder bias's gradient. Returns the loss
    /// and the largest residual.
    fn reconstruct<K: Kernels>(&mut self, state: &State<'_, K>, images: &[f32]) -> Result<(f32, f32)> {
        let Common { kernels, network, training } = state.common;
        let (inputs, scale) = (network.input().len(), 1.0 / training.batch as f32);
        let parameters = Parameters::new(network, state.parameters)?;
        let residuals = self.rows.get_mut(..training.batch * inputs).unwrap_or_default();
        let by_image = &self.by_image;
        let begin = |first: usize, residual: &mut [f32]| {
            let bias = parameters.decoder_bias().get(first..).unwrap_or_default();
            residual.iter_mut().zip(bias).for_each(|(to, bias)| *to = *bias);
        };
        let add = |image: usize, first: usize, residual: &mut [f32]| {
            let (values, units) = by_image.of(image);
            let atoms = parameters.atoms().get(first..).unwrap_or_default();
            kernels.weighted_row_sum(values, units, atoms, inputs, residual);
        };
        let is_alone = state.portion.is_alone();
        if !is_alone {
            chain(
                state.portion,
                &mut pixel_pieces(inputs, IMAGES_PER_PIECE, residuals),
                |piece| {
                    let (_, pixel) = place(piece.first, inputs);
                    piece.runs.iter_mut().for_each(|run| begin(pixel, run));
                },
                |piece| {
                    let (image, pixel) = place(piece.first, inputs);
                    (image..).zip(&mut piece.runs).for_each(|(image, run)| add(image, pixel, run));
                    Ok(())
                },
            )?;
            let ranks = state.portion.ranks();
            spread(ranks, Kind::Totals, ranks.size() - 1, residuals)?;
        }
        let parts = pixel_pieces(inputs, training.batch, residuals).into_par_iter();
        let parts = parts.zip(self.decoder_bias.par_chunks_mut(PIXELS));
        let sums: Vec<(f32, f32)> = parts
            .map(|(piece, gradient)| {
                let (mut loss, mut largest) = (0.0f32, 0.0f32);
                gradient.fill(0.0);
                for (image, residual) in piece.runs.into_iter().enumerate() {
                    if is_bad(state.bad, image) {
                        residual.fill(0.0);
                        continue;
                    }
                    if is_alone {
                        begin(piece.first, residual);
                        add(image, piece.first, residual);
                    }
                    let pixels = images.get(image * inputs + piece.first..).unwrap_or_default();
                    let mut square = 0.0;
                    for ((residual, pixel), sum) in residual.iter_mut().zip(pixels).zip(gradient.iter_mut()) {
                        let error = *residual - pixel;
                        square += error * error;
                        *residual = error * scale;
                        *sum += *residual;
                        // Takes NaN too, because no comparison with it is true. If a later residual replaces
                        // it, the bias's gradient is still NaN.
                        largest = if residual.abs() <= largest { largest } else { residual.abs() };
                    }
                    loss += square;
                }
                (loss, largest)
            })
            .collect();
        let loss = sums.iter().map(|(loss, _)| loss).sum::<f32>();
        let largest = sums.iter().fold(0.0, |a: f32, (_, b)| if *b <= a { a } else { *b });
        Ok((0.5 * loss * scale, largest))
    }

    fn find_deltas<K: Kernels>(&mut self, units: &Units<'_, K>, inputs: usize, corruption: Corruption) {
        let places = UNITS_PER_TASK * self.keep;
        let (keep, rows) = (self.keep, &self.rows);
        let lists = self.deltas.par_chunks_mut(places).zip(self.images.par_chunks(places));
        lists.zip(self.counts.par_chunks(UNITS_PER_TASK)).enumerate().for_each(
            |(task, ((deltas, images), counts))| {
                let lists = deltas.chunks_exact_mut(keep).zip(images.chunks_exact(keep)).zip(counts);
                for (unit, ((deltas, images), count)) in (task * UNITS_PER_TASK..).zip(lists) {
                    for (delta, image) in deltas.iter_mut().zip(images).take(*count as usize) {
                        let start = *image as usize * inputs;
                        *delta = units.delta(unit, rows.get(start..start + inputs).unwrap_or_default());
                    }
                    corruption.scale_deltas(deltas.get_mut(..*count as usize).unwrap_or_default());
                }
            },
        );
    }

    /// `Ok` if every number of the gradient is sane. `largest` is the largest residual. Where the gradient is
    /// clipped, returns what it is to be multiplied by.
    fn expect_sane<K: Kernels>(&self, state: &State<'_, K>, largest: f32) -> Result<Option<f32>> {
        let Common { kernels, network, training } = state.common;
        let (inputs, tied) = (network.input().len(), network.is_tied());
        let (clip, limit) = (training.guard.gradient_norm, training.guard.gradient_limit());
        let images = self.rows.get(training.batch * inputs..).unwrap_or_default();
        let pixel = images.iter().fold(0.0, |a: f32, b| a.max(b.abs()));
        // No element of a unit's gradient exceeds the sum of its survivors' values times the largest residual
        // (or of their deltas times the largest pixel). NaN fails the comparison.
        let safe = clip.is_none()
            && self.lists().all(|unit| {
                let values = unit.values.iter().sum::<f32>();
                let deltas = unit.deltas.iter().map(|delta| delta.abs()).sum::<f32>();
                values * largest + deltas * pixel.max(1.0) < SAFE_GRADIENT
            });
        let portion = state.portion;
        let safe = !any(portion.ranks(), !safe)?;
        let bias_start = network.parameters_len() - inputs;
        let bias = expect_within(limit, bias_start, &self.decoder_bias);
        if safe && bias.is_ok() {
            return Ok(None);
        }
        let bias_place = network.code().channels * inputs;
        let atoms_place = bias_place + network.code().channels;
        let lists: Vec<_> = self.lists().enumerate().collect();
        // For each unit, the norms of its filter, its bias and its atom, and what is out of bounds.
        let units = lists.into_par_iter().map_init(
            || UnitGradient::new(inputs),
            |gradient, (unit, survivors)| {
                gradient.fill(kernels, tied, &survivors, &self.rows, training.batch);
                let runs = [
                    (unit * inputs, &gradient.weights[..]),
                    (bias_place + unit, &[gradient.bias][..]),
                    (atoms_place + unit * inputs, &gradient.atoms[..]),
                ];
                let refusals = runs.map(|(start, run)| expect_within(limit, start, run));
                let norms = runs.map(|(_, run)| if clip.is_some() { Norm::of(run) } else { Norm::ZERO });
                (norms, refusals)
            },
        );
        let units: Vec<_> = units.collect();
        let refusals = units.iter().flat_map(|(_, refusals)| refusals.iter().copied()).chain([bias]);
        let index = |refusal| match refusal {
            Err(CoreError::Diverged { index }) => Some(portion.place_in_whole(index) as u64),
            _ => None,
        };
        let first = refusals.filter_map(index).min().unwrap_or(u64::MAX);
        let first = each(portion.ranks(), first)?.into_iter().min().unwrap_or(u64::MAX);
        if first < u64::MAX {
            return Err(CoreError::Diverged { index: first as usize }.into());
        }
        let Some(largest) = clip else { return Ok(None) };
        let own: Vec<_> = units.into_iter().map(|(norms, _)| norms).collect();
        let [filters, biases, atoms] = norms_of_parts(portion, &own)?;
        let norm = sum_of_norms([filters, biases, atoms, Norm::of(&self.decoder_bias)]);
        Ok(norm.factor(largest))
    }

    /// The survivors of each unit, in order.
    fn lists(&self) -> impl Iterator<Item = Survivors<'_>> {
        let places = self.values.chunks_exact(self.keep).zip(self.images.chunks_exact(self.keep));
        let places = places.zip(self.deltas.chunks_exact(self.keep)).zip(&self.counts);
        places.map(|(((values, images), deltas), count)| Survivors::new(values, images, deltas, *count))
    }

    fn update<K: Kernels>(&mut self, state: State<'_, K>, factor: Option<f32>) -> Result<()> {
        let Common { kernels, network, training } = state.common;
        let (inputs, tied) = (network.input().len(), network.is_tied());
        let update = training.optimizer.update(state.step, training.steps);
        let mut weights = Split::new(state.parameters, &network);
        let len = network.parameters_len();
        let (first, second) = state.moments.split_at_mut(len);
        let (mut first, mut second) = (Split::new(first, &network), Split::new(second, &network));
        let places = UNITS_PER_TASK * self.keep;
        let (keep, rows) = (self.keep, &self.rows);
        let lists = self.values.par_chunks(places).zip(self.images.par_chunks(places));
        let lists = lists.zip(self.deltas.par_chunks(places)).zip(self.counts.par_chunks(UNITS_PER_TASK));
        let tasks = weights.tasks(inputs).zip(first.tasks(inputs)).zip(second.tasks(inputs));
        let tasks: Vec<_> = tasks.take(self.counts.len().div_ceil(UNITS_PER_TASK)).collect();
        lists.zip(tasks).for_each_init(
            || UnitGradient::new(inputs),
            |gradient, ((((values, images), deltas), counts), ((mut w, mut m), mut v))| {
                let lists = values.chunks_exact(keep).zip(images.chunks_exact(keep));
                let lists = lists.zip(deltas.chunks_exact(keep)).zip(counts);
                for (((values, images), deltas), count) in lists {
                    let survivors = Survivors::new(values, images, deltas, *count);
                    gradient.fill(kernels, tied, &survivors, rows, training.batch);
                    gradient.clip(factor);
                    let (w, m, v) = (w.next(inputs, tied), m.next(inputs, tied), v.next(inputs, tied));
                    update.apply(kernels, true, &gradient.weights, m.weights, v.weights, w.weights);
                    update.apply(kernels, false, &[gradient.bias], m.bias, v.bias, w.bias);
                    if !tied {
                        update.apply(kernels, true, &gradient.atoms, m.atoms, v.atoms, w.atoms);
                    }
                }
            },
        );
        let (w, m, v) = (weights.decoder_bias, first.decoder_bias, second.decoder_bias);
        clip(factor, &mut self.decoder_bias);
        update.apply(kernels, false, &self.decoder_bias, m, v, w);
        Ok(())
    }
}

/// The survivors of one unit.
struct Survivors<'a> {
    values: &'a [f32],
    images: &'a [u32],
    deltas: &'a [f32],
}

impl<'a> Survivors<'a> {
    fn new(values: &'a [f32], images: &'a [u32], deltas: &'a [f32], count: u32) -> Self {
        let count = count as usize;
        Self {
            values: values.get(..count).unwrap_or_default(),
            images: images.get(..count).unwrap_or_default(),
            deltas: deltas.get(..count).unwrap_or_default(),
        }
    }
}

/// The gradient of one unit, and the scratch memory to compute it.
struct UnitGradient {
    weights: Aligned,
    atoms: Aligned,
    bias: f32,
    scales: Vec<f32>,
    rows: Vec<u32>,
}

impl UnitGradient {
    fn new(inputs: usize) -> Self {
        let (weights, atoms) = (Aligned::zeros(inputs), Aligned::zeros(inputs));
        Self { weights, atoms, bias: 0.0, scales: Vec::new(), rows: Vec::new() }
    }

    /// Multiplies a gradient that is clipped.
    fn clip(&mut self, factor: Option<f32>) {
        clip(factor, &mut self.weights);
        clip(factor, &mut self.atoms);
        clip(factor, std::slice::from_mut(&mut self.bias));
    }

    /// Computes the gradient. `rows` are the residuals of a batch followed by its images.
    fn fill<K: Kernels>(&mut self, kernels: K, tied: bool, unit: &Survivors<'_>, rows: &[f32], batch: usize) {
        let inputs = self.weights.len();
        self.weights.fill(0.0);
        self.bias = 0.0;
        self.scales.clear();
        self.rows.clear();
        for ((value, delta), image) in unit.values.iter().zip(unit.deltas).zip(unit.images) {
            if tied {
                self.scales.push(*value);
                self.rows.push(*image);
            }
            self.scales.push(*delta);
            self.rows.push(batch as u32 + *image);
            self.bias += delta;
        }
        kernels.weighted_row_sum(&self.scales, &self.rows, rows, inputs, &mut self.weights);
        if !tied {
            self.atoms.fill(0.0);
            kernels.weighted_row_sum(unit.values, unit.images, rows, inputs, &mut self.atoms);
        }
    }
}

/// A vector with the layout of the parameters, split into its regions; all are empty if there is no such
/// vector.
struct Split<'a> {
    weights: &'a mut [f32],
    bias: &'a mut [f32],
    atoms: &'a mut [f32],
    decoder_bias: &'a mut [f32],
}

impl<'a> Split<'a> {
    fn new(values: &'a mut [f32], network: &wta_core::Network) -> Self {
        let (inputs, units) = (network.input().len(), network.code().channels);
        let atoms = if network.is_tied() { 0 } else { inputs * units };
        let (weights, rest) = values.split_at_mut_checked(inputs * units).unwrap_or_default();
        let (bias, rest) = rest.split_at_mut_checked(units).unwrap_or_default();
        let (atoms, decoder_bias) = rest.split_at_mut_checked(atoms).unwrap_or_default();
        Self { weights, bias, atoms, decoder_bias }
    }

    /// The parts of the tasks one by one, without end.
    fn tasks(&mut self, inputs: usize) -> impl Iterator<Item = Part<'_>> {
        let mut rest = Part { weights: self.weights, bias: self.bias, atoms: self.atoms };
        std::iter::repeat_with(move || Part {
            weights: take(&mut rest.weights, UNITS_PER_TASK * inputs),
            bias: take(&mut rest.bias, UNITS_PER_TASK),
            atoms: take(&mut rest.atoms, UNITS_PER_TASK * inputs),
        })
    }
}

/// The part of a vector that belongs to a range of units.
struct Part<'a> {
    weights: &'a mut [f32],
    bias: &'a mut [f32],
    atoms: &'a mut [f32],
}

impl<'a> Part<'a> {
    /// Takes off the part of the first unit.
    fn next(&mut self, inputs: usize, tied: bool) -> Part<'a> {
        Part {
            weights: take(&mut self.weights, inputs),
            bias: take(&mut self.bias, 1),
            atoms: take(&mut self.atoms, if tied { 0 } else { inputs }),
        }
    }
}

/// Takes up to `len` numbers off the front.
fn take<'a>(rest: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    let len = len.min(rest.len());
    let (taken, more) = std::mem::take(rest).split_at_mut_checked(len).unwrap_or_default();
    *rest = more;
    taken
}
