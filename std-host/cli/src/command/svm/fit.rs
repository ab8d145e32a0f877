//! `wta svm fit`.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde::Serialize;
use wta::Observer;
use wta::linear::{Examples, Linear};
use wta::svm::{self, Report};

use super::cv::{self, Trial};
use super::problem::Problem;
use super::progress::Progress;
use super::source::Source;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::output::expect_apart;
use crate::print::{json, print};

/// Arguments of `wta svm fit`.
#[derive(Args)]
#[command(
    after_help = "Without a value, C is 1. With several values, or with --folds, cross-validation chooses C, and the
classifier is then trained on all examples. The objective is LIBLINEAR's; of several classes, the
sum of those of all, each against the rest.

Examples:
  wta svm fit train.svm --model m.safetensors
  wta svm fit train.svm --model m.safetensors --c 0.1,1,10 --bias 1
  wta svm fit train.svm --model train.model --format liblinear
  wta svm fit features.npz --labels labels.npy --model m.safetensors --class-weight balanced
  zcat train.svm.gz | wta svm fit - --model m.safetensors"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// The classifier to write.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Safetensors, or LIBLINEAR's text for liblinear-predict, which has whole numbers as labels only.
    #[arg(long, value_enum, default_value_t = Format::Safetensors)]
    format: Format,
    #[command(flatten)]
    problem: Problem,
    /// The parts of the cross-validation that chooses C [default: 5 if there are several values].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    folds: Option<u32>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// `--format`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Safetensors,
    Liblinear,
}

/// What is printed.
#[derive(Serialize)]
struct Outcome {
    examples: usize,
    features: usize,
    /// Of all examples together.
    nonzeros: usize,
    classes: usize,
    /// The values of C that were tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trials: Vec<Trial>,
    c: f64,
    /// The sum of those of the classes' problems, of which two classes have one.
    objective: f64,
    /// How far it is above its minimum at most, as a share of it.
    gap: f64,
    /// Of the class that took most.
    iterations: usize,
    converged: bool,
    /// Whether rounding ended the training, and not what was asked for.
    rounded: bool,
    /// Examples that contribute to the weights, of all problems together.
    support_vectors: usize,
    /// Weights that are not 0.
    nonzero_weights: usize,
    /// On the examples that were trained on.
    accuracy: f64,
    right: usize,
    read_seconds: f64,
    /// Of the final training, without cross-validation.
    train_seconds: f64,
    model: String,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let Arguments { source, model: path, problem, .. } = arguments;
    problem.check()?;
    if path.as_os_str() == "-" {
        return Err(Error::Usage("--model -: must be a file".to_owned()));
    }
    expect_apart(&[path], &source.inputs(), None)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Error::Usage(format!(
            "--model {}: there is no folder {}",
            path.display(),
            folder.display()
        )));
    }
    let searches = arguments.folds.is_some();
    let grid = problem.grid(if searches { &cv::GRID } else { &[1.0] })?;
    let bar = context.bar();
    let start = Instant::now();
    let examples = Examples::read(&source.labelled(), &bar)?;
    let read_seconds = start.elapsed().as_secs_f64();
    if arguments.format == Format::Liblinear {
        Linear::expect_labels_of_liblinear(&examples.classes)?;
    }
    let (c, trials) = match grid[..] {
        [c] if !searches => (c, Vec::new()),
        _ => {
            let folds = arguments.folds.unwrap_or(5) as usize;
            let (best, trials) = cv::tried(&examples, problem, &grid, folds, &bar)?;
            if let Some(best) =
                best.filter(|c| grid.len() > 1 && [grid.first(), grid.last()].contains(&Some(c)))
            {
                bar.note(&format!(
                    "note: C = {best} is at the edge of the values tried; others may do better"
                ));
            }
            (best.unwrap_or(1.0), trials)
        }
    };
    let Examples { rows, labels, classes, columns } = examples;
    let weights = problem.weights(&classes, &labels)?;
    let start = Instant::now();
    let progress = Progress::begin(&bar, "train", 1, classes.len());
    let (model, report) = svm::fit(&rows, &labels, classes.len(), c, &problem.options(&weights), &progress)?;
    drop(progress);
    let train_seconds = start.elapsed().as_secs_f64();
    let linear = Linear::new(model, classes)?.with_columns(columns)?;
    let predicted = linear.predictor()?.classes_of_rows(&rows);
    let right = predicted.iter().zip(&labels).filter(|(a, b)| a == b).count();
    let (objective, gap) = objective(&report);
    let outcome = Outcome {
        examples: rows.len(),
        features: rows.features(),
        nonzeros: rows.nonzeros(),
        classes: linear.classes().len(),
        trials,
        c,
        objective,
        gap,
        iterations: report.classes.iter().map(|class| class.epochs).max().unwrap_or(0),
        converged: report.converged(),
        rounded: report.converged() && solved(&report).iter().any(|class| problem.is_rounded(class)),
        support_vectors: solved(&report).iter().map(|class| class.support_vectors).sum(),
        nonzero_weights: linear.model().weights.iter().filter(|weight| **weight != 0.0).count(),
        accuracy: right as f64 / rows.len() as f64,
        right,
        read_seconds,
        train_seconds,
        model: path.display().to_string(),
    };
    // The file is made in memory.
    drop((rows, labels));
    match arguments.format {
        Format::Safetensors => linear.save(path)?,
        Format::Liblinear => linear.save_liblinear(path)?,
    }
    if !outcome.converged {
        let passes = outcome.iterations;
        bar.note(&format!(
            "note: not solved in {passes} passes: raise --max-iter, lower --c, or scale the features"
        ));
    }
    if outcome.rounded {
        let reached = solved(&report).iter().map(|class| problem.measure(class));
        if let Some((flag, asked, reached)) = reached.max_by(|a, b| a.2.total_cmp(&b.2)) {
            bar.note(&format!(
                "note: solved as far as rounding lets it: {reached:.1e} is reached where {flag} asks for {asked:e}"
            ));
        }
    }
    if arguments.json {
        return print(&json("the result", serde_json::to_string(&outcome))?);
    }
    print(&outcome.text())
}

