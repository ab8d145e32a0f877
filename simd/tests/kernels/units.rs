//! Fully-connected units and combinations of rows.

use proptest::prelude::*;
use wta_core::{Kernels, Random, ReceptiveFields, Scalar, cut};
use wta_simd::Isa;

use crate::inputs::{Fenced, Kind, kinds};
use crate::{cases, isas};

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Numbers of inputs, few and many.
fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![1usize..60, 100usize..300]
}

/// So many of a matrix's rows; with `beyond`, two more that it does not have.
fn listed(rows: usize, count: usize, beyond: bool, random: &mut Random) -> Vec<u32> {
    let mut list: Vec<u32> = (0..count).map(|_| random.below(rows as u32)).collect();
    if beyond {
        list.push(rows as u32 + random.below(3));
        list.push(u32::MAX);
    }
    list
}

/// Rows of candidates, with ties or hardly ever two equal ones.
fn rows() -> impl Strategy<Value = Vec<f32>> {
    prop_oneof![
        prop::collection::vec(
            prop_oneof![
                8 => (-2i8..6).prop_map(|v| f32::from(v) * 0.5),
                4 => -1.0f32..2.0,
                1 => Just(f32::MAX),
                1 => Just(f32::from_bits(1)),
                1 => Just(-0.0f32),
            ],
            0..140,
        ),
        prop::collection::vec(-1.0f32..2.0, 0..140),
    ]
}

