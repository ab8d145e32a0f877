//! A whole training step row by row: [`Trainer`](crate::Trainer)'s weights in the memory of a
//! microcontroller.
//!
//! *Compete* keeps each image's winners, of a code that is never whole. *Learn* computes an image's residual
//! (held whole) and one delta per survivor, then replays the hidden rows: each row adds its part of a
//! survivor's receptive field to that filter's gradient, and the deltas propagate down through the layers
//! ([`Backward`]).
//!
//! Each number gets its terms in the order of [`Trainer`](crate::Trainer), so with the scalar kernels the
//! weights are the same to the bit.

use crate::compete::Candidates;
use crate::error::{Error, Result, expect_len};
use crate::field::ReceptiveFields;
use crate::kernels::Kernels;
use crate::logging::logged;
use crate::memory::{part, part_mut, parts};
use crate::network::Network;
use crate::parameters::{Gradients, Parameters};
use crate::runs::runs_mut;
use crate::select::select;
use crate::shape::{Shape, Size};
use crate::stream::backward::{Backward, delta_row_len, incomplete_len, training_rows};
use crate::stream::forward::Forward;
use crate::stream::rows::Rows;
use crate::train::config::{Scratch, TrainingConfig, TrainingLen};
use crate::train::guard::Guard;
use crate::train::learn::Winners;
use crate::train::optimizer::Method;
use crate::train::state::{State, state_methods};

parts! {
    /// The numbers of a step; the windows and what the kernels need come after them.
    struct Floats of f32, for (network: &Network, batch: usize) {
        gradient: network.parameters_len(),
        /// The winners of the batch, image by image.
        values: batch.saturating_mul(network.code().channels),
        // From here on, of one image.
        deltas: network.code().channels,
        /// A row of the code, and later a row of deltas.
        row: row_len(network),
        residual: network.residual_len(),
        incomplete: incomplete_len(network),
    }
}

parts! {
    struct Indices of u32, for (network: &Network, batch: usize) {
        /// Where the batch's winners are.
        positions: batch.saturating_mul(network.code().channels),
        /// Where the deltas of a row are.
        row: delta_row_len(network).0,
    }
}

/// The memory that [`StreamTrainer`] needs with kernels that prepare nothing (the scalar ones).
///
/// ```
/// use wta_core::{Conv, Method, Network, Shape, Size, stream_training_len};
///
/// const CONV: Conv = Conv::new(8, Size::square(5));
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
    TrainingLen {
        parameters,
        moments: parameters.saturating_mul(method.moments()),
        floats: Floats::len(network, batch).saturating_add(windows_len(network)),
        indices: Indices::len(network, batch),
        cuts: network.code().channels,
    }
}

