//! `wta predict`.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use wta::data::{Classes, Inputs, Split, read_inputs};
use wta::evaluate::Predictor;
use wta::export::Source;
use wta::int8::Int8Predictor;
use wta::preprocess::Samples;
use wta::recipe::Recipe;
use wta::run::Run;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::load::run_of;

/// Arguments of `wta predict`.
#[derive(Args)]
#[command(
    after_help = "The network and the classifier are those of the run; `wta eval` makes the classifier. Inputs are read as the recipe reads its
own data: pictures are brought to its size, arrays have its layout, recordings are cut into its windows. A sample's name
is its file, file[number] in an array or a table, or file@time step in a recording. Results come while inputs are read.

With --int8 the classes and scores are those that a device computes with what `wta export --int8` writes. They are calibrated
on the recipe's training samples, which --data has.

Examples:
  wta predict --run runs/motions new.npy
  wta predict --run runs/motions --int8 --data ~/motions new.npy
  wta predict --run runs/photos ~/new-photos --format csv > classes.csv
  wta predict --run runs/machine today.wav --format json | jq .class"
)]
pub(crate) struct Arguments {
    /// The run folder of a network that has been evaluated.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Pictures, folders of pictures, arrays (.npy, .npz, .safetensors), tables (.csv), recordings (.wav and
    /// others).
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// In 8 bits: classify as a device does.
    #[arg(long)]
    int8: bool,
    /// The folder that holds the recipe's training samples, for --int8; not needed for the bundled digits.
    #[arg(long, value_name = "DIR", requires = "int8")]
    data: Option<PathBuf>,
    /// A table for people, CSV with all scores, or a JSON object in each line.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// `--format`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let run = run_of(&arguments.run, context, &context.bar());
    let bar = context.bar();
    let source = run.recipe()?.data.set;
    let known = run.sample()?.map(|sample| sample.shape);
    let mut out = Output { to: BufWriter::new(io::stdout().lock()), format: arguments.format, headed: false };
    let mut opened: Option<(wta_core::Shape, Network)> = None;
    for path in &arguments.inputs {
        let shape = known.unwrap_or(wta_core::Shape::vector(1));
        let inputs = read_inputs(path, &source, shape, &bar)?;
        let shape = inputs.dataset.shape();
        let predictor = match opened.take_if(|(of, _)| *of == shape) {
            Some((_, predictor)) => predictor,
            None => open(arguments, context, &run, path, shape)?,
        };
        let done = predict(&predictor, inputs, &mut out);
        opened = Some((shape, predictor));
        match done {
            Err(Error::Library(wta::Error::Io { source, .. }))
                if source.kind() == io::ErrorKind::BrokenPipe =>
            {
                return Ok(());
            }
            done => done?,
        }
    }
    Ok(())
}

/// A network with its classifier.
enum Network {
    F32(Box<Predictor>),
    Int8(Box<Int8Predictor>),
}

impl Network {
    fn recipe(&self) -> &Recipe {
        match self {
            Self::F32(predictor) => predictor.recipe(),
            Self::Int8(predictor) => predictor.recipe(),
        }
    }

    fn classes(&self) -> &Classes {
        match self {
            Self::F32(predictor) => predictor.classes(),
            Self::Int8(predictor) => predictor.classes(),
        }
    }

    fn run(
        &self,
        samples: &Samples<'_>,
        each: impl FnMut(usize, usize, &[f64]) -> wta::Result<()>,
    ) -> wta::Result<()> {
        match self {
            Self::F32(predictor) => predictor.run(samples, each),
            Self::Int8(predictor) => predictor.run(samples, each),
        }
    }
}

/// The run's network, for samples of this shape.
fn open(
    arguments: &Arguments,
    context: &Context,
    run: &Run,
    path: &Path,
    shape: wta_core::Shape,
) -> Result<Network> {
    if !arguments.int8 {
        let predictor = Predictor::open(context.isa, run, shape).map_err(|error| about(path, error))?;
        return Ok(Network::F32(Box::new(predictor)));
    }
    let source = Source::load(run, Some(shape)).map_err(|error| about(path, error))?;
    let data = arguments.data.as_deref();
    let training = crate::load::samples(source.trained.recipe(), data, Split::Train, &context.bar())?;
    Ok(Network::Int8(Box::new(Int8Predictor::new(context.isa, run, source, &training)?)))
}

/// An error of samples that do not fit the network names their file.
fn about(path: &Path, error: wta::Error) -> wta::Error {
    match error {
        wta::Error::Invalid(problem) => wta::Error::file(path, problem),
        error => error,
    }
}

fn predict(predictor: &Network, inputs: Inputs, out: &mut Output<'_>) -> Result<()> {
    let failed = |error| wta::Error::io("write to", "standard output", error);
    let samples = Samples::new(predictor.recipe(), &inputs.dataset)?;
    let names = predictor.classes().names();
    out.head(names).map_err(failed)?;
    predictor.run(&samples, |index, class, scores| {
        out.row(&inputs.name(index), names, class, scores).map_err(failed)
    })?;
    Ok(out.to.flush().map_err(failed)?)
}

struct Output<'a> {
    to: BufWriter<StdoutLock<'a>>,
    format: Format,
    headed: bool,
}

impl Output<'_> {
    /// The line above all others, once.
    fn head(&mut self, classes: &[String]) -> io::Result<()> {
        if std::mem::replace(&mut self.headed, true) {
            return Ok(());
        }
        match self.format {
            Format::Table => {
                writeln!(self.to, "{:width$}     score  margin  sample", "class", width = width(classes))
            }
            Format::Csv => {
                let scores = classes.iter().map(|class| format!("score {class}"));
                self.csv(["sample".to_owned(), "class".to_owned()].into_iter().chain(scores))
            }
            Format::Json => Ok(()),
        }
    }

    fn row(&mut self, name: &str, classes: &[String], class: usize, scores: &[f64]) -> io::Result<()> {
        let called = classes.get(class).map_or("?", String::as_str);
        match self.format {
            Format::Table => {
                let best = scores.get(class).copied().unwrap_or(f64::NAN);
                let others = scores.iter().enumerate().filter(|(other, _)| *other != class);
                let second = others.map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
                let (width, margin) = (width(classes), best - second);
                writeln!(self.to, "{called:width$}  {best:>8.3}  {margin:>6.3}  {name}")
            }
            Format::Csv => {
                let scores = scores.iter().map(f64::to_string);
                self.csv([name.to_owned(), called.to_owned()].into_iter().chain(scores))
            }
            Format::Json => {
                let scores: serde_json::Map<String, serde_json::Value> =
                    classes.iter().cloned().zip(scores.iter().map(|score| (*score).into())).collect();
                let line = serde_json::json!({ "sample": name, "class": called, "scores": scores });
                writeln!(self.to, "{line}")
            }
        }
    }

    fn csv(&mut self, fields: impl Iterator<Item = String>) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(&mut self.to);
        writer.write_record(fields)?;
        writer.flush()
    }
}

/// The columns of the longest name.
fn width(classes: &[String]) -> usize {
    classes.iter().map(|class| class.chars().count()).max().unwrap_or(0).max("class".len())
}
