//! Receptive fields as plain offsets.
//!
//! A map that a convolution reads is stored with a border of zeros just wide enough for the layer's kernel
//! ([`PaddedLayout`]). So a receptive field is always `kernel height` contiguous rows of
//! `kernel width x channels` numbers, wherever it lies. Nothing is clipped. A filter, an atom or a gradient
//! is stored in the same order and meets the field row by row. A fully-connected layer is the case of one
//! position and one row.

use crate::runs::{pieces, pieces_mut, runs};
use crate::shape::{Shape, Size, div_ceil};

/// How a map of some [`Shape`] lies in memory with its border of zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PaddedLayout {
    shape: Shape,
    kernel: Size,
}

impl PaddedLayout {
    /// The border that a "same" convolution with `kernel` needs: `kernel - 1` rows and columns in all, of
    /// which `(kernel - 1) / 2` come before the map.
    pub const fn new(shape: Shape, kernel: Size) -> Self {
        Self { shape, kernel }
    }

    /// The number of `f32`, border included. What is beyond all memory saturates, here and below.
    #[allow(clippy::len_without_is_empty, reason = "a checked shape is never empty")]
    pub const fn len(&self) -> usize {
        with_border(self.shape.height, self.kernel.height).saturating_mul(self.row_stride())
    }

    /// From an element to the one below it.
    pub const fn row_stride(&self) -> usize {
        with_border(self.shape.width, self.kernel.width).saturating_mul(self.shape.channels)
    }

    /// The offset of the map's first element.
    pub const fn start(&self) -> usize {
        let above = before(self.kernel.height).saturating_mul(self.row_stride());
        above.saturating_add(before(self.kernel.width).saturating_mul(self.shape.channels))
    }

    /// Numbers in a row of the map, without the border.
    const fn row_len(&self) -> usize {
        self.shape.width.saturating_mul(self.shape.channels)
    }

    /// The map's shape, without the border.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Where a convolution puts the outputs that make up this map.
    pub const fn output_layout(&self) -> OutputLayout {
        OutputLayout { start: self.start(), row_stride: self.row_stride(), step: self.shape.channels }
    }

    /// The rows of the map inside its border.
    pub fn rows<'a>(&self, padded: &'a [f32]) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let len = self.row_len();
        let inside = padded.get(self.start()..).unwrap_or(&[]);
        pieces(inside, self.row_stride())
            .take(self.shape.height)
            .map(move |row| row.get(..len).unwrap_or(row))
    }

    /// The rows of the map inside its border, to write to.
    pub fn rows_mut<'a>(&self, padded: &'a mut [f32]) -> impl Iterator<Item = &'a mut [f32]> + use<'a> {
        let len = self.row_len();
        let inside = padded.get_mut(self.start()..).unwrap_or(&mut []);
        pieces_mut(inside, self.row_stride()).take(self.shape.height).map(move |row| {
            let end = len.min(row.len());
            row.get_mut(..end).unwrap_or(&mut [])
        })
    }

    /// Lays a plain map out with its border of zeros.
    pub fn fill(&self, map: &[f32], padded: &mut [f32]) {
        padded.fill(0.0);
        let row_len = self.row_len().max(1);
        for (to, from) in self.rows_mut(padded).zip(runs(map, row_len)) {
            for (to, from) in to.iter_mut().zip(from) {
                *to = *from;
            }
        }
    }

    /// Sets the border to zero and leaves the map.
    pub fn clear_border(&self, padded: &mut [f32]) {
        let stride = self.row_stride().max(1);
        let top = before(self.kernel.height);
        let bottom = top.saturating_add(self.shape.height);
        let left = before(self.kernel.width).saturating_mul(self.shape.channels);
        let right = left.saturating_add(self.row_len());
        for (y, row) in pieces_mut(padded, stride).enumerate() {
            if y < top || y >= bottom {
                row.fill(0.0);
            } else {
                row.iter_mut().take(left).for_each(|v| *v = 0.0);
                row.iter_mut().skip(right).for_each(|v| *v = 0.0);
            }
        }
    }
}

