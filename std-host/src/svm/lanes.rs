//! The hot loops: one sparse row against the weights of eight classes at once.
//!
//! Weights are interleaved by class, one [`Lanes`] per feature, so that each non-zero of a row costs one vector
//! operation whatever the class. The loops are plain arithmetic on fixed arrays, which LLVM turns into vector
//! instructions; there is no fused multiply-add, so every machine computes the same bits.

/// A non-zero of a sparse row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// The feature.
    pub index: u32,
    /// Its value.
    pub value: f32,
}

/// Classes that are trained in step with one another: the width of one AVX register of `f32`.
pub const LANES: usize = 8;

/// One `f32` for each class of a group; lanes without a class are zero throughout.
pub type Lanes = [f32; LANES];

/// One `f64` for each class of a group, for sums over many rows.
pub type WideLanes = [f64; LANES];

/// Dot products of one sparse row with every lane of `weights` (`[feature][lane]`).
///
/// Four partial sums hide the latency of the additions; their order is fixed. `indices` must be below
/// `weights.len()`, which [`Rows`](super::Rows) guarantees.
#[inline]
pub fn row_dot(weights: &[Lanes], row: &[Entry]) -> Lanes {
    let mut sums = [[0.0f32; LANES]; 4];
    let (quads, rest) = row.as_chunks::<4>();
    for quad in quads {
        for (sum, entry) in sums.iter_mut().zip(quad) {
            add_scaled(sum, entry.value, &weights[entry.index as usize]);
        }
    }
    for entry in rest {
        add_scaled(&mut sums[0], entry.value, &weights[entry.index as usize]);
    }
    let [a, b, c, d] = sums;
    std::array::from_fn(|l| (a[l] + b[l]) + (c[l] + d[l]))
}

/// Adds one sparse row, times the factor of each lane, to `weights` (`[feature][lane]`).
///
/// `indices` must be below `weights.len()`, which [`Rows`](super::Rows) guarantees.
#[inline]
pub fn row_axpy(weights: &mut [Lanes], row: &[Entry], factors: &Lanes) {
    for &Entry { index, value } in row {
        add_scaled(&mut weights[index as usize], value, factors);
    }
}

/// [`row_axpy`] in double precision, to rebuild the weights from the dual variables without accumulated rounding.
#[inline]
pub fn row_axpy_wide(weights: &mut [WideLanes], row: &[Entry], factors: &WideLanes) {
    for &Entry { index, value } in row {
        let weight = &mut weights[index as usize];
        for l in 0..LANES {
            weight[l] += f64::from(value) * factors[l];
        }
    }
}

/// Brings a row into the cache.
#[inline]
pub fn touch(row: &[Entry]) {
    let mut sum = 0u32;
    for line in row.chunks(8) {
        sum = sum.wrapping_add(line[0].index);
    }
    std::hint::black_box(sum);
}

#[inline(always)]
fn add_scaled(sum: &mut Lanes, factor: f32, x: &Lanes) {
    for l in 0..LANES {
        sum[l] += factor * x[l];
    }
}
