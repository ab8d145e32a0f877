//! Hidden layers' gradients from sparse deltas: products over the listed positions only.

use core::ops::Range;

use wta_core::ReceptiveFields;

use crate::vector::{MAX_LANES, Vector, load_part};

/// Weights of a filter that one tile of narrow rows covers.
const TILE: usize = 8;

/// Positions whose sums are held in registers before they are added to the gradient.
const CHUNK: usize = 64;

/// Filters of a tile of wide rows.
const FILTERS: usize = 4;

/// The most positions of a tile of [`backpropagate`].
const MAX_POSITIONS: usize = 12;

/// Whether all positions exist, all fields lie inside a map of `map` numbers, and there is a row of deltas
/// for each position.
pub(crate) fn fits(
    fields: &ReceptiveFields,
    positions: &[u32],
    deltas: usize,
    maps: usize,
    map: usize,
) -> bool {
    let (bottom, right) = (fields.height.saturating_sub(1), fields.width.saturating_sub(1));
    let count = fields.positions();
    fields.is_apart()
        && fields.width > 0
        && positions.len().saturating_mul(maps) <= deltas
        // No field reaches further than the last one.
        && fields.offset(bottom, right).saturating_add(fields.extent()) <= map
        && positions.iter().all(|position| (*position as usize) < count)
}

