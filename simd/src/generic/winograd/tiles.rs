//! A layer tile by tile: what goes through the transforms and the products, and what becomes of the outputs.

use wta_core::OutputLayout;

use crate::generic::winograd::bound;
use crate::generic::winograd::multiply::{Product, tile_height};
use crate::generic::winograd::plan::{Algorithm, LINE, Plan, TiledLayer};
use crate::generic::winograd::transform::{self, Lines};
use crate::vector::{Vector, load_part, store_part};

/// Where tiles and scratch memory are.
struct Scratch<'a> {
    inputs: &'a mut [f32],
    sums: &'a mut [f32],
    /// A tile's inputs, where they do not lie in the map as they are needed.
    patch: &'a mut [f32],
    /// What has gone through the first of two transforms.
    half: &'a mut [f32],
    /// A tile's outputs, without their bias.
    outputs: &'a mut [f32],
    norms: &'a mut [f32],
}

impl<'a> Scratch<'a> {
    fn new(plan: &Plan, scratch: &'a mut [f32]) -> Self {
        let area = plan.algorithm.area();
        // The length has a line more for this.
        let skip = scratch.as_ptr().align_offset(4 * LINE).min(LINE - 1);
        let (inputs, rest) = scratch[skip..].split_at_mut(area * plan.inputs_stride());
        let (sums, rest) = rest.split_at_mut(area * plan.sums_stride());
        let (patch, rest) = rest.split_at_mut(area * plan.padded);
        let (half, rest) = rest.split_at_mut(area * plan.lanes);
        let (outputs, rest) = rest.split_at_mut(plan.algorithm.outputs() * plan.lanes);
        Self { inputs, sums, patch, half, outputs, norms: &mut rest[..area] }
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

/// What becomes of the outputs of a tile and a panel.
trait Consumer {
    /// # Safety
    ///
    /// The place exists in the layer, `outputs` has a row of `side` vectors for each row of the tile, without
    /// their bias, and `V`'s instruction set is enabled.
    unsafe fn take<V: Vector>(&mut self, place: &Place, bias: V, outputs: &[f32], side: usize);
}

/// Writes them, and with `BOTH` those of the negated filters behind a position's.
struct Write<'a, const BOTH: bool> {
    output_layout: OutputLayout,
    filters: usize,
    out: &'a mut [f32],
}

impl<const BOTH: bool> Consumer for Write<'_, BOTH> {
    #[inline(always)]
    unsafe fn take<V: Vector>(&mut self, place: &Place, bias: V, outputs: &[f32], side: usize) {
        // SAFETY: the caller's promise; `outputs_fit` covers the layer's outputs.
        unsafe {
            let zero = V::splat(0.0);
            for y in 0..place.rows {
                for x in 0..place.columns {
                    let sum = V::load(outputs.as_ptr().add((y * side + x) * V::LANES));
                    let to = self.output_layout.at(place.y + y, place.x + x) + place.first;
                    store_part(sum.add(bias).max(zero), self.out.get_unchecked_mut(to..to + place.count));
                    if BOTH {
                        let to = to + self.filters;
                        store_part(bias.sub(sum).max(zero), self.out.get_unchecked_mut(to..to + place.count));
                    }
                }
            }
        }
    }
}

/// Keeps the largest of each tile and of each map.
struct Keep<'a> {
    filters: usize,
    maxima: &'a mut [f32],
    best: &'a mut [f32],
}

