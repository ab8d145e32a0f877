//! New samples for a trained network: pictures, arrays, tables or recordings, read as a recipe reads its own.

use std::path::Path;

use wta_core::Shape;

use super::array::container;
use super::arrays;
use super::folder;
use super::keys::{ArrayFiles, ImageFolder, SignalFiles};
use super::paths::Paths;
use super::recordings;
use super::table::is_table;
use super::tree::is_picture;
use crate::data::dataset::{Dataset, Split};
use crate::error::{Error, Result};
use crate::extent::Extent;
use crate::observer::Observer;

/// How a recipe reads its samples.
pub(in crate::data) enum Like<'a> {
    Images(&'a ImageFolder),
    Array(&'a ArrayFiles),
    Signals(&'a SignalFiles),
    /// Samples of this shape, and nothing else is known.
    Shape(Shape),
}

/// New samples, each with a name.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The samples, without labels.
    pub dataset: Dataset,
    names: Names,
}

#[derive(Clone, Debug)]
enum Names {
    /// One for each sample.
    Single(Vec<String>),
    /// The file's; the samples are numbered.
    File(String),
}

impl Inputs {
    /// What a sample is called: its file, or its file and its number in it, or the time step at which a
    /// window begins.
    pub fn name(&self, index: usize) -> String {
        match &self.names {
            Names::Single(names) => names.get(index).cloned().unwrap_or_default(),
            Names::File(file) => format!("{file}[{index}]"),
        }
    }
}

/// Reads a file or a folder like a recipe's own samples.
pub(in crate::data) fn read(path: &Path, like: &Like<'_>, observer: &dyn Observer) -> Result<Inputs> {
    if !path.exists() {
        return Err(Error::file(
            path,
            "is not there; give a picture, an array, a table, a recording, or a folder",
        ));
    }
    let numbers = path.is_file() && !is_picture(path) && (is_table(path) || container(path).is_some());
    match like {
        Like::Signals(keys) => {
            let (dataset, names) = recordings::loose(path, keys, observer)?;
            Ok(Inputs { dataset, names: Names::Single(names) })
        }
        Like::Images(keys) if !numbers => pictures(path, keys, observer),
        Like::Shape(shape) if !numbers && matches!(shape.channels, 1 | 3) && shape.height > 1 => {
            let size = wta_core::Size::new(shape.height, shape.width);
            pictures(path, &ImageFolder::of(Extent::from(size), shape.channels == 3), observer)
        }
        Like::Array(keys) => array(path, ArrayFiles { train: name(path), ..keys.to_unlabelled() }, observer),
        Like::Images(_) | Like::Shape(_) => array(path, ArrayFiles::new(name(path)), observer),
    }
}

fn name(path: &Path) -> Paths {
    Paths::One(path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default())
}

fn array(path: &Path, keys: ArrayFiles, observer: &dyn Observer) -> Result<Inputs> {
    let dataset = arrays::load(path.parent().unwrap_or(Path::new("")), &keys, Split::Train, observer)?;
    Ok(Inputs { dataset, names: Names::File(path.display().to_string()) })
}

fn pictures(path: &Path, keys: &ImageFolder, observer: &dyn Observer) -> Result<Inputs> {
    let (dataset, names) = folder::loose(path, keys, observer)?;
    Ok(Inputs { dataset, names: Names::Single(names) })
}
