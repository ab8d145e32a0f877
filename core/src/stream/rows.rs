//! Images that arrive row by row.

use crate::error::{Result, expect_len};
use crate::shape::Shape;

/// An image that can be asked for its rows, so that it need not be in memory as `f32`s.
///
/// A whole image in memory is one (`&[f32]`, or `&[u8]`, `&[i8]`, `&[i16]`, `&[u16]` for [`Scaled`]), and so
/// is any closure that writes row `y` to a slice. Rows are asked for from the first to the last; training and
/// [`Novelty`](crate::Novelty) go through an image more than once.
///
/// Pixels in flash are usually bytes, and become numbers between 0 and 1 as they are read:
///
/// ```
/// use wta_core::Rows;
///
/// const WIDTH: usize = 4;
/// static PIXELS: [u8; 2 * WIDTH] = [0, 0, 255, 0, 0, 51, 255, 0];
///
/// let mut image = |y: usize, row: &mut [f32]| {
///     let pixels = PIXELS.iter().skip(y * WIDTH);
///     row.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = f32::from(*pixel) / 255.0);
/// };
/// let mut row = [0.0; WIDTH];
/// image.row(1, &mut row);
/// assert_eq!(row, [0.0, 0.2, 1.0, 0.0]);
/// ```
pub trait Rows {
    /// Writes row `y`, `width x channels` numbers, the channels of a pixel side by side.
    fn row(&mut self, y: usize, to: &mut [f32]);

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

/// A whole image, row by row.
impl Rows for &[f32] {
    fn row(&mut self, y: usize, to: &mut [f32]) {
        let from = self.get(y.saturating_mul(to.len())..).unwrap_or(&[]);
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }

    fn expect_shape(&self, shape: Shape) -> Result<()> {
        expect_len("image", shape.len(), self.len())
    }
}

/// Samples of integers in memory, as numbers in `f32` that are not scaled.
macro_rules! integer_rows {
    ($($integer:ty),*) => {$(
        impl Rows for &[$integer] {
            fn row(&mut self, y: usize, to: &mut [f32]) {
                let from = self.get(y.saturating_mul(to.len())..).unwrap_or(&[]);
                to.iter_mut().zip(from).for_each(|(to, from)| *to = f32::from(*from));
            }

            fn expect_shape(&self, shape: Shape) -> Result<()> {
                expect_len("image", shape.len(), self.len())
            }
        }
    )*};
}

integer_rows!(u8, i8, i16, u16);

/// Rows whose numbers are multiplied by a factor.
#[derive(Clone, Copy, Debug)]
pub struct Scaled<R> {
    /// The rows.
    pub rows: R,
    /// The factor, such as [`Model::scale`](crate::Model::scale).
    pub scale: f32,
}

impl<R: Rows> Rows for Scaled<R> {
    fn row(&mut self, y: usize, to: &mut [f32]) {
        self.rows.row(y, to);
        to.iter_mut().for_each(|v| *v *= self.scale);
    }

    fn expect_shape(&self, shape: Shape) -> Result<()> {
        self.rows.expect_shape(shape)
    }
}

/// A closure that writes row `y`.
impl<F: FnMut(usize, &mut [f32])> Rows for F {
    fn row(&mut self, y: usize, to: &mut [f32]) {
        self(y, to);
    }
}
