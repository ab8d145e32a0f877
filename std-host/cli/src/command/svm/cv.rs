//! `wta svm cv`.

use std::fmt::Write;

use clap::Args;
use serde::Serialize;
use wta::linear::Examples;
use wta::svm::{Validated, validate};

use super::problem::Problem;
use super::progress::Progress;
use super::source::Source;
use crate::bar::Bar;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::print::{json, print};

/// The values of C that are tried unless others are given.
pub(super) const GRID: [f64; 5] = [0.01, 0.1, 1.0, 10.0, 100.0];

/// Arguments of `wta svm cv`.
#[derive(Args)]
#[command(
    after_help = "Each fold is held out once while the others are trained on. All folds have about the same share of
each class. Of values with the same accuracy, the smallest is the best. Nothing is written.

Examples:
  wta svm cv train.svm
  wta svm cv train.svm --c 0.1,1,10 --folds 10 --bias 1
  wta svm cv features.npy --labels labels.npy --c 1 --json"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    problem: Problem,
    /// The parts that the examples are cut into.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..))]
    folds: u32,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// How a value of C did.
#[derive(Serialize)]
pub(super) struct Trial {
    c: f64,
    /// The share of all examples that was classified rightly while it was held out.
    accuracy: f64,
    /// The same of each fold's.
    folds: Vec<f64>,
    /// Whether all classes of all folds were solved.
    converged: bool,
}

#[derive(Serialize)]
struct Outcome {
    examples: usize,
    classes: usize,
    best_c: Option<f64>,
    trials: Vec<Trial>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let Arguments { source, problem, folds, .. } = arguments;
    problem.check()?;
    let grid = problem.grid(&GRID)?;
    let bar = context.bar();
    let examples = Examples::read(&source.labelled(), &bar)?;
    let (best_c, trials) = tried(&examples, problem, &grid, *folds as usize, &bar)?;
    let outcome = Outcome { examples: examples.rows.len(), classes: examples.classes.len(), best_c, trials };
    if arguments.json {
        return print(&json("the cross-validation", serde_json::to_string(&outcome))?);
    }
    print(&(table(&outcome.trials) + &best_c.map_or(String::new(), |c| format!("best C: {c}\n"))))
}

/// Tries values of C.
pub(super) fn tried(
    examples: &Examples,
    problem: &Problem,
    grid: &[f64],
    folds: usize,
    bar: &Bar,
) -> Result<(Option<f64>, Vec<Trial>)> {
    let Examples { rows, labels, classes, .. } = examples;
    if folds > rows.len() {
        let most = rows.len();
        return Err(Error::Usage(format!(
            "--folds {folds}: must be from 2 to the number of examples, {most}"
        )));
    }
    let weights = problem.weights(classes, labels)?;
    let progress = Progress::begin(bar, "cross-validate", grid.len() * folds, classes.len());
    let found = validate(rows, labels, classes.len(), grid, folds, &problem.options(&weights), &progress)?;
    let trial = |value: &Validated| {
        let share = |wrong: usize, of: usize| 1.0 - wrong as f64 / of.max(1) as f64;
        let of_fold = value.errors.iter().zip(&value.held_out).map(|(wrong, of)| share(*wrong, *of));
        let (folds, accuracy) = (of_fold.collect(), share(value.wrong(), rows.len()));
        Trial { c: value.c, accuracy, folds, converged: value.converged }
    };
    Ok((Validated::best(&found), found.iter().map(trial).collect()))
}

/// The accuracy of each value, for people.
pub(super) fn table(trials: &[Trial]) -> String {
    let mut table = format!("{:>10}  {:>8}  {:>16}\n", "C", "accuracy", "folds");
    for Trial { c, accuracy, folds, converged } in trials {
        let least = folds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = folds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let open = if *converged { "" } else { "  not solved: raise --max-iter or scale the features" };
        let range = format!("{:.2}% - {:.2}%", 100.0 * least, 100.0 * most);
        // A string takes all that is written to it.
        let _ = writeln!(table, "{c:>10}  {:>7.2}%  {range:>16}{open}", 100.0 * accuracy);
    }
    table
}
