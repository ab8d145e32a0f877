//! How good the features are, as far as the training set can tell: the error on a held-out part of it.
//!
//! The same split, grid and tolerance as [`evaluate`](crate::evaluate) chooses C by, but no test image is needed.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use wta_simd::Isa;

use crate::error::{Error, Result};
use crate::evaluate::SEARCH_GAP;
use crate::features::FeatureEncoder;
use crate::progress::Progress;
use crate::run::Trained;
use crate::samples::Samples;
use crate::svm::{self, Rows, Scaling};

/// The best of the recipe's values of C.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validation {
    /// The share of the held-out training images that are classified wrongly.
    pub error: f64,
    /// With this C.
    pub c: f64,
    /// The images held out.
    pub held_out: usize,
}

/// Encodes the training set, trains an SVM on a part of it for each C of the recipe, and counts the errors on the
/// rest. `seed` is for the split, as in [`evaluate::Plan`](crate::evaluate::Plan).
///
/// # Errors
///
/// One sentence for data without labels, and [`Error::Interrupted`] after `stop`.
pub fn validate(
    trained: &Trained,
    samples: &Samples,
    isa: Isa,
    seed: u64,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<Validation> {
    let recipe = &trained.recipe;
    let Some(labels) = samples.labels() else {
        return Err(Error::Invalid(format!(
            "recipe {}: the data set has no labels to classify by",
            recipe.name
        )));
    };
    let encoder = FeatureEncoder::new(isa, trained)?;
    let len = encoder.shape().len();
    let mut rows = Rows::new(len)?;
    progress.phase("encode", samples.len() as u64);
    encoder.run(samples, |features| {
        let group: Vec<&[f32]> = features.chunks_exact(len).collect();
        rows.extend_dense(&group)?;
        progress.inc(group.len() as u64);
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted("the trained network is saved".to_owned()));
        }
        Ok(())
    })?;
    Scaling::unit_average_norm(&rows).apply(&mut rows)?;

    progress.phase("svm", 0);
    let search = svm::Search {
        grid: recipe.svm.c.clone(),
        held_out: recipe.svm.held_out,
        stop: svm::Stop::Gap(SEARCH_GAP),
    };
    let options = svm::Options { stop: svm::Stop::Gap(recipe.svm.gap), seed, ..Default::default() };
    let mut on_progress = |state: svm::Progress| {
        progress.message(&format!(
            "C = {}, {} of {} classes, pass {}",
            state.c, state.classes_done, state.classes, state.epochs
        ));
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let choice = svm::choose(&rows, labels, samples.classes(), &search, &options, &mut on_progress)?;
    progress.finish();
    let errors = choice.trials.iter().map(|trial| trial.errors).min().unwrap_or(0);
    let error = errors as f64 / choice.held_out.max(1) as f64;
    Ok(Validation { error, c: choice.c, held_out: choice.held_out })
}
