//! CIFAR-10 in its binary format: records of a label and 32 x 32 pixels, colour after colour.

use std::path::Path;

use crate::error::{Error, Result};

use super::source::Source;
use super::{Dataset, Split};

const FOLDER: &str = "cifar-10-batches-bin";
const AREA: usize = 32 * 32;
const RECORD: usize = 1 + 3 * AREA;

pub(super) fn load(dir: &Path, split: Split) -> Result<Dataset> {
    let names: &[&str] = match split {
        Split::Train => &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"],
        Split::Test => &["test_batch"],
    };
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for name in names {
        let path = dir.join(FOLDER).join(format!("{name}.bin"));
        let bytes = Source::open(&path)?.read(10_000 * RECORD as u64 + 1)?;
        if bytes.len() != 10_000 * RECORD {
            return Err(Error::file(&path, "does not hold 10000 records of 3073 bytes; get the file again"));
        }
        for record in bytes.chunks_exact(RECORD) {
            let Some((label, colours)) = record.split_first() else { continue };
            labels.push(*label);
            for position in 0..AREA {
                pixels.extend(colours.iter().skip(position).step_by(AREA));
            }
        }
    }
    let dataset = Dataset { channels: 3, height: 32, width: 32, pixels, labels: Some(labels), classes: 10 };
    dataset.checked(&dir.join(FOLDER))
}
