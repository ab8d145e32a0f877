//! The nearest class mean: a sample belongs to the class whose mean is nearest.
//!
//! Means are kept, not sums: a sum's rounding errors grow with it, while a mean shrinks those of the past
//! with every sample. From 65,536 samples on, a mean is that of about the last so many. However long it
//! runs, it stays within two hundred-thousandths of the same in f64 (see the tests).

use crate::error::{Error, Result, expect_finite, expect_len};
use crate::learn_classes::sample::{LONGEST_MEMORY, NEVER, TOO_MANY, expect_sample};
use crate::memory::{copy, part, part_mut};

/// Numbers in the means of so many classes. Beside them there is a `u32` for each class.
pub const fn nearest_mean_len(features: usize, classes: usize) -> usize {
    features.saturating_mul(classes)
}

/// A class, and how far a sample is from its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Nearest {
    /// The class.
    pub class: usize,
    /// The squared Euclidean distance.
    pub distance: f32,
}

/// Classes that are known by their means.
///
/// ```
/// use wta_core::learn_classes::{NearestMean, nearest_mean_len};
///
/// let (mut means, mut counts) = ([0.0; nearest_mean_len(2, 3)], [0; 3]);
/// let mut classes = NearestMean::new(2, &mut means, &mut counts)?;
/// classes.update(&[1.0, 0.0], 0)?;
/// classes.update(&[0.0, 1.0], 2)?;
/// assert_eq!(classes.classify(&[0.9, 0.2])?.map(|nearest| nearest.class), Some(0));
/// // What was learnt goes on from the same memory, after a restart too.
/// let classes = NearestMean::resume(2, &mut means, &mut counts)?;
/// assert_eq!((classes.samples(0), classes.samples(1), classes.samples(2)), (1, 0, 1));
/// # Ok::<(), wta_core::Error>(())
/// ```
#[derive(Debug)]
pub struct NearestMean<'m> {
    features: usize,
    means: &'m mut [f32],
    counts: &'m mut [u32],
}

impl<'m> NearestMean<'m> {
    /// Begins without a class. There may be as many classes as `counts` has numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for no feature or no class; [`Error::Length`] unless `means` has
    /// [`nearest_mean_len`] numbers.
    pub fn new(features: usize, means: &'m mut [f32], counts: &'m mut [u32]) -> Result<Self> {
        means.fill(0.0);
        counts.fill(0);
        Self::resume(features, means, counts)
    }

    /// Goes on with what the memory holds.
    ///
    /// # Errors
    ///
    /// As for [`NearestMean::new`]; [`Error::NotFinite`] for a mean that cannot be.
    pub fn resume(features: usize, means: &'m mut [f32], counts: &'m mut [u32]) -> Result<Self> {
        if features == 0 || counts.is_empty() {
            return Err(Error::Invalid("a classifier needs at least one class and one feature"));
        }
        expect_len("classes' means", nearest_mean_len(features, counts.len()), means.len())?;
        expect_finite("classes' means", means)?;
        Ok(Self { features, means, counts })
    }

    /// The number of features.
    pub const fn features(&self) -> usize {
        self.features
    }

    /// Classes that there may be, known or not.
    pub const fn classes(&self) -> usize {
        self.counts.len()
    }

    /// Samples that a class has learnt from, up to 65,536; 0 for a class that is not known.
    pub fn samples(&self, class: usize) -> u32 {
        self.counts.get(class).copied().unwrap_or(0)
    }

    /// The mean of a known class.
    pub fn mean(&self, class: usize) -> Option<&[f32]> {
        let known = self.samples(class) > 0;
        known.then(|| part(self.means, class.wrapping_mul(self.features), self.features))
    }

    /// Learns that the sample is of this class.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for another number of features, [`Error::NotFinite`] if a feature is not finite,
    /// [`Error::Invalid`] for a class that there is no memory for. Nothing is learnt then.
    pub fn update(&mut self, features: &[f32], class: usize) -> Result<()> {
        expect_sample(self.features, self.counts.len(), features, class)?;
        let count = self.counts.get_mut(class).ok_or(Error::Invalid(TOO_MANY))?;
        *count = count.saturating_add(1).min(LONGEST_MEMORY);
        let share = 1.0 / *count as f32;
        let mean = part_mut(self.means, class.wrapping_mul(self.features), self.features);
        for (mean, feature) in mean.iter_mut().zip(features) {
            // Halves, as the difference of two large numbers may be infinite.
            *mean += (feature * 0.5 - *mean * 0.5) * (2.0 * share);
        }
        Ok(())
    }

    /// Forgets a class, which may then be learnt anew.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a class that there is no memory for.
    pub fn forget(&mut self, class: usize) -> Result<()> {
        *self.counts.get_mut(class).ok_or(Error::Invalid(TOO_MANY))? = 0;
        part_mut(self.means, class.wrapping_mul(self.features), self.features).fill(0.0);
        Ok(())
    }

    /// The squared distance of a sample from each class's mean, in order; `None` for classes that are not
    /// known. Infinite if it is too large for an `f32`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for another number of features; [`Error::NotFinite`] if a feature is not finite.
    pub fn distances(&self, features: &[f32]) -> Result<impl Iterator<Item = Option<f32>>> {
        expect_len("features", self.features, features.len())?;
        expect_finite("features", features)?;
        Ok(self.known().map(move |mean| {
            let mut sum = 0.0;
            for (mean, feature) in mean?.iter().zip(features) {
                let difference = feature - mean;
                sum += difference * difference;
            }
            Some(sum)
        }))
    }

    /// The class with the nearest mean; ties go to the lowest class. `None` while no class is known, and for
    /// a sample that is infinitely far from all of them.
    ///
    /// # Errors
    ///
    /// As for [`NearestMean::distances`].
    pub fn classify(&self, features: &[f32]) -> Result<Option<Nearest>> {
        let mut nearest = None;
        let mut least = f32::INFINITY;
        for (class, distance) in self.distances(features)?.enumerate() {
            if let Some(distance) = distance.filter(|distance| *distance < least) {
                least = distance;
                nearest = Some(Nearest { class, distance });
            }
        }
        Ok(nearest)
    }

    /// The same classifier as an [`Svm`](crate::Svm): the nearest mean `m` is the one with the largest
    /// `<m, x> - <m, m> / 2`. A class that is not known gets the smallest number there is as its bias. But
    /// for rounding, both give the same classes.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless `weights` has classes x features numbers and `biases` one for each class.
    pub fn write_svm(&self, weights: &mut [f32], biases: &mut [f32]) -> Result<()> {
        expect_len("classifier's weights", self.means.len(), weights.len())?;
        expect_len("classifier's biases", self.counts.len(), biases.len())?;
        copy(self.means, weights);
        for (bias, mean) in biases.iter_mut().zip(self.known()) {
            *bias = mean.map_or(NEVER, |mean| {
                let square: f32 = mean.iter().map(|number| number * number).sum();
                (square * -0.5).max(NEVER)
            });
        }
        Ok(())
    }

    /// The mean of each class, if it is known.
    fn known(&self) -> impl Iterator<Item = Option<&[f32]>> {
        (0..self.counts.len()).map(|class| self.mean(class))
    }
}
