//! Two products by one multiplication: convolutions for processors that multiply 32 bits and no more.
//!
//! A word of the window holds two activations, `y0 + y1 2^16`. A word of two weights is `x1 + x0 2^16`. Their
//! product, in 32 bits, is `x1 y0 + (x0 y0 + x1 y1) 2^16`: what is wanted, above something small. Two such
//! products, of a group of four weights, are added before a shift drops what is below.
//!
//! What is wanted must fit in 16 bits. So activations are taken 128 lower, as -128..=127, and 128 times the
//! weights are added in the end. Weights of a group that are too large even so are halved: one half stays in
//! its place, the other is in a list of extra groups. Where that is full, the two products are shifted one by
//! one.
//!
//! Sums are exact, so that nothing depends on their order.

use core::hint::black_box;

use crate::field::ReceptiveFields;
use crate::int8::activation::requantise;
use crate::int8::filters::Int8Filters;
use crate::runs::{pieces, pieces_mut};

/// What makes activations of 0..=255 numbers of 8 bits with a sign.
const OFFSET: i32 = 128;

/// [`OFFSET`] in both halves of a word.
const OFFSETS: i32 = OFFSET * 0x1_0001;

/// Bits that activations have, in both halves of a word.
const BYTES: u32 = 0x00ff_00ff;

/// The highest bit of each byte.
const SIGNS: u32 = 0x8080_8080;

/// Halves of 2^16 round; sums are taken one too low, or the largest one would not fit in 16 bits.
const ROUND: i32 = (1 << 15) - (1 << 16);

/// The largest sum of a group's absolute weights that needs no halves: 128 times as much fits in 16 bits.
const MOST: u32 = 255;

/// Two words of activations.
type Inputs = [i32; 2];

/// Two words of weights of a filter, and two of another.
type Weights = [i32; 4];

/// Which group of a field is multiplied once more, and with which weights.
type Extra = (usize, Weights);

/// Extra groups of two filters.
const EXTRAS: usize = 16;

/// Groups whose weights are added in the halves of a word.
const ADDED: usize = 128;

/// Groups that a loop of one position takes at a time.
const TOGETHER: usize = 4;

/// Positions in a row from which on it pays to prepare the weights of two filters for the whole row.
const WIDE: usize = 4;

/// Whether there are registers for two filters at once.
const BOTH: bool = cfg!(not(target_arch = "arm"));

/// Whether there are registers for two positions at once: on all but a Cortex-M0, which is a processor of Arm
/// without compare-and-swap.
const IN_TWOS: bool = BOTH || cfg!(target_has_atomic = "32");

/// A row of a layer, if its fields are whole groups and begin at such, the window and the weights are aligned
/// to words, and all numbers of the window are activations. Otherwise nothing is done, and `false` returned.
///
/// The window is afterwards as it was.
pub(crate) fn convolve(
    fields: &ReceptiveFields,
    filters: &Int8Filters<'_>,
    window: &mut [i16],
    scratch: &mut [i16],
    out: &mut [i16],
) -> bool {
    let whole = (fields.row_len | fields.row_stride | fields.step_right) & 3 == 0 && fields.row_len > 0;
    if cfg!(target_endian = "big") || !whole || fields.width < WIDE {
        return false;
    }
    let (before, window, _) = bytemuck::pod_align_to_mut::<i16, i32>(window);
    let (unused, scratch, _) = bytemuck::pod_align_to_mut::<i16, i32>(scratch);
    let (window, _) = window.as_chunks_mut();
    let (weights, _) = scratch.as_chunks_mut();
    let rows =
        Rows { groups: fields.row_len / 4, stride: fields.row_stride / 4, step: fields.step_right / 4 };
    let weights = weights.get_mut(..rows.groups.saturating_mul(fields.rows)).unwrap_or_default();
    let aligned = before.is_empty() && unused.is_empty() && filters.weights.pairs().all(is_aligned);
    if !aligned || weights.is_empty() {
        return false;
    }
    if window.iter().fold(0, |all, [a, b]| all | *a | *b) as u32 & !BYTES != 0 {
        return false;
    }
    window.as_flattened_mut().iter_mut().for_each(|word| *word = word.wrapping_sub(OFFSETS));
    for (index, pair) in filters.weights.pairs().enumerate() {
        let (_, pair, _) = bytemuck::pod_align_to::<i8, u32>(pair);
        rows.of_two(fields.width, filters, 2 * index, pair.as_chunks().0, window, weights, out);
    }
    window.as_flattened_mut().iter_mut().for_each(|word| *word = word.wrapping_add(OFFSETS));
    true
}

