//! Training an RBM or a WTA-RBM on all threads.
//!
//! ```text
//! batch ──hidden, by units──▶ probabilities (WTA: the largest of each unit) ──sample, by images──▶ units that are on
//!                                      │                                                            │
//!      ┌── the same, k times ◀── hidden, by units ◀── reconstructions ◀──visible, by pixels and images ◀┘
//!      ▼
//! coefficients of both phases x images of both phases ──▶ update, by units
//! ```
//!
//! The gradients of a task's units are one matrix product: the units' coefficients times the columns of all
//! images. It updates the weights at once and is not stored. The sums are those of
//! [`RbmTrainer`](wta_core::RbmTrainer), to the bit.
//!
//! Several processes have some hidden units each, with their weights and moments. All have the batch, the
//! chains and the visible biases; a reconstruction goes from process to process (`chain`), and each adds the
//! weights of its units that are on.

use rayon::prelude::*;
use wta_core::{
    ContrastiveDivergence, Error as CoreError, Kernels, Norm, Parameters, Rbm, Selection, coefficients,
    expect_probabilities, positive_survivors, sample,
};

use super::admission::is_bad;
use super::chain::{chain, pixel_pieces, place};
use super::portion::Portion;
use super::shared::{Common, State, clip, norms_of_parts, sum_of_norms};
use crate::error::{Error, Result};
use crate::memory::aligned::Aligned;
use crate::ranks::{Kind, Ranks, spread};

/// The units of one task: a few of the matrix product's tiles of 6.
const UNITS_PER_TASK: usize = 24;

/// The images whose pixels one task reconstructs.
const IMAGES_PER_TASK: usize = 32;

/// All buffers of a step, except parameters and moments.
pub(super) struct RbmWorkspace {
    gibbs: ContrastiveDivergence,
    /// The batch, then its reconstructions.
    visible: Aligned,
    /// The batch or the reconstructions, in panels.
    prepared: Aligned,
    /// The hidden probabilities of the positive phase: for each unit, a row of images.
    positive: Aligned,
    negative: Aligned,
    /// For each image, the indices of the units that are on; `counts` says how many.
    active: Vec<u32>,
    counts: Vec<usize>,
    ones: Vec<f32>,
    /// The number of images of the batch in which each unit was on in the positive phase.
    on: Vec<u32>,
    /// The images of both phases, pixel by pixel, and the same in panels.
    columns: Aligned,
    prepared_columns: Aligned,
    visible_gradient: Vec<f32>,
}

impl RbmWorkspace {
    pub(super) fn new<K: Kernels>(common: &Common<K>, gibbs: ContrastiveDivergence) -> Self {
        let (kernels, batch) = (common.kernels, common.training.batch);
        let (inputs, units) = (common.network.input().len(), common.network.code().channels);
        let probabilities = units * Rbm::width(kernels, batch);
        Self {
            gibbs,
            visible: Aligned::zeros(2 * batch * inputs),
            prepared: Aligned::zeros(kernels.prepared_len(batch, inputs)),
            positive: Aligned::zeros(probabilities),
            negative: Aligned::zeros(probabilities),
            active: vec![0; batch * units],
            counts: vec![0; batch],
            ones: vec![1.0; units],
            on: vec![0; units],
            columns: Aligned::zeros(2 * batch * inputs),
            prepared_columns: Aligned::zeros(kernels.prepared_len(inputs, 2 * batch)),
            visible_gradient: vec![0.0; inputs],
        }
    }

    /// Counts in how many images this process's units were on; `first` is the first of them.
    pub(super) fn count_survivors(&self, first: usize, counts: &mut [u64]) {
        for (to, count) in counts.iter_mut().skip(first).zip(&self.on) {
            *to += u64::from(*count);
        }
    }

    pub(super) fn step<K: Kernels>(&mut self, state: State<'_, K>, batch: &[f32]) -> Result<f32> {
        let portion = state.portion;
        self.step_of_own(state, batch).map_err(|error| match error {
            Error::Core(CoreError::Diverged { index }) => {
                CoreError::Diverged { index: portion.place_in_whole(index) }.into()
            }
            error => error,
        })
    }

