//! The hot loops of `wta-core` in vector instructions.
//!
//! ```
//! use wta_core::Kernels;
//! use wta_simd::Isa;
//!
//! let isa = Isa::detect();
//! // The larger of two numbers, element by element: how feature maps are pooled.
//! let mut pooled = [1.0, 5.0, 2.0];
//! isa.max(&[4.0, 3.0, 2.5], &mut pooled);
//! assert_eq!(pooled, [4.0, 5.0, 2.5], "with {isa}");
//! ```
//!
//! [`Isa`] is the choice: `Isa::detect()` for the fastest instruction set of the processor, or one by name.
//! It implements [`Kernels`](wta_core::Kernels), so everything in the core takes it.
//!
//! The algorithms are written once, in `generic`, over the minimal `Vector` trait. An ISA's module implements
//! that trait for its register, and turns the generic functions into kernels compiled with its
//! `#[target_feature]`s. An ISA's token (such as `Avx2`) can only be had where the processor has it, which is
//! what makes calling those kernels sound. Only this crate and the C interface have `unsafe`.
//!
//! On microcontrollers with DSP instructions (Cortex-M4, M7) there is `Dsp`, the kernels of quantised
//! inference, which give the same bits everywhere.
//!
//! Between ISAs results differ by rounding (sums are in other orders, and fused): the tests state how much.
//! The selections and the optimisers' updates are exact on all of them.

#![no_std]
#![deny(missing_docs)]

#[cfg(feature = "std")]
extern crate std;

#[cfg_attr(
    not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))),
    allow(dead_code)
)]
mod generic;
#[cfg_attr(
    not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))),
    allow(unused_macros)
)]
#[macro_use]
mod kernels_macro;
#[cfg_attr(
    not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))),
    allow(dead_code, unused_macros)
)]
#[macro_use]
mod peak;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod aarch64;
#[cfg(wta_dsp)]
mod arm;
pub mod int8;
mod isa;
mod prefetch;
mod scratch;
pub mod sparse;
#[cfg_attr(
    not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))),
    allow(dead_code)
)]
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub use aarch64::neon::Neon;
#[cfg(wta_dsp)]
pub use arm::dsp::Dsp;
/// The fastest kernels of quantised inference on this target.
#[cfg(wta_dsp)]
pub use arm::dsp::Dsp as Int8Native;
pub use isa::{Isa, UnknownIsa};
pub use prefetch::prefetch;
pub use scratch::DSP_SCRATCH_FILTERS;
/// The fastest kernels of quantised inference on this target.
#[cfg(not(wta_dsp))]
pub use wta_core::int8::Portable as Int8Native;
#[cfg(target_arch = "x86_64")]
pub use x86_64::{avx2::Avx2, avx512::Avx512};
