//! `wta encode`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use clap::{Args, ValueEnum};
use wta::data::{DataSource, Split, load_files, read_inputs};
use wta::encode::{
    FeatureEncoder, Part, Reconstruction, Together, TrainedCode, Written, write_csr, write_npy,
};
use wta::error::Interrupted;
use wta::export::Source;
use wta::int8::Int8Encoder;
use wta::preprocess::Samples;
use wta::recipe::{ApplyTo, Recipe};
use wta::run::Trained;
use wta::train::held_out_of;
use wta::{Extent, Observer};
use wta_core::{Shape, Size};

use crate::bar::Bar;
use crate::context::{Context, given};
use crate::load::{run_of, samples};
use crate::output;

/// Arguments of `wta encode`.
#[derive(Args)]
#[command(
    after_help = "The file is an array of samples x maps x rows x columns (samples x units for fully-connected networks) of float32, after
pooling, in the order of the data set or of the files' names. svm.safetensors and ONNX have the same order of features.

With --code trained it is the code as sparse as in training, not pooled: exactly the winners, with lifetime sparsity over
batches of the recipe's size in the order of the samples. With --sparse it is a matrix of samples x features (CSR) in a
.npz for scipy.sparse.load_npz, whose columns are map after map. With --reconstruct it is what the network makes of each
sample from its winners: preprocessed, as the network sees it; in a stack, the features of the layer below.

With --int8 the numbers are those that a device computes with what `wta export --int8` writes: 0 to 255 times a scale. They
are calibrated on the recipe's training samples.

A convolutional network encodes images of any size, also larger than those it learnt from; whitening then
is a convolution. A stride of 4 gives every fourth row and column of the last layer's maps.

Examples:
  wta encode --run runs/conv16 --data ~/data --split test --out test.npy
  wta encode --run runs/motions --data ~/motions --split train --code trained --sparse --out winners.npz
  wta encode --run runs/motions --inputs new.npy --reconstruct --out made.npy
  wta encode --run runs/conv16 --data ~/data --split test --int8 --out test.npy
  wta encode --run runs/natural --inputs photo.jpg --out photo.npy
  wta encode --run runs/natural --inputs ~/photos --size 224 --stride 4 --pool 3/2,whole --out photos.npy"
)]
pub(crate) struct Arguments {
    /// The run folder of a trained network.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The folder that holds `mnist/`, `cifar-10-batches-bin/`, `svhn/` or the recipe's own data; not needed
    /// for the bundled digits.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Which samples of the recipe's data set.
    #[arg(long, value_enum, required_unless_present = "images")]
    split: Option<SplitName>,
    /// Instead of the recipe's data set: a picture, a folder of pictures, an array (.npy, .npz,
    /// .safetensors), or what else the recipe reads, as tables and recordings.
    #[arg(long = "inputs", visible_alias = "images", value_name = "PATH", conflicts_with = "split")]
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
    /// All of each code, pooled, or exactly the winners of training, not pooled [default: dense].
    #[arg(long, value_enum)]
    code: Option<CodeName>,
    /// Write only what is not 0, as a CSR matrix in a .npz.
    #[arg(long)]
    sparse: bool,
    /// Instead of codes, write what the network makes of each sample from its winners.
    #[arg(long, conflicts_with = "sparse")]
    reconstruct: bool,
    /// In 8 bits: encode as a device does; with --inputs, --data is for the calibration.
    #[arg(long)]
    int8: bool,
    /// The .npy file to write, with --sparse .npz; `-` is standard output.
    #[arg(long, value_name = "FILE.npy")]
    out: PathBuf,
}

/// `--split`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SplitName {
    Train,
    Test,
    /// The training samples that `training.held_out` keeps from training.
    HeldOut,
}

