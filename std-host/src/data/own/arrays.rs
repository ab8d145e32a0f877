//! The user's own numbers as a data set: arrays and tables in one file or several, with labels in others or
//! in a column.
//!
//! What fits into 1 GiB is read into memory. Larger arrays stay in their files, and each sample is read when
//! it is needed; all are looked through once, so that a number that is not finite is told before the work.

use std::path::{Path, PathBuf};

use wta_core::{Random, Shape};

use super::array::{Array, container};
use super::fortran;
use super::header::by;
use super::keys::{ArrayFiles, Names};
use super::label::{Label, Naming};
use super::labels;
use super::layout::{Sample, Told};
use super::paths::Paths;
use super::table::{self, Columns, is_table};
use crate::data::classes::Classes;
use crate::data::collector::{Collector, in_memory};
use crate::data::dataset::{Dataset, Split};
use crate::data::stored::{Part, Stored};
use crate::data::values::Values;
use crate::draw::{count_of, draw, too_few};
use crate::error::{Error, Interrupted, Result};
use crate::layout::interleaved;
use crate::memory::reserve;
use crate::observer::Observer;

/// The samples of some files, and what they are.
struct Samples {
    values: Values,
    sample: Sample,
    count: usize,
    /// Of tables with a column of labels.
    labels: Vec<Label>,
}

/// Loads a split.
pub(in crate::data) fn load(
    folder: &Path,
    keys: &ArrayFiles,
    split: Split,
    observer: &dyn Observer,
) -> Result<Dataset> {
    let paths = match (split, &keys.test) {
        (Split::Train, _) => &keys.train,
        (Split::Test, Some(test)) => test,
        (Split::Test, None) if keys.test_share > 0.0 => &keys.train,
        (Split::Test, None) => {
            return Err(Error::Invalid(
                "the recipe's [data] names no test samples; add test = FILE, or test_share = 0.2".to_owned(),
            ));
        }
    };
    let samples = read(folder, paths, keys, observer)?;
    let drawn = keys.test.is_none() && keys.test_share > 0.0;
    let is_train = split == Split::Train || drawn;
    let (labels, classes) = labelled(folder, keys, &samples, is_train)?;
    if let Some(labels) = &labels
        && labels.len() != samples.count
    {
        let key = if is_train { &keys.train_labels } else { &keys.test_labels };
        let file = key.as_ref().map_or(PathBuf::new(), |paths| folder.join(paths.to_string()));
        let problem = format!(
            "has {} labels, but {} has {} samples; give the labels of these samples",
            labels.len(),
            folder.join(paths.to_string()).display(),
            samples.count
        );
        return Err(Error::file(file, problem));
    }
    let Samples { values, sample, count, .. } = samples;
    let Shape { channels, height, width } = sample.shape;
    let dataset = Dataset { channels, height, width, form: sample.form, values, labels, classes };
    if !drawn {
        return Ok(dataset);
    }
    let (test, train) = draw(Random::stream(keys.seed, 0), count, count_of(keys.test_share, count));
    let chosen = if split == Split::Test { &test } else { &train };
    if let Some(problem) = too_few(keys.test_share, count).filter(|_| chosen.is_empty()) {
        let samples = if count == 1 { "sample" } else { "samples" };
        let file = folder.join(paths.to_string());
        return Err(Error::file(file, format!("has {count} {samples}, {problem}")));
    }
    Ok(dataset.chosen(chosen))
}

/// The labels of the samples as classes. The classes are those of both splits together.
fn labelled(
    folder: &Path,
    keys: &ArrayFiles,
    samples: &Samples,
    is_train: bool,
) -> Result<(Option<Vec<u16>>, Classes)> {
    let read = |labels: &Option<Paths>, data: Option<&Paths>| -> Result<Option<Vec<Label>>> {
        match (labels, data, &keys.label_column) {
            (Some(labels), _, _) => {
                let mut all = Vec::new();
                for file in labels.files(folder, |_| true)? {
                    all.extend(labels::read(
                        &file,
                        keys.label_tensor.as_deref(),
                        keys.label_column.as_ref(),
                    )?);
                }
                Ok(Some(all))
            }
            (None, Some(data), Some(column)) => {
                let mut all = Vec::new();
                for file in data.files(folder, is_table)? {
                    all.extend(labels::read(&file, None, Some(column))?);
                }
                Ok(Some(all))
            }
            _ => Ok(None),
        }
    };
    let mine = match is_train {
        _ if !samples.labels.is_empty() => Some(samples.labels.clone()),
        true => read(&keys.train_labels, None)?,
        false => read(&keys.test_labels, None)?,
    };
    let others = match is_train {
        true => read(&keys.test_labels, keys.test.as_ref())?,
        false => read(&keys.train_labels, Some(&keys.train))?,
    };
    let names = match &keys.class_names {
        None => None,
        Some(Names::List(names)) => Some(names.clone()),
        Some(Names::File(file)) => Some(labels::names(&folder.join(file))?),
    };
    let naming = Naming::new(mine.iter().chain(&others).flatten(), names)?;
    let Some(mine) = mine else { return Ok((None, Classes::default())) };
    Ok((Some(mine.iter().map(|label| naming.class(label)).collect()), naming.classes))
}

