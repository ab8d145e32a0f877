//! How to evaluate: labels, draws, and the SVM's settings.

use crate::error::{Error, Result, Setting};
use crate::recipe::SvmRecipe;
use crate::svm::{self, HoldOut};

/// While C is chosen, an objective within this share of its minimum does.
const SEARCH_GAP: f64 = 1e-2;

/// With so few labels, C is chosen by cross-validation: a sixth of them would tell too little.
const FEW_LABELS: usize = 2_000;

/// Parts of the cross-validation.
const FOLDS: usize = 5;

/// How to evaluate.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Use only so many labels, the same number of each class.
    pub labels: Option<usize>,
    /// Choose the labels so many times.
    pub draws: usize,
    /// For the choice of labels, of the held-out part, and the order in the SVM trainer; each further draw
    /// has the next one.
    pub seed: u64,
    /// The SVM's settings.
    pub svm: &'a SvmRecipe,
}

impl Plan<'_> {
    /// `Ok` when it can be carried out with so many labelled training images.
    ///
    /// # Errors
    ///
    /// One sentence for no draw, several draws of all labels, more labels than there are, or values of C that
    /// are none.
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

pub(super) fn search(plan: Plan<'_>) -> svm::Search {
    let hold_out = match plan.labels {
        Some(labels) if labels <= FEW_LABELS => HoldOut::Folds(FOLDS),
        _ => HoldOut::Share(plan.svm.held_out),
    };
    svm::Search { grid: plan.svm.c.clone(), hold_out, stop: svm::Stop::Gap(SEARCH_GAP) }
}

pub(super) fn options(plan: Plan<'_>, seed: u64) -> svm::Options {
    svm::Options { stop: svm::Stop::Gap(plan.svm.gap), seed, ..Default::default() }
}

pub(super) fn no_draw() -> Error {
    Error::setting(Setting::Draws, "must be at least 1")
}
