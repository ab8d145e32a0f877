//! The rows of a layer's input that are needed at the moment.

use crate::memory::{copy, part_mut, quotient};
use crate::network::{Conv, Layer};

/// As many rows of a layer's padded input as its kernel is high, the newest last.
///
/// It is told which layer in every call: it lies eight times in an extractor, and that on a small stack.
///
/// A new row shifts the others up: a few hundred words against tens of thousands of multiplications. So a
/// receptive field is rows at a constant distance, as in a whole map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Where its rows start in the memory of all windows.
    start: usize,
    /// Rows received, those of the upper border included.
    received: usize,
}

impl Window {
    /// A window whose rows start there.
    pub(crate) const fn new(start: usize) -> Self {
        Self { start, received: 0 }
    }

    /// Back to the top of an image: the rows of the upper border, which are 0, have been received.
    pub(crate) fn restart(&mut self, layer: &Layer, memory: &mut [i16]) {
        self.rows_mut(layer, memory).fill(0);
        self.received = layer.conv.kernel.height.saturating_sub(1) / 2;
    }

    pub(crate) fn rows_mut<'m>(&self, layer: &Layer, memory: &'m mut [i16]) -> &'m mut [i16] {
        part_mut(memory, self.start, window_len(layer))
    }

    /// Rows of the border below the map.
    pub(crate) const fn below(layer: &Layer) -> usize {
        layer.conv.kernel.height / 2
    }

    /// Shifts the rows up for the next one, which is 0.
    pub(crate) fn shift(&mut self, layer: &Layer, memory: &mut [i16]) {
        let stride = stride(layer);
        let mut rest = self.rows_mut(layer, memory);
        while let Some((row, below)) = rest.split_at_mut_checked(stride) {
            match below.get(..stride) {
                Some(below) => copy(below, row),
                None => row.fill(0),
            }
            rest = below;
            if rest.is_empty() {
                break;
            }
        }
        self.received = self.received.saturating_add(1);
    }

    /// The newest row without the border.
    pub(crate) fn newest_mut<'m>(&self, layer: &Layer, memory: &'m mut [i16]) -> &'m mut [i16] {
        let conv = &layer.conv;
        let row = stride(layer).saturating_mul(conv.kernel.height.saturating_sub(1));
        let left = (conv.kernel.width.saturating_sub(1) / 2).saturating_mul(layer.input.channels);
        let len = layer.input.width.saturating_mul(layer.input.channels);
        part_mut(self.rows_mut(layer, memory), row.saturating_add(left), len)
    }

    /// The rows of the windows below, and the newest one without the border.
    pub(crate) fn split<'m>(&self, layer: &Layer, memory: &'m mut [i16]) -> (&'m mut [i16], &'m mut [i16]) {
        let (lower, mine) = memory.split_at_mut_checked(self.start).unwrap_or_default();
        (lower, Self { start: 0, ..*self }.newest_mut(layer, mine))
    }

    /// Whether the newest row completes the fields of an output row.
    pub(crate) fn completes_row(&self, layer: &Layer) -> bool {
        let Conv { kernel, stride, .. } = layer.conv;
        let Some(below) = self.received.checked_sub(kernel.height) else { return false };
        let row = quotient(below, stride.height);
        row.saturating_mul(stride.height) == below && row < layer.output().height
    }
}

/// Numbers in a row, border included.
const fn stride(layer: &Layer) -> usize {
    layer.padded().row_stride()
}

/// Numbers in all rows.
const fn window_len(layer: &Layer) -> usize {
    stride(layer).saturating_mul(layer.conv.kernel.height)
}
