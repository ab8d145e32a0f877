//! A whole training step row by row: [`Trainer`](crate::Trainer)'s weights in the memory of a microcontroller.
//!
//! *Compete* keeps each image's winners, of a code that is never whole. *Learn* makes the residual of an image, which is
//! whole (it is as large as an image), and one delta for each survivor; then the hidden rows pass by again. What a survivor's
//! field has of a row goes to its filter's gradient, its delta goes down through the layers ([`Backward`]).
//!
//! Each number gets its terms in the order of [`Trainer`](crate::Trainer), so that with the scalar kernels the weights
//! are the same to the bit.

use crate::compete::Candidates;
use crate::error::{Error, Result, expect_len};
use crate::field::Fields;
use crate::kernels::Kernels;
use crate::learn::Winners;
use crate::network::Network;
use crate::optimizer::Method;
use crate::parameters::{Gradients, Parameters, part, part_mut};
use crate::select::{Keep, select};
use crate::shape::Size;
use crate::stream::backward::{Backward, delta_row_len, incomplete_len, training_rows};
use crate::stream::{Forward, Rows};
use crate::trainer::{Scratch, Training, TrainingLen, split_off};

/// The memory that [`StreamTrainer`] needs with kernels that prepare nothing (the scalar ones).
///
/// ```
/// use wta_core::{Conv, Method, Network, Shape, Size, stream_training_len};
///
/// const CONV: Conv = Conv::same(8, Size::square(5));
/// const NET: Network =
///     match Network::convolutional(Shape::new(1, 28, 28), &[CONV, CONV], Size::square(11)) {
///         Ok(network) => network,
///         Err(_) => panic!("not a network"),
///     };
/// const BYTES: usize = stream_training_len(&NET, &Method::Sgd { momentum: 0.9 }, 32).bytes();
/// assert!(BYTES < 50_000);
/// ```
pub const fn stream_training_len(network: &Network, method: &Method, batch: usize) -> TrainingLen {
    let parameters = network.parameters_len();
    let code = network.code();
    let (delta_positions, _) = delta_row_len(network);
    TrainingLen {
        parameters,
        moments: parameters * method.moments(),
        floats: parameters
            + batch * code.channels
            + code.channels
            + windows_len(network)
            + row_len(network)
            + network.residual_len()
            + incomplete_len(network),
        indices: batch * code.channels + delta_positions,
        cuts: code.channels,
    }
}

const fn windows_len(network: &Network) -> usize {
    let mut len = 0;
    let mut i = 0;
    while let Some(layer) = network.layer(i) {
        len += training_rows(network, i) * layer.bordered().row_stride();
        i += 1;
    }
    len
}

/// Room for a row of the code, and later for a row of deltas.
const fn row_len(network: &Network) -> usize {
    let (_, deltas) = delta_row_len(network);
    let code = code_row_len(network);
    if code > deltas { code } else { deltas }
}

const fn code_row_len(network: &Network) -> usize {
    let code = network.code();
    code.width * code.channels
}

/// A network in training on images that arrive row by row.
#[derive(Debug)]
pub struct StreamTrainer<'m, K> {
    kernels: K,
    network: Network,
    training: Training,
    parameters: &'m mut [f32],
    moments: &'m mut [f32],
    scratch: Scratch<'m>,
    step: u64,
}

impl<'m, K: Kernels> StreamTrainer<'m, K> {
    /// Continues training from these parameters and moments (all 0 at the start) after `step` steps.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that make no sense, for a grid of winners or for corruption, neither of which is done
    /// row by row; [`Error::Length`] for memory of other lengths than [`stream_training_len`] says, to whose floats
    /// [`Forward::prepared_len`] is added for other than scalar kernels; [`Error::NotFinite`] for a parameter that is
    /// not finite.
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
        training.optimizer.check()?;
        if training.sparsity.grid != Size::ONE {
            return Err(Error::Invalid(
                "a grid of winners cannot be trained row by row: use 1 x 1, or Trainer",
            ));
        }
        if !training.corruption.is_none() {
            return Err(Error::Invalid("denoising and dropout cannot be trained row by row: use Trainer"));
        }
        if training.batch == 0 {
            return Err(Error::Invalid("a batch has at least one image"));
        }
        let len = stream_training_len(&network, &training.optimizer.method, training.batch);
        expect_len("moments", len.moments, moments.len())?;
        let floats = len.floats + Forward::prepared_len(kernels, &network);
        expect_len("scratch floats", floats, scratch.floats.len())?;
        expect_len("scratch indices", len.indices, scratch.indices.len())?;
        expect_len("scratch cuts", len.cuts, scratch.cuts.len())?;
        Parameters::from_outside(network, parameters)?;
        Ok(Self { kernels, network, training, parameters, moments, scratch, step })
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

    /// One step on a batch, whose images are gone through twice, and in the second round each image's rows twice. Returns
    /// the loss: half the squared error summed over an image, averaged over the batch.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] when the batch has another number of images or an image another size,
    /// [`Error::NotFinite`] for such a pixel or activation, [`Error::Diverged`] for a gradient out of all bounds.
    /// The parameters and moments are then as before the step.
    pub fn step<I: Rows>(&mut self, images: impl Iterator<Item = I> + Clone) -> Result<f32> {
        let loss = self.gradient(images)?;
        let Self { kernels, ref network, training, .. } = *self;
        let gradient = self.scratch.floats.get(..network.parameters_len()).unwrap_or(&[]);
        let (moments, parameters) = (&mut *self.moments, &mut *self.parameters);
        training.optimizer.step(
            kernels,
            network,
            self.step,
            training.steps,
            gradient,
            moments,
            parameters,
        )?;
        self.step += 1;
        #[cfg(feature = "defmt")]
        defmt::debug!("step {=u64}: loss {=f32}", self.step, loss);
        Ok(loss)
    }

