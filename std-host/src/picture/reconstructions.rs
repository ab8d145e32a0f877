//! Images as a network sees them in training: their reconstructions, and their feature maps with the winners.

use wta_core::{Candidates, Cut, Encoder, Kernels, Learner, Parameters, Rbm, Shape, Winners, select};
use wta_simd::Isa;

use super::atoms::channels_last;
use super::image::{self, Picture, Shades};
use crate::encode::inputs_of;
use crate::error::Result;
use crate::preprocess::Samples;
use crate::run::Trained;

/// In preprocessed images, this many times the image's root mean square is black or white.
const DEVIATIONS: u8 = 3;

/// Some images, encoded, made sparse and reconstructed by a network as in training.
pub struct Reconstructions<'a> {
    trained: &'a Trained,
    image: Shape,
    images: Vec<f32>,
    reconstructions: Vec<f32>,
    /// The first image's dense code and the positions of its winners.
    code: Vec<f32>,
    winners: Vec<(usize, usize)>,
}

impl<'a> Reconstructions<'a> {
    /// Encodes the first `count` samples. Lifetime sparsity is applied over a whole mini-batch of samples, so
    /// that each image is as sparse as in training.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the core refuses the network or an image; also if a sample
    /// cannot be read.
    pub fn new(isa: Isa, trained: &'a Trained, samples: &Samples<'_>, count: usize) -> Result<Self> {
        if trained.recipe().gibbs().is_some() {
            return Self::of_rbm(isa, trained, samples, count);
        }
        let network = trained.network();
        let batch = trained.recipe().training.batch.min(samples.len()).max(count.min(samples.len()));
        let most = samples.len().max(trained.recipe().training.batch);
        let sparsity = trained.resolved.training(most)?.sparsity;
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

    /// The reconstructions of the first samples by an RBM, from their hidden probabilities.
    fn of_rbm(isa: Isa, trained: &'a Trained, samples: &Samples<'_>, count: usize) -> Result<Self> {
        let parameters = Parameters::new(trained.network(), &trained.parameters)?;
        let (inputs, units) = (trained.network().input().len(), trained.network().code().channels);
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

    /// Each image above its reconstruction from the survivors; `None` for a stacked layer, which reconstructs
    /// features.
    ///
    /// # Errors
    ///
    /// One sentence if a number is not finite.
    pub fn side_by_side(&self) -> Result<Option<Picture>> {
        if self.trained.below.is_some() {
            return Ok(None);
        }
        let images = channels_last(self.trained, self.image, &self.images);
        let reconstructions = channels_last(self.trained, self.image, &self.reconstructions);
        let count = images.len() / self.image.len();
        let shades =
            if self.trained.preprocess.is_none() { Shades::Unit } else { Shades::Deviations(DEVIATIONS) };
        image::side_by_side(
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

    /// The first image's feature maps with their spatial winners marked; `None` for fully-connected codes.
    ///
    /// # Errors
    ///
    /// One sentence if a number is not finite.
    pub fn feature_maps(&self) -> Result<Option<Picture>> {
        let shape = self.trained.network().code();
        if shape.positions() == 1 {
            return Ok(None);
        }
        image::feature_maps(&self.code, shape.height, shape.width, shape.channels, &self.winners).map(Some)
    }
}

/// The winners of the first image that survive, as map and position.
fn survivors(values: &[f32], positions: &[u32], len: usize, maps: usize) -> Vec<(usize, usize)> {
    let winners = values.iter().zip(positions).take(len).enumerate();
    winners.filter(|(_, (v, _))| **v > 0.0).map(|(slot, (_, p))| (slot % maps, *p as usize)).collect()
}
