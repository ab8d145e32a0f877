//! MNIST in its published form: four IDX files, plain or gzip.

use std::path::{Path, PathBuf};

use super::{Dataset, Split, idx};
use crate::error::{Error, Result};

/// Digits.
pub(super) const CLASSES: usize = 10;

/// The files' names, without `.gz`.
pub(super) const fn names(split: Split) -> (&'static str, &'static str) {
    match split {
        Split::Train => ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        Split::Test => ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    }
}

/// Loads a split from `folder/mnist`, or from `folder` itself when the files are there.
pub(super) fn load(folder: &Path, split: Split) -> Result<Dataset> {
    let (images, labels) = names(split);
    let images = idx::read_images(&find(folder, images)?)?;
    let labels_path = find(folder, labels)?;
    let labels = idx::read_labels(&labels_path)?;
    Dataset::labelled(images, labels, CLASSES, &labels_path)
}

/// A file, plain or compressed, in `folder/mnist` or `folder`.
fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    if !folder.is_dir() {
        return Err(Error::file(folder, "is not a folder; give --data the folder that holds mnist/"));
    }
    candidates(folder, name).find(|path| path.exists()).ok_or_else(|| {
        Error::file(
            folder.join("mnist"),
            format!("has no {name} (or {name}.gz); put the four MNIST files there"),
        )
    })
}

/// Where a file may be.
pub(super) fn candidates(folder: &Path, name: &str) -> impl Iterator<Item = PathBuf> {
    let compressed = format!("{name}.gz");
    let folders = [folder.join("mnist"), folder.to_path_buf()];
    let name = name.to_owned();
    folders.into_iter().flat_map(move |folder| [folder.join(&name), folder.join(&compressed)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(images: &[u8], labels: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("mnist")).unwrap();
        let (images_name, labels_name) = names(Split::Test);
        std::fs::write(folder.path().join("mnist").join(images_name), images).unwrap();
        std::fs::write(folder.path().join("mnist").join(labels_name), labels).unwrap();
        folder
    }

    const IMAGES: [u8; 18] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6];

    #[test]
    fn images_and_labels_are_joined() {
        let folder = folder(&IMAGES, &[0, 0, 8, 1, 0, 0, 0, 2, 3, 9]);
        let set = load(folder.path(), Split::Test).unwrap();
        assert_eq!((set.len(), set.image(1), set.labels.as_deref()), (2, Some(&[6][..]), Some(&[3, 9][..])));
        assert_eq!(set.image(2), None);
        assert_eq!(load(&folder.path().join("mnist"), Split::Test).unwrap(), set, "the folder itself");
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let sentence =
            |labels: &[u8]| load(folder(&IMAGES, labels).path(), Split::Test).unwrap_err().to_string();
        assert!(sentence(&[0, 0, 8, 1, 0, 0, 0, 1, 3]).contains("1 labels for 2 images"));
        assert!(sentence(&[0, 0, 8, 1, 0, 0, 0, 2, 3, 12]).contains("label 1 is 12"));
        let missing = load(Path::new("/nowhere"), Split::Train).unwrap_err().to_string();
        assert!(missing.contains("is not a folder"), "{missing}");
        let empty = tempfile::tempdir().unwrap();
        assert!(load(empty.path(), Split::Train).unwrap_err().to_string().contains("has no train-images"));
    }
}
