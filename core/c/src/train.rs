//! Training, row by row.

use core::ffi::c_void;
use core::ptr;

use wta_core::{
    BadImages, Corruption, Dictionary, Guard, Initial, Method, Network, Optimizer, Scalar, Schedule, Scratch,
    Selection, Size, Sparsity, StreamTrainer, TrainingConfig, TrainingLen, stream_training_len,
};

use crate::images::{Images, wta_images};
use crate::memory::{Arena, Storage, bytes_of, reference, store, stored, write};
use crate::model::wta_model;
use crate::network::wta_network;
use crate::status::wta_status::*;
use crate::status::{Checked, status, wta_status};

/// keep: every map's winner survives (spatial sparsity alone).
pub const WTA_KEEP_ALL: u32 = 0;
/// keep: of each map's winners over the batch the share lifetime_rate survives, at least one.
pub const WTA_KEEP_LIFETIME: u32 = 1;
/// keep: of each image's winners the per_sample largest survive.
pub const WTA_KEEP_PER_SAMPLE: u32 = 2;
/// The largest winners of the whole batch survive, so many of each sample on average.
pub const WTA_KEEP_BATCH: u32 = 3;
/// method: gradient descent with momentum, which needs memory for one number per parameter.
pub const WTA_SGD: u32 = 0;
/// method: Adam, which needs memory for two.
pub const WTA_ADAM: u32 = 1;
/// schedule: the learning rate stays.
pub const WTA_CONSTANT: u32 = 0;
/// schedule: it falls straight to 0 after the last step.
pub const WTA_LINEAR: u32 = 1;
/// schedule: it is multiplied by step_factor from the share step_at of all steps on.
pub const WTA_STEP: u32 = 2;
/// 64-bit words of a struct wta_trainer.
pub const WTA_TRAINER_WORDS: usize = 80;

/// How a network is trained. wta_training_defaults sets all of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct wta_training {
    /// Which winners survive: WTA_KEEP_ALL, WTA_KEEP_LIFETIME, WTA_KEEP_PER_SAMPLE or WTA_KEEP_BATCH.
    pub keep: u32,
    /// For WTA_KEEP_LIFETIME: more than 0, at most 1.
    pub lifetime_rate: f32,
    /// For WTA_KEEP_PER_SAMPLE and WTA_KEEP_BATCH: at least 1.
    pub per_sample: usize,
    /// WTA_SGD or WTA_ADAM.
    pub method: u32,
    /// For WTA_SGD: at least 0, less than 1.
    pub momentum: f32,
    /// For WTA_ADAM: decay of the first moment.
    pub beta1: f32,
    /// For WTA_ADAM: decay of the second moment.
    pub beta2: f32,
    /// For WTA_ADAM: more than 0.
    pub epsilon: f32,
    /// The learning rate at the start, more than 0.
    pub rate: f32,
    /// WTA_CONSTANT, WTA_LINEAR or WTA_STEP.
    pub schedule: u32,
    /// For WTA_STEP: between 0 and 1.
    pub step_at: f32,
    /// For WTA_STEP: more than 0, at most 1.
    pub step_factor: f32,
    /// Weight decay of filters and atoms; 0 for none.
    pub decay: f32,
    /// What bytes of images are multiplied by; that of the model, when they are to be encoded by one.
    pub scale: f32,
    /// Images in a step, at least 1.
    pub batch: usize,
    /// Steps in all, for the schedule.
    pub steps: u64,
    /// With input_high: every number of an image is clamped to this range, after the scale. Both 0 for none.
    pub input_low: f32,
    /// See input_low.
    pub input_high: f32,
    /// An image with a number of more than this absolute value, before it is clamped, is bad, as one with
    /// NaN is; 0 for no limit.
    pub input_limit: f32,
    /// The largest norm of the gradient, which is made smaller where it exceeds it; 0 for none.
    pub clip_gradient: f32,
    /// Not 0: bad images are skipped, as wta_train_skipped tells; else a step refuses them.
    pub skip_bad: u32,
}