/// `--code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CodeName {
    Dense,
    Trained,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let of_winners = arguments.reconstruct || arguments.code == Some(CodeName::Trained);
    check(arguments, of_winners)?;
    let ranks = context.ranks.as_ref();
    let run = run_of(&arguments.run, context, &context.bar());
    output::expect_apart(&[&arguments.out], arguments.images.as_slice(), Some(&run))?;
    let pool = arguments.pool.as_deref().map(str::parse).transpose()?;
    let stride = arguments.stride.map(|stride| Extent::Square(usize::from(stride)));
    context.expect_common(flags(arguments))?;
    let recipe = run.shared_recipe(ranks)?.applied(&ApplyTo { stride, pool })?;
    let (bar, data) = (context.bar(), arguments.data.as_deref());
    let samples = match (&arguments.images, arguments.split) {
        (Some(path), _) => files(&recipe, path, arguments.size.as_deref(), &bar)?,
        (None, Some(SplitName::Test)) => samples(&recipe, data, Split::Test, &bar)?,
        (None, Some(SplitName::HeldOut)) => {
            let all = samples(&recipe, data, Split::Train, &bar)?;
            let held_out = held_out_of(&recipe, all.len())?;
            all.chosen(&held_out)?
        }
        (None, _) => samples(&recipe, data, Split::Train, &bar)?,
    };
    let trained = Trained::shared(&run, ranks, recipe.resolve(samples.image_shape())?.into())?;
    if arguments.reconstruct {
        return write(&Reconstruction::new(context.isa, &trained, &samples)?, &samples, arguments, context);
    }
    if of_winners {
        return write(&TrainedCode::new(context.isa, &trained)?, &samples, arguments, context);
    }
    if arguments.int8 {
        let training = self::samples(&recipe, data, Split::Train, &bar)?;
        expect_size(training.image_shape(), samples.image_shape())?;
        let source = Source::new(trained, None)?;
        return write(
            &Int8Encoder::calibrated(context.isa, &source, &training)?,
            &samples,
            arguments,
            context,
        );
    }
    write(&FeatureEncoder::new(context.isa, &trained)?, &samples, arguments, context)
}

/// Scales are calibrated for samples of the training samples' size.
fn expect_size(learnt: Shape, found: Shape) -> Result<()> {
    if found == learnt {
        return Ok(());
    }
    let text = |shape: Shape| format!("{} x {} x {}", shape.height, shape.width, shape.channels);
    let [learnt, found] = [learnt, found].map(text);
    Err(Error::Usage(format!(
        "--int8 takes samples of the training samples' size, {learnt}, and these are {found} (rows x columns x \
         channels); bring pictures to it by --size"
    )))
}

/// The flags that all processes must have in common.
fn flags(arguments: &Arguments) -> [(&'static str, Option<String>); 8] {
    let Arguments { split, size, stride, pool, code, sparse, reconstruct, int8, .. } = arguments;
    [
        ("--split", split.as_ref().map(name)),
        ("--size", size.clone()),
        ("--stride", stride.map(|stride| stride.to_string())),
        ("--pool", pool.clone()),
        ("--code", code.as_ref().map(name)),
        ("--sparse", given(*sparse)),
        ("--reconstruct", given(*reconstruct)),
        ("--int8", given(*int8)),
    ]
}

/// The word of the command line.
fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// What goes together.
fn check(arguments: &Arguments, of_winners: bool) -> Result<()> {
    let usage = |problem: &str| Err(Error::Usage(problem.to_owned()));
    if arguments.reconstruct && arguments.code == Some(CodeName::Dense) {
        return usage("--reconstruct takes the winners, as in training; leave --code dense out");
    }
    if of_winners && arguments.int8 {
        return usage("--int8 has no winners: lifetime sparsity is for training; leave it out");
    }
    if arguments.images.is_some() && arguments.data.is_some() && !arguments.int8 {
        return usage(
            "--data is the recipe's data set, and --inputs are other samples; leave one of them out",
        );
    }
    if of_winners && (arguments.pool.is_some() || arguments.stride.is_some()) {
        return usage(
            "winners are not pooled and have the stride of training; leave --pool and --stride out",
        );
    }
    Ok(())
}

/// What is written, with the progress of the samples, until Ctrl-C.
struct Watched<'a> {
    written: &'a dyn Written,
    bar: &'a Bar,
}

