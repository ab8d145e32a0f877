//! A whole training step image by image: the definition, which all other trainers are tested against.
//!
//! The batch is gone through twice. *Compete* keeps each image's winners and nothing else; *select* says
//! which survive; *learn* encodes the hidden layers of an image anew and adds its part of the gradient.

use crate::compete::Candidates;
use crate::encode::{Encoder, Inputs};
use crate::error::{Result, expect_len};
use crate::kernels::Kernels;
use crate::logging::logged;
use crate::memory::{part_mut, parts};
use crate::network::Network;
use crate::parameters::{Gradients, LayerGradient, Parameters};
use crate::runs::runs_mut;
use crate::select::{Sparsity, select};
use crate::train::config::{Scratch, TrainingConfig, TrainingLen};
use crate::train::guard::Guard;
use crate::train::learn::{Learner, SparseDeltas, TopGradient, Winners};
use crate::train::optimizer::Method;
use crate::train::state::{State, state_methods};

parts! {
    /// The numbers of a step; what the kernels need comes after them.
    struct Floats of f32, for (network: &Network, sparsity: &Sparsity, batch: usize) {
        gradient: network.parameters_len(),
        /// The winners of the batch, image by image.
        values: batch.saturating_mul(sparsity.winners_len(network)),
        // From here on, of one image.
        deltas: sparsity.winners_len(network),
        inputs: network.inputs_len(),
        code: network.code_len(),
        residual: network.residual_len(),
        below: network.delta_scratch_len(),
        upper: network.deltas_len().1,
        lower: network.deltas_len().1,
    }
}

parts! {
    /// Where the numbers of the same names are.
    struct Indices of u32, for (network: &Network, sparsity: &Sparsity, batch: usize) {
        positions: batch.saturating_mul(sparsity.winners_len(network)),
        upper: network.deltas_len().0,
        lower: network.deltas_len().0,
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
    TrainingLen {
        parameters,
        moments: parameters.saturating_mul(method.moments()),
        floats: Floats::len(network, sparsity, batch),
        indices: Indices::len(network, sparsity, batch),
        cuts: network.code().channels,
    }
}

/// A network in training.
#[derive(Debug)]
pub struct Trainer<'m, K> {
    kernels: K,
    state: State<'m>,
}

impl<'m, K: Kernels> Trainer<'m, K> {
    /// Continues training from these parameters and moments (all 0 at the start) after `step` steps.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) for settings that make no sense,
    /// [`Error::Length`](crate::Error::Length) for memory of other lengths than [`training_len`] says,
    /// [`Error::NotFinite`](crate::Error::NotFinite) if a parameter is not finite.
    #[allow(clippy::too_many_arguments, reason = "a trainer's parts")]
    pub fn new(
        kernels: K,
        network: Network,
        config: TrainingConfig,
        step: u64,
        parameters: &'m mut [f32],
        moments: &'m mut [f32],
        scratch: Scratch<'m>,
    ) -> Result<Self> {
        logged!(config.check(&network))?;
        let prepared = Encoder::prepared_len(kernels, &network);
        let kernels_len = prepared.saturating_add(Encoder::scratch_len(kernels, &network));
        let len = Self::len(&network, &config).with_floats(kernels_len);
        let state = State::new((network, config, step), len, parameters, moments, scratch)?;
        Ok(Self { kernels, state })
    }

    fn len(network: &Network, config: &TrainingConfig) -> TrainingLen {
        training_len(network, &config.sparsity, &config.optimizer.method, config.batch)
    }

    state_methods!();

