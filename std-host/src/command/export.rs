//! `wta export`.

use std::path::{Path, PathBuf};

use clap::Args;
use wta::atomic;
use wta::error::Result;
use wta::export::{self, Options, Source};
use wta::run::Run;

use super::print;

/// Arguments of `wta export`.
#[derive(Args)]
#[command(
    after_help = "Firmware uses model.wta where it lies in flash: `wta_core::Model::parse`. The file holds the network, its pooling, and
the classifier that `wta eval` made. Of a stack, the top layer is exported; its input are the features of the layer below,
which is a run of its own: DIR/below.

Examples:
  wta export --run runs/conv16 --out model.wta
  wta export --run runs/conv16 --out model.wta --rust src/model.rs --no-decoder
  wta export --run runs/conv16 --out model.wta --c model.h
  wta export --run runs/stacked/below --out below.wta"
)]
pub(crate) struct Arguments {
    /// The run folder of a trained network.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The model.wta to write.
    #[arg(long, value_name = "FILE.wta")]
    out: PathBuf,
    /// Write the same as a Rust module, too: aligned bytes, and the network as a constant.
    #[arg(long, value_name = "FILE.rs")]
    rust: Option<PathBuf>,
    /// Write the same as a C header, too.
    #[arg(long, value_name = "FILE.h")]
    c: Option<PathBuf>,
    /// Leave the decoder out, which only training, reconstruction and novelty need.
    #[arg(long)]
    no_decoder: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let source = Source::load(&Run::new(&arguments.run))?;
    let file = export::model(&source, Options { decoder: !arguments.no_decoder })?;
    let recipe = &source.trained.recipe;
    let table = export::table(&file, recipe)?;
    let write = |path: &Path, bytes: &[u8]| atomic::write(path, |to| to.write_all(bytes));
    write(&arguments.out, file.bytes())?;
    if let Some(path) = &arguments.rust {
        write(path, export::module(&file, &recipe.name)?.as_bytes())?;
    }
    if let Some(path) = &arguments.c {
        write(path, export::header(&file, &recipe.name)?.as_bytes())?;
    }
    let written = [Some(&arguments.out), arguments.rust.as_ref(), arguments.c.as_ref()];
    let written: String =
        written.iter().flatten().map(|path| format!("written: {}\n", path.display())).collect();
    print(&(table + &notes(arguments, &source) + &written))
}

/// What the files do not hold, and how to get it.
fn notes(arguments: &Arguments, source: &Source) -> String {
    let run = arguments.run.display();
    let mut text = String::new();
    if source.svm.is_none() {
        text +=
            &format!("note: without classifier: train one with `wta eval --run {run}`, then export again\n");
    }
    if source.trained.below.is_some() {
        text += &format!(
            "note: this is the top layer of a stack: its input are the features of the layer below, which \
             `wta export --run {}` exports\n",
            arguments.run.join("below").display()
        );
    }
    text
}
