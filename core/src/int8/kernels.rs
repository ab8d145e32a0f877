//! The hot loops of quantised inference, and their definition.

use core::hint::black_box;

use crate::field::ReceptiveFields;
use crate::int8::activation::requantise;
use crate::int8::filters::{Int8Filters, Int8Weights};
use crate::int8::gather::gather;
use crate::int8::packed;
use crate::memory::{copy, part_mut};
use crate::runs::{pieces, pieces_mut, runs_mut};

/// The hot loops of quantised inference. All sums are exact, so every implementation gives the numbers of
/// [`Portable`].
///
/// Given slices that are too short for the description, they do nothing for what does not fit.
pub trait Int8Kernels: Copy + Send + Sync {
    /// Scratch memory of [`convolve`](Self::convolve), in lengths of a filter filled up to a multiple of
    /// four.
    const SCRATCH_FILTERS: usize;

    /// A row of an encoder layer: for each of the `fields.width` positions and each filter, the
    /// [requantised](requantise) sum of the bias and the products of filter and receptive field. The outputs
    /// of a position lie side by side.
    ///
    /// `window` begins at the first row of the fields; a kernel may change it, and restores it. It and
    /// `scratch` are best [`Aligned`](crate::int8::Aligned).
    fn convolve(
        self,
        fields: &ReceptiveFields,
        filters: &Int8Filters<'_>,
        window: &mut [i16],
        scratch: &mut [i16],
        out: &mut [i16],
    );

    /// `sums += <filter, inputs>`, for each filter. Sums wrap around where they leave `i32`.
    fn accumulate(self, filters: &Int8Weights<'_>, inputs: &[i16], sums: &mut [i32]);

    /// `to = max(to, from)`, element by element: pooling.
    fn max(self, from: &[i16], to: &mut [i16]);
}

/// Kernels for every processor, and what the others are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Portable;

/// Whether two products by one multiplication are fast: hosts multiply vectors.
const PACKED: bool = cfg!(target_pointer_width = "32");

impl Int8Kernels for Portable {
    /// A filter in words and as much for its large weights, or a receptive field.
    const SCRATCH_FILTERS: usize = 2;

    fn convolve(
        self,
        fields: &ReceptiveFields,
        filters: &Int8Filters<'_>,
        window: &mut [i16],
        scratch: &mut [i16],
        out: &mut [i16],
    ) {
        if PACKED && packed::convolve(fields, filters, window, scratch, out) {
            return;
        }
        one_by_one(fields, filters, window, scratch, out);
    }

    fn accumulate(self, filters: &Int8Weights<'_>, inputs: &[i16], sums: &mut [i32]) {
        for (sums, pair) in pieces_mut(sums, 2).zip(filters.pairs()) {
            let mut both = [0; 2];
            copy(sums, &mut both);
            add_products(pair, inputs, &mut both);
            copy(&both, sums);
        }
    }

    fn max(self, from: &[i16], to: &mut [i16]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = (*to).max(*from);
        }
    }
}

/// [`Int8Kernels::convolve`], product by product. A call, so that who takes two at a time does not have this
/// on the stack.
#[inline(never)]
pub(super) fn one_by_one(
    fields: &ReceptiveFields,
    filters: &Int8Filters<'_>,
    window: &[i16],
    scratch: &mut [i16],
    out: &mut [i16],
) {
    let maps = filters.weights.filters();
    // Filled up to whole groups with zeros.
    let field = part_mut(scratch, 0, fields.len().div_ceil(4).saturating_mul(4));
    field.fill(0);
    for (x, out) in runs_mut(out, maps).take(fields.width).enumerate() {
        gather(fields, window.get(fields.offset(0, x)..).unwrap_or_default(), field);
        let scaled = pieces(filters.bias, 2).zip(pieces(filters.multipliers, 2));
        for ((out, (bias, multipliers)), pair) in pieces_mut(out, 2).zip(scaled).zip(filters.weights.pairs())
        {
            let bias = |index: usize| bias.get(index).copied().unwrap_or(0);
            let mut sums = [bias(0), bias(1)];
            add_products(pair, field, &mut sums);
            for (out, (sum, multiplier)) in out.iter_mut().zip(sums.into_iter().zip(multipliers)) {
                *out = requantise(sum, *multiplier);
            }
        }
    }
}

/// Adds the products of the inputs with a packed pair of filters to the sum of each.
fn add_products(pair: &[i8], inputs: &[i16], sums: &mut [i32; 2]) {
    let (weights, _) = pair.as_chunks();
    let (groups, rest) = inputs.as_chunks();
    for (weights, inputs) in weights.iter().zip(groups) {
        // The compiler takes several groups at a time where it can, more than a microcontroller has registers
        // for.
        if cfg!(target_arch = "arm") {
            black_box(());
        }
        add_group(weights, inputs, sums);
    }
    if let Some(weights) = weights.get(groups.len()) {
        let mut inputs = [0; 4];
        copy(rest, &mut inputs);
        add_group(weights, &inputs, sums);
    }
}

/// [`add_products`] of a group.
#[inline]
fn add_group(weights: &[i8; 8], inputs: &[i16; 4], sums: &mut [i32; 2]) {
    // The second and third weight of a group are swapped. Each number is read where it lies: of a group that
    // is read as a whole, the compiler would cut the numbers out.
    let ([a, c, b, d, e, g, f, h], [w, x, y, z]) = (weights, inputs);
    let product = |weight: &i8, input: &i16| i32::from(*weight) * i32::from(*input);
    let [first, second] = sums;
    *first = first.wrapping_add(product(a, w) + product(b, x) + product(c, y) + product(d, z));
    *second = second.wrapping_add(product(e, w) + product(f, x) + product(g, y) + product(h, z));
}
