//! `wta search`.

use std::path::PathBuf;

use crate::error::Result;
use clap::Args;
use wta::data::Split;
use wta::search::{Axis, Halving, Part, Row, Search, settings, some};
use wta::train::Options;

use crate::context::Context;
use crate::load::{patches, samples};
use crate::print::print;
use crate::recipe::{NameOrPath, resolve};

/// Arguments of `wta search`.
#[derive(Args)]
#[command(
    after_help = "Every combination of the values is trained on the training samples and scored by the error of a linear SVM on a
held-out part of them. Without labels it is scored by its loss on samples that are not trained on: those of
training.held_out, or a tenth. The test samples are not opened. What is the same for one combination and the next (whitening, the
layers below, or the whole training when only [features] or [svm] vary) is done once; the last --set varies fastest. Started
again, a search goes on where it was; more values may be given then.

Examples:
  wta search mnist-fc2000 --data ~/data --run runs/search --set training.rate=1e-3,2e-3 --set sparsity.lifetime=0.05,0.1
  wta search my.toml --data ~/data --run runs/schedules --epochs 3 --set 'training.schedule=\"constant\",\"linear\"'
  wta search cifar10-stacked --data ~/data --run runs/pools --set sparsity.lifetime=0.05,0.1 --set features.pool.kernel=2,3
  wta search digits-demo --run runs/maps --set network.encoder.0.maps=8,16,32
  wta search mnist-conv16 --data ~/data --run runs/rates --rungs 3 --tries 9 --set training.rate=3e-4,1e-3,3e-3 --set sparsity.lifetime=0.05,0.1,0.2,0.4"
)]
pub(crate) struct Arguments {
    /// A recipe's name (see `wta recipes`) or the path of a TOML file.
    #[arg(value_parser = NameOrPath, hide_possible_values = true)]
    recipe: String,
    /// The folder that holds `mnist/`, `cifar-10-batches-bin/`, `svhn/` or the recipe's own data; not needed
    /// for the bundled digits.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The run folder to write: `search.csv`, and the training in progress.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// A key of the recipe and the values to try, as in TOML; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE,...", required = true)]
    sets: Vec<String>,
    /// Successive halving in N rungs, up to 8: all combinations on a part of the work (with 3 rungs a ninth),
    /// the best third of them on three times as much, and so on to all of it. Epochs are saved first, then
    /// samples.
    #[arg(long, value_name = "N", default_value_t = 1)]
    rungs: usize,
    /// Try only N of the combinations, drawn by the seed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    tries: Option<u32>,
    /// The epochs, instead of the recipe's; in a stack, for every layer.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// The seed, instead of the recipe's; in a stack, for every layer.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let axes = arguments.sets.iter().map(|text| Axis::parse(text)).collect::<wta::Result<Vec<_>>>()?;
    let base = resolve(&arguments.recipe, arguments.epochs, arguments.seed)?;
    let halving = Halving::new(arguments.rungs)?;
    let mut search = Search::open(&arguments.run, &base, &axes)?;
    if let Some(tries) = arguments.tries {
        let all = std::mem::take(&mut search.combinations);
        search.combinations = some(all, tries as usize, base.training.seed);
    }
    let (bar, data) = (context.bar(), arguments.data.as_deref());
    let samples = samples(&base, data, Split::Train, &bar)?;
    let patches = patches(&base, data, &bar)?;
    let all = search.combinations.len();
    let options = Options { isa: context.isa, patches: patches.as_ref(), ..Options::default() };
    let mut part = Part::ALL;
    search.run(&samples, halving, options, &bar, |index, row| {
        if row.part != part {
            part = row.part;
            let rung = if part == Part::ALL { "all".to_owned() } else { format!("1/{}", part.one_in) };
            print(&format!("on {rung} of the work:\n"))?;
        }
        print(&format!("{}/{all}  {}: {}\n", index + 1, settings(&axes, &row.values), outcome(row)))
    })?;
    let labelled = samples.labels().is_some();
    let mut text = String::from(if labelled { "\nheld-out error\n" } else { "\n held-out loss\n" });
    for row in search.ranking() {
        let result = match (row.error, row.held_out_loss) {
            (Some(error), _) => format!("{:.2}%", 100.0 * error),
            (None, Some(loss)) => format!("{loss:.4}"),
            (None, None) => "-".to_owned(),
        };
        let part = if row.part == Part::ALL { String::new() } else { format!("  (1/{})", row.part.one_in) };
        text += &format!("{result:>14}  {}{part}\n", settings(&axes, &row.values));
    }
    let trainings = search.results.rows.len();
    text += &format!("\n{trainings} trainings, {:.2} hours\n", search.seconds() / 3600.0);
    print(&text)
}

/// The result of a combination.
fn outcome(row: &Row) -> String {
    let (Some(loss), Some(dead)) = (row.loss, row.dead_share) else { return row.note.clone() };
    let scored = match (row.error, row.c, row.held_out_loss) {
        (Some(error), Some(c), _) => format!("held-out error {:.2}% (C = {c})", 100.0 * error),
        (_, _, Some(loss)) => format!("held-out loss {loss:.4}"),
        _ => return row.note.clone(),
    };
    format!("{scored}, loss {loss:.4}, dead atoms {:.1}%, {:.1} s", 100.0 * dead, row.seconds)
}
