//! One layer: its filters, packed for the processor, and the map that it reads.

use wta_core::int8::Int8Filters;
use wta_core::{Layer, OutputLayout, PaddedLayout, ReceptiveFields, Shape};
use wta_simd::int8::{BEHIND, Int8Filter, Int8Isa};

use crate::error::Result;
use crate::memory::reserve::zeros;

/// One quantised layer.
pub(super) struct Int8Layer {
    isa: Int8Isa,
    input: PaddedLayout,
    fields: ReceptiveFields,
    maps: usize,
    prepared: Vec<i32>,
}

impl Int8Layer {
    /// A layer of bytes.
    pub(super) fn new(isa: Int8Isa, layer: &Layer, filters: &Int8Filters<'_>) -> Result<Self> {
        Self::of(isa, layer, layer.padded(), filters, |weights| weights, 0)
    }

    /// A layer of numbers with a sign, `x`, which become two bytes: `max(x, 0)` and `255 - max(-x, 0)`. The
    /// bytes of all channels of a pixel are side by side, and then the second ones. Both have the weight of
    /// `x`; what the second is too large by goes into the bias.
    pub(super) fn signed(isa: Int8Isa, layer: &Layer, filters: &Int8Filters<'_>) -> Result<Self> {
        let channels = layer.input.channels;
        let both = Shape { channels: 2 * channels, ..layer.input };
        let twice = |weights: Vec<i8>| {
            let pixels = weights.chunks(channels.max(1));
            pixels.flat_map(|pixel| [pixel, pixel].concat()).collect()
        };
        let input = PaddedLayout::new(both, layer.conv.kernel);
        Self::of(isa, layer, input, filters, twice, i32::from(u8::MAX))
    }

    /// A layer whose inputs all together are `above` too large.
    fn of(
        isa: Int8Isa,
        layer: &Layer,
        input: PaddedLayout,
        filters: &Int8Filters<'_>,
        arranged: impl Fn(Vec<i8>) -> Vec<i8>,
        above: i32,
    ) -> Result<Self> {
        let fields = ReceptiveFields::new(&input, layer.conv.stride);
        let maps = layer.conv.maps;
        let mut prepared = zeros(isa.prepared_len(&fields, maps), || "a quantised layer".to_owned())?;
        let numbers = filters.bias.iter().zip(filters.multipliers).enumerate();
        let filters = numbers.map(|(map, (bias, multiplier))| {
            let weights: Vec<i8> = filters.weights.filter(map).collect();
            let sum: i32 = weights.iter().map(|weight| i32::from(*weight)).sum();
            Int8Filter {
                weights: arranged(weights).into_iter(),
                // Sums wrap around on their way, and end where they belong.
                bias: bias.wrapping_sub(sum.wrapping_mul(above)),
                multiplier: *multiplier,
            }
        });
        isa.prepare(&fields, filters, &mut prepared);
        Ok(Self { isa, input, fields, maps, prepared })
    }

    /// Whether a sample is one receptive field, so that many samples are computed as positions of a row.
    pub(super) fn is_vector(&self) -> bool {
        self.fields.rows == 1 && self.fields.positions() == 1
    }

    /// How the map that the layer reads lies in memory.
    pub(super) fn input(&self) -> &PaddedLayout {
        &self.input
    }

    /// Memory for the maps of so many samples, border included: zeros, or what stands for 0.
    pub(super) fn map(&self, samples: usize) -> Result<Vec<u8>> {
        let len = self.input.len().saturating_mul(samples).saturating_add(BEHIND);
        zeros(len, || "the maps of a quantised layer".to_owned())
    }

    /// The activations of so many samples; more than one only if they are [vectors](Self::is_vector).
    pub(super) fn run(&self, samples: usize, map: &[u8], layout: OutputLayout, out: &mut [u8]) {
        let fields = match self.is_vector() {
            true => ReceptiveFields { width: samples, step_right: self.fields.row_len, ..self.fields },
            false => self.fields,
        };
        self.isa.convolve(&fields, self.maps, &self.prepared, map, layout, out);
    }
}
