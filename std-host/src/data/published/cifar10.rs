//! CIFAR-10 in its binary form: files of records. A record is a label and 32 x 32 pixels, first all red
//! values, then green, then blue.

use std::path::{Path, PathBuf};

use crate::data::classes::Classes;
use crate::data::dataset::{Dataset, Split};
use crate::data::form::Form;
use crate::data::source::Source;
use crate::error::{Error, Result};

/// The folder in the published archive.
pub(in crate::data) const FOLDER: &str = "cifar-10-batches-bin";

/// The folder of the version for Python, which is pickled and not read here.
const PICKLED: &str = "cifar-10-batches-py";

/// The files' names; the last one holds the test images.
pub(in crate::data) const NAMES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// Rows and columns.
const SIDE: usize = 32;

/// Red, green and blue.
const CHANNELS: usize = 3;

/// Bytes of an image.
const IMAGE: usize = SIDE * SIDE * CHANNELS;

/// Bytes of a record.
pub(super) const RECORD: usize = 1 + IMAGE;

/// Aeroplane to lorry.
const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Loads a split from `folder/cifar-10-batches-bin`, or from `folder` itself when that holds the files.
pub(in crate::data) fn load(folder: &Path, split: Split) -> Result<Dataset> {
    if !folder.is_dir() {
        return Err(Error::file(folder, format!("is not a folder; give the one that holds {FOLDER}/")));
    }
    let home = home(folder);
    let [train @ .., test] = &NAMES;
    let names = match split {
        Split::Train => train,
        Split::Test => std::slice::from_ref(test),
    };
    let files: Vec<PathBuf> = names.iter().map(|name| home.join(name)).collect();
    // Looks for all files before it reads the first, so that a missing one is reported at once.
    if let Some(missing) = files.iter().find(|file| !file.exists()) {
        let pickled = folder.join(PICKLED).exists() || folder.join("batches.meta").exists();
        let advice = if pickled {
            "is not there; there are pickles for Python, which are not read: get the binary version, cifar-10-binary.tar.gz"
        } else {
            "is not there; unpack the binary version, cifar-10-binary.tar.gz, into the data folder"
        };
        return Err(Error::file(missing, advice));
    }
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for file in &files {
        read(Source::open(file)?, &mut pixels, &mut labels)?;
    }
    Ok(Dataset {
        channels: CHANNELS,
        height: SIDE,
        width: SIDE,
        form: Form::Image,
        values: pixels.into(),
        labels: Some(labels.into_iter().map(u16::from).collect()),
        classes: Classes::new(CLASSES)?,
    })
}

/// Adds the images and labels of a file, which must have at least one.
fn read(source: Source<'_>, pixels: &mut Vec<u8>, labels: &mut Vec<u8>) -> Result<()> {
    let name = source.name().to_path_buf();
    records(source, |label, image| {
        labels.push(label);
        pixels.try_reserve(IMAGE).map_err(|_| Error::file(&name, "does not fit into memory"))?;
        let (red, rest) = image.split_at(SIDE * SIDE);
        let (green, blue) = rest.split_at(SIDE * SIDE);
        pixels.extend(red.iter().zip(green).zip(blue).flat_map(|((red, green), blue)| [*red, *green, *blue]));
        Ok(())
    })
}

/// Calls `each` with the label and the planes of each image of a file, which must have at least one.
pub(super) fn records(
    mut source: Source<'_>,
    mut each: impl FnMut(u8, &[u8; IMAGE]) -> Result<()>,
) -> Result<()> {
    let name = source.name().to_path_buf();
    let mut record = [0; RECORD];
    let mut index = 0;
    loop {
        let read = source.fill(&mut record)?;
        let problem = match (read, record) {
            (0, _) if index > 0 => return Ok(()),
            (0, _) => "is empty; get the file again".to_owned(),
            (RECORD, [label, image @ ..]) if usize::from(label) < CLASSES.len() => {
                each(label, &image)?;
                index += 1;
                continue;
            }
            (RECORD, [label, ..]) => format!(
                "the label at index {index} is {label}, but labels go from 0 to {}; get the file again",
                CLASSES.len() - 1
            ),
            _ => format!("is cut off inside image {index}; get the file again"),
        };
        return Err(Error::file(&name, problem));
    }
}

