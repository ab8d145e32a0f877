//! Which algorithm a layer is computed by, how it is cut up into tiles, and what memory that takes.

use wta_core::{ReceptiveFields, Tiling};

use crate::generic::winograd::axis::Axis;
use crate::generic::winograd::points::Points;

/// Numbers of a block's transformed inputs: most of a second-level cache of 1 MiB.
const BLOCK_LEN: usize = 64 * 3300;

/// Numbers in a line of the cache: vectors that straddle two lines are half as fast to read.
pub(super) const LINE: usize = 16;

/// An algorithm for layers of a kernel's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Algorithm {
    pub(super) down: Axis,
    pub(super) right: Axis,
}

impl Algorithm {
    /// Those for a kernel of so many rows and columns.
    fn choices(rows: usize, columns: usize) -> impl Iterator<Item = Self> {
        let all = Axis::choices(rows)
            .flat_map(move |down| Axis::choices(columns).map(move |right| Self { down, right }));
        all.filter(move |algorithm| {
            let is_five_by_five = (rows, columns) == (5, 5);
            if is_five_by_five { algorithm.is_promised() } else { algorithm.area() > 1 }
        })
    }

    /// Whether recipes promise this algorithm's bits.
    pub(super) fn is_promised(&self) -> bool {
        *self == Self { down: Axis::FOUR_BY_FIVE, right: Axis::FOUR_BY_FIVE }
    }

    /// Products that are added up one after the other; such sums are then added up. Short ones round less
    /// often.
    pub(super) fn products_in_a_row(&self) -> usize {
        if self.is_promised() { usize::MAX } else { 32 }
    }

    /// Points of a tile.
    pub(super) fn area(&self) -> usize {
        self.down.points.count() * self.right.points.count()
    }

    /// Outputs of a tile.
    pub(super) fn outputs(&self) -> usize {
        self.down.side * self.right.side
    }

    /// Pieces of the kernel.
    pub(super) fn pieces(&self) -> usize {
        self.down.pieces * self.right.pieces
    }

    /// Vector operations, loads and stores included, of the transform of a tile's vector of channels of one
    /// piece.
    fn input_work(&self) -> usize {
        let Self { down, right } = self;
        let lines = right.points.count() * down.input_work() + down.points.count() * right.input_work();
        lines + 2 * self.area() * self.passes()
    }

    /// The same of the transform of a tile's vector of sums.
    fn output_work(&self) -> usize {
        let Self { down, right } = self;
        let lines = right.points.count() * down.output_work() + down.side * right.output_work();
        lines + self.area() * (1 + self.passes())
    }

    fn passes(&self) -> usize {
        usize::from(self.down.is_transformed()) + usize::from(self.right.is_transformed())
    }

    /// Blocks for so many tiles of so many channels, padded.
    fn blocks(&self, tiles: usize, padded: usize) -> usize {
        (tiles * self.area() * self.pieces() * padded).div_ceil(BLOCK_LEN).min(tiles)
    }

    /// Directions of ten points in two dimensions, where errors of both directions multiply: what they gain
    /// must be worth the bits.
    fn rough_directions(&self) -> usize {
        let rough = [self.down, self.right].into_iter().filter(|axis| axis.points == Points::Ten).count();
        if self.passes() == 2 { rough } else { 0 }
    }
}

/// How a layer is cut up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(super) algorithm: Algorithm,
    pub(super) channels: usize,
    /// Channels, rounded up to whole vectors.
    pub(super) padded: usize,
    pub(super) filters: usize,
    pub(super) across: usize,
    pub(super) down: usize,
    /// Most tiles of a block.
    pub(super) block: usize,
    pub(super) lanes: usize,
}

impl Plan {
    /// A transform's operation takes as long as so many multiply-adds: it waits for loads and stores.
    const TRANSFORM: usize = 2;

    /// So does a vector of prepared filters, which comes from a cache farther away, once for each block.
    const FETCH: usize = 8;

    /// The plan for a layer, where tiles apply and do less work than the direct algorithm.
    pub(crate) fn new(fields: &ReceptiveFields, filters: usize, lanes: usize) -> Option<Self> {
        let channels = fields.step_right;
        let columns = fields.row_len.checked_div(channels)?;
        let applies = fields.is_apart()
            && fields.row_len == channels * columns
            && fields.step_down == fields.row_stride;
        if !applies || fields.positions() == 0 || filters == 0 {
            return None;
        }
        // Vector operations.
        let direct = fields
            .row_len
            .checked_mul(fields.rows)?
            .checked_mul(fields.positions())?
            .checked_mul(filters.div_ceil(lanes))?;
        // So that nothing below overflows: all lengths and costs are less than 65536 times this.
        if direct > usize::MAX / 65_536 {
            return None;
        }
        let is_promised = (fields.rows, columns) == (5, 5);
        // What costs nearly as much as the direct algorithm is often slower.
        let (mut least, mut best) = (if is_promised { direct } else { direct / 4 * 3 }, None);
        for algorithm in Algorithm::choices(fields.rows, columns) {
            let plan = Self::by(algorithm, fields, filters, lanes);
            // Recipes promise the weights of 5 x 5 kernels, and with them what decided for these.
            let work = if is_promised { plan.operations() } else { plan.work() };
            if work <= least {
                (least, best) = (work, Some(plan));
            }
        }
        best
    }

