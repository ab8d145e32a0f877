//! Restricted Boltzmann machines and the winner-take-all RBM (section 2.3 of the paper).
//!
//! An RBM's parameters are those of a tied fully-connected network: a weight per hidden and visible unit, the
//! hidden units' biases, and the visible units' (the decoder's). Both kinds of units are binary:
//! `P(h = 1 | v) = sigmoid(b + W v)` and `P(v = 1 | h) = sigmoid(c + W' h)`.
//!
//! Training is contrastive divergence (CD-k), in the form that Hinton's "Practical Guide to Training
//! Restricted Boltzmann Machines" (2010) recommends:
//!
//! - a visible number in `[0, 1]` is the probability that its unit is on; reconstructions are not sampled
//!   either;
//! - the hidden units that drive a reconstruction are sampled, in the positive phase and in every Gibbs step;
//! - the statistics use the hidden units' probabilities in both phases, which is less noisy than their
//!   samples.
//!
//! The winner-take-all RBM changes the positive phase only. Of each hidden unit's probabilities over the
//! mini-batch, the k% largest are kept; the others become 0 before anything is sampled. The features of both
//! are the dense `P(h | v)`.
//!
//! Here are the operations of both, and the features; [`ContrastiveDivergence`](crate::ContrastiveDivergence)
//! says how they are trained, [`RbmTrainer`](crate::RbmTrainer) trains them.

use crate::error::{Error, Result, expect_finite, expect_len};
use crate::kernels::Kernels;
use crate::limits::expect_sane;
use crate::math;
use crate::memory::{part, part_mut, quotient};
use crate::network::Network;
use crate::parameters::Parameters;
use crate::random::Random;
use crate::runs::{column, pieces, pieces_mut, runs, runs_mut};
use crate::select::{Selection, survivors};
use crate::shape::next_multiple;

/// Images whose features one product computes.
const BLOCK: usize = 24;

/// How many images of a batch keep each hidden unit's probability in the positive phase; all with an RBM
/// without sparsity.
pub fn positive_survivors(selection: &Selection, batch: usize) -> usize {
    match selection {
        Selection::Lifetime { rate } => survivors(*rate, batch),
        Selection::All | Selection::PerSample { .. } | Selection::Batch { .. } => batch,
    }
}

/// `Ok` when a network can be an RBM.
pub(crate) fn expect_rbm(network: &Network) -> Result<()> {
    if network.is_fully_connected() && network.depth() == 1 && network.is_tied() {
        Ok(())
    } else {
        Err(Error::Invalid("an RBM is a fully-connected network of one tied layer"))
    }
}

/// `Ok` when an image's numbers can be probabilities.
///
/// # Errors
///
/// [`Error::NotFinite`] with the index of the first number that is not finite, [`Error::Invalid`] if one lies
/// outside of `[0, 1]`.
pub fn expect_probabilities(image: &[f32]) -> Result<()> {
    expect_finite("image", image)?;
    if image.iter().all(|pixel| (0.0..=1.0).contains(pixel)) {
        return Ok(());
    }
    Err(Error::Invalid("an RBM's inputs are probabilities: each must lie between 0 and 1"))
}

/// Samples an image's hidden units: writes which are on, ascending, to `active`, and returns how many.
///
/// `probabilities` has a row of `width` numbers per unit, one for each image.
pub fn sample(draws: Random, probabilities: &[f32], width: usize, image: usize, active: &mut [u32]) -> usize {
    let mut draws = draws;
    let mut places = active.iter_mut();
    let mut count = 0;
    for (unit, probability) in (0u32..).zip(column(probabilities, image, width)) {
        if draws.uniform() < *probability {
            let Some(place) = places.next() else { break };
            *place = unit;
            count += 1;
        }
    }
    count
}

/// The operations of an RBM, with everything they read.
#[derive(Clone, Copy, Debug)]
pub struct Rbm<'a, K> {
    kernels: K,
    parameters: Parameters<'a>,
}

