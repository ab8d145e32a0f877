//! Random layers and numbers, and fenced buffers to put them in.

use std::fmt::Debug;
use std::ops::{Deref, DerefMut};

use proptest::prelude::*;
use wta_core::{Cut, Filters, Kernels, OutputLayout, Random, ReceptiveFields};
use wta_simd::Isa;

/// A value that no kernel writes.
pub(crate) trait Canary: Copy + PartialEq + Debug {
    const CANARY: Self;
}

impl Canary for f32 {
    const CANARY: Self = 8.765_432e30;
}

impl Canary for u32 {
    const CANARY: Self = 0xdead_beef;
}

impl Canary for Cut {
    const CANARY: Self = Self { threshold: f32::CANARY, ties_below: u32::CANARY };
}

/// A slice that starts 1 to 3 elements off alignment, with canaries before and after it.
#[derive(Clone, Debug)]
pub(crate) struct Fenced<T: Canary> {
    memory: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Canary> Fenced<T> {
    /// The widest vector, and more.
    const FENCE: usize = 40;

    pub(crate) fn new(values: &[T], random: &mut Random) -> Self {
        let mut memory = vec![T::CANARY; 2 * Self::FENCE + 8 + values.len()];
        // Vectors are 4 to 64 bytes wide; their elements have 4.
        let aligned = memory[Self::FENCE..].as_ptr().align_offset(16).min(4);
        let start = Self::FENCE + aligned + 1 + random.below(3) as usize;
        memory[start..start + values.len()].copy_from_slice(values);
        Self { memory, start, len: values.len() }
    }

    /// Panics when something beyond the slice was written.
    pub(crate) fn expect_fences(&self) {
        let fences = self.memory[..self.start].iter().chain(&self.memory[self.start + self.len..]);
        assert!(
            fences.into_iter().all(|v| *v == T::CANARY),
            "written outside a slice of {} elements",
            self.len
        );
    }
}

impl<T: Canary> Deref for Fenced<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl<T: Canary> DerefMut for Fenced<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

/// What numbers to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Small whole numbers, many of them 0 or equal: their sums are exact in any order, so that results must
    /// be equal to the last bit.
    Whole,
    /// Normally distributed.
    Real,
}

pub(crate) fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Whole), Just(Kind::Real)]
}

impl Kind {
    pub(crate) fn draw(self, len: usize, random: &mut Random) -> Fenced<f32> {
        let mut number = || match self {
            Self::Whole => random.below(9) as f32 - 4.0,
            Self::Real => random.normal(),
        };
        let numbers: Vec<f32> = (0..len).map(|_| number()).collect();
        Fenced::new(&numbers, random)
    }
}

/// The numbers without their signs, to sum up the magnitudes of terms.
pub(crate) fn magnitudes(values: &[f32]) -> Vec<f32> {
    values.iter().map(|v| v.abs()).collect()
}

/// A layer: where its receptive fields lie, how many filters it has, where its outputs go.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    pub(crate) fields: ReceptiveFields,
    pub(crate) maps: usize,
    pub(crate) output_layout: OutputLayout,
    pub(crate) seed: u64,
}

pub(crate) fn geometries() -> impl Strategy<Value = Geometry> {
    let form = (1usize..=5, 1usize..=40, 1usize..=70);
    // Small steps make overlapping fields; large ones leave gaps, as between the vectors of a dense layer.
    let positions = (1usize..=3, 1usize..=40, 1usize..=3, prop_oneof![1usize..=6, 30usize..=45]);
    let gaps = (0usize..=3, 0usize..=3, 0usize..=3, 0usize..=5);
    (form, positions, gaps, any::<u64>()).prop_map(
        |((rows, row_len, maps), (height, width, down, step_right), (slack, step, row, start), seed)| {
            let row_stride = row_len + (width - 1) * step_right + slack;
            let fields = ReceptiveFields {
                rows,
                row_len,
                row_stride,
                height,
                width,
                step_down: down * row_stride,
                step_right,
            };
            let step = maps + step;
            let output_layout = OutputLayout { start, row_stride: width * step + row, step };
            Geometry { fields, maps, output_layout, seed }
        },
    )
}

impl Geometry {
    pub(crate) fn random(&self) -> Random {
        Random::new(self.seed)
    }

    /// The padded input, no longer than it must be.
    pub(crate) fn map_len(&self) -> usize {
        let ReceptiveFields { rows, row_len, row_stride, .. } = self.fields;
        self.fields.at(self.fields.positions() - 1) + (rows - 1) * row_stride + row_len
    }

    /// The outputs, no longer than they must be.
    pub(crate) fn out_len(&self) -> usize {
        let OutputLayout { start, row_stride, step } = self.output_layout;
        start + (self.fields.height - 1) * row_stride + (self.fields.width - 1) * step + self.maps
    }

    /// The same layer with room for the outputs of both signs.
    pub(crate) fn both_signs(self) -> Self {
        let OutputLayout { start, row_stride, step } = self.output_layout;
        let row_stride = row_stride + self.fields.width * self.maps;
        Self { output_layout: OutputLayout { start, row_stride, step: step + self.maps }, ..self }
    }

    /// Some positions in random order, each at most once.
    pub(crate) fn some_positions(&self, random: &mut Random) -> Vec<u32> {
        let mut positions: Vec<u32> = (0..self.fields.positions() as u32).collect();
        random.shuffle(&mut positions);
        positions.truncate(1 + random.below(positions.len().min(24) as u32) as usize);
        positions
    }
}

/// The filters as an instruction set wants them.
pub(crate) fn prepare(
    isa: Isa,
    weights: &[f32],
    maps: usize,
    fields: &ReceptiveFields,
    random: &mut Random,
) -> Fenced<f32> {
    let garbage = vec![f32::NAN; isa.prepared_len(maps, fields.len())];
    let mut prepared = Fenced::new(&garbage, random);
    isa.prepare(weights, fields.len(), &mut prepared);
    prepared.expect_fences();
    prepared
}

/// [`Kernels::convolve`] into a copy of `out`.
pub(crate) fn convolve(
    isa: Isa,
    (fields, output_layout): (&ReceptiveFields, OutputLayout),
    (weights, bias): (&[f32], &[f32]),
    map: &[f32],
    out: &Fenced<f32>,
) -> Fenced<f32> {
    let mut out = out.clone();
    let prepared = prepare(isa, weights, bias.len(), fields, &mut Random::new(bias.len() as u64));
    isa.convolve(fields, Filters { weights, bias, prepared: &prepared }, map, output_layout, &mut out);
    out.expect_fences();
    out
}
