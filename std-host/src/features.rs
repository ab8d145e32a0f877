//! Encoding a whole data set: the dense code, max-pooled, in a stream of blocks.

use std::path::Path;

use npyz::WriterBuilder;
use rayon::prelude::*;
use wta_core::{Encoder, Network, Parameters, Pool, Shape};
use wta_simd::Isa;

use crate::aligned::Aligned;
use crate::atomic::AtomicFile;
use crate::batch::block_len;
use crate::error::{Error, Result};
use crate::run::Trained;
use crate::samples::Samples;

/// Images encoded between two calls of the consumer; bounds memory.
const GROUP: usize = 28 * 18;

/// An encoder for whole data sets.
pub struct FeatureEncoder<'a> {
    isa: Isa,
    network: Network,
    parameters: &'a [f32],
    pool: Pool,
}

impl<'a> FeatureEncoder<'a> {
    /// The encoder of a trained network, with its recipe's pooling.
    pub fn new(isa: Isa, trained: &'a Trained) -> Self {
        Self { isa, network: trained.network, parameters: &trained.parameters, pool: trained.recipe.pool() }
    }

    /// The same encoder with another pooling.
    ///
    /// # Errors
    ///
    /// When the network's maps cannot be pooled so.
    pub fn pooled(self, pool: Pool) -> Result<Self> {
        pool.check(self.network.code())?;
        Ok(Self { pool, ..self })
    }

    /// The shape of one image's features.
    pub fn shape(&self) -> Shape {
        self.pool.output(self.network.code())
    }

    /// Encodes all samples in their order; `consume` gets the features of several images at a time, image by
    /// image, positions with their maps side by side.
    ///
    /// # Errors
    ///
    /// What the core refuses, or what `consume` returns.
    pub fn run(&self, samples: &Samples, mut consume: impl FnMut(&[f32]) -> Result<()>) -> Result<()> {
        let network = self.network;
        let parameters = Parameters::from_outside(network, self.parameters)?;
        let mut prepared = Aligned::zeros(Encoder::prepared_len(self.isa, &network));
        let encoder = Encoder::new(self.isa, parameters, &mut prepared)?;
        let (len, block) = (self.shape().len(), block_len(&network));
        let mut features = vec![0.0; GROUP.min(samples.len()) * len];
        for first in (0..samples.len()).step_by(GROUP) {
            let count = GROUP.min(samples.len() - first);
            let group = features.get_mut(..count * len).unwrap_or_default();
            group.par_chunks_mut(block * len).enumerate().try_for_each_init(
                || Scratch::new(self.isa, &network, block),
                |scratch, (index, features)| {
                    self.block(&encoder, samples, first + index * block, scratch, features)
                },
            )?;
            consume(group)?;
        }
        Ok(())
    }

    fn block(
        &self,
        encoder: &Encoder<'_, Isa>,
        samples: &Samples,
        first: usize,
        scratch: &mut Scratch,
        features: &mut [f32],
    ) -> Result<()> {
        let network = self.network;
        let len = self.shape().len();
        let images = features.len() / len;
        let inputs = scratch.inputs.get_mut(..images * network.inputs_len()).unwrap_or_default();
        let codes = scratch.codes.get_mut(..images * network.code_len()).unwrap_or_default();
        for image in 0..images {
            samples.write(first + image, &mut scratch.pixels);
            encoder.load(images, image, &scratch.pixels, inputs)?;
        }
        encoder.hidden(images, inputs, &mut scratch.encoding)?;
        encoder.top(images, inputs, &mut scratch.encoding, codes)?;
        for (code, features) in codes.chunks_exact(network.code_len()).zip(features.chunks_exact_mut(len)) {
            self.pool.run(self.isa, network.code(), code, features)?;
        }
        Ok(())
    }
}

/// What a thread needs for a block of images.
struct Scratch {
    pixels: Vec<f32>,
    inputs: Aligned,
    codes: Aligned,
    /// The encoder's.
    encoding: Aligned,
}

impl Scratch {
    fn new(isa: Isa, network: &Network, block: usize) -> Self {
        Self {
            pixels: vec![0.0; network.input().len()],
            inputs: Aligned::zeros(block * network.inputs_len()),
            codes: Aligned::zeros(block * network.code_len()),
            encoding: Aligned::zeros(Encoder::scratch_len(isa, network)),
        }
    }
}

/// Features with the maps side by side, as PyTorch lays them out: map by map.
pub fn channels_first(shape: Shape, features: &[f32]) -> impl Iterator<Item = f32> + '_ {
    features.chunks_exact(shape.len()).flat_map(move |image| {
        (0..shape.channels).flat_map(move |map| image.iter().skip(map).step_by(shape.channels).copied())
    })
}

/// Writes the features of all samples as a `.npy` array of float32: images x maps x rows x columns, or images x
/// units for fully-connected networks. Returns its dimensions.
///
/// # Errors
///
/// What the core refuses, or one sentence when the file cannot be written.
pub fn write_npy(encoder: &FeatureEncoder<'_>, samples: &Samples, path: &Path) -> Result<Vec<usize>> {
    let shape = encoder.shape();
    let mut dimensions = vec![samples.len(), shape.channels];
    if !encoder.network.is_fully_connected() {
        dimensions.extend([shape.height, shape.width]);
    }
    let sizes: Vec<u64> = dimensions.iter().map(|d| *d as u64).collect();
    let failed = |error| Error::io("write", path, error);
    let mut file = AtomicFile::create(path)?;
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&sizes)
        .writer(&mut file)
        .begin_nd()
        .map_err(failed)?;
    encoder.run(samples, |features| writer.extend(channels_first(shape, features)).map_err(failed))?;
    writer.finish().map_err(failed)?;
    file.commit()?;
    Ok(dimensions)
}
