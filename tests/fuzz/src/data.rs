//! Every format of data, as each function that reads files opens it. The first byte of an input says which.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use wta::data::{
    DataSource, Dataset, Signal, Split, inventory, load, load_files, look, read, read_inputs, read_signals,
};
use wta::{Shape, recipe};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use super::rules::{Lines, expect_no_hidden_panic, folder, sentence, watch};

/// The most numbers of a data set that are all looked at.
const LOOKED_AT: usize = 1 << 22;

/// A file that a reader opens, below a folder of its own.
struct Format {
    name: &'static str,
    /// Of a published set; people's own files otherwise.
    set: Option<DataSource>,
    sound: fn() -> Vec<u8>,
}

const fn own(name: &'static str, sound: fn() -> Vec<u8>) -> Format {
    Format { name, set: None, sound }
}

const fn mnist(name: &'static str, sound: fn() -> Vec<u8>) -> Format {
    Format { name, set: Some(DataSource::Mnist), sound }
}

const SVHN: Option<DataSource> = Some(DataSource::Svhn { extra: false });

macro_rules! fixture {
    ($name:literal) => {
        || include_bytes!(concat!("../../../fixtures/", $name)).to_vec()
    };
}

const FORMATS: &[Format] = &[
    own("a.npy", || npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 2, 9), }", &floats(216))),
    own("b.npy", || npy(1, "{'shape': (12L, 18L), 'fortran_order': True, 'descr': '>i2'}", &ramp(432))),
    own("c.NPY", || npy(2, "{'descr': '<f8', 'fortran_order': False, 'shape': (6, 9), }", &[0; 432])),
    own("half.npy", fixture!("images/half.npy")),
    own("stored.npz", || npz(CompressionMethod::Stored)),
    own("deflated.npz", || npz(CompressionMethod::Deflated)),
    own("a.safetensors", safetensors),
    own("a.csv", || table(',')),
    own("a.tsv", || table('\t')),
    own("a.csv.gz", || gzip(&table(','))),
    own("a.wav", || wav(hound::SampleFormat::Int, 16)),
    own("float.wav", || wav(hound::SampleFormat::Float, 32)),
    own("a.webp", || picture(ImageFormat::WebP)),
    own("lossy.webp", fixture!("images/colour.webp")),
    own("a.bmp", || picture(ImageFormat::Bmp)),
    own("a.tiff", || picture(ImageFormat::Tiff)),
    own("colour.tif", fixture!("images/colour.tif")),
    own("a.gif", || picture(ImageFormat::Gif)),
    own("a.ppm", || picture(ImageFormat::Pnm)),
    own("grey.pgm", fixture!("images/grey10bit.pgm")),
    own("text.pbm", || b"P1\n# one\n5 3\n1 0 1 0 1\n0 1 0 1 0\n1 1 1 0 0\n".to_vec()),
    own("any.pam", || {
        b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n1234".to_vec()
    }),
    own("a.png", || picture(ImageFormat::Png)),
    own("palette.png", fixture!("images/palette.png")),
    own("alpha.png", fixture!("images/alpha.png")),
    own("turned.jpg", turned),
    own("progressive.jpg", fixture!("images/progressive.jpg")),
    own("cmyk.jpg", fixture!("images/cmyk.jpg")),
    mnist("train-images-idx3-ubyte", images),
    mnist("train-labels-idx1-ubyte", labels),
    mnist("train-images-idx3-ubyte.gz", || gzip(&images())),
    Format { name: "test_batch.bin", set: Some(DataSource::Cifar10), sound: || ramp(2 * 3073) },
    Format { name: "train_32x32.mat", set: SVHN, sound: fixture!("images/svhn_plain.mat") },
    Format { name: "test_32x32.mat", set: SVHN, sound: fixture!("images/svhn_compressed.mat") },
];