impl wta_training {
    fn check(&self) -> Checked<TrainingConfig> {
        let selection = match self.keep {
            WTA_KEEP_ALL => Selection::All,
            WTA_KEEP_LIFETIME => Selection::Lifetime { rate: self.lifetime_rate },
            WTA_KEEP_PER_SAMPLE => Selection::PerSample { count: self.per_sample },
            WTA_KEEP_BATCH => Selection::Batch { count: self.per_sample },
            _ => return Err(WTA_ERROR_INVALID),
        };
        let method = match self.method {
            WTA_SGD => Method::Sgd { momentum: self.momentum },
            WTA_ADAM => Method::Adam { beta1: self.beta1, beta2: self.beta2, epsilon: self.epsilon },
            _ => return Err(WTA_ERROR_INVALID),
        };
        let schedule = match self.schedule {
            WTA_CONSTANT => Schedule::Constant,
            WTA_LINEAR => Schedule::Linear,
            WTA_STEP => Schedule::Step { at: self.step_at, factor: self.step_factor },
            _ => return Err(WTA_ERROR_INVALID),
        };
        if !(self.scale.is_finite() && self.scale > 0.0) {
            return Err(WTA_ERROR_INVALID);
        }
        Ok(TrainingConfig {
            sparsity: Sparsity { grid: Size::ONE, selection },
            corruption: Corruption::NONE,
            guard: self.guard(),
            dictionary: Dictionary::FREE,
            optimizer: Optimizer { method, rate: self.rate, schedule, decay: self.decay },
            batch: self.batch,
            steps: self.steps,
        })
    }
}

impl wta_training {
    fn guard(&self) -> Guard {
        let inputs = (self.input_low, self.input_high);
        Guard {
            inputs: (inputs != (0.0, 0.0)).then_some(inputs),
            limit: (self.input_limit != 0.0).then_some(self.input_limit),
            bad_images: if self.skip_bad == 0 { BadImages::Refuse } else { BadImages::Skip },
            gradient_norm: (self.clip_gradient != 0.0).then_some(self.clip_gradient),
        }
    }
}

/// Sets what usually does: lifetime sparsity of 20%, batches of 32, gradient descent with a momentum of 0.9
/// and a constant rate of 0.001, a scale of 1/255. Adam and the others get their usual constants.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_training_defaults(training: *mut wta_training) -> wta_status {
    let usual = wta_training {
        keep: WTA_KEEP_LIFETIME,
        lifetime_rate: 0.2,
        per_sample: 1,
        method: WTA_SGD,
        momentum: 0.9,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        rate: 1e-3,
        schedule: WTA_CONSTANT,
        step_at: 0.7,
        step_factor: 0.1,
        decay: 0.0,
        scale: 1.0 / 255.0,
        batch: 32,
        steps: 1000,
        input_low: 0.0,
        input_high: 0.0,
        input_limit: 0.0,
        clip_gradient: 0.0,
        skip_bad: 0,
    };
    // SAFETY: the header's contract.
    status(unsafe { write(training, usual) })
}

/// A training in progress, for the caller to lay where he likes; it must not be copied to go on with both.
/// What the words are is the library's affair.
#[repr(C)]
#[derive(Debug)]
pub struct wta_trainer {
    /// 0 before the initialisation.
    pub words: [u64; WTA_TRAINER_WORDS],
}

// SAFETY: `repr(C)`, of `u64`s alone.
unsafe impl Storage for wta_trainer {
    type Content = Content;

    const MARK: usize = u32::from_le_bytes(*b"wtat") as usize;
}

/// What a [`wta_trainer`] holds. The memory is a pointer, because between two calls it is the caller's.
#[derive(Clone, Copy)]
pub(crate) struct Content {
    network: Network,
    training: TrainingConfig,
    scale: f32,
    step: u64,
    skipped: usize,
    memory: *mut c_void,
    bytes: usize,
    functions: &'static TrainerFunctions,
}

