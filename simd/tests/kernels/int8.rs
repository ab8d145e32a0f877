//! Quantised convolutions of every instruction set against their definition: the same numbers, bit for bit.

use proptest::prelude::*;
use wta_core::int8::requantise;
use wta_core::{OutputLayout, PaddedLayout, Random, ReceptiveFields, Shape, Size};
use wta_simd::Isa;
use wta_simd::int8::{BEHIND, Int8Filter, Int8Isa};

use crate::cases;
use crate::inputs::{Canary, Fenced};

impl Canary for u8 {
    const CANARY: Self = 0xa5;
}

impl Canary for i32 {
    const CANARY: Self = 0x5eed_cafe;
}

/// A layer's numbers.
struct Case {
    fields: ReceptiveFields,
    weights: Vec<i8>,
    biases: Vec<i32>,
    multipliers: Vec<i32>,
    map: Vec<u8>,
    layout: OutputLayout,
    /// Numbers that the outputs lie in.
    out: usize,
}

fn integer(random: &mut Random, low: i32, high: i32) -> i32 {
    low + (random.uniform() * (high - low + 1) as f32) as i32
}

/// Numbers for fields of a padded map. `extreme` ones are as large as they may be.
fn case(padded: PaddedLayout, stride: Size, filters: usize, extreme: bool, seed: u64) -> Case {
    let random = &mut Random::new(seed);
    let fields = ReceptiveFields::new(&padded, stride);
    let byte = |random: &mut Random| if extreme { 255 } else { integer(random, 0, 255) as u8 };
    let weight = |random: &mut Random| match (extreme, random.uniform() < 0.7) {
        (true, true) => -128,
        (true, false) => 127,
        _ => integer(random, -128, 127) as i8,
    };
    let map = (0..padded.len() + BEHIND).map(|_| byte(random)).collect();
    let weights = (0..filters * fields.len()).map(|_| weight(random)).collect();
    let biases = (0..filters).map(|_| integer(random, -20_000, 30_000)).collect();
    let factor = 255.0 / (20_000.0 * (fields.len() as f64).sqrt());
    let multiplier = |random: &mut Random| match integer(random, 0, 9) {
        0 => 0,
        1 => i32::MAX,
        _ => (factor * (1u64 << 32) as f64 * f64::from(0.3 + random.uniform())) as i32,
    };
    let multipliers = (0..filters).map(|_| multiplier(random)).collect();
    let gap = integer(random, 0, 3) as usize;
    let row_stride = fields.width * (filters + gap) + gap;
    let layout = OutputLayout { start: gap, row_stride, step: filters + gap };
    let out = layout.at(fields.height - 1, fields.width - 1) + filters;
    Case { fields, weights, biases, multipliers, map, layout, out }
}

impl Case {
    fn filters(&self) -> usize {
        self.biases.len()
    }

    /// Each output with its place: the sum, and the multiplier of its filter.
    fn outputs(&self) -> impl Iterator<Item = (usize, i32, i32)> {
        let Self { fields, layout, map, .. } = self;
        let positions = (0..fields.height).flat_map(|y| (0..fields.width).map(move |x| (y, x)));
        positions.flat_map(move |(y, x)| {
            let of_filter = move |filter: usize| {
                let mut sum = i64::from(self.biases[filter]);
                let mut weights = self.weights[filter * fields.len()..].iter();
                for row in 0..fields.rows {
                    let at = fields.offset(y, x) + row * fields.row_stride;
                    for input in &map[at..at + fields.row_len] {
                        sum += i64::from(*weights.next().unwrap()) * i64::from(*input);
                    }
                }
                (layout.at(y, x) + filter, i32::try_from(sum).unwrap(), self.multipliers[filter])
            };
            (0..self.filters()).map(of_filter)
        })
    }

    fn prepared(&self, isa: Int8Isa, random: &mut Random) -> Fenced<i32> {
        let len = isa.prepared_len(&self.fields, self.filters());
        let mut prepared = Fenced::new(&vec![7; len], random);
        let filters = self.weights.chunks(self.fields.len()).zip(&self.biases).zip(&self.multipliers);
        let filters = filters.map(|((weights, bias), multiplier)| Int8Filter {
            weights: weights.iter().copied(),
            bias: *bias,
            multiplier: *multiplier,
        });
        isa.prepare(&self.fields, filters, &mut prepared);
        prepared.expect_fences();
        prepared
    }

