//! Descriptions that describe nothing: numbers from 0 to `usize::MAX`, in every combination. Whatever they
//! say, a kernel takes no longer than its slices are long, stays inside them, overflows nothing (a debug
//! build would panic), and gives what the scalar kernels give.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use wta_core::{Cut, Filters, Kernels, OutputLayout, Random, ReceptiveFields, Scalar, Screened};

use crate::inputs::{Fenced, Kind};
use crate::{cases, isas};

/// No honest run comes near it; a loop over a description's numbers never ends.
const LIMIT: Duration = Duration::from_secs(240);

/// No buffer is longer: with more, kernels are given too little.
const ROOM: usize = 1 << 18;

fn number() -> impl Strategy<Value = usize> {
    let small = prop_oneof![0usize..=3, 0usize..=20];
    let large = prop_oneof![
        Just(1 << 16),
        Just(1 << 31),
        Just((1 << 32) - 1),
        (0u32..usize::BITS).prop_map(|bit| 1 << bit),
        (1usize..500).prop_map(|part| usize::MAX / part),
        (0usize..20).prop_map(|less| usize::MAX - less),
        any::<usize>(),
    ];
    prop_oneof![3 => small, 1 => large]
}

fn fields() -> impl Strategy<Value = ReceptiveFields> {
    let any = (number(), number(), number(), number(), number(), number(), number()).prop_map(
        |(rows, row_len, row_stride, height, width, step_down, step_right)| ReceptiveFields {
            rows,
            row_len,
            row_stride,
            height,
            width,
            step_down,
            step_right,
        },
    );
    // Of a form that tiles are made for.
    let tiled = (prop_oneof![1usize..=20, number()], number(), number(), number()).prop_map(
        |(channels, row_stride, height, width)| ReceptiveFields {
            rows: 5,
            row_len: channels.saturating_mul(5),
            row_stride,
            height,
            width,
            step_down: row_stride,
            step_right: channels,
        },
    );
    prop_oneof![3 => any, 1 => tiled]
}

fn output_layouts() -> impl Strategy<Value = OutputLayout> {
    (number(), number(), number()).prop_map(|(start, row_stride, step)| OutputLayout {
        start,
        row_stride,
        step,
    })
}

/// The numbers besides a description.
#[derive(Clone, Debug)]
struct Numbers {
    first: usize,
    maps: usize,
    at: usize,
    positions: Vec<u32>,
    lens: [usize; 4],
    seed: u64,
}

fn numbers() -> impl Strategy<Value = Numbers> {
    let positions = prop::collection::vec(prop_oneof![3 => 0u32..6, 1 => any::<u32>()], 0..20);
    let lens = prop::array::uniform4(prop_oneof![0usize..=3, 0usize..=400]);
    (number(), number(), number(), positions, lens, any::<u64>()).prop_map(
        |(first, maps, at, positions, lens, seed)| Numbers { first, maps, at, positions, lens, seed },
    )
}

/// Runs a test in a thread of its own, and fails when it has not ended in time.
fn in_time<S>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError> + Send + 'static)
where
    S: Strategy + Send + 'static,
{
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        let is_emulated = std::env::var_os("WTA_EMULATED").is_some();
        let count = if cfg!(miri) {
            4
        } else if is_emulated {
            300
        } else {
            3000
        };
        let outcome = TestRunner::new(cases(count)).run(&strategy, test);
        done.send(outcome.map_err(|error| error.to_string()))
    });
    let outcome =
        result.recv_timeout(LIMIT).unwrap_or_else(|error| panic!("a kernel did not return: {error}"));
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// A buffer of `len` numbers where there is room for it, else of a few.
fn draw(len: usize, random: &mut Random) -> Fenced<f32> {
    Kind::Whole.draw(if len <= ROOM { len } else { 30 }, random)
}

