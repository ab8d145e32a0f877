//! Features, classes and novelty scores, row by row.

use core::ffi::c_void;
use core::ptr;

#[cfg(not(feature = "dsp"))]
use wta_core::int8::Portable as Int8;
use wta_core::int8::{Int8Classifier, Int8Extractor};
use wta_core::{Classifier, Error, Extractor, Novelty, Scalar, Svm, extractor_len, novelty_len};
#[cfg(feature = "dsp")]
use wta_simd::Int8Native as Int8;

use crate::images::{Images, wta_images};
use crate::memory::{Arena, bytes_of, room, stored, write};
use crate::model::{Call, Content, wta_model};
use crate::status::wta_status::*;
use crate::status::{Checked, status, wta_status};

/// Bytes of memory that wta_encode and wta_classify need; 0 for a model that can do neither.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_encode_bytes(model: *const wta_model) -> usize {
    // SAFETY: the header's contract.
    unsafe { stored(model) }.and_then(encode_bytes).unwrap_or(0)
}

fn encode_bytes(content: &Content) -> Checked<usize> {
    content.expect_parameters()?;
    if let Some(whole) = &content.whole {
        return (whole.functions.encode_bytes)(whole.bytes);
    }
    bytes_of::<f32>(extractor_len(&content.network, &content.pool)).ok_or(WTA_ERROR_LENGTH)
}

/// Computes the features of the first of the images, row by row. features gets as many floats as wta_info's
/// features say, position by position with the maps side by side. memory has at least wta_encode_bytes bytes;
/// what it holds does not matter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_encode(
    model: *const wta_model,
    images: *const wta_images,
    memory: *mut c_void,
    bytes: usize,
    features: *mut f32,
    features_len: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { stored(model) }.and_then(|content| {
        if let Some(whole) = &content.whole {
            let call =
                Call { images, memory, bytes, to: features, len: features_len, label: ptr::null_mut() };
            // SAFETY: the header's contract.
            return unsafe { (whole.functions.encode)(content, whole.bytes, &call) };
        }
        // SAFETY: the header's contract.
        let mut extractor = unsafe { content.extractor(memory, bytes) }?;
        expect(features_len, extractor.shape().len())?;
        // SAFETY: the header's contract.
        let (images, features) = unsafe { (content.image(images)?, room(features, features_len)?) };
        Ok(extractor.features(images.rows(0), features)?)
    }))
}

/// Classifies the first of the images, row by row. scores gets a score for each class, and label the class
/// with the largest (the first of several). label may be NULL. memory has at least wta_encode_bytes bytes;
/// what it holds does not matter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_classify(
    model: *const wta_model,
    images: *const wta_images,
    memory: *mut c_void,
    bytes: usize,
    scores: *mut f32,
    scores_len: usize,
    label: *mut usize,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { stored(model) }.and_then(|content| {
        let svm = content.svm.ok_or(WTA_ERROR_MISSING)?;
        expect(scores_len, svm.classes())?;
        if let Some(whole) = &content.whole {
            let call = Call { images, memory, bytes, to: scores, len: scores_len, label };
            // SAFETY: the header's contract.
            return unsafe { (whole.functions.classify)(content, whole.bytes, &call) };
        }
        // SAFETY: the header's contract.
        let extractor = unsafe { content.extractor(memory, bytes) }?;
        // SAFETY: the header's contract.
        let (images, scores) = unsafe { (content.image(images)?, room(scores, scores_len)?) };
        let best = best_class(extractor, svm, images, scores)?;
        // SAFETY: the header's contract.
        unsafe { write_label(label, best) }
    }))
}

/// Not inlined, so that the classifier is not on the stack while its extractor is made.
#[inline(never)]
fn best_class(
    extractor: Extractor<'_, Scalar>,
    svm: Svm<'_>,
    images: Images<'_>,
    scores: &mut [f32],
) -> Checked<usize> {
    let mut classifier = Classifier::new(extractor, svm, scores)?;
    Ok(largest(classifier.scores(images.rows(0))?))
}

/// Bytes of memory that wta_encode_int8 and wta_classify_int8 need; 0 for a model that can do neither. With
/// wta_model_init, images whose rows come from a function need 4 x width x channels bytes more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_int8_bytes(model: *const wta_model) -> usize {
    // SAFETY: the header's contract.
    unsafe { stored(model) }.and_then(int8_bytes).unwrap_or(0)
}