    fn step_of_own<K: Kernels>(&mut self, state: State<'_, K>, batch: &[f32]) -> Result<f32> {
        let Common { kernels, network, training } = state.common;
        let (inputs, scale) = (network.input().len(), 1.0 / training.batch as f32);
        let rbm = Rbm::new(kernels, Parameters::new(network, state.parameters)?)?;
        let rows = self.visible.par_chunks_mut(inputs).zip(batch.par_chunks(inputs));
        rows.try_for_each(|(to, image)| {
            to.copy_from_slice(image);
            expect_probabilities(image)
        })?;
        let keep = match training.sparsity.selection {
            Selection::Lifetime { .. } => {
                Some(positive_survivors(&training.sparsity.selection, training.batch))
            }
            Selection::All | Selection::PerSample { .. } | Selection::Batch { .. } => None,
        };
        let (data, _) = self.visible.split_at(training.batch * inputs);
        hidden(kernels, &rbm, state.bad, training.batch, data, &mut self.prepared, keep, &mut self.positive)?;
        let mut loss = 0.0;
        let persistent = self.gibbs.persistent;
        for phase in 0..self.gibbs.steps.saturating_add(usize::from(persistent)) {
            self.sample(kernels, state.step, phase, state.portion.units().start);
            let error = self.reconstruct(&rbm, &state)?;
            if phase == 0 {
                loss = error;
                if persistent {
                    // From here on, the chains are reconstructed, and not the data.
                    let (data, model) = self.visible.split_at_mut(training.batch * inputs);
                    let chains = state.moments.get(network.parameters_len()..).unwrap_or_default();
                    model.copy_from_slice(if state.step == 0 { data } else { chains });
                }
            }
            let (_, model) = self.visible.split_at(training.batch * inputs);
            hidden(
                kernels,
                &rbm,
                state.bad,
                training.batch,
                model,
                &mut self.prepared,
                None,
                &mut self.negative,
            )?;
        }
        if persistent {
            let (_, model) = self.visible.split_at(training.batch * inputs);
            let chains = state.moments.get_mut(network.parameters_len()..).unwrap_or_default();
            // The chain of a bad image waits, as the image has no part in the step.
            for (image, (chain, model)) in chains.chunks_mut(inputs).zip(model.chunks(inputs)).enumerate() {
                if !is_bad(state.bad, image) {
                    chain.copy_from_slice(model);
                }
            }
        }
        self.update(state)?;
        Ok(0.5 * loss * scale)
    }

    /// Draws which of this process's units are on in each image; `first` is the first of these units.
    fn sample<K: Kernels>(&mut self, kernels: K, step: u64, phase: usize, first: usize) {
        let (gibbs, width) = (self.gibbs, Rbm::width(kernels, self.counts.len()));
        let probabilities = if phase == 0 { &self.positive } else { &self.negative };
        let images = self.active.par_chunks_mut(self.ones.len()).zip(&mut self.counts);
        images.enumerate().for_each(|(image, (active, count))| {
            let mut draws = gibbs.draws(step, phase, image);
            draws.skip(first as u64);
            *count = sample(draws, probabilities, width, image, active);
        });
        if phase > 0 {
            return;
        }
        self.on.fill(0);
        for (active, count) in self.active.chunks_exact(self.ones.len()).zip(&self.counts) {
            for unit in active.iter().take(*count) {
                if let Some(on) = self.on.get_mut(*unit as usize) {
                    *on += 1;
                }
            }
        }
    }

    /// Reconstructs all images from the units that are on, and returns the sum of the squared errors.
    fn reconstruct<K: Kernels>(&mut self, rbm: &Rbm<'_, K>, state: &State<'_, K>) -> Result<f32> {
        let (inputs, units) = (self.visible_gradient.len(), self.ones.len());
        let (data, model) = self.visible.split_at_mut(state.common.training.batch * inputs);
        let (data, active, counts, ones) = (&*data, &self.active, &self.counts, &self.ones);
        let add = |image: usize, first_pixel: usize, part: &mut [f32]| {
            let count = counts.get(image).copied().unwrap_or(0);
            let active = active.get(image * units..image * units + count).unwrap_or_default();
            rbm.add_visible(first_pixel, active, ones.get(..count).unwrap_or_default(), part);
        };
        let is_alone = state.portion.is_alone();
        if !is_alone {
            chain(
                state.portion,
                &mut pixel_pieces(inputs, IMAGES_PER_TASK, model),
                |piece| {
                    let (_, pixel) = place(piece.first, inputs);
                    piece.runs.iter_mut().for_each(|run| rbm.visible_biases(pixel, run));
                },
                |piece| {
                    let (image, pixel) = place(piece.first, inputs);
                    (image..).zip(&mut piece.runs).for_each(|(image, run)| add(image, pixel, run));
                    Ok(())
                },
            )?;
            let ranks = state.portion.ranks();
            spread(ranks, Kind::Totals, ranks.size() - 1, model)?;
        }
        let errors =
            pixel_pieces(inputs, IMAGES_PER_TASK, model).into_par_iter().map(|piece| -> Result<f32> {
                let (image, pixel) = place(piece.first, inputs);
                let mut sum = 0.0;
                for (image, part) in (image..).zip(piece.runs) {
                    if is_bad(state.bad, image) {
                        part.fill(0.0);
                        continue;
                    }
                    if is_alone {
                        rbm.visible_biases(pixel, part);
                        add(image, pixel, part);
                    }
                    rbm.finish_visible(pixel, part)?;
                    let pixels = data.get(image * inputs + pixel..).unwrap_or_default();
                    sum += part.iter().zip(pixels).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
                }
                Ok(sum)
            });
        let errors: Vec<Result<f32>> = errors.collect();
        errors.into_iter().sum()
    }

