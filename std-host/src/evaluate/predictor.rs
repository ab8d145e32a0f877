//! Classifying new samples with a run's network and classifier.

use std::ops::Range;

use wta_core::Shape;
use wta_simd::Isa;

use super::classified::Classified;
use crate::data::Classes;
use crate::encode::FeatureEncoder;
use crate::error::{Error, Result};
use crate::numbers::rows_columns_channels;
use crate::preprocess::Samples;
use crate::recipe::Recipe;
use crate::run::{Run, Trained};
use crate::svm;

/// A run's network with its classifier.
pub struct Predictor {
    trained: Trained,
    encoder: FeatureEncoder,
    svm: svm::Model,
    classes: Classes,
}

impl Predictor {
    /// Opens a run that has been evaluated, for samples of this shape.
    ///
    /// # Errors
    ///
    /// One sentence if the run is not trained or not evaluated, the samples do not fit the network, or the
    /// classifier is for other features.
    pub fn open(isa: Isa, run: &Run, image: Shape) -> Result<Self> {
        if let Some(learnt) = run.sample()?.map(|sample| sample.shape)
            && learnt != image
        {
            return Err(Error::Invalid(format!(
                "the samples are {}, but those of {} were {} (rows x columns x channels)",
                rows_columns_channels(image),
                run.folder().display(),
                rows_columns_channels(learnt)
            )));
        }
        let trained = Trained::open(run, image)?;
        let Some(Classified { pool, svm, columns, classes }) = Classified::load(run, &trained)? else {
            let path = run.file(Classified::FILE);
            return Err(Error::classifier(path, "is not there: the run has no classifier yet"));
        };
        let encoder = FeatureEncoder::new(isa, &trained)?;
        let encoder = if pool == trained.resolved.pool() { encoder } else { encoder.pooled(pool)? };
        let encoder = encoder.for_columns(&columns)?;
        Ok(Self { trained, encoder, svm, classes })
    }

    /// The recipe of the run.
    pub fn recipe(&self) -> &Recipe {
        self.trained.recipe()
    }

    /// The names of the classes, in the order of the scores.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// Classifies all samples in order, on all threads. `each` gets a sample's index, its class and the score
    /// of each class; the class has the highest.
    ///
    /// # Errors
    ///
    /// One sentence if a sample cannot be read, or is of another shape; also what `each` returns.
    pub fn run(
        &self,
        samples: &Samples<'_>,
        each: impl FnMut(usize, usize, &[f64]) -> Result<()>,
    ) -> Result<()> {
        self.run_range(samples, 0..samples.len(), each)
    }

    /// The same for the samples of a range.
    ///
    /// # Errors
    ///
    /// As for [`Predictor::run`].
    pub fn run_range(
        &self,
        samples: &Samples<'_>,
        range: Range<usize>,
        mut each: impl FnMut(usize, usize, &[f64]) -> Result<()>,
    ) -> Result<()> {
        self.trained.resolved.expect_image(samples.image_shape())?;
        let mut index = range.start;
        self.encoder.run_on(samples, &range.collect::<Vec<usize>>(), |features| {
            for sample in features.chunks_exact(self.svm.features.max(1)) {
                let scores = self.svm.scores_dense(sample)?;
                each(index, usize::from(svm::best(&scores)), &scores)?;
                index += 1;
            }
            Ok(())
        })
    }
}
