//! Encoding: from samples to features, through all layers of a stack, to codes as sparse as in training, and
//! into files.

mod band;
mod banded;
mod csr;
mod encoder;
mod exciting;
mod features;
mod inputs;
mod link;
mod lower;
mod measures;
mod npy;
mod prepared;
mod rows;
mod sparse_encoder;
mod spread;
mod stage;
mod threshold;
mod together;
mod windows;
mod written;

pub use csr::write_csr;
pub use encoder::FeatureEncoder;
pub use exciting::{Excited, Exciting};
pub use features::Features;
pub use inputs::NetworkInputs;
pub use link::LayerLink;
pub use measures::{Measures, measure};
pub use npy::write_npy;
pub(crate) use rows::RowEncoder;
pub use sparse_encoder::{SparseCodes, SparseEncoder};
pub(crate) use spread::Spread;
pub use together::Together;
pub(crate) use written::dimensions;
pub use written::{Part, Reconstruction, TrainedCode, Written};