fn int8_bytes(content: &Content) -> Checked<usize> {
    content.int8.ok_or(WTA_ERROR_MISSING)?;
    if let Some(whole) = &content.whole {
        return (whole.functions.int8_bytes)(whole.bytes);
    }
    let rows = bytes_of::<i16>(Int8Extractor::<Int8>::memory_len(&content.network, &content.pool));
    let sums = bytes_of::<i32>(content.int8_svm.map_or(0, |svm| svm.classes()));
    rows.zip(sums).and_then(|(rows, sums)| rows.checked_add(sums)).ok_or(WTA_ERROR_LENGTH)
}

/// wta_encode in 8-bit integers. Images are of any kind, with a sign or without; numbers beyond those that
/// the network was quantised for are cut off. memory has at least wta_int8_bytes bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_encode_int8(
    model: *const wta_model,
    images: *const wta_images,
    memory: *mut c_void,
    bytes: usize,
    features: *mut f32,
    features_len: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { stored(model) }.and_then(|content| {
        if let Some(whole) = &content.whole {
            let call =
                Call { images, memory, bytes, to: features, len: features_len, label: ptr::null_mut() };
            // SAFETY: the header's contract.
            return unsafe { (whole.functions.encode_int8)(content, whole.bytes, &call) };
        }
        // SAFETY: the header's contract.
        let images = unsafe { content.image(images) }?;
        // SAFETY: the header's contract.
        let (mut extractor, mut arena) = unsafe { content.int8_extractor(images, memory, bytes) }?;
        expect(features_len, extractor.shape().len())?;
        // SAFETY: the header's contract.
        let features = unsafe { room(features, features_len) }?;
        let scale = content.int8_feature_scale;
        let floats = arena.take(images.quantising_len())?;
        let found = extractor.for_each_row(images.quantised_rows(floats), |y, row| {
            let to = features.iter_mut().skip(y.saturating_mul(row.len()));
            to.zip(row).for_each(|(to, from)| *to = f32::from(*from) * scale);
        });
        found.map_err(of_quantised)
    }))
}

/// wta_classify in 8-bit integers. Images are of any kind, with a sign or without; numbers beyond those that
/// the network was quantised for are cut off. memory has at least wta_int8_bytes bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_classify_int8(
    model: *const wta_model,
    images: *const wta_images,
    memory: *mut c_void,
    bytes: usize,
    scores: *mut f32,
    scores_len: usize,
    label: *mut usize,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { stored(model) }.and_then(|content| {
        let svm = content.int8_svm.ok_or(WTA_ERROR_MISSING)?;
        expect(scores_len, svm.classes())?;
        if let Some(whole) = &content.whole {
            let call = Call { images, memory, bytes, to: scores, len: scores_len, label };
            // SAFETY: the header's contract.
            return unsafe { (whole.functions.classify_int8)(content, whole.bytes, &call) };
        }
        // SAFETY: the header's contract.
        let images = unsafe { content.image(images) }?;
        // SAFETY: the header's contract.
        let (extractor, mut arena) = unsafe { content.int8_extractor(images, memory, bytes) }?;
        // SAFETY: the header's contract.
        let scores = unsafe { room(scores, scores_len) }?;
        let mut classifier = Int8Classifier::new(extractor, svm, arena.take(scores_len)?)?;
        let floats = arena.take(images.quantising_len())?;
        let found = classifier.scores(images.quantised_rows(floats)).map_err(of_quantised)?;
        scores.iter_mut().zip(found).for_each(|(to, from)| *to = from);
        // SAFETY: the header's contract.
        unsafe { write_label(label, largest(scores)) }
    }))
}

/// Bytes of memory that wta_novelty needs; 0 for a model without decoder.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_novelty_bytes(model: *const wta_model) -> usize {
    // SAFETY: the header's contract.
    unsafe { stored(model) }.and_then(novelty_bytes).unwrap_or(0)
}

fn novelty_bytes(content: &Content) -> Checked<usize> {
    content.expect_reconstruction()?;
    let held = content.whole.map_or(Ok(0), |whole| (whole.functions.held)(whole.bytes))?;
    let (floats, positions) = (novelty_len(&content.network), content.network.code().channels);
    let all = floats.checked_add(positions).and_then(|all| all.checked_add(held));
    all.and_then(bytes_of::<f32>).ok_or(WTA_ERROR_LENGTH)
}