impl Consumer for Keep<'_> {
    #[inline(always)]
    unsafe fn take<V: Vector>(&mut self, place: &Place, bias: V, outputs: &[f32], side: usize) {
        // SAFETY: the caller's promise; there is a maximum for each tile and map, and a best one for each
        // map.
        unsafe {
            // Without the ReLU: what lies below 0 by more than the slack need not be evaluated.
            let mut largest = V::splat(f32::NEG_INFINITY);
            for y in 0..place.rows {
                for x in 0..place.columns {
                    let sum = V::load(outputs.as_ptr().add((y * side + x) * V::LANES));
                    largest = sum.add(bias).max(largest);
                }
            }
            let at = place.tile * self.filters + place.first;
            store_part(largest, self.maxima.get_unchecked_mut(at..at + place.count));
            let best = self.best.get_unchecked_mut(place.first..place.first + place.count);
            store_part(largest.max(load_part::<V>(best, 0)), best);
        }
    }
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
        let write = Write::<BOTH> { output_layout, filters: self.plan.filters, out };
        // SAFETY: the caller's promise.
        unsafe { self.run::<V, MAX, false>(&mut scratch, write) };
    }

    /// The maximum of each tile and map before the ReLU, each map's largest, and how far each of these may be
    /// from what [`convolve`](crate::generic::convolve::convolve) computes.
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
        best.fill(f32::NEG_INFINITY);
        // SAFETY: the caller's promise.
        unsafe {
            self.run::<V, MAX, true>(&mut scratch, Keep { filters: self.plan.filters, maxima, best });
            bound::slack::<V>(self, scratch.norms, slack);
        }
    }

    /// Computes all tiles, block by block, and hands the biases of each panel and the outputs of each of its
    /// tiles to `consumer`.
    ///
    /// # Safety
    ///
    /// As for [`TiledLayer::convolve`].
    #[inline(always)]
    unsafe fn run<V: Vector, const MAX: usize, const NORMS: bool>(
        &self,
        scratch: &mut Scratch<'_>,
        mut consumer: impl Consumer,
    ) {
        let plan = self.plan;
        let tiles = plan.down * plan.across;
        let mut first = 0;
        while first < tiles {
            let count = plan.block.min(tiles - first);
            for tile in 0..count {
                for piece in 0..plan.algorithm.pieces() {
                    // SAFETY: the tile and the piece exist, and have their place in the block.
                    unsafe { self.transform_input::<V>(scratch, first + tile, piece, tile) };
                }
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
                        unsafe {
                            self.transform_sums::<V>(scratch, tile, n);
                            let side = plan.algorithm.right.side;
                            consumer.take::<V>(&self.place(first + tile, map), bias, scratch.outputs, side);
                        }
                    }
                }
                panel += 2;
            }
            first += count;
        }
    }

    fn place(&self, tile: usize, first: usize) -> Place {
        let Algorithm { down, right } = self.plan.algorithm;
        let (y, x) = (tile / self.plan.across * down.side, tile % self.plan.across * right.side);
        Place {
            tile,
            y,
            x,
            rows: down.side.min(self.fields.height - y),
            columns: right.side.min(self.fields.width - x),
            first,
            count: self.plan.lanes.min(self.plan.filters - first),
        }
    }

    /// # Safety
    ///
    /// As for [`TiledLayer::convolve`]; the tile and the piece exist, and so does place `slot` in the block.
    #[inline(always)]
    unsafe fn transform_input<V: Vector>(
        &self,
        scratch: &mut Scratch<'_>,
        tile: usize,
        piece: usize,
        slot: usize,
    ) {
        let Plan { channels, padded, across, .. } = *self.plan;
        let Algorithm { down, right } = self.plan.algorithm;
        let (height, width) = (down.points.count(), right.points.count());
        let stride = self.plan.inputs_stride();
        // The piece sees the tile's inputs so far below and to the right.
        let y = tile / across * down.side + down.before(piece / right.pieces);
        let x = tile % across * right.side + right.before(piece % right.pieces);
        let rows = self.fields.height + self.fields.rows - 1 - y;
        let columns = self.fields.width + self.fields.row_len / channels - 1 - x;
        let at = y * self.fields.row_stride + x * channels;
        let whole = rows >= height && columns >= width && channels == padded;
        // SAFETY: `fits` covers `rows` by `columns` pixels from `at` on.
        let (from, row_stride) = unsafe {
            if whole {
                (self.map.as_ptr().add(at), self.fields.row_stride)
            } else {
                self.copy_patch(scratch.patch, at, rows.min(height), columns.min(width));
                (scratch.patch.as_ptr(), width * padded)
            }
        };
        let to = scratch.inputs.as_mut_ptr().wrapping_add(slot * self.plan.row_len() + piece * padded);
        let half = scratch.half.as_mut_ptr();
        let mut channel = 0;
        while channel < padded {
            // SAFETY: the patch has `height` rows of `width` pixels of `padded` channels; the map has them,
            // where it is read in place. So has `half`, of a vector. The block has a matrix for each point,
            // with a row for each tile.
            unsafe {
                let (from, to) = (from.add(channel), to.add(channel));
                let pixels = Lines { start: from, stride: row_stride, step: padded };
                let points = Lines { start: to, stride: width * stride, step: stride };
                if !down.is_transformed() {
                    transform::inputs::<V>(right.points, height, pixels, points);
                } else if !right.is_transformed() {
                    transform::inputs::<V>(down.points, width, pixels.turned(), points.turned());
                } else {
                    let columns = Lines { start: half, stride: V::LANES, step: width * V::LANES };
                    transform::inputs::<V>(down.points, width, pixels.turned(), columns);
                    transform::inputs::<V>(right.points, height, columns.turned().read(), points);
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
        let width = self.plan.algorithm.right.points.count();
        patch.fill(0.0);
        for (y, row) in patch.chunks_exact_mut(width * padded).enumerate().take(rows) {
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
        let height = tile_height(count, MAX);
        for p in 0..self.plan.algorithm.area() {
            // SAFETY: the products lie inside their buffers, as their lengths say.
            unsafe {
                let product = Product {
                    v: scratch.inputs.as_ptr().add(p * self.plan.inputs_stride()),
                    v_stride: self.plan.row_len(),
                    channels: self.plan.row_used(),
                    in_a_row: self.plan.algorithm.products_in_a_row(),
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
    unsafe fn transform_sums<V: Vector>(&self, scratch: &mut Scratch<'_>, tile: usize, n: usize) {
        let Algorithm { down, right } = self.plan.algorithm;
        let (height, width) = (down.points.count(), right.points.count());
        let stride = self.plan.sums_stride();
        let half = scratch.half.as_mut_ptr();
        // SAFETY: for each point a matrix of `block` rows of two vectors; `half` has a vector for each point,
        // and `outputs` one for each output.
        unsafe {
            let start = scratch.sums.as_ptr().add((tile * 2 + n) * V::LANES);
            let points = Lines { start, stride: width * stride, step: stride };
            let start = scratch.outputs.as_mut_ptr();
            let outputs = Lines { start, stride: right.side * V::LANES, step: V::LANES };
            if !down.is_transformed() {
                transform::outputs::<V>(right.points, right.side, height, points, outputs);
            } else if !right.is_transformed() {
                transform::outputs::<V>(down.points, down.side, width, points.turned(), outputs.turned());
            } else {
                let columns = Lines { start: half, stride: V::LANES, step: width * V::LANES };
                transform::outputs::<V>(down.points, down.side, width, points.turned(), columns);
                let rows = columns.turned().read();
                transform::outputs::<V>(right.points, right.side, down.side, rows, outputs);
            }
        }
    }
}
