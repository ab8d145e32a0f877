//! The bundled digits as flat bytes: for the build script, which puts them into flash, and for the tests on
//! the host.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use flate2::read::GzDecoder;

/// Pixels of a digit, 28 x 28.
pub(crate) const PIXELS: usize = 28 * 28;

/// Pixels of the first `count` digits of a split (`train` or `t10k`), 0 to 255, digit by digit and row by
/// row.
pub(crate) fn images(split: &str, count: usize) -> Vec<u8> {
    // MNIST's format: four numbers of four bytes, then the pixels.
    part(&format!("{split}-images-idx3-ubyte.gz"), 16, count * PIXELS)
}

/// Their classes.
pub(crate) fn labels(split: &str, count: usize) -> Vec<u8> {
    // Two numbers of four bytes, then the labels.
    part(&format!("{split}-labels-idx1-ubyte.gz"), 8, count)
}

/// Bytes `start..start + len` of an unpacked file.
fn part(file: &str, start: usize, len: usize) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(super::FIXTURES).join("digits").join(file);
    let packed = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = vec![0; start + len];
    let read = GzDecoder::new(BufReader::new(packed)).read_exact(&mut bytes);
    read.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes.split_off(start)
}