fn is_aligned(pair: &[i8]) -> bool {
    bytemuck::pod_align_to::<i8, u32>(pair).0.is_empty()
}

/// How fields lie in the window, in groups.
#[derive(Clone, Copy)]
struct Rows {
    /// Groups in a row of a field.
    groups: usize,
    /// From one row of a field to the next.
    stride: usize,
    /// From one field to the next.
    step: usize,
}

/// What belongs to the weights of two filters.
struct Prepared {
    /// What is to be added to the sums of each filter.
    missing: [i32; 2],
    extras: heapless::Vec<Extra, EXTRAS>,
    /// Whether there were more extra groups than that; then no weight is halved.
    full: bool,
}

impl Rows {
    /// The outputs of two filters, the first of which is number `filter`, from activations that are 128
    /// lower.
    #[allow(clippy::too_many_arguments, reason = "what a layer's row needs")]
    fn of_two(
        self,
        width: usize,
        filters: &Int8Filters<'_>,
        filter: usize,
        pair: &[[u32; 2]],
        window: &[Inputs],
        weights: &mut [Weights],
        out: &mut [i16],
    ) {
        let Prepared { missing, extras, full } = self.prepare(pair, weights);
        let outputs = Outputs::new(filters, filter, missing);
        let (mut rest, mut to, mut left) = (window, out.get_mut(filter..).unwrap_or_default(), width);
        while IN_TWOS && left >= 2 {
            let next = rest.get(self.step..).unwrap_or_default();
            let [a, b] = if full {
                self.two_dots::<false>(rest, next, weights)
            } else {
                self.two_dots::<true>(rest, next, weights)
            };
            to = outputs.write(a, self.further(rest, &extras), to);
            to = outputs.write(b, self.further(next, &extras), to);
            rest = next.get(self.step..).unwrap_or_default();
            left -= 2;
        }
        while left > 0 {
            let sums =
                if full { self.dots::<false>(rest, weights) } else { self.dots::<true>(rest, weights) };
            to = outputs.write(sums, self.further(rest, &extras), to);
            rest = rest.get(self.step..).unwrap_or_default();
            left -= 1;
        }
    }

    /// Makes words of the packed weights of two filters.
    fn prepare(self, pair: &[[u32; 2]], weights: &mut [Weights]) -> Prepared {
        let (mut extras, mut full) = (heapless::Vec::<Extra, EXTRAS>::new(), false);
        let (mut sums, mut first) = ([0i32; 2], 0usize);
        for (weights, pair) in pieces_mut(weights, ADDED).zip(pieces(pair, ADDED)) {
            let (mut a, mut b) = (0u32, 0u32);
            for (index, (to, [x, y])) in weights.iter_mut().zip(pair).enumerate() {
                let ([w, x], [y, z], large) = (widened(*x), widened(*y), has_large(*x) | has_large(*y));
                *to = [w, x, y, z].map(|word| word.wrapping_sub(OFFSETS as u32) as i32);
                a = a.wrapping_add(w.wrapping_add(x));
                b = b.wrapping_add(y.wrapping_add(z));
                if large && (is_too_large(to[0], to[1]) || is_too_large(to[2], to[3])) && !full {
                    let extra = to.map(half);
                    let at = first.wrapping_add(index);
                    let row = at.checked_div(self.groups).unwrap_or(0);
                    let place = at.wrapping_add(row.wrapping_mul(self.stride.wrapping_sub(self.groups)));
                    full = extras.push((place, extra)).is_err();
                    for (to, extra) in to.iter_mut().zip(extra) {
                        *to = to.wrapping_sub(extra);
                    }
                }
            }
            // Each weight is 128 more.
            let added =
                |sum: u32| (sum & 0xffff).wrapping_add(sum >> 16).wrapping_sub(512 * weights.len() as u32);
            sums = [sums[0].wrapping_add(added(a) as i32), sums[1].wrapping_add(added(b) as i32)];
            first = first.wrapping_add(weights.len());
        }
        let mut groups = weights.len().wrapping_add(extras.len()) as i32;
        if full {
            extras.clear();
            for (to, [x, y]) in weights.iter_mut().zip(pair) {
                let ([w, x], [y, z]) = (widened(*x), widened(*y));
                *to = [w, x, y, z].map(|word| word.wrapping_sub(OFFSETS as u32) as i32);
            }
            groups = 2 * weights.len() as i32;
        }
        Prepared { missing: sums.map(|sum| sum.wrapping_mul(OFFSET).wrapping_add(groups)), extras, full }
    }

