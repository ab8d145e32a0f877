//! Hidden layers' gradients from sparse deltas: products over the listed positions only.

use core::ops::Range;

use wta_core::Fields;

use crate::generic::convolve::load_part;
use crate::vector::Vector;

/// Weights of a filter that one tile of narrow rows covers.
const TILE: usize = 8;

/// Positions whose sums are held in registers before they are added to the gradient.
const CHUNK: usize = 64;

/// Filters of a tile of wide rows.
const FILTERS: usize = 4;

/// Deltas that are not 0 and that one turn of [`backpropagate`] adds.
const NONZEROS: usize = 256;

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

/// See [`Kernels::filter_gradients`](wta_core::Kernels::filter_gradients): the sums over a chunk of positions are made in
/// registers and then added to the gradient. Where a field's rows are long, the lanes are neighbouring weights, of
/// `N` vectors at a time; elsewhere they are filters.
///
/// # Safety
///
/// [`fits`] must hold, `gradient` is whole filters, `first` plus their number is at most `maps`, and `V`'s
/// instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn filter_gradients<V: Vector, const N: usize>(
    fields: &Fields,
    positions: &[u32],
    deltas: &[f32],
    maps: usize,
    first: usize,
    map: &[f32],
    gradient: &mut [f32],
) {
    for (chunk, positions) in positions.chunks(CHUNK).enumerate() {
        let mut offsets = [0; CHUNK];
        for (offset, position) in offsets.iter_mut().zip(positions) {
            *offset = fields.at(*position as usize);
        }
        let offsets = &offsets[..positions.len()];
        let deltas = &deltas[chunk * CHUNK * maps..];
        // SAFETY: `fits` covers the fields and the deltas of all positions.
        unsafe {
            let chunk = Chunk { offsets, deltas, maps, first, map };
            if fields.row_len >= V::LANES {
                chunk.wide::<V, N>(fields, gradient);
            } else {
                chunk.narrow::<V>(fields, gradient);
            }
        }
    }
}

/// The deltas of some positions, and where their fields are.
struct Chunk<'a> {
    offsets: &'a [usize],
    /// A row of `maps` numbers per position.
    deltas: &'a [f32],
    maps: usize,
    /// The gradient's first filter.
    first: usize,
    map: &'a [f32],
}