#[test]
fn convolutions_of_absurd_layers() {
    in_time((fields(), output_layouts(), numbers()), |(fields, output_layout, numbers)| {
        let mut random = Random::new(numbers.seed);
        let [maps, map, out, scratch] = numbers.lens;
        let maps = maps % 40;
        let whole = fields.len().checked_mul(maps).filter(|len| *len <= 1 << 14);
        let weights = draw(whole.unwrap_or(30), &mut random);
        let (bias, map, out) = (draw(maps, &mut random), draw(map, &mut random), draw(out, &mut random));
        let unprepared = Filters { weights: &weights, bias: &bias, prepared: &[] };
        let mut expected = out.to_vec();
        Scalar.convolve(&fields, unprepared, &map, output_layout, &mut expected);
        let mut expected_both = out.to_vec();
        Scalar.convolve_both_signs(&fields, unprepared, &map, output_layout, &mut expected_both);
        for isa in isas() {
            let _ = isa.prepared_len(numbers.maps, numbers.first);
            isa.tiling(&fields, numbers.maps);
            let room = if whole.is_some() { isa.prepared_len(maps, fields.len()) } else { 0 };
            let mut prepared = draw(room, &mut random);
            isa.prepare(&weights, fields.len(), &mut prepared);
            let mut found = out.clone();
            let filters = Filters { prepared: &prepared, ..unprepared };
            isa.convolve(&fields, filters, &map, output_layout, &mut found);
            found.expect_fences();
            prepared.expect_fences();
            prop_assert_eq!(&*found, &*expected, "{}", isa);
            let mut found = out.clone();
            isa.convolve_both_signs(&fields, filters, &map, output_layout, &mut found);
            found.expect_fences();
            prop_assert_eq!(&*found, &*expected_both, "{}", isa);

            let tiling = isa.tiling(&fields, maps);
            let mut prepared = draw(tiling.map_or(30, |tiling| tiling.prepared_len), &mut random);
            isa.prepare_tiles(&fields, maps, &weights, &mut prepared);
            prepared.expect_fences();
            let mut scratch = draw(tiling.map_or(scratch, |tiling| tiling.scratch_len), &mut random);
            let filters = Filters { prepared: &prepared, ..unprepared };
            let mut found = out.clone();
            isa.convolve_tiles(&fields, filters, &map, output_layout, &mut scratch, &mut found);
            found.expect_fences();
            if tiling.is_none() {
                prop_assert_eq!(&*found, &*expected, "{}", isa);
            }
            let mut found = out.clone();
            isa.convolve_tiles_both_signs(&fields, filters, &map, output_layout, &mut scratch, &mut found);
            found.expect_fences();
            if tiling.is_none() {
                prop_assert_eq!(&*found, &*expected_both, "{}", isa);
            }
            let len = tiling.map_or(30, |tiling| tiling.tiles().saturating_mul(maps));
            let mut maxima = draw(len, &mut random);
            let (mut best, mut slack) = (bias.clone(), bias.clone());
            let screened = Screened { maxima: &mut maxima, best: &mut best, slack: &mut slack };
            isa.screen(&fields, filters, &map, &mut scratch, screened);
            [&maxima, &best, &slack, &scratch].into_iter().for_each(Fenced::expect_fences);
        }
        Ok(())
    });
}

#[test]
fn absurd_fields_against_filters() {
    in_time((fields(), numbers()), |(fields, numbers)| {
        let mut random = Random::new(numbers.seed);
        let Numbers { at, positions, .. } = numbers;
        let [map, other, values, _] = numbers.lens;
        let map = draw(map, &mut random);
        for filter in [fields.len(), other] {
            let filter = draw(filter, &mut random);
            let values = draw(if at % 2 == 0 { positions.len() } else { values }, &mut random);
            let mut expected = values.to_vec();
            Scalar.activations(&fields, &positions, &map, &filter, 1.0, &mut expected);
            let (mut expected_map, mut expected_filter) = (map.to_vec(), filter.to_vec());
            Scalar.add_to_field(&fields, at, 2.0, &filter, &mut expected_map);
            Scalar.add_to_filter(&fields, at, 2.0, &map, &mut expected_filter);
            let dot = Scalar.field_dot(&fields, at, &map, &filter);
            for isa in isas() {
                let (mut found, mut found_map, mut found_filter) =
                    (values.clone(), map.clone(), filter.clone());
                isa.activations(&fields, &positions, &map, &filter, 1.0, &mut found);
                isa.add_to_field(&fields, at, 2.0, &filter, &mut found_map);
                isa.add_to_filter(&fields, at, 2.0, &map, &mut found_filter);
                [&found, &found_map, &found_filter].into_iter().for_each(Fenced::expect_fences);
                prop_assert_eq!(isa.field_dot(&fields, at, &map, &filter), dot, "{}", isa);
                prop_assert_eq!(&*found, &*expected, "{}", isa);
                prop_assert_eq!(&*found_map, &*expected_map, "{}", isa);
                prop_assert_eq!(&*found_filter, &*expected_filter, "{}", isa);
            }
        }
        Ok(())
    });
}

#[test]
fn gradients_of_absurd_layers() {
    in_time((fields(), numbers()), |(fields, numbers)| {
        let mut random = Random::new(numbers.seed);
        let Numbers { first, maps, positions, .. } = numbers;
        let [map, other, few, deltas] = numbers.lens;
        let map = draw(map, &mut random);
        let whole = fields.len().saturating_mul(few % 20);
        for (weights, deltas) in [(whole, positions.len().saturating_mul(maps)), (other, deltas)] {
            let (weights, deltas) = (draw(weights, &mut random), draw(deltas, &mut random));
            let (mut expected, mut expected_below) = (weights.to_vec(), map.to_vec());
            Scalar.filter_gradients(&fields, &positions, &deltas, maps, first, &map, &mut expected);
            Scalar.backpropagate(&fields, &positions, &deltas, &weights, &mut expected_below);
            for isa in isas() {
                let (mut found, mut below) = (weights.clone(), map.clone());
                isa.filter_gradients(&fields, &positions, &deltas, maps, first, &map, &mut found);
                isa.backpropagate(&fields, &positions, &deltas, &weights, &mut below);
                [&found, &below].into_iter().for_each(Fenced::expect_fences);
                prop_assert_eq!(&*found, &*expected, "{}", isa);
                prop_assert_eq!(&*below, &*expected_below, "{}", isa);
            }
        }
        Ok(())
    });
}

