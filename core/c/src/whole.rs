//! Models with preprocessing, layers below or an input in steps.
//!
//! The functions of `infer` reach these through pointers that [`wta_model_init_whole`] stores. So a program
//! that does not call it links none of them.

#[cfg(not(feature = "dsp"))]
use wta_core::int8::Portable as Int8;
use wta_core::{Int8Pipeline, Model, Novelty, Pipeline, Preprocessed, Scalar};
#[cfg(feature = "dsp")]
use wta_simd::Int8Native as Int8;

use crate::images::Images;
use crate::infer::{expect, largest, of_quantised, write_label};
use crate::memory::{Arena, bytes_of, room};
use crate::model::{Call, Content, Lowest, WholeFunctions, init, wta_model};
use crate::status::wta_status::*;
use crate::status::{Checked, status, wta_status};

/// wta_model_init for any model.wta, also with preprocessing, with the layers below of a stack, and with
/// samples that are not bytes. All other functions take the model then. It links more code: a program whose
/// models need none of that calls wta_model_init.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_model_init_whole(
    model: *mut wta_model,
    bytes: *const u8,
    len: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { init(model, bytes, len, Some(&FUNCTIONS)) })
}

static FUNCTIONS: WholeFunctions = WholeFunctions {
    lowest,
    encode_bytes,
    encode,
    classify,
    int8_bytes,
    encode_int8,
    classify_int8,
    held,
    novelty,
};

fn lowest(model: &Model<'static>) -> Lowest {
    Lowest::of(&model.lowest())
}

fn encode_bytes(bytes: &'static [u8]) -> Checked<usize> {
    bytes_of::<f32>(Pipeline::memory_len(&Model::again(bytes)?)).ok_or(WTA_ERROR_LENGTH)
}

fn int8_bytes(bytes: &'static [u8]) -> Checked<usize> {
    bytes_of::<u32>(Int8Pipeline::<Int8>::memory_len(&Model::again(bytes)?)).ok_or(WTA_ERROR_LENGTH)
}

/// Floats that the preprocessing before a novelty score holds.
fn held(bytes: &'static [u8]) -> Checked<usize> {
    Ok(Model::again(bytes)?.preprocessing().memory_len())
}

fn novelty(
    novelty: &mut Novelty<'_, Scalar>,
    bytes: &'static [u8],
    images: Images<'_>,
    held: &mut [f32],
) -> Checked<f32> {
    let steps = Model::again(bytes)?.preprocessing();
    Ok(novelty.score(Preprocessed::new(steps, images.rows(0), held)?)?)
}

/// # Safety
///
/// The caller's contract.
unsafe fn pipeline<'a>(bytes: &'static [u8], call: &Call) -> Checked<Pipeline<'a>> {
    let model = Model::again(bytes)?;
    // SAFETY: the function's contract.
    let mut arena = unsafe { Arena::new(call.memory, call.bytes, encode_bytes(bytes)?) }?;
    Ok(Pipeline::new(model, arena.take(Pipeline::memory_len(&model))?)?.scaled())
}

/// # Safety
///
/// The caller's contract.
unsafe fn int8_pipeline<'a>(
    bytes: &'static [u8],
    images: Images<'_>,
    call: &Call,
) -> Checked<Int8Pipeline<'a, Int8>> {
    let model = Model::again(bytes)?;
    // SAFETY: the function's contract.
    let mut arena = unsafe { Arena::new(call.memory, call.bytes, int8_bytes(bytes)?) }?;
    let words = arena.take(Int8Pipeline::<Int8>::memory_len(&model))?;
    let pipeline = Int8Pipeline::new(Int8, model, words)?;
    Ok(if images.are_rows() { pipeline.scaled() } else { pipeline })
}

/// # Safety
///
/// The caller's contract.
unsafe fn encode(content: &Content, bytes: &'static [u8], call: &Call) -> Checked<()> {
    content.expect_parameters()?;
    // SAFETY: the function's contract.
    let mut pipeline = unsafe { pipeline(bytes, call) }?;
    expect(call.len, pipeline.shape().len())?;
    // SAFETY: the function's contract.
    let (images, features) = unsafe { (content.image(call.images)?, room(call.to, call.len)?) };
    Ok(pipeline.features(images.rows(0), features)?)
}

/// # Safety
///
/// The caller's contract.
unsafe fn classify(content: &Content, bytes: &'static [u8], call: &Call) -> Checked<()> {
    content.expect_parameters()?;
    // SAFETY: the function's contract.
    let mut pipeline = unsafe { pipeline(bytes, call) }?;
    // SAFETY: the function's contract.
    let (images, scores) = unsafe { (content.image(call.images)?, room(call.to, call.len)?) };
    let found = pipeline.scores(images.rows(0))?;
    scores.iter_mut().zip(found).for_each(|(to, from)| *to = *from);
    // SAFETY: the function's contract.
    unsafe { write_label(call.label, largest(scores)) }
}

/// # Safety
///
/// The caller's contract.
unsafe fn encode_int8(content: &Content, bytes: &'static [u8], call: &Call) -> Checked<()> {
    content.int8.ok_or(WTA_ERROR_MISSING)?;
    // SAFETY: the function's contract.
    let images = unsafe { content.image(call.images) }?.unscaled();
    // SAFETY: the function's contract.
    let mut pipeline = unsafe { int8_pipeline(bytes, images, call) }?;
    expect(call.len, pipeline.shape().len())?;
    // SAFETY: the function's contract.
    let features = unsafe { room(call.to, call.len) }?;
    let scale = content.int8_feature_scale;
    let found = pipeline.for_each_row(images.rows(0), |y, row| {
        let to = features.iter_mut().skip(y.saturating_mul(row.len()));
        to.zip(row).for_each(|(to, from)| *to = f32::from(*from) * scale);
    });
    found.map_err(of_quantised)
}

/// # Safety
///
/// The caller's contract.
unsafe fn classify_int8(content: &Content, bytes: &'static [u8], call: &Call) -> Checked<()> {
    content.int8.ok_or(WTA_ERROR_MISSING)?;
    // SAFETY: the function's contract.
    let images = unsafe { content.image(call.images) }?.unscaled();
    // SAFETY: the function's contract.
    let mut pipeline = unsafe { int8_pipeline(bytes, images, call) }?;
    // SAFETY: the function's contract.
    let scores = unsafe { room(call.to, call.len) }?;
    let found = pipeline.scores(images.rows(0)).map_err(of_quantised)?;
    scores.iter_mut().zip(found).for_each(|(to, from)| *to = from);
    // SAFETY: the function's contract.
    unsafe { write_label(call.label, largest(scores)) }
}
