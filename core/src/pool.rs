//! Max-pooling of the dense code: the representation that a classifier sees (section 3.3 of the paper).

use crate::error::{Error, Result, expect_len};
use crate::kernels::Kernels;
use crate::shape::{Shape, Size, div_ceil};

/// Max-pooling; windows may overlap, and the last ones are cut at the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pool {
    /// The windows' size.
    pub kernel: Size,
    /// From one window to the next.
    pub stride: Size,
}

impl Pool {
    /// Windows of one position: no pooling.
    pub const NONE: Self = Self { kernel: Size::ONE, stride: Size::ONE };

    /// Square windows.
    pub const fn square(kernel: usize, stride: usize) -> Self {
        Self { kernel: Size::square(kernel), stride: Size::square(stride) }
    }

    /// `Ok` when maps of this shape can be pooled so.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a size of 0 or a window larger than the maps.
    pub const fn check(&self, maps: Shape) -> Result<()> {
        let Self { kernel, stride } = self;
        if kernel.height == 0 || kernel.width == 0 || stride.height == 0 || stride.width == 0 {
            return Err(Error::Invalid("a pooling window and its stride are at least 1"));
        }
        if kernel.height > maps.height || kernel.width > maps.width {
            return Err(Error::Invalid("a pooling window is larger than the feature maps"));
        }
        Ok(())
    }

    /// The shape after pooling: `ceil(in / stride)` windows each way; 28 x 28 with 5/3 gives 10 x 10.
    pub const fn output(&self, maps: Shape) -> Shape {
        Shape::new(
            maps.channels,
            div_ceil(maps.height, self.stride.height),
            div_ceil(maps.width, self.stride.width),
        )
    }

    /// Pools the maps of one image: `maps` and `pooled` both hold the channels of a position side by side.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for buffers of other lengths than the shapes', and those of [`Pool::check`].
    pub fn run<K: Kernels>(&self, kernels: K, shape: Shape, maps: &[f32], pooled: &mut [f32]) -> Result<()> {
        self.check(shape)?;
        let output = self.output(shape);
        expect_len("feature maps", shape.len(), maps.len())?;
        expect_len("pooled maps", output.len(), pooled.len())?;
        let channels = shape.channels.max(1);
        let row_len = (shape.width * channels).max(1);
        let rows_of_windows = pooled.chunks_exact_mut((output.width * channels).max(1));
        for (window_y, windows) in rows_of_windows.enumerate() {
            let rows =
                maps.chunks_exact(row_len).skip(window_y * self.stride.height).take(self.kernel.height);
            for (window_x, window) in windows.chunks_exact_mut(channels).enumerate() {
                window.fill(f32::NEG_INFINITY);
                for row in rows.clone() {
                    let start = window_x * self.stride.width;
                    for position in row.chunks_exact(channels).skip(start).take(self.kernel.width) {
                        kernels.max(position, window);
                    }
                }
            }
        }
        Ok(())
    }
}
