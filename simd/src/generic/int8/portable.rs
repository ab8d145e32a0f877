//! Sums for every processor.

use wta_core::int8::requantise;

use crate::generic::int8::convolve::{OnSums, Operands, convolve};
use crate::generic::int8::output::Output;
use crate::generic::int8::pack::Packing;
use crate::generic::int8::sums::Sums;

/// The token of every processor.
#[derive(Clone, Copy)]
pub(crate) struct PortableBytes;

impl OnSums for PortableBytes {
    type Sums = Eight;

    unsafe fn run<O: Output>(self, operands: &Operands<'_>, out: &mut [O]) {
        // SAFETY: the caller has checked that all fits.
        unsafe { convolve::<Eight, O, 2, 2, 2>(operands, out) }
    }
}

/// The sums of eight filters.
pub(crate) type Eight = [i32; 8];

// SAFETY: the functions do what the trait says, on eight sums.
unsafe impl Sums for Eight {
    const PACKING: Packing = Packing { lanes: 8, taps: 4, offset: 0 };
    const POSITIONS: usize = 1;
    type Weights = [[i8; 4]; 8];
    type Inputs = [u8; 4];

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self {
        // SAFETY: the caller gives eight readable numbers.
        unsafe { from.cast::<Self>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i32) -> Self::Weights {
        // SAFETY: the caller gives eight words.
        unsafe { from.cast::<Self::Weights>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8, _: *const u8) -> Self::Inputs {
        // SAFETY: the caller gives four readable numbers.
        unsafe { from.cast::<Self::Inputs>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn add_products(mut self, weights: Self::Weights, inputs: Self::Inputs) -> Self {
        for (sum, weights) in self.iter_mut().zip(weights) {
            let product = |(weight, input): (i8, u8)| i32::from(weight) * i32::from(input);
            *sum = sum.wrapping_add(weights.into_iter().zip(inputs).map(product).sum());
        }
        self
    }

    #[inline(always)]
    unsafe fn store(self, _: usize, to: *mut i32) {
        // SAFETY: the caller gives eight writable numbers.
        unsafe { to.cast::<Self>().write_unaligned(self) }
    }

    #[inline(always)]
    unsafe fn store_activations(self, _: usize, multipliers: *const i32, to: *mut u8) {
        // SAFETY: the caller gives eight readable and eight writable numbers.
        unsafe {
            let multipliers = Self::load(multipliers);
            let mut activations = [0u8; 8];
            for ((to, sum), multiplier) in activations.iter_mut().zip(self).zip(multipliers) {
                *to = requantise(sum, multiplier) as u8;
            }
            to.cast::<[u8; 8]>().write_unaligned(activations);
        }
    }
}
