//! A layer tile by tile: what goes through the transforms and the products, and what becomes of the outputs.

use wta_core::OutputLayout;

use crate::generic::winograd::bound;
use crate::generic::winograd::multiply::{Product, tile_height};
use crate::generic::winograd::plan::{AREA, LINE, Plan, TiledLayer};
use crate::generic::winograd::transform::{self, KERNEL, POINTS, SIDE};
use crate::vector::{Vector, load_part, store_part};

/// Where tiles and scratch memory are.
struct Scratch<'a> {
    inputs: &'a mut [f32],
    sums: &'a mut [f32],
    patch: &'a mut [f32],
    norms: &'a mut [f32],
}

impl<'a> Scratch<'a> {
    fn new(plan: &Plan, scratch: &'a mut [f32]) -> Self {
        // The length has a line more for this.
        let skip = scratch.as_ptr().align_offset(4 * LINE).min(LINE - 1);
        let (inputs, rest) = scratch[skip..].split_at_mut(AREA * plan.inputs_stride());
        let (sums, rest) = rest.split_at_mut(AREA * plan.sums_stride());
        let (patch, rest) = rest.split_at_mut(AREA * plan.padded);
        Self { inputs, sums, patch, norms: &mut rest[..AREA] }
    }
}

/// The tile and the panel that a set of outputs belongs to.
struct Place {
    /// The tile's number, row by row.
    tile: usize,
    /// The first output's row and column.
    y: usize,
    x: usize,
    /// Rows and columns of the tile that lie inside the map.
    rows: usize,
    columns: usize,
    /// The first map, and how many of the vector's lanes are maps.
    first: usize,
    count: usize,
}

