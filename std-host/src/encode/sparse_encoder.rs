//! Codes as sparse as in training, and what the network makes of them.

use rayon::prelude::*;
use wta_core::{
    Candidates, Cut, Encoder, Learner, Network, Parameters, Rbm, Selection, Sparsity, Winners, select,
};
use wta_simd::Isa;

use super::prepared::prepared;
use super::threshold::cut_at;
use crate::error::{Error, Result};
use crate::memory::aligned::Aligned;
use crate::memory::block::block_len;
use crate::memory::reserve::zeros;
use crate::recipe::Resolved;
use crate::run::Trained;

/// Encodes batches with the sparsity that training ends with: spatial and lifetime winners, the largest of
/// each sample or of the batch, or of an RBM the largest probabilities of each hidden unit. Of a dictionary
/// with thresholds, with the activations above these.
pub struct SparseEncoder<'a> {
    isa: Isa,
    parameters: Parameters<'a>,
    network: Network,
    sparsity: Sparsity,
    is_rbm: bool,
    prepared: Aligned,
    thresholds: Option<&'a [f32]>,
}

/// The codes of a batch, of which only some numbers are not 0.
#[derive(Clone, Debug)]
pub struct SparseCodes {
    /// Sample by sample, the value and the position of each candidate; 0 where it is no winner.
    values: Vec<f32>,
    positions: Vec<u32>,
    maps: usize,
    candidates: usize,
}

impl SparseCodes {
    /// The codes of no sample.
    fn empty(maps: usize, candidates: usize, samples: usize) -> Self {
        let len = samples * candidates;
        Self { values: vec![0.0; len], positions: vec![0; len], maps, candidates }
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.values.len() / self.candidates.max(1)
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What is not 0 in the code of a sample: map, position (row by row) and value.
    pub fn winners(&self, sample: usize) -> impl Iterator<Item = (usize, usize, f32)> + '_ {
        let (first, maps) = (sample * self.candidates, self.maps.max(1));
        let candidates = self.values.iter().zip(&self.positions).skip(first).take(self.candidates);
        let winners = candidates.enumerate().filter(|(_, (value, _))| **value != 0.0);
        winners.map(move |(slot, (value, position))| (slot % maps, *position as usize, *value))
    }
}

impl<'a> SparseEncoder<'a> {
    /// The encoder of a recipe's network with these parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the core refuses the parameters.
    pub fn new(isa: Isa, resolved: &Resolved, parameters: &'a [f32]) -> Result<Self> {
        let (network, is_rbm) = (resolved.network(), resolved.recipe().gibbs().is_some());
        let parameters = Parameters::new(network, parameters)?;
        let prepared = prepared(isa, parameters, is_rbm)?;
        let sparsity = resolved.recipe().sparsity.at_end(network.code());
        Ok(Self { isa, parameters, network, sparsity, is_rbm, prepared, thresholds: None })
    }

    /// The encoder of a trained network, with its thresholds if it has any.
    ///
    /// # Errors
    ///
    /// As for [`SparseEncoder::new`].
    pub fn of(isa: Isa, trained: &'a Trained) -> Result<Self> {
        let encoder = Self::new(isa, &trained.resolved, &trained.parameters)?;
        Ok(encoder.with_thresholds(trained.thresholds.as_deref()))
    }

    /// The same by thresholds, one for each unit: what exceeds them survives, whatever else is in the batch.
    #[must_use]
    pub fn with_thresholds(self, thresholds: Option<&'a [f32]>) -> Self {
        Self { thresholds, ..self }
    }

    /// The numbers of an input.
    pub fn input_len(&self) -> usize {
        self.network.input().len()
    }

    /// The activation that a map has to exceed to count as active: 0, or of an RBM, whose units are on with a
    /// probability, a half.
    pub(super) fn least_active(&self) -> f32 {
        if self.is_rbm { 0.5 } else { 0.0 }
    }

    /// The maps of the code.
    pub fn maps(&self) -> usize {
        self.network.code().channels
    }

    /// The codes of a batch of inputs, one after the other. Lifetime sparsity is over this batch.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the core refuses an input.
    pub fn encode(&self, inputs: &[f32]) -> Result<SparseCodes> {
        self.selected(self.candidates(inputs)?)
    }

