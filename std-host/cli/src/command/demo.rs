//! `wta demo`.

use std::path::PathBuf;

use crate::error::{Error, Result};
use clap::Args;
use wta::data::Split;
use wta::evaluate::{Encoded, Encoding, Plan, evaluate};
use wta::recipe;
use wta::run::Run;
use wta::train::{Options, locked, train_locked};

use crate::context::Context;
use crate::load::samples;
use crate::print::print;

const RECIPE: &str = "digits-demo";

/// What the run's recipe says besides.
const MADE_BY: &str = " (made by wta demo, which may replace it)";

/// Arguments of `wta demo`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The run folder to write; an earlier demo there is replaced.
    #[arg(long, value_name = "DIR", default_value = "wta-demo")]
    run: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let mut recipe = recipe::load(RECIPE)?;
    let about = recipe.about.clone();
    // So that an earlier demo can be told from a run of the user's own.
    recipe.about += MADE_BY;
    let run = Run::new(&arguments.run);
    let bar = context.bar();
    // To the end: what is evaluated and drawn is what was trained.
    let lock = locked(&run, &bar)?;
    if run.exists() {
        if run.recipe()? != recipe {
            return Err(Error::Usage(format!(
                "{}: holds another run; give the demo a folder of its own with --run",
                run.folder().display()
            )));
        }
        run.remove()?;
    }
    let train = samples(&recipe, None, Split::Train, &bar)?;
    let test = samples(&recipe, None, Split::Test, &bar)?;
    print(&format!(
        "{}: {} training digits, {} test digits, {} instructions, {} threads\n",
        about,
        train.len(),
        test.len(),
        context.isa,
        rayon::current_num_threads()
    ))?;
    let options = Options { isa: context.isa, ..Options::default() };
    let (trained, outcome) = train_locked(&lock, false, &recipe, &train, options, &bar)?;
    print(&super::train::report(&outcome))?;
    let encoding = Encoding { isa: context.isa, ..Encoding::default() };
    let encoded = Encoded::new(&trained, &train, Some(&test), encoding, &bar)?;
    let plan = Plan { labels: None, draws: 1, seed: 1, svm: &recipe.svm };
    let evaluation = evaluate(&encoded, plan, &bar)?;
    evaluation.save(&run)?;
    let pictures = super::show::pictures(&run, &trained, &test, 12, context.isa)?;
    super::eval::report(&evaluation)?;
    pictures.iter().try_for_each(|path| print(&format!("picture: {}\n", path.display())))
}
