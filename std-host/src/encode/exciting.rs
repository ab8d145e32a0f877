//! The samples that excite each map most, and how often it is used.

use wta_simd::Isa;

use super::inputs::NetworkInputs;
use super::sparse_encoder::SparseEncoder;
use crate::error::{Error, Interrupted, Result};
use crate::observer::Observer;
use crate::preprocess::Samples;
use crate::run::Trained;

/// What excites the maps of a network, of some samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Exciting {
    /// The number of samples.
    pub samples: usize,
    /// Of each map.
    pub maps: Vec<Excited>,
}

/// What excites a map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Excited {
    /// The number of samples in which it is active.
    pub used: usize,
    /// Its largest activation in each of these samples, on average; 0 without one.
    pub mean: f64,
    /// The samples with its largest activations, and these, from the largest down; of equal ones the first
    /// sample. As many as were asked for, or as it is active in.
    pub most: Vec<(usize, f32)>,
}

impl Exciting {
    /// Encodes all samples as the network does when it reconstructs them, in batches as in training, and
    /// keeps the `count` most exciting ones of each map.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if the observer stops it; as for [`SparseEncoder::encode`].
    pub fn new(
        isa: Isa,
        trained: &Trained,
        samples: &Samples<'_>,
        count: usize,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let all: Vec<usize> = (0..samples.len()).collect();
        Self::among(isa, trained, (samples, &all), count, observer)
    }

    /// [`Exciting::new`] of the samples with these indices alone.
    ///
    /// # Errors
    ///
    /// As for [`Exciting::new`].
    pub fn among(
        isa: Isa,
        trained: &Trained,
        (samples, indices): (&Samples<'_>, &[usize]),
        count: usize,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let encoder = SparseEncoder::of(isa, trained)?;
        let inputs = NetworkInputs::new(isa, trained)?;
        let mut maps = vec![Excited::default(); trained.network().code().channels];
        let mut sums = vec![0.0f64; maps.len()];
        observer.begin("find what excites the maps", indices.len() as u64);
        for indices in indices.chunks(trained.recipe().training.batch.max(1)) {
            let codes = encoder.encode(&inputs.of(samples, indices)?)?;
            for (place, sample) in indices.iter().enumerate() {
                // The largest activation of each map; with several windows, a map comes several times.
                let winners = codes.winners(place).map(|(map, _, value)| (map, value));
                let mut largest: Vec<(usize, f32)> = winners.collect();
                largest.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
                largest.dedup_by_key(|(map, _)| *map);
                for (map, value) in largest {
                    if let (Some(excited), Some(sum)) = (maps.get_mut(map), sums.get_mut(map)) {
                        excited.add(*sample, value, count);
                        *sum += f64::from(value);
                    }
                }
            }
            observer.advance(indices.len() as u64);
            if observer.should_stop() {
                observer.end();
                return Err(Error::Interrupted(Interrupted::Encoding));
            }
        }
        observer.end();
        for (excited, sum) in maps.iter_mut().zip(sums) {
            excited.mean = sum / excited.used.max(1) as f64;
        }
        Ok(Self { samples: indices.len(), maps })
    }

    /// The maps from the most used down; of equally used ones the first.
    pub fn by_use(&self) -> Vec<usize> {
        let mut maps: Vec<usize> = (0..self.maps.len()).collect();
        maps.sort_by_key(|map| std::cmp::Reverse(self.maps.get(*map).map_or(0, |excited| excited.used)));
        maps
    }
}

impl Excited {
    fn add(&mut self, sample: usize, value: f32, count: usize) {
        self.used += 1;
        let place = self.most.partition_point(|(_, other)| *other >= value);
        if place < count {
            self.most.insert(place, (sample, value));
            self.most.truncate(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_kept_in_order_and_the_first_of_equal_ones() {
        let mut excited = Excited::default();
        for (sample, value) in [1.0, 3.0, 2.0, 3.0, 0.5, 3.0].into_iter().enumerate() {
            excited.add(sample, value, 3);
        }
        assert_eq!((excited.used, &excited.most[..]), (6, &[(1, 3.0), (3, 3.0), (5, 3.0)][..]));
        excited.add(6, 9.0, 3);
        assert_eq!(excited.most[0], (6, 9.0));
        let maps = [3, 0, 7, 3].map(|used| Excited { used, ..Excited::default() }).to_vec();
        assert_eq!(Exciting { samples: 9, maps }.by_use(), [2, 0, 3, 1]);
    }
}
