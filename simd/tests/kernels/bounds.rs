//! Slices that are too short for the description: no panic, nothing outside them touched, and what does fit
//! is what the scalar kernels make of it.

use proptest::prelude::*;
use wta_core::{Filters, Kernels, OutputLayout, Random, ReceptiveFields, Scalar, Screened};

use crate::inputs::{Canary, Fenced, Kind, geometries, prepare};
use crate::{cases, isas};

/// Cuts a slice at random: often not at all, often by little.
fn cut<T: Canary>(values: &Fenced<T>, random: &mut Random) -> Fenced<T> {
    let off = match random.below(4) {
        0 | 1 => 0,
        2 => 1 + random.below(20) as usize,
        _ => random.below(values.len() as u32 + 1) as usize,
    };
    Fenced::new(&values[..values.len().saturating_sub(off)], random)
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn short_convolution(layer in geometries()) {
        let mut random = layer.random();
        let fields = &layer.fields;
        let map = cut(&Kind::Whole.draw(layer.map_len(), &mut random), &mut random);
        let whole_weights = Kind::Whole.draw(layer.maps * fields.len(), &mut random);
        let weights = cut(&whole_weights, &mut random);
        let bias = cut(&Kind::Whole.draw(layer.maps, &mut random), &mut random);
        let out = cut(&Kind::Whole.draw(layer.out_len(), &mut random), &mut random);
        for isa in isas() {
            let prepared = prepare(isa, &whole_weights, layer.maps, fields, &mut random);
            let prepared = cut(&prepared, &mut random);
            let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
            let (mut found, mut expected) = (out.clone(), out.to_vec());
            isa.convolve(fields, filters, &map, layer.output_layout, &mut found);
            found.expect_fences();
            // With weights missing, what the prepared ones give is as good as nothing.
            if weights.len() == whole_weights.len() {
                Scalar.convolve(fields, filters, &map, layer.output_layout, &mut expected);
                prop_assert_eq!(&*found, &*expected, "{}", isa);
            }
        }
    }

    #[test]
    fn short_convolution_of_both_signs(layer in geometries()) {
        let layer = layer.both_signs();
        let mut random = layer.random();
        let (fields, maps) = (&layer.fields, layer.maps);
        let map = cut(&Kind::Whole.draw(layer.map_len(), &mut random), &mut random);
        let weights = Kind::Whole.draw(maps * fields.len(), &mut random);
        let bias = cut(&Kind::Whole.draw(maps, &mut random), &mut random);
        let out = cut(&Kind::Whole.draw(layer.out_len() + maps, &mut random), &mut random);
        for isa in isas() {
            let prepared = cut(&prepare(isa, &weights, maps, fields, &mut random), &mut random);
            let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
            let (mut found, mut expected) = (out.clone(), out.to_vec());
            isa.convolve_both_signs(fields, filters, &map, layer.output_layout, &mut found);
            found.expect_fences();
            Scalar.convolve_both_signs(fields, filters, &map, layer.output_layout, &mut expected);
            prop_assert_eq!(&*found, &*expected, "{}", isa);
        }
    }

    #[test]
    fn short_packing(layer in geometries()) {
        let mut random = layer.random();
        let len = layer.fields.len();
        let weights = cut(&Kind::Whole.draw(layer.maps * len, &mut random), &mut random);
        for isa in isas() {
            let room = Fenced::new(&vec![0.0; isa.prepared_len(layer.maps, len)], &mut random);
            let mut room = cut(&room, &mut random);
            isa.prepare(&weights, len, &mut room);
            isa.prepare(&weights, 0, &mut room);
            room.expect_fences();
        }
    }

    #[test]
    fn short_field_or_filter(layer in geometries(), beyond in 0usize..60) {
        let mut random = layer.random();
        let fields = &layer.fields;
        let map = cut(&Kind::Whole.draw(layer.map_len(), &mut random), &mut random);
        let filter = cut(&Kind::Whole.draw(fields.len(), &mut random), &mut random);
        let last = layer.map_len() - 1;
        for at in [0, last.saturating_sub(beyond), last + beyond, usize::MAX - beyond, usize::MAX / 2] {
            for isa in isas() {
                let expected = Scalar.field_dot(fields, at, &map, &filter);
                prop_assert_eq!(isa.field_dot(fields, at, &map, &filter), expected, "{}", isa);
                let (mut found, mut expected) = (map.clone(), map.to_vec());
                isa.add_to_field(fields, at, 2.0, &filter, &mut found);
                Scalar.add_to_field(fields, at, 2.0, &filter, &mut expected);
                prop_assert_eq!(&*found, &*expected, "{}", isa);
                found.expect_fences();
                let (mut found, mut expected) = (filter.clone(), filter.to_vec());
                isa.add_to_filter(fields, at, 2.0, &map, &mut found);
                Scalar.add_to_filter(fields, at, 2.0, &map, &mut expected);
                prop_assert_eq!(&*found, &*expected, "{}", isa);
                found.expect_fences();
            }
        }
    }

    #[test]
    fn short_gradients_and_backpropagation(
        layer in geometries(), first in 0usize..80, wild in any::<bool>(),
    ) {
        let mut random = layer.random();
        let (fields, maps) = (&layer.fields, layer.maps);
        let mut positions = layer.some_positions(&mut random);
        if wild {
            positions.push(fields.positions() as u32 + random.below(50));
            positions.push(u32::MAX);
        }
        let positions = Fenced::new(&positions, &mut random);
        let deltas = cut(&Kind::Whole.draw(positions.len() * maps, &mut random), &mut random);
        let map = cut(&Kind::Whole.draw(layer.map_len(), &mut random), &mut random);
        let weights = cut(&Kind::Whole.draw(maps * fields.len(), &mut random), &mut random);
        for isa in isas() {
            let (mut found, mut expected) = (weights.clone(), weights.to_vec());
            isa.filter_gradients(fields, &positions, &deltas, maps, first, &map, &mut found);
            Scalar.filter_gradients(fields, &positions, &deltas, maps, first, &map, &mut expected);
            prop_assert_eq!(&*found, &*expected, "{}", isa);
            found.expect_fences();
            let (mut found, mut expected) = (map.clone(), map.to_vec());
            isa.backpropagate(fields, &positions, &deltas, &weights, &mut found);
            Scalar.backpropagate(fields, &positions, &deltas, &weights, &mut expected);
            prop_assert_eq!(&*found, &*expected, "{}", isa);
            found.expect_fences();
        }
    }

    #[test]
    fn values_and_positions_of_unequal_length(
        (maps, others, len) in (0usize..70, 0usize..70, 0usize..300),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let activations = Kind::Whole.draw(len, &mut random);
        let values = Kind::Whole.draw(maps, &mut random);
        let positions = Fenced::new(&vec![0; others], &mut random);
        let (mut expected, mut expected_positions) = (values.to_vec(), positions.to_vec());
        Scalar.compete(&activations, 5, &mut expected, &mut expected_positions);
        for isa in isas() {
            let (mut found, mut found_positions) = (values.clone(), positions.clone());
            isa.compete(&activations, 5, &mut found, &mut found_positions);
            prop_assert_eq!(&*found, &*expected, "{}", isa);
            prop_assert_eq!(&*found_positions, &*expected_positions, "{}", isa);
            found.expect_fences();
            found_positions.expect_fences();
        }
    }
}

