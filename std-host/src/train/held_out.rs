//! Samples that are never trained on, and what a network makes of them.

use rayon::prelude::*;
use wta_core::{Candidates, Cut, Encoder, Kernels, Learner, Parameters, Random, Rbm, Winners, select};
use wta_simd::Isa;

use super::set::TrainingSet;
use crate::draw::{count_of, draw};
use crate::error::Result;
use crate::recipe::{Recipe, Resolved};

/// The stream of the seed that draws the samples.
const STREAM: u64 = 1 << 62;

/// Samples from which the variance of the training samples is computed.
const VARIANCE_SAMPLES: usize = 1_000;

/// Samples that are read at a time.
const BLOCK: usize = 256;

/// Which samples are for training and which are held out, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) training: Vec<usize>,
    pub(super) held_out: Vec<usize>,
}

impl Partition {
    /// Draws the held-out samples of a recipe.
    ///
    /// # Errors
    ///
    /// [`Error::Recipe`](crate::Error::Recipe) if none would be left to train on.
    pub(super) fn new(recipe: &Recipe, samples: usize) -> Result<Self> {
        let Some(held_out) = recipe.training.held_out else {
            return Ok(Self { training: (0..samples).collect(), held_out: Vec::new() });
        };
        let count = if held_out < 1.0 { count_of(held_out, samples).max(1) } else { held_out as usize };
        if count >= samples {
            return Err(recipe.wrong(format!(
                "training.held_out holds out {count} samples, but there are only {samples}"
            )));
        }
        let (held_out, training) = draw(Random::stream(recipe.training.seed, STREAM), samples, count);
        Ok(Self { training, held_out })
    }
}

/// Some of the samples of a set.
pub(super) struct Subset<'a> {
    pub(super) set: &'a dyn TrainingSet,
    pub(super) indices: &'a [usize],
}

impl TrainingSet for Subset<'_> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn write(&self, indices: &[usize], to: &mut [f32]) -> Result<()> {
        let chosen: Vec<usize> =
            indices.iter().filter_map(|index| self.indices.get(*index).copied()).collect();
        self.set.write(&chosen, to)
    }
}

/// The mean squared deviation of samples from their mean, summed over the numbers of a sample: of all, or of
/// some that are evenly spaced.
pub(super) fn variance(set: &dyn TrainingSet, len: usize) -> Result<f64> {
    let step = set.len().div_ceil(VARIANCE_SAMPLES).max(1);
    let chosen: Vec<usize> = (0..set.len()).step_by(step).collect();
    let (mut sums, mut squares) = (vec![0.0f64; len], 0.0f64);
    let mut block = vec![0.0; BLOCK.min(chosen.len()) * len];
    // Differences from the first sample lose no digits to a large mean.
    let mut origin: Vec<f32> = Vec::new();
    for indices in chosen.chunks(BLOCK) {
        let block = block.get_mut(..indices.len() * len).unwrap_or_default();
        set.write(indices, block)?;
        if origin.is_empty() {
            origin = block.get(..len).unwrap_or_default().to_vec();
        }
        for sample in block.chunks_exact(len.max(1)) {
            for ((sum, v), origin) in sums.iter_mut().zip(sample).zip(&origin) {
                let difference = f64::from(*v) - f64::from(*origin);
                *sum += difference;
                squares += difference * difference;
            }
        }
    }
    let count = chosen.len().max(1) as f64;
    let means: f64 = sums.iter().map(|sum| (sum / count).powi(2)).sum();
    Ok((squares / count - means).max(0.0))
}

/// What a network makes of some samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measures {
    /// Half the squared error, summed over a sample, on average.
    pub(super) loss: f64,
    /// Winners that survive in a sample, on average.
    pub(super) active: f64,
    /// The share of maps that survive in no sample.
    pub(super) dead_share: f64,
}

