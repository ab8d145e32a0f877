//! Features of many samples, on all threads.

use std::ops::Range;

use rayon::prelude::*;
use wta_core::{Model, Shape};
use wta_simd::Isa;
use wta_simd::int8::{BEHIND, Int8Isa};

use super::inputs::{self, Inputs};
use super::scores::Int8Scores;
use super::stage::{Given, Int8Stage, Memory, TOGETHER};
use crate::data::Form;
use crate::encode::{Written, dimensions};
use crate::error::{Error, Result};
use crate::export::quantize::Quantized;
use crate::export::{ModelFile, Source, int8_model};
use crate::layout::channels_first;
use crate::memory::per_thread::PerThread;
use crate::memory::reserve::zeros;
use crate::preprocess::Samples;
use crate::svm;

/// Samples between two calls of a consumer, at most.
const GROUP: usize = TOGETHER * 21;

/// Numbers of samples and features between two calls, at most, except for a single sample; it bounds memory.
const NUMBERS: usize = 1 << 25;

/// An encoder in 8 bits for whole data sets.
pub struct Int8Encoder {
    file: ModelFile,
    /// From the lowest network up.
    stages: Vec<Int8Stage>,
    scores: Option<Int8Scores>,
    /// What a feature of 1 stands for.
    scale: f32,
    /// The shape of the features, before a signal's network was turned.
    shape: Shape,
    dimensions: Vec<usize>,
    scratch: PerThread<Option<Scratch>>,
}

/// What a thread needs.
struct Scratch {
    inputs: inputs::Memory,
    numbers: Vec<i16>,
    stages: Vec<Memory>,
    /// The features of each stage but the last.
    between: Vec<Vec<u8>>,
}

impl Int8Encoder {
    /// Quantises a network, and its classifier if there is one, as for a device: the scales are calibrated
    /// with `training`, which should be training samples.
    ///
    /// # Errors
    ///
    /// As for [`Quantized::new`] and [`int8_model`].
    pub fn calibrated(isa: Isa, source: &Source, training: &Samples<'_>) -> Result<Self> {
        let file = int8_model(source, &Quantized::new(source, training)?, None)?;
        Self::new(isa, source, file)
    }

    /// An encoder with the numbers of a `model.wta`, which is that of `source`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if a layer of the file is not quantised; [`Error::Memory`].
    pub fn new(isa: Isa, source: &Source, file: ModelFile) -> Result<Self> {
        let isa = Int8Isa::of(isa);
        let model = file.model()?;
        let mut stages = Vec::new();
        let mut next = Some(model);
        while let Some(layer) = next {
            stages.push(Int8Stage::new(isa, &layer)?);
            next = layer.below();
        }
        stages.reverse();
        let scores = model.int8_svm().map(|svm| Int8Scores::new(isa, &svm)).transpose()?;
        let scale = model.int8_feature_scale().unwrap_or(1.0);
        let shape = source.pool.output(source.trained.resolved.encoding().code());
        let is_vector = source.trained.network().is_fully_connected();
        let dimensions = dimensions(shape, if is_vector { Form::Vector } else { Form::Image });
        let scratch = PerThread::empty();
        Ok(Self { file, stages, scores, scale, shape, dimensions, scratch })
    }

    /// The shape of a sample's features.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// What a feature of 1 stands for.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The numbers as a device gets them.
    pub fn file(&self) -> &ModelFile {
        &self.file
    }

    /// Encodes the samples with these indices, in this order. `consume` gets the features of several samples
    /// at a time, 0 to 255, sample after sample with the maps side by side at each position.
    ///
    /// # Errors
    ///
    /// One sentence if a sample cannot be read, is of another shape or is not finite; also what `consume`
    /// returns.
    pub fn run_on(
        &self,
        samples: &Samples<'_>,
        indices: &[usize],
        mut consume: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        self.groups(samples, indices, |count, features| {
            consume(features.get(..count * self.shape.len()).unwrap_or_default())
        })
    }

    /// The scores of the samples with these indices, in this order. `consume` gets those of several samples
    /// at a time, class by class.
    ///
    /// # Errors
    ///
    /// As for [`Int8Encoder::run_on`]; [`Error::Invalid`] without a classifier.
    pub fn scores_on(
        &self,
        samples: &Samples<'_>,
        indices: &[usize],
        mut consume: impl FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let Some(scores) = &self.scores else {
            return Err(Error::Invalid("the quantised network has no classifier".to_owned()));
        };
        self.groups(samples, indices, |count, features| consume(&scores.of(count, features)))
    }

