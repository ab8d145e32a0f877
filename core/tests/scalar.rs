//! The scalar kernels go through several rows and columns at once: every number must have the bits of its
//! definition, a plain loop in the order of memory.

use proptest::prelude::*;
use wta_core::{Kernels, Random, ReceptiveFields, Scalar, SgdUpdate};

fn normal(random: &mut Random, len: usize) -> Vec<f32> {
    (0..len).map(|_| random.normal()).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// A field of some rows in a map: rows, numbers in a row, from one row to the next, and its offset.
fn field() -> impl Strategy<Value = (ReceptiveFields, usize)> {
    (1usize..5, 1usize..20, 0usize..4, 0usize..7).prop_map(|(rows, row_len, gap, at)| {
        let row_stride = row_len + gap;
        let fields =
            ReceptiveFields { rows, row_len, row_stride, height: 1, width: 1, step_down: 0, step_right: 0 };
        (fields, at)
    })
}

/// Where number `index` of a field lies in the map.
fn place(fields: &ReceptiveFields, at: usize, index: usize) -> usize {
    at + index / fields.row_len * fields.row_stride + index % fields.row_len
}

proptest! {
    #[test]
    fn units_get_their_terms_in_the_order_of_the_inputs(
        (inputs, units, images) in (1usize..40, 0usize..14, 0usize..6),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let weights = normal(&mut random, inputs * units);
        let bias = normal(&mut random, units);
        let batch = normal(&mut random, inputs * images);
        let sums: Vec<f32> = (0..units * images).map(|index| {
            let (unit, image) = (index / images, index % images);
            let (weights, image) = (&weights[unit * inputs..], &batch[image * inputs..]);
            (0..inputs).fold(bias[unit], |sum, input| sum + image[input] * weights[input])
        }).collect();
        let mut found = vec![f32::NAN; units * images];
        Scalar.linear(&weights, &bias, &batch, &[], &mut found);
        prop_assert_eq!(bits(&found), bits(&sums));
        Scalar.unit_activations(&weights, &bias, &batch, &[], &mut found);
        let activations: Vec<f32> = sums.iter().map(|sum| if *sum > 0.0 { *sum } else { 0.0 }).collect();
        prop_assert_eq!(bits(&found), bits(&activations));
    }

    #[test]
    fn rows_are_combined_in_their_order_and_those_outside_the_matrix_are_left_out(
        (rows, len, gap) in (1usize..8, 1usize..30, 0usize..5),
        chosen in prop::collection::vec(0u32..10, 0..20),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let stride = len + gap;
        let matrix = normal(&mut random, rows * stride);
        let scales = normal(&mut random, chosen.len());
        let before = normal(&mut random, len);
        let mut found = before.clone();
        Scalar.weighted_row_sum(&scales, &chosen, &matrix, stride, &mut found);
        let mut expected = before;
        for (scale, row) in scales.iter().zip(&chosen).filter(|(_, row)| (**row as usize) < rows) {
            for (column, to) in expected.iter_mut().enumerate() {
                *to += scale * matrix[*row as usize * stride + column];
            }
        }
        prop_assert_eq!(bits(&found), bits(&expected));
    }

    #[test]
    fn fields_and_filters_meet_number_by_number((fields, at) in field(), seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let map = normal(&mut random, at + fields.extent());
        let filter = normal(&mut random, fields.len());
        let scale = random.normal();
        let numbers = || 0..fields.len();
        let dot = numbers().fold(0.0, |sum, index| sum + map[place(&fields, at, index)] * filter[index]);
        prop_assert_eq!(Scalar.field_dot(&fields, at, &map, &filter).to_bits(), f32::to_bits(dot));

        let (mut found, mut expected) = (map.clone(), map.clone());
        Scalar.add_to_field(&fields, at, scale, &filter, &mut found);
        numbers().for_each(|index| expected[place(&fields, at, index)] += scale * filter[index]);
        prop_assert_eq!(bits(&found), bits(&expected));

        let (mut found, mut expected) = (filter.clone(), filter);
        Scalar.add_to_filter(&fields, at, scale, &map, &mut found);
        numbers().for_each(|index| expected[index] += scale * map[place(&fields, at, index)]);
        prop_assert_eq!(bits(&found), bits(&expected));
    }

    #[test]
    fn a_step_of_sgd_is_its_definition(len in 0usize..40, seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let gradient = normal(&mut random, len);
        let (mut velocity, mut weights) = (normal(&mut random, len), normal(&mut random, len));
        let (mut expected_velocity, mut expected) = (velocity.clone(), weights.clone());
        let update = SgdUpdate { rate: 0.1, momentum: 0.9, decay: 0.01 };
        Scalar.sgd(&update, &gradient, &mut velocity, &mut weights);
        for index in 0..len {
            let decayed = gradient[index] + update.decay * expected[index];
            expected_velocity[index] = update.momentum * expected_velocity[index] + decayed;
            expected[index] -= update.rate * expected_velocity[index];
        }
        prop_assert_eq!(bits(&velocity), bits(&expected_velocity));
        prop_assert_eq!(bits(&weights), bits(&expected));
    }
}
