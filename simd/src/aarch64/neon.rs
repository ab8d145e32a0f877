//! NEON: 4 lanes, 32 registers.

use core::arch::aarch64::*;
use core::ops::Range;

use wta_core::{
    AdamUpdate, Cut, Filters, OutputLayout, ReceptiveFields, Result, Scalar, Screened, SgdUpdate, Tiling,
};

use crate::vector::{MAX_LANES, Vector};

/// Kernels in NEON. A value proves that the processor has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neon {
    _proof: (),
}

impl Neon {
    /// The kernels, if the processor can run them.
    pub fn new() -> Option<Self> {
        available().then_some(Self { _proof: () })
    }
}

#[cfg(feature = "std")]
fn available() -> bool {
    std::arch::is_aarch64_feature_detected!("neon")
}

#[cfg(not(feature = "std"))]
fn available() -> bool {
    cfg!(target_feature = "neon")
}

// A tile of 8 positions by 2 registers: 16 sums, 8 registers of inputs and 4 of weights, so that these can be
// loaded ahead, are 28 of the 32. With 10 positions the compiler spills.
implement_kernels!(Neon, float32x4_t, 8, 3, 6 x 3, "neon");
implement_peak!(Neon, float32x4_t, 16, "neon");

// SAFETY: the intrinsics do what the trait says, on 4 lanes; they need no more alignment than a number has.
unsafe impl Vector for float32x4_t {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the trait's contract: NEON is enabled. So for all below.
        unsafe { vdupq_n_f32(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller gives 4 readable numbers.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller gives 4 writable numbers.
        unsafe { vst1q_f32(to, self) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: NEON is enabled. The instruction adds to its first operand.
        unsafe { vfmaq_f32(c, self, b) }
    }

    // A load of 4 inputs serves 4 weights: the instruction multiplies by one lane as well as by a whole
    // vector.
    #[inline(always)]
    unsafe fn add_products<const M: usize, const N: usize>(
        sums: &mut [[Self; N]; M],
        at: &[*const f32; M],
        inputs: Range<usize>,
        weights: *const f32,
        stride: usize,
    ) {
        let mut weights = weights;
        let mut i = inputs.start;
        // SAFETY: the caller gives the numbers and the weights.
        unsafe {
            while i + 4 <= inputs.end {
                let x = at.map(|at| Self::load(at.add(i)));
                add_lane::<0, M, N>(sums, &x, weights, stride);
                add_lane::<1, M, N>(sums, &x, weights.add(4), stride);
                add_lane::<2, M, N>(sums, &x, weights.add(8), stride);
                add_lane::<3, M, N>(sums, &x, weights.add(12), stride);
                weights = weights.add(4 * Self::LANES);
                i += 4;
            }
            while i < inputs.end {
                let x = at.map(|at| Self::splat(*at.add(i)));
                add_lane::<0, M, N>(sums, &x, weights, stride);
                weights = weights.add(4);
                i += 1;
            }
        }
    }

    #[inline(always)]
    unsafe fn fused(a: f32, b: f32, c: f32) -> f32 {
        // SAFETY: NEON is enabled; the other lane is not used.
        unsafe { vget_lane_f32::<0>(vfma_f32(vdup_n_f32(c), vdup_n_f32(a), vdup_n_f32(b))) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: NEON is enabled.
        unsafe { vaddq_f32(self, b) }
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        // SAFETY: NEON is enabled.
        unsafe { vsubq_f32(self, b) }
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        // SAFETY: NEON is enabled.
        unsafe { vmulq_f32(self, b) }
    }

    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        // SAFETY: NEON is enabled.
        unsafe { vdivq_f32(self, b) }
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: NEON is enabled.
        unsafe { vsqrtq_f32(self) }
    }

    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        // SAFETY: NEON is enabled. Its own maximum gives what is not a number of either operand; a comparison
        // does not hold then, and so the selection gives `b`.
        unsafe { vbslq_f32(vcgtq_f32(self, b), self, b) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: NEON is enabled.
        unsafe {
            let pair = vadd_f32(vget_low_f32(self), vget_high_f32(self));
            vget_lane_f32::<0>(pair) + vget_lane_f32::<1>(pair)
        }
    }

    #[inline(always)]
    unsafe fn compete(self, position: u32, values: *mut f32, positions: *mut u32) {
        // SAFETY: the caller gives 4 values and 4 positions.
        unsafe {
            let best = vld1q_f32(values);
            let wins = vcgtq_f32(self, best);
            if vmaxvq_u32(wins) != 0 {
                vst1q_f32(values, vbslq_f32(wins, self, best));
                let here = vdupq_n_u32(position);
                vst1q_u32(positions, vbslq_u32(wins, here, vld1q_u32(positions)));
            }
        }
    }

    #[inline(always)]
    unsafe fn largest_below(from: *const f32, vectors: usize, bound: f32) -> f32 {
        // SAFETY: the caller gives the vectors.
        unsafe {
            let (bound, zero) = (vdupq_n_f32(bound), vdupq_n_f32(0.0));
            let mut largest = zero;
            for vector in 0..vectors {
                let numbers = vld1q_f32(from.add(vector * 4));
                largest = vmaxq_f32(largest, vbslq_f32(vcltq_f32(numbers, bound), numbers, zero));
            }
            vmaxvq_f32(largest)
        }
    }

    #[inline(always)]
    unsafe fn at_least(from: *const f32, least: f32) -> u32 {
        const BITS: [u32; 4] = [1, 2, 4, 8];
        // SAFETY: the caller gives 4 numbers.
        unsafe {
            let at_least = vcgeq_f32(vld1q_f32(from), vdupq_n_f32(least));
            vaddvq_u32(vandq_u32(at_least, vld1q_u32(BITS.as_ptr())))
        }
    }

    #[inline(always)]
    unsafe fn count_at_least(
        from: *const f32,
        rows: usize,
        stride: usize,
        bits: &[u32; MAX_LANES],
    ) -> [u32; MAX_LANES] {
        // SAFETY: the caller gives `rows` rows of 4 numbers; the arrays hold `MAX_LANES`. A positive number's
        // bits are a positive integer; a negative number's are negative and so below all patterns.
        unsafe {
            let patterns = vreinterpretq_s32_u32(vld1q_u32(bits.as_ptr()));
            let mut sum = vdupq_n_u32(0);
            for row in 0..rows {
                let numbers = vreinterpretq_s32_f32(vld1q_f32(from.add(row * stride)));
                // A comparison gives -1 where it holds.
                sum = vsubq_u32(sum, vcgeq_s32(numbers, patterns));
            }
            let mut counts = [0; MAX_LANES];
            vst1q_u32(counts.as_mut_ptr(), sum);
            counts
        }
    }
}

/// Adds lane `L` of each of `x` times one vector of each of `N` rows of weights, which are `stride` numbers
/// apart.
///
/// # Safety
///
/// `weights` has the vectors, and NEON is enabled.
#[inline(always)]
unsafe fn add_lane<const L: i32, const M: usize, const N: usize>(
    sums: &mut [[float32x4_t; N]; M],
    x: &[float32x4_t; M],
    weights: *const f32,
    stride: usize,
) {
    // SAFETY: the caller gives the weights.
    unsafe {
        for n in 0..N {
            let w = vld1q_f32(weights.add(n * stride));
            for (sums, x) in sums.iter_mut().zip(x) {
                sums[n] = vfmaq_laneq_f32::<L>(sums[n], w, *x);
            }
        }
    }
}
