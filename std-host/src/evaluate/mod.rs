//! How good the features are: a linear SVM on them.
//!
//! The images are [`Encoded`] once. [`evaluate`] chooses C on held-out training images, refits the SVM to all that are
//! used, and takes the test images once, for the error; with few labels, it does so for several draws of them.
//! [`validate`] does without the test images.

mod encoded;
mod labels;

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

pub use encoded::{Encoded, Encoding, Part};

use crate::error::{Error, Result};
use crate::model;
use crate::progress::Progress;
use crate::recipe::SvmRecipe;
use crate::run::Run;
use crate::svm::{self, HoldOut, Rows};

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
    /// For the choice of labels, of the held-out part, and the order in the SVM trainer; each further draw has the next
    /// one.
    pub seed: u64,
    /// The SVM's settings.
    pub svm: &'a SvmRecipe,
    /// Set from outside (Ctrl-C) to stop.
    pub stop: &'a AtomicBool,
}

impl Plan<'_> {
    /// `Ok` when it can be carried out with so many labelled training images.
    ///
    /// # Errors
    ///
    /// One sentence for no draw, several draws of all labels, more labels than there are, or values of C that are none.
    pub fn check(&self, images: usize) -> Result<()> {
        svm::check_grid(&self.svm.c)?;
        if self.draws == 0 {
            return Err(no_draw());
        }
        match self.labels {
            None if self.draws > 1 => {
                Err(Error::Invalid("--draws is for few labels: say how many with --labels".to_owned()))
            }
            Some(labels) if labels > images => Err(Error::Invalid(format!(
                "--labels {labels}: there are only {images} labelled training images"
            ))),
            _ => Ok(()),
        }
    }
}

/// What came of one draw.
#[derive(Clone, Debug, Serialize)]
pub struct Draw {
    /// The seed.
    pub seed: u64,
    /// The C chosen.
    pub c: f64,
    /// The share of held-out training images that are classified wrongly with it; `None` when the recipe has one C only.
    pub held_out_error: Option<f64>,
    /// The share of test images that are classified wrongly.
    pub test_error: f64,
}

/// What came of it. With several draws, the fields that are not about all of them are about the first.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The share of test images that are classified wrongly.
    pub test_error: f64,
    /// The share of the training images used that are classified wrongly.
    pub training_error: f64,
    /// The C chosen.
    pub c: f64,
    /// Each C tried with its error on held-out training images.
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
    /// Time to choose C and fit, of all draws.
    pub svm_seconds: f64,
    /// The pooling: `11/6`, windows of 11 x 11 every 6 positions, or `none`.
    pub pool: String,
    /// What the features were raised to.
    pub power: f32,
    /// [`Trained::checksum`](crate::run::Trained::checksum) of the network whose features these are, in hexadecimal.
    pub weights: String,
    /// Every draw.
    pub draws: Vec<Draw>,
    /// The mean of the draws' test errors.
    pub mean: f64,
    /// Their sample standard deviation, 0 for one draw.
    pub sd: f64,
    /// The first draw's classifier, for unscaled features.
    #[serde(skip)]
    pub model: svm::Model,
}

impl Evaluation {
    /// Writes `eval.json` and, of the first draw, `svm.safetensors` into the run folder.
    ///
    /// # Errors
    ///
    /// One sentence when a file cannot be written.
    pub fn save(&self, run: &Run) -> Result<()> {
        model::save_svm(&run.file("svm.safetensors"), &self.model)?;
        run.save_json("eval.json", self)
    }
}

/// What the held-out training images say.
#[derive(Clone, Debug)]
pub struct Validation {
    /// Each C tried with its error on held-out training images, of the first draw.
    pub held_out: Vec<(f64, f64)>,
    /// Of every draw, the C chosen and the share of held-out training images that are classified wrongly with it.
    pub draws: Vec<(f64, f64)>,
    /// The mean of the draws' errors.
    pub mean: f64,
    /// Their sample standard deviation, 0 for one draw.
    pub sd: f64,
}

