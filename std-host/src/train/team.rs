//! The processes that train together. The first of them decides, reads and writes; the others learn what it
//! decided, and do their part of the steps.

use std::sync::Arc;

use bytemuck::Pod;

use super::options::{Options, Outcome};
use crate::error::Result;
use crate::preprocess::Preprocess;
use crate::ranks::{Alone, Kind, Ranks, any, gather, spread};
use crate::recipe::{Recipe, Resolved};
use crate::run::{Below, Trained};

/// The processes that train together.
#[derive(Clone, Debug)]
pub(super) struct Team {
    ranks: Arc<dyn Ranks>,
}

impl Team {
    pub(super) fn of(options: &Options<'_>) -> Self {
        Self { ranks: options.ranks.map_or_else(|| Arc::new(Alone) as Arc<dyn Ranks>, Arc::clone) }
    }

    pub(super) fn ranks(&self) -> Arc<dyn Ranks> {
        Arc::clone(&self.ranks)
    }

    /// Whether this is the process that decides.
    pub(super) fn is_first(&self) -> bool {
        self.ranks.rank() == 0
    }

    /// Whether it is the only one.
    pub(super) fn is_alone(&self) -> bool {
        self.ranks.size() == 1
    }

    /// The first process's value.
    pub(super) fn firsts<T: Pod>(&self, mine: T) -> Result<T> {
        let mut values = [mine];
        spread(&*self.ranks, Kind::Word, 0, &mut values)?;
        let [value] = values;
        Ok(value)
    }

    /// Whether the first process says yes.
    pub(super) fn first_says(&self, mine: bool) -> Result<bool> {
        Ok(self.firsts(u8::from(mine))? == 1)
    }

    /// Whether any process says yes.
    pub(super) fn any_says(&self, mine: bool) -> Result<bool> {
        Ok(any(&*self.ranks, mine)?)
    }

    /// The first process's numbers; the others give anything.
    pub(super) fn firsts_numbers<T: Pod>(&self, mine: Vec<T>) -> Result<Vec<T>> {
        let len = self.firsts(mine.len() as u64)? as usize;
        let mut numbers = mine;
        if !self.is_first() {
            numbers.clear();
            numbers.resize(len, T::zeroed());
        }
        spread(&*self.ranks, Kind::Weights, 0, &mut numbers)?;
        Ok(numbers)
    }

    /// The sums of the processes' counts.
    pub(super) fn sums(&self, mine: &[u64]) -> Result<Vec<u64>> {
        let mut sums = mine.to_vec();
        if self.is_alone() {
            return Ok(sums);
        }
        let (size, len) = (self.ranks.size(), mine.len());
        let mut all = vec![0; size * len];
        if let Some(own) = all.get_mut(self.ranks.rank() * len..).and_then(|all| all.get_mut(..len)) {
            own.copy_from_slice(mine);
        }
        gather(&*self.ranks, Kind::Word, |rank| rank * len..(rank + 1) * len, &mut all)?;
        sums.fill(0);
        for counts in all.chunks_exact(len.max(1)) {
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        Ok(sums)
    }

    /// What the first process's preprocessing has learnt.
    pub(super) fn firsts_preprocess(&self, mine: Option<Preprocess>, recipe: &Recipe) -> Result<Preprocess> {
        let (shape, numbers) = mine.as_ref().map_or(([0; 3], Vec::new()), Preprocess::numbers);
        if let (true, Some(mine)) = (self.is_alone(), mine) {
            return Ok(mine);
        }
        let shape = self.firsts(shape)?;
        Preprocess::of_numbers(recipe, shape, &self.firsts_numbers(numbers)?)
    }

    /// The first process's network.
    pub(super) fn firsts_trained(&self, mine: Option<Trained>, resolved: &Arc<Resolved>) -> Result<Trained> {
        let (parameters, preprocess, below) = match mine {
            Some(mine) => (mine.parameters, Some(Arc::unwrap_or_clone(mine.preprocess)), mine.below),
            None => (Vec::new(), None, None),
        };
        let parameters = self.firsts_numbers(parameters)?;
        let below = match resolved.below() {
            None => None,
            Some(resolved) => {
                let (mine, scale) = below.map_or((None, 0.0), |below| (Some(below.trained), below.scale));
                let trained = self.firsts_trained(mine, resolved)?;
                Some(Box::new(Below { trained, scale: self.firsts(scale)? }))
            }
        };
        let preprocess = match &below {
            Some(below) => Arc::clone(&below.trained.preprocess),
            None => self.firsts_preprocess(preprocess, resolved.recipe())?.into(),
        };
        Ok(Trained { resolved: Arc::clone(resolved), parameters, preprocess, below })
    }

    /// The first process's outcome.
    pub(super) fn firsts_outcome(&self, mine: Option<Outcome>) -> Result<Outcome> {
        let told = mine.map_or([0; 5], |mine| {
            [
                u64::from(mine.checksum),
                mine.loss.to_bits(),
                u64::from(mine.held_out_loss.is_some()),
                mine.held_out_loss.unwrap_or(0.0).to_bits(),
                mine.dead_share.to_bits(),
            ]
        });
        let [checksum, loss, has_held_out, held_out_loss, dead_share] = self.firsts(told)?;
        Ok(Outcome {
            checksum: checksum as u32,
            loss: f64::from_bits(loss),
            held_out_loss: (has_held_out == 1).then(|| f64::from_bits(held_out_loss)),
            dead_share: f64::from_bits(dead_share),
            seconds: 0.0,
        })
    }
}
