//! Inference with 8-bit integers: a network quantised on the host, in borrowed memory, row by row.
//!
//! ```text
//! image row -> window of layer 0 -> row of maps -> window of layer 1 -> ... -> code row
//!           -> open pooled rows (maximum) -> (square root by table) -> sums of the classifier
//! ```
//!
//! Numbers are what they stand for times a scale, and 0 stands for 0: images and the outputs of ReLU are not negative.
//! Activations are 0..=255, kept as `i16` in the windows, because that is what a microcontroller's multiplications
//! take; the pixels of signed images are -255..=255. Weights are `i8` with a scale for each map. A layer's sums are exact
//! in `i32`, which [`Int8Network::new`] proves, so that every implementation of [`Int8Kernels`] gives the same bits.
//! What becomes of a sum is said in [`requantise`].
//!
//! Quantising is the host's part; nothing here needs floating point but the scores of [`Int8Svm`].

mod classify;
mod extract;
mod filters;
mod kernels;
mod network;
mod root;
mod rows;
mod window;

pub use classify::{Int8Classifier, Int8Svm};
pub use extract::Int8Extractor;
pub use filters::{Int8Filters, Int8Weights, packed_len};
pub use kernels::{Int8Kernels, Portable, requantise};
pub use network::{Aligned, Int8Network};
pub use root::root;
pub use rows::Int8Rows;

/// The largest activation, and the largest absolute value of a pixel.
pub const LARGEST: i16 = 255;

/// Part of a buffer, empty when it lies outside.
pub(crate) fn part<T>(values: &[T], start: usize, len: usize) -> &[T] {
    values.get(start..start.saturating_add(len)).unwrap_or_default()
}

/// [`part`], to write to.
pub(crate) fn part_mut<T>(values: &mut [T], start: usize, len: usize) -> &mut [T] {
    values.get_mut(start..start.saturating_add(len)).unwrap_or_default()
}

/// Copies as many as both have.
pub(crate) fn copy<T: Copy>(from: &[T], to: &mut [T]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}
