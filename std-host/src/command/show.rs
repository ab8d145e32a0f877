//! `wta show`.

use std::path::PathBuf;

use clap::Args;
use wta::data::{Kind, Split};
use wta::error::Result;
use wta::gallery;
use wta::recipe::Recipe;
use wta::run::{Run, Trained};
use wta::samples::Samples;
use wta_core::Shape;
use wta_simd::Isa;

use super::print;
use crate::Context;

/// Arguments of `wta show`.
#[derive(Args)]
#[command(after_help = "Writes dictionary.png, feature_maps.png and reconstructions.png into the run folder.

Examples:
  wta show --run runs/conv16
  wta show --run runs/conv16 --data ~/data --images 40")]
pub(crate) struct Arguments {
    /// The run folder of a trained network.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The folder that holds the run's data set [default: the bundled digits, where images are of their size].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Images to reconstruct.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    images: u16,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let run = Run::new(&arguments.run);
    let samples = images(&run.recipe()?, arguments)?;
    let trained = Trained::load(&run, samples.image_shape())?;
    let pictures = pictures(&run, &trained, &samples, usize::from(arguments.images), context.isa)?;
    pictures.iter().try_for_each(|path| print(&format!("picture: {}\n", path.display())))
}

/// Test images of the run's data set, or the bundled digits for want of it where they are of the same shape.
fn images(recipe: &Recipe, arguments: &Arguments) -> Result<Samples> {
    let mut recipe = recipe.clone();
    if arguments.data.is_none() && recipe.data.set.image_shape() == Kind::Digits.image_shape() {
        recipe.data.set = Kind::Digits;
    }
    super::samples(&recipe, arguments.data.as_deref(), Split::Test)
}

/// Writes the dictionary alone.
pub(super) fn dictionary(run: &Run, image: Shape) -> Result<PathBuf> {
    let trained = Trained::load(run, image)?;
    let path = run.file("dictionary.png");
    gallery::dictionary(&trained, image)?.save(&path)?;
    Ok(path)
}

/// Writes all pictures and returns their paths.
pub(super) fn pictures(
    run: &Run,
    trained: &Trained,
    samples: &Samples,
    images: usize,
    isa: Isa,
) -> Result<Vec<PathBuf>> {
    let mut paths = vec![dictionary(run, samples.image_shape())?];
    let shown = gallery::Shown::new(isa, trained, samples, images)?;
    for (name, picture) in
        [("reconstructions.png", shown.reconstructions()?), ("feature_maps.png", shown.feature_maps()?)]
    {
        if let Some(picture) = picture {
            let path = run.file(name);
            picture.save(&path)?;
            paths.push(path);
        }
    }
    Ok(paths)
}
