//! A trained network, and the run folder that keeps it with everything else that an experiment leaves behind.

mod folder;
mod lock;
pub mod model;
mod sample;
mod trained;

pub use folder::Run;
pub use lock::RunLock;
pub use sample::SampleKind;
pub use trained::{Below, Trained};