/// See [`Kernels::filter_gradients`](wta_core::Kernels::filter_gradients): the sums over a chunk of positions
/// are made in registers and then added to the gradient. Where a field's rows are long, the lanes are
/// neighbouring weights, of `N` vectors at a time; elsewhere they are filters.
///
/// # Safety
///
/// [`fits`] must hold, `gradient` is whole filters, `first` plus their number is at most `maps`, and `V`'s
/// instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn filter_gradients<V: Vector, const N: usize>(
    fields: &ReceptiveFields,
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
    unsafe fn wide<V: Vector, const N: usize>(&self, fields: &ReceptiveFields, gradient: &mut [f32]) {
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
                // SAFETY: `vectors` vectors (or the rest of the row) from `i` on exist in each filter and
                // field.
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
    /// `offset` and `N` vectors lie in every field, the filters exist in the deltas, and `to` points to `N`
    /// vectors of `M` filters that are `stride` apart.
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
            for (m, sums) in sums.iter().enumerate() {
                for (n, sum) in sums.iter().enumerate() {
                    let to = to.add(m * stride + n * V::LANES);
                    V::load(to).add(*sum).store(to);
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
    unsafe fn narrow<V: Vector>(&self, fields: &ReceptiveFields, gradient: &mut [f32]) {
        let field_len = fields.len();
        let filters = gradient.len() / field_len;
        for filter in (0..filters).step_by(V::LANES) {
            let lanes = V::LANES.min(filters - filter);
            for row in 0..fields.rows {
                for i in (0..fields.row_len).step_by(TILE) {
                    let count = TILE.min(fields.row_len - i);
                    let offset = row * fields.row_stride + i;
                    // SAFETY: `count` weights from `i` on exist in each field's row, `lanes` filters in the
                    // deltas.
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
    ) -> [[f32; MAX_LANES]; TILE] {
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
            let mut out = [[0.0; MAX_LANES]; TILE];
            for (out, sum) in out.iter_mut().zip(sums) {
                sum.store(out.as_mut_ptr());
            }
            out
        }
    }
}

/// See [`Kernels::backpropagate`](wta_core::Kernels::backpropagate): a product of matrices in register tiles
/// of `P` positions (at most [`MAX_POSITIONS`]) by `N` vectors of a field's row. The more positions, the less
/// often the weights pass through the caches. What a position adds is summed over the filters first; for
/// ascending positions, nothing depends on which of them share a tile.
///
/// # Safety
///
/// [`fits`] must hold for `below` and as many maps as `weights` has filters, and `V`'s instruction set is
/// enabled.
#[inline(always)]
pub(crate) unsafe fn backpropagate<V: Vector, const P: usize, const N: usize>(
    fields: &ReceptiveFields,
    positions: &[u32],
    deltas: &[f32],
    weights: &[f32],
    below: &mut [f32],
) {
    let maps = weights.len().checked_div(fields.len()).unwrap_or(0).max(1);
    let to = below.as_mut_ptr();
    for (positions, deltas) in positions.chunks(P).zip(deltas.chunks(P * maps)) {
        let mut at = [to; MAX_POSITIONS];
        for (at, position) in at.iter_mut().zip(positions) {
            *at = to.wrapping_add(fields.at(*position as usize));
        }
        let strip = |row: usize, i: usize| Strip {
            at: &at,
            offset: row * fields.row_stride + i,
            deltas: deltas.as_ptr(),
            maps,
            weights: weights.as_ptr().wrapping_add(row * fields.row_len + i),
            stride: fields.len(),
            end: weights.as_ptr_range().end,
        };
        let wide = fields.row_len / (N * V::LANES) * (N * V::LANES);
        let whole = fields.row_len / V::LANES * V::LANES;
        // From the end of the fields to their beginning: where fields of ascending positions overlap, what
        // the first position adds is then added first, as it would be without the tile.
        for row in (0..fields.rows).rev() {
            // SAFETY: `fits` covers the rows of all fields in `below`, and `weights` holds `maps` filters.
            unsafe {
                if whole < fields.row_len {
                    strip(row, whole).add_rest::<V, P>(positions.len(), fields.row_len - whole);
                }
                for i in (wide..whole).step_by(V::LANES).rev() {
                    strip(row, i).add::<V, P, 1>(positions.len());
                }
                for i in (0..wide).step_by(N * V::LANES).rev() {
                    strip(row, i).add::<V, P, N>(positions.len());
                }
            }
        }
    }
}

/// A part of a row of some positions' fields, and what is to be added to it.
struct Strip<'a> {
    /// The positions' fields.
    at: &'a [*mut f32; MAX_POSITIONS],
    /// Where in each field the part begins.
    offset: usize,
    /// A row of `maps` numbers per position.
    deltas: *const f32,
    maps: usize,
    /// The part of the first filter; the next one's is `stride` further on.
    weights: *const f32,
    stride: usize,
    /// Where the weights end.
    end: *const f32,
}

impl Strip<'_> {
    /// Adds to `N` vectors of the first `positions` fields, at most `P`.
    ///
    /// # Safety
    ///
    /// They exist, and so do the deltas and the weights; `V`'s instruction set is enabled.
    #[inline(always)]
    unsafe fn add<V: Vector, const P: usize, const N: usize>(&self, positions: usize) {
        // SAFETY: the caller's promise. Tiles of more than `P` positions are dead code, and not compiled.
        unsafe {
            match positions {
                1 => self.tile::<V, 1, N>(),
                2 => self.tile::<V, 2, N>(),
                3 => self.tile::<V, 3, N>(),
                4 => self.tile::<V, 4, N>(),
                5 => self.tile::<V, 5, N>(),
                6 => self.tile::<V, 6, N>(),
                7 if P >= 7 => self.tile::<V, 7, N>(),
                8 if P >= 8 => self.tile::<V, 8, N>(),
                9 if P >= 9 => self.tile::<V, 9, N>(),
                10 if P >= 10 => self.tile::<V, 10, N>(),
                11 if P >= 11 => self.tile::<V, 11, N>(),
                12 if P >= 12 => self.tile::<V, 12, N>(),
                _ => {}
            }
        }
    }

    /// # Safety
    ///
    /// As for [`Strip::add`], for `M` positions.
    #[inline(always)]
    unsafe fn tile<V: Vector, const M: usize, const N: usize>(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[V::splat(0.0); N]; M];
            let (mut deltas, mut weights) = (self.deltas, self.weights);
            for _ in 0..self.maps {
                let mut w = [V::splat(0.0); N];
                for (n, w) in w.iter_mut().enumerate() {
                    *w = V::load(weights.add(n * V::LANES));
                }
                for (m, sums) in sums.iter_mut().enumerate() {
                    let delta = V::splat(*deltas.add(m * self.maps));
                    for (sum, w) in sums.iter_mut().zip(w) {
                        *sum = delta.mul_add(w, *sum);
                    }
                }
                deltas = deltas.add(1);
                weights = weights.wrapping_add(self.stride);
            }
            // A copy, so that the loop below does not keep the sums above in memory.
            let sums = sums;
            for (at, sums) in self.at.iter().zip(&sums) {
                // Fields overlap: one position after the other.
                let to = at.add(self.offset);
                for (n, sum) in sums.iter().enumerate() {
                    let to = to.add(n * V::LANES);
                    V::load(to).add(*sum).store(to);
                }
            }
        }
    }

    /// Adds to the end of a row, shorter than a vector.
    ///
    /// # Safety
    ///
    /// As for [`Strip::add`], with `left` numbers in place of the vectors.
    #[inline(always)]
    unsafe fn add_rest<V: Vector, const P: usize>(&self, positions: usize, left: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if positions == P {
                self.rest::<V, P>(0, left);
            } else {
                for position in 0..positions {
                    self.rest::<V, 1>(position, left);
                }
            }
        }
    }

    /// [`Strip::tile`] for the end of a row.
    ///
    /// # Safety
    ///
    /// As for [`Strip::add_rest`], for `M` positions from `first` on.
    #[inline(always)]
    unsafe fn rest<V: Vector, const M: usize>(&self, first: usize, left: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [V::splat(0.0); M];
            let (mut deltas, mut weights) = (self.deltas.add(first * self.maps), self.weights);
            for _ in 0..self.maps {
                // What follows the row may be loaded where there is something: it goes nowhere.
                let w = if weights.wrapping_add(V::LANES) <= self.end {
                    V::load(weights)
                } else {
                    load_part::<V>(core::slice::from_raw_parts(weights, left), 0)
                };
                for (m, sum) in sums.iter_mut().enumerate() {
                    *sum = V::splat(*deltas.add(m * self.maps)).mul_add(w, *sum);
                }
                deltas = deltas.add(1);
                weights = weights.wrapping_add(self.stride);
            }
            for (at, sum) in self.at.iter().skip(first).zip(sums) {
                let mut lanes = [0.0; MAX_LANES];
                sum.store(lanes.as_mut_ptr());
                let to = at.add(self.offset);
                for (i, sum) in lanes.iter().enumerate().take(left) {
                    *to.add(i) += sum;
                }
            }
        }
    }
}
