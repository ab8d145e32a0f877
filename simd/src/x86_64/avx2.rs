//! AVX2 and FMA: 8 lanes, 16 registers.

use core::arch::x86_64::*;

use wta_core::{
    AdamUpdate, Cut, Filters, OutputLayout, ReceptiveFields, Result, Scalar, Screened, SgdUpdate, Tiling,
};

use crate::vector::{MAX_LANES, Vector};

/// Kernels in AVX2 and FMA. A value proves that the processor has both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2 {
    _proof: (),
}

impl Avx2 {
    /// The kernels, if the processor can run them.
    pub fn new() -> Option<Self> {
        available().then_some(Self { _proof: () })
    }
}

#[cfg(feature = "std")]
fn available() -> bool {
    std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")
}

#[cfg(not(feature = "std"))]
fn available() -> bool {
    cfg!(all(target_feature = "avx2", target_feature = "fma"))
}

// A tile of 6 positions by 2 registers: 12 sums, 2 weights and 1 broadcast fill 15 of the 16 registers.
implement_kernels!(Avx2, __m256, 6, 2, 6 x 2, "avx2,fma");
implement_peak!(Avx2, __m256, 12, "avx2,fma");

// SAFETY: the intrinsics do what the trait says, on 8 lanes; unaligned forms are used for memory.
unsafe impl Vector for __m256 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the trait's contract: AVX2 is enabled. So for all below.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller gives 8 readable numbers.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller gives 8 writable numbers.
        unsafe { _mm256_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: FMA is enabled.
        unsafe { _mm256_fmadd_ps(self, b, c) }
    }

    #[inline(always)]
    unsafe fn fused(a: f32, b: f32, c: f32) -> f32 {
        // SAFETY: FMA is enabled.
        unsafe { _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c))) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: AVX is enabled.
        unsafe { _mm256_add_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        // SAFETY: AVX is enabled.
        unsafe { _mm256_sub_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        // SAFETY: AVX is enabled.
        unsafe { _mm256_mul_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        // SAFETY: AVX is enabled.
        unsafe { _mm256_div_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: AVX is enabled.
        unsafe { _mm256_sqrt_ps(self) }
    }

    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        // SAFETY: AVX is enabled. The instruction gives its second operand where either is not a number.
        unsafe { _mm256_max_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: AVX is enabled.
        unsafe {
            let quad = _mm_add_ps(_mm256_castps256_ps128(self), _mm256_extractf128_ps::<1>(self));
            let pair = _mm_add_ps(quad, _mm_movehl_ps(quad, quad));
            _mm_cvtss_f32(_mm_add_ss(pair, _mm_shuffle_ps::<1>(pair, pair)))
        }
    }

    #[inline(always)]
    unsafe fn compete(self, position: u32, values: *mut f32, positions: *mut u32) {
        // SAFETY: the caller gives 8 values and 8 positions.
        unsafe {
            let best = _mm256_loadu_ps(values);
            let wins = _mm256_cmp_ps::<_CMP_GT_OQ>(self, best);
            if _mm256_movemask_ps(wins) != 0 {
                _mm256_storeu_ps(values, _mm256_blendv_ps(best, self, wins));
                let here = _mm256_set1_epi32(position as i32);
                _mm256_maskstore_epi32(positions.cast(), _mm256_castps_si256(wins), here);
            }
        }
    }

    #[inline(always)]
    unsafe fn largest_below(from: *const f32, vectors: usize, bound: f32) -> f32 {
        // SAFETY: the caller gives the vectors.
        unsafe {
            let (bound, mut largest) = (_mm256_set1_ps(bound), _mm256_setzero_ps());
            for vector in 0..vectors {
                let numbers = _mm256_loadu_ps(from.add(vector * 8));
                // All bits are set where it holds: other numbers become 0.
                let below = _mm256_cmp_ps::<_CMP_LT_OQ>(numbers, bound);
                largest = _mm256_max_ps(_mm256_and_ps(numbers, below), largest);
            }
            let quad = _mm_max_ps(_mm256_castps256_ps128(largest), _mm256_extractf128_ps::<1>(largest));
            let pair = _mm_max_ps(quad, _mm_movehl_ps(quad, quad));
            _mm_cvtss_f32(_mm_max_ss(pair, _mm_shuffle_ps::<1>(pair, pair)))
        }
    }

    #[inline(always)]
    unsafe fn at_least(from: *const f32, least: f32) -> u32 {
        // SAFETY: the caller gives 8 numbers.
        unsafe {
            let at_least = _mm256_cmp_ps::<_CMP_GE_OQ>(_mm256_loadu_ps(from), _mm256_set1_ps(least));
            _mm256_movemask_ps(at_least).cast_unsigned()
        }
    }

    #[inline(always)]
    unsafe fn count_at_least(
        from: *const f32,
        rows: usize,
        stride: usize,
        bits: &[u32; MAX_LANES],
    ) -> [u32; MAX_LANES] {
        // SAFETY: the caller gives `rows` rows of 8 numbers; the arrays hold `MAX_LANES`. A positive number's
        // bits are a positive integer; a negative number's are negative and so below all patterns.
        unsafe {
            let patterns = _mm256_loadu_si256(bits.as_ptr().cast());
            let mut less = _mm256_setzero_si256();
            for row in 0..rows {
                let numbers = _mm256_loadu_si256(from.add(row * stride).cast());
                // A comparison gives -1 where it holds.
                less = _mm256_add_epi32(less, _mm256_cmpgt_epi32(patterns, numbers));
            }
            let mut counts = [0; MAX_LANES];
            let all = _mm256_set1_epi32(rows as i32);
            _mm256_storeu_si256(counts.as_mut_ptr().cast(), _mm256_add_epi32(all, less));
            counts
        }
    }
}
