//! Sparse rows against eight columns of weights at once: the hot loops of the host's SVM trainer.
//!
//! They are plain arithmetic on fixed arrays, compiled for each instruction set, without fused multiply-adds:
//! every instruction set computes the same bits. No register is wider than a row of the weights, so what
//! AVX-512 has beyond AVX2 is of no use here.

use crate::isa::Isa;

/// A non-zero of a sparse row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// The feature.
    pub index: u32,
    /// Its value.
    pub value: f32,
}

/// The columns of a matrix of weights: the width of one AVX register of `f32`.
pub const LANES: usize = 8;

/// One `f32` for each column.
pub type Lanes = [f32; LANES];

impl Isa {
    /// The product of one sparse row and `weights` (`[feature][lane]`).
    ///
    /// Four partial sums hide the latency of the additions; their order is fixed. Non-zeros of features that
    /// `weights` does not have are left out.
    #[inline]
    pub fn row_dot(self, weights: &[Lanes], row: &[Entry]) -> Lanes {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) | Self::Avx512(_) => {
                // SAFETY: both tokens prove AVX2, which AVX-512 (foundation) includes.
                unsafe { dot_avx2(weights, row) }
            }
            _ => dot(weights, row),
        }
    }

    /// Adds one sparse row, times the factor of each lane, to `weights` (`[feature][lane]`).
    ///
    /// Non-zeros of features that `weights` does not have are left out.
    #[inline]
    pub fn row_axpy(self, weights: &mut [Lanes], row: &[Entry], factors: &Lanes) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) | Self::Avx512(_) => {
                // SAFETY: as in `row_dot`.
                unsafe { axpy_avx2(weights, row, factors) }
            }
            _ => axpy(weights, row, factors),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dot_avx2(weights: &[Lanes], row: &[Entry]) -> Lanes {
    dot(weights, row)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn axpy_avx2(weights: &mut [Lanes], row: &[Entry], factors: &Lanes) {
    axpy(weights, row, factors);
}

// Loops and no closures below: what is not inlined would be compiled without the caller's instruction set.

#[inline(always)]
fn dot(weights: &[Lanes], row: &[Entry]) -> Lanes {
    let mut sums = [[0.0f32; LANES]; 4];
    let (quads, rest) = row.as_chunks::<4>();
    for quad in quads {
        for (sum, entry) in sums.iter_mut().zip(quad) {
            if let Some(weights) = weights.get(entry.index as usize) {
                add_scaled(sum, entry.value, weights);
            }
        }
    }
    for entry in rest {
        if let Some(weights) = weights.get(entry.index as usize) {
            add_scaled(&mut sums[0], entry.value, weights);
        }
    }
    let [a, b, c, d] = sums;
    let mut total = [0.0; LANES];
    for l in 0..LANES {
        total[l] = (a[l] + b[l]) + (c[l] + d[l]);
    }
    total
}

#[inline(always)]
fn axpy(weights: &mut [Lanes], row: &[Entry], factors: &Lanes) {
    for entry in row {
        if let Some(weights) = weights.get_mut(entry.index as usize) {
            add_scaled(weights, entry.value, factors);
        }
    }
}

#[inline(always)]
fn add_scaled(sum: &mut Lanes, factor: f32, x: &Lanes) {
    for l in 0..LANES {
        sum[l] += factor * x[l];
    }
}