/// Scores how unlike the training data the first of the images is. score gets half the squared error of its
/// reconstruction from the largest activation of each map; if `keep` is not 0, from the `keep` largest of
/// these. memory has at least wta_novelty_bytes bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_novelty(
    model: *const wta_model,
    images: *const wta_images,
    keep: usize,
    memory: *mut c_void,
    bytes: usize,
    score: *mut f32,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { stored(model) }.and_then(|content| {
        let needed = novelty_bytes(content)?;
        // SAFETY: the header's contract.
        let (images, mut arena) = unsafe { (content.image(images)?, Arena::new(memory, bytes, needed)?) };
        // SAFETY: the header's contract.
        let parameters = unsafe { content.parameters() }?;
        let floats = arena.take(novelty_len(&content.network))?;
        let positions = arena.take(content.network.code().channels)?;
        let mut novelty = Novelty::new(Scalar, parameters, keep, floats, positions)?;
        let found = match &content.whole {
            Some(whole) => {
                let held = arena.take((whole.functions.held)(whole.bytes)?)?;
                (whole.functions.novelty)(&mut novelty, whole.bytes, images, held)?
            }
            None => novelty.score(images.rows(0))?,
        };
        // SAFETY: the header's contract.
        unsafe { write(score, found) }
    }))
}

impl Content {
    /// # Safety
    ///
    /// The caller's contract for the images.
    pub(crate) unsafe fn image<'a>(&self, images: *const wta_images) -> Checked<Images<'a>> {
        // SAFETY: the function's contract.
        unsafe { Images::new(images, 1, self.input, self.scale) }
    }

    /// # Safety
    ///
    /// The caller's contract for the memory and the parameters.
    unsafe fn extractor<'a>(&self, memory: *mut c_void, bytes: usize) -> Checked<Extractor<'a, Scalar>> {
        let needed = encode_bytes(self)?;
        // SAFETY: the function's contract.
        let (mut arena, parameters) = unsafe { (Arena::new(memory, bytes, needed)?, self.parameters()?) };
        let floats = arena.take(extractor_len(&self.network, &self.pool))?;
        Ok(Extractor::new(Scalar, parameters, self.pool, self.root, floats)?)
    }

    /// And the memory for the classifier's sums and what the images need.
    ///
    /// # Safety
    ///
    /// The caller's contract for the memory.
    unsafe fn int8_extractor<'a>(
        &self,
        images: Images<'_>,
        memory: *mut c_void,
        bytes: usize,
    ) -> Checked<(Int8Extractor<'a, Int8>, Arena<'a>)> {
        let network = self.int8.ok_or(WTA_ERROR_MISSING)?;
        let floats = bytes_of::<f32>(images.quantising_len());
        let needed = floats.and_then(|floats| floats.checked_add(int8_bytes(self).ok()?));
        let needed = needed.ok_or(WTA_ERROR_LENGTH)?;
        // SAFETY: the function's contract.
        let mut arena = unsafe { Arena::new(memory, bytes, needed) }?;
        let rows = arena.take(Int8Extractor::<Int8>::memory_len(&self.network, &self.pool))?;
        Ok((Int8Extractor::new(Int8, network, self.pool, self.root, rows)?, arena))
    }
}

/// What a quantised network says of an image: it refuses numbers that are not numbers as out of range.
pub(crate) fn of_quantised(error: Error) -> wta_status {
    if matches!(error, Error::Invalid(_)) { WTA_ERROR_NOT_FINITE } else { error.into() }
}

pub(crate) fn expect(found: usize, expected: usize) -> Checked<()> {
    if found == expected { Ok(()) } else { Err(WTA_ERROR_LENGTH) }
}

/// # Safety
///
/// The caller's contract, unless `label` is NULL.
pub(crate) unsafe fn write_label(label: *mut usize, class: usize) -> Checked<()> {
    // SAFETY: the function's contract.
    if label.is_null() { Ok(()) } else { unsafe { write(label, class) } }
}

/// The class with the largest score; of several, the first.
pub(crate) fn largest(scores: &[f32]) -> usize {
    let better = |best: (usize, f32), next: (usize, f32)| if next.1 > best.1 { next } else { best };
    scores.iter().copied().enumerate().fold((0, f32::NEG_INFINITY), better).0
}
