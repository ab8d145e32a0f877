//! A whole step of contrastive divergence in caller-lent memory: what firmware runs, and what the host's parallel trainer is
//! tested against.
//!
//! The samples of the hidden units are not stored: they are drawn, image by image, where a reconstruction needs them. A
//! unit's gradient updates its weights at once, so that no gradient of all units is stored either.

use crate::error::{Error, Result, expect_len};
use crate::kernels::Kernels;
use crate::network::Network;
use crate::parameters::{Parameters, paired_rows, part, part_mut};
use crate::rbm::{Gibbs, Rbm, coefficients, expect_probabilities, positive_survivors, sample};
use crate::select::Keep;
use crate::trainer::{Scratch, Training, TrainingLen, split_off};

/// The memory that [`RbmTrainer`] needs with kernels that prepare nothing (the scalar ones).
pub const fn rbm_training_len(network: &Network, batch: usize) -> TrainingLen {
    let (inputs, units) = (network.input().len(), network.code().channels);
    TrainingLen {
        parameters: network.parameters_len(),
        moments: network.parameters_len(),
        floats: 2 * batch * inputs + 2 * batch * units + inputs + units + 2 * batch,
        indices: units + 2 * batch,
        cuts: 0,
    }
}

/// An RBM in training.
#[derive(Debug)]
pub struct RbmTrainer<'m, K> {
    kernels: K,
    network: Network,
    training: Training,
    gibbs: Gibbs,
    parameters: &'m mut [f32],
    moments: &'m mut [f32],
    scratch: Scratch<'m>,
    step: u64,
}

impl<'m, K: Kernels> RbmTrainer<'m, K> {
    /// The `f32` of scratch that kernels need beyond [`rbm_training_len`]; 0 for the scalar ones.
    pub fn kernels_len(kernels: K, network: &Network, batch: usize) -> usize {
        let padding = Rbm::width(kernels, batch) - batch;
        kernels.prepared_len(batch, network.input().len()) + 2 * network.code().channels * padding
    }

