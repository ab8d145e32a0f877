//! Classifying new samples with a run's network and classifier.

use wta_core::Shape;
use wta_simd::Isa;

use super::classified::Classified;
use crate::data::Classes;
use crate::encode::FeatureEncoder;
use crate::error::{Error, Result};
use crate::preprocess::Samples;
use crate::recipe::Recipe;
use crate::run::{Run, Trained};
use crate::svm::{self, Entry};

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
            let told = |Shape { channels, height, width }: Shape| format!("{height} x {width} x {channels}");
            return Err(Error::Invalid(format!(
                "the samples are {}, but those of {} were {} (rows x columns x channels)",
                told(image),
                run.folder().display(),
                told(learnt)
            )));
        }
        let trained = Trained::open(run, image)?;
        if trained.recipe().svm.lower_layers > 0.0 {
            return Err(Error::file(
                run.folder(),
                "classifies by the features of all layers, whose scales are not kept; leave svm.lower_layers out",
            ));
        }
        let path = run.file("svm.safetensors");
        if !path.exists() {
            return Err(Error::classifier(path, "is not there: the run has no classifier yet"));
        }
        let svm = svm::file::load(&path)?;
        let Classified { pool, weights, classes } = Classified::load(run)?;
        if weights != format!("{:08x}", trained.checksum()) {
            return Err(Error::classifier(
                path,
                "is a classifier for the features of other weights than the run has now",
            ));
        }
        let encoder = FeatureEncoder::new(isa, &trained)?;
        let encoder = if pool == trained.resolved.pool() { encoder } else { encoder.pooled(pool)? };
        let features = encoder.shape().len();
        if svm.features != features {
            return Err(Error::classifier(
                path,
                format!("is a classifier of {} features, but the network has {features}", svm.features),
            ));
        }
        let classes = if classes.len() == svm.classes {
            Classes::new(classes)?
        } else {
            Classes::numbered(svm.classes)
        };
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
        mut each: impl FnMut(usize, usize, &[f64]) -> Result<()>,
    ) -> Result<()> {
        self.trained.resolved.expect_image(samples.image_shape())?;
        let mut index = 0;
        self.encoder.run(samples, |features| {
            for sample in features.chunks_exact(self.svm.features.max(1)) {
                let entries = sample.iter().zip(0u32..).filter(|(value, _)| **value != 0.0);
                let entries: Vec<Entry> =
                    entries.map(|(value, index)| Entry { index, value: *value }).collect();
                let scores = self.svm.scores(&entries)?;
                each(index, usize::from(svm::best(&scores)), &scores)?;
                index += 1;
            }
            Ok(())
        })
    }
}
