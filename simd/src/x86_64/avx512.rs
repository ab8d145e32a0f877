//! AVX-512 (foundation): 16 lanes, 32 registers.

use core::arch::x86_64::*;

use wta_core::{
    AdamUpdate, Cut, Filters, OutputLayout, ReceptiveFields, Result, Scalar, Screened, SgdUpdate, Tiling,
};

use crate::vector::{MAX_LANES, Vector};

/// Kernels in AVX-512. A value proves that the processor has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx512 {
    _proof: (),
}

impl Avx512 {
    /// The kernels, if the processor can run them.
    pub fn new() -> Option<Self> {
        available().then_some(Self { _proof: () })
    }
}

#[cfg(feature = "std")]
fn available() -> bool {
    std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("fma")
}

#[cfg(not(feature = "std"))]
fn available() -> bool {
    cfg!(all(target_feature = "avx512f", target_feature = "fma"))
}

// A tile of 14 positions by 2 registers: 28 sums, 2 weights and 1 broadcast fill 31 of the 32 registers, and
// two tiles make a row of a 28 x 28 image.
implement_kernels!(Avx512, __m512, 14, 4, 12 x 2, "avx512f,fma");
implement_peak!(Avx512, __m512, 24, "avx512f,fma");

// SAFETY: the intrinsics do what the trait says, on 16 lanes; unaligned forms are used for memory.
unsafe impl Vector for __m512 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the trait's contract: AVX-512 is enabled. So for all below.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller gives 16 readable numbers.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller gives 16 writable numbers.
        unsafe { _mm512_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: AVX-512 is enabled.
        unsafe { _mm512_fmadd_ps(self, b, c) }
    }

    #[inline(always)]
    unsafe fn fused(a: f32, b: f32, c: f32) -> f32 {
        // SAFETY: FMA is enabled.
        unsafe { _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c))) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: AVX-512 is enabled.
        unsafe { _mm512_add_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        // SAFETY: AVX-512 is enabled.
        unsafe { _mm512_sub_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        // SAFETY: AVX-512 is enabled.
        unsafe { _mm512_mul_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        // SAFETY: AVX-512 is enabled.
        unsafe { _mm512_div_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: AVX-512 is enabled.
        unsafe { _mm512_sqrt_ps(self) }
    }

    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        // SAFETY: AVX-512 is enabled. The instruction gives its second operand where either is not a number.
        unsafe { _mm512_max_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: AVX-512 is enabled; the shuffles bring the upper half of what is left down.
        unsafe {
            let eight = _mm512_add_ps(self, _mm512_shuffle_f32x4::<0b01_00_11_10>(self, self));
            let four = _mm512_add_ps(eight, _mm512_shuffle_f32x4::<0b10_11_00_01>(eight, eight));
            let four = _mm512_castps512_ps128(four);
            let pair = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(pair, _mm_shuffle_ps::<1>(pair, pair)))
        }
    }

    #[inline(always)]
    unsafe fn compete(self, position: u32, values: *mut f32, positions: *mut u32) {
        // SAFETY: the caller gives 16 values and 16 positions; masked stores touch the winners only.
        unsafe {
            let wins = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self, _mm512_loadu_ps(values));
            if wins != 0 {
                _mm512_mask_storeu_ps(values, wins, self);
                _mm512_mask_storeu_epi32(positions.cast(), wins, _mm512_set1_epi32(position as i32));
            }
        }
    }

    #[inline(always)]
    unsafe fn largest_below(from: *const f32, vectors: usize, bound: f32) -> f32 {
        // SAFETY: the caller gives the vectors.
        unsafe {
            let (bound, mut largest) = (_mm512_set1_ps(bound), _mm512_setzero_ps());
            for vector in 0..vectors {
                let numbers = _mm512_loadu_ps(from.add(vector * 16));
                let below = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(numbers, bound);
                largest = _mm512_mask_max_ps(largest, below, numbers, largest);
            }
            _mm512_reduce_max_ps(largest)
        }
    }

    #[inline(always)]
    unsafe fn at_least(from: *const f32, least: f32) -> u32 {
        // SAFETY: the caller gives 16 numbers.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GE_OQ>(_mm512_loadu_ps(from), _mm512_set1_ps(least)).into() }
    }

    #[inline(always)]
    unsafe fn count_at_least(
        from: *const f32,
        rows: usize,
        stride: usize,
        bits: &[u32; MAX_LANES],
    ) -> [u32; MAX_LANES] {
        // SAFETY: the caller gives `rows` rows of 16 numbers. A positive number's bits are a positive
        // integer; a negative number's are negative and so below all patterns.
        unsafe {
            let patterns = _mm512_loadu_si512(bits.as_ptr().cast());
            let mut sum = _mm512_setzero_si512();
            for row in 0..rows {
                let numbers = _mm512_loadu_si512(from.add(row * stride).cast());
                let at_least = _mm512_cmpge_epi32_mask(numbers, patterns);
                sum = _mm512_mask_add_epi32(sum, at_least, sum, _mm512_set1_epi32(1));
            }
            let mut counts = [0; MAX_LANES];
            _mm512_storeu_si512(counts.as_mut_ptr().cast(), sum);
            counts
        }
    }
}
