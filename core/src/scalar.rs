//! The kernels written as their definitions: the oracle that every other implementation is tested against,
//! and what microcontrollers without vector instructions run.
//!
//! Sums run in the order of memory; products are rounded before they are added (no fused multiply-add), so
//! that every machine gets the same bits. Loops that microcontrollers spend their time in go through several
//! rows at once (see [`unrolled`]), which does not change the order of any number's terms.

use crate::cut::{Cut, cut};
use crate::error::Result;
use crate::field::{OutputLayout, ReceptiveFields};
use crate::kernels::{AdamUpdate, Kernels, SgdUpdate};
use crate::math;
use crate::memory::quotient;
use crate::parameters::Filters;
use crate::runs::{runs, runs_mut};
use crate::unrolled;

/// Filters whose sums are made at the same time, in registers, so that a field is read once for all of them.
const TOGETHER: usize = 4;

/// Scalar kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scalar;

impl Kernels for Scalar {
    fn convolve(
        self,
        fields: &ReceptiveFields,
        filters: Filters<'_>,
        map: &[f32],
        output_layout: OutputLayout,
        out: &mut [f32],
    ) {
        let (biases, last_biases) = filters.bias.as_chunks::<TOGETHER>();
        let field_len = fields.len().max(1);
        let together = runs(filters.weights, field_len.saturating_mul(TOGETHER));
        let last = runs(filters.weights, field_len).skip(TOGETHER * biases.len());
        if fields.width == 0 || !output_layout.is_apart(fields.height, fields.width, filters.bias.len()) {
            return;
        }
        for y in 0..fields.height {
            for x in 0..fields.width {
                let at = fields.offset(y, x);
                let outputs = out.get_mut(output_layout.at(y, x)..).unwrap_or_default();
                let Some(out) = outputs.get_mut(..filters.bias.len()) else { return };
                let (outs, last_outs) = out.as_chunks_mut::<TOGETHER>();
                for ((out, bias), filters) in outs.iter_mut().zip(biases).zip(together.clone()) {
                    *out = sum_fields(*bias, fields, at, map, filters).map(relu);
                }
                for ((out, bias), filter) in last_outs.iter_mut().zip(last_biases).zip(last.clone()) {
                    *out = relu(sum_field(*bias, fields, at, map, filter));
                }
            }
        }
    }

    /// Both halves have the bits of [`convolve`](Kernels::convolve): rounding does not depend on a sign, so
    /// that a sum of negated products is the negative of the sum from the negated bias.
    fn convolve_both_signs(
        self,
        fields: &ReceptiveFields,
        filters: Filters<'_>,
        map: &[f32],
        output_layout: OutputLayout,
        out: &mut [f32],
    ) {
        let maps = filters.bias.len();
        let both = maps.saturating_mul(2);
        if fields.width == 0 || !output_layout.is_apart(fields.height, fields.width, both) {
            return;
        }
        for y in 0..fields.height {
            for x in 0..fields.width {
                let outputs = out.get_mut(output_layout.at(y, x)..).unwrap_or_default();
                let Some(outputs) = outputs.get_mut(..both) else { return };
                for (sign, outputs) in [1.0, -1.0].into_iter().zip(runs_mut(outputs, maps)) {
                    signed_outputs(sign, fields, fields.offset(y, x), filters, map, outputs);
                }
            }
        }
    }

    fn activations(
        self,
        fields: &ReceptiveFields,
        positions: &[u32],
        map: &[f32],
        filter: &[f32],
        bias: f32,
        out: &mut [f32],
    ) {
        for (position, out) in positions.iter().zip(out) {
            let sum = bias + sum_field(0.0, fields, fields.at(*position as usize), map, filter);
            *out = if sum > 0.0 { sum } else { 0.0 };
        }
    }

    fn field_dot(self, fields: &ReceptiveFields, at: usize, map: &[f32], filter: &[f32]) -> f32 {
        let rows = fields.field(at, map).zip(runs(filter, fields.row_len));
        rows.fold(0.0, |sum, (field, filter)| unrolled::dot(sum, field, filter))
    }

