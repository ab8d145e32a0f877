//! What a rehearsal learns from: a few of the bundled digits, as the data set's files in a folder of the
//! reproduction.

use std::path::{Path, PathBuf};

use wta_core::Random;

use super::rows::{PaperSet, Rehearsal};
use crate::error::Result;
use wta::data::{self, Dataset, Splits};
use wta::files::atomic;

/// The folder that holds the data set's, in that of the reproduction.
pub(super) const FOLDER: &str = "digits";

/// Digits to train on: a few batches.
pub(super) const TRAIN: usize = 400;

/// Digits to test with.
pub(super) const TEST: usize = 100;

/// Writes the files anew, as they always are, and returns the folder to take for that of the data.
pub(super) fn write(set: &PaperSet, reproduction: &Path) -> Result<PathBuf> {
    let folder = reproduction.join(FOLDER);
    let home = folder.join(set.folder);
    atomic::create_dir(&home)?;
    let digits = data::digits()?;
    match set.rehearsal {
        Rehearsal::Mnist => mnist(&home, &digits)?,
        Rehearsal::Cifar10 => cifar10(&home, &digits)?,
    }
    Ok(folder)
}

fn mnist(home: &Path, digits: &Splits) -> Result<()> {
    for (prefix, set, count) in [("train", &digits.train, TRAIN), ("t10k", &digits.test, TEST)] {
        let images = first(set.values.bytes().unwrap_or_default(), count * set.image_len());
        let labels = labels(set, count);
        idx(home, &format!("{prefix}-images-idx3-ubyte"), &[count, set.height, set.width], images)?;
        idx(home, &format!("{prefix}-labels-idx1-ubyte"), &[count], &labels)?;
    }
    Ok(())
}

/// The number of CIFAR-10's files of training images.
const BATCHES: usize = 5;

/// Rows and columns of CIFAR-10's images.
const SIDE: usize = 32;

fn cifar10(home: &Path, digits: &Splits) -> Result<()> {
    let mut random = Random::new(1);
    let mut records = |set: &Dataset, count| -> Vec<Vec<u8>> {
        let images = set.values.bytes().unwrap_or_default().chunks_exact(set.image_len().max(1));
        let record = |(label, image)| coloured(label, image, set.width, &mut random);
        labels(set, count).into_iter().zip(images).map(record).collect()
    };
    let (train, test) = (records(&digits.train, TRAIN), records(&digits.test, TEST));
    let batches = train.chunks(TRAIN.div_ceil(BATCHES)).zip(1..);
    let batches = batches.map(|(batch, number)| (format!("data_batch_{number}.bin"), batch));
    for (name, batch) in batches.chain([("test_batch.bin".to_owned(), &test[..])]) {
        atomic::replace(&home.join(name), |to| to.write_all(&batch.concat()))?;
    }
    Ok(())
}

/// A record of CIFAR-10: the label, and a digit in one colour on a ground of another, plane after plane.
fn coloured(label: u8, digit: &[u8], width: usize, random: &mut Random) -> Vec<u8> {
    let mut record = vec![label];
    let rows: Vec<&[u8]> = digit.chunks_exact(width.max(1)).collect();
    let border = SIDE.saturating_sub(width) / 2;
    for _ in 0..3 {
        let mut up_to = |most: u64| (random.next_u64() >> 32) as usize % most as usize;
        let (ground, ink) = (up_to(100), 155 + up_to(100));
        for (row, column) in (0..SIDE).flat_map(|row| (0..SIDE).map(move |column| (row, column))) {
            let at = |place: usize| place.checked_sub(border);
            let pixel = at(row).zip(at(column)).and_then(|(row, column)| rows.get(row)?.get(column));
            let share = pixel.map_or(0, |pixel| usize::from(*pixel));
            // The ground gets lighter to the right, so that it is not one number.
            let ground = ground + column;
            record.push(((ground * (255 - share) + ink * share) / 255) as u8);
        }
    }
    record
}

/// The first labels. Ten classes fit a byte.
fn labels(set: &Dataset, count: usize) -> Vec<u8> {
    set.labels.iter().flatten().map(|label| *label as u8).take(count).collect()
}

fn first(bytes: &[u8], count: usize) -> &[u8] {
    bytes.get(..count).unwrap_or(bytes)
}

/// An IDX file of bytes.
fn idx(folder: &Path, name: &str, dimensions: &[usize], bytes: &[u8]) -> Result<()> {
    let mut header = vec![0, 0, 8, dimensions.len() as u8];
    header.extend(dimensions.iter().flat_map(|dimension| (*dimension as u32).to_be_bytes()));
    Ok(atomic::replace(&folder.join(name), |to| {
        to.write_all(&header)?;
        to.write_all(bytes)
    })?)
}
