//! The kernels of every instruction set of this processor against the scalar ones, on layers that can be:
//! equal to the last bit where sums are exact and where nothing is summed, close to them elsewhere; nothing
//! beside the slices is written.
//!
//! An input decides sizes, which kernels, and the stream that numbers are drawn from.

use wta_core::{AdamUpdate, Cut, Filters, Kernels, OutputLayout, Random, ReceptiveFields, Scalar, SgdUpdate};
use wta_simd::Isa;

use super::choices::Choices;

/// How far a sum may be from the scalar kernels', relative to the sum of its terms' magnitudes.
const TOLERANCE: f32 = 1e-6;

/// Numbers on both sides of a slice.
const FENCE: usize = 20;

const CANARY: f32 = -1234.5;

/// What numbers to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Small whole numbers: sums are exact in any order.
    Whole,
    /// Whole multiples of the smallest subnormal number: so are those.
    Subnormal,
    /// Normally distributed.
    Real,
}

/// Numbers between fences, off alignment.
#[derive(Clone)]
struct Fenced {
    all: Vec<f32>,
    start: usize,
    len: usize,
}

impl Fenced {
    fn new(values: &[f32], random: &mut Random) -> Self {
        let start = FENCE + random.below(16) as usize;
        let mut all = vec![CANARY; start + values.len() + FENCE];
        all[start..start + values.len()].copy_from_slice(values);
        Self { all, start, len: values.len() }
    }

    fn expect_fences(&self) {
        let fences = self.all[..self.start].iter().chain(&self.all[self.start + self.len..]);
        assert!(fences.copied().all(|value| value == CANARY), "a kernel writes beside its slice");
    }
}

impl std::ops::Deref for Fenced {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.all[self.start..self.start + self.len]
    }
}

impl std::ops::DerefMut for Fenced {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.all[self.start..self.start + self.len]
    }
}

fn draw(kind: Kind, len: usize, random: &mut Random) -> Fenced {
    let whole = |random: &mut Random| random.below(9) as f32 - 4.0;
    let number = |random: &mut Random| match kind {
        Kind::Whole => whole(random),
        Kind::Subnormal => whole(random) * f32::from_bits(1),
        Kind::Real => random.normal(),
    };
    let values: Vec<f32> = (0..len).map(|_| number(random)).collect();
    Fenced::new(&values, random)
}

/// Numbers that are not ordinary among others.
fn draw_odd(len: usize, finite: bool, random: &mut Random) -> Fenced {
    let number = |random: &mut Random| match random.below(24) {
        0 | 1 => 0.0,
        2 => -0.0,
        3 if !finite => f32::NAN,
        4 if !finite => f32::INFINITY,
        5 if !finite => -f32::INFINITY,
        6 => f32::from_bits(1 + random.below(9)),
        7 => 1e-30,
        8 => 1e18,
        9 | 10 => 0.5,
        _ => random.normal(),
    };
    let values: Vec<f32> = (0..len).map(|_| number(random)).collect();
    Fenced::new(&values, random)
}

fn magnitudes(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| value.abs()).collect()
}

/// A layer: where its receptive fields lie, how many filters it has, where its outputs go.
struct Geometry {
    fields: ReceptiveFields,
    maps: usize,
    out: OutputLayout,
}

impl Geometry {
    fn new(choices: &mut Choices<'_>) -> Self {
        let (rows, row_len, maps) = (1 + choices.below(5), 1 + choices.below(40), 1 + choices.below(70));
        let (height, width, down) = (1 + choices.below(4), 1 + choices.below(40), 1 + choices.below(3));
        let step_right = if choices.below(4) == 0 { 30 + choices.below(16) } else { 1 + choices.below(6) };
        let row_stride = row_len + (width - 1) * step_right + choices.below(4);
        let step_down = down * row_stride;
        let fields = ReceptiveFields { rows, row_len, row_stride, height, width, step_down, step_right };
        let step = maps + choices.below(4);
        let out = OutputLayout { start: choices.below(6), row_stride: width * step + choices.below(4), step };
        Self { fields, maps, out }
    }

    fn map_len(&self) -> usize {
        let ReceptiveFields { rows, row_len, row_stride, .. } = self.fields;
        self.fields.at(self.fields.positions() - 1) + (rows - 1) * row_stride + row_len
    }