    /// Both kinds of outputs by an instruction set.
    fn found(&self, isa: Int8Isa, seed: u64) -> (Vec<u8>, Vec<i32>) {
        let random = &mut Random::new(seed);
        let (filters, prepared) = (self.filters(), self.prepared(isa, random));
        // As long as it has to be: a read beyond it is for the sanitiser, and for a guard page.
        let map = &self.map[..];
        let mut bytes = Fenced::new(&vec![u8::CANARY; self.out], random);
        isa.convolve(&self.fields, filters, &prepared, map, self.layout, &mut bytes);
        bytes.expect_fences();
        let mut sums = Fenced::new(&vec![i32::CANARY; self.out], random);
        isa.sums(&self.fields, filters, &prepared, map, self.layout, &mut sums);
        sums.expect_fences();
        (bytes.to_vec(), sums.to_vec())
    }

    fn check(&self, isa: Int8Isa, seed: u64) {
        let (mut bytes, mut sums) = (vec![u8::CANARY; self.out], vec![i32::CANARY; self.out]);
        for (place, sum, multiplier) in self.outputs() {
            bytes[place] = requantise(sum, multiplier) as u8;
            sums[place] = sum;
        }
        let found = self.found(isa, seed);
        assert!(found == (bytes, sums), "{isa}: {:?}, {} filters", self.fields, self.filters());
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn convolutions_have_the_numbers_of_the_definition(
        shape in (1usize..10, 1usize..9, 1usize..34), kernel in (1usize..6, 1usize..8),
        stride in (1usize..3, 1usize..3), filters in 1usize..40, extreme: bool, seed in 0u64..1 << 40,
    ) {
        let shape = Shape::new(shape.0, shape.1, shape.2);
        let padded = PaddedLayout::new(shape, Size::new(kernel.0, kernel.1));
        let case = case(padded, Size::new(stride.0, stride.1), filters, extreme, seed);
        for isa in Int8Isa::all_available() {
            case.check(isa, seed);
        }
    }

    /// A fully-connected layer: images as positions.
    #[test]
    fn units_have_the_numbers_of_the_definition(
        inputs in 1usize..300, images in 1usize..30, units in 1usize..70, seed in 0u64..1 << 40,
    ) {
        let padded = PaddedLayout::new(Shape::new(inputs, 1, images), Size::ONE);
        let case = case(padded, Size::ONE, units, false, seed);
        for isa in Int8Isa::all_available() {
            case.check(isa, seed);
        }
    }

    #[test]
    fn what_does_not_fit_writes_nothing(cut in 0usize..4, seed in 0u64..1 << 40) {
        let padded = PaddedLayout::new(Shape::new(3, 4, 9), Size::square(3));
        for isa in Int8Isa::all_available() {
            let mut case = case(padded, Size::ONE, 5, false, seed);
            let prepared = case.prepared(isa, &mut Random::new(seed));
            let (mut prepared, mut out) = (&prepared[..], case.out);
            match cut {
                0 => prepared = &prepared[1..],
                // The last unit of the last row needs three bytes behind the map, or seven.
                1 => case.map.truncate(padded.len() + 2),
                2 => out -= 1,
                _ => case.fields.width = usize::MAX / 2,
            }
            let mut bytes = vec![u8::CANARY; out];
            isa.convolve(&case.fields, 5, prepared, &case.map, case.layout, &mut bytes);
            prop_assert!(bytes.iter().all(|byte| *byte == u8::CANARY), "{}, cut {}", isa, cut);
        }
    }
}

#[test]
fn lengths_beyond_all_memory_saturate() {
    let fields = ReceptiveFields {
        rows: usize::MAX,
        row_len: usize::MAX,
        row_stride: usize::MAX,
        height: 1,
        width: 1,
        step_down: 0,
        step_right: 0,
    };
    for isa in Int8Isa::all_available() {
        assert_eq!(isa.prepared_len(&fields, usize::MAX), usize::MAX);
        let layout = OutputLayout { start: 0, row_stride: 1, step: 1 };
        let mut out = [7];
        isa.convolve(&fields, 1, &[0; 8], &[1; 8], layout, &mut out);
        assert_eq!(out, [7]);
    }
}

#[test]
fn each_instruction_set_for_floats_has_one_for_bytes() {
    assert_eq!(Int8Isa::of(Isa::Scalar), Int8Isa::Scalar);
    assert_eq!(Int8Isa::of(Isa::detect()), Int8Isa::detect());
}
