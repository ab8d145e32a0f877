//! SVHN's cropped digits: MATLAB files, each with an array `X` of 32 x 32 x 3 x N bytes and an array `y` of N
//! labels, where 10 stands for the digit 0.
//!
//! The order of the elements is row, column, channel, image, so images lie one after the other. They are read
//! one by one; pixels that do not fit into memory go to a temporary file ([`super::pixels`]). The 531,131
//! images of the extra set are decompressed in every run, which takes seconds, and are not cached on the
//! disk.

use std::path::{Path, PathBuf};

use super::matlab::{self, Array};
use crate::data::classes::Classes;
use crate::data::collector::Collector;
use crate::data::dataset::{Dataset, Split};
use crate::data::form::Form;
use crate::data::source::Source;
use crate::error::{Error, Result};
use crate::memory::reserve;

/// The folder that usually holds the files.
pub(in crate::data) const FOLDER: &str = "svhn";

/// The files' names: training, test, extra.
pub(in crate::data) const NAMES: [&str; 3] = ["train_32x32.mat", "test_32x32.mat", "extra_32x32.mat"];

const SIDE: usize = 32;
const CHANNELS: usize = 3;
const IMAGE: usize = SIDE * SIDE * CHANNELS;
const CLASSES: usize = 10;

/// Loads a split from `folder/svhn`, or from `folder` itself if that holds the files. With `extra`, the
/// training images are those of two files.
pub(in crate::data) fn load(folder: &Path, split: Split, extra: bool) -> Result<Dataset> {
    if !folder.is_dir() {
        return Err(Error::file(folder, format!("is not a folder; give the one that holds {FOLDER}/")));
    }
    let home = home(folder);
    let [train, test, more] = NAMES;
    let names = match (split, extra) {
        (Split::Train, false) => vec![train],
        (Split::Train, true) => vec![train, more],
        (Split::Test, _) => vec![test],
    };
    let files: Vec<PathBuf> = names.into_iter().map(|name| home.join(name)).collect();
    if let Some(missing) = files.iter().find(|file| !file.exists()) {
        return Err(Error::file(
            missing,
            "is not there; put SVHN's files of cropped digits into that folder",
        ));
    }
    let (mut pixels, mut labels) = (Collector::bytes(&home), Vec::new());
    for file in &files {
        read(Source::open(file)?, &mut |image| pixels.push_bytes(image), &mut labels)?;
    }
    Ok(Dataset {
        channels: CHANNELS,
        height: SIDE,
        width: SIDE,
        form: Form::Image,
        values: pixels.finish()?,
        labels: Some(labels),
        classes: Classes::numbered(CLASSES),
    })
}

/// Calls `each` with the pixels of each image of a file, the channels side by side, and adds its labels.
pub(super) fn read(
    source: Source<'_>,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
    labels: &mut Vec<u16>,
) -> Result<()> {
    let file = source.name().to_path_buf();
    let (mut images, mut found) = (None, None);
    matlab::read(source, |array| {
        match array.name.as_str() {
            "X" if images.is_none() => images = Some(read_images(array, each, &file)?),
            "y" if found.is_none() => found = Some(read_labels(array, &file)?),
            _ => {}
        }
        Ok(())
    })?;
    let (Some(images), Some(found)) = (images, found) else {
        let missing = if images.is_none() { "X of images" } else { "y of labels" };
        return Err(Error::file(file, format!("has no array {missing}; get the file again")));
    };
    if found.len() != images {
        let problem = format!("has {} labels for {images} images; get the file again", found.len());
        return Err(Error::file(file, problem));
    }
    labels.extend(found);
    Ok(())
}

