//! The cost of quantisation: a set of images is classified with both networks.

use wta_simd::Isa;

use super::encoder::Int8Encoder;
use crate::encode::FeatureEncoder;
use crate::error::{Error, Result};
use crate::export::{ModelFile, Source};
use crate::preprocess::Samples;

/// The labels that the network in `f32` and the quantised one give to a set of images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The number of images.
    pub images: usize,
    /// The images to which both networks give the same label.
    pub same: usize,
    /// The wrong labels of the network in `f32`.
    pub f32_errors: usize,
    /// The wrong labels of the quantised network.
    pub int8_errors: usize,
}

/// Classifies all images with both networks, on all threads: with the quantised one of `file` to the bits of
/// a device.
///
/// # Errors
///
/// One sentence if there is no classifier, or the images have no labels.
pub fn compare(isa: Isa, source: &Source, file: &ModelFile, images: &Samples<'_>) -> Result<Comparison> {
    let (Some(svm), Some(labels)) = (&source.svm, images.labels()) else {
        return Err(Error::Invalid("there is nothing to compare: no classifier, or no labels".to_owned()));
    };
    source.trained.resolved.expect_image(images.image_shape())?;
    let encoder = FeatureEncoder::new(isa, &source.trained)?.pooled(source.pool)?;
    let mut in_f32 = Vec::with_capacity(images.len());
    encoder.run(images, |features| {
        for features in features.chunks_exact(svm.features) {
            in_f32.push(svm.predict_dense(features)?);
        }
        Ok(())
    })?;
    let mut in_int8 = Vec::with_capacity(images.len());
    let all: Vec<usize> = (0..images.len()).collect();
    Int8Encoder::new(isa, source, file.clone())?.classify_on(images, &all, |class, _| {
        in_int8.push(class);
        Ok(())
    })?;
    let mut found = Comparison { images: images.len(), ..Comparison::default() };
    for ((a, b), label) in in_f32.iter().zip(&in_int8).zip(labels) {
        found.same += usize::from(a == b);
        found.f32_errors += usize::from(a != label);
        found.int8_errors += usize::from(b != label);
    }
    Ok(found)
}