/// Rows or columns of a map of `len`, with the border for a kernel.
const fn with_border(len: usize, kernel: usize) -> usize {
    len.saturating_add(kernel.saturating_sub(1))
}

/// Rows or columns of the border that come before the map.
const fn before(kernel: usize) -> usize {
    kernel.saturating_sub(1) / 2
}

/// Where a convolution writes: position `(y, x)` goes to `start + y * row_stride + x * step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLayout {
    /// The offset of the first position.
    pub start: usize,
    /// From one row of positions to the next.
    pub row_stride: usize,
    /// From one position to the next in its row.
    pub step: usize,
}

impl OutputLayout {
    /// Where position `(y, x)` goes. What is beyond all memory saturates, so that it lies outside every
    /// slice.
    pub const fn at(&self, y: usize, x: usize) -> usize {
        let row = self.start.saturating_add(y.saturating_mul(self.row_stride));
        row.saturating_add(x.saturating_mul(self.step))
    }

    /// Whether `maps` outputs for each of `height` rows of `width` positions have a place of their own, the
    /// positions in ascending order. Then there are no more positions than numbers in whatever holds them.
    pub const fn is_apart(&self, height: usize, width: usize, maps: usize) -> bool {
        let row_len = width.saturating_sub(1).saturating_mul(self.step).saturating_add(maps);
        maps > 0 && (width <= 1 || self.step >= maps) && (height <= 1 || self.row_stride >= row_len)
    }
}

/// The receptive fields of a layer: their form, and where they lie in the padded map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceptiveFields {
    /// Rows of a field: the kernel's height.
    pub rows: usize,
    /// Numbers in a row of a field: the kernel's width times the channels.
    pub row_len: usize,
    /// From one row of a field to the next in the padded map.
    pub row_stride: usize,
    /// Rows of positions.
    pub height: usize,
    /// Positions in a row.
    pub width: usize,
    /// From the field of one position to that of the position below.
    pub step_down: usize,
    /// From the field of one position to that of its right neighbour.
    pub step_right: usize,
}

impl ReceptiveFields {
    /// The fields of a "same" convolution over `padded` with this stride.
    pub const fn new(padded: &PaddedLayout, stride: Size) -> Self {
        let shape = padded.shape;
        Self {
            rows: padded.kernel.height,
            row_len: padded.kernel.width.saturating_mul(shape.channels),
            row_stride: padded.row_stride(),
            height: div_ceil(shape.height, stride.height),
            width: div_ceil(shape.width, stride.width),
            step_down: padded.row_stride().saturating_mul(stride.height),
            step_right: shape.channels.saturating_mul(stride.width),
        }
    }

    /// A row of so many numbers, at any offset.
    pub const fn row(len: usize) -> Self {
        Self { rows: 1, row_len: len, row_stride: len, height: 1, width: 1, step_down: len, step_right: len }
    }

    /// Numbers in a field, and in the filter or atom that goes with it.
    #[allow(clippy::len_without_is_empty, reason = "a kernel of a checked network is never empty")]
    pub const fn len(&self) -> usize {
        self.rows.saturating_mul(self.row_len)
    }

    /// The number of positions.
    pub const fn positions(&self) -> usize {
        self.height.saturating_mul(self.width)
    }

    /// The offset of the field of `position` (row by row) in the padded map.
    pub const fn at(&self, position: usize) -> usize {
        match position.checked_div(self.width) {
            Some(y) => self.offset(y, position - y * self.width),
            None => 0,
        }
    }

    /// The offset of the field of position `(y, x)`. Like everything here, what is beyond all memory
    /// saturates, so that it lies outside every slice.
    pub const fn offset(&self, y: usize, x: usize) -> usize {
        y.saturating_mul(self.step_down).saturating_add(x.saturating_mul(self.step_right))
    }