/// Measures a network on all samples of a set, with the sparsity that training ends with. As in training,
/// lifetime sparsity is taken over `batch` samples; the last ones are a smaller batch.
pub(super) fn measure(
    isa: Isa,
    resolved: &Resolved,
    parameters: &[f32],
    set: &dyn TrainingSet,
    batch: usize,
) -> Result<Measures> {
    let (len, maps) = (resolved.network().input().len(), resolved.network().code().channels);
    let all: Vec<usize> = (0..set.len()).collect();
    let mut inputs = vec![0.0; batch.min(all.len()) * len];
    let (mut losses, mut survived) = (Vec::with_capacity(all.len()), vec![0u64; maps]);
    for indices in all.chunks(batch.max(1)) {
        let inputs = inputs.get_mut(..indices.len() * len).unwrap_or_default();
        set.write(indices, inputs)?;
        if resolved.recipe().gibbs().is_some() {
            rbm(isa, resolved, parameters, inputs, &mut losses, &mut survived)?;
        } else {
            autoencoder(isa, resolved, parameters, inputs, &mut losses, &mut survived)?;
        }
    }
    let count = losses.len().max(1) as f64;
    Ok(Measures {
        loss: losses.iter().sum::<f64>() / count,
        active: survived.iter().sum::<u64>() as f64 / count,
        dead_share: survived.iter().filter(|count| **count == 0).count() as f64 / maps.max(1) as f64,
    })
}

fn autoencoder(
    isa: Isa,
    resolved: &Resolved,
    parameters: &[f32],
    inputs: &[f32],
    losses: &mut Vec<f64>,
    survived: &mut [u64],
) -> Result<()> {
    let network = resolved.network();
    let sparsity = resolved.recipe().sparsity.at_end(network.code());
    let parameters = Parameters::new(network, parameters)?;
    let (len, winners) = (network.input().len(), sparsity.winners_len(&network));
    let samples = inputs.len() / len.max(1);
    let mut prepared = vec![0.0; Encoder::prepared_len(isa, &network)];
    Encoder::new(isa, parameters, &mut prepared)?;
    let encoder = Encoder::prepared(isa, parameters, &prepared)?;
    let (mut values, mut positions) = (vec![0.0; samples * winners], vec![0; samples * winners]);
    let places = values.par_chunks_exact_mut(winners).zip(positions.par_chunks_exact_mut(winners));
    let scratch = || {
        let codes = (vec![0.0; network.inputs_len()], vec![0.0; network.code_len()]);
        (codes, vec![0.0; Encoder::scratch_len(isa, &network)])
    };
    places.zip(inputs.par_chunks_exact(len)).try_for_each_init(
        scratch,
        |((layers, code), scratch), ((values, positions), sample)| {
            encoder.load(1, 0, sample, layers)?;
            let candidates = Candidates { values, positions };
            encoder.compete(sparsity.grid, 1, layers, scratch, code, candidates)
        },
    )?;
    let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; network.code().channels];
    select(isa, &network, &sparsity, &mut values, &mut cuts)?;
    let maps = survived.len().max(1);
    for (slot, value) in values.iter().enumerate() {
        if let Some(count) = survived.get_mut(slot % winners % maps) {
            *count += u64::from(*value > 0.0);
        }
    }
    let learner = Learner::new(isa, parameters);
    let rows = values.par_chunks_exact(winners).zip(positions.par_chunks_exact(winners));
    let found: wta_core::Result<Vec<f64>> = rows
        .zip(inputs.par_chunks_exact(len))
        .map_init(
            || (vec![0.0; network.residual_len()], vec![0.0; len]),
            |(scratch, made), ((values, positions), sample)| {
                learner.reconstruct(Winners { values, positions }, scratch, made)?;
                Ok(half_squares(sample, made))
            },
        )
        .collect();
    losses.extend(found?);
    Ok(())
}

fn rbm(
    isa: Isa,
    resolved: &Resolved,
    parameters: &[f32],
    inputs: &[f32],
    losses: &mut Vec<f64>,
    survived: &mut [u64],
) -> Result<()> {
    let network = resolved.network();
    let parameters = Parameters::new(network, parameters)?;
    let (len, units) = (network.input().len(), network.code().channels);
    let mut prepared = vec![0.0; isa.prepared_len(units, len)];
    isa.prepare(parameters.filters(0).weights, len, &mut prepared);
    let machine = Rbm::new(isa, parameters)?;
    let mut codes = vec![0.0; inputs.len() / len.max(1) * units];
    machine.encode(&prepared, inputs, &mut vec![0.0; Rbm::width(isa, units)], &mut codes)?;
    let mut made = vec![0.0; len];
    for (code, sample) in codes.chunks_exact(units).zip(inputs.chunks_exact(len)) {
        machine.decode(code, &mut made)?;
        losses.push(half_squares(sample, &made));
        // A unit that is more likely on than off counts as active.
        survived.iter_mut().zip(code).for_each(|(count, on)| *count += u64::from(*on > 0.5));
    }
    Ok(())
}

fn half_squares(sample: &[f32], made: &[f32]) -> f64 {
    let squares = sample.iter().zip(made).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    0.5 * squares.sum::<f64>()
}