/// Reads the images and returns their number.
fn read_images(
    array: &mut Array<'_>,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
    file: &Path,
) -> Result<usize> {
    let count = match array.dimensions[..] {
        [SIDE, SIDE, CHANNELS] if array.is_bytes => 1,
        [SIDE, SIDE, CHANNELS, count] if array.is_bytes && count > 0 => count,
        _ => {
            let shape = array.dimensions.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
            let kind = if array.is_bytes { "bytes" } else { "numbers other than uint8" };
            return Err(Error::file(
                file,
                format!("has an array X of {shape} {kind}, not of 32 x 32 x 3 x N bytes; get the file again"),
            ));
        }
    };
    let (mut stored, mut image) = ([0; IMAGE], [0; IMAGE]);
    for _ in 0..count {
        array.fill(&mut stored)?;
        // From [channel][column][row] to [row][column][channel].
        for (to, position) in image.iter_mut().zip(0..) {
            let (row, column, channel) =
                (position / (SIDE * CHANNELS), position / CHANNELS % SIDE, position % CHANNELS);
            *to = stored.get((channel * SIDE + column) * SIDE + row).copied().unwrap_or(0);
        }
        each(&image)?;
    }
    Ok(count)
}

fn read_labels(array: &mut Array<'_>, file: &Path) -> Result<Vec<u16>> {
    let mut labels: Vec<u16> = Vec::new();
    array.numbers(|number| {
        let label = match number {
            10.0 => 0,
            1.0..10.0 if number.fract() == 0.0 => number as u16,
            _ => {
                let index = labels.len();
                let problem = format!(
                    "the label at index {index} is {number}, but labels go from 1 to 10; get the file again"
                );
                return Err(Error::file(file, problem));
            }
        };
        reserve::grow(&mut labels, 1, || format!("{}: its labels", file.display()))?;
        labels.push(label);
        Ok(())
    })?;
    Ok(labels)
}

