//! `wta train`.

use std::path::PathBuf;

use clap::Args;
use wta::data::Split;
use wta::error::Result;
use wta::progress::Progress;
use wta::recipe::{self, Recipe};
use wta::run::Run;
use wta::trainer::{MEMORY, Outcome, Settings, train};

use super::{patches, print, samples};
use crate::Context;

/// Arguments of `wta train`.
#[derive(Args)]
#[command(after_help = "Examples:
  wta train mnist-conv16 --data ~/data --run runs/conv16
  wta train mnist-conv16 --data ~/data --run runs/conv16 --resume
  wta train my.toml --data ~/data --run runs/mine --epochs 3 --seed 7 --threads 2")]
pub(crate) struct Arguments {
    /// A recipe's name (see `wta recipes`) or the path of a TOML file.
    recipe: String,
    /// The folder that holds `mnist/`, `cifar-10-batches-bin/`, `svhn/` or the recipe's own data; not needed for the
    /// bundled digits.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The run folder to write.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Instead of the recipe's epochs; of a stack, in every layer.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Instead of the recipe's seed; of a stack, in every layer.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Go on from the run's checkpoint.
    #[arg(long)]
    resume: bool,
    /// Keep preprocessed images and, in a stack, the features of the layer below in memory if they take at most so many
    /// MiB; otherwise they are computed anew for every batch.
    #[arg(long, value_name = "MIB", default_value_t = (MEMORY >> 20) as u32)]
    memory: u32,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let recipe = resolve(&arguments.recipe, arguments.epochs, arguments.seed)?;
    let run = Run::new(&arguments.run);
    let samples = samples(&recipe, arguments.data.as_deref(), Split::Train)?;
    let memory = (arguments.memory as usize) << 20;
    let patches = patches(&recipe, arguments.data.as_deref())?;
    let settings = Settings {
        isa: context.isa,
        resume: arguments.resume,
        memory,
        patches: patches.as_ref(),
        stop: context.stop,
    };
    let outcome = train(&recipe, &samples, &run, settings, &Progress::stderr())?;
    super::show::dictionary(&run, samples.image_shape())?;
    report(&outcome)?;
    print(&format!("run: {}\n", arguments.run.display()))
}

/// A recipe with the command line's changes.
pub(super) fn resolve(name: &str, epochs: Option<usize>, seed: Option<u64>) -> Result<Recipe> {
    let mut recipe = recipe::load(name)?;
    if let Some(epochs) = epochs {
        recipe.set_epochs(epochs);
    }
    if let Some(seed) = seed {
        recipe.set_seed(seed);
    }
    // Once more through the checks, for what the flags changed.
    recipe::parse(&recipe.to_toml()?, &format!("recipe {} with --epochs and --seed", recipe.name))
}

pub(super) fn report(outcome: &Outcome) -> Result<()> {
    print(&format!(
        "trained in {:.1} s: loss {:.4}, dead atoms {:.1}%\nweights checksum: {:08x}\n",
        outcome.seconds,
        outcome.loss,
        100.0 * outcome.dead_share,
        outcome.checksum
    ))
}
