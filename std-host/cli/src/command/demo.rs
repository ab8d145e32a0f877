//! `wta demo`.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use clap::Args;
use wta::data::{Split, look};
use wta::error::Interrupted;
use wta::evaluate::{Encoded, Encoding, Plan, evaluate};
use wta::init::recipe_for;
use wta::observer::ProgressAlone;
use wta::preprocess::Samples;
use wta::recipe::{self, Recipe};
use wta::run::{Run, Trained};
use wta::train::{Options, locked, train_locked};

use super::demo_mark::{MADE_BY, is_of_demo};
use super::reconstruct::{self, How};
use super::{eval, report, show, train};
use crate::bar::Bar;
use crate::context::Context;
use crate::load::samples;
use crate::print::{print, shell_word};

const RECIPE: &str = "digits-demo";

/// The samples that are reconstructed in the picture.
const PICTURED: usize = 12;

/// Arguments of `wta demo`.
#[derive(Args)]
#[command(
    after_help = "Trains, classifies, and writes report.html into the run folder: a page with the curves, the dictionary, reconstructions and
mistakes. With --own it does the same with your pictures, arrays or recordings, by the recipe that `wta init` proposes.

Examples:
  wta demo
  wta demo --run runs/first --threads 2
  wta demo --own ~/photos"
)]
pub(crate) struct Arguments {
    /// The run folder to write; an earlier demo there is replaced [default: wta-demo, with --own
    /// wta-demo-own].
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Learn from this file or folder instead of the bundled digits: pictures, arrays, tables, recordings.
    #[arg(long, value_name = "FOLDER")]
    own: Option<PathBuf>,
}

/// What the demo learns from.
struct Subject {
    recipe: Recipe,
    about: String,
    /// The folder of the data; none for the bundled digits.
    data: Option<PathBuf>,
    /// The run folder, unless the user names another.
    folder: &'static str,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let bar = context.bar();
    let subject = match &arguments.own {
        None => Subject::digits()?,
        Some(own) => Subject::own(own, &bar)?,
    };
    let Subject { recipe, about, data, folder } = &subject;
    let run = Run::new(arguments.run.as_deref().unwrap_or_else(|| Path::new(folder)));
    // To the end: what is evaluated and drawn is what was trained.
    let lock = locked(&run, &bar)?;
    if run.exists() {
        if !is_of_demo(&run.recipe()?) {
            return Err(Error::Usage(format!(
                "{}: holds another run; give the demo a folder of its own with --run",
                run.folder().display()
            )));
        }
        run.remove()?;
    }
    let train = samples(recipe, data.as_deref(), Split::Train, &bar)?;
    let has_test = recipe.data.set.has_test();
    let test = if has_test { Some(samples(recipe, data.as_deref(), Split::Test, &bar)?) } else { None };
    print(&format!(
        "{about}: {} training {kind}, {} test {kind}, {} instructions, {} threads\n",
        train.len(),
        test.as_ref().map_or(0, Samples::len),
        context.isa,
        rayon::current_num_threads(),
        kind = train.form().samples(),
    ))?;
    let options = Options { isa: context.isa, ..Options::default() };
    let trained = train_locked(&lock, false, recipe, &train, options, &bar);
    let (trained, outcome) = trained.map_err(|error| interrupted(error, data.as_deref()))?;
    print(&train::report(&outcome))?;
    let pictured = test.as_ref().unwrap_or(&train);
    let pictures = show::pictures(&run, &trained, pictured, PICTURED, context.isa)?;
    judge(&subject, &run, &trained, (&train, test.as_ref()), context, &bar)?;
    pictures.iter().try_for_each(|path| print(&format!("picture: {}\n", path.display())))?;
    let page = run.file(report::PAGE);
    drop((train, test, trained));
    report::write(std::slice::from_ref(&run), data.as_slice(), &page, context)?;
    print(&next(&run, data.as_deref(), 2 * recipe.training.epochs))
}

