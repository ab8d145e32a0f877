//! From `f32` to 8-bit integers, and how many labels that changes.

mod calibrate;
mod compare;
mod network;

pub use compare::{Comparison, compare};
pub(in crate::export) use network::rounded;
pub use network::{Quantized, QuantizedFilters, QuantizedSvm};
