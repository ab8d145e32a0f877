//! Convolutions by 5 x 5 filters over many channels with a quarter to a sixth of the multiplications: Winograd's
//! F(4 x 4, 5 x 5).
//!
//! A tile of 4 x 4 outputs is seen by 8 x 8 inputs. Both the tile and the filters are transformed to 8 x 8 points
//! ([`transform`]); at each point, a product of matrices sums over the channels ([`multiply`]); the sums are transformed
//! back. 64 multiplications take the place of 400.
//!
//! An image goes through in blocks of tiles whose transformed inputs stay in the second-level cache, a pair of
//! panels of maps at a time, so that the sums stay there too. What becomes of a tile's outputs is the caller's: they
//! are written to the next layer's maps, or only their maximum is kept ([`bound`] says how far it may be off).
//!
//! Every number is computed in an order that depends on its tile alone.

mod bound;
mod multiply;
mod transform;

use wta_core::{OutputLayout, ReceptiveFields, Tiling};

use crate::generic::convolve::load_part;
use crate::vector::Vector;
use multiply::{Product, tile_height};
use transform::{KERNEL, POINTS, SIDE};

/// Points of a transformed tile.
const AREA: usize = POINTS * POINTS;

/// Numbers of a block's transformed inputs: most of a second-level cache of 1 MiB.
const BLOCK_LEN: usize = 64 * 3300;

/// Numbers in a line of the cache: vectors that straddle two lines are half as fast to read.
const LINE: usize = 16;

/// How a layer is cut up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    channels: usize,
    /// Channels, rounded up to whole vectors.
    padded: usize,
    filters: usize,
    across: usize,
    down: usize,
    /// Most tiles of a block.
    block: usize,
    lanes: usize,
}

impl Plan {
    /// The plan for a layer, where this algorithm applies and does less work than the direct one.
    pub(crate) fn new(fields: &ReceptiveFields, filters: usize, lanes: usize) -> Option<Self> {
        let channels = fields.row_len / KERNEL;
        let applies = fields.rows == KERNEL
            && fields.row_len == channels * KERNEL
            && fields.step_right == channels
            && fields.step_down == fields.row_stride;
        if !applies || fields.positions() == 0 || filters == 0 || channels == 0 {
            return None;
        }
        let (down, across) = (fields.height.div_ceil(SIDE), fields.width.div_ceil(SIDE));
        let (tiles, padded) = (down.checked_mul(across)?, channels.checked_next_multiple_of(lanes)?);
        let panels = filters.div_ceil(lanes);
        // Vector operations: multiplications, and about 700 in the transforms of a tile's channels and 400 of its maps.
        let direct =
            fields.row_len.checked_mul(KERNEL)?.checked_mul(fields.positions())?.checked_mul(panels)?;
        let multiplications = AREA.checked_mul(channels)?.checked_mul(panels)?;
        let transforms = (padded / lanes).checked_mul(700)?.checked_add(panels.checked_mul(400)?)?;
        if tiles.checked_mul(multiplications.checked_add(transforms)?)? > direct {
            return None;
        }
        // So that no length below overflows: all are less than 4096 times this.
        if direct > usize::MAX / 4096 {
            return None;
        }
        let blocks = tiles.checked_mul(AREA.checked_mul(padded)?)?.div_ceil(BLOCK_LEN);
        let block = tiles.div_ceil(blocks.min(tiles));
        Some(Self { channels, padded, filters, across, down, block, lanes })
    }

    /// The plan for some panels of a layer, to prepare them.
    pub(crate) fn for_panels(fields: &ReceptiveFields, filters: usize, lanes: usize) -> Option<Self> {
        let channels = fields.row_len / KERNEL;
        if fields.rows != KERNEL || fields.row_len != channels * KERNEL || channels == 0 || filters == 0 {
            return None;
        }
        let padded = channels.checked_next_multiple_of(lanes)?;
        // So that the length of a panel does not overflow.
        padded.checked_add(2)?.checked_mul(AREA * (lanes + LINE))?;
        Some(Self { channels, padded, filters, across: 0, down: 0, block: 0, lanes })
    }

    // From one point to the next there is a line more than needed: powers of two would put the 64 points of a tile into
    // the same few places of the cache.

    /// From a point's transformed filters in a panel to the next one's.
    fn filters_stride(&self) -> usize {
        self.channels * self.lanes + LINE
    }

    /// From a point's transformed inputs of a block to the next one's.
    fn inputs_stride(&self) -> usize {
        self.block * self.padded + LINE
    }

    /// From a point's sums of a block and two panels to the next one's.
    fn sums_stride(&self) -> usize {
        self.block * 2 * self.lanes + LINE
    }

    /// Numbers of a prepared panel: transformed filters, their norms at each point, the norms of the filters.
    fn panel_len(&self) -> usize {
        AREA * self.filters_stride() + (AREA + 1) * self.lanes
    }

    fn panels(&self) -> usize {
        self.filters.div_ceil(self.lanes)
    }

    /// What the core is told.
    pub(crate) fn tiling(&self) -> Tiling {
        let scratch = AREA * (self.inputs_stride() + self.sums_stride() + self.padded + 1);
        Tiling {
            side: SIDE,
            down: self.down,
            across: self.across,
            panel_maps: self.lanes,
            panel_len: self.panel_len(),
            prepared_len: self.panels() * self.panel_len(),
            scratch_len: scratch + LINE,
        }
    }

