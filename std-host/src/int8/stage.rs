//! One network of a stack: from its inputs to its pooled features.

use wta_core::int8::{Int8Network, sqrt};
use wta_core::{Model, OutputLayout, PaddedLayout, Pool, Shape, Threshold};
use wta_simd::int8::Int8Isa;

use super::layer::Int8Layer;
use super::pooled::pooled;
use crate::error::{Error, Result};
use crate::layout::planar;

/// Samples that are computed together, if each is one receptive field; and that a task encodes.
pub(crate) const TOGETHER: usize = 24;

/// One network of a stack.
pub(crate) struct Int8Stage {
    layers: Vec<Int8Layer>,
    /// The first layer for numbers with a sign. Only samples may have one: features have none.
    signed: Option<Int8Layer>,
    input: Shape,
    code: Shape,
    pool: Pool,
    /// The square root of each activation, if features are square roots.
    roots: Option<[u8; 256]>,
    /// Whether it takes map after map.
    planar: bool,
}

/// What a network is given, sample after sample.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    Samples(&'a [i16]),
    Features { features: &'a [u8], shape: Shape },
}

/// The memory that a thread needs for the samples of a stage that are computed together.
pub(crate) struct Memory {
    /// The map of each layer.
    maps: Vec<Vec<u8>>,
    signed: Vec<u8>,
    code: Vec<u8>,
    row: Vec<u8>,
    activations: Vec<i16>,
}

impl Int8Stage {
    /// The network of a model.
    pub(super) fn new(isa: Int8Isa, model: &Model<'_>) -> Result<Self> {
        let Some(network) = model.int8() else {
            return Err(Error::Invalid("the model has no quantised network".to_owned()));
        };
        let mut stage = Self::of(isa, &network, model.pool(), !model.is_stacked())?;
        let root = |activation: usize| sqrt(activation as i16) as u8;
        stage.roots = model.sqrt_features().then(|| std::array::from_fn(root));
        stage.planar = model.is_planar();
        Ok(stage)
    }

    /// A network alone, which takes samples or features.
    pub(crate) fn of(
        isa: Int8Isa,
        network: &Int8Network<'_>,
        pool: Pool,
        takes_samples: bool,
    ) -> Result<Self> {
        let layers: Result<Vec<Int8Layer>> =
            network.layers().map(|(layer, filters)| Int8Layer::new(isa, &layer, &filters)).collect();
        let signed = network.layers().next().filter(|_| takes_samples);
        let signed = signed.map(|(layer, filters)| Int8Layer::signed(isa, &layer, &filters)).transpose()?;
        let (input, code) = (network.network().input(), network.network().code());
        Ok(Self { layers: layers?, signed, input, code, pool, roots: None, planar: false })
    }

    /// The shape of a sample's features.
    pub(super) fn features(&self) -> Shape {
        self.pool.output(self.code)
    }

    /// Samples that are computed together.
    fn together(&self) -> usize {
        if self.layers.iter().all(Int8Layer::is_vector) { TOGETHER } else { 1 }
    }

