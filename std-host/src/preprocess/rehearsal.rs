//! What learning the steps takes, before it is done: from a few samples in place of all.

use std::sync::Arc;
use std::time::Instant;

use wta_simd::Isa;

use super::fit;
use super::learnt::{Preprocess, Step};
use super::samples::Samples;
use super::zca::{self, Zca};
use crate::error::Result;
use crate::observer::Observer;
use crate::recipe::{PreprocessRecipe, Recipe};

/// From so many numbers on, whitening is not learnt: its eigenvectors would take seconds.
const LARGE: usize = 512;

/// What learning the steps of a recipe takes.
#[derive(Debug)]
pub(crate) struct Rehearsal {
    /// The steps, learnt from a few samples. Whitening by a large matrix is one that changes nothing.
    pub(crate) preprocess: Preprocess,
    /// About how long it takes to learn from all samples.
    pub(crate) seconds: f64,
    /// The bytes that it needs at most, beside the samples.
    pub(crate) bytes: u64,
    /// The bytes of `preprocess.safetensors`.
    pub(crate) file: u64,
}

impl Rehearsal {
    /// Rehearses with the samples whose indices are `among`, in place of `count` samples.
    ///
    /// # Errors
    ///
    /// As for [`fit`](super::fit).
    pub(crate) fn of(
        isa: Isa,
        recipe: &Recipe,
        samples: &Samples<'_>,
        among: &[usize],
        count: usize,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let shape = samples.image_shape();
        let mut preprocess = Preprocess::none(shape);
        let (mut seconds, mut bytes) = (0.0, 0);
        for (index, step) in recipe.preprocess.iter().enumerate() {
            if let Some(step) = Preprocess::unlearnt(step, shape) {
                preprocess.steps.push(step);
                continue;
            }
            let images = step.learns_from().flatten().unwrap_or(count).min(count);
            bytes = bytes.max(fit::memory(step, shape, images));
            let rows = match *step {
                PreprocessRecipe::Zca { patch, .. } => {
                    Some(fit::whitened(patch.map(|patch| patch.over(shape)), shape, images))
                }
                _ => None,
            };
            let is_whole = matches!(step, PreprocessRecipe::Zca { patch: None, .. });
            let start = Instant::now();
            let learnt = match rows {
                Some((_, features)) if is_whole && features > LARGE => {
                    Step::Zca(Arc::new(Zca::identity(features)?))
                }
                _ => {
                    let seed = recipe.training.seed;
                    fit::learn(isa, seed, (index, step), &preprocess, samples, among, observer)?
                }
            };
            seconds += match rows {
                Some((rows, features)) => zca::seconds(features, rows.saturating_mul(images))?,
                None => start.elapsed().as_secs_f64() * images as f64 / among.len().max(1) as f64,
            };
            preprocess.steps.push(learnt);
        }
        let file = preprocess.file_len()?;
        Ok(Self { preprocess, seconds, bytes, file })
    }
}