    /// Whether all that is read and written lies inside its slices; `fields` are the plan's.
    pub(crate) fn fits(&self, fields: &ReceptiveFields, prepared: usize, map: usize, scratch: usize) -> bool {
        let last = fields.offset(fields.height - 1, fields.width - 1);
        let Tiling { prepared_len, scratch_len, .. } = self.tiling();
        last.saturating_add(fields.extent()) <= map && prepared_len <= prepared && scratch_len <= scratch
    }
}

/// Whether the outputs of a layer lie inside a slice of `out` numbers.
pub(crate) fn outputs_fit(
    fields: &ReceptiveFields,
    filters: usize,
    output_layout: OutputLayout,
    out: usize,
) -> bool {
    let last = output_layout.at(fields.height.saturating_sub(1), fields.width.saturating_sub(1));
    last.saturating_add(filters) <= out
}

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
            unsafe { V::load(norm.as_ptr()).max(V::splat(bound::FLOOR)).sqrt().store(norm.as_mut_ptr()) };
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
    let mut lanes = [0.0; 16];
    for (lane, filter) in lanes.iter_mut().zip(filters.chunks_exact(filter_len)) {
        if let Some(weight) = filter.get(weight) {
            *lane = *weight;
        }
    }
    // SAFETY: 16 lanes are the widest register there is.
    unsafe { V::load(lanes.as_ptr()) }
}

/// What a layer is computed from.
pub(crate) struct Layer<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) fields: &'a ReceptiveFields,
    pub(crate) prepared: &'a [f32],
    pub(crate) bias: &'a [f32],
    pub(crate) map: &'a [f32],
}

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

impl Layer<'_> {
    /// Whether [`Layer::convolve`] or [`Layer::screen`] may be called with so much scratch memory.
    pub(crate) fn fits(&self, scratch: usize) -> bool {
        self.bias.len() == self.plan.filters
            && self.plan.fits(self.fields, self.prepared.len(), self.map.len(), scratch)
    }

    /// `max(0, bias + <filter, field>)` for every position and filter.
    ///
    /// # Safety
    ///
    /// [`Layer::fits`] and [`outputs_fit`] hold, `V`'s lanes are the plan's, and its instruction set is enabled.
    #[inline(always)]
    pub(crate) unsafe fn convolve<V: Vector, const MAX: usize>(
        &self,
        output_layout: OutputLayout,
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        let mut scratch = Scratch::new(self.plan, scratch);
        // SAFETY: the caller's promise; rows and columns of a place lie inside the map.
        unsafe {
            let zero = V::splat(0.0);
            let write = |place: Place, outputs: [[V; SIDE]; SIDE]| {
                for (y, row) in outputs.iter().enumerate().take(place.rows) {
                    for (x, output) in row.iter().enumerate().take(place.columns) {
                        let to = output_layout.at(place.y + y, place.x + x) + place.first;
                        let to = out.get_unchecked_mut(to..to + place.count);
                        store_part(output.max(zero), to);
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
    /// [`Layer::fits`] holds, `maxima` has a number per tile and filter, `best` and `slack` have one per filter, `V`'s
    /// lanes are the plan's, and its instruction set is enabled.
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
            let keep = |place: Place, outputs: [[V; SIDE]; SIDE]| {
                let mut largest = V::splat(0.0);
                for row in outputs.iter().take(place.rows) {
                    for output in row.iter().take(place.columns) {
                        largest = output.max(largest);
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

    /// Computes all tiles, block by block, and hands the outputs of each tile and panel to `consume`.
    ///
    /// # Safety
    ///
    /// As for [`Layer::convolve`].
    #[inline(always)]
    unsafe fn run<V: Vector, const MAX: usize, const NORMS: bool>(
        &self,
        scratch: &mut Scratch<'_>,
        mut consume: impl FnMut(Place, [[V; SIDE]; SIDE]),
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
                        let outputs = unsafe { self.transform_output::<V>(scratch, tile, n, bias) };
                        consume(self.place(first + tile, map), outputs);
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
    /// As for [`Layer::convolve`]; the tile exists, and so does place `slot` in the block.
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
            // SAFETY: the patch has `POINTS` rows and columns of pixels of `padded` channels (or the map, where they are the
            // same); the block has `AREA` matrices of `block` rows of `padded`
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
    /// As for [`Layer::convolve`]; the panels exist, and `count` is at most the plan's block.
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

    /// The outputs of a tile of the block, panel `n` of the pair, bias added.
    ///
    /// # Safety
    ///
    /// As for [`Layer::multiply`], which has been called.
    #[inline(always)]
    unsafe fn transform_output<V: Vector>(
        &self,
        scratch: &Scratch<'_>,
        tile: usize,
        n: usize,
        bias: V,
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
            let mut outputs = [[bias; SIDE]; SIDE];
            for (y, row) in outputs.iter_mut().enumerate() {
                let sums = transform::output(transform::row(&half, y));
                for (output, sum) in row.iter_mut().zip(sums) {
                    *output = sum.add(bias);
                }
            }
            outputs
        }
    }
}

/// A column of vectors that are `stride` numbers apart. (A loop, not `map`: a closure would be compiled without the
/// instruction set.)
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

/// Stores the first lanes.
///
/// # Safety
///
/// `to` has at most `LANES` numbers; `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn store_part<V: Vector>(vector: V, to: &mut [f32]) {
    // SAFETY: whole vectors have `LANES` numbers to go to, and no register has more than 16.
    unsafe {
        if to.len() == V::LANES {
            vector.store(to.as_mut_ptr());
        } else {
            let mut lanes = [0.0; 16];
            vector.store(lanes.as_mut_ptr());
            to.copy_from_slice(&lanes[..to.len()]);
        }
    }
}
