//! Local contrast normalisation: each channel relative to its surroundings, `(x - m) / sqrt(1 + m2)`.
//!
//! `m` and `m2` are the means of `x` and `x^2` in a Gaussian window around the pixel. At the border they are
//! means over the part of the window that lies in the image.
//!
//! Squares of large numbers are beyond `f32`. Images that hold such numbers are normalised in `f64`.

use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Sub};

use wta_core::Shape;

/// The step `local-contrast`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LocalContrast {
    shape: Shape,
    /// The Gaussian from its centre outwards: `weights[d]` at a distance of `d` pixels.
    weights: Vec<f32>,
    /// 1 over the sum of the weights that lie in the image, for each row and for each column.
    rows: Vec<f32>,
    columns: Vec<f32>,
}

/// Numbers larger than this are normalised in `f64`: weighted sums of the squares of others stay far from the
/// end of `f32`.
const LARGE: f32 = 1e16;

/// The numbers that an image is normalised in.
pub(super) trait Real:
    Copy
    + From<f32>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + MulAssign
{
    fn sqrt(self) -> Self;
    fn to_f32(self) -> f32;
}

impl Real for f32 {
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    fn to_f32(self) -> f32 {
        self
    }
}

impl Real for f64 {
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    fn to_f32(self) -> f32 {
        self as f32
    }
}

/// The scratch memory for one image.
pub(super) struct Scratch<T> {
    /// Sums along the rows of `x` and of `x^2`.
    sums: [Vec<T>; 2],
    /// A row and its squares.
    row: Vec<T>,
    squares: Vec<T>,
    /// Their means, for one row of the image.
    means: [Vec<T>; 2],
}

impl LocalContrast {
    /// The step for images of this shape. `window` is odd; the Gaussian's standard deviation is `window / 6`
    /// unless given.
    pub(super) fn new(shape: Shape, window: usize, deviation: Option<f32>) -> Self {
        let deviation = deviation.map_or(window as f64 / 6.0, f64::from);
        let weights: Vec<f32> = (0..=window / 2)
            .map(|distance| (-0.5 * (distance as f64 / deviation).powi(2)).exp() as f32)
            .collect();
        Self::of(shape, weights)
    }

    /// The same for images of another shape.
    pub(super) fn resized(&self, shape: Shape) -> Self {
        Self::of(shape, self.weights.clone())
    }

    fn of(shape: Shape, weights: Vec<f32>) -> Self {
        let norms = |extent: usize| {
            let norm = |at: usize| {
                let inside = (0..extent).filter_map(|other| weights.get(other.abs_diff(at)));
                1.0 / inside.sum::<f32>()
            };
            (0..extent).map(norm).collect()
        };
        let (rows, columns) = (norms(shape.height), norms(shape.width));
        Self { shape, weights, rows, columns }
    }

    /// 1 over the sum of the weights that lie in the image, for each row and for each column.
    pub(super) fn norms(self) -> (Vec<f32>, Vec<f32>) {
        (self.rows, self.columns)
    }

    /// The Gaussian from its centre outwards.
    pub(super) fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The memory to normalise an image of ordinary numbers.
    pub(super) fn scratch(&self) -> Scratch<f32> {
        self.scratch_of()
    }

    fn scratch_of<T: Real>(&self) -> Scratch<T> {
        let zeros = |len: usize| vec![T::from(0.0); len];
        let (image, row) = (self.shape.len(), self.shape.width * self.shape.channels);
        Scratch {
            sums: [zeros(image), zeros(image)],
            row: zeros(row),
            squares: zeros(row),
            means: [zeros(row), zeros(row)],
        }
    }

    /// Normalises an image.
    pub(super) fn apply(&self, image: &mut [f32], scratch: &mut Scratch<f32>) {
        if image.iter().any(|v| v.abs() > LARGE) {
            self.apply_in(image, &mut self.scratch_of::<f64>());
        } else {
            self.apply_in(image, scratch);
        }
    }

