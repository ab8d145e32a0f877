//! From `f32` to 8-bit integers.

mod calibrate;
mod network;

pub(in crate::export) use network::rounded;
pub use network::{Quantized, QuantizedFilters, QuantizedSvm};