/// Says how to go on with a demo that was stopped: the demo itself begins anew.
fn interrupted(error: wta::Error, data: Option<&Path>) -> Error {
    let wta::Error::Interrupted(Interrupted::Training { step, steps, folder: Some(folder) }) = &error else {
        return error.into();
    };
    let run = Run::new(folder);
    let (recipe, folder) = (shell_word(&run.file("recipe.toml")), shell_word(run.folder()));
    Error::Paused(format!(
        "step {step} of {steps} is saved; the demo would begin anew, this goes on: \
         wta train {recipe}{} --run {folder} --resume",
        data_flag(data)
    ))
}

impl Subject {
    fn digits() -> Result<Self> {
        let recipe = recipe::load(RECIPE)?;
        Ok(Self { about: recipe.about.clone(), recipe, data: None, folder: "wta-demo" }.marked())
    }

    /// What lies in a file or a folder, by the recipe that is proposed for it.
    fn own(path: &Path, bar: &Bar) -> Result<Self> {
        let found = look(path)?;
        // What is read is told when it is read again, to train.
        let text = recipe_for(&found, "own", &ProgressAlone(bar))?.text;
        let recipe = recipe::parse(&text, "the recipe for your data")?;
        let data = Some(found.folder.clone());
        Ok(Self { about: recipe.about.clone(), recipe, data, folder: "wta-demo-own" }.marked())
    }

    /// With a recipe by which an earlier demo can be told from a run of the user's own.
    fn marked(mut self) -> Self {
        self.recipe.about += MADE_BY;
        self
    }
}

/// Classifies the test samples or, without labels, tells how well samples are reconstructed that were not
/// trained on; nothing if there are none.
fn judge(
    subject: &Subject,
    run: &Run,
    trained: &Trained,
    (train, test): (&Samples<'_>, Option<&Samples<'_>>),
    context: &Context,
    bar: &Bar,
) -> Result<()> {
    match (test, train.labels()) {
        (Some(test), Some(_)) => {
            let encoding = Encoding { isa: context.isa, ..Encoding::default() };
            let encoded = Encoded::new(trained, train, Some(test), encoding, bar)?;
            let plan = Plan { labels: None, draws: 1, seed: 1, svm: &subject.recipe.svm };
            let evaluation = evaluate(&encoded, plan, bar)?;
            evaluation.save(run)?;
            eval::report(&evaluation)
        }
        (Some(_), None) => {
            let how = How { data: subject.data.as_deref(), validate: false, json: false };
            reconstruct::run(&how, run, trained, train, context.isa, bar)
        }
        (None, _) => Ok(()),
    }
}

fn data_flag(data: Option<&Path>) -> String {
    data.map_or(String::new(), |data| format!(" --data {}", shell_word(data)))
}

/// What to do next, as command lines that work as they stand.
fn next(run: &Run, data: Option<&Path>, epochs: usize) -> String {
    let folder = shell_word(run.folder());
    let data_flag = data_flag(data);
    let (recipe, model) = (shell_word(&run.file("recipe.toml")), shell_word(&run.file("model.wta")));
    let longer = shell_word(&run.folder().with_extension("longer"));
    let lines = [
        ("say what the files are, and whether they fit together", format!("wta inspect {folder}")),
        ("write the network for firmware", format!("wta export --run {folder} --out {model}")),
        (
            "train it longer, beside this",
            format!("wta train {recipe}{data_flag} --epochs {epochs} --run {longer}"),
        ),
    ];
    let lines = lines.map(|(what, line)| format!("  {line}\n      {what}\n"));
    let own = if data.is_some() {
        ""
    } else {
        "With pictures, arrays or recordings of your own: wta demo --own FOLDER\n"
    };
    format!(
        "\nOpen {} in a browser. Then, for instance:\n{}{own}",
        run.file(report::PAGE).display(),
        lines.concat()
    )
}