impl Chunk<'_> {
    /// # Safety
    ///
    /// As for [`filter_gradients`].
    #[inline(always)]
    unsafe fn wide<V: Vector, const N: usize>(&self, fields: &Fields, gradient: &mut [f32]) {
        let field_len = fields.len();
        let filters = gradient.len() / field_len;
        for row in 0..fields.rows {
            let mut i = 0;
            while i < fields.row_len {
                let left = fields.row_len - i;
                let offset = row * fields.row_stride + i;
                let to = gradient.as_mut_ptr().wrapping_add(row * fields.row_len + i);
                let whole = filters / FILTERS * FILTERS;
                let vectors = if left >= N * V::LANES { N } else { 1 };
                // SAFETY: `vectors` vectors (or the rest of the row) from `i` on exist in each filter and field.
                unsafe {
                    for filter in (0..whole).step_by(FILTERS) {
                        let to = to.wrapping_add(filter * field_len);
                        if vectors == N {
                            self.tile::<V, FILTERS, N>(filter, offset, to, field_len);
                        } else if left >= V::LANES {
                            self.tile::<V, FILTERS, 1>(filter, offset, to, field_len);
                        } else {
                            self.rest::<V>(filter..filter + FILTERS, offset, to, field_len, left);
                        }
                    }
                    for filter in whole..filters {
                        let to = to.wrapping_add(filter * field_len);
                        if vectors == N {
                            self.tile::<V, 1, N>(filter, offset, to, field_len);
                        } else if left >= V::LANES {
                            self.tile::<V, 1, 1>(filter, offset, to, field_len);
                        } else {
                            self.rest::<V>(filter..filter + 1, offset, to, field_len, left);
                        }
                    }
                }
                i += (vectors * V::LANES).min(left);
            }
        }
    }

    /// `M` filters by `N` vectors of neighbouring weights.
    ///
    /// # Safety
    ///
    /// `offset` and `N` vectors lie in every field, the filters exist in the deltas, and `to` points to `N` vectors of
    /// `M` filters that are `stride` apart.
    #[inline(always)]
    unsafe fn tile<V: Vector, const M: usize, const N: usize>(
        &self,
        filter: usize,
        offset: usize,
        to: *mut f32,
        stride: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[V::splat(0.0); N]; M];
            let mut deltas = self.deltas.as_ptr().add(self.first + filter);
            for at in self.offsets {
                let from = self.map.as_ptr().add(at + offset);
                let mut x = [V::splat(0.0); N];
                for (n, x) in x.iter_mut().enumerate() {
                    *x = V::load(from.add(n * V::LANES));
                }
                for (m, sums) in sums.iter_mut().enumerate() {
                    let delta = V::splat(*deltas.add(m));
                    for (sum, x) in sums.iter_mut().zip(x) {
                        *sum = delta.mul_add(x, *sum);
                    }
                }
                deltas = deltas.wrapping_add(self.maps);
            }
            // A copy, so that the loop below does not keep the sums above in memory.
            let sums = sums;
            for m in 0..M {
                for n in 0..N {
                    let to = to.add(m * stride + n * V::LANES);
                    V::load(to).add(sums[m][n]).store(to);
                }
            }
        }
    }

    /// The end of a row, shorter than a vector.
    ///
    /// # Safety
    ///
    /// As for [`Chunk::tile`], with `left` numbers in place of the vectors.
    #[inline(always)]
    unsafe fn rest<V: Vector>(
        &self,
        filters: Range<usize>,
        offset: usize,
        to: *mut f32,
        stride: usize,
        left: usize,
    ) {
        for (m, filter) in filters.enumerate() {
            for i in 0..left {
                let mut sum = 0.0;
                for (index, at) in self.offsets.iter().enumerate() {
                    // SAFETY: the caller's promise.
                    unsafe {
                        let delta = *self.deltas.get_unchecked(index * self.maps + self.first + filter);
                        sum = V::fused(delta, *self.map.get_unchecked(at + offset + i), sum);
                    }
                }
                // SAFETY: the caller's promise.
                unsafe { *to.add(m * stride + i) += sum };
            }
        }
    }

    /// # Safety
    ///
    /// As for [`filter_gradients`].
    #[inline(always)]
    unsafe fn narrow<V: Vector>(&self, fields: &Fields, gradient: &mut [f32]) {
        let field_len = fields.len();
        let filters = gradient.len() / field_len;
        for filter in (0..filters).step_by(V::LANES) {
            let lanes = V::LANES.min(filters - filter);
            for row in 0..fields.rows {
                for i in (0..fields.row_len).step_by(TILE) {
                    let count = TILE.min(fields.row_len - i);
                    let offset = row * fields.row_stride + i;
                    // SAFETY: `count` weights from `i` on exist in each field's row, `lanes` filters in the deltas.
                    let sums = unsafe {
                        match count {
                            8 => self.weights::<V, 8>(filter, lanes, offset),
                            7 => self.weights::<V, 7>(filter, lanes, offset),
                            6 => self.weights::<V, 6>(filter, lanes, offset),
                            5 => self.weights::<V, 5>(filter, lanes, offset),
                            4 => self.weights::<V, 4>(filter, lanes, offset),
                            3 => self.weights::<V, 3>(filter, lanes, offset),
                            2 => self.weights::<V, 2>(filter, lanes, offset),
                            _ => self.weights::<V, 1>(filter, lanes, offset),
                        }
                    };
                    for (t, sums) in sums.iter().enumerate().take(count) {
                        let place = row * fields.row_len + i + t;
                        for (lane, sum) in sums.iter().enumerate().take(lanes) {
                            gradient[(filter + lane) * field_len + place] += sum;
                        }
                    }
                }
            }
        }
    }

    /// The sums for `T` weights from `offset` in the fields, a vector of filters each.
    ///
    /// # Safety
    ///
    /// The weights lie in a row of every field, and `lanes` filters exist in the deltas.
    #[inline(always)]
    unsafe fn weights<V: Vector, const T: usize>(
        &self,
        filter: usize,
        lanes: usize,
        offset: usize,
    ) -> [[f32; 16]; TILE] {
        // SAFETY: the caller's promise; a narrow vector of deltas is loaded lane by lane.
        unsafe {
            let mut sums = [V::splat(0.0); T];
            for (index, at) in self.offsets.iter().enumerate() {
                let column = index * self.maps + self.first + filter;
                let delta: V = if lanes == V::LANES {
                    V::load(self.deltas.as_ptr().add(column))
                } else {
                    load_part::<V>(self.deltas.get_unchecked(column..column + lanes), 0)
                };
                let x = self.map.as_ptr().add(at + offset);
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
        // ReLU leaves many zeros: only the others are gone through, again and again.
        let mut filters = deltas.iter().enumerate().filter(|(_, delta)| **delta != 0.0);
        loop {
            let (mut list, mut count) = ([(0, 0.0); NONZEROS], 0);
            for (place, (filter, delta)) in list.iter_mut().zip(&mut filters) {
                *place = (filter * field_len, *delta);
                count += 1;
            }
            if count == 0 {
                break;
            }
            let list = &list[..count];
            for row in 0..fields.rows {
                // SAFETY: `fits` covers the field's rows in `below`, and `weights` holds `maps` filters.
                unsafe {
                    let to = below.as_mut_ptr().add(at + row * fields.row_stride);
                    let w = weights.as_ptr().add(row * fields.row_len);
                    let mut i = 0;
                    while i + 8 * V::LANES <= fields.row_len {
                        strip::<V, 8>(list, w.add(i), to.add(i));
                        i += 8 * V::LANES;
                    }
                    while i + 4 * V::LANES <= fields.row_len {
                        strip::<V, 4>(list, w.add(i), to.add(i));
                        i += 4 * V::LANES;
                    }
                    while i + V::LANES <= fields.row_len {
                        strip::<V, 1>(list, w.add(i), to.add(i));
                        i += V::LANES;
                    }
                    while i < fields.row_len {
                        let mut sum = *to.add(i);
                        for (filter, delta) in list {
                            sum += delta * *w.add(filter + i);
                        }
                        *to.add(i) = sum;
                        i += 1;
                    }
                }
            }
        }
    }
}

/// `N` vectors of a field's row: `to += sum over filters of delta * weights`; `list` says where each filter begins, and
/// its delta.
///
/// # Safety
///
/// `to` has `N` vectors, and so has `weights` from each filter of the list on.
#[inline(always)]
unsafe fn strip<V: Vector, const N: usize>(list: &[(usize, f32)], weights: *const f32, to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [V::splat(0.0); N];
        for (n, sum) in sums.iter_mut().enumerate() {
            *sum = V::load(to.add(n * V::LANES));
        }
        for (filter, delta) in list {
            let (scale, w) = (V::splat(*delta), weights.add(*filter));
            for (n, sum) in sums.iter_mut().enumerate() {
                *sum = scale.mul_add(V::load(w.add(n * V::LANES)), *sum);
            }
        }
        for (n, sum) in sums.iter().enumerate() {
            sum.store(to.add(n * V::LANES));
        }
    }
}
