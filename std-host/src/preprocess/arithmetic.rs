//! The steps as arithmetic that other programs can do, as an ONNX graph.

use wta_core::{Shape, Size};
use wta_simd::Isa;

use super::apply::Preprocessor;
use super::learnt::{Preprocess, Step};
use super::zca::Zca;
use super::zca_filter::ZcaFilter;
use crate::error::Result;
use crate::recipe::Per;

/// A step on samples of one shape, with its numbers in the order of channels last.
pub(crate) enum Arithmetic<'a> {
    /// `(x - mean) / sqrt(variance + regulariser)` over the sample; 0 if that is a division by 0.
    Contrast { regulariser: f32 },
    /// `(x - m) / sqrt(1 + m2)`, with the means of `x` and `x^2` in a window: sums with `weights` (from the
    /// centre outwards) along rows, times `columns`, then across rows, times `rows`.
    LocalContrast { weights: &'a [f32], rows: Vec<f32>, columns: Vec<f32> },
    /// `(x - mean) * factor`, for each number, each channel or all numbers.
    Affine { per: Per, mean: &'a [f32], factor: &'a [f32] },
    /// `matrix (x - mean)`, row by row.
    Matrix { mean: &'a [f32], matrix: &'a [f32] },
    /// A convolution of `x - mean` (by channel) with a border: row `i` of the bordered sample is row
    /// `rows[i]` of the sample. `filters` are output channel, row, column, channel.
    Filter { kernel: Size, mean: Vec<f32>, filters: Vec<f32>, rows: Vec<usize>, columns: Vec<usize> },
}

impl Preprocess {
    /// The steps for samples of this shape.
    ///
    /// # Errors
    ///
    /// As for [`Preprocessor::for_images`].
    pub(crate) fn arithmetic(&self, image: Shape) -> Result<Vec<Arithmetic<'_>>> {
        if image != self.shape() {
            Preprocessor::for_images(Isa::Scalar, self, image)?;
        }
        Ok(self.steps.iter().map(|step| self.arithmetic_of(step, image)).collect())
    }

    fn arithmetic_of<'a>(&self, step: &'a Step, image: Shape) -> Arithmetic<'a> {
        match step {
            Step::Contrast(step) => Arithmetic::Contrast { regulariser: step.regulariser },
            Step::LocalContrast(step) => {
                let (rows, columns) = step.resized(image).norms();
                Arithmetic::LocalContrast { weights: step.weights(), rows, columns }
            }
            Step::Standardise(step) => {
                Arithmetic::Affine { per: step.per, mean: &step.mean, factor: &step.factor }
            }
            Step::Zca(step) if image == self.shape() => {
                Arithmetic::Matrix { mean: &step.mean, matrix: &step.matrix }
            }
            Step::Zca(step) => filter(step, self.shape(), image),
            Step::PatchZca(patch, step) => filter(step, *patch, image),
        }
    }
}

/// Whitening by convolution, learnt from patches of the shape `patch`.
fn filter<'a>(zca: &Zca, patch: Shape, image: Shape) -> Arithmetic<'a> {
    let filter = ZcaFilter::new(Isa::Scalar, zca, patch, image);
    let (rows, columns) = filter.border();
    let (kernel, mean, filters) = filter.into_parts();
    Arithmetic::Filter { kernel, mean, filters, rows, columns }
}
