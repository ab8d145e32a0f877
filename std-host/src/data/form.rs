//! What the samples of a data set are: images, signals or vectors.

use serde::{Deserialize, Serialize};
use wta_core::Shape;

/// What the samples of a data set are. Words and pictures for people depend on it, and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Rows and columns of pixels.
    #[default]
    Image,
    /// Values along time, of one channel or several.
    Signal,
    /// Values without an order.
    Vector,
}

impl Form {
    /// What numbers of this shape most likely are.
    pub fn of(shape: Shape) -> Self {
        match shape {
            Shape { channels: 1, height: 1, .. } => Self::Vector,
            Shape { height: 1, .. } | Shape { width: 1, .. } => Self::Signal,
            _ => Self::Image,
        }
    }

    /// Several samples, for people: `images`, or `samples` of any other kind.
    pub fn samples(self) -> &'static str {
        if self == Self::Image { "images" } else { "samples" }
    }

    /// One sample, for people.
    pub fn sample(self) -> &'static str {
        if self == Self::Image { "image" } else { "sample" }
    }

    /// A number of a sample, for people: `pixel`, or `value`.
    pub fn value(self) -> &'static str {
        if self == Self::Image { "pixel" } else { "value" }
    }
}