    fn add_to_field(self, fields: &ReceptiveFields, at: usize, scale: f32, filter: &[f32], map: &mut [f32]) {
        let filter = runs(filter, fields.row_len);
        for (to, from) in fields.field_mut(at, map).zip(filter) {
            unrolled::add(to, scale, from);
        }
    }

    #[inline]
    fn add_to_filter(self, fields: &ReceptiveFields, at: usize, scale: f32, map: &[f32], filter: &mut [f32]) {
        let filter = runs_mut(filter, fields.row_len);
        for (to, from) in filter.zip(fields.field(at, map)) {
            unrolled::add(to, scale, from);
        }
    }

    fn compete(self, activations: &[f32], first: u32, values: &mut [f32], positions: &mut [u32]) {
        let mut position = first;
        for row in runs(activations, values.len()) {
            for ((value, winner), activation) in values.iter_mut().zip(positions.iter_mut()).zip(row) {
                if *activation > *value {
                    *value = *activation;
                    *winner = position;
                }
            }
            position = position.wrapping_add(1);
        }
    }

    fn lifetime_cuts(
        self,
        values: &[f32],
        width: usize,
        first: usize,
        keep: usize,
        cuts: &mut [Cut],
    ) -> Result<()> {
        for (index, to) in cuts.iter_mut().enumerate() {
            let column = first.saturating_add(index);
            let column_values = runs(values, width).map(|row| row.get(column).copied().unwrap_or(0.0));
            *to = cut(column_values, keep).map_err(|error| error.map_index(|row| row * width + column))?;
        }
        Ok(())
    }

    fn unit_activations(self, weights: &[f32], bias: &[f32], images: &[f32], _: &[f32], out: &mut [f32]) {
        products(weights, bias, images, out, |sum| if sum > 0.0 { sum } else { 0.0 });
    }

    fn linear(self, weights: &[f32], bias: &[f32], images: &[f32], _: &[f32], out: &mut [f32]) {
        products(weights, bias, images, out, |sum| sum);
    }

    fn weighted_row_sum(self, scales: &[f32], rows: &[u32], matrix: &[f32], stride: usize, out: &mut [f32]) {
        let len = out.len();
        let row = |index: &u32| {
            let start = (*index as usize).saturating_mul(stride);
            matrix.get(start..start.saturating_add(len))
        };
        let ((scales, scales_rest), (rows, rows_rest)) = (scales.as_chunks(), rows.as_chunks());
        for (scales, [i, j, k, l]) in scales.iter().zip(rows) {
            // An empty row adds nothing: what does not fit is left out.
            let rows = [i, j, k, l].map(|index| row(index).unwrap_or(&[]));
            unrolled::add_rows(out, *scales, rows);
        }
        for (scale, index) in scales_rest.iter().zip(rows_rest) {
            unrolled::add(out, *scale, row(index).unwrap_or(&[]));
        }
    }

    fn max(self, from: &[f32], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            if *from > *to {
                *to = *from;
            }
        }
    }

    fn sgd(self, update: &SgdUpdate, gradient: &[f32], velocity: &mut [f32], weights: &mut [f32]) {
        let SgdUpdate { rate, momentum, decay } = *update;
        unrolled::for_each3(weights, velocity, gradient, |weight, velocity, gradient| {
            *velocity = momentum * *velocity + (gradient + decay * *weight);
            *weight -= rate * *velocity;
        });
    }

    fn adam(
        self,
        update: &AdamUpdate,
        gradient: &[f32],
        first_moment: &mut [f32],
        second_moment: &mut [f32],
        weights: &mut [f32],
    ) {
        let moments = first_moment.iter_mut().zip(second_moment);
        for ((weight, (first, second)), gradient) in weights.iter_mut().zip(moments).zip(gradient) {
            let gradient = gradient + update.decay * *weight;
            *first = update.beta1 * *first + (1.0 - update.beta1) * gradient;
            *second = update.beta2 * *second + (1.0 - update.beta2) * (gradient * gradient);
            *weight -= update.rate * (*first / (math::sqrt(*second) * update.root + update.epsilon));
        }
    }
}