    /// Transposes all images to pixel by pixel, packs them in panels, and computes the gradient of the
    /// visible biases.
    fn turn<K: Kernels>(&mut self, kernels: K) {
        let (inputs, batch) = (self.visible_gradient.len(), self.counts.len());
        let (scale, pixels) = (1.0 / batch as f32, kernels.panel_maps().max(1));
        let visible = &self.visible;
        let panels =
            self.columns.par_chunks_mut(pixels * 2 * batch).zip(self.visible_gradient.par_chunks_mut(pixels));
        panels.enumerate().for_each(|(panel, (columns, gradient))| {
            gradient.fill(0.0);
            for (pixel, column) in (panel * pixels..).zip(columns.chunks_exact_mut(2 * batch)) {
                let values = visible.iter().skip(pixel).step_by(inputs);
                column.iter_mut().zip(values).for_each(|(to, value)| *to = *value);
            }
            for (sum, column) in gradient.iter_mut().zip(columns.chunks_exact(2 * batch)) {
                let (data, model) = column.split_at(batch);
                data.iter().zip(model).for_each(|(data, model)| *sum += scale * (model - data));
            }
        });
        let panel_len = kernels.prepared_len(pixels, 2 * batch).max(1);
        let panels = self.prepared_columns.par_chunks_mut(panel_len);
        panels
            .zip(self.columns.par_chunks(pixels * 2 * batch))
            .for_each(|(panel, columns)| kernels.prepare(columns, 2 * batch, panel));
    }

    /// What the gradient is to be multiplied by, if it is clipped.
    fn factor<K: Kernels>(&self, common: &Common<K>, portion: &Portion) -> Result<Option<f32>> {
        let Some(largest) = common.training.guard.gradient_norm else { return Ok(None) };
        let (inputs, width) = (self.visible_gradient.len(), Rbm::width(common.kernels, self.counts.len()));
        let tasks = self
            .positive
            .par_chunks(UNITS_PER_TASK * width)
            .zip(self.negative.par_chunks(UNITS_PER_TASK * width));
        let norms = tasks.map_init(
            || self.gradients(common.kernels),
            |gradients, (positive, negative)| {
                gradients.fill(self, common.kernels, positive, negative);
                let rows = gradients.rows(inputs);
                rows.map(|(gradient, bias)| [Norm::of(gradient), Norm::of(&[bias])]).collect::<Vec<_>>()
            },
        );
        let own = norms.collect::<Vec<_>>().concat();
        let [filters, biases] = norms_of_parts(portion, &own)?;
        let norm = sum_of_norms([filters, biases, Norm::of(&self.visible_gradient)]);
        Ok(norm.factor(largest))
    }

    /// Room for the gradients of a task's units.
    fn gradients<K: Kernels>(&self, kernels: K) -> UnitGradients {
        let (images, row) = (2 * self.counts.len(), Rbm::width(kernels, self.visible_gradient.len()));
        UnitGradients {
            units: 0,
            images,
            row,
            scales: Aligned::zeros(UNITS_PER_TASK * images),
            values: Aligned::zeros(UNITS_PER_TASK * row),
        }
    }

