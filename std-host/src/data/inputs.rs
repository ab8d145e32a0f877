//! New samples for a trained network.

use std::path::Path;

use wta_core::Shape;

use super::keys::DataSource;
use super::own::inputs::{self, Inputs, Like};
use crate::decoders::caught;
use crate::error::Result;
use crate::observer::Observer;

/// Reads a picture, a folder of pictures, an array, a table or a recording as a recipe reads its own
/// samples: pictures are brought to its size, arrays are of its layout, recordings are cut into its windows.
/// `shape` is that of the recipe's samples.
///
/// # Errors
///
/// One sentence that names the file: it is missing, damaged, or of another kind.
pub fn read_inputs(
    path: &Path,
    source: &DataSource,
    shape: Shape,
    observer: &dyn Observer,
) -> Result<Inputs> {
    let like = match source {
        DataSource::Images(keys) => Like::Images(keys),
        DataSource::Array(keys) => Like::Array(keys),
        DataSource::Signals(keys) => Like::Signals(keys),
        _ => Like::Shape(shape),
    };
    caught(path, || inputs::read(path, &like, observer))
}