impl TiledLayer<'_> {
    /// `max(0, bias + <filter, field>)` for every position and filter; with `BOTH`, behind those of a
    /// position, the same of the negated filters.
    ///
    /// # Safety
    ///
    /// [`TiledLayer::fits`] and, for all outputs, [`outputs_fit`](crate::generic::convolve::outputs_fit)
    /// hold, `V`'s lanes are the plan's, and its instruction set is enabled.
    #[inline(always)]
    pub(crate) unsafe fn convolve<V: Vector, const MAX: usize, const BOTH: bool>(
        &self,
        output_layout: OutputLayout,
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        let mut scratch = Scratch::new(self.plan, scratch);
        // SAFETY: the caller's promise; rows and columns of a place lie inside the map.
        unsafe {
            let zero = V::splat(0.0);
            let write = |place: Place, bias: V, sums: [[V; SIDE]; SIDE]| {
                for (y, row) in sums.iter().enumerate().take(place.rows) {
                    for (x, sum) in row.iter().enumerate().take(place.columns) {
                        let to = output_layout.at(place.y + y, place.x + x) + place.first;
                        store_part(sum.add(bias).max(zero), out.get_unchecked_mut(to..to + place.count));
                        if BOTH {
                            let to = to + self.plan.filters;
                            store_part(bias.sub(*sum).max(zero), out.get_unchecked_mut(to..to + place.count));
                        }
                    }
                }
            };
            self.run::<V, MAX, false>(&mut scratch, write);
        }
    }

    /// The maximum of each tile and map, each map's largest, and how far each of these may be from what
    /// [`convolve`](crate::generic::convolve::convolve) computes.
    ///
    /// # Safety
    ///
    /// [`TiledLayer::fits`] holds, `maxima` has a number per tile and filter, `best` and `slack` have one per
    /// filter, `V`'s lanes are the plan's, and its instruction set is enabled.
    #[inline(always)]
    pub(crate) unsafe fn screen<V: Vector, const MAX: usize>(
        &self,
        scratch: &mut [f32],
        maxima: &mut [f32],
        best: &mut [f32],
        slack: &mut [f32],
    ) {
        let mut scratch = Scratch::new(self.plan, scratch);
        scratch.norms.fill(0.0);
        best.fill(0.0);
        // SAFETY: the caller's promise; tiles and maps of a place exist.
        unsafe {
            let keep = |place: Place, bias: V, sums: [[V; SIDE]; SIDE]| {
                let mut largest = V::splat(0.0);
                for row in sums.iter().take(place.rows) {
                    for sum in row.iter().take(place.columns) {
                        largest = sum.add(bias).max(largest);
                    }
                }
                let at = place.tile * self.plan.filters + place.first;
                store_part(largest, maxima.get_unchecked_mut(at..at + place.count));
                let best = best.get_unchecked_mut(place.first..place.first + place.count);
                store_part(largest.max(load_part::<V>(best, 0)), best);
            };
            self.run::<V, MAX, true>(&mut scratch, keep);
            bound::slack::<V>(self, scratch.norms, slack);
        }
    }

    /// Computes all tiles, block by block, and hands the biases of each panel and the sums of
    /// each of its tiles to `consume`.
    ///
    /// # Safety
    ///
    /// As for [`TiledLayer::convolve`].
    #[inline(always)]
    unsafe fn run<V: Vector, const MAX: usize, const NORMS: bool>(
        &self,
        scratch: &mut Scratch<'_>,
        mut consume: impl FnMut(Place, V, [[V; SIDE]; SIDE]),
    ) {
        let plan = self.plan;
        let tiles = plan.down * plan.across;
        let mut first = 0;
        while first < tiles {
            let count = plan.block.min(tiles - first);
            for tile in 0..count {
                // SAFETY: the tile exists, and has its place in the block.
                unsafe { self.transform_input::<V>(scratch, first + tile, tile) };
            }
            if NORMS {
                // SAFETY: the block's inputs were just written.
                unsafe { bound::add_norms::<V>(plan, scratch.inputs, count, scratch.norms) };
            }
            let mut panel = 0;
            while panel < plan.panels() {
                let wide = panel + 1 < plan.panels();
                // SAFETY: one or two panels from `panel` on exist.
                unsafe {
                    if wide {
                        self.multiply::<V, MAX, 2>(scratch, panel, count);
                    } else {
                        self.multiply::<V, MAX, 1>(scratch, panel, count);
                    }
                }
                for n in 0..if wide { 2 } else { 1 } {
                    let map = (panel + n) * V::LANES;
                    // SAFETY: the panel exists, so that its first filter does.
                    let bias = unsafe { load_part::<V>(self.bias, map) };
                    for tile in 0..count {
                        // SAFETY: the sums of the tile were just computed.
                        let sums = unsafe { self.transform_output::<V>(scratch, tile, n) };
                        consume(self.place(first + tile, map), bias, sums);
                    }
                }
                panel += 2;
            }
            first += count;
        }
    }

    fn place(&self, tile: usize, first: usize) -> Place {
        let (y, x) = (tile / self.plan.across * SIDE, tile % self.plan.across * SIDE);
        Place {
            tile,
            y,
            x,
            rows: SIDE.min(self.fields.height - y),
            columns: SIDE.min(self.fields.width - x),
            first,
            count: self.plan.lanes.min(self.plan.filters - first),
        }
    }

    /// # Safety
    ///
    /// As for [`TiledLayer::convolve`]; the tile exists, and so does place `slot` in the block.
    #[inline(always)]
    unsafe fn transform_input<V: Vector>(&self, scratch: &mut Scratch<'_>, tile: usize, slot: usize) {
        let Plan { channels, padded, across, .. } = *self.plan;
        let stride = self.plan.inputs_stride();
        let (y, x) = (tile / across * SIDE, tile % across * SIDE);
        let (rows, columns) = (self.fields.height + KERNEL - 1 - y, self.fields.width + KERNEL - 1 - x);
        let at = self.fields.offset(y, x);
        let whole = rows >= POINTS && columns >= POINTS && channels == padded;
        // SAFETY: `fits` covers `rows` by `columns` pixels from `at` on.
        let (from, row_stride) = unsafe {
            if whole {
                (self.map.as_ptr().add(at), self.fields.row_stride)
            } else {
                self.copy_patch(scratch.patch, at, rows.min(POINTS), columns.min(POINTS));
                (scratch.patch.as_ptr(), POINTS * padded)
            }
        };
        let to = scratch.inputs.as_mut_ptr().wrapping_add(slot * padded);
        let mut channel = 0;
        while channel < padded {
            // SAFETY: the patch has `POINTS` rows and columns of pixels of `padded` channels; the map has
            // them, where it is read in place. The block has `AREA` matrices of `block` rows of `padded`
            // numbers.
            unsafe {
                let mut half = [[V::splat(0.0); POINTS]; POINTS];
                for (x, half) in half.iter_mut().enumerate() {
                    let from = from.add(x * padded + channel);
                    let column = load_column(from, row_stride);
                    *half = transform::input(column);
                }
                for y in 0..POINTS {
                    let row = transform::input(transform::row(&half, y));
                    for (x, point) in row.into_iter().enumerate() {
                        point.store(to.add((y * POINTS + x) * stride + channel));
                    }
                }
            }
            channel += V::LANES;
        }
    }

    /// Copies what there is of a tile's inputs, with zeros around.
    ///
    /// # Safety
    ///
    /// The map has `rows` by `columns` pixels from `at` on.
    unsafe fn copy_patch(&self, patch: &mut [f32], at: usize, rows: usize, columns: usize) {
        let Plan { channels, padded, .. } = *self.plan;
        patch.fill(0.0);
        for (y, row) in patch.chunks_exact_mut(POINTS * padded).enumerate().take(rows) {
            for (x, pixel) in row.chunks_exact_mut(padded).enumerate().take(columns) {
                let from = at + y * self.fields.row_stride + x * channels;
                // SAFETY: the caller's promise.
                pixel[..channels].copy_from_slice(unsafe { self.map.get_unchecked(from..from + channels) });
            }
        }
    }

    /// The sums of `count` tiles and `N` panels at all points.
    ///
    /// # Safety
    ///
    /// As for [`TiledLayer::convolve`]; the panels exist, and `count` is at most the plan's block.
    #[inline(always)]
    unsafe fn multiply<V: Vector, const MAX: usize, const N: usize>(
        &self,
        scratch: &mut Scratch<'_>,
        panel: usize,
        count: usize,
    ) {
        let Plan { channels, padded, .. } = *self.plan;
        let height = tile_height(count, MAX);
        for p in 0..AREA {
            // SAFETY: the products lie inside their buffers, as their lengths say.
            unsafe {
                let product = Product {
                    v: scratch.inputs.as_ptr().add(p * self.plan.inputs_stride()),
                    v_stride: padded,
                    channels,
                    tiles: count,
                    u: self
                        .prepared
                        .as_ptr()
                        .add(panel * self.plan.panel_len() + p * self.plan.filters_stride()),
                    u_stride: self.plan.panel_len(),
                    m: scratch.sums.as_mut_ptr().add(p * self.plan.sums_stride()),
                    m_stride: 2 * V::LANES,
                };
                product.run::<V, MAX, N>(height);
            }
        }
    }

    /// The outputs of a tile of the block, panel `n` of the pair, without their bias.
    ///
    /// # Safety
    ///
    /// As for [`TiledLayer::multiply`], which has been called.
    #[inline(always)]
    unsafe fn transform_output<V: Vector>(
        &self,
        scratch: &Scratch<'_>,
        tile: usize,
        n: usize,
    ) -> [[V; SIDE]; SIDE] {
        let stride = self.plan.sums_stride();
        // SAFETY: `AREA` matrices of `block` rows of two vectors.
        unsafe {
            let from = scratch.sums.as_ptr().add((tile * 2 + n) * V::LANES);
            let mut half = [[V::splat(0.0); SIDE]; POINTS];
            for (x, half) in half.iter_mut().enumerate() {
                let column = load_column(from.add(x * stride), POINTS * stride);
                *half = transform::output(column);
            }
            let mut outputs = [[V::splat(0.0); SIDE]; SIDE];
            for (y, row) in outputs.iter_mut().enumerate() {
                *row = transform::output(transform::row(&half, y));
            }
            outputs
        }
    }
}

/// A column of vectors that are `stride` numbers apart. (A loop, not `map`: a closure would be compiled
/// without the instruction set.)
///
/// # Safety
///
/// The vectors exist; `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn load_column<V: Vector>(from: *const f32, stride: usize) -> [V; POINTS] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut column = [V::splat(0.0); POINTS];
        for (y, vector) in column.iter_mut().enumerate() {
            *vector = V::load(from.add(y * stride));
        }
        column
    }
}