/// Reads samples from some files, which must agree in everything but their number.
fn read(folder: &Path, paths: &Paths, keys: &ArrayFiles, observer: &dyn Observer) -> Result<Samples> {
    let files = paths.files(folder, |file| is_table(file) || container(file).is_some())?;
    let tables = files.iter().filter(|file| is_table(file)).count();
    let samples = if tables == 0 {
        arrays(&files, keys, observer)?
    } else if tables == files.len() {
        read_tables(&files, keys)?
    } else {
        return Err(Error::Invalid(format!(
            "{} stands for tables and arrays; give files of one kind",
            folder.join(paths.to_string()).display()
        )));
    };
    observer.note(&format!(
        "{}: {} {}",
        folder.join(paths.to_string()).display(),
        samples.count,
        samples.sample.taken_as()
    ));
    Ok(samples)
}

/// What samples of these dimensions are.
fn sample_of(rest: &[usize], keys: &ArrayFiles, name: &Path) -> Result<Sample> {
    let told = Told { layout: keys.layout, kind: keys.kind };
    let refuse = |problem: String| Error::file(name, problem);
    let Some(shape) = &keys.shape else { return Sample::new(rest, told).map_err(refuse) };
    let product = |sizes: &[usize]| sizes.iter().try_fold(1usize, |len, size| len.checked_mul(*size));
    if product(shape) != product(rest) {
        return Err(refuse(format!(
            "has samples of {} numbers, which cannot take data.shape, {}",
            product(rest).unwrap_or(0),
            by(shape)
        )));
    }
    Sample::new(shape, told).map_err(refuse)
}

fn arrays(files: &[PathBuf], keys: &ArrayFiles, observer: &dyn Observer) -> Result<Samples> {
    let tensor = keys.tensor.as_deref();
    let arrays: Vec<Array> = files.iter().map(|file| Array::open(file, tensor)).collect::<Result<_>>()?;
    let Some(first) = arrays.first() else { return Err(Error::Invalid("there is no file".to_owned())) };
    let rest = first.header.shape.get(1..).unwrap_or_default().to_vec();
    for array in &arrays {
        array.element()?;
        if array.header.shape.get(1..) != first.header.shape.get(1..) || array.header.shape.is_empty() {
            return Err(Error::file(
                &array.name,
                format!(
                    "is an array of {}, but {} is one of {}; samples of one data set have one shape",
                    array.shape(),
                    first.name.display(),
                    first.shape()
                ),
            ));
        }
        if array.header.shape.contains(&0) {
            return Err(Error::file(
                &array.name,
                format!("holds no samples: it is an array of {}", array.shape()),
            ));
        }
    }
    let sample = sample_of(&rest, keys, &first.name)?;
    let count = arrays.iter().filter_map(|array| array.header.shape.first()).sum();
    let folder = first.name.parent().unwrap_or(Path::new(".")).to_path_buf();
    let values = if arrays.iter().any(|array| array.header.fortran) {
        gathered(arrays, sample, &folder)?
    } else {
        let parts: Vec<Part> = arrays.into_iter().map(Array::part).collect::<Result<_>>()?;
        in_order(Stored::new(parts, sample.shape.len(), sample.planes.then_some(sample.shape)), observer)?
    };
    Ok(Samples { values, sample, count, labels: Vec::new() })
}

