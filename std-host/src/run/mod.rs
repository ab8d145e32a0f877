//! A trained network, and the run folder that keeps it with everything else that an experiment leaves behind.

pub(crate) mod common;
mod folder;
mod links;
mod lock;
pub mod model;
mod progress;
mod proof;
mod sample;
mod save;
mod shared;
mod staged;
mod trained;

pub use folder::Run;
pub(crate) use folder::{CLASSIFIER, RECORD, metrics};
pub(crate) use links::Links;
pub use lock::RunLock;
pub use progress::{Activity, TrainingProgress};
pub use sample::SampleKind;
pub use trained::{Below, Trained};
