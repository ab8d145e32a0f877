//! `wta encode`.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use clap::{Args, ValueEnum};
use wta::Extent;
use wta::data::{Split, load_files};
use wta::encode::{FeatureEncoder, write_npy};
use wta::preprocess::Samples;
use wta::recipe::{ApplyTo, Recipe};
use wta::run::{Run, Trained};
use wta_core::Size;

use crate::bar::Bar;
use crate::context::Context;
use crate::load::samples;
use crate::output;

/// Arguments of `wta encode`.
#[derive(Args)]
#[command(
    after_help = "The file is an array of images x maps x rows x columns (images x units for fully-connected
networks) of float32, after pooling, in the order of the data set or of the files' names.

A convolutional network encodes images of any size, also larger than those it learnt from; whitening then
is a convolution. A stride of 4 gives every fourth row and column of the last layer's maps.

Examples:
  wta encode --run runs/conv16 --data ~/data --split test --out test.npy
  wta encode --run runs/natural --images photo.jpg --out photo.npy
  wta encode --run runs/natural --images ~/photos --size 224 --stride 4 --pool 3/2,whole --out photos.npy"
)]
pub(crate) struct Arguments {
    /// The run folder of a trained network.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The folder that holds `mnist/`, `cifar-10-batches-bin/`, `svhn/` or the recipe's own data; not needed
    /// for the bundled digits.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Which images of the recipe's data set.
    #[arg(long, value_enum, required_unless_present = "images")]
    split: Option<SplitName>,
    /// Instead of the recipe's data set: a picture, a folder of pictures, or an array (.npy, .safetensors).
    #[arg(long, value_name = "PATH", conflicts_with_all = ["data", "split"])]
    images: Option<PathBuf>,
    /// First bring pictures to this size, as in 224 or 240x320 (rows x columns): resize to just cover it, and
    /// crop to the centre [default: as they are].
    #[arg(long, value_name = "SIZE", requires = "images")]
    size: Option<String>,
    /// The stride of the last convolution [default: as it was trained].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    stride: Option<u16>,
    /// Instead of the recipe's pooling: side and stride of the windows, as in 3/2, or none; `3/2,average`
    /// takes means, `3/2,whole` leaves out windows that the border cuts.
    #[arg(long, value_name = "SIDE/STRIDE")]
    pool: Option<String>,
    /// The .npy file to write; `-` is standard output.
    #[arg(long, value_name = "FILE.npy")]
    out: PathBuf,
}

/// `--split`.
#[derive(Clone, Copy, ValueEnum)]
enum SplitName {
    Train,
    Test,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let run = Run::new(&arguments.run);
    let pool = arguments.pool.as_deref().map(str::parse).transpose()?;
    let stride = arguments.stride.map(|stride| Extent::Square(usize::from(stride)));
    let recipe = run.recipe()?.applied(&ApplyTo { stride, pool })?;
    let (bar, data) = (context.bar(), arguments.data.as_deref());
    let samples = match (&arguments.images, arguments.split) {
        (Some(path), _) => files(&recipe, path, arguments.size.as_deref(), &bar)?,
        (None, Some(SplitName::Test)) => samples(&recipe, data, Split::Test, &bar)?,
        (None, _) => samples(&recipe, data, Split::Train, &bar)?,
    };
    let trained = Trained::load(&run, recipe.resolve(samples.image_shape())?.into())?;
    let encoder = FeatureEncoder::new(context.isa, &trained)?;
    let dimensions = write_npy(&encoder, &samples, output::create(&arguments.out)?)?;
    let written = format!("{}: {dimensions:?} float32\n", arguments.out.display());
    output::report(&[&arguments.out], &written)
}

/// Images of any size; the network need not have learnt from such images.
fn files(recipe: &Recipe, path: &Path, size: Option<&str>, bar: &Bar) -> Result<Samples<'static>> {
    let size = size.map(parse_size).transpose()?;
    let channels = recipe.data.set.image_shape().map(|shape| shape.channels);
    Ok(Samples::new(recipe, load_files(path, channels, size, bar)?)?)
}

/// `--size 224` or `--size 240x320`.
fn parse_size(text: &str) -> Result<Size> {
    text.parse::<Extent>().map(Size::from).map_err(|_| {
        Error::Usage(format!("--size {text}: give one side, as in 224, or rows x columns, as in 240x320"))
    })
}
