//! What is done with a trained network on this machine: encoding, and the features that a classifier learns
//! from.

use serde::Serialize;
use wta_simd::Isa;

use super::subject::Subject;
use crate::encode::FeatureEncoder;
use crate::error::Result;
use crate::memory::reserve;
use crate::preprocess::View;
use crate::run::Trained;

/// How many samples are encoded to see how many of their features are not 0.
const LOOKED_AT: usize = 8;

/// The bytes of a feature that is not 0, with its index.
const FEATURE: u64 = 8;

/// The memory of what is done with a trained network, beside the data set and the program.
#[derive(Clone, Debug, Serialize)]
pub struct UsesPlan {
    /// Features of a sample.
    pub features: usize,
    /// Bytes to encode any number of samples, block by block.
    pub encode_bytes: u64,
    /// Bytes of the features of all samples that a classifier learns from and is tested on, if as many of
    /// them are 0 as after the few steps of this plan; `None` without labels.
    pub evaluate_bytes: Option<u64>,
    /// The most that they can be: no feature is 0.
    pub evaluate_most: Option<u64>,
}

impl UsesPlan {
    /// `None` if the samples have no such features.
    pub(super) fn new(trained: &Trained, subject: &Subject, isa: Isa) -> Result<Option<Self>> {
        let encoder = FeatureEncoder::new(isa, trained)?;
        let svm = &trained.recipe().svm;
        let encode_bytes = encoder.run_bytes(subject.samples());
        let encoder = if svm.lower_layers > 0.0 { encoder.all_layers_unscaled() } else { encoder };
        let (samples, features) = (subject.samples(), encoder.shape().len());
        let some = samples.spaced(LOOKED_AT);
        let mut found: Vec<f32> = reserve::zeros(some.len() * features, || "some features".to_owned())?;
        encoder.encode(samples, &some, &mut found)?;
        let share = found.iter().filter(|v| **v != 0.0).count() as f64 / found.len().max(1) as f64;
        let views = View::all(svm, samples.form(), samples.image_shape())?.len();
        let rows = (subject.train() * views + subject.test().unwrap_or(0)) as u64;
        let most = rows.saturating_mul(features as u64).saturating_mul(FEATURE);
        let labelled = subject.classes() > 0;
        Ok(Some(Self {
            features,
            encode_bytes,
            evaluate_bytes: labelled.then_some((most as f64 * share) as u64),
            evaluate_most: labelled.then_some(most),
        }))
    }
}
