//! Calls as C makes them, decided by bytes: descriptions that can be and cannot be, buffers that are too
//! short, off alignment or missing, memory of rubbish. `tests/fuzz` is what runs it.
//!
//! No call writes beside its buffers; one with less memory than it needs is refused; and a call that is done
//! does the same with other rubbish in its memory.

#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "calls as C makes them: every buffer is as long as its call says, or the call refuses it first"
)]

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};

use wta_c::wta_status::{self, *};
use wta_c::*;

/// The most bytes that are lent: what needs more is tried with less, and has to refuse it.
const MOST: usize = 1 << 20;

/// Bytes on both sides of a buffer.
const FENCE: usize = 32;

const CANARY: u8 = 0xa5;

/// Decisions from bytes; zeros behind their end.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, bound: u8) -> usize {
        usize::from(self.next() % bound)
    }

    fn one_in(&mut self, many: u8) -> bool {
        self.next() % many == 1
    }

    /// Most often small.
    fn size(&mut self) -> usize {
        match self.next() {
            0..=224 => 1 + self.below(6),
            225..=240 => self.below(40),
            _ => [0, 1 << 16, 1 << 31, (1 << 32) + 1, 1 << 62, usize::MAX, usize::MAX / 2][self.below(7)],
        }
    }

    fn float(&mut self) -> f32 {
        match self.next() {
            0..=200 => f32::from(self.next()) / 256.0,
            201..=230 => f32::from(self.next().cast_signed()) * 1.7,
            _ => {
                let odd = [f32::NAN, f32::INFINITY, -1.0, -0.0, 1e-40, 1e38, -f32::INFINITY, 1.0];
                odd[self.below(8)]
            }
        }
    }

    /// Sound most of the time.
    fn finite(&mut self) -> f32 {
        if self.one_in(64) { self.float() } else { (f32::from(self.next()) - 128.0) / 64.0 }
    }

    fn choice(&mut self, numbers: u32) -> u32 {
        if self.one_in(32) { u32::MAX } else { u32::from(self.next()) % numbers }
    }
}

/// A buffer between fences.
struct Lent {
    memory: Vec<u64>,
    start: usize,
    len: usize,
    missing: bool,
}

impl Lent {
    /// Of so many bytes, so far off alignment, of rubbish.
    fn new(len: usize, off: usize, rubbish: u8) -> Self {
        let len = len.min(MOST);
        let mut memory = vec![u64::from_ne_bytes([CANARY; 8]); (len + off + 2 * FENCE).div_ceil(8) + 1];
        let start = FENCE + off;
        let all = unsafe { bytes_of(&mut memory) };
        all[start..start + len].fill(rubbish);
        Self { memory, start, len, missing: false }
    }

    /// For a call that needs so many bytes: seldom too few, too many, off alignment, or none.
    fn for_call(needed: usize, bytes: &mut Bytes<'_>) -> Self {
        let odd = bytes.next();
        let less = 1 + bytes.below(9);
        let (len, off) = match odd {
            0..=215 => (needed, 0),
            216..=225 => (needed.saturating_sub(less), 0),
            226..=235 => (needed.saturating_add(less), 0),
            236..=247 => (needed, less % 4),
            _ => (needed, 0),
        };
        Self { missing: odd > 250, ..Self::new(len, off, bytes.next()) }
    }

    /// Whether a call that needs so many bytes may use it.
    fn serves(&self, needed: usize) -> bool {
        !self.missing && self.start.is_multiple_of(WTA_ALIGN) && self.len >= needed
    }

    fn pointer(&mut self) -> *mut c_void {
        if self.missing {
            null_mut()
        } else {
            unsafe { self.memory.as_mut_ptr().cast::<u8>().add(self.start) }.cast()
        }
    }

    fn as_bytes(&mut self) -> &mut [u8] {
        let (start, len) = (self.start, self.len);
        let all = unsafe { bytes_of(&mut self.memory) };
        &mut all[start..start + len]
    }

