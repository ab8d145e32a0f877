//! Quantised convolutions on hosts: bytes times weights of 8 bits, by the dot products of the processor.
//!
//! Devices compute a network row by row ([`wta_core::int8`]). A host holds whole maps, of bytes, and many
//! images; [`Int8Isa::convolve`] has the numbers of [`Int8Kernels`](wta_core::int8::Int8Kernels) for all
//! positions at once, bit for bit. A fully-connected layer is a convolution too: each image is a position.
//!
//! | | products of an instruction |
//! | --- | ---: |
//! | AVX-512 with VNNI | 64 |
//! | AVX2 with VNNI | 32 |
//! | AVX2 | 32 by four |
//! | NEON with dot products (`SDOT`) | 16 |
//! | NEON | 8 by two |

mod convolve;
mod isa;
pub(crate) mod output;
mod pack;
mod portable;
pub(crate) mod sums;

pub(crate) use convolve::{Operands, convolve};
pub use isa::Int8Isa;
pub(crate) use isa::OnSums;

/// A filter of a quantised layer.
#[derive(Clone, Copy, Debug)]
pub struct Int8Filter<W> {
    /// Its weights in their order, row by row of the field. Missing ones are 0.
    pub weights: W,
    /// Where its sum starts.
    pub bias: i32,
    /// What turns its sum into an activation: see [`requantise`](wta_core::int8::requantise). Not negative.
    pub multiplier: i32,
}