impl<'a, K: Kernels> Rbm<'a, K> {
    /// Operations with these kernels and parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] unless the network is a tied fully-connected layer.
    pub fn new(kernels: K, parameters: Parameters<'a>) -> Result<Self> {
        expect_rbm(&parameters.network())?;
        parameters.expect_decoder()?;
        Ok(Self { kernels, parameters })
    }

    /// `count` numbers in whole panels: the length of a row of [`Rbm::hidden`]'s probabilities for so many
    /// images.
    pub fn width(kernels: K, count: usize) -> usize {
        next_multiple(count, kernels.panel_maps())
    }

    /// `P(h = 1 | v)` of the units from `first` on: a row of [`Rbm::width`] numbers per unit, one for each
    /// image of the batch, then zeros.
    ///
    /// `images` is the batch, and `prepared` what [`Kernels::prepare`] made of it.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for buffers of other lengths, [`Error::Diverged`] with the index of a unit's bias
    /// when the unit's input is not finite or absurdly large.
    pub fn hidden(
        &self,
        first: usize,
        batch: usize,
        images: &[f32],
        prepared: &[f32],
        rows: &mut [f32],
    ) -> Result<()> {
        let (inputs, width) = (self.visible_len(), Self::width(self.kernels, batch).max(1));
        let units = quotient(rows.len(), width);
        expect_len("probabilities", units * width, rows.len())?;
        expect_len("batch", batch * inputs, images.len())?;
        expect_len("prepared batch", self.kernels.prepared_len(batch, inputs), prepared.len())?;
        let filters = self.parameters.filters(0);
        let weights = part(filters.weights, first * inputs, units * inputs);
        self.kernels.linear(weights, part(filters.bias, first, units), images, prepared, rows);
        for (unit, row) in (first..).zip(runs_mut(rows, width)) {
            // Beyond the batch, columns are padding.
            row.iter_mut().skip(batch).for_each(|v| *v = 0.0);
            let index = filters.weights.len() + unit;
            expect_sane(0, row).map_err(|_| Error::Diverged { index })?;
            row.iter_mut().take(batch).for_each(|v| *v = math::sigmoid(*v));
        }
        Ok(())
    }

    /// The winner-take-all positive phase: keeps the `keep` largest probabilities of a unit's row and sets
    /// the rest to 0. Ties go to the first image.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] if a probability is not finite.
    pub fn keep_largest(&self, keep: usize, row: &mut [f32]) -> Result<()> {
        self.kernels.row_cut(row, keep)?.apply(row.iter_mut());
        Ok(())
    }

    /// `P(v = 1 | h)` of a range of an image's visible units, from `first` on. `active` lists the hidden
    /// units that are on, `ones` has a 1 for each.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] with the index of a visible unit's bias when its input is not finite or absurdly
    /// large.
    pub fn visible(&self, first: usize, active: &[u32], ones: &[f32], visible: &mut [f32]) -> Result<()> {
        self.visible_biases(first, visible);
        self.add_visible(first, active, ones, visible);
        self.finish_visible(first, visible)
    }

    /// The first step of [`Rbm::visible`]: the biases.
    pub fn visible_biases(&self, first: usize, visible: &mut [f32]) {
        let biases = part(self.parameters.decoder_bias(), first, visible.len());
        visible.iter_mut().zip(biases).for_each(|(to, bias)| *to = *bias);
    }

    /// The second step of [`Rbm::visible`]: adds the weights of the `active` units, in their order. Several
    /// calls add one after the other, also of RBMs that have some of the units each.
    pub fn add_visible(&self, first: usize, active: &[u32], ones: &[f32], visible: &mut [f32]) {
        let weights = self.parameters.atoms().get(first..).unwrap_or(&[]);
        self.kernels.weighted_row_sum(ones, active, weights, self.visible_len(), visible);
    }