/// Runs every kernel that reads a description on the same small buffers.
fn run_all(fields: &ReceptiveFields, output_layout: OutputLayout, first: usize) {
    let mut random = Random::new(1);
    let numbers = Kind::Whole.draw(64, &mut random);
    for isa in isas() {
        let mut out = numbers.clone();
        let filters = Filters { weights: &numbers, bias: &numbers, prepared: &numbers };
        isa.convolve(fields, filters, &numbers, output_layout, &mut out);
        isa.convolve_both_signs(fields, filters, &numbers, output_layout, &mut out);
        isa.field_dot(fields, 0, &numbers, &numbers);
        isa.tiling(fields, filters.bias.len());
        isa.tiling(fields, usize::MAX);
        isa.prepare_tiles(fields, 64, &numbers, &mut out);
        isa.prepare_tiles(fields, usize::MAX, &numbers, &mut out);
        isa.convolve_tiles(fields, filters, &numbers, output_layout, &mut [0.0; 64], &mut out);
        isa.convolve_tiles_both_signs(fields, filters, &numbers, output_layout, &mut [0.0; 64], &mut out);
        let (mut maxima, mut best, mut slack) = ([0.0; 64], [0.0; 64], [0.0; 64]);
        let screened = Screened { maxima: &mut maxima, best: &mut best, slack: &mut slack };
        isa.screen(fields, filters, &numbers, &mut [0.0; 64], screened);
        isa.activations(fields, &[0, 3, u32::MAX], &numbers, &numbers, 1.0, &mut [0.0; 3]);
        isa.add_to_field(fields, 0, 2.0, &numbers, &mut out);
        isa.add_to_filter(fields, 0, 2.0, &numbers, &mut out);
        isa.filter_gradients(fields, &[0, 1], &numbers, 10, first, &numbers, &mut out[..60]);
        isa.backpropagate(fields, &[0, 1], &numbers, &numbers, &mut out);
        out.expect_fences();
    }
}

