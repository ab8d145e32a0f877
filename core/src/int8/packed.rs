//! Two products by one multiplication: convolutions for processors that multiply 32 bits and no more.
//!
//! A word of the window holds two activations, `y0 + y1 2^16`. A word of two weights is `x1 + x0 2^16`. Their
//! product, in 32 bits, is `x1 y0 + (x0 y0 + x1 y1) 2^16`: what is wanted, above something small. Such
//! products of a group of four weights, or of two groups, are added before a shift drops what is below.
//!
//! What is wanted must fit in 16 bits. So activations are taken 128 lower, as -128..=127, and 128 times the
//! weights are added in the end. Groups whose weights are too large even so leave their place, whole or in
//! halves, for a list of extra groups. Where that would be long, fewer products share a shift.
//!
//! Fields that are no whole groups, or do not begin at one, are gathered first, as many of a row as there is
//! memory for.
//!
//! Sums are exact, so that nothing depends on their order.

use core::hint::black_box;

use crate::field::ReceptiveFields;
use crate::int8::activation::requantise;
use crate::int8::filters::Int8Filters;
use crate::int8::gather::gather;
use crate::memory::quotient;
use crate::runs::{pieces, pieces_mut, runs_mut};
use crate::shape::div_ceil;

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

/// The largest sum of absolute weights that may share a shift: 128 times as much fits in 16 bits.
const MOST: u32 = 255;

/// Two words of activations: a group.
type Inputs = [i32; 2];

/// Two words of weights of a filter, and two of another: a group of each.
type Weights = [i32; 4];

/// Which group of a field is multiplied once more, and with which weights.
type Extra = (usize, Weights);

/// Extra groups of two filters, at most; there is room for those that are found beyond it at once.
const MOST_EXTRAS: usize = 6;
const EXTRAS: usize = MOST_EXTRAS + 4;

/// Groups whose weights are added in the halves of a word.
const ADDED: usize = 128;

/// Multiplications that share a shift: those of two groups, of one group, of half a group.
const OF_TWO: usize = 4;
const OF_ONE: usize = 2;
const OF_HALF: usize = 1;

/// Among so many groups, an extra one takes what sharing a shift saves.
const PAYS_OF_TWO: usize = 8;
const PAYS_OF_ONE: usize = 5;

/// Positions from which on it pays to prepare the weights of two filters for them.
const WIDE: usize = 4;

/// Whether there are registers for two filters and two positions at once: 31 of them, not 16.
const BOTH: bool = cfg!(not(target_arch = "arm"));

/// Whether there are not even registers for two filters at once: on a Cortex-M0, which is a processor of Arm
/// without compare-and-swap, and computes with 8 of its registers.
const FEW: bool = !BOTH && !cfg!(target_has_atomic = "32");

/// A row of a layer, if all numbers of the window are activations and there is memory enough. Otherwise
/// nothing is done, and `false` returned. The weights, the window and the memory are aligned to words.
///
/// The window is afterwards as it was.
#[inline(always)]
pub(crate) fn convolve(
    fields: &ReceptiveFields,
    filters: &Int8Filters<'_>,
    window: &mut [i16],
    scratch: &mut [i16],
    out: &mut [i16],
) -> bool {
    // What follows counts positions and not outputs: a true description, or it would count for ever.
    let outputs = fields.width.checked_mul(filters.weights.filters()).unwrap_or_default();
    if outputs == 0 || outputs > out.len() {
        return false;
    }
    // One call for each, so that neither is on the stack of the other.
    let convolve = if is_whole(fields) { in_place } else { gathered };
    let is_aligned =
        filters.weights.pairs().take(1).all(|pair| bytemuck::pod_align_to::<i8, u32>(pair).0.is_empty());
    is_aligned
        && !cfg!(target_endian = "big")
        && fields.width >= WIDE
        && convolve(fields, filters, window, scratch, out)
}

/// The parts of a scratch memory: for the weights of two filters, and what is left.
fn parts<'s>(fields: &ReceptiveFields, scratch: &'s mut [i16]) -> (&'s mut [Weights], &'s mut [Weights]) {
    match bytemuck::pod_align_to_mut(scratch) {
        ([], words, _) => {
            words.as_chunks_mut().0.split_at_mut_checked(field_groups(fields)).unwrap_or_default()
        }
        _ => Default::default(),
    }
}

