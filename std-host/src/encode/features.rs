//! Features in memory.

use wta_core::Shape;
use wta_simd::Isa;

use super::encoder::FeatureEncoder;
use crate::data::Dataset;
use crate::error::Result;
use crate::preprocess::Samples;
use crate::run::Trained;

/// The features of some images, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// The shape of one image's features; the maps lie side by side at each position.
    pub shape: Shape,
    /// Image by image.
    pub values: Vec<f32>,
}

impl Features {
    /// The features of each image.
    pub fn images(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.shape.len().max(1))
    }
}

impl Trained {
    /// The features of a data set's images, on all threads with the fastest instruction set. If the features
    /// do not fit into memory, use [`FeatureEncoder`], which encodes block by block.
    ///
    /// # Errors
    ///
    /// One sentence if the images do not fit the network.
    pub fn encode(&self, data: &Dataset) -> Result<Features> {
        let samples = Samples::new(self.recipe(), data)?;
        self.resolved.expect_image(samples.image_shape())?;
        let encoder = FeatureEncoder::new(Isa::detect(), self)?;
        let mut values = Vec::with_capacity(samples.len() * encoder.shape().len());
        encoder.run(&samples, |features| {
            values.extend_from_slice(features);
            Ok(())
        })?;
        Ok(Features { shape: encoder.shape(), values })
    }
}
