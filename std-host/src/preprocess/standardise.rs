//! Standardisation: each number of an image, each channel or all numbers to zero mean and unit standard
//! deviation over the training images.

use rayon::prelude::*;
use wta_core::Shape;

use crate::error::Result;
use crate::recipe::Per;

use super::finite::{expect_finite, expect_finite_factors};

/// The number of features per task when sums are split over the threads.
const FEATURES: usize = 1024;

/// The step `standardise`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standardise {
    pub(super) per: Per,
    pub(super) mean: Vec<f32>,
    /// 1 over the standard deviation; 0 for a number that is the same in all images.
    pub(super) factor: Vec<f32>,
}

impl Standardise {
    pub(super) fn apply(&self, image: &mut [f32]) {
        // As many numbers as there are means follow each other: an image, a pixel, or one.
        for numbers in image.chunks_exact_mut(self.mean.len().max(1)) {
            let learnt = self.mean.iter().zip(&self.factor);
            numbers.iter_mut().zip(learnt).for_each(|(v, (mean, factor))| *v = (*v - mean) * factor);
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

    /// The step learnt from the images.
    pub(super) fn learn(&self, regulariser: f64, per: Per, image: Shape) -> Result<Standardise> {
        let count = self.count.max(1) as f64;
        let moments: Vec<(f64, f64)> = self
            .sums
            .iter()
            .zip(&self.origin)
            .map(|([sum, squares], origin)| {
                let shift = sum / count;
                (f64::from(*origin) + shift, (squares / count - shift * shift).max(0.0))
            })
            .collect();
        let groups = per.dimensions(image).iter().product::<usize>().max(1);
        let (mut mean, mut factor) = (Vec::new(), Vec::new());
        for group in 0..groups {
            let (middle, variance) = together(moments.iter().skip(group).step_by(groups));
            let deviation = (variance + regulariser).sqrt();
            mean.push(middle as f32);
            // Subnormal numbers count as 0 (`wta_core::flush`), and so does a deviation: its factor would be
            // infinite.
            let varies = deviation >= f64::from(f32::MIN_POSITIVE);
            factor.push(if varies { (1.0 / deviation) as f32 } else { 0.0 });
        }
        expect_finite("standardise", &mean)?;
        expect_finite_factors("standardise", &factor)?;
        Ok(Standardise { per, mean, factor })
    }
}

/// The mean and the variance of some features together.
fn together<'m>(moments: impl Iterator<Item = &'m (f64, f64)> + Clone) -> (f64, f64) {
    if let (Some(only), 1) = (moments.clone().next(), moments.clone().count()) {
        return *only;
    }
    let count = moments.clone().count().max(1) as f64;
    let mean = moments.clone().map(|(mean, _)| mean).sum::<f64>() / count;
    let variance = moments.map(|(m, variance)| variance + (m - mean).powi(2)).sum::<f64>() / count;
    (mean, variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three images of two positions and two channels.
    const IMAGES: [f32; 12] = [1.0, -10.0, 3.0, 10.0, 2.0, 0.0, 5.0, 40.0, 4.0, -30.0, 9.0, 7.0];

    /// Their factor would be infinite, which is no sign of large images.
    #[test]
    fn images_of_subnormal_numbers_count_as_constant() {
        let shape = Shape::new(2, 1, 1);
        let mut moments = Moments::new(shape.len());
        moments.add(&[1e-40, 1.0, 3e-40, 3.0, 1e-45, 2.0]);
        let learnt = moments.learn(0.0, Per::Number, shape).unwrap();
        assert_eq!(learnt.factor[0], 0.0);
        assert!(learnt.factor[1] > 1.0 && learnt.mean[0] < f32::MIN_POSITIVE);
    }

    #[test]
    fn means_and_deviations_are_of_numbers_channels_or_all() {
        let shape = Shape::new(2, 1, 2);
        for (per, groups) in [(Per::Number, 4), (Per::Channel, 2), (Per::All, 1)] {
            let mut moments = Moments::new(4);
            moments.add(&IMAGES);
            let step = moments.learn(0.0, per, shape).unwrap();
            let mut images = IMAGES;
            images.chunks_exact_mut(4).for_each(|image| step.apply(image));
            for group in 0..groups {
                let of = || images.iter().skip(group).step_by(groups);
                let mean = of().sum::<f32>() / of().count() as f32;
                let variance = of().map(|v| v * v).sum::<f32>() / of().count() as f32;
                assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{per:?}: {mean} {variance}");
            }
        }
    }
}