/// Whether numbers are activations.
fn all_fit(numbers: &[i16]) -> bool {
    numbers.iter().all(|number| (0..=0xff).contains(number))
}

/// [`convolve`] of fields that are whole groups.
#[inline(never)]
fn in_place(
    fields: &ReceptiveFields,
    filters: &Int8Filters<'_>,
    window: &mut [i16],
    scratch: &mut [i16],
    out: &mut [i16],
) -> bool {
    let (weights, _) = parts(fields, scratch);
    let ([], words, after) = bytemuck::pod_align_to_mut::<i16, i32>(window) else { return false };
    if weights.is_empty() || !all_fit(after) {
        return false;
    }
    let mut all = 0;
    words.iter_mut().for_each(|word| {
        all |= *word;
        *word = word.wrapping_sub(OFFSETS);
    });
    let fit = all as u32 & !BYTES == 0;
    if fit {
        let rows = Rows {
            groups: fields.row_len / 4,
            stride: fields.row_stride / 4,
            step: fields.step_right / 4,
            width: fields.width,
        };
        rows.of_all(filters, words.as_chunks().0, weights, out);
    }
    words.iter_mut().for_each(|word| *word = word.wrapping_add(OFFSETS));
    fit
}

/// Whether fields are whole groups, and begin at such.
fn is_whole(fields: &ReceptiveFields) -> bool {
    (fields.row_len | fields.row_stride | fields.step_right) & 3 == 0
}

/// Groups of a field, and of a filter; the last one is filled up where the field is no whole groups.
fn field_groups(fields: &ReceptiveFields) -> usize {
    div_ceil(fields.len(), 4)
}

/// [`convolve`] of fields that lie anywhere.
#[inline(never)]
fn gathered(
    fields: &ReceptiveFields,
    filters: &Int8Filters<'_>,
    window: &mut [i16],
    scratch: &mut [i16],
    out: &mut [i16],
) -> bool {
    let groups = field_groups(fields);
    let (weights, memory) = parts(fields, scratch);
    let (memory, _) = memory.as_flattened_mut().as_chunks_mut();
    let most = quotient(memory.len(), groups);
    if weights.is_empty() || most < WIDE || !all_fit(window) {
        return false;
    }
    let (mut rest, mut out, mut left) = (&*window, out, fields.width);
    while left > 0 {
        let some = left.min(most);
        for (index, field) in runs_mut(memory, groups).take(some).enumerate() {
            let (_, numbers, _) = bytemuck::pod_align_to_mut::<i32, i16>(field.as_flattened_mut());
            numbers.iter_mut().rev().take(4).for_each(|last| *last = 0);
            gather(fields, rest.get(fields.offset(0, index)..).unwrap_or_default(), numbers);
            field.as_flattened_mut().iter_mut().for_each(|word| *word = word.wrapping_sub(OFFSETS));
        }
        let rows = Rows { groups, stride: groups, step: groups, width: some };
        rows.of_all(filters, memory, weights, out);
        rest = rest.get(fields.offset(0, some)..).unwrap_or_default();
        out = out.get_mut(some.saturating_mul(filters.weights.filters())..).unwrap_or_default();
        left = left.saturating_sub(some);
    }
    true
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
    /// Fields.
    width: usize,
}

/// What belongs to the weights of two filters.
struct Prepared {
    /// What is to be added to the sums of each filter.
    missing: [i32; 2],
    /// Multiplications that share a shift.
    together: usize,
    extras: heapless::Vec<Extra, EXTRAS>,
}

