//! The keys of `[data]` for the user's own data: folders of pictures, and arrays.

use serde::{Deserialize, Serialize};
use wta_core::Size;

use super::decode::MOST_SIDE;
use crate::extent::Extent;
use crate::problem::Problem;

/// The keys of `set = "images"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFolder {
    /// The folder, below the data folder. If it holds the folders `train` and `test`, these are the splits.
    pub folder: String,
    /// Rows and columns of the images, after resizing and cropping.
    pub size: Extent,
    /// Whether images are red, green and blue; otherwise they are grey.
    #[serde(default = "ImageFolder::default_colour")]
    pub colour: bool,
    /// Whether the folders of the first level are the classes, in the order of their names.
    #[serde(default)]
    pub labelled: bool,
    /// First resize each picture so that its shorter side has this many pixels [default: a whole picture just
    /// covers `size`; patches are cut from the picture as it is].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shorter_side: Option<u32>,
    /// Cut this many patches in total from random places of the training pictures, and from each test picture
    /// as many as from a training picture [default: the centre of each picture].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patches: Option<usize>,
    /// If there is no `train` and `test`: the share of pictures that are for testing.
    #[serde(default = "ImageFolder::default_share")]
    pub test_share: f64,
    /// The seed that draws the patches and the test pictures.
    #[serde(default = "ImageFolder::default_seed")]
    pub seed: u64,
    /// What to do about files that cannot be decoded.
    #[serde(default)]
    pub on_error: OnError,
}

impl ImageFolder {
    fn default_colour() -> bool {
        true
    }

    fn default_share() -> f64 {
        0.1
    }

    pub(super) fn default_seed() -> u64 {
        1
    }

    /// The images' rows, columns and channels.
    pub(in crate::data) fn shape(&self) -> (Size, usize) {
        (self.size.into(), if self.colour { 3 } else { 1 })
    }

    /// `Ok` if the values of the keys make sense.
    pub(in crate::data) fn check(&self) -> Result<(), Problem> {
        let must = |key: &str, rule: &str| Err(Problem::of(key, format!("{key} must {rule}")));
        let (size, _) = self.shape();
        let sides = 1..=MOST_SIDE as usize;
        if !sides.contains(&size.height) || !sides.contains(&size.width) {
            return must("data.size", &format!("lie between 1 and {MOST_SIDE}"));
        }
        if self.shorter_side.is_some_and(|side| !sides.contains(&(side as usize))) {
            return must("data.shorter_side", &format!("lie between 1 and {MOST_SIDE}"));
        }
        let smallest = size.height.max(size.width);
        if self.shorter_side.is_some_and(|side| (side as usize) < smallest) {
            return must("data.shorter_side", "be at least data.size");
        }
        if self.patches == Some(0) {
            return must("data.patches", "be at least 1");
        }
        if !(0.0..1.0).contains(&self.test_share) {
            return must("data.test_share", "be at least 0 and less than 1");
        }
        Ok(())
    }
}

/// What to do about a file that cannot be decoded, or is smaller than a patch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Stop with an error that names the file.
    #[default]
    Refuse,
    /// Skip the file with a note that names it.
    Skip,
}

/// The keys of `set = "array"`: files below the data folder, `.npy` or `.safetensors`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrayFiles {
    /// The training images, N x C x H x W or N x D.
    pub train: String,
    /// Their labels, N integers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_labels: Option<String>,
    /// The test images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// Their labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_labels: Option<String>,
    /// The name of the images' tensor in safetensors files; not needed if there is only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
    /// The name of the labels' tensor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_tensor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> ImageFolder {
        toml::from_str(&format!("folder = 'pictures'\n{text}")).unwrap()
    }

    #[test]
    fn senseless_keys_are_told() {
        for (text, expected) in [
            ("size = 0", "data.size must lie between"),
            ("size = [8, 100000]", "data.size must lie between"),
            ("size = 8\nshorter_side = 7", "data.shorter_side must be at least data.size"),
            ("size = 8\npatches = 0", "data.patches must be"),
            ("size = 8\ntest_share = 1.0", "data.test_share must be"),
        ] {
            let sentence = keys(text).check().unwrap_err().to_string();
            assert!(sentence.contains(expected), "{sentence}");
        }
        assert!(keys("size = 8\nshorter_side = 8\npatches = 1").check().is_ok());
    }
}
