//! How unlike the training data a sample is: what the learned dictionary cannot reconstruct of it.
//!
//! The score is half the squared error of the reconstruction from the sample's winners: the loss of training
//! without its lifetime selection. The caller sets the threshold: score a few hundred normal samples that
//! were not trained on, and take the score that only the acceptable share of them exceeds (the 99th
//! percentile, for one false alarm in a hundred). The score grows with the square of the scale, so samples of
//! very different loudness or brightness are better scaled to the same norm first, in training and here.

use crate::compete::Candidates;
use crate::error::{Result, expect_finite, expect_len};
use crate::kernels::Kernels;
use crate::logging::logged;
use crate::memory::split_off;
use crate::network::Network;
use crate::parameters::Parameters;
use crate::select::apply_per_sample;
use crate::stream::{Forward, Rows, forward_len};
use crate::train::Winners;

/// Numbers that [`Novelty`] needs with kernels that prepare nothing (the scalar ones): the encoder's windows,
/// a row of the code, the winners, the residual. In bytes: four times as many. It also needs a position
/// (`u32`) for each map of the code.
pub const fn novelty_len(network: &Network) -> usize {
    let code = network.code();
    let row = code.width.saturating_mul(code.channels).saturating_add(code.channels);
    forward_len(network).saturating_add(row).saturating_add(network.residual_len())
}

/// Scores of samples that arrive row by row.
#[derive(Debug)]
pub struct Novelty<'a, K> {
    forward: Forward<'a, K>,
    keep: usize,
    row: &'a mut [f32],
    values: &'a mut [f32],
    positions: &'a mut [u32],
    residual: &'a mut [f32],
}

impl<'a, K: Kernels> Novelty<'a, K> {
    /// Prepares everything. A sample is reconstructed from the largest activation of each map: of a
    /// fully-connected network, from every active unit. If `keep` is not 0, only the `keep` largest of these
    /// are taken.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) unless `memory` has [`novelty_len`] numbers and, for other
    /// than scalar kernels, [`Forward::prepared_len`], and `positions` has one for each map of the code;
    /// [`Error::Invalid`](crate::Error::Invalid) for parameters without decoder.
    pub fn new(
        kernels: K,
        parameters: Parameters<'a>,
        keep: usize,
        memory: &'a mut [f32],
        positions: &'a mut [u32],
    ) -> Result<Self> {
        let forward = Forward::blank(kernels, parameters);
        // Prepared in its place: what is returned lies on the stack twice.
        let mut novelty =
            Ok(Self { forward, keep, row: &mut [], values: &mut [], positions, residual: &mut [] });
        if let Ok(place) = &mut novelty
            && let Err(error) = place.prepare(memory)
        {
            novelty = Err(error);
        }
        logged!(novelty)
    }

    #[inline(never)]
    fn prepare(&mut self, memory: &'a mut [f32]) -> Result<()> {
        self.forward.parameters_ref().expect_decoder()?;
        let network = self.forward.network();
        let code = network.code();
        let prepared = Forward::prepared_len(self.forward.kernels(), network);
        expect_len("memory of the novelty score", novelty_len(network) + prepared, memory.len())?;
        expect_len("winners' positions", code.channels, self.positions.len())?;
        let mut rest = memory;
        let forward_len = forward_len(network) + prepared;
        self.forward.prepare(split_off(&mut rest, forward_len))?;
        self.row = split_off(&mut rest, code.width * code.channels);
        self.values = split_off(&mut rest, code.channels);
        self.residual = rest;
        Ok(())
    }

    /// The score of a sample, whose rows are gone through twice: half the squared error of its
    /// reconstruction.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) for a sample of another size,
    /// [`Error::NotFinite`](crate::Error::NotFinite) if a number of it, an activation or the score is not
    /// finite.
    pub fn score(&mut self, sample: impl Rows) -> Result<f32> {
        logged!(self.try_score(sample))
    }

    fn try_score(&mut self, mut sample: impl Rows) -> Result<f32> {
        let Self { forward, keep, row, values, positions, residual } = self;
        forward.compete(&mut sample, row, Candidates { values, positions })?;
        if *keep == 0 {
            expect_finite("candidates", values)?;
        } else {
            apply_per_sample(*keep, values)?;
        }
        let score = forward.residual(&mut sample, Winners { values, positions }, residual)?;
        // What is not a number is above no threshold.
        expect_finite("score", &[score])?;
        Ok(score)
    }
}