/// Trains the SVM and tests it.
///
/// # Errors
///
/// One sentence when the test images are not encoded, for more labels than there are, several draws of all labels, or
/// [`Error::Interrupted`].
pub fn evaluate(encoded: &Encoded, plan: Plan<'_>, progress: &Progress) -> Result<Evaluation> {
    let Some(test) = &encoded.test else {
        return Err(Error::Invalid("the test images are not encoded, and there is no test error".to_owned()));
    };
    plan.check(encoded.train.labels.len())?;
    let start = Instant::now();
    let mut draws: Vec<Draw> = Vec::new();
    let mut first = None;
    for sample in samples(encoded, plan) {
        let (seed, rows, labels) = sample?;
        let (mut model, report, choice) = listening(plan, draws.len(), progress, |on_progress| {
            let (search, options) = (search(plan), options(plan, seed));
            svm::choose_and_fit(&rows, &labels, encoded.classes, &search, &options, on_progress)
        })?;
        let test_error = model.error_rate(&test.rows, &test.labels)?;
        let held_out_error = (choice.held_out > 0).then(|| choice.held_out_error());
        draws.push(Draw { seed, c: choice.c, held_out_error, test_error });
        for warning in report.warnings() {
            progress.line(&format!("warning: {warning}"));
        }
        if first.is_none() {
            let training_error = model.error_rate(&rows, &labels)?;
            encoded.scaling.fold_into(&mut model)?;
            first = Some((training_error, model, report.converged(), choice, labels.len()));
        }
    }
    progress.finish();
    let (Some((training_error, model, converged, choice, labels)), Some(draw)) = (first, draws.first())
    else {
        return Err(no_draw());
    };
    warn_of_edge(&choice, plan, progress);
    let (mean, sd) = spread(draws.iter().map(|draw| draw.test_error));
    let rows = &encoded.train.rows;
    Ok(Evaluation {
        test_error: draw.test_error,
        training_error,
        c: draw.c,
        held_out: trials(&choice),
        labels,
        seed: plan.seed,
        features: rows.features(),
        density: rows.nonzeros() as f64 / (rows.len() * rows.features()) as f64,
        converged,
        isa: encoded.isa.to_string(),
        encode_seconds: encoded.seconds,
        svm_seconds: start.elapsed().as_secs_f64(),
        pool: pool_name(encoded.pool),
        power: encoded.power,
        weights: format!("{:08x}", encoded.checksum),
        draws,
        mean,
        sd,
        model,
    })
}

/// Chooses C and says how many of the held-out training images are classified wrongly with it: what settings are
/// compared by, so that the test images have no part in any choice. The SVM is not fitted to all images.
///
/// # Errors
///
/// As [`evaluate`].
pub fn validate(encoded: &Encoded, plan: Plan<'_>, progress: &Progress) -> Result<Validation> {
    plan.check(encoded.train.labels.len())?;
    let mut draws = Vec::new();
    let mut first = None;
    for sample in samples(encoded, plan) {
        let (seed, rows, labels) = sample?;
        let choice = listening(plan, draws.len(), progress, |on_progress| {
            let (search, options) = (search(plan), options(plan, seed));
            svm::choose(&rows, &labels, encoded.classes, &search, &options, on_progress)
        })?;
        draws.push((choice.c, choice.held_out_error()));
        first = first.or(Some(choice));
    }
    progress.finish();
    let Some(choice) = first else { return Err(no_draw()) };
    warn_of_edge(&choice, plan, progress);
    let (mean, sd) = spread(draws.iter().map(|(_, error)| *error));
    Ok(Validation { held_out: trials(&choice), draws, mean, sd })
}

/// The training rows and labels of each draw, with its seed; all of them without a number of labels.
fn samples<'a>(
    encoded: &'a Encoded,
    plan: Plan<'a>,
) -> impl Iterator<Item = Result<(u64, Cow<'a, Rows>, Cow<'a, [u8]>)>> {
    let all = &encoded.train;
    (0..plan.draws).map(move |draw| {
        let seed = plan.seed.wrapping_add(draw as u64);
        let Some(count) = plan.labels else {
            return Ok((seed, Cow::Borrowed(&all.rows), Cow::Borrowed(&all.labels[..])));
        };
        let chosen = labels::balanced(&all.labels, encoded.classes, count, seed)?;
        let labels: Vec<u8> = chosen.iter().filter_map(|i| all.labels.get(*i).copied()).collect();
        Ok((seed, Cow::Owned(all.rows.select(&chosen)), Cow::Owned(labels)))
    })
}

fn search(plan: Plan<'_>) -> svm::Search {
    let hold_out = match plan.labels {
        Some(labels) if labels <= FEW_LABELS => HoldOut::Folds(FOLDS),
        _ => HoldOut::Share(plan.svm.held_out),
    };
    svm::Search { grid: plan.svm.c.clone(), hold_out, stop: svm::Stop::Gap(SEARCH_GAP) }
}

fn options(plan: Plan<'_>, seed: u64) -> svm::Options {
    svm::Options { stop: svm::Stop::Gap(plan.svm.gap), seed, ..Default::default() }
}

