//! Atoms, each before the samples that excite its map most.

use super::atoms::first_atoms_of;
use super::image::{self, Picture};
use crate::data::Form;
use crate::encode::Exciting;
use crate::error::Result;
use crate::preprocess::{Preprocessor, Samples};
use crate::run::Trained;

/// A picture with a row for each of these maps: its atom, then the samples that excite it most. An atom has
/// its own scale, 0 being mid grey; samples are as they are in the data set. `None` if the samples are no
/// images, or nothing is to be shown.
///
/// # Errors
///
/// As for [`dictionary`](super::dictionary); any error while a sample is read.
pub fn exciting(
    trained: &Trained,
    samples: &Samples<'_>,
    found: &Exciting,
    maps: &[usize],
) -> Result<Option<Picture>> {
    let shape = samples.image_shape();
    if samples.form() != Form::Image || maps.is_empty() {
        return Ok(None);
    }
    let (atom_shape, atoms) = first_atoms_of(trained, shape, usize::MAX)?;
    let none = Preprocessor::none(shape);
    let mut rows = Vec::new();
    for map in maps {
        let Some(excited) = found.maps.get(*map) else { continue };
        let indices: Vec<usize> = excited.most.iter().map(|(sample, _)| *sample).collect();
        let mut images = vec![0.0; indices.len() * shape.len()];
        samples.write_images(&none, &indices, &mut images)?;
        let atom = atoms.chunks_exact(atom_shape.len().max(1)).nth(*map).unwrap_or_default().to_vec();
        rows.push((atom, images));
    }
    image::atoms_before_samples(&rows, atom_shape, shape).map(Some)
}
