//! Classifiers that learn on the device, and a `model.wta` of what was learnt.

use core::ffi::c_void;

use wta_core::learn_classes::{
    Margin, NearestMean, SvmSchedule, SvmSettings, SvmTrainer, nearest_mean_len, svm_training_len,
};
use wta_core::model::{Description, ModelWriter};
use wta_core::{Pool, Svm};

use crate::memory::{Arena, bytes_of, numbers, reference, room, write};
use crate::network::{wta_network, wta_pooling};
use crate::status::wta_status::*;
use crate::status::{Checked, status, wta_status};

/// kind: the class whose mean is nearest. One sample of a class is enough to know it.
pub const WTA_NEAREST_MEAN: u32 = 0;
/// kind: a linear support vector machine, one class against the rest, by stochastic subgradient descent.
pub const WTA_LINEAR_SVM: u32 = 1;

/// What learns classes. wta_learner_defaults sets all of it. It holds no pointer, and may be a constant: what
/// is learnt lies in memory that each call is lent.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct wta_learner {
    /// WTA_NEAREST_MEAN or WTA_LINEAR_SVM.
    pub kind: u32,
    /// Numbers of a sample.
    pub features: usize,
    /// The most classes, which are 0, 1, 2 and so on. Each is known from its first sample on.
    pub classes: usize,
    /// For WTA_LINEAR_SVM: the learning rate of a class's first step, above 0, at most 1.
    pub rate: f32,
    /// For WTA_LINEAR_SVM: the factor of the weights' squares, 0 to 1.
    pub regularisation: f32,
    /// For WTA_LINEAR_SVM: whether what a score lacks is squared.
    pub squared: bool,
    /// For WTA_LINEAR_SVM: whether the learning rate stays.
    pub constant_rate: bool,
    /// For WTA_LINEAR_SVM: whether weights are averaged, in memory for a second set of them.
    pub averaged: bool,
}

impl wta_learner {
    fn settings(&self) -> Checked<SvmSettings> {
        match self.kind {
            WTA_LINEAR_SVM => Ok(SvmSettings {
                rate: self.rate,
                regularisation: self.regularisation,
                margin: if self.squared { Margin::Squared } else { Margin::Hinge },
                schedule: if self.constant_rate { SvmSchedule::Constant } else { SvmSchedule::Inverse },
                averaged: self.averaged,
            }),
            _ => Err(WTA_ERROR_INVALID),
        }
    }

    /// Floats and counts of its memory.
    fn len(&self) -> Checked<(usize, usize)> {
        if self.kind == WTA_NEAREST_MEAN {
            return Ok((nearest_mean_len(self.features, self.classes), self.classes));
        }
        let len = svm_training_len(self.features, self.classes, &self.settings()?);
        Ok((len.floats, len.counts))
    }

    fn bytes(&self) -> Checked<usize> {
        let (floats, counts) = self.len()?;
        let bytes = bytes_of::<f32>(floats).zip(bytes_of::<u32>(counts));
        bytes.and_then(|(floats, counts)| floats.checked_add(counts)).ok_or(WTA_ERROR_LENGTH)
    }

    /// The learner in memory that holds what it has learnt, or, with `begin`, nothing.
    ///
    /// # Safety
    ///
    /// The caller's contract; without `begin`, the memory has been written.
    unsafe fn open<'m>(&self, memory: *mut c_void, bytes: usize, begin: bool) -> Checked<Learner<'m>> {
        let (floats, counts) = self.len()?;
        let needed = self.bytes()?;
        // SAFETY: the function's contract.
        let mut arena = unsafe {
            if begin { Arena::new(memory, bytes, needed) } else { Arena::kept(memory, bytes, needed) }
        }?;
        let (floats, counts) = (arena.take(floats)?, arena.take(counts)?);
        if self.kind == WTA_NEAREST_MEAN {
            return Ok(Learner::Mean(NearestMean::resume(self.features, floats, counts)?));
        }
        let svm = SvmTrainer::resume(self.features, self.classes, self.settings()?, floats, counts)?;
        Ok(Learner::Svm(svm))
    }
}

