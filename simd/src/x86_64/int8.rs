//! Dot products of bytes: AVX-512 with VNNI, AVX2 with VNNI, and AVX2 without.

use core::arch::x86_64::*;

use crate::generic::int8::{Packing, Sums};

// Tiles of 24 sums and 14, of 12 and 10, of 8 and 6: with weights and inputs they fill the registers.
implement_bytes!(
    /// AVX-512 with VNNI. A value proves that the processor has it.
    Avx512Vnni, Wide, 12 x 2, 14, is_x86_feature_detected, "avx512f", "avx512vnni"
);
implement_bytes!(
    /// AVX2 with VNNI. A value proves that the processor has it.
    AvxVnni, Half, 6 x 2, 10, is_x86_feature_detected, "avx2", "avxvnni"
);
implement_bytes!(
    /// AVX2 for bytes. A value proves that the processor has it.
    Avx2Bytes, Pairs, 4 x 2, 6, is_x86_feature_detected, "avx2"
);

/// Sixteen sums.
#[derive(Clone, Copy)]
pub(crate) struct Wide(__m512i);

// SAFETY: the intrinsics do what the trait says, on 16 sums; unaligned forms are used for memory.
unsafe impl Sums for Wide {
    const PACKING: Packing = Packing { lanes: 16, taps: 4, offset: 0 };
    const POSITIONS: usize = 1;
    type Weights = __m512i;
    type Inputs = __m512i;

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self {
        // SAFETY: the trait's contract: the instructions are enabled, and memory is given. So for all below.
        unsafe { Self(_mm512_loadu_si512(from.cast())) }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i32) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8, _: *const u8) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn add_products(self, weights: __m512i, inputs: __m512i) -> Self {
        // SAFETY: as above.
        unsafe { Self(_mm512_dpbusd_epi32(self.0, inputs, weights)) }
    }

    #[inline(always)]
    unsafe fn store(self, _: usize, to: *mut i32) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_si512(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn store_activations(self, _: usize, multipliers: *const i32, to: *mut u8) {
        // SAFETY: as above.
        unsafe {
            let multipliers = _mm512_loadu_si512(multipliers.cast());
            let half = _mm512_set1_epi64(1 << 31);
            let even = _mm512_add_epi64(_mm512_mul_epi32(self.0, multipliers), half);
            let odd = _mm512_mul_epi32(_mm512_srli_epi64(self.0, 32), _mm512_srli_epi64(multipliers, 32));
            let odd = _mm512_add_epi64(odd, half);
            // The upper halves: those of even lanes move down, those of odd lanes are in their places.
            let rounded = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
            let positive = _mm512_max_epi32(rounded, _mm512_setzero_si512());
            _mm_storeu_si128(to.cast(), _mm512_cvtusepi32_epi8(positive));
        }
    }
}

/// Eight sums, by dot products.
#[derive(Clone, Copy)]
pub(crate) struct Half(__m256i);

/// Eight sums, by pairs of 16 bits.
#[derive(Clone, Copy)]
pub(crate) struct Pairs(__m256i);

/// What both kinds of eight sums do alike.
macro_rules! eight_sums {
    () => {
        #[inline(always)]
        unsafe fn load(from: *const i32) -> Self {
            // SAFETY: the trait's contract: the instructions are enabled, and memory is given. So for all.
            unsafe { Self(_mm256_loadu_si256(from.cast())) }
        }

        #[inline(always)]
        unsafe fn store(self, _: usize, to: *mut i32) {
            // SAFETY: as above.
            unsafe { _mm256_storeu_si256(to.cast(), self.0) }
        }

        #[inline(always)]
        unsafe fn store_activations(self, _: usize, multipliers: *const i32, to: *mut u8) {
            // SAFETY: as above.
            unsafe {
                let multipliers = _mm256_loadu_si256(multipliers.cast());
                let half = _mm256_set1_epi64x(1 << 31);
                let even = _mm256_add_epi64(_mm256_mul_epi32(self.0, multipliers), half);
                let odd = _mm256_mul_epi32(_mm256_srli_epi64(self.0, 32), _mm256_srli_epi64(multipliers, 32));
                let odd = _mm256_add_epi64(odd, half);
                // The upper halves: those of even lanes move down, those of odd lanes are in their places.
                let rounded = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
                // Saturating twice cuts at 0 and 255: a number beyond 16 bits is at the end of them first.
                let words =
                    _mm_packs_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
                _mm_storel_epi64(to.cast(), _mm_packus_epi16(words, words));
            }
        }
    };
}

// SAFETY: the intrinsics do what the trait says, on 8 sums; unaligned forms are used for memory.
unsafe impl Sums for Half {
    const PACKING: Packing = Packing { lanes: 8, taps: 4, offset: 0 };
    const POSITIONS: usize = 1;
    type Weights = __m256i;
    type Inputs = __m256i;

    eight_sums!();

    #[inline(always)]
    unsafe fn weights(from: *const i32) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8, _: *const u8) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn add_products(self, weights: __m256i, inputs: __m256i) -> Self {
        // SAFETY: as above.
        unsafe { Self(_mm256_dpbusd_avx_epi32(self.0, inputs, weights)) }
    }
}

// SAFETY: the intrinsics do what the trait says, on 8 sums; unaligned forms are used for memory.
unsafe impl Sums for Pairs {
    const PACKING: Packing = Packing { lanes: 8, taps: 4, offset: 0 };
    const POSITIONS: usize = 1;
    /// Weights 0 and 2 of a word in 16 bits each, and weights 1 and 3.
    type Weights = [__m256i; 2];
    /// Inputs likewise.
    type Inputs = [__m256i; 2];

    eight_sums!();

    #[inline(always)]
    unsafe fn weights(from: *const i32) -> [__m256i; 2] {
        // SAFETY: as above.
        unsafe {
            let words = _mm256_loadu_si256(from.cast());
            [_mm256_srai_epi16(_mm256_slli_epi16(words, 8), 8), _mm256_srai_epi16(words, 8)]
        }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8, _: *const u8) -> [__m256i; 2] {
        // SAFETY: as above.
        unsafe {
            let word = from.cast::<u32>().read_unaligned();
            let pair = |word: u32| _mm256_set1_epi32((word & 0x00ff_00ff) as i32);
            [pair(word), pair(word >> 8)]
        }
    }

    #[inline(always)]
    unsafe fn add_products(self, weights: [__m256i; 2], inputs: [__m256i; 2]) -> Self {
        let ([a, b], [x, y]) = (weights, inputs);
        // Saturating dot products of bytes lose large sums; those of 16 bits are exact.
        // SAFETY: as above.
        unsafe {
            let both = _mm256_add_epi32(_mm256_madd_epi16(a, x), _mm256_madd_epi16(b, y));
            Self(_mm256_add_epi32(self.0, both))
        }
    }
}
