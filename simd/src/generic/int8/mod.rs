//! Quantised convolutions: bytes times weights of 8 bits, over any register of sums.
//!
//! [`Sums`] is what an instruction set does with a register, as `Vector` is for `f32`.

mod convolve;
mod output;
mod pack;
mod portable;
mod sums;

pub(crate) use convolve::{OnSums, Operands, convolve, fits};
pub(crate) use output::Output;
pub use pack::Int8Filter;
pub(crate) use pack::Packing;
pub(crate) use portable::PortableBytes;
pub(crate) use sums::Sums;
