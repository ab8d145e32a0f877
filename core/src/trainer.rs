//! A whole training step in caller-lent memory, image by image: what firmware runs, and what the host's parallel
//! trainer is tested against.
//!
//! The batch is gone through twice. *Compete* keeps each image's winners and nothing else; *select* says which
//! survive; *learn* encodes the hidden layers of an image anew and adds its part of the gradient. Memory is
//! [`training_len`], a constant.

use crate::compete::Candidates;
use crate::corruption::Corruption;
use crate::encode::{Encoder, Inputs};
use crate::error::{Error, Result, expect_len};
use crate::kernels::Kernels;
use crate::learn::{Learner, SparseDeltas, TopGradient, Winners};
use crate::network::Network;
use crate::optimizer::{Method, Optimizer};
use crate::parameters::{Gradients, Parameters};
use crate::select::{Cut, Keep, Sparsity, select};
use crate::timing::{Clock, Stopwatch, Timing};

/// Everything that says how a network is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Training {
    /// How sparse the code is.
    pub sparsity: Sparsity,
    /// What is hidden from the network in training (denoising, dropout).
    pub corruption: Corruption,
    /// How gradients become updates.
    pub optimizer: Optimizer,
    /// Images per step.
    pub batch: usize,
    /// Steps in all, for the learning-rate schedule.
    pub steps: u64,
}

/// Lengths of the buffers that training needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrainingLen {
    /// Numbers in the parameters (also those of a checkpoint, besides the moments and the step count).
    pub parameters: usize,
    /// Numbers in the optimiser's moments.
    pub moments: usize,
    /// `f32` of scratch.
    pub floats: usize,
    /// `u32` of scratch.
    pub indices: usize,
    /// [`Cut`]s of scratch.
    pub cuts: usize,
}

impl TrainingLen {
    /// All of it in bytes.
    pub const fn bytes(&self) -> usize {
        4 * (self.parameters + self.moments + self.floats + self.indices) + size_of::<Cut>() * self.cuts
    }
}

/// The memory that [`Trainer`] needs with kernels that prepare nothing (the scalar ones).
pub const fn training_len(
    network: &Network,
    sparsity: &Sparsity,
    method: &Method,
    batch: usize,
) -> TrainingLen {
    let parameters = network.parameters_len();
    let winners = sparsity.winners_len(network);
    let (delta_positions, delta_values) = network.deltas_len();
    TrainingLen {
        parameters,
        moments: parameters * method.moments(),
        floats: parameters
            + batch * winners
            + winners
            + network.inputs_len()
            + network.code_len()
            + network.residual_len()
            + network.below_len()
            + 2 * delta_values,
        indices: batch * winners + 2 * delta_positions,
        cuts: network.code().channels,
    }
}

/// Scratch memory of a [`Trainer`]; its content does not matter between steps.
#[derive(Debug)]
pub struct Scratch<'m> {
    /// [`TrainingLen::floats`], plus what the kernels need ([`Encoder::prepared_len`], [`Encoder::scratch_len`]).
    pub floats: &'m mut [f32],
    /// [`TrainingLen::indices`].
    pub indices: &'m mut [u32],
    /// [`TrainingLen::cuts`].
    pub cuts: &'m mut [Cut],
}

/// A network in training.
#[derive(Debug)]
pub struct Trainer<'m, K> {
    kernels: K,
    network: Network,
    training: Training,
    parameters: &'m mut [f32],
    moments: &'m mut [f32],
    scratch: Scratch<'m>,
    step: u64,
    stopwatch: Stopwatch,
}