    /// The last step of [`Rbm::visible`]: the probabilities of these sums.
    ///
    /// # Errors
    ///
    /// As for [`Rbm::visible`].
    pub fn finish_visible(&self, first: usize, visible: &mut [f32]) -> Result<()> {
        expect_sane(self.parameters.network_ref().decoder_bias_start() + first, visible)?;
        visible.iter_mut().for_each(|v| *v = math::sigmoid(*v));
        Ok(())
    }

    /// The features of some images: `P(h = 1 | v)` of all hidden units, image by image, one row of units
    /// after the other.
    ///
    /// `prepared` is what [`Kernels::prepare`] made of all weights; `scratch` holds one or more rows of
    /// [`Rbm::width`] of the hidden units. Uses the inference exponential, which the `micromath` feature
    /// makes approximate.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for buffers of other lengths; [`Error::NotFinite`] and [`Error::Invalid`] as for
    /// [`expect_probabilities`].
    pub fn encode(
        &self,
        prepared: &[f32],
        images: &[f32],
        scratch: &mut [f32],
        codes: &mut [f32],
    ) -> Result<()> {
        let (inputs, filters) = (self.visible_len(), self.parameters.filters(0));
        let units = filters.bias.len();
        let width = Self::width(self.kernels, units).max(1);
        let count = quotient(images.len(), inputs);
        let block = quotient(scratch.len(), width).min(BLOCK);
        expect_len("images", count * inputs, images.len())?;
        expect_len("features", count * units, codes.len())?;
        expect_len("prepared weights", self.kernels.prepared_len(units, inputs), prepared.len())?;
        if block == 0 {
            return Err(Error::Length { what: "scratch floats", expected: width, found: scratch.len() });
        }
        expect_probabilities(images)?;
        let blocks = pieces(images, block * inputs).zip(pieces_mut(codes, block * units));
        for (images, codes) in blocks {
            let count = quotient(images.len(), inputs);
            let rows = part_mut(scratch, 0, count * width);
            // The other way round than in training: images in the place of units, and so no bias.
            self.kernels.linear(images, part(&[0.0; BLOCK], 0, count), filters.weights, prepared, rows);
            for (code, row) in runs_mut(codes, units).zip(runs(rows, width)) {
                for ((to, sum), bias) in code.iter_mut().zip(row).zip(filters.bias) {
                    *to = math::inference::sigmoid(sum + bias);
                }
            }
        }
        Ok(())
    }

    /// What the RBM makes of a hidden code (probabilities or samples): `P(v = 1 | h)`. Uses the inference
    /// exponential.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for buffers of other lengths.
    pub fn decode(&self, code: &[f32], visible: &mut [f32]) -> Result<()> {
        expect_len("features", self.parameters.filters(0).bias.len(), code.len())?;
        expect_len("image", self.visible_len(), visible.len())?;
        for (to, bias) in visible.iter_mut().zip(self.parameters.decoder_bias()) {
            *to = *bias;
        }
        let fields = self.parameters.network_ref().decoder().receptive_fields();
        for (value, atom) in code.iter().zip(runs(self.parameters.atoms(), fields.len())) {
            self.kernels.add_to_field(&fields, 0, *value, atom, visible);
        }
        visible.iter_mut().for_each(|v| *v = math::inference::sigmoid(*v));
        Ok(())
    }

    fn visible_len(&self) -> usize {
        self.parameters.network_ref().input().len()
    }
}

/// The factors of the images in a unit's gradient: minus its probability over the batch size for each image
/// of the positive phase, then plus it for each of the negative phase.
pub fn coefficients(positive: &[f32], negative: &[f32], batch: usize, to: &mut [f32]) {
    let scale = 1.0 / batch as f32;
    let positive = positive.iter().take(batch).map(|probability| -(*probability * scale));
    let negative = negative.iter().take(batch).map(|probability| *probability * scale);
    to.iter_mut().zip(positive.chain(negative)).for_each(|(to, coefficient)| *to = coefficient);
}
