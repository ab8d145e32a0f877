//! Networks for other programs.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use wta::export::{SaeLens, Source, onnx};
use wta::files::atomic;
use wta::run::Run;
use wta::{Error, Result, Trained};

use crate::error::raised;

/// Writes the network of a run folder with its classifier, if it has one. Returns what its user should know.
#[pyfunction]
#[pyo3(signature = (folder, path, format))]
pub(crate) fn export_run(
    py: Python<'_>,
    folder: PathBuf,
    path: PathBuf,
    format: &str,
) -> PyResult<Option<&'static str>> {
    py.detach(|| of_run(&folder, &path, format)).map_err(raised)
}

/// What the user of an exported network should know.
type Note = Option<&'static str>;

/// Writes a network without a classifier.
pub(crate) fn written(path: &Path, format: &str, trained: &Trained) -> Result<Note> {
    match format {
        "wta" => trained.export()?.save(path)?,
        "onnx" => graph(path, &Source::of(trained.clone()))?,
        "saelens" => return saelens(path, trained),
        _ => return Err(unknown(format)),
    }
    Ok(None)
}

fn of_run(folder: &Path, path: &Path, format: &str) -> Result<Note> {
    let run = Run::new(folder);
    match format {
        "wta" => {
            let source = Source::load(&run, None)?;
            wta::export::model(&source, wta::export::Options { decoder: true })?.save(path)?;
        }
        "onnx" => graph(path, &Source::open(&run, None)?)?,
        "saelens" => return saelens(path, &Source::open(&run, None)?.trained),
        _ => return Err(unknown(format)),
    }
    Ok(None)
}

fn saelens(path: &Path, trained: &Trained) -> Result<Note> {
    let dictionary = SaeLens::new(trained)?;
    dictionary.save(path)?;
    Ok(dictionary.note())
}

fn graph(path: &Path, source: &Source) -> Result<()> {
    let options = onnx::Options { name: &source.trained.recipe().name, class_names: true };
    let bytes = onnx::model(source, options, None)?;
    atomic::write(path, |to| to.write_all(&bytes))
}

fn unknown(format: &str) -> Error {
    Error::Invalid(format!("the formats are wta, onnx and saelens, and not {format}"))
}
