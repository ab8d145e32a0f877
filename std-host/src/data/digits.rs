//! The bundled digits: a real subset of MNIST (`fixtures/digits`), for the demo and the tests.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use super::{Dataset, Split, idx, mnist};
use crate::error::Result;

macro_rules! bundled {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/digits/", $name, ".gz"))
    };
}

/// Loads a split.
pub(super) fn load(split: Split) -> Result<Dataset> {
    let (images, labels): (&[u8], &[u8]) = match split {
        Split::Train => (bundled!("train-images-idx3-ubyte"), bundled!("train-labels-idx1-ubyte")),
        Split::Test => (bundled!("t10k-images-idx3-ubyte"), bundled!("t10k-labels-idx1-ubyte")),
    };
    let origin = Path::new("the bundled digits");
    let open = |bytes| -> Box<dyn Read> { Box::new(GzDecoder::new(bytes)) };
    let images = idx::images(&mut *open(images), None, origin)?;
    let labels = idx::labels(&mut *open(labels), None, origin)?;
    Dataset::labelled(images, labels, mnist::CLASSES, origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_whole_and_balanced() {
        for (split, at_least) in [(Split::Train, 2_000), (Split::Test, 1_000)] {
            let set = load(split).unwrap();
            assert!(set.len() >= at_least && (set.height, set.width, set.channels) == (28, 28, 1));
            let labels = set.labels.unwrap();
            for digit in 0..10u8 {
                let count = labels.iter().filter(|label| **label == digit).count();
                assert_eq!(count, labels.len() / 10, "digit {digit}");
            }
        }
    }
}