    fn expect_fences(&mut self) {
        let (start, len) = (self.start, self.len);
        let all = unsafe { bytes_of(&mut self.memory) };
        let fences = all[..start].iter().chain(&all[start + len..]);
        assert!(fences.copied().all(|byte| byte == CANARY), "a call writes beside its buffer");
    }
}

unsafe fn bytes_of(words: &mut [u64]) -> &mut [u8] {
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), 8 * words.len()) }
}

/// A call that is done must have been able to.
fn expect(status: wta_status, memory: &Lent, needed: usize) -> bool {
    let done = status == WTA_OK;
    assert!(!done || (needed > 0 && memory.serves(needed)), "{needed} bytes, {} lent", memory.len);
    let text = unsafe { CStr::from_ptr(wta_status_text(status as i32)) };
    assert!(!text.to_bytes().is_empty());
    done
}

/// One input: the first byte chooses what is called. Whether calls went through to the end.
pub fn run(bytes: &[u8]) -> bool {
    let mut bytes = Bytes(bytes);
    match bytes.next() % 4 {
        0 => model_of_a_file(bytes.0),
        1 => training(&mut bytes),
        2 => learner(&mut bytes),
        _ => detector(&mut bytes),
    }
}

/// A model that is a file; its checksum is right or not.
fn model_of_a_file(content: &[u8]) -> bool {
    let (decisions, file) = content.split_at(content.len().min(64));
    let mut bytes = Bytes(decisions);
    let whole = bytes.one_in(2);
    let mut flash = Lent::new(file.len(), if bytes.one_in(16) { 2 } else { 0 }, 0);
    flash.as_bytes().copy_from_slice(&file[..file.len().min(MOST)]);
    repair(flash.as_bytes());
    let mut model = wta_model { words: [0; WTA_MODEL_WORDS] };
    if bytes.one_in(16) {
        model.words.fill(usize::MAX / 3);
    }
    let (pointer, len) = (flash.pointer().cast_const().cast(), flash.len);
    let init = if whole { wta_model_init_whole } else { wta_model_init };
    if unsafe { init(&mut model, pointer, len) } != WTA_OK {
        let mut info = wta_info::default();
        assert_ne!(unsafe { wta_model_info(&model, &mut info) }, WTA_OK, "a model that was refused");
        return false;
    }
    uses(&model, &mut bytes)
}

/// Puts the length and the checksum where a `model.wta` has them.
fn repair(file: &mut [u8]) {
    if file.len() >= 20 {
        let len = (file.len() as u32).to_le_bytes();
        file[12..16].copy_from_slice(&len);
        let mut remainder = !0u32;
        for byte in &file[20..] {
            remainder ^= u32::from(*byte);
            for _ in 0..8 {
                remainder = (remainder >> 1) ^ (0xedb8_8320 & (remainder & 1).wrapping_neg());
            }
        }
        file[16..20].copy_from_slice(&(!remainder).to_le_bytes());
    }
}

/// What a call that encodes or classifies is.
type Encode = unsafe extern "C" fn(
    *const wta_model,
    *const wta_images,
    *mut c_void,
    usize,
    *mut f32,
    usize,
) -> wta_status;
type Classify = unsafe extern "C" fn(
    *const wta_model,
    *const wta_images,
    *mut c_void,
    usize,
    *mut f32,
    usize,
    *mut usize,
) -> wta_status;