    fn out_len(&self) -> usize {
        let OutputLayout { start, row_stride, step } = self.out;
        start + (self.fields.height - 1) * row_stride + (self.fields.width - 1) * step + self.maps
    }
}

/// `terms` has, for each number, the sum of its terms' magnitudes; 0 where nothing may have been written.
fn expect_close(isa: Isa, kind: Kind, found: &[f32], expected: &[f32], terms: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (index, ((found, expected), terms)) in found.iter().zip(expected).zip(terms).enumerate() {
        let tolerance = if kind == Kind::Real { TOLERANCE * terms } else { 0.0 };
        assert!((found - expected).abs() <= tolerance, "{isa}, {index}: {found:e} instead of {expected:e}");
    }
}

fn expect_same(isa: Isa, found: &[f32], expected: &[f32]) {
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
        assert!(same, "{isa}, {index}: {found:e} instead of {expected:e}");
    }
}

/// What was there, and the magnitudes of what was added; 0 where nothing was.
fn added_to(before: &[f32], terms: &[f32]) -> Vec<f32> {
    let all = before.iter().zip(terms);
    all.map(|(before, terms)| if *terms > 0.0 { before.abs() + terms } else { 0.0 }).collect()
}

/// Tries one kernel on one layer, by every instruction set.
pub fn run(bytes: &[u8]) -> bool {
    let mut choices = Choices::new(bytes);
    let which = choices.below(9);
    let kind = [Kind::Whole, Kind::Real, Kind::Subnormal][choices.below(3)];
    let mut random = Random::new(u64::from(choices.word()));
    match which {
        0 => convolution(&Geometry::new(&mut choices), kind, &mut random),
        1 => one_filter(&Geometry::new(&mut choices), kind, &mut random),
        2 => gradients(&Geometry::new(&mut choices), kind, &mut random),
        3 => backpropagation(&Geometry::new(&mut choices), kind, &mut random),
        4 => competition(&mut choices, &mut random),
        5 => cuts(&mut choices, &mut random),
        6 => optimisers(&mut choices, &mut random),
        7 => units(&mut choices, kind, &mut random),
        _ => rows(&mut choices, kind, &mut random),
    }
    // Sizes that are all smallest are hardly a case.
    !choices.rest().is_empty()
}

fn convolution(layer: &Geometry, kind: Kind, random: &mut Random) {
    let Geometry { fields, maps, out: layout } = layer;
    let map = draw(kind, layer.map_len(), random);
    // Products of subnormal numbers are 0.
    let of_filters = if kind == Kind::Subnormal { Kind::Whole } else { kind };
    let weights = draw(of_filters, maps * fields.len(), random);
    let bias = draw(kind, *maps, random);
    let untouched = Fenced::new(&vec![-7.0; layer.out_len()], random);
    let mut expected = untouched.to_vec();
    let filters = Filters { weights: &weights, bias: &bias, prepared: &[] };
    Scalar.convolve(fields, filters, &map, *layout, &mut expected);
    let mut terms = vec![0.0; untouched.len()];
    let (weight_terms, bias_terms) = (magnitudes(&weights), magnitudes(&bias));
    let filters = Filters { weights: &weight_terms, bias: &bias_terms, prepared: &[] };
    Scalar.convolve(fields, filters, &magnitudes(&map), *layout, &mut terms);
    for isa in Isa::all_available() {
        let mut prepared = Fenced::new(&vec![f32::NAN; isa.prepared_len(*maps, fields.len())], random);
        isa.prepare(&weights, fields.len(), &mut prepared);
        prepared.expect_fences();
        let mut found = untouched.clone();
        let filters = Filters { weights: &weights, bias: &bias, prepared: &prepared };
        isa.convolve(fields, filters, &map, *layout, &mut found);
        found.expect_fences();
        expect_close(isa, kind, &found, &expected, &terms);
    }
}

