//! Preprocessed samples, row by row.

use crate::error::{Result, expect_len};
use crate::memory::{part, part_mut, quotient};
use crate::preprocess::mirror::{border, mirrored};
use crate::preprocess::steps::{Filter, MAX_STEPS, Preprocessing, Step, bordered};
use crate::runs::runs;
use crate::shape::{Shape, Size};
use crate::stream::Rows;
use crate::unrolled::dot;

/// Samples as the steps leave them, asked for row by row.
///
/// Means and factors need no memory. Contrast goes through the rows twice before it gives the first one, so a
/// sensor whose samples cannot be asked for again is read into memory first. Whitening, filters and local
/// contrast hold a whole sample: [`Preprocessing::memory_len`].
#[derive(Debug)]
pub struct Preprocessed<'a, R> {
    preprocessing: Preprocessing<'a>,
    rows: R,
    /// A sample for each step that holds one.
    memory: &'a mut [f32],
    /// For each step that is a contrast, the sample's mean and factor.
    contrasts: [(f64, f64); MAX_STEPS],
}

impl<'a, R: Rows> Preprocessed<'a, R> {
    /// The rows, preprocessed. They have been multiplied by the model's scale.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) unless `memory` has [`Preprocessing::memory_len`] numbers.
    pub fn new(preprocessing: Preprocessing<'a>, rows: R, memory: &'a mut [f32]) -> Result<Self> {
        expect_len("memory of the preprocessing", preprocessing.memory_len(), memory.len())?;
        Ok(Self { preprocessing, rows, memory, contrasts: [(0.0, 1.0); MAX_STEPS] })
    }

    /// Goes through a sample as far as the steps need it. `row` is as long as a row.
    fn prepare(&mut self, row: &mut [f32]) {
        let steps = self.preprocessing;
        let len = steps.shape().len();
        let rows = len.checked_div(row.len()).unwrap_or(0);
        let mut held = 0;
        for (index, step) in steps.steps().enumerate() {
            match step {
                Step::Uniform(..) | Step::Channels(..) | Step::Numbers(..) => {}
                Step::Contrast(regulariser) => {
                    let count = len.max(1) as f64;
                    // A sum begins as those of the standard library do.
                    let mean = self.sum(index, rows, row, |v| v) / count;
                    let squares = self.sum(index, rows, row, |v| (v - mean) * (v - mean));
                    let deviation = libm::sqrt(squares / count + f64::from(regulariser));
                    let factor = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
                    part_mut(&mut self.contrasts, index, 1).fill((mean, factor));
                }
                Step::Filter(numbers) => {
                    let held_len = step.held_len(steps.shape());
                    for y in 0..rows {
                        self.after(index, y, row);
                        hold(&steps, numbers, y * row.len(), row, part_mut(self.memory, held, held_len));
                    }
                    mirror(&steps, numbers, part_mut(self.memory, held, held_len));
                    held += held_len;
                }
                Step::Whitening(..) | Step::LocalContrast(_) => {
                    for y in 0..rows {
                        self.after(index, y, row);
                        let sample = part_mut(self.memory, held, len);
                        for (place, value) in (y * row.len()..).zip(&*row) {
                            let order = steps.order(place);
                            let value = match step {
                                Step::Whitening(means, _) => value - means.get(order).copied().unwrap_or(0.0),
                                _ => *value,
                            };
                            part_mut(sample, order, 1).fill(value);
                        }
                    }
                    held += len;
                }
            }
        }
    }

    /// A sum over the numbers of a sample after the first `steps` steps, in the order of channels last.
    fn sum(&mut self, steps: usize, rows: usize, row: &mut [f32], of: impl Fn(f64) -> f64) -> f64 {
        let mut sum: f64 = core::iter::empty::<f64>().sum();
        for y in 0..rows {
            self.after(steps, y, row);
            // A planar sample is a single row.
            for order in 0..row.len() {
                let value = row.get(self.preprocessing.place(order)).copied().unwrap_or(0.0);
                sum += of(f64::from(value));
            }
        }
        sum
    }

