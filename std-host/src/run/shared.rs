//! What the first of several processes reads from a run folder, and tells the others, who may not have it.

use std::sync::Arc;

use super::folder::Run;
use super::trained::{Below, Trained};
use crate::error::Result;
use crate::preprocess::Preprocess;
use crate::ranks::{Ranks, Team};
use crate::recipe::{self, Recipe, Resolved};

impl Run {
    /// The recipe of the run, as [`Run::recipe`], for several processes: the first one reads it, and all get
    /// it. Without `ranks` this one is alone.
    ///
    /// # Errors
    ///
    /// As for [`Run::recipe`]; the others get [`Error::Lost`](crate::Error::Lost) when the first one has
    /// ended for that.
    pub fn shared_recipe(&self, ranks: Option<&Arc<dyn Ranks>>) -> Result<Recipe> {
        let team = Team::of(ranks);
        if team.is_alone() {
            return self.recipe();
        }
        let text = if team.is_first() { self.recipe()?.to_toml()? } else { String::new() };
        let text = team.firsts_numbers(text.into_bytes())?;
        recipe::parse(&String::from_utf8_lossy(&text), "the first process's recipe")
    }
}

impl Trained {
    /// A run's network, as [`Trained::load`], for several processes: the first one reads it, and all get it.
    ///
    /// # Errors
    ///
    /// As for [`Trained::load`]; the others get [`Error::Lost`](crate::Error::Lost) when the first one has
    /// ended for that.
    pub fn shared(run: &Run, ranks: Option<&Arc<dyn Ranks>>, resolved: Arc<Resolved>) -> Result<Self> {
        let team = Team::of(ranks);
        if team.is_alone() {
            return Self::load(run, resolved);
        }
        let mine = if team.is_first() { Some(Self::load(run, Arc::clone(&resolved))?) } else { None };
        team.firsts_trained(mine, &resolved)
    }
}

impl Team {
    /// What the first process's preprocessing has learnt.
    pub(crate) fn firsts_preprocess(&self, mine: Option<Preprocess>, recipe: &Recipe) -> Result<Preprocess> {
        let (shape, numbers) = mine.as_ref().map_or(([0; 3], Vec::new()), Preprocess::numbers);
        if let (true, Some(mine)) = (self.is_alone(), mine) {
            return Ok(mine);
        }
        let shape = self.firsts(shape)?;
        Preprocess::of_numbers(recipe, shape, &self.firsts_numbers(numbers)?)
    }

    /// The first process's network.
    pub(crate) fn firsts_trained(&self, mine: Option<Trained>, resolved: &Arc<Resolved>) -> Result<Trained> {
        let (parameters, thresholds, preprocess, below) = match mine {
            Some(mine) => {
                let preprocess = Some(Arc::unwrap_or_clone(mine.preprocess));
                (mine.parameters, mine.thresholds.unwrap_or_default(), preprocess, mine.below)
            }
            None => (Vec::new(), Vec::new(), None, None),
        };
        let parameters = self.firsts_numbers(parameters)?;
        let thresholds = self.firsts_numbers(thresholds)?;
        let thresholds = (!thresholds.is_empty()).then_some(thresholds);
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
        Ok(Trained { resolved: Arc::clone(resolved), parameters, preprocess, below, thresholds })
    }
}
