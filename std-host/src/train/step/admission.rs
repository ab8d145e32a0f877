//! The batch as training sees it: clamped, and which of its images are bad.

use rayon::prelude::*;
use wta_core::{Guard, admits_probabilities, has_subnormal};

use crate::error::Result;

/// Looks through batches, and keeps what it made of the last one.
#[derive(Default)]
pub(super) struct Admission {
    /// Which images are bad; empty if none is.
    bad: Vec<bool>,
    skipped: usize,
    /// The clamped batch, subnormal numbers flushed, with zeros in the place of bad images; not used if it is
    /// the batch as it was given.
    batch: Vec<f32>,
}

impl Admission {
    /// The batch as it is to be trained on, and which of its images are bad (none, if there are none).
    pub(super) fn look<'a>(
        &'a mut self,
        guard: &Guard,
        are_probabilities: bool,
        image_len: usize,
        batch: &'a [f32],
    ) -> Result<(&'a [f32], &'a [bool])> {
        let admits = |(index, image): (usize, &[f32])| {
            if are_probabilities {
                admits_probabilities(guard, index, image)
            } else {
                guard.admits(index, image)
            }
        };
        // Collected before the first error is looked for, so that it does not depend on the threads.
        let admitted: Vec<_> = batch.par_chunks(image_len).enumerate().map(admits).collect();
        let mut bad = Vec::with_capacity(admitted.len());
        for admitted in admitted {
            bad.push(!admitted?);
        }
        let good = bad.iter().filter(|bad| !**bad).count();
        self.skipped = bad.len() - good;
        guard.expect_good(bad.len(), good)?;
        self.bad = bad;
        if self.skipped == 0 {
            self.bad.clear();
        }
        let is_clean = || !batch.par_chunks(image_len).any(has_subnormal);
        if self.skipped == 0 && guard.inputs.is_none() && is_clean() {
            return Ok((batch, &self.bad));
        }
        self.batch.resize(batch.len(), 0.0);
        let images = self.batch.par_chunks_mut(image_len).zip(batch.par_chunks(image_len)).enumerate();
        let bad = &self.bad;
        images.for_each(|(index, (to, image))| {
            if is_bad(bad, index) {
                to.fill(0.0);
            } else {
                to.copy_from_slice(image);
                guard.clamp_all(to);
            }
        });
        Ok((&self.batch, &self.bad))
    }

    /// How many images of the last batch were bad.
    pub(super) fn skipped(&self) -> usize {
        self.skipped
    }
}

/// Whether image `index` is bad.
pub(super) fn is_bad(bad: &[bool], index: usize) -> bool {
    bad.get(index).copied().unwrap_or(false)
}
