//! An RBM's inputs are probabilities. Samples that are none are told before the training.

use wta_simd::Isa;

use crate::error::{Error, Interrupted, Result};
use crate::memory::reserve;
use crate::observer::Observer;
use crate::preprocess::{Preprocess, Preprocessor, Samples};

/// Samples that are looked at together.
const GROUP: usize = 256;

/// `Ok` if every number of the samples lies between 0 and 1.
pub(super) fn expect_probabilities(
    preprocess: &Preprocess,
    samples: &Samples<'_>,
    isa: Isa,
    observer: &dyn Observer,
) -> Result<()> {
    let preprocessor = Preprocessor::new(isa, preprocess);
    let len = samples.shape().len().max(1);
    let indices: Vec<usize> = (0..samples.len()).collect();
    let mut group = reserve::zeros(GROUP.min(samples.len()) * len, || "some samples".to_owned())?;
    for indices in indices.chunks(GROUP) {
        if observer.should_stop() {
            return Err(Error::Interrupted(Interrupted::InMemory));
        }
        let group = group.get_mut(..indices.len() * len).unwrap_or_default();
        samples.write_all(&preprocessor, indices, group)?;
        let wrong = group.iter().zip(0..).find(|(number, _)| !(0.0..=1.0).contains(*number));
        if let Some((number, place)) = wrong {
            let sample = indices.get(place / len).copied().unwrap_or(0);
            return Err(Error::Invalid(format!(
                "an RBM learns from numbers between 0 and 1, but sample {sample} has {number} (after data.divide_by); \
                 choose data.divide_by so that they lie there"
            )));
        }
    }
    Ok(())
}
