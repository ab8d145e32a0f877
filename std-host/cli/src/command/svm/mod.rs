//! `wta svm`: the linear SVM on files of labelled examples.

mod cv;
mod fit;
mod predict;
mod problem;
mod progress;
mod source;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::error::Result;

/// Arguments of `wta svm`.
#[derive(Args)]
#[command(after_help = "Examples:
  wta svm fit train.svm --model m.safetensors            LIBSVM's text, C = 1
  wta svm cv train.svm --c 0.1,1,10                      which C does best
  wta svm predict test.svm --model m.safetensors > classes

The same problem as LIBLINEAR's -s 1 and -s 2, with its defaults: C = 1, no bias, eps = 0.1. Its
models are read, and written by --format liblinear. docs/svm.md says more.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a classifier on a file of labelled examples.
    Fit(fit::Arguments),
    /// Classify the examples of a file, while it is read.
    Predict(predict::Arguments),
    /// Cross-validation: the accuracy of each value of C on examples that were not trained on.
    Cv(cv::Arguments),
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    match &arguments.command {
        Command::Fit(arguments) => fit::run(arguments, context),
        Command::Predict(arguments) => predict::run(arguments, context),
        Command::Cv(arguments) => cv::run(arguments, context),
    }
}