enum Learner<'m> {
    Mean(NearestMean<'m>),
    Svm(SvmTrainer<'m>),
}

/// Sets what does well on a few hundred samples.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_learner_defaults(
    learner: *mut wta_learner,
    kind: u32,
    features: usize,
    classes: usize,
) -> wta_status {
    let SvmSettings { rate, regularisation, averaged, .. } = SvmSettings::DEFAULT;
    let (squared, constant_rate) = (true, false);
    let defaults =
        wta_learner { kind, features, classes, rate, regularisation, squared, constant_rate, averaged };
    // SAFETY: the header's contract.
    status(unsafe { write(learner, defaults) })
}

/// Bytes of memory that a learner needs; 0 for one that cannot be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_learner_bytes(learner: *const wta_learner) -> usize {
    // SAFETY: the header's contract.
    unsafe { reference(learner) }.and_then(wta_learner::bytes).unwrap_or(0)
}

/// Begins without a class. The memory is the learner's from now on: to go on after a restart, keep its bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_learner_begin(
    learner: *const wta_learner,
    memory: *mut c_void,
    bytes: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { reference(learner).and_then(|learner| learner.open(memory, bytes, true)) }.map(drop))
}

/// Learns that a sample is of a class.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_learner_update(
    learner: *const wta_learner,
    memory: *mut c_void,
    bytes: usize,
    features: *const f32,
    len: usize,
    class: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    let call = unsafe { reference(learner).and_then(|learner| learner.open(memory, bytes, false)) };
    // SAFETY: the header's contract.
    let call = call.and_then(|learner| Ok((learner, unsafe { numbers(features, len) }?)));
    status(call.and_then(|(learner, features)| match learner {
        Learner::Mean(mut mean) => Ok(mean.update(features, class)?),
        Learner::Svm(mut svm) => Ok(svm.update(features, class)?),
    }))
}

/// Forgets a class, which may then be learnt anew.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_learner_forget(
    learner: *const wta_learner,
    memory: *mut c_void,
    bytes: usize,
    class: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    let learner = unsafe { reference(learner).and_then(|learner| learner.open(memory, bytes, false)) };
    status(learner.and_then(|learner| match learner {
        Learner::Mean(mut mean) => Ok(mean.forget(class)?),
        Learner::Svm(mut svm) => Ok(svm.forget(class)?),
    }))
}

/// Says the class of a sample, and the score of each class: of the nearest mean the negative squared
/// distance, of a support vector machine the decision value, and minus infinity of a class that is not
/// known. scores may be NULL for none. WTA_ERROR_MISSING while no class is known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_learner_classify(
    learner: *const wta_learner,
    memory: *mut c_void,
    bytes: usize,
    features: *const f32,
    len: usize,
    scores: *mut f32,
    classes: usize,
    label: *mut usize,
) -> wta_status {
    // SAFETY: the header's contract.
    let call = unsafe { reference(learner).and_then(|learner| learner.open(memory, bytes, false)) };
    // SAFETY: the header's contract.
    let call = call.and_then(|learner| Ok((learner, unsafe { numbers(features, len) }?)));
    status(call.and_then(|(learner, features)| {
        let class = match &learner {
            Learner::Mean(mean) => mean.classify(features)?.map(|nearest| nearest.class),
            Learner::Svm(svm) => svm.classify(features)?,
        };
        if !scores.is_null() {
            let expected = match &learner {
                Learner::Mean(mean) => mean.classes(),
                Learner::Svm(svm) => svm.classes(),
            };
            if classes != expected {
                return Err(WTA_ERROR_LENGTH);
            }
            // SAFETY: the header's contract.
            let to = unsafe { room(scores, classes) }?.iter_mut();
            let none = f32::NEG_INFINITY;
            match &learner {
                Learner::Mean(mean) => {
                    to.zip(mean.distances(features)?).for_each(|(to, from)| *to = from.map_or(none, |d| -d));
                }
                Learner::Svm(svm) => {
                    to.zip(svm.scores(features)?).for_each(|(to, from)| *to = from.unwrap_or(none));
                }
            }
        }
        // SAFETY: the header's contract.
        unsafe { write(label, class.ok_or(WTA_ERROR_MISSING)?) }
    }))
}

