//! The bundled digits: a real subset of MNIST that is part of the program, for the demo and the tests.
//!
//! `fixtures/digits/README.md` says where they come from and how they were chosen.

use std::path::Path;

use super::mnist;
use crate::data::dataset::{Dataset, Split};
use crate::data::source::Source;
use crate::error::Result;

macro_rules! bundled {
    ($name:literal) => {
        (include_bytes!(concat!("../../../digits/", $name, ".gz")), concat!("bundled ", $name, ".gz"))
    };
}

/// Loads a split.
pub(in crate::data) fn load(split: Split) -> Result<Dataset> {
    let ((images, images_name), (labels, labels_name)): ((&[u8], _), (&[u8], _)) = match split {
        Split::Train => (bundled!("train-images-idx3-ubyte"), bundled!("train-labels-idx1-ubyte")),
        Split::Test => (bundled!("t10k-images-idx3-ubyte"), bundled!("t10k-labels-idx1-ubyte")),
    };
    mnist::read(
        Source::bytes(images, Path::new(images_name))?,
        Source::bytes(labels, Path::new(labels_name))?,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn they_are_digits_and_balanced() {
        for (split, count) in [(Split::Train, 4_800), (Split::Test, 1_000)] {
            let set = load(split).unwrap();
            assert_eq!(
                (set.len(), set.height, set.width, set.channels, set.classes.len()),
                (count, 28, 28, 1, 10)
            );
            let labels = set.labels.as_deref().unwrap();
            for digit in 0..10 {
                assert_eq!(
                    labels.iter().filter(|label| **label == digit).count(),
                    count / 10,
                    "digit {digit}"
                );
            }
            // The published mean is 0.1307 of full scale.
            let pixels = set.values.bytes().unwrap();
            let mean = pixels.iter().map(|pixel| f64::from(*pixel)).sum::<f64>() / pixels.len() as f64;
            assert!((mean / 255.0 - 0.1307).abs() < 0.004, "mean {mean}");
        }
    }

    #[test]
    fn any_part_of_them_has_every_class() {
        let labels = load(Split::Train).unwrap().labels.unwrap();
        for (batch, labels) in labels.chunks(100).enumerate() {
            let classes: HashSet<u16> = labels.iter().copied().collect();
            assert_eq!(classes.len(), 10, "batch {batch}");
        }
    }

    #[test]
    fn no_digit_is_in_both_splits() {
        let (train, test) = (load(Split::Train).unwrap(), load(Split::Test).unwrap());
        let train: HashSet<&[u8]> = train.values.bytes().unwrap().chunks(784).collect();
        assert_eq!(train.len(), 4_800, "and none is there twice");
        assert!(test.values.bytes().unwrap().chunks(784).all(|digit| !train.contains(digit)));
    }
}
