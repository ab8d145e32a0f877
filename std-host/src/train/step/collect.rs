//! Parameters and moments of all processes at one of them, to be saved, and from one to all.

use std::borrow::Cow;

use wta_core::Kernels;

use super::BatchTrainer;
use super::portion::Portion;
use crate::error::Result;
use crate::ranks::{Ranks, spread};

/// The parameters and the moments of the whole network.
#[derive(Clone, Debug)]
pub struct Whole<'a> {
    /// The flat parameter vector.
    pub parameters: Cow<'a, [f32]>,
    /// The optimiser's moments.
    pub moments: Cow<'a, [f32]>,
}

impl Whole<'_> {
    /// The same vectors, which nobody else has.
    pub(crate) fn into_owned(self) -> Whole<'static> {
        let Self { parameters, moments } = self;
        let own = |numbers: Cow<'_, [f32]>| Cow::Owned(numbers.into_owned());
        Whole { parameters: own(parameters), moments: own(moments) }
    }
}

impl<K: Kernels> BatchTrainer<K> {
    /// The number of the whole network's moments.
    pub fn whole_moments_len(&self) -> usize {
        self.vectors() * self.portion.whole().parameters_len() + self.common_len()
    }

    /// The parameters and moments of the whole network, at the first process; `None` at the others.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`](crate::Error::Lost) if another process is gone.
    pub fn collect(&self) -> Result<Option<Whole<'_>>> {
        let (portion, ranks) = (&self.portion, self.portion.ranks());
        if !portion.is_part() {
            let (parameters, moments) = (Cow::Borrowed(&*self.parameters), Cow::Borrowed(&*self.moments));
            return Ok((ranks.rank() == 0).then_some(Whole { parameters, moments }));
        }
        if ranks.rank() > 0 {
            if portion.has_part() {
                ranks.send(0, bytemuck::cast_slice(&self.parameters))?;
                ranks.send(0, bytemuck::cast_slice(&self.moments))?;
            }
            return Ok(None);
        }
        let whole_len = portion.whole().parameters_len();
        let mut parameters = vec![0.0; whole_len];
        let mut moments = vec![0.0; self.vectors() * whole_len];
        put(portion, 0, &self.parameters, &mut parameters);
        put(portion, 0, &self.moments, &mut moments);
        let (mut own, mut own_moments) = (Vec::new(), Vec::new());
        for rank in 1..ranks.size() {
            own.resize(part_len(portion, rank), 0.0);
            own_moments.resize(self.vectors() * own.len() + self.common_len(), 0.0);
            ranks.receive(rank, bytemuck::cast_slice_mut(&mut own))?;
            ranks.receive(rank, bytemuck::cast_slice_mut(&mut own_moments))?;
            put(portion, rank, &own, &mut parameters);
            put(portion, rank, &own_moments, &mut moments);
        }
        moments.extend_from_slice(self.moments.get(self.moments.len() - self.common_len()..).unwrap_or(&[]));
        Ok(Some(Whole { parameters: parameters.into(), moments: moments.into() }))
    }

    /// Gives each process its part of the parameters and moments that the first one has: the same vectors as
    /// [`BatchTrainer::collect`] returns. The others give `None`.
    ///
    /// # Errors
    ///
    /// As for [`BatchTrainer::collect`].
    pub fn distribute(&mut self, whole: Option<Whole<'_>>) -> Result<()> {
        let (vectors, common) = (self.vectors(), self.common_len());
        let Self { portion, parameters, moments, .. } = self;
        let ranks = portion.ranks();
        if !portion.is_part() {
            if let Some(whole) = whole {
                parameters.copy_from_slice(&whole.parameters);
                moments.copy_from_slice(&whole.moments);
            }
            if portion.has_part() {
                spread(ranks, 0, parameters)?;
                spread(ranks, 0, moments)?;
            }
            return Ok(());
        }
        let Some(whole) = whole else {
            if portion.has_part() {
                ranks.receive(0, bytemuck::cast_slice_mut(parameters))?;
                ranks.receive(0, bytemuck::cast_slice_mut(moments))?;
            }
            return Ok(());
        };
        let (of_weights, of_all) = whole.moments.split_at(whole.moments.len() - common);
        for rank in (0..ranks.size()).rev() {
            let own = take(portion, rank, 1, &whole.parameters);
            let mut own_moments = take(portion, rank, vectors, of_weights);
            own_moments.extend_from_slice(of_all);
            if rank == 0 {
                parameters.copy_from_slice(&own);
                moments.copy_from_slice(&own_moments);
            } else {
                ranks.send(rank, bytemuck::cast_slice(&own))?;
                ranks.send(rank, bytemuck::cast_slice(&own_moments))?;
            }
        }
        Ok(())
    }

    /// How many vectors like the parameters the moments are.
    fn vectors(&self) -> usize {
        self.common.training.optimizer.method.moments()
    }

    /// How many of the moments all processes have: the chains of an RBM.
    fn common_len(&self) -> usize {
        self.moments.len().saturating_sub(self.vectors() * self.parameters.len())
    }
}

/// The length of a process's vector of parameters.
fn part_len(portion: &Portion, rank: usize) -> usize {
    portion.runs_of(rank).iter().map(ExactSizeIterator::len).sum()
}

/// Puts a process's vectors into their place in the whole ones.
fn put(portion: &Portion, rank: usize, own: &[f32], whole: &mut [f32]) {
    let mut own = own;
    for whole in whole.chunks_exact_mut(portion.whole().parameters_len()) {
        for run in portion.runs_of(rank) {
            let Some(numbers) = own.split_off(..run.len()) else { return };
            if let Some(to) = whole.get_mut(run) {
                to.copy_from_slice(numbers);
            }
        }
    }
}

/// A process's part of some whole vectors.
fn take(portion: &Portion, rank: usize, vectors: usize, whole: &[f32]) -> Vec<f32> {
    let mut own = Vec::with_capacity(vectors * part_len(portion, rank));
    for whole in whole.chunks_exact(portion.whole().parameters_len()).take(vectors) {
        for run in portion.runs_of(rank) {
            own.extend_from_slice(whole.get(run).unwrap_or_default());
        }
    }
    own
}