const FIELDS: ReceptiveFields =
    ReceptiveFields { rows: 2, row_len: 3, row_stride: 8, height: 2, width: 2, step_down: 8, step_right: 3 };
const OUTPUT_LAYOUT: OutputLayout = OutputLayout { start: 0, row_stride: 8, step: 4 };

/// Every field of a description at `number`, one at a time.
fn descriptions_with(number: usize) -> impl Iterator<Item = (ReceptiveFields, OutputLayout)> {
    let fields = [
        ReceptiveFields { rows: number, ..FIELDS },
        ReceptiveFields { row_len: number, ..FIELDS },
        ReceptiveFields { row_stride: number, ..FIELDS },
        ReceptiveFields { height: number, ..FIELDS },
        ReceptiveFields { width: number, ..FIELDS },
        ReceptiveFields { step_down: number, ..FIELDS },
        ReceptiveFields { step_right: number, ..FIELDS },
    ];
    let output_layouts = [
        OutputLayout { start: number, ..OUTPUT_LAYOUT },
        OutputLayout { row_stride: number, ..OUTPUT_LAYOUT },
        OutputLayout { step: number, ..OUTPUT_LAYOUT },
    ];
    let fields = fields.into_iter().map(|fields| (fields, OUTPUT_LAYOUT));
    fields.chain(output_layouts.into_iter().map(|output_layout| (FIELDS, output_layout)))
}

/// A layer that tiles would be worth while for, if its sizes were true.
const WIDE: ReceptiveFields = ReceptiveFields {
    rows: 5,
    row_len: 40,
    row_stride: 160,
    height: 16,
    width: 16,
    step_down: 160,
    step_right: 8,
};

#[test]
fn wide_layers_beyond_all_memory() {
    for number in [0, usize::MAX, usize::MAX / 2, usize::MAX / 25, usize::MAX / 400, 1 << 40, 5 << 20] {
        for fields in [
            ReceptiveFields { height: number, ..WIDE },
            ReceptiveFields { width: number, ..WIDE },
            ReceptiveFields { row_len: number / 5 * 5, step_right: number / 5, ..WIDE },
            ReceptiveFields { row_stride: number, step_down: number, ..WIDE },
            WIDE,
        ] {
            run_all(&fields, OUTPUT_LAYOUT, 0);
        }
    }
}

#[test]
fn descriptions_with_nothing_in_them() {
    descriptions_with(0).for_each(|(fields, output_layout)| run_all(&fields, output_layout, 0));
    let nothing = ReceptiveFields {
        rows: 0,
        row_len: 0,
        row_stride: 0,
        height: 0,
        width: 0,
        step_down: 0,
        step_right: 0,
    };
    run_all(&nothing, OutputLayout { start: 0, row_stride: 0, step: 0 }, 0);
}

/// Offsets beyond what a `usize` holds must not come around to the beginning of a slice.
#[test]
fn descriptions_beyond_all_memory() {
    for number in [usize::MAX, usize::MAX - 2, usize::MAX / 2, usize::MAX / 3 + 1, 1 << (usize::BITS - 3)] {
        run_all(&FIELDS, OUTPUT_LAYOUT, number);
        descriptions_with(number).for_each(|(fields, output_layout)| run_all(&fields, output_layout, 0));
    }
}
