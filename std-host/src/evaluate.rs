//! How good the features are: a linear SVM on them.
//!
//! C is chosen on a held-out part of the training images and the SVM refitted to all of them. The test images
//! are used once, for the error.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::Serialize;
use wta_core::Random;
use wta_simd::Isa;

use crate::error::{Error, Result};
use crate::features::FeatureEncoder;
use crate::model;
use crate::progress::Progress;
use crate::run::{Run, Trained};
use crate::samples::Samples;
use crate::svm::{self, Rows, Scaling};

/// While C is chosen, an objective within this share of its minimum does.
pub(crate) const SEARCH_GAP: f64 = 1e-2;

/// How to evaluate.
pub struct Plan<'a> {
    /// The instruction set.
    pub isa: Isa,
    /// Use only so many labels, the same number of each class.
    pub labels: Option<usize>,
    /// For the choice of labels, of the held-out part, and the order in the SVM trainer.
    pub seed: u64,
    /// Set from outside (Ctrl-C) to stop.
    pub stop: &'a AtomicBool,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The share of test images that are classified wrongly.
    pub test_error: f64,
    /// The share of the training images used that are classified wrongly.
    pub training_error: f64,
    /// The C chosen.
    pub c: f64,
    /// Each C tried with its error on the held-out part.
    pub held_out: Vec<(f64, f64)>,
    /// Labelled training images used.
    pub labels: usize,
    /// The seed.
    pub seed: u64,
    /// Features of an image.
    pub features: usize,
    /// The share of training features that are not 0.
    pub density: f64,
    /// Whether the final SVM met its tolerance.
    pub converged: bool,
    /// The instruction set.
    pub isa: String,
    /// Time to encode both sets.
    pub encode_seconds: f64,
    /// Time to choose C and fit.
    pub svm_seconds: f64,
    /// The classifier, for unscaled features.
    #[serde(skip)]
    pub model: svm::Model,
}

impl Evaluation {
    /// Writes `eval.json` and `svm.safetensors` into the run folder.
    ///
    /// # Errors
    ///
    /// One sentence when a file cannot be written.
    pub fn save(&self, run: &Run) -> Result<()> {
        model::save_svm(&run.file("svm.safetensors"), &self.model)?;
        run.save_json("eval.json", self)
    }
}