/// Trains an SVM while showing how far it is, until `plan.stop` is set.
fn listening<T>(
    plan: Plan<'_>,
    draw: usize,
    progress: &Progress,
    train: impl FnOnce(svm::OnProgress) -> Result<T>,
) -> Result<T> {
    if draw == 0 {
        progress.phase("svm", 0);
    }
    let place = if plan.draws > 1 { format!("draw {} of {}, ", draw + 1, plan.draws) } else { String::new() };
    train(&mut |state: svm::Progress| {
        progress.message(&format!(
            "{place}C = {}, {} of {} classes, pass {}",
            state.c, state.classes_done, state.classes, state.epochs
        ));
        if plan.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
}

fn trials(choice: &svm::Choice) -> Vec<(f64, f64)> {
    let held_out = choice.held_out.max(1) as f64;
    choice.trials.iter().map(|trial| (trial.c, trial.errors as f64 / held_out)).collect()
}

fn warn_of_edge(choice: &svm::Choice, plan: Plan<'_>, progress: &Progress) {
    if choice.at_edge {
        let (first, last) = (plan.svm.c.first(), plan.svm.c.last());
        progress.line(&format!(
            "note: C = {} is at the edge of the values tried ({} to {}); a wider grid may do better",
            choice.c,
            first.unwrap_or(&choice.c),
            last.unwrap_or(&choice.c)
        ));
    }
}

fn no_draw() -> Error {
    Error::Invalid("--draws must be at least 1".to_owned())
}

/// Mean and sample standard deviation, which is 0 for fewer than two values.
pub fn spread(values: impl ExactSizeIterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.clone().sum::<f64>() / count.max(1.0);
    let squares: f64 = values.map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

/// Behind the name of an average pooling.
const AVERAGE: &str = ",average";

/// `11/6`, `11x7/6x3`, `11/6,average` or `none`.
fn pool_name(pool: wta_core::Pool) -> String {
    let side = |size: wta_core::Size| {
        if size.height == size.width {
            size.height.to_string()
        } else {
            format!("{}x{}", size.height, size.width)
        }
    };
    if pool == wta_core::Pool::NONE {
        return "none".to_owned();
    }
    let kind = match pool.kind {
        wta_core::PoolKind::Max => "",
        wta_core::PoolKind::Average => AVERAGE,
    };
    format!("{}/{}{kind}", side(pool.kernel), side(pool.stride))
}

/// The features that a run's classifier was trained on, from `eval.json`.
pub struct Classified {
    /// Their pooling.
    pub pool: wta_core::Pool,
    /// [`Evaluation::weights`].
    pub weights: String,
}

impl Classified {
    /// What the run's last evaluation wrote.
    ///
    /// # Errors
    ///
    /// One sentence when there is no such file, or it does not say so.
    pub fn load(run: &Run) -> Result<Self> {
        #[derive(Deserialize)]
        struct Saved {
            pool: String,
            power: f32,
            weights: String,
        }
        let path = run.file("eval.json");
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        let saved: Option<Saved> = serde_json::from_str(&text).ok();
        if saved.as_ref().is_some_and(|saved| saved.power != 1.0) {
            return Err(Error::file(
                path,
                "is of a classifier for features raised to a power; run `wta eval` without --power",
            ));
        }
        let said =
            saved.and_then(|saved| Some(Self { pool: named_pool(&saved.pool)?, weights: saved.weights }));
        said.ok_or_else(|| {
            Error::file(path, "does not say which features the classifier is for; run `wta eval` again")
        })
    }
}

/// The pooling of a [`pool_name`].
fn named_pool(name: &str) -> Option<wta_core::Pool> {
    if name == "none" {
        return Some(wta_core::Pool::NONE);
    }
    let size = |side: &str| {
        let (height, width) = side.split_once('x').unwrap_or((side, side));
        Some(wta_core::Size::new(height.parse().ok()?, width.parse().ok()?))
    };
    let (name, kind) = match name.strip_suffix(AVERAGE) {
        Some(name) => (name, wta_core::PoolKind::Average),
        None => (name, wta_core::PoolKind::Max),
    };
    let (kernel, stride) = name.split_once('/')?;
    Some(wta_core::Pool { kernel: size(kernel)?, stride: size(stride)?, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_the_sample_standard_deviation() {
        assert_eq!(spread([2.0, 4.0, 6.0].into_iter()), (4.0, 2.0));
        assert_eq!(spread([3.0].into_iter()), (3.0, 0.0));
        assert_eq!(spread([].into_iter()), (0.0, 0.0));
    }

    #[test]
    fn poolings_have_names() {
        assert_eq!(pool_name(wta_core::Pool::NONE), "none");
        assert_eq!(pool_name(wta_core::Pool::square(11, 6)), "11/6");
        let uneven = wta_core::Pool { kernel: wta_core::Size::new(11, 7), ..wta_core::Pool::square(1, 6) };
        assert_eq!(pool_name(uneven), "11x7/6");
        assert_eq!(pool_name(uneven.average()), "11x7/6,average");
        for pool in [wta_core::Pool::NONE, wta_core::Pool::square(11, 6), uneven, uneven.average()] {
            assert_eq!(named_pool(&pool_name(pool)), Some(pool));
        }
        assert!(named_pool("11").is_none() && named_pool("a/b").is_none());
    }
}
