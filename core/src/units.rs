//! FC-WTA unit by unit: one fully-connected layer with lifetime sparsity, without codes and without a
//! gradient.
//!
//! Lifetime sparsity is a unit's own affair (section 2 of the paper): its activations over the batch are a
//! row, the k largest of which survive. So a unit's row is computed, its survivors are noted, and the row is
//! forgotten ([`Units::compete`]). After the images have been reconstructed, the gradient of a unit needs its
//! own survivors alone ([`Kernels::weighted_row_sum`]): it can update the unit's weights at once.
//!
//! Every number gets its terms in the order of [`Trainer`](crate::Trainer), so that the weights are the same
//! to the bit.

use crate::error::{Error, Result, expect_len};
use crate::kernels::Kernels;
use crate::memory::part;
use crate::network::Network;
use crate::parameters::Parameters;
use crate::runs::runs_mut;
use crate::shape::next_multiple;

/// The survivors of some units: for each unit `keep` places, of which the first `count` are in use.
#[derive(Debug)]
pub struct UnitSurvivors<'a> {
    /// The surviving activations of each unit, image by image.
    pub values: &'a mut [f32],
    /// The images that they belong to.
    pub images: &'a mut [u32],
    /// How many each unit has.
    pub counts: &'a mut [u32],
}

/// The operations on single units, with everything they read.
#[derive(Clone, Copy, Debug)]
pub struct Units<'a, K> {
    kernels: K,
    parameters: Parameters<'a>,
    bad: &'a [bool],
}

impl<'a, K: Kernels> Units<'a, K> {
    /// Whether a network can be trained unit by unit: it is fully connected with one encoder layer.
    pub const fn apply_to(network: &Network) -> bool {
        network.is_fully_connected() && network.depth() == 1
    }

    /// Operations with these kernels and parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] unless [`Units::apply_to`] the network and the parameters have a decoder.
    pub fn new(kernels: K, parameters: Parameters<'a>) -> Result<Self> {
        parameters.expect_decoder()?;
        if Self::apply_to(&parameters.network()) {
            Ok(Self { kernels, parameters, bad: &[] })
        } else {
            Err(Error::Invalid(
                "only a fully-connected network with one encoder layer is trained unit by unit",
            ))
        }
    }

    /// The same with units being active in no image of the batch that is `bad`; one element per image, or
    /// none if no image is.
    #[must_use]
    pub const fn without(self, bad: &'a [bool]) -> Self {
        Self { bad, ..self }
    }

    /// Numbers in a row of [`Units::compete`]'s codes for a batch: whole panels.
    pub fn width(kernels: K, batch: usize) -> usize {
        next_multiple(batch, kernels.panel_maps())
    }

    /// Finds the survivors of the units from `first` on, as many as `survivors` has counts.
    ///
    /// `images` is the batch, one image after the other, and `prepared` what [`Kernels::prepare`] made of it;
    /// `codes` is scratch of a row of [`Units::width`] numbers per unit.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for buffers of other lengths, [`Error::NotFinite`] with `image * units + unit` for
    /// an activation that is not finite.
    pub fn compete(
        &self,
        first: usize,
        batch: usize,
        images: &[f32],
        prepared: &[f32],
        codes: &mut [f32],
        survivors: UnitSurvivors<'_>,
    ) -> Result<()> {
        let network = self.parameters.network_ref();
        let width = Self::width(self.kernels, batch);
        let units = survivors.counts.len();
        let keep = survivors.values.len().checked_div(units).unwrap_or(0);
        expect_len("codes", units * width, codes.len())?;
        expect_len("survivors' values", units * keep, survivors.values.len())?;
        expect_len("survivors' images", units * keep, survivors.images.len())?;
        self.activations(first, batch, images, prepared, codes)?;

        let rows = runs_mut(codes, width).zip(survivors.counts);
        let places = runs_mut(survivors.values, keep).zip(runs_mut(survivors.images, keep));
        for ((unit, (row, count)), (values, images)) in (first..).zip(rows).zip(places) {
            *count = self
                .kernels
                .row_survivors(row, values, images)
                .map_err(|error| error.map_index(|image| image * network.code().channels + unit))?;
        }
        Ok(())
    }

    /// The codes of the units from `first` on, as many as `codes` has rows of [`Units::width`] numbers: the
    /// activations of each unit over the batch, and 0 for padding and bad images. They may not be finite.
    ///
    /// `images` and `prepared` are as for [`Units::compete`].
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for buffers of other lengths.
    pub fn activations(
        &self,
        first: usize,
        batch: usize,
        images: &[f32],
        prepared: &[f32],
        codes: &mut [f32],
    ) -> Result<()> {
        let network = self.parameters.network_ref();
        let (inputs, width) = (network.input().channels, Self::width(self.kernels, batch));
        let units = codes.len().checked_div(width).unwrap_or(0);
        expect_len("batch", batch * inputs, images.len())?;
        expect_len("prepared batch", self.kernels.prepared_len(batch, inputs), prepared.len())?;
        expect_len("codes", units * width, codes.len())?;
        let filters = self.parameters.filters(0);
        let weights = part(filters.weights, first * inputs, units * inputs);
        self.kernels.unit_activations(weights, part(filters.bias, first, units), images, prepared, codes);
        for row in runs_mut(codes, width) {
            // Beyond the batch, columns are padding.
            row.iter_mut().skip(batch).for_each(|v| *v = 0.0);
            row.iter_mut().zip(self.bad).filter(|(_, bad)| **bad).for_each(|(v, _)| *v = 0.0);
        }
        Ok(())
    }

    /// The deltas of a unit's survivors: the products of its atom with their images' residuals, which are
    /// `rows` of `residuals`. There is a delta for each row.
    pub fn deltas(&self, unit: usize, rows: &[u32], residuals: &[f32], deltas: &mut [f32]) {
        let inputs = self.parameters.network_ref().input().len();
        let atom = part(self.parameters.atoms(), unit * inputs, inputs);
        self.kernels.row_dots(atom, rows, residuals, inputs, deltas);
    }
}