    /// The products of the field at the start of `window` with two filters, less one for each shift.
    #[inline(always)]
    fn dots<const FOURS: bool>(self, window: &[Inputs], weights: &[Weights]) -> [i32; 2] {
        let [mut first, mut second] = [0i32; 2];
        self.each_row([window], weights, |row, [inputs]| {
            first = first.wrapping_add(row_of::<FOURS>(row, inputs, |[a, b, _, _]| [*a, *b]));
        });
        self.each_row([window], weights, |row, [inputs]| {
            second = second.wrapping_add(row_of::<FOURS>(row, inputs, |[_, _, a, b]| [*a, *b]));
        });
        [first, second]
    }

    /// [`dots`](Self::dots) of two fields.
    #[inline(always)]
    fn two_dots<const FOURS: bool>(
        self,
        left: &[Inputs],
        right: &[Inputs],
        weights: &[Weights],
    ) -> [[i32; 2]; 2] {
        let [mut a, mut b, mut c, mut d] = [0i32; 4];
        if BOTH {
            self.each_row([left, right], weights, |row, [left, right]| {
                for ([w, x, y, z], (left, right)) in row.iter().zip(left.iter().zip(right)) {
                    a = a.wrapping_add(products::<FOURS>([*w, *x], *left));
                    b = b.wrapping_add(products::<FOURS>([*y, *z], *left));
                    c = c.wrapping_add(products::<FOURS>([*w, *x], *right));
                    d = d.wrapping_add(products::<FOURS>([*y, *z], *right));
                }
            });
            return [[a, b], [c, d]];
        }
        // `black_box` keeps the compiler from taking more groups at a time than there are registers for.
        self.each_row([left, right], weights, |row, [left, right]| {
            for ([w, x, _, _], (left, right)) in row.iter().zip(left.iter().zip(right)) {
                black_box(());
                a = a.wrapping_add(products::<FOURS>([*w, *x], *left));
                c = c.wrapping_add(products::<FOURS>([*w, *x], *right));
            }
        });
        self.each_row([left, right], weights, |row, [left, right]| {
            for ([_, _, y, z], (left, right)) in row.iter().zip(left.iter().zip(right)) {
                black_box(());
                b = b.wrapping_add(products::<FOURS>([*y, *z], *left));
                d = d.wrapping_add(products::<FOURS>([*y, *z], *right));
            }
        });
        [[a, b], [c, d]]
    }

    /// Hands over each row of the weights, with those of some fields.
    #[inline(always)]
    fn each_row<const N: usize>(
        self,
        mut fields: [&[Inputs]; N],
        mut weights: &[Weights],
        mut add: impl FnMut(&[Weights], [&[Inputs]; N]),
    ) {
        while let Some((row, below)) = weights.split_at_checked(self.groups) {
            add(row, fields.map(|field| field.get(..self.groups).unwrap_or_default()));
            fields = fields.map(|field| field.get(self.stride..).unwrap_or_default());
            weights = below;
        }
    }

