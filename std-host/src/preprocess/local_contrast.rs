//! Local contrast normalisation: each channel relative to its surroundings, `(x - m) / sqrt(1 + m2)`.
//!
//! `m` and `m2` are the means of `x` and `x^2` in a Gaussian window around the pixel. At the border they are
//! means over the part of the window that lies in the image.

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

/// The scratch memory for one image.
pub(super) struct Scratch {
    /// Sums along the rows of `x` and of `x^2`.
    sums: [Vec<f32>; 2],
    /// The squares of a row.
    squares: Vec<f32>,
    /// Their means, for one row of the image.
    means: [Vec<f32>; 2],
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

    pub(super) fn scratch(&self) -> Scratch {
        let (image, row) = (self.shape.len(), self.shape.width * self.shape.channels);
        Scratch {
            sums: [vec![0.0; image], vec![0.0; image]],
            squares: vec![0.0; row],
            means: [vec![0.0; row], vec![0.0; row]],
        }
    }

    /// Normalises an image.
    pub(super) fn apply(&self, image: &mut [f32], scratch: &mut Scratch) {
        let Shape { channels, width, .. } = self.shape;
        let row_len = (width * channels).max(1);
        let Scratch { sums: [first, second], squares, means } = scratch;
        let sums = first.chunks_exact_mut(row_len).zip(second.chunks_exact_mut(row_len));
        for (row, (first, second)) in image.chunks_exact(row_len).zip(sums) {
            squares.iter_mut().zip(row).for_each(|(square, v)| *square = v * v);
            self.along(row, first);
            self.along(squares, second);
        }
        for (y, row) in image.chunks_exact_mut(row_len).enumerate() {
            for (sums, mean) in scratch.sums.iter().zip(means.iter_mut()) {
                self.across(y, sums, mean);
            }
            let [mean, square] = &*means;
            for (v, (m, m2)) in row.iter_mut().zip(mean.iter().zip(square)) {
                *v = (*v - m) / (1.0 + m2).sqrt();
            }
        }
    }

    /// Weighted means along a row of the image.
    fn along(&self, row: &[f32], to: &mut [f32]) {
        let channels = self.shape.channels.max(1);
        to.fill(0.0);
        for (distance, weight) in self.weights.iter().enumerate() {
            let shift = distance * channels;
            let right = row.get(shift..).unwrap_or_default();
            to.iter_mut().zip(right).for_each(|(to, v)| *to += weight * v);
            if distance > 0 {
                let to = to.get_mut(shift..).unwrap_or_default();
                to.iter_mut().zip(row).for_each(|(to, v)| *to += weight * v);
            }
        }
        for (pixel, norm) in to.chunks_exact_mut(channels).zip(&self.columns) {
            pixel.iter_mut().for_each(|v| *v *= norm);
        }
    }

    /// The weighted mean over the rows around row `y`.
    fn across(&self, y: usize, rows: &[f32], to: &mut [f32]) {
        to.fill(0.0);
        for (other, row) in rows.chunks_exact(to.len().max(1)).enumerate() {
            if let Some(weight) = self.weights.get(other.abs_diff(y)) {
                to.iter_mut().zip(row).for_each(|(to, v)| *to += weight * v);
            }
        }
        let norm = self.rows.get(y).copied().unwrap_or(0.0);
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