    fn update<K: Kernels>(&mut self, state: State<'_, K>) -> Result<()> {
        let Common { kernels, network, training } = state.common;
        let (inputs, units, batch) = (network.input().len(), network.code().channels, training.batch);
        self.turn(kernels);
        let factor = self.factor(&state.common, state.portion)?;
        clip(factor, &mut self.visible_gradient);
        let update = training.optimizer.update(state.step, training.steps);
        let (weights, biases) = state.parameters.split_at_mut(units * inputs);
        let (hidden_bias, visible_bias) = biases.split_at_mut(units);
        let (weights_velocity, biases) = state.moments.split_at_mut(units * inputs);
        let (hidden_velocity, rest) = biases.split_at_mut(units);
        let visible_velocity = rest.get_mut(..inputs).unwrap_or_default();
        update.apply(kernels, false, &self.visible_gradient, visible_velocity, &mut [], visible_bias);

        let width = Rbm::width(kernels, batch);
        let probabilities = self
            .positive
            .par_chunks(UNITS_PER_TASK * width)
            .zip(self.negative.par_chunks(UNITS_PER_TASK * width));
        let biases =
            hidden_bias.par_chunks_mut(UNITS_PER_TASK).zip(hidden_velocity.par_chunks_mut(UNITS_PER_TASK));
        let tasks = weights
            .par_chunks_mut(UNITS_PER_TASK * inputs)
            .zip(weights_velocity.par_chunks_mut(UNITS_PER_TASK * inputs))
            .zip(biases)
            .zip(probabilities);
        let this = &*self;
        tasks.for_each_init(
            || this.gradients(kernels),
            |gradients, (((w, m), (bias, bias_m)), (positive, negative))| {
                gradients.fill(this, kernels, positive, negative);
                clip(factor, &mut gradients.values);
                let rows = w.chunks_exact_mut(inputs).zip(m.chunks_exact_mut(inputs));
                let biases = bias.chunks_exact_mut(1).zip(bias_m.chunks_exact_mut(1));
                let gradients = gradients.rows(inputs);
                for (((w, m), (bias, velocity)), (gradient, bias_gradient)) in rows.zip(biases).zip(gradients)
                {
                    update.apply(kernels, true, gradient, m, &mut [], w);
                    let mut bias_gradient = [bias_gradient];
                    clip(factor, &mut bias_gradient);
                    update.apply(kernels, false, &bias_gradient, velocity, &mut [], bias);
                }
            },
        );
        Ok(())
    }
}

/// The gradients of a task's units.
struct UnitGradients {
    units: usize,
    /// Of both phases.
    images: usize,
    /// The length of a row of `values`.
    row: usize,
    /// For each unit, the coefficients of the images.
    scales: Aligned,
    values: Aligned,
}

impl UnitGradients {
    /// Computes them from the probabilities of both phases.
    fn fill<K: Kernels>(&mut self, step: &RbmWorkspace, kernels: K, positive: &[f32], negative: &[f32]) {
        let batch = step.counts.len();
        let width = Rbm::width(kernels, batch);
        self.units = positive.len() / width;
        let scales = self.scales.get_mut(..self.units * self.images).unwrap_or_default();
        let values = self.values.get_mut(..self.units * self.row).unwrap_or_default();
        let pairs = positive.chunks_exact(width).zip(negative.chunks_exact(width));
        for (scales, (positive, negative)) in scales.chunks_exact_mut(self.images).zip(pairs) {
            coefficients(positive, negative, batch, scales);
        }
        let zeros = [0.0; UNITS_PER_TASK];
        let zeros = zeros.get(..self.units).unwrap_or_default();
        kernels.linear(scales, zeros, &step.columns, &step.prepared_columns, values);
    }

    /// For each unit, the gradient of its weights and of its bias.
    fn rows(&self, inputs: usize) -> impl Iterator<Item = (&[f32], f32)> {
        let values = self.values.chunks_exact(self.row).take(self.units);
        let rows = values.map(move |row| row.get(..inputs).unwrap_or_default());
        rows.zip(self.scales.chunks_exact(self.images).map(|scales| scales.iter().sum()))
    }
}

/// The hidden probabilities for some images; with `keep`, only the `keep` largest of each unit are left
/// (WTA).
#[allow(clippy::too_many_arguments, reason = "the operands of a product")]
fn hidden<K: Kernels>(
    kernels: K,
    rbm: &Rbm<'_, K>,
    bad: &[bool],
    batch: usize,
    images: &[f32],
    prepared: &mut [f32],
    keep: Option<usize>,
    rows: &mut [f32],
) -> Result<()> {
    let (inputs, width) = (images.len() / batch, Rbm::width(kernels, batch));
    let panel = kernels.panel_maps();
    prepared
        .par_chunks_mut(kernels.prepared_len(panel, inputs).max(1))
        .zip(images.par_chunks(panel * inputs))
        .for_each(|(panel, images)| kernels.prepare(images, inputs, panel));
    let prepared = &*prepared;
    rows.par_chunks_mut(UNITS_PER_TASK * width).enumerate().try_for_each(|(task, rows)| {
        rbm.hidden(task * UNITS_PER_TASK, batch, images, prepared, rows)?;
        // Bad images have no part in a gradient.
        for row in rows.chunks_exact_mut(width) {
            let of_bad = row.iter_mut().zip(bad).filter(|(_, bad)| **bad);
            of_bad.for_each(|(probability, _)| *probability = 0.0);
        }
        match keep {
            Some(keep) => rows.chunks_exact_mut(width).try_for_each(|row| rbm.keep_largest(keep, row)),
            None => Ok(()),
        }
    })?;
    Ok(())
}
