//! The dictionary: each atom as an image.

use rayon::prelude::*;
use wta_core::{Parameters, Shape, Size};

use super::image::{self, Picture, expect_finite};
use super::lines;
use crate::data::Form;
use crate::encode::LayerLink;
use crate::error::{Error, Result};
use crate::layout::interleaved;
use crate::run::{Run, Trained};

/// The most atoms in a picture of the dictionary.
const MOST_ATOMS: usize = 1024;

/// The most of them as curves, which take more room.
const MOST_CURVES: usize = 256;

/// The dictionary: each atom as an image, the first 1,024 at most. The atoms of a fully-connected network get
/// the shape `image`. An atom of a stacked layer is shown as an image too: the sum of the atoms below, each
/// at its place and with its weight in the atom. Atoms of signals and vectors are curves, the first 256 at
/// most.
///
/// # Errors
///
/// [`Error::Core`](crate::Error::Core) if the core refuses the network; one sentence if a number is not
/// finite.
pub fn dictionary(trained: &Trained, image: Shape) -> Result<Picture> {
    first_atoms(trained, image, if Form::of(image) == Form::Image { MOST_ATOMS } else { MOST_CURVES })
}

/// The [`dictionary`] of the first atoms, at most `most`.
///
/// # Errors
///
/// As for [`dictionary`].
pub fn first_atoms(trained: &Trained, image: Shape, most: usize) -> Result<Picture> {
    let atoms = Atoms::of(trained, image, most)?;
    if Form::of(image) != Form::Image {
        return lines::dictionary(&atoms.values, atoms.count, atoms.shape);
    }
    let Shape { channels, height, width } = atoms.shape;
    image::dictionary(&atoms.values, atoms.count, height, width, channels)
}

/// The first atoms, at most `most`, as images of this shape, one after the other, with their channels last.
pub(super) fn first_atoms_of(trained: &Trained, image: Shape, most: usize) -> Result<(Shape, Vec<f32>)> {
    let atoms = Atoms::of(trained, image, most)?;
    Ok((atoms.shape, atoms.values))
}

/// Atoms as images, one after the other, with their channels last.
#[derive(Clone, Debug)]
pub struct Atoms {
    shape: Shape,
    count: usize,
    values: Vec<f32>,
}

impl Atoms {
    /// The first atoms of a run's model, at most `most`. Learnt preprocessing, which may be large, is not
    /// read.
    ///
    /// # Errors
    ///
    /// [`Error::Run`](crate::Error::Run) if there is no model; also as for [`dictionary`].
    pub fn read(run: &Run, most: usize) -> Result<Self> {
        let image = run.sample_shape()?.or(run.recipe()?.data.set.image_shape());
        let image = image.ok_or_else(|| Error::UnknownShape { folder: run.folder().to_path_buf() })?;
        let trained = Trained::without_preprocess(run, image)?;
        let atoms = Self::of(&trained, image, most)?;
        expect_finite(&atoms.values)?;
        Ok(atoms)
    }

    /// The shape of an atom as an image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Each atom, with its channels last.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.shape.len().max(1))
    }

    /// The first atoms of a trained layer, at most `most`.
    fn of(trained: &Trained, image: Shape, most: usize) -> Result<Self> {
        let parameters = Parameters::new(trained.network(), &trained.parameters)?;
        let decoder = trained.network().decoder();
        let count = decoder.conv.maps.min(most);
        let values = parameters.atoms().get(..count * decoder.filter_len()).unwrap_or_default();
        let Some(below) = &trained.below else {
            let shape = if trained.network().is_fully_connected() {
                image
            } else {
                Shape::new(image.channels, decoder.conv.kernel.height, decoder.conv.kernel.width)
            };
            return Ok(Self { shape, count, values: channels_last(trained, shape, values) });
        };
        let features = below.trained.features();
        let link = LayerLink::new(features, &trained.network(), below.scale);
        let lower = Self::of(&below.trained, image, usize::MAX)?;
        // A fully-connected atom covers all positions below.
        let field = if trained.network().is_fully_connected() {
            Size::new(features.height, features.width)
        } else {
            decoder.conv.kernel
        };
        // The distance in the image between two neighbouring features of the layer below.
        let (pool, stride) = (below.trained.resolved.pool().stride, below.trained.step());
        let step = Size::new(pool.height * stride.height, pool.width * stride.width);
        let shape = Shape::new(
            lower.shape.channels,
            (field.height - 1) * step.height + lower.shape.height,
            (field.width - 1) * step.width + lower.shape.width,
        );
        let mut sums = vec![0.0; count * shape.len()];
        let atoms = sums.par_chunks_mut(shape.len()).zip(values.par_chunks(decoder.filter_len()));
        atoms.for_each(|(sum, atom)| {
            for index in 0..field.area() * features.channels {
                let weight = atom.get(link.place(index)).copied().unwrap_or(0.0);
                let (position, map) = (index / features.channels, index % features.channels);
                let (row, column) =
                    (position / field.width * step.height, position % field.width * step.width);
                lower.add(map, weight, row, column, shape, sum);
            }
        });
        Ok(Self { shape, count, values: sums })
    }

    /// Adds atom `index` times `weight` to an image, with its top left corner at `row` and `column`.
    fn add(&self, index: usize, weight: f32, row: usize, column: usize, shape: Shape, to: &mut [f32]) {
        if weight == 0.0 {
            return;
        }
        let atom = self.values.chunks_exact(self.shape.len()).nth(index).unwrap_or_default();
        let (line, row_len) = (self.shape.width * self.shape.channels, shape.width * shape.channels);
        let rows = to.chunks_exact_mut(row_len).skip(row);
        for (to, from) in rows.zip(atom.chunks_exact(line)) {
            let to = to.iter_mut().skip(column * shape.channels);
            to.zip(from).for_each(|(to, from)| *to += weight * from);
        }
    }
}

/// Vectors of fully-connected networks hold one colour after the other; pictures hold the colours side by
/// side.
pub(super) fn channels_last(trained: &Trained, shape: Shape, values: &[f32]) -> Vec<f32> {
    if !trained.network().is_fully_connected() || shape.channels == 1 {
        return values.to_vec();
    }
    values.chunks_exact(shape.len()).flat_map(|image| interleaved(shape, image)).collect()
}