fn one_filter(layer: &Geometry, kind: Kind, random: &mut Random) {
    let fields = &layer.fields;
    let map = draw(kind, layer.map_len(), random);
    let of_filters = if kind == Kind::Subnormal { Kind::Whole } else { kind };
    let filter = draw(of_filters, fields.len(), random);
    let scale = draw(of_filters, 1, random)[0];
    let (map_terms, filter_terms) = (magnitudes(&map), magnitudes(&filter));
    let at = fields.at(random.below(fields.positions() as u32) as usize);
    let positions: Vec<u32> = (0..fields.positions() as u32).filter(|p| p % 3 != 1).collect();
    for isa in Isa::all_available() {
        let found = isa.field_dot(fields, at, &map, &filter);
        let expected = Scalar.field_dot(fields, at, &map, &filter);
        let terms = Scalar.field_dot(fields, at, &map_terms, &filter_terms);
        expect_close(isa, kind, &[found], &[expected], &[terms]);
        // The definition: what `field_dot` gives, a bias, no less than 0.
        let mut activations = Fenced::new(&vec![f32::NAN; positions.len()], random);
        isa.activations(fields, &positions, &map, &filter, scale, &mut activations);
        activations.expect_fences();
        for (position, found) in positions.iter().zip(&*activations) {
            let dot = isa.field_dot(fields, fields.at(*position as usize), &map, &filter);
            assert_eq!(found.to_bits() << 1, (scale + dot).max(0.0).to_bits() << 1, "{isa}, {position}");
        }

        let (mut found, mut expected, mut terms) = (map.clone(), map.to_vec(), vec![0.0; map.len()]);
        isa.add_to_field(fields, at, scale, &filter, &mut found);
        Scalar.add_to_field(fields, at, scale, &filter, &mut expected);
        Scalar.add_to_field(fields, at, scale.abs(), &filter_terms, &mut terms);
        expect_close(isa, kind, &found, &expected, &added_to(&map, &terms));
        found.expect_fences();

        let (mut found, mut expected) = (filter.clone(), filter.to_vec());
        let mut terms = vec![0.0; filter.len()];
        isa.add_to_filter(fields, at, scale, &map, &mut found);
        Scalar.add_to_filter(fields, at, scale, &map, &mut expected);
        Scalar.add_to_filter(fields, at, scale.abs(), &map_terms, &mut terms);
        expect_close(isa, kind, &found, &expected, &added_to(&filter, &terms));
        found.expect_fences();
    }
}

fn some_positions(fields: &ReceptiveFields, random: &mut Random) -> Vec<u32> {
    let mut positions: Vec<u32> = (0..fields.positions() as u32).collect();
    random.shuffle(&mut positions);
    positions.truncate(1 + random.below(positions.len().min(24) as u32) as usize);
    positions
}

fn gradients(layer: &Geometry, kind: Kind, random: &mut Random) {
    let Geometry { fields, maps, .. } = layer;
    let positions = some_positions(fields, random);
    let of_deltas = if kind == Kind::Subnormal { Kind::Whole } else { kind };
    let deltas = draw(of_deltas, positions.len() * maps, random);
    let map = draw(kind, layer.map_len(), random);
    let first = random.below(*maps as u32) as usize;
    let range = 1 + random.below((maps - first) as u32) as usize;
    let gradient = draw(kind, range * fields.len(), random);
    let mut expected = gradient.to_vec();
    Scalar.filter_gradients(fields, &positions, &deltas, *maps, first, &map, &mut expected);
    let mut terms = vec![0.0; gradient.len()];
    let (delta_terms, map_terms) = (magnitudes(&deltas), magnitudes(&map));
    Scalar.filter_gradients(fields, &positions, &delta_terms, *maps, first, &map_terms, &mut terms);
    for isa in Isa::all_available() {
        let mut found = gradient.clone();
        isa.filter_gradients(fields, &positions, &deltas, *maps, first, &map, &mut found);
        expect_close(isa, kind, &found, &expected, &added_to(&gradient, &terms));
        found.expect_fences();
    }
}

fn backpropagation(layer: &Geometry, kind: Kind, random: &mut Random) {
    let Geometry { fields, maps, .. } = layer;
    let positions = some_positions(fields, random);
    let of_deltas = if kind == Kind::Subnormal { Kind::Whole } else { kind };
    let deltas = draw(of_deltas, positions.len() * maps, random);
    let weights = draw(kind, maps * fields.len(), random);
    let below = draw(kind, layer.map_len(), random);
    let mut expected = below.to_vec();
    Scalar.backpropagate(fields, &positions, &deltas, &weights, &mut expected);
    let mut terms = vec![0.0; below.len()];
    Scalar.backpropagate(fields, &positions, &magnitudes(&deltas), &magnitudes(&weights), &mut terms);
    for isa in Isa::all_available() {
        let mut found = below.clone();
        isa.backpropagate(fields, &positions, &deltas, &weights, &mut found);
        expect_close(isa, kind, &found, &expected, &added_to(&below, &terms));
        found.expect_fences();
    }
}