impl<'m, K: Kernels> Trainer<'m, K> {
    /// Continues training from these parameters and moments (all 0 at the start) after `step` steps.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that make no sense, [`Error::Length`] for memory of other lengths than
    /// [`training_len`] says, [`Error::NotFinite`] for a parameter that is not finite.
    #[allow(clippy::too_many_arguments, reason = "a trainer's parts")]
    pub fn new(
        kernels: K,
        network: Network,
        training: Training,
        step: u64,
        parameters: &'m mut [f32],
        moments: &'m mut [f32],
        scratch: Scratch<'m>,
    ) -> Result<Self> {
        training.sparsity.check(&network)?;
        training.corruption.check()?;
        training.optimizer.check()?;
        if training.batch == 0 {
            return Err(Error::Invalid("a batch has at least one image"));
        }
        let len = training_len(&network, &training.sparsity, &training.optimizer.method, training.batch);
        expect_len("moments", len.moments, moments.len())?;
        let kernels_len = Encoder::prepared_len(kernels, &network) + Encoder::scratch_len(kernels, &network);
        let floats = len.floats + kernels_len;
        expect_len("scratch floats", floats, scratch.floats.len())?;
        expect_len("scratch indices", len.indices, scratch.indices.len())?;
        expect_len("scratch cuts", len.cuts, scratch.cuts.len())?;
        Parameters::from_outside(network, parameters)?;
        let stopwatch = Stopwatch::default();
        Ok(Self { kernels, network, training, parameters, moments, scratch, step, stopwatch })
    }

    /// Measures steps with this clock from now on: see [`Trainer::last_timing`].
    pub const fn set_clock(&mut self, clock: Clock) {
        self.stopwatch = Stopwatch::new(clock);
    }

    /// Where the time of the last step went; all 0 without a clock.
    pub fn last_timing(&self) -> Timing {
        self.stopwatch.timing()
    }

    /// The parameters as they are now.
    pub fn parameters(&self) -> &[f32] {
        self.parameters
    }

    /// Steps done.
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// Changes which winners live from the next step on.
    ///
    /// # Errors
    ///
    /// As for [`Sparsity::with_keep`](crate::Sparsity::with_keep).
    pub fn set_keep(&mut self, keep: Keep) -> Result<()> {
        self.training.sparsity = self.training.sparsity.with_keep(&self.network, keep)?;
        Ok(())
    }

