//! Products of bytes: NEON with matrix products (`USMMLA`), with dot products (`SDOT`), and without.

use core::arch::aarch64::*;

use crate::generic::int8::{Packing, Sums};

// 24 registers of sums, or 20 where inputs take more, and 16 or 24 of single blocks: with weights and inputs
// they fill the registers.
implement_bytes!(
    /// NEON for bytes. A value proves that the processor has it.
    NeonBytes, Long, 6 x 2, 12, is_aarch64_feature_detected, "neon"
);
implement_bytes!(
    /// NEON with dot products (`SDOT`). A value proves that the processor has them.
    Dot, Dots, 6 x 4, 16, is_aarch64_feature_detected, "neon", "dotprod"
);
implement_bytes!(
    /// NEON with matrix products (`USMMLA`). A value proves that the processor has them.
    Matrix, Squares, 10 x 2, 16, is_aarch64_feature_detected, "neon", "i8mm"
);

/// Four sums, by products of 16 bits: each in two halves side by side, which are added in the end.
#[derive(Clone, Copy)]
pub(crate) struct Long([int32x4_t; 2]);

/// Four sums, by dot products.
#[derive(Clone, Copy)]
pub(crate) struct Dots(int32x4_t);

/// Four sums at two positions, by matrix products: two filters at the one position and at the other, and
/// the next two.
#[derive(Clone, Copy)]
pub(crate) struct Squares([int32x4_t; 2]);

/// The activations of four sums.
///
/// # Safety
///
/// As for [`Sums`].
#[inline(always)]
unsafe fn store_activations(sums: int32x4_t, multipliers: *const i32, to: *mut u8) {
    // SAFETY: the caller gives four readable and four writable numbers. NEON is part of the target: so for
    // all below.
    unsafe {
        let multipliers = vld1q_s32(multipliers);
        let low = vmull_s32(vget_low_s32(sums), vget_low_s32(multipliers));
        let high = vmull_high_s32(sums, multipliers);
        let rounded = vcombine_s32(vrshrn_n_s64::<32>(low), vrshrn_n_s64::<32>(high));
        // Saturating twice cuts at 0 and 255.
        let words = vqmovn_s32(rounded);
        let bytes = vqmovun_s16(vcombine_s16(words, words));
        to.cast::<u32>().write_unaligned(vget_lane_u32::<0>(vreinterpret_u32_u8(bytes)));
    }
}

/// What sums of products of bytes with a sign do alike.
macro_rules! signed_bytes {
    () => {
        // Inputs are 128 lower, so that they have a sign, too.
        const PACKING: Packing = Packing { lanes: 4, taps: 4, offset: 128 };
        const POSITIONS: usize = 1;
        type Weights = int8x16_t;
        type Inputs = int8x16_t;

        #[inline(always)]
        unsafe fn weights(from: *const i32) -> int8x16_t {
            // SAFETY: the caller gives four words.
            unsafe { vld1q_s8(from.cast()) }
        }

        /// Four inputs, four times.
        #[inline(always)]
        unsafe fn inputs(from: *const u8, _: *const u8) -> int8x16_t {
            // SAFETY: the caller gives four readable numbers.
            unsafe {
                let word = from.cast::<u32>().read_unaligned();
                vreinterpretq_s8_u32(vdupq_n_u32(word ^ 0x8080_8080))
            }
        }
    };
}

// SAFETY: the functions do what the trait says, on 4 sums.
unsafe impl Sums for Long {
    signed_bytes!();

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self {
        // SAFETY: the caller gives four readable numbers.
        unsafe {
            let (sums, nothing) = (vld1q_s32(from), vdupq_n_s32(0));
            Self([vzip1q_s32(sums, nothing), vzip2q_s32(sums, nothing)])
        }
    }

    #[inline(always)]
    unsafe fn add_products(self, weights: int8x16_t, inputs: int8x16_t) -> Self {
        let Self([low, high]) = self;
        // A product of two bytes fits in 16 bits; pairs of them are added in 32.
        // SAFETY: NEON is part of the target.
        unsafe {
            Self([
                vpadalq_s16(low, vmull_s8(vget_low_s8(weights), vget_low_s8(inputs))),
                vpadalq_s16(high, vmull_high_s8(weights, inputs)),
            ])
        }
    }

