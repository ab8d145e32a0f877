//! A register of sums of 32 bits, and what an instruction set does with it.

/// Sums of several filters at one position.
///
/// # Safety
///
/// An implementation does what its functions say. Whoever calls one has the instruction set enabled, and
/// gives memory for all that is read and written.
pub(crate) unsafe trait Sums: Copy {
    /// Filters whose sums are side by side.
    const LANES: usize;

    /// What is taken off an input before it is multiplied: 128 where inputs have to have a sign.
    const OFFSET: i32;

    /// Four weights of each filter.
    type Weights: Copy;

    /// Four inputs of a position.
    type Inputs: Copy;

    /// Reads sums.
    ///
    /// # Safety
    ///
    /// The trait's; so for all below.
    unsafe fn load(from: *const i32) -> Self;

    /// Reads four weights of each filter.
    unsafe fn weights(from: *const i32) -> Self::Weights;

    /// Reads four inputs.
    unsafe fn inputs(from: *const u8) -> Self::Inputs;

    /// Adds four products to each sum, which wraps around.
    unsafe fn add_products(self, weights: Self::Weights, inputs: Self::Inputs) -> Self;

    /// Writes the sums as they are.
    unsafe fn store(self, to: *mut i32);

    /// Writes the activation of each sum: see [`requantise`](wta_core::int8::requantise). Multipliers are not
    /// negative.
    unsafe fn store_activations(self, multipliers: *const i32, to: *mut u8);
}