    /// One step on a batch, whose images are gone through twice. Returns the loss: half the squared error
    /// summed over an image, averaged over the batch, and `f32::MAX` for more than that.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) when the batch has another number of images or an image
    /// another size, [`Error::BadImage`](crate::Error::BadImage) for a bad image that is not skipped (see
    /// [`Guard`]), [`Error::Invalid`](crate::Error::Invalid) when all are skipped,
    /// [`Error::NotFinite`](crate::Error::NotFinite) if an activation is not finite,
    /// [`Error::Diverged`](crate::Error::Diverged) for a gradient out of all bounds. The parameters and
    /// moments are then as before the step.
    // Not inlined into its caller: it is the whole training, and would be there as often as it is called.
    #[inline(never)]
    pub fn step<'i>(&mut self, images: impl Iterator<Item = &'i [f32]> + Clone) -> Result<f32> {
        logged!(self.try_step(images))
    }

    fn try_step<'i>(&mut self, images: impl Iterator<Item = &'i [f32]> + Clone) -> Result<f32> {
        let State { network, config, parameters, scratch, step, stopwatch, skipped, .. } = &mut self.state;
        let (network, step, kernels) = (*network, *step, self.kernels);
        let TrainingConfig { sparsity, corruption, guard, dictionary, batch, .. } = *config;
        let winners_len = sparsity.winners_len(&network).max(1);

        stopwatch.start();
        let (floats, kernels_memory) = Floats::split(scratch.floats, &network, &sparsity, batch);
        let Floats { gradient, values, deltas, inputs, code, residual, below, upper, lower } = floats;
        let (prepared, encoding) =
            kernels_memory.split_at_mut_checked(Encoder::prepared_len(kernels, &network)).unwrap_or_default();
        let (indices, _) = Indices::split(scratch.indices, &network, &sparsity, batch);
        let positions = indices.positions;

        let parameters = Parameters::new(network, parameters)?;
        let encoder = Encoder::new(kernels, parameters, prepared)?;
        let layout = network.layer(0).map_or(network.decoder().padded(), |layer| layer.padded());
        let (mut found, mut good) = (0, 0);
        let mut free = runs_mut(values, winners_len).zip(runs_mut(positions, winners_len));
        for image in images.clone() {
            let Some((values, positions)) = free.next() else {
                return Err(config.too_many_images());
            };
            if load(&guard, &network, found, image, inputs)? {
                corruption.corrupt_input(step, found, &layout, inputs);
                dictionary.centre(parameters, inputs);
                let candidates = Candidates { values, positions };
                encoder.compete(sparsity.grid, 1, inputs, encoding, code, candidates)?;
                good += 1;
            } else {
                values.fill(0.0);
                positions.fill(0);
            }
            found += 1;
        }
        expect_len("batch", batch, found)?;
        *skipped = guard.expect_good(batch, good)?;
        stopwatch.lap(|timing| &mut timing.compete);

        select(kernels, &network, &sparsity, values, scratch.cuts)?;
        for (index, values) in runs_mut(values, winners_len).enumerate() {
            corruption.drop_hidden(step, index, values);
        }
        stopwatch.lap(|timing| &mut timing.select);

        let learner = Learner::new(kernels, parameters);
        gradient.fill(0.0);
        let mut gradients = Gradients::new(&network, gradient)?;
        let mut loss = 0.0;
        let scale = 1.0 / batch as f32;
        let rows = Winners { values, positions }.rows(winners_len);
        for (index, (image, winners)) in images.zip(rows).enumerate() {
            if !load(&guard, &network, index, image, inputs)? {
                continue;
            }
            // The reconstruction is compared with the clean image, so that no second copy of it is needed.
            loss += learner.residual(Inputs::new(network, 1, inputs)?.of(0, 0), winners, residual)?;
            corruption.corrupt_input(step, index, &layout, inputs);
            dictionary.centre(parameters, inputs);
            encoder.hidden(1, inputs, encoding)?;
            let inputs = Inputs::new(network, 1, inputs)?;
            learner.deltas(scale, winners, residual, deltas)?;
            corruption.scale_deltas(deltas);
            learner.decoder_bias_gradient(residual, gradients.decoder_bias);

            let last = network.depth() - 1;
            if let Some(top) = gradients.layers.get_mut(last) {
                let layer = LayerGradient { filters: &mut *top.filters, bias: &mut *top.bias };
                let mut top = TopGradient { first: 0, layer, atoms: &mut *gradients.atoms };
                learner.top_gradient(winners, deltas, residual, inputs.of(last, 0), &mut top);
            }
            if last == 0 {
                continue;
            }
            let mut upper = SparseDeltas { positions: &mut *indices.upper, values: &mut *upper, len: 0 };
            let mut lower = SparseDeltas { positions: &mut *indices.lower, values: &mut *lower, len: 0 };
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

        if let Some(top) = gradients.layers.first() {
            dictionary.add_bias_gradient(parameters, top.bias, gradients.decoder_bias);
        }
        drop(gradients);
        stopwatch.lap(|timing| &mut timing.learn);
        self.state.apply_gradient(kernels)?;
        self.state.stopwatch.lap(|timing| &mut timing.update);
        Ok(self.state.finish_step(loss * scale))
    }

    /// The gradient that the last step computed, in the parameters' order; clipped, if it was.
    pub fn last_gradient(&self) -> &[f32] {
        self.state.gradient()
    }
}

/// Lays an image out in the first layer's input as training sees it. `false` for one that is skipped.
#[inline(never)]
fn load(guard: &Guard, network: &Network, index: usize, image: &[f32], inputs: &mut [f32]) -> Result<bool> {
    expect_len("image", network.input().len(), image.len())?;
    let admitted = guard.admits(index, image)?;
    if admitted && let Some(layer) = network.layer(0) {
        let layout = layer.padded();
        let first = part_mut(inputs, 0, layout.len());
        layout.fill(image, first);
        layout.rows_mut(first).for_each(|row| guard.clamp_all(row));
    }
    Ok(admitted)
}