    /// The products of the extra groups, less one for each.
    fn further(self, window: &[Inputs], extras: &[Extra]) -> [i32; 2] {
        let [mut a, mut b] = [0i32; 2];
        for (place, [w, x, y, z]) in extras {
            let inputs = window.get(*place).copied().unwrap_or_default();
            a = a.wrapping_add(products::<true>([*w, *x], inputs));
            b = b.wrapping_add(products::<true>([*y, *z], inputs));
        }
        [a, b]
    }
}

/// The two words of a filter's packed group, each weight 128 more.
#[inline(always)]
fn widened(packed: u32) -> [u32; 2] {
    // Now the fourth and the second weight are above the third and the first.
    let bytes = (packed ^ SIGNS).rotate_left(16);
    [bytes & BYTES, bytes >> 8 & BYTES]
}

/// Whether a weight of a packed group is less than -64 or more than 63: no four others are too large.
#[inline(always)]
fn has_large(packed: u32) -> bool {
    (packed ^ packed << 1) & SIGNS != 0
}

/// Whether the products of a group of weights may not fit.
fn is_too_large(first: i32, second: i32) -> bool {
    let absolute = |word: i32| low(word).unsigned_abs() + high(word).unsigned_abs();
    absolute(first) + absolute(second) > MOST
}

/// The lower number of a word.
fn low(word: i32) -> i32 {
    i32::from(word as i16)
}

/// The upper number of a word.
fn high(word: i32) -> i32 {
    (word - low(word)) >> 16
}

/// Half of both numbers of a word, the lower one rounded down and the upper one up: the rests of four weights
/// of 127 would all be 64 otherwise, and -128 times their sum, less one, does not fit.
fn half(word: i32) -> i32 {
    (low(word) >> 1) + ((high(word).wrapping_add(1) >> 1) << 16)
}

/// The products of a row with the weights that are picked.
#[inline(always)]
fn row_of<const FOURS: bool>(
    weights: &[Weights],
    inputs: &[Inputs],
    pick: impl Fn(&Weights) -> [i32; 2],
) -> i32 {
    let ((groups, last), (some, rest)) = (weights.as_chunks::<TOGETHER>(), inputs.as_chunks::<TOGETHER>());
    let mut sum = 0i32;
    for (groups, inputs) in groups.iter().zip(some) {
        black_box(());
        for (weights, inputs) in groups.iter().zip(inputs) {
            sum = sum.wrapping_add(products::<FOURS>(pick(weights), *inputs));
        }
    }
    for (weights, inputs) in last.iter().zip(rest) {
        black_box(());
        sum = sum.wrapping_add(products::<FOURS>(pick(weights), *inputs));
    }
    sum
}

/// The products of four weights and inputs, less one for each shift.
#[inline(always)]
fn products<const FOURS: bool>([a, b]: [i32; 2], [x, y]: Inputs) -> i32 {
    let (first, second) = (a.wrapping_mul(x).wrapping_add(ROUND), b.wrapping_mul(y));
    if FOURS { first.wrapping_add(second) >> 16 } else { (first >> 16) + (second.wrapping_add(ROUND) >> 16) }
}

/// What becomes of the sums of two filters.
struct Outputs {
    bias: [i32; 2],
    multipliers: [i32; 2],
    maps: usize,
    /// Whether there is a second filter.
    is_pair: bool,
}

impl Outputs {
    fn new(filters: &Int8Filters<'_>, filter: usize, missing: [i32; 2]) -> Self {
        let of = |values: &[i32], index: usize| values.get(index).copied().unwrap_or(0);
        let both = |values: &[i32]| [of(values, filter), of(values, filter.wrapping_add(1))];
        let ([a, b], [c, d]) = (both(filters.bias), missing);
        let bias = [a.wrapping_add(c), b.wrapping_add(d)];
        let maps = filters.weights.filters();
        Self { bias, multipliers: both(filters.multipliers), maps, is_pair: filter.wrapping_add(1) < maps }
    }

