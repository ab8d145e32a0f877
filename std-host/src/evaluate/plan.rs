//! How to evaluate: labels, draws, and the SVM's settings.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::labels::balanced;
use crate::data::Classes;
use crate::error::{Error, Result, Setting};
use crate::ranks::{Fact, Ranks, agree};
use crate::recipe::{SvmRecipe, settings_under};
use crate::svm::{self, HoldOut};

/// While C is chosen, an objective within this share of its minimum is good enough.
const SEARCH_GAP: f64 = 1e-2;

/// Up to this many labelled samples, C is chosen by cross-validation: a sixth of them would be too few to
/// count errors on.
const FEW_LABELS: usize = 2_000;

/// The number of parts of the cross-validation.
const FOLDS: usize = 5;

/// How to evaluate.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Use only this many labels, the same number of each class.
    pub labels: Option<usize>,
    /// Draw the labels this many times.
    pub draws: usize,
    /// The seed of the draw of labels, of the held-out part, and of the order of the rows in training. Each
    /// further draw uses the next seed.
    pub seed: u64,
    /// The SVM's settings.
    pub svm: &'a SvmRecipe,
}

/// Some labels for each of several draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    labels: usize,
    draws: usize,
    seed: u64,
}

impl Drawn {
    /// The seed of each draw.
    pub(super) fn seeds(draws: usize, seed: u64) -> impl Iterator<Item = u64> {
        (0..draws).map(move |draw| seed.wrapping_add(draw as u64))
    }

    /// All images that are drawn, ascending.
    pub(super) fn images(self, labels: &[u16], classes: &Classes) -> Result<Vec<usize>> {
        let mut images = BTreeSet::new();
        for seed in Self::seeds(self.draws, self.seed) {
            images.extend(balanced(labels, classes, self.labels, seed)?);
        }
        Ok(images.into_iter().collect())
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { labels, draws, seed } = self;
        write!(to, "{labels} labels, {draws} times, from seed {seed} on")
    }
}

impl Plan<'_> {
    /// What will be drawn, for [`Encoding`](super::Encoding); `None` if all labels are used.
    pub fn drawn(&self) -> Option<Drawn> {
        self.labels.map(|labels| Drawn { labels, draws: self.draws, seed: self.seed })
    }

    /// `Ok` if all processes have this plan.
    pub(super) fn expect_common(&self, ranks: Option<&Arc<dyn Ranks>>) -> Result<()> {
        let Some(ranks) = ranks else { return Ok(()) };
        let Self { labels, draws, seed, svm } = self;
        let mut facts = vec![
            Fact::new("number of labels", labels.map_or("all".to_owned(), |labels| labels.to_string())),
            Fact::new("number of draws", draws),
            Fact::new("seed", seed),
        ];
        facts.extend(settings_under("svm", *svm).into_iter().map(|(key, value)| Fact::new(key, value)));
        Ok(agree(&**ranks, &facts)?)
    }

    /// `Ok` if it can be carried out with `images` labelled training images.
    ///
    /// # Errors
    ///
    /// One sentence if there is no draw, several draws are asked for without a number of labels, there are
    /// fewer labels than asked for, or the values of C make no sense.
    pub fn check(&self, images: usize) -> Result<()> {
        svm::check_grid(&self.svm.c)?;
        if self.draws == 0 {
            return Err(no_draw());
        }
        match self.labels {
            None if self.draws > 1 => Err(Error::setting(
                Setting::Labels,
                "must be given for several draws, which choose so many each",
            )),
            Some(labels) if labels > images => Err(Error::setting_is(
                Setting::Labels,
                labels,
                format!("there are only {images} labelled training images"),
            )),
            _ => Ok(()),
        }
    }
}

/// The search for C among so many rows, which are so many views of each labelled sample.
pub(super) fn search(plan: Plan<'_>, rows: usize, views: usize) -> svm::Search {
    let samples = rows / views.max(1);
    let few = samples <= FEW_LABELS;
    let hold_out = if few { HoldOut::Folds(FOLDS.min(samples)) } else { HoldOut::Share(plan.svm.held_out) };
    svm::Search { grid: plan.svm.c.clone(), hold_out, views, stop: svm::Stop::Gap(SEARCH_GAP) }
}

pub(super) fn options<'a>(plan: Plan<'_>, seed: u64, ranks: Option<&'a Arc<dyn Ranks>>) -> svm::Options<'a> {
    svm::Options { stop: svm::Stop::Gap(plan.svm.gap), seed, ranks, ..Default::default() }
}

pub(super) fn no_draw() -> Error {
    Error::setting(Setting::Draws, "must be at least 1")
}
