//! `wta train`.

use std::path::PathBuf;

use crate::error::{Error, Result};
use clap::Args;
use wta::data::Split;
use wta::run::Run;
use wta::train::{Options, Outcome, train_into};

use super::demo_mark::disowned;
use super::train_log::LogArguments;
use crate::context::Context;
use crate::load::{patches, samples};
use crate::recipe::{NameOrPath, resolve};

/// Arguments of `wta train`.
#[derive(Args)]
#[command(after_help = "Examples:
  wta train mnist-conv16 --data ~/data --run runs/conv16
  wta train mnist-conv16 --data ~/data --run runs/conv16 --resume
  wta train mnist-conv16 --data ~/data --run runs/conv16 --resume --epochs 40
  wta train my.toml --data ~/new --run runs/new --from runs/mine
  wta train my.toml --data ~/data --run runs/mine --epochs 3 --seed 7 --threads 2
  wta train mnist-conv16 --data ~/data --run runs/conv16 --dry-run
  wta train my.toml --data ~/data --run runs/mine --log json --log-to log.jsonl")]
pub(crate) struct Arguments {
    /// A recipe's name (see `wta recipes`) or the path of a TOML file.
    #[arg(value_parser = NameOrPath, hide_possible_values = true)]
    recipe: String,
    /// The folder that holds `mnist/`, `cifar-10-batches-bin/`, `svhn/` or the recipe's own data; not needed
    /// for the bundled digits.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The run folder to write.
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    run: Option<PathBuf>,
    /// The epochs, instead of the recipe's; in a stack, for every layer.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// The seed, instead of the recipe's; in a stack, for every layer.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Continue from the run's checkpoint; with more --epochs than the run was made with, go on to these.
    #[arg(long)]
    resume: bool,
    /// Begin with the weights of another run of such a network, which may have learnt from other samples of
    /// this shape; its preprocessing is kept if the steps are the same.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Keep preprocessed images and, in a stack, the features of the layer below in memory if they take at
    /// most this many MiB; otherwise compute them anew for every batch.
    #[arg(long, value_name = "MIB", default_value_t = (Options::MEMORY >> 20) as u32)]
    memory: u32,
    /// Say what this training takes and what will not fit, as `wta plan` does, and write nothing.
    #[arg(long, conflicts_with_all = ["log", "log_to"])]
    dry_run: bool,
    #[command(flatten)]
    log: LogArguments,
}

impl Arguments {
    /// Opens the log, if one is wanted.
    pub(crate) fn open_log(&self, is_first: bool) -> Result<()> {
        match &self.run {
            Some(run) => self.log.open(&self.recipe, run, is_first),
            None => Ok(()),
        }
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let recipe = resolve(&arguments.recipe, arguments.epochs, arguments.seed)?;
    let (bar, data) = (context.bar(), arguments.data.as_deref());
    let memory = (arguments.memory as usize) << 20;
    let from = arguments.from.as_ref().map(Run::new);
    let run = arguments.run.as_ref().map(Run::new);
    let recipe = match &context.ranks {
        // Processes without the run's folder would have another recipe.
        Some(_) => recipe,
        None => disowned(recipe, run.as_ref().filter(|_| arguments.resume)),
    };
    if arguments.dry_run {
        let options = Options { isa: context.isa, memory, from: from.as_ref(), ..Options::default() };
        return super::plan::dry_run(&recipe, data, options, run.as_ref(), arguments.resume, context);
    }
    let Some(run) = run else { return Err(Error::Usage("--run is needed".to_owned())) };
    let samples = samples(&recipe, data, Split::Train, &bar)?;
    let patches = patches(&recipe, data, &bar)?;
    let (patches, from, ranks) = (patches.as_ref(), from.as_ref(), context.ranks.as_ref());
    let options = Options { isa: context.isa, memory, patches, from, ranks };
    arguments.log.begin(&recipe, &run, samples.len(), arguments.resume, context);
    let (trained, outcome) = train_into(&run, arguments.resume, &recipe, &samples, options, &bar)?;
    if !context.is_first() {
        return Ok(());
    }
    super::show::dictionary(&run, &trained)?;
    let told = format!("{}run: {}\n", report(&outcome), run.folder().display());
    arguments.log.end(&outcome, &told)
}

/// What came of a training.
pub(super) fn report(outcome: &Outcome) -> String {
    if outcome.loss.is_nan() {
        return format!("initial weights, of no epoch\nweights checksum: {:08x}\n", outcome.checksum);
    }
    format!(
        "trained in {:.1} s: loss {:.4}, dead atoms {:.1}%\nweights checksum: {:08x}\n",
        outcome.seconds,
        outcome.loss,
        100.0 * outcome.dead_share,
        outcome.checksum
    )
}
