//! Encoding a whole data set block by block. The features of an image are its dense code (for an RBM, the
//! hidden probabilities) or its square roots, pooled. A stack encodes layer after layer.

use std::ops::Range;

use rayon::prelude::*;
use wta_core::{Pool, Shape, expect_finite};
use wta_simd::Isa;

use super::banded::Banded;
use super::lower::LowerFeatures;
use super::stage::{Scratch, Stage};
use crate::error::{Error, Result};
use crate::memory::block::block_len;
use crate::memory::per_thread::PerThread;
use crate::memory::reserve::zeros;
use crate::observer::Observer;
use crate::preprocess::{Preprocessor, Samples};
use crate::rounds::in_rounds;
use crate::run::Trained;
use crate::svm::Columns;

/// The number of samples from which the layers' norms are computed.
const NORM_SAMPLES: usize = 1_000;

/// Images encoded between two calls of the consumer; it bounds memory.
const GROUP: usize = 28 * 18;

/// The most features between two calls, except for a single image; it bounds memory when images are large.
const FEATURES: usize = 1 << 26;

/// Pixels preprocessed before they are encoded; it bounds memory when images are large.
const PIXELS: usize = 1 << 22;

/// The numbers of memory for one image from which it is encoded in bands (64 MiB). It depends on sizes alone,
/// and bands change no bit.
const LARGE: usize = 1 << 24;

/// The numbers of memory for the bands of all threads (128 MiB); the features on their way take as many at
/// most.
const BANDS: usize = 1 << 25;

/// An encoder for whole data sets.
pub struct FeatureEncoder {
    isa: Isa,
    /// From the lowest layer up; at least one.
    stages: Vec<Stage>,
    preprocessor: Preprocessor,
    /// The factor of each stage's features, if the features of all layers are given out.
    factors: Option<Vec<f32>>,
    /// How the features of all stages but the last are given out then.
    lower: LowerFeatures,
    /// The number of images that a thread encodes at a time.
    block: usize,
    /// Empty if images are large.
    scratch: PerThread<Vec<Scratch>>,
    /// How large images are cut into bands; `None` if they are encoded whole.
    bands: Option<Bands>,
}

/// The memory for bands: numbers for all threads, and at least for each; see [`Banded::new`].
#[derive(Clone, Copy)]
struct Bands {
    most: usize,
    least: Option<usize>,
}

impl FeatureEncoder {
    /// The encoder of a trained network or stack, with its recipe's pooling.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the core refuses the network.
    pub fn new(isa: Isa, trained: &Trained) -> Result<Self> {
        let stages: Result<Vec<Stage>> =
            trained.layers().into_iter().map(|layer| Stage::new(isa, layer)).collect();
        let stages = stages?;
        let block = stages.iter().map(|stage| block_len(&stage.network)).max().unwrap_or(1);
        let numbers = stages.iter().map(Stage::numbers).fold(0, usize::saturating_add);
        let is_large = numbers >= LARGE && stages.iter().any(Stage::has_bands);
        let bands = is_large.then_some(Bands { most: BANDS, least: None });
        let whole = |stage| Scratch::new(isa, stage, block);
        let scratch = PerThread::new(|| stages.iter().filter(|_| !is_large).map(whole).collect());
        let preprocessor = trained.preprocessor(isa)?;
        let lower = LowerFeatures::new(trained.recipe().svm.lower_pool);
        Ok(Self { isa, preprocessor, factors: None, lower, block, scratch, bands, stages })
    }

    /// The same encoder with another pooling; in a stack, the pooling of the last layer's maps. The threshold
    /// stays the recipe's.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the network's maps cannot be pooled like this.
    pub fn pooled(mut self, pool: Pool) -> Result<Self> {
        if let Some(last) = self.stages.last_mut() {
            pool.check(last.code())?;
            last.pool = Pool { threshold: last.pool.threshold, ..pool };
            last.shape = pool.output(last.code());
        }
        Ok(self)
    }

