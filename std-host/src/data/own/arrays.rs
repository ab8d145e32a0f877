//! The user's own numbers as a data set: `.npy` and safetensors arrays of images (N x channels x rows x
//! columns) or of vectors (N x D, which become images of one row). Labels are in a second array.
//!
//! This module parses the headers itself: there is little in them, and the length that a header promises is
//! compared with the file's before anything is allocated. Data in C order are read image by image, data in
//! Fortran order as a whole.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use wta_core::Shape;

use super::header::{Header, Type};
use super::keys::ArrayFiles;
use super::npy::npy;
use super::safetensors::{safetensors, tensors};
use crate::data::dataset::{Dataset, Split};
use crate::data::pixels::Collector;
use crate::error::{Error, Result};
use crate::layout::interleaved;

/// An array whose numbers have not been read yet.
struct Array {
    header: Header,
    reader: BufReader<File>,
    path: PathBuf,
}

/// Loads a split.
pub(in crate::data) fn load(folder: &Path, arrays: &ArrayFiles, split: Split) -> Result<Dataset> {
    let at = |name: &Option<String>| name.as_ref().map(|name| folder.join(name));
    let labels_files = [at(&arrays.train_labels), at(&arrays.test_labels)];
    let [train_labels, test_labels] = &labels_files;
    let (images, labels) = match (split, &arrays.test) {
        (Split::Train, _) => (folder.join(&arrays.train), train_labels),
        (Split::Test, Some(test)) => (folder.join(test), test_labels),
        (Split::Test, None) => {
            return Err(Error::Invalid(
                "the recipe's [data] names no array of test images; add test = FILE".to_owned(),
            ));
        }
    };
    // The number of classes is that of both splits together.
    let all: Vec<Option<Vec<u8>>> = labels_files
        .iter()
        .map(|file| file.as_ref().map(|file| read_labels(file, arrays.label_tensor.as_deref())).transpose())
        .collect::<Result<_>>()?;
    let classes = all.iter().flatten().flatten().max().map_or(0, |label| usize::from(*label) + 1);
    let found = all.into_iter().nth(usize::from(split == Split::Test)).flatten();
    let dataset = read_images(&images, arrays.tensor.as_deref(), found, classes)?;
    match (&dataset.labels, labels) {
        (Some(found), Some(file)) if found.len() != dataset.len() => {
            let problem = format!(
                "has {} labels, but {} has {} images; give the labels of these images",
                found.len(),
                images.display(),
                dataset.len()
            );
            Err(Error::file(file, problem))
        }
        _ => Ok(dataset),
    }
}

/// The shapes in a file, for people.
pub(in crate::data) fn describe(path: &Path) -> Result<String> {
    if is_npy(path) {
        return Ok(Array::open(path, None)?.shape());
    }
    let (mut reader, stored) = open(path)?;
    let (tensors, _) = tensors(&mut reader, stored).map_err(|problem| Error::file(path, problem))?;
    let shapes = tensors.iter().map(|(name, tensor)| format!("{name}: {}", by(&tensor.shape)));
    Ok(shapes.collect::<Vec<_>>().join(", "))
}