    fn apply_in<T: Real>(&self, image: &mut [f32], scratch: &mut Scratch<T>) {
        let Shape { channels, width, .. } = self.shape;
        let row_len = (width * channels).max(1);
        let Scratch { sums: [first, second], row: numbers, squares, means } = scratch;
        let sums = first.chunks_exact_mut(row_len).zip(second.chunks_exact_mut(row_len));
        for (row, (first, second)) in image.chunks_exact(row_len).zip(sums) {
            numbers.iter_mut().zip(row).for_each(|(to, v)| *to = T::from(*v));
            squares.iter_mut().zip(&*numbers).for_each(|(square, v)| *square = *v * *v);
            self.along(numbers, first);
            self.along(squares, second);
        }
        for (y, row) in image.chunks_exact_mut(row_len).enumerate() {
            for (sums, mean) in scratch.sums.iter().zip(means.iter_mut()) {
                self.across(y, sums, mean);
            }
            let [mean, square] = &*means;
            for (v, (m, m2)) in row.iter_mut().zip(mean.iter().zip(square)) {
                *v = ((T::from(*v) - *m) / (T::from(1.0) + *m2).sqrt()).to_f32();
            }
        }
    }

    /// Weighted means along a row of the image.
    fn along<T: Real>(&self, row: &[T], to: &mut [T]) {
        let channels = self.shape.channels.max(1);
        to.fill(T::from(0.0));
        for (distance, weight) in self.weights.iter().enumerate() {
            let (shift, weight) = (distance * channels, T::from(*weight));
            let right = row.get(shift..).unwrap_or_default();
            to.iter_mut().zip(right).for_each(|(to, v)| *to += weight * *v);
            if distance > 0 {
                let to = to.get_mut(shift..).unwrap_or_default();
                to.iter_mut().zip(row).for_each(|(to, v)| *to += weight * *v);
            }
        }
        for (pixel, norm) in to.chunks_exact_mut(channels).zip(&self.columns) {
            pixel.iter_mut().for_each(|v| *v *= T::from(*norm));
        }
    }

    /// The weighted mean over the rows around row `y`.
    fn across<T: Real>(&self, y: usize, rows: &[T], to: &mut [T]) {
        to.fill(T::from(0.0));
        for (other, row) in rows.chunks_exact(to.len().max(1)).enumerate() {
            if let Some(weight) = self.weights.get(other.abs_diff(y)) {
                let weight = T::from(*weight);
                to.iter_mut().zip(row).for_each(|(to, v)| *to += weight * *v);
            }
        }
        let norm = T::from(self.rows.get(y).copied().unwrap_or(0.0));
        to.iter_mut().for_each(|v| *v *= norm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_uniform_becomes_zero_up_to_the_border() {
        let shape = Shape::new(2, 7, 9);
        let step = LocalContrast::new(shape, 5, None);
        let mut image: Vec<f32> = (0..shape.len()).map(|i| [3.0, -2.0][i % 2]).collect();
        step.apply(&mut image, &mut step.scratch());
        assert!(image.iter().all(|v| v.abs() < 1e-5), "{image:?}");
    }

    #[test]
    fn large_numbers_are_as_good_as_others() {
        let shape = Shape::new(1, 7, 9);
        let step = LocalContrast::new(shape, 5, None);
        let image: Vec<f32> = (0..shape.len()).map(|i| (i * i % 31) as f32 / 31.0 - 0.5).collect();
        // Where the 1 under the root is nothing, the scale is nothing.
        let normalised = |scale: f32| {
            let mut image: Vec<f32> = image.iter().map(|v| v * scale).collect();
            step.apply(&mut image, &mut step.scratch());
            image
        };
        let expected = normalised(1e12);
        for scale in [1e18, 1e30, 3e38] {
            for (found, expected) in normalised(scale).iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-4, "{scale}: {found} {expected}");
            }
        }
    }

    #[test]
    fn channels_are_apart_and_windows_end() {
        let shape = Shape::new(2, 1, 9);
        let step = LocalContrast::new(shape, 5, Some(1.0));
        let mut image = vec![0.0; shape.len()];
        image[2 * 4] = 10.0;
        step.apply(&mut image, &mut step.scratch());
        for (index, v) in image.iter().enumerate() {
            let inside = index % 2 == 0 && (index / 2).abs_diff(4) <= 2;
            assert_eq!(*v != 0.0, inside, "{index}: {v}");
        }
    }
}