/// A kind of trainer. The functions that take any reach it through these pointers, so that a program links
/// the kinds alone that it initialises.
pub(crate) struct TrainerFunctions {
    /// What training needs, and how many bytes that is.
    pub(crate) memory_len: fn(&Network, &TrainingConfig) -> Checked<(TrainingLen, usize)>,
    /// Checks settings and parameters.
    pub(crate) check: unsafe fn(&Content) -> Checked<()>,
    /// One step on so many images.
    pub(crate) step: unsafe fn(&Content, Images<'_>, usize) -> Checked<Stepped>,
}

/// What a step has done.
pub(crate) struct Stepped {
    pub(crate) loss: f32,
    /// Steps so far.
    pub(crate) steps: u64,
    /// Bad images that were skipped.
    pub(crate) skipped: usize,
}

static ROWS: TrainerFunctions = TrainerFunctions { memory_len, check, step };

fn memory_len(network: &Network, training: &TrainingConfig) -> Checked<(TrainingLen, usize)> {
    let winners = training.batch.checked_mul(network.code().channels);
    // Winners have a value and a position; the lengths of all else have been bounded with the network.
    if winners.is_none_or(|winners| winners > isize::MAX as usize / 16) {
        return Err(WTA_ERROR_LENGTH);
    }
    let len = stream_training_len(network, &training.optimizer.method, training.batch);
    Ok((len, total(&len, 0)?))
}

/// Bytes of memory, with so many floats behind it.
pub(crate) fn total(len: &TrainingLen, more: usize) -> Checked<usize> {
    let words = [len.parameters, len.moments, len.floats, len.indices, 2 * len.cuts, more];
    let words = words.into_iter().try_fold(0usize, usize::checked_add);
    words.and_then(bytes_of::<f32>).ok_or(WTA_ERROR_LENGTH)
}

/// The memory of a training, in its parts.
pub(crate) struct Parts<'a> {
    pub(crate) parameters: &'a mut [f32],
    pub(crate) moments: &'a mut [f32],
    pub(crate) scratch: Scratch<'a>,
    pub(crate) rest: Arena<'a>,
}

impl Content {
    /// Network, settings, and steps done.
    pub(crate) fn described(&self) -> (Network, TrainingConfig, u64) {
        (self.network, self.training, self.step)
    }

    /// The memory in its parts.
    ///
    /// # Safety
    ///
    /// The caller's contract for the memory, which has been written.
    pub(crate) unsafe fn parts<'a>(&self) -> Checked<Parts<'a>> {
        let (len, needed) = (self.functions.memory_len)(&self.network, &self.training)?;
        // SAFETY: the function's contract.
        let mut rest = unsafe { Arena::kept(self.memory, self.bytes, needed) }?;
        let (parameters, moments) = (rest.take(len.parameters)?, rest.take(len.moments)?);
        let (floats, indices) = (rest.take(len.floats)?, rest.take(len.indices)?);
        let scratch = Scratch { floats, indices, cuts: rest.take(len.cuts)? };
        Ok(Parts { parameters, moments, scratch, rest })
    }

    /// The trainer as it goes on.
    ///
    /// # Safety
    ///
    /// As for [`Content::parts`].
    unsafe fn trainer<'a>(&self) -> Checked<StreamTrainer<'a, Scalar>> {
        // SAFETY: the function's contract.
        let Parts { parameters, moments, scratch, .. } = unsafe { self.parts() }?;
        let (network, training, step) = self.described();
        Ok(StreamTrainer::new(Scalar, network, training, step, parameters, moments, scratch)?)
    }
}

/// # Safety
///
/// As for [`Content::parts`].
unsafe fn check(content: &Content) -> Checked<()> {
    // SAFETY: the function's contract.
    unsafe { content.trainer() }.map(drop)
}

/// # Safety
///
/// As for [`Content::parts`].
unsafe fn step(content: &Content, images: Images<'_>, count: usize) -> Checked<Stepped> {
    // SAFETY: the function's contract.
    let mut trainer = unsafe { content.trainer() }?;
    let loss = trainer.step((0..count).map(|image| images.rows(image)))?;
    Ok(Stepped { loss, steps: trainer.steps_done(), skipped: trainer.last_skipped() })
}

