//! The rows of a layer's input that are needed at the moment.

use crate::error::Result;
use crate::field::{OutputLayout, ReceptiveFields};
use crate::kernels::Kernels;
use crate::limits::admit;
use crate::memory::{move_to_front, part};
use crate::network::Layer;
use crate::parameters::Filters;
use crate::stream::rows::Rows;

/// Consecutive rows of a layer's padded input, the newest last. It is told which layer in every call: it lies
/// eight times in a [`Forward`](crate::Forward), and that on a small stack.
///
/// A new row shifts the others up: a few hundred words against tens of thousands of multiplications. So the
/// rows of a receptive field lie one after the other at a constant distance, as they do in a whole map, and
/// the same kernels read them. Rows are counted from the first one of the border.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    rows: &'a mut [f32],
    /// Rows received: the newest is number `end - 1`.
    end: usize,
    /// Rows of the layer's output produced.
    produced: usize,
}

impl<'a> Window<'a> {
    /// A window in `rows`, which is some [`PaddedLayout::row_stride`](crate::PaddedLayout::row_stride)s long.
    pub(crate) fn new(layer: &Layer, rows: &'a mut [f32]) -> Self {
        let mut window = Self { rows, end: 0, produced: 0 };
        window.restart(layer);
        window
    }

    /// Back to the top of an image: the rows of the upper border have been received.
    pub(crate) fn restart(&mut self, layer: &Layer) {
        self.rows.fill(0.0);
        self.end = top(layer);
        self.produced = 0;
    }

    /// Whether the rows for the next row of the layer's output are here.
    pub(crate) const fn is_ready(&self, layer: &Layer) -> bool {
        let conv = &layer.conv;
        self.end >= self.produced * conv.stride.height + conv.kernel.height
    }

    /// Whether the next row is one of the lower border.
    pub(crate) const fn is_past_map(&self, layer: &Layer) -> bool {
        self.end >= top(layer) + layer.input.height
    }

    /// Takes a row of the lower border.
    pub(crate) fn push_border(&mut self, layer: &Layer) {
        self.shift(layer).fill(0.0);
    }

    /// Takes a row of the map, which is to be written to what is returned: a padded row, of which
    /// [`output_layout`] says where the map lies. The border's columns are 0 already.
    pub(crate) fn shift(&mut self, layer: &Layer) -> &mut [f32] {
        let stride = stride(layer);
        move_to_front(self.rows, stride);
        self.end += 1;
        self.newest_mut(layer)
    }

    fn newest_mut(&mut self, layer: &Layer) -> &mut [f32] {
        let start = self.rows.len().saturating_sub(stride(layer));
        self.rows.get_mut(start..).unwrap_or_default()
    }

    /// The newest row, border included.
    pub(crate) fn newest(&self, layer: &Layer) -> &[f32] {
        self.rows.get(self.rows.len().saturating_sub(stride(layer))..).unwrap_or(&[])
    }

    /// Takes the next row of an image.
    pub(crate) fn read(&mut self, layer: &Layer, image: &mut impl Rows) -> Result<()> {
        let y = self.end.saturating_sub(top(layer));
        self.shift(layer);
        self.read_over(layer, y, image).map(drop)
    }

    /// Reads row `y` of an image over the newest row, whatever that is, and returns it without the border.
    pub(crate) fn read_over(&mut self, layer: &Layer, y: usize, image: &mut impl Rows) -> Result<&[f32]> {
        let (left, len) = (left(layer), layer.input.width * layer.input.channels);
        let row = self.newest_mut(layer).get_mut(left..left.saturating_add(len)).unwrap_or_default();
        image.row(y, row);
        admit("image", row).map_err(|error| error.map_index(|index| y * len + index))?;
        Ok(row)
    }

    /// From the rows of the fields of output row `y` on, as long as they are in the window.
    pub(crate) fn fields_of(&self, layer: &Layer, y: usize) -> &[f32] {
        self.rows_from(layer, y * layer.conv.stride.height)
    }

    /// Row `y` of the map, without the border, as long as it is in the window.
    pub(crate) fn map_row(&self, layer: &Layer, y: usize) -> &[f32] {
        let rows = self.rows_from(layer, y + top(layer));
        part(rows, left(layer), layer.input.width * layer.input.channels)
    }

    /// The window from a row on.
    fn rows_from(&self, layer: &Layer, row: usize) -> &[f32] {
        let back = self.end.saturating_sub(row).saturating_mul(stride(layer));
        self.rows.len().checked_sub(back).and_then(|start| self.rows.get(start..)).unwrap_or(&[])
    }

    /// Produces the next row of the layer's output, for which the window is ready.
    pub(crate) fn produce<K: Kernels>(
        &mut self,
        layer: &Layer,
        kernels: K,
        filters: Filters<'_>,
        output_layout: OutputLayout,
        out: &mut [f32],
    ) {
        kernels.convolve(
            &receptive_fields(layer),
            filters,
            self.fields_of(layer, self.produced),
            output_layout,
            out,
        );
        self.produced += 1;
    }

    /// Counts the next row of the layer's output as produced.
    pub(crate) fn skip(&mut self) {
        self.produced += 1;
    }
}

/// Rows of the upper border.
const fn top(layer: &Layer) -> usize {
    layer.conv.kernel.height.saturating_sub(1) / 2
}

/// Numbers in a row, border included.
const fn stride(layer: &Layer) -> usize {
    layer.padded().row_stride()
}

/// Where the map begins in a row, after the border.
const fn left(layer: &Layer) -> usize {
    layer.conv.kernel.width.saturating_sub(1) / 2 * layer.input.channels
}

/// Where a row of the layer below goes in a row of this layer's window.
pub(crate) const fn output_layout(layer: &Layer) -> OutputLayout {
    OutputLayout { start: left(layer), row_stride: stride(layer), step: layer.input.channels }
}

/// The receptive fields of one row of the layer's output.
pub(crate) const fn receptive_fields(layer: &Layer) -> ReceptiveFields {
    ReceptiveFields { height: 1, ..layer.receptive_fields() }
}