/// `2 x 3 x 4`
fn by(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

fn is_npy(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npy")
}

/// Opens a file, which must not be empty, and returns its length in bytes.
fn open(path: &Path) -> Result<(BufReader<File>, u64)> {
    let metadata = fs::metadata(path).map_err(|error| Error::io("read", path, error))?;
    if !metadata.is_file() {
        return Err(Error::file(path, "is not a file; give a .npy or .safetensors file"));
    }
    if metadata.len() == 0 {
        return Err(Error::file(path, "is empty; write it again"));
    }
    let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
    Ok((BufReader::with_capacity(1 << 16, file), metadata.len()))
}

fn read_images(
    path: &Path,
    tensor: Option<&str>,
    labels: Option<Vec<u8>>,
    classes: usize,
) -> Result<Dataset> {
    let mut array = Array::open(path, tensor)?;
    let (channels, height, width) = match array.header.shape[..] {
        [_, channels, height, width] => (channels, height, width),
        [_, width] => (1, 1, width),
        _ => {
            let problem = format!(
                "is an array of {}, but images are N x channels x rows x columns or N x D; reshape it",
                array.shape()
            );
            return Err(Error::file(path, problem));
        }
    };
    let bytes = array.header.kind == Type::Unsigned(1);
    if !bytes && !matches!(array.header.kind, Type::Float(_)) {
        return Err(Error::file(
            path,
            "holds integers, but images are float32, float64 or uint8; convert it",
        ));
    }
    if array.header.shape.contains(&0) {
        return Err(Error::file(path, format!("holds no images: it is an array of {}", array.shape())));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut pixels = if bytes { Collector::bytes(folder) } else { Collector::floats(folder) };
    let shape = Shape::new(channels, height, width);
    array.each(|index, numbers| {
        let numbers: Vec<f32> = numbers.iter().map(|number| *number as f32).collect();
        if let Some(element) = numbers.iter().position(|number| !number.is_finite()) {
            let problem =
                format!("element {element} of image {index} is not a finite number; clean the data");
            return Err(Error::file(path, problem));
        }
        let image = interleaved(shape, &numbers);
        if bytes {
            pixels.push_bytes(&image.map(|number| number as u8).collect::<Vec<_>>())
        } else {
            pixels.push_floats(&image.collect::<Vec<_>>())
        }
    })?;
    Ok(Dataset { channels, height, width, pixels: pixels.finish()?, labels, classes })
}

fn read_labels(path: &Path, tensor: Option<&str>) -> Result<Vec<u8>> {
    let mut array = Array::open(path, tensor)?;
    if !matches!(array.header.shape[..], [_] | [_, 1]) {
        let problem =
            format!("is an array of {}, but labels are N numbers; give the file of labels", array.shape());
        return Err(Error::file(path, problem));
    }
    let mut labels = Vec::new();
    array.each(|index, numbers| {
        let number = numbers.first().copied().unwrap_or(f64::NAN);
        if !(0.0..=255.0).contains(&number) || number.fract() != 0.0 {
            let problem =
                format!("the label at index {index} is {number}, but labels are whole numbers from 0 to 255");
            return Err(Error::file(path, problem));
        }
        labels.push(number as u8);
        Ok(())
    })?;
    Ok(labels)
}

impl Array {
    fn open(path: &Path, tensor: Option<&str>) -> Result<Self> {
        let (mut reader, stored) = open(path)?;
        let refuse = |problem: String| Error::file(path, problem);
        let header = if is_npy(path) {
            npy(&mut reader, stored).map_err(refuse)?
        } else {
            safetensors(&mut reader, stored, tensor).map_err(refuse)?
        };
        let skipped = std::io::copy(&mut reader.by_ref().take(header.start), &mut std::io::sink());
        skipped.map_err(|error| Error::io("read", path, error))?;
        Ok(Self { header, reader, path: path.to_path_buf() })
    }

    fn shape(&self) -> String {
        by(&self.header.shape)
    }

    /// Calls `visit` with the numbers of each entry along the first dimension. They are in C order.
    fn each(&mut self, mut visit: impl FnMut(usize, &[f64]) -> Result<()>) -> Result<()> {
        let Header { kind, big_endian, fortran, .. } = self.header;
        let (size, count) = (kind.bytes(), self.header.shape.first().copied().unwrap_or(0));
        let rest: Vec<usize> = self.header.shape.iter().skip(1).copied().collect();
        let len: usize = rest.iter().product();
        let number = |bytes: &[u8]| {
            let mut wide = [0; 8];
            wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            if big_endian && let Some(wide) = wide.get_mut(..size) {
                wide.reverse();
            }
            kind.number(wide)
        };
        let failed = |error| Error::io("read", &self.path, error);
        let mut numbers = vec![0.0; len];
        if !fortran {
            let mut bytes = vec![0; len * size];
            for index in 0..count {
                self.reader.read_exact(&mut bytes).map_err(failed)?;
                numbers.iter_mut().zip(bytes.chunks_exact(size)).for_each(|(to, from)| *to = number(from));
                visit(index, &numbers)?;
            }
            return Ok(());
        }
        let mut bytes = Vec::new();
        let whole = count * len * size;
        if bytes.try_reserve_exact(whole).is_err() {
            return Err(Error::file(
                &self.path,
                "is in Fortran order and does not fit into memory; save it in C order",
            ));
        }
        bytes.resize(whole, 0);
        self.reader.read_exact(&mut bytes).map_err(failed)?;
        for index in 0..count {
            for (element, to) in numbers.iter_mut().enumerate() {
                // The last dimension varies fastest in `element`, and slowest in the file.
                let (mut left, mut place) = (element, 0);
                let mut stride = count * len;
                for size in rest.iter().rev() {
                    stride /= size;
                    place += left % size * stride;
                    left /= size;
                }
                let start = (place + index) * size;
                *to = number(bytes.get(start..start + size).unwrap_or_default());
            }
            visit(index, &numbers)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/images").join(name)
    }

    fn read(path: &Path, tensor: Option<&str>) -> Result<(Dataset, Vec<f32>)> {
        let set = read_images(path, tensor, None, 0)?;
        let mut numbers = vec![0.0; set.len() * set.image_len()];
        for (index, to) in numbers.chunks_exact_mut(set.image_len()).enumerate() {
            set.write(index, 1.0, to)?;
        }
        Ok((set, numbers))
    }

    #[track_caller]
    fn refused<T>(result: Result<T>, expected: &str) {
        let sentence = result.err().unwrap().to_string();
        assert!(sentence.contains(expected) && !sentence.contains('\n'), "{sentence} / {expected}");
    }

    #[test]
    fn orders_types_and_byte_orders_give_the_same_images() {
        let files = [
            ("nchw_f4.npy", None),
            ("nchw_f8_big_endian.npy", None),
            ("nchw_f4_fortran.npy", None),
            ("images.safetensors", Some("images")),
            ("one.safetensors", None),
        ];
        for (file, tensor) in files {
            let (set, numbers) = read(&fixture(file), tensor).unwrap();
            assert_eq!((set.len(), set.channels, set.height, set.width), (3, 2, 4, 5), "{file}");
            for (index, number) in numbers.iter().enumerate() {
                let (n, y, x, c) = (index / 40, index / 10 % 4, index / 2 % 5, index % 2);
                assert_eq!(*number, (n * 1000 + c * 100 + y * 10 + x) as f32 + 0.5, "{file} at {index}");
            }
        }
    }

    #[test]
    fn bytes_stay_bytes_and_vectors_are_rows() {
        let (set, numbers) = read(&fixture("nchw_u1.npy"), None).unwrap();
        assert!(set.pixels.bytes().is_some());
        assert_eq!(&numbers[..4], [0.0, 50.0, 1.0, 51.0]);
        let (set, numbers) = read(&fixture("nd_f4.npy"), None).unwrap();
        assert_eq!((set.len(), set.channels, set.height, set.width), (3, 1, 1, 4));
        assert_eq!(&numbers[..5], [0.5, 10.5, 20.5, 30.5, 1000.5]);
    }

    #[test]
    fn what_is_no_array_of_images_is_told() {
        for (file, expected) in [
            ("three_dimensions.npy", "is an array of 3 x 4 x 5, but images are N x channels"),
            ("half.npy", "NumPy's type <f2"),
            ("complex.npy", "NumPy's type <c8"),
            ("object.npy", "NumPy's type |O"),
            ("record.npy", "records of several fields"),
            ("labels_big_endian.npy", "holds integers"),
            ("nan_f4.npy", "element 28 of image 1 is not a finite number"),
            ("grey.png", "neither a .npy nor a whole .safetensors"),
            ("images.safetensors", "has the tensors images, labels; say which"),
            ("nothing.npy", "cannot read"),
        ] {
            refused(read(&fixture(file), None), expected);
        }
        refused(
            read(&fixture("images.safetensors"), Some("image")),
            "has no tensor image, only images, labels",
        );
    }

    #[test]
    fn labels_are_whole_numbers_and_as_many_as_images() {
        for file in ["labels_i8.npy", "labels_big_endian.npy"] {
            assert_eq!(read_labels(&fixture(file), None).unwrap(), [2, 0, 1]);
        }
        assert_eq!(read_labels(&fixture("images.safetensors"), Some("labels")).unwrap(), [2, 0, 1]);
        refused(read_labels(&fixture("labels_negative.npy"), None), "the label at index 1 is -1");
        refused(read_labels(&fixture("nd_f4.npy"), None), "is an array of 3 x 4, but labels are N numbers");
        let arrays = |labels: &str| ArrayFiles {
            train: "nchw_f4.npy".to_owned(),
            train_labels: Some(labels.to_owned()),
            test: None,
            test_labels: None,
            tensor: None,
            label_tensor: None,
        };
        let folder = fixture("");
        let set = load(&folder, &arrays("labels_i8.npy"), Split::Train).unwrap();
        assert_eq!((set.labels, set.classes), (Some(vec![2, 0, 1]), 3));
        refused(load(&folder, &arrays("labels_four.npy"), Split::Train), "has 4 labels, but ");
        refused(load(&folder, &arrays("labels_i8.npy"), Split::Test), "names no array of test images");
    }

    #[test]
    fn every_truncation_and_any_changed_header_is_read_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (file, name) in
            [("nchw_f4.npy", "x.npy"), ("nchw_f4_fortran.npy", "x.npy"), ("one.safetensors", "x.safetensors")]
        {
            let (whole, path) = (fs::read(fixture(file)).unwrap(), folder.path().join(name));
            for cut in 0..whole.len() {
                fs::write(&path, &whole[..cut]).unwrap();
                refused(read(&path, None), "write it again");
            }
            for at in 0..whole.len().min(140) {
                for with in [0, b'9', b'(', 0xff] {
                    let mut bytes = whole.clone();
                    bytes[at] = with;
                    fs::write(&path, &bytes).unwrap();
                    let _ = read(&path, None);
                }
            }
        }
    }

    #[test]
    fn absurd_shapes_allocate_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        for shape in [
            "100000, 3, 100000, 100000",
            "18446744073709551615, 18446744073709551615",
            "0, 9223372036854775807",
        ] {
            let header = format!("{{'descr': '<f4', 'fortran_order': True, 'shape': ({shape}), }}\n");
            let bytes = [
                &b"\x93NUMPY\x01\x00"[..],
                &(header.len() as u16).to_le_bytes(),
                header.as_bytes(),
                &[0; 64],
            ];
            fs::write(&path, bytes.concat()).unwrap();
            refused(read(&path, None), "has 64 bytes of numbers, which is not what its header says");
        }
        fs::write(&path, b"\x93NUMPY\x02\x00\xff\xff\xff\xff").unwrap();
        refused(read(&path, None), "cut off inside its header");
    }
}
