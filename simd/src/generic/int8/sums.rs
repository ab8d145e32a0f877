//! A register of sums of 32 bits, and what an instruction set does with it.

use crate::generic::int8::pack::Packing;

/// Sums of several filters, at one position or at two.
///
/// # Safety
///
/// An implementation does what its functions say. Whoever calls one has the instruction set enabled, and
/// gives memory for all that is read and written.
pub(crate) unsafe trait Sums: Copy {
    /// Filters, and how their weights lie.
    const PACKING: Packing;

    /// Positions whose sums it has.
    const POSITIONS: usize;

    /// A unit of each filter.
    type Weights: Copy;

    /// As many inputs of each position as a unit has taps.
    type Inputs: Copy;

    /// Reads sums: the same for all positions.
    ///
    /// # Safety
    ///
    /// The trait's; so for all below.
    unsafe fn load(from: *const i32) -> Self;

    /// Reads a unit of each filter.
    unsafe fn weights(from: *const i32) -> Self::Weights;

    /// Reads inputs of a position, and of a second one where there are two.
    unsafe fn inputs(from: *const u8, second: *const u8) -> Self::Inputs;

    /// Adds the products of a unit to each sum, which wraps around.
    unsafe fn add_products(self, weights: Self::Weights, inputs: Self::Inputs) -> Self;

    /// Writes the sums of a position as they are.
    unsafe fn store(self, position: usize, to: *mut i32);

    /// Writes the activation of each sum of a position: see [`requantise`](wta_core::int8::requantise).
    /// Multipliers are not negative.
    unsafe fn store_activations(self, position: usize, multipliers: *const i32, to: *mut u8);
}
