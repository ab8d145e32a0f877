//! From the dense code to the representation that a classifier sees: a threshold, and pooling (section 3.3 of
//! the paper).

use crate::error::{Error, Result, expect_len};
use crate::kernels::Kernels;
use crate::runs::{runs, runs_mut};
use crate::shape::{Shape, Size, div_ceil};
use crate::threshold::Threshold;

/// Pooling; windows may overlap, and the last ones are cut at the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pool {
    /// The windows' size.
    pub kernel: Size,
    /// From one window to the next.
    pub stride: Size,
    /// What becomes of the activations in a window.
    pub kind: PoolKind,
    /// What is taken off the activations before: before square roots, if there are any.
    pub threshold: Threshold,
}

/// What becomes of a map's activations in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PoolKind {
    /// The largest, as in the paper.
    #[default]
    Max,
    /// Their mean; at the border, the mean of the positions that are left. With `sqrt_features`, square roots
    /// are taken before the mean (for `Max` the order makes no difference).
    Average,
}

impl PoolKind {
    /// A window in which no position has been pooled.
    pub(crate) fn start(self, window: &mut [f32]) {
        window.fill(match self {
            Self::Max => f32::NEG_INFINITY,
            Self::Average => 0.0,
        });
    }

    /// Pools one position's maps.
    pub(crate) fn add<K: Kernels>(self, kernels: K, position: &[f32], window: &mut [f32]) {
        match self {
            Self::Max => kernels.max(position, window),
            Self::Average => window.iter_mut().zip(position).for_each(|(to, from)| *to += *from),
        }
    }

    /// Finishes a window of so many positions.
    pub(crate) fn finish(self, positions: usize, window: &mut [f32]) {
        if self == Self::Average {
            let positions = positions as f32;
            window.iter_mut().for_each(|sum| *sum /= positions);
        }
    }
}

impl Pool {
    /// Windows of one position: no pooling.
    pub const NONE: Self = Self::square(1, 1);

    /// The largest of square windows.
    pub const fn square(kernel: usize, stride: usize) -> Self {
        Self {
            kernel: Size::square(kernel),
            stride: Size::square(stride),
            kind: PoolKind::Max,
            threshold: Threshold::None,
        }
    }

    /// The means of the same windows.
    #[must_use]
    pub const fn average(self) -> Self {
        Self { kind: PoolKind::Average, ..self }
    }

    /// The same of activations above the mean of their position.
    #[must_use]
    pub const fn triangle(self) -> Self {
        Self { threshold: Threshold::Triangle, ..self }
    }

    /// Rows and columns in each other's place, for the maps of a [`Network::turned`](crate::Network::turned).
    #[must_use]
    pub const fn turned(self) -> Self {
        Self { kernel: self.kernel.turned(), stride: self.stride.turned(), ..self }
    }

    /// `Ok` when maps of this shape can be pooled so.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a size of 0 or a window larger than the maps.
    pub const fn check(&self, maps: Shape) -> Result<()> {
        let Self { kernel, stride, .. } = self;
        if kernel.height == 0 || kernel.width == 0 || stride.height == 0 || stride.width == 0 {
            return Err(Error::Invalid("a pooling window and its stride are at least 1"));
        }
        if kernel.height > maps.height || kernel.width > maps.width {
            return Err(Error::Invalid("a pooling window is larger than the feature maps"));
        }
        Ok(())
    }

    /// The same pooling, when maps of this shape can be pooled so.
    ///
    /// # Errors
    ///
    /// As for [`Pool::check`].
    pub const fn checked(self, maps: Shape) -> Result<Self> {
        match self.check(maps) {
            Ok(()) => Ok(self),
            Err(error) => Err(error),
        }
    }

    /// `Ok` when quantised maps can be pooled so.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for average pooling.
    pub const fn check_int8(&self) -> Result<()> {
        match self.kind {
            PoolKind::Max => Ok(()),
            PoolKind::Average => Err(Error::Invalid("quantised maps have no average pooling")),
        }
    }

    /// The shape after pooling: `ceil(in / stride)` windows each way; 28 x 28 with 5/3 gives 10 x 10.
    pub const fn output(&self, maps: Shape) -> Shape {
        Shape::new(
            maps.channels,
            div_ceil(maps.height, self.stride.height),
            div_ceil(maps.width, self.stride.width),
        )
    }

    /// The positions in window `(window_y, window_x)` of maps of this shape.
    pub(crate) const fn positions(&self, maps: Shape, window_y: usize, window_x: usize) -> usize {
        let rows = left(maps.height, window_y.saturating_mul(self.stride.height), self.kernel.height);
        rows * left(maps.width, window_x.saturating_mul(self.stride.width), self.kernel.width)
    }

    /// Pools the maps of one image, from which the threshold has been taken already
    /// ([`Threshold::apply`]): `maps` and `pooled` both hold the channels of a position side by side.
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
        let row_len = shape.width.saturating_mul(channels).max(1);
        let rows_of_windows = runs_mut(pooled, output.width.saturating_mul(channels));
        for (window_y, windows) in rows_of_windows.enumerate() {
            let rows = runs(maps, row_len)
                .skip(window_y.saturating_mul(self.stride.height))
                .take(self.kernel.height);
            for (window_x, window) in runs_mut(windows, channels).enumerate() {
                self.kind.start(window);
                for row in rows.clone() {
                    let start = window_x.saturating_mul(self.stride.width);
                    for position in runs(row, channels).skip(start).take(self.kernel.width) {
                        self.kind.add(kernels, position, window);
                    }
                }
                self.kind.finish(self.positions(shape, window_y, window_x), window);
            }
        }
        Ok(())
    }
}

/// Of `len` numbers, how many a window from `start` on holds.
const fn left(len: usize, start: usize, window: usize) -> usize {
    let rest = len.saturating_sub(start);
    if rest < window { rest } else { window }
}
