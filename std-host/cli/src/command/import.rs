//! `wta import`.

use std::path::PathBuf;

use clap::Args;
use wta::import::{Imported, Options, import};
use wta::run::Run;
use wta::run::model::shape_of;
use wta_core::Shape;

use crate::error::Result;
use crate::print::print;
use crate::recipe::{NameOrPath, resolve};

/// Arguments of `wta import`.
#[derive(Args)]
#[command(
    after_help = "A device that has learnt writes model.wta with `wta_core::model::ModelWriter` or `wta_model_write`. The run has its
network, preprocessing, layers below and classifier; exporting it gives the same numbers. What the samples were, a model does
not say: with --recipe the run gets the data set of a recipe, and else it learns from train.npy and the like.

Where the model has the state of its training, --resume goes on with it; --epochs then says until when. Else it begins with
its weights. --from begins another run with them.

Examples:
  wta import model.wta --run runs/field
  wta import model.wta --run runs/field --recipe mnist-conv16
  wta eval --run runs/field --data ~/data
  wta train runs/field/recipe.toml --data ~/data --run runs/field --resume --epochs 20
  wta train mnist-conv16 --data ~/data --run runs/on --from runs/field"
)]
pub(crate) struct Arguments {
    /// The model.wta to read.
    model: PathBuf,
    /// The run folder to write.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// A recipe (a name or a file) with the data set, the classifier's settings and, where the model says
    /// nothing of them, the training's.
    #[arg(long, value_name = "RECIPE", value_parser = NameOrPath, hide_possible_values = true)]
    recipe: Option<String>,
    /// The shape of a sample, channels x rows x columns, for a fully-connected network of images.
    #[arg(long, value_name = "CxHxW", value_parser = shape)]
    shape: Option<Shape>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let recipe = arguments.recipe.as_ref().map(|recipe| resolve(recipe, None, None)).transpose()?;
    let options = Options { recipe, shape: arguments.shape };
    let run = Run::new(&arguments.run);
    let Imported { trained, classes, step, notes } = import(&arguments.model, &run, &options)?;
    let mut told = format!("weights checksum: {:08x}\n", trained.checksum());
    if classes > 0 {
        told += &format!("classifier: {classes} classes\n");
    }
    if let Some(step) = step {
        told += &format!("training: {step} steps done\n");
    }
    notes.iter().for_each(|note| told += &format!("note: {note}\n"));
    print(&format!("{told}run: {}\n", arguments.run.display()))
}

fn shape(text: &str) -> std::result::Result<Shape, String> {
    shape_of(text).ok_or_else(|| "must be channels x rows x columns, such as 3x1x100".to_owned())
}