/// All that can be done with a model.
fn uses(model: &wta_model, bytes: &mut Bytes<'_>) -> bool {
    let mut info = wta_info::default();
    assert_eq!(unsafe { wta_model_info(model, &mut info) }, WTA_OK);
    let (mut name, mut len) = (null(), 0);
    let class = bytes.below(8);
    let status = unsafe { wta_model_class_name(model, class, &mut name, &mut len) };
    if status == WTA_OK && len > 0 {
        let name = unsafe { std::slice::from_raw_parts(name.cast::<u8>(), len) };
        assert!(std::str::from_utf8(name).is_ok());
    }
    let input = info.input;
    let numbers = input.channels.saturating_mul(input.height).saturating_mul(input.width);
    let features = info.features;
    let features = features.channels.saturating_mul(features.height).saturating_mul(features.width);
    // A small file may describe a large image: what it takes to compute it is not tried.
    let kind = bytes.choice(5);
    let mut pixels = vec![0u32; numbers.min(1 << 14)];
    pixels.iter_mut().enumerate().for_each(|(index, pixel)| *pixel = (index as u32 * 37) & 0x3f7f_7f7f);
    let width = [1, 1, 2, 2, 4][(kind as usize).min(4)];
    let images = wta_images {
        pixels: if kind == WTA_UINT8 { pixels.as_ptr().cast() } else { null() },
        len: if bytes.one_in(16) { bytes.size() % 7 } else { numbers.min(pixels.len()) * width },
        stride: if bytes.one_in(8) { bytes.size() } else { 0 },
        row: None,
        context: null_mut(),
        samples: if bytes.one_in(32) { null() } else { pixels.as_ptr().cast() },
        kind,
    };
    let sizes = unsafe { (wta_encode_bytes(model), wta_int8_bytes(model), wta_novelty_bytes(model)) };
    let encoders: [(usize, Encode); 2] = [(sizes.0, wta_encode), (sizes.1, wta_encode_int8)];
    let mut done = false;
    for (needed, encode) in encoders {
        let mut memory = Lent::for_call(needed, bytes);
        let mut to = Lent::for_call(4 * features.min(MOST / 4), bytes);
        let to_len = to.len / 4;
        let call = |memory: &mut Lent, to: &mut Lent| unsafe {
            let (lent, len) = (memory.pointer(), memory.len);
            encode(model, &images, lent, len, to.pointer().cast(), to_len)
        };
        if expect(call(&mut memory, &mut to), &memory, needed) {
            assert!(to.serves(4 * features));
            // The same again, in memory of other rubbish.
            let (mut other, mut again) = (Lent::new(needed, 0, 0x7f), Lent::new(to.len, 0, 0x11));
            assert_eq!(call(&mut other, &mut again), WTA_OK);
            assert!(to.as_bytes()[..4 * features] == again.as_bytes()[..4 * features]);
            other.expect_fences();
            again.expect_fences();
            done = true;
        }
        memory.expect_fences();
        to.expect_fences();
    }
    let classifiers: [(usize, Classify); 2] = [(sizes.0, wta_classify), (sizes.1, wta_classify_int8)];
    for (needed, classify) in classifiers {
        let mut memory = Lent::for_call(needed, bytes);
        let mut to = Lent::for_call(4 * info.classes.min(MOST / 4), bytes);
        let (mut label, to_len) = (usize::MAX, to.len / 4);
        let status = unsafe {
            let (lent, len) = (memory.pointer(), memory.len);
            classify(model, &images, lent, len, to.pointer().cast(), to_len, &mut label)
        };
        if expect(status, &memory, needed) {
            assert!(label < info.classes);
        }
        memory.expect_fences();
        to.expect_fences();
    }
    let (needed, mut score) = (sizes.2, f32::NAN);
    let mut memory = Lent::for_call(needed, bytes);
    let keep = bytes.size();
    let status = unsafe { wta_novelty(model, &images, keep, memory.pointer(), memory.len, &mut score) };
    expect(status, &memory, needed);
    memory.expect_fences();
    done
}