    /// Classifies the samples with these indices, in this order. `each` gets the class of a sample, which has
    /// the highest score, and the score of each class.
    pub(super) fn classify_on(
        &self,
        samples: &Samples<'_>,
        indices: &[usize],
        mut each: impl FnMut(u16, &[f64]) -> Result<()>,
    ) -> Result<()> {
        let classes = self.scores.as_ref().map_or(1, Int8Scores::classes);
        self.scores_on(samples, indices, |scores| {
            for scores in scores.chunks_exact(classes) {
                let scores: Vec<f64> = scores.iter().map(|score| f64::from(*score)).collect();
                each(svm::best(&scores), &scores)?;
            }
            Ok(())
        })
    }

    /// Encodes samples; `consume` gets their number, and their features with some bytes behind them.
    fn groups(
        &self,
        samples: &Samples<'_>,
        indices: &[usize],
        mut consume: impl FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let inputs = Inputs::new(&Model::again(self.file.bytes())?.lowest());
        let (input, len) = (samples.shape().len(), self.shape.len());
        let group = (NUMBERS / (input + len).max(1)).clamp(1, GROUP).min(indices.len().max(1));
        let mut raw = zeros(group * input, || "the samples".to_owned())?;
        let mut features = zeros(group * len + BEHIND, || "the features".to_owned())?;
        for indices in indices.chunks(group) {
            let raw = raw.get_mut(..indices.len() * input).unwrap_or_default();
            samples.write_raw(indices, raw)?;
            let to = features.get_mut(..indices.len() * len).unwrap_or_default();
            // Of large samples, a task takes few, so that all threads have some.
            let block = TOGETHER.min(indices.len().div_ceil(rayon::current_num_threads()));
            let blocks = to.par_chunks_mut((block * len).max(1)).zip(raw.par_chunks((block * input).max(1)));
            blocks.try_for_each(|(features, raw)| {
                let block = |scratch: &mut Scratch| self.block(&inputs, raw, scratch, features);
                self.scratch.with_made(|| self.new_scratch(), block)
            })?;
            consume(indices.len(), &features)?;
        }
        Ok(())
    }

    fn new_scratch(&self) -> Result<Scratch> {
        let stages: Result<Vec<Memory>> = self.stages.iter().map(Int8Stage::memory).collect();
        let between = vec![Vec::new(); self.stages.len().saturating_sub(1)];
        Ok(Scratch { inputs: Default::default(), numbers: Vec::new(), stages: stages?, between })
    }

    /// The features of some samples.
    fn block(
        &self,
        inputs: &Inputs<'_>,
        raw: &[f32],
        scratch: &mut Scratch,
        features: &mut [u8],
    ) -> Result<()> {
        let count = features.len() / self.shape.len().max(1);
        let sample = raw.len() / count.max(1);
        let Scratch { inputs: memory, numbers, stages, between } = scratch;
        numbers.resize(raw.len(), 0);
        for (sample, to) in raw.chunks_exact(sample.max(1)).zip(numbers.chunks_exact_mut(sample.max(1))) {
            inputs.write(sample, memory, to)?;
        }
        let mut given = Given::Samples(numbers);
        let lower = self.stages.iter().zip(&mut *stages);
        for ((stage, memory), to) in lower.zip(between) {
            to.resize(count * stage.features().len(), 0);
            stage.run(given, memory, to);
            given = Given::Features { features: to, shape: stage.features() };
        }
        if let (Some(last), Some(memory)) = (self.stages.last(), stages.last_mut()) {
            last.run(given, memory, features);
        }
        Ok(())
    }
}

/// The features as numbers of the network in `f32`: maps x rows x columns, or units.
impl Written for Int8Encoder {
    fn dimensions(&self) -> Vec<usize> {
        self.dimensions.clone()
    }

    fn run_range(
        &self,
        samples: &Samples<'_>,
        range: Range<usize>,
        consume: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let mut planar = Vec::new();
        self.run_on(samples, &range.collect::<Vec<usize>>(), |features| {
            planar.clear();
            let features = channels_first(self.shape, features);
            planar.extend(features.map(|feature| f32::from(feature) * self.scale));
            consume(&planar)
        })
    }
}
