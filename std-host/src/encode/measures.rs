//! How well a sparse code explains samples, and how sparse it is.

use serde::{Deserialize, Serialize};

use super::sparse_encoder::SparseEncoder;
use super::spread::Spread;
use crate::error::Result;
use crate::memory::reserve;

/// A unit is dense that is active in more than this share of the samples.
const DENSE: f64 = 0.1;

/// What a network makes of some samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// The number of samples.
    pub samples: usize,
    /// Half the squared error, summed over a sample, on average.
    pub loss: f64,
    /// FVU, the fraction of variance unexplained: the squared error over the squared deviation of these
    /// samples from their mean; `None` if they do not deviate.
    pub fvu: Option<f64>,
    /// L0: winners that survive in a sample, on average.
    pub active: f64,
    /// L1: the sum of the winners' activations in a sample, on average.
    pub l1: f64,
    /// The cosine between a sample and its reconstruction, on average over the samples and reconstructions
    /// that are not 0.
    pub cosine: f64,
    /// The share of maps that survive in no sample.
    pub dead_share: f64,
    /// The share of maps that survive in more than a tenth of the samples.
    pub dense_share: f64,
}

/// Measures a network on `samples` inputs, which `write` writes by their indices, `batch` of them at a time.
/// Where winners depend on the batch, the last ones are a smaller batch.
///
/// # Errors
///
/// Those of `write`, and of [`SparseEncoder::encode`].
pub fn measure(
    encoder: &SparseEncoder<'_>,
    samples: usize,
    batch: usize,
    mut write: impl FnMut(&[usize], &mut [f32]) -> Result<()>,
) -> Result<Measures> {
    let (len, maps, least) = (encoder.input_len(), encoder.maps(), encoder.least_active());
    let batch = batch.clamp(1, samples.max(1));
    let mut inputs = reserve::zeros(batch * len, || "a batch of samples to measure on".to_owned())?;
    let mut made = reserve::zeros(inputs.len(), || "their reconstructions".to_owned())?;
    let (mut losses, mut l1, mut cosines, mut with_cosine) = (0.0, 0.0, 0.0, 0usize);
    let (mut survived, mut used) = (0u64, vec![0u64; maps]);
    let (mut seen, mut last_seen) = (0usize, vec![0usize; maps]);
    let mut spread = Spread::new(len);
    let all: Vec<usize> = (0..samples).collect();
    for indices in all.chunks(batch) {
        let inputs = inputs.get_mut(..indices.len() * len).unwrap_or_default();
        let made = made.get_mut(..indices.len() * len).unwrap_or_default();
        write(indices, inputs)?;
        let codes = encoder.for_reconstruction(inputs)?;
        for sample in 0..codes.len() {
            seen += 1;
            for (map, _, value) in codes.winners(sample) {
                l1 += f64::from(value);
                if value > least {
                    survived += 1;
                    // A map with winners in several windows is used once.
                    if let (Some(count), Some(last)) = (used.get_mut(map), last_seen.get_mut(map)) {
                        *count += u64::from(*last != seen);
                        *last = seen;
                    }
                }
            }
        }
        encoder.reconstruct(&codes, made)?;
        for (sample, made) in inputs.chunks_exact(len.max(1)).zip(made.chunks_exact(len.max(1))) {
            losses += 0.5 * squared_error(sample, made);
            spread.add(sample);
            if let Some(cosine) = cosine(sample, made) {
                cosines += cosine;
                with_cosine += 1;
            }
        }
    }
    let count = samples.max(1) as f64;
    let share = |is_such: &dyn Fn(u64) -> bool| {
        used.iter().filter(|used| is_such(**used)).count() as f64 / maps.max(1) as f64
    };
    let variance = spread.variance();
    Ok(Measures {
        samples,
        loss: losses / count,
        fvu: (variance > 0.0).then(|| 2.0 * losses / count / variance),
        active: survived as f64 / count,
        l1: l1 / count,
        cosine: cosines / with_cosine.max(1) as f64,
        dead_share: share(&|used| used == 0),
        dense_share: share(&|used| used as f64 > DENSE * samples as f64),
    })
}

fn squared_error(sample: &[f32], made: &[f32]) -> f64 {
    let squares = sample.iter().zip(made).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    squares.sum()
}

fn cosine(sample: &[f32], made: &[f32]) -> Option<f64> {
    let product =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let norms = product(sample, sample).sqrt() * product(made, made).sqrt();
    (norms > 0.0).then(|| product(sample, made) / norms)
}

#[cfg(test)]
mod tests {
    use wta_core::Network;

    use super::*;
    use crate::recipe;

    /// Two units, one for each of two inputs, whose thresholds are 1.
    #[test]
    fn all_measures_by_hand() {
        let text = "name = 'two'\nabout = 'two units'\ndata = { set = 'array', train = 'x.npy' }
            network = { kind = 'fully-connected', units = [3], tied = true, initial = 'he' }
            sparsity = { per-sample = 1 }
            training = { epochs = 1, batch = 2, optimizer = 'adam', rate = 1e-3 }";
        let network = Network::fully_connected(2, &[3]).unwrap().tied().unwrap();
        let resolved = recipe::parse(text, "r").unwrap().resolve(network.input()).unwrap();
        let mut parameters = vec![0.0; network.parameters_len()];
        parameters[..6].copy_from_slice(&[1.0, 0.0, 0.0, 1.0, -1.0, -1.0]);
        let samples = [[3.0f32, 0.0], [0.0, 2.0], [4.0, 3.0]];
        let write = |indices: &[usize], to: &mut [f32]| {
            for (index, to) in indices.iter().zip(to.chunks_exact_mut(2)) {
                to.copy_from_slice(&samples[*index]);
            }
            Ok(())
        };
        let isa = wta_simd::Isa::detect();
        let encoder = SparseEncoder::new(isa, &resolved, &parameters).unwrap();
        let found = measure(&encoder, 3, 2, write).unwrap();
        // Only the 3 of the last sample is missed; the samples' mean is (7/3, 5/3).
        let deviation = (9.0 + 16.0 - 49.0 / 3.0) + (4.0 + 9.0 - 25.0 / 3.0);
        let expected = Measures {
            samples: 3,
            loss: 4.5 / 3.0,
            fvu: Some(9.0 / deviation),
            active: 1.0,
            l1: 3.0,
            cosine: (1.0 + 1.0 + 0.8) / 3.0,
            dead_share: 1.0 / 3.0,
            dense_share: 2.0 / 3.0,
        };
        for (a, b) in [
            (found.loss, expected.loss),
            (found.fvu.unwrap(), expected.fvu.unwrap()),
            (found.active, expected.active),
            (found.l1, expected.l1),
            (found.cosine, expected.cosine),
            (found.dead_share, expected.dead_share),
            (found.dense_share, expected.dense_share),
        ] {
            assert!((a - b).abs() < 1e-9, "{found:?}");
        }
        // By thresholds, the batch does not matter, and both numbers of the last sample are there.
        let cut = encoder.with_thresholds(Some(&[2.5, 2.5, 0.0]));
        let found = measure(&cut, 3, 1, write).unwrap();
        assert!((found.loss - 2.0 / 3.0).abs() < 1e-9 && (found.active - 1.0).abs() < 1e-9, "{found:?}");
    }
}
