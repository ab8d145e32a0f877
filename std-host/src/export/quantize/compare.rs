//! The cost of quantisation: a set of images is classified with both networks.

use rayon::prelude::*;
use wta_core::Int8Pipeline;
use wta_core::int8::Portable;
use wta_simd::Isa;

use crate::encode::FeatureEncoder;
use crate::error::{Error, Result};
use crate::export::format::ModelFile;
use crate::export::source::Source;
use crate::preprocess::Samples;

/// The number of images that a task classifies.
const BLOCK: usize = 64;

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

/// Classifies all images with both networks, on all threads: with the quantised one of `file` by the code
/// that a device runs.
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
    let in_int8 = classify(file, images)?;
    let mut found = Comparison { images: images.len(), ..Comparison::default() };
    for ((a, b), label) in in_f32.iter().zip(&in_int8).zip(labels) {
        found.same += usize::from(a == b);
        found.f32_errors += usize::from(a != label);
        found.int8_errors += usize::from(b != label);
    }
    Ok(found)
}

/// The labels that the quantised network gives.
fn classify(file: &ModelFile, images: &Samples<'_>) -> Result<Vec<u16>> {
    let model = file.model()?;
    let indices: Vec<usize> = (0..images.len()).collect();
    let blocks: Result<Vec<Vec<u16>>> = indices
        .par_chunks(BLOCK)
        .map(|indices| {
            let mut memory = vec![0; Int8Pipeline::<Portable>::memory_len(&model)];
            let mut pipeline = Int8Pipeline::new(Portable, model, &mut memory)?;
            let mut sample = vec![0.0; images.shape().len()];
            let mut labels = Vec::with_capacity(indices.len());
            for index in indices {
                images.write_raw(&[*index], &mut sample)?;
                labels.push(pipeline.classify(&sample[..])? as u16);
            }
            Ok(labels)
        })
        .collect();
    Ok(blocks?.concat())
}
