//! The convolution that finds the maxima: a GEMM of receptive fields and filters that never copies a field.
//!
//! Filters are packed into panels of `LANES` filters, weight by weight, so that one load gives the same
//! weight of `LANES` filters. A tile is `M` positions by `N` panels, held in registers. A field's rows are
//! contiguous in the padded map, so the tile walks them with one broadcast per position and weight. Bias and
//! ReLU happen in registers. A sum starts from the bias and adds the products in the order of the filter,
//! fused. Twice the bias less the sum is the negated filter's.

use wta_core::{OutputLayout, ReceptiveFields};

use crate::vector::{MAX_LANES, Vector, load_part};

/// Panels of `LANES` filters.
const fn panels(filters: usize, lanes: usize) -> usize {
    filters.div_ceil(lanes)
}

/// Length of the packed filters: whole panels.
pub(crate) const fn prepared_len(filters: usize, field_len: usize, lanes: usize) -> usize {
    panels(filters, lanes).saturating_mul(lanes).saturating_mul(field_len)
}

/// Weights of a filter that [`prepare`] puts into their places together.
const TOGETHER: usize = 16;

/// Packs filters; missing ones of the last panel are 0.
pub(crate) fn prepare(weights: &[f32], field_len: usize, lanes: usize, prepared: &mut [f32]) {
    let panel_len = lanes.saturating_mul(field_len);
    if panel_len == 0 {
        return;
    }
    for (filters, panel) in weights.chunks(panel_len).zip(prepared.chunks_exact_mut(panel_len)) {
        if filters.len() < panel_len {
            panel.fill(0.0);
        }
        // A few weights of all filters at a time: their places stay in the first cache.
        for (first, places) in panel.chunks_mut(TOGETHER * lanes).enumerate() {
            for (lane, filter) in filters.chunks_exact(field_len).enumerate() {
                let weights = filter.iter().skip(first * TOGETHER);
                for (weight, place) in weights.zip(places.iter_mut().skip(lane).step_by(lanes)) {
                    *place = *weight;
                }
            }
        }
    }
}

/// Whether all that [`convolve`] reads lies inside its slices.
pub(crate) fn fits(
    fields: &ReceptiveFields,
    filters: usize,
    prepared: usize,
    map: usize,
    lanes: usize,
) -> bool {
    // This bounds the work by the slices' lengths, as the outputs do.
    if fields.positions() == 0 || !fields.is_apart() {
        return false;
    }
    // All of this saturates: a description beyond all memory ends beyond every slice.
    fields.offset(fields.height - 1, fields.width - 1).saturating_add(fields.extent()) <= map
        && prepared_len(filters, fields.len(), lanes) <= prepared
}

/// Whether so many outputs for each position have a place of their own inside a slice of `out` numbers.
pub(crate) fn outputs_fit(
    fields: &ReceptiveFields,
    outputs: usize,
    output_layout: OutputLayout,
    out: usize,
) -> bool {
    let last = output_layout.at(fields.height.saturating_sub(1), fields.width.saturating_sub(1));
    output_layout.is_apart(fields.height, fields.width, outputs) && last.saturating_add(outputs) <= out
}

/// See [`Kernels::convolve`](wta_core::Kernels::convolve) and, with `BOTH`,
/// [`Kernels::convolve_both_signs`](wta_core::Kernels::convolve_both_signs); `M` is the most positions of a
/// tile.
///
/// # Safety
///
/// [`fits`] and, for all outputs, [`outputs_fit`] must hold, `bias` has one number per filter, and `V`'s
/// instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn convolve<V: Vector, const M: usize, const BOTH: bool>(
    fields: &ReceptiveFields,
    prepared: &[f32],
    bias: &[f32],
    map: &[f32],
    output_layout: OutputLayout,
    out: &mut [f32],
) {
    let panel_len = V::LANES * fields.len();
    let panel_count = panels(bias.len(), V::LANES);
    let positions = fields.positions();
    let mut panel = 0;
    while panel < panel_count {
        let wide = panel + 1 < panel_count;
        // SAFETY: `fits` says that the packed filters hold `panel_count` panels.
        let weights = unsafe { prepared.as_ptr().add(panel * panel_len) };
        let first = panel * V::LANES;
        let mut position = 0;
        while position < positions {
            let left = positions - position;
            // The last tile of a long row of positions moves back over positions that are done already: the
            // same numbers are computed again, which is cheaper than a narrow tile.
            let start = if left >= M || positions < M { position } else { positions - M };
            let tile = Tile { fields, map, output_layout, position: start, first, bias, weights };
            // SAFETY: the tile's positions lie below `positions`; what fits covers their fields and outputs.
            let done = unsafe {
                if positions - start >= M {
                    if wide { tile.run::<V, M, 2, BOTH>(out) } else { tile.run::<V, M, 1, BOTH>(out) }
                } else if left >= 4 {
                    if wide { tile.run::<V, 4, 2, BOTH>(out) } else { tile.run::<V, 4, 1, BOTH>(out) }
                } else if left >= 2 {
                    if wide { tile.run::<V, 2, 2, BOTH>(out) } else { tile.run::<V, 2, 1, BOTH>(out) }
                } else if wide {
                    tile.run::<V, 1, 2, BOTH>(out)
                } else {
                    tile.run::<V, 1, 1, BOTH>(out)
                }
            };
            position = start + done;
        }
        panel += if wide { 2 } else { 1 };
    }
}

