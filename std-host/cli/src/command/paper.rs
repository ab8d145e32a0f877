//! `wta paper`.

use std::path::PathBuf;

use crate::error::Result;
use crate::paper::{self, Settings};
use clap::{Args, ValueEnum};

use crate::context::Context;
use crate::print::print;

/// Arguments of `wta paper`.
#[derive(Args)]
#[command(
    after_help = "Writes paper-mnist.md, pictures/ and a run folder for each network. What is finished is not done again, and a
training that was broken off goes on: give the same command again.

Examples:
  wta paper mnist --data ~/data --run runs/paper
  wta paper mnist --data ~/data --run runs/paper --only mnist-conv16,few-labels,figure-5
  wta paper mnist --quick --run rehearsal"
)]
pub(crate) struct Arguments {
    /// Which of the paper's experiments.
    #[arg(value_enum)]
    set: Set,
    /// The folder that holds `mnist/`.
    #[arg(long, value_name = "DIR", required_unless_present = "quick", conflicts_with = "quick")]
    data: Option<PathBuf>,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Only these rows (recipes, few-labels, figure-1 ...; a wrong name lists all).
    #[arg(long, value_name = "ROW,ROW,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Seed of the networks and the SVMs; two recipes are also trained with the next two seeds.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Rehearse on a few of the bundled digits, 400 to train and 100 to test, with one epoch and two
    /// values of C each.
    #[arg(long)]
    quick: bool,
}

/// The data sets whose results can be reproduced.
#[derive(Clone, Copy, ValueEnum)]
enum Set {
    /// Section 4.1: MNIST.
    Mnist,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let Set::Mnist = arguments.set;
    if let Some(data) = arguments.data.as_deref().filter(|data| !data.is_dir()) {
        return Err(wta::Error::file(data, "is not a folder; give the one that holds mnist/").into());
    }
    let settings = Settings {
        folder: &arguments.run,
        data: arguments.data.as_deref(),
        seed: arguments.seed,
        isa: context.isa,
    };
    let each = |line: &str| print(&format!("{line}\n"));
    paper::mnist(settings, &arguments.only, &context.bar(), each)?;
    print(&format!("table: {}\n", arguments.run.join("paper-mnist.md").display()))
}