/// Opens a file of any format, the name of which the first byte chooses.
pub fn run(bytes: &[u8]) -> bool {
    watch();
    let Some((first, content)) = bytes.split_first() else { return false };
    let format = &FORMATS[usize::from(*first) % FORMATS.len()];
    let folder = folder("data");
    let path = folder.join(format.name);
    fs::write(&path, content).unwrap();
    let opened = match &format.set {
        None => open(&path),
        Some(set) => published(set, &folder, format.name),
    };
    fs::remove_file(&path).unwrap();
    expect_no_hidden_panic();
    opened
}

/// As `wta init`, `wta train`, `wta predict` and `wta encode` open it; whether any of them can.
fn open(path: &Path) -> bool {
    let mut opened = false;
    match look(path) {
        Ok(look) => {
            look.remarks.iter().for_each(sentence);
            for split in [Split::Train, Split::Test] {
                opened |= check(load(&look.source, &look.folder, split, &Lines));
            }
        }
        Err(error) => sentence(&error),
    }
    for (source, shape) in likes() {
        opened |= check(read_inputs(path, source, *shape, &Lines).map(|inputs| inputs.dataset));
    }
    opened |= check(load_files(path, Some(3), None, &Lines));
    opened |= check(read(path));
    opened | signals(read_signals(path))
}

/// What samples are read like.
fn likes() -> &'static [(DataSource, Shape)] {
    static LIKES: OnceLock<Vec<(DataSource, Shape)>> = OnceLock::new();
    LIKES.get_or_init(|| {
        let of = |data: &str| {
            let text = format!(
                "name = 'x'\nabout = 'x'\ndata = {{ {data} }}\n\
                network = {{ kind = 'fully-connected', units = [2], initial = 'he' }}\nsparsity = {{}}\n\
                training = {{ epochs = 1, batch = 1, optimizer = 'adam', rate = 1e-3 }}"
            );
            recipe::parse(&text, "x").unwrap().data.set
        };
        vec![
            (of("set = 'signals', recordings = 'x', window = 6, step = 3"), Shape::vector(1)),
            (of("set = 'images', folder = 'x', size = [8, 6]"), Shape::new(3, 8, 6)),
            (DataSource::Mnist, Shape::new(1, 28, 28)),
        ]
    })
}

/// What can be opened has whole, finite samples, as many as it says, and labels that have classes.
fn check(opened: wta::Result<Dataset>) -> bool {
    let dataset = match opened {
        Ok(dataset) => dataset,
        Err(error) => {
            sentence(&error);
            return false;
        }
    };
    let len = dataset.shape().len();
    assert!(len > 0 || dataset.is_empty(), "{:?}", dataset.shape());
    let mut sample = vec![f32::NAN; len];
    for index in 0..dataset.len().min(LOOKED_AT.div_ceil(len.max(1))) {
        match dataset.write(index, 1.0, &mut sample) {
            Ok(()) => assert!(sample.iter().all(|value| value.is_finite()), "sample {index}"),
            Err(error) => sentence(&error),
        }
    }
    if let Some(labels) = &dataset.labels {
        assert_eq!(labels.len(), dataset.len());
        assert!(labels.iter().all(|label| usize::from(*label) < dataset.classes.len()));
        dataset.classes.names().iter().for_each(sentence);
    }
    true
}

fn signals(opened: wta::Result<Vec<Signal>>) -> bool {
    match opened {
        Ok(signals) => {
            assert!(signals.iter().all(|signal| signal.channels() > 0));
            true
        }
        Err(error) => {
            sentence(&error);
            false
        }
    }
}