    #[inline(always)]
    unsafe fn store(self, _: usize, to: *mut i32) {
        let Self([low, high]) = self;
        // SAFETY: the caller gives four writable numbers.
        unsafe { vst1q_s32(to, vpaddq_s32(low, high)) }
    }

    #[inline(always)]
    unsafe fn store_activations(self, _: usize, multipliers: *const i32, to: *mut u8) {
        let Self([low, high]) = self;
        // SAFETY: the caller's.
        unsafe { store_activations(vpaddq_s32(low, high), multipliers, to) }
    }
}

// SAFETY: the functions do what the trait says, on 4 sums.
unsafe impl Sums for Dots {
    signed_bytes!();

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self {
        // SAFETY: the caller gives four readable numbers.
        unsafe { Self(vld1q_s32(from)) }
    }

    #[inline(always)]
    unsafe fn add_products(mut self, weights: int8x16_t, inputs: int8x16_t) -> Self {
        // The intrinsic is not stable yet.
        // SAFETY: the instruction is there, as the trait says; it touches its operands alone.
        unsafe {
            core::arch::asm!(
                "sdot {sums:v}.4s, {weights:v}.16b, {inputs:v}.16b",
                sums = inout(vreg) self.0,
                weights = in(vreg) weights,
                inputs = in(vreg) inputs,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        self
    }

    #[inline(always)]
    unsafe fn store(self, _: usize, to: *mut i32) {
        // SAFETY: the caller gives four writable numbers.
        unsafe { vst1q_s32(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_activations(self, _: usize, multipliers: *const i32, to: *mut u8) {
        // SAFETY: the caller's.
        unsafe { store_activations(self.0, multipliers, to) }
    }
}

impl Squares {
    /// The sums of a position.
    ///
    /// # Safety
    ///
    /// As for [`Sums`].
    #[inline(always)]
    unsafe fn at(self, position: usize) -> int32x4_t {
        let Self([low, high]) = self;
        // SAFETY: NEON is part of the target.
        unsafe {
            match position {
                0 => vcombine_s32(vget_low_s32(low), vget_low_s32(high)),
                _ => vcombine_s32(vget_high_s32(low), vget_high_s32(high)),
            }
        }
    }
}

// SAFETY: the functions do what the trait says, on 4 sums at two positions.
unsafe impl Sums for Squares {
    const PACKING: Packing = Packing { lanes: 4, taps: 8, offset: 0 };
    const POSITIONS: usize = 2;
    /// Eight weights of two filters each.
    type Weights = [int8x16_t; 2];
    /// Eight inputs of two positions.
    type Inputs = uint8x16_t;

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self {
        // SAFETY: the caller gives four readable numbers.
        unsafe {
            let sums = vld1q_s32(from);
            let (low, high) = (vget_low_s32(sums), vget_high_s32(sums));
            Self([vcombine_s32(low, low), vcombine_s32(high, high)])
        }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i32) -> [int8x16_t; 2] {
        // SAFETY: the caller gives four units of two words.
        unsafe { [vld1q_s8(from.cast()), vld1q_s8(from.add(4).cast())] }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8, second: *const u8) -> uint8x16_t {
        // SAFETY: the caller gives eight readable numbers of each.
        unsafe { vcombine_u8(vld1_u8(from), vld1_u8(second)) }
    }

    #[inline(always)]
    unsafe fn add_products(mut self, weights: [int8x16_t; 2], inputs: uint8x16_t) -> Self {
        for (sums, weights) in self.0.iter_mut().zip(weights) {
            // The intrinsic is not stable yet.
            // SAFETY: the instruction is there, as the trait says; it touches its operands alone.
            unsafe {
                core::arch::asm!(
                    "usmmla {sums:v}.4s, {inputs:v}.16b, {weights:v}.16b",
                    sums = inout(vreg) *sums,
                    inputs = in(vreg) inputs,
                    weights = in(vreg) weights,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
        }
        self
    }

    #[inline(always)]
    unsafe fn store(self, position: usize, to: *mut i32) {
        // SAFETY: the caller gives four writable numbers.
        unsafe { vst1q_s32(to, self.at(position)) }
    }

    #[inline(always)]
    unsafe fn store_activations(self, position: usize, multipliers: *const i32, to: *mut u8) {
        // SAFETY: the caller's.
        unsafe { store_activations(self.at(position), multipliers, to) }
    }
}
