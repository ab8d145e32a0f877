//! The C interface of `wta-core`: `libwta_c.a` and `include/wta.h`.
//!
//! Everything lies in memory that the caller owns, and every function says by a [`wta_status`] what it
//! refused. Numbers are those of the Rust interface, to the bit: these functions check what C hands over, and
//! call it.
//!
//! What goes over the border is checked as far as it can be: that pointers are neither NULL nor misaligned,
//! that buffers are long enough, that descriptions make sense. What a pointer points to is for the caller to
//! know; the header states that contract once for all functions. All `unsafe` that follows from it is in
//! `memory`, but for the calls themselves.
//!
//! Names are C's, because the header is made of this source by cbindgen: see `tests/header.rs`.

#![no_std]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]
#![allow(non_camel_case_types, reason = "the header is made of this source, and its names are C's")]
#![allow(clippy::missing_safety_doc, reason = "one contract for all pointers, stated in the header")]

// A host's library needs a panic handler as well; `std` has one.
#[cfg(not(any(target_os = "none", all(feature = "freestanding", panic = "abort"))))]
extern crate std;

mod detect;
mod images;
mod infer;
mod learn;
mod memory;
mod model;
mod network;
#[cfg(any(target_os = "none", all(feature = "freestanding", panic = "abort")))]
mod no_panic;
mod status;
mod train;
mod units;
mod whole;

pub use detect::{
    WTA_DETECTOR_WORDS, WTA_EVENT_ALARM, WTA_EVENT_CALIBRATED, WTA_EVENT_CLEARED, WTA_EVENT_CONDITIONED,
    WTA_EVENT_LEARNT, WTA_EVENT_NONE, WTA_EVENT_QUIET, WTA_EVENT_RESUMED, WTA_FLASH_BLOCK,
    WTA_PHASE_CALIBRATING, WTA_PHASE_CONDITIONING, WTA_PHASE_LEARNING, WTA_PHASE_WATCHING, wta_detector,
    wta_detector_bytes, wta_detector_defaults, wta_detector_gap, wta_detector_get_info, wta_detector_info,
    wta_detector_init, wta_detector_init_convolutional, wta_detector_push_f32, wta_detector_push_i16,
    wta_detector_restart, wta_detector_restore, wta_detector_save, wta_detector_settings,
    wta_detector_state_bytes, wta_event, wta_slots,
};
pub use images::{WTA_FLOAT, WTA_INT8, WTA_INT16, WTA_UINT8, WTA_UINT16, wta_images, wta_row_fn};
pub use infer::{
    wta_classify, wta_classify_int8, wta_encode, wta_encode_bytes, wta_encode_int8, wta_int8_bytes,
    wta_novelty, wta_novelty_bytes,
};
pub use learn::{
    WTA_LINEAR_SVM, WTA_NEAREST_MEAN, wta_learner, wta_learner_begin, wta_learner_bytes,
    wta_learner_classify, wta_learner_defaults, wta_learner_forget, wta_learner_svm, wta_learner_update,
    wta_model_parts, wta_model_write, wta_model_write_bytes,
};
pub use memory::WTA_ALIGN;
pub use model::{
    WTA_MODEL_WORDS, wta_info, wta_model, wta_model_class_name, wta_model_info, wta_model_init,
    wta_model_network, wta_model_of_parameters,
};
pub use network::{
    WTA_MAX_LAYERS, wta_layer, wta_network, wta_parameters_len, wta_pooling, wta_shape, wta_size,
};
pub use status::{wta_status, wta_status_text, wta_version};
pub use train::{
    WTA_ADAM, WTA_CONSTANT, WTA_KEEP_ALL, WTA_KEEP_BATCH, WTA_KEEP_LIFETIME, WTA_KEEP_PER_SAMPLE, WTA_LINEAR,
    WTA_SGD, WTA_STEP, WTA_TRAINER_WORDS, wta_train_bytes, wta_train_init, wta_train_init_model,
    wta_train_parameters, wta_train_resume, wta_train_skipped, wta_train_step, wta_train_steps_done,
    wta_trainer, wta_training, wta_training_defaults,
};
pub use units::{
    wta_train_units_bytes, wta_train_units_init, wta_train_units_init_model, wta_train_units_resume,
};
pub use whole::wta_model_init_whole;
