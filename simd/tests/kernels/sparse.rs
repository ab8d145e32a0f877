//! Sparse rows: the same bits on every instruction set, nothing outside the weights.

use proptest::prelude::*;
use wta_core::Random;
use wta_simd::Isa;
use wta_simd::sparse::{Entry, LANES, Lanes};

use crate::inputs::{Fenced, Kind, kinds};
use crate::{cases, isas};

/// Weights of `features` features, and a row with an entry for about one in `gap` of them; a few of the
/// indices lie just beyond the weights.
fn example(features: usize, gap: u32, kind: Kind, random: &mut Random) -> (Vec<f32>, Vec<Entry>) {
    let weights = kind.draw(features * LANES, random).to_vec();
    let indices: Vec<u32> = (0..features as u32 + 3).filter(|_| random.below(gap) == 0).collect();
    let values = kind.draw(indices.len(), random);
    let row = indices.into_iter().zip(values.iter()).map(|(index, &value)| Entry { index, value });
    (weights, row.collect())
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn sparse_rows(features in 0usize..70, gap in 1u32..5, kind in kinds(), seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let (weights, row) = example(features, gap, kind, &mut random);
        let (lanes, rest) = weights.as_chunks::<LANES>();
        prop_assert!(rest.is_empty());
        let inside = || row.iter().filter(|entry| (entry.index as usize) < features);

        let expected = Isa::Scalar.row_dot(lanes, &row);
        for (l, found) in expected.iter().enumerate() {
            let terms = || inside().map(|e| f64::from(e.value) * f64::from(lanes[e.index as usize][l]));
            let tolerance = 1e-6 * terms().map(f64::abs).sum::<f64>();
            prop_assert!((f64::from(*found) - terms().sum::<f64>()).abs() <= tolerance);
        }
        for isa in isas() {
            prop_assert_eq!(bits(&isa.row_dot(lanes, &row)), bits(&expected), "{}", isa);
        }

        let factors: Lanes = std::array::from_fn(|_| kind.draw(1, &mut random)[0]);
        let mut expected = weights.clone();
        for entry in inside() {
            for l in 0..LANES {
                expected[entry.index as usize * LANES + l] += entry.value * factors[l];
            }
        }
        for isa in isas() {
            let mut found = Fenced::new(&weights, &mut random);
            isa.row_axpy(found.as_chunks_mut().0, &row, &factors);
            found.expect_fences();
            prop_assert_eq!(bits(&found), bits(&expected), "{}", isa);
        }
    }
}
