//! Sums over rows, in few instructions: a few rows are gone through at once, a few columns in each turn of a
//! loop.
//!
//! Every number gets its terms one after the other in the order of its definition, so that it has the same
//! bits however the loops are cut. A microcontroller loads an operand once where the plain loop would load it
//! for every row, and spends its instructions on arithmetic instead of on counting.

use core::hint::black_box;

/// Columns in a turn of a loop.
const COLUMNS: usize = 4;

/// Rows that are gone through at once.
pub(crate) const ROWS: usize = 4;

/// Numbers that are written in a turn of a loop.
const WRITTEN: usize = 8;

/// Sets a row to 0. `fill` is a call, which in firmware sets a word a turn.
pub(crate) fn clear(row: &mut [f32]) {
    let (eights, rest) = row.as_chunks_mut::<WRITTEN>();
    for eight in eights {
        // Or the compiler would make that call.
        black_box(());
        *eight = [0.0; WRITTEN];
    }
    rest.fill(0.0);
}

/// Copies a row to one that is as long, likewise.
pub(crate) fn copy_row(from: &[f32], to: &mut [f32]) {
    let ((eights, rest), (to, to_rest)) = (from.as_chunks::<WRITTEN>(), to.as_chunks_mut::<WRITTEN>());
    for (to, from) in to.iter_mut().zip(eights) {
        black_box(());
        *to = *from;
    }
    to_rest.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
}

/// As many elements of each as the shorter one has.
fn alike<'a>(row: &'a [f32], other: &'a [f32]) -> (&'a [f32], &'a [f32]) {
    let len = row.len().min(other.len());
    (row.get(..len).unwrap_or(row), other.get(..len).unwrap_or(other))
}

/// `start + <a, b>`.
#[inline]
pub(crate) fn dot(start: f32, a: &[f32], b: &[f32]) -> f32 {
    let (a, b) = alike(a, b);
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<COLUMNS>(), b.as_chunks::<COLUMNS>());
    let mut sum = start;
    for (a, b) in a.iter().zip(b) {
        for (a, b) in a.iter().zip(b) {
            sum += a * b;
        }
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        sum += a * b;
    }
    sum
}

/// `start + <row, input>` for four rows, each at least as long as the input.
#[inline]
pub(crate) fn dots(starts: [f32; ROWS], rows: [&[f32]; ROWS], input: &[f32]) -> [f32; ROWS] {
    let rows = rows.map(|row| row.get(..input.len()).unwrap_or(&[]).as_chunks::<COLUMNS>());
    let (input, input_rest) = input.as_chunks::<COLUMNS>();
    let [(a, a_rest), (b, b_rest), (c, c_rest), (d, d_rest)] = rows;
    let [mut sum_a, mut sum_b, mut sum_c, mut sum_d] = starts;
    for ((((input, a), b), c), d) in input.iter().zip(a).zip(b).zip(c).zip(d) {
        for ((((input, a), b), c), d) in input.iter().zip(a).zip(b).zip(c).zip(d) {
            sum_a += input * a;
            sum_b += input * b;
            sum_c += input * c;
            sum_d += input * d;
        }
    }
    for ((((input, a), b), c), d) in input_rest.iter().zip(a_rest).zip(b_rest).zip(c_rest).zip(d_rest) {
        sum_a += input * a;
        sum_b += input * b;
        sum_c += input * c;
        sum_d += input * d;
    }
    [sum_a, sum_b, sum_c, sum_d]
}

/// `to += scale * from`.
#[inline]
pub(crate) fn add(to: &mut [f32], scale: f32, from: &[f32]) {
    let len = to.len().min(from.len());
    let (to, from) = (to.get_mut(..len).unwrap_or_default(), from.get(..len).unwrap_or_default());
    let ((to, to_rest), (from, from_rest)) = (to.as_chunks_mut::<COLUMNS>(), from.as_chunks::<COLUMNS>());
    for (to, from) in to.iter_mut().zip(from) {
        for (to, from) in to.iter_mut().zip(from) {
            *to += scale * from;
        }
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to += scale * from;
    }
}

/// `to += scale * row` for four rows, one after the other; rows that are shorter than `to` add nothing.
#[inline]
pub(crate) fn add_rows(to: &mut [f32], scales: [f32; ROWS], rows: [&[f32]; ROWS]) {
    let len = to.len();
    let mut whole = scales.into_iter().zip(rows).filter_map(|(scale, row)| Some((scale, row.get(..len)?)));
    let (Some(a), Some(b), Some(c), Some(d)) = (whole.next(), whole.next(), whole.next(), whole.next())
    else {
        let rows = scales.into_iter().zip(rows).filter(|(_, row)| row.len() >= len);
        return rows.for_each(|(scale, row)| add(to, scale, row));
    };
    let ((scale_a, a), (scale_b, b), (scale_c, c), (scale_d, d)) = (a, b, c, d);
    for ((((to, a), b), c), d) in to.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        let sum = *to + scale_a * a;
        let sum = sum + scale_b * b;
        let sum = sum + scale_c * c;
        *to = sum + scale_d * d;
    }
}

/// `update` of each weight, its moment and its gradient; of as many as all have.
#[inline]
pub(crate) fn for_each3(
    weights: &mut [f32],
    moments: &mut [f32],
    gradients: &[f32],
    update: impl Fn(&mut f32, &mut f32, f32),
) {
    let len = weights.len().min(moments.len()).min(gradients.len());
    let (weights, weights_rest) = weights.get_mut(..len).unwrap_or_default().as_chunks_mut::<COLUMNS>();
    let (moments, moments_rest) = moments.get_mut(..len).unwrap_or_default().as_chunks_mut::<COLUMNS>();
    let (gradients, gradients_rest) = gradients.get(..len).unwrap_or_default().as_chunks::<COLUMNS>();
    for ((weights, moments), gradients) in weights.iter_mut().zip(moments).zip(gradients) {
        for ((weight, moment), gradient) in weights.iter_mut().zip(moments).zip(gradients) {
            update(weight, moment, *gradient);
        }
    }
    for ((weight, moment), gradient) in weights_rest.iter_mut().zip(moments_rest).zip(gradients_rest) {
        update(weight, moment, *gradient);
    }
}
