//! How good the features are: a linear SVM on them.
//!
//! The images are [`Encoded`] once. [`evaluate`] chooses C on held-out training images, refits the SVM to all
//! training images that are used, and uses the test images once, for the error. With few labels, it repeats
//! this for several draws of them. [`validate`] does without the test images.

mod classified;
mod classifier;
mod encoded;
mod labels;
mod mistakes;
mod origin;
mod outcome;
mod plan;
mod predictor;
mod train_part;

use std::borrow::Cow;
use std::time::Instant;

pub use classified::Classified;
pub use classifier::Classifier;
pub use encoded::{Encoded, Encoding, TestPart};
pub use mistakes::{Confusion, Mistake};
pub(crate) use origin::origin_of;
pub use outcome::{Draw, Evaluation, Validation, spread};
pub use plan::{Drawn, Plan};
pub use predictor::Predictor;
pub use train_part::TrainPart;

use crate::error::{Error, Result};
use crate::observer::{Observer, SvmProgress};
use crate::svm::{self, Rows};
use plan::{no_draw, options, search};

/// Trains the SVM and tests it.
///
/// # Errors
///
/// One sentence if the test images are not encoded, there are fewer labels than asked for, or several draws
/// are asked for without a number of labels; [`Error::Interrupted`] if the observer stops it, that of any of
/// several processes ([`Encoding::ranks`]); [`Error::Lost`] if one of these is gone.
pub fn evaluate(encoded: &Encoded, plan: Plan<'_>, observer: &dyn Observer) -> Result<Evaluation> {
    let Some(test) = &encoded.test else {
        return Err(Error::Invalid("the test images are not encoded, and there is no test error".to_owned()));
    };
    plan.check(encoded.train.image_labels().len())?;
    plan.expect_common(encoded.ranks.as_ref())?;
    let start = Instant::now();
    let views = encoded.train.views;
    let mut draws: Vec<Draw> = Vec::new();
    let mut first = None;
    for sample in samples(encoded, plan) {
        let (seed, rows, labels) = sample?;
        let (mut model, report, choice) = {
            let (search, options) =
                (search(plan, labels.len(), views), options(plan, seed, encoded.ranks.as_ref()));
            let observer = InDraw::new(observer, draws.len(), plan.draws);
            svm::choose_and_fit(&rows, &labels, encoded.classes.len(), &search, &options, &observer)?
        };
        let decisions = model.decide(&test.rows)?;
        let wrong =
            decisions.iter().zip(&test.labels).filter(|(found, label)| found.class != **label).count();
        let test_error = wrong as f64 / decisions.len().max(1) as f64;
        let held_out_error = (choice.held_out > 0).then(|| choice.held_out_error());
        draws.push(Draw { seed, c: choice.c, held_out_error, test_error });
        for warning in report.warnings() {
            observer.note(&format!("warning: {warning}"));
        }
        if first.is_none() {
            let training_error = model.error_rate(&rows, &labels)?;
            let used = labels.len() / views;
            encoded.scaling.fold_into(&mut model)?;
            let confusion = Confusion::new(encoded.classes.len(), &test.labels, &decisions);
            first = Some((training_error, model, report.converged(), choice, used, confusion));
        }
    }
    observer.end();
    let (Some((training_error, model, converged, choice, labels, confusion)), Some(draw)) =
        (first, draws.first())
    else {
        return Err(no_draw());
    };
    warn_of_edge(&choice, plan, observer);
    let (mean, sd) = spread(draws.iter().map(|draw| draw.test_error));
    let rows = &encoded.train.rows;
    let (columns, classes) = (encoded.encoder.columns(), encoded.classes.names().to_vec());
    let origin = encoded.origin.clone();
    let classifier = svm::file::sealed(&model, &columns, &origin)?.checksum;
    Ok(Evaluation {
        test_error: draw.test_error,
        training_error,
        c: draw.c,
        held_out: trials(&choice),
        labels,
        all_labels: plan.labels.is_none(),
        classes,
        confusion,
        seed: plan.seed,
        features: rows.features(),
        density: rows.nonzeros() as f64 / (rows.len() * rows.features()) as f64,
        converged,
        isa: encoded.isa.to_string(),
        encode_seconds: encoded.seconds,
        svm_seconds: start.elapsed().as_secs_f64(),
        pool: origin.pool.clone(),
        power: encoded.power,
        weights: origin.weights.clone(),
        classifier,
        draws,
        mean,
        sd,
        model,
        columns,
        origin,
    })
}

