//! The filters, transformed.

use crate::generic::winograd::bound::FLOOR;
use crate::generic::winograd::plan::{AREA, Plan};
use crate::generic::winograd::transform::{self, KERNEL, POINTS};
use crate::vector::{MAX_LANES, Vector};

/// Transforms whole panels of filters; those missing of the last panel are 0.
///
/// # Safety
///
/// `V`'s instruction set is enabled, and its lanes are the plan's.
#[inline(always)]
pub(crate) unsafe fn prepare<V: Vector>(plan: &Plan, weights: &[f32], prepared: &mut [f32]) {
    let filter_len = KERNEL * KERNEL * plan.channels;
    let panels = prepared.chunks_exact_mut(plan.panel_len());
    for (filters, panel) in weights.chunks(V::LANES * filter_len).zip(panels) {
        let (points, norms) = panel.split_at_mut(AREA * plan.filters_stride());
        norms.fill(0.0);
        for channel in 0..plan.channels {
            // SAFETY: `points` has `AREA * channels` vectors, `norms` has `AREA + 1`.
            unsafe {
                let mut columns = [[V::splat(0.0); POINTS]; KERNEL];
                let mut square = V::splat(0.0);
                for (x, column) in columns.iter_mut().enumerate() {
                    let mut taps = [V::splat(0.0); KERNEL];
                    for (y, tap) in taps.iter_mut().enumerate() {
                        let weight = (y * KERNEL + x) * plan.channels + channel;
                        *tap = gather(filters, weight, filter_len);
                        square = tap.mul_add(*tap, square);
                    }
                    *column = transform::filter(taps);
                }
                let norm = norms.as_mut_ptr();
                for y in 0..POINTS {
                    let row = transform::filter(transform::row(&columns, y));
                    for (x, point) in row.into_iter().enumerate() {
                        let p = y * POINTS + x;
                        point.store(points.as_mut_ptr().add(p * plan.filters_stride() + channel * V::LANES));
                        let norm = norm.add(p * V::LANES);
                        point.mul_add(point, V::load(norm)).store(norm);
                    }
                }
                let norm = norm.add(AREA * V::LANES);
                square.add(V::load(norm)).store(norm);
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
