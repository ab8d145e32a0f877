//! `wta report`.

use std::path::{Path, PathBuf};

use clap::Args;
use wta::report::{Subject, report};
use wta::run::Run;

use super::again::{Again, names};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::load::{run_of, shown};
use crate::output;

/// The page's name if the user gives none.
pub(super) const PAGE: &str = "report.html";

/// Arguments of `wta report`.
#[derive(Args)]
#[command(
    after_help = "Writes one HTML file that needs no network: the recipe in words, curves of the training, the dictionary with the samples
that excite each atom most (click on one), feature maps, reconstructions, the classifier's mistakes, sizes, and the commands that
make the run again. Several runs stand side by side, with a table of what differs.

Examples:
  wta report runs/conv16 --data ~/data
  wta report runs/conv16 runs/conv128 --data ~/data --out compared.html
  wta report runs/photos --data ~/photos runs/motions --data ~/motions"
)]
pub(crate) struct Arguments {
    /// The run folders.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The folder that holds the runs' data, or one for each run, in their order; without it, the page shows
    /// no samples, but for the bundled digits.
    #[arg(long, value_name = "DIR")]
    data: Vec<PathBuf>,
    /// The file to write [default: report.html in the run folder; of several runs, in the current folder].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let runs: Vec<Run> =
        arguments.runs.iter().map(|folder| run_of(folder, context, &context.bar())).collect();
    let out = match (&arguments.out, &runs[..]) {
        (Some(out), _) => out.clone(),
        (None, [run]) => run.file(PAGE),
        (None, _) => PathBuf::from(PAGE),
    };
    for run in &runs {
        if out != run.file(PAGE) {
            output::expect_apart(&[&out], &[] as &[&PathBuf], Some(run))?;
        }
    }
    write(&runs, &arguments.data, &out, context)
}

/// Writes the page of these runs. There is one folder of data for all, one for each, or none.
pub(super) fn write(runs: &[Run], data: &[PathBuf], out: &Path, context: &Context) -> Result<()> {
    let bar = context.bar();
    let folders: Vec<Option<&PathBuf>> = match data {
        [] => vec![None; runs.len()],
        [folder] => vec![Some(folder); runs.len()],
        folders if folders.len() == runs.len() => folders.iter().map(Some).collect(),
        folders => {
            return Err(Error::Usage(format!(
                "--data is given {} times for {} run{}; give it once for all, or once for each",
                folders.len(),
                runs.len(),
                if runs.len() == 1 { "" } else { "s" }
            )));
        }
    };
    let mut subjects = Vec::new();
    for ((run, folder), name) in runs.iter().zip(folders).zip(names(runs)) {
        let recipe = run.recipe()?;
        let is_at_hand = folder.is_some() || !recipe.data.set.needs_folder();
        let shown = is_at_hand.then(|| shown(&recipe, folder.map(PathBuf::as_path), &bar)).transpose()?;
        let hint = "Give the folder of its data with --data.".to_owned();
        let again = Again { run, recipe: &recipe, data: folder.map(PathBuf::as_path), name: &name };
        subjects.push(Subject { run, shown, hint, commands: again.commands() });
    }
    let page = report(context.isa, &subjects, &bar)?;
    output::write(out, page.as_bytes())?;
    output::report(&[out], &format!("report: {}\n", out.display()))
}
