//! A whole model in `f32`.

use crate::error::{Error, Result, expect_len};
use crate::logging::logged;
use crate::memory::split_off;
use crate::model::Model;
use crate::pipeline::layers::{Features, keep};
use crate::pipeline::stack::Stack;
use crate::preprocess::{Preprocessed, Preprocessing};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::stream::{Extractor, Rows, Scaled, extractor_len};
use crate::svm::{Svm, largest};

/// A model in `f32`, with its preprocessing and the layers below, for scalar kernels.
///
/// Samples are [`Rows`] as the sensor gives them, such as a `&[i16]` or a closure; they are multiplied by the
/// model's [scale](Model::scale) here.
///
/// ```no_run
/// # use wta_core::{Model, Pipeline, Result};
/// # fn run(bytes: &[u8], samples: &[i16], memory: &mut [f32]) -> Result<usize> {
/// let model = Model::parse(bytes)?;
/// // `memory` has `Pipeline::memory_len(&model)` numbers, which the exported module states.
/// let class = Pipeline::new(model, memory)?.classify(samples)?;
/// # Ok(class)
/// # }
/// ```
#[derive(Debug)]
pub struct Pipeline<'a> {
    layers: Stack<'a>,
    classes: usize,
    scale: f32,
    memory: &'a mut [f32],
}

/// What the extractor of a layer reads.
enum Input<'f, R> {
    Samples(Preprocessed<'f, Scaled<R>>),
    Below(Features<'f, f32>, f32),
}

impl<R: Rows> Rows for Input<'_, R> {
    fn row(&mut self, y: usize, to: &mut [f32]) {
        match self {
            Self::Samples(samples) => samples.row(y, to),
            Self::Below(features, scale) => features.row(y, to, |feature| feature * *scale),
        }
    }

    fn expect_shape(&self, shape: Shape) -> Result<()> {
        match self {
            Self::Samples(samples) => samples.expect_shape(shape),
            Self::Below(..) => Ok(()),
        }
    }
}

impl<'a> Pipeline<'a> {
    /// Numbers of memory; four times as many bytes.
    pub fn memory_len(model: &Model<'_>) -> usize {
        let (stack, layers) = (Stack::of(model), model.layers());
        let work = (0..layers).map(|index| work_len(stack, index)).max().unwrap_or(0);
        let between = stack.features_below(layers.saturating_sub(1));
        model.classes().saturating_add(between).saturating_add(work)
    }

    /// Prepares to run a model.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] for a model without parameters in `f32`, or for the upper layer of a stack alone;
    /// [`Error::Length`] unless `memory` has [`Pipeline::memory_len`] numbers.
    pub fn new(model: Model<'a>, memory: &'a mut [f32]) -> Result<Self> {
        let scale = logged!(lowest_scale(Stack::of(&model)))?;
        logged!(expect_len("memory of the model", Self::memory_len(&model), memory.len()))?;
        Ok(Self { layers: Stack::of(&model), classes: model.classes(), scale, memory })
    }

    /// For samples that have been multiplied by the model's scale already.
    #[must_use]
    pub fn scaled(self) -> Self {
        Self { scale: 1.0, ..self }
    }

    /// The shape of a sample's features.
    pub fn shape(&self) -> Shape {
        self.layers.output()
    }

    /// All features of a sample, position by position with the maps side by side.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for a sample of another size, or unless `features` has the numbers of
    /// [`Pipeline::shape`]; [`Error::NotFinite`] if a number of the sample is not finite.
    pub fn features(&mut self, samples: impl Rows, features: &mut [f32]) -> Result<()> {
        logged!(expect_len("features", self.shape().len(), features.len()))?;
        let (_, memory) = self.memory.split_at_mut_checked(self.classes).unwrap_or_default();
        run(self.layers, self.scale, samples, memory, &mut keep(features))
    }

    /// The decision value of each class, in order.
    ///
    /// # Errors
    ///
    /// As for [`Pipeline::features`], and [`Error::Model`] for a model without classifier.
    pub fn scores(&mut self, samples: impl Rows) -> Result<&[f32]> {
        let svm = logged!(classifier(self.layers))?;
        let (scores, memory) = self.memory.split_at_mut_checked(svm.classes()).unwrap_or_default();
        scores.fill(0.0);
        run(self.layers, self.scale, samples, memory, &mut |y, row| {
            svm.add_products(y.saturating_mul(row.len()), row, scores)
        })?;
        svm.add_bias(scores);
        Ok(scores)
    }

