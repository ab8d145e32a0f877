//! Winner-take-all autoencoders (Makhzani and Frey, NIPS 2015) without an allocator or an operating system:
//! training and inference in memory that the caller lends and whose size is a constant.
//!
//! ```
//! use wta_core::{
//!     Cut, Encoder, Initial, Method, Network, Optimizer, Parameters, Scalar, Schedule, Scratch, Sparsity,
//!     Trainer, TrainingConfig, TrainingLen, training_len,
//! };
//!
//! // Two units for vectors of four numbers. On a batch of four, a unit keeps its two largest activations.
//! const NET: Network = match Network::fully_connected(4, &[2]) {
//!     Ok(network) => network,
//!     Err(_) => panic!("not a network"),
//! };
//! const SPARSITY: Sparsity = Sparsity::lifetime(0.5);
//! const METHOD: Method = Method::Sgd { momentum: 0.9 };
//! const LEN: TrainingLen = training_len(&NET, &SPARSITY, &METHOD, 4);
//!
//! let samples = [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [0.9, 0.8, 0.0, 0.0], [0.0, 0.0, 0.8, 0.9]];
//! let (mut parameters, mut moments) = ([0.0; LEN.parameters], [0.0; LEN.moments]);
//! let (mut floats, mut indices) = ([0.0; LEN.floats], [0; LEN.indices]);
//! let mut cuts = [Cut { threshold: 0.0, ties_below: 0 }; LEN.cuts];
//!
//! NET.initialise(Initial::He, 5, &mut parameters)?;
//! let optimizer = Optimizer { method: METHOD, rate: 0.05, schedule: Schedule::Constant, decay: 0.0 };
//! let config = TrainingConfig::new(SPARSITY, optimizer, 4, 300);
//! let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
//! let mut trainer = Trainer::new(Scalar, NET, config, 0, &mut parameters, &mut moments, scratch)?;
//! for _ in 0..config.steps {
//!     trainer.step(samples.iter().map(|sample| &sample[..]))?;
//! }
//!
//! // Each unit has become a detector of one of the two patterns.
//! let encoder = Encoder::new(Scalar, Parameters::new(NET, &parameters)?, &mut [])?;
//! let (mut inputs, mut code) = ([0.0; NET.inputs_len()], [0.0; NET.code_len()]);
//! let winners = samples.map(|sample| {
//!     encoder.load(1, 0, &sample, &mut inputs).unwrap();
//!     encoder.top(1, &inputs, &mut [], &mut code).unwrap();
//!     code[0] > code[1]
//! });
//! assert!(winners[0] == winners[2] && winners[1] == winners[3] && winners[0] != winners[1]);
//! # Ok::<(), wta_core::Error>(())
//! ```
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
//! Where there is no room for maps, images go through row by row: [`Extractor`], [`Classifier`] and
//! [`StreamTrainer`] give the same bits in a few rows of memory. [`Novelty`] tells samples that are unlike
//! what was trained on.
//!
//! [`Network`] describes a network as a constant and knows the length of every buffer. [`Trainer`] is the
//! whole step for a microcontroller; hosts call its parts ([`Encoder`], [`select`], [`Learner`]) from several
//! threads. All of it is generic over [`Kernels`], the hot loops: [`Scalar`] here, vector instructions in
//! `wta-simd`.
//!
//! Nothing in this crate panics, and no function returns a large array by value.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod compete;
mod crc;
mod cut;
pub mod detect;
mod encode;
mod error;
mod field;
pub mod int8;
mod kernels;
pub mod learn_classes;
mod limits;
#[cfg(feature = "defmt")]
mod logged_shapes;
mod logging;
mod macros;
pub mod math;
mod memory;
pub mod model;
mod network;
mod novelty;
mod parameters;
mod pipeline;
mod pool;
pub mod prelude;
pub mod preprocess;
mod random;
mod rbm;
mod runs;
mod scalar;
mod screen;
mod select;
mod shape;
mod stream;
mod svm;
mod threshold;
mod train;
mod units;
mod unrolled;

pub use compete::{Candidates, spatial};
pub use cut::{Cut, cut};
pub use encode::{Encoder, Inputs, Preparation};
pub use error::{Error, Result, expect_finite};
pub use field::{OutputLayout, PaddedLayout, ReceptiveFields};
pub use kernels::{AdamUpdate, Kernels, Screened, SgdUpdate, Tiling};
pub use limits::{SAFE_GRADIENT, bounded_loss, expect_sane, expect_within, flush, has_subnormal};
pub use math::unit_norm;
pub use model::Model;
pub use network::{Conv, Layer, MAX_LAYERS, Network};
pub use novelty::{Novelty, novelty_len};
pub use parameters::{Filters, Gradients, Initial, LayerGradient, Parameters, Region, Regions, Role};
pub use pipeline::{Int8Pipeline, Pipeline};
pub use pool::{Pool, PoolKind};
pub use preprocess::{Preprocessed, Preprocessing};
pub use random::Random;
pub use rbm::{Rbm, coefficients, expect_probabilities, positive_survivors, sample};
pub use runs::{
    Column, ColumnMut, Pieces, PiecesMut, Runs, RunsMut, column, column_mut, pieces, pieces_mut, runs,
    runs_mut,
};
pub use scalar::Scalar;
pub use screen::{promises, thresholds};
pub use select::{Selection, Sparsity, apply_lifetime, apply_per_sample, of_batch, select, survivors};
pub use shape::{Shape, Size};
pub use stream::{
    Classifier, Extractor, Forward, Rows, Scaled, StreamTrainer, extractor_len, forward_len,
    stream_training_len,
};
pub use svm::Svm;
pub use threshold::Threshold;
pub use train::{
    BadImages, Clock, ContrastiveDivergence, Corruption, Deltas, Dictionary, Guard, Learner, Method, Norm,
    Optimizer, RbmTrainer, Schedule, Scratch, SparseDeltas, Timing, TopGradient, Trainer, TrainingConfig,
    TrainingLen, UnitTrainer, Update, Winners, admits_probabilities, fold, rbm_training_len, scale_atom,
    scale_atoms, training_len, unfold, unit_training_len,
};
pub use units::{UnitSurvivors, Units};