/// Chooses C and returns the share of held-out training images that it classifies wrongly. Settings are
/// compared by this error, so that the test images have no part in any choice. The SVM is not fitted to all
/// images.
///
/// # Errors
///
/// As for [`evaluate`], but the test images need not be encoded.
pub fn validate(encoded: &Encoded, plan: Plan<'_>, observer: &dyn Observer) -> Result<Validation> {
    plan.check(encoded.train.image_labels().len())?;
    plan.expect_common(encoded.ranks.as_ref())?;
    let views = encoded.train.views;
    let mut draws = Vec::new();
    let mut first = None;
    for sample in samples(encoded, plan) {
        let (seed, rows, labels) = sample?;
        let choice = {
            let (search, options) =
                (search(plan, labels.len(), views), options(plan, seed, encoded.ranks.as_ref()));
            let observer = InDraw::new(observer, draws.len(), plan.draws);
            svm::choose(&rows, &labels, encoded.classes.len(), &search, &options, &observer)?
        };
        draws.push((choice.c, choice.held_out_error()));
        first = first.or(Some(choice));
    }
    observer.end();
    let Some(choice) = first else { return Err(no_draw()) };
    warn_of_edge(&choice, plan, observer);
    let (mean, sd) = spread(draws.iter().map(|(_, error)| *error));
    Ok(Validation { held_out: trials(&choice), draws, mean, sd })
}

/// The training rows and labels of each draw, with its seed; all rows if the plan has no number of labels. An
/// image comes with all its views.
fn samples<'a>(
    encoded: &'a Encoded,
    plan: Plan<'a>,
) -> impl Iterator<Item = Result<(u64, Cow<'a, Rows>, Cow<'a, [u16]>)>> {
    let all = &encoded.train;
    Drawn::seeds(plan.draws, plan.seed).map(move |seed| {
        let Some(count) = plan.labels else {
            let (rows, labels) = all.whole()?;
            return Ok((seed, Cow::Borrowed(rows), Cow::Borrowed(labels)));
        };
        let chosen = labels::balanced(all.image_labels(), &encoded.classes, count, seed)?;
        let (rows, labels) = all.chosen(&chosen)?;
        Ok((seed, Cow::Owned(rows), Cow::Owned(labels)))
    })
}

/// Adds the current draw to the progress of an SVM.
struct InDraw<'a> {
    observer: &'a dyn Observer,
    /// `draw 2 of 5, `; empty if there is only one draw.
    draw: String,
}

impl<'a> InDraw<'a> {
    /// For draw `draw` of `draws`; the first draw begins the phase.
    fn new(observer: &'a dyn Observer, draw: usize, draws: usize) -> Self {
        if draw == 0 {
            observer.begin("svm", 0);
        }
        let draw = if draws > 1 { format!("draw {} of {draws}, ", draw + 1) } else { String::new() };
        Self { observer, draw }
    }
}

impl Observer for InDraw<'_> {
    fn svm(&self, progress: &SvmProgress) {
        self.observer.status(&format!("{}{progress}", self.draw));
    }

    fn should_stop(&self) -> bool {
        self.observer.should_stop()
    }
}

fn trials(choice: &svm::Choice) -> Vec<(f64, f64)> {
    let held_out = choice.held_out.max(1) as f64;
    choice.trials.iter().map(|trial| (trial.c, trial.errors as f64 / held_out)).collect()
}

fn warn_of_edge(choice: &svm::Choice, plan: Plan<'_>, observer: &dyn Observer) {
    if choice.at_edge {
        let (first, last) = (plan.svm.c.first(), plan.svm.c.last());
        observer.note(&format!(
            "note: C = {} is at the edge of the values tried ({} to {}); a wider grid may do better",
            choice.c,
            first.unwrap_or(&choice.c),
            last.unwrap_or(&choice.c)
        ));
    }
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
}
