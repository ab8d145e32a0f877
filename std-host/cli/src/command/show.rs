//! `wta show`.

use std::path::PathBuf;

use crate::error::Result;
use clap::Args;
use wta::Isa;
use wta::data::{DataSource, Split};
use wta::picture::{self, Reconstructions};
use wta::preprocess::Samples;
use wta::recipe::Recipe;
use wta::run::{Run, Trained};

use super::exciting;
use crate::context::Context;
use crate::load::{run_of, samples};
use crate::print::print;

/// Arguments of `wta show`.
#[derive(Args)]
#[command(
    after_help = "Writes dictionary.png, feature_maps.png and reconstructions.png into the run folder. Signals and vectors are drawn as curves,
with a colour for each channel, samples in grey behind their reconstructions; winners are marked in red.

With --top, atoms.csv gets a line for each map: in how many test samples it is active, its mean activation, and the
samples that excite it most, with their activations. Of pictures, atoms.png shows the most used atoms before these samples.

Examples:
  wta show --run runs/conv16
  wta show --run runs/conv16 --data ~/data --samples 40
  wta show --run runs/conv16 --data ~/data --top 8"
)]
pub(crate) struct Arguments {
    /// The run folder of a trained network.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The folder that holds the run's data set [default: the bundled digits, if images are of their size].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Samples to reconstruct.
    #[arg(long, alias = "images", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    samples: u16,
    /// Also find the N test samples that excite each map most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: Option<u16>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let run = run_of(&arguments.run, context, &context.bar());
    let samples = images(&run.recipe()?, arguments, context)?;
    let trained = Trained::open(&run, samples.image_shape())?;
    let pictures = pictures(&run, &trained, &samples, usize::from(arguments.samples), context.isa)?;
    pictures.iter().try_for_each(|path| print(&format!("picture: {}\n", path.display())))?;
    match arguments.top {
        Some(top) => exciting::run(&run, &trained, &samples, usize::from(top), context),
        None => Ok(()),
    }
}

/// Test images of the run's data set; without it, the bundled digits if they have the same shape.
fn images(recipe: &Recipe, arguments: &Arguments, context: &Context) -> Result<Samples<'static>> {
    let mut recipe = recipe.clone();
    if arguments.data.is_none() && recipe.data.set.image_shape() == DataSource::Digits.image_shape() {
        recipe.data.set = DataSource::Digits;
    }
    samples(&recipe, arguments.data.as_deref(), Split::Test, &context.bar())
}

/// Writes the dictionary alone.
pub(super) fn dictionary(run: &Run, trained: &Trained) -> Result<PathBuf> {
    let path = run.file("dictionary.png");
    picture::dictionary(trained, trained.resolved.image())?.save(&path)?;
    Ok(path)
}

/// Writes all pictures and returns their paths.
pub(super) fn pictures(
    run: &Run,
    trained: &Trained,
    samples: &Samples<'_>,
    images: usize,
    isa: Isa,
) -> Result<Vec<PathBuf>> {
    let mut paths = vec![dictionary(run, trained)?];
    let shown = Reconstructions::new(isa, trained, samples, images)?;
    for (name, picture) in
        [("reconstructions.png", shown.side_by_side()?), ("feature_maps.png", shown.feature_maps()?)]
    {
        if let Some(picture) = picture {
            let path = run.file(name);
            picture.save(&path)?;
            paths.push(path);
        }
    }
    Ok(paths)
}
