//! MNIST in its published form: four IDX files, plain or gzip.

use std::path::{Path, PathBuf};

use super::idx;
use crate::data::classes::Classes;
use crate::data::dataset::{Dataset, Split};
use crate::data::form::Form;
use crate::data::source::Source;
use crate::error::{Error, Result};

/// The folder that usually holds the files.
pub(in crate::data) const FOLDER: &str = "mnist";

/// The files' names, without `.gz`.
pub(in crate::data) const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// One class per digit.
const CLASSES: usize = 10;

/// Loads a split from `folder/mnist`, or from `folder` itself when that holds the files.
pub(in crate::data) fn load(folder: &Path, split: Split) -> Result<Dataset> {
    if !folder.is_dir() {
        return Err(Error::file(folder, "is not a folder; give the one that holds mnist/"));
    }
    let home = home(folder);
    let [train_images, train_labels, test_images, test_labels] = NAMES;
    let (images, labels) = match split {
        Split::Train => (train_images, train_labels),
        Split::Test => (test_images, test_labels),
    };
    let found = |name: &str| {
        find(&home, name).ok_or_else(|| {
            Error::file(
                home.join(name),
                "is not there, nor is it with .gz; put the four MNIST files into that folder",
            )
        })
    };
    // Looks for both files before it reads the first, so that a missing one is reported at once.
    let (images, labels) = (found(images)?, found(labels)?);
    read(Source::open(&images)?, Source::open(&labels)?)
}

/// Reads the images and their labels.
pub(in crate::data) fn read(images: Source<'_>, labels: Source<'_>) -> Result<Dataset> {
    let labels_file = labels.name().to_path_buf();
    let images_file = images.name().to_path_buf();
    // The labels are read first: they are small, so their faults are found soon.
    let labels = idx::labels(labels)?;
    let images = idx::images(images)?;
    if labels.len() != images.count {
        return Err(Error::file(
            labels_file,
            format!(
                "has {} labels, but {} has {} images; get both files again",
                labels.len(),
                images_file.display(),
                images.count
            ),
        ));
    }
    let (height, width) = (images.height, images.width);
    Dataset {
        channels: 1,
        height,
        width,
        form: Form::Image,
        values: images.pixels.into(),
        labels: Some(labels.into_iter().map(u16::from).collect()),
        classes: Classes::numbered(CLASSES),
    }
    .checked(&labels_file)
}

/// Where the files are: in `folder/mnist`, or in `folder` itself if only that holds any.
pub(in crate::data) fn home(folder: &Path) -> PathBuf {
    let usual = folder.join(FOLDER);
    let holds = |folder: &Path| NAMES.iter().any(|name| find(folder, name).is_some());
    if !holds(&usual) && holds(folder) { folder.to_path_buf() } else { usual }
}

/// The file `name` in `home`, or else `name.gz`.
pub(in crate::data) fn find(home: &Path, name: &str) -> Option<PathBuf> {
    [home.join(name), home.join(format!("{name}.gz"))].into_iter().find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::data::source::tests::gzip;

    /// Two images of one pixel.
    const IMAGES: [u8; 18] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6];

    const LABELS: [u8; 10] = [0, 0, 8, 1, 0, 0, 0, 2, 3, 9];

    fn folder(files: &[(&str, &[u8])]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("mnist")).unwrap();
        files.iter().for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes).unwrap());
        folder
    }

    fn sentence(folder: &Path, split: Split) -> String {
        let sentence = load(folder, split).unwrap_err().to_string();
        assert!(!sentence.contains('\n'), "{sentence}");
        sentence
    }

    #[test]
    fn images_and_labels_are_joined() {
        let folder = folder(&[
            ("mnist/t10k-images-idx3-ubyte", &IMAGES),
            ("mnist/t10k-labels-idx1-ubyte.gz", &gzip(&LABELS)),
        ]);
        let set = load(folder.path(), Split::Test).unwrap();
        assert_eq!((set.values.bytes(), set.labels.as_deref()), (Some(&[5, 6][..]), Some(&[3, 9][..])));
        assert_eq!(load(&folder.path().join("mnist"), Split::Test).unwrap().len(), 2, "the folder itself");
        let missing = sentence(folder.path(), Split::Train);
        assert!(missing.contains("mnist/train-images-idx3-ubyte: is not there"), "{missing}");
    }

    #[test]
    fn a_name_may_lie_about_compression() {
        let folder = folder(&[
            ("mnist/train-images-idx3-ubyte", &gzip(&IMAGES)),
            ("mnist/train-labels-idx1-ubyte.gz", &LABELS),
        ]);
        assert_eq!(load(folder.path(), Split::Train).unwrap().len(), 2);
    }

    #[test]
    fn labels_must_fit_the_images_and_the_classes() {
        let with = |labels: &[u8]| {
            let files =
                [("mnist/t10k-images-idx3-ubyte", &IMAGES[..]), ("mnist/t10k-labels-idx1-ubyte", labels)];
            sentence(folder(&files).path(), Split::Test)
        };
        let fewer = with(&[0, 0, 8, 1, 0, 0, 0, 1, 3]);
        assert!(
            fewer.contains("labels-idx1-ubyte: has 1 labels, but ") && fewer.contains("has 2 images"),
            "{fewer}"
        );
        let twelve = with(&[0, 0, 8, 1, 0, 0, 0, 2, 3, 12]);
        assert!(twelve.contains("labels-idx1-ubyte: the label at index 1 is 12"), "{twelve}");
        assert!(with(&[0, 0, 8, 1, 0, 0, 0, 2, 3, 10]).contains("is 10"));
        assert!(with(&LABELS[..9]).contains("is cut off"));
    }

    #[test]
    fn missing_folders_and_files_are_named() {
        assert!(sentence(Path::new("/no/such/folder"), Split::Train).contains("is not a folder"));
        let empty = folder(&[]);
        assert!(sentence(empty.path(), Split::Test).contains("mnist/t10k-images-idx3-ubyte: is not there"));
        fs::create_dir(empty.path().join("mnist/t10k-images-idx3-ubyte")).unwrap();
        fs::write(empty.path().join("mnist/t10k-labels-idx1-ubyte"), LABELS).unwrap();
        assert!(sentence(empty.path(), Split::Test).contains("is not a file"));
    }
}
