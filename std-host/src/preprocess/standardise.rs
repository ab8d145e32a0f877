//! Standardisation: each number of an image, or each channel, to zero mean and unit standard deviation over
//! the training images.

use rayon::prelude::*;

use crate::error::Result;

use super::finite::expect_finite;

/// The number of features per task when sums are split over the threads.
const FEATURES: usize = 1024;

/// The step `standardise`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standardise {
    /// One for each number of an image, for each channel, or for all. The channels lie last, so that they
    /// repeat along an image.
    pub(super) mean: Vec<f32>,
    /// As many: 1 over the standard deviation; 0 for what is the same in all images.
    pub(super) factor: Vec<f32>,
}

impl Standardise {
    pub(super) fn apply(&self, image: &mut [f32]) {
        for image in image.chunks_mut(self.mean.len().max(1)) {
            let learnt = self.mean.iter().zip(&self.factor);
            image.iter_mut().zip(learnt).for_each(|(v, (mean, factor))| *v = (*v - mean) * factor);
        }
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

    /// The step learnt from the images, with so many means: one for each number of an image, or one for all
    /// numbers whose index leaves the same rest.
    pub(super) fn learn(&self, means: usize, regulariser: f64) -> Result<Standardise> {
        let count = self.count.max(1) as f64;
        // The mean and the variance of each number.
        let single: Vec<(f64, f64)> = self
            .sums
            .iter()
            .zip(&self.origin)
            .map(|([sum, squares], origin)| {
                let shift = sum / count;
                (f64::from(*origin) + shift, (squares / count - shift * shift).max(0.0))
            })
            .collect();
        let (mut mean, mut factor) = (Vec::new(), Vec::new());
        for group in 0..means {
            let members = || single.iter().skip(group).step_by(means.max(1));
            let len = members().count().max(1) as f64;
            let centre = members().map(|(mean, _)| mean).sum::<f64>() / len;
            // The variances of the numbers, and the spread of their means.
            let variance = members().map(|(m, variance)| variance + (m - centre).powi(2)).sum::<f64>() / len;
            let deviation = (variance + regulariser).sqrt();
            mean.push(centre as f32);
            factor.push(if deviation > 0.0 { (1.0 / deviation) as f32 } else { 0.0 });
        }
        expect_finite("standardise", &mean)?;
        expect_finite("standardise", &factor)?;
        Ok(Standardise { mean, factor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_s_moments_are_those_of_all_its_numbers() {
        // Three images of two positions and two channels.
        let images: Vec<f32> = (0..12).map(|i| 1e4 + ((i * i * 7) % 31) as f32).collect();
        let mut moments = Moments::new(4);
        moments.add(&images);
        for means in [1, 2, 4] {
            let step = moments.learn(means, 0.25).unwrap();
            assert_eq!((step.mean.len(), step.factor.len()), (means, means));
            for group in 0..means {
                let all: Vec<f64> = images.iter().skip(group).step_by(means).map(|v| f64::from(*v)).collect();
                let mean = all.iter().sum::<f64>() / all.len() as f64;
                let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
                assert_eq!(step.mean[group], mean as f32);
                assert!((f64::from(step.factor[group]) - 1.0 / (variance + 0.25).sqrt()).abs() < 1e-6);
            }
            let mut image = images[..4].to_vec();
            step.apply(&mut image);
            for (index, v) in image.iter().enumerate() {
                let group = index % means;
                assert_eq!(*v, (images[index] - step.mean[group]) * step.factor[group]);
            }
        }
    }
}
