//! A whole model in 8-bit integers.

use crate::error::{Error, Result, expect_len};
use crate::int8::{Int8Extractor, Int8Kernels, Int8Rows, Int8Svm, quantise};
use crate::logging::logged;
use crate::memory::{copy, split_off};
use crate::model::{INT8_WEIGHTS, Model};
use crate::pipeline::float::NO_CLASSIFIER;
use crate::pipeline::layers::{Features, keep};
use crate::pipeline::stack::Stack;
use crate::preprocess::{Preprocessed, Preprocessing};
use crate::shape::{Shape, div_ceil};
use crate::stream::{Rows, Scaled};
use crate::svm::largest;

/// A quantised model, with its preprocessing and the layers below.
///
/// Samples are [`Rows`] as the sensor gives them, such as a `&[i16]` or a closure. Preprocessing is in `f32`,
/// and what it leaves is divided by the [input's step](Model::int8_input_step); a model of bytes takes them
/// as they are.
#[derive(Debug)]
pub struct Int8Pipeline<'a, K> {
    kernels: K,
    layers: Stack<'a>,
    classes: usize,
    /// What samples are multiplied by, and what they are divided by then.
    scale: f32,
    step: f32,
    memory: &'a mut [u32],
}

/// What the extractor of a layer reads.
enum Input<'f, R> {
    Samples { rows: Preprocessed<'f, Scaled<R>>, row: &'f mut [f32], step: f32 },
    Below(Features<'f, i16>),
}

impl<R: Rows> Int8Rows for Input<'_, R> {
    fn row(&mut self, y: usize, to: &mut [i16]) {
        match self {
            Self::Samples { rows, row, step } => {
                rows.row(y, row);
                to.iter_mut().zip(&**row).for_each(|(to, v)| *to = quantise(*v, *step));
            }
            Self::Below(features) => features.row(y, to, |feature| feature),
        }
    }

    fn expect_shape(&self, shape: Shape) -> Result<()> {
        match self {
            Self::Samples { rows, .. } => rows.expect_shape(shape),
            Self::Below(_) => Ok(()),
        }
    }
}

impl<'a, K: Int8Kernels> Int8Pipeline<'a, K> {
    /// Words of memory; four times as many bytes.
    pub fn memory_len(model: &Model<'_>) -> usize {
        let (stack, layers) = (Stack::of(model), model.layers());
        let words = |index| div_ceil(Layer::new::<K>(stack, index).work_len, 2);
        let work = (0..layers).map(words).max().unwrap_or(0);
        let between = stack.features_below(layers.saturating_sub(1));
        let floats = Layer::new::<K>(stack, 0).floats_len();
        let integers = work.saturating_add(div_ceil(between, 2));
        model.classes().saturating_add(floats).saturating_add(integers)
    }

    /// Prepares to run a model.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] for a model without quantised network, or for the upper layer of a stack alone;
    /// [`Error::Length`] unless `memory` has [`Int8Pipeline::memory_len`] words.
    pub fn new(kernels: K, model: Model<'a>, memory: &'a mut [u32]) -> Result<Self> {
        let (scale, step) = logged!(lowest_step(Stack::of(&model)))?;
        logged!(expect_len("memory of the model", Self::memory_len(&model), memory.len()))?;
        Ok(Self { kernels, layers: Stack::of(&model), classes: model.classes(), scale, step, memory })
    }

    /// For samples that have been multiplied by the model's scale already.
    #[must_use]
    pub fn scaled(self) -> Self {
        // Bytes are what they were again after a division by the scale.
        let lowest = self.layers.layer(0);
        let step = if lowest.int8_input_step().is_some() { self.step } else { lowest.scale() };
        Self { scale: 1.0, step, ..self }
    }

    /// The shape of a sample's features.
    pub fn shape(&self) -> Shape {
        self.layers.output()
    }

    /// All features of a sample, position by position with the maps side by side, 0 to 255. Each times
    /// [`Model::int8_feature_scale`] is one of the network in `f32`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for a sample of another size, or unless `features` has the numbers of
    /// [`Int8Pipeline::shape`]; [`Error::Invalid`] if a number of the sample is not finite.
    pub fn features(&mut self, samples: impl Rows, features: &mut [i16]) -> Result<()> {
        logged!(expect_len("features", self.shape().len(), features.len()))?;
        let mut keep = keep(features);
        self.for_each_row(samples, |y, row| {
            // Keeping a row cannot fail.
            let _ = keep(y, row);
        })
    }

    /// Hands each row of a sample's features to `sink` as soon as it is known.
    ///
    /// # Errors
    ///
    /// As for [`Int8Pipeline::features`].
    pub fn for_each_row(&mut self, samples: impl Rows, mut sink: impl FnMut(usize, &[i16])) -> Result<()> {
        let Self { kernels, layers, classes, scale, step, memory } = self;
        let (_, memory) = memory.split_at_mut_checked(*classes).unwrap_or_default();
        run(*kernels, *layers, (*scale, *step), samples, memory, &mut sink)
    }

    /// The decision value of each class, in order.
    ///
    /// # Errors
    ///
    /// As for [`Int8Pipeline::features`], and [`Error::Model`] for a model without classifier.
    pub fn scores(&mut self, samples: impl Rows) -> Result<impl Iterator<Item = f32>> {
        let Self { kernels, layers, scale, step, memory, .. } = self;
        let svm = logged!(classifier(*layers))?;
        let (sums, memory) = memory.split_at_mut_checked(svm.classes()).unwrap_or_default();
        let sums: &mut [i32] = bytemuck::try_cast_slice_mut(sums).unwrap_or_default();
        copy(svm.bias(), sums);
        run(*kernels, *layers, (*scale, *step), samples, memory, &mut |y, row| {
            if let Some(weights) = svm.row(y) {
                kernels.accumulate(&weights, row, sums);
            }
        })?;
        Ok(sums.iter().zip(svm.scales()).map(|(sum, scale)| *sum as f32 * scale))
    }