    /// Continues training from these parameters and moments (all 0 at the start) after `step` steps. The moments are the
    /// momentum's velocity.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what [`Gibbs::check`] refuses, [`Error::Length`] for memory of other lengths than
    /// [`rbm_training_len`] says, [`Error::NotFinite`] for a parameter that is not finite.
    #[allow(clippy::too_many_arguments, reason = "a trainer's parts")]
    pub fn new(
        kernels: K,
        network: Network,
        training: Training,
        gibbs: Gibbs,
        step: u64,
        parameters: &'m mut [f32],
        moments: &'m mut [f32],
        scratch: Scratch<'m>,
    ) -> Result<Self> {
        gibbs.check(&network, &training)?;
        let len = rbm_training_len(&network, training.batch);
        let floats = len.floats + Self::kernels_len(kernels, &network, training.batch);
        expect_len("moments", len.moments, moments.len())?;
        expect_len("scratch floats", floats, scratch.floats.len())?;
        expect_len("scratch indices", len.indices, scratch.indices.len())?;
        expect_len("scratch cuts", len.cuts, scratch.cuts.len())?;
        Parameters::from_outside(network, parameters)?;
        Ok(Self { kernels, network, training, gibbs, parameters, moments, scratch, step })
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

    /// One step on a batch. Returns the error of the first reconstruction: half its squared difference from the image,
    /// summed over an image, averaged over the batch. (It is not what contrastive divergence minimises, but falls with it.)
    ///
    /// # Errors
    ///
    /// [`Error::Length`] when the batch has another number of images or an image another size, [`Error::NotFinite`] and
    /// [`Error::Invalid`] for pixels that are no probabilities, [`Error::Diverged`] for activations out of all bounds. The
    /// parameters and moments are then as before the step.
    pub fn step<'i>(&mut self, images: impl Iterator<Item = &'i [f32]>) -> Result<f32> {
        let (kernels, network, training) = (self.kernels, self.network, self.training);
        let (batch, inputs, units) = (training.batch, network.input().len(), network.code().channels);
        let width = Rbm::width(kernels, batch).max(1);

        let mut floats = &mut *self.scratch.floats;
        let mut take = |len| split_off(&mut floats, len);
        let visible = take(2 * batch * inputs);
        let positive = take(units * width);
        let negative = take(units * width);
        let gradient = take(inputs);
        let ones = take(units);
        let scales = take(2 * batch);
        let prepared = take(kernels.prepared_len(batch, inputs));
        let mut indices = &mut *self.scratch.indices;
        let active = split_off(&mut indices, units);
        let rows = split_off(&mut indices, 2 * batch);
        ones.fill(1.0);

        let (data, model) = visible.split_at_mut_checked(batch * inputs).unwrap_or_default();
        let mut found = 0;
        let mut places = data.chunks_exact_mut(inputs.max(1));
        for image in images {
            let Some(place) = places.next() else {
                return Err(Error::Length { what: "batch", expected: batch, found: batch + 1 });
            };
            expect_len("image", inputs, image.len())?;
            expect_probabilities(image)?;
            place.iter_mut().zip(image).for_each(|(to, from)| *to = *from);
            found += 1;
        }
        expect_len("batch", batch, found)?;

        let rbm = Rbm::new(kernels, Parameters::new(network, self.parameters)?)?;
        kernels.prepare(data, inputs, prepared);
        rbm.hidden(0, batch, data, prepared, positive)?;
        if matches!(training.sparsity.keep, Keep::Lifetime { .. }) {
            let keep = positive_survivors(&training.sparsity.keep, batch);
            positive.chunks_exact_mut(width).try_for_each(|row| rbm.keep_largest(keep, row))?;
        }
        let mut loss = 0.0;
        for phase in 0..self.gibbs.steps {
            let probabilities: &[f32] = if phase == 0 { positive } else { negative };
            for (image, to) in model.chunks_exact_mut(inputs.max(1)).enumerate() {
                let draws = self.gibbs.draws(self.step, phase, image);
                let count = sample(draws, probabilities, width, image, active);
                rbm.visible(0, part(active, 0, count), part(ones, 0, count), to)?;
            }
            if phase == 0 {
                loss = model.iter().zip(&*data).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
            }
            kernels.prepare(model, inputs, prepared);
            rbm.hidden(0, batch, model, prepared, negative)?;
        }

        // Every number of the gradient is at most 1 from here on: nothing can be refused any more.
        let update = training.optimizer.update(self.step, training.steps);
        rows.iter_mut().zip(0u32..).for_each(|(row, index)| *row = index);
        gradient.fill(0.0);
        let scale = 1.0 / batch as f32;
        for (data, model) in paired_rows(inputs, data, model) {
            for ((sum, data), model) in gradient.iter_mut().zip(data).zip(model) {
                *sum += scale * (model - data);
            }
        }
        let bias = network.decoder_bias_start();
        update.apply(
            kernels,
            false,
            gradient,
            part_mut(self.moments, bias, inputs),
            &mut [],
            part_mut(self.parameters, bias, inputs),
        );
        for (unit, (positive, negative)) in paired_rows(width, positive, negative).enumerate() {
            coefficients(positive, negative, batch, scales);
            gradient.fill(0.0);
            kernels.combine(scales, rows, visible, inputs, gradient);
            let start = unit * inputs;
            update.apply(
                kernels,
                true,
                gradient,
                part_mut(self.moments, start, inputs),
                &mut [],
                part_mut(self.parameters, start, inputs),
            );
            let bias = units * inputs + unit;
            update.apply(
                kernels,
                false,
                &[scales.iter().sum()],
                part_mut(self.moments, bias, 1),
                &mut [],
                part_mut(self.parameters, bias, 1),
            );
        }
        self.step += 1;
        Ok(0.5 * loss * scale)
    }
}