fn competition(choices: &mut Choices<'_>, random: &mut Random) {
    let (maps, rows, first) = (1 + choices.below(80), choices.below(20), choices.word() >> 8);
    let activations = draw_odd(maps * rows, false, random);
    let before = draw_odd(maps, false, random);
    let (mut expected, mut expected_positions) = (before.to_vec(), vec![7; maps]);
    Scalar.compete(&activations, first, &mut expected, &mut expected_positions);
    let more = draw_odd(choices.below(100), false, random);
    let mut largest = before.to_vec();
    Scalar.max(&more, &mut largest);
    for isa in Isa::all_available() {
        let (mut found, mut positions) = (before.clone(), vec![7; maps]);
        isa.compete(&activations, first, &mut found, &mut positions);
        found.expect_fences();
        expect_same(isa, &found, &expected);
        assert_eq!(positions, expected_positions, "{isa}");
        let mut found = before.clone();
        isa.max(&more, &mut found);
        found.expect_fences();
        expect_same(isa, &found, &largest);
    }
}

fn cuts(choices: &mut Choices<'_>, random: &mut Random) {
    let (width, rows, keep) = (1 + choices.below(90), choices.below(40), 1 + choices.below(20));
    let finite = choices.below(2) == 0;
    let values = draw_odd(width * rows, finite, random);
    let first = choices.below(width);
    let columns = choices.below(width - first + 3);
    let empty = vec![Cut { threshold: -1.0, ties_below: 9 }; columns];
    let mut expected = empty.clone();
    let result = Scalar.lifetime_cuts(&values, width, first, keep, &mut expected);
    let row = &values[..values.len().min(width)];
    for isa in Isa::all_available() {
        let mut found = empty.clone();
        assert_eq!(isa.lifetime_cuts(&values, width, first, keep, &mut found), result, "{isa}");
        assert!(result.is_err() || found == expected, "{isa}");
        assert_eq!(isa.row_cut(row, keep), Scalar.row_cut(row, keep), "{isa}");
        let (mut values, mut places) = (vec![-1.0; keep], vec![u32::MAX; keep]);
        let count = isa.row_survivors(row, &mut values, &mut places);
        let (mut expected, mut at) = (vec![-1.0; keep], vec![u32::MAX; keep]);
        assert_eq!(count, Scalar.row_survivors(row, &mut expected, &mut at), "{isa}");
        assert_eq!((values, places), (expected, at), "{isa}");
    }
}

fn optimisers(choices: &mut Choices<'_>, random: &mut Random) {
    let len = choices.below(90);
    let mut draw = |positive: bool| {
        let mut values = draw_odd(len + choices.below(3), false, random);
        values.iter_mut().filter(|_| positive).for_each(|value| *value = value.abs());
        values
    };
    let (gradient, first, second, weights) = (draw(false), draw(false), draw(true), draw(false));
    let (rate, decay) = (random.uniform(), [0.0, 0.1 * random.uniform()][random.below(2) as usize]);
    let (beta1, beta2) = (0.5 + 0.49 * random.uniform(), 0.9 + 0.09 * random.uniform());
    let sgd = SgdUpdate { rate, momentum: beta1, decay };
    let (mut expected_first, mut expected) = (first.to_vec(), weights.to_vec());
    Scalar.sgd(&sgd, &gradient, &mut expected_first, &mut expected);
    let root = 1.0 + 29.0 * random.uniform();
    let adam = AdamUpdate { rate, root, beta1, beta2, epsilon: 1e-8, decay };
    let mut by_adam = (first.to_vec(), second.to_vec(), weights.to_vec());
    Scalar.adam(&adam, &gradient, &mut by_adam.0, &mut by_adam.1, &mut by_adam.2);
    for isa in Isa::all_available() {
        let (mut velocity, mut found) = (first.clone(), weights.clone());
        isa.sgd(&sgd, &gradient, &mut velocity, &mut found);
        expect_same(isa, &velocity, &expected_first);
        expect_same(isa, &found, &expected);
        let (mut one, mut two, mut three) = (first.clone(), second.clone(), weights.clone());
        isa.adam(&adam, &gradient, &mut one, &mut two, &mut three);
        expect_same(isa, &one, &by_adam.0);
        expect_same(isa, &two, &by_adam.1);
        expect_same(isa, &three, &by_adam.2);
        [velocity, found, one, two, three].iter().for_each(Fenced::expect_fences);
    }
}

