//! Files of people's own with damaged headers: each is told in one sentence or read, without a panic, a hang
//! or memory that the file's size does not justify.
//!
//! `WTA_DAMAGED=100000 cargo test -p wta --test damaged_files` tries so many of each format.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Command;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use wta::data::{DataSource, Dataset, Split, load, load_files, look, read_inputs};
use wta::{Shape, recipe};
use wta_core::Random;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

/// Damaged files of each format, unless `WTA_DAMAGED` says how many.
const FILES: u64 = 1_000;

/// What reading a small file may take, in KiB.
const MOST_MEMORY: u64 = 64 << 10;

/// The address space of the test, in KiB: what asks for more memory than that ends with an abort.
const ADDRESS_SPACE: u64 = 2 << 20;

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

fn npz(method: CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, content) in [
        ("samples", npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 2, 9), }", &floats(216))),
        (
            "labels",
            npy(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (12,), }", &[0, 1, 2].repeat(4)),
        ),
    ] {
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
        text +=
            &format!("{}{separator}-{}.5e1{separator}\"{}\"\n", row % 7, row % 5, ["ant", "bee"][row % 2]);
    }
    text.into_bytes()
}

fn wav() -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    (0..400).for_each(|index| writer.write_sample((index * 37 % 1000) as i16).unwrap());
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
    let tiff = [&b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"[..]].concat();
    let len = (tiff.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &len, &tiff, &jpeg[2..]].concat()
}

/// A name and a sound file of each format.
fn formats() -> Vec<(&'static str, Vec<u8>)> {
    let python_2 = "{'shape': (12L, 18L), 'fortran_order': True, 'descr': '>i2'}";
    let numbers: Vec<u8> = (0..432).map(|index| (index % 251) as u8).collect();
    vec![
        ("a.npy", npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 2, 9), }", &floats(216))),
        ("b.npy", npy(1, python_2, &numbers)),
        ("c.NPY", npy(2, "{'descr': '<f8', 'fortran_order': False, 'shape': (6, 9), }", &[0; 432])),
        ("stored.npz", npz(CompressionMethod::Stored)),
        ("deflated.npz", npz(CompressionMethod::Deflated)),
        ("a.safetensors", safetensors()),
        ("a.csv", table(',')),
        ("a.tsv", table('\t')),
        ("a.wav", wav()),
        ("a.webp", picture(ImageFormat::WebP)),
        ("a.bmp", picture(ImageFormat::Bmp)),
        ("a.tiff", picture(ImageFormat::Tiff)),
        ("a.gif", picture(ImageFormat::Gif)),
        ("turned.jpg", turned()),
    ]
}

/// Changes a file in one to four places near its beginning, or near its end, where archives have their list.
fn damage(whole: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            break;
        }
        let near = random.below(160).min(bytes.len() as u32 - 1) as usize;
        let at = if random.below(4) == 0 { bytes.len() - 1 - near } else { near };
        let count = random.below(6).min((bytes.len() - at) as u32) as usize;
        match random.below(8) {
            0..=2 => bytes[at] = random.below(256) as u8,
            3 => bytes[at] ^= 1 << random.below(8),
            4 => bytes[at] = *b"09-+.,:'({[\0\x7f\x80\xff \n".get(random.below(17) as usize).unwrap(),
            5 => drop(bytes.drain(at..at + count)),
            6 => {
                let copy = bytes[at..at + count].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            _ if random.below(8) == 0 => bytes.truncate(at),
            _ => bytes[at..at + count].fill(b'9'),
        }
    }
    bytes
}

/// What can be opened must have whole, finite samples.
fn check(name: &str, opened: wta::Result<Dataset>) -> bool {
    match opened {
        Ok(dataset) => {
            let mut sample = vec![0.0; dataset.shape().len()];
            for index in 0..dataset.len() {
                match dataset.write(index, 1.0, &mut sample) {
                    Ok(()) => assert!(sample.iter().all(|v| v.is_finite()), "{name}"),
                    Err(error) => sentence(name, &error),
                }
            }
            assert!(dataset.labels.is_none_or(|labels| labels.len() * sample.len() > 0), "{name}");
            true
        }
        Err(error) => {
            sentence(name, &error);
            false
        }
    }
}

fn sentence(name: &str, error: &wta::Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.trim_end().contains('\n') && text.len() < 2_000, "{name}: {text:?}");
}

/// As `wta init`, `wta train`, `wta predict` and `wta encode` open it; whether any of them can.
fn open(path: &Path, recordings: &DataSource) -> bool {
    let name = path.display().to_string();
    let mut opened = false;
    match look(path) {
        Ok(look) => opened |= check(&name, load(&look.source, &look.folder, Split::Train, &())),
        Err(error) => sentence(&name, &error),
    }
    let inputs = read_inputs(path, recordings, Shape::vector(1), &());
    opened |= check(&name, inputs.map(|inputs| inputs.dataset));
    opened | check(&name, load_files(path, Some(3), None, &()))
}

/// The largest resident set so far, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The other test runs it with little address space.
#[test]
#[ignore = "run by the other test"]
fn damaged() {
    let text = "name = 'x'\nabout = 'x'\ndata = { set = 'signals', recordings = 'x', window = 6, step = 3 }\n\
        network = { kind = 'fully-connected', units = [2], initial = 'he' }\nsparsity = {}\n\
        training = { epochs = 1, batch = 1, optimizer = 'adam', rate = 1e-3 }";
    let recordings = recipe::parse(text, "x").unwrap().data.set;
    let files = std::env::var("WTA_DAMAGED").map_or(FILES, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut report = String::new();
    for (stream, (name, whole)) in formats().into_iter().enumerate() {
        let path = folder.path().join(name);
        fs::write(&path, &whole).unwrap();
        assert!(open(&path, &recordings), "{name} is sound");
        let (mut random, before, mut opened) = (Random::stream(1, stream as u64), peak(), 0);
        for _ in 0..files {
            fs::write(&path, damage(&whole, &mut random)).unwrap();
            opened += u64::from(open(&path, &recordings));
        }
        fs::remove_file(&path).unwrap();
        let grown = peak() - before;
        report += &format!("{name}: {opened} of {files} can be read, {grown} KiB more memory\n");
        assert!(grown < MOST_MEMORY, "{report}");
        assert!(opened > 0 && opened < files, "{report}");
    }
    print!("{report}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_damaged_header_is_told_or_read_in_little_memory() {
    let test = std::env::current_exe().unwrap();
    let limited = format!("ulimit -v {ADDRESS_SPACE}; exec \"$0\" --exact damaged --ignored --nocapture");
    let run = Command::new("sh").args(["-c", &limited]).arg(test).output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{}: {out}{errors}", run.status);
    assert!(!errors.contains("panicked") && out.contains("turned.jpg: "), "{out}{errors}");
    println!("{out}");
}
