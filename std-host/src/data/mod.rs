//! Data sets in their published formats.
//!
//! [`load`] turns a [`Kind`] and a folder into a [`Dataset`]; [`inventory`] says what a folder has. A new data set is a
//! file here, a `Kind` and an arm in `load`.

mod arrays;
mod cifar10;
mod digits;
mod files;
mod idx;
mod images;
pub mod inventory;
mod matlab;
mod mnist;
mod picture_file;
mod pixels;
mod source;
mod svhn;

pub(crate) use inventory::grouped;

use std::path::Path;

use serde::{Deserialize, Serialize};
use wta_core::Shape;

use crate::error::{Error, Result};

pub use arrays::Arrays;
pub use files::load_files;
pub use images::{Images, OnError};
pub use pixels::{Element, Pixels, Stored};

/// The data sets that can be loaded, with what they need to be told: the table `[data]` of a recipe, whose key `set` is
/// their name in lower case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "set", rename_all = "lowercase", deny_unknown_fields)]
pub enum Kind {
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
        extra: bool,
    },
    /// A folder of pictures.
    Images(Images),
    /// Arrays in `.npy` or safetensors files.
    Array(Arrays),
}

impl Kind {
    /// The shape of its images, where that is always the same.
    pub fn image_shape(&self) -> Option<Shape> {
        match self {
            Self::Digits | Self::Mnist => Some(Shape::new(1, 28, 28)),
            Self::Cifar10 | Self::Svhn { .. } => Some(Shape::new(3, 32, 32)),
            Self::Images(images) => {
                let (size, channels) = images.shape();
                Some(Shape::new(channels, size.height, size.width))
            }
            Self::Array(_) => None,
        }
    }

    /// Whether it has keys of its own in a recipe.
    pub(crate) fn has_keys(&self) -> bool {
        match self {
            Self::Digits | Self::Mnist | Self::Cifar10 => false,
            Self::Svhn { .. } | Self::Images(_) | Self::Array(_) => true,
        }
    }

    /// `Ok` when its keys make sense.
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        if let Self::Images(images) = self { images.check() } else { Ok(()) }
    }

    /// What pixels are divided by unless told: bytes come to lie between 0 and 1, arrays are left as they are.
    pub(crate) fn divisor(&self) -> f32 {
        if matches!(self, Self::Array(_)) { 1.0 } else { 255.0 }
    }

    /// Whether it lies in files, in a folder that has to be told.
    pub fn needs_folder(&self) -> bool {
        *self != Self::Digits
    }
}

/// The part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// To learn from; validation sets are cut off it.
    Train,
    /// To measure the final error with, and nothing else.
    Test,
}

/// Images of one size, and their labels if they have any.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Values per pixel: 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Image by image, each `height x width x channels`, channels last.
    pub pixels: Pixels,
    /// One per image, each below `classes`.
    pub labels: Option<Vec<u8>>,
    /// How many classes the labels tell apart.
    pub classes: usize,
}

impl Dataset {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.pixels.len().checked_div(self.image_len()).unwrap_or(0)
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pixels of an image, each channel counted: `height * width * channels`.
    pub fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Writes image `index`, `height x width x channels`, each pixel times `scale`.
    ///
    /// # Errors
    ///
    /// One sentence when there is no such image, or when the file that it is in cannot be read.
    pub fn write(&self, index: usize, scale: f32, to: &mut [f32]) -> Result<()> {
        let start = index.checked_mul(to.len()).filter(|_| to.len() == self.image_len());
        match start.map_or(Ok(false), |start| self.pixels.write(start, scale, to))? {
            true => Ok(()),
            false => {
                Err(Error::Invalid(format!("there is no image {index} in the data set of {}", self.len())))
            }
        }
    }

    /// Cuts off the images from `at` on and returns them, as [`Vec::split_off`] does: a validation set, or what a
    /// smaller training set leaves. Beyond the last image nothing is cut off.
    #[must_use = "to drop the images, write `let _ =`"]
    pub fn split_off(&mut self, at: usize) -> Self {
        let at = at.min(self.len());
        Self {
            pixels: self.pixels.split_off(at * self.image_len()),
            labels: self.labels.as_mut().map(|labels| labels.split_off(at.min(labels.len()))),
            ..*self
        }
    }