#[test]
fn absurd_matrices() {
    in_time((numbers(), any::<u32>()), |(numbers, position)| {
        let mut random = Random::new(numbers.seed);
        let Numbers { first, maps: width, at: keep, positions: rows, .. } = numbers;
        let [values, units, cuts, scales] = numbers.lens;
        let (values, out) = (draw(values, &mut random), draw(units, &mut random));
        let scales = draw(if keep % 2 == 0 { rows.len() } else { scales }, &mut random);
        let cut = Cut { threshold: 0.0, ties_below: 0 };
        let mut expected_cuts = vec![cut; cuts];
        let expected = Scalar.lifetime_cuts(&values, width, first, keep, &mut expected_cuts);
        let mut expected_out = out.to_vec();
        Scalar.weighted_row_sum(&scales, &rows, &values, width, &mut expected_out);
        let late = u32::MAX - position % 50;
        let (mut expected_best, mut expected_winners) = (out.to_vec(), vec![0; out.len()]);
        Scalar.compete(&values, late, &mut expected_best, &mut expected_winners);
        for isa in isas() {
            let mut found_cuts = vec![cut; cuts];
            prop_assert_eq!(
                isa.lifetime_cuts(&values, width, first, keep, &mut found_cuts),
                expected,
                "{}",
                isa
            );
            prop_assert_eq!(&found_cuts, &expected_cuts, "{}", isa);
            prop_assert_eq!(isa.row_cut(&values, keep), Scalar.row_cut(&values, keep), "{}", isa);
            let mut found = out.clone();
            isa.weighted_row_sum(&scales, &rows, &values, width, &mut found);
            found.expect_fences();
            prop_assert_eq!(&*found, &*expected_out, "{}", isa);
            let (mut found, mut places) = (out.clone(), vec![0; rows.len()]);
            let count = isa.row_survivors(&values, &mut found, &mut places);
            found.expect_fences();
            let (mut expected_values, mut expected_places) = (out.to_vec(), vec![0; rows.len()]);
            let of_scalar = Scalar.row_survivors(&values, &mut expected_values, &mut expected_places);
            prop_assert_eq!((count, &*found, &places), (of_scalar, &expected_values[..], &expected_places));
            let mut found = out.clone();
            isa.row_dots(&scales, &rows, &values, width, &mut found);
            found.expect_fences();
            let mut expected_dots = out.to_vec();
            Scalar.row_dots(&scales, &rows, &values, width, &mut expected_dots);
            prop_assert_eq!(&*found, &*expected_dots, "{}", isa);
            let (mut best, mut winners) = (out.clone(), vec![0; out.len()]);
            isa.compete(&values, late, &mut best, &mut winners);
            best.expect_fences();
            prop_assert_eq!(&*best, &*expected_best, "{}", isa);
            prop_assert_eq!(&winners, &expected_winners, "{}", isa);
            let mut found = out.clone();
            isa.linear(&values, &scales, &out, &values, &mut found);
            isa.unit_activations(&values, &scales, &out, &values, &mut found);
            isa.max(&values, &mut found);
            found.expect_fences();
        }
        Ok(())
    });
}

#[test]
fn ranges_at_the_end_of_all_memory() {
    // Numbers that add up to `usize::MAX` and no more are bounds that look kept when they are not.
    let cut = Cut { threshold: 0.0, ties_below: 0 };
    let fields = ReceptiveFields {
        rows: 2,
        row_len: 3,
        row_stride: 4,
        height: 1,
        width: 1,
        step_down: 0,
        step_right: 0,
    };
    let values = [1.0; 50];
    for isa in isas() {
        for less in 0..40 {
            let first = usize::MAX - less;
            let (mut found, mut expected) = ([cut; 33], [cut; 33]);
            let of_isa = isa.lifetime_cuts(&values, usize::MAX, first, 3, &mut found);
            assert_eq!(of_isa, Scalar.lifetime_cuts(&values, usize::MAX, first, 3, &mut expected), "{isa}");
            assert_eq!(found, expected, "{isa}");
            let (mut found, mut expected) = ([1.0; 6 * 33], [1.0; 6 * 33]);
            isa.filter_gradients(&fields, &[], &[], usize::MAX, first, &values, &mut found);
            Scalar.filter_gradients(&fields, &[], &[], usize::MAX, first, &values, &mut expected);
            assert_eq!(found, expected, "{isa}");
        }
    }
}
