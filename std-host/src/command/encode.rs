//! `wta encode`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use wta::data::Split;
use wta::error::Result;
use wta::features::{FeatureEncoder, write_npy};
use wta::run::{Run, Trained};

use super::{print, samples};
use crate::Context;

/// Arguments of `wta encode`.
#[derive(Args)]
#[command(
    after_help = "The file is an array of images x maps x rows x columns (images x units for fully-connected
networks) of float32, after pooling, in the order of the data set.

Example:
  wta encode --run runs/conv16 --data ~/data --split test --out test.npy"
)]
pub(crate) struct Arguments {
    /// The run folder of a trained network.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The folder that holds `mnist/`, `cifar-10-batches-bin/`, `svhn/` or the recipe's own data; not needed for the
    /// bundled digits.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Which images.
    #[arg(long, value_enum)]
    split: SplitName,
    /// The .npy file to write.
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
    let split = match arguments.split {
        SplitName::Train => Split::Train,
        SplitName::Test => Split::Test,
    };
    let samples = samples(&run.recipe()?, arguments.data.as_deref(), split)?;
    let trained = Trained::load(&run, samples.image_shape())?;
    let encoder = FeatureEncoder::new(context.isa, &trained)?;
    let dimensions = write_npy(&encoder, &samples, &arguments.out)?;
    print(&format!("{}: {dimensions:?} float32\n", arguments.out.display()))
}
