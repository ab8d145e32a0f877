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
/// Four partial sums hide the latency of the additions; their order is fixed. The indices must be below
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
/// The indices must be below `weights.len()`, which [`Rows`](super::Rows) guarantees.
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

#[inline(always)]
fn add_scaled(sum: &mut Lanes, factor: f32, x: &Lanes) {
    for l in 0..LANES {
        sum[l] += factor * x[l];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weights and a row of `nonzeros` values whose sums are exact in `f32`.
    fn example(nonzeros: usize) -> (Vec<Lanes>, Vec<Entry>) {
        let weights = (0..40).map(|f| std::array::from_fn(|l| (f * 3 + l * 5) as f32 - 60.0)).collect();
        let entry = |k: usize| Entry { index: 2 * k as u32 + 1, value: k as f32 * 0.5 - 2.0 };
        (weights, (0..nonzeros).map(entry).collect())
    }

    #[test]
    fn dot_is_the_sum_over_nonzeros_for_every_length() {
        for nonzeros in 0..=19 {
            let (weights, row) = example(nonzeros);
            let expected: Lanes =
                std::array::from_fn(|l| row.iter().map(|e| e.value * weights[e.index as usize][l]).sum());
            assert_eq!(row_dot(&weights, &row), expected, "{nonzeros} non-zeros");
        }
    }

    #[test]
    fn axpy_changes_the_rows_features_and_no_others() {
        let (before, row) = example(7);
        let factors = std::array::from_fn(|l| l as f32 - 3.0);
        let mut narrow = before.clone();
        row_axpy(&mut narrow, &row, &factors);
        let mut wide: Vec<WideLanes> = before.iter().map(|w| w.map(f64::from)).collect();
        row_axpy_wide(&mut wide, &row, &factors.map(f64::from));
        for f in 0..before.len() {
            let value = row.iter().find(|e| e.index as usize == f).map_or(0.0, |e| e.value);
            for l in 0..LANES {
                let expected = before[f][l] + value * factors[l];
                assert_eq!(narrow[f][l], expected, "feature {f}, lane {l}");
                assert_eq!(wide[f][l], f64::from(expected), "feature {f}, lane {l}");
            }
        }
    }
}