fn network(bytes: &mut Bytes<'_>) -> wta_network {
    let fully_connected = bytes.one_in(2);
    let mut side = || if fully_connected && !bytes.one_in(8) { 1 } else { bytes.size() };
    let mut square = || wta_size { height: side(), width: side() };
    let mut layers = [wta_layer::default(); WTA_MAX_LAYERS];
    let mut sizes: [wta_size; 10] = std::array::from_fn(|_| square());
    for (layer, kernel) in layers.iter_mut().zip(&sizes) {
        *layer = wta_layer { maps: 2, kernel: *kernel, stride: wta_size { height: 1, width: 1 } };
    }
    let input = std::mem::take(&mut sizes[8]);
    for layer in &mut layers[..2] {
        layer.maps = bytes.size();
        if bytes.one_in(4) {
            layer.stride = wta_size { height: bytes.size(), width: bytes.size() };
        }
    }
    let depth = if bytes.one_in(16) { bytes.size() } else { 1 + bytes.below(2) };
    let input = wta_shape { channels: bytes.size(), height: input.height, width: input.width };
    wta_network { input, depth, layers, decoder_kernel: sizes[9], tied: bytes.one_in(8) }
}

fn settings_of_training(bytes: &mut Bytes<'_>) -> wta_training {
    let mut training = wta_training::default();
    assert_eq!(unsafe { wta_training_defaults(&mut training) }, WTA_OK);
    training.keep = bytes.choice(3);
    training.lifetime_rate = 0.5;
    training.per_sample = 1;
    training.method = bytes.choice(2);
    training.schedule = bytes.choice(3);
    training.batch = if bytes.one_in(8) { bytes.size() } else { 1 + bytes.below(4) };
    training.steps = if bytes.one_in(8) { bytes.size() as u64 } else { 3 };
    training.skip_bad = bytes.choice(2);
    for _ in 0..bytes.below(3) {
        let value = bytes.float();
        let fields: [&mut f32; 14] = [
            &mut training.lifetime_rate,
            &mut training.momentum,
            &mut training.beta1,
            &mut training.beta2,
            &mut training.epsilon,
            &mut training.rate,
            &mut training.step_at,
            &mut training.step_factor,
            &mut training.decay,
            &mut training.scale,
            &mut training.input_low,
            &mut training.input_high,
            &mut training.input_limit,
            &mut training.clip_gradient,
        ];
        for (index, field) in fields.into_iter().enumerate() {
            if index == bytes.below(14) {
                *field = value;
            }
        }
    }
    training
}

/// A network from its description: trained, resumed, written as a model, used.
fn training(bytes: &mut Bytes<'_>) -> bool {
    let units = bytes.one_in(2);
    let (network, training) = (network(bytes), settings_of_training(bytes));
    let parameters = unsafe { wta_parameters_len(&network) };
    let of_bytes = if units { wta_train_units_bytes } else { wta_train_bytes };
    let needed = unsafe { of_bytes(&network, &training) };
    assert!(needed == 0 || (parameters > 0 && needed / 4 >= parameters), "{needed} for {parameters}");
    let mut memory = Lent::for_call(needed, bytes);
    let mut trainer = wta_trainer { words: [0; WTA_TRAINER_WORDS] };
    let init = if units { wta_train_units_init } else { wta_train_init };
    let status = unsafe { init(&mut trainer, &network, &training, 1, memory.pointer(), memory.len) };
    if !expect(status, &memory, needed) {
        memory.expect_fences();
        return false;
    }
    let input = network.input;
    let numbers = input.channels * input.height * input.width;
    for step in 0..4 {
        let count = if bytes.one_in(16) { bytes.size() } else { training.batch };
        let all = numbers.saturating_mul(count).min(1 << 16);
        let samples: Vec<f32> = (0..all).map(|_| bytes.finite()).collect();
        let images = wta_images {
            pixels: null(),
            len: 4 * all - if bytes.one_in(32) { (4 * all).min(3) } else { 0 },
            stride: if bytes.one_in(16) { bytes.size() } else { 0 },
            row: None,
            context: null_mut(),
            samples: samples.as_ptr().cast(),
            kind: WTA_FLOAT,
        };
        let mut loss = -1.0;
        let status = unsafe { wta_train_step(&mut trainer, &images, count, &mut loss) };
        assert!(status != WTA_OK || loss.is_finite(), "a loss of {loss}");
        memory.expect_fences();
        if step == 2 {
            let done = unsafe { wta_train_steps_done(&trainer) };
            let resume = if units { wta_train_units_resume } else { wta_train_resume };
            let mut resumed = wta_trainer { words: [0; WTA_TRAINER_WORDS] };
            let status =
                unsafe { resume(&mut resumed, &network, &training, done, memory.pointer(), memory.len) };
            assert_eq!(status, WTA_OK);
            assert_eq!(unsafe { wta_train_steps_done(&resumed) }, done);
            trainer = resumed;
        }
    }
    let skipped = unsafe { wta_train_skipped(&trainer) };
    assert!(skipped == 0 || training.skip_bad != 0);
    let trained = unsafe { wta_train_parameters(&trainer) };
    let numbers = unsafe { std::slice::from_raw_parts(trained, parameters) };
    assert!(numbers.iter().all(|number| number.is_finite()), "weights that are not finite");
    written(&network, numbers, bytes)
}

