//! Calibration: the limits beyond which inputs and activations saturate.

use rayon::prelude::*;
use wta_core::{Encoder, Inputs, Network, Parameters, Pool};
use wta_simd::Isa;

use crate::encode::NetworkInputs;
use crate::error::Result;
use crate::memory::reserve::zeros;
use crate::preprocess::Samples;
use crate::run::Trained;

/// The largest activation in 8 bits.
pub(super) const MAX_ACTIVATION: f64 = wta_core::int8::MAX_ACTIVATION as f64;

/// The largest signed byte that is used.
pub(super) const MAX_SIGNED: f64 = 127.0;

/// The most images that are examined, evenly spaced over all.
const IMAGES: usize = 2000;
/// The number of images that a task encodes.
const BLOCK: usize = 50;
/// The most numbers of inputs that are in memory at a time.
const INPUTS: usize = 1 << 24;
/// The number of bins of the histogram of activations, from 0 to the largest.
const BINS: usize = 4096;
/// The number of limits to try, from the largest activation down to a quarter of it.
const LIMITS: usize = 97;

/// The limits beyond which numbers saturate.
pub(super) struct Limits {
    /// Of the magnitudes of the network's input, in as many steps as activations have.
    pub(super) input: f64,
    /// The same in the steps of a signed byte.
    pub(super) byte_input: f64,
    /// Of each layer's activations; in the last layer, of the features.
    pub(super) layers: Vec<f64>,
}

/// The limits that minimise the squared error of the quantised numbers, for a network whose code is pooled
/// so.
pub(super) fn limits(trained: &Trained, pool: Pool, images: &Samples<'_>) -> Result<Limits> {
    let isa = Isa::detect();
    let ((network, parameters), root) = (trained.encoding(), trained.recipe().features.root);
    let parameters = Parameters::from_outside(network, &parameters)?;
    let activations = Activations { parameters, pool };
    let inputs = NetworkInputs::new(isa, trained)?;
    let step = (images.len() / IMAGES).max(1);
    let indices: Vec<usize> = (0..images.len()).step_by(step).take(IMAGES).collect();
    let len = network.input().len().max(1);
    // Of large images, a task takes one, and few are in memory.
    let (group, block) = match INPUTS / len {
        few if few < BLOCK => (few.max(1), 1),
        many => (many.next_multiple_of(BLOCK), BLOCK),
    };
    // Number 0 are the magnitudes of the input; then come the layers.
    let mut largest = vec![0.0f32; network.depth() + 1];
    for indices in indices.chunks(group) {
        let inputs = inputs.of(images, indices)?;
        let blocks: Result<Vec<Vec<f32>>> = inputs
            .par_chunks(block * len)
            .map(|block| {
                let mut largest = vec![0.0f32; network.depth() + 1];
                activations.of(block, |layer, activation| {
                    if let Some(largest) = largest.get_mut(layer) {
                        *largest = largest.max(activation);
                    }
                })?;
                Ok(largest)
            })
            .collect();
        for block in blocks? {
            largest.iter_mut().zip(block).for_each(|(a, b)| *a = a.max(b));
        }
    }
    let mut counts = vec![0u64; largest.len() * BINS];
    for indices in indices.chunks(group) {
        let inputs = inputs.of(images, indices)?;
        let blocks: Result<Vec<Vec<u64>>> = inputs
            .par_chunks(block * len)
            .map(|block| {
                let mut counts = vec![0u64; largest.len() * BINS];
                activations.of(block, |layer, activation| {
                    let most = largest.get(layer).copied().unwrap_or(0.0).max(f32::MIN_POSITIVE);
                    let bin = ((activation / most * BINS as f32) as usize).min(BINS - 1);
                    if let Some(count) = counts.get_mut(layer * BINS + bin) {
                        *count += u64::from(activation > 0.0);
                    }
                })?;
                Ok(counts)
            })
            .collect();
        for block in blocks? {
            counts.iter_mut().zip(block).for_each(|(a, b)| *a += b);
        }
    }
    let all = largest.iter().zip(counts.chunks_exact(BINS)).enumerate();
    let byte_input = match (largest.first(), counts.get(..BINS)) {
        (Some(largest), Some(counts)) => best_limit(f64::from(*largest), counts, false, MAX_SIGNED),
        _ => 0.0,
    };
    let mut limits = all.map(|(layer, (largest, counts))| {
        best_limit(f64::from(*largest), counts, root && layer == network.depth(), MAX_ACTIVATION)
    });
    Ok(Limits { input: limits.next().unwrap_or(0.0), byte_input, layers: limits.collect() })
}