/// What a tile of outputs is computed from.
struct Tile<'a> {
    fields: &'a ReceptiveFields,
    map: &'a [f32],
    output_layout: OutputLayout,
    /// The first position.
    position: usize,
    /// The first filter.
    first: usize,
    bias: &'a [f32],
    weights: *const f32,
}

impl Tile<'_> {
    /// Computes `M` positions of `N` panels, and returns `M`.
    ///
    /// # Safety
    ///
    /// As for [`convolve`]; positions `position..position + M` exist, and `weights` points to `N` panels.
    #[inline(always)]
    unsafe fn run<V: Vector, const M: usize, const N: usize, const BOTH: bool>(
        &self,
        out: &mut [f32],
    ) -> usize {
        let fields = self.fields;
        let panel_len = V::LANES * fields.len();
        let filters = self.bias.len();

        // SAFETY: field offsets of existing positions lie inside the map, and the tile stays within each
        // field's rows; the weights advance by one vector per weight, within their panels.
        unsafe {
            let mut accumulators = [[V::splat(0.0); N]; M];
            for n in 0..N {
                let start = load_part::<V>(self.bias, self.first + n * V::LANES);
                for row in accumulators.iter_mut() {
                    row[n] = start;
                }
            }
            let (at, places) = self.places::<M>();
            let mut weights = self.weights;
            for row in 0..fields.rows {
                let offset = row * fields.row_stride;
                let inputs = offset..offset + fields.row_len;
                V::add_products(&mut accumulators, &at, inputs, weights, panel_len);
                weights = weights.add(fields.row_len * V::LANES);
            }
            self.store(&accumulators, &places, 0, out);
            if BOTH {
                for n in 0..N {
                    let bias = load_part::<V>(self.bias, self.first + n * V::LANES);
                    for row in accumulators.iter_mut() {
                        row[n] = bias.add(bias).sub(row[n]);
                    }
                }
                self.store(&accumulators, &places, filters, out);
            }
        }
        M
    }

    /// Where the fields of `M` positions begin, and where their outputs go. One division serves all: a layer
    /// of one channel has few products for each position.
    ///
    /// # Safety
    ///
    /// As for [`Tile::run`].
    #[inline(always)]
    unsafe fn places<const M: usize>(&self) -> ([*const f32; M], [usize; M]) {
        let Self { fields, output_layout, .. } = self;
        let (mut y, mut x) = (self.position / fields.width, self.position % fields.width);
        let (mut at, mut places) = ([self.map.as_ptr(); M], [0; M]);
        for (at, place) in at.iter_mut().zip(&mut places) {
            // SAFETY: `fits` covers the fields of all positions. (So nothing overflows, nor does `place`,
            // which `outputs_fit` covers.)
            *at = unsafe { self.map.as_ptr().add(y * fields.step_down + x * fields.step_right) };
            *place = output_layout.start + y * output_layout.row_stride + x * output_layout.step;
            x += 1;
            if x == fields.width {
                (y, x) = (y + 1, 0);
            }
        }
        (at, places)
    }

    /// Writes the activations of these sums; `before` outputs of each position come before them.
    ///
    /// # Safety
    ///
    /// As for [`Tile::run`]; each position has `before + filters` outputs.
    #[inline(always)]
    unsafe fn store<V: Vector, const M: usize, const N: usize>(
        &self,
        sums: &[[V; N]; M],
        places: &[usize; M],
        before: usize,
        out: &mut [f32],
    ) {
        let filters = self.bias.len();
        // SAFETY: the caller's promise.
        unsafe {
            // A copy, so that the loop below, which is not unrolled, does not keep the sums in memory.
            let mut activations = [[V::splat(0.0); N]; M];
            for m in 0..M {
                for n in 0..N {
                    activations[m][n] = sums[m][n].max(V::splat(0.0));
                }
            }
            for (row, place) in activations.iter().zip(places) {
                let to = place + before;
                for (n, activation) in row.iter().enumerate() {
                    let first = self.first + n * V::LANES;
                    let count = V::LANES.min(filters - first);
                    if count == V::LANES {
                        activation.store(out.as_mut_ptr().add(to + first));
                    } else {
                        let mut lanes = [0.0; MAX_LANES];
                        activation.store(lanes.as_mut_ptr());
                        out.get_unchecked_mut(to + first..to + first + count)
                            .copy_from_slice(&lanes[..count]);
                    }
                }
            }
        }
    }
}
