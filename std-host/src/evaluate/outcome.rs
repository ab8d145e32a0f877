//! The results of an evaluation, and how they are saved.

use serde::Serialize;

use super::mistakes::Confusion;
use crate::error::Result;
use crate::run::{CLASSIFIER, RECORD, Run};
use crate::svm;

/// The result of one draw of labels.
#[derive(Clone, Debug, Serialize)]
pub struct Draw {
    /// The seed of the draw.
    pub seed: u64,
    /// The C chosen.
    pub c: f64,
    /// The share of held-out training images that this C classifies wrongly; `None` if the recipe has only
    /// one C.
    pub held_out_error: Option<f64>,
    /// The share of test images that are classified wrongly.
    pub test_error: f64,
}

/// The results of an evaluation. With several draws, fields that are not about all draws are about the first.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The share of test images that are classified wrongly.
    pub test_error: f64,
    /// The share of the used training images, in all their views, that are classified wrongly.
    pub training_error: f64,
    /// The C chosen.
    pub c: f64,
    /// Each C tried with its error on held-out training images.
    pub held_out: Vec<(f64, f64)>,
    /// The number of labelled training images used.
    pub labels: usize,
    /// Whether these are all that there are.
    pub all_labels: bool,
    /// The names of the classes, in the order of the classifier's scores.
    pub classes: Vec<String>,
    /// Which classes are confused on the test samples.
    pub confusion: Confusion,
    /// The seed of the first draw.
    pub seed: u64,
    /// The number of features of an image.
    pub features: usize,
    /// The share of training features that are not 0.
    pub density: f64,
    /// Whether the final SVM met its tolerance.
    pub converged: bool,
    /// The instruction set.
    pub isa: String,
    /// The time to encode both sets.
    pub encode_seconds: f64,
    /// The time to choose C and fit the SVM, for all draws.
    pub svm_seconds: f64,
    /// The pooling: `none`, or `11/6` for windows of 11 x 11 every 6 positions.
    pub pool: String,
    /// The power that features were raised to.
    pub power: f32,
    /// [`Trained::checksum`](crate::run::Trained::checksum) of the network that gave the features, in
    /// hexadecimal.
    pub weights: String,
    /// The checksum of the classifier's file, `svm.safetensors`.
    pub classifier: String,
    /// Every draw.
    pub draws: Vec<Draw>,
    /// The mean of the draws' test errors.
    pub mean: f64,
    /// Their sample standard deviation, 0 for one draw.
    pub sd: f64,
    /// The first draw's classifier, for unscaled features.
    #[serde(skip)]
    pub model: svm::Model,
    /// The features that its weights are for.
    #[serde(skip)]
    pub columns: svm::Columns,
    /// What it belongs to.
    #[serde(skip)]
    pub origin: svm::file::Origin,
}

impl Evaluation {
    /// Writes `svm.safetensors` (the first draw's classifier) and `eval.json` into the run folder. Another
    /// evaluation of the run that does the same waits. The classifier's file says all that is needed to use
    /// it, so that it is of no harm if the second file cannot be written; `eval.json` has the checksum of the
    /// classifier that it is about.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) if a file cannot be written.
    pub fn save(&self, run: &Run) -> Result<()> {
        let _lock = run.lock_evaluation()?;
        svm::file::save(&run.file(CLASSIFIER), &self.model, &self.columns, &self.origin)?;
        run.save_json(RECORD, self)
    }
}

/// The results on held-out training images.
#[derive(Clone, Debug)]
pub struct Validation {
    /// Each C tried in the first draw, with its error on held-out training images.
    pub held_out: Vec<(f64, f64)>,
    /// For every draw, the chosen C and the share of held-out training images that it classifies wrongly.
    pub draws: Vec<(f64, f64)>,
    /// The mean of the draws' errors.
    pub mean: f64,
    /// Their sample standard deviation, 0 for one draw.
    pub sd: f64,
}

/// Mean and sample standard deviation; the latter is 0 for fewer than two values.
pub fn spread(values: impl ExactSizeIterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.clone().sum::<f64>() / count.max(1.0);
    let squares: f64 = values.map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}
