//! Pictures of a trained network: its dictionary, its feature maps, and its reconstructions of samples.
//! Images are drawn as images, signals and vectors as curves.

mod atoms;
mod exciting;
pub mod image;
mod lines;
mod reconstructions;
mod samples;
mod scores;
mod tiles;

pub use atoms::{Atoms, dictionary, first_atoms};
pub use exciting::exciting;
pub use image::{Picture, Shades};
pub use reconstructions::Reconstructions;
pub use samples::samples;
pub use scores::{roc_curves, scores};
pub use tiles::{Drawn, Tiles};