    /// The memory that [`Int8Stage::run`] needs.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let together = self.together();
        let maps: Result<Vec<Vec<u8>>> = self.layers.iter().map(|layer| layer.map(together)).collect();
        let mut signed = Vec::new();
        if let Some(layer) = &self.signed {
            signed = layer.map(together)?;
            signed.chunks_exact_mut(2 * self.input.channels).for_each(|pixel| {
                pixel.iter_mut().skip(self.input.channels).for_each(|negative| *negative = u8::MAX);
            });
        }
        let code = vec![0; self.code.len() * together];
        Ok(Memory { maps: maps?, signed, code, row: Vec::new(), activations: Vec::new() })
    }

    /// The features of some samples.
    pub(crate) fn run(&self, given: Given<'_>, memory: &mut Memory, features: &mut [u8]) {
        let (input, len) = (self.input.len().max(1), self.features().len().max(1));
        let together = self.together();
        for (index, features) in features.chunks_mut(together * len).enumerate() {
            let samples = features.len() / len;
            let first = index * together;
            let range = first * input..(first + samples) * input;
            match given {
                Given::Samples(numbers) => {
                    self.of_samples(numbers.get(range).unwrap_or_default(), samples, memory);
                }
                Given::Features { features, shape } => {
                    let features = features.get(range).unwrap_or_default();
                    self.of_features(features, shape, samples, memory);
                }
            }
            self.pooled(memory, features);
        }
    }

    /// The codes of samples.
    fn of_samples(&self, numbers: &[i16], samples: usize, memory: &mut Memory) {
        let Some(first) = self.layers.first() else { return };
        let is_signed = numbers.iter().any(|number| *number < 0);
        let channels = self.input.channels;
        match self.signed.as_ref().filter(|_| is_signed) {
            None => {
                if let Some(map) = memory.maps.first_mut() {
                    let row_len = self.input.width * channels;
                    let rows = rows_of(first.input(), row_len, samples, map);
                    for (to, from) in rows.zip(numbers.chunks_exact(row_len.max(1))) {
                        to.iter_mut().zip(from).for_each(|(to, number)| *to = *number as u8);
                    }
                }
                self.code(first, samples, memory, false);
            }
            Some(signed) => {
                let row_len = self.input.width * channels;
                let rows = rows_of(signed.input(), 2 * row_len, samples, &mut memory.signed);
                for (to, from) in rows.zip(numbers.chunks_exact(row_len.max(1))) {
                    let pixels = from.chunks_exact(channels.max(1));
                    for (to, pixel) in to.chunks_exact_mut((2 * channels).max(1)).zip(pixels) {
                        let (positive, negative) = to.split_at_mut(channels);
                        for ((above, below), number) in positive.iter_mut().zip(negative).zip(pixel) {
                            *above = (*number).max(0) as u8;
                            *below = (255 + (*number).min(0)) as u8;
                        }
                    }
                }
                self.code(signed, samples, memory, true);
            }
        }
    }

    /// The codes of the features of the layer below, which have this shape.
    fn of_features(&self, features: &[u8], shape: Shape, samples: usize, memory: &mut Memory) {
        let (Some(first), Some(map)) = (self.layers.first(), memory.maps.first_mut()) else { return };
        if self.planar {
            let samples = map.chunks_exact_mut(shape.len().max(1)).zip(features.chunks_exact(shape.len()));
            for (to, sample) in samples {
                to.iter_mut().zip(planar(shape, sample)).for_each(|(to, feature)| *to = feature);
            }
        } else {
            let row_len = self.input.width * self.input.channels;
            let rows = rows_of(first.input(), row_len, samples, map);
            rows.zip(features.chunks_exact(row_len.max(1))).for_each(|(to, from)| to.copy_from_slice(from));
        }
        self.code(first, samples, memory, false);
    }

    /// The codes of samples whose maps are filled, from the first layer up.
    fn code(&self, first: &Int8Layer, samples: usize, memory: &mut Memory, is_signed: bool) {
        let Memory { maps, signed, code, .. } = memory;
        let mut maps = maps.iter_mut();
        let lowest = maps.next().map_or(&[][..], |map| map);
        let mut below: &[u8] = if is_signed { signed } else { lowest };
        let above = self.layers.iter().skip(1);
        let mut layer = first;
        for (next, map) in above.zip(maps) {
            layer.run(samples, below, next.input().output_layout(), map);
            (layer, below) = (next, map);
        }
        let Shape { channels, width, .. } = self.code;
        let layout = OutputLayout { start: 0, row_stride: width * channels, step: channels };
        layer.run(samples, below, layout, code);
    }

    /// The features of the codes in memory.
    fn pooled(&self, memory: &mut Memory, features: &mut [u8]) {
        let Memory { code, row, activations, .. } = memory;
        let len = self.features().len().max(1);
        let codes = code.chunks_exact_mut(self.code.len().max(1));
        for (features, code) in features.chunks_exact_mut(len).zip(codes) {
            if self.pool.threshold != Threshold::None {
                activations.clear();
                activations.extend(code.iter().map(|activation| i16::from(*activation)));
                self.pool.threshold.apply_int8(self.code.channels, activations);
                code.iter_mut().zip(&*activations).for_each(|(to, activation)| *to = *activation as u8);
            }
            pooled(self.pool, self.code, code, row, features);
        }
        if let Some(roots) = &self.roots {
            features.iter_mut().for_each(|feature| *feature = roots[usize::from(*feature)]);
        }
    }
}

/// The rows inside the borders of the maps of some samples.
fn rows_of<'m>(
    layout: &PaddedLayout,
    row_len: usize,
    samples: usize,
    map: &'m mut [u8],
) -> impl Iterator<Item = &'m mut [u8]> {
    let (start, stride, height) = (layout.start(), layout.row_stride(), layout.shape().height);
    let maps = map.chunks_exact_mut(layout.len().max(1)).take(samples);
    maps.flat_map(move |map| {
        let inside = map.get_mut(start..).unwrap_or_default();
        inside.chunks_mut(stride.max(1)).take(height).filter_map(move |row| row.get_mut(..row_len))
    })
}
