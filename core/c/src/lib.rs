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

// A host's static library needs a panic handler as well; `std` has one.
#[cfg(not(target_os = "none"))]
extern crate std;

mod images;
mod infer;
mod memory;
mod model;
mod network;
#[cfg(target_os = "none")]
mod no_panic;
mod status;
mod train;
mod whole;

pub use images::{WTA_FLOAT, WTA_INT8, WTA_INT16, WTA_UINT8, WTA_UINT16, wta_images, wta_row_fn};
pub use infer::{
    wta_classify, wta_classify_int8, wta_encode, wta_encode_bytes, wta_encode_int8, wta_int8_bytes,
    wta_novelty, wta_novelty_bytes,
};
pub use memory::WTA_ALIGN;
pub use model::{
    WTA_MODEL_WORDS, wta_info, wta_model, wta_model_class_name, wta_model_info, wta_model_init,
    wta_model_network, wta_model_of_parameters,
};
pub use network::{
    WTA_MAX_LAYERS, wta_layer, wta_network, wta_parameters_len, wta_pooling, wta_shape, wta_size,
};
pub use status::{wta_status, wta_status_text};
pub use train::{
    WTA_ADAM, WTA_CONSTANT, WTA_KEEP_ALL, WTA_KEEP_LIFETIME, WTA_KEEP_PER_SAMPLE, WTA_LINEAR, WTA_SGD,
    WTA_STEP, WTA_TRAINER_WORDS, wta_train_bytes, wta_train_init, wta_train_init_model, wta_train_parameters,
    wta_train_resume, wta_train_skipped, wta_train_step, wta_train_steps_done, wta_trainer, wta_training,
    wta_training_defaults,
};
pub use whole::wta_model_init_whole;
