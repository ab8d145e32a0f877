//! From `f32` to 8-bit integers, and what that costs in labels.

mod calibrate;
mod compare;
mod network;

pub use compare::{Comparison, compare};
pub use network::{Quantized, QuantizedLayer, QuantizedSvm};
