//! `wta export`.

use std::path::{Path, PathBuf};

use crate::error::Result;
use clap::Args;
use wta::data::Split;
use wta::export::quantize::Quantized;
use wta::export::{self, Name, Options, SaeLens, Source, onnx};
use wta::int8::{Comparison, compare};
use wta::run::model::shape_of;
use wta_core::Shape;

use crate::context::Context;
use crate::load::{run_of, samples};
use crate::output;

/// Arguments of `wta export`.
#[derive(Args)]
#[command(
    after_help = "Firmware uses model.wta where it lies in flash: `wta_core::Model::parse`. The file holds the network, its pooling, and
the classifier that `wta eval` made, and what is done to samples before: preprocessing, and the layers below in a stack.
The layer below alone is a run of its own: DIR/below. A signal's network is turned, so that it streams sample by sample.

With --onnx the same goes into a graph for onnxruntime, tract, Netron and converters; with --int8 it is quantised (QDQ). It
takes samples as they are, and gives features, scores, the class and its name. Also networks that devices do not compute
are written: RBMs, averages, whole windows, all layers' features.

With --saelens a dictionary of one fully-connected layer goes into a folder as SAELens reads it: cfg.json and
sae_weights.safetensors.

With --int8 the file holds 8-bit integers instead, a quarter of the size, for `wta_core::Int8Pipeline`; they are calibrated on
training samples, and what they cost in labels is counted on the test samples.

Examples:
  wta export --run runs/conv16 --out model.wta
  wta export --run runs/conv16 --out model.wta --rust src/model.rs --no-decoder
  wta export --run runs/conv16 --out model.wta --c model.h
  wta export --run runs/motions --out motions.wta --c motions.h --name motions
  wta export --run runs/conv16 --out model.wta --int8 --data ~/data
  wta export --run runs/stacked/below --out below.wta
  wta export --run runs/motions --onnx motions.onnx
  wta export --run runs/dictionary --saelens sae"
)]
pub(crate) struct Arguments {
    /// The run folder of a trained network.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The model.wta to write; `-` is standard output.
    #[arg(long, value_name = "FILE.wta", required_unless_present_any = ["onnx", "saelens"])]
    out: Option<PathBuf>,
    /// Also write it as a Rust module: aligned bytes, and the network as a constant.
    #[arg(long, value_name = "FILE.rs", requires = "out")]
    rust: Option<PathBuf>,
    /// Also write it as a C header.
    #[arg(long, value_name = "FILE.h", requires = "out")]
    c: Option<PathBuf>,
    /// Write an ONNX file; `-` is standard output.
    #[arg(long, value_name = "FILE.onnx")]
    onnx: Option<PathBuf>,
    /// Leave the classes' names out of the outputs of the ONNX file, for programs that know no texts.
    #[arg(long, requires = "onnx")]
    no_class_names: bool,
    /// Write a dictionary into this folder, as SAELens reads it.
    #[arg(long, value_name = "DIR")]
    saelens: Option<PathBuf>,
    /// The name of the module and the header: wta_NAME in C, a module NAME in Rust [default: model].
    #[arg(long, value_name = "NAME")]
    name: Option<Name>,
    /// Leave out the decoder; only training, reconstruction and novelty need it.
    #[arg(long)]
    no_decoder: bool,
    /// In 8 bits: quantise the encoder and the classifier, and leave out the numbers in f32.
    #[arg(long)]
    int8: bool,
    /// With --int8, also keep the numbers in f32, for training and novelty.
    #[arg(long, requires = "int8")]
    keep_f32: bool,
    /// The shape of a sample, channels x rows x columns, for a run on arrays that does not say it.
    #[arg(long, value_name = "CxHxW", value_parser = shape)]
    shape: Option<Shape>,
    /// The folder that holds `mnist/` and other data sets, for --int8; not needed for the bundled digits.
    #[arg(long, value_name = "DIR", requires = "int8")]
    data: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let run = run_of(&arguments.run, context, &context.bar());
    let outs = [&arguments.out, &arguments.onnx, &arguments.rust, &arguments.c];
    let outs: Vec<&PathBuf> = outs.into_iter().flatten().collect();
    output::expect_apart(&outs, &[] as &[&Path], Some(&run))?;
    // ONNX has more than devices compute; its integers are theirs.
    let source = if arguments.out.is_some() || arguments.int8 {
        Source::load(&run, arguments.shape)?
    } else {
        Source::open(&run, arguments.shape)?
    };
    let (recipe, bar) = (source.trained.recipe(), context.bar());
    let quantized = if arguments.int8 {
        let training = samples(recipe, arguments.data.as_deref(), Split::Train, &bar)?;
        Some(Quantized::new(&source, &training)?)
    } else {
        None
    };
    let mut files = Files::default();
    let mut told = String::new();
    if let Some(path) = &arguments.out {
        told += &device_files(arguments, path, context, &source, quantized.as_ref(), &mut files)?;
    }
    if let Some(path) = &arguments.onnx {
        let name = arguments.name.as_ref().map_or(recipe.name.clone(), Name::to_string);
        let options = onnx::Options { name: &name, class_names: !arguments.no_class_names };
        files.write(path, &onnx::model(&source, options, quantized.as_ref())?)?;
    }
    let saelens: Vec<PathBuf> = match &arguments.saelens {
        Some(folder) => {
            let dictionary = SaeLens::new(&source.trained)?;
            told += &format!("architecture: {}\n", dictionary.architecture());
            told += &dictionary.note().map_or(String::new(), |note| format!("note: {note}\n"));
            dictionary.save(folder)?.to_vec()
        }
        None => Vec::new(),
    };
    if !outs.is_empty() {
        told += &notes(arguments, &source);
    }
    files.paths.extend(saelens.iter().map(PathBuf::as_path));
    files.report(&told)
}