    /// The same encoder, but for the features of all layers of a stack, from the lowest up, one after the
    /// other. The last layer's features are scaled so that their norm is 1 on the average of some of these
    /// samples. Each other layer's norm is `weight` times that of the layer above; its features are pooled
    /// once more as the recipe's `svm.lower_pool` says.
    ///
    /// # Errors
    ///
    /// As for [`FeatureEncoder::encode`]; also if a layer's features cannot be pooled like this.
    pub fn all_layers(mut self, samples: &Samples<'_>, weight: f32) -> Result<Self> {
        for (index, stage) in self.stages.iter().enumerate() {
            self.lower_at(index).check(stage.shape())?;
        }
        self.factors = Some(vec![1.0; self.stages.len()]);
        let len = self.shape().len();
        let mut norms = vec![0.0f64; self.stages.len()];
        let some = samples.spaced(NORM_SAMPLES);
        for indices in some.chunks(self.group()) {
            let mut features = zeros(indices.len() * len, || "the features".to_owned())?;
            self.encode(samples, indices, &mut features)?;
            for image in features.chunks_exact(len.max(1)) {
                let mut rest = image;
                for (shape, norm) in self.given().zip(&mut norms) {
                    let (mine, above) = rest.split_at(shape.len().min(rest.len()));
                    *norm += mine.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
                    rest = above;
                }
            }
        }
        let unit = |norm: f64| if norm > 0.0 { (some.len() as f64 / norm) as f32 } else { 1.0 };
        let mut factors: Vec<f32> = norms.into_iter().map(unit).collect();
        let weights = std::iter::successors(Some(1.0f32), |above| Some(above * weight));
        factors.iter_mut().rev().zip(weights).for_each(|(factor, weight)| *factor *= weight);
        self.factors = Some(factors);
        Ok(self)
    }

    /// The same encoder for the features of all layers, before it is known how they are scaled.
    pub(crate) fn all_layers_unscaled(mut self) -> Self {
        self.factors = Some(vec![1.0; self.stages.len()]);
        self
    }

    /// About the bytes that [`FeatureEncoder::run`] takes beside the samples: features and pixels on their
    /// way.
    pub(crate) fn run_bytes(&self, samples: &Samples<'_>) -> u64 {
        let (group, input) = (self.group(), samples.shape().len());
        let pixels = (PIXELS / input.max(1)).clamp(self.block, GROUP.max(self.block)).min(group) * input;
        let bands = self.bands.map_or(0, |bands| 2 * bands.most);
        ((group * self.shape().len() + pixels + bands) * size_of::<f32>()) as u64
    }

    /// The shape of one image's features: a plain vector if they are those of all layers.
    pub fn shape(&self) -> Shape {
        match self.factors {
            Some(_) => Shape::vector(self.given().map(|shape| shape.len()).sum()),
            None => self.stages.last().map_or(Shape::vector(0), Stage::shape),
        }
    }

    /// The same encoder, but for the features that a classifier's weights are for.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the network has other features.
    pub fn for_columns(mut self, columns: &Columns) -> Result<Self> {
        self.factors.clone_from(&columns.factors);
        if self.columns() == *columns {
            return Ok(self);
        }
        Err(Error::Invalid("the classifier is for other features than the network has".to_owned()))
    }

    /// How a stage's features are given out with those of all layers: the last one's as they are.
    fn lower_at(&self, index: usize) -> LowerFeatures {
        if index + 1 < self.stages.len() { self.lower } else { LowerFeatures::AS_THEY_ARE }
    }

