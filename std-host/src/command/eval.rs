//! `wta eval`.

use std::path::PathBuf;

use clap::Args;
use wta::data::Split;
use wta::error::Result;
use wta::evaluate::{Evaluation, Plan, evaluate};
use wta::progress::Progress;
use wta::run::{Run, Trained};

use super::{print, samples};
use crate::Context;

/// Arguments of `wta eval`.
#[derive(Args)]
#[command(
    after_help = "C is chosen on a held-out part of the training images, then the SVM is fitted to all of them;
test labels are used for nothing but the printed error.

Examples:
  wta eval --run runs/conv16 --data ~/data
  wta eval --run runs/conv16 --data ~/data --labels 1000 --seed 3"
)]
pub(crate) struct Arguments {
    /// The run folder of a trained network.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The folder that holds `mnist/` and other data sets; not needed for the bundled digits.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Use only so many labelled training images, the same number of each class.
    #[arg(long, value_name = "N")]
    labels: Option<usize>,
    /// For the choice of labels and the order in the SVM trainer.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let run = Run::new(&arguments.run);
    let recipe = run.recipe()?;
    let train = samples(&recipe, arguments.data.as_deref(), Split::Train)?;
    let test = samples(&recipe, arguments.data.as_deref(), Split::Test)?;
    let trained = Trained::load(&run, train.image_shape())?;
    let plan = Plan { isa: context.isa, labels: arguments.labels, seed: arguments.seed, stop: context.stop };
    let evaluation = evaluate(&trained, &train, &test, &plan, &Progress::stderr())?;
    evaluation.save(&run)?;
    report(&evaluation)
}

pub(super) fn report(evaluation: &Evaluation) -> Result<()> {
    let mut text = String::from("        C   held-out error\n");
    for (c, error) in &evaluation.held_out {
        let chosen = if *c == evaluation.c { "  <- chosen" } else { "" };
        text += &format!("{c:9}   {:13.2}%{chosen}\n", 100.0 * error);
    }
    text += &format!(
        "{} features, {:.1}% non-zero; encoded in {:.1} s, SVM in {:.1} s\n",
        evaluation.features,
        100.0 * evaluation.density,
        evaluation.encode_seconds,
        evaluation.svm_seconds
    );
    if !evaluation.converged {
        text += "warning: the SVM stopped at its iteration limit before its tolerance\n";
    }
    text += &format!("training error: {:.2}%\n", 100.0 * evaluation.training_error);
    text += &format!("test error: {:.2}%\n", 100.0 * evaluation.test_error);
    print(&text)
}
