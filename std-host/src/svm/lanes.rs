//! Sparse rows and the weights of eight classes at once.
//!
//! Weights are interleaved by class, one [`Lanes`] per feature, so that each non-zero of a row costs one
//! vector operation for all classes. The hot loops are in [`wta_simd::sparse`]; all instruction sets compute
//! the same bits.

pub use wta_simd::sparse::{Entry, LANES, Lanes};

/// One `f64` for each class of a group, for sums over many rows.
pub type WideLanes = [f64; LANES];

/// Adds one sparse row, times the factor of each lane, to `weights` (`[feature][lane]`) in double precision.
/// This rebuilds the weights from the dual variables without accumulated rounding.
///
/// The indices must be below `weights.len()`, which [`Rows`](super::Rows) guarantees.
#[inline]
pub fn row_axpy_wide(weights: &mut [WideLanes], row: &[Entry], factors: &WideLanes) {
    for &Entry { index, value } in row {
        let weight = &mut weights[index as usize];
        for l in 0..LANES {
            weight[l] += f64::from(value) * factors[l];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weights and a row of `nonzeros` values that `f32` adds up without rounding.
    fn example(nonzeros: usize) -> (Vec<Lanes>, Vec<Entry>) {
        let weights = (0..40).map(|f| std::array::from_fn(|l| (f * 3 + l * 5) as f32 - 60.0)).collect();
        let entry = |k: usize| Entry { index: 2 * k as u32 + 1, value: k as f32 * 0.5 - 2.0 };
        (weights, (0..nonzeros).map(entry).collect())
    }

    #[test]
    fn axpy_changes_the_rows_features_and_no_others() {
        let (before, row) = example(7);
        let factors: WideLanes = std::array::from_fn(|l| l as f64 - 3.0);
        let mut wide: Vec<WideLanes> = before.iter().map(|w| w.map(f64::from)).collect();
        row_axpy_wide(&mut wide, &row, &factors);
        for f in 0..before.len() {
            let value = row.iter().find(|e| e.index as usize == f).map_or(0.0, |e| e.value);
            for l in 0..LANES {
                let expected = f64::from(before[f][l]) + f64::from(value) * factors[l];
                assert_eq!(wide[f][l], expected, "feature {f}, lane {l}");
            }
        }
    }
}
