//! Kernels that are equal to the scalar ones to the last bit: selections and optimisers.

use proptest::prelude::*;
use wta_core::{AdamUpdate, Cut, Kernels, Random, Result, Scalar, SgdUpdate};

use crate::inputs::Fenced;
use crate::{cases, isas};

/// Numbers of which many are equal, and some are not numbers.
fn with_ties(specials: bool) -> impl Strategy<Value = f32> {
    let ties = prop_oneof![6 => (-4i8..8).prop_map(|v| f32::from(v) * 0.5), 1 => Just(-0.0), 1 => Just(0.0)];
    let rare = prop_oneof![
        Just(f32::NAN),
        Just(f32::INFINITY),
        Just(f32::NEG_INFINITY),
        Just(f32::MAX),
        Just(f32::MIN_POSITIVE / 4.0),
        Just(-f32::MIN_POSITIVE / 4.0),
    ];
    let finite =
        prop_oneof![Just(f32::MAX), Just(f32::MIN_POSITIVE / 4.0), Just(f32::from_bits(1)), -1.0f32..1.0];
    prop_oneof![12 => ties, 1 => if specials { rare.boxed() } else { finite.boxed() }]
}

fn list(specials: bool, len: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(with_ties(specials), len)
}

/// A matrix of `rows` x `width`, and sometimes the beginning of one more row.
fn matrix(specials: bool) -> impl Strategy<Value = (usize, Vec<f32>)> {
    (1usize..70, 0usize..14, 0usize..3).prop_flat_map(move |(width, rows, more)| {
        (Just(width), list(specials, rows * width + more.min(width - 1)))
    })
}

/// Equal bits, so that -0 is not 0; all that are not numbers are the same.
fn expect_same(isa: impl std::fmt::Display, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
        assert!(same, "{isa}, {index}: {found:e} instead of {expected:e}");
    }
}

/// A selection to make: of which matrix, from which column on in how many columns, and how many are kept.
struct Selection {
    width: usize,
    values: Vec<f32>,
    first: usize,
    columns: usize,
    keep: usize,
}

impl Selection {
    fn cuts(&self, kernels: impl Kernels, random: &mut Random) -> Result<Vec<Cut>> {
        let Self { width, ref values, first, columns, keep } = *self;
        let values = Fenced::new(values, random);
        let mut cuts = Fenced::new(&vec![Cut { threshold: 3.0, ties_below: 3 }; columns], random);
        let result = kernels.lifetime_cuts(&values, width, first, keep, &mut cuts);
        cuts.expect_fences();
        // After an error the cuts mean nothing.
        result.map(|()| cuts.to_vec())
    }

