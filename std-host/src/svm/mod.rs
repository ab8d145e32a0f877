//! Linear support vector machines.

mod choose;
mod fit;
mod group;
pub mod lanes;
mod model;
mod random;
mod rows;
mod scaling;

pub use choose::{Choice, Chosen, choose_and_fit};
pub use fit::{ClassReport, OnProgress, Options, Progress, Report, Stop, fit};
pub use model::Model;
pub use rows::Rows;
pub use scaling::Scaling;
