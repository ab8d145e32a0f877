//! Images as a network sees them in training: their reconstructions, and their feature maps with the winners.

use wta_core::Shape;
use wta_simd::Isa;

use super::atoms::channels_last;
use super::image::{self, Picture, Shades};
use super::lines;
use crate::data::Form;
use crate::encode::{NetworkInputs, SparseEncoder};
use crate::error::Result;
use crate::preprocess::Samples;
use crate::run::Trained;

/// In preprocessed images, this many times the image's root mean square is black or white.
const DEVIATIONS: u8 = 3;

/// Some images, encoded, made sparse and reconstructed by a network as in training.
pub struct Reconstructions<'a> {
    trained: &'a Trained,
    image: Shape,
    form: Form,
    images: Vec<f32>,
    reconstructions: Vec<f32>,
    /// The first image's dense code and the positions of its winners.
    code: Vec<f32>,
    winners: Vec<(usize, usize)>,
}

impl<'a> Reconstructions<'a> {
    /// Encodes the first `count` samples. Lifetime sparsity is applied over a whole mini-batch of samples, so
    /// that each image is as sparse as in training.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the core refuses the network or an image; also if a sample
    /// cannot be read.
    pub fn new(isa: Isa, trained: &'a Trained, samples: &Samples<'_>, count: usize) -> Result<Self> {
        let all: Vec<usize> = (0..samples.len()).collect();
        Self::among(isa, trained, (samples, &all), count)
    }

    /// [`Reconstructions::new`] of the samples with these indices alone.
    ///
    /// # Errors
    ///
    /// As for [`Reconstructions::new`].
    pub fn among(
        isa: Isa,
        trained: &'a Trained,
        (samples, indices): (&Samples<'_>, &[usize]),
        count: usize,
    ) -> Result<Self> {
        let batch = trained.recipe().training.batch.min(indices.len()).max(count.min(indices.len()));
        let indices = indices.get(..batch).unwrap_or_default();
        let count = count.min(batch);
        let len = trained.network().input().len();
        let encoder = SparseEncoder::of(isa, trained)?;
        let mut images = NetworkInputs::new(isa, trained)?.of(samples, indices)?;
        let first = images.get(..len).unwrap_or_default();
        let winners = encoder.candidates(first)?.winners(0).map(|(map, place, _)| (map, place)).collect();
        let code = encoder.dense(first)?;
        let mut reconstructions = vec![0.0; batch * len];
        encoder.reconstruct(&encoder.for_reconstruction(&images)?, &mut reconstructions)?;
        images.truncate(count * len);
        reconstructions.truncate(count * len);
        Ok(Self {
            trained,
            image: samples.image_shape(),
            form: samples.form(),
            images,
            reconstructions,
            code,
            winners,
        })
    }

    /// Each image above its reconstruction from the survivors, or each signal behind it; `None` for a stacked
    /// layer, which reconstructs features.
    ///
    /// # Errors
    ///
    /// One sentence if a number is not finite.
    pub fn side_by_side(&self) -> Result<Option<Picture>> {
        if self.trained.below.is_some() {
            return Ok(None);
        }
        let images = channels_last(self.trained, self.image, &self.images);
        let reconstructions = channels_last(self.trained, self.image, &self.reconstructions);
        if self.form != Form::Image {
            return lines::side_by_side(&images, &reconstructions, self.image).map(Some);
        }
        let count = images.len() / self.image.len();
        let shades =
            if self.trained.preprocess.is_none() { Shades::Unit } else { Shades::Deviations(DEVIATIONS) };
        image::side_by_side(
            &images,
            &reconstructions,
            count,
            self.image.height,
            self.image.width,
            self.image.channels,
            shades,
        )
        .map(Some)
    }

    /// The first image's feature maps with their spatial winners marked; `None` for fully-connected codes.
    ///
    /// # Errors
    ///
    /// One sentence if a number is not finite.
    pub fn feature_maps(&self) -> Result<Option<Picture>> {
        let shape = self.trained.network().code();
        if shape.positions() == 1 {
            return Ok(None);
        }
        if self.form != Form::Image {
            return lines::feature_maps(&self.code, shape, &self.winners).map(Some);
        }
        image::feature_maps(&self.code, shape.height, shape.width, shape.channels, &self.winners).map(Some)
    }
}
