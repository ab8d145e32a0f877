//! `wta profile`.

use std::path::PathBuf;

use crate::error::{Error, Result};
use clap::Args;
use serde::Serialize;
use wta::data::Split;
use wta::profile::cases::{Case, cases};
use wta::profile::report::{NOTES, Report};
use wta::profile::together::{TogetherReport, profile_together};
use wta::profile::{Settings, Subject, profile, text};
use wta::recipe;

use crate::context::Context;
use crate::load::samples;
use crate::print::{json, print};
use crate::recipe::NameOrPath;

/// Arguments of `wta profile`.
#[derive(Args)]
#[command(after_help = help())]
pub(crate) struct Arguments {
    /// A recipe's name (see `wta recipes`) or the path of a TOML file.
    #[arg(value_parser = NameOrPath, hide_possible_values = true)]
    recipe: Option<String>,
    /// Instead of a recipe: a network to compare with other software and other records, by its name or
    /// written like 3x32x32,64conv3-64conv3-64deconv7 (image, layers) or 784-1000-784.
    #[arg(long, value_name = "NETWORK")]
    case: Option<String>,
    /// The folder that holds `mnist/` and other data sets: with a recipe, for real samples [default: noise].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Samples in a training step [default: the recipe's, or 100].
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Training steps, and encodings, to measure [default: 30, or fewer if they take longer than 10 seconds].
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Print JSON instead of a table: one object.
    #[arg(long)]
    json: bool,
}

/// The part of `--help` after the arguments.
fn help() -> String {
    let cases = cases().unwrap_or_default();
    let lines = cases.iter().map(|case| {
        format!("  {:10} {}\n", case.name, text::network_and_sparsity(&case.network, &case.sparsity))
    });
    format!(
        "\
Measured are the most multiply-adds that each instruction set does, training steps on all threads,
and encoding the same batch to dense codes (without pooling, and without preparing the filters,
which is done once for a network), in f32 and in 8 bits, as `wta encode --int8` does.

{NOTES}

The peak memory is the process's at the end of the steps, before the dense codes and the copy.

The cases, with untied weights, SGD with momentum 0.9 and noise for images:
{}
Examples:
  wta profile --case conv128
  wta profile --case fc2000 --threads 1 --isa avx2 --json
  wta profile --case 6x1x1024,64conv1x9-64conv1x9-64deconv1x17 --steps 5
  wta profile mnist-conv16 --data ~/data --batch 50 --steps 100",
        lines.collect::<String>()
    )
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let settings = Settings { isa: context.isa, steps: arguments.steps };
    let (subject, bar) = (subject(arguments, context)?, context.bar());
    match &context.ranks {
        None => {
            let report = profile(&subject, settings, &bar)?;
            tell(&report, Report::table, arguments)
        }
        Some(ranks) => {
            let report = profile_together(&subject, settings, ranks, &bar)?;
            report.map_or(Ok(()), |report| tell(&report, TogetherReport::table, arguments))
        }
    }
}

/// Prints a report, as JSON if that is asked for.
fn tell<R: Serialize>(report: &R, table: impl Fn(&R) -> String, arguments: &Arguments) -> Result<()> {
    if !arguments.json {
        return print(&table(report));
    }
    print(&json("the profile", serde_json::to_string(report))?)
}

fn subject(arguments: &Arguments, context: &Context) -> Result<Subject> {
    let invalid = |what: &str| Err(Error::Usage(what.to_owned()));
    // Checked before data sets are loaded and peaks are measured in vain.
    if arguments.steps == Some(0) {
        return invalid("--steps must be at least 1");
    }
    match (&arguments.recipe, &arguments.case) {
        (Some(_), Some(_)) => invalid("give a recipe or --case, not both"),
        (None, None) => invalid("give a recipe (`wta recipes` lists them) or --case NETWORK"),
        (None, Some(_)) if arguments.data.is_some() => {
            invalid("--data goes with a recipe; a case is measured on noise")
        }
        (None, Some(name)) => Ok(Subject::case(&Case::named(name)?, arguments.batch)?),
        (Some(name), None) => {
            let recipe = recipe::load(name)?;
            let data = arguments.data.as_deref();
            let samples = data.map(|_| samples(&recipe, data, Split::Train, &context.bar())).transpose()?;
            Ok(Subject::recipe(&recipe, arguments.batch, samples)?)
        }
    }
}
