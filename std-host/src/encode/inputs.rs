//! The inputs of a trained network: preprocessed images or, in a stack, the features of the layer below.

use wta_simd::Isa;

use super::encoder::FeatureEncoder;
use super::link::LayerLink;
use crate::error::Result;
use crate::preprocess::Samples;
use crate::run::{Below, Trained};

/// The inputs of a trained network for the samples with these indices: the preprocessed samples or, in a
/// stack, the features of the layer below.
///
/// # Errors
///
/// As for [`FeatureEncoder::encode`].
pub fn inputs_of(isa: Isa, trained: &Trained, samples: &Samples<'_>, indices: &[usize]) -> Result<Vec<f32>> {
    let len = trained.network().input().len();
    let mut inputs = vec![0.0; indices.len() * len];
    match &trained.below {
        None => samples.write_all(&trained.preprocessor(isa)?, indices, &mut inputs)?,
        Some(below) => {
            let Below { trained: below, scale } = &**below;
            let encoder = FeatureEncoder::new(isa, below)?;
            let link = LayerLink::new(encoder.shape(), &trained.network(), *scale);
            let mut features = vec![0.0; inputs.len()];
            encoder.encode(samples, indices, &mut features)?;
            for (to, image) in inputs.chunks_exact_mut(len).zip(features.chunks_exact(len)) {
                link.write(image, to);
            }
        }
    }
    Ok(inputs)
}
