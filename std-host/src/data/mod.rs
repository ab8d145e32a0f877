//! Data sets as they lie on people's disks.

mod digits;
mod idx;
pub mod inventory;
mod mnist;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The data sets that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Real MNIST digits that are part of the program.
    Digits,
    /// MNIST, in the folder `mnist/`.
    Mnist,
}

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// For training.
    Train,
    /// For the final test only.
    Test,
}

/// Images with their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Colours.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Image by image, each `height x width x channels`, 0 to 255.
    pub pixels: Vec<u8>,
    /// One per image, each less than `classes`.
    pub labels: Option<Vec<u8>>,
    /// How many classes there are.
    pub classes: usize,
}

impl Dataset {
    /// Pixels times colours of an image.
    pub fn image_len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.pixels.len().checked_div(self.image_len()).unwrap_or(0)
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Image `index`.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        let len = self.image_len();
        let start = index.checked_mul(len)?;
        self.pixels.get(start..start.checked_add(len)?)
    }

    /// Images and labels that belong together; `origin` names the labels' file.
    fn labelled(images: idx::Images, labels: Vec<u8>, classes: usize, origin: &Path) -> Result<Self> {
        if labels.len() != images.count {
            return Err(Error::file(
                origin,
                format!("has {} labels for {} images; get both files again", labels.len(), images.count),
            ));
        }
        if let Some((index, label)) =
            labels.iter().enumerate().find(|(_, label)| usize::from(**label) >= classes)
        {
            return Err(Error::file(
                origin,
                format!("label {index} is {label}, but there are only {classes} classes; get the file again"),
            ));
        }
        let (height, width) = (images.height, images.width);
        Ok(Self { channels: 1, height, width, pixels: images.pixels, labels: Some(labels), classes })
    }
}

/// Loads a split of a data set from a folder in which people keep their data sets.
///
/// # Errors
///
/// One sentence that names the file and says what is wrong with it.
pub fn load(kind: Kind, folder: &Path, split: Split) -> Result<Dataset> {
    match kind {
        Kind::Digits => digits::load(split),
        Kind::Mnist => mnist::load(folder, split),
    }
}