/// The network as a `model.wta` in memory, and as a model without a file.
fn written(network: &wta_network, parameters: &[f32], bytes: &mut Bytes<'_>) -> bool {
    let size = |bytes: &mut Bytes<'_>| wta_size { height: 1 + bytes.below(3), width: 1 + bytes.below(3) };
    let pooling = wta_pooling {
        kernel: size(bytes),
        stride: size(bytes),
        root: bytes.one_in(2),
        average: bytes.one_in(2),
        triangle: bytes.one_in(2),
    };
    let pooling = if bytes.one_in(2) { null() } else { &raw const pooling };
    let (numbers, len) = (parameters.as_ptr(), parameters.len());
    let mut model = wta_model { words: [0; WTA_MODEL_WORDS] };
    let of_parameters =
        unsafe { wta_model_of_parameters(&mut model, network, pooling, 1.0, numbers, len) } == WTA_OK;
    let parts = wta_model_parts {
        network,
        pooling,
        scale: 1.0,
        parameters: numbers,
        parameters_len: len,
        weights: null(),
        biases: null(),
        classes: 0,
    };
    let needed = unsafe { wta_model_write_bytes(&parts) };
    assert_eq!(needed > 0, of_parameters, "a model can be written if it can be one without a file");
    let mut file = Lent::for_call(needed, bytes);
    let mut len = 0;
    let status = unsafe { wta_model_write(&parts, file.pointer().cast(), file.len, &mut len) };
    file.expect_fences();
    if status != WTA_OK {
        return of_parameters && uses(&model, bytes);
    }
    assert_eq!(len, needed);
    let mut again = wta_model { words: [0; WTA_MODEL_WORDS] };
    let status = unsafe { wta_model_init(&mut again, file.pointer().cast_const().cast(), len) };
    // Bytes may be written anywhere, and are a model at a multiple of 4.
    assert!(status == WTA_OK || !file.start.is_multiple_of(4), "{status:?}");
    uses(if status == WTA_OK { &again } else { &model }, bytes)
}

