//! What `wta encode` writes of each sample: its features, its code as sparse as in training, or its
//! reconstruction.

use std::ops::Range;

use wta_core::Shape;
use wta_simd::Isa;

use super::encoder::FeatureEncoder;
use super::inputs::NetworkInputs;
use super::sparse_encoder::SparseEncoder;
use crate::data::Form;
use crate::error::Result;
use crate::layout::{channels_first, planar};
use crate::memory::reserve::zeros;
use crate::preprocess::Samples;
use crate::run::Trained;

/// Numbers for each sample, in the order of files: map after map, as PyTorch has them.
pub trait Written {
    /// The dimensions of what is written for a sample.
    fn dimensions(&self) -> Vec<usize>;

    /// Hands over the numbers of all samples in order, of one or several samples at a time.
    ///
    /// # Errors
    ///
    /// As for [`FeatureEncoder::encode`]; also any error that `consume` returns.
    fn run(&self, samples: &Samples<'_>, consume: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()> {
        self.run_range(samples, 0..samples.len(), consume)
    }

    /// The same for the samples of a range. It gives what [`Written::run`] gives of them if it starts at a
    /// multiple of [`Written::batch`], and ends at one or with the samples.
    ///
    /// # Errors
    ///
    /// As for [`Written::run`].
    fn run_range(
        &self,
        samples: &Samples<'_>,
        range: Range<usize>,
        consume: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()>;

    /// The number of samples that are encoded together, as the numbers of one depend on the others; 1 if they
    /// do not.
    fn batch(&self) -> usize {
        1
    }

    /// Hands over the numbers of samples that are too large to be held whole, part by part.
    ///
    /// # Errors
    ///
    /// As for [`Written::run`].
    fn run_in_parts(
        &self,
        samples: &Samples<'_>,
        consume: &mut dyn FnMut(Part<'_>) -> Result<()>,
    ) -> Result<()> {
        let _ = (samples, consume);
        Ok(())
    }

    /// Whether samples are so large that [`Written::run_in_parts`] is to be used where that is possible.
    fn has_parts(&self) -> bool {
        false
    }
}

/// A part of what is written of a sample.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The sample, from 0.
    pub sample: usize,
    /// The first position of each map, row by row.
    pub position: usize,
    /// Position by position, with the maps side by side.
    pub values: &'a [f32],
}

/// The dimensions of a sample in a file.
pub(crate) fn dimensions(shape: Shape, form: Form) -> Vec<usize> {
    let Shape { channels, height, width } = shape;
    match form {
        Form::Vector => vec![shape.len()],
        Form::Signal => vec![channels, width],
        Form::Image => vec![channels, height, width],
    }
}

/// The dense features after pooling: maps x rows x columns, or units.
impl Written for FeatureEncoder {
    fn dimensions(&self) -> Vec<usize> {
        dimensions(self.shape(), if self.gives_vectors() { Form::Vector } else { Form::Image })
    }

    fn run_range(
        &self,
        samples: &Samples<'_>,
        range: Range<usize>,
        consume: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let mut planar = Vec::new();
        if FeatureEncoder::has_parts(self) {
            let shape = self.shape();
            let positions = shape.positions().max(1);
            planar = zeros(shape.len(), || "the features".to_owned())?;
            return self.each_part(samples, range, |_, position, features| {
                let count = features.len() / shape.channels.max(1);
                let maps = planar.chunks_exact_mut(positions).enumerate();
                for (map, to) in maps {
                    let to = to.iter_mut().skip(position).take(count);
                    let from = features.iter().skip(map).step_by(shape.channels.max(1));
                    to.zip(from).for_each(|(to, v)| *to = *v);
                }
                if position + count == positions { consume(&planar) } else { Ok(()) }
            });
        }
        self.run_on(samples, &range.collect::<Vec<usize>>(), |features| {
            planar.clear();
            planar.extend(channels_first(self.shape(), features));
            consume(&planar)
        })
    }

