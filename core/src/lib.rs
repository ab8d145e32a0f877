//! Winner-take-all autoencoders (Makhzani and Frey, NIPS 2015) without an allocator or an operating system:
//! training and inference in memory that the caller lends and whose size is a constant.
//!
//! Data flows one way:
//!
//! ```text
//! image -> Encoder: hidden maps -> code -> spatial winners   (compete)
//!       -> select: lifetime or k-sparse survivors            (select)
//!       -> Learner: residual, deltas, gradient               (learn)
//!       -> Optimizer: parameters
//! ```
//!
//! Where there is no room for maps, images go through row by row: [`Extractor`], [`Classifier`] and [`StreamTrainer`] give
//! the same bits in a few rows of memory. [`Novelty`] tells samples that are unlike what was trained on.
//!
//! [`Network`] describes a network as a constant and knows the length of every buffer. [`Trainer`] is the whole
//! step for a microcontroller; hosts call its parts ([`Encoder`], [`select`], [`Learner`]) from several threads.
//! All of it is generic over [`Kernels`], the hot loops: [`Scalar`] here, vector instructions in `wta-simd`.
//!
//! Nothing in this crate panics, and no function returns a large array by value.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod compete;
mod corruption;
mod encode;
mod error;
mod field;
pub mod int8;
mod kernels;
mod learn;
pub mod math;
pub mod model;
mod network;
mod novelty;
mod optimizer;
mod parameters;
mod pool;
mod random;
mod rbm;
mod rbm_trainer;
mod scalar;
mod screen;
mod select;
mod shape;
mod stream;
mod svm;
mod timing;
mod trainer;
mod unit_trainer;
mod units;
mod unrolled;

pub use compete::{Candidates, spatial};
pub use corruption::Corruption;
pub use encode::{Encoder, Inputs, Preparation, unit_norm};
pub use error::{Error, Result, expect_finite};
pub use field::{Bordered, Fields, Placement};
pub use kernels::{AdamUpdate, Kernels, Screened, SgdUpdate, Tiling};
pub use learn::{Deltas, Learner, SparseDeltas, TopGradient, Winners};
pub use model::Model;
pub use network::{Conv, Layer, MAX_LAYERS, Network};
pub use novelty::{Novelty, novelty_len};
pub use optimizer::{Method, Optimizer, Schedule, Update, expect_sane};
pub use parameters::{Filters, Gradients, Initial, LayerGradient, Parameters, Region, Regions, Role};
pub use pool::{Pool, PoolKind};
pub use random::Random;
pub use rbm::{Gibbs, Rbm, coefficients, expect_probabilities, positive_survivors, sample};
pub use rbm_trainer::{RbmTrainer, rbm_training_len};
pub use scalar::Scalar;
pub use screen::{promises, thresholds};
pub use select::{Cut, Keep, Sparsity, apply_lifetime, apply_per_sample, cut, select, survivors};
pub use shape::{Shape, Size};
pub use stream::{
    Classifier, Extractor, Forward, Rows, StreamTrainer, extractor_len, forward_len, stream_training_len,
};
pub use svm::Svm;
pub use timing::{Clock, Timing};
pub use trainer::{Scratch, Trainer, Training, TrainingLen, training_len};
pub use unit_trainer::{UnitTrainer, unit_training_len};
pub use units::{UnitSurvivors, Units};