fn units(choices: &mut Choices<'_>, kind: Kind, random: &mut Random) {
    let (inputs, units, images) = (1 + choices.below(300), 1 + choices.below(40), 1 + choices.below(130));
    let of_weights = if kind == Kind::Subnormal { Kind::Whole } else { kind };
    let weights = draw(of_weights, units * inputs, random);
    let (bias, batch) = (draw(kind, units, random), draw(kind, images * inputs, random));
    let (mut expected, mut terms) = (vec![0.0; units * images], vec![0.0; units * images]);
    Scalar.unit_activations(&weights, &bias, &batch, &[], &mut expected);
    Scalar.linear(&magnitudes(&weights), &magnitudes(&bias), &magnitudes(&batch), &[], &mut terms);
    for isa in Isa::all_available() {
        let mut prepared = Fenced::new(&vec![f32::NAN; isa.prepared_len(images, inputs)], random);
        isa.prepare(&batch, inputs, &mut prepared);
        prepared.expect_fences();
        let width = images.next_multiple_of(isa.panel_maps());
        let mut found = Fenced::new(&vec![f32::NAN; units * width], random);
        isa.unit_activations(&weights, &bias, &batch, &prepared, &mut found);
        found.expect_fences();
        let rows = expected.chunks(images).zip(terms.chunks(images));
        for (found, (expected, terms)) in found.chunks(width).zip(rows) {
            expect_close(isa, kind, &found[..images], expected, terms);
        }
    }
}

fn rows(choices: &mut Choices<'_>, kind: Kind, random: &mut Random) {
    let (rows, len, gap, count) =
        (1 + choices.below(20), choices.below(200), choices.below(5), choices.below(14));
    let stride = len + gap;
    let matrix = draw(kind, (rows * stride).saturating_sub(gap), random);
    // Some that are not there.
    let list: Vec<u32> = (0..count).map(|_| random.below(rows as u32 + 2)).collect();
    let of_scales = if kind == Kind::Subnormal { Kind::Whole } else { kind };
    let scales = draw(of_scales, list.len(), random);
    let before = draw(kind, len, random);
    let mut expected = before.to_vec();
    Scalar.weighted_row_sum(&scales, &list, &matrix, stride, &mut expected);
    let mut terms = vec![0.0; len];
    Scalar.weighted_row_sum(&magnitudes(&scales), &list, &magnitudes(&matrix), stride, &mut terms);
    for isa in Isa::all_available() {
        let mut dots = Fenced::new(&vec![f32::NAN; list.len()], random);
        isa.row_dots(&before, &list, &matrix, stride, &mut dots);
        dots.expect_fences();
        let fields = ReceptiveFields::row(len);
        let by = if list.iter().all(|row| (*row as usize) < rows) { isa } else { Isa::Scalar };
        for (dot, row) in dots.iter().zip(&list) {
            let alone = by.field_dot(&fields, *row as usize * stride, &matrix, &before);
            assert_eq!(dot.to_bits(), alone.to_bits(), "{isa}");
        }
        let mut found = before.clone();
        isa.weighted_row_sum(&scales, &list, &matrix, stride, &mut found);
        found.expect_fences();
        expect_close(isa, kind, &found, &expected, &added_to(&before, &terms));
    }
}

/// Decisions for each kernel.
pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |which: u8, factor: u8| -> Vec<u8> {
        let sizes = (1..40u8).map(|index| index.wrapping_mul(factor).wrapping_add(which));
        [which, factor % 3].into_iter().chain(sizes).collect()
    };
    (0..9).flat_map(|which| [7, 31, 90, 101, 146].map(|factor| seed(which, factor))).collect()
}