    /// The data set, when every label is below `classes`; `labels_file` is where they come from.
    fn checked(self, labels_file: &Path) -> Result<Self> {
        let mut labels = self.labels.iter().flatten().enumerate();
        match labels.find(|(_, label)| usize::from(**label) >= self.classes) {
            None => Ok(self),
            Some((index, label)) => Err(Error::file(
                labels_file,
                format!(
                    "the label at index {index} is {label}, but labels go from 0 to {}; get the file again",
                    self.classes.saturating_sub(1)
                ),
            )),
        }
    }
}

/// Loads a split of a data set from `dir`, the folder that holds `mnist/` and others.
///
/// Published sets may also lie in `dir` itself. [`Kind::Digits`] ignores `dir`.
///
/// # Errors
///
/// One sentence that names the file: it is missing, cannot be read, is cut off or damaged, is not in its published
/// format, or its labels do not fit.
pub fn load(kind: &Kind, dir: &Path, split: Split) -> Result<Dataset> {
    load_telling(kind, dir, split, &mut |_| ())
}

/// As [`load`]; `tell` gets a sentence for each file that is left out because the recipe says so.
///
/// # Errors
///
/// As for [`load`].
pub fn load_telling(kind: &Kind, dir: &Path, split: Split, tell: &mut dyn FnMut(&str)) -> Result<Dataset> {
    match kind {
        Kind::Digits => digits::load(split),
        Kind::Mnist => mnist::load(dir, split),
        Kind::Cifar10 => cifar10::load(dir, split),
        Kind::Svhn { extra } => svhn::load(dir, split, *extra),
        Kind::Images(keys) => images::load(dir, keys, split, tell),
        Kind::Array(arrays) => arrays::load(dir, arrays, split),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Dataset {
        Dataset {
            channels: 3,
            height: 1,
            width: 2,
            pixels: Pixels::Bytes((0..24).collect()),
            labels: Some(vec![3, 1, 4, 1]),
            classes: 5,
        }
    }

    #[test]
    fn images_lie_one_after_the_other() {
        let set = set();
        assert_eq!((set.len(), set.image_len(), set.is_empty()), (4, 6, false));
        let mut image = [0.0; 6];
        set.write(1, 0.5, &mut image).unwrap();
        assert_eq!(image, [3.0, 3.5, 4.0, 4.5, 5.0, 5.5]);
        for index in [4, usize::MAX, usize::MAX / 6] {
            let sentence = set.write(index, 1.0, &mut image).unwrap_err().to_string();
            assert_eq!(sentence, format!("there is no image {index} in the data set of 4"));
        }
        let none = Dataset { width: 0, pixels: Pixels::Bytes(vec![]), labels: None, ..set };
        assert_eq!((none.len(), none.is_empty(), none.write(0, 1.0, &mut image).is_err()), (0, true, true));
    }

    #[test]
    fn the_end_is_cut_off() {
        let mut start = set();
        let end = start.split_off(3);
        assert_eq!((start.len(), start.labels.as_deref()), (3, Some(&[3, 1, 4][..])));
        assert_eq!((end.len(), end.labels.as_deref()), (1, Some(&[1][..])));
        assert_eq!(end.pixels.bytes(), Some(&[18, 19, 20, 21, 22, 23][..]));
        assert_eq!((start.split_off(9).len(), start.len()), (0, 3));
        assert_eq!((start.split_off(0).len(), start.len()), (3, 0));
    }

    #[test]
    fn labels_stay_below_the_classes() {
        assert!(set().checked(Path::new("labels")).is_ok());
        let sentence = Dataset { classes: 4, ..set() }.checked(Path::new("labels")).unwrap_err().to_string();
        assert_eq!(
            sentence,
            "labels: the label at index 2 is 4, but labels go from 0 to 3; get the file again"
        );
    }

    #[test]
    fn the_digits_need_no_folder() {
        let digits = load(&Kind::Digits, Path::new("/no/such/folder"), Split::Test).unwrap();
        assert_eq!(digits.len(), 1_000);
        let shape = Shape::new(digits.channels, digits.height, digits.width);
        assert_eq!(Kind::Digits.image_shape(), Some(shape));
    }
}
