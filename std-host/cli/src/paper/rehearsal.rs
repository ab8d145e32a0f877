//! What a rehearsal learns from: a few of the bundled digits, as MNIST's files in a folder of the
//! reproduction.

use std::path::{Path, PathBuf};

use crate::error::Result;
use wta::data;
use wta::files::atomic;

/// The folder that holds `mnist/`, in that of the reproduction.
pub(super) const FOLDER: &str = "digits";

/// Digits to train on: a few batches.
pub(super) const TRAIN: usize = 400;

/// Digits to test with.
pub(super) const TEST: usize = 100;

/// Writes the files anew, as they always are, and returns the folder to take for that of the data.
pub(super) fn write(reproduction: &Path) -> Result<PathBuf> {
    let folder = reproduction.join(FOLDER);
    let mnist = folder.join("mnist");
    atomic::create_dir(&mnist)?;
    let digits = data::digits()?;
    for (prefix, set, count) in [("train", &digits.train, TRAIN), ("t10k", &digits.test, TEST)] {
        let images = first(set.values.bytes().unwrap_or_default(), count * set.image_len());
        // Ten classes fit a byte.
        let labels: Vec<u8> = set.labels.iter().flatten().map(|label| *label as u8).take(count).collect();
        file(&mnist, &format!("{prefix}-images-idx3-ubyte"), &[count, set.height, set.width], images)?;
        file(&mnist, &format!("{prefix}-labels-idx1-ubyte"), &[count], &labels)?;
    }
    Ok(folder)
}

fn first(bytes: &[u8], count: usize) -> &[u8] {
    bytes.get(..count).unwrap_or(bytes)
}

/// An IDX file of bytes.
fn file(folder: &Path, name: &str, dimensions: &[usize], bytes: &[u8]) -> Result<()> {
    let mut header = vec![0, 0, 8, dimensions.len() as u8];
    header.extend(dimensions.iter().flat_map(|dimension| (*dimension as u32).to_be_bytes()));
    Ok(atomic::replace(&folder.join(name), |to| {
        to.write_all(&header)?;
        to.write_all(bytes)
    })?)
}