    /// The plan of an algorithm, whether it pays or not.
    fn by(algorithm: Algorithm, fields: &ReceptiveFields, filters: usize, lanes: usize) -> Self {
        let channels = fields.step_right;
        let padded = channels.next_multiple_of(lanes);
        let down = fields.height.div_ceil(algorithm.down.side);
        let across = fields.width.div_ceil(algorithm.right.side);
        let block = (down * across).div_ceil(algorithm.blocks(down * across, padded));
        Self { algorithm, channels, padded, filters, across, down, block, lanes }
    }

    fn tiles(&self) -> usize {
        self.down * self.across
    }

    /// Vectors of prepared filters; for each tile, as many multiply-adds.
    fn filter_vectors(&self) -> usize {
        self.algorithm.area() * self.row_used() * self.panels()
    }

    /// Vector operations of all transforms.
    fn transforms(&self) -> usize {
        let inputs = self.algorithm.input_work() * self.algorithm.pieces() * (self.padded / self.lanes);
        self.tiles() * (inputs + self.algorithm.output_work() * self.panels())
    }

    /// Vector operations, all alike.
    fn operations(&self) -> usize {
        self.tiles() * self.filter_vectors() + self.transforms()
    }

    /// What the layer costs. The unit is a multiply-add of a vector.
    fn work(&self) -> usize {
        let blocks = self.algorithm.blocks(self.tiles(), self.padded);
        let total = self.tiles() * self.filter_vectors()
            + Self::TRANSFORM * self.transforms()
            + Self::FETCH * blocks * self.filter_vectors();
        total + total / 6 * self.algorithm.rough_directions()
    }

    /// Numbers of a tile's transformed inputs at a point: the padded channels of each piece.
    pub(super) fn row_len(&self) -> usize {
        self.algorithm.pieces() * self.padded
    }

    /// How many of them are multiplied: those from the last piece's channels on are zeros.
    pub(super) fn row_used(&self) -> usize {
        self.row_len() - self.padded + self.channels
    }

    // From one point to the next there is a line more than needed. Powers of two would put the 64 points of a
    // tile into the same few places of the cache.

    /// From a point's transformed filters in a panel to the next one's.
    pub(super) fn filters_stride(&self) -> usize {
        self.row_used() * self.lanes + LINE
    }

    /// From a point's transformed inputs of a block to the next one's.
    pub(super) fn inputs_stride(&self) -> usize {
        self.block * self.row_len() + LINE
    }

    /// From a point's sums of a block and two panels to the next one's.
    pub(super) fn sums_stride(&self) -> usize {
        self.block * 2 * self.lanes + LINE
    }

    /// Numbers of a prepared panel: transformed filters, their norms at each point, the norms of the filters.
    pub(super) fn panel_len(&self) -> usize {
        let area = self.algorithm.area();
        area * self.filters_stride() + (area + 1) * self.lanes
    }

    pub(super) fn panels(&self) -> usize {
        self.filters.div_ceil(self.lanes)
    }

    /// What the core is told.
    pub(crate) fn tiling(&self) -> Tiling {
        let Algorithm { down, right } = self.algorithm;
        let area = self.algorithm.area();
        let blocks = area * (self.inputs_stride() + self.sums_stride());
        // A patch of inputs, half a transform, a tile's outputs, the norms.
        let tile = area * (self.padded + self.lanes + 1) + self.algorithm.outputs() * self.lanes;
        Tiling {
            rows: down.side,
            columns: right.side,
            down: self.down,
            across: self.across,
            panel_maps: self.lanes,
            panel_len: self.panel_len(),
            prepared_len: self.panels() * self.panel_len(),
            scratch_len: blocks + tile + LINE,
        }
    }

    /// Whether all that is read and written lies inside its slices; `fields` are the plan's.
    pub(crate) fn fits(&self, fields: &ReceptiveFields, prepared: usize, map: usize, scratch: usize) -> bool {
        let last = fields.offset(fields.height - 1, fields.width - 1);
        let Tiling { prepared_len, scratch_len, .. } = self.tiling();
        last.saturating_add(fields.extent()) <= map && prepared_len <= prepared && scratch_len <= scratch
    }
}

/// What a layer is computed from, tile by tile.
pub(crate) struct TiledLayer<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) fields: &'a ReceptiveFields,
    pub(crate) prepared: &'a [f32],
    pub(crate) bias: &'a [f32],
    pub(crate) map: &'a [f32],
}

impl TiledLayer<'_> {
    /// Whether `convolve` or `screen` may be called with so much scratch memory.
    pub(crate) fn fits(&self, scratch: usize) -> bool {
        self.bias.len() == self.plan.filters
            && self.plan.fits(self.fields, self.prepared.len(), self.map.len(), scratch)
    }
}