impl Written for Watched<'_> {
    fn dimensions(&self) -> Vec<usize> {
        self.written.dimensions()
    }

    fn run_range(
        &self,
        samples: &Samples<'_>,
        range: Range<usize>,
        consume: &mut dyn FnMut(&[f32]) -> wta::Result<()>,
    ) -> wta::Result<()> {
        let len = self.dimensions().iter().product::<usize>().max(1);
        self.bar.begin("encode", range.len() as u64);
        let done = self.written.run_range(samples, range, &mut |values| {
            self.go_on((values.len() / len) as u64)?;
            consume(values)
        });
        self.bar.end();
        done
    }

    fn batch(&self) -> usize {
        self.written.batch()
    }

    fn run_in_parts(
        &self,
        samples: &Samples<'_>,
        consume: &mut dyn FnMut(Part<'_>) -> wta::Result<()>,
    ) -> wta::Result<()> {
        // Of one image that is large, the positions are counted.
        let maps = self.dimensions().first().copied().unwrap_or(1).max(1);
        let len = self.dimensions().iter().product::<usize>();
        self.bar.begin("encode", (samples.len() * (len / maps)) as u64);
        let done = self.written.run_in_parts(samples, &mut |part| {
            self.go_on((part.values.len() / maps) as u64)?;
            consume(part)
        });
        self.bar.end();
        done
    }

    fn has_parts(&self) -> bool {
        self.written.has_parts()
    }
}

impl Watched<'_> {
    /// Tells the progress, unless the work is to stop.
    fn go_on(&self, done: u64) -> wta::Result<()> {
        if self.bar.should_stop() {
            return Err(wta::Error::Interrupted(Interrupted::Encoding));
        }
        self.bar.advance(done);
        Ok(())
    }
}

fn write(
    written: &dyn Written,
    samples: &Samples<'_>,
    arguments: &Arguments,
    context: &Context,
) -> Result<()> {
    let bar = &context.bar();
    let together = context.ranks.as_ref().map(|ranks| Together::new(written, ranks, bar));
    let written = together.as_ref().map_or(written, |together| together);
    if !context.is_first() {
        return Ok(written.run(samples, &mut |_| Ok(()))?);
    }
    let written = &Watched { written, bar };
    let (path, file) = (&arguments.out, output::create(&arguments.out)?);
    let name = path.display();
    let told = if arguments.sparse {
        let (rows, columns, count) = write_csr(written, samples, file)?;
        format!("{name}: [{rows}, {columns}] float32, {count} values that are not 0, as CSR\n")
    } else {
        format!("{name}: {:?} float32\n", write_npy(written, samples, file)?)
    };
    output::report(&[path], &told)
}

/// Samples that are not the recipe's. Images may have any size; the network need not have learnt from such
/// images.
fn files(recipe: &Recipe, path: &Path, size: Option<&str>, bar: &Bar) -> Result<Samples<'static>> {
    let size = size.map(parse_size).transpose()?;
    let (source, shape) = (&recipe.data.set, recipe.data.set.image_shape());
    if size.is_none() && matches!(source, DataSource::Array(_) | DataSource::Signals(_)) {
        let inputs = read_inputs(path, source, shape.unwrap_or(Shape::vector(1)), bar)?;
        return Ok(Samples::new(recipe, inputs.dataset)?);
    }
    Ok(Samples::new(recipe, load_files(path, shape.map(|shape| shape.channels), size, bar)?)?)
}

/// `--size 224` or `--size 240x320`.
fn parse_size(text: &str) -> Result<Size> {
    text.parse::<Extent>().map(Size::from).map_err(|_| {
        Error::Usage(format!("--size {text}: give one side, as in 224, or rows x columns, as in 240x320"))
    })
}
