//! The filters, transformed.
//!
//! A transform in f32 would be off by more than all that follows. So it is done in f64 and rounded once. Only
//! 5 x 5 kernels, whose last bits recipes promise, are transformed in f32.

use wta_core::ReceptiveFields;

use crate::generic::winograd::bound::FLOOR;
use crate::generic::winograd::plan::{Algorithm, Plan};
use crate::generic::winograd::points::MAX_POINTS;
use crate::generic::winograd::transform::{self, FilterRows, Wide};
use crate::vector::{MAX_LANES, Vector};

/// The same weights of a panel's filters, `[y][x][filter]`: a piece of a kernel for one channel.
type Piece = [[[f32; MAX_LANES]; MAX_POINTS]; MAX_POINTS];

/// Transforms whole panels of filters; those missing of the last panel are 0.
///
/// # Safety
///
/// The plan is that of the fields, `V`'s instruction set is enabled, and its lanes are the plan's.
#[inline(always)]
pub(crate) unsafe fn prepare<V: Vector>(
    plan: &Plan,
    fields: &ReceptiveFields,
    weights: &[f32],
    prepared: &mut [f32],
) {
    let Algorithm { down, right } = plan.algorithm;
    let (area, stride) = (plan.algorithm.area(), plan.filters_stride());
    let (down_rows, right_rows) = (FilterRows::new(&down), FilterRows::new(&right));
    let (kernel_columns, filter_len) = (fields.row_len / plan.channels, fields.len());
    let panels = prepared.chunks_exact_mut(plan.panel_len());
    for (filters, panel) in weights.chunks(V::LANES * filter_len).zip(panels) {
        let (points, norms) = panel.split_at_mut(area * stride);
        points.fill(0.0);
        norms.fill(0.0);
        let (norms_of_points, norms_of_filters) = norms.split_at_mut(area * V::LANES);
        for piece in 0..plan.algorithm.pieces() {
            let (top, left) = (down.before(piece / right.pieces), right.before(piece % right.pieces));
            let (rows, columns) = (down.taps.min(fields.rows - top), right.taps.min(kernel_columns - left));
            let mut taps = [[[0.0; MAX_LANES]; MAX_POINTS]; MAX_POINTS];
            for channel in 0..plan.channels {
                for (y, row) in taps.iter_mut().enumerate().take(rows) {
                    for (x, tap) in row.iter_mut().enumerate().take(columns) {
                        let weight = ((top + y) * kernel_columns + left + x) * plan.channels + channel;
                        for (lane, filter) in tap.iter_mut().zip(filters.chunks_exact(filter_len)) {
                            *lane = filter[weight];
                        }
                    }
                }
                // SAFETY: `points` has a vector for each point, piece and channel; there is one of norms for
                // each point, and one more.
                unsafe {
                    for tap in taps.iter().take(rows).flat_map(|row| row.iter().take(columns)) {
                        add_squares::<V>(tap.as_ptr(), norms_of_filters.as_mut_ptr());
                    }
                    let to = points.as_mut_ptr().add((piece * plan.padded + channel) * V::LANES);
                    if plan.algorithm.is_promised() {
                        by_eights::<V>(&taps, to, stride);
                    } else {
                        rounded_once::<V>((&down_rows, rows), (&right_rows, columns), &taps, to, stride);
                    }
                    for (p, norms) in norms_of_points.chunks_exact_mut(V::LANES).enumerate() {
                        add_squares::<V>(to.add(p * stride), norms.as_mut_ptr());
                    }
                }
            }
        }
        for norm in norms.chunks_exact_mut(V::LANES) {
            // SAFETY: a vector.
            unsafe { V::load(norm.as_ptr()).max(V::splat(FLOOR)).sqrt().store(norm.as_mut_ptr()) };
        }
    }
}

/// Adds the squares of a vector's numbers to sums.
///
/// # Safety
///
/// Both pointers have a vector behind them, and `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn add_squares<V: Vector>(numbers: *const f32, sums: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let numbers = V::load(numbers);
        numbers.mul_add(numbers, V::load(sums)).store(sums);
    }
}

/// A piece of one channel at all points, `stride` numbers apart: in f64, first the columns, then the rows. So
/// many rows and columns of it are not 0.
///
/// # Safety
///
/// There is a vector for each point behind `to`, and `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn rounded_once<V: Vector>(
    (down, rows): (&FilterRows, usize),
    (right, columns): (&FilterRows, usize),
    taps: &Piece,
    to: *mut f32,
    stride: usize,
) {
    // By point of the column and by column.
    let mut half = [[[0.0; MAX_LANES]; MAX_POINTS]; MAX_POINTS];
    for x in 0..columns {
        let mut column = [[0.0; MAX_LANES]; MAX_POINTS];
        for (wide, row) in column.iter_mut().zip(taps).take(rows) {
            for (wide, tap) in wide.iter_mut().zip(&row[x]) {
                *wide = f64::from(*tap);
            }
        }
        for (point, row) in half.iter_mut().enumerate().take(down.points) {
            row[x] = down.sum::<V>(point, &column, rows);
        }
    }
    for (y, row) in half.iter().enumerate().take(down.points) {
        for x in 0..right.points {
            let sum: Wide = right.sum::<V>(x, row, columns);
            let mut rounded = [0.0; MAX_LANES];
            for (to, from) in rounded.iter_mut().zip(&sum).take(V::LANES) {
                *to = *from as f32;
            }
            // SAFETY: the caller's promise; no vector has more lanes.
            unsafe { V::load(rounded.as_ptr()).store(to.add((y * right.points + x) * stride)) };
        }
    }
}

/// The same of a 5 x 5 kernel at 8 x 8 points, in f32.
///
/// # Safety
///
/// As for [`rounded_once`].
#[inline(always)]
unsafe fn by_eights<V: Vector>(taps: &Piece, to: *mut f32, stride: usize) {
    // SAFETY: the caller's promise; no vector has more lanes.
    unsafe {
        let mut columns = [[V::splat(0.0); 8]; 5];
        for (x, column) in columns.iter_mut().enumerate() {
            let mut line = [V::splat(0.0); 5];
            for (tap, row) in line.iter_mut().zip(taps) {
                *tap = V::load(row[x].as_ptr());
            }
            *column = transform::filter_of_five(line);
        }
        for y in 0..8 {
            let mut line = [V::splat(0.0); 5];
            for (tap, column) in line.iter_mut().zip(&columns) {
                *tap = column[y];
            }
            for (x, point) in transform::filter_of_five(line).into_iter().enumerate() {
                point.store(to.add((y * 8 + x) * stride));
            }
        }
    }
}
