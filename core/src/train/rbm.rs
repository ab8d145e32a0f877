//! A whole step of contrastive divergence: the definition, which the host's parallel trainer is tested
//! against.
//!
//! The samples of the hidden units are not stored. They are drawn, image by image, where a reconstruction
//! needs them. A unit's gradient updates its weights at once, so no gradient of all units is stored either.

use crate::error::{Result, expect_len};
use crate::kernels::Kernels;
use crate::logging::logged;
use crate::memory::{copy, paired_rows, part, part_mut, parts};
use crate::network::Network;
use crate::parameters::Parameters;
use crate::rbm::{Rbm, coefficients, positive_survivors, sample};
use crate::runs::{runs, runs_mut};
use crate::select::Selection;
use crate::train::config::{Scratch, TrainingConfig, TrainingLen};
use crate::train::divergence::{ContrastiveDivergence, admits_probabilities};
use crate::train::norm::{Norm, clip};
use crate::train::state::{State, state_methods};

parts! {
    /// The numbers of a step; what the kernels need comes after them. A row of probabilities is `width` long:
    /// the batch, filled up as the kernels need it.
    struct Floats of f32, for (inputs: usize, units: usize, batch: usize, width: usize) {
        /// The images, and what the last Gibbs step made of them.
        visible: batch.saturating_mul(2).saturating_mul(inputs),
        positive: units.saturating_mul(width),
        negative: units.saturating_mul(width),
        /// A row of the gradient.
        gradient: inputs,
        ones: units,
        scales: batch.saturating_mul(2),
    }
}

parts! {
    struct Indices of u32, for (units: usize, batch: usize) {
        /// The hidden units that are on.
        active: units,
        /// Numbers the rows of `visible`.
        rows: batch.saturating_mul(2),
    }
}

/// The memory that [`RbmTrainer`] needs with kernels that prepare nothing (the scalar ones). With persistent
/// chains, there are more [moments](ContrastiveDivergence::moments_len).
pub const fn rbm_training_len(network: &Network, batch: usize) -> TrainingLen {
    let (inputs, units) = (network.input().len(), network.code().channels);
    TrainingLen {
        parameters: network.parameters_len(),
        moments: network.parameters_len(),
        floats: Floats::len(inputs, units, batch, batch),
        indices: Indices::len(units, batch),
        cuts: 0,
    }
}

/// An RBM in training.
#[derive(Debug)]
pub struct RbmTrainer<'m, K> {
    kernels: K,
    divergence: ContrastiveDivergence,
    state: State<'m>,
}

impl<'m, K: Kernels> RbmTrainer<'m, K> {
    /// The `f32` of scratch that kernels need beyond [`rbm_training_len`]; 0 for the scalar ones.
    pub fn kernels_len(kernels: K, network: &Network, batch: usize) -> usize {
        let (inputs, units) = (network.input().len(), network.code().channels);
        let with_padding = Floats::len(inputs, units, batch, Rbm::width(kernels, batch));
        let padding = with_padding.saturating_sub(Floats::len(inputs, units, batch, batch));
        padding.saturating_add(kernels.prepared_len(batch, inputs))
    }

    /// Continues training from these parameters and moments (all 0 at the start) after `step` steps. The
    /// moments are the momentum's velocity and the persistent chains, if there are any.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) for what [`ContrastiveDivergence::check`] refuses,
    /// [`Error::Length`](crate::Error::Length) for memory of other lengths than [`rbm_training_len`] says,
    /// [`Error::NotFinite`](crate::Error::NotFinite) if a parameter is not finite.
    #[allow(clippy::too_many_arguments, reason = "a trainer's parts")]
    pub fn new(
        kernels: K,
        network: Network,
        config: TrainingConfig,
        divergence: ContrastiveDivergence,
        step: u64,
        parameters: &'m mut [f32],
        moments: &'m mut [f32],
        scratch: Scratch<'m>,
    ) -> Result<Self> {
        logged!(divergence.check(&network, &config))?;
        let kernels_len = Self::kernels_len(kernels, &network, config.batch);
        let moments_len = divergence.moments_len(&network, config.batch);
        let len =
            TrainingLen { moments: moments_len, ..Self::len(&network, &config).with_floats(kernels_len) };
        let state = State::new((network, config, step), len, parameters, moments, scratch)?;
        Ok(Self { kernels, divergence, state })
    }