/// A classifier that learns on the device.
fn learner(bytes: &mut Bytes<'_>) -> bool {
    let (kind, features, classes) = (bytes.choice(2), bytes.size(), bytes.size());
    let mut learner = wta_learner::default();
    assert_eq!(unsafe { wta_learner_defaults(&mut learner, kind, features, classes) }, WTA_OK);
    if bytes.one_in(4) {
        (learner.rate, learner.regularisation) = (bytes.float(), bytes.float());
        (learner.squared, learner.constant_rate, learner.averaged) =
            (bytes.one_in(2), bytes.one_in(2), bytes.one_in(2));
    }
    let needed = unsafe { wta_learner_bytes(&learner) };
    let mut memory = Lent::for_call(needed, bytes);
    let status = unsafe { wta_learner_begin(&learner, memory.pointer(), memory.len) };
    if !expect(status, &memory, needed) {
        memory.expect_fences();
        return false;
    }
    for _ in 0..bytes.below(12) {
        let sample: Vec<f32> = (0..features).map(|_| bytes.finite()).collect();
        let len = if bytes.one_in(16) { features.saturating_sub(1) } else { features };
        let class = if bytes.one_in(16) { bytes.size() } else { bytes.below(8) % classes };
        let (lent, lent_len) = (memory.pointer(), memory.len);
        let status = unsafe {
            match bytes.below(8) {
                0 => wta_learner_forget(&learner, lent, lent_len, class),
                _ => wta_learner_update(&learner, lent, lent_len, sample.as_ptr(), len, class),
            }
        };
        assert!(status != WTA_OK || class < classes);
        let mut scores = Lent::for_call(4 * classes, bytes);
        let (mut label, scores_len) = (usize::MAX, scores.len / 4);
        let status = unsafe {
            let to = scores.pointer().cast();
            wta_learner_classify(&learner, lent, lent_len, sample.as_ptr(), len, to, scores_len, &mut label)
        };
        assert!(status != WTA_OK || label < classes);
        scores.expect_fences();
        memory.expect_fences();
    }
    let (mut weights, mut biases) =
        (Lent::for_call(4 * features * classes, bytes), Lent::for_call(4 * classes, bytes));
    let (weights_len, biases_len) = (weights.len / 4, biases.len / 4);
    let status = unsafe {
        let (weights, biases) = (weights.pointer().cast(), biases.pointer().cast());
        wta_learner_svm(&learner, memory.pointer(), memory.len, weights, weights_len, biases, biases_len)
    };
    weights.expect_fences();
    biases.expect_fences();
    memory.expect_fences();
    status == WTA_OK || kind == WTA_NEAREST_MEAN
}

/// Two slots, and the calls until one fails.
struct Flash {
    slots: [Vec<u8>; 2],
    until_failure: usize,
}

impl Flash {
    fn fails(&mut self) -> bool {
        self.until_failure = self.until_failure.saturating_sub(1);
        self.until_failure == 0
    }
}

unsafe extern "C" fn read(context: *mut c_void, slot: usize, at: usize, to: *mut u8, len: usize) -> i32 {
    let flash = unsafe { &mut *context.cast::<Flash>() };
    if flash.fails() {
        return 1;
    }
    let from = &flash.slots[slot][at..at + len];
    unsafe { std::slice::from_raw_parts_mut(to, len) }.copy_from_slice(from);
    0
}

unsafe extern "C" fn erase(context: *mut c_void, slot: usize) -> i32 {
    let flash = unsafe { &mut *context.cast::<Flash>() };
    flash.slots[slot].fill(0xff);
    i32::from(flash.fails())
}

unsafe extern "C" fn write(context: *mut c_void, slot: usize, at: usize, block: *const u8) -> i32 {
    let flash = unsafe { &mut *context.cast::<Flash>() };
    if flash.fails() {
        return 1;
    }
    let block = unsafe { std::slice::from_raw_parts(block, WTA_FLASH_BLOCK) };
    flash.slots[slot][at..at + WTA_FLASH_BLOCK].copy_from_slice(block);
    0
}