impl Rows {
    /// The outputs of all filters from activations that are 128 lower.
    #[inline(never)]
    fn of_all(self, filters: &Int8Filters<'_>, window: &[Inputs], weights: &mut [Weights], out: &mut [i16]) {
        let mut prepared = Prepared { missing: [0; 2], together: OF_HALF, extras: heapless::Vec::new() };
        for (index, pair) in filters.weights.pairs().enumerate() {
            let (_, pair, _) = bytemuck::pod_align_to::<i8, u32>(pair);
            self.prepare(pair.as_chunks().0, weights, &mut prepared);
            let filter = index.wrapping_mul(2);
            let outputs = Outputs::new(filters, filter, prepared.missing);
            let (to, extras) = (out.get_mut(filter..).unwrap_or_default(), &*prepared.extras);
            match prepared.together {
                OF_TWO => self.of_two::<OF_TWO>(&outputs, window, weights, extras, to),
                OF_ONE => self.of_two::<OF_ONE>(&outputs, window, weights, extras, to),
                _ => self.of_two::<OF_HALF>(&outputs, window, weights, extras, to),
            }
        }
    }

    /// The outputs of two filters.
    #[inline(never)]
    fn of_two<const TOGETHER: usize>(
        self,
        outputs: &Outputs,
        window: &[Inputs],
        weights: &[Weights],
        extras: &[Extra],
        out: &mut [i16],
    ) {
        let (mut rest, mut to, mut left) = (window, out, self.width);
        while BOTH && left >= 2 {
            let next = rest.get(self.step..).unwrap_or_default();
            let [a, b] = self.two_dots::<TOGETHER>(rest, next, weights);
            to = outputs.write(a, further(rest, extras), to);
            to = outputs.write(b, further(next, extras), to);
            rest = next.get(self.step..).unwrap_or_default();
            left -= 2;
        }
        while left > 0 {
            let sums = self.dots::<TOGETHER>(rest, weights);
            to = outputs.write(sums, further(rest, extras), to);
            rest = rest.get(self.step..).unwrap_or_default();
            left -= 1;
        }
    }

    /// Makes words of the packed weights of two filters, and finds out how many may be added before a shift.
    #[inline(never)]
    fn prepare(self, pair: &[[u32; 2]], weights: &mut [Weights], prepared: &mut Prepared) {
        let groups = pair.len();
        let Prepared { missing, together, extras } = prepared;
        let mut widened = |together: usize, pays: usize| {
            // Of few groups, any extra one costs more than what the others save.
            if groups < pays {
                None
            } else {
                self.widened(together, pair, weights, extras, groups / pays.max(1))
            }
        };
        *together = OF_TWO;
        let mut found = widened(2, PAYS_OF_TWO);
        if found.is_none() {
            *together = OF_ONE;
            found = widened(1, PAYS_OF_ONE);
        }
        if found.is_none() {
            *together = OF_HALF;
            found = widened(0, 0);
        }
        let (sums, twos) = found.unwrap_or_default();
        let shifts = match *together {
            OF_TWO => twos,
            OF_ONE => twos.wrapping_mul(2),
            _ => twos.wrapping_mul(4),
        };
        let shifts = shifts.wrapping_add(extras.len()) as i32;
        *missing = sums.map(|sum| sum.wrapping_mul(OFFSET).wrapping_add(shifts));
    }

    /// Makes words of the packed weights of two filters, so that `together` groups may share a shift; 0
    /// stands for half a group. Groups that are too large for it leave their place, and are `extras`. Returns
    /// the sum of each filter's weights, and the number of two groups; nothing if there would be more than
    /// `most` extras.
    #[inline(never)]
    fn widened(
        self,
        together: usize,
        pair: &[[u32; 2]],
        weights: &mut [Weights],
        extras: &mut heapless::Vec<Extra, EXTRAS>,
        most: usize,
    ) -> Option<([i32; 2], usize)> {
        extras.clear();
        let (mut start, mut sums, mut twos) = (0usize, [0i32; 2], 0usize);
        for (to, row) in pieces_mut(weights, self.groups).zip(pieces(pair, self.groups)) {
            let mut place = start;
            for (to, row) in pieces_mut(to, ADDED).zip(pieces(row, ADDED)) {
                let mut halves = [0u32; 2];
                let ((two, one), (to_two, to_one)) = (row.as_chunks::<2>(), to.as_chunks_mut::<2>());
                for (to, [a, b]) in to_two.iter_mut().zip(two) {
                    let [first, second] = to;
                    let ([c, d], [e, f]) = (widen(a, first, &mut halves), widen(b, second, &mut halves));
                    if together > 0 && (added(c.wrapping_add(e)) > MOST || added(d.wrapping_add(f)) > MOST) {
                        leave(to, [c, d, e, f].map(added), together, place, extras);
                        if extras.len() > most.min(MOST_EXTRAS) {
                            return None;
                        }
                    }
                    place = place.wrapping_add(2);
                    twos = twos.wrapping_add(1);
                }
                for (to, from) in to_one.iter_mut().zip(one) {
                    let [a, b] = widen(from, to, &mut halves);
                    let mut two = [*to, [0; 4]];
                    leave(&mut two, [added(a), added(b), 0, 0], together, place, extras);
                    [*to, _] = two;
                    twos = twos.wrapping_add(1);
                }
                // Each weight is 128 more.
                let more = (4 * OFFSET).wrapping_mul(row.len() as i32);
                let [a, b] = halves.map(|halves| (added(halves) as i32).wrapping_sub(more));
                sums = [sums[0].wrapping_add(a), sums[1].wrapping_add(b)];
            }
            start = start.wrapping_add(self.stride);
        }
        if extras.len() > most.min(MOST_EXTRAS) && together > 0 { None } else { Some((sums, twos)) }
    }

