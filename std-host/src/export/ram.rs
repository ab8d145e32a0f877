//! The RAM that firmware needs for each use of a model.

use wta_core::int8::{Int8Extractor, Int8Filters, Int8Kernels, Int8Weights, Portable};
use wta_core::{Int8Pipeline, Model, Pipeline, ReceptiveFields, extractor_len};

/// The lengths of the buffers of each use; none where the model cannot be used so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ram {
    /// Numbers in `f32` of a [`Pipeline`].
    pub(super) pipeline: Option<usize>,
    /// Bytes of `wta_encode` and `wta_classify`.
    pub(super) encode: Option<usize>,
    pub(super) portable: Option<Int8Ram>,
    /// With the DSP instructions, which need memory of their own.
    pub(super) dsp: Option<Int8Ram>,
}

/// The lengths of buffers of a quantised model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Int8Ram {
    /// Numbers in `i16` of an [`Int8Extractor`] of this layer alone.
    pub(super) extractor: usize,
    /// Words of an [`Int8Pipeline`].
    pub(super) pipeline: usize,
    /// Bytes of `wta_encode_int8` and `wta_classify_int8`.
    pub(super) bytes: usize,
}

/// As much memory as the DSP instructions need.
#[derive(Clone, Copy, Debug)]
struct Dsp;

impl Int8Kernels for Dsp {
    const SCRATCH_FILTERS: usize = wta_simd::DSP_SCRATCH_FILTERS;

    fn convolve(
        self,
        fields: &ReceptiveFields,
        filters: &Int8Filters<'_>,
        window: &mut [i16],
        scratch: &mut [i16],
        out: &mut [i16],
    ) {
        Portable.convolve(fields, filters, window, scratch, out);
    }

    fn accumulate(self, filters: &Int8Weights<'_>, inputs: &[i16], sums: &mut [i32]) {
        Portable.accumulate(filters, inputs, sums);
    }

    fn max(self, from: &[i16], to: &mut [i16]) {
        Portable.max(from, to);
    }
}

impl Ram {
    /// What a model needs.
    pub(super) fn of(model: &Model<'_>) -> Self {
        let floats = model.parameters().is_some() && !is_upper_alone(model);
        let pipeline = floats.then(|| Pipeline::memory_len(model));
        let alone = model.parameters().map(|_| 4 * extractor_len(&model.network(), &model.pool()));
        let encode = if model.needs_pipeline() { pipeline.map(|len| 4 * len) } else { alone };
        Self { pipeline, encode, portable: int8::<Portable>(model), dsp: int8::<Dsp>(model) }
    }
}

fn int8<K: Int8Kernels>(model: &Model<'_>) -> Option<Int8Ram> {
    model.int8()?;
    let extractor = Int8Extractor::<K>::memory_len(&model.network(), &model.pool());
    let pipeline = Int8Pipeline::<K>::memory_len(model);
    let sums = model.int8_svm().map_or(0, |svm| svm.classes());
    let bytes =
        if model.needs_pipeline() { 4 * pipeline } else { 2 * extractor.next_multiple_of(2) + 4 * sums };
    Some(Int8Ram { extractor, pipeline, bytes })
}

/// Whether the file holds the upper layer of a stack without the others.
fn is_upper_alone(model: &Model<'_>) -> bool {
    model.is_stacked() && model.below().is_none()
}
