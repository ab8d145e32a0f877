//! What a program on a device needs to describe a network, train it and use it: `use wta_core::prelude::*`.
//!
//! The crate's `Result` and `Error` are not here, so that a program's own keep their meaning.

pub use crate::detect::{Detector, Event, Phase, Settings, Slots};
pub use crate::model::Model;
pub use crate::network::{Conv, Network};
pub use crate::novelty::Novelty;
pub use crate::parameters::{Initial, Parameters};
pub use crate::pipeline::{Int8Pipeline, Pipeline};
pub use crate::pool::Pool;
pub use crate::random::Random;
pub use crate::scalar::Scalar;
pub use crate::select::{Selection, Sparsity};
pub use crate::shape::{Shape, Size};
pub use crate::stream::{Classifier, Extractor, Rows, Scaled, StreamTrainer};
pub use crate::svm::Svm;
pub use crate::train::{
    Corruption, Guard, Method, Optimizer, Schedule, Scratch, Trainer, TrainingConfig, UnitTrainer,
};
