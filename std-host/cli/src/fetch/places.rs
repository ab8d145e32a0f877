//! Where data sets are published.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

/// A data set that can be downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Set {
    /// Handwritten digits, 12 MB.
    Mnist,
    /// Small photographs, 170 MB.
    Cifar10,
    /// House numbers, 1.6 GB.
    Svhn,
}

/// A file of a data set.
pub(super) struct Published {
    /// Its name there and here.
    pub(super) name: &'static str,
    /// The folder that it is in, as an address.
    pub(super) base: &'static str,
    /// What the inventory calls it.
    pub(super) checked_as: &'static str,
}

/// PyTorch's copy of Yann LeCun's files, which his own server gives no more.
const LECUN: &str = "https://ossci-datasets.s3.amazonaws.com/mnist";
const TORONTO: &str = "https://www.cs.toronto.edu/~kriz";
const STANFORD: &str = "http://ufldl.stanford.edu/housenumbers";

const MNIST: [Published; 4] = [
    Published { name: "train-images-idx3-ubyte.gz", base: LECUN, checked_as: "train-images-idx3-ubyte" },
    Published { name: "train-labels-idx1-ubyte.gz", base: LECUN, checked_as: "train-labels-idx1-ubyte" },
    Published { name: "t10k-images-idx3-ubyte.gz", base: LECUN, checked_as: "t10k-images-idx3-ubyte" },
    Published { name: "t10k-labels-idx1-ubyte.gz", base: LECUN, checked_as: "t10k-labels-idx1-ubyte" },
];

const CIFAR_10: [Published; 1] =
    [Published { name: "cifar-10-binary.tar.gz", base: TORONTO, checked_as: "cifar-10-binary.tar.gz" }];

const SVHN: [Published; 3] = [
    Published { name: "train_32x32.mat", base: STANFORD, checked_as: "train_32x32.mat" },
    Published { name: "test_32x32.mat", base: STANFORD, checked_as: "test_32x32.mat" },
    Published { name: "extra_32x32.mat", base: STANFORD, checked_as: "extra_32x32.mat" },
];

impl Set {
    pub(super) const fn files(self) -> &'static [Published] {
        match self {
            Self::Mnist => &MNIST,
            Self::Cifar10 => &CIFAR_10,
            Self::Svhn => &SVHN,
        }
    }

    /// Where recipes look for it.
    pub(super) fn home(self, folder: &Path) -> PathBuf {
        match self {
            Self::Mnist => folder.join("mnist"),
            Self::Cifar10 => folder.to_path_buf(),
            Self::Svhn => folder.join("svhn"),
        }
    }
}

#[cfg(test)]
mod tests {
    use wta::data::inventory::state_of;

    use super::*;

    #[test]
    fn every_file_has_a_published_checksum() {
        for set in [Set::Mnist, Set::Cifar10, Set::Svhn] {
            for file in set.files() {
                assert!(state_of(Path::new("/nowhere"), file.checked_as).is_some(), "{}", file.name);
                assert!(file.name.starts_with(file.checked_as));
            }
        }
    }
}