/// Bytes of memory that training needs: parameters, gradient, moments, winners and rows. 0 for a network or
/// settings that cannot be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_train_bytes(
    network: *const wta_network,
    training: *const wta_training,
) -> usize {
    // SAFETY: the header's contract.
    unsafe { bytes_needed(&ROWS, network, training) }
}

/// Bytes of memory that a kind of trainer needs.
///
/// # Safety
///
/// The caller's contract.
pub(crate) unsafe fn bytes_needed(
    functions: &TrainerFunctions,
    network: *const wta_network,
    training: *const wta_training,
) -> usize {
    // SAFETY: the function's contract.
    let described = unsafe { described(network, training) };
    let needed = described.and_then(|(network, training, _)| (functions.memory_len)(&network, &training));
    needed.map_or(0, |(_, bytes)| bytes)
}

/// # Safety
///
/// The caller's contract.
unsafe fn described(
    network: *const wta_network,
    training: *const wta_training,
) -> Checked<(Network, TrainingConfig, f32)> {
    // SAFETY: the function's contract.
    let (network, training) = unsafe { (reference(network)?, reference(training)?) };
    Ok((network.check()?, training.check()?, training.scale))
}

/// Where the first parameters of a training come from.
pub(crate) enum Start<'a> {
    Seed(u64),
    Parameters(&'a [f32]),
    /// They, and the moments, lie in the memory already.
    Step(u64),
}

/// Starts training from initial parameters that are a function of the seed.
///
/// memory has at least wta_train_bytes bytes, which are the trainer's from now on: it begins with the
/// parameters, behind which the moments lie. It must stay where it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_train_init(
    trainer: *mut wta_trainer,
    network: *const wta_network,
    training: *const wta_training,
    seed: u64,
    memory: *mut c_void,
    bytes: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { start_described(trainer, network, training, Start::Seed(seed), (memory, bytes), &ROWS) })
}

/// Starts training from a model's parameters, which are copied; the model must have its decoder, and neither
/// preprocessing nor layers below, which training does not apply. Else as wta_train_init.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_train_init_model(
    trainer: *mut wta_trainer,
    model: *const wta_model,
    training: *const wta_training,
    memory: *mut c_void,
    bytes: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { start_model(trainer, model, training, (memory, bytes), &ROWS) })
}

/// Goes on with a training after so many steps. The memory's first wta_parameters_len floats are the
/// parameters; the next as many (twice as many for WTA_ADAM) are the moments. A program that wants to go on
/// after a reset saves both. Else as wta_train_init.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_train_resume(
    trainer: *mut wta_trainer,
    network: *const wta_network,
    training: *const wta_training,
    steps_done: u64,
    memory: *mut c_void,
    bytes: usize,
) -> wta_status {
    let start = Start::Step(steps_done);
    // SAFETY: the header's contract.
    status(unsafe { start_described(trainer, network, training, start, (memory, bytes), &ROWS) })
}

/// Starts a kind of trainer of a network.
///
/// # Safety
///
/// The caller's contract.
pub(crate) unsafe fn start_described(
    trainer: *mut wta_trainer,
    network: *const wta_network,
    training: *const wta_training,
    from: Start<'_>,
    memory: (*mut c_void, usize),
    functions: &'static TrainerFunctions,
) -> Checked<()> {
    // SAFETY: the function's contract.
    let content = unsafe { described(network, training) }
        // SAFETY: as above.
        .and_then(|described| unsafe { start(described, from, memory, functions) });
    // SAFETY: the function's contract.
    unsafe { store(trainer, content) }
}

