//! Pictures of a trained network: its dictionary, its feature maps, and what it makes of images.

use rayon::prelude::*;
use wta_core::{Candidates, Cut, Encoder, Kernels, Learner, Parameters, Rbm, Shape, Size, Winners, select};
use wta_simd::Isa;

use crate::error::Result;
use crate::junction::Junction;
use crate::layer_input::inputs_of;
use crate::picture::{self, Picture, Shades};
use crate::run::Trained;
use crate::samples::Samples;

/// The most atoms in the dictionary's picture.
const MOST_ATOMS: usize = 1024;

/// Of preprocessed images, what lies so many deviations from 0 is black or white.
const DEVIATIONS: u8 = 3;

/// The dictionary: each atom as an image, of the images' shape for fully-connected networks. An atom of a stacked layer
/// is shown as what it stands for: the sum of the atoms below, each at its place and weighted as in the atom.
///
/// # Errors
///
/// What the core refuses.
pub fn dictionary(trained: &Trained, image: Shape) -> Result<Picture> {
    first_atoms(trained, image, MOST_ATOMS)
}

/// [`dictionary`] of the first atoms, at most so many.
///
/// # Errors
///
/// What the core refuses.
pub fn first_atoms(trained: &Trained, image: Shape, most: usize) -> Result<Picture> {
    let atoms = Atoms::of(trained, image, most)?;
    let Shape { channels, height, width } = atoms.shape;
    picture::dictionary(&atoms.values, atoms.count, height, width, channels)
}

/// Atoms as images, one after the other, with the channels last.
struct Atoms {
    shape: Shape,
    count: usize,
    values: Vec<f32>,
}

impl Atoms {
    /// The first atoms of a trained layer, at most so many.
    fn of(trained: &Trained, image: Shape, most: usize) -> Result<Self> {
        let parameters = Parameters::new(trained.network, &trained.parameters)?;
        let decoder = trained.network.decoder();
        let count = decoder.conv.maps.min(most);
        let values = parameters.atoms().get(..count * decoder.filter_len()).unwrap_or_default();
        let Some(below) = &trained.below else {
            let shape = if trained.network.is_fully_connected() {
                image
            } else {
                Shape::new(image.channels, decoder.conv.kernel.height, decoder.conv.kernel.width)
            };
            return Ok(Self { shape, count, values: channels_last(trained, shape, values) });
        };
        let features = below.trained.features_shape();
        let junction = Junction::new(features, &trained.network, below.scale);
        let lower = Self::of(&below.trained, image, usize::MAX)?;
        // A fully-connected atom covers all positions below.
        let field = if trained.network.is_fully_connected() {
            Size::new(features.height, features.width)
        } else {
            decoder.conv.kernel
        };
        // From one feature below to the next, in the image.
        let (pool, stride) = (below.trained.recipe.pool().stride, below.trained.step());
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
                let weight = atom.get(junction.place(index)).copied().unwrap_or(0.0);
                let (position, map) = (index / features.channels, index % features.channels);
                let (row, column) =
                    (position / field.width * step.height, position % field.width * step.width);
                lower.add(map, weight, row, column, shape, sum);
            }
        });
        Ok(Self { shape, count, values: sums })
    }

    /// Adds atom `index` times `weight` to an image, from a row and a column on.
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

/// Vectors of fully-connected networks hold colours one after the other; pictures hold them side by side.
fn channels_last(trained: &Trained, shape: Shape, values: &[f32]) -> Vec<f32> {
    if !trained.network.is_fully_connected() || shape.channels == 1 {
        return values.to_vec();
    }
    let pixels = values.chunks_exact(shape.len()).flat_map(|image| {
        (0..shape.positions()).flat_map(move |p| image.iter().skip(p).step_by(shape.positions()).copied())
    });
    pixels.collect()
}

/// Some images and what a network makes of them in training: encoded, made sparse, reconstructed.
pub struct Shown<'a> {
    trained: &'a Trained,
    image: Shape,
    images: Vec<f32>,
    reconstructions: Vec<f32>,
    /// The first image's dense code and the positions of its winners.
    code: Vec<f32>,
    winners: Vec<(usize, usize)>,
}