/// Arrays in C order: read into memory if they fit, otherwise looked through.
fn in_order(stored: Stored, observer: &dyn Observer) -> Result<Values> {
    let bytes = stored.is_bytes();
    let size = if bytes { 1 } else { size_of::<f32>() as u64 };
    if stored.len() as u64 * size <= in_memory() {
        if bytes {
            let mut values = reserve::with_capacity(stored.len(), || "the data set".to_owned())?;
            stored.each(|numbers| {
                values.extend(numbers.iter().map(|number| *number as u8));
                Ok(())
            })?;
            return Ok(Values::Bytes(values));
        }
        let mut values = reserve::with_capacity(stored.len(), || "the data set".to_owned())?;
        stored.each(|numbers| {
            values.extend_from_slice(numbers);
            Ok(())
        })?;
        return Ok(Values::Floats(values));
    }
    if !bytes {
        const MIB: u64 = (1 << 20) / size_of::<f32>() as u64;
        observer.begin("look through the data", stored.len() as u64 / MIB);
        let mut seen = 0;
        let looked = stored.each(|numbers| {
            seen += numbers.len() as u64;
            observer.advance(seen / MIB);
            seen %= MIB;
            match observer.should_stop() {
                true => Err(Error::Interrupted(Interrupted::Reading)),
                false => Ok(()),
            }
        });
        observer.end();
        looked?;
    }
    Ok(Values::Stored(stored))
}

/// Arrays of which one at least is in Fortran order.
fn gathered(arrays: Vec<Array>, sample: Sample, folder: &Path) -> Result<Values> {
    let all_bytes =
        arrays.iter().try_fold(true, |all, array| Ok::<_, Error>(all && array.element()?.is_byte()))?;
    let mut values = if all_bytes { Collector::bytes(folder) } else { Collector::floats(folder) };
    let mut push = |numbers: &[f32]| {
        let ordered: Vec<f32> = match sample.planes {
            true => interleaved(sample.shape, numbers).collect(),
            false => numbers.to_vec(),
        };
        match all_bytes {
            true => values.push_bytes(&ordered.iter().map(|number| *number as u8).collect::<Vec<_>>()),
            false => values.push_floats(&ordered),
        }
    };
    for array in arrays {
        let shape = array.header.shape.clone();
        if array.header.fortran {
            fortran::samples(array.part()?, &shape, &mut push)?;
        } else {
            let len = sample.shape.len();
            let stored = Stored::new(vec![array.part()?], len, None);
            stored.each(|numbers| numbers.chunks_exact(len.max(1)).try_for_each(&mut push))?;
        }
    }
    values.finish()
}