/// Files that have been written.
#[derive(Default)]
struct Files<'a> {
    paths: Vec<&'a Path>,
}

impl<'a> Files<'a> {
    fn write(&mut self, path: &'a Path, bytes: &[u8]) -> Result<()> {
        output::write(path, bytes)?;
        self.paths.push(path);
        Ok(())
    }

    /// Prints `told` and what has been written.
    fn report(&self, told: &str) -> Result<()> {
        let written: String =
            self.paths.iter().map(|path| format!("written: {}\n", path.display())).collect();
        output::report(&self.paths, &(told.to_owned() + &written))
    }
}

/// Writes `model.wta`, the module and the header. Returns the table of what they hold and need.
fn device_files<'a>(
    arguments: &'a Arguments,
    path: &'a Path,
    context: &Context,
    source: &Source,
    quantized: Option<&Quantized>,
    files: &mut Files<'a>,
) -> Result<String> {
    let recipe = source.trained.recipe();
    let options = Options { decoder: !arguments.no_decoder };
    let (file, cost) = match quantized {
        Some(quantized) => {
            let file = export::int8_model(source, quantized, arguments.keep_f32.then_some(options))?;
            let cost = match source.svm {
                Some(_) => {
                    let test = samples(recipe, arguments.data.as_deref(), Split::Test, &context.bar())?;
                    reported(&compare(context.isa, source, &file, &test)?)
                }
                None => String::new(),
            };
            (file, cost)
        }
        None => (export::model(source, options)?, String::new()),
    };
    let table = export::costs(&file, &source.trained.resolved)?.to_string();
    files.write(path, file.bytes())?;
    if let Some(path) = &arguments.rust {
        let module = export::module(&file, &recipe.name, arguments.name.as_ref())?;
        files.write(path, module.as_bytes())?;
    }
    if let Some(path) = &arguments.c {
        let name = arguments.name.clone().unwrap_or_default();
        files.write(path, export::header(&file, &recipe.name, &name)?.as_bytes())?;
    }
    Ok(table + &cost)
}

fn shape(text: &str) -> std::result::Result<Shape, String> {
    shape_of(text).ok_or_else(|| "must be channels x rows x columns, such as 3x1x100".to_owned())
}

/// A line about the test images that both networks classified.
fn reported(comparison: &Comparison) -> String {
    let Comparison { images, same, f32_errors, int8_errors } = *comparison;
    let percent = |part: usize| 100.0 * part as f64 / images.max(1) as f64;
    format!(
        "int8 gives {:.2}% of {} test images the label that f32 gives\n\
         test error: f32 {:.2}%, int8 {:.2}%\n",
        percent(same),
        images,
        percent(f32_errors),
        percent(int8_errors)
    )
}

/// Notes on what the files do not hold, and how to get it.
fn notes(arguments: &Arguments, source: &Source) -> String {
    let run = arguments.run.display();
    let mut text = String::new();
    if source.svm.is_none() {
        text +=
            &format!("note: without classifier: train one with `wta eval --run {run}`, then export again\n");
    }
    text
}
