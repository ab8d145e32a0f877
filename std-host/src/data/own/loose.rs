//! Images that belong to no data set and are only encoded: a picture, a folder of pictures, or an array.

use std::path::Path;

use wta_core::Size;

use super::keys::ArrayFiles;
use super::paths::Paths;
use super::{arrays, folder};
use crate::data::dataset::{Dataset, Split};
use crate::error::{Error, Result, Setting};
use crate::extent::Extent;
use crate::observer::Observer;

/// Loads a picture, all pictures of a folder in the order of their paths, or an array
/// (`.npy`, safetensors with one tensor). `channels` are those of the network, if they are known. Pictures
/// are resized to just cover `size`, and cropped to their centre; without `size` they stay as they are.
///
/// # Errors
///
/// One sentence that names the file: it is missing, damaged, has other channels, or the pictures are of
/// several sizes.
pub fn load_files(
    path: &Path,
    channels: Option<usize>,
    size: Option<Size>,
    observer: &dyn Observer,
) -> Result<Dataset> {
    if !path.exists() {
        return Err(Error::file(path, "is not there; give a picture, a folder of pictures, or an array"));
    }
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    if path.is_file() && ["npy", "safetensors"].contains(&ending.as_str()) {
        return array_of(path, channels, size);
    }
    let colour = match channels {
        Some(1) => false,
        Some(3) => true,
        _ => {
            return Err(Error::file(path, "has pictures, but the network learnt from arrays; give an array"));
        }
    };
    folder::pictures_of(path, colour, size.map(Extent::from), observer)
}

/// The images of an array.
pub(in crate::data) fn array(path: &Path) -> Result<Dataset> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let keys = ArrayFiles::new(Paths::One(name));
    arrays::load(path.parent().unwrap_or(Path::new("")), &keys, Split::Train, &())
}

/// The images of an array for a network that takes `channels` channels.
fn array_of(path: &Path, channels: Option<usize>, size: Option<Size>) -> Result<Dataset> {
    if size.is_some() {
        return Err(Error::setting(
            Setting::Size,
            format!(
                "is for pictures, but {} is an array, which is not resized; leave it out",
                path.display()
            ),
        ));
    }
    let set = array(path)?;
    match channels {
        Some(channels) if channels != set.channels => Err(Error::file(
            path,
            format!("has images of {} channels, but the network takes {channels}", set.channels),
        )),
        _ => Ok(set),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/images").join(name)
    }

    fn sentence(path: &Path, channels: Option<usize>, size: Option<Size>) -> String {
        load_files(path, channels, size, &()).unwrap_err().to_string()
    }

    #[test]
    fn pictures_keep_their_size_unless_told() {
        let whole = load_files(&fixture("colour.png"), Some(3), None, &()).unwrap();
        let grey = load_files(&fixture("colour.png"), Some(1), None, &()).unwrap();
        assert_eq!((whole.len(), whole.channels, grey.channels, grey.labels.is_none()), (1, 3, 1, true));
        assert_eq!((whole.height, whole.width), (grey.height, grey.width));
        assert_ne!(whole.height, whole.width, "or rows and columns could be exchanged");
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("train")).unwrap();
        fs::copy(fixture("colour.png"), folder.path().join("train/b.png")).unwrap();
        fs::copy(fixture("colour.png"), folder.path().join("a.png")).unwrap();
        assert_eq!(load_files(folder.path(), Some(3), None, &()).unwrap().len(), 2, "also below the folder");
        fs::copy(fixture("grey.jpg"), folder.path().join("c.jpg")).unwrap();
        let told = sentence(folder.path(), Some(3), None);
        assert!(
            told.contains("c.jpg") && told.contains("a.png") && told.contains("size is needed"),
            "{told}"
        );
        let cut = load_files(folder.path(), Some(3), Some(Size::new(9, 7)), &()).unwrap();
        assert_eq!((cut.len(), cut.height, cut.width), (3, 9, 7));
    }

    #[test]
    fn an_array_must_have_the_channels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4, 5), }";
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(118u16.to_le_bytes());
        bytes.extend(format!("{header:<117}\n").bytes());
        bytes.extend(0..120u8);
        fs::write(&path, bytes).unwrap();
        let set = load_files(&path, Some(3), None, &()).unwrap();
        assert_eq!((set.len(), set.channels, set.height, set.width), (2, 3, 4, 5));
        assert!(sentence(&path, Some(1), None).contains("3 channels, but the network takes 1"));
        assert!(sentence(&path, Some(3), Some(Size::square(8))).contains("not resized; leave it out"));
    }

    #[test]
    fn what_is_no_picture_is_told_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("x.png");
        assert!(sentence(&empty, Some(3), None).contains("is not there"));
        assert!(sentence(folder.path(), Some(3), None).contains("has no pictures"));
        fs::write(&empty, b"").unwrap();
        assert!(sentence(&empty, Some(3), None).contains("is empty"));
        assert!(sentence(folder.path(), None, None).contains("give an array"));
        let absurd = Some(Size::new(1, 1 << 20));
        assert!(sentence(&fixture("colour.png"), Some(3), absurd).contains("size must lie between"));
    }
}