    /// The candidates of a batch before any is chosen by lifetime or within its sample: the spatial winners,
    /// or the probabilities of an RBM's hidden units.
    ///
    /// # Errors
    ///
    /// As for [`SparseEncoder::encode`].
    pub fn candidates(&self, inputs: &[f32]) -> Result<SparseCodes> {
        let (len, maps) = (self.network.input().len().max(1), self.network.code().channels);
        let samples = inputs.len() / len;
        if self.is_rbm {
            let mut codes = SparseCodes::empty(maps, maps, samples);
            let rbm = Rbm::new(self.isa, self.parameters)?;
            rbm.encode(
                &self.prepared,
                inputs,
                &mut vec![0.0; Rbm::width(self.isa, maps)],
                &mut codes.values,
            )?;
            return Ok(codes);
        }
        let candidates = self.sparsity.winners_len(&self.network).max(1);
        let mut codes = SparseCodes::empty(maps, candidates, samples);
        let encoder = Encoder::prepared(self.isa, self.parameters, &self.prepared)?;
        // The filters of a fully-connected layer are read once for a block of samples.
        let block = block_len(&self.network).min(samples.max(1));
        let (layers_len, code_len) = (self.network.inputs_len(), self.network.code_len());
        let scratch = || -> Result<_> {
            let code = zeros(block * code_len, || "the numbers of a code".to_owned())?;
            let scratch = vec![0.0; Encoder::scratch_len(self.isa, &self.network)];
            Ok((zeros(block * layers_len, || "the maps of a sample".to_owned())?, code, scratch))
        };
        let places = codes.values.par_chunks_mut(block * candidates);
        let places = places.zip(codes.positions.par_chunks_mut(block * candidates));
        let inputs = inputs.get(..samples * len).unwrap_or_default();
        places.zip(inputs.par_chunks(block * len)).try_for_each_init(
            scratch,
            |memory, ((values, positions), samples)| {
                let (layers, code, scratch) = match memory {
                    Ok(memory) => memory,
                    Err(_) => return scratch().map(drop),
                };
                let count = samples.len() / len;
                let layers = layers.get_mut(..count * layers_len).unwrap_or_default();
                let code = code.get_mut(..count * code_len).unwrap_or_default();
                for (place, sample) in samples.chunks_exact(len).enumerate() {
                    encoder.load(count, place, sample, layers)?;
                }
                let candidates = Candidates { values, positions };
                let grid = self.sparsity.grid;
                Ok::<(), Error>(encoder.compete(grid, count, layers, scratch, code, candidates)?)
            },
        )?;
        Ok(codes)
    }

    /// The codes from which a batch is reconstructed: the winners, or of an RBM all probabilities.
    ///
    /// # Errors
    ///
    /// As for [`SparseEncoder::encode`].
    pub fn for_reconstruction(&self, inputs: &[f32]) -> Result<SparseCodes> {
        if self.is_rbm { self.candidates(inputs) } else { self.encode(inputs) }
    }

    /// The same codes, with 0 for the candidates that do not win.
    fn selected(&self, mut codes: SparseCodes) -> Result<SparseCodes> {
        if let Some(thresholds) = self.thresholds {
            cut_at(thresholds, &mut codes.values);
            return Ok(codes);
        }
        if !self.is_rbm {
            let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; codes.maps];
            select(self.isa, &self.network, &self.sparsity, &mut codes.values, &mut cuts)?;
            return Ok(codes);
        }
        if !matches!(self.sparsity.selection, Selection::Lifetime { .. }) {
            return Ok(codes);
        }
        let rbm = Rbm::new(self.isa, self.parameters)?;
        let keep = wta_core::positive_survivors(&self.sparsity.selection, codes.len());
        for unit in 0..codes.maps {
            let column = codes.values.iter_mut().skip(unit).step_by(codes.maps.max(1));
            let mut row: Vec<f32> = column.map(|value| *value).collect();
            rbm.keep_largest(keep, &mut row)?;
            let column = codes.values.iter_mut().skip(unit).step_by(codes.maps.max(1));
            column.zip(row).for_each(|(to, value)| *to = value);
        }
        Ok(codes)
    }

    /// What the network makes of codes: an input for each, one after the other.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the core refuses a code.
    pub fn reconstruct(&self, codes: &SparseCodes, to: &mut [f32]) -> Result<()> {
        let len = self.network.input().len().max(1);
        let values = codes.values.par_chunks_exact(codes.candidates.max(1));
        if self.is_rbm {
            let rbm = Rbm::new(self.isa, self.parameters)?;
            let rows = values.zip(to.par_chunks_exact_mut(len));
            return Ok(rows.try_for_each(|(code, to)| rbm.decode(code, to))?);
        }
        let learner = Learner::new(self.isa, self.parameters);
        let rows = values.zip(codes.positions.par_chunks_exact(codes.candidates.max(1)));
        Ok(rows.zip(to.par_chunks_exact_mut(len)).try_for_each_init(
            || vec![0.0; self.network.residual_len()],
            |scratch, ((values, positions), to)| {
                learner.reconstruct(Winners { values, positions }, scratch, to)
            },
        )?)
    }

    /// The whole code of one input, with its maps side by side at each position.
    ///
    /// # Errors
    ///
    /// As for [`SparseEncoder::encode`].
    pub fn dense(&self, input: &[f32]) -> Result<Vec<f32>> {
        if self.is_rbm {
            return Ok(self.candidates(input)?.values);
        }
        let encoder = Encoder::prepared(self.isa, self.parameters, &self.prepared)?;
        let mut layers = vec![0.0; self.network.inputs_len()];
        let mut code = vec![0.0; self.network.code_len()];
        let mut scratch = vec![0.0; Encoder::scratch_len(self.isa, &self.network)];
        encoder.load(1, 0, input, &mut layers)?;
        encoder.hidden(1, &mut layers, &mut scratch)?;
        encoder.top(1, &layers, &mut scratch, &mut code)?;
        Ok(code)
    }
}
