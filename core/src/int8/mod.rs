//! Inference with 8-bit integers: a network quantised on the host, in borrowed memory, row by row.
//!
//! ```text
//! image row -> window of layer 0 -> row of maps -> window of layer 1 -> ... -> code row
//!           -> open pooled rows (maximum) -> (square root by table) -> sums of the classifier
//! ```
//!
//! A number is what it stands for times a scale, and 0 stands for 0: images and the outputs of ReLU are not
//! negative. Activations are 0..=255. The windows keep them as `i16`, which a microcontroller's
//! multiplications take. The pixels of signed images are -255..=255. Weights are `i8` with a scale for each
//! map. A layer's sums are exact in `i32`, which [`Int8Network::new`] proves, so every implementation of
//! [`Int8Kernels`] gives the same bits. [`requantise`] makes an activation of a sum.
//!
//! The host quantises. Nothing here needs floating point but the scores of [`Int8Svm`].

mod activation;
mod classify;
mod extract;
mod filters;
mod gather;
mod kernels;
mod network;
mod packed;
mod rows;
mod window;

pub use activation::{MAX_ACTIVATION, dequantise, quantise, requantise, sqrt};
pub use classify::{Int8Classifier, Int8Svm};
pub use extract::Int8Extractor;
pub use filters::{Int8Filters, Int8Weights, packed_len};
pub use kernels::{Int8Kernels, Portable};
pub(crate) use network::check_filters;
pub use network::{Aligned, Int8Network};
pub use rows::Int8Rows;
