//! Which data set a recipe learns from, and the keys of each data set.

use serde::{Deserialize, Serialize};
use wta_core::Shape;

use super::own::keys::{ArrayFiles, ImageFolder};
use crate::problem::Problem;

/// The data sets that can be loaded, with their keys: the table `[data]` of a recipe. Its key `set` is the
/// name in lower case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "set", rename_all = "lowercase", deny_unknown_fields)]
pub enum DataSource {
    /// A subset of MNIST that is part of the program and needs no folder.
    Digits,
    /// MNIST, in the folder `mnist/`.
    Mnist,
    /// CIFAR-10, in the folder `cifar-10-batches-bin/`.
    Cifar10,
    /// SVHN's cropped digits, in the folder `svhn/`.
    Svhn {
        /// Whether the training images include the extra set.
        #[serde(default)]
        extra: bool,
    },
    /// A folder of pictures.
    Images(ImageFolder),
    /// Arrays in `.npy` or safetensors files.
    Array(ArrayFiles),
    /// Images that a program passes in memory, not in files.
    Memory,
}

impl DataSource {
    /// The shape of its images, if the data set and its keys determine it.
    pub fn image_shape(&self) -> Option<Shape> {
        match self {
            Self::Digits | Self::Mnist => Some(Shape::new(1, 28, 28)),
            Self::Cifar10 | Self::Svhn { .. } => Some(Shape::new(3, 32, 32)),
            Self::Images(images) => {
                let (size, channels) = images.shape();
                Some(Shape::new(channels, size.height, size.width))
            }
            Self::Array(_) | Self::Memory => None,
        }
    }

    /// Whether it has keys of its own in a recipe.
    pub(crate) fn has_keys(&self) -> bool {
        match self {
            Self::Digits | Self::Mnist | Self::Cifar10 | Self::Memory => false,
            Self::Svhn { .. } | Self::Images(_) | Self::Array(_) => true,
        }
    }

    /// `Ok` if the values of its keys make sense.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if let Self::Images(images) = self { images.check() } else { Ok(()) }
    }

    /// The default of `divide_by`: bytes are scaled to lie between 0 and 1; arrays and images in memory stay
    /// as they are.
    pub(crate) fn divisor(&self) -> f32 {
        if matches!(self, Self::Array(_) | Self::Memory) { 1.0 } else { 255.0 }
    }

    /// Whether it is read from files, in a folder that the caller names.
    pub fn needs_folder(&self) -> bool {
        !matches!(self, Self::Digits | Self::Memory)
    }
}