    /// Writes the activations of a position; returns the places from the next one on.
    #[inline(always)]
    fn write<'o>(&self, [a, b]: [i32; 2], [c, d]: [i32; 2], to: &'o mut [i16]) -> &'o mut [i16] {
        let ([first, second], [by, other]) = (self.bias, self.multipliers);
        if let Some(to) = to.first_mut() {
            *to = requantise(first.wrapping_add(a).wrapping_add(c), by);
        }
        if self.is_pair
            && let Some(to) = to.get_mut(1)
        {
            *to = requantise(second.wrapping_add(b).wrapping_add(d), other);
        }
        to.get_mut(self.maps..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::field::PaddedLayout;
    use crate::int8::filters::{Int8Weights, packed_len};
    use crate::int8::kernels::{Int8Kernels, Portable};
    use crate::int8::network::Aligned;
    use crate::random::Random;
    use crate::shape::{Shape, Size};
    use std::vec;
    use std::vec::Vec;

    /// Both ways for a row of a layer whose weights are drawn by `weight`.
    #[track_caller]
    fn check(shape: Shape, maps: usize, kernel: Size, seed: u64, weight: impl Fn(&mut Random) -> i8) {
        let mut random = Random::new(seed);
        let padded = PaddedLayout::new(shape, kernel);
        let fields = ReceptiveFields { height: 1, ..ReceptiveFields::new(&padded, Size::ONE) };
        let plain: Vec<i8> = (0..maps * fields.len()).map(|_| weight(&mut random)).collect();
        let mut packed = Aligned([0i8; 8192]);
        let packed = &mut packed.0[..packed_len(maps, fields.len())];
        Int8Weights::pack(&plain, fields.len(), packed).unwrap();
        let bias: Vec<i32> = (0..maps).map(|_| random.next_u64() as i32 >> 16).collect();
        let multipliers: Vec<i32> = (0..maps).map(|_| (random.next_u64() % (1 << 19)) as i32).collect();
        let filters = Int8Filters::new(fields.len(), packed, &bias, &multipliers).unwrap();
        let mut window = Aligned([0i16; 4096]);
        let window = &mut window.0[..fields.row_stride * kernel.height];
        window
            .iter_mut()
            .for_each(|v| *v = (random.next_u64() % 256) as i16 * (random.next_u64() % 2) as i16);
        let before = window.to_vec();
        let mut scratch = Aligned([0i16; 2048]);
        let (mut out, mut expected) = (vec![-1; fields.width * maps], vec![-2; fields.width * maps]);
        assert!(convolve(&fields, &filters, window, &mut scratch.0, &mut out));
        assert_eq!(window, before);
        Portable.convolve(&fields, &filters, window, &mut scratch.0, &mut expected);
        assert_eq!(out, expected, "{shape:?} {maps} {kernel:?}");
        window[3] = -1;
        assert!(!convolve(&fields, &filters, window, &mut scratch.0, &mut out), "a signed window");
    }

    #[test]
    fn two_products_at_a_time_are_exact() {
        for (seed, maps) in (1..9).zip([1, 2, 3, 4, 5, 6, 7, 8]) {
            let (channels, width) = (4 * (1 + seed as usize % 4), 4 + seed as usize);
            let (shape, kernel) = (Shape::new(channels, 9, width), Size::new(1 + seed as usize % 5, 3));
            check(shape, maps, kernel, seed, |random| random.next_u64() as i8);
            // Few large weights, and weights that are all as large as can be.
            check(shape, maps, kernel, seed, |random| (random.next_u64() % 64) as i8 - 32 * (seed % 3) as i8);
            check(shape, maps, kernel, seed, |random| {
                if random.next_u64() % 16 == 0 { -128 } else { (random.next_u64() % 90) as i8 - 45 }
            });
            check(shape, maps, kernel, seed, |_| -128);
            check(shape, maps, kernel, seed, |_| 127);
        }
    }
}
