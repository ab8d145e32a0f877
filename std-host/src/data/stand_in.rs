//! Samples in place of a published data set's, for whoever wants to know what work on it takes before its
//! files are there.

use wta_core::{Random, Shape};

use super::classes::Classes;
use super::collector::in_memory;
use super::dataset::{Dataset, Split};
use super::keys::DataSource;
use super::published::digits;
use crate::error::Result;

/// The classes of every published set.
const CLASSES: usize = 10;

/// The seed of the noise.
const SEED: u64 = 1;

/// Samples in place of a data set's.
#[derive(Clone, Debug)]
pub struct StandIn {
    /// A few training samples of the set's shape, labelled: of MNIST bundled digits if there are enough,
    /// otherwise noise.
    pub dataset: Dataset,
    /// How many training samples the set has.
    pub train: usize,
    /// How many test samples it has.
    pub test: usize,
    /// Whether all training samples would be kept in memory, and not in a temporary file.
    pub in_memory: bool,
    /// The most bytes of them that are in memory while they are loaded.
    pub load_bytes: u64,
}

impl StandIn {
    /// At most `count` samples in place of a data set's; `None` if its shape and its number of samples are
    /// not published.
    ///
    /// # Errors
    ///
    /// None, in a build that has passed its tests.
    pub fn of(source: &DataSource, count: usize) -> Result<Option<Self>> {
        let (train, test) = (source.published_len(Split::Train), source.published_len(Split::Test));
        let (Some(train), Some(test), Some(shape)) = (train, test, source.image_shape()) else {
            return Ok(None);
        };
        let numbers = count.clamp(1, train) * shape.len();
        let digits = match source {
            DataSource::Digits | DataSource::Mnist => Some(digits::load(Split::Train)?),
            _ => None,
        };
        let digits = digits.as_ref().and_then(|digits| digits.values.bytes()?.get(..numbers));
        let pixels = match digits {
            // A copy, so that the others leave the memory.
            Some(digits) => digits.to_vec(),
            None => {
                let mut random = Random::new(SEED);
                (0..numbers).map(|_| random.below(256) as u8).collect()
            }
        };
        let dataset = labelled(shape, pixels)?;
        let (bytes, most) = ((train * shape.len()) as u64, in_memory());
        let (in_memory, load_bytes) = (bytes <= most, bytes.min(most));
        Ok(Some(Self { dataset, train, test, in_memory, load_bytes }))
    }
}

/// Samples with labels of all classes.
fn labelled(shape: Shape, pixels: Vec<u8>) -> Result<Dataset> {
    let dataset = Dataset::from_bytes(shape, pixels)?;
    let labels: Vec<u16> = (0..dataset.len()).map(|index| (index % CLASSES) as u16).collect();
    dataset.with_labels(labels)?.with_classes(Classes::numbered(CLASSES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_shape_and_says_the_numbers() {
        let published = [
            (DataSource::Digits, 4_800, 1_000, 784),
            (DataSource::Mnist, 60_000, 10_000, 784),
            (DataSource::Cifar10, 50_000, 10_000, 3072),
            (DataSource::Svhn { extra: false }, 73_257, 26_032, 3072),
        ];
        for (source, train, test, numbers) in published {
            let found = StandIn::of(&source, 30).unwrap().unwrap();
            assert_eq!((found.train, found.test, found.dataset.image_len()), (train, test, numbers));
            assert_eq!((found.dataset.len(), found.dataset.classes.len()), (30, 10));
        }
        let digits = digits::load(Split::Train).unwrap();
        assert_eq!(DataSource::Digits.published_len(Split::Train), Some(digits.len()));
        let large = StandIn::of(&DataSource::Svhn { extra: true }, 1).unwrap().unwrap();
        assert!(!large.in_memory && large.load_bytes < large.train as u64 * 3072);
        assert!(StandIn::of(&DataSource::Memory, 1).unwrap().is_none());
    }
}
