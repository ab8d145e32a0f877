//! Dead units learn to reconstruct what the survivors leave of each sample (AuxK: Gao et al. 2024).
//!
//! Of each sample, the largest activations of dead units give a reconstruction of `e`, what the survivors
//! left of it: the sum of these activations times their atoms, without the decoder's bias. Half the squared
//! error of that, averaged over the batch and weighted, is a second loss. For it, `e` is a constant. So a
//! dead unit's gradient is that of a survivor, with another residual.

use rayon::prelude::*;
use wta_core::{Kernels, Parameters};

use super::lists::ByImage;
use super::winners::Winners;
use crate::error::Result;
use crate::train::step::admission::is_bad;
use crate::train::step::notes::{DeadUnits, Notes};
use crate::train::step::shared::{Common, State};

/// The dead units that learn.
pub(super) struct Auxiliary {
    dead: DeadUnits,
    by_image: ByImage,
}

impl Auxiliary {
    pub(super) fn new(dead: DeadUnits) -> Self {
        Self { dead, by_image: ByImage::default() }
    }

    /// Of each image, the dead units that learn from it, with their activations.
    pub(super) fn by_image(&self) -> &ByImage {
        &self.by_image
    }

    /// Finds the dead units that learn from each image, and the residuals of their reconstructions. `rows`
    /// are the survivors' residuals, the images, and the place for these. Returns the largest of them.
    pub(super) fn reconstruct<K: Kernels>(
        &mut self,
        winners: &mut Winners,
        state: &State<'_, K>,
        notes: &Notes,
        rows: &mut [f32],
    ) -> Result<f32> {
        let Common { kernels, network, training } = state.common;
        let (inputs, batch) = (network.input().len(), training.batch);
        let DeadUnits { units, weight, after } = self.dead;
        winners.select_among(|unit| notes.is_dead(unit, after), units, batch, &mut self.by_image)?;
        let atoms = Parameters::new(network, state.parameters)?.atoms();
        let (residuals, rest) = rows.split_at_mut(batch * inputs);
        let left = rest.get_mut(batch * inputs..).unwrap_or_default();
        let (by_image, scale) = (&self.by_image, 1.0 / batch as f32);
        let rows = left.par_chunks_mut(inputs).zip(residuals.par_chunks(inputs)).enumerate();
        let largest = rows.map(|(image, (left, residual))| {
            left.fill(0.0);
            let (values, units) = by_image.of(image);
            if is_bad(state.bad, image) || values.is_empty() {
                return 0.0;
            }
            kernels.weighted_row_sum(values, units, atoms, inputs, left);
            left.iter_mut().zip(residual).fold(0.0f32, |largest, (left, residual)| {
                // The residual is the reconstruction less the image, over the batch: what is left of the
                // image is its reverse.
                *left = weight * (*left * scale + residual);
                if left.abs() <= largest { largest } else { left.abs() }
            })
        });
        Ok(largest.reduce(|| 0.0, |a, b| if b <= a { a } else { b }))
    }
}