/// Where the files are: in `folder/svhn`, or in `folder` itself if only that holds any.
pub(in crate::data) fn home(folder: &Path) -> PathBuf {
    let usual = folder.join(FOLDER);
    let holds = |folder: &Path| NAMES.iter().any(|name| folder.join(name).exists());
    if !holds(&usual) && holds(folder) { folder.to_path_buf() } else { usual }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::element::Element;
    use crate::data::values::Values;

    /// Files by SciPy (`fixtures/make_images.py`): two images, labels 10 and 9.
    const FILES: [(&str, &[u8]); 3] = [
        ("plain", include_bytes!("../../../../fixtures/images/svhn_plain.mat")),
        ("compressed", include_bytes!("../../../../fixtures/images/svhn_compressed.mat")),
        ("big-endian", include_bytes!("../../../../fixtures/images/svhn_big_endian.mat")),
    ];

    /// The pixel that the script puts at this row, column and channel of an image.
    fn pixel(image: usize, row: usize, column: usize, channel: usize) -> u8 {
        ((image * 50 + row * 3 + column / 8 * 7 + channel * 80) % 256) as u8
    }

    fn parse(bytes: &[u8]) -> Result<(Values, Vec<u16>)> {
        let folder = std::env::temp_dir();
        let (mut pixels, mut labels) = (Collector::new(Element::U8, &folder, 4_000), Vec::new());
        let source = Source::bytes(bytes, Path::new("some/file"))?;
        read(source, &mut |image| pixels.push_bytes(image), &mut labels)?;
        Ok((pixels.finish()?, labels))
    }

    #[test]
    fn scipys_files_are_read() {
        for (name, file) in FILES {
            let (pixels, labels) = parse(file).unwrap();
            assert_eq!((pixels.len(), &labels[..]), (2 * IMAGE, &[0, 9][..]), "{name}");
            assert!(matches!(pixels, Values::Stored(_)), "larger than the memory allowed");
            let mut numbers = vec![0.0; 2 * IMAGE];
            assert!(pixels.write(0, 1.0, &mut numbers).unwrap());
            for (index, found) in numbers.iter().enumerate() {
                let (image, row, column, channel) =
                    (index / IMAGE, index / 96 % 32, index / 3 % 32, index % 3);
                let expected = pixel(image, row, column, channel);
                assert_eq!(*found, f32::from(expected), "{name}: {image} {row} {column} {channel}");
            }
        }
    }

    #[test]
    fn every_truncation_is_told_in_one_sentence() {
        for (name, file) in FILES {
            // A plain file's last element is short. Of the many cuts within the pixels, a few will do.
            for cut in (0..file.len()).filter(|cut| *cut < 600 || file.len() - cut < 600 || cut % 97 == 0) {
                let sentence = match parse(&file[..cut]) {
                    Ok(_) => panic!("{name} is read when cut at {cut}"),
                    Err(error) => error.to_string(),
                };
                assert!(sentence.starts_with("some/file: ") && !sentence.contains('\n'), "{cut}: {sentence}");
                assert!(sentence.contains("get the file again"), "{name} at {cut}: {sentence}");
            }
        }
    }

    #[test]
    fn changed_bytes_do_not_panic_and_damage_is_seen() {
        for (name, file) in FILES {
            for at in (0..file.len()).filter(|at| *at < 400 || file.len() - at < 400 || at % 131 == 0) {
                for with in [0, 1, 0x7f, 0xff] {
                    let mut bytes = file.to_vec();
                    bytes[at] = with;
                    let _ = parse(&bytes);
                }
            }
            if name == "compressed" {
                let mut bytes = file.to_vec();
                let at = bytes.len() - 1;
                bytes[at] ^= 1;
                assert!(parse(&bytes).err().unwrap().to_string().contains("is damaged"), "the checksum");
            }
        }
    }

    #[test]
    fn wrong_arrays_are_named() {
        let sentence = |bytes: &[u8]| parse(bytes).err().unwrap().to_string();
        let wrong = include_bytes!("../../../../fixtures/images/svhn_wrong_shape.mat");
        assert!(
            sentence(wrong).contains("X of 3 x 32 x 32 x 2 bytes, not of 32 x 32 x 3 x N"),
            "{}",
            sentence(wrong)
        );
        let wrong = include_bytes!("../../../../fixtures/images/svhn_wrong_type.mat");
        assert!(sentence(wrong).contains("numbers other than uint8"), "{}", sentence(wrong));
        let wrong = include_bytes!("../../../../fixtures/images/svhn_wrong_label.mat");
        assert!(sentence(wrong).contains("the label at index 1 is 11, but"), "{}", sentence(wrong));
        let wrong = include_bytes!("../../../../fixtures/images/svhn_wrong_count.mat");
        assert!(sentence(wrong).contains("has 1 labels for 2 images"), "{}", sentence(wrong));
        let wrong = include_bytes!("../../../../fixtures/images/svhn_wrong_complex.mat");
        assert!(sentence(wrong).contains("an array y of complex numbers"), "{}", sentence(wrong));
        assert!(sentence(b"<html>not found</html>").contains("is not a MATLAB 5 file"));
        assert!(sentence(b"MATLAB 7.3 MAT-file, Platform").contains("save it with -v7"));
        assert!(sentence(&FILES[0].1[..128]).contains("has no array X of images"));
    }

    #[test]
    fn an_absurd_promise_allocates_nothing() {
        // The fourth dimension, and the lengths that go with it: they promise 1.6 GB in a file of kilobytes.
        let mut bytes = FILES[0].1[..128].to_vec();
        let len = 3072u32 * 531_131;
        for word in
            [14, len + 64, 6, 8, 9, 0, 5, 16, 32, 32, 3, 531_131, 0x0001_0001, u32::from(b'X'), 2, len]
        {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend([0; 5_000]);
        assert!(parse(&bytes).err().unwrap().to_string().contains("an element is longer than the file"));
    }

    #[test]
    fn splits_are_files() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join(FOLDER);
        fs::create_dir(&home).unwrap();
        fs::write(home.join("train_32x32.mat"), FILES[0].1).unwrap();
        fs::write(home.join("test_32x32.mat"), FILES[2].1).unwrap();
        let sentence = load(folder.path(), Split::Train, true).unwrap_err().to_string();
        assert!(sentence.contains("svhn/extra_32x32.mat: is not there"), "{sentence}");
        fs::write(home.join("extra_32x32.mat"), FILES[1].1).unwrap();
        let count = |folder: &Path, split, extra| load(folder, split, extra).unwrap().len();
        assert_eq!(count(folder.path(), Split::Train, false), 2);
        assert_eq!(count(folder.path(), Split::Train, true), 4);
        assert_eq!(count(&home, Split::Test, true), 2);
    }
}
