//! What an evaluation found, and how it is kept.

use serde::Serialize;

use crate::error::Result;
use crate::run::Run;
use crate::svm;

/// What came of one draw.
#[derive(Clone, Debug, Serialize)]
pub struct Draw {
    /// The seed.
    pub seed: u64,
    /// The C chosen.
    pub c: f64,
    /// The share of held-out training images that are classified wrongly with it; `None` when the recipe has
    /// one C only.
    pub held_out_error: Option<f64>,
    /// The share of test images that are classified wrongly.
    pub test_error: f64,
}

/// What came of it. With several draws, the fields that are not about all of them are about the first.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The share of test images that are classified wrongly.
    pub test_error: f64,
    /// The share of the training images used that are classified wrongly.
    pub training_error: f64,
    /// The C chosen.
    pub c: f64,
    /// Each C tried with its error on held-out training images.
    pub held_out: Vec<(f64, f64)>,
    /// Labelled training images used.
    pub labels: usize,
    /// The seed.
    pub seed: u64,
    /// Features of an image.
    pub features: usize,
    /// The share of training features that are not 0.
    pub density: f64,
    /// Whether the final SVM met its tolerance.
    pub converged: bool,
    /// The instruction set.
    pub isa: String,
    /// Time to encode both sets.
    pub encode_seconds: f64,
    /// Time to choose C and fit, of all draws.
    pub svm_seconds: f64,
    /// The pooling: `11/6`, windows of 11 x 11 every 6 positions, or `none`.
    pub pool: String,
    /// What the features were raised to.
    pub power: f32,
    /// [`Trained::checksum`](crate::run::Trained::checksum) of the network whose features these are, in
    /// hexadecimal.
    pub weights: String,
    /// Every draw.
    pub draws: Vec<Draw>,
    /// The mean of the draws' test errors.
    pub mean: f64,
    /// Their sample standard deviation, 0 for one draw.
    pub sd: f64,
    /// The first draw's classifier, for unscaled features.
    #[serde(skip)]
    pub model: svm::Model,
}

impl Evaluation {
    /// Writes `eval.json` and, of the first draw, `svm.safetensors` into the run folder.
    ///
    /// # Errors
    ///
    /// One sentence when a file cannot be written.
    pub fn save(&self, run: &Run) -> Result<()> {
        svm::file::save(&run.file("svm.safetensors"), &self.model)?;
        run.save_json("eval.json", self)
    }
}

/// What the held-out training images say.
#[derive(Clone, Debug)]
pub struct Validation {
    /// Each C tried with its error on held-out training images, of the first draw.
    pub held_out: Vec<(f64, f64)>,
    /// Of every draw, the C chosen and the share of held-out training images that are classified wrongly with
    /// it.
    pub draws: Vec<(f64, f64)>,
    /// The mean of the draws' errors.
    pub mean: f64,
    /// Their sample standard deviation, 0 for one draw.
    pub sd: f64,
}

/// Mean and sample standard deviation, which is 0 for fewer than two values.
pub fn spread(values: impl ExactSizeIterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.clone().sum::<f64>() / count.max(1.0);
    let squares: f64 = values.map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}