/// A detector from settings, with samples that may be none, and flash that may fail.
fn detector(bytes: &mut Bytes<'_>) -> bool {
    let convolutional = bytes.one_in(2);
    let (window, channels, units) =
        (bytes.size(), if bytes.one_in(4) { bytes.size() } else { 1 }, bytes.size());
    let mut settings = wta_detector_settings::default();
    if unsafe { wta_detector_defaults(&mut settings, window, channels, units) } != WTA_OK {
        return false;
    }
    settings.kernel = if convolutional { 1 + bytes.below(4) } else { 0 };
    (settings.steps, settings.batch) = (1 + bytes.below(3) as u32, 1 + bytes.below(3));
    (settings.conditioning, settings.calibration) = (8 + bytes.below(40) as u32, 8 + bytes.below(40) as u32);
    settings.false_alarms = 0.2;
    settings.loudness = bytes.one_in(2);
    if bytes.one_in(4) {
        settings.adapting = 1e-3;
    }
    for _ in 0..bytes.below(3) {
        let (size, float) = (bytes.size(), bytes.float());
        match bytes.below(14) {
            0 => settings.hop = size,
            1 => settings.batch = size,
            2 => settings.steps = size as u32,
            3 => settings.rate = float,
            4 => settings.conditioning = size as u32,
            5 => settings.saturation = float,
            6 => settings.quiet = float,
            7 => settings.calibration = size as u32,
            8 => settings.false_alarms = float,
            9 => settings.needed = size as u32,
            10 => settings.of = size as u32,
            11 => settings.release = size as u32,
            12 => settings.adapting = float,
            _ => settings.kernel = size,
        }
    }
    let (needed, state) = unsafe { (wta_detector_bytes(&settings), wta_detector_state_bytes(&settings)) };
    let mut memory = Lent::for_call(needed, bytes);
    let mut detector = wta_detector { words: [0; WTA_DETECTOR_WORDS] };
    let init = if convolutional { wta_detector_init_convolutional } else { wta_detector_init };
    let status = unsafe { init(&mut detector, &settings, memory.pointer(), memory.len) };
    memory.expect_fences();
    if !expect(status, &memory, needed) {
        return false;
    }
    let flash = || vec![0xff; state.min(MOST)];
    let mut flash = Flash { slots: [flash(), flash()], until_failure: usize::from(bytes.next()) };
    let context: *mut c_void = (&raw mut flash).cast();
    let slots = wta_slots { context, read: Some(read), erase: Some(erase), write: Some(write) };
    let mut saved = false;
    for _ in 0..20 {
        let samples: Vec<f32> = (0..64usize.next_multiple_of(channels)).map(|_| bytes.finite()).collect();
        let (mut taken, mut event) = (usize::MAX, wta_event { event: 99, value: 0.0 });
        let count = samples.len() / channels;
        let status =
            unsafe { wta_detector_push_f32(&mut detector, samples.as_ptr(), count, &mut taken, &mut event) };
        assert!(taken <= count, "{taken} of {count}");
        assert!(status != WTA_OK || event.event <= WTA_EVENT_RESUMED);
        memory.expect_fences();
        let mut info = wta_detector_info::default();
        assert_eq!(unsafe { wta_detector_get_info(&detector, &mut info) }, WTA_OK);
        assert!(info.phase <= WTA_PHASE_WATCHING);
        if bytes.one_in(6) {
            saved |= unsafe { wta_detector_save(&mut detector, &slots) } == WTA_OK;
        }
        if bytes.one_in(12) {
            let mut found = false;
            let status = unsafe { wta_detector_restore(&mut detector, &slots, &mut found) };
            assert!(status != WTA_OK || found == saved, "a state was saved: {saved}, found: {found}");
            memory.expect_fences();
        }
        match bytes.below(40) {
            0 => assert_eq!(unsafe { wta_detector_gap(&mut detector) }, WTA_OK),
            1 => assert_eq!(unsafe { wta_detector_restart(&mut detector) }, WTA_OK),
            _ => {}
        }
    }
    true
}

/// Decisions for each kind of call; the models that the files are.
pub fn seeds(models: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let decisions = |start: u8, factor: u8, len: usize| -> Vec<u8> {
        let byte = |index: usize| (index as u8).wrapping_mul(factor).wrapping_add(index as u8 / 7);
        std::iter::once(start).chain((0..len).map(byte)).collect()
    };
    let mut seeds: Vec<Vec<u8>> = models
        .iter()
        .enumerate()
        .map(|(index, model)| [&decisions(0, index as u8 % 2, 64)[..], model].concat())
        .collect();
    for factor in [0, 3, 7, 11, 29, 37, 53, 101, 139, 211] {
        seeds.extend((1..4).map(|kind| decisions(kind, factor, 700)));
    }
    seeds
}
