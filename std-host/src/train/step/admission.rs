//! The batch as training sees it: clamped, and which of its images are bad.

use rayon::prelude::*;
use wta_core::{Guard, admits_probabilities, has_subnormal};

use super::portion::Portion;
use crate::error::Result;
use crate::ranks::Kind;

/// What is said of an image.
#[derive(Clone, Copy)]
enum Verdict {
    Good,
    Bad,
    /// The step fails.
    Refused,
}

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
    /// The batch as it is to be trained on, and which of its images are bad (none, if there are none). If the
    /// processes have some images each, `batch` is this one's, and all learn which of all images are bad.
    pub(super) fn look<'a>(
        &'a mut self,
        guard: &Guard,
        are_probabilities: bool,
        portion: &Portion,
        image_len: usize,
        batch: &'a [f32],
    ) -> Result<(&'a [f32], &'a [bool])> {
        let admits = |index: usize, image: &[f32]| {
            if are_probabilities {
                admits_probabilities(guard, index, image)
            } else {
                guard.admits(index, image)
            }
        };
        let own = portion.images_in_step();
        let look = |(place, image): (usize, &[f32])| {
            let verdict = match admits(own.start + place, image) {
                Ok(true) => Verdict::Good,
                Ok(false) => Verdict::Bad,
                Err(_) => Verdict::Refused,
            };
            (verdict, has_subnormal(image))
        };
        // All are collected before the first error is looked for, so that it does not depend on the threads.
        let of_own: Vec<(Verdict, bool)> = batch.par_chunks(image_len).enumerate().map(look).collect();
        let mut verdicts = vec![0; portion.batch()];
        let places = verdicts.iter_mut().skip(own.start);
        places.zip(&of_own).for_each(|(to, (verdict, _))| *to = *verdict as u8);
        if own.len() < verdicts.len() {
            portion.gather_images(Kind::Word, &mut verdicts)?;
        }
        if let Some(refused) = verdicts.iter().position(|verdict| *verdict == Verdict::Refused as u8) {
            // All refuse the same image in the same words.
            let mut image = vec![0.0; image_len];
            let of_own = batch.chunks_exact(image_len).nth(refused.wrapping_sub(own.start));
            if let Some(of_own) = of_own {
                image.copy_from_slice(of_own);
            }
            portion.spread_image(refused, &mut image)?;
            admits(refused, &image)?;
        }
        self.bad.clear();
        self.bad.extend(verdicts.iter().map(|verdict| *verdict != Verdict::Good as u8));
        let good = self.bad.iter().filter(|bad| !**bad).count();
        self.skipped = self.bad.len() - good;
        guard.expect_good(self.bad.len(), good)?;
        if self.skipped == 0 {
            self.bad.clear();
        }
        let is_clean = !of_own.iter().any(|(_, has_subnormal)| *has_subnormal);
        if self.skipped == 0 && guard.inputs.is_none() && is_clean {
            return Ok((batch, &self.bad));
        }
        self.batch.resize(batch.len(), 0.0);
        let images = self.batch.par_chunks_mut(image_len).zip(batch.par_chunks(image_len)).enumerate();
        let bad = &self.bad;
        images.for_each(|(place, (to, image))| {
            if is_bad(bad, own.start + place) {
                to.fill(0.0);
            } else {
                to.copy_from_slice(image);
                guard.clamp_all(to);
            }
        });
        Ok((&self.batch, &self.bad))
    }

    /// Takes over from another process how many images of the last batch were bad.
    pub(super) fn set_skipped(&mut self, skipped: usize) {
        self.skipped = skipped;
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
