//! A network with a linear SVM on its features, in memory.

use std::path::Path;

use super::encoded::{Encoded, Encoding};
use super::origin::origin_of;
use super::plan::{Plan, options, search};
use crate::data::{Classes, Dataset};
use crate::encode::FeatureEncoder;
use crate::error::{Error, Result};
use crate::observer::Observer;
use crate::preprocess::Samples;
use crate::run::Trained;
use crate::svm;

/// The seed of the held-out part and of the order of the rows in training.
const SEED: u64 = 1;

/// A network with a linear SVM on its features.
pub struct Classifier<'a> {
    trained: &'a Trained,
    encoder: FeatureEncoder,
    /// The SVM, for features as [`Trained::encode`] gives them.
    pub svm: svm::Model,
    /// The names of the classes.
    pub classes: Classes,
    /// The C that was chosen on held-out training images.
    pub c: f64,
    /// The share of held-out training images that this C classifies wrongly; `None` if the recipe has only
    /// one C.
    pub held_out_error: Option<f64>,
}

impl Trained {
    /// Fits a linear SVM to the features of labelled images, with the recipe's `[svm]`. C is chosen on a
    /// held-out part of the images, then the SVM is fitted to all. Section 4 of the paper.
    ///
    /// # Errors
    ///
    /// One sentence if the images have no labels or another shape; [`Error::Interrupted`] if the observer
    /// stops it.
    pub fn classifier(&self, data: &Dataset, observer: &dyn Observer) -> Result<Classifier<'_>> {
        let samples = Samples::new(self.recipe(), data)?;
        self.resolved.expect_image(samples.image_shape())?;
        let encoded = Encoded::new(self, &samples, None, Encoding::default(), observer)?;
        let plan = Plan { labels: None, draws: 1, seed: SEED, svm: &self.recipe().svm };
        observer.begin("svm", 0);
        let (rows, labels) = (&encoded.train.rows, &encoded.train.labels);
        let (mut svm, report, choice) = svm::choose_and_fit(
            rows,
            labels,
            encoded.classes.len(),
            &search(plan, labels.len(), encoded.train.views),
            &options(plan, SEED, None),
            observer,
        )?;
        observer.end();
        report.warnings().iter().for_each(|warning| observer.note(&format!("warning: {warning}")));
        encoded.scaling.fold_into(&mut svm)?;
        let held_out_error = (choice.held_out > 0).then(|| choice.held_out_error());
        let (encoder, classes) = (encoded.encoder, encoded.classes);
        Ok(Classifier { trained: self, encoder, svm, classes, c: choice.c, held_out_error })
    }
}

impl Classifier<'_> {
    /// The network.
    pub fn trained(&self) -> &Trained {
        self.trained
    }

    /// The scores of each class, image by image; the class with the highest score wins.
    ///
    /// # Errors
    ///
    /// One sentence if the images do not fit the network.
    pub fn scores(&self, data: &Dataset) -> Result<Vec<Vec<f64>>> {
        let samples = Samples::new(self.trained.recipe(), data)?;
        self.trained.resolved.expect_image(samples.image_shape())?;
        let mut scores = Vec::with_capacity(samples.len());
        self.encoder.run(&samples, |features| {
            for image in features.chunks_exact(self.svm.features.max(1)) {
                scores.push(self.svm.scores_dense(image)?);
            }
            Ok(())
        })?;
        Ok(scores)
    }

    /// The class of each image.
    ///
    /// # Errors
    ///
    /// As for [`Classifier::scores`].
    pub fn predict(&self, data: &Dataset) -> Result<Vec<u16>> {
        Ok(self.scores(data)?.iter().map(|scores| svm::best(scores)).collect())
    }

    /// The share of labelled images that are classified wrongly.
    ///
    /// # Errors
    ///
    /// As for [`Classifier::scores`]; also if the images have no labels.
    pub fn error_rate(&self, data: &Dataset) -> Result<f64> {
        let Some(labels) = &data.labels else {
            return Err(Error::Invalid("the data set has no labels to compare with".to_owned()));
        };
        let wrong = self.predict(data)?.iter().zip(labels).filter(|(found, label)| found != label).count();
        Ok(wrong as f64 / labels.len().max(1) as f64)
    }

    /// Writes the SVM in the format of `svm.safetensors`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn save_svm(&self, path: impl AsRef<Path>) -> Result<()> {
        let pool = self.trained.resolved.pool();
        let origin = origin_of(self.trained, pool, 1.0, self.classes.names());
        svm::file::save(path.as_ref(), &self.svm, &self.encoder.columns(), &origin).map(drop)
    }
}
