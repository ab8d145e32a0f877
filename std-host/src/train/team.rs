//! What the first of the processes that train together tells the others: what preprocessing has learnt,
//! networks, outcomes.

use std::sync::Arc;

use super::options::Outcome;
use crate::error::Result;
use crate::preprocess::Preprocess;
use crate::ranks::Team;
use crate::recipe::{Recipe, Resolved};
use crate::run::{Below, Trained};

impl Team {
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
