//! Hidden layers' gradients from sparse deltas: products over the listed positions only.

use wta_core::Fields;

use crate::generic::convolve::load_part;
use crate::vector::Vector;

/// Weights of a filter that one tile of [`filter_gradients`] covers.
const TILE: usize = 8;

/// Whether the fields of all positions lie inside a map of `map` numbers, and there is a row of deltas for each.
pub(crate) fn fits(fields: &Fields, positions: &[u32], deltas: usize, maps: usize, map: usize) -> bool {
    fields.rows > 0
        && fields.width > 0
        && positions.len().saturating_mul(maps) <= deltas
        && positions.iter().all(|position| {
            let position = *position as usize;
            position < fields.positions() && fields.at(position).saturating_add(fields.extent()) <= map
        })
}

/// See [`Kernels::filter_gradients`](wta_core::Kernels::filter_gradients): a tile is `TILE` weights of one row of
/// the field by one vector of filters, summed over all positions in registers and then added to the gradient.
///
/// # Safety
///
/// [`fits`] must hold, `gradient` is whole filters, `first` plus their number is at most `maps`, and `V`'s
/// instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn filter_gradients<V: Vector>(
    fields: &Fields,
    positions: &[u32],
    deltas: &[f32],
    maps: usize,
    first: usize,
    map: &[f32],
    gradient: &mut [f32],
) {
    let field_len = fields.len();
    let filters = gradient.len() / field_len;
    let mut filter = 0;
    while filter < filters {
        let lanes = V::LANES.min(filters - filter);
        for row in 0..fields.rows {
            let mut i = 0;
            while i < fields.row_len {
                let count = TILE.min(fields.row_len - i);
                let offset = row * fields.row_stride + i;
                // SAFETY: `fits` covers the fields; the deltas' columns are `first + filter..+ lanes`.
                let sums = unsafe {
                    let deltas = Deltas { positions, deltas, maps, column: first + filter, lanes };
                    match count {
                        TILE => tile::<V, TILE>(fields, &deltas, map, offset),
                        _ => part::<V>(fields, &deltas, map, offset, count),
                    }
                };
                for (t, sums) in sums.iter().enumerate().take(count) {
                    let place = row * fields.row_len + i + t;
                    for (lane, sum) in sums.iter().enumerate().take(lanes) {
                        if let Some(to) = gradient.get_mut((filter + lane) * field_len + place) {
                            *to += sum;
                        }
                    }
                }
                i += count;
            }
        }
        filter += lanes;
    }
}

/// A vector's columns of the sparse deltas.
struct Deltas<'a> {
    positions: &'a [u32],
    deltas: &'a [f32],
    maps: usize,
    column: usize,
    lanes: usize,
}

/// The sums over all positions for `T` weights from `offset` in the field.
///
/// # Safety
///
/// As for [`filter_gradients`]; `offset + T` weights lie in one row of the field.
#[inline(always)]
unsafe fn tile<V: Vector, const T: usize>(
    fields: &Fields,
    deltas: &Deltas<'_>,
    map: &[f32],
    offset: usize,
) -> [[f32; 16]; TILE] {
    // SAFETY: see above; a narrow vector of deltas is loaded lane by lane.
    unsafe {
        let mut sums = [V::splat(0.0); T];
        for (index, position) in deltas.positions.iter().enumerate() {
            let column = index * deltas.maps + deltas.column;
            let delta: V = if deltas.lanes == V::LANES {
                V::load(deltas.deltas.as_ptr().add(column))
            } else {
                let row = deltas.deltas.get_unchecked(column..column + deltas.lanes);
                load_part::<V>(row, 0)
            };
            let x = map.as_ptr().add(fields.at(*position as usize) + offset);
            for (t, sum) in sums.iter_mut().enumerate() {
                *sum = V::splat(*x.add(t)).mul_add(delta, *sum);
            }
        }
        let mut out = [[0.0; 16]; TILE];
        for (out, sum) in out.iter_mut().zip(sums) {
            sum.store(out.as_mut_ptr());
        }
        out
    }
}

