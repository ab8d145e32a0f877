//! Data sets in their published formats.
//!
//! [`load`] turns a [`Kind`] and a folder into a [`Dataset`] in memory; [`inventory`] says what a folder has. A new
//! data set is a file here, a `Kind` and an arm in `load`.

mod cifar10;
mod digits;
mod idx;
pub mod inventory;
mod mnist;
mod source;

use std::path::Path;

use serde::{Deserialize, Serialize};
use wta_core::Shape;

use crate::error::{Error, Result};

/// The data sets that can be loaded; recipes name them in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A subset of MNIST that is part of the program; needs no folder.
    Digits,
    /// MNIST, in the folder `mnist/`.
    Mnist,
    /// CIFAR-10, in the folder `cifar-10-batches-bin/`.
    Cifar10,
}

impl Kind {
    /// The shape of its images.
    pub fn image_shape(self) -> Shape {
        match self {
            Self::Digits | Self::Mnist => Shape::new(1, 28, 28),
            Self::Cifar10 => Shape::new(3, 32, 32),
        }
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Values per pixel: 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Image by image, each `height x width x channels`, channels last; 0 to 255.
    pub pixels: Vec<u8>,
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

    /// Bytes of an image: `height * width * channels`.
    pub fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The pixels of image `index`, `height x width x channels`; `None` beyond the last.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        let len = self.image_len();
        let start = index.checked_mul(len).filter(|_| len > 0)?;
        self.pixels.get(start..start.checked_add(len)?)
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
/// [`Kind::Mnist`] may also lie in `dir` itself. [`Kind::Digits`] ignores `dir`.
///
/// # Errors
///
/// One sentence that names the file: it is missing, cannot be read, is cut off or damaged, is not in its published
/// format, or its labels do not fit.
pub fn load(kind: Kind, dir: &Path, split: Split) -> Result<Dataset> {
    match kind {
        Kind::Digits => digits::load(split),
        Kind::Mnist => mnist::load(dir, split),
        Kind::Cifar10 => cifar10::load(dir, split),
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
            pixels: (0..24).collect(),
            labels: Some(vec![3, 1, 4, 1]),
            classes: 5,
        }
    }

    #[test]
    fn images_lie_one_after_the_other() {
        let set = set();
        assert_eq!((set.len(), set.image_len(), set.is_empty()), (4, 6, false));
        assert_eq!(set.image(1), Some(&[6, 7, 8, 9, 10, 11][..]));
        assert_eq!((set.image(4), set.image(usize::MAX), set.image(usize::MAX / 6)), (None, None, None));
        let none = Dataset { width: 0, pixels: vec![], labels: None, ..set };
        assert_eq!((none.len(), none.is_empty(), none.image(0)), (0, true, None));
    }

    #[test]
    fn the_end_is_cut_off() {
        let mut start = set();
        let end = start.split_off(3);
        assert_eq!((start.len(), start.labels.as_deref()), (3, Some(&[3, 1, 4][..])));
        assert_eq!((end.len(), end.image(0), end.labels.as_deref()), (1, set().image(3), Some(&[1][..])));
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
    fn kinds_are_written_in_lower_case() {
        for (kind, name) in [(Kind::Digits, "\"digits\""), (Kind::Mnist, "\"mnist\"")] {
            assert_eq!(serde_json::from_str::<Kind>(name).unwrap(), kind);
            assert_eq!(serde_json::to_string(&kind).unwrap(), name);
        }
        assert!(serde_json::from_str::<Kind>("\"Mnist\"").is_err());
    }

    #[test]
    fn the_digits_need_no_folder() {
        let digits = load(Kind::Digits, Path::new("/no/such/folder"), Split::Test).unwrap();
        assert_eq!(digits.len(), 1_000);
        assert_eq!(Shape::new(digits.channels, digits.height, digits.width), Kind::Digits.image_shape());
    }
}
