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
mod cut;
mod encode;
mod error;
mod field;
pub mod int8;
mod kernels;
mod limits;
pub mod math;
mod memory;
pub mod model;
mod network;
mod novelty;
mod parameters;
mod pool;
mod random;
mod rbm;
mod scalar;
mod screen;
mod select;
mod shape;
mod stream;
mod svm;
mod train;
mod units;
mod unrolled;

pub use compete::{Candidates, spatial};
pub use cut::{Cut, cut};
pub use encode::{Encoder, Inputs, Preparation};
pub use error::{Error, Result, expect_finite};
pub use field::{OutputLayout, PaddedLayout, ReceptiveFields};
pub use kernels::{AdamUpdate, Kernels, Screened, SgdUpdate, Tiling};
pub use limits::{SAFE_GRADIENT, expect_sane};
pub use math::unit_norm;
pub use model::Model;
pub use network::{Conv, Layer, MAX_LAYERS, Network};
pub use novelty::{Novelty, novelty_len};
pub use parameters::{Filters, Gradients, Initial, LayerGradient, Parameters, Region, Regions, Role};
pub use pool::{Pool, PoolKind};
pub use random::Random;
pub use rbm::{Rbm, coefficients, expect_probabilities, positive_survivors, sample};
pub use scalar::Scalar;
pub use screen::{promises, thresholds};
pub use select::{Selection, Sparsity, apply_lifetime, apply_per_sample, select, survivors};
pub use shape::{Shape, Size};
pub use stream::{
    Classifier, Extractor, Forward, Rows, StreamTrainer, extractor_len, forward_len, stream_training_len,
};
pub use svm::Svm;
pub use train::{
    Clock, ContrastiveDivergence, Corruption, Deltas, Learner, Method, Optimizer, RbmTrainer, Schedule,
    Scratch, SparseDeltas, Timing, TopGradient, Trainer, TrainingConfig, TrainingLen, UnitTrainer, Update,
    Winners, rbm_training_len, training_len, unit_training_len,
};
pub use units::{UnitSurvivors, Units};