impl<'a> Shown<'a> {
    /// Encodes the first `count` samples. Lifetime sparsity is applied over a whole training batch of samples, so
    /// that each image is as sparse as in training.
    ///
    /// # Errors
    ///
    /// What the core refuses.
    pub fn new(isa: Isa, trained: &'a Trained, samples: &Samples, count: usize) -> Result<Self> {
        if trained.recipe.gibbs().is_some() {
            return Self::of_rbm(isa, trained, samples, count);
        }
        let network = trained.network;
        let batch = trained.recipe.training.batch.min(samples.len()).max(count.min(samples.len()));
        let sparsity =
            trained.recipe.training(&network, samples.len().max(trained.recipe.training.batch))?.sparsity;
        let count = count.min(batch);
        let parameters = Parameters::new(network, &trained.parameters)?;
        let mut prepared = vec![0.0; Encoder::prepared_len(isa, &network)];
        let encoder = Encoder::new(isa, parameters, &mut prepared)?;
        let mut scratch = vec![0.0; Encoder::scratch_len(isa, &network)];
        let winners_len = sparsity.winners_len(&network);
        let image_len = network.input().len();

        let mut images = inputs_of(isa, trained, samples, &(0..batch).collect::<Vec<_>>())?;
        let mut inputs = vec![0.0; network.inputs_len()];
        let mut code = vec![0.0; network.code_len()];
        let mut first_code = Vec::new();
        let (mut values, mut positions) = (vec![0.0; batch * winners_len], vec![0; batch * winners_len]);
        let winners = values.chunks_exact_mut(winners_len).zip(positions.chunks_exact_mut(winners_len));
        for (index, (pixels, (values, positions))) in images.chunks_exact(image_len).zip(winners).enumerate()
        {
            encoder.load(1, 0, pixels, &mut inputs)?;
            let candidates = Candidates { values, positions };
            encoder.compete(sparsity.grid, 1, &mut inputs, &mut scratch, &mut code, candidates)?;
            if index == 0 {
                first_code.clone_from(&code);
            }
        }
        let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; network.code().channels];
        let first: Vec<(usize, usize)> = survivors(&values, &positions, winners_len, network.code().channels);
        select(isa, &network, &sparsity, &mut values, &mut cuts)?;

        let learner = Learner::new(isa, parameters);
        let mut scratch = vec![0.0; network.residual_len()];
        let mut reconstructions = vec![0.0; count * image_len];
        let rows = values.chunks_exact(winners_len).zip(positions.chunks_exact(winners_len));
        for (to, (values, positions)) in reconstructions.chunks_exact_mut(image_len).zip(rows) {
            learner.reconstruct(Winners { values, positions }, &mut scratch, to)?;
        }
        images.truncate(count * image_len);
        Ok(Self {
            trained,
            image: samples.image_shape(),
            images,
            reconstructions,
            code: first_code,
            winners: first,
        })
    }

    /// An RBM's reconstructions of the first samples, from their hidden probabilities.
    fn of_rbm(isa: Isa, trained: &'a Trained, samples: &Samples, count: usize) -> Result<Self> {
        let parameters = Parameters::new(trained.network, &trained.parameters)?;
        let (inputs, units) = (trained.network.input().len(), trained.network.code().channels);
        let images = inputs_of(isa, trained, samples, &(0..count.min(samples.len())).collect::<Vec<_>>())?;
        let rbm = Rbm::new(isa, parameters)?;
        let mut prepared = vec![0.0; isa.prepared_len(units, inputs)];
        isa.prepare(parameters.filters(0).weights, inputs, &mut prepared);
        let mut codes = vec![0.0; images.len() / inputs * units];
        rbm.encode(&prepared, &images, &mut vec![0.0; Rbm::width(isa, units)], &mut codes)?;
        let mut reconstructions = vec![0.0; images.len()];
        for (code, to) in codes.chunks_exact(units).zip(reconstructions.chunks_exact_mut(inputs)) {
            rbm.decode(code, to)?;
        }
        let (image, code, winners) = (samples.image_shape(), Vec::new(), Vec::new());
        Ok(Self { trained, image, images, reconstructions, code, winners })
    }

    /// Each image beside its reconstruction from the survivors; none for a stacked layer, which reconstructs features.
    ///
    /// # Errors
    ///
    /// One sentence when a number is not finite.
    pub fn reconstructions(&self) -> Result<Option<Picture>> {
        if self.trained.below.is_some() {
            return Ok(None);
        }
        let images = channels_last(self.trained, self.image, &self.images);
        let reconstructions = channels_last(self.trained, self.image, &self.reconstructions);
        let count = images.len() / self.image.len();
        let shades =
            if self.trained.preprocess.is_none() { Shades::Unit } else { Shades::Deviations(DEVIATIONS) };
        picture::side_by_side(
            &images,
            &reconstructions,
            count,
            self.image.height,
            self.image.width,
            self.image.channels,
            shades,
        )
        .map(Some)
    }

    /// The first image's feature maps with their spatial winners marked; none for fully-connected codes.
    ///
    /// # Errors
    ///
    /// One sentence when a number is not finite.
    pub fn feature_maps(&self) -> Result<Option<Picture>> {
        let shape = self.trained.network.code();
        if shape.positions() == 1 {
            return Ok(None);
        }
        picture::feature_maps(&self.code, shape.height, shape.width, shape.channels, &self.winners).map(Some)
    }
}

/// The active winners of the first image, as map and position.
fn survivors(values: &[f32], positions: &[u32], len: usize, maps: usize) -> Vec<(usize, usize)> {
    let winners = values.iter().zip(positions).take(len).enumerate();
    winners.filter(|(_, (v, _))| **v > 0.0).map(|(slot, (_, p))| (slot % maps, *p as usize)).collect()
}