    /// The products of the field at the start of `window` with two filters, less one for each shift. A call,
    /// so that the compiler has all registers for it.
    #[inline(never)]
    fn dots<const TOGETHER: usize>(self, window: &[Inputs], weights: &[Weights]) -> [i32; 2] {
        let mut sums = [0i32; 2];
        self.each_row([window], weights, |row, [inputs]| {
            if FEW {
                in_twos(row, inputs, |weights, inputs| {
                    let [[first]] = products::<TOGETHER, 1, 1>([first_of(weights)], [inputs]);
                    sums[0] = sums[0].wrapping_add(first);
                });
                in_twos(row, inputs, |weights, inputs| {
                    let [[second]] = products::<TOGETHER, 1, 1>([second_of(weights)], [inputs]);
                    sums[1] = sums[1].wrapping_add(second);
                });
            } else {
                in_twos(row, inputs, |weights, inputs| {
                    let both = [first_of(weights), second_of(weights)];
                    let [[first], [second]] = products::<TOGETHER, 2, 1>(both, [inputs]);
                    sums = [sums[0].wrapping_add(first), sums[1].wrapping_add(second)];
                });
            }
        });
        sums
    }

    /// [`dots`](Self::dots) of two fields.
    #[inline(never)]
    fn two_dots<const TOGETHER: usize>(
        self,
        left: &[Inputs],
        right: &[Inputs],
        weights: &[Weights],
    ) -> [[i32; 2]; 2] {
        let [mut a, mut b, mut c, mut d] = [0i32; 4];
        self.each_row([left, right], weights, |row, [left, right]| {
            in_twos_of_two(row, left, right, |weights, left, right| {
                let both = [first_of(weights), second_of(weights)];
                let [first, second] = products::<TOGETHER, 2, 2>(both, [left, right]);
                (a, b) = (a.wrapping_add(first[0]), b.wrapping_add(second[0]));
                (c, d) = (c.wrapping_add(first[1]), d.wrapping_add(second[1]));
            });
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
}

/// Hands over two groups of a row at a time; the last one, if it is single, with zeros beside it.
#[inline(always)]
fn in_twos(weights: &[Weights], inputs: &[Inputs], mut add: impl FnMut(&[Weights; 2], &[Inputs; 2])) {
    let ((groups, last), (some, rest)) = (weights.as_chunks::<2>(), inputs.as_chunks::<2>());
    let (mut groups, mut some) = (groups, some);
    // Where a word at a time is read, four groups at a time take no more registers.
    if FEW {
        let ((fours, twos), (inputs, others)) = (groups.as_chunks::<2>(), some.as_chunks::<2>());
        for ([a, b], [x, y]) in fours.iter().zip(inputs) {
            black_box(());
            add(a, x);
            add(b, y);
        }
        (groups, some) = (twos, others);
    }
    for (weights, inputs) in groups.iter().zip(some) {
        // Keeps the compiler from taking more groups at a time than there are registers for.
        black_box(());
        add(weights, inputs);
    }
    for (weights, inputs) in last.iter().zip(rest) {
        add(&[*weights, [0; 4]], &[*inputs, [0; 2]]);
    }
}

/// [`in_twos`] of the rows of two fields.
#[inline(always)]
fn in_twos_of_two(
    weights: &[Weights],
    left: &[Inputs],
    right: &[Inputs],
    mut add: impl FnMut(&[Weights; 2], &[Inputs; 2], &[Inputs; 2]),
) {
    let (groups, last) = weights.as_chunks::<2>();
    let ((some, rest), (other, last_of_other)) = (left.as_chunks::<2>(), right.as_chunks::<2>());
    for (weights, (left, right)) in groups.iter().zip(some.iter().zip(other)) {
        black_box(());
        add(weights, left, right);
    }
    for (weights, (left, right)) in last.iter().zip(rest.iter().zip(last_of_other)) {
        add(&[*weights, [0; 4]], &[*left, [0; 2]], &[*right, [0; 2]]);
    }
}

/// Two groups of the first of two filters. Words are read where they are multiplied: of all at once, a
/// processor with few registers would have to put most away.
#[inline(always)]
fn first_of([[a, b, _, _], [c, d, _, _]]: &[Weights; 2]) -> [&i32; 4] {
    [a, b, c, d]
}

/// Two groups of the second of two filters.
#[inline(always)]
fn second_of([[_, _, a, b], [_, _, c, d]]: &[Weights; 2]) -> [&i32; 4] {
    [a, b, c, d]
}

/// The products of two groups of the weights of `F` filters with those of `N` fields, less one for each
/// shift.
#[inline(always)]
fn products<const TOGETHER: usize, const F: usize, const N: usize>(
    weights: [[&i32; 4]; F],
    inputs: [&[Inputs; 2]; N],
) -> [[i32; N]; F] {
    let (mut sums, mut parts) = ([[0i32; N]; F], [[ROUND; N]; F]);
    let mut add = |of: fn([&i32; 4]) -> i32, at: fn(&[Inputs; 2]) -> &i32, shifted: bool| {
        let inputs = inputs.map(|inputs| *at(inputs));
        for ((sums, parts), weights) in sums.iter_mut().zip(&mut parts).zip(weights) {
            let weights = of(weights);
            for ((sum, part), inputs) in sums.iter_mut().zip(parts).zip(inputs) {
                *part = part.wrapping_add(weights.wrapping_mul(inputs));
                if shifted {
                    *sum = sum.wrapping_add(*part >> 16);
                    *part = ROUND;
                }
            }
        }
        in_order();
    };
    add(|[word, _, _, _]| *word, |[[word, _], _]| word, TOGETHER < OF_ONE);
    add(|[_, word, _, _]| *word, |[[_, word], _]| word, TOGETHER < OF_TWO);
    add(|[_, _, word, _]| *word, |[_, [word, _]]| word, TOGETHER < OF_ONE);
    add(|[_, _, _, word]| *word, |[_, [_, word]]| word, true);
    sums
}

/// Where there are few registers, keeps the compiler from reading words long before they are multiplied.
#[inline(always)]
fn in_order() {
    if !BOTH {
        black_box(());
    }
}

/// The products of the extra groups, less one for each.
#[inline(always)]
fn further(window: &[Inputs], extras: &[Extra]) -> [i32; 2] {
    let [mut first, mut second] = [0i32; 2];
    for (place, [a, b, c, d]) in extras {
        let [x, y] = window.get(*place).copied().unwrap_or_default();
        let of = |a: i32, b: i32| ROUND.wrapping_add(a.wrapping_mul(x)).wrapping_add(b.wrapping_mul(y)) >> 16;
        first = first.wrapping_add(of(*a, *b));
        second = second.wrapping_add(of(*c, *d));
    }
    [first, second]
}

/// Of two groups at `place`, makes extra groups of as many as it takes for `together` to share a shift;
/// `sizes` are the absolute weights of the first group's filters, and of the second's.
#[inline(never)]
fn leave(
    [first, second]: &mut [Weights; 2],
    [a, b, c, d]: [u32; 4],
    together: usize,
    place: usize,
    extras: &mut heapless::Vec<Extra, EXTRAS>,
) {
    let mut push = |place: usize, group: Weights| {
        // There is room: see `EXTRAS`.
        let _ = extras.push((place, group));
    };
    let (one, other) = (a.max(b) > MOST, c.max(d) > MOST);
    for (group, large, place) in [(first, one, place), (&mut *second, other, place.wrapping_add(1))] {
        if large && together > 0 {
            let halves = group.map(half);
            push(place, halves);
            for (to, half) in group.iter_mut().zip(halves) {
                *to = to.wrapping_sub(half);
            }
            // Beside another group, the other half is too large.
            if together > 1 {
                push(place, *group);
                *group = [0; 4];
            }
        }
    }
    // No more than one is left where one was too large.
    if together > 1 && !one && !other && a.wrapping_add(c).max(b.wrapping_add(d)) > MOST {
        push(place.wrapping_add(1), *second);
        *second = [0; 4];
    }
}

/// The two words of a filter's packed group, each weight 128 more.
#[inline(always)]
fn words(packed: u32) -> [u32; 2] {
    // Now the fourth and the second weight are above the third and the first.
    let bytes = (packed ^ SIGNS).rotate_left(16);
    [bytes & BYTES, bytes >> 8 & BYTES]
}

/// Makes words of a packed group of two filters. Adds its weights, each 128 more, to the halves of two words,
/// and returns the absolute ones likewise.
#[inline(always)]
fn widen([first, second]: &[u32; 2], to: &mut Weights, sums: &mut [u32; 2]) -> [u32; 2] {
    let ([w, x], [y, z]) = (words(*first), words(*second));
    *to = [w, x, y, z].map(|word| word.wrapping_sub(OFFSETS as u32) as i32);
    *sums = [sums[0].wrapping_add(w.wrapping_add(x)), sums[1].wrapping_add(y.wrapping_add(z))];
    [absolute(*first), absolute(*second)]
}

/// The absolute weights of a packed group, as two sums in the halves of a word.
#[inline(always)]
fn absolute(packed: u32) -> u32 {
    let signs = (packed & SIGNS) >> 7;
    let bytes = (packed ^ signs.wrapping_mul(0xff)).wrapping_add(signs);
    (bytes & BYTES).wrapping_add(bytes >> 8 & BYTES)
}

/// The sum of both halves of a word.
#[inline(always)]
fn added(halves: u32) -> u32 {
    (halves & 0xffff).wrapping_add(halves >> 16)
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
    use crate::int8::kernels::{Int8Kernels, Portable, one_by_one};
    use crate::int8::network::Aligned;
    use crate::random::Random;
    use crate::shape::{Shape, Size};
    use std::vec;
    use std::vec::Vec;

    /// Both ways for a row of a layer whose weights are drawn by `weight`; with so many numbers of scratch
    /// memory. Returns whether it is taken two products at a time.
    #[track_caller]
    fn check(
        (shape, maps, kernel, stride): (Shape, usize, Size, Size),
        memory: usize,
        seed: u64,
        weight: impl Fn(&mut Random) -> i8,
    ) -> bool {
        let mut random = Random::new(seed);
        let padded = PaddedLayout::new(shape, kernel);
        let fields = ReceptiveFields { height: 1, ..ReceptiveFields::new(&padded, stride) };
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
        let mut scratch = Aligned([77i16; 4096]);
        let scratch = &mut scratch.0[..memory];
        let (mut out, mut expected) = (vec![-1; fields.width * maps], vec![-2; fields.width * maps]);
        if !convolve(&fields, &filters, window, scratch, &mut out) {
            assert!(out.iter().all(|v| *v == -1));
            return false;
        }
        assert_eq!(window, before);
        let mut field = vec![0; fields.len().next_multiple_of(4)];
        Portable.convolve(&fields, &filters, window, &mut field, &mut expected);
        assert_eq!(out, expected, "{shape:?} {maps} {kernel:?} {stride:?}");
        for wrong in [-1, 256] {
            *window.last_mut().unwrap() = wrong;
            assert!(!convolve(&fields, &filters, window, scratch, &mut out), "a window with {wrong}");
        }
        true
    }

    /// [`check`] with weights of every kind: any, small ones, few large ones, all as large as can be, and all
    /// as large as just fit.
    #[track_caller]
    fn check_weights(layer: (Shape, usize, Size, Size), memory: usize, seed: u64) {
        let around =
            |most: i8| move |random: &mut Random| (random.next_u64() % (2 * most as u64)) as i8 - most;
        assert!(check(layer, memory, seed, |random| random.next_u64() as i8));
        if cfg!(miri) {
            return;
        }
        for most in [8, 24, 32, 45, 64] {
            assert!(check(layer, memory, seed, around(most)));
            for every in [8, 16, 50] {
                assert!(check(layer, memory, seed, |random| {
                    if random.next_u64() % every == 0 { -128 } else { around(most)(random) }
                }));
            }
        }
        for same in [-128, 127, 64, -64, 63, 32, -32, 31] {
            assert!(check(layer, memory, seed, |_| same));
        }
    }

    #[test]
    fn descriptions_of_absurd_numbers_return() {
        let mut random = Random::new(18);
        let weights = Aligned([3i8; 96]);
        for _ in 0..if cfg!(miri) { 20 } else { 20_000 } {
            let mut number = || match random.below(12) {
                0 => 1 << random.below(usize::BITS),
                1 => usize::MAX - random.below(20) as usize,
                2 => random.next_u64() as usize,
                3 => 4 << random.below(usize::BITS - 4),
                _ => 4 * random.below(5) as usize,
            };
            let fields = ReceptiveFields {
                rows: number(),
                row_len: number(),
                row_stride: number(),
                height: number(),
                width: number(),
                step_down: number(),
                step_right: number(),
            };
            let (maps, filter_len) = (2 * random.below(4) as usize, 4 * random.below(5) as usize);
            let weights = &weights.0[..packed_len(maps, filter_len)];
            let (bias, multipliers) = (vec![5; maps], vec![1 << 10; maps]);
            let filters = Int8Filters::new(filter_len, weights, &bias, &multipliers).unwrap();
            let (mut window, mut scratch) = (Aligned([1i16; 128]), Aligned([77i16; 512]));
            let mut out = vec![-1; random.below(200) as usize];
            convolve(&fields, &filters, &mut window.0, &mut scratch.0, &mut out);
            assert_eq!(window.0, [1; 128]);
            one_by_one(&fields, &filters, &window.0, &mut scratch.0, &mut out);
        }
    }

    #[test]
    fn two_products_at_a_time_are_exact() {
        for (seed, maps) in (1..if cfg!(miri) { 3 } else { 9 }).zip([1, 2, 3, 4, 5, 6, 7, 8]) {
            let (channels, width) = (4 * (1 + seed as usize % 4), 4 + seed as usize);
            let (shape, kernel) = (Shape::new(channels, 9, width), Size::new(1 + seed as usize % 5, 3));
            check_weights((shape, maps, kernel, Size::ONE), 4 * 48 * kernel.height, seed);
        }
    }

    #[test]
    fn fields_that_are_no_whole_groups_are_gathered() {
        let mut random = Random::new(5);
        for seed in 1..if cfg!(miri) { 3 } else { 12 } {
            let mut between = |low: u64, high: u64| (low + random.next_u64() % (high - low + 1)) as usize;
            let (channels, width) = (between(1, 7), between(8, 20));
            let (kernel, stride) = (Size::new(between(1, 5), between(1, 5)), Size::new(1, between(1, 2)));
            let layer = (Shape::new(channels, 9, width), between(1, 5), kernel, stride);
            let groups = div_ceil(channels * kernel.area(), 4);
            // For the weights and as many fields as pay, a few more than that, and all of a row.
            for memory in [8 * groups + 16 * groups, 8 * groups + 27 * groups, 8 * groups + 80 * groups] {
                check_weights(layer, memory, seed);
            }
            let whole = channels % 4 == 0;
            assert_eq!(whole, check(layer, 8 * groups + 16 * groups - 4, seed, |_| 1), "too little memory");
        }
    }
}