const fn windows_len(network: &Network) -> usize {
    let mut len = 0usize;
    let mut i = 0;
    while let Some(layer) = network.layer(i) {
        len = training_rows(network, i).saturating_mul(layer.padded().row_stride()).saturating_add(len);
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
    state: State<'m>,
}

impl<'m, K: Kernels> StreamTrainer<'m, K> {
    /// Continues training from these parameters and moments (all 0 at the start) after `step` steps.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that make no sense, and for a grid of winners or corruption, neither
    /// of which is done row by row. [`Error::Length`] for memory of other lengths than
    /// [`stream_training_len`] says, to whose floats [`Forward::prepared_len`] is added for other than scalar
    /// kernels. [`Error::NotFinite`] if a parameter is not finite.
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
        if config.sparsity.grid != Size::ONE {
            return logged!(Err(Error::Invalid(
                "a grid of winners cannot be trained row by row: use 1 x 1, or Trainer",
            )));
        }
        if !config.corruption.is_none() {
            return logged!(Err(Error::Invalid(
                "denoising and dropout cannot be trained row by row: use Trainer"
            )));
        }
        logged!(config.dictionary.expect_not_centred())?;
        let len = Self::len(&network, &config).with_floats(Forward::prepared_len(kernels, &network));
        let state = State::new((network, config, step), len, parameters, moments, scratch)?;
        Ok(Self { kernels, state })
    }

    fn len(network: &Network, config: &TrainingConfig) -> TrainingLen {
        stream_training_len(network, &config.optimizer.method, config.batch)
    }

    state_methods!();

    /// One step on a batch. Returns the loss: half the squared error summed over an image, averaged over the
    /// batch, and `f32::MAX` for more than that.
    ///
    /// The images are gone through twice, and in the second round each image's rows twice. Where bad images
    /// are skipped, each round begins with looking for one: its rows are gone through once more.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] when the batch has another number of images or an image another size,
    /// [`Error::BadImage`] for a bad image that is not skipped (see [`Guard`]), [`Error::Invalid`] when all
    /// are skipped, [`Error::NotFinite`] if an activation is not finite, [`Error::Diverged`] for a gradient
    /// out of all bounds. The parameters and moments are then as before the step.
    pub fn step<I: Rows>(&mut self, images: impl Iterator<Item = I> + Clone) -> Result<f32> {
        logged!(self.try_step(images))
    }

    fn try_step<I: Rows>(&mut self, images: impl Iterator<Item = I> + Clone) -> Result<f32> {
        self.state.stopwatch.start();
        let loss = self.gradient(images)?;
        self.state.stopwatch.lap(|timing| &mut timing.learn);
        self.state.apply_gradient(self.kernels)?;
        self.state.stopwatch.lap(|timing| &mut timing.update);
        Ok(self.state.finish_step(loss))
    }

    /// Fills the gradient, the first floats of the scratch memory; returns the loss.
    fn gradient<I: Rows>(&mut self, images: impl Iterator<Item = I> + Clone) -> Result<f32> {
        let kernels = self.kernels;
        let State { network, config, parameters, scratch, stopwatch, skipped, .. } = &mut self.state;
        let network = &*network;
        let TrainingConfig { batch, sparsity, guard, .. } = *config;
        let maps = network.code().channels.max(1);

        let (floats, windows) = Floats::split(scratch.floats, network, batch);
        let Floats { gradient, values, deltas, row, residual, incomplete } = floats;
        let (indices, _) = Indices::split(scratch.indices, network, batch);
        let positions = indices.positions;

        let parameters = Parameters::new(*network, parameters)?;
        let mut forward = Forward::blank(kernels, parameters);
        forward.prepare_rows(windows, training_rows);
        let code_row = part_mut(row, 0, code_row_len(network));
        let (mut found, mut good) = (0, 0);
        let images = images.map(|rows| Guarded { rows, guard });
        let mut winners = runs_mut(values, maps).zip(runs_mut(positions, maps));
        for mut image in images.clone() {
            let Some((values, positions)) = winners.next() else {
                return Err(config.too_many_images());
            };
            if image.is_admitted(&mut forward)? {
                let candidates = Candidates { values, positions };
                forward.compete(&mut image, code_row, candidates).map_err(|e| guarded(guard, found, e))?;
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

        select(kernels, network, &sparsity, values, scratch.cuts)?;
        stopwatch.lap(|timing| &mut timing.select);

        gradient.fill(0.0);
        let mut gradients = Gradients::new(network, gradient)?;
        let mut backward = Backward::new(kernels, network, incomplete, indices.row, row);
        let mut loss = 0.0;
        let scale = 1.0 / batch as f32;
        let rows = Winners { values, positions }.rows(maps);
        for (index, (mut image, winners)) in images.zip(rows).enumerate() {
            image.expect_shape(network.input())?;
            if !image.is_admitted(&mut forward)? {
                continue;
            }
            loss += forward.residual(&mut image, winners, residual).map_err(|e| guarded(guard, index, e))?;
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

    /// The gradient that the last step computed, in the parameters' order; clipped, if it was.
    pub fn last_gradient(&self) -> &[f32] {
        self.state.gradient()
    }
}

/// The rows of an image as training sees them: clamped, and not a number where the image is bad.
struct Guarded<I> {
    rows: I,
    guard: Guard,
}

impl<I: Rows> Rows for Guarded<I> {
    fn row(&mut self, y: usize, to: &mut [f32]) {
        self.rows.row(y, to);
        if self.guard.limit.is_some()
            && let Some(bad) = self.guard.first_bad(to).and_then(|i| to.get_mut(i))
        {
            *bad = f32::NAN;
        }
        self.guard.clamp_all(to);
    }

    fn expect_shape(&self, shape: Shape) -> Result<()> {
        self.rows.expect_shape(shape)
    }
}

impl<I: Rows> Guarded<I> {
    /// Whether the image takes part in the step. Where nothing is skipped, a bad image is found later, when
    /// its rows are read.
    fn is_admitted<K: Kernels>(&mut self, forward: &mut Forward<'_, K>) -> Result<bool> {
        if !self.guard.skips() {
            return Ok(true);
        }
        self.expect_shape(forward.network().input())?;
        for y in 0..forward.network().input().height {
            match forward.image_row(y, self) {
                Ok(_) => {}
                Err(Error::NotFinite { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// The error of a batch for that of one of its images.
fn guarded(guard: Guard, image: usize, error: Error) -> Error {
    match error {
        Error::NotFinite { what: "image", index } => guard.bad_image(image, index),
        other => other,
    }
}

/// Adds one image's part of the gradients of all filters, and of the hidden layers' biases, as the rows of
/// the last layer's input pass by.
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
    let (fields, border) = (top.receptive_fields(), conv.kernel.height.saturating_sub(1) / 2);
    // A row of a field is a field of one row.
    let field_row = ReceptiveFields { rows: 1, ..fields };
    forward.restart(image)?;
    backward.restart(forward.network());
    for y in 0..top.input.height {
        // The survivors' filters' rows that meet this row: where they begin, at which offset in the row, and
        // the delta.
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
                kernels.add_to_filter(&field_row, at, delta, window.newest(&top), filter);
            }
        }
        if last > 0 {
            let weights = forward.filters(last).weights;
            let below = backward.top_row(&top, y);
            for (filter_row, at, delta) in meeting() {
                let filter = part(weights, filter_row, fields.row_len);
                kernels.add_to_field(&field_row, at, delta, filter, below);
            }
            backward.descend(forward.parameters_ref(), forward.windows(), gradients);
        }
    }
    Ok(())
}