    /// Fills the gradient, the first floats of the scratch memory; returns the loss.
    fn gradient<I: Rows>(&mut self, images: impl Iterator<Item = I> + Clone) -> Result<f32> {
        let Self { kernels, ref network, training: Training { batch, sparsity, .. }, .. } = *self;
        let maps = network.code().channels.max(1);

        let mut floats = &mut *self.scratch.floats;
        let mut take = |len| split_off(&mut floats, len);
        let gradient = take(network.parameters_len());
        let values = take(batch * maps);
        let deltas = take(maps);
        let row = take(row_len(network));
        let residual = take(network.residual_len());
        let incomplete = take(incomplete_len(network));
        let windows = take(windows_len(network) + Forward::prepared_len(kernels, network));
        let mut indices = &mut *self.scratch.indices;
        let positions = split_off(&mut indices, batch * maps);

        let parameters = Parameters::new(*network, self.parameters)?;
        let mut forward =
            Forward::with_rows(kernels, parameters, windows, |index| training_rows(network, index))?;
        let code_row = part_mut(row, 0, code_row_len(network));
        let mut found = 0;
        let mut winners = values.chunks_exact_mut(maps).zip(positions.chunks_exact_mut(maps));
        for mut image in images.clone() {
            let Some((values, positions)) = winners.next() else {
                return Err(Error::Length { what: "batch", expected: batch, found: batch + 1 });
            };
            forward.compete(&mut image, code_row, Candidates { values, positions })?;
            found += 1;
        }
        expect_len("batch", batch, found)?;

        select(kernels, network, &sparsity, values, self.scratch.cuts)?;

        gradient.fill(0.0);
        let mut gradients = Gradients::new(network, gradient)?;
        let mut backward = Backward::new(kernels, parameters, incomplete, indices, row);
        let mut loss = 0.0;
        let scale = 1.0 / batch as f32;
        for (mut image, winners) in images.zip(Winners { values, positions }.rows(maps)) {
            image.expect_shape(network.input())?;
            loss += forward.residual(&mut image, winners, residual)?;
            let learner = forward.learner();
            learner.deltas(scale, winners, residual, deltas)?;
            learner.decoder_bias_gradient(residual, gradients.decoder_bias);
            learner.atoms_gradient(winners, deltas, residual, &mut gradients);
            if winners.values.iter().any(|value| *value > 0.0) {
                learn_rows(&mut forward, &mut backward, &mut image, winners, deltas, &mut gradients)?;
            }
        }
        Ok(loss * scale)
    }

    /// The gradient that the last step computed, in the parameters' order.
    pub fn last_gradient(&self) -> &[f32] {
        self.scratch.floats.get(..self.network.parameters_len()).unwrap_or(&[])
    }
}

/// Adds one image's part of the gradients of all filters, and of the hidden layers' biases, as the rows of the last
/// layer's input pass by.
fn learn_rows<K: Kernels>(
    forward: &mut Forward<'_, K>,
    backward: &mut Backward<'_, K>,
    image: &mut impl Rows,
    winners: Winners<'_>,
    deltas: &[f32],
    gradients: &mut Gradients<'_>,
) -> Result<()> {
    let top = forward.network().top();
    let last = forward.network().depth().saturating_sub(1);
    let (kernels, maps, conv) = (forward.kernels(), top.conv.maps, top.conv);
    let (fields, border) = (top.fields(), conv.kernel.height.saturating_sub(1) / 2);
    // A row of a field is a field of one row.
    let field_row = Fields { rows: 1, ..fields };
    forward.restart(image)?;
    backward.restart();
    for y in 0..top.input.height {
        // The survivors' filters' rows that meet this row: where they begin, at which offset in the row, and the delta.
        let meeting = || {
            winners.survivors(maps, 0..maps, deltas).filter_map(|(survivor, delta)| {
                let output_y = survivor.position.checked_div(fields.width)?;
                let output_x = survivor.position - output_y * fields.width;
                let filter_y = (y + border).checked_sub(output_y * conv.stride.height)?;
                let filter_row = survivor.map * fields.len() + filter_y * fields.row_len;
                let meets = filter_y < fields.rows;
                meets.then_some((filter_row, output_x * fields.step_right, delta))
            })
        };
        forward.feed(last, image, meeting().next().is_some())?;
        let Some(window) = forward.windows().get(last) else { return Ok(()) };
        if let Some(gradient) = gradients.layers.get_mut(last) {
            for (filter_row, at, delta) in meeting() {
                let filter = part_mut(gradient.filters, filter_row, fields.row_len);
                kernels.add_to_filter(&field_row, at, delta, window.newest(), filter);
            }
        }
        if last > 0 {
            let weights = forward.filters(last).weights;
            let below = backward.top_row(y);
            for (filter_row, at, delta) in meeting() {
                let filter = part(weights, filter_row, fields.row_len);
                kernels.add_to_field(&field_row, at, delta, filter, below);
            }
            backward.descend(forward.windows(), gradients);
        }
    }
    Ok(())
}
