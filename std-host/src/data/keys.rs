//! Which data set a recipe learns from, and what the set needs to be told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wta_core::Shape;

use super::dataset::Split;
use super::own::keys::{ArrayFiles, ImageFolder, SignalFiles};
use crate::problem::Problem;

/// The data sets that can be loaded, with what they need to be told: the table `[data]` of a recipe, whose
/// key `set` is their name in lower case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "set", rename_all = "lowercase", deny_unknown_fields)]
pub enum DataSource {
    /// A subset of MNIST that is part of the program; needs no folder.
    Digits,
    /// MNIST, in the folder `mnist/`.
    Mnist,
    /// CIFAR-10, in the folder `cifar-10-batches-bin/`.
    Cifar10,
    /// SVHN's cropped digits, in the folder `svhn/`.
    Svhn {
        /// Whether the extra set is part of the training images.
        #[serde(default)]
        #[schemars(example = true)]
        extra: bool,
    },
    /// A folder of pictures.
    Images(ImageFolder),
    /// Arrays and tables of numbers.
    Array(ArrayFiles),
    /// Recordings, cut into windows.
    Signals(SignalFiles),
    /// Images that a program hands over in memory; no file has them.
    Memory,
}

impl DataSource {
    /// The shape of its images, where that is always the same.
    pub fn image_shape(&self) -> Option<Shape> {
        match self {
            Self::Digits | Self::Mnist => Some(Shape::new(1, 28, 28)),
            Self::Cifar10 | Self::Svhn { .. } => Some(Shape::new(3, 32, 32)),
            Self::Images(images) => {
                let (size, channels) = images.shape();
                Some(Shape::new(channels, size.height, size.width))
            }
            Self::Array(_) | Self::Signals(_) | Self::Memory => None,
        }
    }

    /// How many samples a split has, of the sets that are published with one number of them.
    pub fn published_len(&self, split: Split) -> Option<usize> {
        let (train, test) = match self {
            Self::Digits => (4_800, 1_000),
            Self::Mnist => (60_000, 10_000),
            Self::Cifar10 => (50_000, 10_000),
            Self::Svhn { extra: false } => (73_257, 26_032),
            Self::Svhn { extra: true } => (73_257 + 531_131, 26_032),
            Self::Images(_) | Self::Array(_) | Self::Signals(_) | Self::Memory => return None,
        };
        Some(if split == Split::Train { train } else { test })
    }

    /// Whether it has test samples, as far as its keys say.
    pub fn has_test(&self) -> bool {
        match self {
            Self::Array(arrays) => arrays.test.is_some() || arrays.test_share > 0.0,
            Self::Memory => false,
            Self::Digits
            | Self::Mnist
            | Self::Cifar10
            | Self::Svhn { .. }
            | Self::Images(_)
            | Self::Signals(_) => true,
        }
    }

    /// Whether it has keys of its own in a recipe.
    pub(crate) fn has_keys(&self) -> bool {
        match self {
            Self::Digits | Self::Mnist | Self::Cifar10 | Self::Memory => false,
            Self::Svhn { .. } | Self::Images(_) | Self::Array(_) | Self::Signals(_) => true,
        }
    }

    /// `Ok` when its keys make sense.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        match self {
            Self::Images(images) => images.check(),
            Self::Array(arrays) => arrays.check(),
            Self::Signals(signals) => signals.check(),
            _ => Ok(()),
        }
    }

    /// Whether its numbers are bytes, 0 to 255, for certain.
    pub(crate) fn holds_bytes(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Signals(_) | Self::Memory)
    }

    /// What pixels are divided by unless told: bytes come to lie between 0 and 1, arrays and what a program
    /// hands over are left as they are.
    pub(crate) fn divisor(&self) -> f32 {
        if self.holds_bytes() { 255.0 } else { 1.0 }
    }

    /// Whether it lies in files, in a folder that has to be told.
    pub fn needs_folder(&self) -> bool {
        !matches!(self, Self::Digits | Self::Memory)
    }
}
