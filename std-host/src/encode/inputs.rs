//! The inputs of a trained network: preprocessed samples or, in a stack, the features of the layer below.

use wta_simd::Isa;

use super::encoder::FeatureEncoder;
use super::link::LayerLink;
use crate::error::Result;
use crate::memory::reserve::zeros;
use crate::preprocess::{Preprocessor, Samples};
use crate::run::{Below, Trained};

/// Makes the inputs of a trained network from samples.
pub struct NetworkInputs<'a> {
    trained: &'a Trained,
    from: From,
}

enum From {
    Samples(Preprocessor),
    Below { encoder: Box<FeatureEncoder>, link: LayerLink },
}

impl<'a> NetworkInputs<'a> {
    /// For a network without a layer below, the preprocessed samples; else the features of that layer.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the core refuses the layer below.
    pub fn new(isa: Isa, trained: &'a Trained) -> Result<Self> {
        let from = match &trained.below {
            None => From::Samples(trained.preprocessor(isa)?),
            Some(below) => {
                let Below { trained: below, scale } = &**below;
                let encoder = Box::new(FeatureEncoder::new(isa, below)?);
                let link = LayerLink::new(encoder.shape(), &trained.network(), *scale);
                From::Below { encoder, link }
            }
        };
        Ok(Self { trained, from })
    }

    /// The inputs for the samples with these indices, one after the other.
    ///
    /// # Errors
    ///
    /// As for [`FeatureEncoder::encode`].
    pub fn of(&self, samples: &Samples<'_>, indices: &[usize]) -> Result<Vec<f32>> {
        let len = self.trained.network().input().len();
        let mut inputs = zeros(indices.len() * len, || "the inputs of a batch".to_owned())?;
        match &self.from {
            From::Samples(preprocessor) => samples.write_all(preprocessor, indices, &mut inputs)?,
            From::Below { encoder, link } => {
                let mut features = zeros(inputs.len(), || "the features of the layer below".to_owned())?;
                encoder.encode(samples, indices, &mut features)?;
                for (to, image) in inputs.chunks_exact_mut(len).zip(features.chunks_exact(len)) {
                    link.write(image, to);
                }
            }
        }
        Ok(inputs)
    }
}
