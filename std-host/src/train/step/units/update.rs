//! The gradients of units, their checks, and the update of weights and moments.

use rayon::prelude::*;
use wta_core::{Error as CoreError, Kernels, Norm, SAFE_GRADIENT, expect_within, scale_atom};

use super::lists::{Lists, Survivors, UNITS_PER_TASK, take};
use crate::error::Result;
use crate::memory::aligned::Aligned;
use crate::ranks::{any, each};
use crate::train::step::shared::{Common, State, clip, norms_of_parts, sum_of_norms};

/// What the gradients of a step are made of.
pub(super) struct Learning<'a> {
    /// The survivors with their deltas.
    pub(super) lists: &'a Lists,
    /// Residuals, images, and what is left of residuals.
    pub(super) rows: &'a [f32],
    /// The gradient of the decoder's biases.
    pub(super) decoder_bias: &'a mut [f32],
}

impl Learning<'_> {
    /// `Ok` if every number of the gradient is sane. `largest` is the largest residual. Where the gradient is
    /// clipped, returns what it is to be multiplied by.
    pub(super) fn expect_sane<K: Kernels>(&self, state: &State<'_, K>, largest: f32) -> Result<Option<f32>> {
        let Common { kernels, network, training } = state.common;
        let (inputs, tied) = (network.input().len(), network.is_tied());
        let (clip, limit) = (training.guard.gradient_norm, training.guard.gradient_limit());
        let images = training.batch * inputs;
        let images = self.rows.get(images..2 * images).unwrap_or_default();
        // As bits, which have no order to wait for: what is not a number has larger ones than all others.
        let pixel = images.iter().fold(0, |largest: u32, pixel| largest.max(pixel.abs().to_bits()));
        let pixel = f32::from_bits(pixel);
        // No element of a unit's gradient exceeds the sum of its survivors' values times the largest residual
        // (or of their deltas times the largest pixel). NaN fails the comparison.
        let safe = clip.is_none()
            && self.lists.iter().all(|unit| {
                let values = unit.values.iter().sum::<f32>();
                let deltas = unit.deltas.iter().map(|delta| delta.abs()).sum::<f32>();
                values * largest + deltas * pixel.max(1.0) < SAFE_GRADIENT
            });
        let portion = state.portion;
        let safe = !any(portion.ranks(), !safe)?;
        let bias_start = network.parameters_len() - inputs;
        let bias = expect_within(limit, bias_start, self.decoder_bias);
        if safe && bias.is_ok() {
            return Ok(None);
        }
        let bias_place = network.code().channels * inputs;
        let atoms_place = bias_place + network.code().channels;
        let lists: Vec<_> = self.lists.iter().enumerate().collect();
        // For each unit, the norms of its filter, its bias and its atom, and what is out of bounds.
        let units = lists.into_par_iter().map_init(
            || UnitGradient::new(inputs),
            |gradient, (unit, survivors)| {
                gradient.fill(kernels, tied, &survivors, self.rows, training.batch);
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
        let norm = sum_of_norms([filters, biases, atoms, Norm::of(self.decoder_bias)]);
        Ok(norm.factor(largest))
    }

    pub(super) fn update<K: Kernels>(self, state: State<'_, K>, factor: Option<f32>) -> Result<()> {
        let Common { kernels, network, training } = state.common;
        let (inputs, tied) = (network.input().len(), network.is_tied());
        let update = training.optimizer.update(state.step, training.steps);
        let mut weights = Split::new(state.parameters, &network);
        let len = network.parameters_len();
        let (first, second) = state.moments.split_at_mut(len);
        let (mut first, mut second) = (Split::new(first, &network), Split::new(second, &network));
        let rows = self.rows;
        let tasks = weights.tasks(inputs).zip(first.tasks(inputs)).zip(second.tasks(inputs));
        let tasks: Vec<_> = tasks.take(self.lists.counts().len().div_ceil(UNITS_PER_TASK)).collect();
        let (lists, unit_atoms) = (self.lists, training.dictionary.unit_atoms);
        tasks.into_par_iter().enumerate().for_each_init(
            || UnitGradient::new(inputs),
            |gradient, (task, ((mut w, mut m), mut v))| {
                let units = task * UNITS_PER_TASK..((task + 1) * UNITS_PER_TASK).min(lists.counts().len());
                for unit in units {
                    gradient.fill(kernels, tied, &lists.of(unit), rows, training.batch);
                    gradient.clip(factor);
                    let (w, m, v) = (w.next(inputs, tied), m.next(inputs, tied), v.next(inputs, tied));
                    update.apply(kernels, true, &gradient.weights, m.weights, v.weights, w.weights);
                    update.apply(kernels, false, &[gradient.bias], m.bias, v.bias, w.bias);
                    if !tied {
                        update.apply(kernels, true, &gradient.atoms, m.atoms, v.atoms, w.atoms);
                    }
                    if unit_atoms {
                        scale_atom(if tied { w.weights } else { w.atoms });
                    }
                }
            },
        );
        let (w, m, v) = (weights.decoder_bias, first.decoder_bias, second.decoder_bias);
        clip(factor, self.decoder_bias);
        update.apply(kernels, false, self.decoder_bias, m, v, w);
        Ok(())
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

    /// Computes the gradient. `rows` are the residuals of a batch, its images, and what is left of residuals.
    fn fill<K: Kernels>(&mut self, kernels: K, tied: bool, unit: &Survivors<'_>, rows: &[f32], batch: usize) {
        let inputs = self.weights.len();
        self.weights.fill(0.0);
        self.bias = 0.0;
        self.scales.clear();
        self.rows.clear();
        let batch = batch as u32;
        for ((value, delta), row) in unit.values.iter().zip(unit.deltas).zip(unit.rows) {
            if tied {
                self.scales.push(*value);
                self.rows.push(*row);
            }
            // What is left of the residuals lies behind residuals and images.
            let image = if *row < batch { *row } else { *row - 2 * batch };
            self.scales.push(*delta);
            self.rows.push(batch + image);
            self.bias += delta;
        }
        kernels.weighted_row_sum(&self.scales, &self.rows, rows, inputs, &mut self.weights);
        if !tied {
            self.atoms.fill(0.0);
            kernels.weighted_row_sum(unit.values, unit.rows, rows, inputs, &mut self.atoms);
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
