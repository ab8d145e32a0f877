//! Training: a step on a mini-batch, in caller-lent memory.
//!
//! | trainer | network | goes through a batch |
//! | --- | --- | --- |
//! | [`Trainer`] | any | image by image, each image whole |
//! | [`UnitTrainer`] | fully connected, one layer | unit by unit, without a stored gradient |
//! | [`RbmTrainer`] | a restricted Boltzmann machine | unit by unit |
//! | [`StreamTrainer`](crate::StreamTrainer) | any | row by row |
//!
//! `config` says what a trainer is told and lent, `state` is what all four of them share. [`Guard`] keeps a
//! sensor's glitches from ruining a training. Hosts call the parts ([`Learner`], [`Optimizer`],
//! [`Corruption`]) from several threads.

pub(crate) mod config;
mod corruption;
pub(crate) mod dictionary;
mod divergence;
mod fetch;
pub(crate) mod guard;
mod images;
pub(crate) mod learn;
mod norm;
pub(crate) mod optimizer;
mod rbm;
pub(crate) mod state;
pub(crate) mod timing;
mod units;

pub use config::{Scratch, TrainingConfig, TrainingLen};
pub use corruption::Corruption;
pub use dictionary::{Dictionary, fold, scale_atom, scale_atoms, unfold};
pub use divergence::{ContrastiveDivergence, admits_probabilities};
pub use guard::{BadImages, Guard};
pub use images::{Trainer, training_len};
pub use learn::{Deltas, Learner, SparseDeltas, TopGradient, Winners};
pub use norm::Norm;
pub use optimizer::{Method, Optimizer, Schedule, Update};
pub use rbm::{RbmTrainer, rbm_training_len};
pub use timing::{Clock, Timing};
pub use units::{UnitTrainer, unit_training_len};