    /// From the offset of a field to the end of its last row.
    pub const fn extent(&self) -> usize {
        self.rows.saturating_sub(1).saturating_mul(self.row_stride).saturating_add(self.row_len)
    }

    /// Whether a field has numbers, in rows that do not overlap: others have no number, whatever lies there.
    /// Then a field has no more rows than its map has numbers.
    pub const fn is_apart(&self) -> bool {
        // One comparison for a length of 1 or more that is within the stride: 0 wraps around.
        self.rows > 0 && self.row_len.wrapping_sub(1) < self.row_stride
    }

    /// The rows of a field, 0 where they are not apart.
    #[inline(always)]
    const fn rows_apart(&self) -> usize {
        if self.is_apart() { self.rows } else { 0 }
    }

    /// The rows of the field at offset `at`.
    pub fn field<'a>(&self, at: usize, map: &'a [f32]) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let Self { row_len, row_stride, .. } = *self;
        let rows = self.rows_apart();
        let mut rest = map.get(at..).unwrap_or_default();
        (0..rows).map(move |_| {
            let (row, below) = rest.split_at_checked(row_stride.min(rest.len())).unwrap_or_default();
            rest = below;
            row.get(..row_len).unwrap_or_default()
        })
    }

    /// The rows of the field at offset `at`, to write to.
    pub fn field_mut<'a>(
        &self,
        at: usize,
        map: &'a mut [f32],
    ) -> impl Iterator<Item = &'a mut [f32]> + use<'a> {
        let Self { row_len, row_stride, .. } = *self;
        let rows = self.rows_apart();
        let mut rest = map.get_mut(at..).unwrap_or_default();
        (0..rows).map(move |_| {
            let all = core::mem::take(&mut rest);
            let (row, below) = all.split_at_mut_checked(row_stride.min(all.len())).unwrap_or_default();
            rest = below;
            row.get_mut(..row_len).unwrap_or_default()
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn a_field_is_the_neighbourhood_of_its_position() {
        let padded = PaddedLayout::new(Shape::new(2, 3, 4), Size::new(3, 2));
        let map: Vec<f32> = (1..=24).map(|v| v as f32).collect();
        let mut memory = vec![9.0; padded.len()];
        padded.fill(&map, &mut memory);
        let fields = ReceptiveFields::new(&padded, Size::ONE);
        // Position (0, 3): the row above is border; the kernel of width 2 reads columns 3 and 4, the border.
        let rows: Vec<&[f32]> = fields.field(fields.at(3), &memory).collect();
        assert_eq!(rows, [&[0.0, 0.0, 0.0, 0.0][..], &[7.0, 8.0, 0.0, 0.0], &[15.0, 16.0, 0.0, 0.0]]);
        // Position (2, 0): the last row; below it is border.
        let rows: Vec<&[f32]> = fields.field(fields.at(8), &memory).collect();
        assert_eq!(rows, [&[9.0, 10.0, 11.0, 12.0][..], &[17.0, 18.0, 19.0, 20.0], &[0.0; 4]]);
    }

    #[test]
    fn a_stride_keeps_the_ceiling_of_the_positions() {
        let padded = PaddedLayout::new(Shape::new(1, 7, 8), Size::square(3));
        let fields = ReceptiveFields::new(&padded, Size::new(2, 3));
        assert_eq!((fields.height, fields.width), (4, 3));
        assert_eq!(fields.at(4), 2 * 10 + 3);
    }

    #[test]
    fn clearing_the_border_leaves_the_map() {
        let padded = PaddedLayout::new(Shape::new(2, 2, 3), Size::new(4, 3));
        let mut memory = vec![1.0; padded.len()];
        padded.clear_border(&mut memory);
        assert_eq!(memory.iter().sum::<f32>(), 12.0);
        assert!(padded.rows(&memory).all(|row| row.iter().all(|&v| v == 1.0) && row.len() == 6));
    }
}
