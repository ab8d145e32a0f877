//! The class of an image, its features never held as a whole.

use crate::error::{Error, Result, expect_finite, expect_len};
use crate::int8::extract::Int8Extractor;
use crate::int8::filters::{Int8Weights, expect_sums_fit, packed_len};
use crate::int8::kernels::Int8Kernels;
use crate::int8::rows::Int8Rows;
use crate::logging::logged;
use crate::memory::{copy, part};
use crate::shape::Shape;
use crate::svm::largest;

/// A quantised linear classifier in borrowed memory.
#[derive(Clone, Copy, Debug)]
pub struct Int8Svm<'a> {
    features: Shape,
    weights: &'a [i8],
    bias: &'a [i32],
    scales: &'a [f32],
}

impl<'a> Int8Svm<'a> {
    /// Packed weights of a classifier: those of each pooled row, one after the other.
    pub const fn weights_len(classes: usize, features: Shape) -> usize {
        let row = packed_len(classes, features.width.saturating_mul(features.channels));
        row.saturating_mul(features.height)
    }

    /// A classifier of features of this shape. `weights` holds, for each pooled row, the packed weights of
    /// each class. Each class has a `bias`, in units of its weights' scale times the features', and a scale
    /// by which its sum becomes a score.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for no class or no feature or for weights and a bias whose sum could leave `i32`,
    /// [`Error::Length`] for other lengths, [`Error::NotFinite`] if a scale is not finite.
    pub fn new(features: Shape, weights: &'a [i8], bias: &'a [i32], scales: &'a [f32]) -> Result<Self> {
        let svm = Self::known(features, weights, bias, scales)?;
        expect_finite("classifier's scales", scales)?;
        for (class, bias) in bias.iter().enumerate() {
            expect_sums_fit(svm.weights(class), *bias)?;
        }
        Ok(svm)
    }

    /// [`Int8Svm::new`] for numbers that have been looked at before.
    pub(crate) fn known(
        features: Shape,
        weights: &'a [i8],
        bias: &'a [i32],
        scales: &'a [f32],
    ) -> Result<Self> {
        if features.len_within(usize::MAX).is_none_or(|len| len == 0) || bias.is_empty() {
            return Err(Error::Invalid("a classifier needs at least one class and one feature"));
        }
        expect_len("classifier's weights", Self::weights_len(bias.len(), features), weights.len())?;
        expect_len("classifier's scales", bias.len(), scales.len())?;
        Ok(Self { features, weights, bias, scales })
    }

    /// Where each class's sum starts.
    pub const fn bias(&self) -> &'a [i32] {
        self.bias
    }

    /// What makes a score of each class's sum.
    pub const fn scales(&self) -> &'a [f32] {
        self.scales
    }

    /// The number of classes.
    pub const fn classes(&self) -> usize {
        self.bias.len()
    }

    /// The shape of the features.
    pub const fn features(&self) -> Shape {
        self.features
    }

    /// The weights of a class, in the order of the features.
    pub fn weights(&self, class: usize) -> impl Iterator<Item = i8> + use<'a> {
        let svm = *self;
        (0..svm.features.height).filter_map(move |y| svm.row(y)).flat_map(move |row| row.filter(class))
    }

    /// The weights for pooled row `y`.
    pub(crate) fn row(&self, y: usize) -> Option<Int8Weights<'a>> {
        let row_len = self.features.width.saturating_mul(self.features.channels);
        let len = packed_len(self.classes(), row_len);
        Int8Weights::new(part(self.weights, y.saturating_mul(len), len), self.classes(), row_len).ok()
    }
}

/// Classes of images that arrive row by row: the sums grow as the rows of the features come.
#[derive(Debug)]
pub struct Int8Classifier<'a, K> {
    extractor: Int8Extractor<'a, K>,
    svm: Int8Svm<'a>,
    sums: &'a mut [i32],
}

impl<'a, K: Int8Kernels> Int8Classifier<'a, K> {
    /// A classifier of these features; `sums` has a number for each class.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the support vector machine is for features of another shape, [`Error::Length`]
    /// for another number of sums.
    pub fn new(extractor: Int8Extractor<'a, K>, svm: Int8Svm<'a>, sums: &'a mut [i32]) -> Result<Self> {
        if extractor.shape() != svm.features() {
            return logged!(Err(Error::Invalid("the quantised classifier is for features of another shape")));
        }
        logged!(expect_len("sums", svm.classes(), sums.len()))?;
        Ok(Self { extractor, svm, sums })
    }

    /// The decision value of each class, in order.
    ///
    /// # Errors
    ///
    /// As for [`Int8Extractor::for_each_row`].
    pub fn scores(&mut self, image: impl Int8Rows) -> Result<impl Iterator<Item = f32>> {
        let Self { extractor, svm, sums } = self;
        let kernels = extractor.kernels();
        copy(svm.bias, sums);
        extractor.for_each_row(image, |y, features| {
            if let Some(weights) = svm.row(y) {
                kernels.accumulate(&weights, features, sums);
            }
        })?;
        Ok(sums.iter().zip(svm.scales).map(|(sum, scale)| *sum as f32 * scale))
    }

    /// The class with the largest decision value; ties go to the lowest class.
    ///
    /// # Errors
    ///
    /// As for [`Int8Classifier::scores`].
    pub fn classify(&mut self, image: impl Int8Rows) -> Result<usize> {
        Ok(largest(self.scores(image)?))
    }
}
