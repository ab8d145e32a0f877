//! A number does not depend on the tile that it is computed in: splitting the work over threads, by positions
//! or by filters, never changes a bit.

use proptest::prelude::*;
use wta_core::{Kernels, OutputLayout, ReceptiveFields};

use crate::inputs::{Fenced, Kind, convolve, geometries};
use crate::{cases, isas};

/// A random part of `0..len`: its start and its length, at least 1.
fn part(len: usize, share: (f32, f32)) -> (usize, usize) {
    let start = (share.0 * len as f32) as usize;
    (start, 1 + (share.1 * (len - start - 1) as f32) as usize)
}

fn shares() -> impl Strategy<Value = (f32, f32)> {
    (0.0f32..1.0, 0.0f32..1.0)
}

fn bits(values: impl IntoIterator<Item = f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn convolution_of_fewer_positions_with_fewer_filters(
        layer in geometries(),
        (rows, columns, maps) in (shares(), shares(), shares()),
    ) {
        let mut random = layer.random();
        let fields = &layer.fields;
        let map = Kind::Real.draw(layer.map_len(), &mut random);
        let weights = Kind::Real.draw(layer.maps * fields.len(), &mut random);
        let bias = Kind::Real.draw(layer.maps, &mut random);
        let out = Fenced::new(&vec![0.0; layer.out_len()], &mut random);
        let ((top, height), (left, width)) = (part(fields.height, rows), part(fields.width, columns));
        let (first, count) = part(layer.maps, maps);

        let fewer = ReceptiveFields { height, width, ..*fields };
        let start = &map[top * fields.step_down + left * fields.step_right..];
        let few_weights = &weights[first * fields.len()..(first + count) * fields.len()];
        let dense = OutputLayout { start: 0, row_stride: width * count, step: count };
        let few_out = Fenced::new(&vec![0.0; height * width * count], &mut random);
        for isa in isas() {
            let whole = convolve(isa, (fields, layer.output_layout), (&weights, &bias), &map, &out);
            let found =
                convolve(isa, (&fewer, dense), (few_weights, &bias[first..first + count]), start, &few_out);
            let expected = (0..height * width).flat_map(|position| {
                let (y, x) = (top + position / width, left + position % width);
                let OutputLayout { start, row_stride, step } = layer.output_layout;
                let at = start + y * row_stride + x * step + first;
                whole[at..at + count].to_vec()
            });
            prop_assert_eq!(bits(found.iter().copied()), bits(expected), "{}", isa);
        }
    }

    #[test]
    fn gradients_of_fewer_filters(layer in geometries(), maps in shares()) {
        let mut random = layer.random();
        let fields = &layer.fields;
        let positions = layer.some_positions(&mut random);
        let deltas = Kind::Real.draw(positions.len() * layer.maps, &mut random);
        let map = Kind::Real.draw(layer.map_len(), &mut random);
        let gradient = Kind::Real.draw(layer.maps * fields.len(), &mut random);
        let (first, count) = part(layer.maps, maps);
        let range = first * fields.len()..(first + count) * fields.len();
        for isa in isas() {
            let mut whole = gradient.clone();
            isa.filter_gradients(fields, &positions, &deltas, layer.maps, 0, &map, &mut whole);
            let mut found = Fenced::new(&gradient[range.clone()], &mut random);
            isa.filter_gradients(fields, &positions, &deltas, layer.maps, first, &map, &mut found);
            let expected = bits(whole[range.clone()].iter().copied());
            prop_assert_eq!(bits(found.iter().copied()), expected, "{}", isa);
        }
    }

    #[test]
    fn backpropagation_of_positions_in_two_calls(layer in geometries(), share in 0.0f32..1.0) {
        let mut random = layer.random();
        let fields = &layer.fields;
        let mut positions = layer.some_positions(&mut random);
        positions.sort_unstable();
        let deltas = Kind::Real.draw(positions.len() * layer.maps, &mut random);
        let weights = Kind::Real.draw(layer.maps * fields.len(), &mut random);
        let below = Kind::Real.draw(layer.map_len(), &mut random);
        let (some, others) = positions.split_at((share * positions.len() as f32) as usize);
        let (some_deltas, other_deltas) = deltas.split_at(some.len() * layer.maps);
        for isa in isas() {
            let (mut whole, mut found) = (below.clone(), below.clone());
            isa.backpropagate(fields, &positions, &deltas, &weights, &mut whole);
            isa.backpropagate(fields, some, some_deltas, &weights, &mut found);
            isa.backpropagate(fields, others, other_deltas, &weights, &mut found);
            prop_assert_eq!(bits(found.iter().copied()), bits(whole.iter().copied()), "{}", isa);
        }
    }
}