/// [`tile`] for the end of a row.
///
/// # Safety
///
/// As for [`tile`], with `count` weights.
#[inline(always)]
unsafe fn part<V: Vector>(
    fields: &Fields,
    deltas: &Deltas<'_>,
    map: &[f32],
    offset: usize,
    count: usize,
) -> [[f32; 16]; TILE] {
    // SAFETY: as for `tile`.
    unsafe {
        match count {
            7 => tile::<V, 7>(fields, deltas, map, offset),
            6 => tile::<V, 6>(fields, deltas, map, offset),
            5 => tile::<V, 5>(fields, deltas, map, offset),
            4 => tile::<V, 4>(fields, deltas, map, offset),
            3 => tile::<V, 3>(fields, deltas, map, offset),
            2 => tile::<V, 2>(fields, deltas, map, offset),
            _ => tile::<V, 1>(fields, deltas, map, offset),
        }
    }
}

/// See [`Kernels::backpropagate`](wta_core::Kernels::backpropagate): for each position, a strip of the field is
/// held in registers while all filters are added to it.
///
/// # Safety
///
/// [`fits`] must hold for `below`, `weights` is `maps` whole filters, and `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn backpropagate<V: Vector>(
    fields: &Fields,
    positions: &[u32],
    deltas: &[f32],
    maps: usize,
    weights: &[f32],
    below: &mut [f32],
) {
    let field_len = fields.len();
    for (position, deltas) in positions.iter().zip(deltas.chunks_exact(maps)) {
        let at = fields.at(*position as usize);
        for row in 0..fields.rows {
            // SAFETY: `fits` covers the field's rows in `below`, and `weights` holds `maps` filters.
            unsafe {
                let to = below.as_mut_ptr().add(at + row * fields.row_stride);
                let w = weights.as_ptr().add(row * fields.row_len);
                let mut i = 0;
                while i + 8 * V::LANES <= fields.row_len {
                    strip::<V, 8>(deltas, field_len, w.add(i), to.add(i));
                    i += 8 * V::LANES;
                }
                while i + 2 * V::LANES <= fields.row_len {
                    strip::<V, 2>(deltas, field_len, w.add(i), to.add(i));
                    i += 2 * V::LANES;
                }
                while i + V::LANES <= fields.row_len {
                    strip::<V, 1>(deltas, field_len, w.add(i), to.add(i));
                    i += V::LANES;
                }
                while i < fields.row_len {
                    let mut sum = *to.add(i);
                    for (filter, delta) in deltas.iter().enumerate() {
                        sum += delta * *w.add(filter * field_len + i);
                    }
                    *to.add(i) = sum;
                    i += 1;
                }
            }
        }
    }
}

/// `N` vectors of a field's row: `to += sum over filters of delta * weights`.
///
/// # Safety
///
/// `to` has `N` vectors, and so has `weights + f * field_len` for every filter `f` of the deltas.
#[inline(always)]
unsafe fn strip<V: Vector, const N: usize>(
    deltas: &[f32],
    field_len: usize,
    weights: *const f32,
    to: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [V::splat(0.0); N];
        for (n, sum) in sums.iter_mut().enumerate() {
            *sum = V::load(to.add(n * V::LANES));
        }
        for (filter, delta) in deltas.iter().enumerate() {
            // ReLU leaves many zeros.
            if *delta == 0.0 {
                continue;
            }
            let (scale, w) = (V::splat(*delta), weights.add(filter * field_len));
            for (n, sum) in sums.iter_mut().enumerate() {
                *sum = scale.mul_add(V::load(w.add(n * V::LANES)), *sum);
            }
        }
        for (n, sum) in sums.iter().enumerate() {
            sum.store(to.add(n * V::LANES));
        }
    }
}
