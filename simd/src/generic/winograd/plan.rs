//! How a layer is cut up into tiles, and what memory that takes.

use wta_core::{ReceptiveFields, Tiling};

use crate::generic::winograd::transform::{KERNEL, POINTS, SIDE};

/// Points of a transformed tile.
pub(super) const AREA: usize = POINTS * POINTS;

/// Numbers of a block's transformed inputs: most of a second-level cache of 1 MiB.
const BLOCK_LEN: usize = 64 * 3300;

/// Numbers in a line of the cache: vectors that straddle two lines are half as fast to read.
pub(super) const LINE: usize = 16;

/// How a layer is cut up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
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
    /// The plan for a layer, where this algorithm applies and does less work than the direct one.
    pub(crate) fn new(fields: &ReceptiveFields, filters: usize, lanes: usize) -> Option<Self> {
        let channels = fields.row_len / KERNEL;
        let applies = fields.is_apart()
            && fields.rows == KERNEL
            && fields.row_len == channels * KERNEL
            && fields.step_right == channels
            && fields.step_down == fields.row_stride;
        if !applies || fields.positions() == 0 || filters == 0 || channels == 0 {
            return None;
        }
        let (down, across) = (fields.height.div_ceil(SIDE), fields.width.div_ceil(SIDE));
        let (tiles, padded) = (down.checked_mul(across)?, channels.checked_next_multiple_of(lanes)?);
        let panels = filters.div_ceil(lanes);
        // Vector operations: multiplications, and about 700 in the transforms of a tile's channels and 400 of
        // its maps.
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

    // From one point to the next there is a line more than needed. Powers of two would put the 64 points of a
    // tile into the same few places of the cache.

    /// From a point's transformed filters in a panel to the next one's.
    pub(super) fn filters_stride(&self) -> usize {
        self.channels * self.lanes + LINE
    }

    /// From a point's transformed inputs of a block to the next one's.
    pub(super) fn inputs_stride(&self) -> usize {
        self.block * self.padded + LINE
    }

    /// From a point's sums of a block and two panels to the next one's.
    pub(super) fn sums_stride(&self) -> usize {
        self.block * 2 * self.lanes + LINE
    }

    /// Numbers of a prepared panel: transformed filters, their norms at each point, the norms of the filters.
    pub(super) fn panel_len(&self) -> usize {
        AREA * self.filters_stride() + (AREA + 1) * self.lanes
    }

    pub(super) fn panels(&self) -> usize {
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
