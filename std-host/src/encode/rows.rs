//! The features of many samples as rows, encoded by several processes.

use super::encoder::FeatureEncoder;
use crate::error::{Error, Interrupted, Result};
use crate::memory::reserve::zeros;
use crate::observer::Observer;
use crate::preprocess::Samples;
use crate::ranks::{Team, part};
use crate::svm::{Rows, append_all};

/// Encodes samples into rows.
pub(crate) struct RowEncoder<'a> {
    /// Gives the features.
    pub(crate) encoder: &'a FeatureEncoder,
    /// The processes that share the work. Each of them gets all rows.
    pub(crate) team: &'a Team,
    /// Hears of all samples, whoever encodes them.
    pub(crate) observer: &'a dyn Observer,
    /// What is interrupted when an observer stops it.
    pub(crate) interrupted: Interrupted,
}

impl RowEncoder<'_> {
    /// Appends the features of the samples with these indices to `rows`, in this order. Each process encodes
    /// a part of them.
    ///
    /// # Errors
    ///
    /// As for [`FeatureEncoder::encode`] and [`Rows::extend_dense`]; [`Error::Interrupted`] if the observer
    /// of any process stops it, [`Error::Lost`] if another process has an error or is gone.
    pub(crate) fn append(&self, samples: &Samples<'_>, indices: &[usize], rows: &mut Rows) -> Result<()> {
        if self.team.is_alone() {
            return self.encode(samples, indices, rows);
        }
        let mut mine = Rows::new(rows.features())?;
        self.encode(samples, indices, &mut mine)?;
        append_all(self.team, mine, rows)
    }

    /// Appends the features of this process's samples.
    fn encode(&self, samples: &Samples<'_>, indices: &[usize], rows: &mut Rows) -> Result<()> {
        let (count, size, len) = (indices.len(), self.team.size(), self.encoder.shape().len());
        let own = indices.get(part(count, self.team.rank(), size)).unwrap_or_default();
        let group = self.encoder.group();
        let memory = zeros(group.min(own.len()) * len, || "the features".to_owned());
        let (mut features, ready) = match memory {
            Ok(features) => (features, Ok(false)),
            Err(error) => (Vec::new(), Err(error)),
        };
        self.team.stops(ready)?;
        let mut own = own.chunks(group);
        // No part is longer than the first.
        for first in (0..part(count, 0, size).len()).step_by(group) {
            let done = self.block(samples, own.next().unwrap_or_default(), &mut features, rows);
            if self.team.stops(done.map(|was_stopped| was_stopped || self.observer.should_stop()))? {
                return Err(Error::Interrupted(self.interrupted.clone()));
            }
            let of_all = (0..size).map(|rank| part(count, rank, size).len().saturating_sub(first).min(group));
            self.observer.advance(of_all.sum::<usize>() as u64);
        }
        Ok(())
    }

    /// Appends the features of some of them; returns whether the observer has stopped it.
    fn block(
        &self,
        samples: &Samples<'_>,
        chosen: &[usize],
        features: &mut [f32],
        rows: &mut Rows,
    ) -> Result<bool> {
        let len = self.encoder.shape().len();
        let features = features.get_mut(..chosen.len() * len).unwrap_or_default();
        let was_stopped = self.encoder.encode_watched(samples, chosen, features, self.observer)?;
        rows.extend_dense(&features.chunks_exact(len.max(1)).collect::<Vec<_>>())?;
        Ok(was_stopped)
    }
}
