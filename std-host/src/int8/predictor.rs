//! Classifying new samples with a run's network and classifier in 8 bits.

use wta_simd::Isa;

use super::encoder::Int8Encoder;
use crate::data::Classes;
use crate::error::{Error, Result};
use crate::export::Source;
use crate::preprocess::Samples;
use crate::recipe::Recipe;
use crate::run::{CLASSIFIER, Run};

/// A run's network with its classifier, quantised as for a device.
pub struct Int8Predictor {
    source: Source,
    encoder: Int8Encoder,
}

impl Int8Predictor {
    /// Quantises the network and the classifier of a run, calibrated with training samples.
    ///
    /// # Errors
    ///
    /// As for [`Int8Encoder::calibrated`]; [`Error::Classifier`] if the run has not been evaluated.
    pub fn new(isa: Isa, run: &Run, source: Source, training: &Samples<'_>) -> Result<Self> {
        if source.svm.is_none() {
            let path = run.file(CLASSIFIER);
            return Err(Error::classifier(path, "is not there: the run has no classifier yet"));
        }
        let encoder = Int8Encoder::calibrated(isa, &source, training)?;
        Ok(Self { source, encoder })
    }

    /// The recipe of the run.
    pub fn recipe(&self) -> &Recipe {
        self.source.trained.recipe()
    }

    /// The names of the classes, in the order of the scores.
    pub fn classes(&self) -> &Classes {
        &self.source.classes
    }

    /// Classifies all samples in order, on all threads. `each` gets a sample's index, its class and the score
    /// of each class; the class has the highest.
    ///
    /// # Errors
    ///
    /// One sentence if a sample cannot be read, is of another shape or is not finite; also what `each`
    /// returns.
    pub fn run(
        &self,
        samples: &Samples<'_>,
        mut each: impl FnMut(usize, usize, &[f64]) -> Result<()>,
    ) -> Result<()> {
        self.source.trained.resolved.expect_image(samples.image_shape())?;
        let all: Vec<usize> = (0..samples.len()).collect();
        let mut index = 0;
        self.encoder.classify_on(samples, &all, |class, scores| {
            each(index, usize::from(class), scores)?;
            index += 1;
            Ok(())
        })
    }
}