/// Starts a kind of trainer of a model's parameters.
///
/// # Safety
///
/// The caller's contract.
pub(crate) unsafe fn start_model(
    trainer: *mut wta_trainer,
    model: *const wta_model,
    training: *const wta_training,
    memory: (*mut c_void, usize),
    functions: &'static TrainerFunctions,
) -> Checked<()> {
    // SAFETY: the function's contract.
    let content = unsafe { stored(model) }.and_then(|model| {
        model.expect_decoder()?;
        if model.whole.is_some() {
            return Err(WTA_ERROR_MISSING);
        }
        // SAFETY: the function's contract.
        let (training, values) = unsafe { (reference(training)?, model.values()?) };
        let described = (model.network, training.check()?, training.scale);
        // SAFETY: the function's contract.
        unsafe { start(described, Start::Parameters(values), memory, functions) }
    });
    // SAFETY: the function's contract.
    unsafe { store(trainer, content) }
}

/// # Safety
///
/// The caller's contract for the memory.
unsafe fn start(
    (network, training, scale): (Network, TrainingConfig, f32),
    start: Start<'_>,
    (memory, bytes): (*mut c_void, usize),
    functions: &'static TrainerFunctions,
) -> Checked<Content> {
    let (len, needed) = (functions.memory_len)(&network, &training)?;
    let mut content = Content { network, training, scale, step: 0, skipped: 0, memory, bytes, functions };
    match start {
        Start::Step(step) => {
            content.step = step;
            let kept = (len.parameters + len.moments) * size_of::<f32>();
            // SAFETY: the function's contract.
            let mut arena = unsafe { Arena::kept(memory, bytes, needed) }?;
            arena.clear_from(kept);
        }
        Start::Seed(seed) => {
            // SAFETY: the function's contract.
            let mut arena = unsafe { Arena::new(memory, bytes, needed) }?;
            network.initialise(Initial::He, seed, arena.take(len.parameters)?)?;
        }
        Start::Parameters(values) => {
            // SAFETY: the function's contract.
            let mut arena = unsafe { Arena::new(memory, bytes, needed) }?;
            arena.take(len.parameters)?.iter_mut().zip(values).for_each(|(to, from)| *to = *from);
        }
    }
    // SAFETY: the function's contract; all of the memory has been written.
    unsafe { (functions.check)(&content) }?;
    Ok(content)
}

/// One step on `count` images, as many as the training's batch, each of which is gone through three times (by
/// wta_train_units_init, see there). In loss, which may be NULL: half the squared error summed over an image,
/// averaged over the batch, and FLT_MAX for more than that. When it fails, the parameters and moments are as
/// before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_train_step(
    trainer: *mut wta_trainer,
    images: *const wta_images,
    count: usize,
    loss: *mut f32,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { stored(trainer) }.copied().and_then(|mut content| {
        if count != content.training.batch {
            return Err(WTA_ERROR_LENGTH);
        }
        if !loss.is_aligned() {
            return Err(WTA_ERROR_ALIGNMENT);
        }
        // SAFETY: the header's contract.
        let images = unsafe { Images::new(images, count, content.network.input(), content.scale) }?;
        // SAFETY: the header's contract.
        let Stepped { loss: found, steps, skipped } =
            unsafe { (content.functions.step)(&content, images, count) }?;
        content.step = steps;
        content.skipped = skipped;
        // SAFETY: the header's contract.
        unsafe { store(trainer, Ok(content)) }?;
        // SAFETY: as above.
        if loss.is_null() { Ok(()) } else { unsafe { write(loss, found) } }
    }))
}

/// The parameters as they are now, wta_parameters_len floats: the start of the trainer's memory. NULL for a
/// trainer that was not initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_train_parameters(trainer: *const wta_trainer) -> *const f32 {
    // SAFETY: the header's contract.
    unsafe { stored(trainer) }.map_or(ptr::null(), |content| content.memory.cast_const().cast())
}

/// Steps done; 0 for a trainer that was not initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_train_steps_done(trainer: *const wta_trainer) -> u64 {
    // SAFETY: the header's contract.
    unsafe { stored(trainer) }.map_or(0, |content| content.step)
}

/// How many images of the last step were bad and skipped; 0 for a trainer that was not initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_train_skipped(trainer: *const wta_trainer) -> usize {
    // SAFETY: the header's contract.
    unsafe { stored(trainer) }.map_or(0, |content| content.skipped)
}
