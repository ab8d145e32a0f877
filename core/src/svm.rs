//! Prediction with a linear support vector machine, one class against the rest.

use crate::error::{Error, Result, expect_finite, expect_len};
use crate::memory::part;
use crate::runs::runs;

/// A trained linear classifier in borrowed memory.
#[derive(Clone, Copy, Debug)]
pub struct Svm<'a> {
    features: usize,
    weights: &'a [f32],
    bias: &'a [f32],
}

impl<'a> Svm<'a> {
    /// A classifier of `features` features: `weights` class by class, one `bias` per class.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for no class or no feature, [`Error::Length`] when the weights are not classes x
    /// features, [`Error::NotFinite`] if a weight is not finite.
    pub fn new(features: usize, weights: &'a [f32], bias: &'a [f32]) -> Result<Self> {
        let svm = Self::known(features, weights, bias)?;
        svm.expect_finite()?;
        Ok(svm)
    }

    /// [`Svm::new`] for numbers that have been looked at, or will be.
    pub(crate) fn known(features: usize, weights: &'a [f32], bias: &'a [f32]) -> Result<Self> {
        if features == 0 || bias.is_empty() {
            return Err(Error::Invalid("a classifier needs at least one class and one feature"));
        }
        expect_len("classifier's weights", features.saturating_mul(bias.len()), weights.len())?;
        Ok(Self { features, weights, bias })
    }

    /// `Ok` when all numbers are finite.
    pub(crate) fn expect_finite(&self) -> Result<()> {
        expect_finite("classifier's weights", self.weights)?;
        expect_finite("classifier's biases", self.bias)
    }

    /// The number of classes.
    pub const fn classes(&self) -> usize {
        self.bias.len()
    }

    /// The number of features.
    pub const fn features(&self) -> usize {
        self.features
    }

    /// The decision value of each class, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for another number of features; [`Error::NotFinite`] if a feature is not finite.
    pub fn scores<'f>(&self, features: &'f [f32]) -> Result<impl Iterator<Item = f32> + use<'a, 'f>> {
        expect_len("features", self.features, features.len())?;
        expect_finite("features", features)?;
        let rows = runs(self.weights, self.features).zip(self.bias);
        Ok(rows.map(move |(weights, bias)| {
            let mut sum = 0.0;
            for (weight, feature) in weights.iter().zip(features) {
                sum += weight * feature;
            }
            sum + bias
        }))
    }

    /// The class with the largest decision value; ties go to the lowest class.
    ///
    /// # Errors
    ///
    /// As for [`Svm::scores`].
    pub fn classify(&self, features: &[f32]) -> Result<usize> {
        Ok(largest(self.scores(features)?))
    }

    /// Adds the products of some features, from number `first` on, to the sums of the classes:
    /// [`Svm::scores`] in parts.
    pub(crate) fn add_products(&self, first: usize, features: &[f32], sums: &mut [f32]) -> Result<()> {
        expect_finite("features", features).map_err(|error| error.map_index(|index| first + index))?;
        for (weights, sum) in runs(self.weights, self.features).zip(sums) {
            for (weight, feature) in part(weights, first, features.len()).iter().zip(features) {
                *sum += weight * feature;
            }
        }
        Ok(())
    }

    /// Makes decision values of complete sums.
    pub(crate) fn add_bias(&self, sums: &mut [f32]) {
        sums.iter_mut().zip(self.bias).for_each(|(sum, bias)| *sum += bias);
    }
}

/// The index of the largest score; ties go to the lowest index.
pub(crate) fn largest(scores: impl Iterator<Item = f32>) -> usize {
    let (mut best, mut best_score) = (0, f32::NEG_INFINITY);
    for (class, score) in scores.enumerate() {
        if score > best_score {
            (best, best_score) = (class, score);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_score_wins_and_ties_go_to_the_lowest_class() {
        let weights = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        let svm = Svm::new(2, &weights, &[0.0, 0.5, 0.0]).unwrap();
        assert_eq!(svm.classify(&[1.0, 0.0]), Ok(0));
        assert_eq!(svm.classify(&[0.0, 1.0]), Ok(1));
        assert_eq!(svm.classify(&[-1.0, -9.0]), Ok(0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(matches!(
            Svm::new(2, &[1.0; 5], &[0.0; 2]),
            Err(Error::Length { expected: 4, found: 5, .. })
        ));
        assert!(matches!(Svm::new(1, &[f32::NAN], &[0.0]), Err(Error::NotFinite { index: 0, .. })));
        assert!(Svm::new(0, &[], &[]).is_err());
        let svm = Svm::new(2, &[1.0, 2.0], &[0.0]).unwrap();
        assert!(svm.classify(&[1.0]).is_err());
        assert!(svm.classify(&[1.0, f32::INFINITY]).is_err());
    }
}
