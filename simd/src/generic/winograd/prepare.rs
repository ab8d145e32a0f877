//! The filters, transformed.

use crate::generic::winograd::bound::FLOOR;
use crate::generic::winograd::plan::{Algorithm, Plan};
use crate::generic::winograd::points::MAX_POINTS;
use crate::generic::winograd::transform::{self, filter_rows};
use crate::vector::{MAX_LANES, Vector};

/// Transforms whole panels of filters; those missing of the last panel are 0. `rows` and `columns` are the
/// kernel's.
///
/// # Safety
///
/// `V`'s instruction set is enabled, and its lanes are the plan's.
#[inline(always)]
pub(crate) unsafe fn prepare<V: Vector>(
    plan: &Plan,
    (rows, columns): (usize, usize),
    weights: &[f32],
    prepared: &mut [f32],
) {
    let Algorithm { down, right } = plan.algorithm;
    let area = plan.algorithm.area();
    let filter_len = rows * columns * plan.channels;
    let down_rows = filter_rows(down.points, down.taps);
    let right_rows = filter_rows(right.points, right.taps);
    let panels = prepared.chunks_exact_mut(plan.panel_len());
    for (filters, panel) in weights.chunks(V::LANES * filter_len).zip(panels) {
        let (points, norms) = panel.split_at_mut(area * plan.filters_stride());
        points.fill(0.0);
        norms.fill(0.0);
        for piece in 0..plan.algorithm.pieces() {
            let (top, left) = (down.before(piece / right.pieces), right.before(piece % right.pieces));
            for channel in 0..plan.channels {
                // SAFETY: `points` has a vector for each point, piece and channel; `norms` has one for each
                // point, and one more.
                unsafe {
                    let mut half = [[V::splat(0.0); MAX_POINTS]; MAX_POINTS];
                    let mut square = V::splat(0.0);
                    for (x, half) in half.iter_mut().enumerate().take(right.taps.min(columns - left)) {
                        let mut taps = [V::splat(0.0); MAX_POINTS];
                        for (y, tap) in taps.iter_mut().enumerate().take(down.taps.min(rows - top)) {
                            let weight = ((top + y) * columns + left + x) * plan.channels + channel;
                            *tap = gather(filters, weight, filter_len);
                            square = tap.mul_add(*tap, square);
                        }
                        *half = transform::filter(down.points, down.taps, &down_rows, taps);
                    }
                    let norm = norms.as_mut_ptr();
                    let to = points.as_mut_ptr().add((piece * plan.padded + channel) * V::LANES);
                    for y in 0..down.points.count() {
                        let mut taps = [V::splat(0.0); MAX_POINTS];
                        for (tap, column) in taps.iter_mut().zip(&half) {
                            *tap = column[y];
                        }
                        let row = transform::filter(right.points, right.taps, &right_rows, taps);
                        for (x, point) in row.into_iter().enumerate().take(right.points.count()) {
                            let p = y * right.points.count() + x;
                            point.store(to.add(p * plan.filters_stride()));
                            let norm = norm.add(p * V::LANES);
                            point.mul_add(point, V::load(norm)).store(norm);
                        }
                    }
                    let norm = norm.add(area * V::LANES);
                    square.add(V::load(norm)).store(norm);
                }
            }
        }
        for norm in norms.chunks_exact_mut(V::LANES) {
            // SAFETY: a vector.
            unsafe { V::load(norm.as_ptr()).max(V::splat(FLOOR)).sqrt().store(norm.as_mut_ptr()) };
        }
    }
}

/// The same weight of a panel's filters; 0 for missing ones.
///
/// # Safety
///
/// `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn gather<V: Vector>(filters: &[f32], weight: usize, filter_len: usize) -> V {
    let mut lanes = [0.0; MAX_LANES];
    for (lane, filter) in lanes.iter_mut().zip(filters.chunks_exact(filter_len)) {
        if let Some(weight) = filter.get(weight) {
            *lane = *weight;
        }
    }
    // SAFETY: no vector has more lanes.
    unsafe { V::load(lanes.as_ptr()) }
}
