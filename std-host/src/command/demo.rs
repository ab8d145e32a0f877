//! `wta demo`.

use std::path::PathBuf;

use clap::Args;
use wta::data::Split;
use wta::error::{Error, Result};
use wta::evaluate::{Encoded, Encoding, Plan, evaluate};
use wta::progress::Progress;
use wta::recipe;
use wta::run::{Run, Trained};
use wta::trainer::{MEMORY, Settings, train};

use super::{print, samples};
use crate::Context;

const RECIPE: &str = "digits-demo";

/// Arguments of `wta demo`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The run folder to write; an earlier demo there is replaced.
    #[arg(long, value_name = "DIR", default_value = "wta-demo")]
    run: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let recipe = recipe::load(RECIPE)?;
    let run = Run::new(&arguments.run);
    if run.exists() {
        if run.recipe()?.name != RECIPE {
            return Err(Error::file(
                run.folder(),
                "holds another run; give the demo a folder of its own with --run",
            ));
        }
        run.remove()?;
    }
    let (train_set, test_set) = (samples(&recipe, None, Split::Train)?, samples(&recipe, None, Split::Test)?);
    print(&format!(
        "{}: {} training digits, {} test digits, {} instructions, {} threads\n",
        recipe.about,
        train_set.len(),
        test_set.len(),
        context.isa,
        rayon::current_num_threads()
    ))?;
    let progress = Progress::stderr();
    let settings =
        Settings { isa: context.isa, resume: false, memory: MEMORY, patches: None, stop: context.stop };
    let outcome = train(&recipe, &train_set, &run, settings, &progress)?;
    super::train::report(&outcome)?;
    let trained = Trained::load(&run, train_set.image_shape())?;
    let encoding = Encoding { isa: context.isa, pool: None, power: 1.0, stop: context.stop };
    let encoded = Encoded::new(&trained, &train_set, Some(&test_set), encoding, &progress)?;
    let plan = Plan { labels: None, draws: 1, seed: 1, svm: &recipe.svm, stop: context.stop };
    let evaluation = evaluate(&encoded, plan, &progress)?;
    evaluation.save(&run)?;
    let pictures = super::show::pictures(&run, &trained, &test_set, 12, context.isa)?;
    super::eval::report(&evaluation)?;
    pictures.iter().try_for_each(|path| print(&format!("picture: {}\n", path.display())))
}