    fn run_in_parts(
        &self,
        samples: &Samples<'_>,
        consume: &mut dyn FnMut(Part<'_>) -> Result<()>,
    ) -> Result<()> {
        self.each_part(samples, 0..samples.len(), |sample, position, values| {
            consume(Part { sample, position, values })
        })
    }

    fn has_parts(&self) -> bool {
        FeatureEncoder::has_parts(self)
    }
}

/// The last layer's code, not pooled, with exactly the winners of training: maps x rows x columns, or units.
/// Lifetime sparsity is over batches of the recipe's size, in the order of the samples; the last may be
/// smaller.
pub struct TrainedCode<'a> {
    batches: Batches<'a>,
    trained: &'a Trained,
}

impl<'a> TrainedCode<'a> {
    /// The codes of a trained network or of the last layer of a stack.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the core refuses the network.
    pub fn new(isa: Isa, trained: &'a Trained) -> Result<Self> {
        let encoder = SparseEncoder::new(isa, &trained.resolved, &trained.parameters)?;
        Ok(Self { batches: Batches::new(isa, trained, encoder)?, trained })
    }
}

impl Written for TrainedCode<'_> {
    fn dimensions(&self) -> Vec<usize> {
        let network = self.trained.network();
        dimensions(network.code(), if network.is_fully_connected() { Form::Vector } else { Form::Image })
    }

    fn batch(&self) -> usize {
        self.batches.batch
    }

    fn run_range(
        &self,
        samples: &Samples<'_>,
        range: Range<usize>,
        consume: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let code = self.trained.network().code();
        let mut dense = zeros(code.len(), || "the numbers of a code".to_owned())?;
        self.batches.run(samples, range, |inputs| {
            let codes = self.batches.encoder.encode(inputs)?;
            for sample in 0..codes.len() {
                dense.fill(0.0);
                for (map, position, value) in codes.winners(sample) {
                    if let Some(to) = dense.get_mut(map * code.positions() + position) {
                        *to = value;
                    }
                }
                consume(&dense)?;
            }
            Ok(())
        })
    }
}

/// What a network makes of its inputs, from their winners: the preprocessed samples as it sees them, or in a
/// stack the features of the layer below. An RBM reconstructs from its hidden probabilities.
pub struct Reconstruction<'a> {
    batches: Batches<'a>,
    trained: &'a Trained,
    input: Shape,
    form: Form,
}

impl<'a> Reconstruction<'a> {
    /// The reconstructions of such samples.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the core refuses the network.
    pub fn new(isa: Isa, trained: &'a Trained, samples: &Samples<'_>) -> Result<Self> {
        let (input, form) = match &trained.below {
            Some(below) if below.trained.network().is_fully_connected() => {
                (below.trained.features(), Form::Vector)
            }
            Some(below) => (below.trained.features(), Form::Image),
            None => (samples.image_shape(), samples.form()),
        };
        let batches = Batches::new(isa, trained, SparseEncoder::of(isa, trained)?)?;
        Ok(Self { batches, trained, input, form })
    }
}

impl Written for Reconstruction<'_> {
    fn dimensions(&self) -> Vec<usize> {
        dimensions(self.input, self.form)
    }

    fn batch(&self) -> usize {
        self.batches.batch
    }

    fn run_range(
        &self,
        samples: &Samples<'_>,
        range: Range<usize>,
        consume: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let mut made = Vec::new();
        self.batches.run(samples, range, |inputs| {
            // The earlier ones go first, so that there are never two.
            made = Vec::new();
            made = zeros(inputs.len(), || "the reconstructions of a batch".to_owned())?;
            let encoder = &self.batches.encoder;
            encoder.reconstruct(&encoder.for_reconstruction(inputs)?, &mut made)?;
            // A fully-connected network sees the channels one after the other as it is.
            if !self.trained.network().is_fully_connected() {
                let images = made.chunks_exact(self.input.len().max(1));
                made = images.flat_map(|image| planar(self.input, image)).collect();
            }
            consume(&made)
        })
    }
}

/// The inputs of a trained network, in batches as in training.
struct Batches<'a> {
    inputs: NetworkInputs<'a>,
    encoder: SparseEncoder<'a>,
    batch: usize,
}

impl<'a> Batches<'a> {
    fn new(isa: Isa, trained: &'a Trained, encoder: SparseEncoder<'a>) -> Result<Self> {
        let batch = trained.recipe().training.batch.max(1);
        Ok(Self { inputs: NetworkInputs::new(isa, trained)?, encoder, batch })
    }

    fn run(
        &self,
        samples: &Samples<'_>,
        range: Range<usize>,
        mut consume: impl FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let all: Vec<usize> = range.collect();
        all.chunks(self.batch).try_for_each(|indices| consume(&self.inputs.of(samples, indices)?))
    }
}