    fn len(network: &Network, config: &TrainingConfig) -> TrainingLen {
        rbm_training_len(network, config.batch)
    }

    state_methods!();

    /// One step on a batch. Returns the error of the first reconstruction: half its squared difference from
    /// the image, summed over an image, averaged over the batch. (It is not what contrastive divergence
    /// minimises, but falls with it.)
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) when the batch has another number of images or an image
    /// another size, [`Error::BadImage`](crate::Error::BadImage) if a pixel is no probability and the image
    /// not skipped (see [`Guard`](crate::Guard)), [`Error::Invalid`](crate::Error::Invalid) when all are
    /// skipped,
    /// [`Error::Diverged`](crate::Error::Diverged) for activations out of all bounds. The parameters and
    /// moments are then as before the step.
    pub fn step<'i>(&mut self, images: impl Iterator<Item = &'i [f32]>) -> Result<f32> {
        logged!(self.try_step(images))
    }

    fn try_step<'i>(&mut self, images: impl Iterator<Item = &'i [f32]>) -> Result<f32> {
        let (kernels, divergence) = (self.kernels, self.divergence);
        let State { network, config, parameters, moments, scratch, step, skipped, stopwatch } =
            &mut self.state;
        let step = *step;
        let (batch, inputs, units) = (config.batch, network.input().len(), network.code().channels);
        let width = Rbm::width(kernels, batch).max(1);

        stopwatch.start();
        let (floats, prepared) = Floats::split(scratch.floats, inputs, units, batch, width);
        let Floats { visible, positive, negative, gradient, ones, scales } = floats;
        let (Indices { active, rows }, _) = Indices::split(scratch.indices, units, batch);
        ones.fill(1.0);

        let (data, model) = visible.split_at_mut_checked(batch * inputs).unwrap_or_default();
        let guard = config.guard;
        let (mut found, mut good) = (0, 0);
        let mut places = runs_mut(data, inputs);
        for image in images {
            let Some(place) = places.next() else {
                return Err(config.too_many_images());
            };
            expect_len("image", inputs, image.len())?;
            let admitted = admits_probabilities(&guard, found, image)?;
            // Until the rows are numbered, their numbers say which images are bad.
            if let Some(bad) = rows.get_mut(found) {
                *bad = u32::from(!admitted);
            }
            if admitted {
                place.iter_mut().zip(image).for_each(|(to, from)| *to = guard.clamp(*from));
                good += 1;
            } else {
                place.fill(0.0);
            }
            found += 1;
        }
        expect_len("batch", batch, found)?;
        *skipped = guard.expect_good(batch, good)?;
        let bad = part(rows, 0, if *skipped > 0 { batch } else { 0 });

        let rbm = Rbm::new(kernels, Parameters::new(*network, parameters)?)?;
        kernels.prepare(data, inputs, prepared);
        rbm.hidden(0, batch, data, prepared, positive)?;
        silence(bad, width, positive);
        stopwatch.lap(|timing| &mut timing.compete);
        if matches!(config.sparsity.selection, Selection::Lifetime { .. }) {
            let keep = positive_survivors(&config.sparsity.selection, batch);
            runs_mut(positive, width).try_for_each(|row| rbm.keep_largest(keep, row))?;
        }
        stopwatch.lap(|timing| &mut timing.select);
        let mut loss = 0.0;
        for phase in 0..divergence.steps.saturating_add(usize::from(divergence.persistent)) {
            let probabilities: &[f32] = if phase == 0 { positive } else { negative };
            for (image, to) in runs_mut(model, inputs).enumerate() {
                let draws = divergence.draws(step, phase, image);
                let count = sample(draws, probabilities, width, image, active);
                rbm.visible(0, part(active, 0, count), part(ones, 0, count), to)?;
            }
            let of_bad = bad.iter().zip(runs_mut(model, inputs)).filter(|(bad, _)| **bad > 0);
            of_bad.for_each(|(_, row)| row.fill(0.0));
            if phase == 0 {
                loss = model.iter().zip(&*data).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
                if divergence.persistent {
                    // From here on, the chains are reconstructed, and not the data.
                    let chains = part(moments, network.parameters_len(), model.len());
                    copy(if step == 0 { data } else { chains }, model);
                }
            }
            kernels.prepare(model, inputs, prepared);
            rbm.hidden(0, batch, model, prepared, negative)?;
            silence(bad, width, negative);
        }

        if divergence.persistent {
            // The chain of a bad image waits, as the image has no part in the step.
            let chains = runs_mut(part_mut(moments, network.parameters_len(), model.len()), inputs);
            for (image, (chain, model)) in chains.zip(runs(model, inputs)).enumerate() {
                if bad.get(image).is_none_or(|bad| *bad == 0) {
                    copy(model, chain);
                }
            }
        }
        stopwatch.lap(|timing| &mut timing.learn);

        // Every number of the gradient is at most 1 from here on: nothing can be refused any more.
        let update = config.optimizer.update(step, config.steps);
        rows.iter_mut().zip(0u32..).for_each(|(row, index)| *row = index);
        let scale = 1.0 / batch as f32;
        let visible = &*visible;
        let (data, model) = visible.split_at_checked(batch * inputs).unwrap_or_default();
        let visible_gradient = |gradient: &mut [f32]| {
            gradient.fill(0.0);
            for (data, model) in paired_rows(inputs, data, model) {
                for ((sum, data), model) in gradient.iter_mut().zip(data).zip(model) {
                    *sum += scale * (model - data);
                }
            }
        };
        let factor = guard.gradient_norm.and_then(|largest| {
            let (mut of_filters, mut of_biases) = (Norm::ZERO, Norm::ZERO);
            for (positive, negative) in paired_rows(width, positive, negative) {
                coefficients(positive, negative, batch, scales);
                gradient.fill(0.0);
                kernels.weighted_row_sum(scales, rows, visible, inputs, gradient);
                of_filters.add(Norm::of(gradient));
                of_biases.add(Norm::of(&[scales.iter().sum()]));
            }
            visible_gradient(gradient);
            of_filters.add(of_biases);
            of_filters.add(Norm::of(gradient));
            of_filters.factor(largest)
        });
        let mut apply = |decays, start, gradient: &mut [f32]| {
            clip(factor, gradient);
            let len = gradient.len();
            let velocity = part_mut(moments, start, len);
            update.apply(kernels, decays, gradient, velocity, &mut [], part_mut(parameters, start, len));
        };
        visible_gradient(gradient);
        apply(false, network.decoder_bias_start(), gradient);
        for (unit, (positive, negative)) in paired_rows(width, positive, negative).enumerate() {
            coefficients(positive, negative, batch, scales);
            gradient.fill(0.0);
            kernels.weighted_row_sum(scales, rows, visible, inputs, gradient);
            apply(true, unit * inputs, gradient);
            apply(false, units * inputs + unit, &mut [scales.iter().sum()]);
        }
        stopwatch.lap(|timing| &mut timing.update);
        Ok(self.state.finish_step(0.5 * loss * scale))
    }
}

/// Sets the probabilities of bad images to 0: they have no part in a gradient.
fn silence(bad: &[u32], width: usize, rows: &mut [f32]) {
    if bad.is_empty() {
        return;
    }
    for row in runs_mut(rows, width) {
        let of_bad = row.iter_mut().zip(bad).filter(|(_, bad)| **bad > 0);
        of_bad.for_each(|(probability, _)| *probability = 0.0);
    }
}