    /// Writes row `y` as the first `count` steps leave it; they have been prepared.
    fn after(&mut self, count: usize, y: usize, to: &mut [f32]) {
        let steps = self.preprocessing;
        let (len, start) = (steps.shape().len(), y.saturating_mul(to.len()));
        let holding = |(index, step): (usize, Step<'a>)| step.holds().then_some(index);
        let last = steps.steps().take(count).enumerate().filter_map(holding).last();
        if last.is_none() {
            self.rows.row(y, to);
        }
        let held_len = |step: Step<'a>| step.held_len(steps.shape());
        let held = steps.steps().take(last.unwrap_or(0)).map(held_len).sum();
        let sample = part(self.memory, held, self.memory.len().saturating_sub(held));
        let contrasts = self.contrasts.iter();
        for ((index, step), (mean, factor)) in steps.steps().take(count).enumerate().zip(contrasts) {
            if last.is_some_and(|last| index < last) {
                continue;
            }
            match step {
                Step::Uniform(mean, factor) => to.iter_mut().for_each(|v| *v = (*v - mean) * factor),
                Step::Channels(means, factors) => {
                    let channels = steps.shape().channels;
                    for (place, v) in (start..).zip(&mut *to) {
                        let order = steps.order(place);
                        let channel = order - quotient(order, channels) * channels;
                        *v = moved(*v, channel, means, factors);
                    }
                }
                Step::Numbers(means, factors) => {
                    for (place, v) in (start..).zip(&mut *to) {
                        *v = moved(*v, steps.order(place), means, factors);
                    }
                }
                Step::Contrast(_) => {
                    to.iter_mut().for_each(|v| *v = ((f64::from(*v) - mean) * factor) as f32);
                }
                Step::Whitening(_, matrix) => {
                    for (place, v) in (start..).zip(&mut *to) {
                        *v = dot(0.0, part(sample, 0, len), part(matrix, steps.order(place) * len, len));
                    }
                }
                Step::LocalContrast(weights) => {
                    for (place, v) in (start..).zip(&mut *to) {
                        *v = local_contrast(steps.shape(), weights, sample, steps.order(place));
                    }
                }
                Step::Filter(numbers) => filter(&steps, numbers, sample, start, to),
            }
        }
    }
}

fn moved(v: f32, index: usize, means: &[f32], factors: &[f32]) -> f32 {
    let at = |numbers: &[f32]| numbers.get(index).copied().unwrap_or(0.0);
    (v - at(means)) * at(factors)
}

// What a filter needs is not inlined: steps of other kinds should not pay for it with stack.

/// Where number `order` of a sample lies in the sample with its border, and its channel.
fn inside(shape: Shape, kernel: Size, order: usize) -> (usize, usize) {
    let position = quotient(order, shape.channels);
    let channel = order.saturating_sub(position.saturating_mul(shape.channels));
    let y = quotient(position, shape.width);
    let x = position.saturating_sub(y.saturating_mul(shape.width));
    let (y, x) = (y.saturating_add(border(kernel.height)), x.saturating_add(border(kernel.width)));
    let pixel = y.saturating_mul(bordered(shape, kernel).width).saturating_add(x);
    (pixel.saturating_mul(shape.channels).saturating_add(channel), channel)
}

/// Puts a row less the means into the sample with its border. The row begins with number `start`.
#[inline(never)]
fn hold(steps: &Preprocessing<'_>, numbers: &[f32], start: usize, row: &[f32], sample: &mut [f32]) {
    let Filter { kernel, means, .. } = Filter::of(numbers, steps.shape().channels);
    for (place, value) in (start..).zip(row) {
        let (at, channel) = inside(steps.shape(), kernel, steps.order(place));
        let mean = means.get(channel).copied().unwrap_or(0.0);
        part_mut(sample, at, 1).fill(value - mean);
    }
}

/// Fills the border of a sample with its mirror image.
#[inline(never)]
fn mirror(steps: &Preprocessing<'_>, numbers: &[f32], sample: &mut [f32]) {
    let shape = steps.shape();
    let Filter { kernel, .. } = Filter::of(numbers, shape.channels);
    let whole = bordered(shape, kernel);
    let (above, before) = (border(kernel.height), border(kernel.width));
    let at =
        |y: usize, x: usize| y.saturating_mul(whole.width).saturating_add(x).saturating_mul(shape.channels);
    for y in 0..whole.height {
        for x in 0..whole.width {
            let from_y = mirrored(y, above, shape.height).saturating_add(above);
            let from_x = mirrored(x, before, shape.width).saturating_add(before);
            if (from_y, from_x) == (y, x) {
                continue;
            }
            for channel in 0..shape.channels {
                let value = part(sample, at(from_y, from_x).saturating_add(channel), 1).first().copied();
                part_mut(sample, at(y, x).saturating_add(channel), 1).fill(value.unwrap_or(0.0));
            }
        }
    }
}

/// Writes a row that begins with number `start`, filtered; `sample` has its border.
#[inline(never)]
fn filter(steps: &Preprocessing<'_>, numbers: &[f32], sample: &[f32], start: usize, to: &mut [f32]) {
    let shape = steps.shape();
    let Filter { kernel, filters, .. } = Filter::of(numbers, shape.channels);
    let row_len = bordered(shape, kernel).width.saturating_mul(shape.channels);
    let line_len = kernel.width.saturating_mul(shape.channels);
    let filter_len = line_len.saturating_mul(kernel.height);
    // A number lies in the middle of its field.
    let before = border(kernel.width).saturating_mul(shape.channels);
    let middle = border(kernel.height).saturating_mul(row_len).saturating_add(before);
    for (place, v) in (start..).zip(&mut *to) {
        let (at, channel) = inside(shape, kernel, steps.order(place));
        let first = at.saturating_sub(channel).saturating_sub(middle);
        let filter = part(filters, channel.saturating_mul(filter_len), filter_len);
        *v = runs(filter, line_len).enumerate().fold(0.0, |sum, (line, filter)| {
            dot(sum, part(sample, first.saturating_add(line.saturating_mul(row_len)), line_len), filter)
        });
    }
}

/// `(x - m) / sqrt(1 + m2)`: `m` and `m2` are the weighted means of `x` and `x^2` around number `order`.
fn local_contrast(shape: Shape, weights: &[f32], sample: &[f32], order: usize) -> f32 {
    let Shape { channels, height, width } = shape;
    let (Some(position), Some(channel)) = (order.checked_div(channels), order.checked_rem(channels)) else {
        return 0.0;
    };
    let (Some(y), Some(x)) = (position.checked_div(width), position.checked_rem(width)) else { return 0.0 };
    let norm = |at: usize, extent: usize| {
        let inside = (0..extent).filter_map(|other| weights.get(other.abs_diff(at)));
        1.0 / inside.sum::<f32>()
    };
    let (row_norm, column_norm) = (norm(y, height), norm(x, width));
    let at = |y: usize, x: usize| sample.get((y * width + x) * channels + channel).copied().unwrap_or(0.0);
    // Along the rows first, then across them, each in the order of the host.
    let (mut mean, mut square) = (0.0f32, 0.0f32);
    for other in 0..height {
        let Some(down) = weights.get(other.abs_diff(y)) else { continue };
        let (mut along, mut along_squares) = (0.0f32, 0.0f32);
        for (distance, weight) in weights.iter().enumerate() {
            if x + distance < width {
                let v = at(other, x + distance);
                along += weight * v;
                along_squares += weight * (v * v);
            }
            if distance > 0 && distance <= x {
                let v = at(other, x - distance);
                along += weight * v;
                along_squares += weight * (v * v);
            }
        }
        along *= column_norm;
        along_squares *= column_norm;
        mean += down * along;
        square += down * along_squares;
    }
    mean *= row_norm;
    square *= row_norm;
    (at(y, x) - mean) / libm::sqrtf(1.0 + square)
}

impl<R: Rows> Rows for Preprocessed<'_, R> {
    fn row(&mut self, y: usize, to: &mut [f32]) {
        if y == 0 {
            self.prepare(to);
        }
        self.after(self.preprocessing.len(), y, to);
    }

    fn expect_shape(&self, shape: Shape) -> Result<()> {
        expect_len("preprocessed sample", self.preprocessing.shape().len(), shape.len())?;
        self.rows.expect_shape(shape)
    }
}