    /// The shape of each stage's features as they are given out with those of all layers.
    fn given(&self) -> impl Iterator<Item = Shape> + '_ {
        self.stages.iter().enumerate().map(|(index, stage)| self.lower_at(index).shape(stage.shape()))
    }

    /// The features of one image, layer by layer.
    pub fn columns(&self) -> Columns {
        let layers = match self.factors {
            Some(_) => self.given().collect(),
            None => vec![self.shape()],
        };
        Columns { layers, factors: self.factors.clone() }
    }

    /// Whether the network is fully connected, so that its features are plain vectors instead of maps.
    pub fn gives_vectors(&self) -> bool {
        self.stages.last().is_some_and(|stage| stage.network.is_fully_connected())
    }

    /// Encodes all samples in order. `consume` gets the features of several images at a time: image by image,
    /// with the maps side by side at each position.
    ///
    /// # Errors
    ///
    /// As for [`FeatureEncoder::encode`]; also any error that `consume` returns.
    pub fn run(&self, samples: &Samples<'_>, consume: impl FnMut(&[f32]) -> Result<()>) -> Result<()> {
        self.run_on(samples, &(0..samples.len()).collect::<Vec<usize>>(), consume)
    }

    /// The same for the samples with these indices, in this order.
    ///
    /// # Errors
    ///
    /// As for [`FeatureEncoder::run`].
    pub fn run_on(
        &self,
        samples: &Samples<'_>,
        indices: &[usize],
        mut consume: impl FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let group = self.group();
        let mut features =
            zeros(group.min(indices.len()) * self.shape().len(), || "the features".to_owned())?;
        for group in indices.chunks(group) {
            let features = features.get_mut(..group.len() * self.shape().len()).unwrap_or_default();
            self.encode(samples, group, features)?;
            consume(features)?;
        }
        Ok(())
    }

    /// The number of images between two calls of a consumer.
    pub(super) fn group(&self) -> usize {
        (FEATURES / self.shape().len().max(1)).clamp(1, GROUP)
    }

    /// Encodes the samples with these indices, on all threads, and writes their features to `features`, one
    /// image after the other. A sample's features do not depend on the other samples encoded with it.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the core refuses an image; also if a sample cannot be read.
    pub fn encode(&self, samples: &Samples<'_>, indices: &[usize], features: &mut [f32]) -> Result<()> {
        let (len, input) = (self.shape().len(), samples.shape().len());
        if let Some(bands) = self.bands {
            let banded = Banded::new(self.isa, &self.stages, bands.most, bands.least)?;
            let mut pixels = zeros(input, || "the pixels of an image".to_owned())?;
            for (index, features) in indices.iter().zip(features.chunks_mut(len.max(1))) {
                samples.write_all(&self.preprocessor, &[*index], &mut pixels)?;
                self.large(&banded, &pixels, features)?;
            }
            return Ok(());
        }
        // Preprocessing may be a product with a large matrix, which is worth doing for many images at a time.
        let group = (PIXELS / input.max(1)).clamp(self.block, GROUP.max(self.block));
        let mut pixels = vec![0.0; group.min(indices.len()) * input];
        for (indices, features) in indices.chunks(group).zip(features.chunks_mut(group * len)) {
            let pixels = pixels.get_mut(..indices.len() * input).unwrap_or_default();
            samples.write_all(&self.preprocessor, indices, pixels)?;
            let blocks = features.par_chunks_mut(self.block * len).zip(pixels.par_chunks(self.block * input));
            blocks.try_for_each(|(features, pixels)| {
                self.scratch.with(|scratch| self.block(pixels, scratch, features))
            })?;
        }
        Ok(())
    }

    /// The same; the observer may stop it between some samples and the next. Returns whether it has: then
    /// features are missing.
    ///
    /// # Errors
    ///
    /// As for [`FeatureEncoder::encode`].
    pub(crate) fn encode_watched(
        &self,
        samples: &Samples<'_>,
        indices: &[usize],
        features: &mut [f32],
        observer: &dyn Observer,
    ) -> Result<bool> {
        let len = self.shape().len();
        in_rounds(indices.len(), 1, observer, &mut |range| {
            let features = features.get_mut(range.start * len..range.end * len).unwrap_or_default();
            self.encode(samples, indices.get(range).unwrap_or_default(), features)
        })
    }

    /// The same encoder, with images in bands of at most so many numbers of memory, or a row.
    #[cfg(test)]
    pub(super) fn in_bands(self, most: usize) -> Self {
        Self { bands: Some(Bands { most, least: Some(1) }), ..self }
    }

    /// Whether images are so large that they are encoded in bands, and that [`FeatureEncoder::each_part`] is
    /// to be used to hold no whole image's features in memory.
    pub(super) fn has_parts(&self) -> bool {
        self.bands.is_some() && self.factors.is_none()
    }

    /// Encodes some samples in order, part by part. `consume` gets a sample's index, the first position of
    /// the part, and the features from there on, with the maps side by side at each position. Without bands,
    /// a part is a whole image.
    ///
    /// # Errors
    ///
    /// As for [`FeatureEncoder::run`].
    pub(super) fn each_part(
        &self,
        samples: &Samples<'_>,
        range: Range<usize>,
        mut consume: impl FnMut(usize, usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let Some(bands) = self.bands.filter(|_| self.factors.is_none()) else {
            let mut index = range.start;
            return self.run_on(samples, &range.collect::<Vec<usize>>(), |features| {
                for image in features.chunks_exact(self.shape().len().max(1)) {
                    consume(index, 0, image)?;
                    index += 1;
                }
                Ok(())
            });
        };
        let banded = Banded::new(self.isa, &self.stages, bands.most, bands.least)?;
        let mut pixels = zeros(samples.shape().len(), || "the pixels of an image".to_owned())?;
        for index in range {
            samples.write_all(&self.preprocessor, &[index], &mut pixels)?;
            expect_finite("image", &pixels)?;
            let last = self.stages.len().saturating_sub(1);
            banded.each(last, &pixels, |position, features| consume(index, position, features))?;
        }
        Ok(())
    }

    /// Encodes an image in bands.
    fn large(&self, banded: &Banded<'_>, pixels: &[f32], features: &mut [f32]) -> Result<()> {
        // Here, so that it is the first one of the image, and not of the first band that is ready.
        expect_finite("image", pixels)?;
        let Some(factors) = &self.factors else {
            let height = banded.height(self.stages.len().saturating_sub(1));
            return banded.write(self.stages.len().saturating_sub(1), pixels, 0..height, features);
        };
        let mut rest = features;
        for (index, (stage, factor)) in self.stages.iter().zip(factors).enumerate() {
            let (lower, shape) = (self.lower_at(index), stage.shape());
            let (mine, above) = rest.split_at_mut(lower.shape(shape).len().min(rest.len()));
            if lower == LowerFeatures::AS_THEY_ARE {
                banded.write(index, pixels, 0..banded.height(index), mine)?;
            } else {
                let mut whole = zeros(shape.len(), || "the features of a layer".to_owned())?;
                banded.write(index, pixels, 0..banded.height(index), &mut whole)?;
                lower.write(self.isa, shape, &whole, mine);
            }
            mine.iter_mut().for_each(|v| *v *= factor);
            rest = above;
        }
        Ok(())
    }

    /// Encodes the images in `pixels`, which are one block at most.
    fn block(&self, pixels: &[f32], scratch: &mut [Scratch], features: &mut [f32]) -> Result<()> {
        let mut scratch = scratch.iter_mut();
        let mut below: Option<(&mut Scratch, usize)> = None;
        let lowest = self.stages.first().map_or(1, |stage| stage.network.input().len().max(1));
        let images = pixels.len() / lowest;
        let last = self.stages.len().saturating_sub(1);
        // Where the stage's features begin among those of all layers.
        let mut start = 0;
        for (index, (stage, mine)) in self.stages.iter().zip(&mut scratch).enumerate() {
            let rows = mine.pixels.chunks_exact_mut(stage.network.input().len());
            match (&below, &stage.link) {
                (Some((below, len)), Some(link)) => {
                    let images = below.features.chunks_exact(*len).take(images);
                    rows.zip(images).for_each(|(row, image)| link.write(image, row));
                }
                _ => {
                    rows.zip(pixels.chunks_exact(lowest)).for_each(|(row, image)| row.copy_from_slice(image))
                }
            }
            if index == last && self.factors.is_none() {
                return stage.run(self.isa, images, mine, features);
            }
            let mut made = std::mem::take(&mut mine.features);
            let done = stage.run(self.isa, images, mine, &mut made);
            mine.features = made;
            done?;
            if let Some(factors) = &self.factors {
                let (lower, shape) = (self.lower_at(index), stage.shape());
                let end = start + lower.shape(shape).len();
                let factor = factors.get(index).copied().unwrap_or(1.0);
                let rows = features.chunks_exact_mut(self.shape().len());
                for (row, made) in rows.zip(mine.features.chunks_exact(shape.len())) {
                    let row = row.get_mut(start..end).unwrap_or_default();
                    lower.write(self.isa, shape, made, row);
                    row.iter_mut().for_each(|v| *v *= factor);
                }
                start = end;
            }
            below = Some((mine, stage.shape().len()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::data::Dataset;
    use crate::preprocess::Preprocess;
    use crate::recipe::{self, Recipe};
    use crate::run::Below;
    use wta_core::{Encoder, Initial, Parameters, Random, Scalar};

    fn trained(recipe: &Recipe, image: Shape, below: Option<Box<Below>>) -> Trained {
        let resolved = Arc::new(recipe.resolve(image).unwrap());
        let network = resolved.network();
        let mut parameters = vec![0.0; network.parameters_len()];
        network.initialise(Initial::He, 3, &mut parameters).unwrap();
        let preprocess = Arc::new(Preprocess::none(image));
        Trained { resolved, parameters, preprocess, below, thresholds: None }
    }

    /// Encodes and pools one input with the core's scalar kernels.
    fn by_definition(layer: &Trained, input: &[f32]) -> Vec<f32> {
        let (network, parameters) = layer.encoding();
        let mut prepared = vec![0.0; Encoder::prepared_len(Scalar, &network)];
        let parameters = Parameters::new(network, &parameters).unwrap();
        let encoder = Encoder::new(Scalar, parameters, &mut prepared).unwrap();
        let (mut inputs, mut code) = (vec![0.0; network.inputs_len()], vec![0.0; network.code_len()]);
        let mut scratch = vec![0.0; Encoder::scratch_len(Scalar, &network)];
        encoder.load(1, 0, input, &mut inputs).unwrap();
        encoder.hidden(1, &mut inputs, &mut scratch).unwrap();
        encoder.top(1, &inputs, &mut scratch, &mut code).unwrap();
        layer.resolved.pool().threshold.apply(network.code().channels, &mut code);
        if layer.recipe().features.root {
            code.iter_mut().for_each(|activation| *activation = activation.sqrt());
        }
        let mut pooled = vec![0.0; layer.features().len()];
        layer.resolved.pool().run(Scalar, network.code(), &code, &mut pooled).unwrap();
        pooled
    }

    /// Codes of both signs are those of the doubled network, with the scalar kernels to the bit, and do not
    /// depend on the samples and threads beside them.
    #[test]
    fn both_signs_are_the_doubled_network_in_any_company() {
        let conv = "kind = 'convolutional', encoder = [{ maps = 6, kernel = 3 }, { maps = 11, kernel = [5, 4], \
                    stride = [1, 2] }], decoder_kernel = 3, initial = 'he'";
        let tiles = "kind = 'convolutional', encoder = [{ maps = 40, kernel = 3 }, { maps = 40, kernel = 5 }], \
                     decoder_kernel = 3, initial = 'he'";
        let dense = "kind = 'fully-connected', units = [19, 13], initial = 'he'";
        for (network, pool) in [
            (conv, "pool = { kernel = 3, stride = 2, average = true },"),
            (tiles, "pool = { kernel = 4, stride = 4 },"),
            (dense, ""),
        ] {
            let text = format!(
                "name = 'x'\nabout = 'x'\ndata = {{ set = 'mnist' }}\nsparsity = {{ lifetime = 0.5 }}\n\
                 network = {{ {network} }}\n\
                 training = {{ epochs = 1, batch = 2, optimizer = 'adam', rate = 1e-3 }}\n\
                 features = {{ {pool} signs = 'both', threshold = 'triangle' }}\n"
            );
            let recipe = recipe::parse(&text, "test").unwrap();
            let (shape, count) = (Shape::new(1, 14, 13), 61);
            let mut random = Random::new(9);
            let pixels: Vec<f32> = (0..count * shape.len()).map(|_| random.uniform()).collect();
            let dataset = Dataset::from_floats(shape, pixels).unwrap();
            let samples = Samples::new(&recipe, dataset).unwrap();
            let mut trained = trained(&recipe, shape, None);
            // Biases of both signs.
            trained.parameters.iter_mut().for_each(|v| *v += 0.1 * (random.uniform() - 0.5));
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<u32>>();
            let raw = Preprocessor::new(Isa::detect(), &Preprocess::none(shape));
            for isa in Isa::all_available() {
                let encoder = FeatureEncoder::new(isa, &trained).unwrap();
                let len = encoder.shape().len();
                let all: Vec<usize> = (0..count).collect();
                let mut together = vec![0.0; count * len];
                let threads = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
                threads.install(|| encoder.encode(&samples, &all, &mut together)).unwrap();
                let thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
                for (index, found) in together.chunks_exact(len).enumerate() {
                    let mut alone = vec![0.0; len];
                    thread.install(|| encoder.encode(&samples, &[index], &mut alone)).unwrap();
                    assert_eq!(bits(&alone), bits(found), "{isa}, {network}");
                    let mut input = vec![0.0; shape.len()];
                    samples.write_all(&raw, &[index], &mut input).unwrap();
                    let expected = by_definition(&trained, &input);
                    if isa == Isa::Scalar {
                        assert_eq!(bits(found), bits(&expected), "{network}");
                    }
                    for (found, expected) in found.iter().zip(&expected) {
                        assert!((found - expected).abs() < 1e-4, "{isa}, {network}: {found} {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_stack_encodes_the_scaled_pooled_features_of_the_layer_below() {
        let text = r#"
            name = "two"
            about = "test"
            data = { set = "mnist" }
            network = { kind = "convolutional", encoder = [{ maps = 9, kernel = 3 }], decoder_kernel = 3, initial = "he" }
            sparsity = {}
            training = { epochs = 1, batch = 2, optimizer = "adam", rate = 1e-3 }
            features = { pool = { kernel = 3, stride = 2 }, root = true }
            below.name = "one"
            below.about = "test"
            below.data = { set = "mnist" }
            below.network = { kind = "convolutional", encoder = [{ maps = 7, kernel = 5 }], decoder_kernel = 7, initial = "he" }
            below.sparsity = {}
            below.training = { epochs = 1, batch = 2, optimizer = "adam", rate = 1e-3 }
            below.features = { pool = { kernel = 3, stride = 2, average = true }, root = true }
        "#;
        let recipe = recipe::parse(text, "test").unwrap();
        let mut random = Random::new(4);
        let pixels: Vec<u8> = (0..5 * 14 * 13).map(|_| (255.0 * random.uniform()) as u8).collect();
        let dataset = Dataset::from_bytes(Shape::new(1, 14, 13), pixels).unwrap();
        let samples = Samples::new(&recipe, dataset).unwrap();
        let image = samples.image_shape();
        let lower = trained(recipe.below.as_ref().unwrap(), image, None);
        let below = Below { trained: lower.clone(), scale: 2.5 };
        let upper = trained(&recipe, image, Some(Box::new(below)));

        let encoder = FeatureEncoder::new(Isa::detect(), &upper).unwrap();
        let raw = Preprocessor::new(Isa::detect(), &Preprocess::none(image));
        assert_eq!(encoder.shape(), Shape::new(9, 4, 4));
        let mut features = vec![0.0; 3 * encoder.shape().len()];
        encoder.encode(&samples, &[4, 0, 2], &mut features).unwrap();
        // The features of all layers: the lower layer's come first, with a norm of 0.5 on the average of all
        // samples, then the upper layer's with a norm of 1.
        let single = encoder.shape().len();
        let encoder = encoder.all_layers(&samples, 0.5).unwrap();
        let lower_len = lower.features().len();
        assert_eq!(encoder.shape(), Shape::vector(lower_len + single));
        let mut both = vec![0.0; 5 * (lower_len + single)];
        encoder.encode(&samples, &[4, 0, 2, 1, 3], &mut both).unwrap();
        for (part, norm) in [(0..lower_len, 0.5), (lower_len..lower_len + single, 1.0)] {
            let images = both.chunks_exact(lower_len + single);
            let norms = images.map(|image| image[part.clone()].iter().map(|v| v * v).sum::<f32>().sqrt());
            let mean = norms.sum::<f32>() / 5.0;
            assert!((mean - norm).abs() < 1e-5, "{mean}");
        }
        let proportional = |found: &[f32], expected: &[f32]| {
            let factor = found.iter().sum::<f32>() / expected.iter().sum::<f32>();
            found.iter().zip(expected).all(|(a, b)| (a - factor * b).abs() < 1e-5 * (1.0 + a.abs()))
        };
        for (image, both) in features.chunks_exact(single).zip(both.chunks_exact(lower_len + single)) {
            assert!(proportional(&both[lower_len..], image));
        }
        for (features, index) in features.chunks_exact(single).zip([4, 0, 2]) {
            let mut pixels = vec![0.0; image.len()];
            samples.write_all(&raw, &[index], &mut pixels).unwrap();
            let below = by_definition(&lower, &pixels);
            if index == 4 {
                assert!(proportional(&both[..lower_len], &below), "image 4 comes first");
            }
            let input: Vec<f32> = below.iter().map(|v| 2.5 * v).collect();
            let expected = by_definition(&upper, &input);
            assert!(expected.iter().any(|v| *v > 0.0));
            for (found, expected) in features.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} {expected}");
            }
        }
    }
}
