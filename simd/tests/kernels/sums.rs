//! Kernels that add up: equal to the scalar ones where sums are exact, and close to them elsewhere.

use proptest::prelude::*;
use wta_core::{Filters, Kernels, Scalar};
use wta_simd::Isa;

use crate::inputs::{Fenced, Kind, convolve, geometries, kinds, magnitudes, prepare};
use crate::{cases, isas};

/// How far a sum may be from the scalar kernels', relative to the sum of its terms' magnitudes.
const TOLERANCE: f32 = 1e-6;

/// `magnitudes` has, for each number, the sum of its terms' magnitudes; 0 where nothing may have been
/// written.
fn expect_close(
    isa: impl std::fmt::Display,
    kind: Kind,
    found: &[f32],
    expected: &[f32],
    magnitudes: &[f32],
) {
    assert_eq!(found.len(), expected.len());
    for (index, ((found, expected), magnitude)) in found.iter().zip(expected).zip(magnitudes).enumerate() {
        let tolerance = if kind == Kind::Whole { 0.0 } else { TOLERANCE * magnitude };
        assert!((found - expected).abs() <= tolerance, "{isa}, {index}: {found} instead of {expected}");
    }
}

/// The terms' magnitudes of sums that were added to `before`: nothing may change where no term was added.
fn added_to(before: &[f32], terms: &[f32]) -> Vec<f32> {
    let magnitude = |(before, terms): (&f32, &f32)| if *terms > 0.0 { before.abs() + terms } else { 0.0 };
    before.iter().zip(terms).map(magnitude).collect()
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn convolution(layer in geometries(), kind in kinds()) {
        let mut random = layer.random();
        let fields = &layer.fields;
        let map = kind.draw(layer.map_len(), &mut random);
        let weights = kind.draw(layer.maps * fields.len(), &mut random);
        let bias = kind.draw(layer.maps, &mut random);
        let untouched = vec![-7.0; layer.out_len()];
        let out = Fenced::new(&untouched, &mut random);

        let mut expected = untouched.clone();
        let filters = Filters { weights: &weights, bias: &bias, prepared: &[] };
        Scalar.convolve(fields, filters, &map, layer.output_layout, &mut expected);
        let mut terms = vec![0.0; untouched.len()];
        let (weights_magnitudes, bias_magnitudes) = (magnitudes(&weights), magnitudes(&bias));
        let filters = Filters { weights: &weights_magnitudes, bias: &bias_magnitudes, prepared: &[] };
        Scalar.convolve(fields, filters, &magnitudes(&map), layer.output_layout, &mut terms);
        for isa in isas() {
            let found = convolve(isa, (fields, layer.output_layout), (&weights, &bias), &map, &out);
            expect_close(isa, kind, &found, &expected, &terms);
        }
    }

    #[test]
    fn convolution_of_both_signs(layer in geometries(), kind in kinds()) {
        let layer = layer.both_signs();
        let mut random = layer.random();
        let (fields, layout, maps) = (&layer.fields, layer.output_layout, layer.maps);
        let map = kind.draw(layer.map_len(), &mut random);
        let weights = kind.draw(maps * fields.len(), &mut random);
        let mut bias = kind.draw(maps, &mut random);
        bias.iter_mut().for_each(|bias| match random.below(4) {
            0 => *bias = 0.0,
            1 => *bias = -0.0,
            _ => {}
        });
        let untouched = vec![-7.0; layer.out_len() + maps];
        let out = Fenced::new(&untouched, &mut random);

        // The definition: a network of twice the filters.
        let negated: Vec<f32> = weights.iter().map(|v| -v).collect();
        let (doubled, biases) = ([&weights[..], &negated].concat(), [&bias[..], &bias].concat());
        let mut expected = untouched.clone();
        let filters = Filters { weights: &doubled, bias: &biases, prepared: &[] };
        Scalar.convolve(fields, filters, &map, layout, &mut expected);
        let mut terms = vec![0.0; untouched.len()];
        let (doubled, biases) = (magnitudes(&doubled), magnitudes(&biases));
        let filters = Filters { weights: &doubled, bias: &biases, prepared: &[] };
        Scalar.convolve(fields, filters, &magnitudes(&map), layout, &mut terms);
        for isa in isas() {
            let prepared = prepare(isa, &weights, maps, fields, &mut random);
            let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
            let mut found = out.clone();
            isa.convolve_both_signs(fields, filters, &map, layout, &mut found);
            found.expect_fences();
            expect_close(isa, kind, &found, &expected, &terms);

            let positive = convolve(isa, (fields, layout), (&weights, &bias), &map, &out);
            let negative = convolve(isa, (fields, layout), (&negated, &bias), &map, &out);
            for (y, x) in (0..fields.height).flat_map(|y| (0..fields.width).map(move |x| (y, x))) {
                let at = layout.at(y, x);
                for (m, bias) in bias.iter().enumerate() {
                    let (first, second) = (found[at + m].to_bits(), found[at + maps + m].to_bits());
                    prop_assert_eq!(first, positive[at + m].to_bits(), "{}", isa);
                    if *bias == 0.0 || isa == Isa::Scalar {
                        prop_assert_eq!(second, negative[at + m].to_bits(), "{}", isa);
                    }
                }
            }
        }
    }

    #[test]
    fn one_field_and_one_filter(layer in geometries(), kind in kinds()) {
        let mut random = layer.random();
        let fields = &layer.fields;
        let map = kind.draw(layer.map_len(), &mut random);
        let filter = kind.draw(fields.len(), &mut random);
        let scale = kind.draw(1, &mut random)[0];
        let (map_magnitudes, filter_magnitudes) = (magnitudes(&map), magnitudes(&filter));
        let position = random.below(fields.positions() as u32) as usize;
        let at = fields.at(position);
        for isa in isas() {
            let found = isa.field_dot(fields, at, &map, &filter);
            let expected = Scalar.field_dot(fields, at, &map, &filter);
            let terms = Scalar.field_dot(fields, at, &map_magnitudes, &filter_magnitudes);
            expect_close(isa, kind, &[found], &[expected], &[terms]);

            let (mut found, mut expected, mut terms) = (map.clone(), map.to_vec(), vec![0.0; map.len()]);
            isa.add_to_field(fields, at, scale, &filter, &mut found);
            Scalar.add_to_field(fields, at, scale, &filter, &mut expected);
            Scalar.add_to_field(fields, at, scale.abs(), &filter_magnitudes, &mut terms);
            expect_close(isa, kind, &found, &expected, &added_to(&map, &terms));
            found.expect_fences();

            let (mut found, mut expected) = (filter.clone(), filter.to_vec());
            let mut terms = vec![0.0; filter.len()];
            isa.add_to_filter(fields, at, scale, &map, &mut found);
            Scalar.add_to_filter(fields, at, scale, &map, &mut expected);
            Scalar.add_to_filter(fields, at, scale.abs(), &map_magnitudes, &mut terms);
            expect_close(isa, kind, &found, &expected, &added_to(&filter, &terms));
            found.expect_fences();
        }
    }

    #[test]
    fn gradients_of_a_range_of_filters(
        layer in geometries(), kind in kinds(), share in (0.0f32..1.0, 0.0f32..1.0),
    ) {
        let mut random = layer.random();
        let (fields, maps) = (&layer.fields, layer.maps);
        let positions = layer.some_positions(&mut random);
        let positions = Fenced::new(&positions, &mut random);
        let deltas = kind.draw(positions.len() * maps, &mut random);
        let map = kind.draw(layer.map_len(), &mut random);
        let first = (share.0 * maps as f32) as usize;
        let range = 1 + (share.1 * (maps - first - 1) as f32) as usize;
        let gradient = kind.draw(range * fields.len(), &mut random);
        let mut expected = gradient.to_vec();
        Scalar.filter_gradients(fields, &positions, &deltas, maps, first, &map, &mut expected);
        let mut terms = vec![0.0; gradient.len()];
        let (delta_magnitudes, map_magnitudes) = (magnitudes(&deltas), magnitudes(&map));
        Scalar.filter_gradients(
            fields, &positions, &delta_magnitudes, maps, first, &map_magnitudes, &mut terms,
        );
        let terms = added_to(&gradient, &terms);
        for isa in isas() {
            let mut found = gradient.clone();
            isa.filter_gradients(fields, &positions, &deltas, maps, first, &map, &mut found);
            expect_close(isa, kind, &found, &expected, &terms);
            found.expect_fences();
        }
    }

    #[test]
    fn backpropagation(layer in geometries(), kind in kinds()) {
        let mut random = layer.random();
        let (fields, maps) = (&layer.fields, layer.maps);
        let positions = layer.some_positions(&mut random);
        let positions = Fenced::new(&positions, &mut random);
        let deltas = kind.draw(positions.len() * maps, &mut random);
        let weights = kind.draw(maps * fields.len(), &mut random);
        let below = kind.draw(layer.map_len(), &mut random);
        let mut expected = below.to_vec();
        Scalar.backpropagate(fields, &positions, &deltas, &weights, &mut expected);
        let mut terms = vec![0.0; below.len()];
        Scalar.backpropagate(fields, &positions, &magnitudes(&deltas), &magnitudes(&weights), &mut terms);
        let terms = added_to(&below, &terms);
        for isa in isas() {
            let mut found = below.clone();
            isa.backpropagate(fields, &positions, &deltas, &weights, &mut found);
            expect_close(isa, kind, &found, &expected, &terms);
            found.expect_fences();
        }
    }
}
