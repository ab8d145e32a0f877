//! `wta paper`.

use std::path::PathBuf;

use crate::error::Result;
use crate::paper::{self, PaperSet, Settings};
use clap::{Args, ValueEnum};

use crate::context::Context;
use crate::print::print;

/// Arguments of `wta paper`.
#[derive(Args)]
#[command(
    after_help = "Writes paper-mnist.md and .html (or paper-cifar10), pictures/ and a run folder for each network. What is finished is not done again,
and a training that was broken off goes on: give the same command again. A layer that several networks stand on is trained once.

Examples:
  wta paper mnist --data ~/data --run runs/paper
  wta paper mnist --data ~/data --run runs/paper --only mnist-conv16,few-labels,figure-5
  wta paper cifar10 --data ~/data --run runs/cifar10
  wta paper cifar10 --data ~/data --run runs/cifar10 --seeds 3 --only cifar10-stacked,cifar10-stacked-seed2
  wta paper mnist --quick --run rehearsal"
)]
pub(crate) struct Arguments {
    /// Which of the paper's experiments.
    #[arg(value_enum)]
    set: Set,
    /// The folder that holds `mnist/` or `cifar-10-batches-bin/`.
    #[arg(long, value_name = "DIR", required_unless_present = "quick", conflicts_with = "quick")]
    data: Option<PathBuf>,
    /// The run folder to write: one with a run folder for each network.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Only these rows (recipes, few-labels, figure-1, dictionary ...; a wrong name lists all).
    #[arg(long, value_name = "ROW,ROW,...", value_delimiter = ',')]
    only: Vec<String>,
    /// The seed of the networks and the SVMs; without --seeds, two recipes are also trained with the next
    /// two.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Train every recipe of the table with N seeds, and tell the spread and the mean.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: Option<u64>,
    /// Rehearse on a few of the bundled digits, 400 to train and 100 to test, with one epoch, at most 64
    /// maps a layer and two values of C each.
    #[arg(long)]
    quick: bool,
}

/// The data sets whose results can be reproduced.
#[derive(Clone, Copy, ValueEnum)]
enum Set {
    /// Section 4.1: MNIST.
    Mnist,
    /// Section 4.2: CIFAR-10.
    Cifar10,
}

impl Set {
    const fn paper(self) -> &'static PaperSet {
        match self {
            Self::Mnist => &paper::MNIST,
            Self::Cifar10 => &paper::CIFAR10,
        }
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let set = arguments.set.paper();
    if let Some(data) = arguments.data.as_deref().filter(|data| !data.is_dir()) {
        let problem = format!("is not a folder; give the one that holds {}/", set.folder);
        return Err(wta::Error::file(data, problem).into());
    }
    let settings = Settings {
        set,
        folder: &arguments.run,
        data: arguments.data.as_deref(),
        seed: arguments.seed,
        seeds: arguments.seeds,
        isa: context.isa,
    };
    let each = |line: &str| print(&format!("{line}\n"));
    paper::reproduce(settings, &arguments.only, &context.bar(), each)?;
    let at = |name: String| arguments.run.join(name);
    print(&format!("table: {}\npage: {}\n", at(paper::file(set)).display(), at(paper::page(set)).display()))
}