/// For each unit and each image, what `finish` makes of `bias + <weights, image>`.
fn products(weights: &[f32], bias: &[f32], images: &[f32], out: &mut [f32], finish: impl Fn(f32) -> f32) {
    let inputs = quotient(weights.len(), bias.len()).max(1);
    let width = quotient(images.len(), inputs).max(1);
    let mut rows = runs(weights, inputs);
    let mut next = || rows.next().unwrap_or(&[]);
    let (groups, rest) = bias.as_chunks::<{ unrolled::ROWS }>();
    let mut start = 0;
    for bias in groups {
        let weights = [next(), next(), next(), next()];
        for (column, image) in runs(images, inputs).enumerate() {
            let mut place = start + column;
            for sum in unrolled::dots(*bias, weights, image) {
                if let Some(out) = out.get_mut(place) {
                    *out = finish(sum);
                }
                place += width;
            }
        }
        start += unrolled::ROWS * width;
    }
    for bias in rest {
        let weights = next();
        for (place, image) in (start..).zip(runs(images, inputs)) {
            if let Some(out) = out.get_mut(place) {
                *out = finish(unrolled::dot(*bias, image, weights));
            }
        }
        start += width;
    }
}

fn relu(sum: f32) -> f32 {
    if sum > 0.0 { sum } else { 0.0 }
}

/// The outputs of a position, of filters times `sign`, which is 1 or -1.
fn signed_outputs(
    sign: f32,
    fields: &ReceptiveFields,
    at: usize,
    filters: Filters<'_>,
    map: &[f32],
    outputs: &mut [f32],
) {
    let (biases, last_biases) = filters.bias.as_chunks::<TOGETHER>();
    let (outs, last_outs) = outputs.as_chunks_mut::<TOGETHER>();
    let field_len = fields.len().max(1);
    let together = runs(filters.weights, field_len.saturating_mul(TOGETHER));
    let last = runs(filters.weights, field_len).skip(TOGETHER * biases.len());
    for ((out, bias), filters) in outs.iter_mut().zip(biases).zip(together) {
        let start = bias.map(|bias| sign * bias);
        *out = sum_fields(start, fields, at, map, filters).map(|sum| relu(sign * sum));
    }
    for ((out, bias), filter) in last_outs.iter_mut().zip(last_biases).zip(last) {
        *out = relu(sign * sum_field(sign * bias, fields, at, map, filter));
    }
}

/// [`sum_field`] of filters that lie one after the other.
fn sum_fields<'f>(
    start: [f32; TOGETHER],
    fields: &ReceptiveFields,
    at: usize,
    map: &[f32],
    filters: &'f [f32],
) -> [f32; TOGETHER] {
    let (mut sums, mut place) = (start, 0..fields.row_len);
    let mut filters = runs(filters, fields.len());
    let mut next = || filters.next();
    let (Some(a), Some(b), Some(c), Some(d)) = (next(), next(), next(), next()) else { return start };
    for field in fields.field(at, map) {
        // All four are equally long: the compiler checks the place once.
        let row = |filter: &'f [f32]| filter.get(place.clone());
        let (Some(a), Some(b), Some(c), Some(d)) = (row(a), row(b), row(c), row(d)) else { break };
        place = place.end..place.end.wrapping_add(fields.row_len);
        for ((((input, a), b), c), d) in field.iter().zip(a).zip(b).zip(c).zip(d) {
            sums.iter_mut().zip([a, b, c, d]).for_each(|(sum, weight)| *sum += input * weight);
        }
    }
    sums
}

fn sum_field(start: f32, fields: &ReceptiveFields, at: usize, map: &[f32], filter: &[f32]) -> f32 {
    let mut sum = start;
    for (field, filter) in fields.field(at, map).zip(runs(filter, fields.row_len)) {
        for (input, weight) in field.iter().zip(filter) {
            sum += input * weight;
        }
    }
    sum
}
