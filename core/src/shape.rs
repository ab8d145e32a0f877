//! Shapes of images, kernels and feature maps.

/// The shape of an image or of a stack of feature maps: `height` x `width` positions, each with a vector
/// over the `channels`.
///
/// In memory the channels come last: the element at `(y, x, channel)` is number
/// `(y * width + x) * channels + channel`. A signal is an image of height 1; a plain vector is an image of
/// height and width 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Colours of an image, maps of a layer, elements of a plain vector.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// A shape of `channels` maps of `height` x `width`.
    pub const fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width }
    }

    /// A plain vector of `len` elements.
    pub const fn vector(len: usize) -> Self {
        Self::new(len, 1, 1)
    }

    /// Rows and columns in each other's place.
    pub const fn turned(self) -> Self {
        Self { channels: self.channels, height: self.width, width: self.height }
    }

    /// The number of positions, `height * width`. What is beyond all memory saturates; so in [`Shape::len`].
    pub const fn positions(&self) -> usize {
        self.height.saturating_mul(self.width)
    }

    /// The number of elements, `height * width * channels`.
    #[allow(clippy::len_without_is_empty, reason = "a checked shape is never empty")]
    pub const fn len(&self) -> usize {
        self.positions().saturating_mul(self.channels)
    }

    /// The number of elements, or `None` when it is more than `limit` (or than `usize` holds).
    pub(crate) const fn len_within(&self, limit: usize) -> Option<usize> {
        let Some(positions) = self.height.checked_mul(self.width) else { return None };
        match positions.checked_mul(self.channels) {
            Some(len) if len <= limit => Some(len),
            _ => None,
        }
    }
}

/// A height and a width: of a kernel, a stride, a pooling window, a grid of winners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Size {
    /// One by one.
    pub const ONE: Self = Self::square(1);

    /// A size of `height` x `width`.
    pub const fn new(height: usize, width: usize) -> Self {
        Self { height, width }
    }

    /// A square.
    pub const fn square(side: usize) -> Self {
        Self::new(side, side)
    }

    /// Rows and columns in each other's place.
    pub const fn turned(self) -> Self {
        Self { height: self.width, width: self.height }
    }

    /// `height * width`; what is beyond all memory saturates.
    pub const fn area(&self) -> usize {
        self.height.saturating_mul(self.width)
    }
}

/// The next multiple of `step` (0 counts as 1), from `count` on.
pub(crate) const fn next_multiple(count: usize, step: usize) -> usize {
    let step = if step == 0 { 1 } else { step };
    div_ceil(count, step).saturating_mul(step)
}

/// `numerator / denominator`, rounded up. It is 0 for a denominator of 0, which no checked network has: a
/// division that may panic would put the panic machinery into firmware.
pub(crate) const fn div_ceil(numerator: usize, denominator: usize) -> usize {
    match numerator.checked_div(denominator) {
        Some(quotient) if quotient * denominator == numerator => quotient,
        Some(quotient) => quotient + 1,
        None => 0,
    }
}