/// The files of a published set, one of which is the one to try.
fn published(set: &DataSource, folder: &Path, name: &str) -> bool {
    let others: Vec<(&str, Vec<u8>)> = match set {
        DataSource::Mnist if name.contains("images") => vec![("train-labels-idx1-ubyte", labels())],
        DataSource::Mnist => vec![("train-images-idx3-ubyte", images())],
        _ => Vec::new(),
    };
    let others: Vec<PathBuf> = others
        .into_iter()
        .map(|(name, content)| {
            let path = folder.join(name);
            fs::write(&path, content).unwrap();
            path
        })
        .collect();
    let opened =
        [Split::Train, Split::Test].map(|split| check(load(set, folder, split, &Lines))).contains(&true);
    match inventory::inventory(folder) {
        Ok(entries) => assert!(!inventory::table(&entries).is_empty()),
        Err(error) => sentence(&error),
    }
    others.iter().for_each(|path| fs::remove_file(path).unwrap());
    opened
}

/// A sound file of each format.
pub fn seeds() -> Vec<Vec<u8>> {
    let with_name = |(index, format): (usize, &Format)| [&[index as u8], &(format.sound)()[..]].concat();
    FORMATS.iter().enumerate().map(with_name).collect()
}

fn npy(version: u8, header: &str, numbers: &[u8]) -> Vec<u8> {
    let mut header = header.to_owned();
    header += &" ".repeat(63 - (header.len() + 12) % 64);
    header.push('\n');
    let len = header.len() as u32;
    let len = if version == 1 { (len as u16).to_le_bytes().to_vec() } else { len.to_le_bytes().to_vec() };
    [&b"\x93NUMPY"[..], &[version, 0], &len, header.as_bytes(), numbers].concat()
}

fn floats(count: usize) -> Vec<u8> {
    (0..count).flat_map(|index| ((index as f32 * 0.7).sin()).to_le_bytes()).collect()
}

fn ramp(count: usize) -> Vec<u8> {
    (0..count).map(|index| if index.is_multiple_of(3073) { 3 } else { (index % 251) as u8 }).collect()
}

fn images() -> Vec<u8> {
    [&[0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 3][..], &ramp(60)].concat()
}

fn labels() -> Vec<u8> {
    vec![0, 0, 8, 1, 0, 0, 0, 4, 3, 9, 0, 1]
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn npz(method: CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    let samples = npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 2, 9), }", &floats(216));
    let labels = npy(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (12,), }", &[0, 1, 2].repeat(4));
    for (name, content) in [("samples", samples), ("labels", labels)] {
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(&content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn safetensors() -> Vec<u8> {
    let header = br#"{"x":{"dtype":"F16","shape":[12,2,9],"data_offsets":[0,432]},"y":{"dtype":"I64","shape":[12],"data_offsets":[432,528]}}"#;
    let labels: Vec<u8> = (0..12i64).flat_map(|label| (label % 3).to_le_bytes()).collect();
    [&(header.len() as u64).to_le_bytes()[..], header, &[0x11; 432], &labels].concat()
}

fn table(separator: char) -> Vec<u8> {
    let mut text = format!("a{separator}b{separator}kind\n");
    for row in 0..30 {
        let kind = ["ant", "bee"][row % 2];
        text += &format!("{}{separator}-{}.5e1{separator}\"{kind}\"\n", row % 7, row % 5);
    }
    text.into_bytes()
}

fn wav(sample_format: hound::SampleFormat, bits_per_sample: u16) -> Vec<u8> {
    let spec = hound::WavSpec { channels: 2, sample_rate: 8_000, bits_per_sample, sample_format };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for index in 0..200i16 {
        match sample_format {
            hound::SampleFormat::Int => writer.write_sample(index * 37 % 1000).unwrap(),
            hound::SampleFormat::Float => writer.write_sample(f32::from(index).sin()).unwrap(),
        }
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn picture(format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(20, 14, |x, y| Rgb([(x * 11) as u8, (y * 17) as u8, (x * y) as u8]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A JPEG that its EXIF data turns.
fn turned() -> Vec<u8> {
    let jpeg = picture(ImageFormat::Jpeg);
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let len = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &len, exif, &jpeg[2..]].concat()
}
