//! Standardisation: each number of an image to zero mean and unit standard deviation over the training
//! images.

use rayon::prelude::*;

use crate::error::Result;

use super::finite::expect_finite;

/// The number of features per task when sums are split over the threads.
const FEATURES: usize = 1024;

/// The step `standardise`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standardise {
    pub(super) mean: Vec<f32>,
    /// 1 over the standard deviation; 0 for a number that is the same in all images.
    pub(super) factor: Vec<f32>,
}

impl Standardise {
    pub(super) fn apply(&self, image: &mut [f32]) {
        let learnt = self.mean.iter().zip(&self.factor);
        image.iter_mut().zip(learnt).for_each(|(v, (mean, factor))| *v = (*v - mean) * factor);
    }
}

/// Sums over images, from which a [`Standardise`] is learnt.
pub(super) struct Moments {
    count: usize,
    /// The first image. Sums of differences from it lose no digits to a large mean.
    origin: Vec<f32>,
    /// For each feature, the sum of the differences and of their squares.
    sums: Vec<[f64; 2]>,
}

impl Moments {
    /// Sums over no images yet, for images of `features` numbers.
    pub(super) fn new(features: usize) -> Self {
        Self { count: 0, origin: Vec::new(), sums: vec![[0.0; 2]; features] }
    }

    /// Adds images that lie one after the other.
    pub(super) fn add(&mut self, images: &[f32]) {
        let features = self.sums.len().max(1);
        if self.origin.is_empty() {
            self.origin = images.get(..features).unwrap_or_default().to_vec();
        }
        self.count += images.len() / features;
        let parts = self.sums.par_chunks_mut(FEATURES).zip(self.origin.par_chunks(FEATURES)).enumerate();
        parts.for_each(|(part, (sums, origin))| {
            for image in images.chunks_exact(features) {
                let values = image.iter().skip(part * FEATURES).zip(origin);
                for ([sum, squares], (v, origin)) in sums.iter_mut().zip(values) {
                    let difference = f64::from(*v) - f64::from(*origin);
                    *sum += difference;
                    *squares += difference * difference;
                }
            }
        });
    }

    /// The step learnt from the images.
    pub(super) fn learn(&self, regulariser: f64) -> Result<Standardise> {
        let count = self.count.max(1) as f64;
        let (mut mean, mut factor) = (Vec::new(), Vec::new());
        for ([sum, squares], origin) in self.sums.iter().zip(&self.origin) {
            let shift = sum / count;
            let deviation = ((squares / count - shift * shift).max(0.0) + regulariser).sqrt();
            mean.push((f64::from(*origin) + shift) as f32);
            factor.push(if deviation > 0.0 { (1.0 / deviation) as f32 } else { 0.0 });
        }
        expect_finite("standardise", &mean)?;
        expect_finite("standardise", &factor)?;
        Ok(Standardise { mean, factor })
    }
}