    /// One step on a batch, whose images are gone through twice. Returns the loss: half the squared error summed
    /// over an image, averaged over the batch.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] when the batch has another number of images or an image another size,
    /// [`Error::NotFinite`] for such a pixel or activation, [`Error::Diverged`] for a gradient out of all bounds.
    /// The parameters and moments are then as before the step.
    pub fn step<'i>(&mut self, images: impl Iterator<Item = &'i [f32]> + Clone) -> Result<f32> {
        let (network, training) = (self.network, self.training);
        let Training { sparsity, corruption, optimizer, batch, steps } = training;
        let winners_len = sparsity.winners_len(&network).max(1);
        let (delta_positions, delta_values) = network.deltas_len();

        self.stopwatch.start();
        let mut floats = &mut *self.scratch.floats;
        let mut take = |len| split_off(&mut floats, len);
        let gradient = take(network.parameters_len());
        let values = take(batch * winners_len);
        let deltas = take(winners_len);
        let inputs = take(network.inputs_len());
        let code = take(network.code_len());
        let residual = take(network.residual_len());
        let below = take(network.below_len());
        let upper_values = take(delta_values);
        let lower_values = take(delta_values);
        let prepared = take(Encoder::prepared_len(self.kernels, &network));
        let encoding = take(Encoder::scratch_len(self.kernels, &network));
        let mut indices = &mut *self.scratch.indices;
        let positions = split_off(&mut indices, batch * winners_len);
        let upper_positions = split_off(&mut indices, delta_positions);
        let lower_positions = split_off(&mut indices, delta_positions);

        let parameters = Parameters::new(network, self.parameters)?;
        let encoder = Encoder::new(self.kernels, parameters, prepared)?;
        let layout = network.layer(0).map_or(network.decoder().bordered(), |layer| layer.bordered());
        let mut found = 0;
        let mut free = values.chunks_exact_mut(winners_len).zip(positions.chunks_exact_mut(winners_len));
        for image in images.clone() {
            let Some((values, positions)) = free.next() else {
                return Err(Error::Length { what: "batch", expected: batch, found: batch + 1 });
            };
            encoder.load(1, 0, image, inputs)?;
            corruption.corrupt_input(self.step, found, &layout, inputs);
            let candidates = Candidates { values, positions };
            encoder.compete(sparsity.grid, 1, inputs, encoding, code, candidates)?;
            found += 1;
        }
        expect_len("batch", batch, found)?;
        self.stopwatch.lap(|timing| &mut timing.compete);

        select(self.kernels, &network, &sparsity, values, self.scratch.cuts)?;
        for (index, values) in values.chunks_exact_mut(winners_len).enumerate() {
            corruption.drop_hidden(self.step, index, values);
        }
        self.stopwatch.lap(|timing| &mut timing.select);

        let learner = Learner::new(self.kernels, parameters);
        gradient.fill(0.0);
        let mut gradients = Gradients::new(&network, gradient)?;
        let mut loss = 0.0;
        let scale = 1.0 / batch as f32;
        let rows = Winners { values, positions }.rows(winners_len);
        for (index, (image, winners)) in images.zip(rows).enumerate() {
            encoder.load(1, 0, image, inputs)?;
            // The reconstruction is compared with the clean image, so that no second copy of it is needed.
            loss += learner.residual(Inputs::new(network, 1, inputs)?.of(0, 0), winners, residual)?;
            corruption.corrupt_input(self.step, index, &layout, inputs);
            encoder.hidden(1, inputs, encoding)?;
            let inputs = Inputs::new(network, 1, inputs)?;
            learner.deltas(scale, winners, residual, deltas)?;
            corruption.scale_deltas(deltas);
            learner.decoder_bias_gradient(residual, gradients.decoder_bias);

            let last = network.depth() - 1;
            if let Some(top) = gradients.layers.get_mut(last) {
                let layer = crate::LayerGradient { filters: &mut *top.filters, bias: &mut *top.bias };
                let mut top = TopGradient { first: 0, layer, atoms: &mut *gradients.atoms };
                learner.top_gradient(winners, deltas, residual, inputs.of(last, 0), &mut top);
            }
            if last == 0 {
                continue;
            }
            let mut upper =
                SparseDeltas { positions: &mut *upper_positions, values: &mut *upper_values, len: 0 };
            let mut lower =
                SparseDeltas { positions: &mut *lower_positions, values: &mut *lower_values, len: 0 };
            learner.top_backward(winners, deltas, inputs.of(last, 0), below, &mut upper);
            for (index, gradient) in gradients.layers.iter_mut().enumerate().take(last).rev() {
                let deltas = upper.used(gradient.bias.len());
                learner.hidden_gradient(index, 0, deltas, inputs.of(index, 0), gradient);
                if index > 0 {
                    learner.hidden_backward(index, deltas, inputs.of(index, 0), below, &mut lower);
                    core::mem::swap(&mut upper, &mut lower);
                }
            }
        }

        drop(gradients);
        self.stopwatch.lap(|timing| &mut timing.learn);
        let gradient = self.scratch.floats.get(..network.parameters_len()).unwrap_or(&[]);
        optimizer.step(self.kernels, &network, self.step, steps, gradient, self.moments, self.parameters)?;
        self.stopwatch.lap(|timing| &mut timing.update);
        self.step += 1;
        let loss = loss * scale;
        #[cfg(feature = "defmt")]
        self.stopwatch.log(self.step, loss);
        Ok(loss)
    }

    /// The gradient that the last step computed, in the parameters' order.
    pub fn last_gradient(&self) -> &[f32] {
        self.scratch.floats.get(..self.network.parameters_len()).unwrap_or(&[])
    }
}

/// Takes `len` elements off the front; lengths are checked when the trainer is made.
pub(crate) fn split_off<'a, T>(rest: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let (taken, more) = core::mem::take(rest).split_at_mut_checked(len).unwrap_or_default();
    *rest = more;
    taken
}
