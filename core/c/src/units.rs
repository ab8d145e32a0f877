//! Training unit by unit, for fully-connected networks of one layer.
//!
//! `wta_train_step` reaches these through pointers that the initialisation stores, as `whole` does for
//! models.

use core::ffi::c_void;

use wta_core::{Network, Rows, Scalar, TrainingConfig, TrainingLen, UnitTrainer, Units, unit_training_len};

use crate::images::Images;
use crate::model::wta_model;
use crate::network::wta_network;
use crate::status::wta_status::*;
use crate::status::{Checked, status, wta_status};
use crate::train::{
    Content, Parts, Start, Stepped, TrainerFunctions, bytes_needed, start_described, start_model, total,
    wta_trainer, wta_training,
};

static UNITS: TrainerFunctions = TrainerFunctions { memory_len, check, step };

/// With the numbers of an image, which are read one image at a time.
fn memory_len(network: &Network, training: &TrainingConfig) -> Checked<(TrainingLen, usize)> {
    if !Units::<Scalar>::apply_to(network) {
        return Err(WTA_ERROR_INVALID);
    }
    let (inputs, units) = (network.input().channels, network.code().channels);
    // Survivors have an activation, a delta and an image, and each image has residuals; the lengths of all
    // else have been bounded with the network.
    let of_an_image = units.checked_mul(3).and_then(|units| units.checked_add(inputs));
    let of_a_batch = of_an_image.and_then(|numbers| numbers.checked_mul(training.batch));
    if of_a_batch.is_none_or(|numbers| numbers > isize::MAX as usize / 16) {
        return Err(WTA_ERROR_LENGTH);
    }
    let len = unit_training_len(network, &training.sparsity, &training.optimizer.method, training.batch);
    Ok((len, total(&len, inputs)?))
}

/// The trainer as it goes on, and room for an image.
///
/// # Safety
///
/// As for [`Content::parts`].
unsafe fn trainer<'a>(content: &Content) -> Checked<(UnitTrainer<'a, Scalar>, &'a mut [f32])> {
    // SAFETY: the function's contract.
    let Parts { parameters, moments, scratch, mut rest } = unsafe { content.parts() }?;
    let (network, training, step) = content.described();
    let image = rest.take(network.input().channels)?;
    Ok((UnitTrainer::new(Scalar, network, training, step, parameters, moments, scratch)?, image))
}

/// # Safety
///
/// As for [`Content::parts`].
unsafe fn check(content: &Content) -> Checked<()> {
    // SAFETY: the function's contract.
    unsafe { trainer(content) }.map(drop)
}

/// # Safety
///
/// As for [`Content::parts`].
unsafe fn step(content: &Content, images: Images<'_>, count: usize) -> Checked<Stepped> {
    // SAFETY: the function's contract.
    let (mut trainer, image) = unsafe { trainer(content) }?;
    let loss = trainer.step_by_number(count, image, |number, to| images.rows(number).row(0, to))?;
    Ok(Stepped { loss, steps: trainer.steps_done(), skipped: trainer.last_skipped() })
}

/// wta_train_bytes for wta_train_units_init; 0 also for a network that it does not take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_train_units_bytes(
    network: *const wta_network,
    training: *const wta_training,
) -> usize {
    // SAFETY: the header's contract.
    unsafe { bytes_needed(&UNITS, network, training) }
}

/// wta_train_init for a fully-connected network of one layer, which is then trained unit by unit: with the
/// same weights, without a stored gradient, so in less memory unless batches are large (wta_train_units_bytes
/// and wta_train_bytes say), and in fewer instructions where few survive. All other functions take the
/// trainer then.
///
/// An image is read twice in a step, once more for every 8 units, and once more for each unit that it
/// survives in, then in no order: images from slow memory are better copied to RAM. WTA_ERROR_INVALID for any
/// other network.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_train_units_init(
    trainer: *mut wta_trainer,
    network: *const wta_network,
    training: *const wta_training,
    seed: u64,
    memory: *mut c_void,
    bytes: usize,
) -> wta_status {
    let start = Start::Seed(seed);
    // SAFETY: the header's contract.
    status(unsafe { start_described(trainer, network, training, start, (memory, bytes), &UNITS) })
}

/// wta_train_init_model for training unit by unit: see wta_train_units_init.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_train_units_init_model(
    trainer: *mut wta_trainer,
    model: *const wta_model,
    training: *const wta_training,
    memory: *mut c_void,
    bytes: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { start_model(trainer, model, training, (memory, bytes), &UNITS) })
}

/// wta_train_resume for training unit by unit, also of what was trained row by row: see wta_train_units_init.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_train_units_resume(
    trainer: *mut wta_trainer,
    network: *const wta_network,
    training: *const wta_training,
    steps_done: u64,
    memory: *mut c_void,
    bytes: usize,
) -> wta_status {
    let start = Start::Step(steps_done);
    // SAFETY: the header's contract.
    status(unsafe { start_described(trainer, network, training, start, (memory, bytes), &UNITS) })
}
