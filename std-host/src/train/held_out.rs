//! Samples that are never trained on, and what a network makes of them.

use wta_core::Random;
use wta_simd::Isa;

use super::learnt::Learnt;
use super::set::TrainingSet;
use crate::draw::{count_of, draw};
use crate::encode::{Measures, SparseEncoder, Spread, measure};
use crate::error::Result;
use crate::memory::reserve;
use crate::recipe::{Recipe, Resolved};

/// The stream of the seed that draws the samples.
const STREAM: u64 = 1 << 62;

/// Samples from which the variance of the training samples is computed.
pub(super) const VARIANCE_SAMPLES: usize = 1_000;

/// Samples that are read at a time.
const BLOCK: usize = 256;

/// Which samples are for training and which are held out, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) training: Vec<usize>,
    pub(super) held_out: Vec<usize>,
}

impl Partition {
    /// Draws the held-out samples of a recipe.
    ///
    /// # Errors
    ///
    /// [`Error::Recipe`](crate::Error::Recipe) if none would be left to train on.
    pub(super) fn new(recipe: &Recipe, samples: usize) -> Result<Self> {
        let Some(held_out) = recipe.training.held_out else {
            return Ok(Self { training: (0..samples).collect(), held_out: Vec::new() });
        };
        let count = if held_out < 1.0 { count_of(held_out, samples).max(1) } else { held_out as usize };
        if count >= samples {
            return Err(recipe.wrong(format!(
                "training.held_out holds out {count} samples, but there are only {samples}"
            )));
        }
        let (held_out, training) = draw(Random::stream(recipe.training.seed, STREAM), samples, count);
        Ok(Self { training, held_out })
    }
}

/// Some of the samples of a set.
pub(super) struct Subset<'a> {
    pub(super) set: &'a dyn TrainingSet,
    pub(super) indices: &'a [usize],
}

impl TrainingSet for Subset<'_> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn write(&self, indices: &[usize], to: &mut [f32]) -> Result<()> {
        let chosen: Vec<usize> =
            indices.iter().filter_map(|index| self.indices.get(*index).copied()).collect();
        self.set.write(&chosen, to)
    }
}

/// The mean squared deviation of samples from their mean, summed over the numbers of a sample: of all, or of
/// some that are evenly spaced.
pub(super) fn variance(set: &dyn TrainingSet, len: usize) -> Result<f64> {
    let step = set.len().div_ceil(VARIANCE_SAMPLES).max(1);
    let chosen: Vec<usize> = (0..set.len()).step_by(step).collect();
    let mut block = reserve::zeros(BLOCK.min(chosen.len()) * len, || "some samples".to_owned())?;
    let mut spread = Spread::new(len);
    for indices in chosen.chunks(BLOCK) {
        let block = block.get_mut(..indices.len() * len).unwrap_or_default();
        set.write(indices, block)?;
        block.chunks_exact(len.max(1)).for_each(|sample| spread.add(sample));
    }
    Ok(spread.variance())
}

/// Measures a network on all samples of a set, with the sparsity that training ends with, or with thresholds.
/// As in training, lifetime sparsity is taken over `batch` samples; the last ones are a smaller batch.
pub(super) fn measured(
    isa: Isa,
    resolved: &Resolved,
    learnt: &Learnt<'_>,
    set: &dyn TrainingSet,
    batch: usize,
) -> Result<Measures> {
    let encoder = SparseEncoder::new(isa, resolved, &learnt.parameters)?;
    let encoder = encoder.with_thresholds(learnt.thresholds.as_deref());
    measure(&encoder, set.len(), batch, |indices, to| set.write(indices, to))
}