/// Encodes both sets and trains the SVM.
///
/// # Errors
///
/// One sentence for data without labels, more labels asked for than there are, or [`Error::Interrupted`].
pub fn evaluate(
    trained: &Trained,
    train: &Samples,
    test: &Samples,
    plan: &Plan<'_>,
    progress: &Progress,
) -> Result<Evaluation> {
    let recipe = &trained.recipe;
    let (Some(train_labels), Some(test_labels)) = (train.labels(), test.labels()) else {
        return Err(Error::Invalid(format!(
            "recipe {}: the data set has no labels to classify by",
            recipe.name
        )));
    };
    if train.shape() != test.shape() {
        return Err(Error::Invalid("the training and the test images are of different sizes".to_owned()));
    }
    let start = Instant::now();
    let chosen = choose_labels(train_labels, train.classes(), plan.labels, plan.seed)?;
    let labels: Vec<u8> = chosen.iter().filter_map(|i| train_labels.get(*i).copied()).collect();
    let encoder = FeatureEncoder::new(plan.isa, trained)?;
    progress.phase("encode", (train.len() + test.len()) as u64);
    let mut train_rows = encode(&encoder, train, Some(&chosen), plan, progress)?;
    let mut test_rows = encode(&encoder, test, None, plan, progress)?;
    let scaling = Scaling::unit_average_norm(&train_rows);
    scaling.apply(&mut train_rows)?;
    scaling.apply(&mut test_rows)?;
    let encode_seconds = start.elapsed().as_secs_f64();

    let start = Instant::now();
    progress.phase("svm", 0);
    let search = svm::Search {
        grid: recipe.svm.c.clone(),
        held_out: recipe.svm.held_out,
        stop: svm::Stop::Gap(SEARCH_GAP),
    };
    let options =
        svm::Options { stop: svm::Stop::Gap(recipe.svm.gap), seed: plan.seed, ..Default::default() };
    let mut on_progress = |state: svm::Progress| {
        progress.message(&format!(
            "C = {}, {} of {} classes, pass {}",
            state.c, state.classes_done, state.classes, state.epochs
        ));
        if plan.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let (mut model, report, choice) =
        svm::choose_and_fit(&train_rows, &labels, train.classes(), &search, &options, &mut on_progress)?;
    progress.finish();
    for warning in report.warnings() {
        progress.line(&format!("warning: {warning}"));
    }
    let svm_seconds = start.elapsed().as_secs_f64();
    if choice.at_edge {
        progress.line(&format!(
            "note: C = {} is at the edge of the recipe's svm.c; a wider grid may do better",
            choice.c
        ));
    }
    let rate = |trial: &svm::Trial| (trial.c, trial.errors as f64 / choice.held_out.max(1) as f64);
    let trials = choice.trials.iter().map(rate).collect();
    let test_error = model.error_rate(&test_rows, test_labels)?;
    let training_error = model.error_rate(&train_rows, &labels)?;
    scaling.fold_into(&mut model)?;
    Ok(Evaluation {
        test_error,
        training_error,
        c: choice.c,
        held_out: trials,
        labels: labels.len(),
        seed: plan.seed,
        features: train_rows.features(),
        density: train_rows.nonzeros() as f64 / (train_rows.len() * train_rows.features()) as f64,
        converged: report.converged(),
        isa: plan.isa.to_string(),
        encode_seconds,
        svm_seconds,
        model,
    })
}

/// The features of all samples, or of those chosen (ascending).
fn encode(
    encoder: &FeatureEncoder,
    samples: &Samples,
    chosen: Option<&[usize]>,
    plan: &Plan<'_>,
    progress: &Progress,
) -> Result<Rows> {
    let len = encoder.shape().len();
    let mut rows = Rows::new(len)?;
    let mut wanted = chosen.map(|chosen| chosen.iter().copied().peekable());
    let mut index = 0;
    encoder.run(samples, |features| {
        let mut taken = Vec::with_capacity(features.len() / len);
        for row in features.chunks_exact(len) {
            let take = wanted.as_mut().is_none_or(|wanted| wanted.next_if_eq(&index).is_some());
            if take {
                taken.push(row);
            }
            index += 1;
        }
        rows.extend_dense(&taken)?;
        progress.inc((features.len() / len) as u64);
        if plan.stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted(
                "nothing was written; the trained network is as it was".to_owned(),
            ));
        }
        Ok(())
    })?;
    Ok(rows)
}

/// A class-balanced choice of labelled images, in ascending order; all of them without a number.
fn choose_labels(labels: &[u8], classes: usize, count: Option<usize>, seed: u64) -> Result<Vec<usize>> {
    let Some(count) = count else { return Ok((0..labels.len()).collect()) };
    if count < classes || count > labels.len() {
        return Err(Error::Invalid(format!(
            "--labels {count}: give at least one label for each of the {classes} classes, and at most {}",
            labels.len()
        )));
    }
    let mut chosen = Vec::with_capacity(count);
    for class in 0..classes {
        let mut members: Vec<usize> = (0..labels.len())
            .filter(|i| labels.get(*i).is_some_and(|label| usize::from(*label) == class))
            .collect();
        // What does not divide evenly goes to the lowest classes.
        let share = count / classes + usize::from(class < count % classes);
        if members.len() < share {
            return Err(Error::Invalid(format!(
                "--labels {count} needs {share} images of class {class}, but there are only {}",
                members.len()
            )));
        }
        Random::stream(seed, class as u64).shuffle(&mut members);
        chosen.extend(members.into_iter().take(share));
    }
    chosen.sort_unstable();
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_labels_are_balanced_and_reproducible() {
        let labels: Vec<u8> = (0..1_000).map(|i| (i * 7 % 10) as u8).collect();
        let chosen = choose_labels(&labels, 10, Some(32), 3).unwrap();
        assert_eq!(chosen, choose_labels(&labels, 10, Some(32), 3).unwrap());
        assert_ne!(chosen, choose_labels(&labels, 10, Some(32), 4).unwrap());
        assert!(chosen.is_sorted() && chosen.len() == 32);
        for class in 0..10u8 {
            let count = chosen.iter().filter(|i| labels[**i] == class).count();
            assert_eq!(count, if class < 2 { 4 } else { 3 });
        }
        assert!(choose_labels(&labels, 10, Some(9), 1).is_err());
        assert!(choose_labels(&labels, 10, Some(1_001), 1).is_err());
    }
}