    /// The class with the largest decision value; ties go to the lowest class.
    ///
    /// # Errors
    ///
    /// As for [`Int8Pipeline::scores`].
    pub fn classify(&mut self, samples: impl Rows) -> Result<usize> {
        Ok(largest(self.scores(samples)?))
    }
}

/// What running a layer needs of it besides its extractor: a part of its description, which is large.
struct Layer<'a> {
    features: usize,
    planar: bool,
    preprocessing: Preprocessing<'a>,
    row_len: usize,
    work_len: usize,
}

impl<'a> Layer<'a> {
    #[inline(never)]
    fn new<K: Int8Kernels>(layers: Stack<'a>, index: usize) -> Self {
        let layer = layers.layer(index);
        Self {
            features: layer.features(),
            planar: layer.is_planar(),
            preprocessing: layer.preprocessing(),
            row_len: row_len(&layer),
            work_len: Int8Extractor::<K>::memory_len(layer.network_ref(), &layer.pool()),
        }
    }

    /// Numbers in `f32` that the lowest layer needs: a row, and what preprocessing holds.
    fn floats_len(&self) -> usize {
        self.row_len.saturating_add(self.preprocessing.memory_len())
    }
}

#[inline(never)]
fn classifier<'a>(layers: Stack<'a>) -> Result<Int8Svm<'a>> {
    layers.top().int8_svm().ok_or(NO_CLASSIFIER)
}

/// The extractor of one layer.
#[inline(never)]
fn extractor<'a, K: Int8Kernels>(
    kernels: K,
    layers: Stack<'a>,
    index: usize,
    memory: &'a mut [i16],
) -> Result<Int8Extractor<'a, K>> {
    let layer = layers.layer(index);
    let network = layer.int8().ok_or(Error::Model("this model.wta has no quantised network"))?;
    Int8Extractor::new(kernels, network, layer.pool(), layer.sqrt_features(), memory)
}

/// Numbers in a row of the input.
const fn row_len(model: &Model<'_>) -> usize {
    let input = model.network_ref().input();
    input.width.saturating_mul(input.channels)
}

/// What samples are multiplied by, and divided by then, of a model that can be run in integers.
#[inline(never)]
fn lowest_step(layers: Stack<'_>) -> Result<(f32, f32)> {
    let lowest = layers.layer(0);
    if lowest.is_stacked() {
        return Err(Error::Model("this model.wta is the upper layer of a stack; export the whole stack"));
    }
    if lowest.section(INT8_WEIGHTS).is_none() {
        return Err(Error::Model("this model.wta has no quantised network; export it with one"));
    }
    Ok(match lowest.int8_input_step() {
        Some(step) => (lowest.scale(), step),
        None => (1.0, 1.0),
    })
}

/// Hands the rows of the last layer's features to `sink`.
fn run<K: Int8Kernels>(
    kernels: K,
    layers: Stack<'_>,
    (scale, step): (f32, f32),
    samples: impl Rows,
    memory: &mut [u32],
    sink: &mut dyn FnMut(usize, &[i16]),
) -> Result<()> {
    let last = layers.len().saturating_sub(1);
    let lowest = Layer::new::<K>(layers, 0);
    let mut rest = memory;
    let floats = split_off(&mut rest, lowest.floats_len());
    let floats: &mut [f32] = bytemuck::try_cast_slice_mut(floats).unwrap_or_default();
    let (row, held) = floats.split_at_mut_checked(lowest.row_len).unwrap_or_default();
    let between = layers.features_below(last);
    let between: &mut [i16] =
        bytemuck::try_cast_slice_mut(split_off(&mut rest, div_ceil(between, 2))).unwrap_or_default();
    let rows = Preprocessed::new(lowest.preprocessing, Scaled { rows: samples, scale }, held)?;
    let mut samples = Some(Input::Samples { rows, row, step });
    for index in 0..=last {
        let layer = Layer::new::<K>(layers, index);
        let (below, mut above) =
            between.split_at_mut_checked(layers.features_below(index)).unwrap_or_default();
        let features = split_off(&mut above, if index < last { layer.features } else { 0 });
        let input = match samples.take() {
            Some(samples) => samples,
            None => {
                let below_index = index.saturating_sub(1);
                let shape = layers.shape(below_index);
                let start = below.len().saturating_sub(layers.features(below_index));
                let features = below.get(start..).unwrap_or_default();
                Input::Below(Features { features, shape, planar: layer.planar })
            }
        };
        let len = layer.work_len;
        let work: &mut [i16] =
            bytemuck::try_cast_slice_mut(rest.get_mut(..div_ceil(len, 2)).unwrap_or_default())
                .unwrap_or_default();
        let work = work.get_mut(..len).unwrap_or_default();
        let mut extractor = extractor(kernels, layers, index, work);
        let extractor = extractor.as_mut().map_err(|error| *error)?;
        if index < last {
            let mut keep = keep(features);
            extractor.for_each_row(input, |y, row| {
                // Keeping a row cannot fail.
                let _ = keep(y, row);
            })?;
        } else {
            extractor.for_each_row(input, &mut *sink)?;
        }
    }
    Ok(())
}