/// Writes what was learnt as a linear classifier, for wta_model_write: classes x features weights and classes
/// biases. A class that is not known never wins in it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_learner_svm(
    learner: *const wta_learner,
    memory: *mut c_void,
    bytes: usize,
    weights: *mut f32,
    weights_len: usize,
    biases: *mut f32,
    biases_len: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    let learner = unsafe { reference(learner).and_then(|learner| learner.open(memory, bytes, false)) };
    status(learner.and_then(|learner| {
        // SAFETY: the header's contract.
        let (weights, biases) = unsafe { (room(weights, weights_len)?, room(biases, biases_len)?) };
        match learner {
            Learner::Mean(mean) => Ok(mean.write_svm(weights, biases)?),
            Learner::Svm(svm) => Ok(svm.write_svm(weights, biases)?),
        }
    }))
}

/// What a model.wta is written of.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wta_model_parts {
    /// The network.
    pub network: *const wta_network,
    /// The pooling of the features; NULL for none.
    pub pooling: *const wta_pooling,
    /// What bytes of an image are multiplied by; above 0.
    pub scale: f32,
    /// The network's parameters, or those of its encoder alone; NULL for none.
    pub parameters: *const f32,
    /// How many there are.
    pub parameters_len: usize,
    /// The classifier's weights, class after class; NULL for no classifier.
    pub weights: *const f32,
    /// Its biases, one per class.
    pub biases: *const f32,
    /// Its classes.
    pub classes: usize,
}

impl wta_model_parts {
    /// # Safety
    ///
    /// The caller's contract.
    unsafe fn writer<'a>(&self) -> Checked<ModelWriter<'a>> {
        // SAFETY: the function's contract.
        let network = unsafe { reference(self.network) }?.check()?;
        let (pool, root) = if self.pooling.is_null() {
            (Pool::NONE, false)
        } else {
            // SAFETY: the function's contract.
            let pooling = unsafe { reference(self.pooling) }?;
            (pooling.check(&network)?, pooling.root)
        };
        if !(self.scale.is_finite() && self.scale > 0.0) {
            return Err(WTA_ERROR_INVALID);
        }
        let description = Description::new(network).pooled(pool, root).scaled(self.scale);
        let mut writer = ModelWriter::new(description);
        if !self.parameters.is_null() {
            // SAFETY: the function's contract.
            writer.parameters(unsafe { numbers(self.parameters, self.parameters_len) }?)?;
        }
        if !self.weights.is_null() {
            let features = pool.output(network.code()).len();
            let len = features.checked_mul(self.classes).ok_or(WTA_ERROR_LENGTH)?;
            // SAFETY: the function's contract.
            let (weights, biases) =
                unsafe { (numbers(self.weights, len)?, numbers(self.biases, self.classes)?) };
            writer.svm(&Svm::new(features, weights, biases)?)?;
        }
        Ok(writer)
    }
}

/// Bytes of the model.wta of these parts; 0 for parts that cannot be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_model_write_bytes(parts: *const wta_model_parts) -> usize {
    // SAFETY: the header's contract.
    unsafe { reference(parts).and_then(|parts| parts.writer()) }.map_or(0, |writer| writer.len())
}

/// Writes the model.wta of these parts to the first wta_model_write_bytes of `to`, and how many they are to
/// written. wta_model_init takes the bytes, and so does `wta import` on a desktop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_model_write(
    parts: *const wta_model_parts,
    to: *mut u8,
    bytes: usize,
    written: *mut usize,
) -> wta_status {
    // SAFETY: the header's contract.
    let writer = unsafe { reference(parts).and_then(|parts| parts.writer()) };
    status(writer.and_then(|writer| {
        if bytes < writer.len() {
            return Err(WTA_ERROR_LENGTH);
        }
        // SAFETY: the header's contract.
        let len = writer.write_to(unsafe { room(to, writer.len()) }?)?;
        // SAFETY: the header's contract.
        unsafe { write(written, len) }
    }))
}
