//! Quantised images that arrive row by row.

use crate::error::{Result, expect_len};
use crate::shape::Shape;

/// An image of integers that can be asked for its rows; what [`Rows`](crate::Rows) is to numbers in `f32`.
///
/// A whole image in memory is one (`&[u8]`, or `&[i16]` if it is signed), and so is any closure that writes
/// row `y` to a slice. Rows are asked for from the first to the last.
pub trait Int8Rows {
    /// Writes row `y`, `width x channels` pixels of at most
    /// +-[`MAX_ACTIVATION`](crate::int8::MAX_ACTIVATION), the channels of a pixel side by side.
    fn row(&mut self, y: usize, to: &mut [i16]);

    /// `Ok` when the image has this shape, as far as it knows; asked before the first row.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) for an image of another size.
    fn expect_shape(&self, shape: Shape) -> Result<()> {
        let _ = shape;
        Ok(())
    }
}

/// A whole image of bytes.
impl Int8Rows for &[u8] {
    fn row(&mut self, y: usize, to: &mut [i16]) {
        let from = self.get(y.saturating_mul(to.len())..).unwrap_or_default();
        to.iter_mut().zip(from).for_each(|(to, from)| *to = i16::from(*from));
    }

    fn expect_shape(&self, shape: Shape) -> Result<()> {
        expect_len("image", shape.len(), self.len())
    }
}

/// A whole signed image.
impl Int8Rows for &[i16] {
    fn row(&mut self, y: usize, to: &mut [i16]) {
        let from = self.get(y.saturating_mul(to.len())..).unwrap_or_default();
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }

    fn expect_shape(&self, shape: Shape) -> Result<()> {
        expect_len("image", shape.len(), self.len())
    }
}

/// A closure that writes row `y`.
impl<F: FnMut(usize, &mut [i16])> Int8Rows for F {
    fn row(&mut self, y: usize, to: &mut [i16]) {
        self(y, to);
    }
}