fn read_tables(files: &[PathBuf], keys: &ArrayFiles) -> Result<Samples> {
    let columns =
        Columns { label: keys.label_column.as_ref(), numbers: keys.columns.as_deref(), by_settings: false };
    let first = files.first().map_or(Path::new(""), PathBuf::as_path);
    let mut values = Collector::floats(first.parent().unwrap_or(Path::new(".")));
    let (mut labels, mut count, mut sample, mut width) = (Vec::new(), 0, None, None);
    for file in files {
        table::read(file, columns, |row| {
            labels.extend(row.label.map(Label::of));
            let row = row.numbers;
            let expected = *width.get_or_insert(row.len());
            if row.len() != expected {
                return Err(Error::file(
                    file,
                    format!("has rows of {} numbers, but {} of {expected}", row.len(), first.display()),
                ));
            }
            let sample = match sample {
                Some(sample) => sample,
                None => *sample.insert(sample_of(&[row.len()], keys, file)?),
            };
            count += 1;
            match sample.planes {
                true => values.push_floats(&interleaved(sample.shape, row).collect::<Vec<_>>()),
                false => values.push_floats(row),
            }
        })?;
    }
    let sample = sample.ok_or_else(|| Error::file(first, "holds no rows"))?;
    Ok(Samples { values: values.finish()?, sample, count, labels })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::own::layout::Layout;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/images").join(name)
    }

    fn read(path: &Path, tensor: Option<&str>) -> Result<(Dataset, Vec<f32>)> {
        let name = path.file_name().unwrap().to_str().unwrap();
        let keys = ArrayFiles { tensor: tensor.map(str::to_owned), ..ArrayFiles::new(name) };
        let set = load(path.parent().unwrap(), &keys, Split::Train, &())?;
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
        assert!(set.values.bytes().is_some());
        assert_eq!(&numbers[..4], [0.0, 50.0, 1.0, 51.0]);
        let (set, numbers) = read(&fixture("nd_f4.npy"), None).unwrap();
        assert_eq!((set.len(), set.channels, set.height, set.width), (3, 1, 1, 4));
        assert_eq!(&numbers[..5], [0.5, 10.5, 20.5, 30.5, 1000.5]);
    }

    #[test]
    fn what_is_no_array_of_images_is_told() {
        for (file, expected) in [
            ("complex.npy", "NumPy's type <c8"),
            ("object.npy", "NumPy's type |O"),
            ("record.npy", "records of several fields"),
            ("nan_f4.npy", "element 28 of sample 1 is not a finite number"),
            ("grey.png", "is neither .npy, .npz, .safetensors nor .csv"),
            ("images.safetensors", "has the tensors images, labels; say which"),
            ("nothing.npy", "cannot read"),
        ] {
            refused(read(&fixture(file), None), expected);
        }
        refused(
            read(&fixture("images.safetensors"), Some("image")),
            "has no tensor image, only images, labels",
        );
        let of_shape = |shape: &[usize]| {
            let keys = ArrayFiles { shape: Some(shape.to_vec()), ..ArrayFiles::new("nd_f4.npy") };
            load(&fixture(""), &keys, Split::Train, &())
        };
        assert_eq!(of_shape(&[2, 2]).unwrap().shape(), Shape::new(2, 1, 2), "two channels");
        refused(of_shape(&[3]), "has samples of 4 numbers, which cannot take data.shape, 3");
    }

    #[test]
    fn labels_are_whole_numbers_and_as_many_as_images() {
        for file in ["labels_i8.npy", "labels_big_endian.npy"] {
            let labels = labels::read(&fixture(file), None, None).unwrap();
            assert_eq!(labels, [2, 0, 1].map(Label::Whole));
        }
        let labels = labels::read(&fixture("images.safetensors"), Some("labels"), None).unwrap();
        assert_eq!(labels, [2, 0, 1].map(Label::Whole));
        refused(
            labels::read(&fixture("nd_f4.npy"), None, None),
            "is an array of 3 x 4, but labels are N numbers",
        );
        refused(labels::read(&fixture("nan_f4.npy"), None, None), "but labels are N numbers");
        let arrays =
            |labels: &str| ArrayFiles { train_labels: Some(labels.into()), ..ArrayFiles::new("nchw_f4.npy") };
        let folder = fixture("");
        let set = load(&folder, &arrays("labels_i8.npy"), Split::Train, &()).unwrap();
        assert_eq!((set.labels, set.classes), (Some(vec![2, 0, 1]), Classes::numbered(3)));
        let set = load(&folder, &arrays("labels_negative.npy"), Split::Train, &()).unwrap();
        assert_eq!(set.classes.name(0), "-1", "any whole numbers are labels");
        refused(load(&folder, &arrays("labels_four.npy"), Split::Train, &()), "has 4 labels, but ");
        refused(load(&folder, &arrays("labels_i8.npy"), Split::Test, &()), "names no test samples");
    }

    #[test]
    fn channels_may_be_last_and_samples_be_drawn() {
        let keys = ArrayFiles { layout: Some(Layout::ChannelsLast), ..ArrayFiles::new("nchw_f4.npy") };
        let set = load(&fixture(""), &keys, Split::Train, &()).unwrap();
        assert_eq!(set.shape(), Shape::new(5, 2, 4));
        let mut image = [0.0; 40];
        set.write(0, 1.0, &mut image).unwrap();
        assert_eq!(image[..6], [0.5, 1.5, 2.5, 3.5, 4.5, 10.5], "as they lie in the file");
        let keys = ArrayFiles {
            test_share: 0.34,
            train_labels: Some("labels_i8.npy".into()),
            ..ArrayFiles::new("nchw_f4.npy")
        };
        let [train, test] =
            [Split::Train, Split::Test].map(|split| load(&fixture(""), &keys, split, &()).unwrap());
        assert_eq!((train.len(), test.len()), (2, 1));
        let first = |set: &Dataset, index: usize| {
            let mut image = [0.0; 40];
            set.write(index, 1.0, &mut image).unwrap();
            (image[0] - 0.5) as usize / 1000
        };
        let mut seen = [
            (first(&train, 0), train.labels.as_ref().unwrap()[0]),
            (first(&train, 1), train.labels.unwrap()[1]),
            (first(&test, 0), test.labels.unwrap()[0]),
        ];
        seen.sort_unstable();
        assert_eq!(seen, [(0, 2), (1, 0), (2, 1)], "each sample is in one split, with its label");
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
                assert!(read(&path, None).is_err());
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