/// Where the files are: in `folder/cifar-10-batches-bin`, or in `folder` itself if only that holds any.
pub(in crate::data) fn home(folder: &Path) -> PathBuf {
    let usual = folder.join(FOLDER);
    let holds = |folder: &Path| NAMES.iter().any(|name| folder.join(name).exists());
    if !holds(&usual) && holds(folder) { folder.to_path_buf() } else { usual }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::source::tests::gzip;

    /// A record whose pixel (row, column, channel) is a function of all three and of the label.
    fn record(label: u8) -> Vec<u8> {
        let mut record = vec![label];
        for channel in 0..3 {
            for position in 0..1024u32 {
                record.push((u32::from(label) + 100 * channel + position % 97) as u8);
            }
        }
        record
    }

    fn parse(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        read(Source::bytes(bytes, Path::new("some/file"))?, &mut pixels, &mut labels)?;
        Ok((pixels, labels))
    }

    #[test]
    fn planes_become_channels() {
        let bytes = [record(3), record(9)].concat();
        let (pixels, labels) = parse(&bytes).unwrap();
        assert_eq!((pixels.len(), labels), (2 * IMAGE, vec![3, 9]));
        let position = 5 * 32 + 7;
        let expected = [0, 100, 200].map(|plane| (9 + plane + position % 97) as u8);
        assert_eq!(pixels[IMAGE + 3 * position..][..3], expected);
        assert_eq!(parse(&gzip(&bytes)).unwrap().0, pixels);
    }

    #[test]
    fn every_truncation_and_wrong_label_is_told() {
        let bytes = [record(3), record(9)].concat();
        for cut in (0..bytes.len()).filter(|cut| *cut != RECORD) {
            let sentence = parse(&bytes[..cut]).unwrap_err().to_string();
            let expected = match cut {
                0 => "some/file: is empty",
                1..RECORD => "some/file: is cut off inside image 0",
                _ => "some/file: is cut off inside image 1",
            };
            assert!(sentence.starts_with(expected) && !sentence.contains('\n'), "{cut}: {sentence}");
        }
        let sentence = parse(&[record(3), record(10)].concat()).unwrap_err().to_string();
        assert!(sentence.contains("the label at index 1 is 10, but labels go from 0 to 9"), "{sentence}");
    }

    #[test]
    fn splits_are_files_and_missing_ones_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let sentence = |split| load(folder.path(), split).unwrap_err().to_string();
        assert!(sentence(Split::Test).contains("cifar-10-batches-bin/test_batch.bin: is not there; unpack"));
        fs::create_dir(folder.path().join(PICKLED)).unwrap();
        assert!(
            sentence(Split::Test).contains("pickles for Python, which are not read: get the binary version")
        );
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        for (label, name) in NAMES.iter().enumerate() {
            fs::write(folder.path().join(FOLDER).join(name), record(label as u8)).unwrap();
        }
        let (train, test) =
            (load(folder.path(), Split::Train).unwrap(), load(folder.path(), Split::Test).unwrap());
        assert_eq!((train.len(), train.labels.as_deref()), (5, Some(&[0, 1, 2, 3, 4][..])));
        assert_eq!((test.len(), test.labels.as_deref()), (1, Some(&[5][..])));
        assert_eq!(load(&folder.path().join(FOLDER), Split::Test).unwrap().len(), 1, "the folder itself");
        fs::remove_file(folder.path().join(FOLDER).join("data_batch_4.bin")).unwrap();
        assert!(sentence(Split::Train).contains("data_batch_4.bin: is not there"));
        assert!(load(Path::new("/no/such/folder"), Split::Test).is_err());
    }
}
