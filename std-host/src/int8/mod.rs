//! Quantised networks on hosts: many samples, whole maps of bytes, by the dot products of the processor.
//!
//! What is computed is what a device computes with [`wta_core::Int8Pipeline`], to the bit: the numbers are
//! those of the `model.wta` that [`export`](crate::export) makes, and sums of integers have no rounding.
//! Samples are preprocessed as on the device, in `f32`, with the bits of scalar kernels.
//!
//! ```text
//! samples -> preprocessed, in steps (i16) -> maps of bytes, layer by layer -> pooled -> next in the stack
//!         -> features (bytes x scale) or sums of the classifier (x scale of the class)
//! ```

mod compare;
mod encoder;
mod inputs;
mod layer;
mod pooled;
mod predictor;
mod scores;
mod stage;

pub use compare::{Comparison, compare};
pub use encoder::Int8Encoder;
pub use predictor::Int8Predictor;
pub(crate) use stage::{Given, Int8Stage, TOGETHER};