    /// The class with the largest decision value; ties go to the lowest class.
    ///
    /// # Errors
    ///
    /// As for [`Pipeline::scores`].
    pub fn classify(&mut self, samples: impl Rows) -> Result<usize> {
        Ok(largest(self.scores(samples)?.iter().copied()))
    }
}

#[inline(never)]
fn classifier<'a>(layers: Stack<'a>) -> Result<Svm<'a>> {
    layers.top().svm().ok_or(NO_CLASSIFIER)
}

/// What samples are multiplied by, of a model that can be run in `f32`.
#[inline(never)]
fn lowest_scale(layers: Stack<'_>) -> Result<f32> {
    let lowest = layers.layer(0);
    if lowest.is_stacked() {
        return Err(Error::Model("this model.wta is the upper layer of a stack; export the whole stack"));
    }
    if lowest.parameters().is_none() {
        return Err(Error::Model("this model.wta has no numbers in f32; export it with them"));
    }
    Ok(lowest.scale())
}

/// What running a layer needs of it besides its extractor: a part of its description, which is large.
struct Layer<'a> {
    features: usize,
    planar: bool,
    scale: f32,
    preprocessing: Preprocessing<'a>,
    work_len: usize,
}

impl<'a> Layer<'a> {
    #[inline(never)]
    fn new(layers: Stack<'a>, index: usize) -> Self {
        let layer = layers.layer(index);
        Self {
            features: layer.features(),
            planar: layer.is_planar(),
            scale: layer.scale(),
            preprocessing: layer.preprocessing(),
            work_len: extractor_len(layer.network_ref(), &layer.pool()),
        }
    }
}

/// The extractor of one layer.
#[inline(never)]
fn extractor<'a>(layers: Stack<'a>, index: usize, memory: &'a mut [f32]) -> Result<Extractor<'a, Scalar>> {
    let layer = layers.layer(index);
    let parameters = layer.parameters().ok_or(Error::Model("this model.wta has no numbers in f32"))?;
    Extractor::new(Scalar, parameters, layer.pool(), layer.sqrt_features(), memory)
}

pub(super) const NO_CLASSIFIER: Error =
    Error::Model("this model.wta has no classifier in these numbers; evaluate the run and export it again");

/// Numbers of memory that a layer needs while it runs.
#[inline(never)]
fn work_len(layers: Stack<'_>, index: usize) -> usize {
    let layer = layers.layer(index);
    let preprocessing = if index == 0 { layer.preprocessing().memory_len() } else { 0 };
    extractor_len(layer.network_ref(), &layer.pool()).saturating_add(preprocessing)
}

/// Hands the rows of the last layer's features to `sink`.
fn run(
    layers: Stack<'_>,
    scale: f32,
    samples: impl Rows,
    memory: &mut [f32],
    sink: &mut dyn FnMut(usize, &[f32]) -> Result<()>,
) -> Result<()> {
    let last = layers.len().saturating_sub(1);
    let mut samples = Some(samples);
    for index in 0..=last {
        let layer = Layer::new(layers, index);
        let (below, mut rest) = memory.split_at_mut_checked(layers.features_below(index)).unwrap_or_default();
        let features = split_off(&mut rest, if index < last { layer.features } else { 0 });
        // The buffers of the layers above lie before the memory of work.
        let above = layers
            .features_below(last)
            .saturating_sub(layers.features_below(index.saturating_add(1).min(last)));
        let _ = split_off(&mut rest, above);
        let preprocessing = layer.preprocessing;
        let input = match samples.take() {
            Some(rows) => {
                let held = split_off(&mut rest, preprocessing.memory_len());
                Input::Samples(Preprocessed::new(preprocessing, Scaled { rows, scale }, held)?)
            }
            None => {
                let below_index = index.saturating_sub(1);
                let shape = layers.shape(below_index);
                let start = below.len().saturating_sub(layers.features(below_index));
                let features = below.get(start..).unwrap_or_default();
                Input::Below(Features { features, shape, planar: layer.planar }, layer.scale)
            }
        };
        let mut extractor = extractor(layers, index, split_off(&mut rest, layer.work_len));
        let extractor = extractor.as_mut().map_err(|error| *error)?;
        if index < last {
            extractor.for_each_row(input, keep(features))?;
        } else {
            extractor.for_each_row(input, &mut *sink)?;
        }
    }
    Ok(())
}