    fn expect_same_cuts(&self, seed: u64) {
        let mut random = Random::new(seed);
        let expected = self.cuts(Scalar, &mut random);
        for isa in isas() {
            assert_eq!(self.cuts(isa, &mut random), expected, "{isa}");
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn competition(
        (maps, activations) in matrix(true),
        before in list(true, 70),
        first in 0u32..100_000,
        seed in any::<u64>(),
        afresh in any::<bool>(),
    ) {
        let mut random = Random::new(seed);
        let activations = Fenced::new(&activations, &mut random);
        let before = if afresh { vec![0.0; maps] } else { before[..maps].to_vec() };
        let values = Fenced::new(&before, &mut random);
        let positions = Fenced::new(&vec![0; maps], &mut random);
        let (mut expected_values, mut expected_positions) = (values.to_vec(), positions.to_vec());
        Scalar.compete(&activations, first, &mut expected_values, &mut expected_positions);
        for isa in isas() {
            let (mut values, mut positions) = (values.clone(), positions.clone());
            isa.compete(&activations, first, &mut values, &mut positions);
            expect_same(isa, &values, &expected_values);
            prop_assert_eq!(&*positions, &*expected_positions, "{}", isa);
            values.expect_fences();
            positions.expect_fences();
        }
    }

    #[test]
    fn lifetime_cuts_of_a_range(
        (width, values) in matrix(false),
        share in (0.0f32..1.0, 0.0f32..1.2),
        keep in 1usize..16,
        seed in any::<u64>(),
    ) {
        // At times the range is empty, at times it goes beyond the matrix.
        let first = (share.0 * width as f32) as usize;
        let columns = (share.1 * (width - first) as f32) as usize;
        Selection { width, values: values.clone(), first, columns, keep }.expect_same_cuts(seed);
        Selection { width, values, first: 0, columns: width, keep }.expect_same_cuts(seed);
    }

    #[test]
    fn lifetime_cuts_refuse_the_same_element(
        (width, values) in matrix(true),
        keep in 1usize..16,
        seed in any::<u64>(),
    ) {
        Selection { width, values, first: 0, columns: width, keep }.expect_same_cuts(seed);
    }

    #[test]
    fn maxima(from in list(true, 0..90), to in list(true, 0..90), seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let (from, to) = (Fenced::new(&from, &mut random), Fenced::new(&to, &mut random));
        let mut expected = to.to_vec();
        Scalar.max(&from, &mut expected);
        for isa in isas() {
            let mut found = to.clone();
            isa.max(&from, &mut found);
            expect_same(isa, &found, &expected);
            found.expect_fences();
        }
    }

    /// Slices of unequal lengths are used as far as the shortest goes.
    #[test]
    fn optimisers(
        lengths in (0usize..90, prop::array::uniform4(0usize..3)),
        (rate, decay) in (1e-4f32..1.0, prop_oneof![Just(0.0f32), 1e-4f32..0.1]),
        (beta1, beta2, root) in (0.5f32..0.99, 0.9f32..0.9999, 1.0f32..30.0),
        specials in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let mut draw = |longer: usize, positive: bool| {
            let number = |random: &mut Random| match random.below(20) {
                0 => 0.0,
                1 if specials => f32::NAN,
                2 if specials => f32::INFINITY,
                3 => 1e-30,
                4 if positive => 1e18,
                _ => random.normal(),
            };
            let values: Vec<f32> = (0..lengths.0 + lengths.1[longer]).map(|_| number(&mut random)).collect();
            let sign = |v: f32| if positive { v.abs() } else { v };
            Fenced::new(&values.into_iter().map(sign).collect::<Vec<_>>(), &mut random)
        };
        let (gradient, first) = (draw(0, false), draw(1, false));
        let (second, weights) = (draw(2, true), draw(3, false));

        let sgd = SgdUpdate { rate, momentum: beta1, decay };
        let (mut expected_first, mut expected_weights) = (first.to_vec(), weights.to_vec());
        Scalar.sgd(&sgd, &gradient, &mut expected_first, &mut expected_weights);
        for isa in isas() {
            let (mut first, mut weights) = (first.clone(), weights.clone());
            isa.sgd(&sgd, &gradient, &mut first, &mut weights);
            expect_same(isa, &first, &expected_first);
            expect_same(isa, &weights, &expected_weights);
            [first, weights].iter().for_each(Fenced::expect_fences);
        }

        let adam = AdamUpdate { rate, root, beta1, beta2, epsilon: 1e-8, decay };
        let (mut expected_first, mut expected_second) = (first.to_vec(), second.to_vec());
        let mut expected_weights = weights.to_vec();
        Scalar.adam(&adam, &gradient, &mut expected_first, &mut expected_second, &mut expected_weights);
        for isa in isas() {
            let (mut first, mut second, mut weights) = (first.clone(), second.clone(), weights.clone());
            isa.adam(&adam, &gradient, &mut first, &mut second, &mut weights);
            expect_same(isa, &first, &expected_first);
            expect_same(isa, &second, &expected_second);
            expect_same(isa, &weights, &expected_weights);
            [first, second, weights].iter().for_each(Fenced::expect_fences);
        }
    }
}