/// The limit with the smallest squared error of the activations, or of their square roots, in so many steps.
fn best_limit(largest: f64, counts: &[u64], root: bool, steps: f64) -> f64 {
    let limits = (0..LIMITS).map(|i| largest * (1.0 - 0.75 * i as f64 / (LIMITS - 1) as f64));
    let errors = limits.map(|limit| (limit, squared_error(largest, limit, counts, root, steps)));
    let best = errors.reduce(|best, next| if next.1 < best.1 { next } else { best });
    best.map_or(largest, |(limit, _)| limit)
}

fn squared_error(largest: f64, limit: f64, counts: &[u64], root: bool, steps: f64) -> f64 {
    let (width, scale) = (largest / counts.len() as f64, limit / steps);
    let bins = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    bins.map(|(bin, count)| {
        let activation = (bin as f64 + 0.5) * width;
        let integer = (activation / scale).round().min(steps);
        let error = if root {
            (steps * integer).sqrt().round() * (scale / steps).sqrt() - activation.sqrt()
        } else {
            integer * scale - activation
        };
        *count as f64 * error * error
    })
    .sum()
}

/// Computes the activations of images in `f32`.
struct Activations<'a> {
    parameters: Parameters<'a>,
    pool: Pool,
}

impl Activations<'_> {
    /// Calls `see` with the magnitude of each number of some inputs, as layer 0, and with the layer (from 1)
    /// and the value of each of their activations; in the last layer, the values are pooled.
    fn of(&self, inputs: &[f32], mut see: impl FnMut(usize, f32)) -> Result<()> {
        let network: Network = self.parameters.network();
        let isa = Isa::detect();
        let mut prepared = vec![0.0; Encoder::prepared_len(isa, &network)];
        let encoder = Encoder::new(isa, self.parameters, &mut prepared)?;
        let mut scratch = vec![0.0; Encoder::scratch_len(isa, &network)];
        let mut padded = zeros(network.inputs_len(), || "the maps of a sample".to_owned())?;
        let mut code = zeros(network.code_len(), || "the numbers of a code".to_owned())?;
        let mut features = zeros(self.pool.output(network.code()).len(), || "the features".to_owned())?;
        for input in inputs.chunks_exact(network.input().len().max(1)) {
            input.iter().for_each(|number| see(0, number.abs()));
            encoder.load(1, 0, input, &mut padded)?;
            encoder.hidden(1, &mut padded, &mut scratch)?;
            encoder.top(1, &padded, &mut scratch, &mut code)?;
            self.pool.run(isa, network.code(), &code, &mut features)?;
            let maps = Inputs::new(network, 1, &padded)?;
            for layer in 1..network.depth() {
                maps.of(layer, 0).iter().for_each(|activation| see(layer, *activation));
            }
            features.iter().for_each(|activation| see(network.depth(), *activation));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_activation_is_the_limit_of_even_ones() {
        assert_eq!(best_limit(3.0, &[10; BINS], false, MAX_ACTIVATION), 3.0);
    }

    #[test]
    fn a_few_large_activations_saturate() {
        // A million up to a quarter of the largest activation, and a single one as large as that.
        let mut counts = vec![0; BINS];
        counts[..BINS / 4].fill(1000);
        counts[BINS - 1] = 1;
        let limit = best_limit(4.0, &counts, false, MAX_ACTIVATION);
        assert!((1.0..3.0).contains(&limit), "{limit}");
        let lost = squared_error(4.0, limit, &counts, false, MAX_ACTIVATION);
        assert!(lost < squared_error(4.0, 4.0, &counts, false, MAX_ACTIVATION));
        assert!(lost < squared_error(4.0, 0.9 * limit, &counts, false, MAX_ACTIVATION));
    }
}