proptest! {
    #![proptest_config(cases(120))]

    /// Whole numbers are summed exactly, so that all instruction sets agree to the bit; what is beyond the
    /// batch is padding.
    #[test]
    fn activations(
        (inputs, units, images) in (lengths(), 1usize..40, 1usize..130),
        kind in kinds(),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let weights = kind.draw(units * inputs, &mut random);
        let bias = kind.draw(units, &mut random);
        let batch = kind.draw(images * inputs, &mut random);
        let mut expected = vec![0.0; units * images];
        Scalar.unit_activations(&weights, &bias, &batch, &[], &mut expected);
        for isa in isas() {
            let mut prepared = Fenced::new(&vec![f32::NAN; isa.prepared_len(images, inputs)], &mut random);
            isa.prepare(&batch, inputs, &mut prepared);
            prepared.expect_fences();
            let width = images.next_multiple_of(isa.panel_maps());
            let mut found = Fenced::new(&vec![f32::NAN; units * width], &mut random);
            isa.unit_activations(&weights, &bias, &batch, &prepared, &mut found);
            found.expect_fences();
            let mut alone = vec![f32::NAN; width];
            for (unit, (found, expected)) in found.chunks(width).zip(expected.chunks(images)).enumerate() {
                for (found, expected) in found.iter().zip(expected) {
                    let tolerance = if kind == Kind::Whole { 0.0 } else { 1e-5 * (1.0 + inputs as f32) };
                    prop_assert!((found - expected).abs() <= tolerance, "{isa}: {found}, {expected}");
                }
                // A unit's row does not depend on the units beside it.
                let weights = &weights[unit * inputs..(unit + 1) * inputs];
                isa.unit_activations(weights, &bias[unit..=unit], &batch, &prepared, &mut alone);
                prop_assert_eq!(bits(&found[..images]), bits(&alone[..images]), "{}", isa);
                // Without the ReLU, what is positive is the same.
                isa.linear(weights, &bias[unit..=unit], &batch, &prepared, &mut alone);
                let rectified: Vec<f32> = alone[..images].iter().map(|sum| sum.max(0.0)).collect();
                prop_assert_eq!(&rectified[..], &found[..images], "{}", isa);
            }
        }
    }

    /// A sum of products is the same combination of rows, to the bit: of the images' columns.
    #[test]
    fn sums_are_combinations(
        (inputs, units, images) in (lengths(), 1usize..20, 1usize..70),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let mut draw = |len: usize| -> Vec<f32> { (0..len).map(|_| random.normal()).collect() };
        let (weights, batch) = (draw(units * inputs), draw(images * inputs));
        let columns: Vec<f32> =
            (0..inputs).flat_map(|input| batch.iter().skip(input).step_by(inputs).copied()).collect();
        let all: Vec<u32> = (0..inputs as u32).collect();
        for isa in isas() {
            let mut prepared = vec![f32::NAN; isa.prepared_len(images, inputs)];
            isa.prepare(&batch, inputs, &mut prepared);
            let width = images.next_multiple_of(isa.panel_maps());
            let mut sums = vec![f32::NAN; units * width];
            isa.linear(&weights, &vec![0.0; units], &batch, &prepared, &mut sums);
            for (sums, weights) in sums.chunks(width).zip(weights.chunks(inputs)) {
                let mut combined = vec![0.0; images];
                isa.weighted_row_sum(weights, &all, &columns, images, &mut combined);
                prop_assert_eq!(bits(&sums[..images]), bits(&combined), "{}", isa);
            }
        }
    }

    #[test]
    fn combinations(
        (rows, len, gap, count) in (1usize..20, 0usize..200, 0usize..5, 0usize..12),
        (kind, beyond) in (kinds(), any::<bool>()),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let stride = len + gap;
        let matrix = kind.draw((rows * stride).saturating_sub(gap), &mut random);
        let list = listed(rows, count, beyond, &mut random);
        let scales = kind.draw(list.len(), &mut random);
        let before = kind.draw(len, &mut random);
        let mut expected = before.to_vec();
        Scalar.weighted_row_sum(&scales, &list, &matrix, stride, &mut expected);
        for isa in isas() {
            let mut found = before.clone();
            isa.weighted_row_sum(&scales, &list, &matrix, stride, &mut found);
            found.expect_fences();
            for (found, expected) in found.iter().zip(&expected) {
                let tolerance = if kind == Kind::Whole { 0.0 } else { 1e-5 * (2.0 + count as f32) };
                prop_assert!((found - expected).abs() <= tolerance, "{isa}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn row_cuts(
        values in rows(),
        (bad, keep) in (prop::option::weighted(0.2, 0usize..140), 1usize..20),
        seed in any::<u64>(),
    ) {
        let mut values = values;
        if let Some(place) = bad.and_then(|place| values.get_mut(place)) {
            *place = if seed % 2 == 0 { f32::NAN } else { f32::INFINITY };
        }
        let values = Fenced::new(&values, &mut Random::new(seed));
        for isa in isas() {
            prop_assert_eq!(isa.row_cut(&values, keep), cut(values.iter().copied(), keep), "{}", isa);
        }
    }

    /// The survivors are those of the cut, in order, in as many places as there are of both kinds.
    #[test]
    fn row_survivors(
        row in rows(),
        (keep, more, fewer) in (0usize..20, 0usize..3, any::<bool>()),
        bad in prop::option::weighted(0.2, 0usize..140),
        seed in any::<u64>(),
    ) {
        let (mut row, mut random) = (row, Random::new(seed));
        if let Some(place) = bad.and_then(|place| row.get_mut(place)) {
            *place = if seed % 2 == 0 { f32::NAN } else { f32::NEG_INFINITY };
        }
        let row = Fenced::new(&row, &mut random);
        let places = if fewer { keep.saturating_sub(more) } else { keep + more };
        let cut = cut(row.iter().copied(), keep.min(places));
        let expected = cut.map(|cut| {
            let survives = |(index, value): &(usize, &f32)| cut.keeps(*index, **value);
            row.iter().enumerate().filter(survives).map(|(i, v)| (i as u32, v.to_bits())).collect::<Vec<_>>()
        });
        for isa in isas() {
            let mut values = Fenced::new(&vec![7.0; keep], &mut random);
            let mut found_places = vec![u32::MAX; places];
            let count = isa.row_survivors(&row, &mut values, &mut found_places);
            values.expect_fences();
            let used = count.unwrap_or(0) as usize;
            let found = count.map(|_| {
                let found = found_places.iter().zip(values.iter()).take(used);
                found.map(|(place, value)| (*place, value.to_bits())).collect::<Vec<_>>()
            });
            prop_assert_eq!(&found, &expected, "{}", isa);
            prop_assert!(values.iter().skip(used).all(|value| *value == 7.0), "{}", isa);
            prop_assert!(found_places.iter().skip(used).all(|place| *place == u32::MAX), "{}", isa);
        }
    }

    /// Each product has the bits of the field's that lies there. Where a row is not there, all are those of
    /// the scalar kernels.
    #[test]
    fn products_of_rows(
        (rows, len, gap, count) in (1usize..20, 0usize..200, 0usize..5, 0usize..12),
        (kind, beyond) in (kinds(), any::<bool>()),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let stride = len + gap;
        let matrix = kind.draw((rows * stride).saturating_sub(gap), &mut random);
        let vector = kind.draw(len, &mut random);
        let list = listed(rows, count, beyond, &mut random);
        let before = kind.draw(list.len(), &mut random);
        let fields = ReceptiveFields::row(len);
        for isa in isas() {
            let mut found = before.clone();
            isa.row_dots(&vector, &list, &matrix, stride, &mut found);
            found.expect_fences();
            let by = if beyond { Isa::Scalar } else { isa };
            let dot = |row: &u32| by.field_dot(&fields, *row as usize * stride, &matrix, &vector);
            prop_assert_eq!(bits(&found), bits(&list.iter().map(dot).collect::<Vec<_>>()), "{}", isa);
        }
    }
}

/// Lengths that do not belong together are the scalar kernels' affair.
#[test]
fn lengths_that_do_not_fit() {
    let numbers = vec![1.0; 64];
    for isa in isas() {
        for (weights, units, out) in [(10, 3, 64), (0, 0, 0), (12, 3, 2), (64, 64, 64)] {
            let mut found = Fenced::new(&numbers[..out], &mut Random::new(1));
            isa.unit_activations(&numbers[..weights], &numbers[..units], &numbers, &numbers, &mut found);
            found.expect_fences();
            isa.linear(&numbers[..weights], &numbers[..units], &numbers, &numbers, &mut found);
            found.expect_fences();
        }
        let mut found = Fenced::new(&numbers[..5], &mut Random::new(1));
        isa.weighted_row_sum(&numbers[..3], &[1, 2], &numbers, usize::MAX / 2, &mut found);
        found.expect_fences();
        for (stride, rows) in [(usize::MAX / 2, &[1, 2][..]), (8, &[1, 2, 3, 4, 5, 6, 7]), (61, &[0, 1])] {
            isa.row_dots(&numbers[..4], rows, &numbers, stride, &mut found);
            found.expect_fences();
        }
    }
}