/// The problems that were solved: of two classes, both are the same one.
fn solved(report: &Report) -> &[svm::ClassReport] {
    match &report.classes[..] {
        [_, second] => std::slice::from_ref(second),
        all => all,
    }
}

/// The objective of all problems together, and how far it may be above the minimum.
fn objective(report: &Report) -> (f64, f64) {
    let primal: f64 = solved(report).iter().map(|class| class.primal).sum();
    let dual: f64 = solved(report).iter().map(|class| class.dual).sum();
    (primal, if primal > 0.0 { ((primal - dual) / primal).max(0.0) } else { 0.0 })
}

impl Outcome {
    fn text(&self) -> String {
        let Self { examples, features, nonzeros, classes, .. } = self;
        let share = 100.0 * *nonzeros as f64 / (*examples as f64 * *features as f64);
        let mut text = format!(
            "examples: {examples}\nfeatures: {features}\nnon-zeros: {nonzeros} ({share:.3}%)\nclasses: {classes}\n"
        );
        if !self.trials.is_empty() {
            text += &cv::table(&self.trials);
        }
        text += &format!(
            "C: {}\nobjective: {:.6} (at most {:.1e} above the minimum)\niterations: {}\nsupport vectors: {}\n\
             non-zero weights: {}\naccuracy: {:.4}% ({} of {examples}, on the examples trained on)\n\
             time: {:.3} s reading, {:.3} s training\nmodel: {}\n",
            self.c,
            self.objective,
            self.gap,
            self.iterations,
            self.support_vectors,
            self.nonzero_weights,
            100.0 * self.accuracy,
            self.right,
            self.read_seconds,
            self.train_seconds,
            self.model
        );
        text
    }
}
